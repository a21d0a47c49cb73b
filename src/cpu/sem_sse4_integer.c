/* SPDX-License-Identifier: MIT */
/* Packed integers of SSSE3, SSE4.1, SSE4.2 and AVX2 (SDM vol. 2, each instruction's page). */
#include "cpu/evex.h"

static inline int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* One expression for every element: `a` is the first operand's, `x` the second's. */
#define ELEMENTS(name, element, type, expression)                                 \
    X64I_XMM_BODY(name)                                                           \
    {                                                                             \
        for (unsigned i = 0; i < sizeof d->element / sizeof d->element[0]; i++) { \
            type a = (type)d->element[i];                                         \
            type x = (type)s->element[i];                                         \
            d->element[i] = (__typeof__(d->element[0]))(expression);              \
        }                                                                         \
    }

#define ELEMENTS_PACKED(name, element, type, expression) \
    ELEMENTS(name, element, type, expression)            \
    X64I_INSTANCES_PACKED(name)

ELEMENTS_PACKED(psignb, b, int8_t, x < 0 ? -a : x == 0 ? 0 : a)
ELEMENTS_PACKED(psignw, w, int16_t, x < 0 ? -a : x == 0 ? 0 : a)
ELEMENTS_PACKED(psignd, d, uint32_t, x >> 31 ? -a : x == 0 ? 0 : a)
ELEMENTS_PACKED(pmulhrsw, w, int16_t, (((int32_t)a * x >> 14) + 1) >> 1)
ELEMENTS_PACKED(pminsb, b, int8_t, a < x ? a : x)
ELEMENTS_PACKED(pmaxsb, b, int8_t, a > x ? a : x)
ELEMENTS_PACKED(pminuw, w, uint16_t, a < x ? a : x)
ELEMENTS_PACKED(pmaxuw, w, uint16_t, a > x ? a : x)
ELEMENTS_PACKED(pminsd, d, int32_t, a < x ? a : x)
ELEMENTS_PACKED(pmaxsd, d, int32_t, a > x ? a : x)
ELEMENTS_PACKED(pminud, d, uint32_t, a < x ? a : x)
ELEMENTS_PACKED(pmaxud, d, uint32_t, a > x ? a : x)
ELEMENTS_PACKED(pmulld, d, uint32_t, a *x)
ELEMENTS_PACKED(pmuldq, q, int64_t, (int64_t)(int32_t)a *(int32_t)x)
ELEMENTS_PACKED(pcmpeqq, q, uint64_t, a == x ? UINT64_MAX : 0)
ELEMENTS_PACKED(pcmpgtq, q, int64_t, a > x ? UINT64_MAX : 0)

/* AVX2: every element has a count of its own. */
#define ELEMENTS_VEX(name, element, type, expression) \
    ELEMENTS(name, element, type, expression)         \
    X64I_INSTANCES_VEX3_X(name)                       \
    X64I_INSTANCES_VEX3_Y(name)

ELEMENTS_VEX(psllvd, d, uint32_t, x < 32 ? a << x : 0)
ELEMENTS_VEX(psllvq, q, uint64_t, x < 64 ? a << x : 0)
ELEMENTS_VEX(psrlvd, d, uint32_t, x < 32 ? a >> x : 0)
ELEMENTS_VEX(psrlvq, q, uint64_t, x < 64 ? a >> x : 0)
ELEMENTS_VEX(psravd, d, int32_t, (int64_t)a >> ((uint32_t)x < 32 ? x : 31))

/* Absolute values. */
#define ABSOLUTE(name, element, type)                                             \
    X64I_XMM_BODY(name)                                                           \
    {                                                                             \
        for (unsigned i = 0; i < sizeof d->element / sizeof d->element[0]; i++) { \
            __typeof__(d->element[0]) x = s->element[i];                          \
            d->element[i] = (__typeof__(x))((type)x < 0 ? 0u - x : x);            \
        }                                                                         \
    }                                                                             \
    X64I_INSTANCES_PACKED1(name)

ABSOLUTE(pabsb, b, int8_t)
ABSOLUTE(pabsw, w, int16_t)
ABSOLUTE(pabsd, d, int32_t)

/* Neighbours of d, then neighbours of s, added or subtracted. */
#define HORIZONTAL(name, element, type, expression)                         \
    X64I_XMM_BODY(name)                                                     \
    {                                                                       \
        union x64i_xmm result;                                              \
        const unsigned half = sizeof d->element / sizeof d->element[0] / 2; \
        for (unsigned i = 0; i < 2 * half; i++) {                           \
            const union x64i_xmm *from = i < half ? d : s;                  \
            unsigned at = 2 * (i % half);                                   \
            type a = (type)from->element[at];                               \
            type x = (type)from->element[at + 1];                           \
            result.element[i] = (__typeof__(d->element[0]))(expression);    \
        }                                                                   \
        *d = result;                                                        \
    }                                                                       \
    X64I_INSTANCES_PACKED(name)

HORIZONTAL(phaddw, w, uint16_t, a + x)
HORIZONTAL(phaddd, d, uint32_t, a + x)
HORIZONTAL(phaddsw, w, int16_t, clamp(a + x, INT16_MIN, INT16_MAX))
HORIZONTAL(phsubw, w, uint16_t, a - x)
HORIZONTAL(phsubd, d, uint32_t, a - x)
HORIZONTAL(phsubsw, w, int16_t, clamp(a - x, INT16_MIN, INT16_MAX))

/* Unsigned bytes of d times signed bytes of s, neighbours added and saturated. */
X64I_XMM_BODY(pmaddubsw)
{
    for (unsigned i = 0; i < 8; i++) {
        int32_t low = d->b[2 * i] * (int8_t)s->b[2 * i];
        int32_t high = d->b[2 * i + 1] * (int8_t)s->b[2 * i + 1];
        d->w[i] = (uint16_t)clamp(low + high, INT16_MIN, INT16_MAX);
    }
}
X64I_INSTANCES_PACKED(pmaddubsw)

X64I_XMM_BODY(pshufb)
{
    union x64i_xmm old = *d;
    for (unsigned i = 0; i < 16; i++)
        d->b[i] = s->b[i] & 0x80 ? 0 : old.b[s->b[i] & 15];
}
X64I_INSTANCES_PACKED(pshufb)

/* d above s, shifted right by bytes. */
X64I_XMM_BODY_I(palignr)
{
    union x64i_xmm high = *d;
    for (unsigned i = 0; i < 16; i++) {
        unsigned at = i + (immediate & 0xff);
        d->b[i] = at < 16 ? s->b[at] : at < 32 ? high.b[at - 16] : 0;
    }
}
X64I_INSTANCES_PACKED_I(palignr, 0)

X64I_XMM_BODY(packusdw)
{
    union x64i_xmm packed;
    for (unsigned i = 0; i < 4; i++) {
        packed.w[i] = (uint16_t)clamp((int32_t)d->d[i], 0, UINT16_MAX);
        packed.w[4 + i] = (uint16_t)clamp((int32_t)s->d[i], 0, UINT16_MAX);
    }
    *d = packed;
}
X64I_INSTANCES_PACKED(packusdw)

/* The smallest word and where it stands. */
X64I_XMM_BODY(phminposuw)
{
    unsigned at = 0;
    for (unsigned i = 1; i < 8; i++)
        if (s->w[i] < s->w[at])
            at = i;
    *d = (union x64i_xmm){.w = {s->w[at], (uint16_t)at}};
}
X64I_INSTANCES_LEGACY(phminposuw)
X64I_INSTANCES_VEX2_X(phminposuw)

/* Eight sums of absolute differences between four bytes of s and bytes of d that move on. */
X64I_XMM_BODY_I(mpsadbw)
{
    union x64i_xmm old = *d;
    unsigned fixed = (immediate & 3) * 4;
    unsigned moving = (immediate >> 2 & 1) * 4;
    for (unsigned i = 0; i < 8; i++) {
        int sum = 0;
        for (unsigned k = 0; k < 4; k++) {
            int difference = old.b[moving + i + k] - s->b[fixed + k];
            sum += difference < 0 ? -difference : difference;
        }
        d->w[i] = (uint16_t)sum;
    }
}
X64I_INSTANCES_PACKED_I(mpsadbw, 3)

/* Blends: a set bit of the immediate takes the element of s. */
#define BLEND(name, element)                                                    \
    X64I_XMM_BODY_I(name)                                                       \
    {                                                                           \
        for (unsigned i = 0; i < sizeof d->element / sizeof d->element[0]; i++) \
            if (immediate >> i & 1)                                             \
                d->element[i] = s->element[i];                                  \
    }

BLEND(pblendw, w)
X64I_INSTANCES_PACKED_I(pblendw, 0)
BLEND(blendps, d)
X64I_INSTANCES_PACKED_I(blendps, 4)
BLEND(blendpd, q)
X64I_INSTANCES_PACKED_I(blendpd, 2)
BLEND(pblendd, d)
X64I_INSTANCES_VEX3_I_X(pblendd, x64i_load_xmm)
X64I_INSTANCES_VEX3_I_Y(pblendd, 4)

/* Blends by the sign bits of a mask: XMM0 in legacy forms, the fourth operand with VEX. */
#define BLEND_BY_WIDE(name, suffix, L, fetch)                         \
    X64I_HANDLER(v##name##_##suffix)                                  \
    {                                                                 \
        struct x64i_wide d, s, mask;                                  \
        if (x64i_check_avx(cpu) != X64I_DONE || (fetch) != X64I_DONE) \
            return X64I_FAULT;                                        \
        x64i_get_wide(cpu, op->source, &d, L);                        \
        x64i_get_wide(cpu, (unsigned)op->immediate, &mask, L);        \
        for (unsigned i = 0; i < (L); i++)                            \
            name##_masked(&d.lane[i], &s.lane[i], &mask.lane[i]);     \
        x64i_set_wide(cpu, op->destination, &d, L);                   \
        return X64I_DONE;                                             \
    }

#define BLEND_BY(name, element, bits)                                                           \
    X64I_INLINE void name##_masked(union x64i_xmm *d, const union x64i_xmm *s,                  \
                                   const union x64i_xmm *mask)                                  \
    {                                                                                           \
        for (unsigned i = 0; i < sizeof d->element / sizeof d->element[0]; i++)                 \
            d->element[i] = mask->element[i] >> ((bits)-1) & 1 ? s->element[i] : d->element[i]; \
    }                                                                                           \
    X64I_XMM2_HANDLER_MASKED(name, xx, X64I_SOURCE_XMM)                                         \
    X64I_XMM2_HANDLER_MASKED(name, xm, x64i_load_xmm_aligned(cpu, op, &s))                      \
    BLEND_BY_WIDE(name, xxxx, 1, X64I_THIRD_WIDE(1))                                            \
    BLEND_BY_WIDE(name, xxmx, 1, x64i_load_xmm(cpu, op, &s.lane[0]))                            \
    BLEND_BY_WIDE(name, yyyy, 2, X64I_THIRD_WIDE(2))                                            \
    BLEND_BY_WIDE(name, yymy, 2, x64i_load_wide(cpu, op, &s, 2))

#define X64I_XMM2_HANDLER_MASKED(name, suffix, fetch)                 \
    X64I_HANDLER(name##_##suffix)                                     \
    {                                                                 \
        union x64i_xmm s;                                             \
        if (x64i_check_sse(cpu) != X64I_DONE || (fetch) != X64I_DONE) \
            return X64I_FAULT;                                        \
        union x64i_xmm d = x64i_xmm(cpu, op->destination);            \
        union x64i_xmm mask = x64i_xmm(cpu, 0);                       \
        name##_masked(&d, &s, &mask);                                 \
        x64i_set_xmm(cpu, op->destination, &d);                       \
        return X64I_DONE;                                             \
    }

BLEND_BY(pblendvb, b, 8)
BLEND_BY(blendvps, d, 32)
BLEND_BY(blendvpd, q, 64)

/* PTEST: ZF when no bit is common, CF when no bit of s is missing in d; VTESTPS and VTESTPD look at
 * the sign bits alone. */
#define TEST(handler, check, L, fetch, bits)                                                \
    X64I_HANDLER(handler)                                                                   \
    {                                                                                       \
        struct x64i_wide d, s;                                                              \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)                                \
            return X64I_FAULT;                                                              \
        x64i_get_wide(cpu, op->destination, &d, L);                                         \
        uint64_t common = 0, missing = 0;                                                   \
        for (unsigned i = 0; i < 2 * (L); i++) {                                            \
            uint64_t a = d.lane[i / 2].q[i % 2], x = s.lane[i / 2].q[i % 2];                \
            common |= a & x & (bits);                                                       \
            missing |= ~a & x & (bits);                                                     \
        }                                                                                   \
        x64i_set_flags(cpu, X64I_OSZAPC, (common ? 0 : X64I_ZF) | (missing ? 0 : X64I_CF)); \
        return X64I_DONE;                                                                   \
    }

#define TEST_VEX(name, bits)                                                        \
    TEST(v##name##_xx, x64i_check_avx, 1, X64I_SOURCE_WIDE(1), bits)                \
    TEST(v##name##_xm, x64i_check_avx, 1, x64i_load_xmm(cpu, op, &s.lane[0]), bits) \
    TEST(v##name##_yy, x64i_check_avx, 2, X64I_SOURCE_WIDE(2), bits)                \
    TEST(v##name##_ym, x64i_check_avx, 2, x64i_load_wide(cpu, op, &s, 2), bits)

TEST(ptest_xx, x64i_check_sse, 1, X64I_SOURCE_WIDE(1), UINT64_MAX)
TEST(ptest_xm, x64i_check_sse, 1, x64i_load_xmm_aligned(cpu, op, &s.lane[0]), UINT64_MAX)
TEST_VEX(ptest, UINT64_MAX)
TEST_VEX(testps, UINT64_C(0x8000000080000000))
TEST_VEX(testpd, UINT64_C(0x8000000000000000))

/* PMOVSX and PMOVZX: the low elements of s, widened. `low` of a YMM destination's second lane
 * begins where the first lane's end. */
#define WIDEN_WIDE(name, suffix, L, fetch)                            \
    X64I_HANDLER(v##name##_##suffix)                                  \
    {                                                                 \
        struct x64i_wide d;                                           \
        union x64i_xmm s;                                             \
        if (x64i_check_avx(cpu) != X64I_DONE || (fetch) != X64I_DONE) \
            return X64I_FAULT;                                        \
        for (unsigned i = 0; i < (L); i++)                            \
            name##_from(&d.lane[i], &s, i);                           \
        x64i_set_wide(cpu, op->destination, &d, L);                   \
        return X64I_DONE;                                             \
    }

#define WIDEN(name, from, from_type, to, load, load_y)                                      \
    X64I_INLINE void name##_from(union x64i_xmm *d, const union x64i_xmm *s, unsigned part) \
    {                                                                                       \
        const unsigned count = sizeof d->to / sizeof d->to[0];                              \
        union x64i_xmm result;                                                              \
        for (unsigned i = 0; i < count; i++)                                                \
            result.to[i] = (__typeof__(d->to[0]))(from_type)s->from[part * count + i];      \
        *d = result;                                                                        \
    }                                                                                       \
    X64I_XMM_BODY(name)                                                                     \
    {                                                                                       \
        name##_from(d, s, 0);                                                               \
    }                                                                                       \
    X64I_INSTANCES_LEGACY_FROM(name, load)                                                  \
    X64I_INSTANCES_VEX2_X_FROM(name, load)                                                  \
    WIDEN_WIDE(name, yx, 2, X64I_SOURCE_XMM)                                                \
    WIDEN_WIDE(name, ym, 2, load_y(cpu, op, &s))

WIDEN(pmovsxbw, b, int8_t, w, x64i_load_8, x64i_load_xmm)
WIDEN(pmovsxbd, b, int8_t, d, x64i_load_4, x64i_load_8)
WIDEN(pmovsxbq, b, int8_t, q, x64i_load_2, x64i_load_4)
WIDEN(pmovsxwd, w, int16_t, d, x64i_load_8, x64i_load_xmm)
WIDEN(pmovsxwq, w, int16_t, q, x64i_load_4, x64i_load_8)
WIDEN(pmovsxdq, d, int32_t, q, x64i_load_8, x64i_load_xmm)
WIDEN(pmovzxbw, b, uint8_t, w, x64i_load_8, x64i_load_xmm)
WIDEN(pmovzxbd, b, uint8_t, d, x64i_load_4, x64i_load_8)
WIDEN(pmovzxbq, b, uint8_t, q, x64i_load_2, x64i_load_4)
WIDEN(pmovzxwd, w, uint16_t, d, x64i_load_8, x64i_load_xmm)
WIDEN(pmovzxwq, w, uint16_t, q, x64i_load_4, x64i_load_8)
WIDEN(pmovzxdq, d, uint32_t, q, x64i_load_8, x64i_load_xmm)

/* The EVEX forms. */
X64I_EVEX_LANES(pmulhrsw)
X64I_EVEX_LANES(pminsb)
X64I_EVEX_LANES(pmaxsb)
X64I_EVEX_LANES(pminuw)
X64I_EVEX_LANES(pmaxuw)
X64I_EVEX_LANES(pminsd)
X64I_EVEX_LANES(pmaxsd)
X64I_EVEX_LANES(pminud)
X64I_EVEX_LANES(pmaxud)
X64I_EVEX_LANES(pmulld)
X64I_EVEX_LANES(pmuldq)
X64I_EVEX_LANES(psllvd)
X64I_EVEX_LANES(psllvq)
X64I_EVEX_LANES(psrlvd)
X64I_EVEX_LANES(psrlvq)
X64I_EVEX_LANES(psravd)
X64I_EVEX_LANES(pabsb)
X64I_EVEX_LANES(pabsw)
X64I_EVEX_LANES(pabsd)
X64I_EVEX_LANES(pmaddubsw)
X64I_EVEX_LANES(pshufb)
X64I_EVEX_LANES(packusdw)
X64I_EVEX_LANES_I(palignr, 0)

/* PMOVSX and PMOVZX, of all lengths. */
#define WIDEN_EVEX(name, from, from_type, to)                             \
    X64I_EVEX_BODY(name)                                                  \
    {                                                                     \
        for (unsigned i = 0; i < v->count; i++)                           \
            v->d.to[i] = (__typeof__(v->d.to[0]))(from_type)v->b.from[i]; \
    }                                                                     \
    X64I_EVEX(name, 0)

WIDEN_EVEX(pmovsxbw, b, int8_t, w)
WIDEN_EVEX(pmovsxbd, b, int8_t, d)
WIDEN_EVEX(pmovsxbq, b, int8_t, q)
WIDEN_EVEX(pmovsxwd, w, int16_t, d)
WIDEN_EVEX(pmovsxwq, w, int16_t, q)
WIDEN_EVEX(pmovsxdq, d, int32_t, q)
WIDEN_EVEX(pmovzxbw, b, uint8_t, w)
WIDEN_EVEX(pmovzxbd, b, uint8_t, d)
WIDEN_EVEX(pmovzxbq, b, uint8_t, q)
WIDEN_EVEX(pmovzxwd, w, uint16_t, d)
WIDEN_EVEX(pmovzxwq, w, uint16_t, q)
WIDEN_EVEX(pmovzxdq, d, uint32_t, q)
