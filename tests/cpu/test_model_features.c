/* SPDX-License-Identifier: MIT */
/*
 * CPUID never shows what is not implemented: behind each row of features.def stands an instruction
 * of isa.def, a model-specific register, a bit of a control register, or a mode of the machine.
 */
#include "cpu/isa.h"
#include "cpu/support/machine.h"
#include "support/suite.h"

#include <string.h>

enum proof_kind { INSTRUCTION, REGISTER, CR4, BEHAVIOUR };

/* What shows that a feature is there. */
static const struct {
    const char *feature;
    enum proof_kind kind;
    const char *name; /* of an instruction or MSR; for a behaviour, where it is tested or seen */
    uint64_t cr4;
} proofs[] = {
    {"FPU", INSTRUCTION, "FADD", 0},
    {"DE", CR4, NULL, X64I_CR4_DE},
    {"PSE", CR4, NULL, X64I_CR4_PSE},
    {"TSC", INSTRUCTION, "RDTSC", 0},
    {"MSR", INSTRUCTION, "RDMSR", 0},
    {"PAE", CR4, NULL, X64I_CR4_PAE},
    {"CX8", INSTRUCTION, "CMPXCHG8B", 0},
    {"SEP", INSTRUCTION, "SYSENTER", 0},
    {"MTRR", REGISTER, "MTRRCAP", 0},
    {"PGE", CR4, NULL, X64I_CR4_PGE},
    {"CMOV", INSTRUCTION, "CMOVZ", 0},
    {"PAT", REGISTER, "PAT", 0},
    {"CLFSH", INSTRUCTION, "CLFLUSH", 0},
    {"MMX", INSTRUCTION, "EMMS", 0},
    {"FXSR", INSTRUCTION, "FXRSTOR", 0},
    {"SSE", INSTRUCTION, "ADDPS", 0},
    {"SSE2", INSTRUCTION, "ADDPD", 0},
    {"MONITOR", INSTRUCTION, "MWAIT", 0},
    {"CMPXCHG16B", INSTRUCTION, "CMPXCHG16B", 0},
    {"PCID", CR4, NULL, X64I_CR4_PCIDE},
    {"MOVBE", INSTRUCTION, "MOVBE", 0},
    {"POPCNT", INSTRUCTION, "POPCNT", 0},
    {"XSAVE", INSTRUCTION, "XRSTOR", 0},
    {"SSE3", INSTRUCTION, "ADDSUBPS", 0},
    {"PCLMULQDQ", INSTRUCTION, "PCLMULQDQ", 0},
    {"SSSE3", INSTRUCTION, "PSHUFB", 0},
    {"FMA", INSTRUCTION, "VFMADD132PS", 0},
    {"SSE4_1", INSTRUCTION, "PTEST", 0},
    {"SSE4_2", INSTRUCTION, "PCMPESTRI", 0},
    {"AES", INSTRUCTION, "AESENC", 0},
    {"AVX", INSTRUCTION, "VADDPS", 0},
    {"F16C", INSTRUCTION, "VCVTPH2PS", 0},
    {"RDRAND", INSTRUCTION, "RDRAND", 0},
    {"AVX2", INSTRUCTION, "VPGATHERDD", 0},
    {"RDSEED", INSTRUCTION, "RDSEED", 0},
    {"SHA", INSTRUCTION, "SHA256RNDS2", 0},
    {"GFNI", INSTRUCTION, "GF2P8MULB", 0},
    {"AVX512F", INSTRUCTION, "VPTERNLOGD", 0},
    {"AVX512DQ", INSTRUCTION, "VPMULLQ", 0},
    {"AVX512_IFMA", INSTRUCTION, "VPMADD52LUQ", 0},
    {"AVX512CD", INSTRUCTION, "VPCONFLICTD", 0},
    {"AVX512BW", INSTRUCTION, "VPERMW", 0},
    {"AVX512VL", INSTRUCTION, "VPERMT2D", 0},
    {"AVX512_VBMI", INSTRUCTION, "VPERMB", 0},
    {"AVX512_VBMI2", INSTRUCTION, "VPSHLDD", 0},
    {"AVX512_VNNI", INSTRUCTION, "VPDPBUSD", 0},
    {"AVX512_BITALG", INSTRUCTION, "VPOPCNTB", 0},
    {"AVX512_VPOPCNTDQ", INSTRUCTION, "VPOPCNTD", 0},
    {"VAES", INSTRUCTION, "VAESENC", 0},
    {"VPCLMULQDQ", INSTRUCTION, "VPCLMULQDQ", 0},
    {"XSAVEOPT", INSTRUCTION, "XSAVEOPT", 0},
    {"XSAVEC", INSTRUCTION, "XSAVEC", 0},
    {"XGETBV1", INSTRUCTION, "XGETBV", 0},
    {"XSAVES", INSTRUCTION, "XRSTORS", 0},
    {"PKU", CR4, NULL, X64I_CR4_PKE},
    {"FSGSBASE", INSTRUCTION, "WRGSBASE", 0},
    {"TSC_ADJUST", REGISTER, "TSC_ADJUST", 0},
    {"BMI1", INSTRUCTION, "ANDN", 0},
    {"FDP_EXCPTN_ONLY", BEHAVIOUR, "tests/cpu/test_x87.c", 0},
    {"SMEP", CR4, NULL, X64I_CR4_SMEP},
    {"BMI2", INSTRUCTION, "MULX", 0},
    {"ERMS", INSTRUCTION, "MOVSB", 0},
    {"INVPCID", INSTRUCTION, "INVPCID", 0},
    {"NO_FPU_SELECTORS", BEHAVIOUR, "tests/cpu/test_x87.c", 0},
    {"ADX", INSTRUCTION, "ADCX", 0},
    {"SMAP", INSTRUCTION, "STAC", 0},
    {"CLFLUSHOPT", INSTRUCTION, "CLFLUSHOPT", 0},
    {"CLWB", INSTRUCTION, "CLWB", 0},
    {"UMIP", CR4, NULL, X64I_CR4_UMIP},
    {"RDPID", INSTRUCTION, "RDPID", 0},
    {"FSRM", INSTRUCTION, "MOVSB", 0},
    {"MD_CLEAR", INSTRUCTION, "VERW", 0}, /* nothing is buffered, so that nothing is left */
    {"SERIALIZE", INSTRUCTION, "SERIALIZE", 0},
    {"IBRS", REGISTER, "SPEC_CTRL", 0},
    {"STIBP", REGISTER, "SPEC_CTRL", 0},
    {"L1D_FLUSH", REGISTER, "FLUSH_CMD", 0},
    {"ARCH_CAPABILITIES", REGISTER, "ARCH_CAPABILITIES", 0},
    {"SSBD", REGISTER, "SPEC_CTRL", 0},
    {"FZRM", INSTRUCTION, "MOVSB", 0},
    {"FSRS", INSTRUCTION, "STOSB", 0},
    {"PSFD", REGISTER, "SPEC_CTRL", 0},
    {"IPRED_CTRL", REGISTER, "SPEC_CTRL", 0},
    {"RRSBA_CTRL", REGISTER, "SPEC_CTRL", 0},
    {"BHI_CTRL", REGISTER, "SPEC_CTRL", 0},
    {"LAHF64", INSTRUCTION, "LAHF", 0},
    {"LZCNT", INSTRUCTION, "LZCNT", 0},
    {"MISALIGNED_SSE", BEHAVIOUR, "tests/cpu/test_vendor.c", 0},
    {"PREFETCHW", INSTRUCTION, "PREFETCHW", 0},
    {"SYSCALL", INSTRUCTION, "SYSCALL", 0},
    {"NX", BEHAVIOUR, "tests/mmu/test_walk.c", 0},
    {"PAGE1GB", BEHAVIOUR, "tests/mmu/test_walk.c", 0},
    {"RDTSCP", INSTRUCTION, "RDTSCP", 0},
    {"LM", BEHAVIOUR, "every test", 0},
    {"INVARIANT_TSC", BEHAVIOUR, "the clock is that of retired instructions", 0},
    {"WBNOINVD", INSTRUCTION, "WBINVD", 0}, /* the decoder's name for both */
    {"AMD_IBPB", REGISTER, "PRED_CMD", 0},
    {"AMD_IBRS", REGISTER, "SPEC_CTRL", 0},
    {"AMD_STIBP", REGISTER, "SPEC_CTRL", 0},
    {"AMD_STIBP_ALWAYS_ON", REGISTER, "SPEC_CTRL", 0},
    {"AMD_IBRS_PREFERRED", REGISTER, "SPEC_CTRL", 0},
    {"AMD_SSBD", REGISTER, "SPEC_CTRL", 0},
    {"AMD_PSFD", REGISTER, "SPEC_CTRL", 0},
    {"LFENCE_SERIALIZING", INSTRUCTION, "LFENCE", 0},
    {"NULL_SELECTOR_CLEARS_BASE", BEHAVIOUR, "x64i_behaviour", 0},
    {"AMD_SBPB", REGISTER, "PRED_CMD", 0},
    {"AMD_IBPB_BRTYPE", REGISTER, "PRED_CMD", 0},
};

#define PROOFS (sizeof proofs / sizeof proofs[0])

static const char *const feature_names[] = {
    [X64I_FEATURE_BASE] = "BASE",
#define X64I_FEATURE(name, leaf, subleaf, reg, bit) [X64I_FEATURE_##name] = #name,
#include "msr/features.def"
#undef X64I_FEATURE
};

static bool has_instruction(const char *name)
{
    for (size_t i = 0; i < x64i_isa_row_count; i++)
        if (strcmp(x64i_isa_rows[i].name, name) == 0)
            return true;
    return false;
}

static bool has_register(const struct x64i_cpu_model *model, const char *name)
{
    for (unsigned i = 0; i < X64I_MSR_COUNT; i++)
        if (strcmp(x64i_msr_row(i)->name, name) == 0 && x64i_msr_exists(x64i_msr_row(i), model))
            return true;
    return false;
}

/* MOV to CR4 takes the bit on the model. */
static bool takes_cr4(const struct x64i_cpu_model *model, uint64_t bit)
{
    struct machine *m = machine_create(model->name);
    m->cpu.s.gpr[X64_RAX] = m->cpu.s.cr4 | bit;
    machine_code(m, "0f 22 e0");
    machine_step(m);
    bool taken = m->cpu.s.cr4 & bit;
    machine_destroy(m);
    return taken;
}

static size_t find_proof(const char *feature)
{
    for (size_t i = 0; i < PROOFS; i++)
        if (strcmp(proofs[i].feature, feature) == 0)
            return i;
    ck_abort_msg("%s is shown, but nothing says by what it is implemented", feature);
}

START_TEST(test_model_features_are_implemented)
{
    const struct x64i_cpu_model *model;
    for (size_t n = 0; (model = x64i_cpu_model_at(n)); n++) {
        for (unsigned f = X64I_FEATURE_BASE + 1; f < X64I_FEATURE_COUNT; f++) {
            size_t i = find_proof(feature_names[f]);
            bool shown = x64i_cpu_model_has(model, f);
            if (shown && proofs[i].kind == INSTRUCTION)
                ck_assert_msg(has_instruction(proofs[i].name), "%s: %s has no row %s", model->name,
                              feature_names[f], proofs[i].name);
            if (shown && proofs[i].kind == REGISTER)
                ck_assert_msg(has_register(model, proofs[i].name), "%s: %s without MSR %s",
                              model->name, feature_names[f], proofs[i].name);
            if (proofs[i].kind == CR4)
                ck_assert_msg(takes_cr4(model, proofs[i].cr4) == shown, "%s: %s and its CR4 bit",
                              model->name, feature_names[f]);
        }
    }
}
END_TEST

/* A row of isa.def whose feature no model has could never run. */
START_TEST(test_model_features_of_instructions_exist)
{
    for (size_t i = 0; i < x64i_isa_row_count; i++) {
        const struct x64i_cpu_model *model;
        bool somewhere = false;
        for (size_t n = 0; (model = x64i_cpu_model_at(n)); n++)
            somewhere = somewhere || x64i_cpu_model_has(model, x64i_isa_rows[i].feature);
        ck_assert_msg(somewhere, "%s: no model has %s", x64i_isa_rows[i].name,
                      feature_names[x64i_isa_rows[i].feature]);
    }
}
END_TEST

/* What a model lacks is #UD, or keeps its older meaning (SDM vol. 2, LZCNT and TZCNT). */
START_TEST(test_model_features_that_lack_are_undefined)
{
    static const struct {
        const char *model;
        const char *code;
    } vectors[] = {
        {"skylake", "66 0f ae 33" /* CLWB */}, {"skylake", "f3 0f c7 f8" /* RDPID */},
        {"zen3", "0f 01 e8" /* SERIALIZE */},  {"skylake", "0f 38 c8 c1" /* SHA1NEXTE */},
        {"skylake", "0f 01 ee" /* RDPKRU */},  {"zen3", "66 0f 38 cf c1" /* GF2P8MULB */}};
    struct machine *m = machine_create(vectors[_i].model);
    m->cpu.s.gpr[X64_RBX] = MACHINE_SCRATCH;
    machine_code(m, vectors[_i].code);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_KERNEL_CODE);
    machine_destroy(m);
}
END_TEST

static Suite *model_features_suite(void)
{
    Suite *suite = suite_create("model_features");
    TCase *tests = tcase_create("model_features");
    tcase_add_test(tests, test_model_features_are_implemented);
    tcase_add_test(tests, test_model_features_of_instructions_exist);
    tcase_add_loop_test(tests, test_model_features_that_lack_are_undefined, 0, 6);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(model_features_suite())
