/* SPDX-License-Identifier: MIT */
/*
 * The model-specific registers: rows of msr.def with a value each. A row says which CPU has the
 * register, what may be written, and, where it is not plain storage, which functions read and write
 * it (FS.base lives in the segment, EFER changes paging, the TSC is the guest's clock); those reach
 * the CPU through callbacks, since this layer stands below it.
 */
#ifndef X64I_MSR_MSR_H
#define X64I_MSR_MSR_H

#include "msr/model.h"
#include "state/state.h"

#include "x64emu/effects.h"

enum x64i_msr {
#define X64I_MSR(id, ...) X64I_MSR_##id,
#include "msr/msr.def"
#undef X64I_MSR
    X64I_MSR_COUNT
};

/* What registers with a life of their own ask of the CPU. */
struct x64i_msr_callbacks {
    uint64_t (*read_segment_base)(void *user, enum x64_segment_register segment);
    void (*write_segment_base)(void *user, enum x64_segment_register segment, uint64_t base);
    uint64_t (*read_tsc)(void *user);
    void (*write_tsc)(void *user, uint64_t value);
    void (*efer_changed)(void *user);
    bool (*paging_enabled)(void *user); /* CR0.PG: EFER.LME may not change then */
};

/* Region "msr". */
struct x64i_msr_values {
    uint64_t value[X64I_MSR_COUNT];
};

struct x64i_msr_file {
    struct x64i_msr_values values;
    const struct x64i_cpu_model *model;
    const struct x64i_msr_callbacks *callbacks;
    void *user;
};

/* Registers the values with `state` and sets the model's reset values. */
enum x64_status x64i_msr_init(struct x64i_msr_file *file, struct x64i_state *state,
                              const struct x64i_cpu_model *model,
                              const struct x64i_msr_callbacks *callbacks, void *user);

/* RDMSR: false means #GP(0): no such register on this model. */
bool x64i_msr_read(struct x64i_msr_file *file, uint32_t index, uint64_t *value);

/* WRMSR: false means #GP(0): no such register, a reserved bit set, or a non-canonical address. */
bool x64i_msr_write(struct x64i_msr_file *file, uint32_t index, uint64_t value);

/* The SDM's name without its IA32_ prefix ("LSTAR"), or null for an index without a row. */
const char *x64i_msr_name(uint32_t index);

/* CPUID for one leaf; `registers` are EAX, EBX, ECX, EDX. `cr4` and `xcr0` for the bits that follow
 * them (OSXSAVE, the XSAVE area's size), `apic_id` as of reset. */
void x64i_cpuid(const struct x64i_cpu_model *model, uint32_t leaf, uint32_t subleaf, uint64_t cr4,
                uint64_t xcr0, uint32_t registers[4]);

#endif
