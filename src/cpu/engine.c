/* SPDX-License-Identifier: MIT */
#include "cpu/engine.h"

#include "cpu/access.h"
#include "cpu/decode.h"
#include "cpu/isa.h"
#include "cpu/reference.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_OPS   32u
#define BLOCK_COUNT 16384u
#define OP_COUNT    65536u

struct block {
    uint64_t linear;
    uint64_t physical;
    uint32_t version; /* of its page; 0: empty */
    uint32_t count;
    uint32_t first; /* of its ops */
    uint32_t reserved;
};

/* Blocks by a hash of their physical address; their ops one behind the other. When there is no room
 * for more ops, everything is forgotten. */
struct x64i_engine {
    uint32_t ops_used;
    struct block blocks[BLOCK_COUNT];
    struct x64i_op ops[OP_COUNT];
};

static bool create_engine(struct x64i_cpu *cpu)
{
    struct x64i_physical *memory = &cpu->mmu.physical;
    cpu->engine = calloc(1, sizeof *cpu->engine);
    memory->code_versions =
        calloc(memory->ram_size / X64I_PAGE_SIZE, sizeof *memory->code_versions);
    if (cpu->engine && memory->code_versions)
        return true;
    x64i_engine_destroy(cpu);
    return false;
}

void x64i_engine_destroy(struct x64i_cpu *cpu)
{
    free(cpu->engine);
    free(cpu->mmu.physical.code_versions);
    cpu->engine = NULL;
    cpu->mmu.physical.code_versions = NULL;
}

void x64i_engine_flush(struct x64i_cpu *cpu)
{
    if (!cpu->engine)
        return;
    cpu->engine->ops_used = 0;
    for (size_t i = 0; i < BLOCK_COUNT; i++)
        cpu->engine->blocks[i].version = 0;
}

static bool is_native(const struct x64i_cpu *cpu, uint64_t linear)
{
    size_t count = cpu->native_count;
    if (count == 0 || linear < cpu->natives[0].linear || linear > cpu->natives[count - 1].linear)
        return false;
    for (size_t low = 0, high = count; low < high;) {
        size_t middle = (low + high) / 2;
        if (cpu->natives[middle].linear == linear)
            return true;
        if (cpu->natives[middle].linear < linear)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Decodes a run of plain ops up to a jump, the page's end, a native, or what is not plain. */
static void fill_block(struct x64i_cpu *cpu, struct block *block, const uint8_t *bytes, size_t size)
{
    struct x64i_engine *engine = cpu->engine;
    size_t at = 0;
    block->count = 0;
    block->first = engine->ops_used;
    while (block->count < BLOCK_OPS && at < size) {
        struct x64i_op *op = &engine->ops[engine->ops_used];
        if (is_native(cpu, block->linear + at) ||
            x64i_decode(cpu, bytes + at, size - at, op) != X64I_DECODED ||
            !x64i_isa_is_plain(op->row))
            return;
        block->count++;
        engine->ops_used++;
        at += op->length;
        if (x64i_isa_leaves(op->row))
            return;
    }
}

static bool translate_code(struct x64i_cpu *cpu, uint64_t linear, uint64_t *physical)
{
    uint32_t error;
    unsigned access = X64I_ACCESS_EXECUTE | (cpu->s.cpl == 3 ? X64I_ACCESS_USER : 0);
    return x64i_mmu_translate(&cpu->mmu, linear, access, physical, &error);
}

/* The block at RIP; null when there is none to run. */
static const struct block *find_block(struct x64i_cpu *cpu, uint64_t physical)
{
    struct x64i_physical *memory = &cpu->mmu.physical;
    uint64_t page = physical / X64I_PAGE_SIZE;
    struct block *block = &cpu->engine->blocks[(physical ^ physical >> 12) & (BLOCK_COUNT - 1)];
    if (block->version && block->physical == physical && block->linear == cpu->s.rip &&
        block->version == memory->code_versions[page])
        return block->count ? block : NULL;
    const uint8_t *bytes = x64i_physical_ram(memory, physical);
    if (!bytes)
        return NULL;
    if (OP_COUNT - cpu->engine->ops_used < BLOCK_OPS)
        x64i_engine_flush(cpu);
    if (!memory->code_versions[page])
        memory->code_versions[page] = 1;
    block->linear = cpu->s.rip;
    block->physical = physical;
    block->version = memory->code_versions[page];
    fill_block(cpu, block, bytes, X64I_PAGE_SIZE - physical % X64I_PAGE_SIZE);
    return block->count ? block : NULL;
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

/* The translation of the code, after an op that changed the TLB: as the next fetch would ask for
 * it. False when the page is no longer the block's. */
static bool is_still_there(struct x64i_cpu *cpu, const struct block *block)
{
    uint64_t physical;
    uint64_t expected = block->physical + (cpu->s.rip - block->linear);
    return x64i_is_canonical(cpu->s.rip) && translate_code(cpu, cpu->s.rip, &physical) &&
           physical == expected;
}

/* What must be unchanged for the next op to be the block's. */
struct watch {
    uint64_t limit;
    uint64_t code_writes;
    uint64_t changes;
};

/* After a step: whether the block may go on at RIP. */
static bool may_go_on(struct x64i_cpu *cpu, const struct block *block, struct watch *watch)
{
    if (cpu->s.steps == watch->limit || cpu->mmu.physical.code_writes != watch->code_writes)
        return false;
    if (cpu->mmu.changes != watch->changes) {
        if (!is_still_there(cpu, block))
            return false;
        watch->changes = cpu->mmu.changes;
    }
    return true;
}

/* The iterations of a REP instruction after its first; between them RF is set, as retiring does. */
static enum x64i_result repeat(struct x64i_cpu *cpu, const struct block *block,
                               const struct x64i_op *op, struct watch *watch)
{
    enum x64i_result result = X64I_REPEAT;
    while (result == X64I_REPEAT) {
        cpu->s.rflags |= X64I_RF;
        cpu->s.steps++;
        if (!may_go_on(cpu, block, watch))
            return X64I_REPEAT;
        result = op->execute(cpu, op);
    }
    if (result == X64I_DONE)
        cpu->s.rflags &= ~(uint64_t)X64I_RF;
    return result;
}

/* Runs a block from its first op. False when the reference path has to go on. */
static bool run_block(struct x64i_cpu *cpu, const struct block *block, uint64_t limit)
{
    struct x64i_cpu_state *s = &cpu->s;
    struct watch watch = {limit, cpu->mmu.physical.code_writes, cpu->mmu.changes};
    const struct x64i_op *op = &cpu->engine->ops[block->first];
    const struct x64i_op *end = op + block->count;
    for (; op < end; op++) {
        const uint64_t following = s->rip + op->length;
        cpu->next_rip = following;
        enum x64i_result result = op->execute(cpu, op);
        if (result == X64I_REPEAT)
            result = repeat(cpu, block, op, &watch);
        if (result == X64I_FAULT) {
            (void)x64i_cpu_fault_step(cpu);
            return false;
        }
        if (result == X64I_REPEAT)
            return false;
        s->rip = cpu->next_rip;
        s->steps++;
        if (s->rip != following)
            return s->steps < limit;
        if (op + 1 < end && !may_go_on(cpu, block, &watch))
            return s->steps < limit;
    }
    return true;
}

/* The page that code was last fetched from, while no translation has changed since. */
struct code_page {
    uint64_t linear;
    uint64_t physical;
    uint64_t changes;
};

/* Where RIP lies in physical memory, as a fetch would find it. False when it would fault. */
static bool locate(struct x64i_cpu *cpu, struct code_page *page, uint64_t *physical)
{
    const uint64_t rip = cpu->s.rip;
    const uint64_t inside = X64I_PAGE_SIZE - 1;
    if (page->changes == cpu->mmu.changes && page->linear == (rip & ~inside)) {
        *physical = page->physical | (rip & inside);
        return true;
    }
    if (!x64i_is_canonical(rip) || !translate_code(cpu, rip, physical))
        return false;
    *page = (struct code_page){rip & ~inside, *physical & ~inside, cpu->mmu.changes};
    return true;
}

uint64_t x64i_engine_run(struct x64i_cpu *cpu, uint64_t limit)
{
    const uint64_t start = cpu->s.steps;
    struct code_page page = {.linear = 1};
    if (!is_quiet(cpu) || (!cpu->engine && !create_engine(cpu)))
        return 0;
    x64i_cpu_begin_step(cpu);
    while (cpu->s.steps < limit) {
        uint64_t physical;
        /* At a native nothing is fetched: nothing must be translated either. */
        if (is_native(cpu, cpu->s.rip) || !locate(cpu, &page, &physical))
            break;
        const struct block *block = find_block(cpu, physical);
        if (!block || !run_block(cpu, block, limit) || cpu->mmu.physical.out_of_memory)
            break;
    }
    return cpu->s.steps - start;
}
