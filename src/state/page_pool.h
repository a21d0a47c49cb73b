/* SPDX-License-Identifier: MIT */
/*
 * Where a registry's pages come from: chunks of its family's heap that grow to a huge page.
 * Copy-on-write after every snapshot takes and gives back thousands of pages a second: the pool
 * does it without the heap's lock.
 *
 *     pool = x64i_page_pool_create(heap);          null is a pool too: of libc's allocator
 *     page = x64i_page_pool_allocate(pool);        by the registry's thread alone
 *     x64i_page_free(page);                        by the last holder, in any thread
 *     x64i_page_pool_release(pool);                the memory goes with the last page
 */
#ifndef X64I_STATE_PAGE_POOL_H
#define X64I_STATE_PAGE_POOL_H

#include "state/heap.h"
#include "state/pages.h"

struct x64i_page_pool;

struct x64i_page_pool *x64i_page_pool_create(struct x64i_heap *heap);
void x64i_page_pool_release(struct x64i_page_pool *pool);

/* A page of X64I_PAGE_SIZE, held once; its content is the caller's to fill. Null without memory. */
struct x64i_page *x64i_page_pool_allocate(struct x64i_page_pool *pool);

/* Once chunks are as large as they get: has the next one at hand already, so that whoever takes its
 * first page does not wait for the host to clear it. */
void x64i_page_pool_prepare(struct x64i_page_pool *pool);

/* A page of another size, held once. */
struct x64i_page *x64i_page_allocate(struct x64i_heap *heap, size_t bytes);

/* Gives back a page of either kind that nobody holds. */
void x64i_page_free(struct x64i_page *page);

#endif
