/* SPDX-License-Identifier: MIT */
/* SSE4.1 floating point: ROUNDPS and its kin, by bits alone, and the dot products, by the host's
 * additions and multiplications (SDM vol. 2, each instruction's page). */
#include "cpu/evex.h"
#include "cpu/float_bits.h"
#include "cpu/host_float.h"
#include "cpu/softfloat.h"

enum rounding { TO_NEAREST, DOWN, UP, TO_ZERO };

/* Whether what is cut off makes the magnitude grow by one: `rest` of `unit`, an odd or even
 * integer before it. */
X64I_INLINE bool rounds_away(unsigned mode, bool negative, uint64_t rest, uint64_t unit, bool odd)
{
    if (rest == 0)
        return false;
    if (mode == TO_NEAREST)
        return rest > unit / 2 || (rest == unit / 2 && odd);
    return mode == DOWN ? negative : mode == UP ? !negative : false;
}

/* A multiple of 2^-scale, an integral value with a scale of zero, by the immediate: bits 1-0 the
 * mode, 2 MXCSR's mode instead, 3 no precision exception. Denormals raise nothing. */
X64I_INLINE uint64_t round_scaled(uint64_t value, unsigned bits, unsigned immediate, unsigned scale,
                                  uint32_t mxcsr, uint32_t *raised)
{
    const unsigned fraction = x64i_fraction_bits(bits);
    const unsigned bias = (1u << (bits - fraction - 2)) - 1 - scale; /* the unit's exponent */
    const uint64_t sign = value & x64i_sign_bit(bits);
    if (x64i_is_nan(value, bits)) {
        if (x64i_is_signaling(value, bits))
            *raised |= X64I_MXCSR_IE;
        return value | x64i_quiet_bit(bits);
    }
    uint64_t magnitude = x64i_magnitude(x64i_daz(value, bits, mxcsr), bits);
    unsigned exponent = (unsigned)(magnitude >> fraction);
    if (magnitude == 0 || exponent >= bias + fraction)
        return sign | magnitude;
    unsigned mode = immediate & 4 ? mxcsr >> 13 & 3 : immediate & 3;
    uint64_t rounded;
    bool exact = false;
    if (exponent < bias) { /* below one unit: zero or one; half of one is the tie */
        uint64_t half = (uint64_t)(bias - 1) << fraction;
        uint64_t rest = magnitude < half ? 1 : magnitude == half ? 2 : 3;
        rounded = rounds_away(mode, sign, rest, 4, false) ? (uint64_t)bias << fraction : 0;
    } else {
        uint64_t unit = 1ull << (fraction - (exponent - bias));
        uint64_t rest = magnitude & (unit - 1);
        bool odd = unit > x64i_fraction_mask(bits) || (magnitude & unit);
        exact = rest == 0;
        rounded = magnitude - rest + (rounds_away(mode, sign, rest, unit, odd) ? unit : 0);
    }
    if (!exact && !(immediate & 8))
        *raised |= X64I_MXCSR_PE;
    return sign | rounded;
}

X64I_INLINE uint64_t round_element(uint64_t value, unsigned bits, unsigned immediate,
                                   uint32_t mxcsr, uint32_t *raised)
{
    return round_scaled(value, bits, immediate, 0, mxcsr, raised);
}

#define ROUND_HANDLER(handler, check, L, first, fetch, element, bits, count, set)       \
    X64I_HANDLER(handler)                                                               \
    {                                                                                   \
        struct x64i_wide d, s;                                                          \
        uint32_t raised = 0;                                                            \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)                            \
            return X64I_FAULT;                                                          \
        x64i_get_wide(cpu, op->first, &d, L);                                           \
        for (unsigned i = 0; i < (L); i++)                                              \
            for (unsigned e = 0; e < (count); e++)                                      \
                d.lane[i].element[e] = (__typeof__(d.lane[0].element[0]))round_element( \
                    s.lane[i].element[e], bits, X64I_IMMEDIATE, cpu->s.mxcsr, &raised); \
        if (x64i_note_float(cpu, raised) != X64I_DONE)                                  \
            return X64I_FAULT;                                                          \
        set;                                                                            \
        return X64I_DONE;                                                               \
    }

#define SET_XMM     x64i_set_xmm(cpu, op->destination, &d.lane[0])
#define SET_WIDE(L) x64i_set_wide(cpu, op->destination, &d, L)
#define LOW(load)   load(cpu, op, &s.lane[0])

#define ROUND_LEGACY(name, element, bits, count, load)                                           \
    ROUND_HANDLER(name##_xx, x64i_check_sse, 1, destination, X64I_SOURCE_WIDE(1), element, bits, \
                  count, SET_XMM)                                                                \
    ROUND_HANDLER(name##_xm, x64i_check_sse, 1, destination, LOW(load), element, bits, count,    \
                  SET_XMM)

#define ROUND_PACKED(name, element, bits, count)                                                   \
    ROUND_LEGACY(name, element, bits, count, x64i_load_xmm_aligned)                                \
    ROUND_HANDLER(v##name##_xx, x64i_check_avx, 1, source, X64I_SOURCE_WIDE(1), element, bits,     \
                  count, SET_WIDE(1))                                                              \
    ROUND_HANDLER(v##name##_xm, x64i_check_avx, 1, destination, LOW(x64i_load_xmm), element, bits, \
                  count, SET_WIDE(1))                                                              \
    ROUND_HANDLER(v##name##_yy, x64i_check_avx, 2, source, X64I_SOURCE_WIDE(2), element, bits,     \
                  count, SET_WIDE(2))                                                              \
    ROUND_HANDLER(v##name##_ym, x64i_check_avx, 2, destination, x64i_load_wide(cpu, op, &s, 2),    \
                  element, bits, count, SET_WIDE(2))

#define ROUND_SCALAR(name, element, bits, load)                                                   \
    ROUND_LEGACY(name, element, bits, 1, load)                                                    \
    ROUND_HANDLER(v##name##_xxx, x64i_check_avx, 1, source, X64I_THIRD_WIDE(1), element, bits, 1, \
                  SET_WIDE(1))                                                                    \
    ROUND_HANDLER(v##name##_xxm, x64i_check_avx, 1, source, LOW(load), element, bits, 1,          \
                  SET_WIDE(1))

ROUND_PACKED(roundps, d, 32, 4)
ROUND_PACKED(roundpd, q, 64, 2)
ROUND_SCALAR(roundss, d, 32, x64i_load_4)
ROUND_SCALAR(roundsd, q, 64, x64i_load_8)

/* One operation on all lanes. */
#define ON_LANES(operation, d, s)                              \
    X64I_RUN_FLOAT(cpu, d, {                                   \
        for (unsigned i = 0; i < lanes; i++)                   \
            x64i_host_##operation(&(d).lane[i], &(s).lane[i]); \
    })

/* DPPS: products chosen by bits 7-4 of the immediate, their sum where bits 3-0 say, zeroes
 * elsewhere. Products that are not chosen are zero and raise nothing. Each multiplication and
 * addition raises its exceptions by itself: an unmasked one keeps the next from being made (SDM
 * vol. 2, DPPS). */
static enum x64i_result dot_singles(struct x64i_cpu *cpu, struct x64i_wide *d, struct x64i_wide *s,
                                    unsigned lanes, unsigned immediate)
{
    struct x64i_wide even = {0}, odd = {0}, left = {0};
    for (unsigned i = 0; i < 4 * lanes; i++)
        if (!(immediate >> (4 + i % 4) & 1))
            d->lane[i / 4].d[i % 4] = s->lane[i / 4].d[i % 4] = 0;
    if (ON_LANES(mulps, *d, *s) != X64I_DONE)
        return X64I_FAULT;
    for (unsigned i = 0; i < 4 * lanes; i++)
        (i % 2 ? &odd : &even)->lane[i / 4].d[i % 4 / 2] = d->lane[i / 4].d[i % 4];
    if (ON_LANES(addps, even, odd) != X64I_DONE)
        return X64I_FAULT;
    for (unsigned i = 0; i < lanes; i++)
        left.lane[i].d[0] = even.lane[i].d[1];
    if (ON_LANES(addss, even, left) != X64I_DONE)
        return X64I_FAULT;
    for (unsigned i = 0; i < 4 * lanes; i++)
        d->lane[i / 4].d[i % 4] = immediate >> (i % 4) & 1 ? even.lane[i / 4].d[0] : 0;
    return X64I_DONE;
}

/* DPPD, likewise, which has one lane. */
static enum x64i_result dot_doubles(struct x64i_cpu *cpu, struct x64i_wide *d, struct x64i_wide *s,
                                    unsigned lanes, unsigned immediate)
{
    struct x64i_wide high = {0};
    for (unsigned i = 0; i < 2; i++)
        if (!(immediate >> (4 + i) & 1))
            d->lane[0].q[i] = s->lane[0].q[i] = 0;
    if (ON_LANES(mulpd, *d, *s) != X64I_DONE)
        return X64I_FAULT;
    high.lane[0].q[0] = d->lane[0].q[1];
    if (ON_LANES(addsd, *d, high) != X64I_DONE)
        return X64I_FAULT;
    uint64_t sum = d->lane[0].q[0];
    for (unsigned i = 0; i < 2; i++)
        d->lane[0].q[i] = immediate >> i & 1 ? sum : 0;
    return X64I_DONE;
}

#define DOT_HANDLER(handler, check, L, first, fetch, body, set) \
    X64I_HANDLER(handler)                                       \
    {                                                           \
        struct x64i_wide d, s;                                  \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)    \
            return X64I_FAULT;                                  \
        x64i_get_wide(cpu, op->first, &d, L);                   \
        if (body(cpu, &d, &s, L, X64I_IMMEDIATE) != X64I_DONE)  \
            return X64I_FAULT;                                  \
        set;                                                    \
        return X64I_DONE;                                       \
    }

#define DOT(name, body)                                                                          \
    DOT_HANDLER(name##_xx, x64i_check_sse, 1, destination, X64I_SOURCE_WIDE(1), body, SET_XMM)   \
    DOT_HANDLER(name##_xm, x64i_check_sse, 1, destination, LOW(x64i_load_xmm_aligned), body,     \
                SET_XMM)                                                                         \
    DOT_HANDLER(v##name##_xxx, x64i_check_avx, 1, source, X64I_THIRD_WIDE(1), body, SET_WIDE(1)) \
    DOT_HANDLER(v##name##_xxm, x64i_check_avx, 1, source, LOW(x64i_load_xmm), body, SET_WIDE(1))

DOT(dpps, dot_singles)
DOT_HANDLER(vdpps_yyy, x64i_check_avx, 2, source, X64I_THIRD_WIDE(2), dot_singles, SET_WIDE(2))
DOT_HANDLER(vdpps_yym, x64i_check_avx, 2, source, x64i_load_wide(cpu, op, &s, 2), dot_singles,
            SET_WIDE(2))
DOT(dppd, dot_doubles)

/* VRNDSCALE, and VREDUCE, which is what the rounding takes away. Bits 7-4 of the immediate are the
 * scale. */
static uint64_t reduced(uint64_t value, unsigned bits, unsigned immediate, uint32_t mxcsr,
                        uint32_t *raised)
{
    const struct x64i_float_format *format = bits == 64 ? &x64i_binary64 : &x64i_binary32;
    if (x64i_is_nan(value, bits))
        return round_element(value, bits, immediate, mxcsr, raised);
    struct x64i_float_control control = {
        .rounding = immediate & 4 ? mxcsr >> 13 & 3 : immediate & 3,
        .masked = X64I_FLOAT_ALL,
        .denormals_are_zero = mxcsr >> 6 & 1,
        .flush_to_zero = (mxcsr & X64I_MXCSR_FZ) && (mxcsr & X64I_MXCSR_UM)};
    if (x64i_magnitude(value, bits) == x64i_infinity(bits))
        return 0;
    uint64_t multiple = round_scaled(value, bits, immediate | 8, immediate >> 4, mxcsr, raised);
    struct x64i_float rest =
        x64i_float_subtract(&control, format, x64i_float_unpack(&control, format, value),
                            x64i_float_unpack(&control, format, multiple));
    if (!(immediate & 8))
        *raised |= control.raised & X64I_FLOAT_INEXACT;
    return x64i_float_pack(format, rest);
}

#define ROUND_EVEX(name, expression)                                                   \
    X64I_EVEX_BODY(name)                                                               \
    {                                                                                  \
        const unsigned size = v->element, bits = 8 * size;                             \
        v->d = v->a;                                                                   \
        for (unsigned i = 0; i < v->count; i++) {                                      \
            uint64_t x = x64i_zmm_element(&v->b, size, i);                             \
            x64i_zmm_set_element(&v->d, size, i, expression);                          \
        }                                                                              \
    }                                                                                  \
    X64I_EVEX(name, X64I_EVEX_BITS)                                                    \
    X64I_HANDLER(e##name##_scalar)                                                     \
    {                                                                                  \
        return x64i_evex_run(cpu, op, name##_evex, X64I_EVEX_BITS | X64I_EVEX_SCALAR); \
    }

ROUND_EVEX(rndscale, round_scaled(x, bits, v->immediate, v->immediate >> 4, v->mxcsr, &v->raised))
ROUND_EVEX(reduce, reduced(x, bits, v->immediate, v->mxcsr, &v->raised))
