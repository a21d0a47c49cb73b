/* SPDX-License-Identifier: MIT */
#include "mmu/tlb.h"

/* The three arrays, smallest pages first: the order in which they are asked. */
#define ARRAY_COUNT 3

#define PHYSICAL_BITS_MAX 52

struct array {
    unsigned page_bits;
    unsigned sets;
    size_t offset; /* of the sets in struct x64i_tlb */
};

static const struct array arrays[ARRAY_COUNT] = {
    {12, X64I_TLB_SETS_4K, offsetof(struct x64i_tlb, small)},
    {21, X64I_TLB_SETS_2M, offsetof(struct x64i_tlb, large)},
    {30, X64I_TLB_SETS_1G, offsetof(struct x64i_tlb, huge)},
};

static const struct x64i_tlb_set *array_sets(const struct x64i_tlb *tlb, const struct array *array)
{
    return (const struct x64i_tlb_set *)((const char *)tlb + array->offset);
}

static struct x64i_tlb_set *writable_sets(struct x64i_tlb *tlb, const struct array *array)
{
    return (struct x64i_tlb_set *)((char *)tlb + array->offset);
}

static size_t set_index(const struct array *array, uint64_t linear)
{
    return (size_t)(linear >> array->page_bits) % array->sets;
}

const struct x64i_tlb_entry *x64i_tlb_find(const struct x64i_tlb *tlb, uint64_t linear,
                                           uint16_t pcid)
{
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        const struct x64i_tlb_set *set =
            &array_sets(tlb, &arrays[i])[set_index(&arrays[i], linear)];
        for (unsigned way = 0; way < X64I_TLB_WAYS; way++)
            if (x64i_tlb_matches(&set->way[way], linear, pcid))
                return &set->way[way];
    }
    return NULL;
}

static void remove_entry(struct x64i_tlb_entry *entry, const struct x64i_tlb_witness *witness)
{
    if (witness && (entry->flags & X64I_TLB_VALID))
        witness->gone(witness->user, entry);
    *entry = (struct x64i_tlb_entry){0};
}

/* Clears every translation of `linear` that lookups under `pcid` could find. Answers the first way
 * that became free in the array of `page_bits`, or X64I_TLB_WAYS. */
static unsigned drop_matching(struct x64i_tlb *tlb, uint64_t linear, uint16_t pcid,
                              unsigned page_bits, const struct x64i_tlb_witness *witness)
{
    unsigned freed = X64I_TLB_WAYS;
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        struct x64i_tlb_set *set = &writable_sets(tlb, &arrays[i])[set_index(&arrays[i], linear)];
        for (unsigned way = 0; way < X64I_TLB_WAYS; way++) {
            if (!x64i_tlb_matches(&set->way[way], linear, pcid))
                continue;
            remove_entry(&set->way[way], witness);
            if (arrays[i].page_bits == page_bits && freed == X64I_TLB_WAYS)
                freed = way;
        }
    }
    return freed;
}

/* The way for a new page: a free one if there is any, counted from the oldest, else the oldest. */
static unsigned choose_way(struct x64i_tlb_set *set)
{
    for (unsigned i = 0; i < X64I_TLB_WAYS; i++) {
        unsigned way = (unsigned)(set->next + i) % X64I_TLB_WAYS;
        if (set->way[way].flags & X64I_TLB_VALID)
            continue;
        if (way == set->next)
            set->next = (set->next + 1) % X64I_TLB_WAYS;
        return way;
    }
    unsigned oldest = (unsigned)(set->next % X64I_TLB_WAYS);
    set->next = (oldest + 1) % X64I_TLB_WAYS;
    return oldest;
}

void x64i_tlb_fill(struct x64i_tlb *tlb, uint64_t linear, const struct x64i_tlb_entry *entry,
                   const struct x64i_tlb_witness *witness)
{
    unsigned way = drop_matching(tlb, linear, entry->pcid, entry->page_bits, witness);
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        if (arrays[i].page_bits != entry->page_bits)
            continue;
        size_t index = set_index(&arrays[i], entry->linear);
        struct x64i_tlb_set *set = &writable_sets(tlb, &arrays[i])[index];
        if (way == X64I_TLB_WAYS) {
            way = choose_way(set);
            remove_entry(&set->way[way], witness);
        }
        set->way[way] = *entry;
    }
}

bool x64i_tlb_drop(struct x64i_tlb *tlb, uint64_t linear, uint16_t pcid, bool global,
                   const struct x64i_tlb_witness *witness)
{
    bool dropped = false;
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        struct x64i_tlb_set *set = &writable_sets(tlb, &arrays[i])[set_index(&arrays[i], linear)];
        for (unsigned way = 0; way < X64I_TLB_WAYS; way++) {
            struct x64i_tlb_entry *entry = &set->way[way];
            if (!x64i_tlb_matches(entry, linear, pcid))
                continue;
            if ((entry->flags & X64I_TLB_GLOBAL) && !global)
                continue;
            remove_entry(entry, witness);
            dropped = true;
        }
    }
    return dropped;
}

static bool is_flushed(const struct x64i_tlb_entry *entry, enum x64_tlb_flush what, uint16_t pcid)
{
    switch (what) {
    case X64_FLUSH_ALL:
        return true;
    case X64_FLUSH_ALL_BUT_GLOBAL:
        return !(entry->flags & X64I_TLB_GLOBAL);
    case X64_FLUSH_PCID:
        return !(entry->flags & X64I_TLB_GLOBAL) && entry->pcid == pcid;
    case X64_FLUSH_PAGE:
        break;
    }
    return false;
}

void x64i_tlb_flush(struct x64i_tlb *tlb, enum x64_tlb_flush what, uint16_t pcid)
{
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        struct x64i_tlb_set *sets = writable_sets(tlb, &arrays[i]);
        for (unsigned index = 0; index < arrays[i].sets; index++)
            for (unsigned way = 0; way < X64I_TLB_WAYS; way++)
                if (is_flushed(&sets[index].way[way], what, pcid))
                    sets[index].way[way] = (struct x64i_tlb_entry){0};
    }
}

void x64i_tlb_visit(const struct x64i_tlb *tlb,
                    void (*visit)(void *user, const struct x64i_tlb_entry *entry), void *user)
{
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        const struct x64i_tlb_set *sets = array_sets(tlb, &arrays[i]);
        for (unsigned index = 0; index < arrays[i].sets; index++)
            for (unsigned way = 0; way < X64I_TLB_WAYS; way++)
                if (sets[index].way[way].flags & X64I_TLB_VALID)
                    visit(user, &sets[index].way[way]);
    }
}

static bool is_possible(const struct x64i_tlb_entry *entry, unsigned page_bits)
{
    uint64_t inside = (UINT64_C(1) << page_bits) - 1;
    return entry->page_bits == page_bits && ((entry->linear | entry->physical) & inside) == 0 &&
           entry->physical >> PHYSICAL_BITS_MAX == 0;
}

void x64i_tlb_repair(struct x64i_tlb *tlb)
{
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        struct x64i_tlb_set *sets = writable_sets(tlb, &arrays[i]);
        for (unsigned index = 0; index < arrays[i].sets; index++) {
            struct x64i_tlb_set *set = &sets[index];
            set->next %= X64I_TLB_WAYS;
            for (unsigned way = 0; way < X64I_TLB_WAYS; way++)
                if ((set->way[way].flags & X64I_TLB_VALID) &&
                    !is_possible(&set->way[way], arrays[i].page_bits))
                    set->way[way] = (struct x64i_tlb_entry){0};
        }
    }
}

unsigned x64i_tlb_capacity(unsigned page_bits)
{
    for (size_t i = 0; i < ARRAY_COUNT; i++)
        if (arrays[i].page_bits == page_bits)
            return arrays[i].sets * X64I_TLB_WAYS;
    return 0;
}
