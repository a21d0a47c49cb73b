/* SPDX-License-Identifier: MIT */
/*
 * Memory of a family: a machine and its forks, which may run in different threads. Where a page
 * fault costs more than all other work on the page, what counts is how few there are: the heap
 * carves what is asked for out of chunks that grow to two megabytes, huge pages of the host where
 * it has them, and hands out again what was given back.
 *
 *     heap = x64i_heap_create();                       null is a heap too: libc's
 *     memory = x64i_heap_allocate_zeroed(heap, size);  from here on, in any thread
 *     x64i_heap_free(heap, memory, size);
 *     x64i_heap_release(heap);                         the memory goes with the last piece
 */
#ifndef X64I_STATE_HEAP_H
#define X64I_STATE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* AddressSanitizer should see every piece's life: there, all of them come from libc. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define X64I_HEAP_USES_LIBC true
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define X64I_HEAP_USES_LIBC true
#endif
#ifndef X64I_HEAP_USES_LIBC
#define X64I_HEAP_USES_LIBC false
#endif

struct x64i_heap;

/* A heap, held once. Null, which will do as well, without memory and under AddressSanitizer. */
struct x64i_heap *x64i_heap_create(void);

/* One holder more, who is answered with, or one less. Every piece is a holder too. */
struct x64i_heap *x64i_heap_retain(struct x64i_heap *heap);
void x64i_heap_release(struct x64i_heap *heap);

/* `size` bytes on a boundary of 64; null when the host has none. The first one leaves their content
 * open. */
void *x64i_heap_allocate(struct x64i_heap *heap, size_t size);
void *x64i_heap_allocate_zeroed(struct x64i_heap *heap, size_t size);

/* Once chunks are as large as they get: has the next one at hand already, so that whoever needs it
 * does not wait for the host to clear it. */
void x64i_heap_prepare(struct x64i_heap *heap);

/* Gives back a piece of `size` bytes, as it was asked for. Null memory is ignored. */
void x64i_heap_free(struct x64i_heap *heap, void *memory, size_t size);

#endif
