/* SPDX-License-Identifier: MIT */
/*
 * Host pointers for translations that the guest-visible TLB holds: the block engine's way to
 * memory. A cache and never state: every slot stands for an entry of the TLB and goes with it, so
 * that a run with these pointers and one without fill the TLB alike.
 *
 *     slot = slots[linear page % 256]
 *     slot->read_tag == linear | 0xfff  the byte is at (linear + slot->addend), readable
 *     slot->write_tag == linear | 0xfff it may be written there as well: the page is dirty, not
 *                                       shared with a snapshot, and no code is kept of it
 *
 * There is a table of slots for each context: what a TLB entry's rights are judged by (PCID, CPL,
 * RFLAGS.AC, CR0.WP ...). A context also has a stamp, which changes with every translation that
 * goes: code that was found under a stamp is where it was as long as the stamp stays the same.
 */
#ifndef X64I_MMU_HOST_TLB_H
#define X64I_MMU_HOST_TLB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X64I_HOST_SLOTS    256u
#define X64I_HOST_CONTEXTS 8u

/* Linear pages from which code was run, as a filter of one bit for each of these many pages. */
#define X64I_HOST_CODE_BITS 4096u

struct x64i_heap;
struct x64i_tlb_entry;
struct x64i_pages;

struct x64i_host_slot {
    uint64_t read_tag; /* 0: none */
    uint64_t write_tag;
    uint64_t addend;   /* host address minus linear address */
    uint64_t physical; /* of the page */
};

struct x64i_host_context {
    uint64_t key; /* 0: unused */
    uint64_t stamp;
    uint64_t used_at;
    bool filled;                  /* some slot may have a tag */
    struct x64i_host_slot *slots; /* X64I_HOST_SLOTS of them; null: not used yet */
};

struct x64i_host_tlb {
    const struct x64i_host_slot *slots; /* of the context in force */
    uint64_t stamp;                     /* of the context in force */
    uint64_t last_stamp;
    uint64_t selections;
    uint64_t write_generation; /* of the RAM, when write tags were given */
    uint64_t moves;            /* of the RAM, when pointers were taken */
    /* Linear pages whose reads, or writes, are never to be served: who watches them says so. Null:
     * none. */
    bool (*hides)(void *user, uint64_t page, bool write);
    void *hides_user;
    struct x64i_host_context *context;
    struct x64i_host_context *contexts; /* X64I_HOST_CONTEXTS and one that always misses, or null */
    struct x64i_heap *heap;             /* of the contexts and their slots */
    uint64_t code_filter[X64I_HOST_CODE_BITS / 64];
};

/* Allocates the contexts; false when the host has no memory. */
bool x64i_host_tlb_create(struct x64i_host_tlb *host, struct x64i_heap *heap);
void x64i_host_tlb_destroy(struct x64i_host_tlb *host);

/* What the tag of a slot is that serves the byte at `linear`. */
static inline uint64_t x64i_host_tag(uint64_t linear)
{
    return linear | 0xfff;
}

static inline bool x64i_host_tlb_exists(const struct x64i_host_tlb *host)
{
    return host->contexts != NULL;
}

/* Whether somebody wants to be asked about the reads or writes of a linear address's page. */
static inline bool x64i_host_tlb_hides(const struct x64i_host_tlb *host, uint64_t linear,
                                       bool write)
{
    return host->hides && host->hides(host->hides_user, linear & ~UINT64_C(0xfff), write);
}

/* Puts the context of `key` in force; key 0 is one in which every access misses, and stands in
 * where the host has no memory for another. Answers whether it is another one than before. */
bool x64i_host_tlb_select(struct x64i_host_tlb *host, uint64_t key);

/* Stores a slot of the context in force. `page` is where the host has the page; `writable` gives
 * the write tag too. */
void x64i_host_tlb_fill(struct x64i_host_tlb *host, uint64_t linear, uint64_t physical,
                        const uint8_t *page, bool writable);

/* An entry of the TLB goes. Answers whether code may have been run through it. */
bool x64i_host_tlb_drop(struct x64i_host_tlb *host, const struct x64i_tlb_entry *entry);

/* All slots and all stamps go. */
void x64i_host_tlb_flush(struct x64i_host_tlb *host);

/* The host's page behind a physical page is another one now, or code is kept of it. */
void x64i_host_tlb_forget(struct x64i_host_tlb *host, uint64_t physical);

/* Catches up with what happened to the RAM's pages while nobody told this cache. */
void x64i_host_tlb_follow(struct x64i_host_tlb *host, const struct x64i_pages *ram);

/* Code is run from this linear page. */
static inline void x64i_host_tlb_note_code(struct x64i_host_tlb *host, uint64_t linear)
{
    uint64_t bit = (linear >> 12) % X64I_HOST_CODE_BITS;
    host->code_filter[bit / 64] |= UINT64_C(1) << (bit % 64);
}

/* All stamps become new ones: code must be looked for again. */
void x64i_host_tlb_new_stamps(struct x64i_host_tlb *host);

#endif
