/* SPDX-License-Identifier: MIT */
/* PUSH, POP and LEAVE (SDM vol. 1, 6.2 and 6.6.2). */
#include "cpu/sem.h"

/* Pushes the old value of a register, RSP included. */
X64I_ACTION(push)
{
    return x64i_push(cpu, a, width / 8);
}
X64I_FOR_16_32_64(X64I_ACT_R_AT, push)
X64I_FOR_16_32_64(X64I_ACT_M_AT, push)
X64I_FOR_16_32_64(X64I_ACT_I_AT, push)

/* POP r: RSP is incremented before the register is written, which decides for POP RSP. */
#define POP_AT(name, W)                                \
    X64I_HANDLER(name##_r_##W)                         \
    {                                                  \
        uint64_t value;                                \
        if (x64i_pop(cpu, &value, W / 8) != X64I_DONE) \
            return X64I_FAULT;                         \
        x64i_set_gpr(cpu, op->destination, value, W);  \
        return X64I_DONE;                              \
    }
X64I_FOR_16_32_64(POP_AT, pop)

/* rSP := rBP; rBP := Pop() */
X64I_INLINE enum x64i_result leave(struct x64i_cpu *cpu, unsigned width)
{
    uint64_t frame = x64i_gpr(cpu, X64_RBP, x64i_stack_bits(cpu));
    uint64_t value;
    if (x64i_load(cpu, X64_SS, frame, width / 8, &value) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, X64_RSP, frame + width / 8, x64i_stack_bits(cpu));
    x64i_set_gpr(cpu, X64_RBP, value, width);
    return X64I_DONE;
}

#define LEAVE_AT(name, W)     \
    X64I_HANDLER(name##_##W)  \
    {                         \
        (void)op;             \
        return leave(cpu, W); \
    }
X64I_FOR_16_32_64(LEAVE_AT, leave)
