/* SPDX-License-Identifier: MIT */
#include "state/state.h"

#include "state/hash.h"
#include "state/heap.h"
#include "state/page_pool.h"
#include "state/region.h"

#include <string.h>

bool x64i_state_name_is_valid(const char *name)
{
    if (!name || !*name || strnlen(name, X64I_STATE_NAME_SIZE) == X64I_STATE_NAME_SIZE)
        return false;
    for (; *name; name++) {
        if (*name <= ' ' || *name > '~')
            return false;
    }
    return true;
}

const struct x64i_region *x64i_region_find(const struct x64i_region *regions, unsigned count,
                                           const char *name, unsigned hint)
{
    if (hint < count && strcmp(regions[hint].name, name) == 0)
        return &regions[hint];
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(regions[i].name, name) == 0)
            return &regions[i];
    }
    return NULL;
}

const char *x64i_region_unlike(const struct x64i_region *a, const struct x64i_region *b)
{
    if (a->kind != b->kind)
        return "kind";
    if (a->version != b->version)
        return "version";
    if (a->size != b->size)
        return "size";
    if (a->flags != b->flags)
        return "flags";
    return NULL;
}

enum x64_status x64i_state_create_in(struct x64i_heap *heap, struct x64i_state **out)
{
    if (!out)
        return X64_ERROR_ARGUMENT;
    struct x64i_state *state = x64i_heap_allocate_zeroed(heap, sizeof *state);
    if (!state)
        return X64_ERROR_MEMORY;
    state->heap = heap;
    state->pool = x64i_page_pool_create(heap);
    *out = state;
    return X64_OK;
}

enum x64_status x64i_state_create(struct x64i_state **out)
{
    struct x64i_heap *heap = x64i_heap_create();
    enum x64_status status = x64i_state_create_in(heap, out);
    x64i_heap_release(heap);
    return status;
}

struct x64i_heap *x64i_state_heap(const struct x64i_state *state)
{
    return state->heap;
}

void x64i_state_destroy(struct x64i_state *state)
{
    if (!state)
        return;
    for (unsigned i = 0; i < state->region_count; i++)
        x64i_pages_destroy(state->regions[i].pages);
    x64i_blobs_release(&state->blobs);
    x64i_page_pool_release(state->pool);
    x64i_heap_free(state->heap, state, sizeof *state);
}

/* The common part of registering: checks, pages, and the row. */
static enum x64_status add_region(struct x64i_state *state, const struct x64i_region *wanted,
                                  const char *name, struct x64i_region **out)
{
    if (!x64i_state_name_is_valid(name) || (wanted->flags & ~X64I_REGION_ANNOTATION) != 0)
        return X64_ERROR_ARGUMENT;
    if (x64i_region_find(state->regions, state->region_count, name, 0))
        return X64_ERROR_EXISTS;
    if (state->region_count == X64I_STATE_REGIONS)
        return X64_ERROR_LIMIT;

    struct x64i_region *region = &state->regions[state->region_count];
    *region = *wanted;
    memcpy(region->name, name, strlen(name));
    enum x64_status status =
        x64i_pages_create_in(state->heap, state->pool, region->size, &region->pages);
    if (status != X64_OK)
        return status;
    state->region_count++;
    *out = region;
    return X64_OK;
}

enum x64_status x64i_state_add_fixed(struct x64i_state *state, const char *name, uint32_t version,
                                     void *data, size_t size, unsigned flags)
{
    if (!state || !data || size > X64I_STATE_FIXED_MAX)
        return X64_ERROR_ARGUMENT;
    struct x64i_region wanted = {
        .kind = X64I_REGION_FIXED, .version = version, .flags = flags, .size = size, .data = data};
    struct x64i_region *region;
    return add_region(state, &wanted, name, &region);
}

enum x64_status x64i_state_add_paged(struct x64i_state *state, const char *name, uint32_t version,
                                     uint64_t size_bytes, unsigned flags, struct x64i_pages **out)
{
    if (!state || !out || size_bytes % X64I_PAGE_SIZE != 0)
        return X64_ERROR_ARGUMENT;
    struct x64i_region wanted = {
        .kind = X64I_REGION_PAGED, .version = version, .flags = flags, .size = size_bytes};
    struct x64i_region *region;
    enum x64_status status = add_region(state, &wanted, name, &region);
    if (status == X64_OK)
        *out = region->pages;
    return status;
}

enum x64_status x64i_state_on_restored(struct x64i_state *state, void (*restored)(void *user),
                                       void *user)
{
    if (!state || !restored)
        return X64_ERROR_ARGUMENT;
    if (state->listener_count == X64I_STATE_LISTENERS)
        return X64_ERROR_LIMIT;
    state->listeners[state->listener_count++] =
        (struct x64i_listener){.restored = restored, .user = user};
    return X64_OK;
}

void x64i_state_prepare(struct x64i_state *state)
{
    x64i_heap_prepare(state->heap);
    x64i_page_pool_prepare(state->pool);
}

/* The sum of the page digests of bytes that do not lie in pages. */
static uint64_t digest_bytes(const uint8_t *data, uint64_t size)
{
    uint64_t sum = 0;
    for (uint64_t index = 0; index * X64I_PAGE_SIZE < size; index++)
        sum +=
            x64i_page_digest(data + index * X64I_PAGE_SIZE, x64i_page_length(size, index), index);
    return sum;
}

uint64_t x64i_regions_hash(const struct x64i_region *regions, unsigned count)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct x64i_region *region = &regions[i];
        if (region->flags & X64I_REGION_ANNOTATION)
            continue;
        uint64_t words[] = {region->data ? digest_bytes(region->data, region->size)
                                         : x64i_pages_digest(region->pages),
                            region->size, region->version, (uint64_t)region->kind};
        sum += x64i_hash(words, sizeof words, x64i_hash(region->name, strlen(region->name), 0));
    }
    return x64i_hash(&sum, sizeof sum, 0);
}

uint64_t x64i_state_hash(struct x64i_state *state)
{
    uint64_t hash = x64i_regions_hash(state->regions, state->region_count);
    for (unsigned i = 0; i < state->region_count; i++)
        state->regions[i].pages->write_generation++;
    return hash;
}
