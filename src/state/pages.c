/* SPDX-License-Identifier: MIT */
#include "state/pages.h"

#include "state/hash.h"
#include "state/heap.h"
#include "state/page_pool.h"

#include <string.h>

/* What a slot remembers for a present page that is all zero: 0 already means "not computed". */
#define DIGEST_OF_ZERO 1u

/* Small pages are of a multiple of this. */
#define ALIGNMENT 64u

const uint8_t x64i_zero_page[X64I_PAGE_SIZE] __attribute__((aligned(64)));

static size_t align_up(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t page_allocation(const struct x64i_pages *pages)
{
    return sizeof(struct x64i_page) + pages->page_bytes;
}

static size_t leaf_allocation(uint32_t slot_count)
{
    return sizeof(struct x64i_leaf) + slot_count * sizeof(struct x64i_slot);
}

static size_t root_allocation(uint32_t leaf_count)
{
    return sizeof(struct x64i_root) + leaf_count * sizeof(struct x64i_leaf *);
}

/* A count of one means that the caller is the only holder, so nobody can raise it behind its back;
 * acquire pairs with the release of whoever let go last, whose reads are over then. */
static bool is_sole_holder(const atomic_uint *references)
{
    return atomic_load_explicit(references, memory_order_acquire) == 1;
}

static void retain(atomic_uint *references)
{
    atomic_fetch_add_explicit(references, 1, memory_order_relaxed);
}

/* True when that was the last reference. */
static bool release(atomic_uint *references)
{
    return atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) == 1;
}

void x64i_page_release(struct x64i_page *page)
{
    if (page && release(&page->references))
        x64i_page_free(page);
}

static void leaf_release(struct x64i_leaf *leaf)
{
    if (!leaf || !release(&leaf->references))
        return;
    for (uint32_t i = 0; i < leaf->slot_count; i++)
        x64i_page_release(leaf->slots[i].page);
    x64i_heap_free(leaf->heap, leaf, leaf_allocation(leaf->slot_count));
}

static void root_release(struct x64i_root *root)
{
    if (!root || !release(&root->references))
        return;
    for (uint32_t i = 0; i < root->leaf_count; i++)
        leaf_release(root->leaves[i]);
    x64i_heap_free(root->heap, root, root_allocation(root->leaf_count));
}

/* The content of a new page is the caller's to fill. */
static struct x64i_page *page_allocate(const struct x64i_pages *pages)
{
    return pages->page_bytes == X64I_PAGE_SIZE ? x64i_page_pool_allocate(pages->pool)
                                               : x64i_page_allocate(pages->heap, pages->page_bytes);
}

static struct x64i_leaf *leaf_allocate(struct x64i_heap *heap, uint32_t slot_count)
{
    struct x64i_leaf *leaf = x64i_heap_allocate_zeroed(heap, leaf_allocation(slot_count));
    if (!leaf)
        return NULL;
    atomic_init(&leaf->references, 1);
    leaf->slot_count = slot_count;
    leaf->heap = heap;
    return leaf;
}

static struct x64i_leaf *leaf_copy(struct x64i_heap *heap, const struct x64i_leaf *leaf)
{
    struct x64i_leaf *copy = leaf_allocate(heap, leaf->slot_count);
    if (!copy)
        return NULL;
    for (uint32_t i = 0; i < leaf->slot_count; i++) {
        struct x64i_page *page = leaf->slots[i].page;
        if (!page)
            continue;
        retain(&page->references);
        copy->slots[i].page = page;
        atomic_init(&copy->slots[i].digest,
                    atomic_load_explicit(&leaf->slots[i].digest, memory_order_relaxed));
    }
    return copy;
}

/* A root of the object's own, with the leaves of the one that it has. */
static struct x64i_root *root_copy(const struct x64i_pages *pages)
{
    size_t size = root_allocation(pages->leaf_count);
    struct x64i_root *copy = x64i_heap_allocate_zeroed(pages->heap, size);
    if (!copy)
        return NULL;
    atomic_init(&copy->references, 1);
    copy->leaf_count = pages->leaf_count;
    copy->heap = pages->heap;
    for (uint32_t i = 0; pages->root && i < copy->leaf_count; i++) {
        copy->leaves[i] = pages->root->leaves[i];
        if (copy->leaves[i])
            retain(&copy->leaves[i]->references);
    }
    return copy;
}

enum x64_status x64i_pages_create(uint64_t size, struct x64i_pages **out)
{
    return x64i_pages_create_in(NULL, NULL, size, out);
}

enum x64_status x64i_pages_create_in(struct x64i_heap *heap, struct x64i_page_pool *pool,
                                     uint64_t size, struct x64i_pages **out)
{
    if (!out || size == 0 || size > X64I_PAGES_MAX)
        return X64_ERROR_ARGUMENT;

    struct x64i_pages *pages = x64i_heap_allocate_zeroed(heap, sizeof *pages);
    if (!pages)
        return X64_ERROR_MEMORY;
    pages->size = size;
    pages->page_count = (size + X64I_PAGE_SIZE - 1) / X64I_PAGE_SIZE;
    pages->page_bytes = size < X64I_PAGE_SIZE ? (uint32_t)align_up(size) : X64I_PAGE_SIZE;
    pages->leaf_count = (uint32_t)((pages->page_count + X64I_LEAF_PAGES - 1) / X64I_LEAF_PAGES);
    pages->heap = heap;
    pages->pool = pool;
    *out = pages;
    return X64_OK;
}

enum x64_status x64i_pages_share(const struct x64i_pages *source, struct x64i_pages **out)
{
    struct x64i_pages *pages = x64i_heap_allocate(source->heap, sizeof *pages);
    if (!pages)
        return X64_ERROR_MEMORY;
    *pages = *source;
    pages->pool = NULL; /* which may go before the copy */
    if (pages->root)
        retain(&pages->root->references);
    *out = pages;
    return X64_OK;
}

void x64i_pages_destroy(struct x64i_pages *pages)
{
    if (!pages)
        return;
    root_release(pages->root);
    x64i_heap_free(pages->heap, pages, sizeof *pages);
}

void x64i_pages_assign(struct x64i_pages *pages, const struct x64i_pages *source)
{
    struct x64i_root *root = source->root;
    if (root != pages->root) {
        if (root)
            retain(&root->references);
        root_release(pages->root);
        pages->root = root;
    }
    pages->write_generation++;
    pages->moves++;
}

static struct x64i_root *own_root(struct x64i_pages *pages)
{
    struct x64i_root *root = pages->root;
    if (root && is_sole_holder(&root->references))
        return root;
    struct x64i_root *own = root_copy(pages);
    if (!own)
        return NULL;
    root_release(root);
    pages->root = own;
    return own;
}

/* The leaf above a page, made the object's own. */
static struct x64i_leaf *own_leaf(struct x64i_pages *pages, uint64_t index)
{
    struct x64i_root *root = own_root(pages);
    if (!root)
        return NULL;
    struct x64i_leaf **entry = &root->leaves[index / X64I_LEAF_PAGES];
    struct x64i_leaf *leaf = *entry;
    if (leaf && is_sole_holder(&leaf->references))
        return leaf;

    struct x64i_leaf *own;
    if (leaf) {
        own = leaf_copy(pages->heap, leaf);
    } else {
        uint64_t left = pages->page_count - index / X64I_LEAF_PAGES * X64I_LEAF_PAGES;
        uint32_t count = left < X64I_LEAF_PAGES ? (uint32_t)left : X64I_LEAF_PAGES;
        own = leaf_allocate(pages->heap, count);
    }
    if (!own)
        return NULL;
    leaf_release(leaf);
    *entry = own;
    return own;
}

/* Gives an absent or shared page a place of its own. */
static struct x64i_page *move_page(struct x64i_pages *pages, struct x64i_slot *slot)
{
    struct x64i_page *page = page_allocate(pages);
    if (!page)
        return NULL;
    if (slot->page)
        memcpy(page->data, slot->page->data, pages->page_bytes);
    else
        memset(page->data, 0, pages->page_bytes);
    x64i_page_release(slot->page);
    slot->page = page;
    pages->moves++;
    return page;
}

static void forget_digest(struct x64i_leaf *leaf, struct x64i_slot *slot)
{
    atomic_store_explicit(&slot->digest, 0, memory_order_relaxed);
    atomic_store_explicit(&leaf->digest_sum, 0, memory_order_relaxed);
}

uint8_t *x64i_pages_write(struct x64i_pages *pages, uint64_t index)
{
    if (index >= pages->page_count)
        return NULL;
    struct x64i_leaf *leaf = own_leaf(pages, index);
    if (!leaf)
        return NULL;
    struct x64i_slot *slot = &leaf->slots[index % X64I_LEAF_PAGES];
    struct x64i_page *page = slot->page;
    if (!page || !is_sole_holder(&page->references))
        page = move_page(pages, slot);
    if (!page)
        return NULL;
    forget_digest(leaf, slot);
    return page->data;
}

struct x64i_page *x64i_pages_hold(const struct x64i_pages *pages, uint64_t index)
{
    const struct x64i_leaf *leaf =
        index < pages->page_count ? x64i_pages_leaf(pages, index / X64I_LEAF_PAGES) : NULL;
    struct x64i_page *page = leaf ? leaf->slots[index % X64I_LEAF_PAGES].page : NULL;
    if (page)
        retain(&page->references);
    return page;
}

enum x64_status x64i_pages_discard(struct x64i_pages *pages, uint64_t index)
{
    if (index >= pages->page_count || x64i_pages_read(pages, index) == x64i_zero_page)
        return X64_OK;
    struct x64i_leaf *leaf = own_leaf(pages, index);
    if (!leaf)
        return X64_ERROR_MEMORY;
    struct x64i_slot *slot = &leaf->slots[index % X64I_LEAF_PAGES];
    x64i_page_release(slot->page);
    slot->page = NULL;
    forget_digest(leaf, slot);
    pages->write_generation++;
    pages->moves++;
    return X64_OK;
}

static bool is_inside(const struct x64i_pages *pages, uint64_t offset, uint64_t size)
{
    return offset <= pages->size && size <= pages->size - offset;
}

/* How many of size bytes from offset on lie on offset's page. */
static size_t piece_length(uint64_t offset, size_t size)
{
    size_t left = X64I_PAGE_SIZE - (size_t)(offset % X64I_PAGE_SIZE);
    return size < left ? size : left;
}

enum x64_status x64i_pages_copy_out(const struct x64i_pages *pages, uint64_t offset, void *data,
                                    size_t size)
{
    if (!is_inside(pages, offset, size))
        return X64_ERROR_ARGUMENT;
    for (uint8_t *to = data; size > 0;) {
        size_t length = piece_length(offset, size);
        const uint8_t *page = x64i_pages_read(pages, offset / X64I_PAGE_SIZE);
        memcpy(to, page + offset % X64I_PAGE_SIZE, length);
        to += length;
        offset += length;
        size -= length;
    }
    return X64_OK;
}

enum x64_status x64i_pages_copy_in(struct x64i_pages *pages, uint64_t offset, const void *data,
                                   size_t size)
{
    if (!is_inside(pages, offset, size))
        return X64_ERROR_ARGUMENT;
    for (const uint8_t *from = data; size > 0;) {
        size_t length = piece_length(offset, size);
        uint64_t index = offset / X64I_PAGE_SIZE;
        if (x64i_pages_read(pages, index) != x64i_zero_page || !x64i_is_zero(from, length)) {
            uint8_t *page = x64i_pages_write(pages, index);
            if (!page)
                return X64_ERROR_MEMORY;
            memcpy(page + offset % X64I_PAGE_SIZE, from, length);
        }
        from += length;
        offset += length;
        size -= length;
    }
    return X64_OK;
}

bool x64i_is_zero(const uint8_t *data, size_t size)
{
    uint64_t word;
    for (; size >= sizeof word; data += sizeof word, size -= sizeof word) {
        memcpy(&word, data, sizeof word);
        if (word)
            return false;
    }
    for (; size > 0; data++, size--) {
        if (*data)
            return false;
    }
    return true;
}

uint64_t x64i_page_digest(const uint8_t *data, size_t size, uint64_t index)
{
    if (x64i_is_zero(data, size))
        return 0;
    uint64_t digest = x64i_hash(data, size, index);
    return digest > DIGEST_OF_ZERO ? digest : digest + DIGEST_OF_ZERO + 1;
}

static uint64_t slot_digest(const struct x64i_pages *pages, struct x64i_slot *slot, uint64_t index)
{
    uint64_t digest = atomic_load_explicit(&slot->digest, memory_order_relaxed);
    if (digest == 0) {
        digest = x64i_page_digest(slot->page->data, x64i_page_length(pages->size, index), index);
        if (digest == 0)
            digest = DIGEST_OF_ZERO;
        atomic_store_explicit(&slot->digest, digest, memory_order_relaxed);
    }
    return digest == DIGEST_OF_ZERO ? 0 : digest;
}

static uint64_t leaf_digest(const struct x64i_pages *pages, struct x64i_leaf *leaf, uint64_t first)
{
    uint64_t sum = atomic_load_explicit(&leaf->digest_sum, memory_order_relaxed);
    if (sum)
        return sum;
    for (uint32_t i = 0; i < leaf->slot_count; i++) {
        if (leaf->slots[i].page)
            sum += slot_digest(pages, &leaf->slots[i], first + i);
    }
    atomic_store_explicit(&leaf->digest_sum, sum, memory_order_relaxed);
    return sum;
}

uint64_t x64i_pages_digest(const struct x64i_pages *pages)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; pages->root && i < pages->leaf_count; i++) {
        if (pages->root->leaves[i])
            sum += leaf_digest(pages, pages->root->leaves[i], (uint64_t)i * X64I_LEAF_PAGES);
    }
    return sum;
}

/* The part of a leaf that the other leaf at its place, if any, does not have; with alone, the part
 * that nobody else holds. */
static uint64_t leaf_bytes(const struct x64i_pages *pages, const struct x64i_leaf *leaf,
                           const struct x64i_leaf *other, bool alone)
{
    if (leaf == other || (alone && !is_sole_holder(&leaf->references)))
        return 0;
    uint64_t bytes = leaf_allocation(leaf->slot_count);
    for (uint32_t i = 0; i < leaf->slot_count; i++) {
        const struct x64i_page *page = leaf->slots[i].page;
        if (!page || (other && other->slots[i].page == page))
            continue;
        if (!alone || is_sole_holder(&page->references))
            bytes += page_allocation(pages);
    }
    return bytes;
}

uint64_t x64i_pages_bytes(const struct x64i_pages *pages, const struct x64i_pages *other)
{
    const struct x64i_root *root = pages->root;
    if (!root || (other ? root == other->root : !is_sole_holder(&root->references)))
        return sizeof *pages;
    uint64_t bytes = sizeof *pages + root_allocation(root->leaf_count);
    for (uint32_t i = 0; i < root->leaf_count; i++) {
        if (root->leaves[i])
            bytes += leaf_bytes(pages, root->leaves[i], other ? x64i_pages_leaf(other, i) : NULL,
                                !other);
    }
    return bytes;
}
