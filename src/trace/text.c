/* SPDX-License-Identifier: MIT */
/*
 * Text for people: a line in columns for each step, what it means on lines of their own below. What
 * comes from the guest (names, strings of system calls) is shown in printable characters only, so
 * that it cannot steer a terminal.
 */
#include "timing/timing.h"
#include "trace/model.h"
#include "trace/writer.h"

#include <string.h>

enum paint {
    PAINT_NONE,
    PAINT_DIM,
    PAINT_USER,
    PAINT_KERNEL,
    PAINT_SYMBOL,
    PAINT_CHANGE,
    PAINT_EXPLAIN,
    PAINT_CHECK,
    PAINT_SYSCALL,
    PAINT_WARNING,
    PAINT_COUNT
};

static const char *const paints[PAINT_COUNT] = {
    [PAINT_NONE] = "",
    [PAINT_DIM] = "\033[2m",
    [PAINT_USER] = "\033[32m",
    [PAINT_KERNEL] = "\033[31m",
    [PAINT_SYMBOL] = "\033[36m",
    [PAINT_CHANGE] = "\033[33m",
    [PAINT_EXPLAIN] = "\033[34m",
    [PAINT_CHECK] = "\033[35m",
    [PAINT_SYSCALL] = "\033[1;32m",
    [PAINT_WARNING] = "\033[1;31m",
};

#define UNPAINT "\033[0m"

/* Widths of the columns. */
#define WIDTH_N      7
#define WIDTH_CYCLE  8
#define WIDTH_CYCLES 7
#define WIDTH_WAIT   14
#define WIDTH_STACK  7
#define WIDTH_SYMBOL 36
#define WIDTH_BYTES  32
#define WIDTH_ASM    46
#define NOTE_INDENT  (WIDTH_N + 1 + WIDTH_CYCLE + 1)

static void begin_paint(struct x64i_buffer *out, const struct x64i_trace_style *style,
                        enum paint paint)
{
    if (style->colour)
        x64i_buffer_text(out, paints[paint]);
}

static void end_paint(struct x64i_buffer *out, const struct x64i_trace_style *style)
{
    if (style->colour)
        x64i_buffer_text(out, UNPAINT);
}

static void add_printable(struct x64i_buffer *out, const char *text)
{
    size_t length = strlen(text);
    size_t at = out->size;
    x64i_buffer_bytes(out, text, length);
    if (out->size != at + length)
        return;
    for (; at < out->size; at++)
        if ((uint8_t)out->bytes[at] < 0x20 || (uint8_t)out->bytes[at] >= 0x7f)
            out->bytes[at] = '?';
}

/* A painted cell, padded to its width; the paint does not count. */
static void add_cell(struct x64i_buffer *out, const struct x64i_trace_style *style,
                     enum paint paint, const char *text, size_t width)
{
    begin_paint(out, style, paint);
    size_t at = out->size;
    add_printable(out, text);
    size_t used = out->size - at;
    end_paint(out, style);
    x64i_buffer_pad(out, out->size - used, width);
}

static void add_place(struct x64i_buffer *out, const struct x64i_trace_style *style,
                      const struct x64i_trace_line *line)
{
    begin_paint(out, style, PAINT_DIM);
    x64i_buffer_decimal_aligned(out, line->n, WIDTH_N);
    x64i_buffer_char(out, ' ');
    x64i_buffer_decimal_aligned(out, line->cycle, WIDTH_CYCLE);
    if (style->waits) {
        x64i_buffer_decimal_aligned(out, line->cycles, WIDTH_CYCLES);
        x64i_buffer_char(out, ' ');
        size_t wait = out->size;
        x64i_buffer_text(out, line->wait ? x64i_wait_name(line->wait) : "-");
        x64i_buffer_pad(out, wait, WIDTH_WAIT);
    }
    end_paint(out, style);
    x64i_buffer_char(out, ' ');
    const char ring[2] = {(char)('0' + line->cpl), '\0'};
    add_cell(out, style, line->cpl == 3 ? PAINT_USER : PAINT_KERNEL, ring, 2);
    const char *stack = x64i_stack_name(line->stack);
    add_cell(out, style, line->stack == X64_STACK_USER ? PAINT_USER : PAINT_KERNEL,
             stack ? stack : "-", WIDTH_STACK);

    begin_paint(out, style, PAINT_SYMBOL);
    size_t at = out->size;
    if (line->symbol) {
        add_printable(out, line->symbol);
        if (line->symbol_offset) {
            x64i_buffer_char(out, '+');
            x64i_buffer_hex(out, line->symbol_offset);
        }
    } else {
        x64i_buffer_hex(out, line->rip);
    }
    size_t used = out->size - at;
    end_paint(out, style);
    x64i_buffer_pad(out, out->size - used, WIDTH_SYMBOL);
}

static void add_instruction(struct x64i_buffer *out, const struct x64i_trace_style *style,
                            const struct x64i_trace_line *line)
{
    static const char *const standing[] = {
        [X64_STEP_INTERRUPT] = "(interrupt)",
        [X64_STEP_NATIVE] = "(mini-kernel)",
        [X64_STEP_FAULT] = "(not fetched)",
        [X64_STEP_REPEAT] = "",
    };
    if (style->bytes) {
        size_t at = out->size;
        for (unsigned i = 0; i < line->length; i++)
            x64i_buffer_byte(out, line->bytes[i]);
        x64i_buffer_pad(out, at, WIDTH_BYTES);
    }
    const char *text = line->assembly;
    bool nothing = !text[0] || line->kind == X64_STEP_NATIVE || line->kind == X64_STEP_INTERRUPT;
    if (nothing && (size_t)line->kind < sizeof standing / sizeof standing[0])
        text = standing[line->kind] ? standing[line->kind] : "";
    add_cell(out, style, PAINT_NONE, text, WIDTH_ASM);
}

/* The separator before the next change of a line. */
static void next_change(struct x64i_buffer *out, bool *first)
{
    if (!*first)
        x64i_buffer_bytes(out, ", ", 2);
    *first = false;
}

static void add_values(struct x64i_buffer *out, uint64_t old, uint64_t value)
{
    if (old == value) {
        x64i_buffer_text(out, " = ");
    } else {
        x64i_buffer_char(out, ' ');
        x64i_buffer_hex(out, old);
        x64i_buffer_text(out, " -> ");
    }
    x64i_buffer_hex(out, value);
}

/* PUSH, POP, CALL and RET move RSP by what they store: not worth a mention. */
static bool is_plain_stack_move(const struct x64i_trace_line *line,
                                const struct x64i_line_change *change)
{
    if (strcmp(change->name, "rsp") != 0 || line->kind != X64_STEP_INSTRUCTION)
        return false;
    for (unsigned i = 0; i < line->memory_count; i++) {
        const struct x64i_line_memory *memory = &line->memory[i];
        if (memory->write && memory->linear == change->value &&
            change->old - change->value == memory->size)
            return true;
        if (!memory->write && memory->linear == change->old &&
            change->value - change->old == memory->size)
            return true;
    }
    return false;
}

static void add_changes(struct x64i_buffer *out, const struct x64i_line_change *changes,
                        unsigned count, bool *first)
{
    for (unsigned i = 0; i < count; i++) {
        next_change(out, first);
        x64i_buffer_text(out, changes[i].name);
        add_values(out, changes[i].old, changes[i].value);
    }
}

static void add_registers(struct x64i_buffer *out, const struct x64i_trace_line *line, bool *first)
{
    char flags[96];
    for (unsigned i = 0; i < line->register_count; i++) {
        const struct x64i_line_change *change = &line->registers[i];
        if (is_plain_stack_move(line, change) || strcmp(change->name, "rip") == 0)
            continue;
        if (strcmp(change->name, "rflags") != 0) {
            add_changes(out, change, 1, first);
        } else if (x64i_flags_text(change->old, change->value, flags, sizeof flags)[0]) {
            next_change(out, first);
            x64i_buffer_text(out, flags);
        }
    }
}

static bool reached_register(const struct x64i_trace_line *line, uint64_t value)
{
    for (unsigned i = 0; i < line->register_count; i++)
        if (line->registers[i].value == value)
            return true;
    return false;
}

static void add_memory(struct x64i_buffer *out, const struct x64i_trace_line *line, bool *first)
{
    for (unsigned i = 0; i < line->memory_count; i++) {
        const struct x64i_line_memory *memory = &line->memory[i];
        next_change(out, first);
        bool loaded = !memory->write && !memory->folded && reached_register(line, memory->value);
        if (loaded)
            x64i_buffer_text(out, "<- ");
        if (memory->what[0]) {
            add_printable(out, memory->what);
        } else {
            x64i_buffer_char(out, '[');
            x64i_buffer_hex(out, memory->linear);
            x64i_buffer_char(out, ']');
        }
        if (memory->folded) {
            x64i_buffer_text(out, memory->write ? " written, " : " read, ");
            x64i_buffer_decimal(out, memory->size);
            x64i_buffer_text(out, " bytes");
        } else if (!loaded) {
            add_values(out, memory->old, memory->value);
        }
    }
}

static void add_devices(struct x64i_buffer *out, const struct x64i_trace_line *line, bool *first)
{
    for (unsigned i = 0; i < line->msr_count; i++) {
        next_change(out, first);
        x64i_buffer_text(out, line->msrs[i].name);
        add_values(out, line->msrs[i].old, line->msrs[i].value);
    }
    for (unsigned i = 0; i < line->port_count; i++) {
        next_change(out, first);
        x64i_buffer_text(out, "port ");
        x64i_buffer_hex(out, line->ports[i].port);
        x64i_buffer_text(out, line->ports[i].write ? " <- " : " -> ");
        x64i_buffer_hex(out, line->ports[i].value);
    }
}

static void add_walks(struct x64i_buffer *out, const struct x64i_trace_line *line, bool *first)
{
    uint64_t last = 0;
    bool any = false;
    for (unsigned i = 0; i < line->walk_count; i++) {
        if (line->walks[i].update || (any && line->walks[i].linear == last))
            continue;
        last = line->walks[i].linear;
        any = true;
        next_change(out, first);
        x64i_buffer_text(out, "TLB miss ");
        x64i_buffer_hex(out, last);
    }
}

static void add_fault(struct x64i_buffer *out, const struct x64i_trace_line *line, bool *first)
{
    if (!line->faulted)
        return;
    next_change(out, first);
    x64i_buffer_text(out, x64_fault_name((enum x64_fault)line->vector));
}

static void add_notes(struct x64i_buffer *out, const struct x64i_trace_style *style,
                      const struct x64i_trace_line *line)
{
    static const struct {
        enum paint paint;
        const char *mark;
    } looks[] = {
        [X64I_NOTE_EXPLAIN] = {PAINT_EXPLAIN, "; "},
        [X64I_NOTE_CHECK] = {PAINT_CHECK, "? "},
        [X64I_NOTE_SYSCALL] = {PAINT_SYSCALL, "= "},
        [X64I_NOTE_WARNING] = {PAINT_WARNING, "! "},
    };
    for (unsigned i = 0; i < line->note_count; i++) {
        const struct x64i_line_note *note = &line->notes[i];
        x64i_buffer_pad(out, out->size, NOTE_INDENT);
        begin_paint(out, style, looks[note->kind].paint);
        x64i_buffer_text(out, looks[note->kind].mark);
        add_printable(out, note->text);
        end_paint(out, style);
        x64i_buffer_char(out, '\n');
    }
}

static void write_line(struct x64i_buffer *out, const struct x64i_trace_style *style,
                       const struct x64i_trace_line *line)
{
    bool first = true;
    add_place(out, style, line);
    add_instruction(out, style, line);
    begin_paint(out, style, PAINT_CHANGE);
    if (line->repeat > 1) {
        next_change(out, &first);
        x64i_buffer_decimal(out, line->repeat);
        x64i_buffer_text(out, " times");
    }
    add_fault(out, line, &first);
    add_memory(out, line, &first);
    add_registers(out, line, &first);
    add_devices(out, line, &first);
    add_changes(out, line->controls, line->control_count, &first);
    add_changes(out, line->segments, line->segment_count, &first);
    add_walks(out, line, &first);
    if (line->truncated) {
        next_change(out, &first);
        x64i_buffer_text(out, "...");
    }
    end_paint(out, style);
    while (!style->colour && out->size && out->bytes[out->size - 1] == ' ')
        out->size--;
    x64i_buffer_char(out, '\n');
    add_notes(out, style, line);
}

static void add_named(struct x64i_buffer *out, const char *name, const char *value)
{
    if (!value || !value[0])
        return;
    x64i_buffer_text(out, ", ");
    x64i_buffer_text(out, name);
    x64i_buffer_char(out, ' ');
    add_printable(out, value);
}

static void write_header(struct x64i_buffer *out, const struct x64i_trace_style *style,
                         const struct x64i_trace_header *header)
{
    begin_paint(out, style, PAINT_DIM);
    x64i_buffer_text(out, "# x64emu trace ");
    x64i_buffer_decimal(out, X64I_TRACE_VERSION);
    add_named(out, "cpu", header->cpu);
    add_named(out, "kernel", header->kernel);
    add_named(out, "mitigations", header->mitigations);
    add_named(out, "symbols", header->symbols);
    add_named(out, "cycles", header->core);
    x64i_buffer_text(out, "\n#");
    size_t at = out->size - 1;
    x64i_buffer_pad(out, at, WIDTH_N - 1);
    x64i_buffer_text(out, "n");
    x64i_buffer_pad(out, at, WIDTH_N + 1 + WIDTH_CYCLE - 5);
    x64i_buffer_text(out, "cycle");
    if (style->waits) {
        x64i_buffer_text(out, " cycles ");
        at = out->size;
        x64i_buffer_text(out, "waited for");
        x64i_buffer_pad(out, at, WIDTH_WAIT);
    }
    x64i_buffer_char(out, ' ');
    static const struct {
        const char *title;
        size_t width;
    } columns[] = {{"R", 2}, {"stack", WIDTH_STACK}, {"where", WIDTH_SYMBOL}};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        at = out->size;
        x64i_buffer_text(out, columns[i].title);
        x64i_buffer_pad(out, at, columns[i].width);
    }
    at = out->size;
    if (style->bytes) {
        x64i_buffer_text(out, "bytes");
        x64i_buffer_pad(out, at, WIDTH_BYTES);
        at = out->size;
    }
    x64i_buffer_text(out, "instruction");
    x64i_buffer_pad(out, at, WIDTH_ASM);
    x64i_buffer_text(out, "what it did");
    end_paint(out, style);
    x64i_buffer_char(out, '\n');
}

static void write_end(struct x64i_buffer *out, const struct x64i_trace_style *style,
                      const struct x64_stop *stop, uint64_t cycles)
{
    static const char *const reasons[] = {
        [X64_STOP_BUDGET] = "the limit was reached",
        [X64_STOP_REQUEST] = "stopped",
        [X64_STOP_HALT] = "halted",
        [X64_STOP_SHUTDOWN] = "triple fault",
        [X64_STOP_RESET] = "the guest reset the machine",
        [X64_STOP_EXIT] = "the program ended",
        [X64_STOP_FAULT] = "the program was ended",
        [X64_STOP_MEMORY] = "out of memory",
        [X64_STOP_HOOK] = "a hook stopped the run",
    };
    begin_paint(out, style, PAINT_DIM);
    x64i_buffer_text(out, "# ");
    x64i_buffer_decimal(out, stop->steps);
    x64i_buffer_text(out, " steps, ");
    x64i_buffer_decimal(out, cycles);
    x64i_buffer_text(out, " cycles: ");
    x64i_buffer_text(out, reasons[stop->reason]);
    if (stop->reason == X64_STOP_EXIT || stop->reason == X64_STOP_FAULT) {
        x64i_buffer_text(out, ", status ");
        x64i_buffer_decimal(out, (uint64_t)(unsigned)stop->code);
    }
    end_paint(out, style);
    x64i_buffer_char(out, '\n');
}

const struct x64i_trace_writer x64i_text_writer = {
    .begin = write_header, .line = write_line, .end = write_end};
