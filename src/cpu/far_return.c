/* SPDX-License-Identifier: MIT */
#include "cpu/far_return.h"

#include "cpu/operand.h"

enum x64i_result x64i_far_return_peek(struct x64i_cpu *cpu, unsigned skip, unsigned size,
                                      unsigned count, uint64_t *words)
{
    uint64_t mask = x64i_mask(cpu->stack_bits);
    uint64_t top = x64i_stack_pointer(cpu) + skip;
    for (unsigned i = 0; i < count; i++)
        if (x64i_load(cpu, X64_SS, (top + (uint64_t)i * size) & mask, size, &words[i]) != X64I_DONE)
            return X64I_FAULT;
    return X64I_DONE;
}

enum x64i_result x64i_far_return_peek_outer(struct x64i_cpu *cpu, unsigned skip, unsigned size,
                                            uint64_t *words)
{
    return x64i_far_return_peek(cpu, skip + size, size, 1, words + 1) == X64I_DONE
               ? x64i_far_return_peek(cpu, skip, size, 1, words)
               : X64I_FAULT;
}

unsigned x64i_selector_slot(const struct x64i_cpu *cpu, unsigned size)
{
    return cpu->model->behaviour.selector_slots_are_whole ? size : 2;
}

enum x64i_result x64i_far_return_code(struct x64i_cpu *cpu, uint16_t selector,
                                      struct x64i_far_return *to)
{
    if (x64i_selector_is_null(selector))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    struct x64i_descriptor *code = &to->code;
    if (x64i_descriptor_load(cpu, selector, false, code) != X64I_DONE)
        return X64I_FAULT;
    const unsigned size = X64I_SEGMENT_LONG | X64I_SEGMENT_BIG;
    unsigned dpl = x64i_descriptor_dpl(code);
    to->cpl = selector & 3u;
    bool allowed = x64i_descriptor_is_conforming(code) ? dpl <= to->cpl : dpl == to->cpl;
    if (!x64i_descriptor_is_code(code) || to->cpl < cpu->s.cpl || !allowed ||
        (code->segment.attributes & size) == size)
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    if (!(code->segment.attributes & X64I_SEGMENT_PRESENT))
        return x64i_raise_selector(cpu, X64_FAULT_NP, selector, false);
    return X64I_DONE;
}

static bool returns_to_64_bit(const struct x64i_far_return *to)
{
    return to->code.segment.attributes & X64I_SEGMENT_LONG;
}

enum x64i_result x64i_far_return_stack(struct x64i_cpu *cpu, uint16_t selector, uint64_t rsp,
                                       struct x64i_far_return *to)
{
    struct x64i_descriptor *stack = &to->stack;
    to->has_stack = true;
    to->rsp = rsp;
    if (x64i_selector_is_null(selector)) {
        *stack = (struct x64i_descriptor){.segment = {.selector = selector}};
        if (returns_to_64_bit(to) && to->cpl != 3 && (selector & 3u) == to->cpl)
            return X64I_DONE;
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    }
    if (x64i_descriptor_load(cpu, selector, false, stack) != X64I_DONE)
        return X64I_FAULT;
    if ((selector & 3u) != to->cpl || !x64i_descriptor_is_writable(stack) ||
        x64i_descriptor_dpl(stack) != to->cpl)
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    if (!(stack->segment.attributes & X64I_SEGMENT_PRESENT))
        return x64i_raise_selector(cpu, X64_FAULT_SS, selector, false);
    return X64I_DONE;
}

enum x64i_result x64i_far_return_check_rip(struct x64i_cpu *cpu, uint64_t rip,
                                           struct x64i_far_return *to)
{
    to->rip = returns_to_64_bit(to) ? rip : rip & 0xffffffffu;
    bool reachable =
        returns_to_64_bit(to) ? x64i_is_canonical(to->rip) : to->rip <= to->code.segment.limit;
    return reachable ? X64I_DONE : x64i_raise_error(cpu, X64_FAULT_GP, 0);
}

enum x64i_result x64i_far_return_rip(struct x64i_cpu *cpu, uint64_t rip, struct x64i_far_return *to)
{
    if (x64i_far_return_check_rip(cpu, rip, to) != X64I_DONE)
        return X64I_FAULT;
    if (x64i_descriptor_probe_accessed(cpu, &to->code) != X64I_DONE)
        return X64I_FAULT;
    if (to->has_stack && !x64i_selector_is_null(to->stack.segment.selector))
        return x64i_descriptor_probe_accessed(cpu, &to->stack);
    return X64I_DONE;
}

void x64i_far_return_commit(struct x64i_cpu *cpu, struct x64i_far_return *to)
{
    bool outward = to->cpl > cpu->s.cpl;
    x64i_descriptor_commit_accessed(cpu, &to->code);
    x64i_set_segment(cpu, X64_CS, &to->code.segment);
    x64i_set_cpl(cpu, to->cpl);
    if (to->has_stack) {
        x64i_descriptor_commit_accessed(cpu, &to->stack);
        x64i_set_segment(cpu, X64_SS, &to->stack.segment);
        /* A 16-bit stack takes SP alone: the upper part of ESP stays. */
        x64i_set_gpr(cpu, X64_RSP, to->rsp, cpu->stack_bits);
    }
    if (outward)
        x64i_drop_privileged_segments(cpu);
    (void)x64i_branch(cpu, to->rip);
}
