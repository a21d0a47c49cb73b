/* SPDX-License-Identifier: MIT */
/* BMI1, BMI2 and ADX (SDM vol. 1, 5.1.16 and the instructions' pages in vol. 2). */
#include "cpu/sem.h"

__extension__ typedef unsigned __int128 wide;

/* SF and ZF of the result, OF cleared, CF as given; AF and PF are undefined and cleared. */
X64I_INLINE uint64_t finish(struct x64i_cpu *cpu, uint64_t result, bool carry, unsigned width)
{
    uint32_t flags = x64i_flags_szp(result, width) & (X64I_SF | X64I_ZF);
    x64i_set_flags(cpu, X64I_OSZAPC, flags | (carry ? X64I_CF : 0));
    return result;
}

/* DEST := NOT SRC1 AND SRC2 */
X64I_BODY2(andn)
{
    return finish(cpu, ~a & b, false, width);
}
X64I_FOR_32_64(X64I_RRR_AT, andn)
X64I_FOR_32_64(X64I_RRM_AT, andn)

#define R_RM_32_64(name) X64I_FOR_32_64(X64I_R_RM_AT, name)

/* The lowest set bit alone. */
X64I_BODY2(blsi)
{
    (void)a;
    return finish(cpu, (0 - b) & b, b != 0, width);
}
R_RM_32_64(blsi)

/* All bits up to the lowest set one. */
X64I_BODY2(blsmsk)
{
    (void)a;
    return finish(cpu, (b - 1) ^ b, b == 0, width);
}
R_RM_32_64(blsmsk)

/* The lowest set bit cleared. */
X64I_BODY2(blsr)
{
    (void)a;
    return finish(cpu, (b - 1) & b, b == 0, width);
}
R_RM_32_64(blsr)

#define RRR_RMR_32_64(name) X64I_FOR_32_64(X64I_RRR_AT, name) X64I_FOR_32_64(X64I_RMR_AT, name)

/* The bits from SRC2[7:0] on, SRC2[15:8] of them. */
X64I_BODY2(bextr)
{
    unsigned start = b & 0xff;
    unsigned length = b >> 8 & 0xff;
    uint64_t field = start < width ? a >> start : 0;
    uint64_t result = length < width ? field & ((1ull << length) - 1) : field;
    x64i_set_flags(cpu, X64I_OSZAPC, result == 0 ? X64I_ZF : 0);
    return result;
}
RRR_RMR_32_64(bextr)

/* The bits below number SRC2[7:0]; CF when there are no others. */
X64I_BODY2(bzhi)
{
    unsigned index = b & 0xff;
    uint64_t result = index < width ? a & ((1ull << index) - 1) : a;
    return finish(cpu, result, index > width - 1, width);
}
RRR_RMR_32_64(bzhi)

/* Shifts without flags, the count in a register. */
X64I_BODY2(shlx)
{
    (void)cpu;
    return a << (b & (width - 1));
}
RRR_RMR_32_64(shlx)

X64I_BODY2(shrx)
{
    (void)cpu;
    return a >> (b & (width - 1));
}
RRR_RMR_32_64(shrx)

X64I_BODY2(sarx)
{
    (void)cpu;
    return (uint64_t)((int64_t)x64i_sign_extend(a, width) >> (b & (width - 1)));
}
RRR_RMR_32_64(sarx)

/* Rotates right by an immediate, without flags. */
X64I_BODY2(rorx)
{
    (void)cpu;
    unsigned count = b & (width - 1);
    return count == 0 ? a : a >> count | a << (width - count);
}
X64I_FOR_32_64(X64I_RRI_AT, rorx)
X64I_FOR_32_64(X64I_RMI_AT, rorx)

#define RRR_RRM_32_64(name) X64I_FOR_32_64(X64I_RRR_AT, name) X64I_FOR_32_64(X64I_RRM_AT, name)

/* Scatters the low bits of SRC1 to the places that the mask names. */
X64I_BODY2(pdep)
{
    (void)cpu;
    (void)width;
    uint64_t result = 0;
    for (uint64_t mask = b; mask != 0; mask &= mask - 1) {
        if (a & 1)
            result |= mask & (0 - mask);
        a >>= 1;
    }
    return result;
}
RRR_RRM_32_64(pdep)

/* Gathers the bits of SRC1 that the mask names. */
X64I_BODY2(pext)
{
    (void)cpu;
    (void)width;
    uint64_t result = 0;
    unsigned at = 0;
    for (uint64_t mask = b; mask != 0; mask &= mask - 1) {
        if (a & mask & (0 - mask))
            result |= 1ull << at;
        at++;
    }
    return result;
}
RRR_RRM_32_64(pext)

/* high:low := rDX * SRC, without flags. Where both are one register it holds the upper half. */
X64I_INLINE void multiply_into(struct x64i_cpu *cpu, const x64i_sem_op *op, uint64_t source,
                               unsigned width)
{
    wide product = (wide)x64i_gpr(cpu, X64_RDX, width) * source;
    x64i_set_gpr(cpu, op->source, (uint64_t)product, width);
    x64i_set_gpr(cpu, op->destination, (uint64_t)(product >> width), width);
}

#define MULX_AT(name, W)                                                                  \
    X64I_HANDLER(name##_rrr_##W)                                                          \
    {                                                                                     \
        multiply_into(cpu, op, x64i_gpr(cpu, op->third, W), W);                           \
        return X64I_DONE;                                                                 \
    }                                                                                     \
    X64I_HANDLER(name##_rrm_##W)                                                          \
    {                                                                                     \
        uint64_t b;                                                                       \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &b) != X64I_DONE) \
            return X64I_FAULT;                                                            \
        multiply_into(cpu, op, b, W);                                                     \
        return X64I_DONE;                                                                 \
    }
X64I_FOR_32_64(MULX_AT, mulx)

/* DEST + SRC + flag, the carry out into the same flag; the other flags stay. */
X64I_INLINE uint64_t add_with_flag(struct x64i_cpu *cpu, uint64_t a, uint64_t b, uint32_t flag,
                                   unsigned width)
{
    uint64_t result = a + b + (x64i_rflags(cpu) & flag ? 1u : 0u);
    bool carry = x64i_flags_add(a, b, result, width) & X64I_CF;
    x64i_set_flags(cpu, flag, carry ? flag : 0);
    return result;
}

X64I_BODY2(adcx)
{
    return add_with_flag(cpu, a, b, X64I_CF, width);
}
R_RM_32_64(adcx)

X64I_BODY2(adox)
{
    return add_with_flag(cpu, a, b, X64I_OF, width);
}
R_RM_32_64(adox)
