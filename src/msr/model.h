/* SPDX-License-Identifier: MIT */
/*
 * CPU models as data: one row says who made the CPU, which features it has, and how it behaves
 * where Intel and AMD differ. CPUID and the list of MSRs follow from the row.
 */
#ifndef X64I_MSR_MODEL_H
#define X64I_MSR_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum x64i_feature {
    X64I_FEATURE_BASE, /* every 64-bit CPU has it */
#define X64I_FEATURE(name, leaf, subleaf, reg, bit) X64I_FEATURE_##name,
#include "msr/features.def"
#undef X64I_FEATURE
    X64I_FEATURE_COUNT
};

enum x64i_vendor { X64I_VENDOR_INTEL, X64I_VENDOR_AMD };

/* Where the vendors' CPUs differ in what software can see (SDM vol. 2 and APM vol. 3, the
 * instructions' own pages). */
struct x64i_behaviour {
    bool sysret_faults_at_cpl3;      /* non-canonical RCX: #GP after the ring change (AMD) */
    bool sysret_keeps_ss_attributes; /* SYSRET sets only SS.selector (AMD) */
    bool syscall_in_compat;          /* SYSCALL from compatibility mode goes to CSTAR (AMD) */
    bool sysenter_in_long_mode;      /* SYSENTER/SYSEXIT work in long mode (Intel) */
    bool null_selector_clears_base;  /* loading a null FS or GS zeroes its base (Intel) */
    bool far_transfer_rex_w;         /* 64-bit offsets in far memory operands (Intel) */
    bool bsf_zero_keeps_destination; /* both vendors in fact; 32-bit form keeps the upper half */
};

struct x64i_cpu_model {
    const char *name;        /* "skylake" */
    const char *brand;       /* CPUID.80000002H-4H, at most 47 characters */
    const char *description; /* one line for a list */
    enum x64i_vendor vendor;
    uint16_t family;
    uint16_t model;
    uint8_t stepping;
    uint8_t physical_bits; /* MAXPHYADDR */
    uint64_t tsc_hz;
    uint32_t ticks_per_step_numerator; /* TSC ticks per retired instruction */
    uint32_t ticks_per_step_denominator;
    uint64_t arch_capabilities; /* IA32_ARCH_CAPABILITIES (SDM vol. 4, 0x10A) */
    bool meltdown;              /* user code could read kernel memory: PTI is worth its price */
    const uint8_t *features;    /* enum x64i_feature values, ends with X64I_FEATURE_BASE */
    struct x64i_behaviour behaviour;
};

/* The model of that name, or null. */
const struct x64i_cpu_model *x64i_cpu_model_find(const char *name);

/* The index-th model, or null behind the last. */
const struct x64i_cpu_model *x64i_cpu_model_at(size_t index);

bool x64i_cpu_model_has(const struct x64i_cpu_model *model, enum x64i_feature feature);

#endif
