/* SPDX-License-Identifier: MIT */
/*
 * The timer against Intel's 8254 data sheet (231164). The waveforms of its "Mode definitions" are
 * drawn here as text, one character a clock from the one after the count was written: '_' low,
 * '-' high.
 */
#include "platform/pit.h"

#include "support/suite.h"

#include <string.h>

#define CONTROL 3
#define T0      UINT64_C(1000) /* when the tests begin */

static struct x64i_pit pit;

static void setup(void)
{
    x64i_pit_reset(&pit);
}

/* Low byte, high byte, of counter `i`. */
static void load(unsigned i, unsigned mode, uint16_t count, uint64_t t)
{
    x64i_pit_write(&pit, CONTROL, (uint8_t)(i << 6 | 0x30 | mode << 1), t);
    x64i_pit_write(&pit, i, (uint8_t)count, t);
    x64i_pit_write(&pit, i, (uint8_t)(count >> 8), t);
}

static uint16_t read_count(unsigned i, uint64_t t)
{
    uint16_t low = x64i_pit_read(&pit, i, t);
    return (uint16_t)(low | x64i_pit_read(&pit, i, t) << 8);
}

static uint16_t read_latched(unsigned i, uint64_t t)
{
    x64i_pit_write(&pit, CONTROL, (uint8_t)(i << 6), t);
    return read_count(i, t + 12345);
}

static void expect_wave(unsigned i, const char *wave, uint64_t t)
{
    for (size_t k = 0; wave[k]; k++)
        ck_assert_msg(x64i_pit_output(&pit, i, t + k) == (wave[k] == '-'),
                      "%s: clock %zu is not '%c'", wave, k, wave[k]);
}

static const struct wave_row {
    unsigned mode;
    uint16_t count;
    const char *wave; /* after the control word and the count at T0 */
} wave_rows[] = {
    /* Mode 0: "OUT remains low until the counter reaches zero ... N + 1 CLK pulses after the
     * initial count is written". */
    {0, 4, "_____--------------"},
    {0, 1, "__-----"},
    /* Mode 2: "OUT goes low for one CLK pulse when the count reaches 1". The first clock loads. */
    {2, 3, "---_--_--_--_"},
    {2, 2, "--_-_-_-_"},
    /* Mode 3: high for (N + 1) / 2, low for (N - 1) / 2 where N is odd. */
    {3, 4, "---__--__--__"},
    {3, 5, "----__---__---__"},
    /* Mode 4: "when the initial count expires, OUT will go low for one CLK pulse". */
    {4, 3, "----_--------"},
};

START_TEST(test_pit_waves)
{
    const struct wave_row *row = &wave_rows[_i];
    load(0, row->mode, row->count, T0);
    expect_wave(0, row->wave, T0);
}
END_TEST

/* The rises that are found without stepping are those of the waves. */
START_TEST(test_pit_next_rise_agrees_with_the_output)
{
    static const uint16_t counts[] = {1, 2, 3, 4, 7, 8, 100};
    for (unsigned mode = 0; mode <= 5; mode++) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            setup();
            x64i_pit_set_gate(&pit, 2, true, T0);
            load(2, mode, counts[i], T0);
            if (mode == 1 || mode == 5) {
                x64i_pit_set_gate(&pit, 2, false, T0);
                x64i_pit_set_gate(&pit, 2, true, T0);
            }
            uint64_t rise = x64i_pit_next_rise(&pit, 2, T0);
            for (uint64_t t = T0 + 1; t < T0 + 500; t++) {
                bool rises = x64i_pit_output(&pit, 2, t) && !x64i_pit_output(&pit, 2, t - 1);
                ck_assert_msg(rises == (t == rise), "mode %u, count %u, clock %llu", mode,
                              counts[i], (unsigned long long)(t - T0));
                if (rises)
                    rise = x64i_pit_next_rise(&pit, 2, t);
            }
        }
    }
}
END_TEST

START_TEST(test_pit_without_a_count_is_still)
{
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(x64i_pit_output(&pit, i, T0));
        ck_assert(x64i_pit_next_rise(&pit, i, T0) == X64I_NEVER);
    }
    x64i_pit_write(&pit, CONTROL, 0x30, T0); /* mode 0: OUT is initially low */
    ck_assert(!x64i_pit_output(&pit, 0, T0 + 100000));
    ck_assert(x64i_pit_next_rise(&pit, 0, T0) == X64I_NEVER);
}
END_TEST

/* A count of 0 is 65536 in binary and 10000 in BCD. */
START_TEST(test_pit_largest_counts)
{
    load(0, 2, 0, T0);
    ck_assert_uint_eq(x64i_pit_next_rise(&pit, 0, T0) - T0 - 1, 65536);
    ck_assert_uint_eq(read_count(0, T0 + 1), 0);
    ck_assert_uint_eq(read_count(0, T0 + 2), 65535);
    x64i_pit_write(&pit, CONTROL, 0x35, T0);
    x64i_pit_write(&pit, 0, 0, T0);
    x64i_pit_write(&pit, 0, 0, T0);
    ck_assert_uint_eq(x64i_pit_next_rise(&pit, 0, T0) - T0 - 1, 10000);
    ck_assert_uint_eq(read_count(0, T0 + 2), 0x9999);
}
END_TEST

/* "Counter": mode 2 counts by one, mode 3 by two, modes 0 and 4 wrap around. */
static const struct count_row {
    uint16_t mode;
    uint16_t count;
    uint32_t clocks; /* after the load */
    uint16_t value;
} count_rows[] = {
    {2, 1000, 0, 1000}, {2, 1000, 999, 1},       {2, 1000, 1000, 1000}, {2, 1000, 1500, 500},
    {3, 1000, 0, 1000}, {3, 1000, 1, 998},       {3, 1000, 499, 2},     {3, 1000, 500, 1000},
    {3, 1001, 0, 1000}, {3, 1001, 500, 0},       {3, 1001, 501, 1000},  {0, 1000, 400, 600},
    {0, 1000, 1000, 0}, {0, 1000, 1001, 0xffff}, {4, 5, 6, 0xffff},
};

START_TEST(test_pit_counts)
{
    const struct count_row *row = &count_rows[_i];
    load(0, row->mode, row->count, T0);
    ck_assert_uint_eq(read_count(0, T0 + 1 + row->clocks), row->value);
    ck_assert_uint_eq(read_latched(0, T0 + 1 + row->clocks), row->value);
}
END_TEST

/* "Counter latch command": held until read; a second latch before that is ignored. */
START_TEST(test_pit_latch_holds)
{
    load(0, 2, 1000, T0);
    x64i_pit_write(&pit, CONTROL, 0x00, T0 + 11);
    x64i_pit_write(&pit, CONTROL, 0x00, T0 + 101);
    ck_assert_uint_eq(read_count(0, T0 + 201), 990);
    ck_assert_uint_eq(read_count(0, T0 + 201), 800);
}
END_TEST

/* "Write operations": least or most significant byte only. */
START_TEST(test_pit_single_byte_access)
{
    x64i_pit_write(&pit, CONTROL, 0x94, T0); /* counter 2, low byte, mode 2 */
    x64i_pit_set_gate(&pit, 2, true, T0);
    x64i_pit_write(&pit, 2, 18, T0);
    ck_assert_uint_eq(x64i_pit_next_rise(&pit, 2, T0), T0 + 19);
    ck_assert_uint_eq(x64i_pit_read(&pit, 2, T0 + 2), 17);
    x64i_pit_write(&pit, CONTROL, 0xa4, T0); /* high byte */
    x64i_pit_write(&pit, 2, 2, T0);
    ck_assert_uint_eq(x64i_pit_next_rise(&pit, 2, T0), T0 + 513);
    ck_assert_uint_eq(x64i_pit_read(&pit, 2, T0 + 2), 1);
}
END_TEST

/* "Read-back command" and "status byte": OUT, NULL COUNT, access, mode, BCD. */
START_TEST(test_pit_read_back)
{
    x64i_pit_write(&pit, CONTROL, 0x34, T0);
    x64i_pit_write(&pit, CONTROL, 0xe2, T0); /* status of counter 0: no count yet */
    ck_assert_uint_eq(x64i_pit_read(&pit, 0, T0), 0xf4);
    load(0, 2, 100, T0);
    x64i_pit_write(&pit, CONTROL, 0xc2, T0 + 11); /* count and status */
    ck_assert_uint_eq(x64i_pit_read(&pit, 0, T0 + 50), 0xb4);
    ck_assert_uint_eq(read_count(0, T0 + 50), 90);
    load(1, 0, 100, T0);
    x64i_pit_write(&pit, CONTROL, 0xe4, T0 + 11);
    ck_assert_uint_eq(x64i_pit_read(&pit, 1, T0 + 11), 0x30);
    x64i_pit_write(&pit, CONTROL, 0xe4, T0 + 101);
    ck_assert_uint_eq(x64i_pit_read(&pit, 1, T0 + 101), 0xb0);
}
END_TEST

/* Mode 2: "a new count written while counting does not affect the current counting sequence". */
START_TEST(test_pit_new_count_waits_for_the_period)
{
    load(0, 2, 100, T0);
    x64i_pit_write(&pit, 0, 10, T0 + 31);
    x64i_pit_write(&pit, 0, 0, T0 + 31);
    ck_assert_uint_eq(read_count(0, T0 + 41), 60);
    ck_assert_uint_eq(x64i_pit_next_rise(&pit, 0, T0 + 41), T0 + 101);
    ck_assert_uint_eq(x64i_pit_next_rise(&pit, 0, T0 + 101), T0 + 111);
    ck_assert_uint_eq(read_count(0, T0 + 103), 8);
}
END_TEST

/* Mode 0: "writing the first byte disables counting; OUT is set low immediately". */
START_TEST(test_pit_mode_0_first_byte_stops)
{
    load(0, 0, 0x100, T0);
    ck_assert(x64i_pit_output(&pit, 0, T0 + 0x200));
    x64i_pit_write(&pit, 0, 5, T0 + 0x200);
    ck_assert(!x64i_pit_output(&pit, 0, T0 + 0x300));
    x64i_pit_write(&pit, 0, 0, T0 + 0x300);
    expect_wave(0, "______--", T0 + 0x300);
}
END_TEST

/* "Gate pin operations": modes 0 and 4 hold the count, 2 and 3 set OUT high and start over. */
START_TEST(test_pit_gate_holds_mode_0)
{
    x64i_pit_set_gate(&pit, 2, true, T0);
    load(2, 0, 100, T0);
    x64i_pit_set_gate(&pit, 2, false, T0 + 41);
    ck_assert_uint_eq(read_count(2, T0 + 1000), 60);
    ck_assert(x64i_pit_next_rise(&pit, 2, T0 + 1000) == X64I_NEVER);
    x64i_pit_set_gate(&pit, 2, true, T0 + 1000);
    ck_assert_uint_eq(x64i_pit_next_rise(&pit, 2, T0 + 1000), T0 + 1060);
}
END_TEST

START_TEST(test_pit_gate_restarts_modes_2_and_3)
{
    for (unsigned mode = 2; mode <= 3; mode++) {
        setup();
        load(2, mode, 6, T0);
        ck_assert(x64i_pit_next_rise(&pit, 2, T0) == X64I_NEVER); /* the gate is low */
        x64i_pit_set_gate(&pit, 2, true, T0);
        ck_assert_uint_eq(x64i_pit_next_rise(&pit, 2, T0), T0 + 7);
        ck_assert(!x64i_pit_output(&pit, 2, T0 + 6));
        x64i_pit_set_gate(&pit, 2, false, T0 + 6);
        ck_assert(x64i_pit_output(&pit, 2, T0 + 6));
        x64i_pit_set_gate(&pit, 2, true, T0 + 20);
        expect_wave(2, mode == 2 ? "------_-----_" : "----___---___", T0 + 20);
    }
}
END_TEST

/* Mode 1: "the one-shot is retriggerable"; mode 5: the strobe comes N + 1 clocks after the trigger.
 */
START_TEST(test_pit_gate_triggers_modes_1_and_5)
{
    load(2, 1, 3, T0);
    expect_wave(2, "------", T0);
    x64i_pit_set_gate(&pit, 2, true, T0 + 10);
    expect_wave(2, "-___-----", T0 + 10);
    x64i_pit_set_gate(&pit, 2, false, T0 + 12);
    x64i_pit_set_gate(&pit, 2, true, T0 + 12);
    expect_wave(2, "-___-----", T0 + 12);
    setup();
    load(2, 5, 3, T0);
    x64i_pit_set_gate(&pit, 2, true, T0 + 10);
    expect_wave(2, "----_-----", T0 + 10);
}
END_TEST

/* Modes 6 and 7 are 2 and 3: "X" bits of the control word. */
START_TEST(test_pit_mode_aliases)
{
    load(0, 6, 3, T0);
    expect_wave(0, "---_--_", T0);
    load(0, 7, 4, T0);
    expect_wave(0, "---__--__", T0);
}
END_TEST

START_TEST(test_pit_repairs_hostile_state)
{
    memset(&pit, 0xff, sizeof pit);
    x64i_pit_repair(&pit);
    for (unsigned i = 0; i < 3; i++) {
        x64i_pit_output(&pit, i, T0);
        ck_assert(x64i_pit_next_rise(&pit, i, T0) == X64I_NEVER);
    }
    setup();
    load(0, 2, 5, T0);
    struct x64i_pit sane = pit;
    x64i_pit_repair(&pit);
    ck_assert_mem_eq(&sane, &pit, sizeof pit);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *pit_suite(void)
{
    Suite *suite = suite_create("platform/pit");
    TCase *tests = tcase_create("pit");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, test_pit_waves, 0, COUNT(wave_rows));
    tcase_add_test(tests, test_pit_next_rise_agrees_with_the_output);
    tcase_add_test(tests, test_pit_without_a_count_is_still);
    tcase_add_test(tests, test_pit_largest_counts);
    tcase_add_loop_test(tests, test_pit_counts, 0, COUNT(count_rows));
    tcase_add_test(tests, test_pit_latch_holds);
    tcase_add_test(tests, test_pit_single_byte_access);
    tcase_add_test(tests, test_pit_read_back);
    tcase_add_test(tests, test_pit_new_count_waits_for_the_period);
    tcase_add_test(tests, test_pit_mode_0_first_byte_stops);
    tcase_add_test(tests, test_pit_gate_holds_mode_0);
    tcase_add_test(tests, test_pit_gate_restarts_modes_2_and_3);
    tcase_add_test(tests, test_pit_gate_triggers_modes_1_and_5);
    tcase_add_test(tests, test_pit_mode_aliases);
    tcase_add_test(tests, test_pit_repairs_hostile_state);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(pit_suite())
