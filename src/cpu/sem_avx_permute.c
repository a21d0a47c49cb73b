/* SPDX-License-Identifier: MIT */
/* AVX and AVX2 across lanes: broadcasts, insertion, extraction and permutation (SDM vol. 2). */
#include "cpu/evex.h"

/* A body of two wide operands, dest := f(a, b, immediate); what is no operand is zero. */
#define ACROSS(name)                                                               \
    X64I_INLINE void name##_across(struct x64i_wide *d, const struct x64i_wide *a, \
                                   const struct x64i_wide *b, unsigned immediate)

#define ACROSS_HANDLER(handler, name, L, get_a, get_b)                                        \
    X64I_HANDLER(handler)                                                                     \
    {                                                                                         \
        struct x64i_wide d = {.lane = {{.q = {0, 0}}}}, a = d, s = d;                         \
        if (x64i_check_avx(cpu) != X64I_DONE || (get_a) != X64I_DONE || (get_b) != X64I_DONE) \
            return X64I_FAULT;                                                                \
        name##_across(&d, &a, &s, X64I_IMMEDIATE);                                            \
        x64i_set_wide(cpu, op->destination, &d, L);                                           \
        return X64I_DONE;                                                                     \
    }

#define NOTHING     X64I_DONE
#define A(L)        (x64i_get_wide(cpu, op->source, &a, L), X64I_DONE)
#define S(L)        X64I_SOURCE_WIDE(L)
#define THIRD(L)    X64I_THIRD_WIDE(L)
#define LOAD(L)     x64i_load_wide(cpu, op, &s, L)
#define LOAD_LOW(n) x64i_load_##n(cpu, op, &s.lane[0])

/* Broadcasts of one element. */
#define SPREAD_BODY(name, element)                                                       \
    ACROSS(name)                                                                         \
    {                                                                                    \
        (void)a;                                                                         \
        (void)immediate;                                                                 \
        const unsigned count = sizeof d->lane[0].element / sizeof d->lane[0].element[0]; \
        for (unsigned i = 0; i < 2 * count; i++)                                         \
            d->lane[i / count].element[i % count] = b->lane[0].element[0];               \
    }

#define SPREAD(name, element, size)                                \
    SPREAD_BODY(name, element)                                     \
    ACROSS_HANDLER(v##name##_xx, name, 1, NOTHING, S(1))           \
    ACROSS_HANDLER(v##name##_xm, name, 1, NOTHING, LOAD_LOW(size)) \
    ACROSS_HANDLER(v##name##_yx, name, 2, NOTHING, S(1))           \
    ACROSS_HANDLER(v##name##_ym, name, 2, NOTHING, LOAD_LOW(size))

#define x64i_load_1(cpu, op, value) \
    ((value)->q[1] = 0, x64i_load(cpu, (op)->segment, x64i_effective(cpu, op), 1, &(value)->q[0]))

SPREAD(spreadb, b, 1)
SPREAD(spreadw, w, 2)
SPREAD(spreadd, d, 4)
SPREAD(spreadq, q, 8)

ACROSS(spread_lane)
{
    (void)a;
    (void)immediate;
    d->lane[0] = b->lane[0];
    d->lane[1] = b->lane[0];
}
ACROSS_HANDLER(vspread_lane_ym, spread_lane, 2, NOTHING, LOAD(1))

/* One lane of the first operand replaced. */
ACROSS(insert_lane)
{
    *d = *a;
    d->lane[immediate & 1] = b->lane[0];
}
ACROSS_HANDLER(vinsert_lane_yyx, insert_lane, 2, A(2), THIRD(1))
ACROSS_HANDLER(vinsert_lane_yym, insert_lane, 2, A(2), LOAD(1))

ACROSS(extract_lane)
{
    (void)b;
    d->lane[0] = a->lane[immediate & 1];
}
ACROSS_HANDLER(vextract_lane_xy, extract_lane, 1, A(2), NOTHING)

X64I_HANDLER(vextract_lane_my)
{
    struct x64i_wide a, d;
    if (x64i_check_avx(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_get_wide(cpu, op->source, &a, 2);
    d.lane[0] = a.lane[op->immediate & 1];
    return x64i_store_wide(cpu, op, &d, 1);
}

/* VPERM2F128, VPERM2I128: each lane is one of four, or zero. */
ACROSS(perm2_lanes)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned control = immediate >> 4 * i & 15;
        const struct x64i_wide *from = control & 2 ? b : a;
        if (!(control & 8))
            d->lane[i] = from->lane[control & 1];
    }
}
ACROSS_HANDLER(vperm2_lanes_yyy, perm2_lanes, 2, A(2), THIRD(2))
ACROSS_HANDLER(vperm2_lanes_yym, perm2_lanes, 2, A(2), LOAD(2))

/* VPERMQ, VPERMPD: quadwords chosen by the immediate. */
ACROSS(permq)
{
    (void)a;
    for (unsigned i = 0; i < 4; i++) {
        unsigned from = immediate >> 2 * i & 3;
        d->lane[i / 2].q[i % 2] = b->lane[from / 2].q[from % 2];
    }
}
ACROSS_HANDLER(vpermq_yy, permq, 2, NOTHING, S(2))
ACROSS_HANDLER(vpermq_ym, permq, 2, NOTHING, LOAD(2))

/* VPERMD, VPERMPS: doublewords chosen by the first operand. */
ACROSS(permd)
{
    (void)immediate;
    for (unsigned i = 0; i < 8; i++) {
        unsigned from = a->lane[i / 4].d[i % 4] & 7;
        d->lane[i / 4].d[i % 4] = b->lane[from / 4].d[from % 4];
    }
}
ACROSS_HANDLER(vpermd_yyy, permd, 2, A(2), THIRD(2))
ACROSS_HANDLER(vpermd_yym, permd, 2, A(2), LOAD(2))

/* VPERMILPS, VPERMILPD: within lanes, by a register or the immediate. */
X64I_XMM_BODY(permilps)
{
    union x64i_xmm old = *d;
    for (unsigned i = 0; i < 4; i++)
        d->d[i] = old.d[s->d[i] & 3];
}
X64I_INSTANCES_VEX3_X(permilps)
X64I_INSTANCES_VEX3_Y(permilps)

X64I_XMM_BODY(permilpd)
{
    union x64i_xmm old = *d;
    for (unsigned i = 0; i < 2; i++)
        d->q[i] = old.q[s->q[i] >> 1 & 1];
}
X64I_INSTANCES_VEX3_X(permilpd)
X64I_INSTANCES_VEX3_Y(permilpd)

X64I_XMM_BODY_I(permilpd_i)
{
    for (unsigned i = 0; i < 2; i++)
        d->q[i] = s->q[immediate >> i & 1];
}
X64I_INSTANCES_VEX2_I_X(permilpd_i)
X64I_INSTANCES_VEX2_I_Y(permilpd_i, 2)

/* VZEROUPPER, VZEROALL: in 64-bit mode of all sixteen registers, else of eight. */
static void clear_lanes(struct x64i_cpu *cpu, unsigned lanes_kept)
{
    unsigned count = cpu->code_bits == 64 ? 16 : 8;
    for (unsigned i = 0; i < count; i++) {
        struct x64i_wide value;
        x64i_get_wide(cpu, i, &value, 1);
        if (lanes_kept == 0)
            value.lane[0] = (union x64i_xmm){.q = {0, 0}};
        x64i_set_wide(cpu, i, &value, 1);
    }
}

X64I_HANDLER(vzeroupper)
{
    (void)op;
    if (x64i_check_avx(cpu) != X64I_DONE)
        return X64I_FAULT;
    clear_lanes(cpu, 1);
    return X64I_DONE;
}

X64I_HANDLER(vzeroall)
{
    (void)op;
    if (x64i_check_avx(cpu) != X64I_DONE)
        return X64I_FAULT;
    clear_lanes(cpu, 0);
    return X64I_DONE;
}

/* The EVEX forms. */
X64I_EVEX_LANES(permilps)
X64I_EVEX_LANES(permilpd)
X64I_EVEX_LANES_I(permilpd_i, 2)
