/* SPDX-License-Identifier: MIT */
#include "state/save.h"

#include "state/file.h"
#include "state/region.h"

#include <string.h>

static void write_region(struct x64i_writer *writer, const struct x64i_region *region)
{
    x64i_write(writer, region->name, sizeof region->name);
    x64i_write_u32(writer, (uint32_t)region->kind);
    x64i_write_u32(writer, region->version);
    x64i_write_u32(writer, region->flags);
    x64i_write_u32(writer, 0);
    x64i_write_u64(writer, region->size);

    for (uint64_t index = 0; index < region->pages->page_count; index++) {
        const uint8_t *page = x64i_region_page(region, index);
        size_t length = x64i_page_length(region->size, index);
        if (page == x64i_zero_page || x64i_is_zero(page, length))
            continue;
        x64i_write_u64(writer, index);
        x64i_write(writer, page, length);
    }
    x64i_write_u64(writer, X64I_SAVE_END_OF_PAGES);
}

static void write_blob(struct x64i_writer *writer, const struct x64i_blob *blob)
{
    x64i_write(writer, blob->name, sizeof blob->name);
    x64i_write_u64(writer, blob->size);
    x64i_write(writer, blob->data, blob->size);
}

enum x64_status x64i_snapshot_save(const struct x64i_snapshot *snapshot,
                                   const struct x64i_sink *sink)
{
    struct x64i_writer writer;
    x64i_writer_start(&writer, sink);
    x64i_write(&writer, X64I_SAVE_MAGIC, strlen(X64I_SAVE_MAGIC));
    x64i_write_u32(&writer, X64I_SAVE_VERSION);
    x64i_write_u32(&writer, snapshot->region_count);
    x64i_write_u32(&writer, snapshot->blobs.count);
    x64i_write_u32(&writer, 0);
    for (unsigned i = 0; i < snapshot->region_count; i++)
        write_region(&writer, &snapshot->regions[i]);
    for (unsigned i = 0; i < snapshot->blobs.count; i++)
        write_blob(&writer, snapshot->blobs.items[i]);
    return x64i_writer_finish(&writer);
}

enum x64_status x64i_snapshot_save_file(const struct x64i_snapshot *snapshot, const char *path,
                                        char *message, size_t message_size)
{
    struct x64i_file *file;
    enum x64_status status = x64i_file_create(path, &file, message, message_size);
    if (status != X64_OK)
        return status;
    struct x64i_sink sink = x64i_file_sink(file);
    (void)x64i_snapshot_save(snapshot, &sink); /* a failure of the file stays with it */
    return x64i_file_commit(file, message, message_size);
}
