/* SPDX-License-Identifier: MIT */
/*
 * Segment registers and descriptors in instructions (SDM vol. 2, each instruction's page): moves,
 * pushes and pops, far pointers, LDTR and TR, and the instructions that ask what a selector allows.
 */
#include "cpu/far_return.h"
#include "cpu/segment.h"
#include "cpu/sem.h"

/* MOV SS and POP SS keep interrupts and debug traps off for one more instruction (SDM vol. 3A,
 * 6.8.3). */
static enum x64i_result load_register(struct x64i_cpu *cpu, unsigned index, uint64_t selector)
{
    if (index == X64_CS)
        return x64i_raise(cpu, X64_FAULT_UD);
    if (x64i_load_segment(cpu, index, (uint16_t)selector) != X64I_DONE)
        return X64I_FAULT;
    if (index == X64_SS)
        cpu->new_shadow = X64I_SHADOW_MOV_SS;
    return X64I_DONE;
}

X64I_HANDLER(mov_segment_ms)
{
    return x64i_store(cpu, op->segment, x64i_effective(cpu, op), 2,
                      cpu->s.segment[op->source].selector);
}

X64I_HANDLER(mov_segment_sr)
{
    return load_register(cpu, op->destination, x64i_gpr(cpu, op->source, 16));
}

X64I_HANDLER(mov_segment_sm)
{
    uint64_t selector;
    if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), 2, &selector) != X64I_DONE)
        return X64I_FAULT;
    return load_register(cpu, op->destination, selector);
}

/* A 32-bit push moves RSP by 4 and on some CPUs writes the selector's 16 bits alone (SDM vol. 2B,
 * PUSH). */
static enum x64i_result push_register(struct x64i_cpu *cpu, unsigned index, unsigned size)
{
    uint16_t selector = cpu->s.segment[index].selector;
    if (size != 4 || !cpu->model->behaviour.push_segment_moves_16_bits)
        return x64i_push(cpu, selector, size);
    uint64_t top = (x64i_stack_pointer(cpu) - size) & x64i_mask(cpu->stack_bits);
    if (x64i_store(cpu, X64_SS, top, 2, selector) != X64I_DONE)
        return X64I_FAULT;
    x64i_add_rsp(cpu, -(int64_t)size);
    return X64I_DONE;
}

static enum x64i_result pop_register(struct x64i_cpu *cpu, unsigned index, unsigned size)
{
    uint64_t selector;
    /* However wide the slot is, Intel's processors read no more than the selector. */
    const unsigned slot = x64i_selector_slot(cpu, size);
    if (x64i_load(cpu, X64_SS, x64i_stack_pointer(cpu), slot, &selector) != X64I_DONE ||
        load_register(cpu, index, selector) != X64I_DONE)
        return X64I_FAULT;
    x64i_add_rsp(cpu, size);
    return X64I_DONE;
}

/* LDS, LES, LSS, LFS, LGS: the offset goes to a register, the selector behind it to a segment. */
static enum x64i_result load_far_pointer(struct x64i_cpu *cpu, const struct x64i_op *op,
                                         enum x64_segment_register index, unsigned width)
{
    if (width == 64 && !cpu->model->behaviour.far_transfer_rex_w)
        width = 32;
    uint64_t at = x64i_effective(cpu, op);
    uint64_t after = (at + width / 8) & x64i_mask(x64i_address_width(op));
    uint64_t offset, selector;
    if (x64i_load(cpu, op->segment, at, width / 8, &offset) != X64I_DONE ||
        x64i_load(cpu, op->segment, after, 2, &selector) != X64I_DONE ||
        x64i_load_segment(cpu, index, (uint16_t)selector) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, op->destination, offset, width);
    return X64I_DONE;
}

/* Whether LAR, LSL, VERR and VERW may see a descriptor from here: conforming code always, all else
 * by DPL. No fault but for the table's own memory. */
static enum x64i_result look_up(struct x64i_cpu *cpu, uint16_t selector,
                                struct x64i_descriptor *descriptor, bool *visible)
{
    uint64_t linear;
    *visible = false;
    if (x64i_selector_is_null(selector) || !x64i_descriptor_find(cpu, selector, 8, &linear))
        return X64I_DONE;
    if (x64i_descriptor_load(cpu, selector, false, descriptor) != X64I_DONE)
        return X64I_FAULT;
    unsigned dpl = x64i_descriptor_dpl(descriptor);
    *visible =
        x64i_descriptor_is_conforming(descriptor) || (cpu->s.cpl <= dpl && (selector & 3u) <= dpl);
    return X64I_DONE;
}

/* A bit for each type of system descriptor in long mode. */
#define LAR_TYPES                                                                           \
    (1u << X64I_SYSTEM_LDT | 1u << X64I_SYSTEM_TSS_AVAILABLE | 1u << X64I_SYSTEM_TSS_BUSY | \
     1u << X64I_SYSTEM_CALL_GATE)
#define LSL_TYPES \
    (1u << X64I_SYSTEM_LDT | 1u << X64I_SYSTEM_TSS_AVAILABLE | 1u << X64I_SYSTEM_TSS_BUSY)

static bool is_known_type(const struct x64i_descriptor *descriptor, unsigned types)
{
    return (descriptor->segment.attributes & X64I_SEGMENT_S) ||
           (types >> x64i_descriptor_system_type(descriptor) & 1);
}

/* The selector is the low half of a register or 16 bits of memory. */
static enum x64i_result selector_operand(struct x64i_cpu *cpu, const struct x64i_op *op,
                                         unsigned reg, uint16_t *selector)
{
    uint64_t value;
    if (op->flags & X64I_OP_MEMORY) {
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), 2, &value) != X64I_DONE)
            return X64I_FAULT;
    } else {
        value = x64i_gpr(cpu, reg, 16);
    }
    *selector = (uint16_t)value;
    return X64I_DONE;
}

/* What LAR and LSL share; ZF says whether there is an answer. */
static enum x64i_result ask(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned types,
                            bool limit, unsigned width)
{
    struct x64i_descriptor descriptor;
    uint16_t selector;
    bool visible;
    if (selector_operand(cpu, op, op->source, &selector) != X64I_DONE ||
        look_up(cpu, selector, &descriptor, &visible) != X64I_DONE)
        return X64I_FAULT;
    visible = visible && is_known_type(&descriptor, types);
    x64i_set_flags(cpu, X64I_ZF, visible ? X64I_ZF : 0);
    if (visible)
        x64i_set_gpr(cpu, op->destination,
                     limit ? descriptor.segment.limit : descriptor.raw >> 32 & 0x00ffff00, width);
    return X64I_DONE;
}

static enum x64i_result verify(struct x64i_cpu *cpu, const struct x64i_op *op, bool write)
{
    struct x64i_descriptor descriptor;
    uint16_t selector;
    bool allowed;
    if (selector_operand(cpu, op, op->destination, &selector) != X64I_DONE ||
        look_up(cpu, selector, &descriptor, &allowed) != X64I_DONE)
        return X64I_FAULT;
    if (allowed && write) {
        allowed = x64i_descriptor_is_writable(&descriptor);
    } else if (allowed) {
        unsigned attributes = descriptor.segment.attributes;
        allowed = (attributes & X64I_SEGMENT_S) &&
                  (!(attributes & X64I_SEGMENT_CODE) || (attributes & X64I_SEGMENT_WRITABLE));
    }
    x64i_set_flags(cpu, X64I_ZF, allowed ? X64I_ZF : 0);
    return X64I_DONE;
}

X64I_HANDLER(verr)
{
    return verify(cpu, op, false);
}

X64I_HANDLER(verw)
{
    return verify(cpu, op, true);
}

/* IF DEST.RPL < SRC.RPL THEN ZF := 1, DEST.RPL := SRC.RPL ELSE ZF := 0 */
X64I_HANDLER(arpl)
{
    struct x64i_target target;
    uint64_t selector = x64i_gpr(cpu, op->destination & 15u, 16);
    bool memory = op->flags & X64I_OP_MEMORY;
    if (memory &&
        x64i_modify(cpu, op->segment, x64i_effective(cpu, op), 2, &target, &selector) != X64I_DONE)
        return X64I_FAULT;
    uint64_t rpl = cpu->s.gpr[op->source] & 3;
    bool lower = (selector & 3) < rpl;
    x64i_set_flags(cpu, X64I_ZF, lower ? X64I_ZF : 0);
    uint64_t adjusted = lower ? (selector & ~3ull) | rpl : selector;
    if (memory)
        x64i_commit(cpu, &target, adjusted);
    else if (lower)
        x64i_set_gpr(cpu, op->destination, adjusted, 16);
    return X64I_DONE;
}

X64I_HANDLER(lldt)
{
    uint16_t selector;
    if (cpu->s.cpl != 0)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    if (selector_operand(cpu, op, op->destination, &selector) != X64I_DONE)
        return X64I_FAULT;
    return x64i_load_ldtr(cpu, selector);
}

X64I_HANDLER(ltr)
{
    uint16_t selector;
    if (cpu->s.cpl != 0)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    if (selector_operand(cpu, op, op->destination, &selector) != X64I_DONE)
        return X64I_FAULT;
    return x64i_load_tr(cpu, selector);
}

/* SLDT and STR: #GP(0) in user mode under CR4.UMIP; memory takes 16 bits. */
static enum x64i_result store_selector(struct x64i_cpu *cpu, const struct x64i_op *op,
                                       enum x64_segment_register index, unsigned width)
{
    uint16_t selector = cpu->s.segment[index].selector;
    if ((cpu->s.cr4 & X64I_CR4_UMIP) && cpu->s.cpl != 0)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    if (op->flags & X64I_OP_MEMORY)
        return x64i_store(cpu, op->segment, x64i_effective(cpu, op), 2, selector);
    x64i_set_gpr(cpu, op->destination, selector, width);
    return X64I_DONE;
}

#define POINTER_AT(name, index, W)                        \
    X64I_HANDLER(name##_##W)                              \
    {                                                     \
        return load_far_pointer(cpu, op, X64_##index, W); \
    }

#define SEGMENT_AT(W)                                                               \
    X64I_HANDLER(mov_segment_rs_##W)                                                \
    {                                                                               \
        x64i_set_gpr(cpu, op->destination, cpu->s.segment[op->source].selector, W); \
        return X64I_DONE;                                                           \
    }                                                                               \
    X64I_HANDLER(push_segment_##W)                                                  \
    {                                                                               \
        return push_register(cpu, op->destination, W / 8);                          \
    }                                                                               \
    X64I_HANDLER(pop_segment_##W)                                                   \
    {                                                                               \
        return pop_register(cpu, op->destination, W / 8);                           \
    }                                                                               \
    X64I_HANDLER(lar_##W)                                                           \
    {                                                                               \
        return ask(cpu, op, LAR_TYPES, false, W);                                   \
    }                                                                               \
    X64I_HANDLER(lsl_##W)                                                           \
    {                                                                               \
        return ask(cpu, op, LSL_TYPES, true, W);                                    \
    }                                                                               \
    X64I_HANDLER(sldt_##W)                                                          \
    {                                                                               \
        return store_selector(cpu, op, X64_LDTR, W);                                \
    }                                                                               \
    X64I_HANDLER(str_##W)                                                           \
    {                                                                               \
        return store_selector(cpu, op, X64_TR, W);                                  \
    }                                                                               \
    POINTER_AT(lss, SS, W)                                                          \
    POINTER_AT(lfs, FS, W)                                                          \
    POINTER_AT(lgs, GS, W)                                                          \
    POINTER_AT(lds, DS, W)                                                          \
    POINTER_AT(les, ES, W)

SEGMENT_AT(16)
SEGMENT_AT(32)
SEGMENT_AT(64)
