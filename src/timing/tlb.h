/* SPDX-License-Identifier: MIT */
/*
 * The TLBs of the core and its page walker. Which entries a walk reads is the machine's matter (its
 * walks are effects, with the addresses of the entries); when the core has to walk is what is here:
 * first-level TLBs by page size, a second level for all, and the walker's own caches of the upper
 * levels.
 */
#ifndef X64I_TIMING_TLB_H
#define X64I_TIMING_TLB_H

#include "timing/cache.h"

#include "x64emu/effects.h"

#define X64I_TLB_MOST_WAYS 16u
#define X64I_TLB_MOST_SETS 128u
#define X64I_WALK_CACHED   32u
#define X64I_TLB_KNOWN     2048u
#define X64I_TLB_RECENT    16u

struct x64i_tlb_level {
    uint64_t pages[X64I_TLB_MOST_SETS][X64I_TLB_MOST_WAYS]; /* keys + 1, the latest first */
};

/* What the machine's last walk of a page found. */
struct x64i_translation {
    uint64_t page;     /* base and log2 of the size; 0: none */
    uint64_t physical; /* base */
    uint64_t leaf;     /* physical address of the entry that maps it */
    uint32_t pcid;     /* 0xfff for a global page */
};

struct x64i_tlbs {
    struct x64i_tlb_level data, data_large, code, code_large, second;
    uint64_t upper[X64I_WALK_CACHED]; /* entries of levels 2-4 read lately, by their address + 1 */
    struct x64i_translation known[X64I_TLB_KNOWN];
    uint32_t pcid;
    uint64_t recent[2][X64I_TLB_RECENT]; /* pages + 1, of data and code, sure to be hit */
};

/* Whether the page is there; it is, and the latest of its set, afterwards. */
bool x64i_tlb_touch(struct x64i_tlb_level *tlb, const struct x64i_tlb_shape *shape, uint64_t page);

/* Takes in what a step did to translations: fills, flushes, another CR3. True for a flush. */
bool x64i_tlbs_follow(struct x64i_tlbs *tlbs, const struct x64i_core_model *core,
                      const struct x64_step *step);

/* Cycles that translating `linear` costs in that step. */
uint32_t x64i_tlbs_access(struct x64i_tlbs *tlbs, struct x64i_caches *caches,
                          const struct x64i_core_model *core, const struct x64_step *step,
                          uint64_t linear, bool code);

/* Cycles of all the walks among a step's effects. */
uint32_t x64i_tlbs_walk(struct x64i_tlbs *tlbs, struct x64i_caches *caches,
                        const struct x64i_core_model *core, const struct x64_step *step);

/* The physical address by the last walk; the linear one where none is known. */
uint64_t x64i_tlbs_physical(const struct x64i_tlbs *tlbs, uint64_t linear);

#endif
