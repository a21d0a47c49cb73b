/* SPDX-License-Identifier: MIT */
/* The status flags that follow from operands and results (SDM vol. 1, 3.4.3.1), as RFLAGS has them,
 * and the conditions made of them. */
#ifndef X64I_CPU_FLAG_VALUES_H
#define X64I_CPU_FLAG_VALUES_H

#include "cpu/bits.h"
#include "cpu/cpu_state.h"

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

/* Every condition: X(suffix of Jcc, number). */
#define X64I_FOR_CONDITIONS(X) \
    X(o, 0)                    \
    X(no, 1)                   \
    X(b, 2)                    \
    X(nb, 3)                   \
    X(z, 4)                    \
    X(nz, 5)                   \
    X(be, 6) X(nbe, 7) X(s, 8) X(ns, 9) X(p, 10) X(np, 11) X(l, 12) X(nl, 13) X(le, 14) X(nle, 15)

#endif
