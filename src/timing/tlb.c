/* SPDX-License-Identifier: MIT */
#include "timing/tlb.h"

#include <string.h>

#define PAGE_BITS 12

static bool touch(struct x64i_tlb *tlb, const struct x64i_tlb_shape *shape, uint64_t page)
{
    uint64_t *ways = tlb->pages[page % shape->sets];
    uint64_t carried = page + 1;
    for (unsigned way = 0; way < shape->ways; way++) {
        uint64_t here = ways[way];
        ways[way] = carried;
        if (here == page + 1)
            return true;
        carried = here;
    }
    return false;
}

uint32_t x64i_tlbs_access(struct x64i_tlbs *tlbs, const struct x64i_core_model *core,
                          uint64_t linear, bool code)
{
    uint64_t page = linear >> PAGE_BITS;
    if (touch(code ? &tlbs->code : &tlbs->data, code ? &core->code_tlb : &core->data_tlb, page))
        return 0;
    return touch(&tlbs->second, &core->second_tlb, page) ? core->second_tlb_cycles
                                                         : core->walk_cycles;
}

/* Whether the walker had the entry; upper levels only. */
static bool cached_upper(struct x64i_tlbs *tlbs, const struct x64_effect *effect)
{
    if (effect->index < 2)
        return false;
    uint64_t *slot = &tlbs->upper[effect->physical / 8 % X64I_WALK_CACHED];
    bool hit = *slot == effect->physical + 1;
    *slot = effect->physical + 1;
    return hit;
}

uint32_t x64i_tlbs_walk(struct x64i_tlbs *tlbs, struct x64i_caches *caches,
                        const struct x64i_core_model *core, const struct x64_step *step)
{
    uint32_t cycles = 0;
    for (size_t i = 0; i < step->effect_count; i++) {
        const struct x64_effect *effect = &step->effects[i];
        if (effect->kind == X64_EFFECT_TLB_FLUSH)
            x64i_tlbs_flush(tlbs, effect);
        else if (effect->kind == X64_EFFECT_PAGE_UPDATE)
            cycles += core->page_update_cycles;
        else if (effect->kind == X64_EFFECT_PAGE_WALK && !cached_upper(tlbs, effect))
            cycles += core->caches[X64I_LEVEL_L1].latency +
                      x64i_caches_extra(caches, x64i_caches_access(caches, effect->physical));
    }
    return cycles;
}

static void drop(struct x64i_tlb *tlb, uint64_t page)
{
    for (unsigned set = 0; set < X64I_TLB_SETS; set++)
        for (unsigned way = 0; way < X64I_TLB_WAYS; way++)
            if (tlb->pages[set][way] == page + 1)
                tlb->pages[set][way] = 0;
}

void x64i_tlbs_flush(struct x64i_tlbs *tlbs, const struct x64_effect *effect)
{
    memset(tlbs->upper, 0, sizeof tlbs->upper);
    if (effect->value != X64_FLUSH_PAGE) {
        memset(&tlbs->data, 0, sizeof tlbs->data);
        memset(&tlbs->code, 0, sizeof tlbs->code);
        memset(&tlbs->second, 0, sizeof tlbs->second);
        return;
    }
    drop(&tlbs->data, effect->linear >> PAGE_BITS);
    drop(&tlbs->code, effect->linear >> PAGE_BITS);
    drop(&tlbs->second, effect->linear >> PAGE_BITS);
}
