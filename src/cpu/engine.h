/* SPDX-License-Identifier: MIT */
/*
 * The block engine: straight runs of ops, decoded once and executed without looking at their bytes
 * again, over the same handlers as the reference path. It makes the steps that need no more than
 * their handler (plain instructions in 64-bit mode, nothing pending, nobody watching) and leaves
 * all others to x64i_cpu_step; whoever makes a step, the state after it is the same to the bit.
 *
 *     while (cpu->s.steps < limit)
 *         if (!x64i_engine_run(cpu, limit) && !x64i_cpu_step(cpu))
 *             break;
 *
 * Blocks are in block.h, their ops in fast_op.h, the handlers' common parts in fast_sem.h; what has
 * no handler of the engine's own goes through fast_generic.c. Writes to code, and changes of the
 * TLB that may concern code, are noted where they happen (x64i_physical.disturbed): the running
 * op's handler leaves, and everything is looked for again.
 */
#ifndef X64I_CPU_ENGINE_H
#define X64I_CPU_ENGINE_H

#include "cpu/cpu.h"

/* Makes steps until s.steps is `limit` or a step needs the reference path. No event of a device may
 * be due before `limit`. Answers how many steps it made. */
uint64_t x64i_engine_run(struct x64i_cpu *cpu, uint64_t limit);

/* Forgets all blocks: after natives were set, or devices added. */
void x64i_engine_flush(struct x64i_cpu *cpu);

/* After a restore: forgets blocks whose bytes are others now, and all host pointers. */
void x64i_engine_restored(struct x64i_cpu *cpu);

void x64i_engine_destroy(struct x64i_cpu *cpu);

#endif
