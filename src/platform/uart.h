/* SPDX-License-Identifier: MIT */
/*
 * A 16550A serial port: the guest's console. Section names are those of National Semiconductor's
 * PC16550D data sheet.
 *
 * What the guest sends leaves at once: the transmitter is always empty. What is typed is asked for
 * through a callback, at the most once a millisecond of the guest's clock and only when the guest
 * looks, or has asked for an interrupt and the receiver has room. Times are TSC ticks.
 */
#ifndef X64I_PLATFORM_UART_H
#define X64I_PLATFORM_UART_H

#include "platform/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X64I_UART_FIFO 16

/* Where bytes come from and go to. Null functions: nothing typed, nothing shown. */
struct x64i_console {
    void *user;
    /* Answers how many of `size` bytes it stored. It must be a recorded door: the same answer at
     * the same moment of a replay. */
    size_t (*read)(void *user, uint8_t *bytes, size_t size);
    void (*write)(void *user, const uint8_t *bytes, size_t size);
};

/* Region "uart". */
struct x64i_uart {
    uint64_t next_poll;  /* when the console may be asked again */
    uint64_t timeout_at; /* when the character time-out is due; X64I_NEVER */
    uint16_t divisor;
    uint8_t interrupt_enable; /* IER */
    uint8_t fifo_control;     /* FCR: enable and trigger bits */
    uint8_t line_control;     /* LCR */
    uint8_t modem_control;    /* MCR */
    uint8_t modem_status;     /* MSR: the lines and their changes */
    uint8_t scratch;          /* SCR */
    uint8_t overrun;          /* LSR.OE */
    uint8_t transmitter_idle; /* the THR-empty interrupt is pending */
    uint8_t timed_out;        /* the character time-out interrupt is pending */
    uint8_t head;             /* of the receiver's bytes */
    uint8_t count;
    uint8_t reserved[3];
    uint8_t fifo[X64I_UART_FIFO];
};

/* What a port needs to know of the machine around it. */
struct x64i_uart_host {
    const struct x64i_console *console;
    uint64_t tsc_hz;
};

void x64i_uart_reset(struct x64i_uart *uart);

/* Makes the best of what a file claims to be a port: a receiver that could not be is emptied. */
void x64i_uart_repair(struct x64i_uart *uart);

/* Registers 0-7 of ports 0x3f8-0x3ff. */
uint8_t x64i_uart_read(struct x64i_uart *uart, const struct x64i_uart_host *host,
                       unsigned register_index, uint64_t now);
void x64i_uart_write(struct x64i_uart *uart, const struct x64i_uart_host *host,
                     unsigned register_index, uint8_t value, uint64_t now);

/* Does what is due by `now`. */
void x64i_uart_advance(struct x64i_uart *uart, const struct x64i_uart_host *host, uint64_t now);

/* When x64i_uart_advance has something to do next, or X64I_NEVER. */
uint64_t x64i_uart_deadline(const struct x64i_uart *uart, const struct x64i_uart_host *host);

/* The interrupt line, as OUT2 lets it through to IRQ 4. */
bool x64i_uart_interrupt(const struct x64i_uart *uart);

#endif
