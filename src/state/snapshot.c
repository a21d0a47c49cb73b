/* SPDX-License-Identifier: MIT */
#include "state/heap.h"
#include "state/message.h"
#include "state/region.h"

#include <string.h>

static size_t allocation(unsigned regions)
{
    return sizeof(struct x64i_snapshot) + regions * sizeof(struct x64i_region);
}

struct x64i_snapshot *x64i_snapshot_allocate(struct x64i_heap *heap, unsigned count)
{
    struct x64i_snapshot *snapshot = x64i_heap_allocate_zeroed(heap, allocation(count));
    if (!snapshot)
        return NULL;
    atomic_init(&snapshot->references, 1);
    snapshot->region_room = count;
    snapshot->heap = heap;
    return snapshot;
}

struct x64i_snapshot *x64i_snapshot_retain(struct x64i_snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

void x64i_snapshot_release(struct x64i_snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < snapshot->region_count; i++)
        x64i_pages_destroy(snapshot->regions[i].pages);
    x64i_blobs_release(&snapshot->blobs);
    x64i_heap_free(snapshot->heap, snapshot, allocation(snapshot->region_room));
}

/* Brings the shadow of a fixed region up to date; pages that did not change stay shared. */
static enum x64_status update_shadow(struct x64i_region *region)
{
    for (uint64_t index = 0; index < region->pages->page_count; index++) {
        size_t length = x64i_page_length(region->size, index);
        const uint8_t *data = region->data + index * X64I_PAGE_SIZE;
        if (memcmp(data, x64i_pages_read(region->pages, index), length) == 0)
            continue;
        uint8_t *page = x64i_pages_write(region->pages, index);
        if (!page)
            return X64_ERROR_MEMORY;
        memcpy(page, data, length);
    }
    return X64_OK;
}

static enum x64_status capture_region(struct x64i_region *region, struct x64i_region *out)
{
    enum x64_status status = region->data ? update_shadow(region) : X64_OK;
    if (status != X64_OK)
        return status;
    *out = *region;
    out->data = NULL;
    out->pages = NULL;
    return x64i_pages_share(region->pages, &out->pages);
}

enum x64_status x64i_state_snapshot(struct x64i_state *state, struct x64i_snapshot **out)
{
    if (!state || !out)
        return X64_ERROR_ARGUMENT;
    struct x64i_snapshot *snapshot = x64i_snapshot_allocate(state->heap, state->region_count);
    if (!snapshot)
        return X64_ERROR_MEMORY;

    for (unsigned i = 0; i < state->region_count; i++) {
        enum x64_status status = capture_region(&state->regions[i], &snapshot->regions[i]);
        state->regions[i].pages->write_generation++;
        if (status != X64_OK) {
            x64i_snapshot_release(snapshot);
            return status;
        }
        snapshot->region_count++;
    }
    x64i_blobs_assign(&snapshot->blobs, &state->blobs);
    *out = snapshot;
    return X64_OK;
}

/* Why the snapshot does not fit: the region and what is unlike about it; null when it fits. */
static const struct x64i_region *
find_misfit(const struct x64i_state *state, const struct x64i_snapshot *snapshot, const char **what)
{
    for (unsigned i = 0; i < state->region_count; i++) {
        const struct x64i_region *region = &state->regions[i];
        const struct x64i_region *other =
            x64i_region_find(snapshot->regions, snapshot->region_count, region->name, i);
        *what = other ? x64i_region_unlike(region, other) : "missing from the snapshot";
        if (*what)
            return region;
    }
    for (unsigned i = 0; i < snapshot->region_count; i++) {
        const struct x64i_region *region = &snapshot->regions[i];
        *what = "unknown to this machine";
        if (!x64i_region_find(state->regions, state->region_count, region->name, i))
            return region;
    }
    return NULL;
}

bool x64i_state_explain(const struct x64i_state *state, const struct x64i_snapshot *snapshot,
                        char *message, size_t size)
{
    const char *what;
    const struct x64i_region *misfit = find_misfit(state, snapshot, &what);
    if (!misfit) {
        x64i_message(message, size, "%s", "");
        return false;
    }
    const struct x64i_region *mine =
        x64i_region_find(state->regions, state->region_count, misfit->name, 0);
    const struct x64i_region *its =
        x64i_region_find(snapshot->regions, snapshot->region_count, misfit->name, 0);
    if (!mine || !its)
        x64i_message(message, size, "region %s is %s", misfit->name, what);
    else if (mine->version != its->version)
        x64i_message(message, size, "region %s has version %u in the snapshot, %u in this machine",
                     misfit->name, its->version, mine->version);
    else if (mine->size != its->size)
        x64i_message(message, size,
                     "region %s has %llu bytes in the snapshot, %llu in this machine", misfit->name,
                     (unsigned long long)its->size, (unsigned long long)mine->size);
    else
        x64i_message(message, size, "region %s does not have the same %s in the snapshot",
                     misfit->name, what);
    return true;
}

static void restore_region(struct x64i_region *region, const struct x64i_region *from)
{
    x64i_pages_assign(region->pages, from->pages);
    if (region->data)
        (void)x64i_pages_copy_out(from->pages, 0, region->data, (size_t)region->size);
}

enum x64_status x64i_state_restore(struct x64i_state *state, const struct x64i_snapshot *snapshot)
{
    if (!state || !snapshot)
        return X64_ERROR_ARGUMENT;
    const char *what;
    if (find_misfit(state, snapshot, &what))
        return X64_ERROR_UNSUPPORTED;

    for (unsigned i = 0; i < state->region_count; i++) {
        struct x64i_region *region = &state->regions[i];
        restore_region(
            region, x64i_region_find(snapshot->regions, snapshot->region_count, region->name, i));
    }
    x64i_blobs_assign(&state->blobs, &snapshot->blobs);
    for (unsigned i = 0; i < state->listener_count; i++)
        state->listeners[i].restored(state->listeners[i].user);
    return X64_OK;
}

enum x64_status x64i_state_fork(struct x64i_state *source, struct x64i_state *target)
{
    struct x64i_snapshot *snapshot;
    enum x64_status status = x64i_state_snapshot(source, &snapshot);
    if (status != X64_OK)
        return status;
    status = x64i_state_restore(target, snapshot);
    x64i_snapshot_release(snapshot);
    return status;
}

uint64_t x64i_snapshot_hash(const struct x64i_snapshot *snapshot)
{
    return x64i_regions_hash(snapshot->regions, snapshot->region_count);
}

static uint64_t own_bytes(const struct x64i_snapshot *snapshot)
{
    return allocation(snapshot->region_room);
}

uint64_t x64i_snapshot_bytes(const struct x64i_snapshot *snapshot)
{
    uint64_t bytes = own_bytes(snapshot);
    for (unsigned i = 0; i < snapshot->region_count; i++)
        bytes += x64i_pages_bytes(snapshot->regions[i].pages, NULL);
    for (unsigned i = 0; i < snapshot->blobs.count; i++) {
        const struct x64i_blob *blob = snapshot->blobs.items[i];
        if (atomic_load_explicit(&blob->references, memory_order_relaxed) == 1)
            bytes += sizeof *blob + blob->size;
    }
    return bytes;
}

uint64_t x64i_snapshot_bytes_beyond(const struct x64i_snapshot *snapshot,
                                    const struct x64i_snapshot *other)
{
    uint64_t bytes = own_bytes(snapshot);
    for (unsigned i = 0; i < snapshot->region_count; i++) {
        const struct x64i_region *region = &snapshot->regions[i];
        const struct x64i_region *its =
            x64i_region_find(other->regions, other->region_count, region->name, i);
        bytes += x64i_pages_bytes(region->pages, its ? its->pages : NULL);
    }
    for (unsigned i = 0; i < snapshot->blobs.count; i++) {
        const struct x64i_blob *blob = snapshot->blobs.items[i];
        if (x64i_blobs_find(&other->blobs, blob->name) != blob)
            bytes += sizeof *blob + blob->size;
    }
    return bytes;
}

uint64_t x64i_snapshot_region_size(const struct x64i_snapshot *snapshot, const char *name)
{
    const struct x64i_region *region =
        x64i_region_find(snapshot->regions, snapshot->region_count, name, 0);
    return region ? region->size : 0;
}

enum x64_status x64i_snapshot_read(const struct x64i_snapshot *snapshot, const char *name,
                                   uint64_t offset, void *data, size_t size)
{
    const struct x64i_region *region =
        x64i_region_find(snapshot->regions, snapshot->region_count, name, 0);
    return region ? x64i_pages_copy_out(region->pages, offset, data, size) : X64_ERROR_NOT_FOUND;
}
