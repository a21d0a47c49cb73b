/* SPDX-License-Identifier: MIT */
/*
 * System instructions, branches, and levels of memory, measured on hardware (rows.def) and run on
 * the cycle model: the same loops (rows.S), the same differences of two numbers of iterations.
 */
#ifndef X64_BENCH_CYCLES_ROWS_H
#define X64_BENCH_CYCLES_ROWS_H

#define CYCLES_GDT           0x8000
#define CYCLES_CODE_SELECTOR 0x08
#define CYCLES_DATA_SELECTOR 0x10
#define CYCLES_USER_SELECTOR 0x2b

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cycles_row {
    const char *what;
    const char *name;           /* of its code */
    const uint8_t *begin, *end; /* the code; the last byte is a NOP */
    uint32_t few, many;         /* iterations, between which the cycles are counted */
    double least, median;       /* cycles an iteration that were measured */
    uint32_t nodes, spacing;    /* of a chain of pointers: how many, how far apart; else 0 */
};

size_t cycles_row_count(void);
const struct cycles_row *cycles_row_at(size_t index);

/* Cycles of an iteration on the model of that core. False when the machine did not come through
 * it: `problem` says why. */
bool cycles_row_run(const struct cycles_row *row, const char *core, double *cycles, char *problem,
                    size_t problem_size);

#endif
#endif
