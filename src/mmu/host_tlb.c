/* SPDX-License-Identifier: MIT */
#include "mmu/host_tlb.h"

#include "mmu/tlb.h"
#include "state/heap.h"
#include "state/pages.h"

#include <string.h>

#define SLOTS_SIZE (X64I_HOST_SLOTS * sizeof(struct x64i_host_slot))
#define PAGE_MASK  (~(uint64_t)(X64I_PAGE_SIZE - 1))

/* Counts of the slots that serve a physical page: several pages share one. */
#define COUNTS 2048u

/* What x64i_host_tlb.contexts points to. */
struct contexts {
    struct x64i_host_context context[X64I_HOST_CONTEXTS + 1];
    /* Most pages that are to be forgotten have no slot: this says so without a look at all slots.
     */
    uint16_t serving[COUNTS];
};

/* Of the context that always misses. */
static const struct x64i_host_slot no_slots[X64I_HOST_SLOTS];

static uint16_t *serving(struct x64i_host_tlb *host, uint64_t physical)
{
    struct contexts *contexts = (struct contexts *)host->contexts;
    return &contexts->serving[physical / X64I_PAGE_SIZE % COUNTS];
}

/* The slot serves nothing any more. */
static void empty_slot(struct x64i_host_tlb *host, struct x64i_host_slot *slot)
{
    if (slot->read_tag)
        --*serving(host, slot->physical);
    slot->read_tag = slot->write_tag = 0;
}

static void empty_context(struct x64i_host_tlb *host, struct x64i_host_context *context)
{
    for (size_t at = 0; at < X64I_HOST_SLOTS; at++)
        empty_slot(host, &context->slots[at]);
    context->filled = false;
}

bool x64i_host_tlb_create(struct x64i_host_tlb *host, struct x64i_heap *heap)
{
    *host = (struct x64i_host_tlb){.heap = heap};
    struct contexts *contexts = x64i_heap_allocate_zeroed(heap, sizeof *contexts);
    if (!contexts)
        return false;
    host->contexts = contexts->context;
    (void)x64i_host_tlb_select(host, 0);
    return true;
}

void x64i_host_tlb_destroy(struct x64i_host_tlb *host)
{
    for (size_t i = 0; host->contexts && i < X64I_HOST_CONTEXTS; i++)
        x64i_heap_free(host->heap, host->contexts[i].slots, SLOTS_SIZE);
    x64i_heap_free(host->heap, host->contexts, sizeof(struct contexts));
    *host = (struct x64i_host_tlb){0};
}

/* The context that was in force the longest time ago, made ready for another key; the one that
 * always misses where the host has no memory for it. */
static struct x64i_host_context *reuse_context(struct x64i_host_tlb *host, uint64_t key)
{
    struct x64i_host_context *oldest = host->contexts;
    for (size_t i = 1; i < X64I_HOST_CONTEXTS; i++)
        if (host->contexts[i].used_at < oldest->used_at)
            oldest = &host->contexts[i];
    if (!oldest->slots)
        oldest->slots = x64i_heap_allocate_zeroed(host->heap, SLOTS_SIZE);
    if (!oldest->slots)
        return &host->contexts[X64I_HOST_CONTEXTS];
    if (oldest->filled)
        empty_context(host, oldest);
    oldest->key = key;
    oldest->stamp = 0;
    return oldest;
}

static struct x64i_host_context *find_context(struct x64i_host_tlb *host, uint64_t key)
{
    if (key == 0)
        return &host->contexts[X64I_HOST_CONTEXTS];
    for (size_t i = 0; i < X64I_HOST_CONTEXTS; i++)
        if (host->contexts[i].key == key)
            return &host->contexts[i];
    return reuse_context(host, key);
}

bool x64i_host_tlb_select(struct x64i_host_tlb *host, uint64_t key)
{
    if (host->context && host->context->key == key && host->context->stamp)
        return false;
    struct x64i_host_context *context = find_context(host, key);
    context->used_at = ++host->selections;
    if (!context->stamp)
        context->stamp = ++host->last_stamp;
    host->context = context;
    host->slots = context->slots ? context->slots : no_slots;
    host->stamp = context->stamp;
    return true;
}

void x64i_host_tlb_fill(struct x64i_host_tlb *host, uint64_t linear, uint64_t physical,
                        const uint8_t *page, bool writable)
{
    if (host->context->key == 0)
        return;
    uint64_t tag = x64i_host_tag(linear);
    struct x64i_host_slot *slot = &host->context->slots[(linear >> 12) % X64I_HOST_SLOTS];
    host->context->filled = true;
    empty_slot(host, slot);
    ++*serving(host, physical);
    *slot = (struct x64i_host_slot){
        .read_tag = tag,
        .write_tag = writable ? tag : 0,
        .addend = (uint64_t)(uintptr_t)page - (linear & PAGE_MASK),
        .physical = physical & PAGE_MASK,
    };
}

void x64i_host_tlb_new_stamps(struct x64i_host_tlb *host)
{
    for (size_t i = 0; i <= X64I_HOST_CONTEXTS; i++)
        host->contexts[i].stamp = 0;
    host->context->stamp = host->stamp = ++host->last_stamp;
}

void x64i_host_tlb_flush(struct x64i_host_tlb *host)
{
    bool served = false;
    for (size_t i = 0; i < X64I_HOST_CONTEXTS; i++) {
        if (host->contexts[i].filled)
            memset(host->contexts[i].slots, 0, SLOTS_SIZE);
        served |= host->contexts[i].filled;
        host->contexts[i].filled = false;
    }
    if (served)
        memset(serving(host, 0), 0, COUNTS * sizeof(uint16_t));
    memset(host->code_filter, 0, sizeof host->code_filter);
    x64i_host_tlb_new_stamps(host);
}

bool x64i_host_tlb_drop(struct x64i_host_tlb *host, const struct x64i_tlb_entry *entry)
{
    if (entry->page_bits != 12) {
        x64i_host_tlb_flush(host);
        return true;
    }
    uint64_t page = entry->linear >> 12;
    for (size_t i = 0; i < X64I_HOST_CONTEXTS; i++) {
        if (!host->contexts[i].filled)
            continue;
        struct x64i_host_slot *slot = &host->contexts[i].slots[page % X64I_HOST_SLOTS];
        if (slot->read_tag == x64i_host_tag(entry->linear))
            empty_slot(host, slot);
    }
    uint64_t bit = page % X64I_HOST_CODE_BITS;
    if (!(host->code_filter[bit / 64] >> bit % 64 & 1))
        return false;
    x64i_host_tlb_new_stamps(host);
    return true;
}

void x64i_host_tlb_forget(struct x64i_host_tlb *host, uint64_t physical)
{
    const uint16_t *left = serving(host, physical);
    for (size_t i = 0; i < X64I_HOST_CONTEXTS && *left; i++) {
        if (!host->contexts[i].filled)
            continue;
        struct x64i_host_slot *slots = host->contexts[i].slots;
        for (size_t at = 0; at < X64I_HOST_SLOTS; at++)
            if (slots[at].physical == (physical & PAGE_MASK))
                empty_slot(host, &slots[at]);
    }
}

static void forget_write_tags(struct x64i_host_tlb *host)
{
    for (size_t i = 0; i < X64I_HOST_CONTEXTS; i++) {
        if (!host->contexts[i].filled)
            continue;
        for (size_t at = 0; at < X64I_HOST_SLOTS; at++)
            host->contexts[i].slots[at].write_tag = 0;
    }
}

void x64i_host_tlb_follow(struct x64i_host_tlb *host, const struct x64i_pages *ram)
{
    if (host->moves != ram->moves)
        x64i_host_tlb_flush(host);
    else if (host->write_generation != ram->write_generation)
        forget_write_tags(host);
    host->moves = ram->moves;
    host->write_generation = ram->write_generation;
}
