/* SPDX-License-Identifier: MIT */
#include "input_log.h"

#include <stdlib.h>
#include <string.h>

#define INPUT_LOG_VERSION 1u
#define LOAD_PIECE        65536u

void x64i_input_log_free(struct x64i_input_log *log)
{
    free(log->records);
    free(log->bytes);
    *log = (struct x64i_input_log){0};
}

static bool reserve_records(struct x64i_input_log *log)
{
    if (log->count < log->capacity)
        return true;
    size_t capacity = log->capacity ? log->capacity * 2 : 64;
    void *records = realloc(log->records, capacity * sizeof *log->records);
    if (!records)
        return false;
    log->records = records;
    log->capacity = capacity;
    return true;
}

static bool reserve_bytes(struct x64i_input_log *log, size_t more)
{
    if (more <= log->bytes_capacity - log->size)
        return true;
    size_t capacity = log->bytes_capacity ? log->bytes_capacity : 4096;
    while (capacity - log->size < more) {
        if (capacity > SIZE_MAX / 2)
            return false;
        capacity *= 2;
    }
    void *bytes = realloc(log->bytes, capacity);
    if (!bytes)
        return false;
    log->bytes = bytes;
    log->bytes_capacity = capacity;
    return true;
}

enum x64_status x64i_input_log_append(struct x64i_input_log *log, enum x64_input_kind kind,
                                      size_t asked, const void *bytes, size_t given)
{
    if (asked > UINT32_MAX || given > asked)
        return X64_ERROR_ARGUMENT;
    if (!reserve_records(log) || !reserve_bytes(log, given))
        return X64_ERROR_MEMORY;
    log->records[log->count++] = (struct x64i_input_record){
        .kind = kind, .asked = (uint32_t)asked, .given = (uint32_t)given, .offset = log->size};
    if (given)
        memcpy(log->bytes + log->size, bytes, given);
    log->size += given;
    return X64_OK;
}

enum x64_status x64i_input_log_read(const struct x64i_input_log *log, size_t index,
                                    enum x64_input_kind kind, void *buffer, size_t asked,
                                    size_t *given)
{
    if (index >= log->count)
        return X64_ERROR_NOT_FOUND;
    const struct x64i_input_record *record = &log->records[index];
    if (record->kind != (uint32_t)kind || record->asked != asked)
        return X64_ERROR_NOT_FOUND;
    if (record->given)
        memcpy(buffer, log->bytes + record->offset, record->given);
    *given = record->given;
    return X64_OK;
}

void x64i_input_log_truncate(struct x64i_input_log *log, size_t index)
{
    if (index >= log->count)
        return;
    log->size = log->records[index].offset;
    log->count = index;
}

enum x64_status x64i_input_log_save(const struct x64i_input_log *log, const struct x64i_sink *sink)
{
    struct x64i_writer writer;
    x64i_writer_start(&writer, sink);
    x64i_write_u32(&writer, INPUT_LOG_VERSION);
    x64i_write_u64(&writer, log->base);
    x64i_write_u64(&writer, log->count);
    for (size_t i = 0; i < log->count; i++) {
        const struct x64i_input_record *record = &log->records[i];
        x64i_write_u32(&writer, record->kind);
        x64i_write_u32(&writer, record->asked);
        x64i_write_u32(&writer, record->given);
        x64i_write(&writer, log->bytes + record->offset, record->given);
    }
    return x64i_writer_finish(&writer);
}

/* A record's bytes, in pieces, so that memory grows only with what really arrives. */
static enum x64_status load_bytes(struct x64i_input_log *log, struct x64i_reader *reader,
                                  uint32_t size)
{
    while (size) {
        uint32_t piece = size < LOAD_PIECE ? size : LOAD_PIECE;
        if (!reserve_bytes(log, piece))
            return X64_ERROR_MEMORY;
        if (!x64i_read(reader, log->bytes + log->size, piece))
            return X64_ERROR_FORMAT;
        log->size += piece;
        size -= piece;
    }
    return X64_OK;
}

static enum x64_status load_record(struct x64i_input_log *log, struct x64i_reader *reader)
{
    struct x64i_input_record record = {.offset = log->size};
    if (!x64i_read_u32(reader, &record.kind) || !x64i_read_u32(reader, &record.asked) ||
        !x64i_read_u32(reader, &record.given) || record.kind > X64_INPUT_CONSOLE_READY ||
        record.given > record.asked)
        return X64_ERROR_FORMAT;
    if (!reserve_records(log))
        return X64_ERROR_MEMORY;
    enum x64_status status = load_bytes(log, reader, record.given);
    if (status == X64_OK)
        log->records[log->count++] = record;
    return status;
}

enum x64_status x64i_input_log_load(struct x64i_input_log *log, const struct x64i_source *source)
{
    struct x64i_input_log loaded = {0};
    struct x64i_reader reader;
    uint32_t version;
    uint64_t count;
    x64i_reader_start(&reader, source);
    enum x64_status status = X64_OK;
    if (!x64i_read_u32(&reader, &version) || !x64i_read_u64(&reader, &loaded.base) ||
        !x64i_read_u64(&reader, &count))
        status = X64_ERROR_FORMAT;
    else if (version != INPUT_LOG_VERSION)
        status = X64_ERROR_UNSUPPORTED;
    for (uint64_t i = 0; status == X64_OK && i < count; i++)
        status = load_record(&loaded, &reader);
    if (status == X64_OK)
        status = x64i_reader_finish(&reader);
    if (status != X64_OK) {
        x64i_input_log_free(&loaded);
        return status;
    }
    x64i_input_log_free(log);
    *log = loaded;
    return X64_OK;
}
