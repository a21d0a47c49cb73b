/* SPDX-License-Identifier: MIT */
/* SYSCALL, SYSRET, SYSENTER, SYSEXIT and SWAPGS: SDM vol. 2B; vol. 3A, 5.8.7 and 5.8.8; APM vol. 3
 * for AMD's CPUs. */
#include "cpu/support/machine.h"
#include "support/suite.h"

#define SYSCALL  "0f 05"
#define SYSRET   "0f 07"
#define SYSRETQ  "48 0f 07"
#define SYSENTER "0f 34"
#define SYSEXIT  "0f 35"
#define SYSEXITQ "48 0f 35"
#define SWAPGS   "0f 01 f8"

static struct machine *m;

static void setup_intel(void)
{
    m = machine_create("skylake");
}

static void setup_amd(void)
{
    m = machine_create("zen3");
}

static void teardown(void)
{
    machine_destroy(m);
}

static void expect_flat(enum x64_segment_register index, uint16_t selector, uint16_t attributes)
{
    const struct x64i_segment *segment = &m->cpu.s.segment[index];
    ck_assert_uint_eq(segment->selector, selector);
    ck_assert_uint_eq(segment->attributes, attributes);
    ck_assert_uint_eq(segment->limit, 0xffffffffu);
    ck_assert_uint_eq(segment->base, 0);
}

/* Vol. 2B, SYSCALL. The stack and CR3 stay the user's. */
START_TEST(test_syscall_enters_the_kernel)
{
    machine_enter(m, MACHINE_USER_64);
    const uint64_t flags = X64I_FLAG_ONE | X64I_IF | X64I_CF | X64I_DF | X64I_ID;
    m->cpu.s.rflags = flags | X64I_RF;
    machine_code(m, SYSCALL);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 0x100);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RCX], MACHINE_USER_CODE + 2);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_R11], flags);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE | X64I_CF | X64I_ID);
    ck_assert_uint_eq(m->cpu.s.cpl, 0);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_USER_STACK);
    expect_flat(X64_CS, SELECTOR_KERNEL_CODE, 0xa09b);
    expect_flat(X64_SS, SELECTOR_KERNEL_DATA, 0xc093);
    ck_assert_uint_eq(m->cpu.code_bits, 64);
}
END_TEST

/* The list that traces and viewers show, in the order of the manual's operation section. */
START_TEST(test_syscall_has_eight_effects)
{
    static const struct {
        enum x64_effect_kind kind;
        uint32_t index;
        uint64_t old, value;
    } effects[] = {
        {X64_EFFECT_REGISTER, X64_RCX, 0, MACHINE_USER_CODE + 2},
        {X64_EFFECT_MSR_READ, 0xc0000082, 0, MACHINE_KERNEL_CODE + 0x100},
        {X64_EFFECT_REGISTER, X64_RIP, MACHINE_USER_CODE, MACHINE_KERNEL_CODE + 0x100},
        {X64_EFFECT_REGISTER, X64_R11, 0, X64I_FLAG_ONE | X64I_IF},
        {X64_EFFECT_REGISTER, X64_RFLAGS, X64I_FLAG_ONE | X64I_IF, X64I_FLAG_ONE},
        {X64_EFFECT_SEGMENT, X64_CS, SELECTOR_USER_CODE | 3, SELECTOR_KERNEL_CODE},
        {X64_EFFECT_CPL, 0, 3, 0},
        {X64_EFFECT_SEGMENT, X64_SS, SELECTOR_USER_DATA | 3, SELECTOR_KERNEL_DATA},
    };
    machine_enter(m, MACHINE_USER_64);
    m->cpu.s.rflags |= X64I_IF;
    machine_code(m, "90 " SYSCALL);
    machine_step(m); /* so that the page walk of the fetch is over */
    m->cpu.s.rip = MACHINE_USER_CODE;
    machine_code(m, SYSCALL);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.step.effect_count, sizeof effects / sizeof effects[0]);
    for (size_t i = 0; i < m->cpu.step.effect_count; i++) {
        const struct x64_effect *effect = &m->cpu.step.effects[i];
        ck_assert_msg(effect->kind == effects[i].kind && effect->index == effects[i].index &&
                          effect->old == effects[i].old && effect->value == effects[i].value,
                      "effect %zu: kind %u index %u, 0x%llx -> 0x%llx", i, effect->kind,
                      effect->index, (unsigned long long)effect->old,
                      (unsigned long long)effect->value);
    }
}
END_TEST

/* STAR's RPL bits do not reach CS. */
START_TEST(test_syscall_clears_the_rpl)
{
    m->cpu.msr.values.value[X64I_MSR_STAR] |= 3ull << 32;
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, SYSCALL);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.segment[X64_CS].selector, SELECTOR_KERNEL_CODE);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector, SELECTOR_KERNEL_DATA);
}
END_TEST

START_TEST(test_syscall_needs_efer_sce)
{
    static const char *const codes[] = {SYSCALL, SYSRETQ};
    m->cpu.msr.values.value[X64I_MSR_EFER] &= ~X64I_EFER_SCE;
    machine_code(m, codes[_i]);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_KERNEL_CODE);
}
END_TEST

/* From compatibility mode: #UD on Intel's CPUs, CSTAR on AMD's. */
START_TEST(test_syscall_from_compatibility_mode_intel)
{
    machine_enter(m, MACHINE_USER_32);
    machine_code(m, SYSCALL);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_USER_CODE);
}
END_TEST

START_TEST(test_syscall_from_compatibility_mode_amd)
{
    machine_enter(m, MACHINE_USER_32);
    machine_code(m, SYSCALL);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 0x200);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RCX], MACHINE_USER_CODE + 2);
    ck_assert_uint_eq(m->cpu.code_bits, 64);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_MSR_READ, -1)->index, 0xc0000083);
}
END_TEST

/* Vol. 2B, SYSRET with REX.W. */
START_TEST(test_sysret_to_64_bits)
{
    m->cpu.s.gpr[X64_RCX] = MACHINE_USER_CODE;
    m->cpu.s.gpr[X64_R11] = ~0ull;
    machine_code(m, SYSRETQ);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.rflags, 0x3c7fd7);
    ck_assert_uint_eq(m->cpu.s.cpl, 3);
    expect_flat(X64_CS, SELECTOR_USER_CODE | 3, 0xa0fb);
    bool keeps = m->cpu.model->behaviour.sysret_keeps_ss_attributes;
    expect_flat(X64_SS, SELECTOR_USER_DATA | 3, keeps ? 0xc093 : 0xc0f3);
    ck_assert_uint_eq(m->cpu.code_bits, 64);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_KERNEL_STACK);
}
END_TEST

START_TEST(test_sysret_to_32_bits)
{
    m->cpu.s.gpr[X64_RCX] = 0xffff800000000000 | MACHINE_USER_CODE;
    m->cpu.s.gpr[X64_R11] = X64I_FLAG_ONE | X64I_IF;
    machine_code(m, SYSRET);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE | X64I_IF);
    expect_flat(X64_CS, SELECTOR_USER_CODE_32 | 3, 0xc0fb);
    expect_flat(X64_SS, SELECTOR_USER_DATA | 3, 0xc0f3);
    ck_assert_uint_eq(m->cpu.code_bits, 32);
}
END_TEST

START_TEST(test_sysret_is_privileged)
{
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, SYSRETQ);
    machine_expect_fault(m, X64_FAULT_GP, 0, MACHINE_USER_CODE);
}
END_TEST

START_TEST(test_sysret_is_undefined_in_compatibility_mode)
{
    machine_enter(m, MACHINE_KERNEL_32);
    machine_code(m, SYSRET);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_KERNEL_CODE);
}
END_TEST

/* Intel: #GP(0) at CPL 0, on the stack that RSP points to, which is the user's by now. */
START_TEST(test_sysret_not_canonical_intel)
{
    m->cpu.s.gpr[X64_RCX] = 0x0000800000000000;
    m->cpu.s.gpr[X64_RSP] = MACHINE_USER_STACK;
    machine_code(m, SYSRETQ);
    machine_expect_fault(m, X64_FAULT_GP, 0, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_USER_STACK - 48);
    ck_assert_uint_eq(machine_read(m, m->cpu.s.gpr[X64_RSP] + 16, 8), SELECTOR_KERNEL_CODE);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_CPL, -1), 0);
}
END_TEST

/* AMD: SYSRET retires, the fault comes at CPL 3 and switches to RSP0. */
START_TEST(test_sysret_not_canonical_amd)
{
    m->cpu.s.gpr[X64_RCX] = 0x0000800000000000;
    m->cpu.s.gpr[X64_R11] = X64I_FLAG_ONE;
    machine_code(m, SYSRETQ);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.cpl, 3);
    ck_assert_uint_eq(m->cpu.s.rip, 0x0000800000000000);
    machine_expect_fault(m, X64_FAULT_GP, 0, 0x0000800000000000);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_RSP0 - 48);
    ck_assert_uint_eq(machine_read(m, m->cpu.s.gpr[X64_RSP] + 16, 8), SELECTOR_USER_CODE | 3);
}
END_TEST

/* Both: a 32-bit SYSRET looks at ECX alone. */
START_TEST(test_sysret_32_bits_need_no_canonical_rcx)
{
    m->cpu.s.gpr[X64_RCX] = 0x0000800000000000 | MACHINE_USER_CODE;
    m->cpu.s.gpr[X64_R11] = X64I_FLAG_ONE;
    machine_code(m, SYSRET);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_USER_CODE);
}
END_TEST

/* AMD: SS gets its selector and keeps the hidden part, so that a null SS of an interrupt stays
 * unusable for a 32-bit program (the reason for Linux's X86_BUG_SYSRET_SS_ATTRS). */
START_TEST(test_sysret_keeps_ss_amd)
{
    machine_load_segment(m, X64_SS, 0);
    m->cpu.s.gpr[X64_RCX] = MACHINE_USER_CODE;
    m->cpu.s.gpr[X64_R11] = X64I_FLAG_ONE;
    machine_code(m, SYSRET);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector, SELECTOR_USER_DATA | 3);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].attributes, 0);
    m->cpu.s.gpr[X64_RSP] = MACHINE_USER_STACK;
    machine_code(m, "50"); /* push eax */
    machine_expect_fault(m, X64_FAULT_SS, 0, MACHINE_USER_CODE);
}
END_TEST

/* Vol. 3B, 17.3.1.4: the trap after SYSCALL goes by the masked TF, that after SYSRET by R11's. */
START_TEST(test_syscall_single_step)
{
    machine_enter(m, MACHINE_USER_64);
    m->cpu.s.rflags |= X64I_TF;
    machine_code(m, SYSCALL);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.pending_debug, 0);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_R11] & X64I_TF, X64I_TF);
    machine_code(m, SYSRETQ);
    machine_step(m);
    machine_expect_fault(m, X64_FAULT_DB, -1, MACHINE_USER_CODE + 2);
    ck_assert_uint_eq(m->cpu.s.dr[6] & X64I_DR6_BS, X64I_DR6_BS);
}
END_TEST

START_TEST(test_syscall_single_step_into_the_kernel)
{
    m->cpu.msr.values.value[X64I_MSR_FMASK] = 0;
    machine_enter(m, MACHINE_USER_64);
    m->cpu.s.rflags |= X64I_TF;
    machine_code(m, SYSCALL);
    machine_step(m);
    machine_expect_fault(m, X64_FAULT_DB, -1, MACHINE_KERNEL_CODE + 0x100);
}
END_TEST

static void set_sysenter(void)
{
    m->cpu.msr.values.value[X64I_MSR_SYSENTER_CS] = SELECTOR_KERNEL_CODE | 3;
    m->cpu.msr.values.value[X64I_MSR_SYSENTER_ESP] = MACHINE_RSP0;
    m->cpu.msr.values.value[X64I_MSR_SYSENTER_EIP] = MACHINE_KERNEL_CODE + 0x300;
}

/* Vol. 2B, SYSENTER; from 64-bit and compatibility mode alike. */
START_TEST(test_sysenter)
{
    set_sysenter();
    machine_enter(m, _i ? MACHINE_USER_32 : MACHINE_USER_64);
    m->cpu.s.rflags = X64I_FLAG_ONE | X64I_IF | X64I_CF | X64I_NT;
    machine_code(m, SYSENTER);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 0x300);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_RSP0);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE | X64I_CF | X64I_NT);
    ck_assert_uint_eq(m->cpu.s.cpl, 0);
    ck_assert_uint_eq(m->cpu.code_bits, 64);
    expect_flat(X64_CS, SELECTOR_KERNEL_CODE, 0xa09b);
    expect_flat(X64_SS, SELECTOR_KERNEL_CODE + 8, 0xc093);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_STACK_SWITCH, 8)->value, MACHINE_RSP0);
}
END_TEST

START_TEST(test_sysexit)
{
    bool wide = _i;
    set_sysenter();
    m->cpu.s.gpr[X64_RCX] = MACHINE_USER_STACK | (wide ? 0 : 1ull << 40);
    m->cpu.s.gpr[X64_RDX] = MACHINE_USER_CODE | (wide ? 0 : 1ull << 40);
    machine_code(m, wide ? SYSEXITQ : SYSEXIT);
    machine_step(m);
    uint16_t selector = SELECTOR_KERNEL_CODE + (wide ? 32 : 16);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_USER_STACK);
    ck_assert_uint_eq(m->cpu.s.cpl, 3);
    ck_assert_uint_eq(m->cpu.code_bits, wide ? 64 : 32);
    expect_flat(X64_CS, selector | 3, wide ? 0xa0fb : 0xc0fb);
    expect_flat(X64_SS, (selector + 8) | 3, 0xc0f3);
}
END_TEST

/* #GP(0): no CS set, CPL above 0, an address that is not canonical. */
static const struct {
    const char *code;
    enum machine_mode mode;
    uint64_t cs, rcx, rdx;
} sysexit_faults[] = {
    {SYSENTER, MACHINE_USER_64, 3, 0, 0},
    {SYSEXIT, MACHINE_KERNEL_64, 0, 0, 0},
    {SYSEXIT, MACHINE_USER_64, 8, 0, 0},
    {SYSEXITQ, MACHINE_KERNEL_64, 8, 0x0000800000000000, 0},
    {SYSEXITQ, MACHINE_KERNEL_64, 8, 0, 0xffff7fffffffffff},
};

START_TEST(test_sysenter_faults)
{
    machine_enter(m, sysexit_faults[_i].mode);
    m->cpu.msr.values.value[X64I_MSR_SYSENTER_CS] = sysexit_faults[_i].cs;
    m->cpu.s.gpr[X64_RCX] = sysexit_faults[_i].rcx;
    m->cpu.s.gpr[X64_RDX] = sysexit_faults[_i].rdx;
    machine_code(m, sysexit_faults[_i].code);
    machine_expect_fault(m, X64_FAULT_GP, 0, m->cpu.s.rip);
}
END_TEST

/* APM vol. 3: SYSENTER and SYSEXIT are #UD in long mode. */
START_TEST(test_sysenter_amd)
{
    static const char *const codes[] = {SYSENTER, SYSEXIT, SYSEXITQ};
    set_sysenter();
    machine_code(m, codes[_i]);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_KERNEL_CODE);
}
END_TEST

START_TEST(test_swapgs)
{
    m->cpu.s.segment[X64_GS].base = 0x1111000;
    m->cpu.msr.values.value[X64I_MSR_KERNEL_GS_BASE] = 0xffff888000000000;
    machine_code(m, SWAPGS);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.segment[X64_GS].base, 0xffff888000000000);
    ck_assert_uint_eq(m->cpu.msr.values.value[X64I_MSR_KERNEL_GS_BASE], 0x1111000);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_SEGMENT_BASE, X64_GS)->old, 0x1111000);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_MSR_WRITE, -1)->value, 0x1111000);
}
END_TEST

START_TEST(test_swapgs_is_privileged)
{
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, SWAPGS);
    machine_expect_fault(m, X64_FAULT_GP, 0, MACHINE_USER_CODE);
}
END_TEST

START_TEST(test_swapgs_is_undefined_in_compatibility_mode)
{
    machine_enter(m, _i ? MACHINE_USER_32 : MACHINE_KERNEL_32);
    machine_code(m, SWAPGS);
    machine_expect_fault(m, X64_FAULT_UD, -1, m->cpu.s.rip);
}
END_TEST

static TCase *intel_tests(void)
{
    TCase *tests = tcase_create("intel");
    tcase_add_checked_fixture(tests, setup_intel, teardown);
    tcase_add_test(tests, test_syscall_enters_the_kernel);
    tcase_add_test(tests, test_syscall_has_eight_effects);
    tcase_add_test(tests, test_syscall_clears_the_rpl);
    tcase_add_loop_test(tests, test_syscall_needs_efer_sce, 0, 2);
    tcase_add_test(tests, test_syscall_from_compatibility_mode_intel);
    tcase_add_test(tests, test_sysret_to_64_bits);
    tcase_add_test(tests, test_sysret_to_32_bits);
    tcase_add_test(tests, test_sysret_is_privileged);
    tcase_add_test(tests, test_sysret_is_undefined_in_compatibility_mode);
    tcase_add_test(tests, test_sysret_not_canonical_intel);
    tcase_add_test(tests, test_sysret_32_bits_need_no_canonical_rcx);
    tcase_add_test(tests, test_syscall_single_step);
    tcase_add_test(tests, test_syscall_single_step_into_the_kernel);
    tcase_add_loop_test(tests, test_sysenter, 0, 2);
    tcase_add_loop_test(tests, test_sysexit, 0, 2);
    tcase_add_loop_test(tests, test_sysenter_faults, 0,
                        sizeof sysexit_faults / sizeof sysexit_faults[0]);
    tcase_add_test(tests, test_swapgs);
    tcase_add_test(tests, test_swapgs_is_privileged);
    tcase_add_loop_test(tests, test_swapgs_is_undefined_in_compatibility_mode, 0, 2);
    return tests;
}

static TCase *amd_tests(void)
{
    TCase *tests = tcase_create("amd");
    tcase_add_checked_fixture(tests, setup_amd, teardown);
    tcase_add_test(tests, test_syscall_enters_the_kernel);
    tcase_add_test(tests, test_syscall_from_compatibility_mode_amd);
    tcase_add_test(tests, test_sysret_to_64_bits);
    tcase_add_test(tests, test_sysret_not_canonical_amd);
    tcase_add_test(tests, test_sysret_32_bits_need_no_canonical_rcx);
    tcase_add_test(tests, test_sysret_keeps_ss_amd);
    tcase_add_loop_test(tests, test_sysenter_amd, 0, 3);
    tcase_add_test(tests, test_swapgs);
    return tests;
}

static Suite *syscall_suite(void)
{
    Suite *suite = suite_create("syscall");
    suite_add_tcase(suite, intel_tests());
    suite_add_tcase(suite, amd_tests());
    return suite;
}

X64_TEST_MAIN(syscall_suite())
