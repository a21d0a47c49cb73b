/* SPDX-License-Identifier: MIT */
#include "platform/rtc.h"

#include <string.h>

#define SECONDS_PER_DAY 86400
#define FIRST_SECOND    INT64_C(-62167219200) /* year 0 */
#define LAST_SECOND     INT64_C(253402300799) /* the end of year 9999 */
#define UPDATE_MICROS   2228u /* "update cycle": UIP is set 244 us before the 1984 us it takes */

enum byte {
    BYTE_SECOND = 0,
    BYTE_MINUTE = 2,
    BYTE_HOUR = 4,
    BYTE_WEEKDAY = 6,
    BYTE_DAY = 7,
    BYTE_MONTH = 8,
    BYTE_YEAR = 9,
    BYTE_A = 10,
    BYTE_B = 11,
    BYTE_C = 12,
    BYTE_D = 13,
    BYTE_BASE_MEMORY = 0x15,     /* KBytes, two bytes */
    BYTE_MEMORY_ABOVE_1M = 0x17, /* KBytes, two bytes, again at 0x30 */
    BYTE_MEMORY_ABOVE_1M_AGAIN = 0x30,
    BYTE_CENTURY = 0x32,
    BYTE_MEMORY_ABOVE_16M = 0x34 /* 64 KBytes, two bytes */
};

enum bits {
    A_UPDATING = 0x80,
    A_32768_HZ_1024_HZ = 0x26,
    B_24_HOURS = 0x02,
    B_BINARY = 0x04,
    B_SET = 0x80,
    D_VALID = 0x80,
    HOUR_PM = 0x80
};

struct date {
    int64_t year;
    unsigned month, day, hour, minute, second, weekday; /* weekday: 1 is Sunday */
};

/* Days since 1970-01-01 of a date of the Gregorian calendar. Years are counted from March, so that
 * the leap day is a year's last; 400 years are 146,097 days. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (int64_t)((month + 9) % 12) + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static int64_t seconds_of(const struct date *date)
{
    return days_of(date->year, date->month, date->day) * SECONDS_PER_DAY +
           (int64_t)date->hour * 3600 + (int64_t)date->minute * 60 + (int64_t)date->second;
}

static struct date date_of(int64_t seconds)
{
    int64_t days = seconds / SECONDS_PER_DAY - (seconds % SECONDS_PER_DAY < 0);
    unsigned of_day = (unsigned)(seconds - days * SECONDS_PER_DAY);
    struct date date = {
        .hour = of_day / 3600,
        .minute = of_day / 60 % 60,
        .second = of_day % 60,
        .weekday = (unsigned)(((days + 4) % 7 + 7) % 7) + 1,
    };
    date.year = 1970 + days / 366 - (days < 0);
    while (days_of(date.year + 1, 1, 1) <= days)
        date.year++;
    date.month = 1;
    while (date.month < 12 && days_of(date.year, date.month + 1, 1) <= days)
        date.month++;
    date.day = (unsigned)(days - days_of(date.year, date.month, 1)) + 1;
    return date;
}

/* "Time, calendar, and alarm locations": BCD or binary, as register B says. */
static uint8_t encode(const struct x64i_rtc *rtc, unsigned value)
{
    return (uint8_t)(rtc->bytes[BYTE_B] & B_BINARY ? value : value / 10 % 10 << 4 | value % 10);
}

static unsigned decode(const struct x64i_rtc *rtc, uint8_t byte)
{
    return rtc->bytes[BYTE_B] & B_BINARY ? byte : (byte >> 4) * 10u + (byte & 15u);
}

static uint8_t encode_hour(const struct x64i_rtc *rtc, unsigned hour)
{
    if (rtc->bytes[BYTE_B] & B_24_HOURS)
        return encode(rtc, hour);
    uint8_t half = encode(rtc, hour % 12 ? hour % 12 : 12);
    return (uint8_t)(hour >= 12 ? half | HOUR_PM : half);
}

static unsigned decode_hour(const struct x64i_rtc *rtc, uint8_t byte)
{
    if (rtc->bytes[BYTE_B] & B_24_HOURS)
        return decode(rtc, byte);
    return decode(rtc, byte & 0x7f) % 12 + (byte & HOUR_PM ? 12 : 0);
}

static void load_time(struct x64i_rtc *rtc, uint64_t tsc_hz, uint64_t now)
{
    struct date date = date_of(rtc->offset + (int64_t)(now / tsc_hz));
    rtc->bytes[BYTE_SECOND] = encode(rtc, date.second);
    rtc->bytes[BYTE_MINUTE] = encode(rtc, date.minute);
    rtc->bytes[BYTE_HOUR] = encode_hour(rtc, date.hour);
    rtc->bytes[BYTE_WEEKDAY] = encode(rtc, date.weekday);
    rtc->bytes[BYTE_DAY] = encode(rtc, date.day);
    rtc->bytes[BYTE_MONTH] = encode(rtc, date.month);
    rtc->bytes[BYTE_YEAR] = encode(rtc, (unsigned)(date.year % 100));
    rtc->bytes[BYTE_CENTURY] = encode(rtc, (unsigned)(date.year / 100));
}

/* Sets the clock to what its bytes say. Software may have written nonsense: a month is at least
 * that. */
static void store_time(struct x64i_rtc *rtc, uint64_t tsc_hz, uint64_t now)
{
    struct date date = {
        .year = decode(rtc, rtc->bytes[BYTE_CENTURY]) * 100 + decode(rtc, rtc->bytes[BYTE_YEAR]),
        .month = decode(rtc, rtc->bytes[BYTE_MONTH]),
        .day = decode(rtc, rtc->bytes[BYTE_DAY]),
        .hour = decode_hour(rtc, rtc->bytes[BYTE_HOUR]),
        .minute = decode(rtc, rtc->bytes[BYTE_MINUTE]),
        .second = decode(rtc, rtc->bytes[BYTE_SECOND]),
    };
    if (date.month < 1 || date.month > 12)
        date.month = 1;
    rtc->offset = seconds_of(&date) - (int64_t)(now / tsc_hz);
}

void x64i_rtc_repair(struct x64i_rtc *rtc)
{
    if (rtc->offset < FIRST_SECOND || rtc->offset > LAST_SECOND)
        rtc->offset = 0;
}

static void put_word(struct x64i_rtc *rtc, enum byte first, uint64_t value)
{
    if (value > 0xffff)
        value = 0xffff;
    rtc->bytes[first] = (uint8_t)value;
    rtc->bytes[first + 1] = (uint8_t)(value >> 8);
}

void x64i_rtc_reset(struct x64i_rtc *rtc, int64_t seconds, uint64_t memory_size)
{
    const uint64_t mebibyte = UINT64_C(1) << 20;
    uint64_t above_1m = memory_size > mebibyte ? memory_size - mebibyte : 0;
    uint64_t above_16m = memory_size > 16 * mebibyte ? memory_size - 16 * mebibyte : 0;
    memset(rtc, 0, sizeof *rtc);
    rtc->offset = seconds;
    x64i_rtc_repair(rtc);
    rtc->bytes[BYTE_A] = A_32768_HZ_1024_HZ;
    rtc->bytes[BYTE_B] = B_24_HOURS;
    rtc->bytes[BYTE_D] = D_VALID;
    put_word(rtc, BYTE_BASE_MEMORY, 640);
    put_word(rtc, BYTE_MEMORY_ABOVE_1M, above_1m >> 10);
    put_word(rtc, BYTE_MEMORY_ABOVE_1M_AGAIN, above_1m >> 10);
    put_word(rtc, BYTE_MEMORY_ABOVE_16M, above_16m >> 16);
}

static bool is_time(unsigned index)
{
    switch (index) {
    case BYTE_SECOND:
    case BYTE_MINUTE:
    case BYTE_HOUR:
    case BYTE_WEEKDAY:
    case BYTE_DAY:
    case BYTE_MONTH:
    case BYTE_YEAR:
    case BYTE_CENTURY:
        return true;
    default:
        return false;
    }
}

static bool is_stopped(const struct x64i_rtc *rtc)
{
    return rtc->bytes[BYTE_B] & B_SET;
}

/* "UIP: the update cycle is in progress, or will soon begin". */
static bool is_updating(const struct x64i_rtc *rtc, uint64_t tsc_hz, uint64_t now)
{
    uint64_t left = tsc_hz - now % tsc_hz;
    return !is_stopped(rtc) && left <= tsc_hz / 1000000 * UPDATE_MICROS;
}

uint8_t x64i_rtc_read(struct x64i_rtc *rtc, unsigned register_index, uint64_t tsc_hz, uint64_t now)
{
    if (register_index == 0)
        return 0xff;
    unsigned index = rtc->index % X64I_RTC_BYTES;
    if (is_time(index) && !is_stopped(rtc))
        load_time(rtc, tsc_hz, now);
    if (index == BYTE_A && is_updating(rtc, tsc_hz, now))
        return rtc->bytes[BYTE_A] | A_UPDATING;
    return rtc->bytes[index];
}

/* Time written while the clock runs counts at once; while SET stops it, when SET is cleared. */
static void write_time(struct x64i_rtc *rtc, unsigned index, uint8_t value, uint64_t tsc_hz,
                       uint64_t now)
{
    if (!is_stopped(rtc))
        load_time(rtc, tsc_hz, now);
    rtc->bytes[index] = value;
    if (!is_stopped(rtc))
        store_time(rtc, tsc_hz, now);
}

static void write_b(struct x64i_rtc *rtc, uint8_t value, uint64_t tsc_hz, uint64_t now)
{
    bool was_stopped = is_stopped(rtc);
    if (!was_stopped && (value & B_SET))
        load_time(rtc, tsc_hz, now);
    if (was_stopped && !(value & B_SET))
        store_time(rtc, tsc_hz, now);
    rtc->bytes[BYTE_B] = value;
}

void x64i_rtc_write(struct x64i_rtc *rtc, unsigned register_index, uint8_t value, uint64_t tsc_hz,
                    uint64_t now)
{
    unsigned index = rtc->index % X64I_RTC_BYTES;
    if (register_index == 0)
        rtc->index = value & 0x7f;
    else if (is_time(index))
        write_time(rtc, index, value, tsc_hz, now);
    else if (index == BYTE_A)
        rtc->bytes[BYTE_A] = value & 0x7f;
    else if (index == BYTE_B)
        write_b(rtc, value, tsc_hz, now);
    else if (index != BYTE_C && index != BYTE_D)
        rtc->bytes[index] = value;
}
