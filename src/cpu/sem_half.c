/* SPDX-License-Identifier: MIT */
/* F16C: binary16 to binary32 and back, by bits alone (SDM vol. 1, 14.4; vol. 2, VCVTPH2PS and
 * VCVTPS2PH). */
#include "cpu/evex.h"
#include "cpu/float_bits.h"
#include "cpu/host_float.h"

#define HALF_BIAS    15
#define SINGLE_BIAS  127
#define ROUND_UP     2u
#define ROUND_DOWN   1u
#define HALF_MAX     0x7bffu
#define HALF_MINIMUM 0x38800000u /* the least normal binary16, as binary32 */

/* Exact; denormals are made normal whatever DAZ says, and tell nothing. */
static uint32_t single_of_half(uint16_t half, uint32_t *raised)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 31;
    uint32_t fraction = half & 0x3ff;
    if (exponent == 31) {
        if (x64i_is_signaling(half, 16)) {
            *raised |= X64I_MXCSR_IE;
            fraction |= 0x200;
        }
        return sign | 0x7f800000 | fraction << 13;
    }
    if (exponent == 0) {
        if (fraction == 0)
            return sign;
        unsigned shift = (unsigned)__builtin_clz(fraction) - 21;
        fraction = fraction << shift & 0x3ff;
        exponent = 1 - shift;
    }
    return sign | (exponent + SINGLE_BIAS - HALF_BIAS) << 23 | fraction << 13;
}

/* `value` without its low `cut` bits, rounded. */
static uint32_t shift_rounded(uint32_t value, unsigned cut, unsigned mode, bool negative,
                              bool *inexact)
{
    uint32_t rest = cut > 31 ? value : value & ((1u << cut) - 1);
    uint32_t result = cut > 31 ? 0 : value >> cut;
    *inexact = rest != 0;
    if (rest == 0)
        return result;
    bool above_half = cut <= 31 && rest > 1u << (cut - 1);
    bool tie = cut <= 31 && rest == 1u << (cut - 1);
    bool away = mode == 0 ? above_half || (tie && (result & 1))
                          : (mode == ROUND_UP && !negative) || (mode == ROUND_DOWN && negative);
    return result + away;
}

static uint16_t overflow(unsigned mode, bool negative)
{
    bool infinite =
        mode == 0 || (mode == ROUND_UP && !negative) || (mode == ROUND_DOWN && negative);
    return (uint16_t)((negative ? 0x8000 : 0) | (infinite ? 0x7c00 : HALF_MAX));
}

/* A finite magnitude that is no zero. A tiny result raises UE when it is inexact or UE is unmasked;
 * FZ does not matter. */
static uint16_t half_of_magnitude(uint32_t magnitude, bool negative, unsigned mode, uint32_t mxcsr,
                                  uint32_t *raised)
{
    bool inexact;
    uint32_t sign = negative ? 0x8000 : 0;
    if (magnitude >= HALF_MINIMUM) {
        uint32_t rebiased = magnitude - ((uint32_t)(SINGLE_BIAS - HALF_BIAS) << 23);
        uint32_t half = shift_rounded(rebiased, 13, mode, negative, &inexact);
        if (half > HALF_MAX) {
            *raised |= X64I_MXCSR_OE | X64I_MXCSR_PE;
            return overflow(mode, negative);
        }
        *raised |= inexact ? X64I_MXCSR_PE : 0;
        return (uint16_t)(sign | half);
    }
    unsigned exponent = magnitude >> 23;
    uint32_t significand = (magnitude & 0x7fffff) | (exponent ? 0x800000 : 0);
    unsigned cut = 13 + (SINGLE_BIAS - HALF_BIAS + 1) - (exponent ? exponent : 1);
    uint32_t half = shift_rounded(significand, cut, mode, negative, &inexact);
    /* Tiny means: below the least normal number after rounding to 11 bits. */
    bool dropped;
    bool tiny = exponent != SINGLE_BIAS - HALF_BIAS ||
                shift_rounded(significand, 13, mode, negative, &dropped) < 0x800;
    if (tiny && (inexact || !(mxcsr & X64I_MXCSR_UM)))
        *raised |= X64I_MXCSR_UE;
    *raised |= inexact ? X64I_MXCSR_PE : 0;
    return (uint16_t)(sign | half);
}

/* The immediate chooses the rounding: bit 2 MXCSR's, else bits 1-0. */
static uint16_t half_of_single(uint32_t single, unsigned immediate, uint32_t mxcsr,
                               uint32_t *raised)
{
    bool negative = single >> 31;
    uint32_t magnitude = single & 0x7fffffff;
    unsigned mode = immediate & 4 ? mxcsr >> 13 & 3 : immediate & 3;
    if (magnitude >= 0x7f800000) {
        uint32_t fraction = magnitude >> 13 & 0x3ff;
        if (x64i_is_signaling(single, 32))
            *raised |= X64I_MXCSR_IE;
        if (magnitude > 0x7f800000)
            fraction |= 0x200;
        return (uint16_t)((negative ? 0x8000 : 0) | 0x7c00 | fraction);
    }
    magnitude = (uint32_t)x64i_daz(magnitude, 32, mxcsr);
    if (x64i_is_denormal(magnitude, 32))
        *raised |= X64I_MXCSR_DE;
    if (magnitude == 0)
        return negative ? 0x8000 : 0;
    return half_of_magnitude(magnitude, negative, mode, mxcsr, raised);
}

#define FROM_HALF(handler, L, fetch)                                  \
    X64I_HANDLER(handler)                                             \
    {                                                                 \
        struct x64i_wide d;                                           \
        union x64i_xmm s;                                             \
        uint32_t raised = 0;                                          \
        if (x64i_check_avx(cpu) != X64I_DONE || (fetch) != X64I_DONE) \
            return X64I_FAULT;                                        \
        for (unsigned i = 0; i < 4 * (L); i++)                        \
            d.lane[i / 4].d[i % 4] = single_of_half(s.w[i], &raised); \
        if (x64i_note_float(cpu, raised) != X64I_DONE)                \
            return X64I_FAULT;                                        \
        x64i_set_wide(cpu, op->destination, &d, L);                   \
        return X64I_DONE;                                             \
    }

FROM_HALF(vcvtph2ps_xx, 1, X64I_SOURCE_XMM)
FROM_HALF(vcvtph2ps_xm, 1, x64i_load_8(cpu, op, &s))
FROM_HALF(vcvtph2ps_yx, 2, X64I_SOURCE_XMM)
FROM_HALF(vcvtph2ps_ym, 2, x64i_load_xmm(cpu, op, &s))

static enum x64i_result halves(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned lanes,
                               union x64i_xmm *d)
{
    struct x64i_wide s;
    uint32_t raised = 0;
    *d = (union x64i_xmm){.q = {0, 0}};
    x64i_get_wide(cpu, op->source, &s, lanes);
    for (unsigned i = 0; i < 4 * lanes; i++)
        d->w[i] = half_of_single(s.lane[i / 4].d[i % 4], X64I_IMMEDIATE, cpu->s.mxcsr, &raised);
    return x64i_note_float(cpu, raised);
}

/* The store is checked first, its fault comes before the conversion's. */
#define TO_HALF(L, letter)                                                             \
    X64I_HANDLER(vcvtps2ph_x##letter)                                                  \
    {                                                                                  \
        union x64i_xmm d;                                                              \
        if (x64i_check_avx(cpu) != X64I_DONE || halves(cpu, op, L, &d) != X64I_DONE)   \
            return X64I_FAULT;                                                         \
        x64i_set_wide_xmm(cpu, op->destination, d);                                    \
        return X64I_DONE;                                                              \
    }                                                                                  \
    X64I_HANDLER(vcvtps2ph_m##letter)                                                  \
    {                                                                                  \
        union x64i_xmm d;                                                              \
        struct x64i_target target;                                                     \
        if (x64i_check_avx(cpu) != X64I_DONE ||                                        \
            x64i_probe(cpu, op->segment, x64i_effective(cpu, op), 8 * (L), &target) != \
                X64I_DONE ||                                                           \
            halves(cpu, op, L, &d) != X64I_DONE)                                       \
            return X64I_FAULT;                                                         \
        x64i_commit_bytes(cpu, &target, &d);                                           \
        return X64I_DONE;                                                              \
    }

TO_HALF(1, x)
TO_HALF(2, y)

/* The EVEX forms. */
X64I_EVEX_BODY(cvtph2ps)
{
    for (unsigned i = 0; i < v->count; i++)
        v->d.d[i] = single_of_half(v->b.w[i], &v->raised);
}
X64I_EVEX(cvtph2ps, X64I_EVEX_BITS)

X64I_EVEX_BODY(cvtps2ph)
{
    for (unsigned i = 0; i < v->count; i++)
        v->d.w[i] = half_of_single(v->b.d[i], v->immediate, v->mxcsr, &v->raised);
}
X64I_EVEX(cvtps2ph, X64I_EVEX_BITS | X64I_EVEX_NARROW)
X64I_EVEX_STORE(cvtps2ph, X64I_EVEX_BITS | X64I_EVEX_NARROW)
