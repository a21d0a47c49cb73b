/* SPDX-License-Identifier: MIT */
/* A step's reads and writes of memory, in order, as the core wants them. */
#ifndef X64I_TIMING_ACCESSES_H
#define X64I_TIMING_ACCESSES_H

#include "timing/memory.h"

#include "x64emu/effects.h"

#include <stdbool.h>

#define X64I_ACCESS_MAX 16 /* more than these are counted but not kept */

struct x64i_access_list {
    size_t reads, writes;
    struct x64i_touch read[X64I_ACCESS_MAX], write[X64I_ACCESS_MAX];
};

void x64i_accesses_add_read(struct x64i_access_list *list, const struct x64i_touch *access);
void x64i_accesses_add_write(struct x64i_access_list *list, const struct x64i_touch *access);

/* Adds those of a step's effects. Whether there are effects besides that concern translations
 * (tlb.h). */
bool x64i_accesses_of_step(struct x64i_access_list *list, const struct x64_step *step);

#endif
