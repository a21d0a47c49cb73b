/* SPDX-License-Identifier: MIT */
#include "cpu/engine.h"

#include "cpu/block.h"
#include "cpu/fast_flags.h"
#include "cpu/reference.h"
#include "cpu/watch.h"
#include "state/heap.h"

/* A run is not longer than this many steps, so that whoever asked for it can look around. */
#define RUN_STEPS_MAX 1000000u

/* What is left before a deadline, and shorter than this, is left to the reference path. */
#define RUN_STEPS_MIN 4u

static bool create_engine(struct x64i_cpu *cpu)
{
    struct x64i_physical *physical = &cpu->mmu.physical;
    if (!cpu->forms)
        cpu->forms = x64i_fast_forms_create(cpu->heap);
    cpu->engine = x64i_heap_allocate_zeroed(cpu->heap, sizeof *cpu->engine);
    if (cpu->forms && cpu->engine && x64i_blocks_create(cpu) &&
        x64i_physical_create_code(physical, cpu->heap) &&
        x64i_host_tlb_create(&physical->host, cpu->heap))
        return true;
    x64i_engine_destroy(cpu);
    return false;
}

void x64i_engine_destroy(struct x64i_cpu *cpu)
{
    struct x64i_physical *physical = &cpu->mmu.physical;
    if (cpu->engine)
        x64i_blocks_destroy(cpu);
    x64i_heap_free(cpu->heap, cpu->engine, sizeof *cpu->engine);
    cpu->engine = NULL;
    x64i_physical_destroy_code(physical);
    x64i_host_tlb_destroy(&physical->host);
}

void x64i_engine_flush(struct x64i_cpu *cpu)
{
    if (!cpu->engine)
        return;
    x64i_blocks_flush(cpu);
    x64i_host_tlb_flush(&cpu->mmu.physical.host);
}

void x64i_engine_restored(struct x64i_cpu *cpu)
{
    if (!cpu->engine)
        return;
    x64i_blocks_drop_changed(cpu);
    x64i_host_tlb_flush(&cpu->mmu.physical.host);
}

/* Whether nothing but the next instruction itself can happen next. No plain op changes any of it,
 * and no device does before the limit. */
static bool is_quiet(const struct x64i_cpu *cpu)
{
    const struct x64i_cpu_state *s = &cpu->s;
    if (cpu->effects || cpu->code_bits != 64 || s->activity != X64I_ACTIVE || s->pending_debug ||
        s->shadow != X64I_SHADOW_NONE || s->nmi_pending || (s->rflags & (X64I_TF | X64I_RF)) ||
        cpu->breakpoints || cpu->data_breakpoints)
        return false;
    return !(s->rflags & X64I_IF) || !cpu->callbacks || !cpu->callbacks->interrupt_pending ||
           !cpu->callbacks->interrupt_pending(cpu->callback_user);
}

/* The end of the run, or the deadline of a device when that comes before it. */
static uint64_t next_limit(const struct x64i_cpu *cpu, uint64_t limit)
{
    if (!cpu->callbacks || !cpu->callbacks->deadline)
        return limit;
    uint64_t deadline = cpu->callbacks->deadline(cpu->callback_user);
    return deadline < limit ? deadline : limit;
}

/* Runs blocks from the one at s.rip on, until they leave. */
static void run_blocks(struct x64i_cpu *cpu, struct x64i_block *block)
{
    struct x64i_fast *fast = &cpu->fast;
    if ((uint64_t)fast->budget < block->count) {
        fast->leave = X64I_LEAVE_BUDGET;
        return;
    }
    x64i_fast_load_status(cpu, (uint32_t)cpu->s.rflags);
    fast->budget -= block->count;
    fast->block = block;
    fast->code_base = cpu->s.rip & ~(uint64_t)(X64I_PAGE_SIZE - 1);
    for (const struct x64i_fast_op *op = block->ops; op;)
        op = op->run(cpu, op);
}

/* Steps over the first instructions of a block that is longer than what is left to do. */
static void run_partly(struct x64i_cpu *cpu, uint64_t limit)
{
    struct x64i_block *block = x64i_block_at_rip(cpu);
    const struct x64i_op *cold = block ? x64i_cold_op(block->ops) : NULL;
    for (uint32_t i = 0; block && i < block->count && cpu->s.steps < limit; i++, cold++) {
        cpu->next_rip = cpu->s.rip + cold->length;
        enum x64i_result result = cold->execute(cpu, cold);
        if (result == X64I_FAULT) {
            (void)x64i_cpu_fault_step(cpu);
            return;
        }
        cpu->s.steps++;
        if (result == X64I_REPEAT) {
            cpu->s.rflags |= X64I_RF;
            return;
        }
        cpu->s.rip = cpu->next_rip;
        if (cpu->mmu.physical.disturbed)
            return;
    }
}

/* The instruction that blocks have left to the dispatcher. False when somebody who watches wants
 * the engine to be left. */
static bool make_system_step(struct x64i_cpu *cpu)
{
    if (cpu->watch)
        return x64i_watched_step(cpu, cpu->fast.system);
    x64i_cpu_decoded_step(cpu, cpu->fast.system);
    return true;
}

/* What has to be done where blocks have left. False when the run is over. */
static bool handle_leave(struct x64i_cpu *cpu, uint64_t limit)
{
    switch (cpu->fast.leave) {
    case X64I_LEAVE_TARGET:
        return true;
    case X64I_LEAVE_BUDGET:
        if (!cpu->watch)
            run_partly(cpu, limit);
        return false;
    case X64I_LEAVE_SYSTEM:
        if (cpu->s.steps >= limit) {
            if (cpu->fast.block->count)
                x64i_cpu_note_straight(cpu);
            return false;
        }
        if (!make_system_step(cpu))
            return false;
        break;
    case X64I_LEAVE_CHANGED:
        break;
    case X64I_LEAVE_REFERENCE:
        return false;
    }
    return !cpu->unmade && !cpu->mmu.physical.out_of_memory && is_quiet(cpu);
}

/* After a disturbance: blocks that were written go. */
static void settle(struct x64i_cpu *cpu)
{
    if (cpu->mmu.physical.code.written_count) /* rarely: not worth a call each time */
        x64i_blocks_drop_written(cpu);
    cpu->mmu.physical.disturbed = false;
}

/* What is watched may be something else than when blocks ran last. */
static void follow_watch(struct x64i_cpu *cpu)
{
    struct x64i_host_tlb *host = &cpu->mmu.physical.host;
    const struct x64i_watch *watch = cpu->watch;
    const uint64_t generation = watch ? watch->generation : 0;
    cpu->fast.telling = watch && watch->rare;
    if (cpu->engine->watch_generation == generation)
        return;
    cpu->engine->watch_generation = generation;
    if (generation)
        cpu->engine->last_generation = generation;
    host->hides = watch ? watch->hides : NULL;
    host->hides_user = watch ? watch->user : NULL;
    x64i_host_tlb_flush(host);
}

static void begin(struct x64i_cpu *cpu)
{
    x64i_cpu_begin_step(cpu);
    x64i_mmu_host_select(&cpu->mmu, cpu->data_access, !cpu->simple_access);
    x64i_host_tlb_follow(&cpu->mmu.physical.host, cpu->mmu.physical.ram);
    settle(cpu);
    follow_watch(cpu);
    cpu->fast.pending = NULL;
    cpu->fast.filling = true;
}

static void link_pending(struct x64i_cpu *cpu, struct x64i_block *block)
{
    struct x64i_exit *exit = cpu->fast.pending;
    cpu->fast.pending = NULL;
    if (exit)
        *exit = (struct x64i_exit){block, cpu->s.rip, cpu->mmu.physical.host.stamp};
}

uint64_t x64i_engine_run(struct x64i_cpu *cpu, uint64_t limit)
{
    const uint64_t start = cpu->s.steps;
    if (limit - start < RUN_STEPS_MIN || !is_quiet(cpu) || (!cpu->engine && !create_engine(cpu)))
        return 0;
    if (limit - start > RUN_STEPS_MAX)
        limit = start + RUN_STEPS_MAX;
    begin(cpu);
    bool going = true;
    while (going) {
        uint64_t until = next_limit(cpu, limit);
        if (cpu->s.steps >= until)
            break;
        struct x64i_block *block = x64i_block_at_rip(cpu);
        if (!block)
            break;
        link_pending(cpu, block);
        cpu->fast.limit = until;
        cpu->fast.budget = (int64_t)(until - cpu->s.steps);
        run_blocks(cpu, block);
        going = handle_leave(cpu, until);
        if (cpu->mmu.physical.disturbed)
            settle(cpu);
    }
    cpu->fast.filling = false;
    return cpu->s.steps - start;
}
