/* SPDX-License-Identifier: MIT */
/*
 * Where a registry's pages come from: chunks that grow to two megabytes, backed by huge pages of
 * the host where it has them. Copy-on-write after every snapshot takes and gives back thousands of
 * pages a second; the allocator of libc hands fresh memory to the host and back, a page fault each.
 *
 *     pool = x64i_page_pool_create();              null is a pool too: of libc's allocator
 *     page = x64i_page_pool_allocate(pool);        by the registry's thread alone
 *     x64i_page_free(page);                        by the last holder, in any thread
 *     x64i_page_pool_release(pool);                the memory goes with the last page
 */
#ifndef X64I_STATE_PAGE_POOL_H
#define X64I_STATE_PAGE_POOL_H

#include "state/pages.h"

struct x64i_page_pool;

struct x64i_page_pool *x64i_page_pool_create(void);
void x64i_page_pool_release(struct x64i_page_pool *pool);

/* A page of X64I_PAGE_SIZE, held once; its content is the caller's to fill. Null without memory. */
struct x64i_page *x64i_page_pool_allocate(struct x64i_page_pool *pool);

/* A page of another size, held once. */
struct x64i_page *x64i_page_allocate(size_t bytes);

/* Gives back a page of either kind that nobody holds. */
void x64i_page_free(struct x64i_page *page);

#endif
