/* SPDX-License-Identifier: MIT */
/* Packed integers that came with AVX-512: logic of three operands, rotates, shifts, comparisons
 * into masks, and between masks and vectors (SDM vol. 2, each instruction's page). Elements are of
 * any size, unless a name says of which. */
#include "cpu/evex.h"

/* d[i] := expression of the elements `a` and `x`, of `bits` bits. */
#define ELEMENTS(name, type, expression)                                  \
    X64I_EVEX_BODY(name)                                                  \
    {                                                                     \
        const unsigned size = v->element, bits = 8 * size;                \
        for (unsigned i = 0; i < v->bytes / size; i++) {                  \
            type a = (type)x64i_zmm_signed(&v->a, size, i);               \
            type x = (type)x64i_zmm_signed(&v->b, size, i);               \
            (void)a;                                                      \
            (void)bits;                                                   \
            x64i_zmm_set_element(&v->d, size, i, (uint64_t)(expression)); \
        }                                                                 \
    }                                                                     \
    X64I_EVEX(name, 0)

#define BITS(value) ((uint64_t)(value)&x64i_mask(bits))

ELEMENTS(pminsq, int64_t, a < x ? a : x)
ELEMENTS(pmaxsq, int64_t, a > x ? a : x)
ELEMENTS(pminuq, uint64_t, a < x ? a : x)
ELEMENTS(pmaxuq, uint64_t, a > x ? a : x)
ELEMENTS(pabsq, uint64_t, x >> 63 ? 0 - x : x)
ELEMENTS(pmullq, uint64_t, a *x)
ELEMENTS(psllvw, uint64_t, BITS(x) < bits ? a << BITS(x) : 0)
ELEMENTS(psrlvw, uint64_t, BITS(x) < bits ? BITS(a) >> BITS(x) : 0)
ELEMENTS(psrav, int64_t, a >> (BITS(x) < bits ? BITS(x) : bits - 1))

/* Rotates; the count is taken modulo the width. */
static uint64_t rotated_left(uint64_t value, unsigned bits, uint64_t count)
{
    count &= bits - 1;
    value &= x64i_mask(bits);
    return count ? value << count | value >> (bits - count) : value;
}

ELEMENTS(prolv, uint64_t, rotated_left(a, bits, x))
ELEMENTS(prorv, uint64_t, rotated_left(a, bits, 0 - x))
ELEMENTS(prol, uint64_t, rotated_left(x, bits, v->immediate))
ELEMENTS(pror, uint64_t, rotated_left(x, bits, 0 - (uint64_t)v->immediate))

/* Leading zeroes, set bits. */
ELEMENTS(plzcnt, uint64_t, BITS(x) ? (unsigned)__builtin_clzll(BITS(x)) - (64 - bits) : bits)
ELEMENTS(popcnt, uint64_t, __builtin_popcountll(BITS(x)))

/* VPTERNLOG: the immediate is the truth table of the destination's, the first and the last source's
 * bit, in this order. */
X64I_EVEX_BODY(pternlog)
{
    for (unsigned i = 0; i < v->bytes / 8; i++) {
        uint64_t result = 0;
        for (unsigned row = 0; row < 8; row++) {
            if (!(v->immediate >> row & 1))
                continue;
            result |= (row & 4 ? v->d.q[i] : ~v->d.q[i]) & (row & 2 ? v->a.q[i] : ~v->a.q[i]) &
                      (row & 1 ? v->b.q[i] : ~v->b.q[i]);
        }
        v->d.q[i] = result;
    }
}
X64I_EVEX(pternlog, 0)

/* VPCONFLICT: which elements before this one are equal to it. */
X64I_EVEX_BODY(pconflict)
{
    for (unsigned i = 0; i < v->count; i++) {
        uint64_t equal = 0;
        for (unsigned before = 0; before < i; before++)
            if (x64i_zmm_element(&v->b, v->element, before) ==
                x64i_zmm_element(&v->b, v->element, i))
                equal |= UINT64_C(1) << before;
        x64i_zmm_set_element(&v->d, v->element, i, equal);
    }
}
X64I_EVEX(pconflict, 0)

/* VDBPSADBW: dwords of the second source, chosen by the immediate in every lane; then sums of four
 * absolute differences at offsets 0 to 3. */
X64I_XMM_BODY_I(dbpsadbw)
{
    union x64i_xmm chosen, old = *d;
    for (unsigned i = 0; i < 4; i++)
        chosen.d[i] = s->d[immediate >> 2 * i & 3];
    for (unsigned i = 0; i < 8; i++) {
        unsigned quad = i / 4 * 8, sum = 0;
        for (unsigned k = 0; k < 4; k++) {
            int difference = old.b[quad + (i & 2 ? 4 : 0) + k] - chosen.b[quad + i % 4 + k];
            sum += (unsigned)(difference < 0 ? -difference : difference);
        }
        d->w[i] = (uint16_t)sum;
    }
}
X64I_EVEX_LANES_I(dbpsadbw, 0)

/* Comparisons: bit i of the mask tells of element i. */
#define COMPARE(name, type, condition)                      \
    X64I_EVEX_BODY(name)                                    \
    {                                                       \
        const unsigned size = v->element;                   \
        for (unsigned i = 0; i < v->count; i++) {           \
            type a = (type)x64i_zmm_signed(&v->a, size, i); \
            type x = (type)x64i_zmm_signed(&v->b, size, i); \
            (void)a;                                        \
            v->k |= (uint64_t)(condition) << i;             \
        }                                                   \
    }                                                       \
    X64I_EVEX(name, X64I_EVEX_TO_K)

COMPARE(pcmpeq, uint64_t, a == x)
COMPARE(pcmpgt, int64_t, a > x)
COMPARE(ptestm, uint64_t, (a & x) != 0)
COMPARE(ptestnm, uint64_t, (a & x) == 0)
COMPARE(pmov2m, int64_t, x < 0)

/* The predicates of VPCMP, by bits: less, equal, greater. */
static const uint8_t predicates[8] = {2, 1, 3, 0, 5, 6, 4, 7};
COMPARE(pcmp, int64_t, predicates[v->immediate & 7] >> (a < x ? 0 : a == x ? 1 : 2) & 1)
COMPARE(pcmpu, uint64_t, predicates[v->immediate & 7] >> (a < x ? 0 : a == x ? 1 : 2) & 1)

/* vector := f(mask), in `k`. */
#define FROM_MASK(name, expression)                               \
    X64I_HANDLER(e##name)                                         \
    {                                                             \
        struct x64i_evex v;                                       \
        if (x64i_evex_begin(cpu, op, 0, &v) != X64I_DONE)         \
            return X64I_FAULT;                                    \
        const uint64_t mask = x64i_opmask(cpu, op->source);       \
        for (unsigned i = 0; i < v.count; i++)                    \
            x64i_zmm_set_element(&v.d, v.element, i, expression); \
        x64i_evex_finish(cpu, op, 0, &v);                         \
        return X64I_DONE;                                         \
    }

FROM_MASK(pmovm2, mask >> i & 1 ? UINT64_MAX : 0)
FROM_MASK(pbroadcastmb2q, mask & 0xff)
FROM_MASK(pbroadcastmw2d, mask & 0xffff)

/* VPMOVDB and its kin: the low parts of wider elements, cut off or saturated. */
#define NARROW(name, type, expression)                                          \
    X64I_EVEX_BODY(name)                                                        \
    {                                                                           \
        const unsigned bits = 8 * v->element;                                   \
        for (unsigned i = 0; i < v->count; i++) {                               \
            type x = (type)x64i_zmm_signed(&v->b, v->source, i);                \
            (void)bits;                                                         \
            x64i_zmm_set_element(&v->d, v->element, i, (uint64_t)(expression)); \
        }                                                                       \
    }                                                                           \
    X64I_EVEX(name, X64I_EVEX_NARROW)                                           \
    X64I_EVEX_STORE(name, X64I_EVEX_NARROW)

static int64_t clamp(int64_t value, unsigned bits)
{
    int64_t most = (int64_t)x64i_mask(bits - 1);
    return value > most ? most : value < -most - 1 ? -most - 1 : value;
}

static uint64_t clamp_unsigned(uint64_t value, unsigned source_bits, unsigned bits)
{
    value &= x64i_mask(source_bits);
    return value > x64i_mask(bits) ? x64i_mask(bits) : value;
}

NARROW(pmov, uint64_t, x)
NARROW(pmovs, int64_t, clamp(x, bits))
NARROW(pmovus, uint64_t, clamp_unsigned(x, 8 * v->source, bits))
