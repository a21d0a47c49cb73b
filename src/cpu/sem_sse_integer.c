/* SPDX-License-Identifier: MIT */
/* Packed integers: SSE2 and the AVX and AVX2 forms of it (SDM vol. 2B, each instruction's page). */
#include "cpu/evex.h"

static inline int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* One expression for every lane: `a` is the destination's, `x` the source's. */
#define LANES(name, lane, type, expression)                                 \
    X64I_XMM_BODY(name)                                                     \
    {                                                                       \
        for (unsigned i = 0; i < sizeof d->lane / sizeof d->lane[0]; i++) { \
            type a = (type)d->lane[i];                                      \
            type x = (type)s->lane[i];                                      \
            d->lane[i] = (__typeof__(d->lane[0]))(expression);              \
        }                                                                   \
    }                                                                       \
    X64I_INSTANCES_PACKED(name)

LANES(paddb, b, uint8_t, a + x)
LANES(paddw, w, uint16_t, a + x)
LANES(paddd, d, uint32_t, a + x)
LANES(paddq, q, uint64_t, a + x)
LANES(paddsb, b, int8_t, clamp(a + x, INT8_MIN, INT8_MAX))
LANES(paddsw, w, int16_t, clamp(a + x, INT16_MIN, INT16_MAX))
LANES(paddusb, b, uint8_t, clamp(a + x, 0, UINT8_MAX))
LANES(paddusw, w, uint16_t, clamp(a + x, 0, UINT16_MAX))
LANES(psubb, b, uint8_t, a - x)
LANES(psubw, w, uint16_t, a - x)
LANES(psubd, d, uint32_t, a - x)
LANES(psubq, q, uint64_t, a - x)
LANES(psubsb, b, int8_t, clamp(a - x, INT8_MIN, INT8_MAX))
LANES(psubsw, w, int16_t, clamp(a - x, INT16_MIN, INT16_MAX))
LANES(psubusb, b, uint8_t, clamp(a - x, 0, UINT8_MAX))
LANES(psubusw, w, uint16_t, clamp(a - x, 0, UINT16_MAX))
LANES(pmullw, w, int16_t, (int32_t)a *x)
LANES(pmulhw, w, int16_t, ((int32_t)a * x) >> 16)
LANES(pmulhuw, w, uint16_t, ((uint32_t)a * x) >> 16)
LANES(pmuludq, q, uint64_t, (a & 0xffffffffu) * (x & 0xffffffffu))
LANES(pavgb, b, uint8_t, (a + x + 1) >> 1)
LANES(pavgw, w, uint16_t, (a + x + 1) >> 1)
LANES(pminub, b, uint8_t, a < x ? a : x)
LANES(pmaxub, b, uint8_t, a > x ? a : x)
LANES(pminsw, w, int16_t, a < x ? a : x)
LANES(pmaxsw, w, int16_t, a > x ? a : x)
LANES(pand, q, uint64_t, a &x)
LANES(pandn, q, uint64_t, ~a &x)
LANES(por, q, uint64_t, a | x)
LANES(pxor, q, uint64_t, a ^ x)
LANES(pcmpeqb, b, uint8_t, a == x ? UINT8_MAX : 0)
LANES(pcmpeqw, w, uint16_t, a == x ? UINT16_MAX : 0)
LANES(pcmpeqd, d, uint32_t, a == x ? UINT32_MAX : 0)
LANES(pcmpgtb, b, int8_t, a > x ? UINT8_MAX : 0)
LANES(pcmpgtw, w, int16_t, a > x ? UINT16_MAX : 0)
LANES(pcmpgtd, d, int32_t, a > x ? UINT32_MAX : 0)

/* Products of signed words, neighbours added. */
X64I_XMM_BODY(pmaddwd)
{
    for (unsigned i = 0; i < 4; i++) {
        int32_t low = (int16_t)d->w[2 * i] * (int16_t)s->w[2 * i];
        int32_t high = (int16_t)d->w[2 * i + 1] * (int16_t)s->w[2 * i + 1];
        d->d[i] = (uint32_t)low + (uint32_t)high;
    }
}
X64I_INSTANCES_PACKED(pmaddwd)

/* Sums of absolute differences of eight bytes each. */
X64I_XMM_BODY(psadbw)
{
    union x64i_xmm sums = {.q = {0, 0}};
    for (unsigned i = 0; i < 16; i++) {
        int difference = d->b[i] - s->b[i];
        sums.q[i / 8] += (uint64_t)(difference < 0 ? -difference : difference);
    }
    *d = sums;
}
X64I_INSTANCES_PACKED(psadbw)

/* The narrow lanes of d, then those of s, saturated. */
#define PACK(name, from, from_type, to, low, high)                                            \
    X64I_XMM_BODY(name)                                                                       \
    {                                                                                         \
        union x64i_xmm packed;                                                                \
        const unsigned count = sizeof d->from / sizeof d->from[0];                            \
        for (unsigned i = 0; i < count; i++) {                                                \
            packed.to[i] = (__typeof__(packed.to[0]))clamp((from_type)d->from[i], low, high); \
            packed.to[count + i] =                                                            \
                (__typeof__(packed.to[0]))clamp((from_type)s->from[i], low, high);            \
        }                                                                                     \
        *d = packed;                                                                          \
    }                                                                                         \
    X64I_INSTANCES_PACKED(name)

PACK(packsswb, w, int16_t, b, INT8_MIN, INT8_MAX)
PACK(packuswb, w, int16_t, b, 0, UINT8_MAX)
PACK(packssdw, d, int32_t, w, INT16_MIN, INT16_MAX)

/* Lanes of d and s in turn, from the low or the high half. */
#define UNPACK(name, lane, high)                                      \
    X64I_XMM_BODY(name)                                               \
    {                                                                 \
        union x64i_xmm mixed;                                         \
        const unsigned half = sizeof d->lane / sizeof d->lane[0] / 2; \
        for (unsigned i = 0; i < half; i++) {                         \
            mixed.lane[2 * i] = d->lane[i + (high)*half];             \
            mixed.lane[2 * i + 1] = s->lane[i + (high)*half];         \
        }                                                             \
        *d = mixed;                                                   \
    }                                                                 \
    X64I_INSTANCES_PACKED(name)

UNPACK(punpcklbw, b, 0)
UNPACK(punpcklwd, w, 0)
UNPACK(punpckldq, d, 0)
UNPACK(punpcklqdq, q, 0)
UNPACK(punpckhbw, b, 1)
UNPACK(punpckhwd, w, 1)
UNPACK(punpckhdq, d, 1)
UNPACK(punpckhqdq, q, 1)

X64I_XMM_BODY_I(pshufd)
{
    for (unsigned i = 0; i < 4; i++)
        d->d[i] = s->d[immediate >> 2 * i & 3];
}
X64I_INSTANCES_PACKED1_I(pshufd, 0)

X64I_XMM_BODY_I(pshuflw)
{
    for (unsigned i = 0; i < 4; i++)
        d->w[i] = s->w[immediate >> 2 * i & 3];
    d->q[1] = s->q[1];
}
X64I_INSTANCES_PACKED1_I(pshuflw, 0)

X64I_XMM_BODY_I(pshufhw)
{
    for (unsigned i = 0; i < 4; i++)
        d->w[4 + i] = s->w[4 + (immediate >> 2 * i & 3)];
    d->q[0] = s->q[0];
}
X64I_INSTANCES_PACKED1_I(pshufhw, 0)

/* Shifts of every element by one count; a count of the element's width or more leaves zeroes or
 * signs. */
#define SHIFT_WIDE(name, suffix, L, load, count)                     \
    X64I_HANDLER(v##name##_##suffix)                                 \
    {                                                                \
        struct x64i_wide d;                                          \
        union x64i_xmm s = {.q = {0, 0}};                            \
        if (x64i_check_avx(cpu) != X64I_DONE || (load) != X64I_DONE) \
            return X64I_FAULT;                                       \
        x64i_get_wide(cpu, op->source, &d, L);                       \
        for (unsigned i = 0; i < (L); i++)                           \
            name##_by(&d.lane[i], count);                            \
        x64i_set_wide(cpu, op->destination, &d, L);                  \
        return X64I_DONE;                                            \
    }

#define SHIFT_COUNT_XMM (s = x64i_xmm(cpu, op->third), X64I_DONE)
#define SHIFT_COUNT_I   (s.q[0] = op->immediate & 0xff, X64I_DONE)

#define SHIFT_LEGACY(name)                                 \
    X64I_XMM_BODY(name)                                    \
    {                                                      \
        name##_by(d, s->q[0]);                             \
    }                                                      \
    X64I_INSTANCES_LEGACY(name)                            \
    X64I_HANDLER(name##_xi)                                \
    {                                                      \
        if (x64i_check_sse(cpu) != X64I_DONE)              \
            return X64I_FAULT;                             \
        union x64i_xmm d = x64i_xmm(cpu, op->destination); \
        name##_by(&d, op->immediate & 0xff);               \
        x64i_set_xmm(cpu, op->destination, &d);            \
        return X64I_DONE;                                  \
    }

#define SHIFT_BY(name, element, type, bits, in_range, beyond)                                    \
    static inline void name##_by(union x64i_xmm *d, uint64_t count)                              \
    {                                                                                            \
        for (unsigned i = 0; i < sizeof d->element / sizeof d->element[0]; i++) {                \
            type a = (type)d->element[i];                                                        \
            d->element[i] =                                                                      \
                (__typeof__(d->element[0]))(count < (bits) ? (type)(in_range) : (type)(beyond)); \
        }                                                                                        \
    }
#define SHIFT(name, element, type, bits, in_range, beyond)       \
    SHIFT_BY(name, element, type, bits, in_range, beyond)        \
    SHIFT_LEGACY(name)                                           \
    SHIFT_WIDE(name, xxx, 1, SHIFT_COUNT_XMM, s.q[0])            \
    SHIFT_WIDE(name, xxm, 1, x64i_load_xmm(cpu, op, &s), s.q[0]) \
    SHIFT_WIDE(name, xxi, 1, SHIFT_COUNT_I, s.q[0])              \
    SHIFT_WIDE(name, yyx, 2, SHIFT_COUNT_XMM, s.q[0])            \
    SHIFT_WIDE(name, yym, 2, x64i_load_xmm(cpu, op, &s), s.q[0]) \
    SHIFT_WIDE(name, yyi, 2, SHIFT_COUNT_I, s.q[0])

SHIFT(psllw, w, uint16_t, 16, a << count, 0)
SHIFT(pslld, d, uint32_t, 32, a << count, 0)
SHIFT(psllq, q, uint64_t, 64, a << count, 0)
SHIFT(psrlw, w, uint16_t, 16, a >> count, 0)
SHIFT(psrld, d, uint32_t, 32, a >> count, 0)
SHIFT(psrlq, q, uint64_t, 64, a >> count, 0)
SHIFT(psraw, w, int16_t, 16, a >> count, a < 0 ? -1 : 0)
SHIFT(psrad, d, int32_t, 32, a >> count, a < 0 ? -1 : 0)

/* Shifts of whole lanes by bytes, left (direction -1) or right. */
static inline uint8_t byte_or_zero(const union x64i_xmm *value, int index)
{
    return index >= 0 && index < 16 ? value->b[index] : 0;
}

static inline void shift_bytes(union x64i_xmm *d, int count)
{
    union x64i_xmm old = *d;
    for (int i = 0; i < 16; i++)
        d->b[i] = byte_or_zero(&old, i + count);
}

#define SHIFT_BYTES(name, direction)                                \
    static inline void name##_by(union x64i_xmm *d, uint64_t count) \
    {                                                               \
        shift_bytes(d, (int)count *(direction));                    \
    }                                                               \
    X64I_HANDLER(name##_xi)                                         \
    {                                                               \
        if (x64i_check_sse(cpu) != X64I_DONE)                       \
            return X64I_FAULT;                                      \
        union x64i_xmm d = x64i_xmm(cpu, op->destination);          \
        name##_by(&d, op->immediate & 0xff);                        \
        x64i_set_xmm(cpu, op->destination, &d);                     \
        return X64I_DONE;                                           \
    }                                                               \
    SHIFT_WIDE(name, xxi, 1, SHIFT_COUNT_I, s.q[0])                 \
    SHIFT_WIDE(name, yyi, 2, SHIFT_COUNT_I, s.q[0])

SHIFT_BYTES(pslldq, -1)
SHIFT_BYTES(psrldq, 1)

/* The sign bits of bytes, as a mask in a general register. */
#define BYTE_MASK(handler, check, L)                                \
    X64I_HANDLER(handler)                                           \
    {                                                               \
        struct x64i_wide s;                                         \
        if (check(cpu) != X64I_DONE)                                \
            return X64I_FAULT;                                      \
        x64i_get_wide(cpu, op->source, &s, L);                      \
        uint32_t mask = 0;                                          \
        for (unsigned i = 0; i < 16 * (L); i++)                     \
            mask |= (uint32_t)(s.lane[i / 16].b[i % 16] >> 7) << i; \
        x64i_set_gpr(cpu, op->destination, mask, 32);               \
        return X64I_DONE;                                           \
    }

BYTE_MASK(pmovmskb_rx, x64i_check_sse, 1)
BYTE_MASK(vpmovmskb_rx, x64i_check_avx, 1)
BYTE_MASK(vpmovmskb_ry, x64i_check_avx, 2)

/* The EVEX forms. */
X64I_EVEX_LANES(paddb)
X64I_EVEX_LANES(paddw)
X64I_EVEX_LANES(paddd)
X64I_EVEX_LANES(paddq)
X64I_EVEX_LANES(paddsb)
X64I_EVEX_LANES(paddsw)
X64I_EVEX_LANES(paddusb)
X64I_EVEX_LANES(paddusw)
X64I_EVEX_LANES(psubb)
X64I_EVEX_LANES(psubw)
X64I_EVEX_LANES(psubd)
X64I_EVEX_LANES(psubq)
X64I_EVEX_LANES(psubsb)
X64I_EVEX_LANES(psubsw)
X64I_EVEX_LANES(psubusb)
X64I_EVEX_LANES(psubusw)
X64I_EVEX_LANES(pmullw)
X64I_EVEX_LANES(pmulhw)
X64I_EVEX_LANES(pmulhuw)
X64I_EVEX_LANES(pmuludq)
X64I_EVEX_LANES(pavgb)
X64I_EVEX_LANES(pavgw)
X64I_EVEX_LANES(pminub)
X64I_EVEX_LANES(pmaxub)
X64I_EVEX_LANES(pminsw)
X64I_EVEX_LANES(pmaxsw)
X64I_EVEX_LANES(pand)
X64I_EVEX_LANES(pandn)
X64I_EVEX_LANES(por)
X64I_EVEX_LANES(pxor)
X64I_EVEX_LANES(pmaddwd)
X64I_EVEX_LANES(psadbw)
X64I_EVEX_LANES(packsswb)
X64I_EVEX_LANES(packuswb)
X64I_EVEX_LANES(packssdw)
X64I_EVEX_LANES(punpcklbw)
X64I_EVEX_LANES(punpcklwd)
X64I_EVEX_LANES(punpckldq)
X64I_EVEX_LANES(punpcklqdq)
X64I_EVEX_LANES(punpckhbw)
X64I_EVEX_LANES(punpckhwd)
X64I_EVEX_LANES(punpckhdq)
X64I_EVEX_LANES(punpckhqdq)
X64I_EVEX_LANES_I(pshufd, 0)
X64I_EVEX_LANES_I(pshuflw, 0)
X64I_EVEX_LANES_I(pshufhw, 0)

/* Counts in a register or memory, 128 bits of which the low half counts; and by the immediate. */
#define SHIFT_EVEX_I(name)                           \
    X64I_EVEX_BODY(name##_i)                         \
    {                                                \
        v->d = v->b;                                 \
        for (unsigned i = 0; i < v->bytes / 16; i++) \
            name##_by(&v->d.lane[i], v->immediate);  \
    }                                                \
    X64I_EVEX(name##_i, 0)
#define SHIFT_EVEX(name)                             \
    X64I_EVEX_BODY(name)                             \
    {                                                \
        v->d = v->a;                                 \
        for (unsigned i = 0; i < v->bytes / 16; i++) \
            name##_by(&v->d.lane[i], v->b.q[0]);     \
    }                                                \
    X64I_EVEX(name, 0)                               \
    SHIFT_EVEX_I(name)

SHIFT_BY(psraq, q, int64_t, 64, a >> count, a < 0 ? -1 : 0)
SHIFT_EVEX(psllw)
SHIFT_EVEX(pslld)
SHIFT_EVEX(psllq)
SHIFT_EVEX(psrlw)
SHIFT_EVEX(psrld)
SHIFT_EVEX(psrlq)
SHIFT_EVEX(psraw)
SHIFT_EVEX(psrad)
SHIFT_EVEX(psraq)
SHIFT_EVEX_I(pslldq)
SHIFT_EVEX_I(psrldq)
