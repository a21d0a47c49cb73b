/* SPDX-License-Identifier: MIT */
/*
 * Shifts and rotates (SDM vol. 1, 7.3.6). The count is taken modulo 32, or 64 for 64-bit operands,
 * and a count of zero leaves the flags alone. OF is defined for a count of one only; for the others
 * it is computed alike, as processors do.
 */
#include "cpu/sem.h"

X64I_INLINE unsigned masked_count(uint64_t count, unsigned width)
{
    return (unsigned)count & (width == 64 ? 63 : 31);
}

X64I_INLINE bool bit_of(uint64_t value, unsigned bit)
{
    return value >> bit & 1;
}

X64I_INLINE uint32_t carry_overflow(bool carry, bool overflow)
{
    return (carry ? X64I_CF : 0) | (overflow ? X64I_OF : 0);
}

/* CF is the last bit shifted out at the top. */
X64I_BODY2(shl)
{
    unsigned count = masked_count(b, width);
    if (count == 0)
        return a;
    uint64_t result = count < width ? (a << count) & x64i_mask(width) : 0;
    bool carry = count <= width && bit_of(a, width - count);
    bool overflow = bit_of(result, width - 1) != carry;
    x64i_set_flags_shift(cpu, result, carry, overflow, width);
    return result;
}
X64I_INSTANCES_SHIFT(shl)

/* CF is the last bit shifted out at the bottom; OF the sign bit that was there before. */
X64I_BODY2(shr)
{
    unsigned count = masked_count(b, width);
    if (count == 0)
        return a;
    uint64_t result = count < width ? a >> count : 0;
    bool carry = count <= width && bit_of(a, count - 1);
    bool overflow = bit_of(a, width - 1);
    x64i_set_flags_shift(cpu, result, carry, overflow, width);
    return result;
}
X64I_INSTANCES_SHIFT(shr)

/* As SHR with copies of the sign; OF is 0. */
X64I_BODY2(sar)
{
    unsigned count = masked_count(b, width);
    if (count == 0)
        return a;
    int64_t value = (int64_t)x64i_sign_extend(a, width);
    uint64_t result = (uint64_t)(value >> count) & x64i_mask(width);
    bool carry = value >> (count - 1) & 1;
    x64i_set_flags_shift(cpu, result, carry, false, width);
    return result;
}
X64I_INSTANCES_SHIFT(sar)

X64I_INLINE uint64_t rotate_left(uint64_t a, unsigned count, unsigned width)
{
    count %= width;
    return count == 0 ? a : ((a << count) | (a >> (width - count))) & x64i_mask(width);
}

/* CF is the bit that came in at the bottom. */
X64I_BODY2(rol)
{
    unsigned count = masked_count(b, width);
    if (count == 0)
        return a;
    uint64_t result = rotate_left(a, count, width);
    bool carry = result & 1;
    x64i_set_flags(cpu, X64I_CF | X64I_OF,
                   carry_overflow(carry, bit_of(result, width - 1) != carry));
    return result;
}
X64I_INSTANCES_SHIFT(rol)

/* CF is the bit that came in at the top, OF whether the two top bits differ. */
X64I_BODY2(ror)
{
    unsigned count = masked_count(b, width);
    if (count == 0)
        return a;
    uint64_t result = rotate_left(a, width - count % width, width);
    bool carry = bit_of(result, width - 1);
    x64i_set_flags(cpu, X64I_CF | X64I_OF,
                   carry_overflow(carry, bit_of(result, width - 2) != carry));
    return result;
}
X64I_INSTANCES_SHIFT(ror)

/* Rotates through CF, as a number of width + 1 bits; narrow counts are taken modulo that too. */
X64I_BODY2(rcl)
{
    unsigned count = masked_count(b, width) % (width + 1);
    if (count == 0)
        return a;
    uint64_t carry_in = x64i_carry(cpu);
    uint64_t result = count < width ? a << count : 0;
    result |= carry_in << (count - 1);
    if (count > 1)
        result |= a >> (width + 1 - count);
    bool carry = bit_of(a, width - count);
    x64i_set_flags(cpu, X64I_CF | X64I_OF,
                   carry_overflow(carry, bit_of(result, width - 1) != carry));
    return result & x64i_mask(width);
}
X64I_INSTANCES_SHIFT(rcl)

X64I_BODY2(rcr)
{
    unsigned count = masked_count(b, width) % (width + 1);
    if (count == 0)
        return a;
    uint64_t carry_in = x64i_carry(cpu);
    uint64_t result = count < width ? a >> count : 0;
    result |= carry_in << (width - count);
    if (count > 1)
        result |= a << (width + 1 - count);
    result &= x64i_mask(width);
    bool overflow = bit_of(result, width - 1) != bit_of(result, width - 2);
    x64i_set_flags(cpu, X64I_CF | X64I_OF, carry_overflow(bit_of(a, count - 1), overflow));
    return result;
}
X64I_INSTANCES_SHIFT(rcr)

/* Flags of SHLD and SHRD: OF says whether the sign changed. */
X64I_INLINE uint64_t finish_double(struct x64i_cpu *cpu, uint64_t a, uint64_t result, bool carry,
                                   unsigned width)
{
    bool overflow = (a ^ result) & x64i_sign_bit(width);
    x64i_set_flags_shift(cpu, result, carry, overflow, width);
    return result & x64i_mask(width);
}

/* DEST is shifted left, filled from the top of SRC. A 16-bit count beyond 16 is undefined:
 * processors go on with DEST behind SRC. */
X64I_INLINE uint64_t shld_body(struct x64i_cpu *cpu, uint64_t a, uint64_t b, uint64_t c,
                               unsigned width)
{
    unsigned count = masked_count(c, width);
    if (count == 0)
        return a;
    if (width == 16) {
        uint64_t chain = a << 32 | b << 16 | a;
        return finish_double(cpu, a, chain << count >> 32, bit_of(chain, 48 - count), width);
    }
    uint64_t result = a << count | b >> (width - count);
    return finish_double(cpu, a, result, bit_of(a, width - count), width);
}

/* DEST is shifted right, filled from the bottom of SRC; counts beyond 16 as for SHLD. */
X64I_INLINE uint64_t shrd_body(struct x64i_cpu *cpu, uint64_t a, uint64_t b, uint64_t c,
                               unsigned width)
{
    unsigned count = masked_count(c, width);
    if (count == 0)
        return a;
    if (width == 16) {
        uint64_t chain = a << 32 | b << 16 | a;
        return finish_double(cpu, a, chain >> count, bit_of(chain, count - 1), width);
    }
    uint64_t result = a >> count | b << (width - count);
    return finish_double(cpu, a, result, bit_of(a, count - 1), width);
}

#define DOUBLE_AT(name, pattern, count, W)                                                \
    X64I_HANDLER(name##_rr##pattern##_##W)                                                \
    {                                                                                     \
        uint64_t a = x64i_gpr(cpu, op->destination, W);                                   \
        uint64_t b = x64i_gpr(cpu, op->source, W);                                        \
        x64i_set_gpr(cpu, op->destination, name##_body(cpu, a, b, count, W), W);          \
        return X64I_DONE;                                                                 \
    }                                                                                     \
    X64I_HANDLER(name##_mr##pattern##_##W)                                                \
    {                                                                                     \
        struct x64i_target target;                                                        \
        uint64_t a;                                                                       \
        if (x64i_modify(cpu, op->segment, x64i_effective(cpu, op), W / 8, &target, &a) != \
            X64I_DONE)                                                                    \
            return X64I_FAULT;                                                            \
        uint64_t b = x64i_gpr(cpu, op->source, W);                                        \
        x64i_commit(cpu, &target, name##_body(cpu, a, b, count, W));                      \
        return X64I_DONE;                                                                 \
    }
#define DOUBLE_BY_CL_AT(name, W)        DOUBLE_AT(name, r, cpu->s.gpr[X64_RCX], W)
#define DOUBLE_BY_IMMEDIATE_AT(name, W) DOUBLE_AT(name, i, op->immediate, W)
X64I_FOR_16_32_64(DOUBLE_BY_CL_AT, shld)
X64I_FOR_16_32_64(DOUBLE_BY_IMMEDIATE_AT, shld)
X64I_FOR_16_32_64(DOUBLE_BY_CL_AT, shrd)
X64I_FOR_16_32_64(DOUBLE_BY_IMMEDIATE_AT, shrd)
