/* SPDX-License-Identifier: MIT */
/*
 * Writers turn lines into a format. Each is a row of three functions that append to a buffer; the
 * trace hands the buffer on.
 */
#ifndef X64I_TRACE_WRITER_H
#define X64I_TRACE_WRITER_H

#include "trace/buffer.h"
#include "trace/line.h"
#include "trace/phases.h"

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
    bool waits;
    void *state; /* of a writer that has some */
};

struct x64i_trace_writer {
    void (*begin)(struct x64i_buffer *buffer, const struct x64i_trace_style *style,
                  const struct x64i_trace_header *header);
    void (*line)(struct x64i_buffer *buffer, const struct x64i_trace_style *style,
                 const struct x64i_trace_line *line);
    void (*end)(struct x64i_buffer *buffer, const struct x64i_trace_style *style,
                const struct x64_stop *stop, uint64_t cycles);
    /* Null in writers that remember nothing. X64_ERROR_MEMORY. */
    enum x64_status (*open)(const struct x64i_trace_view *view, void **state);
    void (*close)(void *state);
    bool fields; /* lines need `before` and `after` */
    bool stages; /* lines need `times` */
    /* A system call has ended whose first step began in cycle `begin`; null: nobody asks. */
    void (*trip)(struct x64i_buffer *buffer, const struct x64i_trace_style *style,
                 const struct x64i_phase_step *steps, size_t count, uint64_t begin);
};

extern const struct x64i_trace_writer x64i_text_writer;
extern const struct x64i_trace_writer x64i_jsonl_writer;
extern const struct x64i_trace_writer x64i_html_writer;     /* html.c */
extern const struct x64i_trace_writer x64i_perfetto_writer; /* perfetto.c */
extern const struct x64i_trace_writer x64i_kanata_writer;   /* kanata.c */

#endif
