/* SPDX-License-Identifier: MIT */
/*
 * The devices of a PC that a kernel needs for a tick and a console: two 8259, an 8254, a 16550 at
 * 0x3f8, the real-time clock, the keyboard controller's reset line, port 0x80. Every other port
 * reads as all ones and swallows writes.
 *
 * There is no time here but `now`, the guest's clock in TSC ticks, that every call brings along; it
 * never runs backwards except by a restore. What a device does of itself (a tick of the timer, a
 * look at the console) happens at an exact moment that x64i_platform_next_deadline names
 * beforehand:
 *
 *     if (now >= deadline) {
 *         pending = x64i_platform_interrupt_pending(platform, now);
 *         deadline = x64i_platform_next_deadline(platform);
 *     }
 *     if (pending && interrupts_enabled)
 *         vector = x64i_platform_acknowledge(platform, now);
 *
 * after which, and after every port access, `pending` and `deadline` must be asked anew. A caller
 * that asks at every step and one that asks at deadlines only see the same machine, state hash
 * included.
 *
 * A local APIC joins behind the same functions: it then stands between the 8259 pair and the CPU.
 */
#ifndef X64I_PLATFORM_PLATFORM_H
#define X64I_PLATFORM_PLATFORM_H

#include "platform/keyboard.h"
#include "platform/pic.h"
#include "platform/pit.h"
#include "platform/rtc.h"
#include "platform/uart.h"
#include "state/state.h"

struct x64i_platform_config {
    uint64_t tsc_hz;      /* of the guest's clock: 1 MHz to 1 THz */
    int64_t time;         /* of day at tick 0, in seconds since 1970, UTC */
    uint64_t memory_size; /* bytes of RAM, for CMOS */
    struct x64i_console console;
};

/* Region "platform": what is no device of its own. */
struct x64i_platform_ports {
    uint8_t post_code;       /* port 0x80 */
    uint8_t system_control;  /* port 0x61: bit 0 gate of counter 2, bit 1 speaker */
    uint8_t reset_requested; /* the guest reset the machine */
    uint8_t reserved[5];
    uint64_t timer_edge; /* next rise of the 8254's OUT0, in its ticks */
};

struct x64i_platform {
    struct x64i_pic pic;
    struct x64i_pit pit;
    struct x64i_uart uart;
    struct x64i_rtc rtc;
    struct x64i_keyboard keyboard;
    struct x64i_platform_ports ports;
    struct x64i_platform_config config;
    uint64_t deadline; /* derived; X64I_NEVER */
};

/*
 * Sets the devices to their power-up state and registers them with `state`; the platform then stays
 * where it is. Null config->console functions are a console that nobody sits at.
 * X64_ERROR_ARGUMENT for a clock out of range; errors of x64i_state_add_fixed.
 */
enum x64_status x64i_platform_init(struct x64i_platform *platform, struct x64i_state *state,
                                   const struct x64i_platform_config *config);

/* IN and OUT of `size` bytes, 1, 2 or 4. These devices are a byte wide: wider accesses are taken
 * apart, lowest port first, as on an ISA bus. */
uint32_t x64i_platform_read(struct x64i_platform *platform, uint16_t port, unsigned size,
                            uint64_t now);
void x64i_platform_write(struct x64i_platform *platform, uint16_t port, unsigned size,
                         uint32_t value, uint64_t now);

/* Does what is due by `now`; answers whether INTR is raised. */
bool x64i_platform_interrupt_pending(struct x64i_platform *platform, uint64_t now);

/* INTA: the vector of the interrupt that is delivered. */
uint8_t x64i_platform_acknowledge(struct x64i_platform *platform, uint64_t now);

/* When a device will next do something of itself, in TSC ticks, or X64I_NEVER. */
static inline uint64_t x64i_platform_next_deadline(const struct x64i_platform *platform)
{
    return platform->deadline;
}

/*
 * When INTR may next rise with nobody touching a port: a bound for HLT, and X64I_NEVER when nothing
 * will ever wake it. As a deadline it may turn out to be in vain (nobody typed).
 */
uint64_t x64i_platform_next_wakeup(const struct x64i_platform *platform);

/* Whether the guest asked for a reset of the machine; stays set. */
bool x64i_platform_reset_requested(const struct x64i_platform *platform);

#endif
