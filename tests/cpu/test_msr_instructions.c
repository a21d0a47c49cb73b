/* SPDX-License-Identifier: MIT */
/*
 * RDMSR, WRMSR, RDTSC, RDTSCP, RDPMC, RDPID, CPUID, XGETBV, XSETBV and the FSGSBASE instructions:
 * SDM vol. 2, each instruction's page; vol. 3A 2.5 (CR4), 2.6 (XCR0), 5.9 (privileged
 * instructions); vol. 3B 17.17 (the time stamp).
 */
#include "cpu/support/machine.h"
#include "support/suite.h"

#define GP    X64_FAULT_GP
#define UD    X64_FAULT_UD
#define WRMSR "0f 30"
#define RDMSR "0f 32"

static struct machine *m;
static uint64_t *gpr;

static void start(const char *model)
{
    m = machine_create(model);
    gpr = m->cpu.s.gpr;
}

static void setup(void)
{
    start("skylake");
}

static void teardown(void)
{
    machine_destroy(m);
}

static void load_wrmsr(uint32_t index, uint64_t value)
{
    gpr[X64_RCX] = 0xdead00000000 | index;
    gpr[X64_RAX] = 0xdead00000000 | (uint32_t)value;
    gpr[X64_RDX] = 0xdead00000000 | value >> 32;
    machine_code(m, WRMSR);
}

START_TEST(test_msr_instructions_write_and_read)
{
    load_wrmsr(0xc0000082, 0xffffffff81c00000);
    machine_step(m);
    const struct x64_effect *write = machine_effect(m, X64_EFFECT_MSR_WRITE, (int)0xc0000082);
    ck_assert_uint_eq(write->old, MACHINE_KERNEL_CODE + 0x100);
    ck_assert_uint_eq(write->value, 0xffffffff81c00000);
    machine_code(m, RDMSR);
    machine_step(m);
    ck_assert_uint_eq(gpr[X64_RAX], 0x81c00000);
    ck_assert_uint_eq(gpr[X64_RDX], 0xffffffff);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_MSR_READ, (int)0xc0000082)->value,
                      0xffffffff81c00000);
}
END_TEST

/* 5.9, and vol. 2 WRMSR: an unknown register, a reserved bit, a non-canonical address. */
START_TEST(test_msr_instructions_fault_and_change_nothing)
{
    static const struct {
        enum machine_mode mode;
        uint32_t index;
        uint64_t value;
    } vectors[] = {
        {MACHINE_USER_64, 0xc0000082, 0x1000}, {MACHINE_USER_32, 0xc0000082, 0x1000},
        {MACHINE_KERNEL_64, 0x12345, 0},       {MACHINE_KERNEL_64, 0xc0000082, 1ull << 47},
        {MACHINE_KERNEL_64, 0xc0000080, 2},    {MACHINE_KERNEL_64, 0xc0010015, 0},
    };
    uint64_t lstar = m->cpu.msr.values.value[X64I_MSR_LSTAR];
    machine_enter(m, vectors[_i].mode);
    uint64_t rip = m->cpu.s.rip;
    load_wrmsr(vectors[_i].index, vectors[_i].value);
    machine_expect_fault(m, GP, 0, rip);
    ck_assert_uint_eq(m->cpu.msr.values.value[X64I_MSR_LSTAR], lstar);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_MSR_WRITE, -1), 0);
}
END_TEST

START_TEST(test_msr_instructions_rdmsr_faults)
{
    static const struct {
        enum machine_mode mode;
        uint32_t index;
    } vectors[] = {
        {MACHINE_USER_64, 0xc0000082}, {MACHINE_KERNEL_64, 0x12345}, {MACHINE_KERNEL_64, 0x49}};
    machine_enter(m, vectors[_i].mode);
    uint64_t rip = m->cpu.s.rip;
    gpr[X64_RCX] = vectors[_i].index;
    gpr[X64_RAX] = 0x5555;
    machine_code(m, RDMSR);
    machine_expect_fault(m, GP, 0, rip);
    ck_assert_uint_eq(gpr[X64_RAX], 0x5555);
}
END_TEST

/* EFER.NXE reaches the page walk at once; LMA cannot be written, LME not be changed. */
START_TEST(test_msr_instructions_efer)
{
    load_wrmsr(0xc0000080, X64I_EFER_SCE | X64I_EFER_LME);
    machine_step(m);
    ck_assert_uint_eq(x64i_efer(&m->cpu), X64I_EFER_SCE | X64I_EFER_LME | X64I_EFER_LMA);
    ck_assert(!m->cpu.mmu.paging.no_execute);
    load_wrmsr(0xc0000080, X64I_EFER_SCE | X64I_EFER_NXE);
    machine_expect_fault(m, GP, 0, MACHINE_KERNEL_CODE + 2);
}
END_TEST

/* The bases by WRMSR: vol. 3A, 3.4.4.1. */
START_TEST(test_msr_instructions_write_segment_bases)
{
    load_wrmsr(0xc0000101, 0xffff888000001000);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.segment[X64_GS].base, 0xffff888000001000);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_SEGMENT_BASE, X64_GS)->value,
                      0xffff888000001000);
    load_wrmsr(0xc0000100, 1ull << 63);
    machine_expect_fault(m, GP, 0, MACHINE_KERNEL_CODE + 2);
    ck_assert_uint_eq(m->cpu.s.segment[X64_FS].base, 0);
}
END_TEST

/* 17.17: the time stamp counts, WRMSR sets it, and CR4.TSD keeps it to CPL 0. */
START_TEST(test_msr_instructions_time_stamp)
{
    load_wrmsr(0x10, 0x500000000);
    machine_step(m);
    machine_code(m, "0f 31");
    gpr[X64_RAX] = gpr[X64_RDX] = UINT64_MAX;
    machine_step(m);
    ck_assert_uint_eq(gpr[X64_RDX], 5);
    ck_assert_uint_eq(gpr[X64_RAX], 1);
    m->cpu.msr.values.value[X64I_MSR_TSC_AUX] = 0x12345678;
    machine_code(m, "0f 01 f9");
    gpr[X64_RCX] = UINT64_MAX;
    machine_step(m);
    ck_assert_uint_eq(gpr[X64_RAX], 2);
    ck_assert_uint_eq(gpr[X64_RCX], 0x12345678);
    static const char *const code[] = {"0f 31", "0f 01 f9"};
    for (unsigned i = 0; i < 2; i++) {
        m->cpu.s.cr4 &= ~X64I_CR4_TSD;
        machine_enter(m, MACHINE_USER_64);
        machine_code(m, code[i]);
        machine_step(m);
        ck_assert_uint_eq(m->cpu.s.rip, MACHINE_USER_CODE + 2 + i);
        m->cpu.s.cr4 |= X64I_CR4_TSD;
        machine_enter(m, MACHINE_USER_64);
        machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
    }
}
END_TEST

/* Vol. 2, RDPMC: no counter exists, so that ECX never names one. */
START_TEST(test_msr_instructions_rdpmc)
{
    machine_code(m, "0f 33");
    machine_expect_fault(m, GP, 0, MACHINE_KERNEL_CODE);
}
END_TEST

/* Vol. 2, RDPID; #UD where CPUID does not show it. */
START_TEST(test_msr_instructions_rdpid)
{
    machine_code(m, "f3 0f c7 f8");
    machine_expect_fault(m, UD, -1, MACHINE_KERNEL_CODE);
    teardown();
    start("zen3");
    m->cpu.msr.values.value[X64I_MSR_TSC_AUX] = 0x80000007;
    gpr[X64_RAX] = UINT64_MAX;
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, "f3 0f c7 f8");
    machine_step(m);
    ck_assert_uint_eq(gpr[X64_RAX], 0x80000007);
}
END_TEST

/* Vol. 2, CPUID: all four registers, zero-extended, at any CPL. */
START_TEST(test_msr_instructions_cpuid)
{
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, "0f a2");
    gpr[X64_RAX] = 0xffffffff00000000;
    gpr[X64_RBX] = gpr[X64_RCX] = gpr[X64_RDX] = UINT64_MAX;
    machine_step(m);
    ck_assert_uint_eq(gpr[X64_RAX], 0x16);
    ck_assert_uint_eq(gpr[X64_RBX], 0x756e6547);
    ck_assert_uint_eq(gpr[X64_RCX], 0x6c65746e);
    ck_assert_uint_eq(gpr[X64_RDX], 0x49656e69);
}
END_TEST

/* Vol. 2, CPUID, 80000001H: Intel shows SYSCALL in 64-bit mode only, AMD always. */
START_TEST(test_msr_instructions_cpuid_syscall_bit)
{
    static const struct {
        const char *model;
        enum machine_mode mode;
        bool shown;
    } vectors[] = {{"skylake", MACHINE_USER_64, true},
                   {"skylake", MACHINE_USER_32, false},
                   {"zen3", MACHINE_USER_64, true},
                   {"zen3", MACHINE_USER_32, true}};
    teardown();
    start(vectors[_i].model);
    machine_enter(m, vectors[_i].mode);
    machine_code(m, "0f a2");
    gpr[X64_RAX] = 0x80000001;
    machine_step(m);
    ck_assert_int_eq(gpr[X64_RDX] >> 11 & 1, vectors[_i].shown);
}
END_TEST

/* Vol. 2, XGETBV and XSETBV; 2.6. `fault` is what XSETBV answers. */
static const struct {
    enum machine_mode mode;
    uint32_t ecx;
    uint64_t value;
    bool osxsave;
    enum x64_fault fault;
} xsetbv_vectors[] = {
    {MACHINE_KERNEL_64, 0, 3, true, X64_FAULT_NONE},
    {MACHINE_KERNEL_64, 0, 1, true, X64_FAULT_NONE},
    {MACHINE_KERNEL_64, 0, 2, true, GP},
    {MACHINE_KERNEL_64, 0, 7, true, X64_FAULT_NONE},
    {MACHINE_KERNEL_64, 0, 5, true, GP},
    {MACHINE_KERNEL_64, 0, 0x407, true, GP},
    {MACHINE_KERNEL_64, 0, 1ull << 32 | 3, true, GP},
    {MACHINE_KERNEL_64, 1, 3, true, GP},
    {MACHINE_KERNEL_64, 0, 3, false, UD},
    {MACHINE_USER_64, 0, 3, true, GP},
    {MACHINE_USER_64, 0, 3, false, UD},
};

START_TEST(test_msr_instructions_xsetbv)
{
    if (xsetbv_vectors[_i].osxsave)
        m->cpu.s.cr4 |= X64I_CR4_OSXSAVE;
    machine_enter(m, xsetbv_vectors[_i].mode);
    uint64_t rip = m->cpu.s.rip;
    gpr[X64_RCX] = xsetbv_vectors[_i].ecx;
    gpr[X64_RAX] = (uint32_t)xsetbv_vectors[_i].value;
    gpr[X64_RDX] = xsetbv_vectors[_i].value >> 32;
    machine_code(m, "0f 01 d1");
    if (xsetbv_vectors[_i].fault == X64_FAULT_NONE) {
        machine_step(m);
        ck_assert_uint_eq(m->cpu.s.xcr0, xsetbv_vectors[_i].value);
        ck_assert_uint_eq(machine_effect(m, X64_EFFECT_CONTROL, X64_CONTROL_XCR0)->value,
                          xsetbv_vectors[_i].value);
    } else {
        machine_expect_fault(m, xsetbv_vectors[_i].fault, xsetbv_vectors[_i].fault == GP ? 0 : -1,
                             rip);
        ck_assert_uint_eq(m->cpu.s.xcr0, 1);
    }
}
END_TEST

START_TEST(test_msr_instructions_xgetbv)
{
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, "0f 01 d0");
    machine_expect_fault(m, UD, -1, MACHINE_USER_CODE);
    m->cpu.s.cr4 |= X64I_CR4_OSXSAVE;
    m->cpu.s.xcr0 = 3;
    machine_enter(m, MACHINE_USER_64);
    gpr[X64_RCX] = 0;
    gpr[X64_RDX] = UINT64_MAX;
    machine_step(m);
    ck_assert_uint_eq(gpr[X64_RAX], 3);
    ck_assert_uint_eq(gpr[X64_RDX], 0);
    machine_enter(m, MACHINE_USER_64);
    gpr[X64_RCX] = 2;
    machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
}
END_TEST

/* Vol. 2, RDFSBASE ... WRGSBASE: CR4.FSGSBASE, 64-bit mode, canonical. */
START_TEST(test_msr_instructions_fsgsbase)
{
    machine_enter(m, MACHINE_USER_64);
    gpr[X64_RAX] = 0x00007f1234567890;
    gpr[X64_RBX] = 0xffffffff89abcdef;
    machine_code(m, "f3 48 0f ae d0 f3 0f ae db f3 48 0f ae c1 f3 0f ae c2 f3 48 0f ae ce");
    machine_expect_fault(m, UD, -1, MACHINE_USER_CODE);
    m->cpu.s.cr4 |= X64I_CR4_FSGSBASE;
    machine_enter(m, MACHINE_USER_64);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.segment[X64_FS].base, 0x00007f1234567890);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_SEGMENT_BASE, X64_FS)->value,
                      0x00007f1234567890);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.segment[X64_GS].base, 0x89abcdef);
    machine_step(m);
    ck_assert_uint_eq(gpr[X64_RCX], 0x00007f1234567890);
    gpr[X64_RDX] = UINT64_MAX;
    machine_step(m);
    ck_assert_uint_eq(gpr[X64_RDX], 0x34567890);
    machine_step(m);
    ck_assert_uint_eq(gpr[X64_RSI], 0x89abcdef);
    machine_enter(m, MACHINE_USER_64);
    gpr[X64_RAX] = 0x0000800000000000;
    machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
    machine_enter(m, MACHINE_USER_32);
    machine_code(m, "f3 0f ae c0");
    machine_expect_fault(m, UD, -1, MACHINE_USER_CODE);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *msr_instructions_suite(void)
{
    Suite *suite = suite_create("msr_instructions");
    TCase *tests = tcase_create("msr_instructions");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_msr_instructions_write_and_read);
    tcase_add_loop_test(tests, test_msr_instructions_fault_and_change_nothing, 0, 6);
    tcase_add_loop_test(tests, test_msr_instructions_rdmsr_faults, 0, 3);
    tcase_add_test(tests, test_msr_instructions_efer);
    tcase_add_test(tests, test_msr_instructions_write_segment_bases);
    tcase_add_test(tests, test_msr_instructions_time_stamp);
    tcase_add_test(tests, test_msr_instructions_rdpmc);
    tcase_add_test(tests, test_msr_instructions_rdpid);
    tcase_add_test(tests, test_msr_instructions_cpuid);
    tcase_add_loop_test(tests, test_msr_instructions_cpuid_syscall_bit, 0, 4);
    tcase_add_loop_test(tests, test_msr_instructions_xsetbv, 0, COUNT(xsetbv_vectors));
    tcase_add_test(tests, test_msr_instructions_xgetbv);
    tcase_add_test(tests, test_msr_instructions_fsgsbase);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(msr_instructions_suite())
