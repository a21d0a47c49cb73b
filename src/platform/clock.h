/* SPDX-License-Identifier: MIT */
/*
 * One clock in the units of another. All devices run on the guest's clock, which counts TSC ticks;
 * a device with a crystal of its own converts to and fro, so that no time is kept twice and none
 * drifts.
 */
#ifndef X64I_PLATFORM_CLOCK_H
#define X64I_PLATFORM_CLOCK_H

#include <stdint.h>

/* The fastest clock that the conversions take: products of two frequencies below it and the PIT's
 * fit 64 bits. */
#define X64I_CLOCK_HZ_MAX UINT64_C(1000000000000)

/* "Never", as a time. */
#define X64I_NEVER UINT64_MAX

/* How many ticks of a clock of to_hz are over when `ticks` of one of from_hz are. */
static inline uint64_t x64i_clock_convert(uint64_t ticks, uint64_t from_hz, uint64_t to_hz)
{
    return ticks / from_hz * to_hz + ticks % from_hz * to_hz / from_hz;
}

/* The first tick of the clock of to_hz at which `ticks` of the other are over: the inverse of
 * x64i_clock_convert. X64I_NEVER stays what it is, and stands for what no longer fits. */
static inline uint64_t x64i_clock_when(uint64_t ticks, uint64_t from_hz, uint64_t to_hz)
{
    uint64_t seconds = ticks / from_hz;
    if (ticks == X64I_NEVER || seconds >= UINT64_MAX / to_hz)
        return X64I_NEVER;
    return seconds * to_hz + (ticks % from_hz * to_hz + from_hz - 1) / from_hz;
}

#endif
