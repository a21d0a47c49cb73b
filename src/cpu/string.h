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

/* A repeated instruction with a count of zero does nothing, but that processors write the count
 * back: with 32-bit addresses the upper half of RCX is cleared. */
X64I_INLINE bool x64i_string_is_done(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    if (!(op->flags & X64I_OP_ANY_REP) || x64i_string_offset(cpu, op, X64_RCX) != 0)
        return false;
    if (op->flags & X64I_OP_ADDRESS_32)
        x64i_set_gpr(cpu, X64_RCX, 0, 32);
    return true;
}

/* Moves RSI or RDI by one element, down when DF is set. */
X64I_INLINE void x64i_string_advance(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned reg,
                                     unsigned width)
{
    uint64_t step = cpu->s.rflags & X64I_DF ? -(uint64_t)(width / 8) : width / 8;
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
