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
 * A block lies within one page. It is found by its physical and linear address and is stale once a
 * write has touched its page (x64i_physical.code_versions). Translations are checked when a block
 * is entered and again after any op that changed the TLB, so that the guest-visible TLB is filled
 * as if every instruction had been fetched.
 */
#ifndef X64I_CPU_ENGINE_H
#define X64I_CPU_ENGINE_H

#include "cpu/cpu.h"

/* Makes steps until s.steps is `limit` or a step needs the reference path. No event of a device may
 * be due before `limit`. Answers how many steps it made. */
uint64_t x64i_engine_run(struct x64i_cpu *cpu, uint64_t limit);

/* Forgets all blocks: after memory was replaced as a whole, or natives were set. */
void x64i_engine_flush(struct x64i_cpu *cpu);

void x64i_engine_destroy(struct x64i_cpu *cpu);

#endif
