/* SPDX-License-Identifier: MIT */
/*
 * From steps to lines: fills in a struct x64i_trace_line for every step, and keeps what an
 * explanation needs from earlier ones: how the kernel was entered, what pt_regs holds, since when
 * something of the user's is still in use.
 *
 *     x64i_model_init(&model, &view, disassembler);
 *     x64i_model_start(&model, &registers);
 *     for each step:
 *         x64i_model_line(&model, &step, &registers_after, cycle, &line);
 *
 * The parts: names.c (effects and their names), explain.c (one line for what an instruction means),
 * checks.c (the checks before SYSRET), window.c (CPL 0 with the user's RSP, GS or CR3).
 */
#ifndef X64I_TRACE_MODEL_H
#define X64I_TRACE_MODEL_H

#include "trace/disassembly.h"
#include "trace/line.h"
#include "trace/view.h"

/* Words of struct pt_regs (arch/x86/include/asm/ptrace.h), ascending. */
enum x64i_pt_slot {
    X64I_SLOT_R15,
    X64I_SLOT_R14,
    X64I_SLOT_R13,
    X64I_SLOT_R12,
    X64I_SLOT_BP,
    X64I_SLOT_BX,
    X64I_SLOT_R11,
    X64I_SLOT_R10,
    X64I_SLOT_R9,
    X64I_SLOT_R8,
    X64I_SLOT_AX,
    X64I_SLOT_CX,
    X64I_SLOT_DX,
    X64I_SLOT_SI,
    X64I_SLOT_DI,
    X64I_SLOT_ORIG_AX,
    X64I_SLOT_IP,
    X64I_SLOT_CS,
    X64I_SLOT_FLAGS,
    X64I_SLOT_SP,
    X64I_SLOT_SS,
    X64I_SLOT_COUNT
};

/* How user code came into the kernel. */
enum x64i_entry_kind {
    X64I_ENTRY_NONE, /* the CPU is in user mode, or never was */
    X64I_ENTRY_SYSCALL,
    X64I_ENTRY_SYSENTER,
    X64I_ENTRY_INT,
    X64I_ENTRY_EXCEPTION,
    X64I_ENTRY_INTERRUPT
};

enum x64i_check {
    X64I_CHECK_NONE,
    X64I_CHECK_CX_IP,
    X64I_CHECK_CANONICAL,
    X64I_CHECK_CS,
    X64I_CHECK_R11_FLAGS,
    X64I_CHECK_NO_RF_TF,
    X64I_CHECK_SS,
    X64I_CHECK_COUNT
};

/* checks.c: which registers hold values read from pt_regs, and the frame as the model knows it. */
struct x64i_checks {
    bool answered;           /* the system call has been answered: the way back has begun */
    bool summed_up;          /* the decision was explained */
    uint8_t slot[16];        /* of the value in a register, X64I_SLOT_COUNT: none */
    bool extended[16];       /* by SHL and SAR, as the canonical check does it */
    enum x64i_check pending; /* compared, not yet branched on */
    bool pending_held;
    uint64_t frame;                   /* linear address of pt_regs, 0: not seen */
    uint8_t result[X64I_CHECK_COUNT]; /* 0 not looked at, 1 held, 2 failed */
    bool words_known;
    uint64_t words[X64I_SLOT_COUNT];
};

enum x64i_window_bit {
    X64I_WINDOW_RSP = 1 << 0,
    X64I_WINDOW_GS = 1 << 1,
    X64I_WINDOW_CR3 = 1 << 2
};

/* window.c */
struct x64i_window {
    bool gs_is_user;
    uint64_t user_gs;
    uint64_t user_root;   /* of the page table that user code runs on; 0: never ran */
    uint64_t kernel_root; /* of the one left for it; 0: user and kernel share one */
    unsigned open;        /* enum x64i_window_bit, or'ed; 0: closed */
    uint64_t since_n;
    uint64_t since_cycle;
};

struct x64i_trace_model {
    const struct x64i_trace_view *view;
    struct x64i_disassembler *disassembler;
    struct x64_registers before; /* of the step being explained */
    enum x64_stack stack_before;
    enum x64i_entry_kind entry;
    uint64_t entry_rax;
    bool compat_entry; /* the 32-bit table's numbers */
    bool leaves;       /* this step returns to user mode */
    struct x64i_checks checks;
    struct x64i_window window;
};

/* What the explaining functions see of a step. */
struct x64i_trace_moment {
    const struct x64_step *step;
    const struct x64_registers *before;
    const struct x64_registers *after;
    const struct x64i_instruction *instruction;
    uint64_t cycle;
};

void x64i_model_init(struct x64i_trace_model *model, const struct x64i_trace_view *view,
                     struct x64i_disassembler *disassembler);

/* Begins, or begins anew after a jump in time, with the registers before the next step. */
void x64i_model_start(struct x64i_trace_model *model, const struct x64_registers *registers);

/* Explains one step. `after` are the registers behind it, `cycle` the model cycles so far. */
void x64i_model_line(struct x64i_trace_model *model, const struct x64_step *step,
                     const struct x64_registers *after, uint64_t cycle,
                     struct x64i_trace_line *line);

/* names.c: copies the effects into the line, with names. */
void x64i_line_effects(const struct x64i_trace_view *view, const struct x64_step *step,
                       struct x64i_trace_line *line);

/* names.c: "entry_SYSCALL_64+0x3", or the address in hexadecimal. Answers `text`. */
const char *x64i_symbol_text(const struct x64i_trace_view *view, uint64_t linear, char *text,
                             size_t size);

/* The first effect of a kind, or null. */
const struct x64_effect *x64i_effect_find(const struct x64_step *step, enum x64_effect_kind kind);

/* explain.c */
void x64i_explain(const struct x64i_trace_model *model, const struct x64i_trace_moment *moment,
                  struct x64i_trace_line *line);

/* "+CF -ZF": which flags changed. Answers `text`, empty when none did. */
const char *x64i_flags_text(uint64_t old, uint64_t value, char *text, size_t size);

/* checks.c: the word of pt_regs that a slot's name stands for, X64I_SLOT_COUNT for none. */
unsigned x64i_slot_of_name(const char *name);

/* checks.c */
extern const char *const x64i_check_names[X64I_CHECK_COUNT];
void x64i_checks_reset(struct x64i_checks *checks);
void x64i_checks_step(struct x64i_trace_model *model, const struct x64i_trace_moment *moment,
                      struct x64i_trace_line *line);

/* window.c */
void x64i_window_step(struct x64i_trace_model *model, const struct x64i_trace_moment *moment,
                      struct x64i_trace_line *line);

#endif
