/* SPDX-License-Identifier: MIT */
/*
 * Chrome's trace events, which Perfetto and chrome://tracing open: an array of slices on tracks for
 * the privilege level, the stack, the system calls' phases and the instructions. A microsecond
 * there is a cycle here.
 */
#include "timing/timing.h"
#include "trace/writer.h"

#include <stdlib.h>
#include <string.h>

enum track { TRACK_RING = 1, TRACK_STACK, TRACK_PHASE, TRACK_INSTRUCTION };

/* A slice that goes on as long as its name stays. */
struct open_slice {
    const char *name; /* null: none */
    uint64_t begin, end;
};

struct perfetto {
    struct open_slice ring, stack;
};

static void begin_event(struct x64i_buffer *out, const char *phase, enum track track)
{
    x64i_buffer_text(out, ",\n{\"ph\":\"");
    x64i_buffer_text(out, phase);
    x64i_buffer_text(out, "\",\"pid\":1,\"tid\":");
    x64i_buffer_decimal(out, track);
}

static void begin_slice(struct x64i_buffer *out, enum track track, const char *name, uint64_t begin,
                        uint64_t end)
{
    begin_event(out, "X", track);
    x64i_buffer_text(out, ",\"ts\":");
    x64i_buffer_decimal(out, begin);
    x64i_buffer_text(out, ",\"dur\":");
    x64i_buffer_decimal(out, end - begin);
    x64i_buffer_text(out, ",\"name\":");
    x64i_buffer_json(out, name);
}

static void close_slice(struct x64i_buffer *out, enum track track, struct open_slice *slice)
{
    if (slice->name) {
        begin_slice(out, track, slice->name, slice->begin, slice->end);
        x64i_buffer_char(out, '}');
    }
    slice->name = NULL;
}

/* Steps that were left out end a slice, too. */
static void extend_slice(struct x64i_buffer *out, enum track track, struct open_slice *slice,
                         const char *name, uint64_t begin, uint64_t end)
{
    if (slice->name != name || slice->end != begin)
        close_slice(out, track, slice);
    if (!slice->name)
        *slice = (struct open_slice){.name = name, .begin = begin};
    slice->end = end;
}

static void name_track(struct x64i_buffer *out, enum track track, const char *name)
{
    begin_event(out, "M", track);
    x64i_buffer_text(out, ",\"name\":\"thread_name\",\"args\":{\"name\":\"");
    x64i_buffer_text(out, name);
    x64i_buffer_text(out, "\"}}");
}

static void add_argument(struct x64i_buffer *out, const char *key, const char *value)
{
    if (!value)
        return;
    x64i_buffer_text(out, ",\"");
    x64i_buffer_text(out, key);
    x64i_buffer_text(out, "\":");
    x64i_buffer_json(out, value);
}

static void write_begin(struct x64i_buffer *out, const struct x64i_trace_style *style,
                        const struct x64i_trace_header *header)
{
    (void)style;
    x64i_buffer_text(out, "[{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":"
                          "\"x64emu, 1 us = 1 cycle\"");
    add_argument(out, "cpu", header->cpu);
    add_argument(out, "kernel", header->kernel);
    add_argument(out, "mitigations", header->mitigations);
    add_argument(out, "cycles", header->core);
    x64i_buffer_text(out, "}}");
    name_track(out, TRACK_RING, "ring");
    name_track(out, TRACK_STACK, "stack");
    name_track(out, TRACK_PHASE, "phase");
    name_track(out, TRACK_INSTRUCTION, "instructions");
}

static void write_instruction(struct x64i_buffer *out, const struct x64i_trace_line *line)
{
    static const char *const standing[] = {
        [X64_STEP_INTERRUPT] = "(interrupt)",
        [X64_STEP_NATIVE] = "(mini-kernel, not modelled)",
        [X64_STEP_SLEEP] = "(asleep)",
    };
    unsigned kind = line->kind;
    const char *name = kind < sizeof standing / sizeof standing[0] ? standing[kind] : NULL;
    if (!name)
        name = line->assembly[0] ? line->assembly : "(not fetched)";
    begin_slice(out, TRACK_INSTRUCTION, name, line->cycle - line->cycles, line->cycle);
    x64i_buffer_text(out, ",\"args\":{\"n\":");
    x64i_buffer_decimal(out, line->n);
    x64i_buffer_text(out, ",\"rip\":\"");
    x64i_buffer_hex(out, line->rip);
    x64i_buffer_char(out, '"');
    add_argument(out, "sym", line->symbol);
    add_argument(out, "wait", line->wait ? x64i_wait_name(line->wait) : NULL);
    if (line->note_count)
        add_argument(out, "note", line->notes[0].text);
    x64i_buffer_text(out, "}}");
}

static void write_line(struct x64i_buffer *out, const struct x64i_trace_style *style,
                       const struct x64i_trace_line *line)
{
    static const char *const rings[] = {"kernel (0)", "ring 1", "ring 2", "user (3)"};
    struct perfetto *state = style->state;
    uint64_t begin = line->cycle - line->cycles;
    const char *stack = x64i_stack_name(line->stack);
    extend_slice(out, TRACK_RING, &state->ring, rings[line->cpl & 3], begin, line->cycle);
    extend_slice(out, TRACK_STACK, &state->stack, stack ? stack : "none", begin, line->cycle);
    write_instruction(out, line);
}

/* Steps of one phase in a row are one slice. */
static void write_trip(struct x64i_buffer *out, const struct x64i_trace_style *style,
                       const struct x64i_phase_step *steps, size_t count, uint64_t begin)
{
    struct open_slice slice = {0};
    (void)style;
    for (size_t i = 0; i < count; i++) {
        const char *title = x64i_phase_title((enum x64i_phase)steps[i].phase);
        uint64_t end = begin + steps[i].cost.cycles;
        extend_slice(out, TRACK_PHASE, &slice, title, begin, end);
        begin = end;
    }
    close_slice(out, TRACK_PHASE, &slice);
}

static void write_end(struct x64i_buffer *out, const struct x64i_trace_style *style,
                      const struct x64_stop *stop, uint64_t cycles)
{
    struct perfetto *state = style->state;
    (void)stop;
    (void)cycles;
    close_slice(out, TRACK_RING, &state->ring);
    close_slice(out, TRACK_STACK, &state->stack);
    x64i_buffer_text(out, "\n]\n");
}

static enum x64_status open_writer(const struct x64i_trace_view *view, void **state)
{
    (void)view;
    *state = calloc(1, sizeof(struct perfetto));
    return *state ? X64_OK : X64_ERROR_MEMORY;
}

const struct x64i_trace_writer x64i_perfetto_writer = {
    .begin = write_begin,
    .line = write_line,
    .end = write_end,
    .open = open_writer,
    .close = free,
    .trip = write_trip,
};
