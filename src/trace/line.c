/* SPDX-License-Identifier: MIT */
#include "trace/line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void x64i_line_clear(struct x64i_trace_line *line)
{
    memset(line, 0, offsetof(struct x64i_trace_line, registers));
    line->repeat = 1;
}

void x64i_line_note(struct x64i_trace_line *line, enum x64i_note_kind kind, const char *format, ...)
{
    if (line->note_count == X64I_LINE_NOTES)
        return;
    struct x64i_line_note *note = &line->notes[line->note_count++];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(note->text, sizeof note->text, format, arguments);
    va_end(arguments);
    note->kind = kind;
}

const char *x64i_stack_name(enum x64_stack stack)
{
    static const char *const names[] = {
        [X64_STACK_USER] = "user",
        [X64_STACK_ENTRY] = "entry",
        [X64_STACK_KERNEL] = "kernel",
        [X64_STACK_IST] = "ist",
    };
    return (unsigned)stack < sizeof names / sizeof names[0] ? names[stack] : NULL;
}

/* The first value of the one, the last of the other. */
static void fold_changes(struct x64i_line_change *changes, unsigned *count,
                         const struct x64i_line_change *next, unsigned next_count, unsigned room)
{
    for (unsigned i = 0; i < next_count; i++) {
        unsigned at = 0;
        while (at < *count && strcmp(changes[at].name, next[i].name) != 0)
            at++;
        if (at < *count)
            changes[at].value = next[i].value;
        else if (*count < room)
            changes[(*count)++] = next[i];
    }
}

/* Grows an access by the one beside it, as string instructions make them, upwards or downwards. */
static bool extend(struct x64i_line_memory *memory, const struct x64i_line_memory *next)
{
    bool above = memory->linear + memory->size == next->linear;
    bool below = next->linear + next->size == memory->linear;
    if (memory->write != next->write || (!above && !below))
        return false;
    if (below) {
        memory->linear = next->linear;
        memory->physical = next->physical;
        memcpy(memory->what, next->what, sizeof memory->what);
    }
    memory->size += next->size;
    memory->folded = true;
    return true;
}

static void fold_memory(struct x64i_trace_line *line, const struct x64i_trace_line *next)
{
    for (unsigned i = 0; i < next->memory_count; i++) {
        unsigned at = 0;
        while (at < line->memory_count && !extend(&line->memory[at], &next->memory[i]))
            at++;
        if (at < line->memory_count)
            continue;
        if (line->memory_count < X64I_LINE_MEMORY)
            line->memory[line->memory_count++] = next->memory[i];
        else
            line->truncated = true;
    }
}

void x64i_line_times(struct x64i_trace_line *line, const struct x64i_instruction_times *times,
                     uint64_t before)
{
    line->cycles = line->cycle - before;
    line->wait = times->wait;
}

void x64i_line_fold(struct x64i_trace_line *line, const struct x64i_trace_line *next)
{
    line->repeat += next->repeat;
    line->cycle = next->cycle;
    line->cycles += next->cycles;
    line->wait = next->wait ? next->wait : line->wait;
    line->times = next->times;
    line->kind = next->kind;
    line->stack = next->stack;
    line->after = next->after;
    line->truncated |= next->truncated;
    fold_changes(line->registers, &line->register_count, next->registers, next->register_count,
                 X64I_LINE_REGISTERS);
    fold_memory(line, next);
    for (unsigned i = 0; i < next->walk_count; i++)
        if (line->walk_count < X64I_LINE_WALKS)
            line->walks[line->walk_count++] = next->walks[i];
        else
            line->truncated = true;
    for (unsigned i = 0; i < next->port_count; i++)
        if (line->port_count < X64I_LINE_PORTS)
            line->ports[line->port_count++] = next->ports[i];
        else
            line->truncated = true;
    for (unsigned i = 0; i < next->note_count; i++)
        if (line->note_count < X64I_LINE_NOTES)
            line->notes[line->note_count++] = next->notes[i];
}
