/* SPDX-License-Identifier: MIT */
#include "cpu/vector.h"

#include "cpu/isa.h"

#include <string.h>

/* Moves whose name says that they are aligned. */
static bool is_aligned_move(const struct x64i_op *op)
{
    switch (x64i_isa_rows[op->row].mnemonic) {
    case ZYDIS_MNEMONIC_MOVAPS:
    case ZYDIS_MNEMONIC_MOVAPD:
    case ZYDIS_MNEMONIC_MOVDQA:
    case ZYDIS_MNEMONIC_MOVNTDQA:
        return true;
    default:
        return false;
    }
}

/* MXCSR.MM frees the operands of AMD's computing instructions (APM vol. 1, 4.2.2);
 * they are then checked for #AC as other data is. */
static bool may_be_misaligned(const struct x64i_cpu *cpu, const struct x64i_op *op, unsigned size,
                              unsigned access)
{
    return (cpu->s.mxcsr & X64I_MXCSR_MM) && access == X64I_ACCESS_READ && size == 16 &&
           !is_aligned_move(op);
}

/* A misaligned operand is #GP(0) even where its address is no address at all, which through SS
 * would be #SS(0): so processors do it. */
enum x64i_result x64i_check_aligned(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned size,
                                    unsigned access)
{
    uint64_t linear = x64i_effective(cpu, op);
    bool flat = cpu->code_bits == 64 && op->segment < X64_FS;
    uint64_t base = flat ? 0 : cpu->s.segment[op->segment].base;
    if (((linear + base) & (size - 1)) && !may_be_misaligned(cpu, op, size, access))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    return x64i_linear(cpu, op->segment, linear, size, access, &linear);
}

static enum x64i_result load(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned size,
                             void *value)
{
    const uint8_t *bytes = x64i_host_bytes(cpu, op->segment, x64i_effective(cpu, op), size, false);
    if (!bytes)
        return x64i_load_bytes(cpu, op->segment, x64i_effective(cpu, op), size, value);
    memcpy(value, bytes, size);
    return X64I_DONE;
}

enum x64i_result x64i_load_xmm(struct x64i_cpu *cpu, const struct x64i_op *op,
                               union x64i_xmm *value)
{
    return load(cpu, op, sizeof *value, value);
}

enum x64i_result x64i_load_xmm_aligned(struct x64i_cpu *cpu, const struct x64i_op *op,
                                       union x64i_xmm *value)
{
    if (x64i_check_aligned(cpu, op, 16, X64I_ACCESS_READ) != X64I_DONE)
        return X64I_FAULT;
    return x64i_load_xmm(cpu, op, value);
}

static enum x64i_result load_low(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned size,
                                 union x64i_xmm *value)
{
    *value = (union x64i_xmm){.q = {0, 0}};
    return x64i_load(cpu, op->segment, x64i_effective(cpu, op), size, &value->q[0]);
}

enum x64i_result x64i_load_2(struct x64i_cpu *cpu, const struct x64i_op *op, union x64i_xmm *value)
{
    return load_low(cpu, op, 2, value);
}

enum x64i_result x64i_load_4(struct x64i_cpu *cpu, const struct x64i_op *op, union x64i_xmm *value)
{
    return load_low(cpu, op, 4, value);
}

enum x64i_result x64i_load_8(struct x64i_cpu *cpu, const struct x64i_op *op, union x64i_xmm *value)
{
    return load_low(cpu, op, 8, value);
}

enum x64i_result x64i_load_wide(struct x64i_cpu *cpu, const struct x64i_op *op,
                                struct x64i_wide *value, unsigned lanes)
{
    return load(cpu, op, 16 * lanes, value);
}

enum x64i_result x64i_load_wide_aligned(struct x64i_cpu *cpu, const struct x64i_op *op,
                                        struct x64i_wide *value, unsigned lanes)
{
    if (x64i_check_aligned(cpu, op, 16 * lanes, X64I_ACCESS_READ) != X64I_DONE)
        return X64I_FAULT;
    return x64i_load_wide(cpu, op, value, lanes);
}

enum x64i_result x64i_store_wide(struct x64i_cpu *cpu, const struct x64i_op *op,
                                 const struct x64i_wide *value, unsigned lanes)
{
    struct x64i_target target;
    uint8_t *bytes = x64i_host_bytes(cpu, op->segment, x64i_effective(cpu, op), 16 * lanes, true);
    if (bytes) {
        memcpy(bytes, value, (size_t)16 * lanes);
        return X64I_DONE;
    }
    if (x64i_probe(cpu, op->segment, x64i_effective(cpu, op), 16 * lanes, &target) != X64I_DONE)
        return X64I_FAULT;
    x64i_commit_bytes(cpu, &target, value);
    return X64I_DONE;
}

enum x64i_result x64i_store_wide_aligned(struct x64i_cpu *cpu, const struct x64i_op *op,
                                         const struct x64i_wide *value, unsigned lanes)
{
    if (x64i_check_aligned(cpu, op, 16 * lanes, X64I_ACCESS_WRITE) != X64I_DONE)
        return X64I_FAULT;
    return x64i_store_wide(cpu, op, value, lanes);
}
