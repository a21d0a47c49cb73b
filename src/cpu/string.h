/* SPDX-License-Identifier: MIT */
/*
 * What string instructions share (SDM vol. 1, 7.3.9): offsets in RSI and RDI, their direction, and
 * the count in RCX under a REP prefix. One iteration is one step.
 */
#ifndef X64I_CPU_STRING_H
#define X64I_CPU_STRING_H

#include "cpu/operand.h"

#define X64I_OP_ANY_REP (X64I_OP_REP | X64I_OP_REPNE)

/* RSI, RDI or RCX as wide as addresses are. */
X64I_INLINE uint64_t x64i_string_offset(const struct x64i_cpu *cpu, const struct x64i_op *op,
                                        unsigned reg)
{
    return cpu->s.gpr[reg] & x64i_mask(x64i_address_width(op));
}

/* Under a REP prefix with 32-bit addresses, Intel's processors write a register back cut to 32 bits
 * before they look at anything else: also for a count of zero, also when the iteration faults. */
X64I_INLINE void x64i_string_cut(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned reg)
{
    bool cut = cpu->model->behaviour.string_cuts_at_once && (op->flags & X64I_OP_ANY_REP) &&
               (op->flags & X64I_OP_ADDRESS_32);
    if (cut && cpu->s.gpr[reg] >> 32 != 0)
        x64i_set_gpr(cpu, reg, cpu->s.gpr[reg], 32);
}

/* A repeated instruction with a count of zero does nothing else. */
X64I_INLINE bool x64i_string_is_done(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    x64i_string_cut(cpu, op, X64_RCX);
    return (op->flags & X64I_OP_ANY_REP) && x64i_string_offset(cpu, op, X64_RCX) == 0;
}

/* Moves RSI or RDI by one element, down when DF is set. */
X64I_INLINE void x64i_string_advance(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned reg,
                                     unsigned width)
{
    uint64_t step = (cpu->s.rflags & X64I_DF) ? -(uint64_t)(width / 8) : width / 8;
    x64i_set_gpr(cpu, reg, cpu->s.gpr[reg] + step, x64i_address_width(op));
}

/* Counts an iteration; says whether another one follows. */
X64I_INLINE enum x64i_result x64i_string_count(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    if (!(op->flags & X64I_OP_ANY_REP))
        return X64I_DONE;
    uint64_t count = x64i_string_offset(cpu, op, X64_RCX) - 1;
    x64i_set_gpr(cpu, X64_RCX, count, x64i_address_width(op));
    return count != 0 ? X64I_REPEAT : X64I_DONE;
}

#endif
