/* SPDX-License-Identifier: MIT */
/*
 * The guest-visible translation lookaside buffer: three set-associative arrays, one per page size,
 * shared by code and data, replaced first in first out. A plain struct: it is a region of the
 * state.
 */
#ifndef X64I_MMU_TLB_H
#define X64I_MMU_TLB_H

#include <stdbool.h>
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
    X64I_TLB_DIRTY = 1 << 5
};

struct x64i_tlb_entry {
    uint64_t linear;   /* page base */
    uint64_t physical; /* page base */
    uint16_t pcid;
    uint8_t flags;     /* enum x64i_tlb_flag */
    uint8_t page_bits; /* 12, 21 or 30 */
    uint32_t reserved;
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

/* The entry that translates `linear` under `pcid` (global entries match any), or null. */
const struct x64i_tlb_entry *x64i_tlb_find(const struct x64i_tlb *tlb, uint64_t linear,
                                           uint16_t pcid);

/* Stores an entry, replacing one of the same page and PCID first, else the set's oldest. */
void x64i_tlb_fill(struct x64i_tlb *tlb, const struct x64i_tlb_entry *entry);

/* Calls `visit` with every valid entry, smallest pages first. */
void x64i_tlb_visit(const struct x64i_tlb *tlb,
                    void (*visit)(void *user, const struct x64i_tlb_entry *entry), void *user);

/* Number of entries the TLB has room for, per page size (12, 21 or 30 bits). */
unsigned x64i_tlb_capacity(unsigned page_bits);

#endif
