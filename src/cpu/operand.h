/* SPDX-License-Identifier: MIT */
/*
 * Register operands and effective addresses. Every function takes the width in bits as its last
 * argument; handlers pass a constant, so that each instance is straight code. Writes name their
 * effect while somebody watches.
 */
#ifndef X64I_CPU_OPERAND_H
#define X64I_CPU_OPERAND_H

#include "cpu/access.h"
#include "cpu/bits.h"

X64I_INLINE uint64_t x64i_gpr(const struct x64i_cpu *cpu, unsigned reg, unsigned width)
{
    if (width == 8 && reg >= X64I_REGISTER_AH)
        return cpu->s.gpr[reg - X64I_REGISTER_AH] >> 8 & 0xff;
    return cpu->s.gpr[reg] & x64i_mask(width);
}

/* Stores a whole 64-bit register. */
X64I_INLINE void x64i_set_gpr64(struct x64i_cpu *cpu, unsigned reg, uint64_t value)
{
    if (cpu->effects)
        x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_REGISTER,
                                                           .size = 8,
                                                           .index = reg,
                                                           .old = cpu->s.gpr[reg],
                                                           .value = value});
    cpu->s.gpr[reg] = value;
}

/* Stores the low `width` bits: 32-bit writes clear the upper half, narrower ones keep the rest
 * (SDM vol. 1, 3.4.1.1). */
X64I_INLINE void x64i_set_gpr(struct x64i_cpu *cpu, unsigned reg, uint64_t value, unsigned width)
{
    if (width == 64) {
        x64i_set_gpr64(cpu, reg, value);
    } else if (width == 32) {
        x64i_set_gpr64(cpu, reg, value & 0xffffffffu);
    } else if (width == 16) {
        x64i_set_gpr64(cpu, reg, (cpu->s.gpr[reg] & ~0xffffull) | (value & 0xffff));
    } else if (reg >= X64I_REGISTER_AH) {
        reg -= X64I_REGISTER_AH;
        x64i_set_gpr64(cpu, reg, (cpu->s.gpr[reg] & ~0xff00ull) | (value & 0xff) << 8);
    } else {
        x64i_set_gpr64(cpu, reg, (cpu->s.gpr[reg] & ~0xffull) | (value & 0xff));
    }
}

/* The width of effective addresses in bits: 64, 32 or 16. */
X64I_INLINE unsigned x64i_address_width(const struct x64i_op *op)
{
    return op->flags & X64I_OP_ADDRESS_32 ? 32 : op->flags & X64I_OP_ADDRESS_16 ? 16 : 64;
}

/* The offset of the memory operand within its segment. */
X64I_INLINE uint64_t x64i_effective(const struct x64i_cpu *cpu, const struct x64i_op *op)
{
    uint64_t offset = (uint64_t)(int64_t)op->displacement;
    if (op->flags & X64I_OP_MOFFS)
        offset = op->immediate;
    if (op->flags & X64I_OP_RIP_RELATIVE)
        offset += cpu->s.rip + op->length;
    if (op->base != X64I_NO_REGISTER)
        offset += cpu->s.gpr[op->base];
    if (op->index != X64I_NO_REGISTER)
        offset += cpu->s.gpr[op->index] << op->scale;
    return offset & x64i_mask(x64i_address_width(op));
}

/* Replaces RFLAGS whole. */
X64I_INLINE void x64i_set_rflags(struct x64i_cpu *cpu, uint64_t rflags)
{
    if (cpu->effects && rflags != cpu->s.rflags)
        x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_REGISTER,
                                                           .size = 8,
                                                           .index = X64_RFLAGS,
                                                           .old = cpu->s.rflags,
                                                           .value = rflags});
    cpu->s.rflags = rflags;
}

/* Where a near branch goes: `target` already has the operand size's width. #GP(0) when it is not
 * canonical or beyond the code segment's limit. */
enum x64i_result x64i_branch(struct x64i_cpu *cpu, uint64_t target);

/* PUSH and POP of `size` bytes through SS:RSP, RSP moved after all checks. */
enum x64i_result x64i_push(struct x64i_cpu *cpu, uint64_t value, unsigned size);
enum x64i_result x64i_pop(struct x64i_cpu *cpu, uint64_t *value, unsigned size);

/* Moves RSP by `delta`, as wide as the stack is. */
void x64i_add_rsp(struct x64i_cpu *cpu, int64_t delta);

/* How wide the stack pointer is: 64, 32 or 16 bits. */
X64I_INLINE unsigned x64i_stack_bits(const struct x64i_cpu *cpu)
{
    return cpu->stack_bits;
}

/* The stack pointer as wide as the stack is. */
uint64_t x64i_stack_pointer(const struct x64i_cpu *cpu);

#endif
