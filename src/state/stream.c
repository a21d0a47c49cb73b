/* SPDX-License-Identifier: MIT */
#include "state/stream.h"

#include <string.h>

static void put_little_endian(uint8_t *bytes, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get_little_endian(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

void x64i_writer_start(struct x64i_writer *writer, const struct x64i_sink *sink)
{
    *writer = (struct x64i_writer){.sink = sink};
    x64i_hasher_start(&writer->hasher, 0);
}

void x64i_write(struct x64i_writer *writer, const void *data, size_t size)
{
    if (writer->failed || size == 0)
        return;
    x64i_hasher_add(&writer->hasher, data, size);
    writer->failed = !writer->sink->write(writer->sink->user, data, size);
}

void x64i_write_u32(struct x64i_writer *writer, uint32_t value)
{
    uint8_t bytes[4];
    put_little_endian(bytes, value, sizeof bytes);
    x64i_write(writer, bytes, sizeof bytes);
}

void x64i_write_u64(struct x64i_writer *writer, uint64_t value)
{
    uint8_t bytes[8];
    put_little_endian(bytes, value, sizeof bytes);
    x64i_write(writer, bytes, sizeof bytes);
}

enum x64_status x64i_writer_finish(struct x64i_writer *writer)
{
    x64i_write_u64(writer, x64i_hasher_value(&writer->hasher));
    return writer->failed ? X64_ERROR_IO : X64_OK;
}

void x64i_reader_start(struct x64i_reader *reader, const struct x64i_source *source)
{
    *reader = (struct x64i_reader){.source = source};
    x64i_hasher_start(&reader->hasher, 0);
}

bool x64i_read(struct x64i_reader *reader, void *data, size_t size)
{
    if (reader->source->read(reader->source->user, data, size) != size)
        return false;
    x64i_hasher_add(&reader->hasher, data, size);
    return true;
}

bool x64i_read_u32(struct x64i_reader *reader, uint32_t *value)
{
    uint8_t bytes[4];
    if (!x64i_read(reader, bytes, sizeof bytes))
        return false;
    *value = (uint32_t)get_little_endian(bytes, sizeof bytes);
    return true;
}

bool x64i_read_u64(struct x64i_reader *reader, uint64_t *value)
{
    uint8_t bytes[8];
    if (!x64i_read(reader, bytes, sizeof bytes))
        return false;
    *value = get_little_endian(bytes, sizeof bytes);
    return true;
}

enum x64_status x64i_reader_finish(struct x64i_reader *reader)
{
    uint64_t wanted = x64i_hasher_value(&reader->hasher);
    uint64_t found;
    return x64i_read_u64(reader, &found) && found == wanted ? X64_OK : X64_ERROR_FORMAT;
}

size_t x64i_memory_source_read(void *user, void *data, size_t size)
{
    struct x64i_memory_source *source = user;
    size_t length = size < source->left ? size : source->left;
    if (length > 0)
        memcpy(data, source->bytes, length);
    source->bytes += length;
    source->left -= length;
    return length;
}
