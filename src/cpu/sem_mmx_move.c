/* SPDX-License-Identifier: MIT */
/* MMX moves, and the ways between MMX, XMM and general registers (SDM vol. 2). */
#include "cpu/mmx.h"
#include "cpu/vector.h"

/* MOVD and MOVQ: the operand beside the MMX register has `bits` bits. */
#define MOVE(name, bits)                                                                           \
    X64I_HANDLER(name##_qr)                                                                        \
    {                                                                                              \
        if (x64i_check_mmx(cpu) != X64I_DONE)                                                      \
            return X64I_FAULT;                                                                     \
        x64i_set_mmx(cpu, op->destination, x64i_gpr(cpu, op->source, bits));                       \
        return X64I_DONE;                                                                          \
    }                                                                                              \
    X64I_HANDLER(name##_qm)                                                                        \
    {                                                                                              \
        uint64_t value;                                                                            \
        if (x64i_check_mmx(cpu) != X64I_DONE ||                                                    \
            x64i_load(cpu, op->segment, x64i_effective(cpu, op), (bits) / 8, &value) != X64I_DONE) \
            return X64I_FAULT;                                                                     \
        x64i_set_mmx(cpu, op->destination, value);                                                 \
        return X64I_DONE;                                                                          \
    }                                                                                              \
    X64I_HANDLER(name##_rq)                                                                        \
    {                                                                                              \
        if (x64i_check_mmx(cpu) != X64I_DONE)                                                      \
            return X64I_FAULT;                                                                     \
        x64i_enter_mmx(cpu);                                                                       \
        x64i_set_gpr(cpu, op->destination, x64i_mmx(cpu, op->source).q &x64i_mask(bits), bits);    \
        return X64I_DONE;                                                                          \
    }                                                                                              \
    X64I_HANDLER(name##_mq)                                                                        \
    {                                                                                              \
        return store(cpu, op, (bits) / 8);                                                         \
    }

static enum x64i_result store(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned size)
{
    struct x64i_target target;
    if (x64i_check_mmx(cpu) != X64I_DONE ||
        x64i_probe(cpu, op->segment, x64i_effective(cpu, op), size, &target) != X64I_DONE)
        return X64I_FAULT;
    x64i_enter_mmx(cpu);
    x64i_commit(cpu, &target, x64i_mmx(cpu, op->source).q & x64i_mask(size * 8));
    return X64I_DONE;
}

MOVE(movd_mmx, 32)
MOVE(movq_mmx, 64)

X64I_HANDLER(movq_mmx_qq)
{
    if (x64i_check_mmx(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_mmx(cpu, op->destination, x64i_mmx(cpu, op->source).q);
    return X64I_DONE;
}

X64I_HANDLER(movntq_mq)
{
    return store(cpu, op, 8);
}

X64I_HANDLER(emms)
{
    (void)op;
    if (x64i_check_mmx(cpu) != X64I_DONE)
        return X64I_FAULT;
    cpu->s.fpu_status &= (uint16_t)~X64I_X87_TOP;
    cpu->s.fpu_tag = 0xffff;
    return X64I_DONE;
}

X64I_HANDLER(movq2dq_xq)
{
    if (x64i_check_sse(cpu) != X64I_DONE || x64i_check_mmx(cpu) != X64I_DONE)
        return X64I_FAULT;
    union x64i_xmm value = {.q = {x64i_mmx(cpu, op->source).q, 0}};
    x64i_enter_mmx(cpu);
    x64i_set_xmm(cpu, op->destination, &value);
    return X64I_DONE;
}

X64I_HANDLER(movdq2q_qx)
{
    if (x64i_check_sse(cpu) != X64I_DONE || x64i_check_mmx(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_mmx(cpu, op->destination, x64i_xmm(cpu, op->source).q[0]);
    return X64I_DONE;
}

X64I_HANDLER(pmovmskb_rq)
{
    if (x64i_check_mmx(cpu) != X64I_DONE)
        return X64I_FAULT;
    union x64i_mmx s = x64i_mmx(cpu, op->source);
    uint32_t mask = 0;
    for (unsigned i = 0; i < 8; i++)
        mask |= (uint32_t)(s.b[i] >> 7) << i;
    x64i_enter_mmx(cpu);
    x64i_set_gpr(cpu, op->destination, mask, 32);
    return X64I_DONE;
}

X64I_HANDLER(pextrw_rq)
{
    if (x64i_check_mmx(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_enter_mmx(cpu);
    x64i_set_gpr(cpu, op->destination, x64i_mmx(cpu, op->source).w[op->immediate & 3], 32);
    return X64I_DONE;
}

static void insert_word(struct x64i_cpu *cpu, const struct x64i_op *op, uint64_t word)
{
    union x64i_mmx d = x64i_mmx(cpu, op->destination);
    d.w[op->immediate & 3] = (uint16_t)word;
    x64i_set_mmx(cpu, op->destination, d.q);
}

X64I_HANDLER(pinsrw_qr)
{
    if (x64i_check_mmx(cpu) != X64I_DONE)
        return X64I_FAULT;
    insert_word(cpu, op, x64i_gpr(cpu, op->source, 16));
    return X64I_DONE;
}

X64I_HANDLER(pinsrw_qm)
{
    uint64_t word;
    if (x64i_check_mmx(cpu) != X64I_DONE ||
        x64i_load(cpu, op->segment, x64i_effective(cpu, op), 2, &word) != X64I_DONE)
        return X64I_FAULT;
    insert_word(cpu, op, word);
    return X64I_DONE;
}

/* MASKMOVQ: bytes whose mask byte has its top bit set, to DS:RDI; as MASKMOVDQU. */
X64I_HANDLER(maskmovq_qq)
{
    if (x64i_check_mmx(cpu) != X64I_DONE)
        return X64I_FAULT;
    union x64i_mmx data = x64i_mmx(cpu, op->destination);
    union x64i_mmx mask = x64i_mmx(cpu, op->source);
    uint64_t offset = cpu->s.gpr[X64_RDI] & x64i_mask(x64i_address_width(op));
    struct x64i_target targets[8];
    if (cpu->model->behaviour.masked_stores_check_all) {
        x64i_enter_mmx(cpu); /* even if it faults */
        if (x64i_probe(cpu, op->segment, offset, 8, &targets[0]) != X64I_DONE)
            return X64I_FAULT;
    }
    for (unsigned i = 0; i < 8; i++)
        if ((mask.b[i] & 0x80) &&
            x64i_probe(cpu, op->segment, offset + i, 1, &targets[i]) != X64I_DONE)
            return X64I_FAULT;
    x64i_enter_mmx(cpu);
    for (unsigned i = 0; i < 8; i++)
        if (mask.b[i] & 0x80)
            x64i_commit(cpu, &targets[i], data.b[i]);
    return X64I_DONE;
}
