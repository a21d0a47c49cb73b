/* SPDX-License-Identifier: MIT */
/*
 * Invented steps for the line model: a tiny kernel's symbols, stacks, pt_regs and MSRs, and steps
 * put together from bytes and effects.
 *
 *     synthetic_begin(&s);
 *     synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_CPL, .old = 3, .value = 0});
 *     s.after.cpl = 0;
 *     const struct x64i_trace_line *line = synthetic_step(&s, "\x0f\x05", 2);
 */
#ifndef X64_TESTS_TRACE_SYNTHETIC_H
#define X64_TESTS_TRACE_SYNTHETIC_H

#include "trace/model.h"

#define SYNTHETIC_ENTRY    UINT64_C(0xffffffff81000000) /* entry_SYSCALL_64 */
#define SYNTHETIC_IRET     UINT64_C(0xffffffff81000200) /* restore_and_iret */
#define SYNTHETIC_USER     UINT64_C(0x401000)           /* main */
#define SYNTHETIC_FRAME    UINT64_C(0xffff888000003f58) /* pt_regs */
#define SYNTHETIC_STACK    UINT64_C(0xffff888000003f00)
#define SYNTHETIC_SP2      UINT64_C(0xffff888000008014) /* cpu_tss_rw.sp2 */
#define SYNTHETIC_USER_RSP UINT64_C(0x7ffffffde000)

#define SYNTHETIC_EFFECTS 16

struct synthetic {
    struct x64i_trace_view view;
    struct x64i_disassembler *disassembler;
    struct x64i_trace_model model;
    struct x64i_trace_line line;
    struct x64_registers after;
    struct x64_effect effects[SYNTHETIC_EFFECTS];
    struct x64_step step;
    uint64_t cycle;
    uint64_t frame[X64I_SLOT_COUNT];
    const char *call; /* what the mini-kernel answered in this step, or null */
};

/* A CPU at CPL 3 in main. */
void synthetic_begin(struct synthetic *s);
void synthetic_end(struct synthetic *s);

void synthetic_effect(struct synthetic *s, struct x64_effect effect);

/* Ends the step: its line. The next one begins where `after` says; a cycle is 1. */
const struct x64i_trace_line *synthetic_step(struct synthetic *s, const char *bytes,
                                             unsigned length);

/* The first note that begins with these words, or null. */
const char *note_of(const struct x64i_trace_line *line, const char *words);

#endif
