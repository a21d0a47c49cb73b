/* SPDX-License-Identifier: MIT */
#include "trace/stacks.h"

#include <string.h>

#define PAGE 4096u

/* The farthest address of the same kind, in pages and then in words, below `reach` bytes away. */
static uint64_t edge(const struct x64i_trace_view *view, uint64_t linear, enum x64_stack kind,
                     int64_t direction)
{
    static const int64_t strides[] = {PAGE, 8};
    uint64_t at = linear;
    for (unsigned i = 0; i < 2; i++)
        for (;;) {
            uint64_t next = at + (uint64_t)(direction * strides[i]);
            uint64_t distance = direction > 0 ? next - linear : linear - next;
            if (distance > X64I_STACK_REACH || view->stack(view->user, next) != kind)
                break;
            at = next;
        }
    return at;
}

/* A task's stack ends behind its struct pt_regs, though another one may adjoin. */
static uint64_t end_of_task(const struct x64i_trace_view *view, uint64_t linear, uint64_t top)
{
    char name[32];
    for (uint64_t end = (linear + PAGE - 1) & ~(uint64_t)(PAGE - 1); end <= top; end += PAGE)
        if (view->slot(view->user, end - 8, name, sizeof name) > 0 &&
            strcmp(name, "pt_regs.ss") == 0)
            return end;
    return top;
}

bool x64i_stack_range_at(const struct x64i_trace_view *view, uint64_t linear,
                         struct x64i_stack_range *range)
{
    uint64_t word = linear & ~UINT64_C(7);
    enum x64_stack kind = view->stack(view->user, word);
    if (kind == X64_STACK_NONE || kind == X64_STACK_USER)
        return false;
    /* A stack pointer may point behind the first word, so that the top is on the stack too. */
    *range = (struct x64i_stack_range){.bottom = edge(view, word, kind, -1),
                                       .top = edge(view, word, kind, 1)};
    if (kind == X64_STACK_KERNEL)
        range->top = end_of_task(view, word, range->top);
    return true;
}

/* The range that ends where the TSS says. */
static void learn_top(const struct x64i_trace_view *view, uint64_t top,
                      struct x64i_stack_range ranges[X64I_STACK_KINDS])
{
    enum x64_stack kind = view->stack(view->user, top);
    if (kind == X64_STACK_NONE || kind == X64_STACK_USER || ranges[kind].top == top)
        return;
    ranges[kind] = (struct x64i_stack_range){.bottom = edge(view, top, kind, -1), .top = top};
}

void x64i_stack_ranges_learn(const struct x64i_trace_view *view,
                             const struct x64i_field_values *values,
                             const uint64_t last_rsp[X64I_STACK_KINDS],
                             struct x64i_stack_range ranges[X64I_STACK_KINDS])
{
    static const uint8_t tops[] = {X64I_FIELD_SP0, X64I_FIELD_SP1};
    for (unsigned i = 0; i < sizeof tops; i++)
        if (values->known >> tops[i] & 1)
            learn_top(view, values->value[tops[i]], ranges);
    for (unsigned kind = X64_STACK_ENTRY; kind < X64I_STACK_KINDS; kind++) {
        uint64_t rsp = last_rsp[kind];
        if (rsp && (rsp < ranges[kind].bottom || rsp > ranges[kind].top))
            (void)x64i_stack_range_at(view, rsp, &ranges[kind]);
    }
}
