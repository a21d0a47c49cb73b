/* SPDX-License-Identifier: MIT */
/*
 * The guest-visible translation lookaside buffer: three set-associative arrays, one per page size,
 * shared by code and data, replaced first in first out. A plain struct: it is a region of the
 * state.
 */
#ifndef X64I_MMU_TLB_H
#define X64I_MMU_TLB_H

#include "x64emu/effects.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X64I_TLB_WAYS    4
#define X64I_TLB_SETS_4K 256
#define X64I_TLB_SETS_2M 16
#define X64I_TLB_SETS_1G 4

enum x64i_tlb_flag {
    X64I_TLB_VALID = 1 << 0,
    X64I_TLB_WRITABLE = 1 << 1, /* R/W of every level */
    X64I_TLB_USER = 1 << 2,     /* U/S of every level */
    X64I_TLB_NO_EXECUTE = 1 << 3,
    X64I_TLB_GLOBAL = 1 << 4,
    X64I_TLB_DIRTY = 1 << 5,
    X64I_TLB_KEY = 15 << 8 /* the protection key, from X64I_TLB_KEY_SHIFT on */
};

#define X64I_TLB_KEY_SHIFT 8

struct x64i_tlb_entry {
    uint64_t linear;   /* page base */
    uint64_t physical; /* page base */
    uint16_t pcid;
    uint8_t page_bits; /* 12, 21 or 30 */
    uint8_t reserved;
    uint32_t flags; /* enum x64i_tlb_flag */
};

struct x64i_tlb_set {
    struct x64i_tlb_entry way[X64I_TLB_WAYS];
    uint64_t next; /* way that the next fill replaces */
};

struct x64i_tlb {
    struct x64i_tlb_set small[X64I_TLB_SETS_4K];
    struct x64i_tlb_set large[X64I_TLB_SETS_2M];
    struct x64i_tlb_set huge[X64I_TLB_SETS_1G];
};

/* Whether an entry of the set for `linear` translates it under `pcid` (global ones match any). */
static inline bool x64i_tlb_matches(const struct x64i_tlb_entry *entry, uint64_t linear,
                                    uint16_t pcid)
{
    return (entry->flags & X64I_TLB_VALID) &&
           (linear ^ entry->linear) >> (entry->page_bits & 63) == 0 &&
           (entry->pcid == pcid || (entry->flags & X64I_TLB_GLOBAL));
}

/* Where an address in the entry's page is. */
static inline uint64_t x64i_tlb_physical(const struct x64i_tlb_entry *page, uint64_t linear)
{
    return page->physical | (linear & ((UINT64_C(1) << (page->page_bits & 63)) - 1));
}

/* The 4-KByte entry that translates `linear` under `pcid`, or null: the engine's quick probe. */
static inline const struct x64i_tlb_entry *x64i_tlb_find_small(const struct x64i_tlb *tlb,
                                                               uint64_t linear, uint16_t pcid)
{
    const struct x64i_tlb_set *set = &tlb->small[(linear >> 12) % X64I_TLB_SETS_4K];
    for (unsigned way = 0; way < X64I_TLB_WAYS; way++)
        if (x64i_tlb_matches(&set->way[way], linear, pcid))
            return &set->way[way];
    return NULL;
}

/* The entry that translates `linear` under `pcid` (global entries match any), or null. The smallest
 * page wins where the guest left translations of several sizes (SDM vol. 3A, 4.10.2.3). */
const struct x64i_tlb_entry *x64i_tlb_find(const struct x64i_tlb *tlb, uint64_t linear,
                                           uint16_t pcid);

/* Is told of every valid entry that goes, before it goes. */
struct x64i_tlb_witness {
    void (*gone)(void *user, const struct x64i_tlb_entry *entry);
    void *user;
};

/* Stores the entry that an access to `linear` was translated by, replacing one of the same page and
 * PCID first, else a free way, else the set's oldest. Entries of other page sizes that would be
 * found in front of it are dropped. The witness may be null. */
void x64i_tlb_fill(struct x64i_tlb *tlb, uint64_t linear, const struct x64i_tlb_entry *entry,
                   const struct x64i_tlb_witness *witness);

/* Drops the translations of `linear` under `pcid`, and with `global` those of global pages. Answers
 * whether there were any. The witness may be null. */
bool x64i_tlb_drop(struct x64i_tlb *tlb, uint64_t linear, uint16_t pcid, bool global,
                   const struct x64i_tlb_witness *witness);

/* Drops whole kinds of entries: any `what` but X64_FLUSH_PAGE. */
void x64i_tlb_flush(struct x64i_tlb *tlb, enum x64_tlb_flush what, uint16_t pcid);

/* Calls `visit` with every valid entry, smallest pages first. */
void x64i_tlb_visit(const struct x64i_tlb *tlb,
                    void (*visit)(void *user, const struct x64i_tlb_entry *entry), void *user);

/* Makes the best of what a file claims to be a TLB: entries that no walk could have left, of a size
 * that is not their array's or not on a boundary of theirs, are dropped. */
void x64i_tlb_repair(struct x64i_tlb *tlb);

/* Number of entries the TLB has room for, per page size (12, 21 or 30 bits); 0 for other sizes. */
unsigned x64i_tlb_capacity(unsigned page_bits);

#endif
