/* SPDX-License-Identifier: MIT */
/*
 * What the files of src/state share: how a region, a blob, a registry and a snapshot look inside.
 * No other layer includes this.
 *
 * A snapshot is a list of regions like a registry's, whose bytes are all paged: for a fixed region,
 * the registry keeps a paged copy, its shadow, which is brought up to date page by page when a
 * snapshot is taken and shared with it. Unchanged pages stay shared from snapshot to snapshot.
 */
#ifndef X64I_STATE_REGION_H
#define X64I_STATE_REGION_H

#include "state/state.h"

#include <stdarg.h>

/* The numbers are those of the save format. */
enum x64i_region_kind { X64I_REGION_FIXED = 1, X64I_REGION_PAGED = 2 };

struct x64i_region {
    char name[X64I_STATE_NAME_SIZE]; /* zero-filled to its end */
    enum x64i_region_kind kind;
    uint32_t version;
    unsigned flags;
    uint64_t size;
    uint8_t *data;            /* the module's struct: fixed regions of a registry only */
    struct x64i_pages *pages; /* the bytes; the shadow where data is set */
};

struct x64i_blob {
    atomic_uint references;
    char name[X64I_STATE_NAME_SIZE];
    size_t size;
    _Alignas(16) uint8_t data[];
};

struct x64i_blobs {
    unsigned count;
    struct x64i_blob *items[X64I_STATE_BLOBS];
};

struct x64i_listener {
    void (*restored)(void *user);
    void *user;
};

struct x64i_state {
    struct x64i_blobs blobs;
    struct x64i_heap *heap;
    struct x64i_page_pool *pool;
    unsigned region_count;
    unsigned listener_count;
    struct x64i_region regions[X64I_STATE_REGIONS];
    struct x64i_listener listeners[X64I_STATE_LISTENERS];
};

struct x64i_snapshot {
    atomic_uint references;
    unsigned region_room;
    struct x64i_heap *heap; /* to which it goes back */
    struct x64i_blobs blobs;
    unsigned region_count;
    struct x64i_region regions[];
};

/* True for 1 to 31 printable characters without a space. */
bool x64i_state_name_is_valid(const char *name);

/* The region of that name, or null. hint is where to look first. */
const struct x64i_region *x64i_region_find(const struct x64i_region *regions, unsigned count,
                                           const char *name, unsigned hint);

/* The bytes of a page of a region, wherever they are. */
static inline const uint8_t *x64i_region_page(const struct x64i_region *region, uint64_t index)
{
    return region->data ? region->data + index * X64I_PAGE_SIZE
                        : x64i_pages_read(region->pages, index);
}

/* What makes two regions unlike although both have the name, or null. */
const char *x64i_region_unlike(const struct x64i_region *a, const struct x64i_region *b);

/* The hash over a list of regions; what lies in pages is remembered there. */
uint64_t x64i_regions_hash(const struct x64i_region *regions, unsigned count);

/* A blob with room for size bytes, which the caller fills, held once; null without memory. */
struct x64i_blob *x64i_blob_create(const char *name, size_t size);
void x64i_blob_release(struct x64i_blob *blob);

/* Adds a blob, or puts it in the place of the one with its name, taking over the caller's hold. */
enum x64_status x64i_blobs_put(struct x64i_blobs *blobs, struct x64i_blob *blob);
const struct x64i_blob *x64i_blobs_find(const struct x64i_blobs *blobs, const char *name);
void x64i_blobs_release(struct x64i_blobs *blobs);

/* Makes target hold what source holds. */
void x64i_blobs_assign(struct x64i_blobs *target, const struct x64i_blobs *source);

/* An empty snapshot with room for count regions; null without memory. */
struct x64i_snapshot *x64i_snapshot_allocate(struct x64i_heap *heap, unsigned count);

#endif
