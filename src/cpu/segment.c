/* SPDX-License-Identifier: MIT */
#include "cpu/segment.h"

#include "cpu/operand.h"

enum x64i_result x64i_raise_selector(struct x64i_cpu *cpu, enum x64_fault fault, uint16_t selector,
                                     bool external)
{
    return x64i_raise_error(cpu, fault, (selector & 0xfffcu) | external);
}

bool x64i_descriptor_find(const struct x64i_cpu *cpu, uint16_t selector, unsigned size,
                          uint64_t *linear)
{
    uint64_t base = cpu->s.gdtr.base;
    uint32_t limit = cpu->s.gdtr.limit;
    if (selector & 4) {
        const struct x64i_segment *ldtr = &cpu->s.segment[X64_LDTR];
        if (!(ldtr->attributes & X64I_SEGMENT_PRESENT))
            return false;
        base = ldtr->base;
        limit = ldtr->limit;
    }
    uint32_t offset = selector & 0xfff8u;
    if (offset + size - 1 > limit)
        return false;
    *linear = base + offset;
    return true;
}

static struct x64i_segment segment_of(uint16_t selector, uint64_t raw)
{
    struct x64i_segment segment = {
        .selector = selector,
        .attributes = (uint16_t)(raw >> 40 & 0xf0ff),
        .limit = (uint32_t)((raw & 0xffff) | (raw >> 32 & 0xf0000)),
        .base = (raw >> 16 & 0xffffff) | (raw >> 32 & 0xff000000),
    };
    if (segment.attributes & X64I_SEGMENT_GRANULAR)
        segment.limit = segment.limit << 12 | 0xfff;
    return segment;
}

enum x64i_result x64i_descriptor_load(struct x64i_cpu *cpu, uint16_t selector, bool external,
                                      struct x64i_descriptor *descriptor)
{
    *descriptor = (struct x64i_descriptor){0};
    if (!x64i_descriptor_find(cpu, selector, 8, &descriptor->linear))
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, external);
    if (x64i_load_system(cpu, descriptor->linear, 8, &descriptor->raw) != X64I_DONE)
        return X64I_FAULT;
    descriptor->segment = segment_of(selector, descriptor->raw);
    return X64I_DONE;
}

enum x64i_result x64i_descriptor_load_upper(struct x64i_cpu *cpu, uint16_t selector,
                                            const struct x64i_descriptor *descriptor,
                                            uint64_t *upper)
{
    uint64_t linear;
    if (!x64i_descriptor_find(cpu, selector, 16, &linear))
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    if (x64i_load_system(cpu, descriptor->linear + 8, 8, upper) != X64I_DONE)
        return X64I_FAULT;
    if (*upper >> 40 & 0x1f)
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    return X64I_DONE;
}

/* Byte 5 of a descriptor holds its type. */
static enum x64i_result probe_type(struct x64i_cpu *cpu, struct x64i_descriptor *descriptor)
{
    descriptor->mark = true;
    return x64i_probe_system(cpu, descriptor->linear + 5, 1, &descriptor->target);
}

static void commit_type(struct x64i_cpu *cpu, struct x64i_descriptor *descriptor, unsigned bits)
{
    if (!descriptor->mark)
        return;
    descriptor->segment.attributes |= (uint16_t)bits;
    x64i_commit(cpu, &descriptor->target, descriptor->segment.attributes & 0xff);
}

enum x64i_result x64i_descriptor_probe_accessed(struct x64i_cpu *cpu,
                                                struct x64i_descriptor *descriptor)
{
    if (descriptor->segment.attributes & X64I_SEGMENT_ACCESSED)
        return X64I_DONE;
    return probe_type(cpu, descriptor);
}

void x64i_descriptor_commit_accessed(struct x64i_cpu *cpu, struct x64i_descriptor *descriptor)
{
    commit_type(cpu, descriptor, X64I_SEGMENT_ACCESSED);
}

void x64i_set_segment_base(struct x64i_cpu *cpu, enum x64_segment_register index, uint64_t base)
{
    uint64_t old = cpu->s.segment[index].base;
    if (old != base)
        x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_SEGMENT_BASE,
                                                           .size = 8,
                                                           .index = index,
                                                           .old = old,
                                                           .value = base});
    cpu->s.segment[index].base = base;
}

void x64i_set_segment(struct x64i_cpu *cpu, enum x64_segment_register index,
                      const struct x64i_segment *segment)
{
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_SEGMENT,
                                                       .size = 2,
                                                       .index = index,
                                                       .old = cpu->s.segment[index].selector,
                                                       .value = segment->selector});
    x64i_set_segment_base(cpu, index, segment->base);
    cpu->s.segment[index] = *segment;
    if (index == X64_CS || index == X64_SS)
        x64i_cpu_refresh(cpu);
}

void x64i_set_cpl(struct x64i_cpu *cpu, unsigned cpl)
{
    if (cpu->s.cpl != cpl)
        x64i_effects_add(
            cpu->effects,
            (struct x64_effect){.kind = X64_EFFECT_CPL, .old = cpu->s.cpl, .value = cpl});
    cpu->s.cpl = (uint8_t)cpl;
    x64i_cpu_refresh(cpu);
}

/* A null selector makes the segment unusable; whether the base survives is the vendor's choice. */
static void set_null_segment(struct x64i_cpu *cpu, enum x64_segment_register index,
                             uint16_t selector)
{
    struct x64i_segment segment = {.selector = selector};
    if (!cpu->model->behaviour.null_selector_clears_base)
        segment.base = cpu->s.segment[index].base;
    x64i_set_segment(cpu, index, &segment);
}

static enum x64i_result check_stack_segment(struct x64i_cpu *cpu, uint16_t selector,
                                            const struct x64i_descriptor *descriptor)
{
    unsigned cpl = cpu->s.cpl;
    if ((selector & 3u) != cpl || !x64i_descriptor_is_writable(descriptor) ||
        x64i_descriptor_dpl(descriptor) != cpl)
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    if (!(descriptor->segment.attributes & X64I_SEGMENT_PRESENT))
        return x64i_raise_selector(cpu, X64_FAULT_SS, selector, false);
    return X64I_DONE;
}

static enum x64i_result check_data_segment(struct x64i_cpu *cpu, uint16_t selector,
                                           const struct x64i_descriptor *descriptor)
{
    unsigned attributes = descriptor->segment.attributes;
    unsigned dpl = x64i_descriptor_dpl(descriptor);
    bool readable = (attributes & X64I_SEGMENT_S) &&
                    (!(attributes & X64I_SEGMENT_CODE) || (attributes & X64I_SEGMENT_WRITABLE));
    bool allowed =
        x64i_descriptor_is_conforming(descriptor) || ((selector & 3u) <= dpl && cpu->s.cpl <= dpl);
    if (!readable || !allowed)
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    if (!(attributes & X64I_SEGMENT_PRESENT))
        return x64i_raise_selector(cpu, X64_FAULT_NP, selector, false);
    return X64I_DONE;
}

/* In 64-bit mode SS may be null below CPL 3, its RPL being the CPL (SDM vol. 3A, 5.4.1.1). */
static enum x64i_result load_null(struct x64i_cpu *cpu, enum x64_segment_register index,
                                  uint16_t selector)
{
    if (index == X64_SS &&
        (cpu->code_bits != 64 || cpu->s.cpl == 3 || (selector & 3u) != cpu->s.cpl))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    set_null_segment(cpu, index, selector);
    return X64I_DONE;
}

enum x64i_result x64i_load_segment(struct x64i_cpu *cpu, enum x64_segment_register index,
                                   uint16_t selector)
{
    if (x64i_selector_is_null(selector))
        return load_null(cpu, index, selector);
    struct x64i_descriptor descriptor;
    if (x64i_descriptor_load(cpu, selector, false, &descriptor) != X64I_DONE)
        return X64I_FAULT;
    enum x64i_result checked = index == X64_SS ? check_stack_segment(cpu, selector, &descriptor)
                                               : check_data_segment(cpu, selector, &descriptor);
    if (checked != X64I_DONE || x64i_descriptor_probe_accessed(cpu, &descriptor) != X64I_DONE)
        return X64I_FAULT;
    x64i_descriptor_commit_accessed(cpu, &descriptor);
    x64i_set_segment(cpu, index, &descriptor.segment);
    return X64I_DONE;
}

/* What LLDT and LTR share: a present descriptor of one type in the GDT, with a canonical base. */
static enum x64i_result load_system_segment(struct x64i_cpu *cpu, uint16_t selector, unsigned type,
                                            struct x64i_descriptor *descriptor)
{
    if (selector & 4)
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    if (x64i_descriptor_load(cpu, selector, false, descriptor) != X64I_DONE)
        return X64I_FAULT;
    if (x64i_descriptor_system_type(descriptor) != type)
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    if (!(descriptor->segment.attributes & X64I_SEGMENT_PRESENT))
        return x64i_raise_selector(cpu, X64_FAULT_NP, selector, false);
    uint64_t upper;
    if (x64i_descriptor_load_upper(cpu, selector, descriptor, &upper) != X64I_DONE)
        return X64I_FAULT;
    descriptor->segment.base |= upper << 32;
    if (!x64i_is_canonical(descriptor->segment.base))
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, false);
    return X64I_DONE;
}

enum x64i_result x64i_load_ldtr(struct x64i_cpu *cpu, uint16_t selector)
{
    struct x64i_descriptor descriptor = {.segment = {.selector = selector}};
    if (!x64i_selector_is_null(selector) &&
        load_system_segment(cpu, selector, X64I_SYSTEM_LDT, &descriptor) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_segment(cpu, X64_LDTR, &descriptor.segment);
    return X64I_DONE;
}

enum x64i_result x64i_load_tr(struct x64i_cpu *cpu, uint16_t selector)
{
    struct x64i_descriptor descriptor;
    if (x64i_selector_is_null(selector))
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    if (load_system_segment(cpu, selector, X64I_SYSTEM_TSS_AVAILABLE, &descriptor) != X64I_DONE ||
        probe_type(cpu, &descriptor) != X64I_DONE)
        return X64I_FAULT;
    commit_type(cpu, &descriptor, X64I_SYSTEM_TSS_BUSY);
    x64i_set_segment(cpu, X64_TR, &descriptor.segment);
    return X64I_DONE;
}

void x64i_drop_privileged_segments(struct x64i_cpu *cpu)
{
    static const uint8_t order[] = {X64_ES, X64_FS, X64_GS, X64_DS};
    for (unsigned i = 0; i < sizeof order; i++) {
        const struct x64i_segment *segment = &cpu->s.segment[order[i]];
        const unsigned conforming = X64I_SEGMENT_CODE | X64I_SEGMENT_DOWN;
        unsigned dpl = (segment->attributes & X64I_SEGMENT_DPL) >> 5;
        if (!(segment->attributes & X64I_SEGMENT_PRESENT) || dpl >= cpu->s.cpl ||
            (segment->attributes & conforming) == conforming)
            continue;
        struct x64i_segment dropped = {.base = segment->base};
        x64i_set_segment(cpu, order[i], &dropped);
    }
}
