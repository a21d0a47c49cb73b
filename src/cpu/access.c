/* SPDX-License-Identifier: MIT */
#include "cpu/access.h"

#include <string.h>

enum x64i_result x64i_raise_page_fault(struct x64i_cpu *cpu, uint64_t linear, uint32_t error_code)
{
    cpu->exception = (struct x64i_exception){
        .vector = X64_FAULT_PF, .has_error = true, .error_code = error_code, .cr2 = linear};
    return X64I_FAULT;
}

/* #SS for the stack segment, #GP for the others, both with error code 0. */
static enum x64i_result raise_segment(struct x64i_cpu *cpu, unsigned segment)
{
    return x64i_raise_error(cpu, segment == X64_SS ? X64_FAULT_SS : X64_FAULT_GP, 0);
}

static enum x64i_result linear_64(struct x64i_cpu *cpu, unsigned segment, uint64_t offset,
                                  unsigned size, uint64_t *linear)
{
    uint64_t first = offset;
    if (segment == X64_FS || segment == X64_GS)
        first += cpu->s.segment[segment].base;
    if (!x64i_is_canonical(first) || !x64i_is_canonical(first + size - 1))
        return raise_segment(cpu, segment);
    *linear = first;
    return X64I_DONE;
}

/* SDM vol. 3A, 5.3 and 5.5: limits, expand-down data, read and write rights. */
static enum x64i_result linear_protected(struct x64i_cpu *cpu, unsigned segment, uint64_t offset,
                                         unsigned size, unsigned access, uint64_t *linear)
{
    const struct x64i_segment *s = &cpu->s.segment[segment];
    if (!(s->attributes & X64I_SEGMENT_PRESENT))
        return raise_segment(cpu, segment);
    bool code = s->attributes & X64I_SEGMENT_CODE;
    bool readable_or_writable = s->attributes & X64I_SEGMENT_WRITABLE;
    if (access & X64I_ACCESS_WRITE ? code || !readable_or_writable : code && !readable_or_writable)
        return raise_segment(cpu, segment);
    uint64_t last = offset + size - 1;
    if (!code && (s->attributes & X64I_SEGMENT_DOWN)) {
        uint64_t top = s->attributes & X64I_SEGMENT_BIG ? 0xffffffffu : 0xffffu;
        if (offset <= s->limit || last > top)
            return raise_segment(cpu, segment);
    } else if (last > s->limit) {
        return raise_segment(cpu, segment);
    }
    *linear = (s->base + offset) & 0xffffffffu;
    return X64I_DONE;
}

enum x64i_result x64i_linear(struct x64i_cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                             unsigned access, uint64_t *linear)
{
    if (cpu->code_bits == 64)
        return linear_64(cpu, segment, offset, size, linear);
    return linear_protected(cpu, segment, offset, size, access, linear);
}

/* Data breakpoints (SDM vol. 3B, 17.2.4): R/W 01 stops writes, 11 reads and writes. */
static void note_breakpoints(struct x64i_cpu *cpu, uint64_t linear, unsigned size, bool write)
{
    static const uint8_t lengths[4] = {1, 2, 8, 4};
    for (unsigned i = 0; i < 4; i++) {
        if (!(cpu->data_breakpoints & 1u << i))
            continue;
        unsigned kind = cpu->s.dr[7] >> (16 + 4 * i) & 3;
        unsigned length = lengths[cpu->s.dr[7] >> (18 + 4 * i) & 3];
        uint64_t first = cpu->s.dr[i] & ~(uint64_t)(length - 1);
        if ((write || kind == 3) && first < linear + size && linear < first + length)
            cpu->debug_hits |= 1ull << i;
    }
}

/* The address of byte `at` of an access. Outside 64-bit mode a program's addresses wrap at 4 GiB;
 * system structures and the stacks of handlers may lie above. */
static uint64_t wrap(const struct x64i_cpu *cpu, uint64_t linear, uint64_t at)
{
    bool wraps = cpu->code_bits != 64 && linear <= 0xffffffffu;
    return wraps ? (linear + at) & 0xffffffffu : linear + at;
}

static enum x64i_result translate(struct x64i_cpu *cpu, uint64_t linear, unsigned size,
                                  unsigned access, struct x64i_target *target)
{
    uint32_t error;
    unsigned first = X64I_PAGE_SIZE - (unsigned)(linear & (X64I_PAGE_SIZE - 1));
    if (first > size)
        first = size;
    target->physical[1] = 0;
    if (!x64i_mmu_translate(&cpu->mmu, linear, access, &target->physical[0], &error))
        return x64i_raise_page_fault(cpu, linear, error);
    if (first < size) {
        uint64_t next = wrap(cpu, linear, first);
        if (!x64i_mmu_translate(&cpu->mmu, next, access, &target->physical[1], &error))
            return x64i_raise_page_fault(cpu, next, error);
    }
    target->linear = linear;
    target->size = (uint8_t)size;
    target->first = (uint8_t)first;
    return X64I_DONE;
}

/* What an operand's address must be a multiple of while alignment is checked (SDM vol. 3A, table
 * 6-7). Of vectors Intel leaves it to the processor, whose exceptions of types 2 and 4 name no #AC
 * (vol. 2A, 2.5); AMD's check for 16, whatever the size. Other sizes are parts of areas, whose
 * alignment their instructions check. */
static unsigned boundary(const struct x64i_cpu *cpu, unsigned size)
{
    switch (size) {
    case 2:
    case 4:
    case 8:
        return size;
    case 10:
        return 8;
    case 16:
    case 32:
        return cpu->model->behaviour.wide_operands_align ? 16 : 1;
    default:
        return 1;
    }
}

enum x64i_result x64i_check_alignment(struct x64i_cpu *cpu, unsigned segment, uint64_t offset,
                                      unsigned multiple)
{
    bool flat = cpu->code_bits == 64 && segment < X64_FS;
    uint64_t linear = offset + (flat ? 0 : cpu->s.segment[segment].base);
    if (cpu->align_check && (linear & (multiple - 1)))
        return x64i_raise_error(cpu, X64_FAULT_AC, 0);
    return X64I_DONE;
}

/* An explicit access of the running program. */
static enum x64i_result translate_data(struct x64i_cpu *cpu, unsigned segment, uint64_t offset,
                                       unsigned size, unsigned access, struct x64i_target *target)
{
    uint64_t linear;
    if (x64i_linear(cpu, segment, offset, size, access, &linear) != X64I_DONE)
        return X64I_FAULT;
    if (cpu->align_check && (linear & (boundary(cpu, size) - 1)))
        return x64i_raise_error(cpu, X64_FAULT_AC, 0);
    if (translate(cpu, linear, size, access | cpu->data_access, target) != X64I_DONE)
        return X64I_FAULT;
    if (cpu->fast.filling && target->first == target->size)
        x64i_mmu_host_fill(&cpu->mmu, linear, access | cpu->data_access);
    if (cpu->data_breakpoints)
        note_breakpoints(cpu, linear, size, access & X64I_ACCESS_WRITE);
    return X64I_DONE;
}

static uint64_t read_target(struct x64i_cpu *cpu, const struct x64i_target *target)
{
    struct x64i_physical *physical = &cpu->mmu.physical;
    uint64_t value = x64i_physical_read(physical, target->physical[0], target->first);
    if (target->first < target->size)
        value |= x64i_physical_read(physical, target->physical[1], target->size - target->first)
                 << 8 * target->first;
    return value;
}

static void note_memory(struct x64i_cpu *cpu, enum x64_effect_kind kind,
                        const struct x64i_target *target, unsigned at, unsigned size, uint64_t old,
                        uint64_t value)
{
    uint64_t physical =
        at < target->first ? target->physical[0] + at : target->physical[1] + (at - target->first);
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = (uint8_t)kind,
                                                       .size = (uint8_t)size,
                                                       .linear = wrap(cpu, target->linear, at),
                                                       .physical = physical,
                                                       .old = old,
                                                       .value = value});
}

static uint64_t load_target(struct x64i_cpu *cpu, const struct x64i_target *target)
{
    uint64_t value = read_target(cpu, target);
    if (cpu->effects)
        note_memory(cpu, X64_EFFECT_MEMORY_READ, target, 0, target->size, value, value);
    return value;
}

/* The common case of an access: nobody watches, it stays within a page that the TLB holds, and RAM
 * is there. All others take the long way, which this one must not differ from. */
static inline bool is_simple(struct x64i_cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                             unsigned access, uint64_t *physical)
{
    if (!cpu->simple_access || cpu->effects)
        return false;
    uint64_t linear = offset;
    if (segment == X64_FS || segment == X64_GS)
        linear += cpu->s.segment[segment].base;
    uint64_t inside = linear & (X64I_PAGE_SIZE - 1);
    if (inside + size > X64I_PAGE_SIZE || !x64i_is_canonical(linear))
        return false;
    const struct x64i_tlb_entry *entry =
        x64i_tlb_find_small(&cpu->mmu.tlb, linear, cpu->mmu.paging.pcid);
    if (!entry || !x64i_tlb_serves(&cpu->mmu.paging, entry->flags, access | cpu->data_access))
        return false;
    *physical = entry->physical | inside;
    if (cpu->fast.filling)
        x64i_mmu_host_fill(&cpu->mmu, linear, access | cpu->data_access);
    return true;
}

static inline uint64_t read_bytes(const uint8_t *bytes, unsigned size)
{
    uint64_t eight;
    uint32_t four;
    uint16_t two;
    switch (size) {
    case 8:
        memcpy(&eight, bytes, 8);
        return eight;
    case 4:
        memcpy(&four, bytes, 4);
        return four;
    case 2:
        memcpy(&two, bytes, 2);
        return two;
    default:
        return *bytes;
    }
}

enum x64i_result x64i_load(struct x64i_cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                           uint64_t *value)
{
    struct x64i_target target;
    uint64_t physical;
    const uint8_t *host = x64i_host_bytes(cpu, segment, offset, size, false);
    if (host) {
        *value = read_bytes(host, size);
        return X64I_DONE;
    }
    if (is_simple(cpu, segment, offset, size, X64I_ACCESS_READ, &physical)) {
        const uint8_t *bytes = x64i_physical_ram(&cpu->mmu.physical, physical);
        if (bytes) {
            *value = read_bytes(bytes, size);
            return X64I_DONE;
        }
    }
    if (translate_data(cpu, segment, offset, size, X64I_ACCESS_READ, &target) != X64I_DONE)
        return X64I_FAULT;
    *value = load_target(cpu, &target);
    return X64I_DONE;
}

enum x64i_result x64i_store(struct x64i_cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                            uint64_t value)
{
    struct x64i_target target;
    uint64_t physical;
    uint8_t *host = x64i_host_bytes(cpu, segment, offset, size, true);
    if (host) {
        memcpy(host, &value, size);
        return X64I_DONE;
    }
    if (is_simple(cpu, segment, offset, size, X64I_ACCESS_WRITE, &physical)) {
        x64i_physical_write(&cpu->mmu.physical, physical, size, value);
        return X64I_DONE;
    }
    if (x64i_probe(cpu, segment, offset, size, &target) != X64I_DONE)
        return X64I_FAULT;
    x64i_commit(cpu, &target, value);
    return X64I_DONE;
}

enum x64i_result x64i_probe(struct x64i_cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                            struct x64i_target *target)
{
    return translate_data(cpu, segment, offset, size, X64I_ACCESS_WRITE, target);
}

enum x64i_result x64i_modify(struct x64i_cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                             struct x64i_target *target, uint64_t *old)
{
    if (x64i_probe(cpu, segment, offset, size, target) != X64I_DONE)
        return X64I_FAULT;
    *old = load_target(cpu, target);
    return X64I_DONE;
}

/* What RAM holds before a write, for effects; devices are not asked. */
static uint64_t peek_old(struct x64i_cpu *cpu, uint64_t physical, unsigned size)
{
    uint64_t old = 0;
    (void)x64i_physical_peek(&cpu->mmu.physical, physical, &old, size);
    return old;
}

void x64i_commit(struct x64i_cpu *cpu, const struct x64i_target *target, uint64_t value)
{
    struct x64i_physical *physical = &cpu->mmu.physical;
    unsigned rest = target->size - target->first;
    if (target->size < 8)
        value &= (1ull << 8 * target->size) - 1;
    if (cpu->effects) {
        uint64_t old = peek_old(cpu, target->physical[0], target->first);
        if (rest)
            old |= peek_old(cpu, target->physical[1], rest) << 8 * target->first;
        note_memory(cpu, X64_EFFECT_MEMORY_WRITE, target, 0, target->size, old, value);
    }
    x64i_physical_write(physical, target->physical[0], target->first, value);
    if (rest)
        x64i_physical_write(physical, target->physical[1], rest, value >> 8 * target->first);
}

/* The piece of `target` from byte `at` on, of at most 8 bytes. */
static struct x64i_target piece(const struct x64i_cpu *cpu, const struct x64i_target *target,
                                unsigned at)
{
    unsigned size = target->size - at < 8 ? target->size - at : 8;
    struct x64i_target part = {.linear = wrap(cpu, target->linear, at), .size = (uint8_t)size};
    if (at >= target->first) {
        part.physical[0] = target->physical[1] + (at - target->first);
        part.first = (uint8_t)size;
        return part;
    }
    unsigned first = target->first - at;
    part.physical[0] = target->physical[0] + at;
    part.physical[1] = target->physical[1];
    part.first = (uint8_t)(first < size ? first : size);
    return part;
}

enum x64i_result x64i_load_bytes(struct x64i_cpu *cpu, unsigned segment, uint64_t offset,
                                 unsigned size, void *bytes)
{
    struct x64i_target target;
    if (translate_data(cpu, segment, offset, size, X64I_ACCESS_READ, &target) != X64I_DONE)
        return X64I_FAULT;
    for (unsigned at = 0; at < size; at += 8) {
        struct x64i_target part = piece(cpu, &target, at);
        uint64_t value = load_target(cpu, &part);
        memcpy((uint8_t *)bytes + at, &value, part.size);
    }
    return X64I_DONE;
}

void x64i_commit_bytes(struct x64i_cpu *cpu, const struct x64i_target *target, const void *bytes)
{
    for (unsigned at = 0; at < target->size; at += 8) {
        struct x64i_target part = piece(cpu, target, at);
        uint64_t value = 0;
        memcpy(&value, (const uint8_t *)bytes + at, part.size);
        x64i_commit(cpu, &part, value);
    }
}

enum x64i_result x64i_load_system(struct x64i_cpu *cpu, uint64_t linear, unsigned size,
                                  uint64_t *value)
{
    struct x64i_target target;
    if (translate(cpu, linear, size, X64I_ACCESS_READ, &target) != X64I_DONE)
        return X64I_FAULT;
    *value = load_target(cpu, &target);
    return X64I_DONE;
}

enum x64i_result x64i_probe_system(struct x64i_cpu *cpu, uint64_t linear, unsigned size,
                                   struct x64i_target *target)
{
    return translate(cpu, linear, size, X64I_ACCESS_WRITE, target);
}

enum x64i_result x64i_probe_as(struct x64i_cpu *cpu, uint64_t linear, unsigned size,
                               unsigned access, struct x64i_target *target)
{
    return translate(cpu, linear, size, X64I_ACCESS_WRITE | access, target);
}
