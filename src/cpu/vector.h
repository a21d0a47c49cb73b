/* SPDX-License-Identifier: MIT */
/*
 * What the vector instructions share: lanes, the checks before every SSE instruction, aligned
 * memory operands, and handlers made of a body.
 *
 *     X64I_XMM_BODY(paddq)                     void paddq(d, s): d := f(d, s), 128 bits
 *     {
 *         d->q[0] += s->q[0];
 *         d->q[1] += s->q[1];
 *     }
 *     X64I_INSTANCES_XMM2(paddq)
 */
#ifndef X64I_CPU_VECTOR_H
#define X64I_CPU_VECTOR_H

#include "cpu/sem.h"

/* An XMM register by lanes of each size. */
union x64i_xmm {
    uint8_t b[16];
    uint16_t w[8];
    uint32_t d[4];
    uint64_t q[2];
};

/* #UD while CR0.EM is set or CR4.OSFXSR clear, #NM while CR0.TS is set (SDM vol. 2A, table 2-21).
 */
X64I_INLINE enum x64i_result x64i_check_sse(struct x64i_cpu *cpu)
{
    if ((cpu->s.cr0 & X64I_CR0_EM) || !(cpu->s.cr4 & X64I_CR4_OSFXSR))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (cpu->s.cr0 & X64I_CR0_TS)
        return x64i_raise(cpu, X64_FAULT_NM);
    return X64I_DONE;
}

X64I_INLINE union x64i_xmm x64i_xmm(const struct x64i_cpu *cpu, unsigned reg)
{
    return (union x64i_xmm){.q = {cpu->s.vector[reg].lane[0], cpu->s.vector[reg].lane[1]}};
}

/* Replaces the low 128 bits; legacy SSE leaves the rest of the register alone. */
X64I_INLINE void x64i_set_xmm(struct x64i_cpu *cpu, unsigned reg, const union x64i_xmm *value)
{
    uint64_t *lane = cpu->s.vector[reg].lane;
    if (cpu->effects)
        x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_VECTOR,
                                                           .size = 16,
                                                           .index = reg,
                                                           .old = lane[0],
                                                           .value = value->q[0]});
    lane[0] = value->q[0];
    lane[1] = value->q[1];
}

/* Loads 16 bytes. */
enum x64i_result x64i_load_xmm(struct x64i_cpu *cpu, const struct x64i_op *op,
                               union x64i_xmm *value);

/* AMD's bit that lets aligned operands be misaligned (APM vol. 2, 11.4.1). */
#define X64I_MXCSR_MM (1u << 17)

/* The same from an address that must be a multiple of 16: else #GP(0) (SDM vol. 1, 10.2.2). */
enum x64i_result x64i_load_xmm_aligned(struct x64i_cpu *cpu, const struct x64i_op *op,
                                       union x64i_xmm *value);

enum x64i_result x64i_store_xmm(struct x64i_cpu *cpu, const struct x64i_op *op,
                                const union x64i_xmm *value);
enum x64i_result x64i_store_xmm_aligned(struct x64i_cpu *cpu, const struct x64i_op *op,
                                        const union x64i_xmm *value);

#define X64I_XMM_BODY(name) X64I_INLINE void name##_body(union x64i_xmm *d, const union x64i_xmm *s)

/* With an immediate byte. */
#define X64I_XMM_BODY_I(name) \
    X64I_INLINE void name##_body(union x64i_xmm *d, const union x64i_xmm *s, unsigned immediate)

#define X64I_XMM2_HANDLER(name, suffix, fetch, ...)                   \
    X64I_HANDLER(name##_##suffix)                                     \
    {                                                                 \
        union x64i_xmm s;                                             \
        if (x64i_check_sse(cpu) != X64I_DONE || (fetch) != X64I_DONE) \
            return X64I_FAULT;                                        \
        union x64i_xmm d = x64i_xmm(cpu, op->destination);            \
        name##_body(__VA_ARGS__);                                     \
        x64i_set_xmm(cpu, op->destination, &d);                       \
        return X64I_DONE;                                             \
    }

#define X64I_INSTANCES_XMM2(name)                                                   \
    X64I_XMM2_HANDLER(name, xx, (s = x64i_xmm(cpu, op->source), X64I_DONE), &d, &s) \
    X64I_XMM2_HANDLER(name, xm, x64i_load_xmm_aligned(cpu, op, &s), &d, &s)

#define X64I_INSTANCES_XMM2_I(name)                                                 \
    X64I_XMM2_HANDLER(name, xx, (s = x64i_xmm(cpu, op->source), X64I_DONE), &d, &s, \
                      (unsigned)op->immediate & 0xff)                               \
    X64I_XMM2_HANDLER(name, xm, x64i_load_xmm_aligned(cpu, op, &s), &d, &s,         \
                      (unsigned)op->immediate & 0xff)

#endif
