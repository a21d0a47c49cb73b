/* SPDX-License-Identifier: MIT */
/*
 * Binary16, binary32 and binary64 as patterns of bits (SDM vol. 1, 4.2.2): classes, and what
 * MXCSR's DAZ makes of denormals. The operations built on it (comparisons, rounding, binary16) need
 * no host unit.
 */
#ifndef X64I_CPU_FLOAT_BITS_H
#define X64I_CPU_FLOAT_BITS_H

#include "cpu/operand.h"

#define X64I_MXCSR_IE  0x0001u
#define X64I_MXCSR_DE  0x0002u
#define X64I_MXCSR_OE  0x0008u
#define X64I_MXCSR_PE  0x0020u
#define X64I_MXCSR_DAZ 0x0040u

/* Bits of a number that takes four or eight bytes. */
X64I_INLINE unsigned x64i_float_width(unsigned bytes)
{
    return bytes == 8 ? 64 : 32;
}

X64I_INLINE unsigned x64i_fraction_bits(unsigned bits)
{
    return bits == 64 ? 52 : bits == 32 ? 23 : 10;
}

X64I_INLINE uint64_t x64i_fraction_mask(unsigned bits)
{
    return x64i_mask(x64i_fraction_bits(bits));
}

/* Infinity; greater magnitudes are NaNs. */
X64I_INLINE uint64_t x64i_infinity(unsigned bits)
{
    return x64i_mask(bits - 1) & ~x64i_fraction_mask(bits);
}

X64I_INLINE uint64_t x64i_quiet_bit(unsigned bits)
{
    return 1ull << (x64i_fraction_bits(bits) - 1);
}

X64I_INLINE uint64_t x64i_magnitude(uint64_t value, unsigned bits)
{
    return value & x64i_mask(bits - 1);
}

X64I_INLINE bool x64i_is_nan(uint64_t value, unsigned bits)
{
    return x64i_magnitude(value, bits) > x64i_infinity(bits);
}

X64I_INLINE bool x64i_is_signaling(uint64_t value, unsigned bits)
{
    return x64i_is_nan(value, bits) && !(value & x64i_quiet_bit(bits));
}

X64I_INLINE bool x64i_is_denormal(uint64_t value, unsigned bits)
{
    uint64_t magnitude = x64i_magnitude(value, bits);
    return magnitude != 0 && magnitude <= x64i_fraction_mask(bits);
}

/* A denormal operand under DAZ is a zero of its sign. */
X64I_INLINE uint64_t x64i_daz(uint64_t value, unsigned bits, uint32_t mxcsr)
{
    bool zero = (mxcsr & X64I_MXCSR_DAZ) && x64i_is_denormal(value, bits);
    return zero ? value & x64i_sign_bit(bits) : value;
}

#endif
