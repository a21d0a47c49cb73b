/* SPDX-License-Identifier: MIT */
/* Numbers of a width in bits. The width is a constant wherever it matters. */
#ifndef X64I_CPU_BITS_H
#define X64I_CPU_BITS_H

#include <stdint.h>

#define X64I_INLINE static inline __attribute__((always_inline))

/* All ones in the low `width` bits. */
X64I_INLINE uint64_t x64i_mask(unsigned width)
{
    return width == 64 ? ~0ull : (1ull << width) - 1;
}

X64I_INLINE uint64_t x64i_sign_bit(unsigned width)
{
    return 1ull << (width - 1);
}

X64I_INLINE uint64_t x64i_sign_extend(uint64_t value, unsigned width)
{
    return (uint64_t)((int64_t)(value << (64 - width)) >> (64 - width));
}

#endif
