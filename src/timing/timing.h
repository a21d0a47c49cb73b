/* SPDX-License-Identifier: MIT */
/*
 * The cycle model: an observer of steps that says how many cycles a core would have taken so far.
 * It annotates and never feeds back: the guest's clock knows nothing of it.
 *
 *     x64i_timing_create("golden_cove", &timing);
 *     for each step:
 *         uint64_t cycle = x64i_timing_retire(timing, &step);
 *
 * The model behind this interface adds up: a cost for each instruction, by mnemonic, plus costs for
 * its memory accesses, page walks and exceptions (costs.def). Nothing overlaps but what the
 * throughput figures already contain, and branches are predicted.
 */
#ifndef X64I_TIMING_TIMING_H
#define X64I_TIMING_TIMING_H

#include "x64emu/effects.h"

struct x64i_timing;

/* Everything a model remembers of the steps so far, for going back: plain data. */
struct x64i_timing_state {
    uint64_t hundredths; /* of cycles */
};

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

/* Back to the beginning, or to where a state was taken. */
void x64i_timing_reset(struct x64i_timing *timing);
struct x64i_timing_state x64i_timing_save(const struct x64i_timing *timing);
void x64i_timing_restore(struct x64i_timing *timing, const struct x64i_timing_state *state);

#endif
