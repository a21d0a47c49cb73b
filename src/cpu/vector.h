/* SPDX-License-Identifier: MIT */
/*
 * What the vector instructions share: lanes, the checks before every instruction, memory operands,
 * and the handlers made of one body. A body works on one 128-bit lane, d := f(d, s), and serves the
 * legacy SSE form (destructive, upper lanes kept) and the VEX forms of 128 and 256 bits (three
 * operands, upper lanes cleared) alike.
 *
 *     X64I_XMM_BODY(paddq)
 *     {
 *         d->q[0] += s->q[0];
 *         d->q[1] += s->q[1];
 *     }
 *     X64I_INSTANCES_PACKED(paddq)     paddq_xx paddq_xm vpaddq_xxx vpaddq_xxm vpaddq_yyy
 * vpaddq_yym
 */
#ifndef X64I_CPU_VECTOR_H
#define X64I_CPU_VECTOR_H

#include "cpu/sem.h"

#define X64I_XCR0_SSE_AVX 6ull

/* A 128-bit lane by elements of each size. */
union x64i_xmm {
    uint8_t b[16];
    uint16_t w[8];
    uint32_t d[4];
    uint64_t q[2];
};

/* A whole operand by lanes: an XMM register has one, a YMM register two. */
struct x64i_wide {
    union x64i_xmm lane[2];
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

/* VEX forms: #UD unless the system enables the state in XCR0, #NM while CR0.TS is set (SDM vol. 2A,
 * tables 2-21 and 2-22). CR0.EM and CR4.OSFXSR do not matter. */
X64I_INLINE enum x64i_result x64i_check_avx(struct x64i_cpu *cpu)
{
    if (!(cpu->s.cr4 & X64I_CR4_OSXSAVE) || (cpu->s.xcr0 & X64I_XCR0_SSE_AVX) != X64I_XCR0_SSE_AVX)
        return x64i_raise(cpu, X64_FAULT_UD);
    if (cpu->s.cr0 & X64I_CR0_TS)
        return x64i_raise(cpu, X64_FAULT_NM);
    return X64I_DONE;
}

X64I_INLINE union x64i_xmm x64i_xmm(const struct x64i_cpu *cpu, unsigned reg)
{
    return (union x64i_xmm){.q = {cpu->s.vector[reg].lane[0], cpu->s.vector[reg].lane[1]}};
}

/* Reads the first `lanes` lanes; the rest of `value` reads as zero. */
X64I_INLINE void x64i_get_wide(const struct x64i_cpu *cpu, unsigned reg, struct x64i_wide *value,
                               unsigned lanes)
{
    const uint64_t *lane = cpu->s.vector[reg].lane;
    value->lane[0] = (union x64i_xmm){.q = {lane[0], lane[1]}};
    if (lanes > 1)
        value->lane[1] = (union x64i_xmm){.q = {lane[2], lane[3]}};
    else
        value->lane[1] = (union x64i_xmm){.q = {0, 0}};
}

X64I_INLINE void x64i_note_vector(struct x64i_cpu *cpu, unsigned reg, unsigned size, uint64_t value)
{
    if (cpu->effects)
        x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_VECTOR,
                                                           .size = (uint8_t)size,
                                                           .index = reg,
                                                           .old = cpu->s.vector[reg].lane[0],
                                                           .value = value});
}

/* Replaces the low 128 bits; legacy SSE leaves the rest of the register alone. */
X64I_INLINE void x64i_set_xmm(struct x64i_cpu *cpu, unsigned reg, const union x64i_xmm *value)
{
    uint64_t *lane = cpu->s.vector[reg].lane;
    x64i_note_vector(cpu, reg, 16, value->q[0]);
    lane[0] = value->q[0];
    lane[1] = value->q[1];
}

/* Replaces the first `lanes` lanes and clears those above: VEX (SDM vol. 1, 14.1.1). */
X64I_INLINE void x64i_set_wide(struct x64i_cpu *cpu, unsigned reg, const struct x64i_wide *value,
                               unsigned lanes)
{
    uint64_t *lane = cpu->s.vector[reg].lane;
    x64i_note_vector(cpu, reg, 16 * lanes, value->lane[0].q[0]);
    lane[0] = value->lane[0].q[0];
    lane[1] = value->lane[0].q[1];
    lane[2] = lanes > 1 ? value->lane[1].q[0] : 0;
    lane[3] = lanes > 1 ? value->lane[1].q[1] : 0;
    for (unsigned i = 4; i < 8; i++)
        lane[i] = 0;
}

X64I_INLINE void x64i_set_wide_xmm(struct x64i_cpu *cpu, unsigned reg, union x64i_xmm value)
{
    struct x64i_wide wide = {.lane = {value}};
    x64i_set_wide(cpu, reg, &wide, 1);
}

/* Loads 16 bytes. */
enum x64i_result x64i_load_xmm(struct x64i_cpu *cpu, const struct x64i_op *op,
                               union x64i_xmm *value);

/* AMD's bit that lets aligned operands be misaligned (APM vol. 1, 4.2.2). */
#define X64I_MXCSR_MM (1u << 17)

/* The same from an address that must be a multiple of 16: else #GP(0) (SDM vol. 1, 10.2.2). */
enum x64i_result x64i_load_xmm_aligned(struct x64i_cpu *cpu, const struct x64i_op *op,
                                       union x64i_xmm *value);

/* The check alone, of a memory operand of `size` bytes; `access` is X64I_ACCESS_READ or _WRITE. */
enum x64i_result x64i_check_aligned(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned size,
                                    unsigned access);

/* A scalar or part of a register; the rest is cleared, alignment is free. */
enum x64i_result x64i_load_2(struct x64i_cpu *cpu, const struct x64i_op *op, union x64i_xmm *value);
enum x64i_result x64i_load_4(struct x64i_cpu *cpu, const struct x64i_op *op, union x64i_xmm *value);
enum x64i_result x64i_load_8(struct x64i_cpu *cpu, const struct x64i_op *op, union x64i_xmm *value);

/* `lanes` whole lanes; the aligned one wants a multiple of their size. */
enum x64i_result x64i_load_wide(struct x64i_cpu *cpu, const struct x64i_op *op,
                                struct x64i_wide *value, unsigned lanes);
enum x64i_result x64i_load_wide_aligned(struct x64i_cpu *cpu, const struct x64i_op *op,
                                        struct x64i_wide *value, unsigned lanes);
enum x64i_result x64i_store_wide(struct x64i_cpu *cpu, const struct x64i_op *op,
                                 const struct x64i_wide *value, unsigned lanes);
enum x64i_result x64i_store_wide_aligned(struct x64i_cpu *cpu, const struct x64i_op *op,
                                         const struct x64i_wide *value, unsigned lanes);

/* VEX's memory operand of 128 bits, as a lane. */
X64I_INLINE enum x64i_result x64i_load_wide_xmm(struct x64i_cpu *cpu, const struct x64i_op *op,
                                                struct x64i_wide *value)
{
    return x64i_load_xmm(cpu, op, &value->lane[0]);
}

#define X64I_XMM_BODY(name) X64I_INLINE void name##_body(union x64i_xmm *d, const union x64i_xmm *s)

/* With an immediate byte. */
#define X64I_XMM_BODY_I(name) \
    X64I_INLINE void name##_body(union x64i_xmm *d, const union x64i_xmm *s, unsigned immediate)

/* Where the source comes from. */
#define X64I_SOURCE_XMM     (s = x64i_xmm(cpu, op->source), X64I_DONE)
#define X64I_SOURCE_WIDE(L) (x64i_get_wide(cpu, op->source, &s, L), X64I_DONE)
#define X64I_THIRD_WIDE(L)  (x64i_get_wide(cpu, op->third, &s, L), X64I_DONE)
#define X64I_IMMEDIATE      ((unsigned)op->immediate & 0xff)

/* Legacy SSE. */
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

#define X64I_INSTANCES_LEGACY_FROM(name, load)           \
    X64I_XMM2_HANDLER(name, xx, X64I_SOURCE_XMM, &d, &s) \
    X64I_XMM2_HANDLER(name, xm, load(cpu, op, &s), &d, &s)
#define X64I_INSTANCES_LEGACY_I_FROM(name, load)                         \
    X64I_XMM2_HANDLER(name, xx, X64I_SOURCE_XMM, &d, &s, X64I_IMMEDIATE) \
    X64I_XMM2_HANDLER(name, xm, load(cpu, op, &s), &d, &s, X64I_IMMEDIATE)
#define X64I_INSTANCES_LEGACY(name)   X64I_INSTANCES_LEGACY_FROM(name, x64i_load_xmm_aligned)
#define X64I_INSTANCES_LEGACY_I(name) X64I_INSTANCES_LEGACY_I_FROM(name, x64i_load_xmm_aligned)

/* VEX: `first` names the operand that the body finds in d. */
#define X64I_WIDE_HANDLER(name, suffix, L, first, fetch, ...)         \
    X64I_HANDLER(v##name##_##suffix)                                  \
    {                                                                 \
        struct x64i_wide d, s;                                        \
        if (x64i_check_avx(cpu) != X64I_DONE || (fetch) != X64I_DONE) \
            return X64I_FAULT;                                        \
        x64i_get_wide(cpu, op->first, &d, L);                         \
        for (unsigned i = 0; i < (L); i++)                            \
            name##_body(&d.lane[i], &s.lane[i] __VA_ARGS__);          \
        x64i_set_wide(cpu, op->destination, &d, L);                   \
        return X64I_DONE;                                             \
    }

/* Three operands: destination := f(source, third). */
#define X64I_INSTANCES_VEX3_X_FROM(name, load)                    \
    X64I_WIDE_HANDLER(name, xxx, 1, source, X64I_THIRD_WIDE(1), ) \
    X64I_WIDE_HANDLER(name, xxm, 1, source, load(cpu, op, &s.lane[0]), )
#define X64I_INSTANCES_VEX3_X(name) X64I_INSTANCES_VEX3_X_FROM(name, x64i_load_xmm)
#define X64I_INSTANCES_VEX3_Y(name)                               \
    X64I_WIDE_HANDLER(name, yyy, 2, source, X64I_THIRD_WIDE(2), ) \
    X64I_WIDE_HANDLER(name, yym, 2, source, x64i_load_wide(cpu, op, &s, 2), )
#define X64I_INSTANCES_PACKED(name) \
    X64I_INSTANCES_LEGACY(name)     \
    X64I_INSTANCES_VEX3_X(name)     \
    X64I_INSTANCES_VEX3_Y(name)

/* With an immediate, of which the second lane sees the bits from `shift` on. */
#define X64I_LANE_IMMEDIATE(shift) , X64I_IMMEDIATE >> i *(shift)
#define X64I_INSTANCES_VEX3_I_X(name, load)                                             \
    X64I_WIDE_HANDLER(name, xxx, 1, source, X64I_THIRD_WIDE(1), X64I_LANE_IMMEDIATE(0)) \
    X64I_WIDE_HANDLER(name, xxm, 1, source, load(cpu, op, &s.lane[0]), X64I_LANE_IMMEDIATE(0))
#define X64I_INSTANCES_VEX3_I_Y(name, shift)                                                \
    X64I_WIDE_HANDLER(name, yyy, 2, source, X64I_THIRD_WIDE(2), X64I_LANE_IMMEDIATE(shift)) \
    X64I_WIDE_HANDLER(name, yym, 2, source, x64i_load_wide(cpu, op, &s, 2),                 \
                      X64I_LANE_IMMEDIATE(shift))
#define X64I_INSTANCES_PACKED_I(name, shift)     \
    X64I_INSTANCES_LEGACY_I(name)                \
    X64I_INSTANCES_VEX3_I_X(name, x64i_load_xmm) \
    X64I_INSTANCES_VEX3_I_Y(name, shift)

/* Two operands: destination := f(source). The body must not look at d. */
#define X64I_INSTANCES_VEX2_X_FROM(name, load)                         \
    X64I_WIDE_HANDLER(name, xx, 1, destination, X64I_SOURCE_WIDE(1), ) \
    X64I_WIDE_HANDLER(name, xm, 1, destination, load(cpu, op, &s.lane[0]), )
#define X64I_INSTANCES_VEX2_X(name) X64I_INSTANCES_VEX2_X_FROM(name, x64i_load_xmm)
#define X64I_INSTANCES_VEX2_Y(name)                                    \
    X64I_WIDE_HANDLER(name, yy, 2, destination, X64I_SOURCE_WIDE(2), ) \
    X64I_WIDE_HANDLER(name, ym, 2, destination, x64i_load_wide(cpu, op, &s, 2), )
#define X64I_INSTANCES_PACKED1(name) \
    X64I_INSTANCES_LEGACY(name)      \
    X64I_INSTANCES_VEX2_X(name)      \
    X64I_INSTANCES_VEX2_Y(name)

#define X64I_INSTANCES_VEX2_I_X(name)                                                        \
    X64I_WIDE_HANDLER(name, xx, 1, destination, X64I_SOURCE_WIDE(1), X64I_LANE_IMMEDIATE(0)) \
    X64I_WIDE_HANDLER(name, xm, 1, destination, x64i_load_wide_xmm(cpu, op, &s),             \
                      X64I_LANE_IMMEDIATE(0))
#define X64I_INSTANCES_VEX2_I_Y(name, shift)                                                     \
    X64I_WIDE_HANDLER(name, yy, 2, destination, X64I_SOURCE_WIDE(2), X64I_LANE_IMMEDIATE(shift)) \
    X64I_WIDE_HANDLER(name, ym, 2, destination, x64i_load_wide(cpu, op, &s, 2),                  \
                      X64I_LANE_IMMEDIATE(shift))
#define X64I_INSTANCES_PACKED1_I(name, shift) \
    X64I_INSTANCES_LEGACY_I(name)             \
    X64I_INSTANCES_VEX2_I_X(name)             \
    X64I_INSTANCES_VEX2_I_Y(name, shift)

#endif
