/* SPDX-License-Identifier: MIT */
/*
 * A machine of RAM, page tables and MMU for the tests, and the few verbs they need: map a page,
 * touch an address, look at the entries used.
 *
 *     struct paging_fixture *f = paging_fixture_create();
 *     map_page(f, 0x400000, 0x5000, 12, PTE_USER | PTE_WRITABLE);
 *     ck_assert(touches(f, 0x400123, X64I_ACCESS_USER));
 *     ck_assert_uint_eq(f->physical, 0x5123);
 *     paging_fixture_destroy(f);
 */
#ifndef X64_TESTS_MMU_PAGING_FIXTURE_H
#define X64_TESTS_MMU_PAGING_FIXTURE_H

#include "mmu/mmu.h"
#include "mmu/walk.h"
#include "state/state.h"

#define FIXTURE_RAM  (UINT64_C(16) << 20)
#define FIXTURE_ROOT UINT64_C(0x100000)

struct paging_fixture {
    struct x64i_mmu mmu;
    struct x64i_effect_list effects;
    struct x64i_state *state;
    uint64_t next_table; /* where the next paging structure is put */
    uint64_t physical;   /* of the last touch that succeeded */
    uint32_t error_code; /* of the last touch that failed */
};

/* Long mode with everything on but SMEP and SMAP: WP, NXE, PGE, 1-GByte pages, 46 physical bits,
 * PCID 0, and an empty top table at FIXTURE_ROOT. Effects are being collected. */
struct paging_fixture *paging_fixture_create(void);
void paging_fixture_destroy(struct paging_fixture *f);

/* Maps one page of 2^page_bits bytes. Upper entries that are made allow everything; the leaf is
 * present with `bits` on top. An existing leaf is overwritten, the TLB is left alone. */
void map_page(struct paging_fixture *f, uint64_t linear, uint64_t physical, unsigned page_bits,
              uint64_t bits);

/* Physical address of the entry of `level` that translates `linear`; the levels above must exist.
 */
uint64_t entry_address(const struct paging_fixture *f, uint64_t linear, unsigned level);

uint64_t get_entry(const struct paging_fixture *f, uint64_t linear, unsigned level);
void set_entry(struct paging_fixture *f, uint64_t linear, unsigned level, uint64_t entry);

/* Translates, with the effects of this touch alone in f->effects. */
bool touches(struct paging_fixture *f, uint64_t linear, unsigned access);

/* Touches and answers the physical address; fails the test on a page fault. */
uint64_t must_touch(struct paging_fixture *f, uint64_t linear, unsigned access);

/* Touches and answers the error code; fails the test when there was no page fault. */
uint32_t must_fault(struct paging_fixture *f, uint64_t linear, unsigned access);

/* How many effects of a kind the last touch had. */
size_t count_effects(const struct paging_fixture *f, enum x64_effect_kind kind);

#endif
