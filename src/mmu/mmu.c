/* SPDX-License-Identifier: MIT */
#include "mmu/mmu.h"

#include "mmu/walk.h"

#include <string.h>

#define TLB_REGION_VERSION 2

enum x64_status x64i_mmu_init(struct x64i_mmu *mmu, struct x64i_state *state, uint64_t ram_size)
{
    memset(mmu, 0, sizeof *mmu);
    enum x64_status status = x64i_physical_init(&mmu->physical, state, ram_size);
    if (status != X64_OK)
        return status;
    return x64i_state_add_fixed(state, "tlb", TLB_REGION_VERSION, &mmu->tlb, sizeof mmu->tlb, 0);
}

static void report_walk(struct x64i_mmu *mmu, uint64_t linear, const struct x64i_walk *walk)
{
    for (unsigned i = 0; i < walk->step_count; i++)
        x64i_effects_add(mmu->effects, (struct x64_effect){
                                           .kind = X64_EFFECT_PAGE_WALK,
                                           .size = sizeof walk->steps[i].entry,
                                           .index = walk->steps[i].level,
                                           .linear = linear,
                                           .physical = walk->steps[i].physical,
                                           .value = walk->steps[i].entry,
                                       });
}

static void report_flush(struct x64i_mmu *mmu, enum x64_tlb_flush what, uint64_t linear,
                         uint16_t pcid)
{
    x64i_effects_add(mmu->effects, (struct x64_effect){
                                       .kind = X64_EFFECT_TLB_FLUSH,
                                       .index = pcid,
                                       .linear = linear,
                                       .value = what,
                                   });
}

/* Sets the accessed bit in every entry used and the dirty bit in the leaf of a write (SDM vol. 3A,
 * 4.8). Entries are read again: a table that maps itself is used at two levels. */
static void update_entries(struct x64i_mmu *mmu, uint64_t linear, const struct x64i_walk *walk,
                           bool write)
{
    for (unsigned i = 0; i < walk->step_count; i++) {
        const struct x64i_walk_step *step = &walk->steps[i];
        uint64_t bits = X64I_PTE_ACCESSED;
        if (write && i == walk->step_count - 1)
            bits |= X64I_PTE_DIRTY;
        if ((step->entry & bits) == bits)
            continue;
        uint64_t old = step->entry;
        if (!x64i_physical_peek(&mmu->physical, step->physical, &old, sizeof old))
            continue;
        uint64_t updated = old | bits;
        if (updated == old)
            continue;
        if (!x64i_physical_poke(&mmu->physical, step->physical, &updated, sizeof updated))
            continue;
        x64i_effects_add(mmu->effects, (struct x64_effect){
                                           .kind = X64_EFFECT_PAGE_UPDATE,
                                           .size = sizeof updated,
                                           .index = step->level,
                                           .linear = linear,
                                           .physical = step->physical,
                                           .old = old,
                                           .value = updated,
                                       });
    }
}

/* What a walk is about to put into the TLB; null when an entry just goes. */
struct replacement {
    struct x64i_mmu *mmu;
    const struct x64i_tlb_entry *entry;
};

/* An entry that a better one of the same page replaces takes nothing away. */
static bool is_kept(const struct x64i_tlb_entry *old, const struct x64i_tlb_entry *entry)
{
    const unsigned rights = ~(unsigned)X64I_TLB_DIRTY;
    return entry && old->linear == entry->linear && old->physical == entry->physical &&
           old->page_bits == entry->page_bits && old->pcid == entry->pcid &&
           (old->flags & rights) == (entry->flags & rights);
}

static void entry_gone(void *user, const struct x64i_tlb_entry *entry)
{
    const struct replacement *replacement = user;
    struct x64i_mmu *mmu = replacement->mmu;
    if (is_kept(entry, replacement->entry))
        return;
    if (x64i_host_tlb_drop(&mmu->physical.host, entry))
        mmu->physical.disturbed = true;
}

static bool drop_entries(struct x64i_mmu *mmu, uint64_t linear, uint16_t pcid, bool global)
{
    struct replacement nothing = {mmu, NULL};
    const struct x64i_tlb_witness witness = {entry_gone, &nothing};
    bool watched = x64i_host_tlb_exists(&mmu->physical.host);
    return x64i_tlb_drop(&mmu->tlb, linear, pcid, global, watched ? &witness : NULL);
}

static void fill_entry(struct x64i_mmu *mmu, uint64_t linear, const struct x64i_tlb_entry *entry)
{
    struct replacement replacement = {mmu, entry};
    const struct x64i_tlb_witness witness = {entry_gone, &replacement};
    bool watched = x64i_host_tlb_exists(&mmu->physical.host);
    x64i_tlb_fill(&mmu->tlb, linear, entry, watched ? &witness : NULL);
    x64i_mmu_forget_recent(mmu);
}

/* Walks, commits what follows and fills the TLB. */
static bool walk_and_fill(struct x64i_mmu *mmu, uint64_t linear, unsigned access,
                          uint64_t *physical, uint32_t *error_code)
{
    struct x64i_walk walk;
    bool translated = x64i_walk(&mmu->physical, &mmu->paging, linear, access, &walk);
    report_walk(mmu, linear, &walk);
    if (!translated) {
        if (drop_entries(mmu, linear, mmu->paging.pcid, true))
            report_flush(mmu, X64_FLUSH_PAGE, linear, mmu->paging.pcid);
        *error_code = walk.error_code;
        return false;
    }
    update_entries(mmu, linear, &walk, access & X64I_ACCESS_WRITE);
    fill_entry(mmu, linear, &walk.page);
    x64i_effects_add(mmu->effects, (struct x64_effect){
                                       .kind = X64_EFFECT_TLB_FILL,
                                       .size = walk.page.page_bits,
                                       .index = walk.page.pcid,
                                       .linear = walk.page.linear,
                                       .physical = walk.page.physical,
                                   });
    *physical = x64i_tlb_physical(&walk.page, linear);
    return true;
}

static bool walk_and_look(const struct x64i_mmu *mmu, uint64_t linear, unsigned access,
                          uint64_t *physical, uint32_t *error_code)
{
    struct x64i_walk walk;
    if (!x64i_walk(&mmu->physical, &mmu->paging, linear, access, &walk)) {
        *error_code = walk.error_code;
        return false;
    }
    *physical = x64i_tlb_physical(&walk.page, linear);
    return true;
}

bool x64i_mmu_translate_slowly(struct x64i_mmu *mmu, uint64_t linear, unsigned access,
                               uint64_t *physical, uint32_t *error_code)
{
    const struct x64i_paging *paging = &mmu->paging;
    if (paging->mode == X64I_PAGING_NONE) {
        *physical = linear;
        return true;
    }
    const struct x64i_tlb_entry *entry = x64i_tlb_find(&mmu->tlb, linear, paging->pcid);
    if (entry && x64i_tlb_serves(paging, entry->flags, access)) {
        *x64i_mmu_recent_slot(mmu, linear) =
            (struct x64i_mmu_recent){linear / X64I_PAGE_SIZE, entry};
        *physical = x64i_tlb_physical(entry, linear);
        return true;
    }
    if (access & X64I_ACCESS_PEEK)
        return walk_and_look(mmu, linear, access, physical, error_code);
    return walk_and_fill(mmu, linear, access, physical, error_code);
}

void x64i_mmu_invalidate_page(struct x64i_mmu *mmu, uint64_t linear, uint16_t pcid)
{
    (void)drop_entries(mmu, linear, pcid, true);
    report_flush(mmu, X64_FLUSH_PAGE, linear, pcid);
}

void x64i_mmu_invalidate_page_of_pcid(struct x64i_mmu *mmu, uint64_t linear, uint16_t pcid)
{
    (void)drop_entries(mmu, linear, pcid, false);
    report_flush(mmu, X64_FLUSH_PAGE, linear, pcid);
}

void x64i_mmu_flush(struct x64i_mmu *mmu, enum x64_tlb_flush what, uint16_t pcid)
{
    if (what == X64_FLUSH_PAGE)
        return;
    x64i_tlb_flush(&mmu->tlb, what, pcid);
    if (x64i_host_tlb_exists(&mmu->physical.host)) {
        x64i_host_tlb_flush(&mmu->physical.host);
        mmu->physical.disturbed = true;
    }
    report_flush(mmu, what, 0, pcid);
}

/* Everything that x64i_tlb_serves and x64i_tlb_matches look at but PKRU, as a number; never 0. */
static uint64_t context_key(const struct x64i_mmu *mmu, unsigned access)
{
    const struct x64i_paging *paging = &mmu->paging;
    return 1 | (uint64_t)paging->mode << 8 | (uint64_t)paging->pcid << 16 | (uint64_t)access << 32 |
           (uint64_t)paging->write_protect << 40 | (uint64_t)paging->smep << 41 |
           (uint64_t)paging->smap << 42 | (uint64_t)paging->no_execute << 43 |
           (uint64_t)paging->global << 44 | (uint64_t)paging->keys << 45;
}

void x64i_mmu_rights_changed(struct x64i_mmu *mmu)
{
    if (!x64i_host_tlb_exists(&mmu->physical.host))
        return;
    x64i_host_tlb_flush(&mmu->physical.host);
    mmu->physical.disturbed = true;
}

void x64i_mmu_host_select(struct x64i_mmu *mmu, unsigned access, bool misses)
{
    if (!x64i_host_tlb_exists(&mmu->physical.host))
        return;
    uint64_t key = misses ? 0 : context_key(mmu, access);
    if (x64i_host_tlb_select(&mmu->physical.host, key))
        mmu->physical.disturbed = true;
}

/* Whether the TLB serves the access, or there is no paging: then where its page is. */
static bool is_served(const struct x64i_mmu *mmu, uint64_t linear, unsigned access, uint64_t *page)
{
    *page = linear & ~(uint64_t)(X64I_PAGE_SIZE - 1);
    if (mmu->paging.mode == X64I_PAGING_NONE)
        return true;
    const struct x64i_tlb_entry *entry = x64i_tlb_find(&mmu->tlb, linear, mmu->paging.pcid);
    if (!entry || !x64i_tlb_serves(&mmu->paging, entry->flags, access))
        return false;
    *page = x64i_tlb_physical(entry, *page);
    return true;
}

bool x64i_mmu_holds(const struct x64i_mmu *mmu, uint64_t linear, unsigned access)
{
    uint64_t page;
    return is_served(mmu, linear, access, &page);
}

void x64i_mmu_host_fill(struct x64i_mmu *mmu, uint64_t linear, unsigned access)
{
    struct x64i_physical *physical = &mmu->physical;
    uint64_t page;
    if (!x64i_host_tlb_exists(&physical->host) ||
        x64i_host_tlb_hides(&physical->host, linear, false) ||
        !is_served(mmu, linear, access, &page))
        return;
    const uint8_t *bytes = x64i_physical_ram(physical, page);
    if (!bytes)
        return;
    bool writable = (access & X64I_ACCESS_WRITE) && !x64i_physical_keeps_code(physical, page) &&
                    !x64i_host_tlb_hides(&physical->host, linear, true);
    if (writable)
        bytes = x64i_physical_own(physical, page);
    if (bytes)
        x64i_host_tlb_fill(&physical->host, linear, page, bytes, writable);
}
