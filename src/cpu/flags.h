/* SPDX-License-Identifier: MIT */
/*
 * Status flags of results (SDM vol. 1, 3.4.3.1). The reference path writes RFLAGS at once; the
 * block engine has functions of the same names in fast_flags.h.
 */
#ifndef X64I_CPU_FLAGS_H
#define X64I_CPU_FLAGS_H

#include "cpu/flag_values.h"
#include "cpu/operand.h"

/* Puts `values` into the flags of `mask`. */
X64I_INLINE void x64i_set_flags(struct x64i_cpu *cpu, uint32_t mask, uint32_t values)
{
    x64i_set_rflags(cpu, (cpu->s.rflags & ~(uint64_t)mask) | (values & mask));
}

/* CF as a number. */
X64I_INLINE uint64_t x64i_carry(const struct x64i_cpu *cpu)
{
    return cpu->s.rflags & X64I_CF;
}

/* RFLAGS whole. */
X64I_INLINE uint64_t x64i_rflags(const struct x64i_cpu *cpu)
{
    return cpu->s.rflags;
}

/* The flags of `mask` after a + b (+ carry) = result. */
X64I_INLINE void x64i_set_flags_add(struct x64i_cpu *cpu, uint32_t mask, uint64_t a, uint64_t b,
                                    uint64_t result, unsigned width)
{
    x64i_set_flags(cpu, mask, x64i_flags_add(a, b, result, width));
}

/* The flags of `mask` after a - b (- borrow) = result. */
X64I_INLINE void x64i_set_flags_sub(struct x64i_cpu *cpu, uint32_t mask, uint64_t a, uint64_t b,
                                    uint64_t result, unsigned width)
{
    x64i_set_flags(cpu, mask, x64i_flags_sub(a, b, result, width));
}

/* All flags after a logical instruction: CF, OF and AF are cleared (AF is undefined). */
X64I_INLINE void x64i_set_flags_logic(struct x64i_cpu *cpu, uint64_t result, unsigned width)
{
    x64i_set_flags(cpu, X64I_OSZAPC, x64i_flags_logic(result, width));
}

/* All flags after a shift: CF and OF as given, AF is cleared (undefined). */
X64I_INLINE void x64i_set_flags_shift(struct x64i_cpu *cpu, uint64_t result, bool carry,
                                      bool overflow, unsigned width)
{
    uint32_t flags = x64i_flags_szp(result, width);
    x64i_set_flags(cpu, X64I_OSZAPC, flags | (carry ? X64I_CF : 0) | (overflow ? X64I_OF : 0));
}

/* The condition in the low four bits of Jcc, SETcc and CMOVcc opcodes (SDM vol. 1, appendix B). */
X64I_INLINE bool x64i_condition(const struct x64i_cpu *cpu, unsigned condition)
{
    uint64_t f = cpu->s.rflags;
    bool sign_overflow = !(f & X64I_SF) != !(f & X64I_OF);
    bool holds = false;
    switch (condition >> 1) {
    case 0:
        holds = f & X64I_OF;
        break;
    case 1:
        holds = f & X64I_CF;
        break;
    case 2:
        holds = f & X64I_ZF;
        break;
    case 3:
        holds = f & (X64I_CF | X64I_ZF);
        break;
    case 4:
        holds = f & X64I_SF;
        break;
    case 5:
        holds = f & X64I_PF;
        break;
    case 6:
        holds = sign_overflow;
        break;
    default:
        holds = sign_overflow || (f & X64I_ZF);
        break;
    }
    return holds != (condition & 1);
}

#endif
