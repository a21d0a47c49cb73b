/* SPDX-License-Identifier: MIT */
#include "platform/platform.h"

#include <string.h>

#define REGION_VERSION 1
#define HZ_MIN         UINT64_C(1000000)

#define TIMER_COUNTER   0
#define SPEAKER_COUNTER 2

enum irq { IRQ_TIMER = 0, IRQ_KEYBOARD = 1, IRQ_UART = 4 };

/* Port 0x61, "system control port B" of IBM's PS/2 technical reference. */
enum system_control {
    CONTROL_GATE = 0x01,
    CONTROL_WRITABLE = 0x0f,
    CONTROL_REFRESH = 0x10,
    CONTROL_OUTPUT = 0x20
};

/* Port 0x92, "system control port A": bit 0 resets the CPU, bit 1 is A20. */
enum fast_control { FAST_RESET = 0x01, FAST_A20 = 0x02 };

#define REFRESH_PIT_TICKS 18 /* the refresh request toggles every 15 us */

static uint64_t pit_time(const struct x64i_platform *p, uint64_t now)
{
    return x64i_clock_convert(now, p->config.tsc_hz, X64I_PIT_HZ);
}

static struct x64i_uart_host uart_host(const struct x64i_platform *p)
{
    return (struct x64i_uart_host){.console = &p->config.console, .tsc_hz = p->config.tsc_hz};
}

static uint64_t timer_deadline(const struct x64i_platform *p)
{
    return x64i_clock_when(p->ports.timer_edge, X64I_PIT_HZ, p->config.tsc_hz);
}

static uint64_t uart_deadline(const struct x64i_platform *p)
{
    struct x64i_uart_host host = uart_host(p);
    return x64i_uart_deadline(&p->uart, &host);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void find_deadline(struct x64i_platform *p)
{
    p->deadline = earlier(timer_deadline(p), uart_deadline(p));
}

/* The levels of the lines that follow from a device's state alone. */
static void drive_lines(struct x64i_platform *p)
{
    x64i_pic_set_line(&p->pic, IRQ_UART, x64i_uart_interrupt(&p->uart));
    x64i_pic_set_line(&p->pic, IRQ_KEYBOARD, x64i_keyboard_interrupt(&p->keyboard));
}

/* The timer's output rose since the last time: one edge, however many there were. */
static void advance_timer(struct x64i_platform *p, uint64_t now)
{
    uint64_t t = pit_time(p, now);
    if (t < p->ports.timer_edge)
        return;
    x64i_pic_set_line(&p->pic, IRQ_TIMER, false);
    x64i_pic_set_line(&p->pic, IRQ_TIMER, true);
    p->ports.timer_edge = x64i_pit_next_rise(&p->pit, TIMER_COUNTER, t);
}

static void advance(struct x64i_platform *p, uint64_t now)
{
    if (now < p->deadline)
        return;
    struct x64i_uart_host host = uart_host(p);
    advance_timer(p, now);
    x64i_uart_advance(&p->uart, &host, now);
    drive_lines(p);
    find_deadline(p);
}

/* After a port was touched: what that made due happens now, and nothing is left to whoever asks
 * first. */
static void settle(struct x64i_platform *p, uint64_t now)
{
    drive_lines(p);
    find_deadline(p);
    advance(p, now);
}

/* One function a device, for its ports: `index` counts from the row's first. */
static uint8_t read_master(struct x64i_platform *p, unsigned index, uint64_t now)
{
    (void)now;
    return x64i_pic_read(&p->pic, 0, index);
}

static void write_master(struct x64i_platform *p, unsigned index, uint8_t value, uint64_t now)
{
    (void)now;
    x64i_pic_write(&p->pic, 0, index, value);
}

static uint8_t read_slave(struct x64i_platform *p, unsigned index, uint64_t now)
{
    (void)now;
    return x64i_pic_read(&p->pic, 1, index);
}

static void write_slave(struct x64i_platform *p, unsigned index, uint8_t value, uint64_t now)
{
    (void)now;
    x64i_pic_write(&p->pic, 1, index, value);
}

static uint8_t read_level(struct x64i_platform *p, unsigned index, uint64_t now)
{
    (void)now;
    return x64i_pic_read_level(&p->pic, index);
}

static void write_level(struct x64i_platform *p, unsigned index, uint8_t value, uint64_t now)
{
    (void)now;
    x64i_pic_write_level(&p->pic, index, value);
}

static uint8_t read_timer(struct x64i_platform *p, unsigned index, uint64_t now)
{
    return x64i_pit_read(&p->pit, index, pit_time(p, now));
}

static void write_timer(struct x64i_platform *p, unsigned index, uint8_t value, uint64_t now)
{
    uint64_t t = pit_time(p, now);
    x64i_pit_write(&p->pit, index, value, t);
    x64i_pic_set_line(&p->pic, IRQ_TIMER, x64i_pit_output(&p->pit, TIMER_COUNTER, t));
    p->ports.timer_edge = x64i_pit_next_rise(&p->pit, TIMER_COUNTER, t);
}

static uint8_t read_system_control(struct x64i_platform *p, unsigned index, uint64_t now)
{
    (void)index;
    uint64_t t = pit_time(p, now);
    uint8_t value = p->ports.system_control;
    if (t / REFRESH_PIT_TICKS & 1)
        value |= CONTROL_REFRESH;
    if (x64i_pit_output(&p->pit, SPEAKER_COUNTER, t))
        value |= CONTROL_OUTPUT;
    return value;
}

static void write_system_control(struct x64i_platform *p, unsigned index, uint8_t value,
                                 uint64_t now)
{
    (void)index;
    p->ports.system_control = value & CONTROL_WRITABLE;
    x64i_pit_set_gate(&p->pit, SPEAKER_COUNTER, value & CONTROL_GATE, pit_time(p, now));
}

static uint8_t read_fast_control(struct x64i_platform *p, unsigned index, uint64_t now)
{
    (void)p;
    (void)index;
    (void)now;
    return FAST_A20;
}

static void write_fast_control(struct x64i_platform *p, unsigned index, uint8_t value, uint64_t now)
{
    (void)index;
    (void)now;
    if (value & FAST_RESET)
        p->ports.reset_requested = true;
}

/* Ports 0x60 and 0x64 are rows of their own; 0x61 lies between them. */
static uint8_t read_keyboard_data(struct x64i_platform *p, unsigned index, uint64_t now)
{
    (void)now;
    return x64i_keyboard_read(&p->keyboard, index);
}

static void write_keyboard_data(struct x64i_platform *p, unsigned index, uint8_t value,
                                uint64_t now)
{
    (void)now;
    x64i_keyboard_write(&p->keyboard, index, value);
}

static uint8_t read_keyboard_status(struct x64i_platform *p, unsigned index, uint64_t now)
{
    return read_keyboard_data(p, index + 1, now);
}

static void write_keyboard_command(struct x64i_platform *p, unsigned index, uint8_t value,
                                   uint64_t now)
{
    write_keyboard_data(p, index + 1, value, now);
    if (p->keyboard.reset_requested)
        p->ports.reset_requested = true;
}

static uint8_t read_clock(struct x64i_platform *p, unsigned index, uint64_t now)
{
    return x64i_rtc_read(&p->rtc, index, p->config.tsc_hz, now);
}

static void write_clock(struct x64i_platform *p, unsigned index, uint8_t value, uint64_t now)
{
    x64i_rtc_write(&p->rtc, index, value, p->config.tsc_hz, now);
}

static uint8_t read_post_code(struct x64i_platform *p, unsigned index, uint64_t now)
{
    (void)index;
    (void)now;
    return p->ports.post_code;
}

static void write_post_code(struct x64i_platform *p, unsigned index, uint8_t value, uint64_t now)
{
    (void)index;
    (void)now;
    p->ports.post_code = value;
}

static uint8_t read_uart(struct x64i_platform *p, unsigned index, uint64_t now)
{
    struct x64i_uart_host host = uart_host(p);
    return x64i_uart_read(&p->uart, &host, index, now);
}

static void write_uart(struct x64i_platform *p, unsigned index, uint8_t value, uint64_t now)
{
    struct x64i_uart_host host = uart_host(p);
    x64i_uart_write(&p->uart, &host, index, value, now);
}

static const struct port_row {
    uint16_t first, last;
    uint8_t (*read)(struct x64i_platform *p, unsigned index, uint64_t now);
    void (*write)(struct x64i_platform *p, unsigned index, uint8_t value, uint64_t now);
} port_rows[] = {
    {0x3f8, 0x3ff, read_uart, write_uart},
    {0x020, 0x021, read_master, write_master},
    {0x0a0, 0x0a1, read_slave, write_slave},
    {0x040, 0x043, read_timer, write_timer},
    {0x060, 0x060, read_keyboard_data, write_keyboard_data},
    {0x061, 0x061, read_system_control, write_system_control},
    {0x064, 0x064, read_keyboard_status, write_keyboard_command},
    {0x070, 0x071, read_clock, write_clock},
    {0x080, 0x080, read_post_code, write_post_code},
    {0x092, 0x092, read_fast_control, write_fast_control},
    {0x4d0, 0x4d1, read_level, write_level},
};

static const struct port_row *find_row(unsigned port)
{
    for (size_t i = 0; i < sizeof port_rows / sizeof port_rows[0]; i++)
        if (port >= port_rows[i].first && port <= port_rows[i].last)
            return &port_rows[i];
    return NULL;
}

uint32_t x64i_platform_read(struct x64i_platform *p, uint16_t port, unsigned size, uint64_t now)
{
    uint32_t value = 0;
    advance(p, now);
    for (unsigned i = 0; i < size; i++) {
        const struct port_row *row = find_row(port + i);
        uint32_t byte = row ? row->read(p, port + i - row->first, now) : 0xff;
        value |= byte << 8 * i;
    }
    settle(p, now);
    return value;
}

void x64i_platform_write(struct x64i_platform *p, uint16_t port, unsigned size, uint32_t value,
                         uint64_t now)
{
    advance(p, now);
    for (unsigned i = 0; i < size; i++) {
        const struct port_row *row = find_row(port + i);
        if (row)
            row->write(p, port + i - row->first, (uint8_t)(value >> 8 * i), now);
    }
    settle(p, now);
}

bool x64i_platform_interrupt_pending(struct x64i_platform *p, uint64_t now)
{
    advance(p, now);
    return x64i_pic_output(&p->pic);
}

uint8_t x64i_platform_acknowledge(struct x64i_platform *p, uint64_t now)
{
    advance(p, now);
    return x64i_pic_acknowledge(&p->pic);
}

uint64_t x64i_platform_next_wakeup(const struct x64i_platform *p)
{
    uint64_t wakeup = X64I_NEVER;
    if (x64i_pic_would_request(&p->pic, IRQ_TIMER))
        wakeup = earlier(wakeup, timer_deadline(p));
    if (x64i_pic_would_request(&p->pic, IRQ_UART))
        wakeup = earlier(wakeup, uart_deadline(p));
    return wakeup;
}

bool x64i_platform_reset_requested(const struct x64i_platform *p)
{
    return p->ports.reset_requested;
}

/* After a restore: what a file brought must not break the host, and the deadline is derived. */
static void restored(void *user)
{
    struct x64i_platform *p = user;
    x64i_pit_repair(&p->pit);
    x64i_uart_repair(&p->uart);
    x64i_rtc_repair(&p->rtc);
    find_deadline(p);
}

static enum x64_status register_regions(struct x64i_platform *p, struct x64i_state *state)
{
    const struct {
        const char *name;
        void *data;
        size_t size;
    } regions[] = {
        {"pic", &p->pic, sizeof p->pic},
        {"pit", &p->pit, sizeof p->pit},
        {"uart", &p->uart, sizeof p->uart},
        {"rtc", &p->rtc, sizeof p->rtc},
        {"keyboard", &p->keyboard, sizeof p->keyboard},
        {"platform", &p->ports, sizeof p->ports},
    };
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        enum x64_status status = x64i_state_add_fixed(state, regions[i].name, REGION_VERSION,
                                                      regions[i].data, regions[i].size, 0);
        if (status != X64_OK)
            return status;
    }
    return x64i_state_on_restored(state, restored, p);
}

enum x64_status x64i_platform_init(struct x64i_platform *p, struct x64i_state *state,
                                   const struct x64i_platform_config *config)
{
    if (config->tsc_hz < HZ_MIN || config->tsc_hz > X64I_CLOCK_HZ_MAX)
        return X64_ERROR_ARGUMENT;
    memset(p, 0, sizeof *p);
    p->config = *config;
    x64i_pit_reset(&p->pit);
    x64i_pic_reset(&p->pic, 1 << IRQ_TIMER); /* an idle timer's OUT is high */
    x64i_uart_reset(&p->uart);
    x64i_rtc_reset(&p->rtc, config->time, config->memory_size);
    x64i_keyboard_reset(&p->keyboard);
    p->ports.timer_edge = X64I_NEVER;
    find_deadline(p);
    return register_regions(p, state);
}
