/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as instructions see it: segmentation and canonical checks, alignment checks, data
 * breakpoints, translation, page crossings, effects. Sizes are in bytes.
 *
 * A handler that writes probes first: x64i_modify or x64i_probe make every check that can fault,
 * x64i_commit cannot fail. Several probed targets may be committed after one another.
 */
#ifndef X64I_CPU_ACCESS_H
#define X64I_CPU_ACCESS_H

#include "cpu/cpu.h"

/* A range of at most 64 bytes that may be written: one physical piece, or two across pages. */
struct x64i_target {
    uint64_t linear;
    uint64_t physical[2];
    uint8_t size;
    uint8_t first; /* bytes in physical[0] */
};

/* Adds the segment's base and checks the offset: canonical in 64-bit mode, limit and type outside
 * (SDM vol. 3A, 5.3 and vol. 1, 3.3.7.1). `access` is X64I_ACCESS_READ or _WRITE. */
enum x64i_result x64i_linear(struct x64i_cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                             unsigned access, uint64_t *linear);

/* #AC(0) while alignment is checked and the address is no such multiple, a power of two: for areas
 * that are accessed in parts. Operands of 16 bytes or less, and vectors, are checked when they are
 * accessed. */
enum x64i_result x64i_check_alignment(struct x64i_cpu *cpu, unsigned segment, uint64_t offset,
                                      unsigned multiple);

/* Loads 1, 2, 4 or 8 bytes. */
enum x64i_result x64i_load(struct x64i_cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                           uint64_t *value);

/* Stores 1, 2, 4 or 8 bytes. */
enum x64i_result x64i_store(struct x64i_cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                            uint64_t value);

/* Checks a later write of up to 64 bytes. */
enum x64i_result x64i_probe(struct x64i_cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                            struct x64i_target *target);

/* Checks for writing, then loads the old value: for read-modify-write instructions. */
enum x64i_result x64i_modify(struct x64i_cpu *cpu, unsigned segment, uint64_t offset, unsigned size,
                             struct x64i_target *target, uint64_t *old);

/* Writes what was probed: at most 8 bytes as a number. */
void x64i_commit(struct x64i_cpu *cpu, const struct x64i_target *target, uint64_t value);

/* Up to 64 bytes: vectors, descriptors, FXSAVE in pieces. Loads are checked whole before. */
enum x64i_result x64i_load_bytes(struct x64i_cpu *cpu, unsigned segment, uint64_t offset,
                                 unsigned size, void *bytes);
void x64i_commit_bytes(struct x64i_cpu *cpu, const struct x64i_target *target, const void *bytes);

/* Descriptor tables, TSS and interrupt stacks: linear addresses, as supervisor at any CPL (implicit
 * supervisor accesses, SDM vol. 3A, 4.6.1). */
enum x64i_result x64i_load_system(struct x64i_cpu *cpu, uint64_t linear, unsigned size,
                                  uint64_t *value);
enum x64i_result x64i_probe_system(struct x64i_cpu *cpu, uint64_t linear, unsigned size,
                                   struct x64i_target *target);

/* A push or pop in a call or interrupt frame of explicit privilege: `access` adds X64I_ACCESS_USER
 * or not; used where the new CPL is not yet in force. */
enum x64i_result x64i_probe_as(struct x64i_cpu *cpu, uint64_t linear, unsigned size,
                               unsigned access, struct x64i_target *target);

/* Raises #PF for an address. */
enum x64i_result x64i_raise_page_fault(struct x64i_cpu *cpu, uint64_t linear, uint32_t error_code);

static inline bool x64i_is_canonical(uint64_t linear)
{
    return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

/* Where the host has an operand's bytes, or null: while the block engine runs, nobody watches and a
 * slot serves all of them (mmu/host_tlb.h). */
static inline uint8_t *x64i_host_bytes(const struct x64i_cpu *cpu, unsigned segment,
                                       uint64_t offset, unsigned size, bool write)
{
    if (!cpu->fast.filling || !cpu->simple_access || cpu->effects)
        return NULL;
    uint64_t linear = offset;
    if (segment == X64_FS || segment == X64_GS)
        linear += cpu->s.segment[segment].base;
    const struct x64i_host_slot *slot =
        &cpu->mmu.physical.host.slots[(linear >> 12) % X64I_HOST_SLOTS];
    if ((write ? slot->write_tag : slot->read_tag) != x64i_host_tag(linear + (size - 1)))
        return NULL;
    return (uint8_t *)(uintptr_t)(linear + slot->addend);
}

#endif
