/* SPDX-License-Identifier: MIT */
/*
 * The cycle model: an observer of steps that says how many cycles a core would have taken so far.
 * It annotates and never feeds back: the guest's clock knows nothing of it.
 *
 *     x64i_timing_create("golden_cove", &timing);
 *     for each step:
 *         uint64_t cycle = x64i_timing_retire(timing, &step);
 *
 * Behind it stand the core (core.h), whose instructions plan.h describes, branch prediction
 * (predict.h), caches (cache.h) and TLBs (tlb.h); cores.c has the parameters. What a kernel model
 * does natively, and sleeping, takes no cycles.
 */
#ifndef X64I_TIMING_TIMING_H
#define X64I_TIMING_TIMING_H

#include "x64emu/effects.h"

#include <stdbool.h>

struct x64i_timing;
struct x64i_instruction_times;

/* X64_ERROR_NOT_FOUND for an unknown core, X64_ERROR_MEMORY. */
enum x64_status x64i_timing_create(const char *core, struct x64i_timing **out);
void x64i_timing_destroy(struct x64i_timing *timing);

/* The index-th core's name, or null behind the last. */
const char *x64i_timing_core_at(size_t index);

/* Whose figures are used, as a reader should be told: the core's own, or those it borrows. */
const char *x64i_timing_core(const struct x64i_timing *timing);

/* Takes in a step; answers the cycles so far, that step's included. */
uint64_t x64i_timing_retire(struct x64i_timing *timing, const struct x64_step *step);
uint64_t x64i_timing_cycles(const struct x64i_timing *timing);

/* What the last step waited for and when its micro-ops did what (core.h); valid until the next. */
const struct x64i_instruction_times *x64i_timing_last(const struct x64i_timing *timing);

/* Whether the last step's figures are estimates (table.h) rather than measured or published. */
bool x64i_timing_estimated(const struct x64i_timing *timing);

/* "dependency", "tlb walk" ...: an enum x64i_wait. Static text. */
const char *x64i_wait_name(unsigned wait);

/* Back to the beginning, or to where another timing of the same core is: X64_ERROR_ARGUMENT when it
 * is of another. */
void x64i_timing_reset(struct x64i_timing *timing);
enum x64_status x64i_timing_copy(struct x64i_timing *to, const struct x64i_timing *from);

#endif
