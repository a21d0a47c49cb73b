/* SPDX-License-Identifier: MIT */
#include "timing/tlb.h"

#include <string.h>

#define SMALL_BITS  12u
#define LARGE_BITS  21u    /* larger pages are cached in pieces of this size */
#define PCID_GLOBAL 0xfffu /* stands for all; no kernel gets that far */
#define PTE_LARGE   0x80u
#define PTE_GLOBAL  0x100u
#define LARGE_KEY   (1ull << 50) /* set in no key of a small page without bit 51 */
#define PCID_BITS   52u

static uint64_t base_of(uint64_t linear, unsigned bits)
{
    return linear >> bits << bits;
}

/* A page of that size in an address space; global ones are in all. */
static uint64_t key_of(uint64_t linear, unsigned bits, uint32_t pcid)
{
    uint64_t page =
        (linear >> bits & ((1ull << PCID_BITS) - 1)) | (bits > SMALL_BITS ? LARGE_KEY : 0);
    return page | (uint64_t)pcid << PCID_BITS;
}

/* Whether the key is there; it is the latest of its set then. */
static bool hit(struct x64i_tlb_level *tlb, const struct x64i_tlb_shape *shape, uint64_t key)
{
    uint64_t *ways = tlb->pages[key & (shape->sets - 1)];
    for (unsigned way = 0; way < shape->ways; way++) {
        if (ways[way] != key + 1)
            continue;
        memmove(&ways[1], &ways[0], way * sizeof *ways);
        ways[0] = key + 1;
        return true;
    }
    return false;
}

static void insert(struct x64i_tlb_level *tlb, const struct x64i_tlb_shape *shape, uint64_t key)
{
    uint64_t *ways = tlb->pages[key & (shape->sets - 1)];
    memmove(&ways[1], &ways[0], (shape->ways - 1) * sizeof *ways);
    ways[0] = key + 1;
}

bool x64i_tlb_touch(struct x64i_tlb_level *tlb, const struct x64i_tlb_shape *shape, uint64_t page)
{
    if (hit(tlb, shape, page))
        return true;
    insert(tlb, shape, page);
    return false;
}

static struct x64i_translation *slot_of(const struct x64i_tlbs *tlbs, uint64_t linear,
                                        unsigned bits)
{
    uint64_t page = linear >> bits;
    uint64_t mixed = page ^ page >> 11 ^ (bits == LARGE_BITS ? 0x555 : 0);
    return (struct x64i_translation *)&tlbs->known[mixed % X64I_TLB_KNOWN];
}

/* Null where no walk is remembered. */
static const struct x64i_translation *find(const struct x64i_tlbs *tlbs, uint64_t linear)
{
    static const uint8_t sizes[] = {SMALL_BITS, LARGE_BITS};
    for (unsigned i = 0; i < 2; i++) {
        const struct x64i_translation *known = slot_of(tlbs, linear, sizes[i]);
        if (known->page == (base_of(linear, sizes[i]) | sizes[i]) &&
            (known->pcid == PCID_GLOBAL || known->pcid == tlbs->pcid))
            return known;
    }
    return NULL;
}

static bool is_leaf(const struct x64_effect *effect)
{
    return effect->index == 1 || (effect->index < 4 && (effect->value & PTE_LARGE));
}

static void remember(struct x64i_tlbs *tlbs, const struct x64_effect *fill,
                     const struct x64_effect *leaf)
{
    unsigned bits = fill->size > SMALL_BITS ? LARGE_BITS : SMALL_BITS;
    uint64_t base = base_of(leaf->linear, bits);
    *slot_of(tlbs, leaf->linear, bits) = (struct x64i_translation){
        .page = base | bits,
        .physical = fill->physical + (base - fill->linear),
        .leaf = leaf->physical,
        .pcid = leaf->value & PTE_GLOBAL ? PCID_GLOBAL : fill->index,
    };
}

static bool goes(uint64_t key, const struct x64_effect *flush)
{
    const uint64_t pages = (1ull << PCID_BITS) - 1;
    switch (flush->value) {
    case X64_FLUSH_PAGE:
        return (key & pages) == key_of(flush->linear, SMALL_BITS, 0) ||
               (key & pages) == key_of(flush->linear, LARGE_BITS, 0);
    case X64_FLUSH_PCID:
        return key >> PCID_BITS == flush->index;
    case X64_FLUSH_ALL_BUT_GLOBAL:
        return key >> PCID_BITS != PCID_GLOBAL;
    default:
        return true;
    }
}

/* Takes out the keys that the flush names. */
static void sweep(struct x64i_tlb_level *tlb, const struct x64i_tlb_shape *shape,
                  const struct x64_effect *flush)
{
    for (unsigned set = 0; set < shape->sets; set++)
        for (unsigned way = 0; way < shape->ways; way++)
            if (tlb->pages[set][way] && goes(tlb->pages[set][way] - 1, flush))
                tlb->pages[set][way] = 0;
}

static void flush_all(struct x64i_tlbs *tlbs, const struct x64i_core_model *core,
                      const struct x64_effect *flush)
{
    memset(tlbs->upper, 0, sizeof tlbs->upper);
    sweep(&tlbs->data, &core->data_tlb, flush);
    sweep(&tlbs->data_large, &core->data_large_tlb, flush);
    sweep(&tlbs->code, &core->code_tlb, flush);
    sweep(&tlbs->code_large, &core->code_large_tlb, flush);
    sweep(&tlbs->second, &core->second_tlb, flush);
}

bool x64i_tlbs_follow(struct x64i_tlbs *tlbs, const struct x64i_core_model *core,
                      const struct x64_step *step)
{
    const struct x64_effect *leaf = NULL;
    bool flushed = false;
    for (size_t i = 0; i < step->effect_count; i++) {
        const struct x64_effect *effect = &step->effects[i];
        if (effect->kind == X64_EFFECT_PAGE_WALK) {
            leaf = is_leaf(effect) ? effect : NULL;
        } else if (effect->kind == X64_EFFECT_TLB_FILL && leaf) {
            remember(tlbs, effect, leaf);
            memset(tlbs->recent, 0, sizeof tlbs->recent);
        } else if (effect->kind == X64_EFFECT_TLB_FLUSH) {
            flush_all(tlbs, core, effect);
            flushed = true;
        } else if (effect->kind == X64_EFFECT_CONTROL && effect->index == 3) {
            tlbs->pcid = effect->value & 0xfff;
            flushed = true;
        }
    }
    if (flushed)
        memset(tlbs->recent, 0, sizeof tlbs->recent);
    return flushed;
}

/* Whether the walker had the entry; those of upper levels only, that lead to a table. */
static bool cached_upper(struct x64i_tlbs *tlbs, const struct x64_effect *effect)
{
    if (is_leaf(effect))
        return false;
    uint64_t *slot = &tlbs->upper[effect->physical / 8 % X64I_WALK_CACHED];
    bool had = *slot == effect->physical + 1;
    *slot = effect->physical + 1;
    return had;
}

static uint32_t read_entry(struct x64i_caches *caches, uint64_t physical)
{
    return caches->shapes[x64i_caches_access(caches, physical)].latency;
}

/* The step's walks of one page, or all (`every`). 0: there were none. */
static uint32_t walks(struct x64i_tlbs *tlbs, struct x64i_caches *caches,
                      const struct x64i_core_model *core, const struct x64_step *step,
                      uint64_t linear, bool every)
{
    uint32_t cycles = 0;
    for (size_t i = 0; i < step->effect_count; i++) {
        const struct x64_effect *effect = &step->effects[i];
        if (!every && effect->linear >> SMALL_BITS != linear >> SMALL_BITS)
            continue;
        if (effect->kind == X64_EFFECT_PAGE_UPDATE)
            cycles += core->page_update_cycles;
        else if (effect->kind == X64_EFFECT_PAGE_WALK && !cached_upper(tlbs, effect))
            cycles +=
                read_entry(caches, effect->physical) + (is_leaf(effect) ? core->walk_overhead : 0);
    }
    return cycles;
}

uint32_t x64i_tlbs_walk(struct x64i_tlbs *tlbs, struct x64i_caches *caches,
                        const struct x64i_core_model *core, const struct x64_step *step)
{
    return walks(tlbs, caches, core, step, 0, true);
}

uint32_t x64i_tlbs_access(struct x64i_tlbs *tlbs, struct x64i_caches *caches,
                          const struct x64i_core_model *core, const struct x64_step *step,
                          uint64_t linear, bool code)
{
    uint64_t page = linear >> SMALL_BITS;
    uint64_t *recent = &tlbs->recent[code][page % X64I_TLB_RECENT];
    if (*recent == page + 1)
        return 0;
    const struct x64i_translation *known = find(tlbs, linear);
    unsigned bits = known && known->page % 64 == LARGE_BITS ? LARGE_BITS : SMALL_BITS;
    uint64_t key = key_of(linear, bits, known ? known->pcid : tlbs->pcid);
    struct x64i_tlb_level *small = code ? &tlbs->code : &tlbs->data;
    struct x64i_tlb_level *large = code ? &tlbs->code_large : &tlbs->data_large;
    struct x64i_tlb_level *first = bits == LARGE_BITS ? large : small;
    const struct x64i_tlb_shape *small_shape = code ? &core->code_tlb : &core->data_tlb;
    const struct x64i_tlb_shape *large_shape = code ? &core->code_large_tlb : &core->data_large_tlb;
    const struct x64i_tlb_shape *shape = bits == LARGE_BITS ? large_shape : small_shape;
    if (hit(first, shape, key)) {
        *recent = page + 1;
        return 0;
    }
    memset(tlbs->recent, 0, sizeof tlbs->recent); /* one of them may go */
    insert(first, shape, key);
    if (hit(&tlbs->second, &core->second_tlb, key))
        return core->second_tlb_cycles;
    insert(&tlbs->second, &core->second_tlb, key);
    uint32_t cycles = walks(tlbs, caches, core, step, linear, false);
    if (!cycles)
        cycles =
            core->walk_overhead + (known ? read_entry(caches, known->leaf) : core->walk_cycles);
    return core->second_tlb_cycles + cycles;
}

uint64_t x64i_tlbs_physical(const struct x64i_tlbs *tlbs, uint64_t linear)
{
    const struct x64i_translation *known = find(tlbs, linear);
    return known ? known->physical + (linear - base_of(known->page, SMALL_BITS)) : linear;
}
