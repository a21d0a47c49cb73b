/* SPDX-License-Identifier: MIT */
/*
 * Phases: what each step of a system call is for, in the same words for every kernel, so that the
 * ways of two kernels can be laid side by side and costs can be booked under a meaning.
 *
 *     struct x64i_phase_step steps[MAX];      from the step that enters the kernel
 *     x64i_phase_look(&look, &steps[n++]);    once for every step, up to the one that leaves it
 *     x64i_phases_assign(steps, n);           now steps[i].phase says what step i was for
 *     x64i_phases_sum(steps, n, costs);       what each phase spends
 *
 * Looking notes facts of one step (phase_facts.c); assigning needs the whole trip, since what the
 * instructions before a CR3 write are for shows only in the write. Steps are recognized by what
 * they do - a word of pt_regs written, a stack switched, CR3 read - and not by where they stand.
 */
#ifndef X64I_TRACE_PHASES_H
#define X64I_TRACE_PHASES_H

#include "trace/disassembly.h"
#include "trace/view.h"

enum x64i_phase {
    X64I_PHASE_ENTER,        /* the instruction that enters, SWAPGS */
    X64I_PHASE_SWITCH_CR3,   /* to the kernel's page table */
    X64I_PHASE_SWITCH_STACK, /* the user's RSP put away, the task's stack loaded */
    X64I_PHASE_SAVE,         /* pt_regs written, registers cleared */
    X64I_PHASE_DISPATCH,     /* flags tested, the number checked, the table's function called */
    X64I_PHASE_CALL,         /* that function */
    X64I_PHASE_LEAVE,        /* the result stored, work before the return looked for */
    X64I_PHASE_CHECK,        /* may SYSRET be used? */
    X64I_PHASE_RESTORE,      /* registers from pt_regs */
    X64I_PHASE_STACK_BACK,   /* to the user's stack, over the entry stack where there is one */
    X64I_PHASE_CR3_BACK,     /* to the user's page table */
    X64I_PHASE_RETURN,       /* SWAPGS and the instruction that leaves */
    X64I_PHASE_MITIGATE,     /* IBRS, branch history, VERW: on either way */
    X64I_PHASE_NESTED,       /* exceptions and interrupts that came in between */
    X64I_PHASE_COUNT
};

/* What was seen of one step. */
enum x64i_phase_fact {
    X64I_FACT_ENTERS = 1 << 0,
    X64I_FACT_LEAVES = 1 << 1,
    X64I_FACT_NESTS = 1 << 2,   /* an exception or interrupt is delivered in the kernel */
    X64I_FACT_UNNESTS = 1 << 3, /* IRET to the kernel */
    X64I_FACT_SWAPS_GS = 1 << 4,
    X64I_FACT_READS_CR3 = 1 << 5,
    X64I_FACT_WRITES_CR3 = 1 << 6,
    X64I_FACT_KEEPS_RSP = 1 << 7, /* writes the user's RSP to memory */
    X64I_FACT_SWITCHES_STACK = 1 << 8,
    X64I_FACT_ON_KERNEL_STACK = 1 << 9, /* after the step */
    X64I_FACT_WRITES_FRAME = 1 << 10,
    X64I_FACT_READS_CHECKED = 1 << 11, /* a word of pt_regs that decides about SYSRET */
    X64I_FACT_RESTORES = 1 << 12,      /* a word of pt_regs to its own register */
    X64I_FACT_CLEARS = 1 << 13,        /* XOR of a register with itself */
    X64I_FACT_MOVES_RSP = 1 << 14,     /* without touching memory */
    X64I_FACT_BRANCHES = 1 << 15,      /* conditionally, taken or not */
    X64I_FACT_PREPARES_MSR = 1 << 16,  /* changes RAX, RCX or RDX alone */
    X64I_FACT_MITIGATES = 1 << 17,
    X64I_FACT_IN_C = 1 << 18,  /* at the beginning of the C part */
    X64I_FACT_CALLED = 1 << 19 /* at the beginning of the system call's function */
};

struct x64i_phase_cost {
    uint64_t instructions; /* retired */
    uint64_t reads;        /* of memory, by instructions and the CPU's own; no page walks */
    uint64_t writes;
    uint64_t cr3_writes;
    uint64_t msr_writes; /* by WRMSR */
    uint64_t cycles;
    uint64_t estimated; /* of the cycles, those of instructions whose figures are estimates */
};

/* The columns of a table of costs: a figure for either side of a comparison, and the difference. */
struct x64i_phase_column {
    const char *title;
    size_t offset;   /* in x64i_phase_cost, of a uint64_t */
    int width;       /* characters of a figure */
    bool difference; /* is shown too */
};
#define X64I_PHASE_COLUMNS 6
extern const struct x64i_phase_column x64i_phase_columns[X64I_PHASE_COLUMNS];

uint64_t x64i_phase_field(const struct x64i_phase_cost *cost,
                          const struct x64i_phase_column *column);

struct x64i_phase_step {
    uint64_t n;
    uint64_t rip;
    uint64_t rsp_before, rsp_after;
    uint32_t facts; /* enum x64i_phase_fact, or'ed */
    uint8_t phase;  /* enum x64i_phase; X64I_PHASE_ENTER until assigned */
    struct x64i_phase_cost cost;
};

/* A step, what is known around it, and who knows names. */
struct x64i_phase_look {
    const struct x64i_trace_view *view;
    const struct x64_step *step;
    const struct x64i_instruction *instruction;
    const struct x64_registers *before;
    const struct x64_registers *after;
    uint64_t cycles; /* of this step */
    bool estimated;  /* its figures are estimates */
};

void x64i_phase_look(const struct x64i_phase_look *look, struct x64i_phase_step *out);

/* Gives every step of one trip its phase. A trip that never leaves (exit) is fine. */
void x64i_phases_assign(struct x64i_phase_step *steps, size_t count);

/* Adds what the steps spend to costs[X64I_PHASE_COUNT]. */
void x64i_phases_sum(const struct x64i_phase_step *steps, size_t count,
                     struct x64i_phase_cost *costs);

void x64i_phase_cost_add(struct x64i_phase_cost *sum, const struct x64i_phase_cost *cost);

/* "switch stack"; null for a number out of range. Static text. */
const char *x64i_phase_title(enum x64i_phase phase);

/* "switch_stack": for machines. */
const char *x64i_phase_name(enum x64i_phase phase);

#endif
