/* SPDX-License-Identifier: MIT */
#include "state/heap.h"

#include "state/lazy.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GRAIN         64u
#define FINE_CLASSES  16u /* sizes up to 1 KiB: all multiples of the grain */
#define FINE_MAX      (FINE_CLASSES * GRAIN)
#define STEPS         4u /* above: four sizes from one power of two to the next */
#define CLASSES       (FINE_CLASSES + STEPS * 10u)
#define LARGEST       ((size_t)1 << 20) /* what is larger has memory of its own */
#define FIRST_CHUNK   ((size_t)64 << 10)
#define LARGEST_CHUNK X64I_HUGE_PAGE

struct chunk {
    struct chunk *next;
    size_t size;
};

/* A piece that was given back. */
struct piece {
    struct piece *next;
};

struct x64i_heap {
    pthread_mutex_t lock; /* of all that follows */
    size_t holders;
    struct chunk *chunks;
    struct chunk *prepared; /* of the largest size, or null */
    size_t used; /* bytes of the newest chunk; what is behind has never been handed out */
    struct piece *returned[CLASSES];
};

static size_t align_up(size_t size, size_t alignment)
{
    return (size + alignment - 1) / alignment * alignment;
}

/* The class of a size, which becomes that of the class. */
static unsigned class_of(size_t *size)
{
    if (*size <= FINE_MAX) {
        *size = *size ? align_up(*size, GRAIN) : GRAIN;
        return (unsigned)(*size / GRAIN) - 1;
    }
    unsigned power = 63u - (unsigned)__builtin_clzll(*size - 1); /* 2^power < size */
    size_t step = (size_t)1 << power >> 2;
    *size = align_up(*size, step);
    return FINE_CLASSES + (power - 10) * STEPS + (unsigned)(*size / step) - STEPS - 1;
}

struct x64i_heap *x64i_heap_create(void)
{
    struct x64i_heap *heap = X64I_HEAP_USES_LIBC ? NULL : calloc(1, sizeof *heap);
    if (heap && pthread_mutex_init(&heap->lock, NULL) != 0) {
        free(heap);
        heap = NULL;
    }
    if (heap)
        heap->holders = 1;
    return heap;
}

static void lock(struct x64i_heap *heap)
{
    (void)pthread_mutex_lock(&heap->lock);
}

static void unlock(struct x64i_heap *heap)
{
    (void)pthread_mutex_unlock(&heap->lock);
}

struct x64i_heap *x64i_heap_retain(struct x64i_heap *heap)
{
    if (!heap)
        return NULL;
    lock(heap);
    heap->holders++;
    unlock(heap);
    return heap;
}

static void destroy(struct x64i_heap *heap)
{
    if (heap->prepared)
        x64i_lazy_free(heap->prepared, heap->prepared->size);
    while (heap->chunks) {
        struct chunk *chunk = heap->chunks;
        heap->chunks = chunk->next;
        x64i_lazy_free(chunk, chunk->size);
    }
    (void)pthread_mutex_destroy(&heap->lock);
    free(heap);
}

/* One holder less, by whoever has the lock. */
static void unlock_and_release(struct x64i_heap *heap)
{
    bool last = --heap->holders == 0;
    unlock(heap);
    if (last)
        destroy(heap);
}

void x64i_heap_release(struct x64i_heap *heap)
{
    if (!heap)
        return;
    lock(heap);
    unlock_and_release(heap);
}

/* Writing its size makes the host give the chunk, if it is a huge page, as a whole. */
static struct chunk *map_chunk(size_t size)
{
    struct chunk *chunk =
        size == LARGEST_CHUNK ? x64i_lazy_allocate_huge(size) : x64i_lazy_allocate(size);
    if (chunk)
        chunk->size = size;
    return chunk;
}

void x64i_heap_prepare(struct x64i_heap *heap)
{
    if (!heap)
        return;
    lock(heap);
    if (heap->chunks && heap->chunks->size == LARGEST_CHUNK && !heap->prepared)
        heap->prepared = map_chunk(LARGEST_CHUNK);
    unlock(heap);
}

static bool add_chunk(struct x64i_heap *heap, size_t wanted)
{
    size_t size = heap->chunks ? 2 * heap->chunks->size : FIRST_CHUNK;
    while (wanted > size - GRAIN)
        size *= 2;
    if (size > LARGEST_CHUNK / 4)
        size = LARGEST_CHUNK;
    struct chunk *chunk = heap->prepared;
    heap->prepared = NULL;
    if (!chunk)
        chunk = map_chunk(size);
    if (!chunk)
        return false;
    chunk->next = heap->chunks;
    heap->chunks = chunk;
    heap->used = GRAIN;
    return true;
}

/* Zeroes from the newest chunk. */
static void *carve(struct x64i_heap *heap, size_t size)
{
    if ((!heap->chunks || heap->chunks->size - heap->used < size) && !add_chunk(heap, size))
        return NULL;
    void *memory = (uint8_t *)heap->chunks + heap->used;
    heap->used += size;
    return memory;
}

static void *take(struct x64i_heap *heap, size_t size, bool *zeroed)
{
    unsigned class = class_of(&size);
    lock(heap);
    struct piece *piece = heap->returned[class];
    *zeroed = !piece;
    if (piece)
        heap->returned[class] = piece->next;
    void *memory = piece ? piece : carve(heap, size);
    if (memory)
        heap->holders++;
    unlock(heap);
    return memory;
}

static void *allocate(struct x64i_heap *heap, size_t size, bool *zeroed)
{
    *zeroed = false;
    if (!heap)
        return size > SIZE_MAX - GRAIN ? NULL : aligned_alloc(GRAIN, align_up(size, GRAIN));
    if (size <= LARGEST)
        return take(heap, size, zeroed);
    *zeroed = true;
    void *memory =
        size >= X64I_HUGE_PAGE ? x64i_lazy_allocate_huge(size) : x64i_lazy_allocate(size);
    if (memory)
        (void)x64i_heap_retain(heap);
    return memory;
}

void *x64i_heap_allocate(struct x64i_heap *heap, size_t size)
{
    bool zeroed;
    return allocate(heap, size, &zeroed);
}

void *x64i_heap_allocate_zeroed(struct x64i_heap *heap, size_t size)
{
    bool zeroed;
    void *memory = allocate(heap, size, &zeroed);
    if (memory && !zeroed)
        memset(memory, 0, size);
    return memory;
}

void x64i_heap_free(struct x64i_heap *heap, void *memory, size_t size)
{
    if (!memory)
        return;
    if (!heap) {
        free(memory);
        return;
    }
    if (size > LARGEST)
        x64i_lazy_free(memory, size);
    unsigned class = size > LARGEST ? CLASSES : class_of(&size);
    lock(heap);
    if (class < CLASSES) {
        struct piece *piece = memory;
        piece->next = heap->returned[class];
        heap->returned[class] = piece;
    }
    unlock_and_release(heap);
}
