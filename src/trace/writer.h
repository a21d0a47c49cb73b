/* SPDX-License-Identifier: MIT */
/*
 * Writers turn lines into a format. Each is a row of three functions that append to a buffer; the
 * trace hands the buffer on.
 */
#ifndef X64I_TRACE_WRITER_H
#define X64I_TRACE_WRITER_H

#include "trace/buffer.h"
#include "trace/line.h"

#include "x64emu/trace.h"

#define X64I_TRACE_VERSION 1u

/* What stands at the beginning of a trace. Null: not known. */
struct x64i_trace_header {
    const char *cpu;
    const char *kernel;
    const char *mitigations;
    const char *symbols;
    const char *core;
};

struct x64i_trace_style {
    bool colour;
    bool bytes;
};

struct x64i_trace_writer {
    void (*begin)(struct x64i_buffer *buffer, const struct x64i_trace_style *style,
                  const struct x64i_trace_header *header);
    void (*line)(struct x64i_buffer *buffer, const struct x64i_trace_style *style,
                 const struct x64i_trace_line *line);
    void (*end)(struct x64i_buffer *buffer, const struct x64i_trace_style *style,
                const struct x64_stop *stop, uint64_t cycles);
};

extern const struct x64i_trace_writer x64i_text_writer;
extern const struct x64i_trace_writer x64i_jsonl_writer;

#endif
