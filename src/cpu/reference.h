/* SPDX-License-Identifier: MIT */
/* What the block engine shares with the reference path: a step's beginning and its end. */
#ifndef X64I_CPU_REFERENCE_H
#define X64I_CPU_REFERENCE_H

#include "cpu/cpu.h"

/* Clears what belongs to one step only. */
void x64i_cpu_begin_step(struct x64i_cpu *cpu);

/* The step of an instruction that faulted: delivers cpu->exception. */
bool x64i_cpu_fault_step(struct x64i_cpu *cpu);

#endif
