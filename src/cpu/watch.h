/* SPDX-License-Identifier: MIT */
/*
 * Who watches a run made of blocks: emu's hooks. Blocks of a linear page in which addresses are
 * watched are built with ops that call `before`, and with instructions made by the reference path's
 * handler, effects and all, of which `after` is told. What is watched by effect (memory,
 * exceptions, page walks) concerns only ops that have no fast form or could not finish in it: for
 * the pages whose accesses are to be told there are no host pointers. All else runs as ever.
 *
 *     page      | add  | mov  | jnz  |          nothing watched there
 *     page      | BEFORE | add  | mov (told) | BEFORE | jnz  |
 *
 * A block is good for the linear page and the generation that it was built for.
 */
#ifndef X64I_CPU_WATCH_H
#define X64I_CPU_WATCH_H

#include "cpu/fast_op.h"

#include <stdbool.h>
#include <stdint.h>

struct x64i_effect_list;
struct x64i_op;

/* What may be watched of the instructions in a range of addresses; bits. */
enum x64i_watch_bit {
    X64I_WATCH_BEFORE = 1, /* every step there, before it */
    X64I_WATCH_START = 2,  /* those that start a basic block, before them */
    X64I_WATCH_AFTER = 4   /* every step there, after it */
};

struct x64i_watch {
    uint64_t generation; /* another number, and never 0, whenever what is watched has changed */
    struct x64i_effect_list *effects; /* of steps that are told; null when none are */
    bool rare; /* all steps made by the reference path's handlers are told, not only those of
                * instructions that are not plain (x64i_isa_is_plain) */
    void *user;
    /* What is watched of the instructions with a byte in [first, last]. */
    unsigned (*at)(void *user, uint64_t first, uint64_t last);
    /* Whether the reads, or writes, of a linear page are told. Null: never. */
    bool (*hides)(void *user, uint64_t page, bool write);
    /* Before the step at RIP, the state being whole. False: the engine is to be left before it. */
    bool (*before)(void *user);
    /* After the step in cpu->step. False: the engine is to be left. */
    bool (*after)(void *user);
};

/* Makes the step of a decoded instruction and tells it. False when the engine is to be left, be it
 * that the step was left unmade. */
bool x64i_watched_step(struct x64i_cpu *cpu, const struct x64i_op *op);

/* Whether what happened since `stamp` was in force leaves the running block as it is. */
bool x64i_watch_block_goes_on(struct x64i_cpu *cpu, uint64_t stamp);

x64i_fast_handler x64i_fast_before;      /* retires nothing: calls `before` for the op behind it */
x64i_fast_handler x64i_fast_told;        /* an instruction by the reference path's handler, told */
x64i_fast_handler x64i_fast_told_end;    /* ... that ends its block */
x64i_fast_handler x64i_fast_told_repeat; /* ... under REP, with all its iterations */
x64i_fast_handler x64i_fast_watched_repeat; /* one iteration, told; then leaves */

#endif
