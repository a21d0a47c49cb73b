/* SPDX-License-Identifier: MIT */
/* The serial port against National Semiconductor's PC16550D data sheet; tests name its sections. */
#include "platform/uart.h"

#include "support/suite.h"

#include <string.h>

#define HZ UINT64_C(1000000000) /* a tick is a nanosecond */
#define MS UINT64_C(1000000)

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define FCR IIR

static struct x64i_uart uart;
static char typed[64]; /* what the console has to say */
static char shown[64];
static unsigned asked;
static uint64_t now;

static size_t type(void *user, uint8_t *bytes, size_t size)
{
    (void)user;
    asked++;
    size_t length = 0;
    while (length < size && typed[length]) {
        bytes[length] = (uint8_t)typed[length];
        length++;
    }
    memmove(typed, typed + length, sizeof typed - length);
    return length;
}

static void show(void *user, const uint8_t *bytes, size_t size)
{
    (void)user;
    strncat(shown, (const char *)bytes, size);
}

static const struct x64i_console console = {.read = type, .write = show};
static const struct x64i_uart_host host = {.console = &console, .tsc_hz = HZ};

static uint8_t in(unsigned reg)
{
    return x64i_uart_read(&uart, &host, reg, now);
}

static void out(unsigned reg, uint8_t value)
{
    x64i_uart_write(&uart, &host, reg, value, now);
}

static void wait(uint64_t ticks)
{
    now += ticks;
    x64i_uart_advance(&uart, &host, now);
}

static void setup(void)
{
    x64i_uart_reset(&uart);
    typed[0] = shown[0] = 0;
    asked = 0;
    now = 5 * MS;
}

/* "Registers", after a master reset. */
START_TEST(test_uart_reset_values)
{
    ck_assert_uint_eq(in(IER), 0);
    ck_assert_uint_eq(in(IIR), 0x01);
    ck_assert_uint_eq(in(LCR), 0);
    ck_assert_uint_eq(in(MCR), 0);
    ck_assert_uint_eq(in(LSR), 0x60);
    ck_assert_uint_eq(in(MSR), 0xb0);
    ck_assert(!x64i_uart_interrupt(&uart));
}
END_TEST

/* "Programmable baud generator": DLAB swaps registers 0 and 1. */
START_TEST(test_uart_divisor_latch)
{
    out(IER, 0x05);
    out(LCR, 0x83);
    out(DATA, 0x0c);
    out(IER, 0x01);
    ck_assert_uint_eq(in(DATA), 0x0c);
    ck_assert_uint_eq(in(IER), 0x01);
    ck_assert_uint_eq(uart.divisor, 0x010c);
    out(LCR, 0x03);
    ck_assert_uint_eq(in(IER), 0x05);
    ck_assert_uint_eq(shown[0], 0);
    out(SCR, 0xa5);
    ck_assert_uint_eq(in(SCR), 0xa5);
}
END_TEST

START_TEST(test_uart_sends_at_once)
{
    out(DATA, 'h');
    out(DATA, 'i');
    ck_assert_str_eq(shown, "hi");
    ck_assert_uint_eq(in(LSR), 0x60);
}
END_TEST

/* How drivers tell a 16550A: bits 7-6 of IIR with the FIFOs on. */
START_TEST(test_uart_is_a_16550a)
{
    out(FCR, 0x01);
    ck_assert_uint_eq(in(IIR), 0xc1);
    out(FCR, 0x00);
    ck_assert_uint_eq(in(IIR), 0x01);
    out(IER, 0xff);
    ck_assert_uint_eq(in(IER), 0x0f);
}
END_TEST

START_TEST(test_uart_receives_when_the_guest_looks)
{
    strcpy(typed, "ab");
    ck_assert_uint_eq(in(LSR), 0x61);
    ck_assert_uint_eq(asked, 1);
    strcpy(typed, "c"); /* one byte at a time without FIFOs: the second stayed typed */
    ck_assert_uint_eq(in(DATA), 'a');
    ck_assert_uint_eq(in(LSR), 0x60); /* asked a moment ago */
    wait(2 * MS);
    ck_assert_uint_eq(asked, 1); /* nobody wants an interrupt */
    ck_assert_uint_eq(in(DATA), 'c');
    ck_assert_uint_eq(in(LSR), 0x60);
}
END_TEST

/* "Interrupt identification register", received data available at the trigger level. */
START_TEST(test_uart_trigger_level)
{
    out(MCR, 0x08);
    out(FCR, 0x41); /* 4 bytes */
    out(IER, 0x01);
    ck_assert_uint_le(x64i_uart_deadline(&uart, &host), now);
    strcpy(typed, "abcde");
    wait(0);
    ck_assert(x64i_uart_interrupt(&uart));
    ck_assert_uint_eq(in(IIR), 0xc4);
    ck_assert_uint_eq(in(DATA), 'a');
    ck_assert(x64i_uart_interrupt(&uart));
    ck_assert_uint_eq(in(DATA), 'b');
    ck_assert(!x64i_uart_interrupt(&uart)); /* three are left */
    ck_assert_uint_eq(in(LSR), 0x61);
}
END_TEST

/* "FIFO timeout interrupt": four character times after the last byte came or went. */
START_TEST(test_uart_timeout)
{
    const uint64_t four_characters = 347223; /* ns: 40 bits at 115,200 baud, rounded up */
    out(MCR, 0x08);
    out(FCR, 0x81);
    out(IER, 0x01);
    strcpy(typed, "xy");
    wait(0);
    ck_assert(!x64i_uart_interrupt(&uart));
    ck_assert_uint_eq(x64i_uart_deadline(&uart, &host), now + four_characters);
    wait(four_characters - 1);
    ck_assert(!x64i_uart_interrupt(&uart));
    wait(1);
    ck_assert(x64i_uart_interrupt(&uart));
    ck_assert_uint_eq(in(IIR), 0xcc);
    ck_assert_uint_eq(in(DATA), 'x'); /* resets the time-out */
    ck_assert_uint_eq(in(IIR), 0xc1);
    wait(four_characters);
    ck_assert_uint_eq(in(IIR), 0xcc);
    ck_assert_uint_eq(in(DATA), 'y');
    wait(four_characters);
    ck_assert_uint_eq(in(IIR), 0xc1);
}
END_TEST

START_TEST(test_uart_asks_once_a_millisecond)
{
    out(FCR, 0x01);
    out(IER, 0x01);
    wait(0);
    ck_assert_uint_eq(asked, 1);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t deadline = x64i_uart_deadline(&uart, &host);
        ck_assert_uint_eq(deadline, now + MS + 1);
        wait(MS);
        in(LSR);
        ck_assert_uint_eq(asked, 1 + i);
        wait(1);
        ck_assert_uint_eq(asked, 2 + i);
    }
    out(IER, 0);
    ck_assert(x64i_uart_deadline(&uart, &host) == X64I_NEVER);
}
END_TEST

START_TEST(test_uart_takes_no_more_than_it_has_room_for)
{
    out(FCR, 0x01);
    out(IER, 0x01);
    strcpy(typed, "0123456789abcdefghij");
    wait(0);
    ck_assert_str_eq(typed, "ghij");
    ck_assert_uint_eq(uart.count, 16);
    uint64_t deadline = x64i_uart_deadline(&uart, &host);
    ck_assert_uint_eq(deadline, uart.timeout_at); /* no room: no polling */
    char line[32] = "";
    for (unsigned i = 0; i < 20; i++) {
        line[i] = (char)in(DATA);
        wait(MS / 2);
    }
    ck_assert_str_eq(line, "0123456789abcdefghij");
    ck_assert_uint_eq(in(LSR), 0x60);
}
END_TEST

/* "Transmitter holding register empty": pending when enabled, cleared by reading IIR. */
START_TEST(test_uart_transmitter_interrupt)
{
    out(MCR, 0x08);
    out(IER, 0x02);
    ck_assert(x64i_uart_interrupt(&uart));
    ck_assert_uint_eq(in(IIR), 0x02);
    ck_assert_uint_eq(in(IIR), 0x01);
    ck_assert(!x64i_uart_interrupt(&uart));
    out(DATA, 'x');
    ck_assert_uint_eq(in(IIR), 0x02);
    out(IER, 0x02); /* no new enabling */
    ck_assert_uint_eq(in(IIR), 0x01);
    out(IER, 0x00);
    out(IER, 0x02);
    ck_assert_uint_eq(in(IIR), 0x02);
}
END_TEST

/* The PC wires OUT2 into the interrupt's driver. */
START_TEST(test_uart_out2_gates_the_interrupt)
{
    out(IER, 0x02);
    ck_assert(!x64i_uart_interrupt(&uart));
    out(MCR, 0x08);
    ck_assert(x64i_uart_interrupt(&uart));
    out(MCR, 0x18);
    ck_assert(!x64i_uart_interrupt(&uart));
}
END_TEST

/* "Modem control register", bit 4: loopback for diagnostics. */
START_TEST(test_uart_loopback)
{
    static const struct {
        uint8_t control, status;
    } lines[] = {{0x10, 0x00}, {0x11, 0x20}, {0x12, 0x10},
                 {0x14, 0x40}, {0x18, 0x80}, {0x1a, 0x90}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        out(MCR, lines[i].control);
        ck_assert_uint_eq(in(MSR)&0xf0, lines[i].status);
    }
    out(DATA, 'z');
    ck_assert_uint_eq(shown[0], 0);
    ck_assert_uint_eq(in(LSR), 0x61);
    ck_assert_uint_eq(in(DATA), 'z');
    strcpy(typed, "q");
    ck_assert_uint_eq(in(LSR), 0x60);
    ck_assert_uint_eq(asked, 0);
}
END_TEST

/* "Line status register", bit 1: overrun, with its interrupt, cleared by the read. */
START_TEST(test_uart_overrun)
{
    out(IER, 0x04);
    out(MCR, 0x10);
    out(DATA, '1');
    out(DATA, '2');
    ck_assert_uint_eq(in(IIR), 0x06);
    ck_assert_uint_eq(in(LSR), 0x63);
    ck_assert_uint_eq(in(IIR), 0x01);
    ck_assert_uint_eq(in(DATA), '2'); /* a 16450's register is overwritten */
    out(FCR, 0x01);
    for (unsigned i = 0; i < 17; i++)
        out(DATA, (uint8_t)('a' + i));
    ck_assert_uint_eq(in(LSR), 0x63);
    for (unsigned i = 0; i < 16; i++)
        ck_assert_uint_eq(in(DATA), 'a' + i); /* a FIFO's are kept */
    ck_assert_uint_eq(in(LSR), 0x60);
}
END_TEST

/* "Modem status register": changes, their interrupt, and that reading clears them. */
START_TEST(test_uart_modem_status_changes)
{
    out(IER, 0x08);
    ck_assert_uint_eq(in(IIR), 0x01);
    out(MCR, 0x10); /* CTS, DSR and DCD fall */
    ck_assert_uint_eq(in(IIR), 0x00);
    ck_assert_uint_eq(in(MSR), 0x0b);
    ck_assert_uint_eq(in(MSR), 0x00);
    ck_assert_uint_eq(in(IIR), 0x01);
    out(MCR, 0x14); /* the ring indicator tells its trailing edge only */
    ck_assert_uint_eq(in(MSR), 0x40);
    out(MCR, 0x10);
    ck_assert_uint_eq(in(MSR), 0x04);
}
END_TEST

/* "FIFO control register": clearing, and that switching clears. */
START_TEST(test_uart_fifo_control_clears)
{
    static const uint8_t clearing[] = {0x03, 0x00};
    for (size_t i = 0; i < sizeof clearing; i++) {
        out(MCR, 0x10);
        out(FCR, 0x01);
        out(DATA, 'a');
        ck_assert_uint_eq(in(LSR), 0x61);
        out(FCR, clearing[i]);
        ck_assert_uint_eq(in(LSR), 0x60);
        ck_assert(x64i_uart_deadline(&uart, &host) == X64I_NEVER);
    }
}
END_TEST

START_TEST(test_uart_without_a_console)
{
    static const struct x64i_console nobody;
    const struct x64i_uart_host alone = {.console = &nobody, .tsc_hz = HZ};
    x64i_uart_write(&uart, &alone, DATA, 'x', now);
    x64i_uart_write(&uart, &alone, IER, 1, now);
    ck_assert_uint_eq(x64i_uart_read(&uart, &alone, LSR, now), 0x60);
    ck_assert(x64i_uart_deadline(&uart, &alone) == X64I_NEVER);
}
END_TEST

START_TEST(test_uart_repairs_hostile_state)
{
    memset(&uart, 0xff, sizeof uart);
    x64i_uart_repair(&uart);
    strcpy(typed, "abc");
    out(LCR, 0);
    out(MCR, 0);
    out(FCR, 0x00);
    out(FCR, 0x01);
    uart.next_poll = 0;
    ck_assert_uint_eq(in(DATA), 'a');
}
END_TEST

static Suite *uart_suite(void)
{
    Suite *suite = suite_create("platform/uart");
    TCase *tests = tcase_create("uart");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_uart_reset_values);
    tcase_add_test(tests, test_uart_divisor_latch);
    tcase_add_test(tests, test_uart_sends_at_once);
    tcase_add_test(tests, test_uart_is_a_16550a);
    tcase_add_test(tests, test_uart_receives_when_the_guest_looks);
    tcase_add_test(tests, test_uart_trigger_level);
    tcase_add_test(tests, test_uart_timeout);
    tcase_add_test(tests, test_uart_asks_once_a_millisecond);
    tcase_add_test(tests, test_uart_takes_no_more_than_it_has_room_for);
    tcase_add_test(tests, test_uart_transmitter_interrupt);
    tcase_add_test(tests, test_uart_out2_gates_the_interrupt);
    tcase_add_test(tests, test_uart_loopback);
    tcase_add_test(tests, test_uart_overrun);
    tcase_add_test(tests, test_uart_modem_status_changes);
    tcase_add_test(tests, test_uart_fifo_control_clears);
    tcase_add_test(tests, test_uart_without_a_console);
    tcase_add_test(tests, test_uart_repairs_hostile_state);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(uart_suite())
