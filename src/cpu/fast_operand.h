/* SPDX-License-Identifier: MIT */
/*
 * Registers, memory and the stack for handlers compiled for the block engine: instead of operand.h
 * and access.h. It runs in 64-bit mode only, with flat segments but FS and GS, whose bases are part
 * of a fast op's address; nobody watches. X64I_FAULT stands for everything that the reference path
 * must look at: no host pointer, across pages, a fault.
 */
#ifndef X64I_CPU_FAST_OPERAND_H
#define X64I_CPU_FAST_OPERAND_H

#include "cpu/bits.h"
#include "cpu/cpu.h"
#include "cpu/fast_op.h"

#include <string.h>

#define X64I_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define X64I_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

typedef struct x64i_fast_op x64i_sem_op;

/* A place in memory that may be written. */
struct x64i_target {
    uint8_t *host;
    unsigned size;
};

X64I_INLINE uint64_t x64i_gpr(const struct x64i_cpu *cpu, unsigned reg, unsigned width)
{
    if (width == 8 && reg >= X64I_REGISTER_AH)
        return cpu->s.gpr[reg - X64I_REGISTER_AH] >> 8 & 0xff;
    return cpu->s.gpr[reg] & x64i_mask(width);
}

/* As x64i_set_gpr of operand.h. */
X64I_INLINE void x64i_set_gpr(struct x64i_cpu *cpu, unsigned reg, uint64_t value, unsigned width)
{
    if (width == 64)
        cpu->s.gpr[reg] = value;
    else if (width == 32)
        cpu->s.gpr[reg] = value & 0xffffffffu;
    else if (width == 16)
        cpu->s.gpr[reg] = (cpu->s.gpr[reg] & ~0xffffull) | (value & 0xffff);
    else if (reg >= X64I_REGISTER_AH)
        cpu->s.gpr[reg - X64I_REGISTER_AH] =
            (cpu->s.gpr[reg - X64I_REGISTER_AH] & ~0xff00ull) | (value & 0xff) << 8;
    else
        cpu->s.gpr[reg] = (cpu->s.gpr[reg] & ~0xffull) | (value & 0xff);
}

/* Handlers whose address or operand size is another one have no fast form. */
X64I_INLINE unsigned x64i_address_width(const x64i_sem_op *op)
{
    (void)op;
    return 64;
}

X64I_INLINE unsigned x64i_stack_bits(const struct x64i_cpu *cpu)
{
    (void)cpu;
    return 64;
}

/* One of the numbers that addresses are made of. */
X64I_INLINE uint64_t x64i_fast_term(const struct x64i_cpu *cpu, uint16_t at)
{
    uint64_t value;
    memcpy(&value, (const char *)cpu + at, sizeof value);
    return value;
}

/* The linear address of the memory operand. */
X64I_INLINE uint64_t x64i_effective(const struct x64i_cpu *cpu, const x64i_sem_op *op)
{
    return x64i_fast_term(cpu, op->base) + (x64i_fast_term(cpu, op->index) << op->scale) +
           (uint64_t)(int64_t)op->displacement;
}

/* The slot that may serve an access. */
X64I_INLINE const struct x64i_host_slot *x64i_fast_slot(const struct x64i_cpu *cpu, uint64_t linear)
{
    return &cpu->mmu.physical.host.slots[(linear >> 12) % X64I_HOST_SLOTS];
}

/* What a slot's tag is when it serves all bytes of an access: they lie in one page. */
X64I_INLINE uint64_t x64i_fast_tag(uint64_t linear, unsigned size)
{
    return x64i_host_tag(linear + (size - 1));
}

X64I_INLINE uint8_t *x64i_fast_host(const struct x64i_host_slot *slot, uint64_t linear)
{
    return (uint8_t *)(uintptr_t)(linear + slot->addend);
}

X64I_INLINE uint64_t x64i_fast_read(const uint8_t *host, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, host, size);
    return value;
}

X64I_INLINE enum x64i_result x64i_fast_load(struct x64i_cpu *cpu, uint64_t linear, unsigned size,
                                            uint64_t *value)
{
    const struct x64i_host_slot *slot = x64i_fast_slot(cpu, linear);
    if (X64I_UNLIKELY(slot->read_tag != x64i_fast_tag(linear, size)))
        return X64I_FAULT;
    *value = x64i_fast_read(x64i_fast_host(slot, linear), size);
    return X64I_DONE;
}

X64I_INLINE enum x64i_result x64i_fast_probe(struct x64i_cpu *cpu, uint64_t linear, unsigned size,
                                             struct x64i_target *target)
{
    const struct x64i_host_slot *slot = x64i_fast_slot(cpu, linear);
    if (X64I_UNLIKELY(slot->write_tag != x64i_fast_tag(linear, size)))
        return X64I_FAULT;
    *target = (struct x64i_target){x64i_fast_host(slot, linear), size};
    return X64I_DONE;
}

X64I_INLINE void x64i_commit(struct x64i_cpu *cpu, const struct x64i_target *target, uint64_t value)
{
    (void)cpu;
    memcpy(target->host, &value, target->size);
}

X64I_INLINE enum x64i_result x64i_fast_store(struct x64i_cpu *cpu, uint64_t linear, unsigned size,
                                             uint64_t value)
{
    struct x64i_target target;
    if (x64i_fast_probe(cpu, linear, size, &target) != X64I_DONE)
        return X64I_FAULT;
    x64i_commit(cpu, &target, value);
    return X64I_DONE;
}

X64I_INLINE enum x64i_result x64i_fast_modify(struct x64i_cpu *cpu, uint64_t linear, unsigned size,
                                              struct x64i_target *target, uint64_t *old)
{
    if (x64i_fast_probe(cpu, linear, size, target) != X64I_DONE)
        return X64I_FAULT;
    *old = x64i_fast_read(target->host, size);
    return X64I_DONE;
}

/* The names that semantics call. An address has its segment's base already. */
#define x64i_load(cpu, segment, offset, size, value)   x64i_fast_load(cpu, offset, size, value)
#define x64i_store(cpu, segment, offset, size, value)  x64i_fast_store(cpu, offset, size, value)
#define x64i_probe(cpu, segment, offset, size, target) x64i_fast_probe(cpu, offset, size, target)
#define x64i_modify(cpu, segment, offset, size, target, old) \
    x64i_fast_modify(cpu, offset, size, target, old)

X64I_INLINE enum x64i_result x64i_push(struct x64i_cpu *cpu, uint64_t value, unsigned size)
{
    uint64_t top = cpu->s.gpr[X64_RSP] - size;
    if (x64i_fast_store(cpu, top, size, value) != X64I_DONE)
        return X64I_FAULT;
    cpu->s.gpr[X64_RSP] = top;
    return X64I_DONE;
}

X64I_INLINE enum x64i_result x64i_pop(struct x64i_cpu *cpu, uint64_t *value, unsigned size)
{
    if (x64i_fast_load(cpu, cpu->s.gpr[X64_RSP], size, value) != X64I_DONE)
        return X64I_FAULT;
    cpu->s.gpr[X64_RSP] += size;
    return X64I_DONE;
}

#endif
