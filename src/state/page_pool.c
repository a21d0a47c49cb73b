/* SPDX-License-Identifier: MIT */
#include "state/page_pool.h"

#include "state/lazy.h"

#include <string.h>

#define PAGE_STRIDE   (sizeof(struct x64i_page) + X64I_PAGE_SIZE)
#define CHUNK_HEADER  64u
#define FIRST_CHUNK   ((size_t)20 << 10) /* four pages: a fork may not write more */
#define LARGEST_CHUNK X64I_HUGE_PAGE

struct chunk {
    struct chunk *next;
    size_t size;
};

struct x64i_page_pool {
    struct x64i_heap *heap;
    struct chunk *chunks;
    struct chunk *prepared;               /* of the largest size, or null */
    size_t chunk_size;                    /* of the newest */
    size_t chunk_used;                    /* bytes of the newest */
    struct x64i_page *ready;              /* of the registry's thread: pages to hand out again */
    _Atomic(struct x64i_page *) returned; /* of all threads: pages given back */
    atomic_size_t references;             /* pages in use, and the registry */
};

/* A page that is not in use holds the next one of its list. */
static struct x64i_page *next_of(const struct x64i_page *page)
{
    struct x64i_page *next;
    memcpy(&next, page->data, sizeof next);
    return next;
}

static void set_next(struct x64i_page *page, struct x64i_page *next)
{
    memcpy(page->data, &next, sizeof next);
}

struct x64i_page_pool *x64i_page_pool_create(struct x64i_heap *heap)
{
    struct x64i_page_pool *pool =
        X64I_HEAP_USES_LIBC ? NULL : x64i_heap_allocate_zeroed(heap, sizeof *pool);
    if (!pool)
        return NULL;
    pool->heap = heap;
    atomic_init(&pool->references, 1);
    atomic_init(&pool->returned, NULL);
    return pool;
}

void x64i_page_pool_release(struct x64i_page_pool *pool)
{
    if (!pool || atomic_fetch_sub_explicit(&pool->references, 1, memory_order_acq_rel) != 1)
        return;
    while (pool->chunks) {
        struct chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        x64i_heap_free(pool->heap, chunk, chunk->size);
    }
    if (pool->prepared)
        x64i_heap_free(pool->heap, pool->prepared, pool->prepared->size);
    x64i_heap_free(pool->heap, pool, sizeof *pool);
}

/* Writing its size makes the host give the chunk, if it is a huge page, as a whole. */
static struct chunk *allocate_chunk(struct x64i_page_pool *pool, size_t size)
{
    struct chunk *chunk = x64i_heap_allocate(pool->heap, size);
    if (chunk)
        chunk->size = size;
    return chunk;
}

void x64i_page_pool_prepare(struct x64i_page_pool *pool)
{
    if (pool && pool->chunk_size == LARGEST_CHUNK && !pool->prepared)
        pool->prepared = allocate_chunk(pool, LARGEST_CHUNK);
}

static bool add_chunk(struct x64i_page_pool *pool)
{
    size_t size = pool->chunk_size ? 2 * pool->chunk_size : FIRST_CHUNK;
    if (size > LARGEST_CHUNK / 4)
        size = LARGEST_CHUNK;
    struct chunk *chunk = pool->prepared;
    pool->prepared = NULL;
    if (!chunk)
        chunk = allocate_chunk(pool, size);
    if (!chunk)
        return false;
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    pool->chunk_size = size;
    pool->chunk_used = CHUNK_HEADER;
    return true;
}

/* A page from the newest chunk. */
static struct x64i_page *carve(struct x64i_page_pool *pool)
{
    if (pool->chunk_size - pool->chunk_used < PAGE_STRIDE && !add_chunk(pool))
        return NULL;
    struct x64i_page *page = (void *)((uint8_t *)pool->chunks + pool->chunk_used);
    pool->chunk_used += PAGE_STRIDE;
    page->pool = pool;
    page->bytes = X64I_PAGE_SIZE;
    return page;
}

struct x64i_page *x64i_page_pool_allocate(struct x64i_page_pool *pool)
{
    if (!pool)
        return x64i_page_allocate(NULL, X64I_PAGE_SIZE);
    if (!pool->ready)
        pool->ready = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
    struct x64i_page *page = pool->ready;
    if (page)
        pool->ready = next_of(page);
    else
        page = carve(pool);
    if (!page)
        return NULL;
    atomic_fetch_add_explicit(&pool->references, 1, memory_order_relaxed);
    atomic_init(&page->references, 1);
    return page;
}

struct x64i_page *x64i_page_allocate(struct x64i_heap *heap, size_t bytes)
{
    struct x64i_page *page = x64i_heap_allocate(heap, sizeof *page + bytes);
    if (!page)
        return NULL;
    page->bytes = (uint32_t)bytes;
    page->pool = NULL;
    page->heap = heap;
    atomic_init(&page->references, 1);
    return page;
}

/* The whole list of what was returned is taken at once, never one page of it: nothing can be put in
 * place of its head unseen. */
void x64i_page_free(struct x64i_page *page)
{
    struct x64i_page_pool *pool = page->pool;
    if (!pool) {
        x64i_heap_free(page->heap, page, sizeof *page + page->bytes);
        return;
    }
    struct x64i_page *head = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    do
        set_next(page, head);
    while (!atomic_compare_exchange_weak_explicit(&pool->returned, &head, page,
                                                  memory_order_release, memory_order_relaxed));
    x64i_page_pool_release(pool);
}
