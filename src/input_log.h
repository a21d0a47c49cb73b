/* SPDX-License-Identifier: MIT */
/*
 * Everything that came from outside the machine, in order: what makes a run repeatable. It grows
 * while the guest goes where it has not been, and is read while the guest goes there again.
 */
#ifndef X64I_INPUT_LOG_H
#define X64I_INPUT_LOG_H

#include "state/stream.h"

#include "x64emu/machine.h"

struct x64i_input_record {
    uint32_t kind; /* enum x64_input_kind */
    uint32_t asked;
    uint32_t given;
    uint32_t reserved;
    uint64_t offset; /* of its bytes */
};

struct x64i_input_log {
    uint64_t base; /* records that were taken before this log began */
    struct x64i_input_record *records;
    size_t count;
    size_t capacity;
    uint8_t *bytes;
    size_t size;
    size_t bytes_capacity;
};

void x64i_input_log_free(struct x64i_input_log *log);

/* Appends a record. X64_ERROR_MEMORY. */
enum x64_status x64i_input_log_append(struct x64i_input_log *log, enum x64_input_kind kind,
                                      size_t asked, const void *bytes, size_t given);

/* Copies record `index` out, if it answers the same question. X64_ERROR_NOT_FOUND otherwise. */
enum x64_status x64i_input_log_read(const struct x64i_input_log *log, size_t index,
                                    enum x64_input_kind kind, void *buffer, size_t asked,
                                    size_t *given);

/* Forgets record `index` and all after it. */
void x64i_input_log_truncate(struct x64i_input_log *log, size_t index);

/* As a section of a file: docs/save-format.md. */
enum x64_status x64i_input_log_save(const struct x64i_input_log *log, const struct x64i_sink *sink);
enum x64_status x64i_input_log_load(struct x64i_input_log *log, const struct x64i_source *source);

#endif
