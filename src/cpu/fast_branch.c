/* SPDX-License-Identifier: MIT */
/*
 * Near branches (SDM vol. 1, 7.3.8) as the block engine makes them: straight on with the next block
 * where it is known. sem_branch.c has the same for the reference path; whatever is unusual goes
 * there.
 */
#include "cpu/fast_branch.h"

#include "cpu/block.h"
#include "cpu/fast_sem.h"
#include "cpu/isa_handlers.h"

/* Where a direct branch goes, and where the code goes on behind it. */
X64I_INLINE uint64_t taken_target(const struct x64i_cpu *cpu, const x64i_sem_op *op)
{
    return cpu->fast.code_base + (uint64_t)(int64_t)op->displacement;
}

X64I_INLINE uint64_t following(const struct x64i_cpu *cpu, const x64i_sem_op *op)
{
    return cpu->fast.code_base + op->offset + op->length;
}

X64I_INLINE bool is_canonical(uint64_t linear)
{
    return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

#define FAST_HANDLER(name) \
    static const struct x64i_fast_op *fast_##name(struct x64i_cpu *cpu, const x64i_sem_op *op)

FAST_HANDLER(jmp)
{
    const uint64_t target = taken_target(cpu, op);
    if (X64I_UNLIKELY(!is_canonical(target)))
        return x64i_fast_generic_end(cpu, op);
    X64I_EXIT(cpu, X64I_EXIT_TAKEN, target);
}

#define JCC(suffix, number)                                \
    FAST_HANDLER(j##suffix)                                \
    {                                                      \
        if (x64i_condition(cpu, number)) {                 \
            const uint64_t target = taken_target(cpu, op); \
            if (X64I_UNLIKELY(!is_canonical(target)))      \
                return x64i_fast_generic_end(cpu, op);     \
            X64I_EXIT(cpu, X64I_EXIT_TAKEN, target);       \
        }                                                  \
        const uint64_t next = following(cpu, op);          \
        X64I_EXIT(cpu, X64I_EXIT_NEXT, next);              \
    }
X64I_FOR_CONDITIONS(JCC)

FAST_HANDLER(call)
{
    const uint64_t target = taken_target(cpu, op);
    if (X64I_UNLIKELY(!is_canonical(target) || x64i_push(cpu, following(cpu, op), 8) != X64I_DONE))
        return x64i_fast_generic_end(cpu, op);
    X64I_EXIT(cpu, X64I_EXIT_TAKEN, target);
}

FAST_HANDLER(jmp_r)
{
    const uint64_t target = cpu->s.gpr[op->destination];
    if (X64I_UNLIKELY(!is_canonical(target)))
        return x64i_fast_generic_end(cpu, op);
    X64I_INDIRECT(cpu, target);
}

FAST_HANDLER(jmp_m)
{
    uint64_t target;
    if (X64I_UNLIKELY(x64i_fast_load(cpu, x64i_effective(cpu, op), 8, &target) != X64I_DONE ||
                      !is_canonical(target)))
        return x64i_fast_generic_end(cpu, op);
    X64I_INDIRECT(cpu, target);
}

FAST_HANDLER(call_r)
{
    const uint64_t target = cpu->s.gpr[op->destination];
    if (X64I_UNLIKELY(!is_canonical(target) || x64i_push(cpu, following(cpu, op), 8) != X64I_DONE))
        return x64i_fast_generic_end(cpu, op);
    X64I_INDIRECT(cpu, target);
}

FAST_HANDLER(call_m)
{
    uint64_t target;
    if (X64I_UNLIKELY(x64i_fast_load(cpu, x64i_effective(cpu, op), 8, &target) != X64I_DONE ||
                      !is_canonical(target) || x64i_push(cpu, following(cpu, op), 8) != X64I_DONE))
        return x64i_fast_generic_end(cpu, op);
    X64I_INDIRECT(cpu, target);
}

/* RET, also with bytes to drop. */
FAST_HANDLER(ret)
{
    uint64_t target;
    if (X64I_UNLIKELY(x64i_fast_load(cpu, cpu->s.gpr[X64_RSP], 8, &target) != X64I_DONE ||
                      !is_canonical(target)))
        return x64i_fast_generic_end(cpu, op);
    cpu->s.gpr[X64_RSP] += 8 + (op->immediate & 0xffff);
    X64I_INDIRECT(cpu, target);
}

#define JCC_FORM(suffix, number) {x64i_j##suffix##_64, fast_j##suffix, true},

const struct x64i_fast_form x64i_fast_branches[] = {
    X64I_FOR_CONDITIONS(JCC_FORM){x64i_jmp_64, fast_jmp, true},
    {x64i_call_64, fast_call, true},
    {x64i_jmp_r_64, fast_jmp_r, true},
    {x64i_jmp_m_64, fast_jmp_m, true},
    {x64i_call_r_64, fast_call_r, true},
    {x64i_call_m_64, fast_call_m, true},
    {x64i_ret_64, fast_ret, true},
};
const size_t x64i_fast_branch_count = sizeof x64i_fast_branches / sizeof x64i_fast_branches[0];
