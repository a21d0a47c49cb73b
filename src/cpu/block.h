/* SPDX-License-Identifier: MIT */
/*
 * Blocks: straight runs of ops within one page, found by their physical address, and the ways from
 * one to the next. Blocks and ops lie in slabs, which are never given back one by one: when there
 * is no room for more, everything is forgotten. The tables by which blocks are found start small,
 * so that a fork which runs little needs little. For each fast op the slab has a cold one, the
 * whole decoded instruction.
 *
 *     slab   fast   | add  | mov  | jnz  | | sub | ...
 *            cold   | ADD  | MOV  | JNZ  | | SUB | ...
 *                     block 0               block 1
 */
#ifndef X64I_CPU_BLOCK_H
#define X64I_CPU_BLOCK_H

#include "cpu/cpu.h"
#include "cpu/fast_forms.h"

#include <stddef.h>

#define X64I_BLOCK_OPS   48u /* instructions of a block at most */
#define X64I_SLAB_BLOCKS 32u
#define X64I_SLAB_OPS    256u

enum { X64I_EXIT_NEXT, X64I_EXIT_TAKEN, X64I_EXIT_COUNT };

/* A way out of a block: good while the stamp is the one in force (mmu/host_tlb.h). */
struct x64i_exit {
    struct x64i_block *to;
    uint64_t target; /* linear */
    uint64_t stamp;
};

struct x64i_block {
    const struct x64i_fast_op *ops;
    uint64_t physical; /* of its first instruction */
    uint32_t count;    /* of instructions that it retires when it runs to its end */
    uint32_t reserved;
    uint64_t watched;    /* the linear page, plus 1, that it was built for; 0: for any */
    uint64_t generation; /* of what was watched there then */
    struct x64i_block *next_in_bucket;
    struct x64i_block *next_in_page;
    struct x64i_exit exits[X64I_EXIT_COUNT];
};

/* Linear addresses that were gone to from somewhere: where indirect branches find their block. */
struct x64i_jump {
    uint64_t target;
    uint64_t stamp;
    struct x64i_block *to;
};

struct x64i_slab {
    struct x64i_fast_op fast[X64I_SLAB_OPS];
    struct x64i_op cold[X64I_SLAB_OPS];
    struct x64i_block blocks[X64I_SLAB_BLOCKS];
    uint32_t used;          /* blocks, once it is full */
    struct x64i_slab *next; /* that was filled before it, or is spare as well */
};

/* Where blocks are found. The sizes are powers of two. */
struct x64i_block_tables {
    uint32_t address_count, page_count, jump_count, slab_limit;
    struct x64i_block **by_address;
    struct x64i_block **by_page;
    struct x64i_jump *jumps;
};

struct x64i_engine {
    struct x64i_slab *slabs; /* in use, the newest first: it is being filled */
    struct x64i_slab *spare;
    uint32_t slab_count;       /* in use */
    uint32_t op_count;         /* in the newest slab */
    uint32_t block_count;      /* there */
    bool grown;                /* the tables are the large ones */
    uint64_t watch_generation; /* of who watches; 0: nobody does */
    uint64_t last_generation;  /* of who watched last */
    struct x64i_block_tables tables;
};

/* The cold op of a fast one: as far behind it as all of its slab. */
static inline const struct x64i_op *x64i_cold_op(const struct x64i_fast_op *op)
{
    const void *cold = (const char *)op + offsetof(struct x64i_slab, cold);
    return cold;
}

static inline struct x64i_jump *x64i_jump_at(const struct x64i_cpu *cpu, uint64_t target)
{
    const struct x64i_block_tables *tables = &cpu->engine->tables;
    return &tables->jumps[(target ^ target >> 12) & (tables->jump_count - 1)];
}

/* The block whose first instruction lies at RIP, made if need be. Null when the reference path must
 * go on there: at a native, or where a fetch would fault. Translates RIP as a fetch would. */
struct x64i_block *x64i_block_at_rip(struct x64i_cpu *cpu);

/* Drops blocks whose bytes were written. */
void x64i_blocks_drop_written(struct x64i_cpu *cpu);

/* After a restore: drops blocks whose bytes are others now. */
void x64i_blocks_drop_changed(struct x64i_cpu *cpu);

/* Drops all blocks. */
void x64i_blocks_flush(struct x64i_cpu *cpu);

/* Allocates the first tables; false when the host has no memory. */
bool x64i_blocks_create(struct x64i_cpu *cpu);

/* Frees the tables and slabs. */
void x64i_blocks_destroy(struct x64i_cpu *cpu);

/* Ends of blocks, and instructions that only the reference path can do. */
x64i_fast_handler x64i_fast_generic_end; /* as x64i_fast_generic, and goes where RIP then is */
x64i_fast_handler x64i_fast_repeat;      /* a string instruction under REP */
x64i_fast_handler x64i_fast_end;         /* no instruction: on with the next block */
x64i_fast_handler x64i_fast_system;      /* leaves: not a plain instruction */
x64i_fast_handler x64i_fast_reference;   /* leaves: not an instruction that can be kept */

/* Goes on at `target` where the running block's `exit` is not linked to it: with the block that is
 * known there, or leaves to have it found and linked. */
const struct x64i_fast_op *x64i_fast_exit(struct x64i_cpu *cpu, struct x64i_exit *exit,
                                          uint64_t target);

/* The same where the target was computed. */
const struct x64i_fast_op *x64i_fast_leave_indirect(struct x64i_cpu *cpu, uint64_t target);

/* Leaves at `target`: its block is longer than the budget. */
const struct x64i_fast_op *x64i_fast_leave_budget(struct x64i_cpu *cpu, uint64_t target);

/* Begins a block at a linear address. */
#define X64I_ENTER(cpu, next, linear)                                        \
    do {                                                                     \
        const int64_t budget_ = (cpu)->fast.budget - (int64_t)(next)->count; \
        if (X64I_UNLIKELY(budget_ < 0))                                      \
            return x64i_fast_leave_budget(cpu, linear);                      \
        (cpu)->fast.budget = budget_;                                        \
        (cpu)->fast.block = (next);                                          \
        (cpu)->fast.code_base = (linear) & ~(uint64_t)(X64I_PAGE_SIZE - 1);  \
        X64I_GO(cpu, (next)->ops);                                           \
    } while (0)

/* Leaves the running block by one of its exits. */
#define X64I_EXIT(cpu, which, linear)                                       \
    do {                                                                    \
        struct x64i_exit *exit_ = &(cpu)->fast.block->exits[which];         \
        if (X64I_UNLIKELY(exit_->stamp != (cpu)->mmu.physical.host.stamp || \
                          exit_->target != (linear)))                       \
            return x64i_fast_exit(cpu, exit_, linear);                      \
        struct x64i_block *next_ = exit_->to;                               \
        X64I_ENTER(cpu, next_, linear);                                     \
    } while (0)

/* Leaves the running block for an address that was computed. */
#define X64I_INDIRECT(cpu, linear)                                         \
    do {                                                                   \
        const struct x64i_jump *jump_ = x64i_jump_at(cpu, linear);         \
        if (X64I_UNLIKELY(jump_->target != (linear) ||                     \
                          jump_->stamp != (cpu)->mmu.physical.host.stamp)) \
            return x64i_fast_leave_indirect(cpu, linear);                  \
        struct x64i_block *next_ = jump_->to;                              \
        X64I_ENTER(cpu, next_, linear);                                    \
    } while (0)

#endif
