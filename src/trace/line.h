/* SPDX-License-Identifier: MIT */
/*
 * One traced line: what a step was and did, with every name looked up and every explanation made.
 * It is plain data; all writers read it and nothing else, so that they agree on what is said and
 * differ only in how it looks. A line may stand for several steps: the folded iterations of a REP
 * instruction (`repeat`).
 */
#ifndef X64I_TRACE_LINE_H
#define X64I_TRACE_LINE_H

#include "timing/core.h"
#include "trace/fields.h"

#define X64I_LINE_ASM_SIZE  160
#define X64I_LINE_NAME_SIZE 56
#define X64I_LINE_NOTE_SIZE 400
#define X64I_LINE_REGISTERS 64
#define X64I_LINE_MEMORY    128
#define X64I_LINE_MSRS      4
#define X64I_LINE_CONTROLS  8
#define X64I_LINE_SEGMENTS  16
#define X64I_LINE_PORTS     4
#define X64I_LINE_WALKS     64
#define X64I_LINE_NOTES     8

/* A register, control register or segment: its name is static text. */
struct x64i_line_change {
    const char *name;
    uint64_t old;
    uint64_t value;
};

struct x64i_line_memory {
    bool write;
    bool folded; /* several accesses side by side: no old, no value */
    uint32_t size;
    uint64_t linear;
    uint64_t physical;
    uint64_t old;
    uint64_t value;
    char what[X64I_LINE_NAME_SIZE]; /* empty where the address has no name */
};

struct x64i_line_msr {
    bool write;
    char name[24];
    uint64_t old;
    uint64_t value;
};

struct x64i_line_port {
    bool write;
    uint8_t size;
    uint16_t port;
    uint64_t value;
};

struct x64i_line_walk {
    bool update; /* accessed or dirty was set: `value` is what the entry became */
    uint8_t level;
    uint64_t linear;
    uint64_t physical;
    uint64_t entry;
    uint64_t value;
};

enum x64i_note_kind {
    X64I_NOTE_EXPLAIN, /* what the instruction means here */
    X64I_NOTE_CHECK,   /* a check before SYSRET */
    X64I_NOTE_SYSCALL, /* a call and its result */
    X64I_NOTE_WARNING
};

struct x64i_line_note {
    enum x64i_note_kind kind;
    char text[X64I_LINE_NOTE_SIZE];
};

struct x64i_trace_line {
    uint64_t n;
    uint64_t cycle;  /* model cycles when the step was done */
    uint64_t cycles; /* of them, those it added */
    uint8_t wait;    /* what it waited for most: enum x64i_wait (timing/core.h) */
    uint64_t repeat; /* steps that the line stands for */
    uint64_t rip;
    const char *symbol; /* null where there is none */
    uint64_t symbol_offset;
    enum x64_step_kind kind;
    uint8_t cpl; /* before the step */
    uint8_t length;
    uint8_t bytes[15];
    char assembly[X64I_LINE_ASM_SIZE]; /* empty: nothing was decoded */
    enum x64_stack stack;              /* where RSP points after the step */

    bool faulted;
    uint8_t vector;
    bool has_error;
    uint32_t error;
    uint64_t cr2;

    /* Where things stand behind the step: a result for each enum x64i_check (0 not looked at, 1
     * held, 2 failed), what is the user's though CPL is 0 (enum x64i_window_bit), and the roots of
     * the task's page tables (0: not known, or there is but one). */
    uint8_t checks[8];
    uint8_t window;
    uint64_t user_root;
    uint64_t kernel_root;

    bool truncated; /* the step did more than the lists hold */
    unsigned register_count;
    unsigned memory_count;
    unsigned msr_count;
    unsigned control_count;
    unsigned segment_count;
    unsigned port_count;
    unsigned walk_count;
    unsigned note_count;
    struct x64i_line_change registers[X64I_LINE_REGISTERS];
    struct x64i_line_change controls[X64I_LINE_CONTROLS];
    struct x64i_line_change segments[X64I_LINE_SEGMENTS];
    struct x64i_line_msr msrs[X64I_LINE_MSRS];
    struct x64i_line_port ports[X64I_LINE_PORTS];
    struct x64i_line_memory memory[X64I_LINE_MEMORY];
    struct x64i_line_walk walks[X64I_LINE_WALKS];
    struct x64i_line_note notes[X64I_LINE_NOTES];
    /* For writers that ask for them (`fields`, `stages`). */
    struct x64i_field_values before, after;
    struct x64i_instruction_times times;
};

/* Empties a line without clearing the room in its lists. */
void x64i_line_clear(struct x64i_trace_line *line);

/* Adds a note; dropped when there is no more room. */
__attribute__((format(printf, 3, 4))) void
x64i_line_note(struct x64i_trace_line *line, enum x64i_note_kind kind, const char *format, ...);

/* "user", "entry", "kernel", "ist"; null for a stack without a name. */
const char *x64i_stack_name(enum x64_stack stack);

/* Notes when the step did what, `before` being the cycles without it. */
void x64i_line_times(struct x64i_trace_line *line, const struct x64i_instruction_times *times,
                     uint64_t before);

/* Makes `line`, which stands for earlier iterations of a REP instruction, stand for `next` too. */
void x64i_line_fold(struct x64i_trace_line *line, const struct x64i_trace_line *next);

#endif
