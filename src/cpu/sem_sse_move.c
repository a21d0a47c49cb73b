/* SPDX-License-Identifier: MIT */
/* SSE and SSE2 moves and shuffles that look at no number (SDM vol. 2B). */
#include "cpu/vector.h"

static enum x64i_result move_register(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    if (x64i_check_sse(cpu) != X64I_DONE)
        return X64I_FAULT;
    union x64i_xmm value = x64i_xmm(cpu, op->source);
    x64i_set_xmm(cpu, op->destination, &value);
    return X64I_DONE;
}

#define MOVE_128(name, load, store)                                                 \
    X64I_HANDLER(name##_xx)                                                         \
    {                                                                               \
        return move_register(cpu, op);                                              \
    }                                                                               \
    X64I_HANDLER(name##_xm)                                                         \
    {                                                                               \
        union x64i_xmm value;                                                       \
        if (x64i_check_sse(cpu) != X64I_DONE || load(cpu, op, &value) != X64I_DONE) \
            return X64I_FAULT;                                                      \
        x64i_set_xmm(cpu, op->destination, &value);                                 \
        return X64I_DONE;                                                           \
    }                                                                               \
    X64I_HANDLER(name##_mx)                                                         \
    {                                                                               \
        if (x64i_check_sse(cpu) != X64I_DONE)                                       \
            return X64I_FAULT;                                                      \
        union x64i_xmm value = x64i_xmm(cpu, op->source);                           \
        return store(cpu, op, &value);                                              \
    }

MOVE_128(mova, x64i_load_xmm_aligned, x64i_store_xmm_aligned)
MOVE_128(movu, x64i_load_xmm, x64i_store_xmm)

/* Puts `value` into lane `lane` of the destination, of 32 or 64 bits. */
static enum x64i_result set_lane(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned bits,
                                 unsigned lane, uint64_t value)
{
    union x64i_xmm d = x64i_xmm(cpu, op->destination);
    if (bits == 32)
        d.d[lane] = (uint32_t)value;
    else
        d.q[lane] = value;
    x64i_set_xmm(cpu, op->destination, &d);
    return X64I_DONE;
}

/* Puts `value` into the low bits and clears the rest. */
static enum x64i_result set_low(struct x64i_cpu *cpu, const struct x64i_op *op, uint64_t value)
{
    union x64i_xmm d = {.q = {value, 0}};
    x64i_set_xmm(cpu, op->destination, &d);
    return X64I_DONE;
}

static enum x64i_result load_scalar(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned bits,
                                    uint64_t *value)
{
    if (x64i_check_sse(cpu) != X64I_DONE)
        return X64I_FAULT;
    return x64i_load(cpu, op->segment, x64i_effective(cpu, op), bits / 8, value);
}

static enum x64i_result store_scalar(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned bits,
                                     unsigned lane)
{
    if (x64i_check_sse(cpu) != X64I_DONE)
        return X64I_FAULT;
    uint64_t value = cpu->s.vector[op->source].lane[lane];
    return x64i_store(cpu, op->segment, x64i_effective(cpu, op), bits / 8, value);
}

/* MOVSS, MOVSD: between registers the rest of the destination stays, from memory it is cleared. */
#define MOVE_SCALAR(name, bits)                                               \
    X64I_HANDLER(name##_xx)                                                   \
    {                                                                         \
        if (x64i_check_sse(cpu) != X64I_DONE)                                 \
            return X64I_FAULT;                                                \
        return set_lane(cpu, op, bits, 0, cpu->s.vector[op->source].lane[0]); \
    }                                                                         \
    X64I_HANDLER(name##_xm)                                                   \
    {                                                                         \
        uint64_t value;                                                       \
        if (load_scalar(cpu, op, bits, &value) != X64I_DONE)                  \
            return X64I_FAULT;                                                \
        return set_low(cpu, op, value);                                       \
    }                                                                         \
    X64I_HANDLER(name##_mx)                                                   \
    {                                                                         \
        return store_scalar(cpu, op, bits, 0);                                \
    }

MOVE_SCALAR(movss, 32)
MOVE_SCALAR(movsd_xmm, 64)

/* MOVLPS, MOVLPD, MOVHPS, MOVHPD: one half. */
#define MOVE_HALF(name, lane)                              \
    X64I_HANDLER(name##_xm)                                \
    {                                                      \
        uint64_t value;                                    \
        if (load_scalar(cpu, op, 64, &value) != X64I_DONE) \
            return X64I_FAULT;                             \
        return set_lane(cpu, op, 64, lane, value);         \
    }                                                      \
    X64I_HANDLER(name##_mx)                                \
    {                                                      \
        return store_scalar(cpu, op, 64, lane);            \
    }

MOVE_HALF(movlp, 0)
MOVE_HALF(movhp, 1)

X64I_HANDLER(movlhps_xx)
{
    if (x64i_check_sse(cpu) != X64I_DONE)
        return X64I_FAULT;
    return set_lane(cpu, op, 64, 1, cpu->s.vector[op->source].lane[0]);
}

X64I_HANDLER(movhlps_xx)
{
    if (x64i_check_sse(cpu) != X64I_DONE)
        return X64I_FAULT;
    return set_lane(cpu, op, 64, 0, cpu->s.vector[op->source].lane[1]);
}

/* MOVD and MOVQ; to a register of 32 bits the upper half is cleared as ever. */
#define MOVE_GENERAL(name, bits)                                                      \
    X64I_HANDLER(name##_xr)                                                           \
    {                                                                                 \
        if (x64i_check_sse(cpu) != X64I_DONE)                                         \
            return X64I_FAULT;                                                        \
        return set_low(cpu, op, x64i_gpr(cpu, op->source, bits));                     \
    }                                                                                 \
    X64I_HANDLER(name##_xm)                                                           \
    {                                                                                 \
        uint64_t value;                                                               \
        if (load_scalar(cpu, op, bits, &value) != X64I_DONE)                          \
            return X64I_FAULT;                                                        \
        return set_low(cpu, op, value);                                               \
    }                                                                                 \
    X64I_HANDLER(name##_rx)                                                           \
    {                                                                                 \
        if (x64i_check_sse(cpu) != X64I_DONE)                                         \
            return X64I_FAULT;                                                        \
        x64i_set_gpr(cpu, op->destination, cpu->s.vector[op->source].lane[0], bits);  \
        return X64I_DONE;                                                             \
    }                                                                                 \
    X64I_HANDLER(name##_mx)                                                           \
    {                                                                                 \
        return store_scalar(cpu, op, bits, 0);                                        \
    }                                                                                 \
    X64I_HANDLER(name##_xx)                                                           \
    {                                                                                 \
        if (x64i_check_sse(cpu) != X64I_DONE)                                         \
            return X64I_FAULT;                                                        \
        return set_low(cpu, op, cpu->s.vector[op->source].lane[0] & x64i_mask(bits)); \
    }

MOVE_GENERAL(movd, 32)
MOVE_GENERAL(movq, 64)

/* MOVNTI: a store; the cache hint has no meaning here. */
#define MOVE_NONTEMPORAL(W)                                                 \
    X64I_HANDLER(movnti_##W)                                                \
    {                                                                       \
        return x64i_store(cpu, op->segment, x64i_effective(cpu, op), W / 8, \
                          x64i_gpr(cpu, op->source, W));                    \
    }

MOVE_NONTEMPORAL(32)
MOVE_NONTEMPORAL(64)

/* MASKMOVDQU: bytes whose mask byte has its top bit set, to DS:RDI. With an empty mask nothing is
 * touched and nothing faults, which the SDM leaves to the implementation. */
X64I_HANDLER(maskmovdqu_xx)
{
    if (x64i_check_sse(cpu) != X64I_DONE)
        return X64I_FAULT;
    union x64i_xmm data = x64i_xmm(cpu, op->destination);
    union x64i_xmm mask = x64i_xmm(cpu, op->source);
    uint64_t offset = cpu->s.gpr[X64_RDI] & x64i_mask(x64i_address_width(op));
    struct x64i_target targets[16];
    for (unsigned i = 0; i < 16; i++)
        if ((mask.b[i] & 0x80) &&
            x64i_probe(cpu, op->segment, offset + i, 1, &targets[i]) != X64I_DONE)
            return X64I_FAULT;
    for (unsigned i = 0; i < 16; i++)
        if (mask.b[i] & 0x80)
            x64i_commit(cpu, &targets[i], data.b[i]);
    return X64I_DONE;
}

X64I_HANDLER(movmskps_rx)
{
    if (x64i_check_sse(cpu) != X64I_DONE)
        return X64I_FAULT;
    union x64i_xmm s = x64i_xmm(cpu, op->source);
    uint32_t mask = 0;
    for (unsigned i = 0; i < 4; i++)
        mask |= s.d[i] >> 31 << i;
    x64i_set_gpr(cpu, op->destination, mask, 32);
    return X64I_DONE;
}

X64I_HANDLER(movmskpd_rx)
{
    if (x64i_check_sse(cpu) != X64I_DONE)
        return X64I_FAULT;
    union x64i_xmm s = x64i_xmm(cpu, op->source);
    x64i_set_gpr(cpu, op->destination, s.q[0] >> 63 | s.q[1] >> 63 << 1, 32);
    return X64I_DONE;
}

X64I_XMM_BODY_I(shufps)
{
    union x64i_xmm old = *d;
    d->d[0] = old.d[immediate & 3];
    d->d[1] = old.d[immediate >> 2 & 3];
    d->d[2] = s->d[immediate >> 4 & 3];
    d->d[3] = s->d[immediate >> 6 & 3];
}
X64I_INSTANCES_XMM2_I(shufps)

X64I_XMM_BODY_I(shufpd)
{
    d->q[0] = d->q[immediate & 1];
    d->q[1] = s->q[immediate >> 1 & 1];
}
X64I_INSTANCES_XMM2_I(shufpd)
