/* SPDX-License-Identifier: MIT */
/*
 * Where saved bytes go to and come from. A snapshot is one section of a longer stream (a recording
 * has more of them), so saving and loading go through these two callbacks and neither seek nor look
 * beyond their section.
 *
 * The pair below adds what every section of our files needs: little-endian numbers, a checksum over
 * all that went by, and a first error that sticks, so that a writer checks once at the end.
 *
 *     struct x64i_writer writer;
 *     x64i_writer_start(&writer, sink);
 *     x64i_write_u32(&writer, version);
 *     x64i_write(&writer, bytes, size);
 *     return x64i_writer_finish(&writer);             writes the checksum
 */
#ifndef X64I_STATE_STREAM_H
#define X64I_STATE_STREAM_H

#include "state/hash.h"
#include "x64emu/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes size bytes; false when they could not be written, nothing more comes then. */
struct x64i_sink {
    bool (*write)(void *user, const void *data, size_t size);
    void *user;
};

/* Gives up to size bytes and answers how many; fewer only at the end or on an error. */
struct x64i_source {
    size_t (*read)(void *user, void *data, size_t size);
    void *user;
};

struct x64i_writer {
    const struct x64i_sink *sink;
    struct x64i_hasher hasher;
    bool failed;
};

void x64i_writer_start(struct x64i_writer *writer, const struct x64i_sink *sink);
void x64i_write(struct x64i_writer *writer, const void *data, size_t size);
void x64i_write_u32(struct x64i_writer *writer, uint32_t value);
void x64i_write_u64(struct x64i_writer *writer, uint64_t value);

/* Writes the XXH64 of everything since the start. X64_ERROR_IO when anything failed. */
enum x64_status x64i_writer_finish(struct x64i_writer *writer);

struct x64i_reader {
    const struct x64i_source *source;
    struct x64i_hasher hasher;
};

void x64i_reader_start(struct x64i_reader *reader, const struct x64i_source *source);

/* Each answers false, and leaves its output alone, when the source ended too early. */
bool x64i_read(struct x64i_reader *reader, void *data, size_t size);
bool x64i_read_u32(struct x64i_reader *reader, uint32_t *value);
bool x64i_read_u64(struct x64i_reader *reader, uint64_t *value);

/* Reads the checksum and compares it. X64_ERROR_FORMAT when it is missing or wrong. */
enum x64_status x64i_reader_finish(struct x64i_reader *reader);

/* A source that reads from memory; bytes moves forward as they are taken. */
struct x64i_memory_source {
    const uint8_t *bytes;
    size_t left;
};
size_t x64i_memory_source_read(void *user, void *data, size_t size);

#endif
