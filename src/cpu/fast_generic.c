/* SPDX-License-Identifier: MIT */
/*
 * What the block engine leaves to the reference path's handlers, one instruction at a time, and the
 * ends of blocks. Around such a handler the state is whole: RIP, the step count and RFLAGS are what
 * they would be between two steps.
 */
#include "cpu/fast_generic.h"

#include "cpu/fast_operand.h"
#include "cpu/reference.h"
#include "cpu/watch.h"

/* The state is whole at `target`, where a block has ended. */
static void end_at(struct x64i_cpu *cpu, uint64_t target)
{
    cpu->s.rip = target;
    cpu->s.steps = cpu->fast.limit - (uint64_t)cpu->fast.budget;
    cpu->s.rflags = x64i_rflags(cpu);
}

/* After X64I_FAULT, `before` being the step's number. */
static const struct x64i_fast_op *leave_faulted(struct x64i_cpu *cpu, uint64_t before)
{
    return x64i_fast_leave(cpu, cpu->s.steps == before ? X64I_LEAVE_REFERENCE : X64I_LEAVE_CHANGED);
}

/* Does the op that the state is whole at. X64I_FAULT: its exception was delivered, or it was
 * decided that the step is not to be made now. */
static enum x64i_result work(struct x64i_cpu *cpu, const struct x64i_op *cold)
{
    cpu->next_rip = cpu->s.rip + cold->length;
    enum x64i_result result = cold->execute(cpu, cold);
    if (result == X64I_FAULT)
        (void)x64i_cpu_fault_step(cpu);
    return result;
}

const struct x64i_fast_op *x64i_fast_generic(struct x64i_cpu *cpu, const struct x64i_fast_op *op)
{
    if (X64I_UNLIKELY(cpu->fast.telling))
        return x64i_fast_told(cpu, op);
    x64i_fast_make_whole(cpu, op);
    const uint64_t before = cpu->s.steps;
    if (work(cpu, x64i_cold_op(op)) == X64I_FAULT)
        return leave_faulted(cpu, before);
    if (cpu->mmu.physical.disturbed) {
        cpu->s.rip = cpu->next_rip;
        cpu->s.steps++;
        x64i_cpu_note_straight(cpu);
        return x64i_fast_leave(cpu, X64I_LEAVE_CHANGED);
    }
    x64i_fast_load_status(cpu, (uint32_t)cpu->s.rflags);
    return op + 1;
}

const struct x64i_fast_op *x64i_fast_flagless(struct x64i_cpu *cpu, const struct x64i_fast_op *op)
{
    const struct x64i_op *cold = x64i_cold_op(op);
    if (X64I_UNLIKELY(cpu->fast.telling))
        return x64i_fast_told(cpu, op);
    x64i_fast_make_whole_but_flags(cpu, op);
    cpu->next_rip = cpu->s.rip + cold->length;
    if (cold->execute(cpu, cold) == X64I_FAULT) {
        const uint64_t before = cpu->s.steps;
        cpu->s.rflags = x64i_rflags(cpu);
        (void)x64i_cpu_fault_step(cpu);
        return leave_faulted(cpu, before);
    }
    if (cpu->mmu.physical.disturbed) {
        cpu->s.rip = cpu->next_rip;
        cpu->s.steps++;
        cpu->s.rflags = x64i_rflags(cpu);
        x64i_cpu_note_straight(cpu);
        return x64i_fast_leave(cpu, X64I_LEAVE_CHANGED);
    }
    X64I_NEXT(cpu, op);
}

/* As X64I_ENTER, for functions that are no handlers: the block's first op is left to the loop. */
static const struct x64i_fast_op *enter(struct x64i_cpu *cpu, struct x64i_block *block,
                                        uint64_t linear)
{
    const int64_t budget = cpu->fast.budget - (int64_t)block->count;
    if (budget < 0)
        return x64i_fast_leave_budget(cpu, linear);
    cpu->fast.budget = budget;
    cpu->fast.block = block;
    cpu->fast.code_base = linear & ~(uint64_t)(X64I_PAGE_SIZE - 1);
    return block->ops;
}

const struct x64i_fast_op *x64i_fast_go_on(struct x64i_cpu *cpu)
{
    if (cpu->mmu.physical.disturbed)
        return x64i_fast_leave(cpu, X64I_LEAVE_CHANGED);
    x64i_fast_load_status(cpu, (uint32_t)cpu->s.rflags);
    const struct x64i_jump *jump = x64i_jump_at(cpu, cpu->s.rip);
    if (jump->target != cpu->s.rip || jump->stamp != cpu->mmu.physical.host.stamp)
        return x64i_fast_leave_indirect(cpu, cpu->s.rip);
    return enter(cpu, jump->to, cpu->s.rip);
}

const struct x64i_fast_op *x64i_fast_generic_end(struct x64i_cpu *cpu,
                                                 const struct x64i_fast_op *op)
{
    if (X64I_UNLIKELY(cpu->fast.telling))
        return x64i_fast_told_end(cpu, op);
    x64i_fast_make_whole(cpu, op);
    const uint64_t before = cpu->s.steps;
    if (work(cpu, x64i_cold_op(op)) == X64I_FAULT)
        return leave_faulted(cpu, before);
    cpu->s.rip = cpu->next_rip;
    cpu->s.steps++;
    return x64i_fast_go_on(cpu);
}

/* Each iteration is a step; between them RF is set, as retiring does (SDM vol. 3B, 17.3.1.1). */
const struct x64i_fast_op *x64i_fast_repeat(struct x64i_cpu *cpu, const struct x64i_fast_op *op)
{
    const struct x64i_op *cold = x64i_cold_op(op);
    if (X64I_UNLIKELY(cpu->fast.telling))
        return x64i_fast_told_repeat(cpu, op);
    x64i_fast_make_whole(cpu, op);
    uint64_t before = cpu->s.steps;
    enum x64i_result result = work(cpu, cold);
    while (result == X64I_REPEAT) {
        cpu->s.rflags |= X64I_RF;
        cpu->s.steps++;
        x64i_cpu_note_straight(cpu);
        if (cpu->s.steps == cpu->fast.limit || cpu->mmu.physical.disturbed)
            return x64i_fast_leave(cpu, X64I_LEAVE_REFERENCE);
        before = cpu->s.steps;
        result = work(cpu, cold);
    }
    if (result == X64I_FAULT)
        return leave_faulted(cpu, before);
    cpu->s.rflags &= ~(uint64_t)X64I_RF;
    cpu->s.rip = cpu->next_rip;
    cpu->s.steps++;
    x64i_cpu_note_straight(cpu);
    cpu->fast.budget = (int64_t)(cpu->fast.limit - cpu->s.steps);
    return x64i_fast_go_on(cpu);
}

const struct x64i_fast_op *x64i_fast_end(struct x64i_cpu *cpu, const struct x64i_fast_op *op)
{
    const uint64_t target = cpu->fast.code_base + op->offset;
    cpu->straight.step = cpu->fast.limit - (uint64_t)cpu->fast.budget;
    cpu->straight.rip = target;
    X64I_EXIT(cpu, X64I_EXIT_NEXT, target);
}

const struct x64i_fast_op *x64i_fast_system(struct x64i_cpu *cpu, const struct x64i_fast_op *op)
{
    end_at(cpu, cpu->fast.code_base + op->offset);
    cpu->fast.system = x64i_cold_op(op);
    return x64i_fast_leave(cpu, X64I_LEAVE_SYSTEM);
}

const struct x64i_fast_op *x64i_fast_reference(struct x64i_cpu *cpu, const struct x64i_fast_op *op)
{
    end_at(cpu, cpu->fast.code_base + op->offset);
    if (op->position)
        x64i_cpu_note_straight(cpu);
    return x64i_fast_leave(cpu, X64I_LEAVE_REFERENCE);
}

const struct x64i_fast_op *x64i_fast_leave_budget(struct x64i_cpu *cpu, uint64_t target)
{
    end_at(cpu, target);
    return x64i_fast_leave(cpu, X64I_LEAVE_BUDGET);
}

const struct x64i_fast_op *x64i_fast_leave_indirect(struct x64i_cpu *cpu, uint64_t target)
{
    end_at(cpu, target);
    return x64i_fast_leave(cpu, X64I_LEAVE_TARGET);
}

const struct x64i_fast_op *x64i_fast_exit(struct x64i_cpu *cpu, struct x64i_exit *exit,
                                          uint64_t target)
{
    const struct x64i_jump *jump = x64i_jump_at(cpu, target);
    if (jump->target != target || jump->stamp != cpu->mmu.physical.host.stamp) {
        cpu->fast.pending = exit;
        end_at(cpu, target);
        return x64i_fast_leave(cpu, X64I_LEAVE_TARGET);
    }
    *exit = (struct x64i_exit){jump->to, target, jump->stamp};
    return enter(cpu, jump->to, target);
}
