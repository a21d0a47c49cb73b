/* SPDX-License-Identifier: MIT */
/* Floating-point arithmetic of SSE, SSE2 and SSE3 and their AVX forms (SDM vol. 1, 11.5 and vol. 2,
 * each instruction's page). Comparisons, conversions, rounding and FMA have files of their own. */
#include "cpu/evex.h"
#include "cpu/host_float.h"

/* A handler that runs name_lane(&d, &s) on each lane. */
#define FLOAT_HANDLER(handler, check, L, first, fetch, name, set) \
    X64I_HANDLER(handler)                                         \
    {                                                             \
        struct x64i_wide d, s;                                    \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)      \
            return X64I_FAULT;                                    \
        x64i_get_wide(cpu, op->first, &d, L);                     \
        if (X64I_RUN_FLOAT(cpu, d, {                              \
                for (unsigned i = 0; i < (L); i++)                \
                    name##_lane(&d.lane[i], &s.lane[i]);          \
            }) != X64I_DONE)                                      \
            return X64I_FAULT;                                    \
        set;                                                      \
        return X64I_DONE;                                         \
    }

#define SET_XMM     x64i_set_xmm(cpu, op->destination, &d.lane[0])
#define SET_WIDE(L) x64i_set_wide(cpu, op->destination, &d, L)
#define LOW(load)   load(cpu, op, &s.lane[0])

#define LEGACY(name, load)                                                                       \
    FLOAT_HANDLER(name##_xx, x64i_check_sse, 1, destination, X64I_SOURCE_WIDE(1), name, SET_XMM) \
    FLOAT_HANDLER(name##_xm, x64i_check_sse, 1, destination, LOW(load), name, SET_XMM)

#define VEX3_X(name, load)                                                                         \
    FLOAT_HANDLER(v##name##_xxx, x64i_check_avx, 1, source, X64I_THIRD_WIDE(1), name, SET_WIDE(1)) \
    FLOAT_HANDLER(v##name##_xxm, x64i_check_avx, 1, source, LOW(load), name, SET_WIDE(1))

#define VEX3_Y(name)                                                                               \
    FLOAT_HANDLER(v##name##_yyy, x64i_check_avx, 2, source, X64I_THIRD_WIDE(2), name, SET_WIDE(2)) \
    FLOAT_HANDLER(v##name##_yym, x64i_check_avx, 2, source, x64i_load_wide(cpu, op, &s, 2), name,  \
                  SET_WIDE(2))

#define VEX2(name)                                                                                 \
    FLOAT_HANDLER(v##name##_xx, x64i_check_avx, 1, source, X64I_SOURCE_WIDE(1), name, SET_WIDE(1)) \
    FLOAT_HANDLER(v##name##_xm, x64i_check_avx, 1, destination, LOW(x64i_load_xmm), name,          \
                  SET_WIDE(1))                                                                     \
    FLOAT_HANDLER(v##name##_yy, x64i_check_avx, 2, source, X64I_SOURCE_WIDE(2), name, SET_WIDE(2)) \
    FLOAT_HANDLER(v##name##_ym, x64i_check_avx, 2, destination, x64i_load_wide(cpu, op, &s, 2),    \
                  name, SET_WIDE(2))

#define HOST_LANE(name)                                                      \
    X64I_INLINE void name##_lane(union x64i_xmm *d, const union x64i_xmm *s) \
    {                                                                        \
        x64i_host_##name(d, s);                                              \
    }

/* destination := f(first, second). */
#define PACKED(name)                    \
    LEGACY(name, x64i_load_xmm_aligned) \
    VEX3_X(name, x64i_load_xmm)         \
    VEX3_Y(name)
#define PACKED_HOST(name)  HOST_LANE(name) PACKED(name)
#define SCALAR(name, load) HOST_LANE(name) LEGACY(name, load) VEX3_X(name, load)

/* destination := f(source). */
#define UNARY(name)                     \
    HOST_LANE(name)                     \
    LEGACY(name, x64i_load_xmm_aligned) \
    VEX2(name)

#define ARITHMETIC(stem)          \
    PACKED_HOST(stem##ps)         \
    PACKED_HOST(stem##pd)         \
    SCALAR(stem##ss, x64i_load_4) \
    SCALAR(stem##sd, x64i_load_8)

ARITHMETIC(add)
ARITHMETIC(sub)
ARITHMETIC(mul)
ARITHMETIC(div)
ARITHMETIC(min)
ARITHMETIC(max)
UNARY(sqrtps)
UNARY(sqrtpd)
SCALAR(sqrtss, x64i_load_4)
SCALAR(sqrtsd, x64i_load_8)
UNARY(rcpps)
SCALAR(rcpss, x64i_load_4)
UNARY(rsqrtps)
SCALAR(rsqrtss, x64i_load_4)

/* Conversions that keep the lanes' width, and scalar ones between the formats. */
UNARY(cvtdq2ps)
UNARY(cvtps2dq)
UNARY(cvttps2dq)
SCALAR(cvtss2sd, x64i_load_4)
SCALAR(cvtsd2ss, x64i_load_8)

/* ADDSUBPS, ADDSUBPD: even elements are subtracted, odd ones added. What is not wanted is made
 * zero before, so that it raises nothing. */
static const union x64i_xmm even_singles = {.d = {UINT32_MAX, 0, UINT32_MAX, 0}};
static const union x64i_xmm even_doubles = {.q = {UINT64_MAX, 0}};

X64I_INLINE union x64i_xmm chosen(const union x64i_xmm *value, const union x64i_xmm *mask,
                                  bool inverted)
{
    union x64i_xmm result;
    for (unsigned i = 0; i < 2; i++)
        result.q[i] = value->q[i] & (inverted ? ~mask->q[i] : mask->q[i]);
    return result;
}

#define ADD_SUBTRACT(name, type, even)                                       \
    X64I_INLINE void name##_lane(union x64i_xmm *d, const union x64i_xmm *s) \
    {                                                                        \
        union x64i_xmm less = chosen(d, &(even), false);                     \
        union x64i_xmm less_by = chosen(s, &(even), false);                  \
        union x64i_xmm more = chosen(d, &(even), true);                      \
        union x64i_xmm more_by = chosen(s, &(even), true);                   \
        x64i_host_sub##type(&less, &less_by);                                \
        x64i_host_add##type(&more, &more_by);                                \
        union x64i_xmm low = chosen(&less, &(even), false);                  \
        union x64i_xmm high = chosen(&more, &(even), true);                  \
        for (unsigned i = 0; i < 2; i++)                                     \
            d->q[i] = low.q[i] | high.q[i];                                  \
    }                                                                        \
    PACKED(name)

ADD_SUBTRACT(addsubps, ps, even_singles)
ADD_SUBTRACT(addsubpd, pd, even_doubles)

/* HADDPS and its kin: neighbours of d, then neighbours of s. */
#define HORIZONTAL(name, type, element, host)                                \
    X64I_INLINE void name##_lane(union x64i_xmm *d, const union x64i_xmm *s) \
    {                                                                        \
        const unsigned half = sizeof d->element / sizeof d->element[0] / 2;  \
        union x64i_xmm a, b;                                                 \
        for (unsigned i = 0; i < half; i++) {                                \
            a.element[i] = d->element[2 * i];                                \
            b.element[i] = d->element[2 * i + 1];                            \
            a.element[half + i] = s->element[2 * i];                         \
            b.element[half + i] = s->element[2 * i + 1];                     \
        }                                                                    \
        x64i_host_##host(&a, &b);                                            \
        *d = a;                                                              \
    }                                                                        \
    PACKED(name)

HORIZONTAL(haddps, ps, d, addps)
HORIZONTAL(haddpd, pd, q, addpd)
HORIZONTAL(hsubps, ps, d, subps)
HORIZONTAL(hsubpd, pd, q, subpd)

/* The EVEX forms. */
#define FLOAT_EVEX(name)                               \
    X64I_EVEX_BODY(name)                               \
    {                                                  \
        for (unsigned i = 0; i < v->bytes / 16; i++) { \
            v->d.lane[i] = v->a.lane[i];               \
            name##_lane(&v->d.lane[i], &v->b.lane[i]); \
        }                                              \
    }
#define PACKED_EVEX(name) FLOAT_EVEX(name) X64I_EVEX(name, X64I_EVEX_HOST)
#define SCALAR_EVEX(name) FLOAT_EVEX(name) X64I_EVEX(name, X64I_EVEX_HOST | X64I_EVEX_SCALAR)
#define ARITHMETIC_EVEX(stem) \
    PACKED_EVEX(stem##ps)     \
    PACKED_EVEX(stem##pd)     \
    SCALAR_EVEX(stem##ss)     \
    SCALAR_EVEX(stem##sd)

ARITHMETIC_EVEX(add)
ARITHMETIC_EVEX(sub)
ARITHMETIC_EVEX(mul)
ARITHMETIC_EVEX(div)
ARITHMETIC_EVEX(min)
ARITHMETIC_EVEX(max)
ARITHMETIC_EVEX(sqrt)
PACKED_EVEX(cvtdq2ps)
PACKED_EVEX(cvtps2dq)
PACKED_EVEX(cvttps2dq)
SCALAR_EVEX(cvtss2sd)
SCALAR_EVEX(cvtsd2ss)
