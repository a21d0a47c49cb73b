/* SPDX-License-Identifier: MIT */
/* Between the engine's state and the whole one, for handlers that need it or leave. */
#ifndef X64I_CPU_FAST_GENERIC_H
#define X64I_CPU_FAST_GENERIC_H

#include "cpu/block.h"
#include "cpu/fast_flags.h"

/* The state as it is before `op`, without what the status flags are. */
static inline void x64i_fast_make_whole_but_flags(struct x64i_cpu *cpu,
                                                  const struct x64i_fast_op *op)
{
    struct x64i_fast *fast = &cpu->fast;
    cpu->s.rip = fast->code_base + op->offset;
    cpu->s.steps = fast->limit - (uint64_t)fast->budget - (fast->block->count - op->position);
}

/* The state as it is before `op`. */
static inline void x64i_fast_make_whole(struct x64i_cpu *cpu, const struct x64i_fast_op *op)
{
    x64i_fast_make_whole_but_flags(cpu, op);
    cpu->s.rflags = x64i_rflags(cpu);
}

static inline const struct x64i_fast_op *x64i_fast_leave(struct x64i_cpu *cpu, enum x64i_leave why)
{
    cpu->fast.leave = why;
    return NULL;
}

/* On at s.rip, where the state is whole and a block has ended. */
const struct x64i_fast_op *x64i_fast_go_on(struct x64i_cpu *cpu);

#endif
