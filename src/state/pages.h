/* SPDX-License-Identifier: MIT */
/*
 * Sparse copy-on-write pages: the guest's RAM, and whatever else is large and mostly empty.
 *
 *     x64i_pages          leaves[]          slots[512]           4 KiB
 *     (one owner)   --->  x64i_root  --->   x64i_leaf  --->      x64i_page
 *                         counted           counted              counted
 *
 * What is absent reads as zero and costs nothing. Roots, leaves and pages are counted and shared:
 * sharing the pages of another object (a snapshot, a fork) takes one count; the first write below
 * what is shared copies it level by level. What is shared is never written, so two machines in two
 * threads may share freely; one x64i_pages object itself belongs to one thread at a time.
 *
 * Pointers that engines keep. x64i_pages_read and x64i_pages_write answer with host pointers that
 * may be kept under these rules:
 *
 *   - a pointer from x64i_pages_write may be written through until write_generation changes. It
 *     changes when a snapshot or fork is taken (the page is shared now), when the state is hashed
 *     (the page's hash is remembered now), on restore and on discard;
 *   - a pointer of either kind may be read through until `moves` changes. It changes on restore, on
 *     discard, and when x64i_pages_write had to give the page it was asked for a new place. In this
 *     last case, only pointers to that one page are stale: compare `moves` around the call.
 *
 *     struct x64i_pages *ram;
 *     if (x64i_pages_create(UINT64_C(256) << 20, &ram) != X64_OK)
 *         return X64_ERROR_MEMORY;
 *     uint8_t *page = x64i_pages_write(ram, 0x1000 / X64I_PAGE_SIZE);
 */
#ifndef X64I_STATE_PAGES_H
#define X64I_STATE_PAGES_H

#include "x64emu/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X64I_PAGE_SIZE  4096u
#define X64I_LEAF_PAGES 512u /* pages below one leaf: 2 MiB */

/* The largest object: what bounds the root table that a hostile file can ask for. */
#define X64I_PAGES_MAX (UINT64_C(64) << 30)

struct x64i_heap;
struct x64i_page_pool;

struct x64i_page {
    atomic_uint references;
    uint32_t bytes;              /* of data */
    struct x64i_page_pool *pool; /* to which it goes back; null: to the heap */
    struct x64i_heap *heap;
    _Alignas(64) uint8_t data[];
};

struct x64i_slot {
    struct x64i_page *page; /* null: all zero */
    /* The page's digest, or 0 where it has not been computed since the last write. Any sharer may
     * fill it in: all of them come to the same value. */
    _Atomic uint64_t digest;
};

struct x64i_leaf {
    atomic_uint references;
    uint32_t slot_count;
    struct x64i_heap *heap;      /* to which it goes back */
    _Atomic uint64_t digest_sum; /* over the slots; 0 where not known */
    struct x64i_slot slots[];
};

struct x64i_root {
    atomic_uint references;
    uint32_t leaf_count;
    struct x64i_heap *heap; /* to which it goes back */
    struct x64i_leaf *leaves[];
};

struct x64i_pages {
    uint64_t write_generation;
    uint64_t moves;
    uint64_t size;       /* bytes */
    uint64_t page_count; /* size in pages, rounded up */
    uint32_t page_bytes; /* bytes behind one page: less than a page only when size is */
    uint32_t leaf_count;
    struct x64i_page_pool *pool; /* of the registry: where whole pages come from; null: libc */
    struct x64i_heap *heap;      /* of the registry: where the rest comes from; null: libc */
    struct x64i_root *root;      /* null: all zero */
};

/* What an absent page reads as. */
extern const uint8_t x64i_zero_page[X64I_PAGE_SIZE];

/*
 * Creates size bytes of zeroes. The owner destroys it. X64_ERROR_ARGUMENT when size is 0 or above
 * X64I_PAGES_MAX, X64_ERROR_MEMORY.
 */
enum x64_status x64i_pages_create(uint64_t size, struct x64i_pages **out);

/* The same for a registry, of its memory. Both may be null. */
enum x64_status x64i_pages_create_in(struct x64i_heap *heap, struct x64i_page_pool *pool,
                                     uint64_t size, struct x64i_pages **out);

/* Creates an object with the same content as source, sharing all its pages. X64_ERROR_MEMORY. */
enum x64_status x64i_pages_share(const struct x64i_pages *source, struct x64i_pages **out);

/* Frees the object and every page that nobody else shares. Null is allowed. */
void x64i_pages_destroy(struct x64i_pages *pages);

/* Gives pages, in place, the content of source, which has the same size. Cannot fail. */
void x64i_pages_assign(struct x64i_pages *pages, const struct x64i_pages *source);

/* The size in bytes. */
static inline uint64_t x64i_pages_size(const struct x64i_pages *pages)
{
    return pages->size;
}

/* The leaf of that number, or null. */
static inline struct x64i_leaf *x64i_pages_leaf(const struct x64i_pages *pages, uint64_t number)
{
    return pages->root ? pages->root->leaves[number] : NULL;
}

/* The bytes of a page, for reading; null only when index is outside the object. */
static inline const uint8_t *x64i_pages_read(const struct x64i_pages *pages, uint64_t index)
{
    if (index >= pages->page_count)
        return NULL;
    const struct x64i_leaf *leaf = x64i_pages_leaf(pages, index / X64I_LEAF_PAGES);
    const struct x64i_page *page = leaf ? leaf->slots[index % X64I_LEAF_PAGES].page : NULL;
    return page ? page->data : x64i_zero_page;
}

/*
 * The bytes of a page, for writing: makes the page the object's own and forgets its digest. Null
 * when index is outside the object or the host has no memory left; nothing has changed then.
 */
uint8_t *x64i_pages_write(struct x64i_pages *pages, uint64_t index);

/* One holder more of the page as it is now, or null for an absent one: whoever writes to it from
 * now on writes to a copy. Pointers from x64i_pages_write to this one page are good no more. */
struct x64i_page *x64i_pages_hold(const struct x64i_pages *pages, uint64_t index);

/* One holder less. Null is allowed. */
void x64i_page_release(struct x64i_page *page);

/* Makes a page all zero and gives its memory back. An index outside is ignored. X64_ERROR_MEMORY
 * when the page is shared and its leaf could not be copied. */
enum x64_status x64i_pages_discard(struct x64i_pages *pages, uint64_t index);

/* Copies size bytes from offset on to data. X64_ERROR_ARGUMENT when they are not all inside. */
enum x64_status x64i_pages_copy_out(const struct x64i_pages *pages, uint64_t offset, void *data,
                                    size_t size);

/*
 * Copies size bytes from data to offset on. X64_ERROR_ARGUMENT when they are not all inside,
 * nothing has been written then; X64_ERROR_MEMORY, the bytes before the page that failed are
 * written then. Zeroes do not make an absent page present.
 */
enum x64_status x64i_pages_copy_in(struct x64i_pages *pages, uint64_t offset, const void *data,
                                   size_t size);

/*
 * The sum of the digests of all pages: a function of the content alone, however it is shared. It is
 * remembered page by page, so that only what was written since is read again; whoever lets others
 * write afterwards bumps write_generation.
 */
uint64_t x64i_pages_digest(const struct x64i_pages *pages);

/* The digest of one page's bytes: 0 when they are all zero, otherwise XXH64 seeded with the index.
 */
uint64_t x64i_page_digest(const uint8_t *data, size_t size, uint64_t index);

/* How many of a region's size bytes lie on the page: X64I_PAGE_SIZE, but for the last one. */
static inline size_t x64i_page_length(uint64_t size, uint64_t index)
{
    uint64_t left = size - index * X64I_PAGE_SIZE;
    return left < X64I_PAGE_SIZE ? (size_t)left : X64I_PAGE_SIZE;
}

/* True when size bytes are all zero. */
bool x64i_is_zero(const uint8_t *data, size_t size);

/*
 * An estimate of the memory that the object holds beyond `other` (of the same size): its root, and
 * the leaves and pages that other does not have at the same place. With other null: beyond
 * everybody else, that is, what destroying it now would free. The allocator's own overhead is not
 * counted.
 */
uint64_t x64i_pages_bytes(const struct x64i_pages *pages, const struct x64i_pages *other);

#endif
