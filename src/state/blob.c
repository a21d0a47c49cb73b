/* SPDX-License-Identifier: MIT */
#include "state/region.h"

#include <stdlib.h>
#include <string.h>

struct x64i_blob *x64i_blob_create(const char *name, size_t size)
{
    struct x64i_blob *blob = malloc(sizeof *blob + size);
    if (!blob)
        return NULL;
    atomic_init(&blob->references, 1);
    memset(blob->name, 0, sizeof blob->name);
    memcpy(blob->name, name, strnlen(name, sizeof blob->name - 1));
    blob->size = size;
    return blob;
}

void x64i_blob_release(struct x64i_blob *blob)
{
    if (blob && atomic_fetch_sub_explicit(&blob->references, 1, memory_order_acq_rel) == 1)
        free(blob);
}

/* Where the blob of that name is in the list, or the end of it. */
static unsigned find_index(const struct x64i_blobs *blobs, const char *name)
{
    unsigned i = 0;
    while (i < blobs->count && strcmp(blobs->items[i]->name, name) != 0)
        i++;
    return i;
}

const struct x64i_blob *x64i_blobs_find(const struct x64i_blobs *blobs, const char *name)
{
    unsigned index = name ? find_index(blobs, name) : blobs->count;
    return index < blobs->count ? blobs->items[index] : NULL;
}

enum x64_status x64i_blobs_put(struct x64i_blobs *blobs, struct x64i_blob *blob)
{
    unsigned index = find_index(blobs, blob->name);
    if (index == X64I_STATE_BLOBS)
        return X64_ERROR_LIMIT;
    if (index == blobs->count)
        blobs->count++;
    else
        x64i_blob_release(blobs->items[index]);
    blobs->items[index] = blob;
    return X64_OK;
}

static void remove_blob(struct x64i_blobs *blobs, const char *name)
{
    unsigned index = find_index(blobs, name);
    if (index == blobs->count)
        return;
    x64i_blob_release(blobs->items[index]);
    blobs->count--;
    for (; index < blobs->count; index++)
        blobs->items[index] = blobs->items[index + 1];
}

void x64i_blobs_release(struct x64i_blobs *blobs)
{
    for (unsigned i = 0; i < blobs->count; i++)
        x64i_blob_release(blobs->items[i]);
    blobs->count = 0;
}

void x64i_blobs_assign(struct x64i_blobs *target, const struct x64i_blobs *source)
{
    struct x64i_blobs old = *target;
    for (unsigned i = 0; i < source->count; i++) {
        atomic_fetch_add_explicit(&source->items[i]->references, 1, memory_order_relaxed);
        target->items[i] = source->items[i];
    }
    target->count = source->count;
    x64i_blobs_release(&old);
}

enum x64_status x64i_state_set_blob(struct x64i_state *state, const char *name, const void *data,
                                    size_t size)
{
    if (!state || !x64i_state_name_is_valid(name) || (!data && size > 0) ||
        size > X64I_STATE_BLOB_MAX)
        return X64_ERROR_ARGUMENT;
    if (!data) {
        remove_blob(&state->blobs, name);
        return X64_OK;
    }

    struct x64i_blob *blob = x64i_blob_create(name, size);
    if (!blob)
        return X64_ERROR_MEMORY;
    memcpy(blob->data, data, size);
    enum x64_status status = x64i_blobs_put(&state->blobs, blob);
    if (status != X64_OK)
        x64i_blob_release(blob);
    return status;
}

static const void *get_blob(const struct x64i_blobs *blobs, const char *name, size_t *size)
{
    const struct x64i_blob *blob = x64i_blobs_find(blobs, name);
    if (!blob)
        return NULL;
    if (size)
        *size = blob->size;
    return blob->data;
}

const void *x64i_state_get_blob(const struct x64i_state *state, const char *name, size_t *size)
{
    return get_blob(&state->blobs, name, size);
}

const void *x64i_snapshot_get_blob(const struct x64i_snapshot *snapshot, const char *name,
                                   size_t *size)
{
    return get_blob(&snapshot->blobs, name, size);
}
