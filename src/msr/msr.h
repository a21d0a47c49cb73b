/* SPDX-License-Identifier: MIT */
/*
 * The model-specific registers: rows of msr.def with a value each. A row says which CPU has the
 * register, what may be written, and, where it is not plain storage, which functions read and write
 * it (FS.base lives in the segment, EFER changes paging, the TSC is the guest's clock); those reach
 * the CPU through callbacks, since this layer stands below it.
 *
 *     x64i_msr_init(&file, state, x64i_cpu_model_find("zen3"), &callbacks, cpu);
 *     if (!x64i_msr_write(&file, 0xc0000082, entry))
 *         return x64i_raise_error(cpu, X64_FAULT_GP, 0);
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

/* Region "msr". Registers whose value lives elsewhere leave theirs unused. */
struct x64i_msr_values {
    uint64_t value[X64I_MSR_COUNT];
};

struct x64i_msr_file {
    struct x64i_msr_values values;
    const struct x64i_cpu_model *model;
    const struct x64i_msr_callbacks *callbacks;
    void *user;
};

/* Registers the values with `state` and sets the model's reset values. The file must stay at its
 * address; model and callbacks must outlive it. Errors of x64i_state_add_fixed. */
enum x64_status x64i_msr_init(struct x64i_msr_file *file, struct x64i_state *state,
                              const struct x64i_cpu_model *model,
                              const struct x64i_msr_callbacks *callbacks, void *user);

/* Sets all values as after power-up, without asking the callbacks. */
void x64i_msr_reset(struct x64i_msr_file *file);

/* RDMSR: false means #GP(0): no such register on this model, or one that only takes commands. */
bool x64i_msr_read(const struct x64i_msr_file *file, uint32_t index, uint64_t *value);

/* WRMSR: false means #GP(0): no such register, a read-only one, a reserved bit or a value that it
 * does not take, or a non-canonical address. Nothing has changed then. */
bool x64i_msr_write(struct x64i_msr_file *file, uint32_t index, uint64_t value);

/* The SDM's name without its IA32_ prefix ("LSTAR"), or null for an index without a row. */
const char *x64i_msr_name(uint32_t index);

/* A row of msr.def as data, for listings. */
struct x64i_msr_row {
    const char *name;
    const char *kind_name;
    uint32_t index;
    uint8_t feature; /* enum x64i_feature */
    uint8_t vendor;  /* enum x64i_msr_vendor */
    uint8_t kind;
    uint64_t reset;
    uint64_t writable;
};

enum x64i_msr_vendor { X64I_MSR_VENDOR_ANY, X64I_MSR_VENDOR_INTEL, X64I_MSR_VENDOR_AMD };

/* The row of a register, or null for a number out of range. */
const struct x64i_msr_row *x64i_msr_row(enum x64i_msr msr);

/* Whether that row's register exists on the model. */
bool x64i_msr_exists(const struct x64i_msr_row *row, const struct x64i_cpu_model *model);

#endif
