/* SPDX-License-Identifier: MIT */
/* What the block engine shares with the reference path: a step's beginning and its end. */
#ifndef X64I_CPU_REFERENCE_H
#define X64I_CPU_REFERENCE_H

#include "cpu/cpu.h"

/* Clears what belongs to one step only. */
void x64i_cpu_begin_step(struct x64i_cpu *cpu);

/* The native function that stands at a linear address, or null. */
const struct x64i_native *x64i_cpu_native_at(const struct x64i_cpu *cpu, uint64_t linear);

/* Whether the next step starts at an address: it is not sleep, nor the delivery of an interrupt or
 * trap that is pending. */
bool x64i_cpu_at_instruction(const struct x64i_cpu *cpu);

/* The step of an instruction that faulted: delivers cpu->exception. True without a step having been
 * made when callbacks->page_fault says that it is not to be. */
bool x64i_cpu_fault_step(struct x64i_cpu *cpu);

/* The step of an instruction that was fetched and decoded already, with nothing due before it;
 * cpu->step has no bytes then. */
void x64i_cpu_decoded_step(struct x64i_cpu *cpu, const struct x64i_op *op);

/* The step at s.rip goes on behind the one before it. */
static inline void x64i_cpu_note_straight(struct x64i_cpu *cpu)
{
    cpu->straight = (struct x64i_straight){.step = cpu->s.steps, .rip = cpu->s.rip};
}

/* Does so if that is what the step in cpu->step, which was just made, leads to. */
void x64i_cpu_note_step(struct x64i_cpu *cpu);

#endif
