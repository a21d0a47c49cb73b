/* SPDX-License-Identifier: MIT */
/*
 * An op: one decoded instruction in 32 bytes, which is all that executing it needs. Registers stand
 * at the positions of the instruction's visible operands.
 */
#ifndef X64I_CPU_OP_H
#define X64I_CPU_OP_H

#include <stdint.h>

struct x64i_cpu;
struct x64i_op;

/* How a handler ended. */
enum x64i_result {
    X64I_DONE,   /* the instruction may retire; next_rip says where to go on */
    X64I_REPEAT, /* one REP iteration is done and there are more: RIP stays */
    X64I_FAULT   /* nothing was committed; cpu->exception says what to deliver */
};

typedef enum x64i_result x64i_handler(struct x64i_cpu *cpu, const struct x64i_op *op);

#define X64I_NO_REGISTER 0xff

/* Register numbers 16-19 in 8-bit operands are AH, CH, DH, BH. */
#define X64I_REGISTER_AH 16

enum x64i_op_flag {
    X64I_OP_LOCK = 1 << 0,
    X64I_OP_REP = 1 << 1, /* F3 on a string instruction: REP or REPE */
    X64I_OP_REPNE = 1 << 2,
    X64I_OP_ADDRESS_32 = 1 << 3, /* effective addresses wrap at 32 bits */
    X64I_OP_ADDRESS_16 = 1 << 4, /* ... at 16 bits */
    X64I_OP_RIP_RELATIVE = 1 << 5,
    X64I_OP_MEMORY = 1 << 6, /* it has an explicit memory operand */
    X64I_OP_REX_W = 1 << 7,  /* or VEX.W */
    X64I_OP_VEX_L = 1 << 9,  /* 256 bits, where the operands do not tell */
    X64I_OP_MOFFS = 1 << 8   /* the memory operand's offset is the 64-bit immediate */
};

struct x64i_op {
    x64i_handler *execute;
    uint64_t immediate;   /* sign-extended; a far pointer is selector << 32 | offset; the register
                           * operand 3 (VEX blends); a byte below the fields of evex_op.h */
    int32_t displacement; /* of the memory operand; or the second immediate (ENTER) */
    uint8_t destination;  /* register operand 0 */
    uint8_t source;       /* register operand 1 */
    uint8_t third;        /* register operand 2 */
    uint8_t base;         /* of the memory operand, or X64I_NO_REGISTER */
    uint8_t index;        /* likewise */
    uint8_t scale;        /* log2 */
    uint8_t segment;      /* enum x64_segment_register: of the memory operand, or of strings */
    uint8_t length;       /* bytes */
    uint16_t row;         /* of isa.def */
    uint16_t flags;       /* enum x64i_op_flag */
};

_Static_assert(sizeof(struct x64i_op) == 32, "an op stays small");

#endif
