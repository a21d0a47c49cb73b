/* SPDX-License-Identifier: MIT */
/*
 * A plan: how a core executes one instruction, made once from its bytes: the micro-ops with their
 * ports, the values they wait for and make, and what rename does away with.
 */
#ifndef X64I_TIMING_PLAN_H
#define X64I_TIMING_PLAN_H

#include "timing/cores.h"

#include <Zydis/Zydis.h>

/* Values that micro-ops wait for. x87 registers are relative to the top of their stack. */
enum x64i_value {
    X64I_VALUE_GPR = 0,
    X64I_VALUE_HIGH = 16, /* AH, CH, DH, BH */
    X64I_VALUE_VECTOR = 20,
    X64I_VALUE_FPU = 36, /* 8, relative; also the MMX registers, which are not */
    X64I_VALUE_MMX = 44,
    X64I_VALUE_MASK = 52,
    X64I_VALUE_CARRY = 60,
    X64I_VALUE_FLAGS, /* the other arithmetic flags */
    X64I_VALUE_DIRECTION,
    X64I_VALUE_MXCSR,
    X64I_VALUE_FPU_STATUS,
    X64I_VALUE_LOADED, /* what the instruction's load brought */
    X64I_VALUE_RESULT, /* what goes to its store */
    X64I_VALUE_PART,   /* between its micro-ops */
    X64I_VALUE_COUNT
};

enum x64i_uop_kind { X64I_UOP_COMPUTE, X64I_UOP_LOAD, X64I_UOP_STORE_ADDRESS, X64I_UOP_STORE_DATA };

#define X64I_UOP_SOURCES 10
#define X64I_UOP_RESULTS 6
#define X64I_PLAN_UOPS   24

struct x64i_uop {
    uint8_t kind;
    uint8_t source_count, result_count;
    uint8_t access; /* which of the instruction's reads or writes */
    uint16_t ports;
    uint16_t latency;
    uint16_t held;
    bool fused; /* shares the slot of the micro-op before */
    uint8_t sources[X64I_UOP_SOURCES];
    uint8_t results[X64I_UOP_RESULTS];
};

enum x64i_elimination {
    X64I_NOT_ELIMINATED,
    X64I_ELIMINATED_NOP,
    X64I_ELIMINATED_ZERO,
    X64I_ELIMINATED_MOVE,
    X64I_ELIMINATED_ADD /* of an immediate */
};

enum x64i_string { X64I_STRING_NONE, X64I_STRING_MOVE, X64I_STRING_STORE };

/* What macro-fuses: an instruction with the jumps behind it that ask for no more. */
enum x64i_fusion { X64I_FUSES_NOT, X64I_FUSES_INCREMENT, X64I_FUSES_COMPARE, X64I_FUSES_TEST };

struct x64i_plan {
    uint8_t length;
    uint8_t elimination; /* enum x64i_elimination */
    uint8_t uop_count;
    uint8_t slots;       /* of rename */
    uint8_t unlaminated; /* of them, those that rename makes of a fused one */
    uint8_t stores;      /* micro-ops for the address of a store */
    uint16_t microcode;  /* micro-ops beyond those listed */
    bool length_change;
    bool stack;    /* moves RSP by the stack engine */
    bool uses_rsp; /* names RSP itself */
    bool writes_rsp;
    bool branch, conditional, indirect, call, ret;
    uint8_t fusion;  /* enum x64i_fusion: of a conditional branch what it asks for */
    uint8_t system;  /* enum x64i_system_kind */
    uint16_t cycles; /* of a system instruction */
    uint8_t string;  /* a string instruction that moves (1) or stores (2) */
    bool lock, wide_load;
    bool slow_forward;  /* vectors, and operations on memory */
    uint8_t lock_extra; /* cycles that the operation adds to a lock */
    bool shift;         /* it cannot work on a register with an addition still to be made */
    int32_t offset;     /* of an eliminated addition */
    int8_t fpu_push;    /* x87: registers pushed (1) or popped (-1, -2) */
    uint8_t source;     /* enum x64i_row_source of its figures */
    bool renamable;     /* its load may take over a store's register */
    struct x64i_uop uops[X64I_PLAN_UOPS];
};

struct x64i_planner {
    const struct x64i_core_model *core;
    struct x64i_form_table *table;
};

/* Fills in `plan` for a decoded instruction. */
void x64i_plan_make(const struct x64i_planner *planner, const ZydisDecodedInstruction *instruction,
                    const ZydisDecodedOperand *operands, struct x64i_plan *plan);

#endif
