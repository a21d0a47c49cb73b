/* SPDX-License-Identifier: MIT */
/* What semantics are made of when they are compiled for the block engine: sem.h includes it where
 * X64I_ENGINE is defined. A handler does the body's work and goes on; what it cannot finish it
 * leaves to x64i_fast_generic. */
#ifndef X64I_CPU_FAST_SEM_H
#define X64I_CPU_FAST_SEM_H

#include "cpu/fast_flags.h"
#include "cpu/fast_operand.h"
#include "cpu/flag_values.h"

#define X64I_HANDLER(name)                                                                   \
    X64I_INLINE enum x64i_result name##_work(struct x64i_cpu *cpu, const x64i_sem_op *op);   \
    x64i_fast_handler x64i_fast_##name;                                                      \
    const struct x64i_fast_op *x64i_fast_##name(struct x64i_cpu *cpu, const x64i_sem_op *op) \
    {                                                                                        \
        if (X64I_UNLIKELY(name##_work(cpu, op) != X64I_DONE))                                \
            return x64i_fast_generic(cpu, op);                                               \
        X64I_NEXT(cpu, op);                                                                  \
    }                                                                                        \
    X64I_INLINE enum x64i_result name##_work(struct x64i_cpu *cpu, const x64i_sem_op *op)

#endif
