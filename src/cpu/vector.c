/* SPDX-License-Identifier: MIT */
#include "cpu/vector.h"

/* A misaligned operand is #GP(0) even where its address is no address at all, which through SS
 * would be #SS(0): so processors do it. */
static enum x64i_result check_aligned(struct x64i_cpu *cpu, const struct x64i_op *op,
                                      unsigned access)
{
    uint64_t linear = x64i_effective(cpu, op);
    bool flat = cpu->code_bits == 64 && op->segment < X64_FS;
    uint64_t base = flat ? 0 : cpu->s.segment[op->segment].base;
    if (((linear + base) & 15) && !(cpu->s.mxcsr & X64I_MXCSR_MM))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    return x64i_linear(cpu, op->segment, linear, 16, access, &linear);
}

enum x64i_result x64i_load_xmm(struct x64i_cpu *cpu, const struct x64i_op *op,
                               union x64i_xmm *value)
{
    return x64i_load_bytes(cpu, op->segment, x64i_effective(cpu, op), 16, value);
}

enum x64i_result x64i_load_xmm_aligned(struct x64i_cpu *cpu, const struct x64i_op *op,
                                       union x64i_xmm *value)
{
    if (check_aligned(cpu, op, X64I_ACCESS_READ) != X64I_DONE)
        return X64I_FAULT;
    return x64i_load_xmm(cpu, op, value);
}

enum x64i_result x64i_store_xmm(struct x64i_cpu *cpu, const struct x64i_op *op,
                                const union x64i_xmm *value)
{
    struct x64i_target target;
    if (x64i_probe(cpu, op->segment, x64i_effective(cpu, op), 16, &target) != X64I_DONE)
        return X64I_FAULT;
    x64i_commit_bytes(cpu, &target, value);
    return X64I_DONE;
}

enum x64i_result x64i_store_xmm_aligned(struct x64i_cpu *cpu, const struct x64i_op *op,
                                        const union x64i_xmm *value)
{
    if (check_aligned(cpu, op, X64I_ACCESS_WRITE) != X64I_DONE)
        return X64I_FAULT;
    return x64i_store_xmm(cpu, op, value);
}
