/* SPDX-License-Identifier: MIT */
/* The CPU models. */
#include "msr/model.h"

#include <string.h>

#define HAS(name) [X64I_FEATURE_##name] = true

/* x86-64's own set and what all models add to it. */
#define FEATURES_COMMON                                                                         \
    HAS(FPU), HAS(MMX), HAS(DE), HAS(PSE), HAS(TSC), HAS(MSR), HAS(PAE), HAS(CX8), HAS(SEP),    \
        HAS(MTRR), HAS(PGE), HAS(CMOV), HAS(PAT), HAS(CLFSH), HAS(FXSR), HAS(SSE), HAS(SSE2),   \
        HAS(MONITOR), HAS(CMPXCHG16B), HAS(PCID), HAS(MOVBE), HAS(POPCNT), HAS(XSAVE),          \
        HAS(FSGSBASE), HAS(BMI1), HAS(SMEP), HAS(BMI2), HAS(ERMS), HAS(INVPCID), HAS(ADX),      \
        HAS(SMAP), HAS(CLFLUSHOPT), HAS(LAHF64), HAS(LZCNT), HAS(PREFETCHW), HAS(SYSCALL),      \
        HAS(NX), HAS(PAGE1GB), HAS(RDTSCP), HAS(LM), HAS(INVARIANT_TSC), HAS(SSE3), HAS(SSSE3), \
        HAS(SSE4_1), HAS(SSE4_2), HAS(AES), HAS(PCLMULQDQ), HAS(AVX), HAS(AVX2), HAS(FMA),      \
        HAS(F16C), HAS(RDRAND), HAS(RDSEED), HAS(XSAVEOPT), HAS(XSAVEC), HAS(XGETBV1), HAS(XSAVES)

/* Intel's controls against speculation, as microcode brought them to older CPUs. */
#define FEATURES_INTEL                                                                      \
    HAS(FDP_EXCPTN_ONLY), HAS(NO_FPU_SELECTORS), HAS(TSC_ADJUST), HAS(MD_CLEAR), HAS(IBRS), \
        HAS(STIBP), HAS(SSBD), HAS(L1D_FLUSH)

/* Zen 3 and later. */
#define FEATURES_ZEN                                                                             \
    HAS(SHA), HAS(VAES), HAS(VPCLMULQDQ), HAS(PKU), HAS(CLWB), HAS(UMIP), HAS(RDPID), HAS(FSRM), \
        HAS(WBNOINVD), HAS(AMD_IBPB), HAS(AMD_IBRS), HAS(AMD_STIBP), HAS(AMD_STIBP_ALWAYS_ON),   \
        HAS(AMD_IBRS_PREFERRED), HAS(AMD_SSBD), HAS(AMD_PSFD), HAS(LFENCE_SERIALIZING),          \
        HAS(NULL_SELECTOR_CLEARS_BASE), HAS(MISALIGNED_SSE), HAS(AMD_SBPB), HAS(AMD_IBPB_BRTYPE)

/* What this machine has of AVX-512, each with all of its instructions. */
#define FEATURES_AVX512                                                                         \
    HAS(AVX512F), HAS(AVX512CD), HAS(AVX512BW), HAS(AVX512DQ), HAS(AVX512VL), HAS(AVX512_IFMA), \
        HAS(AVX512_VBMI), HAS(AVX512_VBMI2), HAS(AVX512_VNNI), HAS(AVX512_BITALG),              \
        HAS(AVX512_VPOPCNTDQ)

#define BEHAVIOUR_INTEL                                                                        \
    {                                                                                          \
        .sysenter_in_long_mode = true, .null_selector_clears_base = true,                      \
        .far_transfer_rex_w = true, .push_segment_moves_16_bits = true,                        \
        .bsf_zero_keeps_destination = true, .string_cuts_at_once = true, .mxcsr_mask = 0xffff, \
    }

#define BEHAVIOUR_AMD                                                                          \
    {                                                                                          \
        .sysret_faults_at_cpl3 = true, .sysret_keeps_ss_attributes = true,                     \
        .syscall_in_compat = true,                                                             \
        .null_selector_clears_base = true, /* since Zen 3; CPUID says so */                    \
            .bsf_zero_keeps_destination = true, .near_branches_take_66 = true,                 \
        .loop_takes_rep = true, .pause_takes_rex_b = true, .prefetch_takes_no_register = true, \
        .movsxd_16_reads_32 = true, .selector_slots_are_whole = true,                          \
        .far_return_reads_ahead = true, .string_flags_each_time = true,                        \
        .cmps_reads_source_first = true, .ud1_ends_at_opcode = true,                           \
        .cvtpi2ps_memory_is_sse = true, .wide_operands_align = true,                           \
        .sha_takes_any_address = true, .fxsave_hides_pointers = true, .fcomi_keeps_c1 = true,  \
        .masked_stores_check_all = true, .pushes_stay = true,                                  \
        .mxcsr_mask = 0x2ffff, /* with MM, APM vol. 1, 4.2.2 */                                \
    }

static const struct x64i_cpu_model models[] = {
    {
        .name = "skylake",
        .brand = "Intel(R) Core(TM) i7-6700 CPU @ 3.40GHz",
        .description = "Intel Skylake (2015): Meltdown-vulnerable, so Linux isolates page tables",
        .vendor = X64I_VENDOR_INTEL,
        .family = 6,
        .model = 0x5e,
        .stepping = 3,
        .physical_bits = 39,
        .max_leaf = 0x16,
        .max_extended_leaf = 0x80000008,
        .microcode = 0xf0,
        .tsc_hz = 3408000000u,
        .crystal_hz = 24000000,
        .ticks_per_step_numerator = 1,
        .ticks_per_step_denominator = 1,
        .meltdown = true,
        .behaviour = BEHAVIOUR_INTEL,
        .cache = {{1, X64I_CACHE_DATA, 8, 64, 64},
                  {1, X64I_CACHE_INSTRUCTION, 8, 64, 64},
                  {2, X64I_CACHE_UNIFIED, 4, 64, 1024},
                  {3, X64I_CACHE_UNIFIED, 16, 64, 8192}},
        .features = {FEATURES_COMMON, FEATURES_INTEL},
    },
    {
        .name = "golden_cove",
        .brand = "Intel(R) Xeon(R) Gold 6430",
        .description = "Intel Golden Cove (Sapphire Rapids, 2023): no Meltdown, enhanced IBRS",
        .vendor = X64I_VENDOR_INTEL,
        .family = 6,
        .model = 0x8f,
        .stepping = 8,
        .physical_bits = 46,
        .max_leaf = 0x20,
        .max_extended_leaf = 0x80000008,
        .microcode = 0x2b000603,
        .tsc_hz = 2100000000u,
        .crystal_hz = 25000000,
        .ticks_per_step_numerator = 1,
        .ticks_per_step_denominator = 2,
        .arch_capabilities = X64I_ARCH_RDCL_NO | X64I_ARCH_IBRS_ALL | X64I_ARCH_SKIP_L1DFL |
                             X64I_ARCH_MDS_NO | X64I_ARCH_IF_PSCHANGE_MC_NO | X64I_ARCH_TAA_NO |
                             X64I_ARCH_SBDR_SSDP_NO | X64I_ARCH_FBSDP_NO | X64I_ARCH_PSDP_NO |
                             X64I_ARCH_FB_CLEAR | X64I_ARCH_RRSBA | X64I_ARCH_GDS_NO |
                             X64I_ARCH_RFDS_NO,
        .behaviour = BEHAVIOUR_INTEL,
        .cache = {{1, X64I_CACHE_DATA, 12, 64, 64},
                  {1, X64I_CACHE_INSTRUCTION, 8, 64, 64},
                  {2, X64I_CACHE_UNIFIED, 16, 64, 2048},
                  {3, X64I_CACHE_UNIFIED, 15, 64, 65536}},
        .features = {FEATURES_COMMON,
                     FEATURES_INTEL,
                     HAS(SHA),
                     HAS(GFNI),
                     HAS(VAES),
                     HAS(VPCLMULQDQ),
                     HAS(PKU),
                     HAS(CLWB),
                     HAS(UMIP),
                     HAS(RDPID),
                     HAS(FSRM),
                     HAS(SERIALIZE),
                     HAS(ARCH_CAPABILITIES),
                     HAS(FZRM),
                     HAS(FSRS),
                     HAS(PSFD),
                     HAS(IPRED_CTRL),
                     HAS(RRSBA_CTRL),
                     HAS(BHI_CTRL),
                     HAS(WBNOINVD)},
    },
    {
        .name = "zen3",
        .brand = "AMD Ryzen 9 5950X 16-Core Processor",
        .description = "AMD Zen 3 (2020): AMD's SYSCALL and SYSRET, no Meltdown",
        .vendor = X64I_VENDOR_AMD,
        .family = 0x19,
        .model = 0x21,
        .stepping = 2,
        .physical_bits = 48,
        .max_leaf = 0x10,
        .max_extended_leaf = 0x80000021,
        .microcode = 0x0a201210,
        .tsc_hz = 3400000000u,
        .ticks_per_step_numerator = 1,
        .ticks_per_step_denominator = 2,
        .behaviour = BEHAVIOUR_AMD,
        .cache = {{1, X64I_CACHE_DATA, 8, 64, 64},
                  {1, X64I_CACHE_INSTRUCTION, 8, 64, 64},
                  {2, X64I_CACHE_UNIFIED, 8, 64, 1024},
                  {3, X64I_CACHE_UNIFIED, 16, 64, 32768}},
        .features = {FEATURES_COMMON, FEATURES_ZEN},
    },
    {
        .name = "zen4",
        .brand = "AMD Ryzen 9 7950X 16-Core Processor",
        .description = "AMD Zen 4 (2022): as Zen 3, with AVX-512",
        .vendor = X64I_VENDOR_AMD,
        .family = 0x19,
        .model = 0x61,
        .stepping = 2,
        .physical_bits = 48,
        .max_leaf = 0x10,
        .max_extended_leaf = 0x80000021,
        .microcode = 0x0a601209,
        .tsc_hz = 4500000000u,
        .ticks_per_step_numerator = 1,
        .ticks_per_step_denominator = 2,
        .behaviour = BEHAVIOUR_AMD,
        .cache = {{1, X64I_CACHE_DATA, 8, 64, 64},
                  {1, X64I_CACHE_INSTRUCTION, 8, 64, 64},
                  {2, X64I_CACHE_UNIFIED, 8, 64, 2048},
                  {3, X64I_CACHE_UNIFIED, 16, 64, 32768}},
        .features = {FEATURES_COMMON, FEATURES_ZEN, FEATURES_AVX512, HAS(GFNI)},
    },
};

const struct x64i_cpu_model *x64i_cpu_model_at(size_t index)
{
    return index < sizeof models / sizeof models[0] ? &models[index] : NULL;
}

const struct x64i_cpu_model *x64i_cpu_model_find(const char *name)
{
    const struct x64i_cpu_model *model = NULL;
    for (size_t i = 0; (model = x64i_cpu_model_at(i)); i++)
        if (strcmp(model->name, name) == 0)
            break;
    return model;
}
