/* SPDX-License-Identifier: MIT */
/*
 * The 8254 programmable interval timer: three counters at 1.193182 MHz. Counter 0 is IRQ 0, counter
 * 2 is gated by and read back through port 0x61. Section names are those of Intel's 8254 data sheet
 * (order number 231164).
 *
 * Nothing here ticks: a counter is the moment its count was loaded, and everything else (its value,
 * its output, its next rising edge) follows from the time one asks at. Times are in ticks of the
 * timer's own clock.
 */
#ifndef X64I_PLATFORM_PIT_H
#define X64I_PLATFORM_PIT_H

#include "platform/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define X64I_PIT_HZ 1193182u

struct x64i_pit_counter {
    uint64_t start;       /* when the count was loaded; may lie one tick ahead */
    uint64_t elapsed;     /* ticks counted, while the gate stops the counter */
    uint64_t switch_time; /* when next_count takes over */
    uint32_t count;       /* the initial count, up to 65536 */
    uint32_t next_count;  /* written while counting; 0 for none */
    uint16_t latched_count;
    uint8_t latched_status;
    uint8_t first_byte; /* of a count written in two bytes */
    uint8_t mode;       /* 0-5 */
    uint8_t access;     /* 1 low byte, 2 high byte, 3 low then high */
    uint8_t bcd;
    uint8_t gate;
    uint8_t counting;    /* a count was loaded (and, in modes 1 and 5, triggered) */
    uint8_t stopped;     /* by its gate, or by half of a new count in mode 0 */
    uint8_t writes_high; /* the next byte written is the high one */
    uint8_t reads_high;  /* the next byte read is the high one */
    uint8_t count_is_latched;
    uint8_t status_is_latched;
    uint8_t reserved[2];
};

/* Region "pit". */
struct x64i_pit {
    struct x64i_pit_counter counter[3];
};

/* Nothing counts; the gates of counters 0 and 1 are high for good. */
void x64i_pit_reset(struct x64i_pit *pit);

/* Makes the best of what a file claims to be a timer: a counter that could not be stops. */
void x64i_pit_repair(struct x64i_pit *pit);

/* Ports 0x40-0x43 at time t. */
uint8_t x64i_pit_read(struct x64i_pit *pit, unsigned register_index, uint64_t t);
void x64i_pit_write(struct x64i_pit *pit, unsigned register_index, uint8_t value, uint64_t t);

/* The level of a counter's OUT. */
bool x64i_pit_output(const struct x64i_pit *pit, unsigned counter, uint64_t t);

void x64i_pit_set_gate(struct x64i_pit *pit, unsigned counter, bool high, uint64_t t);

/* The first time after t at which OUT rises, or X64I_NEVER. */
uint64_t x64i_pit_next_rise(const struct x64i_pit *pit, unsigned counter, uint64_t t);

#endif
