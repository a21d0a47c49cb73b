/* SPDX-License-Identifier: MIT */
/* Moves and shuffles that look at no number: SSE, SSE2, SSE3 and their AVX forms (SDM vol. 2B). A
 * macro's `check` and `set` tell a legacy form from a VEX form. */
#include "cpu/evex.h"

/* Whole registers. */
#define MOVE_WIDE(handler, check, L, set, load, store, letter)                \
    X64I_HANDLER(handler##_##letter##letter)                                  \
    {                                                                         \
        struct x64i_wide value;                                               \
        if (check(cpu) != X64I_DONE)                                          \
            return X64I_FAULT;                                                \
        x64i_get_wide(cpu, op->source, &value, L);                            \
        set;                                                                  \
        return X64I_DONE;                                                     \
    }                                                                         \
    X64I_HANDLER(handler##_##letter##m)                                       \
    {                                                                         \
        struct x64i_wide value;                                               \
        if (check(cpu) != X64I_DONE || load(cpu, op, &value, L) != X64I_DONE) \
            return X64I_FAULT;                                                \
        set;                                                                  \
        return X64I_DONE;                                                     \
    }                                                                         \
    X64I_HANDLER(handler##_m##letter)                                         \
    {                                                                         \
        struct x64i_wide value;                                               \
        if (check(cpu) != X64I_DONE)                                          \
            return X64I_FAULT;                                                \
        x64i_get_wide(cpu, op->source, &value, L);                            \
        return store(cpu, op, &value, L);                                     \
    }

#define SET_XMM     x64i_set_xmm(cpu, op->destination, &value.lane[0])
#define SET_WIDE(L) x64i_set_wide(cpu, op->destination, &value, L)

#define MOVE(name, load, store)                                        \
    MOVE_WIDE(name, x64i_check_sse, 1, SET_XMM, load, store, x)        \
    MOVE_WIDE(v##name, x64i_check_avx, 1, SET_WIDE(1), load, store, x) \
    MOVE_WIDE(v##name, x64i_check_avx, 2, SET_WIDE(2), load, store, y)

MOVE(mova, x64i_load_wide_aligned, x64i_store_wide_aligned)
MOVE(movu, x64i_load_wide, x64i_store_wide)

/* Puts `d` where the form wants it. */
X64I_INLINE enum x64i_result put_legacy(struct x64i_cpu *cpu, const struct x64i_op *op,
                                        union x64i_xmm d)
{
    x64i_set_xmm(cpu, op->destination, &d);
    return X64I_DONE;
}

X64I_INLINE enum x64i_result put_vex(struct x64i_cpu *cpu, const struct x64i_op *op,
                                     union x64i_xmm d)
{
    x64i_set_wide_xmm(cpu, op->destination, d);
    return X64I_DONE;
}

/* `base` with `value` in place of element `at`, of 32 or 64 bits. */
X64I_INLINE union x64i_xmm with_element(union x64i_xmm base, unsigned bits, unsigned at,
                                        uint64_t value)
{
    if (bits == 32)
        base.d[at] = (uint32_t)value;
    else
        base.q[at] = value;
    return base;
}

X64I_INLINE union x64i_xmm low_alone(uint64_t value)
{
    return (union x64i_xmm){.q = {value, 0}};
}

/* A handler that puts `result` after its check. */
#define REGISTER_FORM(handler, check, put, result) \
    X64I_HANDLER(handler)                          \
    {                                              \
        if (check(cpu) != X64I_DONE)               \
            return X64I_FAULT;                     \
        return put(cpu, op, result);               \
    }

/* The same with `value` loaded from memory. */
#define LOAD_FORM(handler, check, bits, put, result)                                               \
    X64I_HANDLER(handler)                                                                          \
    {                                                                                              \
        uint64_t value;                                                                            \
        if (check(cpu) != X64I_DONE ||                                                             \
            x64i_load(cpu, op->segment, x64i_effective(cpu, op), (bits) / 8, &value) != X64I_DONE) \
            return X64I_FAULT;                                                                     \
        return put(cpu, op, result);                                                               \
    }

#define STORE_FORM(handler, check, bits, at)                                     \
    X64I_HANDLER(handler)                                                        \
    {                                                                            \
        if (check(cpu) != X64I_DONE)                                             \
            return X64I_FAULT;                                                   \
        return x64i_store(cpu, op->segment, x64i_effective(cpu, op), (bits) / 8, \
                          cpu->s.vector[op->source].lane[at]);                   \
    }

#define OLD       x64i_xmm(cpu, op->destination)
#define FIRST     x64i_xmm(cpu, op->source)
#define LOW(reg)  cpu->s.vector[op->reg].lane[0]
#define HIGH(reg) cpu->s.vector[op->reg].lane[1]

/* MOVSS, MOVSD: between registers the rest of the first operand stays, from memory it is cleared.
 */
#define MOVE_SCALAR(name, bits)                                                                   \
    REGISTER_FORM(name##_xx, x64i_check_sse, put_legacy, with_element(OLD, bits, 0, LOW(source))) \
    LOAD_FORM(name##_xm, x64i_check_sse, bits, put_legacy, low_alone(value))                      \
    STORE_FORM(name##_mx, x64i_check_sse, bits, 0)                                                \
    REGISTER_FORM(v##name##_xxx, x64i_check_avx, put_vex,                                         \
                  with_element(FIRST, bits, 0, LOW(third)))                                       \
    LOAD_FORM(v##name##_xm, x64i_check_avx, bits, put_vex, low_alone(value))                      \
    STORE_FORM(v##name##_mx, x64i_check_avx, bits, 0)

MOVE_SCALAR(movss, 32)
MOVE_SCALAR(movsd_xmm, 64)

/* MOVLPS, MOVLPD, MOVHPS, MOVHPD: one half. */
#define MOVE_HALF(name, half)                                                                   \
    LOAD_FORM(name##_xm, x64i_check_sse, 64, put_legacy, with_element(OLD, 64, half, value))    \
    STORE_FORM(name##_mx, x64i_check_sse, 64, half)                                             \
    LOAD_FORM(v##name##_xxm, x64i_check_avx, 64, put_vex, with_element(FIRST, 64, half, value)) \
    STORE_FORM(v##name##_mx, x64i_check_avx, 64, half)

MOVE_HALF(movlp, 0)
MOVE_HALF(movhp, 1)

REGISTER_FORM(movlhps_xx, x64i_check_sse, put_legacy, with_element(OLD, 64, 1, LOW(source)))
REGISTER_FORM(movhlps_xx, x64i_check_sse, put_legacy, with_element(OLD, 64, 0, HIGH(source)))
REGISTER_FORM(vmovlhps_xxx, x64i_check_avx, put_vex, with_element(FIRST, 64, 1, LOW(third)))
REGISTER_FORM(vmovhlps_xxx, x64i_check_avx, put_vex, with_element(FIRST, 64, 0, HIGH(third)))

/* MOVD and MOVQ; to a register of 32 bits the upper half is cleared as ever. */
#define MOVE_GENERAL(name, check, bits, put)                                         \
    REGISTER_FORM(name##_xr, check, put, low_alone(x64i_gpr(cpu, op->source, bits))) \
    LOAD_FORM(name##_xm, check, bits, put, low_alone(value))                         \
    X64I_HANDLER(name##_rx)                                                          \
    {                                                                                \
        if (check(cpu) != X64I_DONE)                                                 \
            return X64I_FAULT;                                                       \
        x64i_set_gpr(cpu, op->destination, LOW(source), bits);                       \
        return X64I_DONE;                                                            \
    }                                                                                \
    STORE_FORM(name##_mx, check, bits, 0)                                            \
    REGISTER_FORM(name##_xx, check, put, low_alone(LOW(source) & x64i_mask(bits)))

MOVE_GENERAL(movd, x64i_check_sse, 32, put_legacy)
MOVE_GENERAL(movq, x64i_check_sse, 64, put_legacy)
MOVE_GENERAL(vmovd, x64i_check_avx, 32, put_vex)
MOVE_GENERAL(vmovq, x64i_check_avx, 64, put_vex)

/* MOVNTI: a store; the cache hint has no meaning here. */
#define MOVE_NONTEMPORAL(W)                                                 \
    X64I_HANDLER(movnti_##W)                                                \
    {                                                                       \
        return x64i_store(cpu, op->segment, x64i_effective(cpu, op), W / 8, \
                          x64i_gpr(cpu, op->source, W));                    \
    }

MOVE_NONTEMPORAL(32)
MOVE_NONTEMPORAL(64)

/* MASKMOVDQU: bytes whose mask byte has its top bit set, to DS:RDI. Whether the others are checked,
 * too, the SDM leaves to the implementation (vol. 2A): AMD's processors check both halves whatever
 * the mask. */
static enum x64i_result store_masked_bytes(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    union x64i_xmm data = x64i_xmm(cpu, op->destination);
    union x64i_xmm mask = x64i_xmm(cpu, op->source);
    uint64_t offset = cpu->s.gpr[X64_RDI] & x64i_mask(x64i_address_width(op));
    struct x64i_target targets[16];
    for (unsigned i = 0; i < 16 && cpu->model->behaviour.masked_stores_check_all; i += 8)
        if (x64i_probe(cpu, op->segment, offset + i, 8, &targets[i]) != X64I_DONE)
            return X64I_FAULT;
    for (unsigned i = 0; i < 16; i++)
        if ((mask.b[i] & 0x80) &&
            x64i_probe(cpu, op->segment, offset + i, 1, &targets[i]) != X64I_DONE)
            return X64I_FAULT;
    for (unsigned i = 0; i < 16; i++)
        if (mask.b[i] & 0x80)
            x64i_commit(cpu, &targets[i], data.b[i]);
    return X64I_DONE;
}

X64I_HANDLER(maskmovdqu_xx)
{
    return x64i_check_sse(cpu) == X64I_DONE ? store_masked_bytes(cpu, op) : X64I_FAULT;
}

X64I_HANDLER(vmaskmovdqu_xx)
{
    return x64i_check_avx(cpu) == X64I_DONE ? store_masked_bytes(cpu, op) : X64I_FAULT;
}

/* The elements' sign bits, as a mask in a general register. */
#define SIGN_MASK(handler, check, L, element, bits)                                      \
    X64I_HANDLER(handler)                                                                \
    {                                                                                    \
        const unsigned count = 128 / (bits);                                             \
        struct x64i_wide s;                                                              \
        uint64_t mask = 0;                                                               \
        if (check(cpu) != X64I_DONE)                                                     \
            return X64I_FAULT;                                                           \
        x64i_get_wide(cpu, op->source, &s, L);                                           \
        for (unsigned i = 0; i < count * (L); i++)                                       \
            mask |= (uint64_t)(s.lane[i / count].element[i % count] >> ((bits)-1)) << i; \
        x64i_set_gpr(cpu, op->destination, mask, 32);                                    \
        return X64I_DONE;                                                                \
    }

#define SIGN_MASKS(name, element, bits)                       \
    SIGN_MASK(name##_rx, x64i_check_sse, 1, element, bits)    \
    SIGN_MASK(v##name##_rx, x64i_check_avx, 1, element, bits) \
    SIGN_MASK(v##name##_ry, x64i_check_avx, 2, element, bits)

SIGN_MASKS(movmskps, d, 32)
SIGN_MASKS(movmskpd, q, 64)

X64I_XMM_BODY_I(shufps)
{
    union x64i_xmm old = *d;
    d->d[0] = old.d[immediate & 3];
    d->d[1] = old.d[immediate >> 2 & 3];
    d->d[2] = s->d[immediate >> 4 & 3];
    d->d[3] = s->d[immediate >> 6 & 3];
}
X64I_INSTANCES_PACKED_I(shufps, 0)

X64I_XMM_BODY_I(shufpd)
{
    d->q[0] = d->q[immediate & 1];
    d->q[1] = s->q[immediate >> 1 & 1];
}
X64I_INSTANCES_PACKED_I(shufpd, 2)

/* SSE3: one of two neighbours, doubled. */
X64I_XMM_BODY(movsldup)
{
    for (unsigned i = 0; i < 4; i++)
        d->d[i] = s->d[i & ~1u];
}
X64I_INSTANCES_PACKED1(movsldup)

X64I_XMM_BODY(movshdup)
{
    for (unsigned i = 0; i < 4; i++)
        d->d[i] = s->d[i | 1];
}
X64I_INSTANCES_PACKED1(movshdup)

X64I_XMM_BODY(movddup)
{
    d->q[1] = s->q[0];
    d->q[0] = s->q[0];
}
X64I_INSTANCES_LEGACY_FROM(movddup, x64i_load_8)
X64I_INSTANCES_VEX2_X_FROM(movddup, x64i_load_8)
X64I_INSTANCES_VEX2_Y(movddup)

/* The EVEX forms. */
X64I_EVEX_LANES_I(shufps, 0)
X64I_EVEX_LANES_I(shufpd, 2)
X64I_EVEX_LANES(movsldup)
X64I_EVEX_LANES(movshdup)
X64I_EVEX_LANES(movddup)

X64I_EVEX_BODY(movu)
{
    v->d = v->b;
}
#define mova_evex movu_evex /* but for the check of memory */
X64I_EVEX(movu, 0)
X64I_EVEX_STORE(movu, 0)
X64I_EVEX(mova, X64I_EVEX_ALIGNED)
X64I_EVEX_STORE(mova, X64I_EVEX_ALIGNED)

/* MOVSS, MOVSD: a load has no first operand, whose rest therefore is zero. */
#define MOVE_SCALAR_EVEX(name, element)    \
    X64I_EVEX_BODY(name)                   \
    {                                      \
        v->d = v->a;                       \
        v->d.element[0] = v->b.element[0]; \
    }                                      \
    X64I_EVEX(name, X64I_EVEX_SCALAR)      \
    X64I_EVEX_STORE(name, X64I_EVEX_SCALAR)

MOVE_SCALAR_EVEX(movss, d)
MOVE_SCALAR_EVEX(movsd_xmm, q)

#define MOVE_HALF_EVEX(name, half)                                                           \
    LOAD_FORM(e##name, x64i_check_avx512, 64, put_vex, with_element(FIRST, 64, half, value)) \
    STORE_FORM(e##name##_m, x64i_check_avx512, 64, half)

MOVE_HALF_EVEX(movlp, 0)
MOVE_HALF_EVEX(movhp, 1)
REGISTER_FORM(emovlhps, x64i_check_avx512, put_vex, with_element(FIRST, 64, 1, LOW(third)))
REGISTER_FORM(emovhlps, x64i_check_avx512, put_vex, with_element(FIRST, 64, 0, HIGH(third)))
MOVE_GENERAL(emovd, x64i_check_avx512, 32, put_vex)
MOVE_GENERAL(emovq, x64i_check_avx512, 64, put_vex)
