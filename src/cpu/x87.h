/* SPDX-License-Identifier: MIT */
/*
 * What the x87 instructions share (SDM vol. 1, chapter 8): the register stack, the checks before
 * and the exceptions behind an instruction.
 *
 *     struct x64i_float_control control;
 *     if (x64i_x87_begin(cpu) != X64I_DONE)                #NM, #MF
 *         return X64I_FAULT;
 *     control = x64i_x87_control(cpu);
 *     struct x64i_float root = x64i_float_sqrt(&control, &x64i_extended80, x64i_x87_get(cpu, 0));
 *     if (x64i_x87_finish(cpu, op, &control))              false: unmasked, there is no result
 *         x64i_x87_set(cpu, 0, root);
 *
 * An exception that is not masked waits in the status word for the next instruction that begins.
 * A register's tag is 3 when it is empty, else 0: FNSTENV looks at the contents for the rest.
 */
#ifndef X64I_CPU_X87_H
#define X64I_CPU_X87_H

#include "cpu/sem.h"
#include "cpu/softfloat.h"

/* The status word. */
#define X64I_X87_EXCEPTIONS  0x003fu
#define X64I_X87_STACK_FAULT 0x0040u
#define X64I_X87_SUMMARY     0x8080u /* ES and B */
#define X64I_X87_C0          0x0100u
#define X64I_X87_C1          0x0200u
#define X64I_X87_C2          0x0400u
#define X64I_X87_C3          0x4000u
#define X64I_X87_TOP         0x3800u

#define X64I_X87_CONTROL_RESET   0x037fu
#define X64I_X87_CONTROL_DEFINED 0x1f3fu
#define X64I_X87_CONTROL_ONE     0x0040u /* bit 6 always reads as 1 */

/* A register's bits. */
struct x64i_extended {
    uint64_t significand;
    uint16_t sign_exponent;
};

/* #NM while CR0.EM or CR0.TS is set (SDM vol. 2A, table 2-21). All that FNxxx instructions check.
 */
X64I_INLINE enum x64i_result x64i_x87_check(struct x64i_cpu *cpu)
{
    if (cpu->s.cr0 & (X64I_CR0_EM | X64I_CR0_TS))
        return x64i_raise(cpu, X64_FAULT_NM);
    return X64I_DONE;
}

/* Besides #MF when an exception waits. With CR0.NE clear it would be left to external hardware,
 * which is not there: then it is ignored, as while IGNNE# is asserted. */
X64I_INLINE enum x64i_result x64i_x87_begin(struct x64i_cpu *cpu)
{
    if (x64i_x87_check(cpu) != X64I_DONE)
        return X64I_FAULT;
    if ((cpu->s.fpu_status & X64I_X87_SUMMARY) && (cpu->s.cr0 & X64I_CR0_NE))
        return x64i_raise(cpu, X64_FAULT_MF);
    return X64I_DONE;
}

X64I_INLINE unsigned x64i_x87_top(const struct x64i_cpu *cpu)
{
    return cpu->s.fpu_status >> 11 & 7;
}

/* The physical register of ST(i). */
X64I_INLINE unsigned x64i_x87_register(const struct x64i_cpu *cpu, unsigned i)
{
    return (x64i_x87_top(cpu) + i) & 7;
}

X64I_INLINE bool x64i_x87_is_empty(const struct x64i_cpu *cpu, unsigned i)
{
    return (cpu->s.fpu_tag >> 2 * x64i_x87_register(cpu, i) & 3) == 3;
}

X64I_INLINE struct x64i_extended x64i_x87_bits(const struct x64i_cpu *cpu, unsigned i)
{
    unsigned reg = x64i_x87_register(cpu, i);
    return (struct x64i_extended){.significand = cpu->s.fpu[reg].significand,
                                  .sign_exponent = (uint16_t)cpu->s.fpu[reg].exponent_sign};
}

X64I_INLINE struct x64i_float x64i_x87_get(const struct x64i_cpu *cpu, unsigned i)
{
    struct x64i_extended bits = x64i_x87_bits(cpu, i);
    return x64i_extended_unpack(bits.significand, bits.sign_exponent);
}

/* Fills a physical register and marks it as not empty. */
X64I_INLINE void x64i_x87_fill(struct x64i_cpu *cpu, unsigned reg, struct x64i_extended value)
{
    if (cpu->effects)
        x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_X87,
                                                           .size = 10,
                                                           .index = reg,
                                                           .old = cpu->s.fpu[reg].significand,
                                                           .value = value.significand});
    cpu->s.fpu[reg].significand = value.significand;
    cpu->s.fpu[reg].exponent_sign = value.sign_exponent;
    cpu->s.fpu_tag &= (uint16_t) ~(3u << 2 * reg);
}

X64I_INLINE void x64i_x87_set_bits(struct x64i_cpu *cpu, unsigned i, struct x64i_extended value)
{
    x64i_x87_fill(cpu, x64i_x87_register(cpu, i), value);
}

X64I_INLINE void x64i_x87_set(struct x64i_cpu *cpu, unsigned i, struct x64i_float value)
{
    struct x64i_extended bits;
    x64i_extended_pack(value, &bits.significand, &bits.sign_exponent);
    x64i_x87_set_bits(cpu, i, bits);
}

X64I_INLINE void x64i_x87_set_empty(struct x64i_cpu *cpu, unsigned i)
{
    cpu->s.fpu_tag |= (uint16_t)(3u << 2 * x64i_x87_register(cpu, i));
}

/* Moves TOP by `by` modulo 8; tags stay. */
X64I_INLINE void x64i_x87_turn(struct x64i_cpu *cpu, unsigned by)
{
    unsigned top = (x64i_x87_top(cpu) + by) & 7;
    cpu->s.fpu_status = (uint16_t)((cpu->s.fpu_status & ~X64I_X87_TOP) | top << 11);
}

X64I_INLINE void x64i_x87_pop(struct x64i_cpu *cpu)
{
    x64i_x87_set_empty(cpu, 0);
    x64i_x87_turn(cpu, 1);
}

/* The control word as software arithmetic wants it. */
struct x64i_float_control x64i_x87_control(const struct x64i_cpu *cpu);

/* ES and B follow the exceptions that are not masked. */
void x64i_x87_update_summary(struct x64i_cpu *cpu);

/* Notes where the instruction and its operand are. */
void x64i_x87_note_pointers(struct x64i_cpu *cpu, const struct x64i_op *op);

/* Notes the exceptions of an operation, C1 and the pointers to instruction and operand. False when
 * one that is found before computing is not masked: then nothing is written, popped or pushed. */
bool x64i_x87_finish(struct x64i_cpu *cpu, const struct x64i_op *op,
                     const struct x64i_float_control *control);

/* The same for an operation that raised nothing. */
void x64i_x87_finish_exact(struct x64i_cpu *cpu, const struct x64i_op *op);

/* An empty register was read, or one that is not empty was about to be pushed over. True when the
 * exception is masked: the result is then the indefinite NaN. */
bool x64i_x87_underflow(struct x64i_cpu *cpu, const struct x64i_op *op);
bool x64i_x87_overflow(struct x64i_cpu *cpu, const struct x64i_op *op);

/* Sets C3, C2 and C0; C1 stays. */
void x64i_x87_set_codes(struct x64i_cpu *cpu, unsigned codes);

/* FNINIT's state. */
void x64i_x87_reset(struct x64i_cpu *cpu);

/* Pushes: the stack must have been checked. */
void x64i_x87_push(struct x64i_cpu *cpu, struct x64i_float value);
void x64i_x87_push_bits(struct x64i_cpu *cpu, struct x64i_extended value);

#endif
