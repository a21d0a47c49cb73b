/* SPDX-License-Identifier: MIT */
/*
 * Traces: every step of a machine as a line that a person or a program can read. A trace looks at
 * the effects of the steps and never changes the machine.
 *
 *     struct x64_trace_options options = {.struct_size = sizeof options, .write = to_stdout};
 *     x64_trace_create(machine, &options, &trace);
 *     x64_trace_run(trace, UINT64_MAX, &stop);
 *     x64_trace_finish(trace, &stop);
 *     x64_trace_destroy(trace);
 *
 * Hooks (hooks.h) may call everything here but x64_trace_run, which answers X64_ERROR_STATE from
 * there, and x64_trace_destroy of the trace that called them: a trace of one's own is made by
 * handing the step that an instruction_after hook is given to x64_trace_step. A trace belongs to
 * its machine's thread.
 *
 * docs/trace-format.md describes the formats, docs/trace.schema.json that of jsonl.
 */
#ifndef X64EMU_TRACE_H
#define X64EMU_TRACE_H

#include "x64emu/kernel_model.h"

#ifdef __cplusplus
extern "C" {
#endif

struct x64_trace;

enum x64_trace_format {
    X64_TRACE_TEXT,     /* aligned columns, explanations on lines of their own */
    X64_TRACE_JSONL,    /* one JSON object a line */
    X64_TRACE_HTML,     /* one page for a browser, which steps both ways; needs no network */
    X64_TRACE_PERFETTO, /* Chrome's trace events: rings, stacks, phases, instructions as tracks */
    X64_TRACE_KANATA    /* Konata's log: every micro-op with its stages */
};

enum x64_trace_only {
    X64_TRACE_ALL,
    X64_TRACE_ENTRY /* from the instruction that enters the kernel to the return to user mode */
};

/* Zero in any field but struct_size and write stands for its default. Strings must outlive the
 * trace. */
struct x64_trace_options {
    size_t struct_size;
    enum x64_trace_format format;
    enum x64_trace_only only;
    bool colour;         /* text: ANSI colours */
    bool bytes;          /* text: the instructions' bytes too */
    const char *syscall; /* only from this system call's instruction to its return; null: all */
    const char *core;    /* name of a timing model; default: the CPU model's */
    /* For the header: what runs. Null leaves a key out. */
    const char *kernel;
    const char *mitigations;
    const char *symbols;
    /* Takes text that is ready; false ends the trace with X64_ERROR_IO. Called in large pieces. */
    void *user;
    bool (*write)(void *user, const char *bytes, size_t size);
    bool waits; /* text: each step's own cycles, and what it waited for */
};

/* Begins a trace of a machine at its present state; the machine must outlive it. The caller
 * destroys the trace. X64_ERROR_ARGUMENT, X64_ERROR_NOT_FOUND for an unknown system call or core,
 * X64_ERROR_MEMORY. May be called from hooks. */
X64_API enum x64_status x64_trace_create(struct x64_machine *machine,
                                         const struct x64_trace_options *options,
                                         struct x64_trace **trace);

/* Traces a step that x64_step_observed, or the run that calls an instruction_after hook, has just
 * made; the machine must not have moved since. X64_ERROR_ARGUMENT, X64_ERROR_IO, X64_ERROR_MEMORY.
 * May be called from hooks. */
X64_API enum x64_status x64_trace_step(struct x64_trace *trace, const struct x64_step *step);

/* Makes and traces at most `budget` steps. `stop` as for x64_run; may be null. Errors of
 * x64_step_observed and x64_trace_step; X64_ERROR_STATE from hooks. */
X64_API enum x64_status x64_trace_run(struct x64_trace *trace, uint64_t budget,
                                      struct x64_stop *stop);

/* Model cycles of the steps traced so far; 0 for null. May be called from hooks. */
X64_API uint64_t x64_trace_cycles(const struct x64_trace *trace);

/* Hands over what is not yet written: after the last step, before the trace is destroyed. `stop`
 * says how the run ended, and may be null. X64_ERROR_ARGUMENT, X64_ERROR_IO, X64_ERROR_MEMORY. May
 * be called from hooks. */
X64_API enum x64_status x64_trace_finish(struct x64_trace *trace, const struct x64_stop *stop);

/* Frees the trace; what was not finished is lost. Null is allowed. May be called from hooks, but
 * for a trace whose x64_trace_run is on its way. */
X64_API void x64_trace_destroy(struct x64_trace *trace);

#ifdef __cplusplus
}
#endif

#endif
