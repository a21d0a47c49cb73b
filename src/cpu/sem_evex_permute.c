/* SPDX-License-Identifier: MIT */
/* AVX-512 across lanes: broadcasts, insertion, extraction, blends and permutations (SDM vol. 2,
 * each instruction's page). Elements are of any size, unless a name says of which. */
#include "cpu/evex.h"

/* The first `size` bytes again and again. */
static void spread(struct x64i_evex *v, unsigned size)
{
    for (unsigned at = 0; at < v->bytes; at += size)
        memcpy(v->d.b + at, v->b.b, size);
}

#define SPREAD(name, size) \
    X64I_EVEX_BODY(name)   \
    {                      \
        spread(v, size);   \
    }                      \
    X64I_EVEX(name, 0)

SPREAD(spread_element, v->element)
SPREAD(spread_8, 8)
SPREAD(spread_16, 16)
SPREAD(spread_32, 32)

X64I_HANDLER(espread_gpr_r)
{
    struct x64i_evex v;
    if (x64i_evex_begin(cpu, op, 0, &v) != X64I_DONE)
        return X64I_FAULT;
    v.b.q[0] = x64i_gpr(cpu, op->source, 64);
    spread(&v, v.element);
    x64i_evex_finish(cpu, op, 0, &v);
    return X64I_DONE;
}

/* Parts of 128 or 256 bits, by the immediate. */
#define PART(size, flag)                                    \
    X64I_EVEX_BODY(insert_##size)                           \
    {                                                       \
        unsigned at = v->immediate & (v->bytes / (size)-1); \
        v->d = v->a;                                        \
        memcpy(v->d.b + (size_t)at * (size), v->b.b, size); \
    }                                                       \
    X64I_EVEX(insert_##size, 0)                             \
    X64I_EVEX_BODY(extract_##size)                          \
    {                                                       \
        unsigned at = v->immediate & (v->bytes / (size)-1); \
        memcpy(v->d.b, v->b.b + (size_t)at * (size), size); \
    }                                                       \
    X64I_EVEX(extract_##size, flag)                         \
    X64I_EVEX_STORE(extract_##size, flag)

PART(16, X64I_EVEX_LANE)
PART(32, X64I_EVEX_TWO_LANES)

/* Lanes of the first source, then of the second. */
X64I_EVEX_BODY(shuffle_lanes)
{
    const unsigned lanes = v->bytes / 16, bits = lanes / 2;
    for (unsigned i = 0; i < lanes; i++) {
        unsigned from = v->immediate >> i * bits & (lanes - 1);
        v->d.lane[i] = (i < lanes / 2 ? &v->a : &v->b)->lane[from];
    }
}
X64I_EVEX(shuffle_lanes, 0)

/* What the mask lets through comes from the second source, the rest from the first. */
X64I_EVEX_BODY(blendm)
{
    v->d = v->b;
}
X64I_EVEX(blendm, X64I_EVEX_BLEND)

/* Both sources as one long vector, shifted right by elements. */
X64I_EVEX_BODY(valign)
{
    unsigned shift = v->immediate & (v->count - 1);
    for (unsigned i = 0; i < v->count; i++) {
        unsigned at = i + shift;
        const union x64i_zmm *from = at < v->count ? &v->b : &v->a;
        x64i_zmm_set_element(&v->d, v->element, i,
                             x64i_zmm_element(from, v->element, at & (v->count - 1)));
    }
}
X64I_EVEX(valign, 0)

/* Elements of the second source, chosen by those of the first. */
X64I_EVEX_BODY(perm)
{
    for (unsigned i = 0; i < v->count; i++) {
        uint64_t at = x64i_zmm_element(&v->a, v->element, i) & (v->count - 1);
        x64i_zmm_set_element(&v->d, v->element, i,
                             x64i_zmm_element(&v->b, v->element, (unsigned)at));
    }
}
X64I_EVEX(perm, 0)

/* Quadwords within 256 bits, by the immediate. */
X64I_EVEX_BODY(permq_i)
{
    for (unsigned i = 0; i < v->bytes / 8; i++)
        v->d.q[i] = v->b.q[(i & ~3u) + (v->immediate >> 2 * (i & 3) & 3)];
}
X64I_EVEX(permq_i, 0)

/* Elements of two tables, `low` and the second source. */
static void permute_two(struct x64i_evex *v, const union x64i_zmm *index, const union x64i_zmm *low)
{
    union x64i_zmm result = {.q = {0}};
    for (unsigned i = 0; i < v->count; i++) {
        unsigned at = (unsigned)x64i_zmm_element(index, v->element, i) & (2 * v->count - 1);
        const union x64i_zmm *table = at < v->count ? low : &v->b;
        x64i_zmm_set_element(&result, v->element, i,
                             x64i_zmm_element(table, v->element, at & (v->count - 1)));
    }
    v->d = result;
}

X64I_EVEX_BODY(permi2)
{
    permute_two(v, &v->d, &v->a);
}
X64I_EVEX(permi2, 0)

X64I_EVEX_BODY(permt2)
{
    permute_two(v, &v->a, &v->d);
}
X64I_EVEX(permt2, 0)
