/* SPDX-License-Identifier: MIT */
#include "cpu/block.h"

#include "cpu/access.h"
#include "cpu/decode.h"
#include "cpu/isa.h"
#include "cpu/reference.h"
#include "cpu/watch.h"
#include "state/heap.h"
#include "state/lazy.h"

#include <string.h>

/* Up to 128 blocks, and up to 16384 of them. */
static const struct x64i_block_tables small_tables = {
    .address_count = 256, .page_count = 64, .jump_count = 1024, .slab_limit = 4};
static const struct x64i_block_tables large_tables = {
    .address_count = 16384, .page_count = 4096, .jump_count = 4096, .slab_limit = 512};

static struct x64i_block **address_bucket(const struct x64i_engine *engine, uint64_t physical)
{
    const struct x64i_block_tables *tables = &engine->tables;
    return &tables->by_address[(physical ^ physical >> 12) & (tables->address_count - 1)];
}

static struct x64i_block **page_bucket(const struct x64i_engine *engine, uint64_t page)
{
    return &engine->tables.by_page[page & (engine->tables.page_count - 1)];
}

static size_t tables_size(const struct x64i_block_tables *tables)
{
    return tables->jump_count * sizeof *tables->jumps +
           (tables->address_count + tables->page_count) * sizeof *tables->by_address;
}

/* Lays the tables out in one piece of zeroes. */
static void place_tables(struct x64i_engine *engine, const struct x64i_block_tables *sizes,
                         void *memory)
{
    struct x64i_block_tables *tables = &engine->tables;
    *tables = *sizes;
    tables->jumps = memory;
    tables->by_address = (struct x64i_block **)(tables->jumps + tables->jump_count);
    tables->by_page = tables->by_address + tables->address_count;
}

bool x64i_blocks_create(struct x64i_cpu *cpu)
{
    void *memory = x64i_heap_allocate_zeroed(cpu->heap, tables_size(&small_tables));
    if (memory)
        place_tables(cpu->engine, &small_tables, memory);
    return memory != NULL;
}

static void free_tables(struct x64i_cpu *cpu)
{
    struct x64i_engine *engine = cpu->engine;
    if (engine->grown)
        x64i_lazy_free(engine->tables.jumps, tables_size(&large_tables));
    else
        x64i_heap_free(cpu->heap, engine->tables.jumps, tables_size(&small_tables));
}

/* Most runs touch little of the large tables. Without memory the small ones go on serving. */
static void grow_tables(struct x64i_cpu *cpu)
{
    struct x64i_engine *engine = cpu->engine;
    void *memory = engine->grown ? NULL : x64i_lazy_allocate(tables_size(&large_tables));
    if (!memory)
        return;
    free_tables(cpu);
    place_tables(engine, &large_tables, memory);
    engine->grown = true;
}

static void take_from_bucket(struct x64i_engine *engine, const struct x64i_block *block)
{
    struct x64i_block **link = address_bucket(engine, block->physical);
    while (*link != block)
        link = &(*link)->next_in_bucket;
    *link = block->next_in_bucket;
}

static void drop_page(struct x64i_cpu *cpu, uint64_t page)
{
    struct x64i_engine *engine = cpu->engine;
    struct x64i_block **link = page_bucket(engine, page);
    while (*link) {
        struct x64i_block *block = *link;
        if (block->physical >> 12 != page) {
            link = &block->next_in_page;
            continue;
        }
        *link = block->next_in_page;
        take_from_bucket(engine, block);
    }
    x64i_physical_forget_code(&cpu->mmu.physical, page);
}

void x64i_blocks_drop_written(struct x64i_cpu *cpu)
{
    struct x64i_code_map *code = &cpu->mmu.physical.code;
    if (!cpu->engine || code->written_count == 0)
        return;
    if (code->written_count > X64I_CODE_WRITTEN_MAX) {
        x64i_blocks_flush(cpu);
        return;
    }
    for (size_t i = 0; i < code->written_count; i++)
        drop_page(cpu, code->written[i]);
    code->written_count = 0;
    cpu->fast.pending = NULL;
    x64i_host_tlb_new_stamps(&cpu->mmu.physical.host);
}

void x64i_blocks_drop_changed(struct x64i_cpu *cpu)
{
    const struct x64i_block_tables *tables = &cpu->engine->tables;
    cpu->mmu.physical.code.written_count = 0;
    cpu->fast.pending = NULL;
    for (uint32_t i = 0; i < tables->page_count; i++) {
        const struct x64i_block *block = tables->by_page[i];
        while (block) {
            uint64_t page = block->physical / X64I_PAGE_SIZE;
            bool same = x64i_physical_code_is_same(&cpu->mmu.physical, page);
            if (!same)
                drop_page(cpu, page);
            block = same ? block->next_in_page : tables->by_page[i];
        }
    }
}

static void forget_code(struct x64i_cpu *cpu, const struct x64i_slab *slab, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        x64i_physical_forget_code(&cpu->mmu.physical, slab->blocks[i].physical >> 12);
}

void x64i_blocks_flush(struct x64i_cpu *cpu)
{
    struct x64i_engine *engine = cpu->engine;
    struct x64i_block_tables *tables = &engine->tables;
    cpu->mmu.physical.code.written_count = 0;
    cpu->fast.pending = NULL;
    if (!engine->slabs)
        return;
    forget_code(cpu, engine->slabs, engine->block_count);
    while (engine->slabs) {
        struct x64i_slab *slab = engine->slabs;
        engine->slabs = slab->next;
        slab->next = engine->spare;
        engine->spare = slab;
        if (engine->slabs)
            forget_code(cpu, engine->slabs, engine->slabs->used);
    }
    engine->slab_count = 0;
    memset(tables->by_address, 0, tables->address_count * sizeof *tables->by_address);
    memset(tables->by_page, 0, tables->page_count * sizeof *tables->by_page);
    x64i_host_tlb_new_stamps(&cpu->mmu.physical.host);
}

static void free_slabs(struct x64i_cpu *cpu, struct x64i_slab *slab)
{
    while (slab) {
        struct x64i_slab *next = slab->next;
        x64i_heap_free(cpu->heap, slab, sizeof *slab);
        slab = next;
    }
}

void x64i_blocks_destroy(struct x64i_cpu *cpu)
{
    free_slabs(cpu, cpu->engine->slabs);
    free_slabs(cpu, cpu->engine->spare);
    free_tables(cpu);
}

/* A slab to be filled next. */
static struct x64i_slab *add_slab(struct x64i_cpu *cpu)
{
    struct x64i_engine *engine = cpu->engine;
    struct x64i_slab *slab = engine->spare;
    if (slab)
        engine->spare = slab->next;
    else
        slab = x64i_heap_allocate(cpu->heap, sizeof *slab);
    if (!slab)
        return NULL;
    if (engine->slabs)
        engine->slabs->used = engine->block_count;
    slab->next = engine->slabs;
    engine->slabs = slab;
    engine->slab_count++;
    engine->block_count = engine->op_count = 0;
    return slab;
}

/* The slab for the next block, which has room for one of any length. Null when there is none and
 * the host has no memory for one. */
static struct x64i_slab *make_room(struct x64i_cpu *cpu)
{
    struct x64i_engine *engine = cpu->engine;
    /* Blocks that are watched have an op more for each instruction. */
    const uint32_t ops = cpu->watch ? 2 * X64I_BLOCK_OPS + 1 : X64I_BLOCK_OPS;
    bool fits = engine->slabs && engine->block_count < X64I_SLAB_BLOCKS &&
                X64I_SLAB_OPS - engine->op_count > ops;
    if (fits)
        return engine->slabs;
    if (engine->slab_count == engine->tables.slab_limit) {
        x64i_blocks_flush(cpu);
        grow_tables(cpu);
    }
    return add_slab(cpu);
}

/* Offsets in struct x64i_cpu that addresses are made of. */
static uint16_t at_register(uint8_t reg)
{
    return reg == X64I_NO_REGISTER ? (uint16_t)offsetof(struct x64i_cpu, fast.zero)
                                   : (uint16_t)(offsetof(struct x64i_cpu, s.gpr) + reg * 8u);
}

static uint16_t at_segment(unsigned segment)
{
    return (uint16_t)(offsetof(struct x64i_cpu, s.segment) + segment * sizeof(struct x64i_segment) +
                      offsetof(struct x64i_segment, base));
}

static bool fits_32(int64_t value)
{
    return value == (int32_t)value;
}

/* The memory operand's address as a sum; false when it is made of more than a fast op has room for,
 * or is narrower than 64 bits. */
static bool set_address(struct x64i_fast_op *fast, const struct x64i_op *op)
{
    int64_t displacement = op->displacement;
    fast->base = at_register(op->base);
    fast->index = at_register(op->index);
    fast->scale = op->scale;
    if (op->flags & (X64I_OP_ADDRESS_32 | X64I_OP_ADDRESS_16 | X64I_OP_MOFFS))
        return false;
    if (op->flags & X64I_OP_RIP_RELATIVE) {
        fast->base = (uint16_t)offsetof(struct x64i_cpu, fast.code_base);
        displacement += fast->offset + fast->length;
    }
    fast->displacement = (int32_t)displacement;
    if (!fits_32(displacement))
        return false;
    if (!(op->flags & X64I_OP_MEMORY) || (op->segment != X64_FS && op->segment != X64_GS))
        return true;
    if (op->index == X64I_NO_REGISTER) {
        fast->index = at_segment(op->segment);
        fast->scale = 0;
    } else if (op->base == X64I_NO_REGISTER && !(op->flags & X64I_OP_RIP_RELATIVE)) {
        fast->base = at_segment(op->segment);
    } else {
        return false;
    }
    return true;
}

static bool is_lea(const struct x64i_op *op)
{
    return x64i_isa_rows[op->row].mnemonic == ZYDIS_MNEMONIC_LEA;
}

/* A relative branch's target, counted from the page's start. */
static bool set_target(struct x64i_fast_op *fast, const struct x64i_op *op)
{
    int64_t target = (int64_t)op->immediate + fast->offset + fast->length;
    fast->displacement = (int32_t)target;
    return fits_32(target);
}

static bool is_repeated(const struct x64i_op *op)
{
    return (op->flags & (X64I_OP_REP | X64I_OP_REPNE)) && x64i_isa_is_string(op->row);
}

/* The handler of a plain instruction that is told, or of a string one that is watched before. */
static x64i_fast_handler *watched_handler(const struct x64i_op *op, unsigned watched, bool ends,
                                          x64i_fast_handler *usual)
{
    if (is_repeated(op) && (watched & (X64I_WATCH_BEFORE | X64I_WATCH_AFTER)))
        return x64i_fast_watched_repeat;
    if (!(watched & X64I_WATCH_AFTER))
        return usual;
    return ends ? x64i_fast_told_end : x64i_fast_told;
}

/* Chooses the fast handler of a plain instruction. Answers whether it ends the block. */
static bool choose_handler(const struct x64i_cpu *cpu, struct x64i_fast_op *fast,
                           const struct x64i_op *op)
{
    const struct x64i_fast_form *form = x64i_fast_form_find(cpu->forms, op->execute);
    bool ends = x64i_isa_is_branch(op->row);
    fast->run = ends                            ? x64i_fast_generic_end
                : x64i_isa_is_flagless(op->row) ? x64i_fast_flagless
                                                : x64i_fast_generic;
    if (is_repeated(op)) {
        fast->run = x64i_fast_repeat;
        return true;
    }
    bool relative = ends && !(op->flags & X64I_OP_MEMORY);
    struct x64i_op flat = *op;
    if (is_lea(op)) /* it computes an offset: no segment's base belongs to it */
        flat.segment = X64_DS;
    if (!form || !set_address(fast, &flat) || (relative && !set_target(fast, op)))
        return ends;
    fast->run = form->fast;
    return ends;
}

static void set_fast(struct x64i_fast_op *fast, const struct x64i_op *op, uint16_t offset,
                     unsigned position)
{
    *fast = (struct x64i_fast_op){.immediate = op->immediate,
                                  .base = at_register(X64I_NO_REGISTER),
                                  .index = at_register(X64I_NO_REGISTER),
                                  .offset = offset,
                                  .destination = op->destination,
                                  .source = op->source,
                                  .third = op->third,
                                  .length = op->length,
                                  .position = (uint8_t)position};
}

/* What a block under construction knows. */
struct builder {
    struct x64i_cpu *cpu;
    struct x64i_slab *slab;
    struct x64i_block *block;
    uint64_t linear; /* of the page */
    const uint8_t *page;
    uint16_t offset; /* of the next instruction */
};

/* What is watched of the instruction `cold`, which is next. */
static unsigned watched_bits(const struct builder *builder, const struct x64i_op *cold)
{
    const struct x64i_watch *watch = builder->cpu->watch;
    if (!builder->block->watched)
        return 0;
    uint64_t linear = builder->linear + builder->offset;
    unsigned bits = watch->at(watch->user, linear, linear + cold->length - 1);
    return builder->block->count ? bits & ~(unsigned)X64I_WATCH_START : bits;
}

/* Adds an op that retires nothing. */
static void add_empty(struct builder *builder, x64i_fast_handler *run, const struct x64i_op *cold)
{
    struct x64i_engine *engine = builder->cpu->engine;
    struct x64i_fast_op *fast = &builder->slab->fast[engine->op_count];
    set_fast(fast, cold, builder->offset, builder->block->count);
    fast->run = run;
    builder->slab->cold[engine->op_count] = *cold;
    engine->op_count++;
}

/* Whether the block ends before the next instruction, which no op can be made of. */
static bool ends_here(const struct builder *builder)
{
    return builder->offset == X64I_PAGE_SIZE || builder->block->count == X64I_BLOCK_OPS ||
           (builder->block->count &&
            x64i_cpu_native_at(builder->cpu, builder->linear + builder->offset));
}

/* Adds the next instruction, decoded. False when the block ends with it. */
static bool add_decoded(struct builder *builder, const struct x64i_op *decoded)
{
    struct x64i_engine *engine = builder->cpu->engine;
    const unsigned watched = watched_bits(builder, decoded);
    if (watched & (X64I_WATCH_BEFORE | X64I_WATCH_START))
        add_empty(builder, x64i_fast_before, decoded);
    if (!x64i_isa_is_plain(decoded->row)) {
        add_empty(builder, x64i_fast_system, decoded);
        builder->offset = (uint16_t)(builder->offset + decoded->length);
        return false;
    }
    struct x64i_fast_op *fast = &builder->slab->fast[engine->op_count];
    set_fast(fast, decoded, builder->offset, builder->block->count);
    bool ends = choose_handler(builder->cpu, fast, decoded);
    fast->run = watched_handler(decoded, watched, ends, fast->run);
    builder->slab->cold[engine->op_count] = *decoded;
    engine->op_count++;
    builder->block->count++;
    builder->offset = (uint16_t)(builder->offset + decoded->length);
    return !ends;
}

/* Adds the next instruction. False when the block has ended. */
static bool add_instruction(struct builder *builder)
{
    const struct x64i_op nothing = {0};
    struct x64i_op decoded;
    if (ends_here(builder)) {
        add_empty(builder, x64i_fast_end, &nothing);
        return false;
    }
    if (x64i_decode(builder->cpu, builder->page + builder->offset, X64I_PAGE_SIZE - builder->offset,
                    &decoded) != X64I_DECODED) {
        add_empty(builder, x64i_fast_reference, &nothing);
        return false;
    }
    return add_decoded(builder, &decoded);
}

/* What a block for this linear address is built for (x64i_block.watched). */
static uint64_t watched_page(const struct x64i_cpu *cpu, uint64_t linear)
{
    const uint64_t inside = X64I_PAGE_SIZE - 1;
    const struct x64i_watch *watch = cpu->watch;
    if (!watch || !watch->at(watch->user, linear & ~inside, linear | inside))
        return 0;
    return (linear & ~inside) + 1;
}

static void put_first(struct x64i_block **bucket, struct x64i_block *block,
                      struct x64i_block **next)
{
    *next = *bucket;
    *bucket = block;
}

static struct x64i_block *build(struct x64i_cpu *cpu, uint64_t linear, uint64_t physical,
                                const uint8_t *bytes)
{
    struct x64i_engine *engine = cpu->engine;
    struct x64i_slab *slab = make_room(cpu);
    if (!slab || !x64i_physical_keep_code(&cpu->mmu.physical, physical, 1))
        return NULL;
    struct x64i_block *block = &slab->blocks[engine->block_count++];
    const uint16_t offset = (uint16_t)(physical % X64I_PAGE_SIZE);
    struct builder builder = {cpu, slab, block, linear - offset, bytes - offset, offset};
    *block = (struct x64i_block){.ops = &slab->fast[engine->op_count],
                                 .physical = physical,
                                 .watched = watched_page(cpu, linear),
                                 .generation = engine->watch_generation};
    while (add_instruction(&builder))
        ;
    uint64_t size = builder.offset > offset ? (uint64_t)(builder.offset - offset) : 1;
    (void)x64i_physical_keep_code(&cpu->mmu.physical, physical, size); /* room is made */
    put_first(address_bucket(engine, physical), block, &block->next_in_bucket);
    put_first(page_bucket(engine, physical / X64I_PAGE_SIZE), block, &block->next_in_page);
    return block;
}

/* Drops the blocks of a page of which some were built for what is not watched any more. */
static void drop_stale(struct x64i_cpu *cpu, uint64_t physical)
{
    drop_page(cpu, physical >> 12);
    cpu->fast.pending = NULL;
    x64i_host_tlb_new_stamps(&cpu->mmu.physical.host);
}

static struct x64i_block *find(struct x64i_cpu *cpu, uint64_t linear, uint64_t physical)
{
    struct x64i_block *block = *address_bucket(cpu->engine, physical);
    const uint64_t watched = watched_page(cpu, linear);
    const uint64_t generation = cpu->engine->watch_generation;
    bool stale = false;
    for (; block; block = block->next_in_bucket) {
        if (block->physical != physical)
            continue;
        if (block->watched == watched && (!watched || block->generation == generation))
            return block;
        stale |= block->watched && block->generation != cpu->engine->last_generation;
    }
    if (stale)
        drop_stale(cpu, physical);
    const uint8_t *bytes = x64i_physical_ram(&cpu->mmu.physical, physical);
    return bytes ? build(cpu, linear, physical, bytes) : NULL;
}

struct x64i_block *x64i_block_at_rip(struct x64i_cpu *cpu)
{
    const uint64_t rip = cpu->s.rip;
    struct x64i_host_tlb *host = &cpu->mmu.physical.host;
    const struct x64i_jump *known = x64i_jump_at(cpu, rip);
    if (known->target == rip && known->stamp == host->stamp)
        return known->to;
    uint64_t physical;
    uint32_t error;
    unsigned access = X64I_ACCESS_EXECUTE | (cpu->s.cpl == 3 ? X64I_ACCESS_USER : 0);
    /* Who watches is called before the fetch, and told of its page walk. */
    if (cpu->watch && !x64i_mmu_holds(&cpu->mmu, rip, access))
        return NULL;
    if (x64i_cpu_native_at(cpu, rip) || !x64i_is_canonical(rip) ||
        !x64i_mmu_translate(&cpu->mmu, rip, access, &physical, &error))
        return NULL;
    x64i_host_tlb_note_code(host, rip);
    struct x64i_block *block = find(cpu, rip, physical);
    if (block) /* the tables may have grown meanwhile */
        *x64i_jump_at(cpu, rip) =
            (struct x64i_jump){.target = rip, .stamp = host->stamp, .to = block};
    return block;
}
