/* SPDX-License-Identifier: MIT */
#include "timing/frontend.h"

/* The number of the block at an address. */
static uint64_t block_of(const struct x64i_core_model *core, uint64_t rip)
{
    return rip >> __builtin_ctz(core->fetch_bytes);
}

static void next_block(struct x64i_frontend *frontend, const struct x64i_core_model *core)
{
    frontend->block++;
    frontend->block_cycle++;
    frontend->in_block = 0;
    uint64_t *slot = &frontend->blocks[frontend->block & (core->cached_blocks - 1u)];
    frontend->cached = *slot == frontend->block + 1;
    *slot = frontend->block + 1;
}

/* Takes an instruction, or what of it lies in the present block. */
static void take(struct x64i_frontend *frontend, const struct x64i_core_model *core)
{
    unsigned most = frontend->cached ? core->cached_uops : core->block_instructions;
    if (frontend->in_block == most) {
        frontend->block_cycle++;
        frontend->in_block = 0;
    }
    frontend->in_block++;
}

/* Blocks of code become available one a cycle; a block with many instructions takes more cycles,
 * and so does a length-changing prefix. An instruction across the end of a block counts in both. */
static void fetch(struct x64i_frontend *frontend, const struct x64i_core_model *core,
                  const struct x64i_plan *plan, uint64_t rip)
{
    uint64_t block = block_of(core, rip);
    uint64_t last = block_of(core, rip + plan->length - 1);
    if (rip != frontend->next)
        frontend->block = block - 1;
    frontend->next = rip + plan->length;
    if (frontend->block < block)
        next_block(frontend, core);
    take(frontend, core);
    if (plan->length_change && !frontend->cached)
        frontend->block_cycle += core->length_change;
    if (last > block) {
        next_block(frontend, core);
        take(frontend, core);
    }
}

/* A loop whose micro-ops fit is renamed from the queue from its third iteration on. */
static void follow_loop(struct x64i_frontend *frontend, const struct x64i_core_model *core,
                        uint64_t rip)
{
    if (!core->loop_buffer || rip == frontend->next)
        return;
    frontend->looping =
        rip == frontend->loop && rip < frontend->next && frontend->loop_uops <= core->loop_buffer;
    frontend->loop = rip;
    frontend->loop_uops = 0;
}

/* More micro-ops than the first decoder makes of an instruction come from the microcode sequencer,
 * as many a cycle as that decoder makes; the other decoders wait for it. */
static void sequence(struct x64i_frontend *frontend, const struct x64i_core_model *core,
                     unsigned made)
{
    frontend->cycle += (made - 1u) / core->complex_uops;
    frontend->decoded = core->decoders;
}

uint64_t x64i_frontend_deliver(struct x64i_frontend *frontend, const struct x64i_core_model *core,
                               const struct x64i_plan *plan, uint64_t rip)
{
    follow_loop(frontend, core, rip);
    fetch(frontend, core, plan, rip);
    frontend->loop_uops += plan->slots;
    if (frontend->looping) { /* no blocks, no decoders: rename's own width is the limit */
        frontend->cycle = frontend->block_cycle = frontend->loop_cycle;
        return frontend->cycle + core->front_depth;
    }
    frontend->loop_cycle = frontend->cycle;
    uint64_t earliest = frontend->block_cycle;
    if (frontend->count >= core->queue) {
        uint64_t left = frontend->renamed[(frontend->count - core->queue) % X64I_QUEUE_MAX];
        if (left > earliest + core->front_depth)
            earliest = left - core->front_depth;
    }
    unsigned made = plan->slots - plan->unlaminated;
    bool complex = (made > 1 && !frontend->cached) || plan->microcode;
    unsigned width = frontend->cached ? core->cached_uops : core->decoders;
    if (earliest > frontend->cycle) {
        frontend->cycle = earliest;
        frontend->decoded = 0;
    } else if (frontend->decoded + made > width || (complex && frontend->decoded)) {
        frontend->cycle++;
        frontend->decoded = 0;
    }
    uint64_t delivered = frontend->cycle;
    frontend->decoded += made;
    if (!frontend->cached && made > core->complex_uops)
        sequence(frontend, core, made);
    if (frontend->block_cycle + 8 < frontend->cycle) /* fetching waits for the decoders */
        frontend->block_cycle = frontend->cycle - 8;
    return delivered + core->front_depth;
}

void x64i_frontend_pass(struct x64i_frontend *frontend, const struct x64i_core_model *core,
                        const struct x64i_plan *plan, uint64_t rip)
{
    frontend->next = rip + plan->length;
    while (frontend->block < block_of(core, rip + plan->length - 1))
        next_block(frontend, core);
}

void x64i_frontend_redirect(struct x64i_frontend *frontend, uint64_t cycle)
{
    if (frontend->cycle < cycle)
        frontend->cycle = cycle;
    if (frontend->block_cycle < cycle)
        frontend->block_cycle = cycle;
    frontend->decoded = 0;
    frontend->next = 0;
    frontend->looping = false;
}

void x64i_frontend_delay(struct x64i_frontend *frontend, uint32_t cycles)
{
    frontend->cycle += cycles;
    if (frontend->block_cycle < frontend->cycle)
        frontend->block_cycle = frontend->cycle;
}
