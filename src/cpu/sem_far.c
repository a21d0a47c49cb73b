/* SPDX-License-Identifier: MIT */
/*
 * Far JMP, CALL and RET in long mode (SDM vol. 2A, CALL and JMP; vol. 2B, RET; vol. 3A, 5.8): code
 * segments directly or through 64-bit call gates. Task gates and TSSs do not exist in long mode.
 */
#include "cpu/far_return.h"
#include "cpu/idt.h"
#include "cpu/sem.h"

/* Where a far JMP or CALL goes. */
struct transfer {
    struct x64i_descriptor code;
    uint64_t rip;
    unsigned cpl;
    bool by_gate;
};

static bool is_long_and_big(const struct x64i_descriptor *code)
{
    const unsigned size = X64I_SEGMENT_LONG | X64I_SEGMENT_BIG;
    return (code->segment.attributes & size) == size;
}

/* A code segment named by the selector itself: the same privilege, or conforming. */
static enum x64i_result check_direct(struct x64i_cpu *cpu, uint16_t selector, uint64_t offset,
                                     struct transfer *to)
{
    unsigned dpl = x64i_descriptor_dpl(&to->code);
    unsigned cpl = cpu->s.cpl;
    bool allowed = x64i_descriptor_is_conforming(&to->code) ? dpl <= cpl
                                                            : dpl == cpl && (selector & 3u) <= cpl;
    if (!allowed || is_long_and_big(&to->code))
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    if (!(to->code.segment.attributes & X64I_SEGMENT_PRESENT))
        return x64i_raise_selector(cpu, X64_FAULT_NP, selector, false);
    /* Into compatibility mode, processors take 32 bits of a 64-bit offset. */
    bool wide = to->code.segment.attributes & X64I_SEGMENT_LONG;
    if (!wide)
        offset &= 0xffffffffu;
    if (wide ? !x64i_is_canonical(offset) : offset > to->code.segment.limit)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    to->rip = offset;
    to->cpl = cpl;
    return X64I_DONE;
}

/* The code segment behind a call gate: 64-bit; CALL may go inward, JMP may not. */
static enum x64i_result check_gate_code(struct x64i_cpu *cpu, uint16_t selector, bool call,
                                        struct transfer *to)
{
    if (x64i_selector_is_null(selector))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    struct x64i_descriptor *code = &to->code;
    if (x64i_descriptor_load(cpu, selector, false, code) != X64I_DONE)
        return X64I_FAULT;
    unsigned dpl = x64i_descriptor_dpl(code);
    bool conforming = x64i_descriptor_is_conforming(code);
    bool allowed = call || conforming ? dpl <= cpu->s.cpl : dpl == cpu->s.cpl;
    if (!x64i_descriptor_is_code(code) || !allowed || is_long_and_big(code) ||
        !(code->segment.attributes & X64I_SEGMENT_LONG))
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    if (!(code->segment.attributes & X64I_SEGMENT_PRESENT))
        return x64i_raise_selector(cpu, X64_FAULT_NP, selector, false);
    if (!x64i_is_canonical(to->rip))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    to->cpl = call && !conforming ? dpl : cpu->s.cpl;
    return X64I_DONE;
}

/* Exchanges the gate's descriptor in `to` for that of the code segment it names. */
static enum x64i_result pass_gate(struct x64i_cpu *cpu, uint16_t selector, bool call,
                                  struct transfer *to)
{
    const struct x64i_descriptor gate = to->code;
    unsigned dpl = x64i_descriptor_dpl(&gate);
    uint64_t upper;
    if (x64i_descriptor_system_type(&gate) != X64I_SYSTEM_CALL_GATE || dpl < cpu->s.cpl ||
        dpl < (selector & 3u))
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    if (!(gate.segment.attributes & X64I_SEGMENT_PRESENT))
        return x64i_raise_selector(cpu, X64_FAULT_NP, selector, false);
    if (x64i_descriptor_load_upper(cpu, selector, &gate, &upper) != X64I_DONE)
        return X64I_FAULT;
    to->by_gate = true;
    to->rip = (gate.raw & 0xffff) | (gate.raw >> 32 & 0xffff0000u) | upper << 32;
    return check_gate_code(cpu, (uint16_t)(gate.raw >> 16), call, to);
}

static enum x64i_result resolve(struct x64i_cpu *cpu, uint16_t selector, uint64_t offset, bool call,
                                struct transfer *to)
{
    if (x64i_selector_is_null(selector))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    if (x64i_descriptor_load(cpu, selector, false, &to->code) != X64I_DONE)
        return X64I_FAULT;
    enum x64i_result found;
    if (x64i_descriptor_is_code(&to->code))
        found = check_direct(cpu, selector, offset, to);
    else
        found = pass_gate(cpu, selector, call, to);
    if (found != X64I_DONE)
        return X64I_FAULT;
    uint16_t target = to->code.segment.selector;
    to->code.segment.selector = (uint16_t)((target & ~3u) | to->cpl);
    return x64i_descriptor_probe_accessed(cpu, &to->code);
}

static enum x64i_result enter_segment(struct x64i_cpu *cpu, struct transfer *to)
{
    x64i_descriptor_commit_accessed(cpu, &to->code);
    x64i_set_segment(cpu, X64_CS, &to->code.segment);
    x64i_set_cpl(cpu, to->cpl);
    return x64i_branch(cpu, to->rip);
}

static enum x64i_result far_jump(struct x64i_cpu *cpu, uint16_t selector, uint64_t offset)
{
    struct transfer to = {0};
    if (resolve(cpu, selector, offset, false, &to) != X64I_DONE)
        return X64I_FAULT;
    return enter_segment(cpu, &to);
}

/* CS and the return address on the present stack, as wide as the operand. The stack pointer is as
 * wide as it will be in the new segment: processors push 32-bit where they leave 64-bit mode. */
static enum x64i_result call_directly(struct x64i_cpu *cpu, unsigned width, struct transfer *to)
{
    unsigned size = width / 8;
    bool big = cpu->s.segment[X64_SS].attributes & X64I_SEGMENT_BIG;
    bool wide = to->code.segment.attributes & X64I_SEGMENT_LONG;
    unsigned stack_bits = wide ? 64 : big ? 32 : 16;
    uint64_t mask = x64i_mask(stack_bits);
    uint64_t top = cpu->s.gpr[X64_RSP] & mask;
    struct x64i_target code, rip;
    const bool at_once = cpu->model->behaviour.pushes_stay;
    if (x64i_probe(cpu, X64_SS, (top - size) & mask, size, &code) != X64I_DONE)
        return X64I_FAULT;
    if (at_once)
        x64i_commit(cpu, &code, cpu->s.segment[X64_CS].selector);
    if (x64i_probe(cpu, X64_SS, (top - 2 * size) & mask, size, &rip) != X64I_DONE)
        return X64I_FAULT;
    if (!at_once)
        x64i_commit(cpu, &code, cpu->s.segment[X64_CS].selector);
    x64i_commit(cpu, &rip, cpu->next_rip);
    x64i_set_gpr(cpu, X64_RSP, top - 2 * size, stack_bits);
    return enter_segment(cpu, to);
}

/* The frame of a call gate: SS and RSP on a change of ring, then CS and RIP, 8 bytes each. */
struct gate_frame {
    uint64_t rsp; /* before the first push */
    unsigned count;
    uint64_t value[4];
    struct x64i_target target[4];
};

static enum x64i_result build_gate_frame(struct x64i_cpu *cpu, const struct transfer *to,
                                         struct gate_frame *frame)
{
    bool inward = to->cpl < cpu->s.cpl;
    frame->rsp = cpu->s.gpr[X64_RSP];
    if (inward) {
        if (x64i_tss_stack(cpu, X64I_TSS_RSP(to->cpl), false, &frame->rsp) != X64I_DONE)
            return X64I_FAULT;
        frame->value[frame->count++] = cpu->s.segment[X64_SS].selector;
        frame->value[frame->count++] = cpu->s.gpr[X64_RSP];
    }
    frame->value[frame->count++] = cpu->s.segment[X64_CS].selector;
    frame->value[frame->count++] = cpu->next_rip;
    unsigned supervisor = cpu->s.rflags & X64I_AC ? X64I_ACCESS_SMAP_OFF : 0;
    unsigned access = to->cpl == 3 ? X64I_ACCESS_USER : supervisor;
    for (unsigned i = 0; i < frame->count; i++) {
        uint64_t linear = frame->rsp - 8 * (i + 1);
        if (!x64i_is_canonical(linear))
            return x64i_raise_error(cpu, X64_FAULT_SS, 0);
        if (x64i_probe_as(cpu, linear, 8, access, &frame->target[i]) != X64I_DONE)
            return X64I_FAULT;
    }
    return X64I_DONE;
}

static enum x64i_result call_by_gate(struct x64i_cpu *cpu, struct transfer *to)
{
    struct gate_frame frame = {0};
    if (build_gate_frame(cpu, to, &frame) != X64I_DONE)
        return X64I_FAULT;
    if (to->cpl < cpu->s.cpl) {
        const struct x64i_segment null = {.selector = (uint16_t)to->cpl};
        x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_STACK_SWITCH,
                                                           .size = 8,
                                                           .old = cpu->s.gpr[X64_RSP],
                                                           .value = frame.rsp});
        x64i_set_segment(cpu, X64_SS, &null);
    }
    for (unsigned i = 0; i < frame.count; i++)
        x64i_commit(cpu, &frame.target[i], frame.value[i]);
    x64i_set_gpr64(cpu, X64_RSP, frame.rsp - 8 * frame.count);
    return enter_segment(cpu, to);
}

static enum x64i_result far_call(struct x64i_cpu *cpu, uint16_t selector, uint64_t offset,
                                 unsigned width)
{
    struct transfer to = {0};
    if (resolve(cpu, selector, offset, true, &to) != X64I_DONE)
        return X64I_FAULT;
    return to.by_gate ? call_by_gate(cpu, &to) : call_directly(cpu, width, &to);
}

/* Offset and selector in memory. AMD's CPUs know no offset of 64 bits: REX.W widens but the pushes
 * (AMD64 Architecture Programmer's Manual vol. 3, CALL (Far): offsets are of type z, pushes of v).
 */
static enum x64i_result load_pointer(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width,
                                     uint64_t *offset, uint16_t *selector)
{
    if (width == 64 && !cpu->model->behaviour.far_transfer_rex_w)
        width = 32;
    uint64_t at = x64i_effective(cpu, op);
    uint64_t after = (at + width / 8) & x64i_mask(x64i_address_width(op));
    uint64_t word;
    if (x64i_load(cpu, op->segment, at, width / 8, offset) != X64I_DONE ||
        x64i_load(cpu, op->segment, after, 2, &word) != X64I_DONE)
        return X64I_FAULT;
    *selector = (uint16_t)word;
    return X64I_DONE;
}

/* Without a stack, RSP goes past the return address and the bytes to release. */
static enum x64i_result far_return(struct x64i_cpu *cpu, unsigned width, unsigned released)
{
    unsigned size = width / 8;
    uint64_t frame[4];
    struct x64i_far_return to = {0};
    const unsigned slot = x64i_selector_slot(cpu, size);
    /* Processors read the selector first. */
    if (x64i_far_return_peek(cpu, size, slot, 1, frame + 1) != X64I_DONE ||
        x64i_far_return_peek(cpu, 0, size, 1, frame) != X64I_DONE)
        return X64I_FAULT;
    bool ahead = cpu->model->behaviour.far_return_reads_ahead && (frame[1] & 3) != cpu->s.cpl;
    if ((ahead &&
         x64i_far_return_peek_outer(cpu, 2 * size + released, size, frame + 2) != X64I_DONE) ||
        x64i_far_return_code(cpu, (uint16_t)frame[1], &to) != X64I_DONE)
        return X64I_FAULT;
    if (to.cpl > cpu->s.cpl) {
        if (x64i_far_return_peek(cpu, 2 * size + released, size, 2, frame + 2) != X64I_DONE ||
            x64i_far_return_stack(cpu, (uint16_t)frame[3], frame[2] + released, &to) != X64I_DONE)
            return X64I_FAULT;
    }
    if (x64i_far_return_rip(cpu, frame[0], &to) != X64I_DONE)
        return X64I_FAULT;
    x64i_far_return_commit(cpu, &to);
    if (!to.has_stack) /* as wide as the new segment's stack pointer */
        x64i_add_rsp(cpu, 2 * size + released);
    return X64I_DONE;
}

#define FAR_AT(W)                                                         \
    X64I_HANDLER(jmp_far_p_##W)                                           \
    {                                                                     \
        uint64_t offset = op->immediate & 0xffffffffu & x64i_mask(W);     \
        return far_jump(cpu, (uint16_t)(op->immediate >> 32), offset);    \
    }                                                                     \
    X64I_HANDLER(jmp_far_m_##W)                                           \
    {                                                                     \
        uint64_t offset;                                                  \
        uint16_t selector;                                                \
        if (load_pointer(cpu, op, W, &offset, &selector) != X64I_DONE)    \
            return X64I_FAULT;                                            \
        return far_jump(cpu, selector, offset);                           \
    }                                                                     \
    X64I_HANDLER(call_far_p_##W)                                          \
    {                                                                     \
        uint64_t offset = op->immediate & 0xffffffffu & x64i_mask(W);     \
        return far_call(cpu, (uint16_t)(op->immediate >> 32), offset, W); \
    }                                                                     \
    X64I_HANDLER(call_far_m_##W)                                          \
    {                                                                     \
        uint64_t offset;                                                  \
        uint16_t selector;                                                \
        if (load_pointer(cpu, op, W, &offset, &selector) != X64I_DONE)    \
            return X64I_FAULT;                                            \
        return far_call(cpu, selector, offset, W);                        \
    }                                                                     \
    X64I_HANDLER(ret_far_##W)                                             \
    {                                                                     \
        (void)op;                                                         \
        return far_return(cpu, W, 0);                                     \
    }                                                                     \
    X64I_HANDLER(ret_far_i_##W)                                           \
    {                                                                     \
        return far_return(cpu, W, op->immediate & 0xffff);                \
    }

FAR_AT(16)
FAR_AT(32)
FAR_AT(64)
