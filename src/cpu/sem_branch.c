/* SPDX-License-Identifier: MIT */
/* Near jumps, calls, returns and loops (SDM vol. 1, 7.3.8). A branch that faults changes nothing.
 */
#include "cpu/sem.h"

/* The target of a relative branch: from the next instruction on, cut to the operand size. */
X64I_INLINE enum x64i_result branch_relative(struct x64i_cpu *cpu, const struct x64i_op *op,
                                             unsigned width)
{
    return x64i_branch(cpu, (cpu->s.rip + op->length + op->immediate) & x64i_mask(width));
}

#define JMP_AT(name, W)                     \
    X64I_HANDLER(name##_##W)                \
    {                                       \
        return branch_relative(cpu, op, W); \
    }
X64I_FOR_16_32_64(JMP_AT, jmp)

#define JCC_AT(name, number, W)             \
    X64I_HANDLER(name##_##W)                \
    {                                       \
        if (!x64i_condition(cpu, number))   \
            return X64I_DONE;               \
        return branch_relative(cpu, op, W); \
    }
#define JCC_HANDLERS(suffix, number) \
    JCC_AT(j##suffix, number, 16) JCC_AT(j##suffix, number, 32) JCC_AT(j##suffix, number, 64)
X64I_FOR_CONDITIONS(JCC_HANDLERS)

/* JMP r/m */
X64I_ACTION(jmp)
{
    (void)width;
    return x64i_branch(cpu, a);
}
X64I_FOR_16_32_64(X64I_READ1_AT, jmp)

/* A fault of the push has priority over one of the target, as processors do it; nothing is pushed
 * when either faults. */
X64I_ACTION(call)
{
    uint64_t after = cpu->next_rip;
    uint64_t top = (x64i_stack_pointer(cpu) - width / 8) & x64i_mask(cpu->stack_bits);
    struct x64i_target target;
    if (x64i_probe(cpu, X64_SS, top, width / 8, &target) != X64I_DONE ||
        x64i_branch(cpu, a) != X64I_DONE)
        return X64I_FAULT;
    x64i_add_rsp(cpu, -(int64_t)(width / 8));
    x64i_commit(cpu, &target, after & x64i_mask(width));
    return X64I_DONE;
}
X64I_FOR_16_32_64(X64I_READ1_AT, call)

#define CALL_AT(name, W)                                                                      \
    X64I_HANDLER(name##_##W)                                                                  \
    {                                                                                         \
        return call_action(cpu, (cpu->s.rip + op->length + op->immediate) & x64i_mask(W), W); \
    }
X64I_FOR_16_32_64(CALL_AT, call)

/* RET and RET imm16, which also drops that many bytes of parameters. */
#define RET_AT(name, W)                                                                     \
    X64I_HANDLER(name##_##W)                                                                \
    {                                                                                       \
        uint64_t target;                                                                    \
        if (x64i_load(cpu, X64_SS, x64i_stack_pointer(cpu), W / 8, &target) != X64I_DONE || \
            x64i_branch(cpu, target) != X64I_DONE)                                          \
            return X64I_FAULT;                                                              \
        x64i_add_rsp(cpu, W / 8 + (int64_t)(op->immediate & 0xffff));                       \
        return X64I_DONE;                                                                   \
    }
X64I_FOR_16_32_64(RET_AT, ret)

/* LOOP, LOOPE, LOOPNE: the count is rCX, as wide as addresses are. */
X64I_INLINE enum x64i_result loop_if(struct x64i_cpu *cpu, const struct x64i_op *op, bool condition,
                                     unsigned width)
{
    unsigned count_width = x64i_address_width(op);
    uint64_t count = (cpu->s.gpr[X64_RCX] - 1) & x64i_mask(count_width);
    if (count != 0 && condition && branch_relative(cpu, op, width) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, X64_RCX, count, count_width);
    return X64I_DONE;
}

/* Which value of ZF goes on with the loop; on AMD's processors a REP prefix says so. */
X64I_INLINE bool loop_wants_zero(const struct x64i_cpu *cpu, const struct x64i_op *op, bool zero)
{
    if (!cpu->model->behaviour.loop_takes_rep || !(op->flags & (X64I_OP_REP | X64I_OP_REPNE)))
        return zero;
    return op->flags & X64I_OP_REP;
}

X64I_INLINE bool loop_condition(const struct x64i_cpu *cpu, const struct x64i_op *op, bool zero)
{
    return loop_wants_zero(cpu, op, zero) == !!(cpu->s.rflags & X64I_ZF);
}

#define LOOP_AT(W)                                                  \
    X64I_HANDLER(loop_##W)                                          \
    {                                                               \
        return loop_if(cpu, op, true, W);                           \
    }                                                               \
    X64I_HANDLER(loope_##W)                                         \
    {                                                               \
        return loop_if(cpu, op, loop_condition(cpu, op, true), W);  \
    }                                                               \
    X64I_HANDLER(loopne_##W)                                        \
    {                                                               \
        return loop_if(cpu, op, loop_condition(cpu, op, false), W); \
    }                                                               \
    /* JCXZ, JECXZ, JRCXZ */                                        \
    X64I_HANDLER(jrcxz_##W)                                         \
    {                                                               \
        if (x64i_gpr(cpu, X64_RCX, x64i_address_width(op)) != 0)    \
            return X64I_DONE;                                       \
        return branch_relative(cpu, op, W);                         \
    }
LOOP_AT(16)
LOOP_AT(32)
LOOP_AT(64)
