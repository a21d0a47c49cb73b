/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel's stacks lie: found by asking, upwards and downwards from an address that is
 * known to be on one, since a kernel model says only which stack an address belongs to.
 */
#ifndef X64I_TRACE_STACKS_H
#define X64I_TRACE_STACKS_H

#include "trace/fields.h"

#define X64I_STACK_KINDS 5 /* enum x64_stack */
#define X64I_STACK_REACH 65536u

struct x64i_stack_range {
    uint64_t bottom;
    uint64_t top; /* the address behind the first word that is pushed; 0: not known */
};

/* The range of the stack that `linear` is on; the user's has none. */
bool x64i_stack_range_at(const struct x64i_trace_view *view, uint64_t linear,
                         struct x64i_stack_range *range);

/* Brings the ranges, indexed by enum x64_stack, up to date: the TSS says where two of them end,
 * others are found from the stack pointers that were seen on them (`last_rsp`, 0: none). */
void x64i_stack_ranges_learn(const struct x64i_trace_view *view,
                             const struct x64i_field_values *values,
                             const uint64_t last_rsp[X64I_STACK_KINDS],
                             struct x64i_stack_range ranges[X64I_STACK_KINDS]);

#endif
