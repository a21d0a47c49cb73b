/* SPDX-License-Identifier: MIT */
#include "state/page_pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* AddressSanitizer should see every page's life: there, all of them come from libc. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define USES_LIBC true
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define USES_LIBC true
#endif
#ifndef USES_LIBC
#define USES_LIBC false
#endif

#define ALIGNMENT             64u
#define PAGE_STRIDE           (sizeof(struct x64i_page) + X64I_PAGE_SIZE)
#define FIRST_CHUNK           ((size_t)64 << 10)
#define LARGEST_CHUNK         ((size_t)2 << 20) /* a huge page of the host */
#define HOST_PAGE             ((size_t)4 << 10)
#define CHUNK_HEADER          ALIGNMENT
#define CHUNK_ALIGNMENT(size) ((size) == LARGEST_CHUNK ? LARGEST_CHUNK : HOST_PAGE)

struct chunk {
    struct chunk *next;
};

struct x64i_page_pool {
    struct chunk *chunks;
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

struct x64i_page_pool *x64i_page_pool_create(void)
{
    struct x64i_page_pool *pool = USES_LIBC ? NULL : calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
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
        free(chunk);
    }
    free(pool);
}

static bool add_chunk(struct x64i_page_pool *pool)
{
    size_t size = pool->chunk_size ? 2 * pool->chunk_size : FIRST_CHUNK;
    if (size > LARGEST_CHUNK)
        size = LARGEST_CHUNK;
    struct chunk *chunk = aligned_alloc(CHUNK_ALIGNMENT(size), size);
    if (!chunk)
        return false;
    if (size == LARGEST_CHUNK)
        (void)madvise(chunk, size, MADV_HUGEPAGE); /* a wish: it works without */
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
    return page;
}

struct x64i_page *x64i_page_pool_allocate(struct x64i_page_pool *pool)
{
    if (!pool)
        return x64i_page_allocate(X64I_PAGE_SIZE);
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

struct x64i_page *x64i_page_allocate(size_t bytes)
{
    struct x64i_page *page = aligned_alloc(ALIGNMENT, sizeof *page + bytes);
    if (!page)
        return NULL;
    page->pool = NULL;
    atomic_init(&page->references, 1);
    return page;
}

/* The whole list of what was returned is taken at once, never one page of it: nothing can be put in
 * place of its head unseen. */
void x64i_page_free(struct x64i_page *page)
{
    struct x64i_page_pool *pool = page->pool;
    if (!pool) {
        free(page);
        return;
    }
    struct x64i_page *head = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    do
        set_next(page, head);
    while (!atomic_compare_exchange_weak_explicit(&pool->returned, &head, page,
                                                  memory_order_release, memory_order_relaxed));
    x64i_page_pool_release(pool);
}
