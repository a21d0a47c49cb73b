/* SPDX-License-Identifier: MIT */
/*
 * Segment registers and descriptors (SDM vol. 3A, 3.4, 3.5 and chapter 5): reading a descriptor of
 * the GDT or LDT, the checks of each kind of load, and storing the hidden parts.
 *
 *     struct x64i_descriptor d;
 *     if (x64i_descriptor_load(cpu, selector, 0, &d) != X64I_DONE)
 *         return X64I_FAULT;
 *     ... checks ...
 *     if (x64i_descriptor_probe_accessed(cpu, &d) != X64I_DONE)
 *         return X64I_FAULT;
 *     x64i_descriptor_commit_accessed(cpu, &d);
 *     x64i_set_segment(cpu, X64_DS, &d.segment);
 *
 * Error codes name the selector without its RPL; `external` is their EXT bit.
 */
#ifndef X64I_CPU_SEGMENT_H
#define X64I_CPU_SEGMENT_H

#include "cpu/access.h"

/* Types of system descriptors in long mode (SDM vol. 3A, table 3-2). */
enum x64i_system_type {
    X64I_SYSTEM_LDT = 2,
    X64I_SYSTEM_TSS_AVAILABLE = 9,
    X64I_SYSTEM_TSS_BUSY = 11,
    X64I_SYSTEM_CALL_GATE = 12,
    X64I_SYSTEM_INTERRUPT_GATE = 14,
    X64I_SYSTEM_TRAP_GATE = 15
};

/* A descriptor as read, and what it would put into a segment register. */
struct x64i_descriptor {
    uint64_t raw;    /* its first 8 bytes */
    uint64_t linear; /* where they are */
    struct x64i_segment segment;
    struct x64i_target target; /* of the byte with the type, once probed for writing */
    bool mark;                 /* that byte is to be written */
};

static inline bool x64i_selector_is_null(uint16_t selector)
{
    return (selector & ~3u) == 0;
}

static inline unsigned x64i_descriptor_dpl(const struct x64i_descriptor *descriptor)
{
    return (descriptor->segment.attributes & X64I_SEGMENT_DPL) >> 5;
}

static inline bool x64i_descriptor_is_code(const struct x64i_descriptor *descriptor)
{
    const unsigned code = X64I_SEGMENT_S | X64I_SEGMENT_CODE;
    return (descriptor->segment.attributes & code) == code;
}

static inline bool x64i_descriptor_is_conforming(const struct x64i_descriptor *descriptor)
{
    return x64i_descriptor_is_code(descriptor) &&
           (descriptor->segment.attributes & X64I_SEGMENT_DOWN);
}

static inline bool x64i_descriptor_is_writable(const struct x64i_descriptor *descriptor)
{
    const unsigned kind = X64I_SEGMENT_S | X64I_SEGMENT_CODE | X64I_SEGMENT_WRITABLE;
    return (descriptor->segment.attributes & kind) == (X64I_SEGMENT_S | X64I_SEGMENT_WRITABLE);
}

/* The type of a system descriptor, or 0 for a code or data segment. */
static inline unsigned x64i_descriptor_system_type(const struct x64i_descriptor *descriptor)
{
    return descriptor->segment.attributes & X64I_SEGMENT_S
               ? 0
               : descriptor->segment.attributes & X64I_SEGMENT_TYPE;
}

/* Raises `fault` with the selector as error code. */
enum x64i_result x64i_raise_selector(struct x64i_cpu *cpu, enum x64_fault fault, uint16_t selector,
                                     bool external);

/* The linear address of a selector's descriptor; false when `size` bytes of it do not lie within
 * the table's limit, or there is no LDT. */
bool x64i_descriptor_find(const struct x64i_cpu *cpu, uint16_t selector, unsigned size,
                          uint64_t *linear);

/* Reads the descriptor of a selector that is not null: #GP(selector) beyond the table. */
enum x64i_result x64i_descriptor_load(struct x64i_cpu *cpu, uint16_t selector, bool external,
                                      struct x64i_descriptor *descriptor);

/* The upper 8 bytes of a system descriptor in long mode: #GP(selector) beyond the table or when
 * their type field is not zero. */
enum x64i_result x64i_descriptor_load_upper(struct x64i_cpu *cpu, uint16_t selector,
                                            const struct x64i_descriptor *descriptor,
                                            uint64_t *upper);

/* Checks that the accessed bit can be set where it is clear; sets it, in the descriptor table and
 * in `segment`, without fail. */
enum x64i_result x64i_descriptor_probe_accessed(struct x64i_cpu *cpu,
                                                struct x64i_descriptor *descriptor);
void x64i_descriptor_commit_accessed(struct x64i_cpu *cpu, struct x64i_descriptor *descriptor);

/* Stores a segment register with its hidden part, names the effects and refreshes what is derived
 * from CS and SS. No checks. */
void x64i_set_segment(struct x64i_cpu *cpu, enum x64_segment_register index,
                      const struct x64i_segment *segment);

/* Stores a hidden base alone: WRFSBASE, WRMSR, SWAPGS. */
void x64i_set_segment_base(struct x64i_cpu *cpu, enum x64_segment_register index, uint64_t base);

/* Stores the privilege level and refreshes what is derived from it. */
void x64i_set_cpl(struct x64i_cpu *cpu, unsigned cpl);

/* Loads DS, ES, FS, GS or SS as MOV, POP and LDS do (SDM vol. 2B, MOV). */
enum x64i_result x64i_load_segment(struct x64i_cpu *cpu, enum x64_segment_register index,
                                   uint16_t selector);

/* LLDT and LTR after their privilege check (SDM vol. 2A). */
enum x64i_result x64i_load_ldtr(struct x64i_cpu *cpu, uint16_t selector);
enum x64i_result x64i_load_tr(struct x64i_cpu *cpu, uint16_t selector);

/* Makes DS, ES, FS and GS null where the new CPL must not use them: after a return to an outer
 * level (SDM vol. 3A, 5.8.6). */
void x64i_drop_privileged_segments(struct x64i_cpu *cpu);

#endif
