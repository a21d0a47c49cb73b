/* SPDX-License-Identifier: MIT */
/* Multiplication and division (SDM vol. 1, 7.3.2). Results of twice the width are in rDX:rAX, or in
 * AX for bytes. */
#include "cpu/sem.h"

__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 signed_wide;

X64I_INLINE void set_pair(struct x64i_cpu *cpu, wide value, unsigned width)
{
    if (width == 8) {
        x64i_set_gpr(cpu, X64_RAX, (uint64_t)value, 16);
        return;
    }
    x64i_set_gpr(cpu, X64_RAX, (uint64_t)value, width);
    x64i_set_gpr(cpu, X64_RDX, (uint64_t)(value >> width), width);
}

X64I_INLINE wide pair(const struct x64i_cpu *cpu, unsigned width)
{
    if (width == 8)
        return x64i_gpr(cpu, X64_RAX, 16);
    return (wide)x64i_gpr(cpu, X64_RDX, width) << width | x64i_gpr(cpu, X64_RAX, width);
}

X64I_INLINE signed_wide signed_value(uint64_t value, unsigned width)
{
    return (int64_t)x64i_sign_extend(value, width);
}

/* CF and OF say that the upper half matters; SF and PF follow the lower half, ZF and AF are cleared
 * (all four are undefined). */
X64I_INLINE void set_product_flags(struct x64i_cpu *cpu, uint64_t low, bool wide_result,
                                   unsigned width)
{
    uint32_t flags = x64i_flags_szp(low, width) & (X64I_SF | X64I_PF);
    x64i_set_flags(cpu, X64I_OSZAPC, flags | (wide_result ? X64I_CF | X64I_OF : 0));
}

X64I_ACTION(mul)
{
    wide product = (wide)x64i_gpr(cpu, X64_RAX, width) * a;
    set_pair(cpu, product, width);
    set_product_flags(cpu, (uint64_t)product, product >> width != 0, width);
    return X64I_DONE;
}
X64I_INSTANCES_READ1(mul)

X64I_ACTION(imul)
{
    signed_wide product =
        signed_value(x64i_gpr(cpu, X64_RAX, width), width) * signed_value(a, width);
    set_pair(cpu, (wide)product, width);
    bool wide_result = product != signed_value((uint64_t)product, width);
    set_product_flags(cpu, (uint64_t)product, wide_result, width);
    return X64I_DONE;
}
X64I_INSTANCES_READ1(imul)

/* DEST := SRC1 * SRC2, cut to the operand size. */
X64I_BODY2(imul)
{
    signed_wide product = signed_value(a, width) * signed_value(b, width);
    bool wide_result = product != signed_value((uint64_t)product, width);
    set_product_flags(cpu, (uint64_t)product, wide_result, width);
    return (uint64_t)product;
}
X64I_INSTANCES_R_RM(imul)
X64I_FOR_16_32_64(X64I_RRI_AT, imul)
X64I_FOR_16_32_64(X64I_RMI_AT, imul)

X64I_INLINE void set_quotient(struct x64i_cpu *cpu, uint64_t quotient, uint64_t remainder,
                              unsigned width)
{
    if (width == 8) {
        x64i_set_gpr(cpu, X64_RAX, (remainder & 0xff) << 8 | (quotient & 0xff), 16);
        return;
    }
    x64i_set_gpr(cpu, X64_RAX, quotient, width);
    x64i_set_gpr(cpu, X64_RDX, remainder, width);
}

/* #DE when the divisor is zero or the quotient too large. Flags are undefined: they stay. */
X64I_ACTION(div)
{
    wide dividend = pair(cpu, width);
    if (a == 0 || dividend / a > x64i_mask(width))
        return x64i_raise(cpu, X64_FAULT_DE);
    set_quotient(cpu, (uint64_t)(dividend / a), (uint64_t)(dividend % a), width);
    return X64I_DONE;
}
X64I_INSTANCES_READ1(div)

/* Rounds towards zero; the remainder has the dividend's sign. Divides magnitudes, which cannot
 * overflow. */
X64I_ACTION(idiv)
{
    unsigned pair_width = 2 * width;
    wide dividend = pair(cpu, width);
    bool negative = dividend >> (pair_width - 1) & 1;
    bool divisor_negative = a & x64i_sign_bit(width);
    wide all = pair_width == 128 ? ~(wide)0 : ((wide)1 << pair_width % 128) - 1;
    wide magnitude = (negative ? -dividend : dividend) & all;
    uint64_t divisor = (divisor_negative ? -a : a) & x64i_mask(width);
    if (divisor == 0)
        return x64i_raise(cpu, X64_FAULT_DE);
    wide quotient = magnitude / divisor;
    uint64_t remainder = (uint64_t)(magnitude % divisor);
    bool quotient_negative = negative != divisor_negative;
    if (quotient > x64i_mask(width - 1) + (quotient_negative ? 1 : 0))
        return x64i_raise(cpu, X64_FAULT_DE);
    set_quotient(cpu, quotient_negative ? -(uint64_t)quotient : (uint64_t)quotient,
                 negative ? -remainder : remainder, width);
    return X64I_DONE;
}
X64I_INSTANCES_READ1(idiv)
