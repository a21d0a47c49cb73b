/* SPDX-License-Identifier: MIT */
/* The guests of guests.S, for the benchmark and for its peer. */
#ifndef X64_BENCH_GUESTS_H
#define X64_BENCH_GUESTS_H

#include <stdint.h>

#define BENCH_CODE   0x10000u
#define BENCH_STACK  0x80000u
#define BENCH_DATA   0x100000u
#define BENCH_MEMORY 0x400000u /* bytes of RAM, from 0 on */

struct bench_guest {
    const char *name;
    const uint8_t *begin;
    const uint8_t *end; /* one beyond the final HLT */
};

/* The guest of that name, or null. */
const struct bench_guest *bench_guest_find(const char *name);

#endif
