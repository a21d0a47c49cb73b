/* SPDX-License-Identifier: MIT */
/* Delivery through the IDT: SDM vol. 3A, chapter 6. */
#include "cpu/support/machine.h"
#include "support/suite.h"

#define UD2 "0f 0b"

static struct machine *m;

static void setup(void)
{
    m = machine_create("skylake");
}

static void teardown(void)
{
    machine_destroy(m);
}

static uint64_t frame_word(unsigned index)
{
    return machine_read(m, m->cpu.s.gpr[X64_RSP] + 8 * index, 8);
}

/* 6.14.2: in 64-bit mode SS:RSP is pushed at any privilege and RSP aligned down first. */
START_TEST(test_exception_aligns_the_same_stack)
{
    m->cpu.s.gpr[X64_RSP] = MACHINE_KERNEL_STACK - 5;
    m->cpu.s.rflags = X64I_FLAG_ONE | X64I_IF | X64I_CF;
    machine_code(m, UD2);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_KERNEL_STACK - 16 - 40);
    ck_assert_uint_eq(frame_word(1), SELECTOR_KERNEL_CODE);
    ck_assert_uint_eq(frame_word(2), X64I_FLAG_ONE | X64I_IF | X64I_CF | X64I_RF);
    ck_assert_uint_eq(frame_word(3), MACHINE_KERNEL_STACK - 5);
    ck_assert_uint_eq(frame_word(4), SELECTOR_KERNEL_DATA);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector, SELECTOR_KERNEL_DATA);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE | X64I_CF);
    ck_assert_uint_eq(m->cpu.step.kind, X64_STEP_FAULT);
}
END_TEST

/* 6.14.2: a ring change takes TSS.RSP0 and a null SS. */
START_TEST(test_exception_changes_to_ring_0)
{
    machine_enter(m, MACHINE_USER_64);
    m->cpu.s.rflags |= X64I_IF | X64I_NT;
    machine_code(m, UD2);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_RSP0 - 40);
    ck_assert_uint_eq(m->cpu.s.cpl, 0);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector, 0);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].attributes, 0);
    ck_assert_uint_eq(m->cpu.s.segment[X64_CS].selector, SELECTOR_KERNEL_CODE);
    ck_assert_uint_eq(frame_word(1), SELECTOR_USER_CODE | 3);
    ck_assert_uint_eq(frame_word(3), MACHINE_USER_STACK);
    ck_assert_uint_eq(frame_word(4), SELECTOR_USER_DATA | 3);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE);
    const struct x64_effect *stack = machine_effect(m, X64_EFFECT_STACK_SWITCH, 0);
    ck_assert_uint_eq(stack->old, MACHINE_USER_STACK);
    ck_assert_uint_eq(stack->value, MACHINE_RSP0);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_CPL, -1)->value, 0);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_MEMORY_WRITE, -1), 5);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_EXCEPTION, X64_FAULT_UD), 1);
}
END_TEST

static Suite *exception_suite(void)
{
    Suite *suite = suite_create("exception");
    TCase *tests = tcase_create("delivery");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_exception_aligns_the_same_stack);
    tcase_add_test(tests, test_exception_changes_to_ring_0);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(exception_suite())
