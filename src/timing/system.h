/* SPDX-License-Identifier: MIT */
/*
 * Instructions that no list of micro-ops describes: serialising ones, fences, microcode, and string
 * instructions with a repeat prefix. data/CORE_system.def has a row for each.
 */
#ifndef X64I_TIMING_SYSTEM_H
#define X64I_TIMING_SYSTEM_H

#include "timing/table.h"

enum x64i_system_kind {
    X64I_SYSTEM_NONE,
    X64I_SYSTEM_MICROCODE, /* rename waits for it */
    X64I_SYSTEM_FENCE,     /* and it waits for everything older to be done */
    X64I_SYSTEM_SERIALISE, /* and for the stores to be written */
    X64I_SYSTEM_STORES     /* it waits for the stores, nothing waits for it */
};

struct x64i_system_row {
    const char *form; /* or a mnemonic alone: all its forms */
    uint8_t kind;     /* enum x64i_system_kind */
    uint8_t source;   /* enum x64i_row_source */
    uint16_t cycles;
};

/* What a repeated string instruction takes, by how many bytes it moves. */
struct x64i_repeat_point {
    uint32_t bytes;
    uint32_t cycles;
};

/* Null when the form has no row. */
const struct x64i_system_row *x64i_system_find(const struct x64i_system_row *rows, size_t count,
                                               const char *form);

/* Cycles for so many bytes, between the points. */
uint32_t x64i_repeat_cycles(const struct x64i_repeat_point *points, size_t count, uint64_t bytes);

#endif
