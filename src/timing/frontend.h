/* SPDX-License-Identifier: MIT */
/*
 * The front end: in which cycle an instruction's micro-ops are there for rename. Straight-line code
 * comes through the legacy decoders, code seen before from the micro-op cache.
 */
#ifndef X64I_TIMING_FRONTEND_H
#define X64I_TIMING_FRONTEND_H

#include "timing/plan.h"

#define X64I_QUEUE_MAX  256
#define X64I_BLOCKS_MAX 1024u /* at least a micro-op cache's */

struct x64i_frontend {
    uint64_t block;       /* aligned fetch block being decoded, as its number */
    uint64_t block_cycle; /* when it was there for the decoders */
    uint32_t in_block;    /* instructions of the block in that cycle */
    uint64_t cycle;       /* of the last decoded instruction */
    uint32_t decoded;     /* micro-ops in that cycle */
    uint64_t next;        /* address behind the last instruction, 0 after a redirection */
    bool cached;          /* the block comes from the micro-op cache */
    uint64_t loop;        /* address that the last jump backwards went to */
    uint32_t loop_uops;   /* delivered since */
    uint64_t loop_cycle;  /* in which the loop was decoded */
    bool looping;         /* what the queue holds is the loop, and nothing else is fetched */
    uint64_t blocks[X64I_BLOCKS_MAX]; /* numbers + 1 of the blocks there, by their number */
    uint64_t renamed[X64I_QUEUE_MAX]; /* cycles in which the last micro-ops left the queue */
    uint64_t count;                   /* micro-ops delivered */
};

/* The cycle in which the instruction at `rip` can be renamed at the earliest. */
uint64_t x64i_frontend_deliver(struct x64i_frontend *frontend, const struct x64i_core_model *core,
                               const struct x64i_plan *plan, uint64_t rip);

/* The instruction at `rip`, which follows at once, is part of the one before: only its bytes count.
 */
void x64i_frontend_pass(struct x64i_frontend *frontend, const struct x64i_core_model *core,
                        const struct x64i_plan *plan, uint64_t rip);

/* A slot of the queue was emptied by rename in `cycle`. */
static inline void x64i_frontend_renamed(struct x64i_frontend *frontend, uint64_t cycle)
{
    frontend->renamed[frontend->count++ % X64I_QUEUE_MAX] = cycle;
}

/* The code of what was delivered last came `cycles` later. */
void x64i_frontend_delay(struct x64i_frontend *frontend, uint32_t cycles);

/* Fetching goes on at another address, in `cycle` at the earliest. */
void x64i_frontend_redirect(struct x64i_frontend *frontend, uint64_t cycle);

#endif
