/* SPDX-License-Identifier: MIT */
/* The real-time clock against Motorola's MC146818A data sheet; tests name its sections. */
#include "platform/rtc.h"

#include "support/suite.h"

#include <string.h>
#include <time.h>

#define HZ UINT64_C(2000000000)

static struct x64i_rtc rtc;
static uint64_t now;

static uint8_t in(unsigned index)
{
    x64i_rtc_write(&rtc, 0, (uint8_t)index, HZ, now);
    return x64i_rtc_read(&rtc, 1, HZ, now);
}

static void out(unsigned index, uint8_t value)
{
    x64i_rtc_write(&rtc, 0, (uint8_t)index, HZ, now);
    x64i_rtc_write(&rtc, 1, value, HZ, now);
}

static void setup(void)
{
    now = 0;
    x64i_rtc_reset(&rtc, 1700000000, UINT64_C(64) << 20); /* Tue 2023-11-14 22:13:20 UTC */
}

static void expect_time(uint8_t century, uint8_t year, uint8_t month, uint8_t day, uint8_t hour,
                        uint8_t minute, uint8_t second)
{
    ck_assert_uint_eq(in(0x32), century);
    ck_assert_uint_eq(in(9), year);
    ck_assert_uint_eq(in(8), month);
    ck_assert_uint_eq(in(7), day);
    ck_assert_uint_eq(in(4), hour);
    ck_assert_uint_eq(in(2), minute);
    ck_assert_uint_eq(in(0), second);
}

/* "Time, calendar, and alarm locations". */
START_TEST(test_rtc_tells_the_time_in_bcd)
{
    ck_assert_uint_eq(in(11), 0x02);
    expect_time(0x20, 0x23, 0x11, 0x14, 0x22, 0x13, 0x20);
    ck_assert_uint_eq(in(6), 3); /* Tuesday */
}
END_TEST

START_TEST(test_rtc_runs_on_the_guests_clock)
{
    now = 46 * 60 * HZ + 40 * HZ - 1;
    expect_time(0x20, 0x23, 0x11, 0x14, 0x22, 0x59, 0x59);
    now++;
    expect_time(0x20, 0x23, 0x11, 0x14, 0x23, 0x00, 0x00);
    now += 3600 * HZ;
    expect_time(0x20, 0x23, 0x11, 0x15, 0x00, 0x00, 0x00);
    ck_assert_uint_eq(in(6), 4);
}
END_TEST

/* "Register B": DM and 24/12. */
START_TEST(test_rtc_binary_and_twelve_hours)
{
    out(11, 0x06);
    expect_time(20, 23, 11, 14, 22, 13, 20);
    out(11, 0x04);
    ck_assert_uint_eq(in(4), 0x80 | 10);
    out(11, 0x00);
    ck_assert_uint_eq(in(4), 0x90);
    now = 2 * 3600 * HZ;
    ck_assert_uint_eq(in(4), 0x12); /* midnight is 12 AM */
    now += 12 * 3600 * HZ;
    ck_assert_uint_eq(in(4), 0x92); /* noon is 12 PM */
}
END_TEST

/* "Register B", SET: the update is stopped, the program may initialize the time. */
START_TEST(test_rtc_set_stops_and_starts)
{
    out(11, 0x82);
    now = 100 * HZ;
    expect_time(0x20, 0x23, 0x11, 0x14, 0x22, 0x13, 0x20);
    out(0, 0x58);
    out(2, 0x59);
    out(4, 0x23);
    out(7, 0x29);
    out(8, 0x02);
    out(9, 0x24);
    now = 200 * HZ;
    out(11, 0x02);
    expect_time(0x20, 0x24, 0x02, 0x29, 0x23, 0x59, 0x58);
    now = 202 * HZ;
    expect_time(0x20, 0x24, 0x03, 0x01, 0x00, 0x00, 0x00);
}
END_TEST

START_TEST(test_rtc_time_written_while_running)
{
    now = 10 * HZ;
    out(9, 0x30);
    out(0x32, 0x19);
    expect_time(0x19, 0x30, 0x11, 0x14, 0x22, 0x13, 0x30);
    now = 11 * HZ;
    ck_assert_uint_eq(in(0), 0x31);
}
END_TEST

/* "Register A", UIP: for 2228 us at the end of every second. */
START_TEST(test_rtc_update_in_progress)
{
    ck_assert_uint_eq(in(10), 0x26);
    now = HZ - HZ / 1000 * 3;
    ck_assert_uint_eq(in(10), 0x26);
    now = HZ - HZ / 1000;
    ck_assert_uint_eq(in(10), 0xa6);
    now = HZ;
    ck_assert_uint_eq(in(10), 0x26);
    out(11, 0x82);
    now = 2 * HZ - 1;
    ck_assert_uint_eq(in(10), 0x26); /* SET stops updates */
}
END_TEST

/* "Registers": C and D are read-only, D.VRT says that time and RAM are valid. */
START_TEST(test_rtc_status_registers)
{
    out(10, 0xff);
    ck_assert_uint_eq(in(10), 0x7f);
    out(12, 0xff);
    ck_assert_uint_eq(in(12), 0);
    out(13, 0);
    ck_assert_uint_eq(in(13), 0x80);
    out(0x40 | 0x80, 0x5a); /* bit 7 of port 0x70 masks NMI */
    ck_assert_uint_eq(in(0x40), 0x5a);
    ck_assert_uint_eq(x64i_rtc_read(&rtc, 0, HZ, now), 0xff);
}
END_TEST

START_TEST(test_rtc_memory_sizes)
{
    ck_assert_uint_eq(in(0x15) | in(0x16) << 8, 640);
    ck_assert_uint_eq(in(0x17) | in(0x18) << 8, 63 * 1024);
    ck_assert_uint_eq(in(0x34) | in(0x35) << 8, 48 * 16);
    x64i_rtc_reset(&rtc, 0, UINT64_C(64) << 30);
    ck_assert_uint_eq(in(0x30) | in(0x31) << 8, 0xffff);
}
END_TEST

/* Every day of the calendar's cycle, against the C library. */
START_TEST(test_rtc_calendar)
{
    for (int64_t day = -1000; day < 50000; day += 7) {
        int64_t seconds = day * 86400 + 12345;
        time_t t = (time_t)seconds;
        struct tm tm;
        gmtime_r(&t, &tm);
        x64i_rtc_reset(&rtc, seconds, 0);
        out(11, 0x06);
        expect_time((uint8_t)((tm.tm_year + 1900) / 100), (uint8_t)(tm.tm_year % 100),
                    (uint8_t)(tm.tm_mon + 1), (uint8_t)tm.tm_mday, (uint8_t)tm.tm_hour,
                    (uint8_t)tm.tm_min, (uint8_t)tm.tm_sec);
        ck_assert_uint_eq(in(6), (unsigned)tm.tm_wday + 1);
        out(2, in(2)); /* through the bytes and back */
        ck_assert_int_eq(rtc.offset, seconds);
    }
}
END_TEST

START_TEST(test_rtc_repairs_hostile_state)
{
    static const int64_t offsets[] = {INT64_MIN, INT64_MAX, INT64_C(1) << 40};
    for (size_t i = 0; i < 3; i++) {
        memset(&rtc, 0xff, sizeof rtc);
        rtc.offset = offsets[i];
        x64i_rtc_repair(&rtc);
        now = UINT64_MAX;
        for (unsigned index = 0; index < 128; index++) {
            in(index);
            out(index, 0xff);
        }
        out(11, 0);
        in(9);
    }
}
END_TEST

static Suite *rtc_suite(void)
{
    Suite *suite = suite_create("platform/rtc");
    TCase *tests = tcase_create("rtc");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_rtc_tells_the_time_in_bcd);
    tcase_add_test(tests, test_rtc_runs_on_the_guests_clock);
    tcase_add_test(tests, test_rtc_binary_and_twelve_hours);
    tcase_add_test(tests, test_rtc_set_stops_and_starts);
    tcase_add_test(tests, test_rtc_time_written_while_running);
    tcase_add_test(tests, test_rtc_update_in_progress);
    tcase_add_test(tests, test_rtc_status_registers);
    tcase_add_test(tests, test_rtc_memory_sizes);
    tcase_add_test(tests, test_rtc_calendar);
    tcase_add_test(tests, test_rtc_repairs_hostile_state);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(rtc_suite())
