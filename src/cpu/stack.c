/* SPDX-License-Identifier: MIT */
/* The stack and near branches, as many instructions share them (SDM vol. 1, 6.2 and 6.3). */
#include "cpu/operand.h"

uint64_t x64i_stack_pointer(const struct x64i_cpu *cpu)
{
    return cpu->s.gpr[X64_RSP] & x64i_mask(cpu->stack_bits);
}

static void set_stack_pointer(struct x64i_cpu *cpu, uint64_t value)
{
    /* Like any register: writing ESP clears the upper half, writing SP keeps the rest. */
    x64i_set_gpr(cpu, X64_RSP, value, cpu->stack_bits);
}

void x64i_add_rsp(struct x64i_cpu *cpu, int64_t delta)
{
    set_stack_pointer(cpu, x64i_stack_pointer(cpu) + (uint64_t)delta);
}

enum x64i_result x64i_push(struct x64i_cpu *cpu, uint64_t value, unsigned size)
{
    uint64_t top = (x64i_stack_pointer(cpu) - size) & x64i_mask(cpu->stack_bits);
    struct x64i_target target;
    if (x64i_probe(cpu, X64_SS, top, size, &target) != X64I_DONE)
        return X64I_FAULT;
    set_stack_pointer(cpu, top);
    x64i_commit(cpu, &target, value);
    return X64I_DONE;
}

enum x64i_result x64i_pop(struct x64i_cpu *cpu, uint64_t *value, unsigned size)
{
    if (x64i_load(cpu, X64_SS, x64i_stack_pointer(cpu), size, value) != X64I_DONE)
        return X64I_FAULT;
    x64i_add_rsp(cpu, size);
    return X64I_DONE;
}

enum x64i_result x64i_branch(struct x64i_cpu *cpu, uint64_t target)
{
    bool reachable =
        cpu->code_bits == 64 ? x64i_is_canonical(target) : target <= cpu->s.segment[X64_CS].limit;
    if (!reachable)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    cpu->next_rip = target;
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_REGISTER,
                                                       .size = 8,
                                                       .index = X64_RIP,
                                                       .old = cpu->s.rip,
                                                       .value = target});
    return X64I_DONE;
}
