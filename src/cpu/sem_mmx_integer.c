/* SPDX-License-Identifier: MIT */
/* MMX packed integers, and what SSE, SSE2 and SSSE3 added to them on MMX registers (SDM vol. 2B,
 * each instruction's page). */
#include "cpu/mmx.h"

static inline int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* One expression for every lane: `a` is the destination's, `x` the source's. */
#define LANES(name, lane, type, expression)                                 \
    X64I_MMX_BODY(name)                                                     \
    {                                                                       \
        for (unsigned i = 0; i < sizeof d->lane / sizeof d->lane[0]; i++) { \
            type a = (type)d->lane[i];                                      \
            type x = (type)s->lane[i];                                      \
            d->lane[i] = (__typeof__(d->lane[0]))(expression);              \
        }                                                                   \
    }                                                                       \
    X64I_INSTANCES_MMX2(name)

/* The register as one number. */
#define WHOLE(name, expression)      \
    X64I_MMX_BODY(name)              \
    {                                \
        uint64_t a = d->q, x = s->q; \
        d->q = expression;           \
    }                                \
    X64I_INSTANCES_MMX2(name)

LANES(paddb, b, uint8_t, a + x)
LANES(paddw, w, uint16_t, a + x)
LANES(paddd, d, uint32_t, a + x)
WHOLE(paddq, a + x)
LANES(paddsb, b, int8_t, clamp(a + x, INT8_MIN, INT8_MAX))
LANES(paddsw, w, int16_t, clamp(a + x, INT16_MIN, INT16_MAX))
LANES(paddusb, b, uint8_t, clamp(a + x, 0, UINT8_MAX))
LANES(paddusw, w, uint16_t, clamp(a + x, 0, UINT16_MAX))
LANES(psubb, b, uint8_t, a - x)
LANES(psubw, w, uint16_t, a - x)
LANES(psubd, d, uint32_t, a - x)
WHOLE(psubq, a - x)
LANES(psubsb, b, int8_t, clamp(a - x, INT8_MIN, INT8_MAX))
LANES(psubsw, w, int16_t, clamp(a - x, INT16_MIN, INT16_MAX))
LANES(psubusb, b, uint8_t, clamp(a - x, 0, UINT8_MAX))
LANES(psubusw, w, uint16_t, clamp(a - x, 0, UINT16_MAX))
LANES(pmullw, w, int16_t, (int32_t)a *x)
LANES(pmulhw, w, int16_t, ((int32_t)a * x) >> 16)
LANES(pmulhuw, w, uint16_t, ((uint32_t)a * x) >> 16)
WHOLE(pmuludq, (a & 0xffffffffu) * (x & 0xffffffffu))
LANES(pavgb, b, uint8_t, (a + x + 1) >> 1)
LANES(pavgw, w, uint16_t, (a + x + 1) >> 1)
LANES(pminub, b, uint8_t, a < x ? a : x)
LANES(pmaxub, b, uint8_t, a > x ? a : x)
LANES(pminsw, w, int16_t, a < x ? a : x)
LANES(pmaxsw, w, int16_t, a > x ? a : x)
WHOLE(pand, a &x)
WHOLE(pandn, ~a &x)
WHOLE(por, a | x)
WHOLE(pxor, a ^ x)
LANES(pcmpeqb, b, uint8_t, a == x ? UINT8_MAX : 0)
LANES(pcmpeqw, w, uint16_t, a == x ? UINT16_MAX : 0)
LANES(pcmpeqd, d, uint32_t, a == x ? UINT32_MAX : 0)
LANES(pcmpgtb, b, int8_t, a > x ? UINT8_MAX : 0)
LANES(pcmpgtw, w, int16_t, a > x ? UINT16_MAX : 0)
LANES(pcmpgtd, d, int32_t, a > x ? UINT32_MAX : 0)

/* SSSE3. */
LANES(pabsb, b, int8_t, ((void)a, x < 0 ? -x : x))
LANES(pabsw, w, int16_t, ((void)a, x < 0 ? -x : x))
LANES(pabsd, d, uint32_t, ((void)a, x >> 31 ? 0 - x : x))
LANES(psignb, b, int8_t, x < 0 ? -a : x == 0 ? 0 : a)
LANES(psignw, w, int16_t, x < 0 ? -a : x == 0 ? 0 : a)
LANES(psignd, d, uint32_t, x >> 31 ? 0 - a : x == 0 ? 0 : a)
LANES(pmulhrsw, w, int16_t, ((((int32_t)a * x) >> 14) + 1) >> 1)

/* Sums or differences of neighbours: those of d, then those of s. */
#define NEIGHBOURS(name, lane, type, expression)                      \
    X64I_MMX_BODY(name)                                               \
    {                                                                 \
        union x64i_mmx result;                                        \
        const unsigned half = sizeof d->lane / sizeof d->lane[0] / 2; \
        for (unsigned i = 0; i < 2 * half; i++) {                     \
            const union x64i_mmx *from = i < half ? d : s;            \
            type a = (type)from->lane[i % half * 2];                  \
            type x = (type)from->lane[i % half * 2 + 1];              \
            result.lane[i] = (__typeof__(d->lane[0]))(expression);    \
        }                                                             \
        *d = result;                                                  \
    }                                                                 \
    X64I_INSTANCES_MMX2(name)

NEIGHBOURS(phaddw, w, uint16_t, a + x)
NEIGHBOURS(phaddd, d, uint32_t, a + x)
NEIGHBOURS(phaddsw, w, int16_t, clamp(a + x, INT16_MIN, INT16_MAX))
NEIGHBOURS(phsubw, w, uint16_t, a - x)
NEIGHBOURS(phsubd, d, uint32_t, a - x)
NEIGHBOURS(phsubsw, w, int16_t, clamp(a - x, INT16_MIN, INT16_MAX))

/* Unsigned bytes of d times signed ones of s, neighbours added. */
X64I_MMX_BODY(pmaddubsw)
{
    for (unsigned i = 0; i < 4; i++)
        d->w[i] = (uint16_t)clamp(d->b[2 * i] * (int8_t)s->b[2 * i] +
                                      d->b[2 * i + 1] * (int8_t)s->b[2 * i + 1],
                                  INT16_MIN, INT16_MAX);
}
X64I_INSTANCES_MMX2(pmaddubsw)

X64I_MMX_BODY(pmaddwd)
{
    for (unsigned i = 0; i < 2; i++) {
        int32_t low = (int16_t)d->w[2 * i] * (int16_t)s->w[2 * i];
        int32_t high = (int16_t)d->w[2 * i + 1] * (int16_t)s->w[2 * i + 1];
        d->d[i] = (uint32_t)low + (uint32_t)high;
    }
}
X64I_INSTANCES_MMX2(pmaddwd)

X64I_MMX_BODY(psadbw)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 8; i++)
        sum += d->b[i] > s->b[i] ? d->b[i] - s->b[i] : s->b[i] - d->b[i];
    d->q = sum;
}
X64I_INSTANCES_MMX2(psadbw)

/* The narrow lanes of d, then those of s, saturated. */
#define PACK(name, from, from_type, to, low, high)                                            \
    X64I_MMX_BODY(name)                                                                       \
    {                                                                                         \
        union x64i_mmx packed;                                                                \
        const unsigned count = sizeof d->from / sizeof d->from[0];                            \
        for (unsigned i = 0; i < count; i++) {                                                \
            packed.to[i] = (__typeof__(packed.to[0]))clamp((from_type)d->from[i], low, high); \
            packed.to[count + i] =                                                            \
                (__typeof__(packed.to[0]))clamp((from_type)s->from[i], low, high);            \
        }                                                                                     \
        *d = packed;                                                                          \
    }                                                                                         \
    X64I_INSTANCES_MMX2(name)

PACK(packsswb, w, int16_t, b, INT8_MIN, INT8_MAX)
PACK(packuswb, w, int16_t, b, 0, UINT8_MAX)
PACK(packssdw, d, int32_t, w, INT16_MIN, INT16_MAX)

/* Lanes of d and s in turn, from the low half, of which memory holds no more, or the high one. */
#define UNPACK(name, lane, high, size)                                \
    X64I_MMX_BODY(name)                                               \
    {                                                                 \
        union x64i_mmx mixed;                                         \
        const unsigned half = sizeof d->lane / sizeof d->lane[0] / 2; \
        for (unsigned i = 0; i < half; i++) {                         \
            mixed.lane[2 * i] = d->lane[i + (high)*half];             \
            mixed.lane[2 * i + 1] = s->lane[i + (high)*half];         \
        }                                                             \
        *d = mixed;                                                   \
    }                                                                 \
    X64I_MMX2_AT(name, size, &d, &s)

UNPACK(punpcklbw, b, 0, 4)
UNPACK(punpcklwd, w, 0, 4)
UNPACK(punpckldq, d, 0, 4)
UNPACK(punpckhbw, b, 1, 8)
UNPACK(punpckhwd, w, 1, 8)
UNPACK(punpckhdq, d, 1, 8)

X64I_MMX_BODY(pshufb)
{
    union x64i_mmx old = *d;
    for (unsigned i = 0; i < 8; i++)
        d->b[i] = s->b[i] & 0x80 ? 0 : old.b[s->b[i] & 7];
}
X64I_INSTANCES_MMX2(pshufb)

X64I_MMX_BODY_I(pshufw)
{
    union x64i_mmx old = *s;
    for (unsigned i = 0; i < 4; i++)
        d->w[i] = old.w[immediate >> 2 * i & 3];
}
X64I_INSTANCES_MMX2_I(pshufw)

/* Eight bytes of d:s from byte `immediate` on. */
X64I_MMX_BODY_I(palignr)
{
    uint8_t bytes[16];
    union x64i_mmx result;
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = s->b[i];
        bytes[8 + i] = d->b[i];
    }
    for (unsigned i = 0; i < 8; i++)
        result.b[i] = immediate + i < 16 ? bytes[immediate + i] : 0;
    *d = result;
}
X64I_INSTANCES_MMX2_I(palignr)

/* Shifts: the count is the whole source, or an immediate; too large a count gives zeros, or signs.
 */
#define SHIFT(name, element, count_lanes, bits, type, wide, operator, limit)       \
    X64I_INLINE void name##_by(union x64i_mmx *d, uint64_t count)                  \
    {                                                                              \
        for (unsigned i = 0; i < (count_lanes); i++) {                             \
            type value = (type)(element);                                          \
            value = (type)(count < (bits) ? (wide)value operator count : (limit)); \
            element = (__typeof__(element))value;                                  \
        }                                                                          \
    }                                                                              \
    X64I_MMX_BODY(name)                                                            \
    {                                                                              \
        name##_by(d, s->q);                                                        \
    }                                                                              \
    X64I_INSTANCES_MMX2(name)                                                      \
    X64I_HANDLER(name##_qi)                                                        \
    {                                                                              \
        if (x64i_check_mmx(cpu) != X64I_DONE)                                      \
            return X64I_FAULT;                                                     \
        union x64i_mmx d = x64i_mmx(cpu, op->destination);                         \
        name##_by(&d, op->immediate & 0xff);                                       \
        x64i_set_mmx(cpu, op->destination, d.q);                                   \
        return X64I_DONE;                                                          \
    }

SHIFT(psllw, d->w[i], 4, 16, uint64_t, uint64_t, <<, 0)
SHIFT(pslld, d->d[i], 2, 32, uint64_t, uint64_t, <<, 0)
SHIFT(psllq, d->q, 1, 64, uint64_t, uint64_t, <<, 0)
SHIFT(psrlw, d->w[i], 4, 16, uint64_t, uint64_t, >>, 0)
SHIFT(psrld, d->d[i], 2, 32, uint64_t, uint64_t, >>, 0)
SHIFT(psrlq, d->q, 1, 64, uint64_t, uint64_t, >>, 0)
SHIFT(psraw, d->w[i], 4, 16, int16_t, int64_t, >>, value < 0 ? -1 : 0)
SHIFT(psrad, d->d[i], 2, 32, int32_t, int64_t, >>, value < 0 ? -1 : 0)
