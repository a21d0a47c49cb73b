/* SPDX-License-Identifier: MIT */
#include "state/message.h"
#include "state/region.h"
#include "state/save.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blobs are read in pieces of at most this, so that a short file cannot ask for much memory. */
#define BLOB_STEP (UINT64_C(1) << 20)

struct loader {
    struct x64i_reader reader;
    struct x64i_snapshot *snapshot;
    char *message;
    size_t message_size;
};

static enum x64_status refuse_damage(struct loader *loader, const char *what, const char *name)
{
    x64i_message(loader->message, loader->message_size, "%s %s", what, name);
    return X64_ERROR_FORMAT;
}

static enum x64_status refuse_memory(struct loader *loader)
{
    x64i_message(loader->message, loader->message_size, "no memory left for the snapshot");
    return X64_ERROR_MEMORY;
}

static enum x64_status read_header(struct loader *loader, uint32_t *regions, uint32_t *blobs)
{
    char magic[sizeof X64I_SAVE_MAGIC - 1];
    uint32_t version, reserved;
    struct x64i_reader *reader = &loader->reader;

    if (!x64i_read(reader, magic, sizeof magic) ||
        memcmp(magic, X64I_SAVE_MAGIC, sizeof magic) != 0)
        return refuse_damage(loader,
                             "not a saved state:", "the first bytes are not " X64I_SAVE_MAGIC);
    if (!x64i_read_u32(reader, &version))
        return refuse_damage(loader, "the data ends in", "the header");
    if (version != X64I_SAVE_VERSION) {
        x64i_message(loader->message, loader->message_size,
                     "saved with format version %u, this program reads version %u", version,
                     X64I_SAVE_VERSION);
        return X64_ERROR_UNSUPPORTED;
    }
    if (!x64i_read_u32(reader, regions) || !x64i_read_u32(reader, blobs) ||
        !x64i_read_u32(reader, &reserved))
        return refuse_damage(loader, "the data ends in", "the header");
    if (*regions > X64I_STATE_REGIONS || *blobs > X64I_STATE_BLOBS || reserved != 0)
        return refuse_damage(loader, "impossible counts in", "the header");
    return X64_OK;
}

/* Reads a name field: a valid name, then zeroes to the end. */
static enum x64_status read_name(struct loader *loader, char name[X64I_STATE_NAME_SIZE],
                                 const char *what)
{
    char field[X64I_STATE_NAME_SIZE];
    if (!x64i_read(&loader->reader, field, sizeof field))
        return refuse_damage(loader, "the data ends before the name of", what);
    size_t length = strnlen(field, sizeof field);
    if (length == sizeof field || !x64i_state_name_is_valid(field) ||
        !x64i_is_zero((const uint8_t *)field + length, sizeof field - length))
        return refuse_damage(loader, "an impossible name of", what);
    memcpy(name, field, sizeof field);
    return X64_OK;
}

static bool size_is_possible(const struct x64i_region *region)
{
    if (region->kind == X64I_REGION_FIXED)
        return region->size > 0 && region->size <= X64I_STATE_FIXED_MAX;
    return region->size > 0 && region->size <= X64I_PAGES_MAX && region->size % X64I_PAGE_SIZE == 0;
}

static enum x64_status read_region_header(struct loader *loader, struct x64i_region *region)
{
    const struct x64i_snapshot *snapshot = loader->snapshot;
    uint32_t kind, version, flags, reserved;
    struct x64i_reader *reader = &loader->reader;

    enum x64_status status = read_name(loader, region->name, "a region");
    if (status != X64_OK)
        return status;
    if (x64i_region_find(snapshot->regions, snapshot->region_count, region->name, 0))
        return refuse_damage(loader, "twice the same region", region->name);
    if (!x64i_read_u32(reader, &kind) || !x64i_read_u32(reader, &version) ||
        !x64i_read_u32(reader, &flags) || !x64i_read_u32(reader, &reserved) ||
        !x64i_read_u64(reader, &region->size))
        return refuse_damage(loader, "the data ends in the header of region", region->name);
    if ((kind != X64I_REGION_FIXED && kind != X64I_REGION_PAGED) ||
        (flags & ~X64I_REGION_ANNOTATION) != 0 || reserved != 0)
        return refuse_damage(loader, "impossible kind or flags of region", region->name);
    region->kind = (enum x64i_region_kind)kind;
    region->version = version;
    region->flags = flags;
    if (!size_is_possible(region))
        return refuse_damage(loader, "impossible size of region", region->name);
    return X64_OK;
}

/* Page numbers ascend, so that no page comes twice and the list ends. */
static enum x64_status read_pages(struct loader *loader, const struct x64i_region *region)
{
    uint64_t index, next = 0;
    for (;; next = index + 1) {
        if (!x64i_read_u64(&loader->reader, &index))
            return refuse_damage(loader, "the data ends among the pages of region", region->name);
        if (index == X64I_SAVE_END_OF_PAGES)
            return X64_OK;
        if (index < next || index >= region->pages->page_count)
            return refuse_damage(loader, "an impossible page number in region", region->name);
        uint8_t *page = x64i_pages_write(region->pages, index);
        if (!page)
            return refuse_memory(loader);
        if (!x64i_read(&loader->reader, page, x64i_page_length(region->size, index)))
            return refuse_damage(loader, "the data ends among the pages of region", region->name);
    }
}

static enum x64_status read_region(struct loader *loader)
{
    struct x64i_snapshot *snapshot = loader->snapshot;
    struct x64i_region *region = &snapshot->regions[snapshot->region_count];
    enum x64_status status = read_region_header(loader, region);
    if (status != X64_OK)
        return status;
    if (x64i_pages_create(region->size, &region->pages) != X64_OK)
        return refuse_memory(loader);
    snapshot->region_count++;
    return read_pages(loader, region);
}

/* The bytes of a blob, with memory that grows as they arrive. */
static enum x64_status read_blob_bytes(struct loader *loader, struct x64i_blob **blob,
                                       uint64_t size)
{
    while ((*blob)->size < size) {
        uint64_t have = (*blob)->size;
        uint64_t step = have < BLOB_STEP ? BLOB_STEP : have;
        if (step > size - have)
            step = size - have;
        struct x64i_blob *larger = realloc(*blob, sizeof *larger + have + step);
        if (!larger)
            return refuse_memory(loader);
        *blob = larger;
        if (!x64i_read(&loader->reader, larger->data + have, (size_t)step))
            return refuse_damage(loader, "the data ends in blob", larger->name);
        larger->size = (size_t)(have + step);
    }
    return X64_OK;
}

static enum x64_status read_blob(struct loader *loader)
{
    char name[X64I_STATE_NAME_SIZE];
    uint64_t size;
    enum x64_status status = read_name(loader, name, "a blob");
    if (status != X64_OK)
        return status;
    if (x64i_blobs_find(&loader->snapshot->blobs, name))
        return refuse_damage(loader, "twice the same blob", name);
    if (!x64i_read_u64(&loader->reader, &size))
        return refuse_damage(loader, "the data ends in the header of blob", name);
    if (size > X64I_STATE_BLOB_MAX)
        return refuse_damage(loader, "impossible size of blob", name);

    struct x64i_blob *blob = x64i_blob_create(name, 0);
    if (!blob)
        return refuse_memory(loader);
    status = read_blob_bytes(loader, &blob, size);
    if (status == X64_OK)
        status = x64i_blobs_put(&loader->snapshot->blobs, blob);
    if (status != X64_OK)
        x64i_blob_release(blob);
    return status;
}

static enum x64_status read_section(struct loader *loader)
{
    uint32_t regions, blobs;
    enum x64_status status = read_header(loader, &regions, &blobs);
    if (status != X64_OK)
        return status;
    loader->snapshot = x64i_snapshot_allocate(NULL, regions);
    if (!loader->snapshot)
        return refuse_memory(loader);
    for (uint32_t i = 0; status == X64_OK && i < regions; i++)
        status = read_region(loader);
    for (uint32_t i = 0; status == X64_OK && i < blobs; i++)
        status = read_blob(loader);
    if (status == X64_OK && x64i_reader_finish(&loader->reader) != X64_OK)
        status = refuse_damage(loader, "the data is damaged:", "its checksum is missing or wrong");
    return status;
}

enum x64_status x64i_snapshot_load(const struct x64i_source *source, struct x64i_snapshot **out,
                                   char *message, size_t message_size)
{
    struct loader loader = {.message = message, .message_size = message_size};
    x64i_reader_start(&loader.reader, source);
    enum x64_status status = read_section(&loader);
    if (status == X64_OK)
        *out = loader.snapshot;
    else
        x64i_snapshot_release(loader.snapshot);
    return status;
}

static size_t read_file(void *user, void *data, size_t size)
{
    return fread(data, 1, size, user);
}

/* Loads from an open file, and puts the path before the sentence about what is wrong. */
static enum x64_status load_stream(FILE *stream, const char *path, struct x64i_snapshot **out,
                                   char *message, size_t message_size)
{
    char reason[160] = "";
    struct x64i_source source = {.read = read_file, .user = stream};
    struct x64i_snapshot *snapshot = NULL;
    enum x64_status status = x64i_snapshot_load(&source, &snapshot, reason, sizeof reason);

    if (ferror(stream)) {
        status = X64_ERROR_IO;
        x64i_message(reason, sizeof reason, "cannot be read: %s", strerror(errno));
    } else if (status == X64_OK && fgetc(stream) != EOF) {
        status = X64_ERROR_FORMAT;
        x64i_message(reason, sizeof reason, "there are bytes after the end of the saved state");
    }
    if (status == X64_OK) {
        *out = snapshot;
        return X64_OK;
    }
    x64i_snapshot_release(snapshot);
    x64i_message(message, message_size, "%s: %s", path, reason);
    return status;
}

enum x64_status x64i_snapshot_load_file(const char *path, struct x64i_snapshot **out, char *message,
                                        size_t message_size)
{
    FILE *stream = fopen(path, "rbe");
    if (!stream) {
        x64i_message(message, message_size, "%s: cannot be read: %s", path, strerror(errno));
        return X64_ERROR_IO;
    }
    enum x64_status status = load_stream(stream, path, out, message, message_size);
    (void)fclose(stream);
    return status;
}
