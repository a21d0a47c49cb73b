/* SPDX-License-Identifier: MIT */
/*
 * One JSON object a line: docs/trace.schema.json. Numbers that may need 64 bits are strings in
 * hexadecimal, since many readers keep numbers as doubles; keys without a value are left out.
 */
#include "timing/timing.h"
#include "trace/writer.h"

#include <string.h>

/* ,"key": */
static void add_key(struct x64i_buffer *out, const char *key)
{
    x64i_buffer_bytes(out, ",\"", 2);
    x64i_buffer_text(out, key);
    x64i_buffer_bytes(out, "\":", 2);
}

static void add_text(struct x64i_buffer *out, const char *key, const char *text)
{
    if (!text || !text[0])
        return;
    add_key(out, key);
    x64i_buffer_json(out, text);
}

static void add_hex(struct x64i_buffer *out, const char *key, uint64_t value)
{
    add_key(out, key);
    x64i_buffer_char(out, '"');
    x64i_buffer_hex(out, value);
    x64i_buffer_char(out, '"');
}

static void add_decimal(struct x64i_buffer *out, const char *key, uint64_t value)
{
    add_key(out, key);
    x64i_buffer_decimal(out, value);
}

static void begin_item(struct x64i_buffer *out, unsigned index, bool write)
{
    x64i_buffer_text(out, index ? ",{" : "{");
    x64i_buffer_text(out, write ? "\"op\":\"w\"" : "\"op\":\"r\"");
}

static void add_changes(struct x64i_buffer *out, const char *key,
                        const struct x64i_line_change *changes, unsigned count)
{
    if (!count)
        return;
    add_key(out, key);
    for (unsigned i = 0; i < count; i++) {
        x64i_buffer_text(out, i ? ",\"" : "{\"");
        x64i_buffer_text(out, changes[i].name);
        x64i_buffer_text(out, "\":[\"");
        x64i_buffer_hex(out, changes[i].old);
        x64i_buffer_text(out, "\",\"");
        x64i_buffer_hex(out, changes[i].value);
        x64i_buffer_text(out, "\"]");
    }
    x64i_buffer_char(out, '}');
}

static void add_memory(struct x64i_buffer *out, const struct x64i_trace_line *line)
{
    if (!line->memory_count)
        return;
    add_key(out, "mem");
    x64i_buffer_char(out, '[');
    for (unsigned i = 0; i < line->memory_count; i++) {
        const struct x64i_line_memory *memory = &line->memory[i];
        begin_item(out, i, memory->write);
        add_hex(out, "va", memory->linear);
        add_hex(out, "pa", memory->physical);
        add_decimal(out, "size", memory->size);
        if (!memory->folded)
            add_hex(out, "old", memory->old);
        if (!memory->folded && memory->write)
            add_hex(out, "new", memory->value);
        add_text(out, "what", memory->what);
        x64i_buffer_char(out, '}');
    }
    x64i_buffer_char(out, ']');
}

static void add_msrs(struct x64i_buffer *out, const struct x64i_trace_line *line)
{
    if (!line->msr_count)
        return;
    add_key(out, "msr");
    x64i_buffer_char(out, '[');
    for (unsigned i = 0; i < line->msr_count; i++) {
        const struct x64i_line_msr *msr = &line->msrs[i];
        begin_item(out, i, msr->write);
        add_text(out, "name", msr->name);
        add_hex(out, "old", msr->old);
        if (msr->write)
            add_hex(out, "new", msr->value);
        x64i_buffer_char(out, '}');
    }
    x64i_buffer_char(out, ']');
}

static void add_ports(struct x64i_buffer *out, const struct x64i_trace_line *line)
{
    if (!line->port_count)
        return;
    add_key(out, "io");
    x64i_buffer_char(out, '[');
    for (unsigned i = 0; i < line->port_count; i++) {
        const struct x64i_line_port *port = &line->ports[i];
        begin_item(out, i, port->write);
        add_hex(out, "port", port->port);
        add_decimal(out, "size", port->size);
        add_hex(out, "value", port->value);
        x64i_buffer_char(out, '}');
    }
    x64i_buffer_char(out, ']');
}

static void add_walks(struct x64i_buffer *out, const struct x64i_trace_line *line)
{
    if (!line->walk_count)
        return;
    add_key(out, "walk");
    x64i_buffer_char(out, '[');
    for (unsigned i = 0; i < line->walk_count; i++) {
        const struct x64i_line_walk *walk = &line->walks[i];
        begin_item(out, i, walk->update);
        add_hex(out, "va", walk->linear);
        add_decimal(out, "level", walk->level);
        add_hex(out, "pa", walk->physical);
        add_hex(out, "old", walk->entry);
        if (walk->update)
            add_hex(out, "new", walk->value);
        x64i_buffer_char(out, '}');
    }
    x64i_buffer_char(out, ']');
}

static void add_fault(struct x64i_buffer *out, const struct x64i_trace_line *line)
{
    if (!line->faulted)
        return;
    add_key(out, "fault");
    x64i_buffer_text(out, "{\"vector\":");
    x64i_buffer_decimal(out, line->vector);
    add_text(out, "name", x64_fault_name((enum x64_fault)line->vector));
    if (line->has_error)
        add_hex(out, "error", line->error);
    if (line->vector == X64_FAULT_PF)
        add_hex(out, "cr2", line->cr2);
    x64i_buffer_char(out, '}');
}

/* All notes in one string: "one line". */
static void add_notes(struct x64i_buffer *out, const struct x64i_trace_line *line)
{
    char text[X64I_LINE_NOTES * (X64I_LINE_NOTE_SIZE + 16)];
    size_t length = 0;
    if (!line->note_count)
        return;
    for (unsigned i = 0; i < line->note_count; i++) {
        const char *parts[] = {i ? "; " : "",
                               line->notes[i].kind == X64I_NOTE_WARNING ? "warning: " : "",
                               line->notes[i].text};
        for (size_t part = 0; part < sizeof parts / sizeof parts[0]; part++) {
            size_t size = strlen(parts[part]);
            memcpy(text + length, parts[part], size);
            length += size;
        }
    }
    text[length] = '\0';
    add_text(out, "note", text);
}

static void add_place(struct x64i_buffer *out, const struct x64i_trace_line *line)
{
    x64i_buffer_text(out, "{\"n\":");
    x64i_buffer_decimal(out, line->n);
    add_decimal(out, "cycle", line->cycle);
    if (line->cycles)
        add_decimal(out, "cycles", line->cycles);
    if (line->wait)
        add_text(out, "wait", x64i_wait_name(line->wait));
    add_hex(out, "rip", line->rip);
    if (line->symbol) {
        add_key(out, "sym");
        size_t at = out->size;
        x64i_buffer_json(out, line->symbol);
        if (line->symbol_offset && out->size > at) {
            out->size--;
            x64i_buffer_char(out, '+');
            x64i_buffer_hex(out, line->symbol_offset);
            x64i_buffer_char(out, '"');
        }
    }
    add_decimal(out, "cpl", line->cpl);
}

static void write_line(struct x64i_buffer *out, const struct x64i_trace_style *style,
                       const struct x64i_trace_line *line)
{
    (void)style;
    add_place(out, line);
    if (line->length) {
        add_key(out, "bytes");
        x64i_buffer_char(out, '"');
        for (unsigned i = 0; i < line->length; i++)
            x64i_buffer_byte(out, line->bytes[i]);
        x64i_buffer_char(out, '"');
    }
    add_text(out, "asm", line->assembly);
    add_text(out, "stack", x64i_stack_name(line->stack));
    add_memory(out, line);
    add_changes(out, "regs", line->registers, line->register_count);
    add_msrs(out, line);
    add_changes(out, "cr", line->controls, line->control_count);
    add_changes(out, "seg", line->segments, line->segment_count);
    add_ports(out, line);
    add_walks(out, line);
    add_fault(out, line);
    if (line->repeat > 1)
        add_decimal(out, "repeat", line->repeat);
    add_notes(out, line);
    x64i_buffer_text(out, "}\n");
}

/* Instructions whose last bits the SDM leaves to the processor: docs/floating-point.md. */
#define FROM_HOST                                                                     \
    "F2XM1,FCOS,FPATAN,FPTAN,FSIN,FSINCOS,FYL2X,FYL2XP1,RCPPS,RCPSS,RSQRTPS,RSQRTSS," \
    "VRCP14,VRSQRT14"

static void write_header(struct x64i_buffer *out, const struct x64i_trace_style *style,
                         const struct x64i_trace_header *header)
{
    (void)style;
    x64i_buffer_text(out, "{\"format\":\"x64emu-trace\"");
    add_decimal(out, "version", X64I_TRACE_VERSION);
    add_text(out, "cpu", header->cpu);
    add_text(out, "kernel", header->kernel);
    add_text(out, "mitigations", header->mitigations);
    add_text(out, "symbols", header->symbols);
    add_text(out, "cycles", header->core);
    add_text(out, "from_host", FROM_HOST);
    x64i_buffer_text(out, "}\n");
}

static void write_end(struct x64i_buffer *out, const struct x64i_trace_style *style,
                      const struct x64_stop *stop, uint64_t cycles)
{
    (void)out;
    (void)style;
    (void)stop;
    (void)cycles;
}

const struct x64i_trace_writer x64i_jsonl_writer = {
    .begin = write_header, .line = write_line, .end = write_end};
