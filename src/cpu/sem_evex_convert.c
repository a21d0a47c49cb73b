/* SPDX-License-Identifier: MIT */
/* Conversions that came with AVX-512: to and from unsigned integers and packed quadwords (SDM vol.
 * 2, each instruction's page). */
#include "cpu/evex.h"
#include "cpu/float_bits.h"
#include "cpu/host_float.h"

enum { TRUNCATE = 3 /* as MXCSR.RC encodes it */ };

/* Whether what is cut off makes the magnitude grow; `half` tells how it stands to one half. */
static bool rounds_away(unsigned mode, bool negative, int half, bool odd)
{
    switch (mode) {
    case 0:
        return half > 0 || (half == 0 && odd);
    case 1:
        return negative;
    case 2:
        return !negative;
    default:
        return false;
    }
}

/* A finite magnitude below 2^64, rounded to an integer. */
static uint64_t whole_of(uint64_t magnitude, unsigned bits, unsigned mode, bool negative,
                         bool *inexact)
{
    const unsigned fraction = x64i_fraction_bits(bits);
    const int bias = (1 << (bits - fraction - 2)) - 1;
    int exponent = (int)(magnitude >> fraction) - bias;
    uint64_t significand = (magnitude & x64i_fraction_mask(bits)) | UINT64_C(1) << fraction;
    *inexact = false;
    if (exponent >= (int)fraction)
        return significand << (exponent - (int)fraction);
    *inexact = true;
    if (exponent < 0) {
        int half = exponent < -1 ? -1 : significand > UINT64_C(1) << fraction;
        return rounds_away(mode, negative, half, false);
    }
    unsigned cut = fraction - (unsigned)exponent;
    uint64_t rest = significand & x64i_mask(cut), unit_half = UINT64_C(1) << (cut - 1);
    uint64_t whole = significand >> cut;
    *inexact = rest != 0;
    if (rest == 0)
        return whole;
    int half = rest > unit_half ? 1 : rest == unit_half ? 0 : -1;
    return whole + rounds_away(mode, negative, half, whole & 1);
}

/* To an unsigned integer of `width` bits: all ones, and invalid, where it does not fit. */
static uint64_t to_unsigned(uint64_t value, unsigned bits, unsigned width, unsigned mode,
                            uint32_t mxcsr, uint32_t *raised)
{
    const unsigned fraction = x64i_fraction_bits(bits);
    const uint64_t beyond = (uint64_t)((1u << (bits - fraction - 2)) - 1 + 64) << fraction;
    bool negative = value & x64i_sign_bit(bits);
    uint64_t magnitude = x64i_magnitude(x64i_daz(value, bits, mxcsr), bits);
    bool inexact = false;
    uint64_t whole = 0;
    if (magnitude < beyond && magnitude != 0)
        whole = whole_of(magnitude, bits, mode, negative, &inexact);
    if (magnitude >= beyond || whole > x64i_mask(width) || (negative && whole != 0)) {
        *raised |= X64I_MXCSR_IE;
        return x64i_mask(width);
    }
    *raised |= inexact ? X64I_MXCSR_PE : 0;
    return whole;
}

/* `mode` is an expression; the sources' elements and the results' may be of different sizes. */
#define TO_UNSIGNED(name, flags, mode)                                                          \
    X64I_EVEX_BODY(name)                                                                        \
    {                                                                                           \
        for (unsigned i = 0; i < v->count; i++)                                                 \
            x64i_zmm_set_element(&v->d, v->element, i,                                          \
                                 to_unsigned(x64i_zmm_element(&v->b, v->source, i),             \
                                             x64i_float_width(v->source), 8 * v->element, mode, \
                                             v->mxcsr, &v->raised));                            \
    }                                                                                           \
    X64I_EVEX(name, X64I_EVEX_BITS | (flags))

#define MXCSR_MODE (v->mxcsr >> 13 & 3)

TO_UNSIGNED(cvt2u, 0, MXCSR_MODE)
TO_UNSIGNED(cvtt2u, 0, TRUNCATE)
TO_UNSIGNED(cvt2u_narrow, X64I_EVEX_NARROW, MXCSR_MODE)
TO_UNSIGNED(cvtt2u_narrow, X64I_EVEX_NARROW, TRUNCATE)

#define TO_GENERAL_AT(name, W, mode)                                                         \
    X64I_EVEX_BODY(name##_##W)                                                               \
    {                                                                                        \
        v->d.q[0] = to_unsigned(x64i_zmm_element(&v->b, v->source, 0),                       \
                                x64i_float_width(v->source), W, mode, v->mxcsr, &v->raised); \
    }                                                                                        \
    X64I_HANDLER(e##name##_##W)                                                              \
    {                                                                                        \
        return x64i_evex_to_gpr(cpu, op, name##_##W##_evex, X64I_EVEX_BITS, W);              \
    }

TO_GENERAL_AT(cvt2usi, 32, MXCSR_MODE)
TO_GENERAL_AT(cvt2usi, 64, MXCSR_MODE)
TO_GENERAL_AT(cvtt2usi, 32, TRUNCATE)
TO_GENERAL_AT(cvtt2usi, 64, TRUNCATE)

/* Signed quadwords, one element after the other. */
#define TO_SIGNED(name, host, element)                         \
    X64I_EVEX_BODY(name)                                       \
    {                                                          \
        for (unsigned i = 0; i < v->count; i++) {              \
            union x64i_xmm x = {.element = {v->b.element[i]}}; \
            v->d.q[i] = x64i_host_##host##_64(&x);             \
        }                                                      \
    }                                                          \
    X64I_EVEX(name, X64I_EVEX_HOST)

TO_SIGNED(cvtpd2qq, cvtsd2si, q)
TO_SIGNED(cvttpd2qq, cvttsd2si, q)
TO_SIGNED(cvtps2qq, cvtss2si, d)
TO_SIGNED(cvttps2qq, cvttss2si, d)

/* The host converts signed quadwords: what is beyond them is halved, with the bit that falls off
 * kept for the rounding, and doubled again, which is exact. */
#define FROM_UNSIGNED(format, scalar)                                               \
    static void from_signed_##format(union x64i_xmm *d, uint64_t value)             \
    {                                                                               \
        x64i_host_cvtsi2##scalar##_64(d, value);                                    \
    }                                                                               \
    static void from_unsigned_##format(union x64i_xmm *d, uint64_t value)           \
    {                                                                               \
        bool large = value >> 63;                                                   \
        x64i_host_cvtsi2##scalar##_64(d, large ? value >> 1 | (value & 1) : value); \
        union x64i_xmm half = *d;                                                   \
        if (large)                                                                  \
            x64i_host_add##scalar(d, &half);                                        \
    }

FROM_UNSIGNED(pd, sd)
FROM_UNSIGNED(ps, ss)

/* `value` is of the source's element `i`. */
#define FROM_INTEGER(name, flags, convert, value, to) \
    X64I_EVEX_BODY(name)                              \
    {                                                 \
        for (unsigned i = 0; i < v->count; i++) {     \
            union x64i_xmm x = {.q = {0, 0}};         \
            convert(&x, value);                       \
            v->d.to[i] = x.to[0];                     \
        }                                             \
    }                                                 \
    X64I_EVEX(name, X64I_EVEX_HOST | (flags))

FROM_INTEGER(cvtudq2ps, 0, from_signed_ps, v->b.d[i], d)
FROM_INTEGER(cvtudq2pd, 0, from_signed_pd, v->b.d[i], q)
FROM_INTEGER(cvtqq2pd, 0, from_signed_pd, v->b.q[i], q)
FROM_INTEGER(cvtqq2ps, X64I_EVEX_NARROW, from_signed_ps, v->b.q[i], d)
FROM_INTEGER(cvtuqq2pd, 0, from_unsigned_pd, v->b.q[i], q)
FROM_INTEGER(cvtuqq2ps, X64I_EVEX_NARROW, from_unsigned_ps, v->b.q[i], d)

/* From general registers; `b` holds the number, zero-extended. */
#define FROM_GENERAL_AT(name, format, W)                                          \
    X64I_EVEX_BODY(name##_##W)                                                    \
    {                                                                             \
        v->d.lane[0] = v->a.lane[0];                                              \
        from_unsigned_##format(&v->d.lane[0], v->b.q[0]);                         \
    }                                                                             \
    X64I_HANDLER(e##name##_r_##W)                                                 \
    {                                                                             \
        return x64i_evex_from_gpr(cpu, op, name##_##W##_evex, X64I_EVEX_HOST, W); \
    }                                                                             \
    X64I_HANDLER(e##name##_m_##W)                                                 \
    {                                                                             \
        return x64i_evex_from_gpr(cpu, op, name##_##W##_evex, X64I_EVEX_HOST, W); \
    }

FROM_GENERAL_AT(cvtusi2ss, ps, 32)
FROM_GENERAL_AT(cvtusi2ss, ps, 64)
FROM_GENERAL_AT(cvtusi2sd, pd, 32)
FROM_GENERAL_AT(cvtusi2sd, pd, 64)
