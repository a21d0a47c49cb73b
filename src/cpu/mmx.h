/* SPDX-License-Identifier: MIT */
/*
 * What the MMX instructions share (SDM vol. 1, chapter 9): MM0 to MM7 are the significands of the
 * physical x87 registers; using one resets TOP and marks every register as in use.
 *
 *     X64I_MMX_BODY(paddq)                     void paddq(d, s): d := f(d, s), 64 bits
 *     {
 *         d->q += s->q;
 *     }
 *     X64I_INSTANCES_MMX2(paddq)
 */
#ifndef X64I_CPU_MMX_H
#define X64I_CPU_MMX_H

#include "cpu/x87.h"

union x64i_mmx {
    uint8_t b[8];
    uint16_t w[4];
    uint32_t d[2];
    uint64_t q;
};

/* #UD while CR0.EM is set, #NM while CR0.TS is, #MF while an x87 exception waits (SDM vol. 3A,
 * table 12-3). */
X64I_INLINE enum x64i_result x64i_check_mmx(struct x64i_cpu *cpu)
{
    if (cpu->s.cr0 & X64I_CR0_EM)
        return x64i_raise(cpu, X64_FAULT_UD);
    return x64i_x87_begin(cpu);
}

X64I_INLINE union x64i_mmx x64i_mmx(const struct x64i_cpu *cpu, unsigned reg)
{
    return (union x64i_mmx){.q = cpu->s.fpu[reg].significand};
}

/* What every MMX instruction but EMMS does, whether it writes a register or not. */
X64I_INLINE void x64i_enter_mmx(struct x64i_cpu *cpu)
{
    cpu->s.fpu_status &= (uint16_t)~X64I_X87_TOP;
    cpu->s.fpu_tag = 0;
}

X64I_INLINE void x64i_set_mmx(struct x64i_cpu *cpu, unsigned reg, uint64_t value)
{
    x64i_enter_mmx(cpu);
    x64i_x87_fill(cpu, reg, (struct x64i_extended){value, 0xffff});
}

#define X64I_MMX_BODY(name) X64I_INLINE void name##_body(union x64i_mmx *d, const union x64i_mmx *s)
#define X64I_MMX_BODY_I(name) \
    X64I_INLINE void name##_body(union x64i_mmx *d, const union x64i_mmx *s, unsigned immediate)

/* A memory operand has 64 bits, or 32 where the instruction uses no more. */
#define X64I_MMX2_AT(name, size, ...)                                                      \
    X64I_HANDLER(name##_qq)                                                                \
    {                                                                                      \
        if (x64i_check_mmx(cpu) != X64I_DONE)                                              \
            return X64I_FAULT;                                                             \
        union x64i_mmx s = x64i_mmx(cpu, op->source);                                      \
        union x64i_mmx d = x64i_mmx(cpu, op->destination);                                 \
        name##_body(__VA_ARGS__);                                                          \
        x64i_set_mmx(cpu, op->destination, d.q);                                           \
        return X64I_DONE;                                                                  \
    }                                                                                      \
    X64I_HANDLER(name##_qm)                                                                \
    {                                                                                      \
        union x64i_mmx s;                                                                  \
        if (x64i_check_mmx(cpu) != X64I_DONE ||                                            \
            x64i_load(cpu, op->segment, x64i_effective(cpu, op), size, &s.q) != X64I_DONE) \
            return X64I_FAULT;                                                             \
        union x64i_mmx d = x64i_mmx(cpu, op->destination);                                 \
        name##_body(__VA_ARGS__);                                                          \
        x64i_set_mmx(cpu, op->destination, d.q);                                           \
        return X64I_DONE;                                                                  \
    }

#define X64I_INSTANCES_MMX2(name)   X64I_MMX2_AT(name, 8, &d, &s)
#define X64I_INSTANCES_MMX2_I(name) X64I_MMX2_AT(name, 8, &d, &s, (unsigned)op->immediate & 0xff)

#endif
