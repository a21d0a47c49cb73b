/* SPDX-License-Identifier: MIT */
/* The integer extensions of AVX-512: IFMA, VBMI, VBMI2, VNNI and BITALG (SDM vol. 2, each
 * instruction's page). Elements are of any size, unless a name says of which. */
#include "cpu/evex.h"

__extension__ typedef unsigned __int128 uint128;

/* IFMA: the low or high 52 bits of products of 52 bits are added. */
static uint128 product52(const struct x64i_evex *v, unsigned i)
{
    return (uint128)(v->a.q[i] & x64i_mask(52)) * (v->b.q[i] & x64i_mask(52));
}

X64I_EVEX_BODY(pmadd52luq)
{
    for (unsigned i = 0; i < v->bytes / 8; i++)
        v->d.q[i] += (uint64_t)product52(v, i) & x64i_mask(52);
}
X64I_EVEX(pmadd52luq, 0)

X64I_EVEX_BODY(pmadd52huq)
{
    for (unsigned i = 0; i < v->bytes / 8; i++)
        v->d.q[i] += (uint64_t)(product52(v, i) >> 52);
}
X64I_EVEX(pmadd52huq, 0)

/* VNNI: products of neighbours are summed up, and added to the destination. */
static uint32_t saturated(int64_t sum)
{
    return (uint32_t)(sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum);
}

static int64_t dot_bytes(const struct x64i_evex *v, unsigned i)
{
    int64_t sum = (int32_t)v->d.d[i];
    for (unsigned k = 4 * i; k < 4 * i + 4; k++)
        sum += v->a.b[k] * (int8_t)v->b.b[k];
    return sum;
}

static int64_t dot_words(const struct x64i_evex *v, unsigned i)
{
    int64_t sum = (int32_t)v->d.d[i];
    for (unsigned k = 2 * i; k < 2 * i + 2; k++)
        sum += (int64_t)(int16_t)v->a.w[k] * (int16_t)v->b.w[k];
    return sum;
}

#define DOT(name, sum)                              \
    X64I_EVEX_BODY(name)                            \
    {                                               \
        for (unsigned i = 0; i < v->bytes / 4; i++) \
            v->d.d[i] = (uint32_t)(sum);            \
    }                                               \
    X64I_EVEX(name, 0)

DOT(pdpbusd, dot_bytes(v, i))
DOT(pdpbusds, saturated(dot_bytes(v, i)))
DOT(pdpwssd, dot_words(v, i))
DOT(pdpwssds, saturated(dot_words(v, i)))

/* VBMI2: `high` and `low` as one number of twice the width, shifted. */
static uint64_t shifted_left(uint64_t high, uint64_t low, unsigned bits, uint64_t count)
{
    count &= bits - 1;
    return count ? high << count | low >> (bits - count) : high;
}

static uint64_t shifted_right(uint64_t high, uint64_t low, unsigned bits, uint64_t count)
{
    count &= bits - 1;
    return count ? low >> count | high << (bits - count) : low;
}

/* `old` is the destination's element, `a` and `x` those of the sources. */
#define ELEMENTS(name, expression)                            \
    X64I_EVEX_BODY(name)                                      \
    {                                                         \
        const unsigned size = v->element, bits = 8 * size;    \
        for (unsigned i = 0; i < v->count; i++) {             \
            uint64_t old = x64i_zmm_element(&v->d, size, i);  \
            uint64_t a = x64i_zmm_element(&v->a, size, i);    \
            uint64_t x = x64i_zmm_element(&v->b, size, i);    \
            (void)old;                                        \
            x64i_zmm_set_element(&v->d, size, i, expression); \
        }                                                     \
    }                                                         \
    X64I_EVEX(name, 0)

ELEMENTS(pshld, shifted_left(a, x, bits, v->immediate))
ELEMENTS(pshrd, shifted_right(x, a, bits, v->immediate))
ELEMENTS(pshldv, shifted_left(old, a, bits, x))
ELEMENTS(pshrdv, shifted_right(a, old, bits, x))

/* VBMI: eight bits of a quadword of the second source, from the place on that a byte of the first
 * one says, around its end. */
X64I_EVEX_BODY(pmultishiftqb)
{
    for (unsigned i = 0; i < v->bytes; i++) {
        uint64_t from = v->b.q[i / 8];
        unsigned shift = v->a.b[i] & 63;
        v->d.b[i] = (uint8_t)(shift ? from >> shift | from << (64 - shift) : from);
    }
}
X64I_EVEX(pmultishiftqb, 0)

/* BITALG: bits of a quadword of the first source, chosen by bytes of the second. */
X64I_EVEX_BODY(pshufbitqmb)
{
    for (unsigned i = 0; i < v->bytes; i++)
        v->k |= (v->a.q[i / 8] >> (v->b.b[i] & 63) & 1) << i;
}
X64I_EVEX(pshufbitqmb, X64I_EVEX_TO_K)
