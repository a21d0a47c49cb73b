/* SPDX-License-Identifier: MIT */
#include "platform/uart.h"

#define CRYSTAL_HZ       1843200u
#define CLOCKS_PER_BIT   16u
#define TIMEOUT_BITS     40u /* four characters of ten bits: "character time-out" */
#define POLLS_PER_SECOND 1000u

enum register_index {
    REG_DATA,             /* RBR, THR; DLL with DLAB */
    REG_INTERRUPT_ENABLE, /* IER; DLM with DLAB */
    REG_INTERRUPT_ID,     /* IIR, FCR */
    REG_LINE_CONTROL,
    REG_MODEM_CONTROL,
    REG_LINE_STATUS,
    REG_MODEM_STATUS,
    REG_SCRATCH
};

enum ier { IER_RECEIVED = 1, IER_TRANSMITTER = 2, IER_LINE = 4, IER_MODEM = 8, IER_WRITABLE = 15 };
enum iir {
    IIR_NONE = 0x01,
    IIR_MODEM = 0x00,
    IIR_TRANSMITTER = 0x02,
    IIR_RECEIVED = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFO = 0xc0
};
enum fcr { FCR_ENABLE = 0x01, FCR_CLEAR_RECEIVER = 0x02, FCR_TRIGGER = 0xc0 };
enum lcr { LCR_DLAB = 0x80 };
enum mcr { MCR_OUT2 = 0x08, MCR_LOOP = 0x10, MCR_WRITABLE = 0x1f };
enum lsr { LSR_DATA = 0x01, LSR_OVERRUN = 0x02, LSR_EMPTY = 0x60 /* THRE and TEMT */ };
enum msr { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80, MSR_LINES = 0xf0 };

void x64i_uart_reset(struct x64i_uart *uart)
{
    *uart = (struct x64i_uart){
        .timeout_at = X64I_NEVER,
        .divisor = 1,
        .modem_status = MSR_CTS | MSR_DSR | MSR_DCD,
    };
}

static bool has_fifo(const struct x64i_uart *uart)
{
    return uart->fifo_control & FCR_ENABLE;
}

static unsigned capacity(const struct x64i_uart *uart)
{
    return has_fifo(uart) ? X64I_UART_FIFO : 1;
}

/* "FIFO control register": bits 7-6. */
static unsigned trigger_level(const struct x64i_uart *uart)
{
    static const uint8_t levels[] = {1, 4, 8, 14};
    return has_fifo(uart) ? levels[uart->fifo_control >> 6] : 1;
}

static uint64_t timeout_ticks(const struct x64i_uart *uart, const struct x64i_uart_host *host)
{
    uint64_t clocks = (uint64_t)TIMEOUT_BITS * CLOCKS_PER_BIT * (uart->divisor ? uart->divisor : 1);
    return x64i_clock_when(clocks, CRYSTAL_HZ, host->tsc_hz);
}

/* "The timeout timer is reset when a new character is received or after the CPU reads the FIFO". */
static void restart_timeout(struct x64i_uart *uart, const struct x64i_uart_host *host, uint64_t now)
{
    bool runs = has_fifo(uart) && uart->count > 0;
    uart->timed_out = false;
    uart->timeout_at = runs ? now + timeout_ticks(uart, host) : X64I_NEVER;
}

static void clear_receiver(struct x64i_uart *uart)
{
    uart->head = 0;
    uart->count = 0;
    uart->timed_out = false;
    uart->timeout_at = X64I_NEVER;
}

void x64i_uart_repair(struct x64i_uart *uart)
{
    if (uart->head >= X64I_UART_FIFO || uart->count > capacity(uart))
        clear_receiver(uart);
}

static void receive_byte(struct x64i_uart *uart, uint8_t byte)
{
    if (uart->count == capacity(uart)) {
        uart->overrun = true;
        if (has_fifo(uart)) /* "the character in the shift register is overwritten" */
            return;
        uart->count = 0;
    }
    uart->fifo[(uart->head + uart->count) % X64I_UART_FIFO] = byte;
    uart->count++;
}

static bool can_be_typed_to(const struct x64i_uart *uart, const struct x64i_uart_host *host)
{
    return host->console->read && uart->count < capacity(uart) && !(uart->modem_control & MCR_LOOP);
}

/* Asks the console for as much as there is room for, if it is time to. */
static void poll_console(struct x64i_uart *uart, const struct x64i_uart_host *host, uint64_t now)
{
    if (!can_be_typed_to(uart, host) || now < uart->next_poll)
        return;
    uint8_t bytes[X64I_UART_FIFO];
    size_t room = capacity(uart) - uart->count;
    size_t typed = host->console->read(host->console->user, bytes, room);
    uart->next_poll = now + host->tsc_hz / POLLS_PER_SECOND + 1;
    for (size_t i = 0; i < typed && i < room; i++)
        receive_byte(uart, bytes[i]);
    if (typed)
        restart_timeout(uart, host, now);
}

static uint8_t read_data(struct x64i_uart *uart, const struct x64i_uart_host *host, uint64_t now)
{
    if (uart->count == 0)
        return 0;
    uint8_t byte = uart->fifo[uart->head];
    uart->head = (uart->head + 1) % X64I_UART_FIFO;
    uart->count--;
    restart_timeout(uart, host, now);
    return byte;
}

/* With MCR.LOOP: "the transmitter's output is looped back into the receiver". */
static void write_data(struct x64i_uart *uart, const struct x64i_uart_host *host, uint8_t byte,
                       uint64_t now)
{
    uart->transmitter_idle = true;
    if (uart->modem_control & MCR_LOOP) {
        receive_byte(uart, byte);
        restart_timeout(uart, host, now);
    } else if (host->console->write) {
        host->console->write(host->console->user, &byte, 1);
    }
}

/* "Table: interrupt control functions", by priority. */
static uint8_t interrupt_identity(const struct x64i_uart *uart)
{
    if ((uart->interrupt_enable & IER_LINE) && uart->overrun)
        return IIR_LINE;
    if ((uart->interrupt_enable & IER_RECEIVED) && uart->count >= trigger_level(uart))
        return IIR_RECEIVED;
    if ((uart->interrupt_enable & IER_RECEIVED) && uart->timed_out)
        return IIR_TIMEOUT;
    if ((uart->interrupt_enable & IER_TRANSMITTER) && uart->transmitter_idle)
        return IIR_TRANSMITTER;
    if ((uart->interrupt_enable & IER_MODEM) && (uart->modem_status & ~MSR_LINES))
        return IIR_MODEM;
    return IIR_NONE;
}

static uint8_t read_interrupt_identity(struct x64i_uart *uart)
{
    uint8_t identity = interrupt_identity(uart);
    if (identity == IIR_TRANSMITTER)
        uart->transmitter_idle = false;
    return (uint8_t)(identity | (has_fifo(uart) ? IIR_FIFO : 0));
}

static uint8_t read_line_status(struct x64i_uart *uart)
{
    uint8_t status = LSR_EMPTY;
    if (uart->count > 0)
        status |= LSR_DATA;
    if (uart->overrun)
        status |= LSR_OVERRUN;
    uart->overrun = false;
    return status;
}

static uint8_t read_modem_status(struct x64i_uart *uart)
{
    uint8_t status = uart->modem_status;
    uart->modem_status &= MSR_LINES;
    return status;
}

/* The lines: of a peer that is always ready, or, looped back, MCR's own DTR, RTS, OUT1 and OUT2. */
static uint8_t modem_lines(const struct x64i_uart *uart)
{
    static const uint8_t looped[] = {MSR_DSR, MSR_CTS, MSR_RI, MSR_DCD};
    if (!(uart->modem_control & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_DCD;
    uint8_t lines = 0;
    for (unsigned bit = 0; bit < 4; bit++)
        if (uart->modem_control & (1u << bit))
            lines |= looped[bit];
    return lines;
}

/* "Modem status register": the low half says what changed; RI only when it falls. */
static void write_modem_control(struct x64i_uart *uart, uint8_t value)
{
    uint8_t before = uart->modem_status & MSR_LINES;
    uart->modem_control = value & MCR_WRITABLE;
    uint8_t after = modem_lines(uart);
    uint8_t changed = (uint8_t)(before ^ after);
    if (after & MSR_RI)
        changed &= (uint8_t)~MSR_RI;
    uart->modem_status = (uint8_t)(after | (uart->modem_status & ~MSR_LINES) | changed >> 4);
}

static void write_fifo_control(struct x64i_uart *uart, uint8_t value)
{
    bool switched = (uart->fifo_control ^ value) & FCR_ENABLE;
    if (switched || (value & FCR_CLEAR_RECEIVER))
        clear_receiver(uart);
    uart->fifo_control = value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_TRIGGER) : 0;
}

static void write_interrupt_enable(struct x64i_uart *uart, uint8_t value)
{
    if ((value & ~uart->interrupt_enable) & IER_TRANSMITTER)
        uart->transmitter_idle = true;
    uart->interrupt_enable = value & IER_WRITABLE;
}

uint8_t x64i_uart_read(struct x64i_uart *uart, const struct x64i_uart_host *host,
                       unsigned register_index, uint64_t now)
{
    bool dlab = uart->line_control & LCR_DLAB;
    switch ((enum register_index)register_index) {
    case REG_DATA:
        if (dlab)
            return (uint8_t)uart->divisor;
        poll_console(uart, host, now);
        return read_data(uart, host, now);
    case REG_INTERRUPT_ENABLE:
        return dlab ? (uint8_t)(uart->divisor >> 8) : uart->interrupt_enable;
    case REG_INTERRUPT_ID:
        return read_interrupt_identity(uart);
    case REG_LINE_CONTROL:
        return uart->line_control;
    case REG_MODEM_CONTROL:
        return uart->modem_control;
    case REG_LINE_STATUS:
        poll_console(uart, host, now);
        return read_line_status(uart);
    case REG_MODEM_STATUS:
        return read_modem_status(uart);
    case REG_SCRATCH:
        return uart->scratch;
    }
    return 0xff;
}

void x64i_uart_write(struct x64i_uart *uart, const struct x64i_uart_host *host,
                     unsigned register_index, uint8_t value, uint64_t now)
{
    bool dlab = uart->line_control & LCR_DLAB;
    switch ((enum register_index)register_index) {
    case REG_DATA:
        if (dlab)
            uart->divisor = (uint16_t)((uart->divisor & 0xff00) | value);
        else
            write_data(uart, host, value, now);
        break;
    case REG_INTERRUPT_ENABLE:
        if (dlab)
            uart->divisor = (uint16_t)((uart->divisor & 0x00ff) | value << 8);
        else
            write_interrupt_enable(uart, value);
        break;
    case REG_INTERRUPT_ID:
        write_fifo_control(uart, value);
        break;
    case REG_LINE_CONTROL:
        uart->line_control = value;
        break;
    case REG_MODEM_CONTROL:
        write_modem_control(uart, value);
        break;
    case REG_SCRATCH:
        uart->scratch = value;
        break;
    case REG_LINE_STATUS:
    case REG_MODEM_STATUS: /* "the LSR and MSR are intended for read operations only" */
        break;
    }
}

static bool waits_for_typing(const struct x64i_uart *uart, const struct x64i_uart_host *host)
{
    return (uart->interrupt_enable & IER_RECEIVED) && can_be_typed_to(uart, host);
}

void x64i_uart_advance(struct x64i_uart *uart, const struct x64i_uart_host *host, uint64_t now)
{
    if (waits_for_typing(uart, host))
        poll_console(uart, host, now);
    if (now >= uart->timeout_at) {
        uart->timed_out = true;
        uart->timeout_at = X64I_NEVER;
    }
}

uint64_t x64i_uart_deadline(const struct x64i_uart *uart, const struct x64i_uart_host *host)
{
    uint64_t deadline = uart->timeout_at;
    if (waits_for_typing(uart, host) && uart->next_poll < deadline)
        deadline = uart->next_poll;
    return deadline;
}

bool x64i_uart_interrupt(const struct x64i_uart *uart)
{
    bool connected = (uart->modem_control & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
    return connected && interrupt_identity(uart) != IIR_NONE;
}
