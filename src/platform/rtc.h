/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock and its battery-backed RAM (CMOS) behind ports 0x70 and 0x71. Section names
 * are those of Motorola's MC146818A data sheet. The time of day is a fixed moment plus the guest's
 * clock: the host's is never asked. Times are TSC ticks.
 *
 * Register C never reports an interrupt: nothing raises IRQ 8 yet.
 */
#ifndef X64I_PLATFORM_RTC_H
#define X64I_PLATFORM_RTC_H

#include <stdbool.h>
#include <stdint.h>

#define X64I_RTC_BYTES 128

/* Region "rtc". */
struct x64i_rtc {
    int64_t offset; /* seconds since 1970 at tick 0 of the guest's clock */
    uint8_t index;  /* last written to port 0x70, without the NMI mask */
    uint8_t reserved[7];
    uint8_t bytes[X64I_RTC_BYTES]; /* the time's are valid while register B's SET stops it */
};

/* Sets the clock to `seconds` since 1970 (UTC) and writes a PC's memory sizes. */
void x64i_rtc_reset(struct x64i_rtc *rtc, int64_t seconds, uint64_t memory_size);

/* Makes the best of what a file claims to be a clock: a moment outside the calendar becomes 1970.
 */
void x64i_rtc_repair(struct x64i_rtc *rtc);

/* Ports 0x70 (0) and 0x71 (1). */
uint8_t x64i_rtc_read(struct x64i_rtc *rtc, unsigned register_index, uint64_t tsc_hz, uint64_t now);
void x64i_rtc_write(struct x64i_rtc *rtc, unsigned register_index, uint8_t value, uint64_t tsc_hz,
                    uint64_t now);

#endif
