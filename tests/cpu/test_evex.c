/* SPDX-License-Identifier: MIT */
/*
 * What the test against the host cannot see of AVX-512: that no instruction of the features that
 * CPUID shows is missing, the checks of control registers (SDM vol. 2A, 2.8), which model has what,
 * and the XSAVE area of CPUs with other layouts than the host's.
 */
#include "cpu/isa.h"
#include "cpu/support/machine.h"
#include "msr/xstate.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>

#define AREA MACHINE_SCRATCH
#define ZMM  "62 f1 74 48 58 c2" /* VADDPS zmm0, zmm1, zmm2 */
#define XMM  "62 f1 74 08 58 c2" /* VADDPS xmm0, xmm1, xmm2 */
#define KAND "c5 f4 41 c2"       /* KANDW k0, k1, k2 */

static struct machine *m;
static struct x64i_cpu_state *s;

static void set_up(const char *model, uint64_t xcr0)
{
    m = machine_create(model);
    s = &m->cpu.s;
    s->cr4 |= X64I_CR4_OSXSAVE;
    s->xcr0 = xcr0;
}

/* The feature that an instruction belongs to, by the name of Zydis' set; BASE for none of ours. */
static enum x64i_feature feature_of(ZydisISASet set)
{
    static const struct {
        const char *prefix;
        enum x64i_feature feature;
    } sets[] = {
        {"AVX512F_", X64I_FEATURE_AVX512F},
        {"AVX512CD_", X64I_FEATURE_AVX512CD},
        {"AVX512BW_", X64I_FEATURE_AVX512BW},
        {"AVX512DQ_", X64I_FEATURE_AVX512DQ},
        {"AVX512_IFMA_", X64I_FEATURE_AVX512_IFMA},
        {"AVX512_VBMI_", X64I_FEATURE_AVX512_VBMI},
        {"AVX512_VBMI2_", X64I_FEATURE_AVX512_VBMI2},
        {"AVX512_VNNI_", X64I_FEATURE_AVX512_VNNI},
        {"AVX512_BITALG_", X64I_FEATURE_AVX512_BITALG},
        {"AVX512_VPOPCNTDQ_", X64I_FEATURE_AVX512_VPOPCNTDQ},
        {"AVX512_GFNI_", X64I_FEATURE_GFNI},
        {"AVX512_VAES_", X64I_FEATURE_VAES},
        {"AVX512_VPCLMULQDQ_", X64I_FEATURE_VPCLMULQDQ},
    };
    const char *name = ZydisISASetGetString(set);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        if (strncmp(name, sets[i].prefix, strlen(sets[i].prefix)) == 0)
            return sets[i].feature;
    return X64I_FEATURE_BASE;
}

struct tally {
    ZydisDecoder decoder;
    unsigned known;
    unsigned missing;
};

/* An encoding: does a row of the right feature have it? */
static void try_bytes(struct tally *tally, const uint8_t bytes[15])
{
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    uint16_t row;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&tally->decoder, bytes, 15, &instruction, operands)))
        return;
    enum x64i_feature feature = feature_of(instruction.meta.isa_set);
    if (feature == X64I_FEATURE_BASE)
        return;
    x64i_isa_correct(&instruction, operands);
    tally->known++;
    if (x64i_isa_find(&instruction, operands, &row) && x64i_isa_rows[row].feature == feature)
        return;
    if (tally->missing++ < 20)
        printf("no row for %s: %02x %02x %02x %02x %02x %02x\n",
               ZydisMnemonicGetString(instruction.mnemonic), bytes[0], bytes[1], bytes[2], bytes[3],
               bytes[4], bytes[5]);
}

/* Every opcode behind a prefix, with each extension in ModRM, as register and as memory; the SIB
 * byte names another index than the register that is used. */
static void try_opcodes(struct tally *tally, const uint8_t *prefix, size_t length)
{
    for (unsigned opcode = 0; opcode < 256; opcode++)
        for (unsigned modrm = 0; modrm < 24; modrm++) {
            static const uint8_t kinds[] = {0xc1, 0x01, 0x04};
            uint8_t bytes[15] = {0};
            memcpy(bytes, prefix, length);
            bytes[length] = (uint8_t)opcode;
            bytes[length + 1] = (uint8_t)(kinds[modrm / 8] | (modrm & 7) << 3);
            try_bytes(tally, bytes);
        }
}

START_TEST(test_evex_has_every_instruction)
{
    struct tally tally = {.known = 0};
    (void)ZydisDecoderInit(&tally.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (unsigned map = 1; map <= 3; map++)
        for (unsigned bits = 0; bits < 256; bits++) {
            /* W, pp, L'L, b, mask k0 or k1; VEX.W, pp, L. */
            uint8_t evex[] = {0x62, (uint8_t)(0xf0 | map),
                              (uint8_t)((bits & 4) << 5 | 0x7c | (bits & 3)),
                              (uint8_t)((bits & 0x18) << 2 | (bits & 0x20) >> 1 | 8 | bits >> 7)};
            uint8_t vex[] = {0xc4, (uint8_t)(0xe0 | map),
                             (uint8_t)((bits & 4) << 5 | 0x78 | (bits & 8) >> 1 | (bits & 3))};
            try_opcodes(&tally, evex, sizeof evex);
            if (bits < 16)
                try_opcodes(&tally, vex, sizeof vex);
        }
    ck_assert_uint_gt(tally.known, 10000);
    ck_assert_uint_eq(tally.missing, 0);
}
END_TEST

static const struct {
    const char *model, *code;
    uint64_t xcr0, cr0_set;
    enum x64_fault fault;
} check_vectors[] = {
    {"zen4", ZMM, 0xe7, 0, X64_FAULT_NONE},
    {"zen4", XMM, 0xe7, 0, X64_FAULT_NONE},
    {"zen4", KAND, 0xe7, 0, X64_FAULT_NONE},
    {"zen4", ZMM, 0x07, 0, X64_FAULT_UD},
    {"zen4", XMM, 0x07, 0, X64_FAULT_UD},
    {"zen4", KAND, 0x07, 0, X64_FAULT_UD},
    {"zen4", ZMM, 0xe7, X64I_CR0_TS, X64_FAULT_NM},
    {"zen4", KAND, 0xe7, X64I_CR0_TS, X64_FAULT_NM},
    {"zen4", "62 f1 74 c8 58 c2", 0xe7, 0, X64_FAULT_UD},    /* zeroing without a mask */
    {"zen4", "62 f1 7c 48 58 c2", 0xe7, 0, X64_FAULT_NONE},  /* vvvv 1111 is ZMM0 */
    {"zen4", "62 f1 7c 48 51 c2", 0xe7, 0, X64_FAULT_NONE},  /* VSQRTPS: vvvv is unused */
    {"zen4", "62 f1 74 48 51 c2", 0xe7, 0, X64_FAULT_UD},    /* and must be 1111 */
    {"zen4", "62 f1 74 68 58 c2", 0xe7, 0, X64_FAULT_UD},    /* L'L of 3 without rounding */
    {"zen4", "66 62 f1 74 48 58 c2", 0xe7, 0, X64_FAULT_UD}, /* a prefix before EVEX */
    {"zen3", ZMM, 0xe7, 0, X64_FAULT_UD},
    {"skylake", ZMM, 0xe7, 0, X64_FAULT_UD},
    {"skylake", KAND, 0xe7, 0, X64_FAULT_UD},
};

START_TEST(test_evex_checks)
{
    set_up(check_vectors[_i].model, check_vectors[_i].xcr0);
    s->cr0 |= check_vectors[_i].cr0_set;
    machine_code(m, check_vectors[_i].code);
    if (check_vectors[_i].fault == X64_FAULT_NONE) {
        machine_step(m);
        ck_assert_uint_gt(s->rip, MACHINE_KERNEL_CODE);
    } else {
        machine_expect_fault(m, check_vectors[_i].fault, -1, MACHINE_KERNEL_CODE);
    }
    machine_destroy(m);
}
END_TEST

/* XSAVE, everything lost, XRSTOR: each register is back, from where CPUID.0DH says. */
START_TEST(test_evex_state_is_saved)
{
    static const char *const save[] = {"48 0f ae 23", "48 0f c7 23"}; /* XSAVE, XSAVEC */
    set_up("zen4", 0xe7);
    s->gpr[X64_RAX] = s->gpr[X64_RDX] = UINT32_MAX;
    s->gpr[X64_RBX] = AREA;
    memset(s->vector, 0x5a, sizeof s->vector);
    for (unsigned i = 0; i < 8; i++)
        s->opmask[i] = 0x1111 * (i + 1);
    for (unsigned i = 0; i < 32; i++)
        s->vector[i].lane[7] = i;
    for (unsigned at = 512; at < 576; at += 8)
        machine_write(m, AREA + at, 8, 0);
    struct x64i_cpu_state before = *s;
    machine_code(m, save[_i]);
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, AREA + 832 + 8, 8), 0x2222);      /* k1 */
    ck_assert_uint_eq(machine_read(m, AREA + 896 + 32 * 3 + 24, 8), 3); /* ZMM3 */
    ck_assert_uint_eq(machine_read(m, AREA + 1408 + 64 * 15 + 56, 8), 31);
    ck_assert_uint_eq(machine_read(m, AREA + 512, 8) & 0xe6, 0xe6);
    memset(s->vector, 0, sizeof s->vector);
    memset(s->opmask, 0, sizeof s->opmask);
    s->rip = MACHINE_KERNEL_CODE;
    machine_code(m, "48 0f ae 2b");
    machine_step(m);
    ck_assert_mem_eq(s->vector, before.vector, sizeof before.vector);
    ck_assert_mem_eq(s->opmask, before.opmask, sizeof before.opmask);
    machine_destroy(m);
}
END_TEST

/* Intel keeps MPX' place free before the masks (SDM vol. 1, 13.4.3, and CPUID.0DH). */
START_TEST(test_evex_layouts)
{
    struct x64i_xstate row;
    const struct x64i_cpu_model *zen4 = x64i_cpu_model_find("zen4");
    ck_assert_uint_eq(x64i_xstate_supported(zen4), 0x2e7);
    ck_assert_uint_eq(x64i_xstate_area(zen4, 0xe7, false), 2432);
    ck_assert(x64i_xstate_at(zen4, 4, &row));
    ck_assert_uint_eq(row.number, 9);
    ck_assert_uint_eq(row.offset, 2432);
    ck_assert_uint_eq(x64i_xstate_area(x64i_cpu_model_find("zen3"), 0x207, false), 840);
    ck_assert_uint_eq(x64i_xstate_supported(x64i_cpu_model_find("skylake")), 7);
}
END_TEST

static Suite *evex_suite(void)
{
    Suite *suite = suite_create("evex");
    TCase *tests = tcase_create("evex");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_evex_has_every_instruction);
    tcase_add_loop_test(tests, test_evex_checks, 0, sizeof check_vectors / sizeof check_vectors[0]);
    tcase_add_loop_test(tests, test_evex_state_is_saved, 0, 2);
    tcase_add_test(tests, test_evex_layouts);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(evex_suite())
