/* SPDX-License-Identifier: MIT */
/* The ops of blocks that are watched (watch.h): between two steps the state is whole. */
#include "cpu/watch.h"

#include "cpu/decode.h"
#include "cpu/fast_generic.h"
#include "cpu/fast_operand.h"
#include "cpu/reference.h"

/* Where the bytes of the running block's instruction at RIP are. */
static const uint8_t *bytes_at_rip(const struct x64i_cpu *cpu)
{
    const uint64_t inside = X64I_PAGE_SIZE - 1;
    return x64i_physical_ram(&cpu->mmu.physical,
                             (cpu->fast.block->physical & ~inside) | (cpu->s.rip & inside));
}

bool x64i_watched_step(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    const struct x64i_watch *watch = cpu->watch;
    uint8_t bytes[X64I_INSTRUCTION_MAX];
    memcpy(bytes, bytes_at_rip(cpu), op->length); /* the instruction may write over itself */
    cpu->effects = cpu->mmu.effects = watch->effects;
    x64i_cpu_decoded_step(cpu, op);
    cpu->effects = cpu->mmu.effects = NULL;
    x64i_remember_bytes(cpu, bytes, op->length);
    return !cpu->unmade && watch->after(watch->user);
}

bool x64i_watch_block_goes_on(struct x64i_cpu *cpu, uint64_t stamp)
{
    struct x64i_physical *physical = &cpu->mmu.physical;
    x64i_host_tlb_follow(&physical->host, physical->ram);
    return !physical->disturbed && physical->host.stamp == stamp;
}

const struct x64i_fast_op *x64i_fast_before(struct x64i_cpu *cpu, const struct x64i_fast_op *op)
{
    const struct x64i_watch *watch = cpu->watch;
    const uint64_t stamp = cpu->mmu.physical.host.stamp;
    x64i_fast_make_whole(cpu, op);
    if (op->position)
        x64i_cpu_note_straight(cpu);
    if (X64I_UNLIKELY(!watch->before(watch->user)))
        return x64i_fast_leave(cpu, X64I_LEAVE_REFERENCE);
    if (X64I_UNLIKELY(!x64i_watch_block_goes_on(cpu, stamp)))
        return x64i_fast_leave(cpu, X64I_LEAVE_CHANGED);
    X64I_NEXT(cpu, op);
}

/* The step at `op`, told. False when the engine is left, or its block: fast.leave says why. */
static bool told(struct x64i_cpu *cpu, const struct x64i_fast_op *op)
{
    const uint64_t stamp = cpu->mmu.physical.host.stamp;
    cpu->fast.leave = X64I_LEAVE_REFERENCE;
    if (!x64i_watched_step(cpu, x64i_cold_op(op)))
        return false;
    cpu->fast.leave = X64I_LEAVE_CHANGED;
    return cpu->step.kind != X64_STEP_FAULT && x64i_watch_block_goes_on(cpu, stamp);
}

const struct x64i_fast_op *x64i_fast_told(struct x64i_cpu *cpu, const struct x64i_fast_op *op)
{
    x64i_fast_make_whole(cpu, op);
    if (!told(cpu, op))
        return NULL;
    x64i_fast_load_status(cpu, (uint32_t)cpu->s.rflags);
    return op + 1;
}

const struct x64i_fast_op *x64i_fast_told_end(struct x64i_cpu *cpu, const struct x64i_fast_op *op)
{
    x64i_fast_make_whole(cpu, op);
    return told(cpu, op) ? x64i_fast_go_on(cpu) : NULL;
}

const struct x64i_fast_op *x64i_fast_told_repeat(struct x64i_cpu *cpu,
                                                 const struct x64i_fast_op *op)
{
    x64i_fast_make_whole(cpu, op);
    do {
        if (!told(cpu, op))
            return NULL;
        if (cpu->step.kind != X64_STEP_REPEAT) {
            cpu->fast.budget = (int64_t)(cpu->fast.limit - cpu->s.steps);
            return x64i_fast_go_on(cpu);
        }
    } while (cpu->s.steps != cpu->fast.limit);
    return x64i_fast_leave(cpu, X64I_LEAVE_REFERENCE);
}

/* Hooks want to be asked before each iteration: the reference path does so. */
const struct x64i_fast_op *x64i_fast_watched_repeat(struct x64i_cpu *cpu,
                                                    const struct x64i_fast_op *op)
{
    x64i_fast_make_whole(cpu, op);
    if (!told(cpu, op))
        return NULL;
    if (cpu->step.kind == X64_STEP_REPEAT)
        return x64i_fast_leave(cpu, X64I_LEAVE_REFERENCE);
    cpu->fast.budget = (int64_t)(cpu->fast.limit - cpu->s.steps);
    return x64i_fast_go_on(cpu);
}
