/* SPDX-License-Identifier: MIT */
/*
 * CPU models as data: one row says who made the CPU, which features it has, and how it behaves
 * where Intel and AMD differ. CPUID and the list of MSRs follow from the row.
 *
 *     const struct x64i_cpu_model *model = x64i_cpu_model_find("skylake");
 *     if (x64i_cpu_model_has(model, X64I_FEATURE_PCID))
 *         ...
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

/* IA32_ARCH_CAPABILITIES (SDM vol. 4, table 2-2, 0x10A): what the CPU is not vulnerable to. */
#define X64I_ARCH_RDCL_NO           (1ull << 0) /* no Meltdown */
#define X64I_ARCH_IBRS_ALL          (1ull << 1) /* enhanced IBRS */
#define X64I_ARCH_SKIP_L1DFL        (1ull << 3)
#define X64I_ARCH_MDS_NO            (1ull << 5)
#define X64I_ARCH_IF_PSCHANGE_MC_NO (1ull << 6)
#define X64I_ARCH_TAA_NO            (1ull << 8)
#define X64I_ARCH_SBDR_SSDP_NO      (1ull << 13)
#define X64I_ARCH_FBSDP_NO          (1ull << 14)
#define X64I_ARCH_PSDP_NO           (1ull << 15)
#define X64I_ARCH_FB_CLEAR          (1ull << 17)
#define X64I_ARCH_RRSBA             (1ull << 19)
#define X64I_ARCH_GDS_NO            (1ull << 26)
#define X64I_ARCH_RFDS_NO           (1ull << 27)

/* Where the vendors' CPUs differ in what software can see (SDM vol. 2 and APM vol. 3, the
 * instructions' own pages). */
struct x64i_behaviour {
    bool sysret_faults_at_cpl3;      /* non-canonical RCX: #GP after the ring change (AMD) */
    bool sysret_keeps_ss_attributes; /* SYSRET sets only SS.selector (AMD) */
    bool syscall_in_compat;          /* SYSCALL from compatibility mode goes to CSTAR (AMD) */
    bool sysenter_in_long_mode;      /* SYSENTER/SYSEXIT work in long mode (Intel) */
    bool null_selector_clears_base;  /* loading a null FS or GS zeroes its base (Intel, Zen 3) */
    bool far_transfer_rex_w;         /* 64-bit offsets in far memory operands (Intel) */
    bool push_segment_moves_16_bits; /* 32-bit PUSH Sreg leaves the slot's upper half (Intel) */
    bool bsf_zero_keeps_destination; /* both vendors in fact; 32-bit form keeps the upper half */
    bool near_branches_take_66;      /* RIP and stack of 16 bits in 64-bit mode (AMD) */
    bool loop_takes_rep;             /* F3 makes LOOPNE a LOOPE, F2 the reverse (AMD) */
    bool pause_takes_rex_b;          /* F3 REX.B 90 is XCHG r8, rAX (AMD) */
    bool prefetch_takes_no_register; /* 0F 0D /r with a register is #UD (AMD), else a NOP */
    bool movsxd_16_reads_32;         /* 16-bit MOVSXD from memory reads four bytes (AMD) */
    bool string_cuts_at_once;        /* REP with 32-bit addresses cuts registers first (Intel) */
    bool string_flags_each_time;     /* REP CMPS and SCAS write flags each iteration (AMD) */
    bool cmps_reads_source_first;    /* else the destination (AMD) */
    bool selector_slots_are_whole;   /* pops of selectors read all of their slot (AMD) */
    bool far_return_reads_ahead;     /* the outer stack's words before CS is checked (AMD) */
    bool ud1_ends_at_opcode;         /* UD0 and UD1 have no ModRM byte (AMD) */
    bool cvtpi2ps_memory_is_sse;     /* from memory it leaves x87 alone (AMD; seen on Zen 5) */
    bool wide_operands_align;     /* #AC for vectors in memory, too, on 16 (AMD; seen on Zen 5) */
    bool sha_takes_any_address;   /* else a multiple of 16 (AMD; seen on Zen 5) */
    bool fxsave_hides_pointers;   /* stores zeros while no x87 exception waits (AMD) */
    bool fcomi_keeps_c1;          /* else it is cleared (AMD; seen on Zen 5) */
    bool masked_stores_check_all; /* MASKMOVQ's bytes that are not stored (AMD; Zen 5) */
    bool pushes_stay;             /* of a far CALL or ENTER that faults later (AMD; Zen 5) */
    uint32_t mxcsr_mask;          /* MXCSR bits that exist; FXSAVE stores it */
};

enum x64i_cache_type { X64I_CACHE_DATA = 1, X64I_CACHE_INSTRUCTION = 2, X64I_CACHE_UNIFIED = 3 };

/* One cache, as CPUID.04H and CPUID.80000005H-6H describe it. */
struct x64i_cache {
    uint8_t level; /* 1-3; 0 ends the list */
    uint8_t type;  /* enum x64i_cache_type */
    uint8_t ways;
    uint8_t line; /* bytes */
    uint32_t sets;
};

#define X64I_MODEL_CACHES 5

struct x64i_cpu_model {
    const char *name;        /* "skylake" */
    const char *brand;       /* CPUID.80000002H-4H, at most 47 characters */
    const char *description; /* one line for a list */
    enum x64i_vendor vendor;
    uint16_t family; /* displayed: the extended fields added */
    uint16_t model;
    uint8_t stepping;
    uint8_t physical_bits; /* MAXPHYADDR */
    uint8_t max_leaf;
    uint32_t max_extended_leaf;
    uint32_t microcode; /* revision */
    uint64_t tsc_hz;
    uint32_t crystal_hz;               /* CPUID.15H; 0 where the CPU does not tell */
    uint32_t ticks_per_step_numerator; /* TSC ticks per retired instruction */
    uint32_t ticks_per_step_denominator;
    uint64_t arch_capabilities; /* X64I_ARCH_ bits */
    bool meltdown;              /* user code could read kernel memory: PTI is worth its price */
    struct x64i_behaviour behaviour;
    struct x64i_cache cache[X64I_MODEL_CACHES];
    bool features[X64I_FEATURE_COUNT]; /* ask x64i_cpu_model_has */
};

/* The model of that name, or null. */
const struct x64i_cpu_model *x64i_cpu_model_find(const char *name);

/* The index-th model, or null behind the last. */
const struct x64i_cpu_model *x64i_cpu_model_at(size_t index);

static inline bool x64i_cpu_model_has(const struct x64i_cpu_model *model, enum x64i_feature feature)
{
    return feature == X64I_FEATURE_BASE || model->features[feature];
}

/*
 * CPUID for one leaf; `registers` are EAX, EBX, ECX, EDX. `cr4` and `xcr0` are for the bits that
 * follow them: OSXSAVE and the XSAVE area's size (SDM vol. 2A, CPUID; APM vol. 3, appendix E).
 */
void x64i_cpuid(const struct x64i_cpu_model *model, uint32_t leaf, uint32_t subleaf, uint64_t cr4,
                uint64_t xcr0, uint32_t registers[4]);

#endif
