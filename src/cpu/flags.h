/* SPDX-License-Identifier: MIT */
/*
 * Status flags of results (SDM vol. 1, 3.4.3.1). The reference path writes RFLAGS at once; an
 * engine with lazy flags replaces this file's functions, not the semantics that call them.
 */
#ifndef X64I_CPU_FLAGS_H
#define X64I_CPU_FLAGS_H

#include "cpu/operand.h"

X64I_INLINE uint32_t x64i_flags_szp(uint64_t result, unsigned width)
{
    uint32_t flags = 0;
    if ((result & x64i_mask(width)) == 0)
        flags |= X64I_ZF;
    if (result & x64i_sign_bit(width))
        flags |= X64I_SF;
    if (!__builtin_parity((unsigned)(result & 0xff)))
        flags |= X64I_PF;
    return flags;
}

/* Puts `values` into the flags of `mask`. */
X64I_INLINE void x64i_set_flags(struct x64i_cpu *cpu, uint32_t mask, uint32_t values)
{
    x64i_set_rflags(cpu, (cpu->s.rflags & ~(uint64_t)mask) | (values & mask));
}

/* All six flags of a + b + carry = result. */
X64I_INLINE uint32_t x64i_flags_add(uint64_t a, uint64_t b, uint64_t result, unsigned width)
{
    uint32_t flags = x64i_flags_szp(result, width);
    uint64_t carries = (a & b) | ((a | b) & ~result); /* the carry out of each bit */
    if (carries & x64i_sign_bit(width))
        flags |= X64I_CF;
    if (carries & 8)
        flags |= X64I_AF;
    if ((a ^ result) & (b ^ result) & x64i_sign_bit(width))
        flags |= X64I_OF;
    return flags;
}

/* All six flags of a - b - borrow = result. */
X64I_INLINE uint32_t x64i_flags_sub(uint64_t a, uint64_t b, uint64_t result, unsigned width)
{
    uint32_t flags = x64i_flags_szp(result, width);
    uint64_t borrows = (~a & b) | (~(a ^ b) & result);
    if (borrows & x64i_sign_bit(width))
        flags |= X64I_CF;
    if (borrows & 8)
        flags |= X64I_AF;
    if ((a ^ b) & (a ^ result) & x64i_sign_bit(width))
        flags |= X64I_OF;
    return flags;
}

/* AND, OR, XOR, TEST: CF and OF are 0, AF is left at 0 (undefined). */
X64I_INLINE uint32_t x64i_flags_logic(uint64_t result, unsigned width)
{
    return x64i_flags_szp(result, width);
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

/* Every condition: X(suffix of Jcc, number). */
#define X64I_FOR_CONDITIONS(X) \
    X(o, 0)                    \
    X(no, 1)                   \
    X(b, 2)                    \
    X(nb, 3)                   \
    X(z, 4)                    \
    X(nz, 5)                   \
    X(be, 6) X(nbe, 7) X(s, 8) X(ns, 9) X(p, 10) X(np, 11) X(l, 12) X(nl, 13) X(le, 14) X(nle, 15)

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
