/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores of the core: L1 banks, line and page splits, commit of stores and forwarding
 * from them, memory renaming.
 */
#ifndef X64I_TIMING_MEMORY_H
#define X64I_TIMING_MEMORY_H

#include "timing/ports.h"

#define X64I_STORE_MAX  128u /* stores remembered: at least a store buffer */
#define X64I_BANKS      16u  /* of an L1 line, by address bits 5:2 */
#define X64I_STORE_HASH 512u

struct x64i_touch {
    uint64_t linear, physical;
    uint32_t size;
    uint32_t extra; /* cycles that translation and caches add */
    uint32_t wait;  /* enum x64i_wait: which of them most */
};

struct x64i_store {
    uint64_t linear, physical;
    uint32_t size;
    uint64_t data;    /* when the data is there */
    uint64_t address; /* when the address is known */
    uint64_t commit;  /* when it is in the L1 */
};

struct x64i_memory {
    uint64_t bank_use[X64I_RING_CYCLES]; /* loads of each bank in a cycle, four bits each */
    uint64_t swept;
    struct x64i_store stores[X64I_STORE_MAX];
    uint64_t store_count;
    uint32_t
        last_store[X64I_STORE_HASH]; /* by the quadword in its page: number + 1 of its last store */
    uint64_t page_split;             /* when the next load may cross pages */
    uint64_t commit;                 /* of the last store */
    uint64_t commit_line;
    uint32_t commits; /* in that cycle */
};

/* x64i_memory_advance when there is something to do. */
void x64i_memory_sweep(struct x64i_memory *memory, uint64_t cycle);

/* No load starts before `cycle` any more. */
static inline void x64i_memory_advance(struct x64i_memory *memory, uint64_t cycle)
{
    if (memory->swept < cycle)
        x64i_memory_sweep(memory, cycle);
}

/* A load whose port is free in `cycle`: when it may start at the earliest for its banks. */
uint64_t x64i_memory_banks(struct x64i_memory *memory, const struct x64i_core_model *core,
                           const struct x64i_touch *access, uint64_t cycle);

/* When a load that started in `cycle` has its data. `renamed`: it may take over the register of the
 * store that wrote the same bytes by the same address. */
uint64_t x64i_memory_load(struct x64i_memory *memory, const struct x64i_core_model *core,
                          const struct x64i_touch *access, uint64_t cycle, unsigned latency,
                          bool renamed, bool slow);

/* A store that retires in `retired`: answers the cycle in which it is in the L1. */
uint64_t x64i_memory_store(struct x64i_memory *memory, const struct x64i_touch *access,
                           uint64_t address, uint64_t data, uint64_t retired);

#endif
