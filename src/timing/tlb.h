/* SPDX-License-Identifier: MIT */
/*
 * The TLBs of the core and its page walker. Whether a translation has to be walked is the machine's
 * matter (its walks are effects, with the addresses of the entries that were read); what is here
 * adds the first-level TLBs' misses, and the walker's own caches of the upper levels.
 */
#ifndef X64I_TIMING_TLB_H
#define X64I_TIMING_TLB_H

#include "timing/cache.h"

#include "x64emu/effects.h"

#define X64I_TLB_WAYS    16u
#define X64I_TLB_SETS    128u
#define X64I_WALK_CACHED 32u

struct x64i_tlb {
    uint64_t pages[X64I_TLB_SETS][X64I_TLB_WAYS]; /* page numbers + 1, the latest first */
};

struct x64i_tlbs {
    struct x64i_tlb data, code, second;
    uint64_t upper[X64I_WALK_CACHED]; /* entries of levels 2-4 read lately, by their address + 1 */
};

/* Cycles that a translation costs when the machine needed no walk. */
uint32_t x64i_tlbs_access(struct x64i_tlbs *tlbs, const struct x64i_core_model *core,
                          uint64_t linear, bool code);

/* Cycles of the walks among a step's effects. */
uint32_t x64i_tlbs_walk(struct x64i_tlbs *tlbs, struct x64i_caches *caches,
                        const struct x64i_core_model *core, const struct x64_step *step);

/* A flush, by its effect. */
void x64i_tlbs_flush(struct x64i_tlbs *tlbs, const struct x64_effect *effect);

#endif
