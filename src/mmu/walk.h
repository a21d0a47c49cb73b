/* SPDX-License-Identifier: MIT */
/*
 * The page walk as a pure function: it reads the paging structures and says what they mean, entry
 * by entry, and changes nothing. The MMU commits what follows from it (accessed and dirty bits, the
 * TLB's entry); a debugger or viewer can show it as it is.
 */
#ifndef X64I_MMU_WALK_H
#define X64I_MMU_WALK_H

#include "mmu/mmu.h"

#define X64I_WALK_LEVELS 4

/* Bits of paging-structure entries (SDM vol. 3A, tables 4-15 to 4-20). */
#define X64I_PTE_PRESENT    (UINT64_C(1) << 0)
#define X64I_PTE_WRITABLE   (UINT64_C(1) << 1)
#define X64I_PTE_USER       (UINT64_C(1) << 2)
#define X64I_PTE_ACCESSED   (UINT64_C(1) << 5)
#define X64I_PTE_DIRTY      (UINT64_C(1) << 6)
#define X64I_PTE_LARGE      (UINT64_C(1) << 7) /* PS, in levels 2 and 3 */
#define X64I_PTE_GLOBAL     (UINT64_C(1) << 8)
#define X64I_PTE_NO_EXECUTE (UINT64_C(1) << 63)
#define X64I_PTE_KEY_SHIFT  59 /* four bits, of the entry that maps the page */

struct x64i_walk_step {
    uint64_t physical; /* address of the entry */
    uint64_t entry;    /* its value */
    unsigned level;    /* 4: PML4E, 3: PDPTE, 2: PDE, 1: PTE */
};

struct x64i_walk {
    unsigned step_count; /* entries read, also when the walk failed */
    struct x64i_walk_step steps[X64I_WALK_LEVELS];
    struct x64i_tlb_entry page; /* what the TLB would hold; only of a walk that succeeded */
    uint32_t error_code;        /* enum x64_page_fault_error; only of one that failed */
};

/* Walks the tables for one access with paging on; false for a page fault. Only RAM is read: an
 * entry that lies anywhere else is all ones. The page's dirty flag is what the access leaves. */
bool x64i_walk(const struct x64i_physical *physical, const struct x64i_paging *paging,
               uint64_t linear, unsigned access, struct x64i_walk *walk);

#endif
