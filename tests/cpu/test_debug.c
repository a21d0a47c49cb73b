/* SPDX-License-Identifier: MIT */
/* Debug exceptions: SDM vol. 3B, 17.2 and 17.3; vol. 3A, 6.8.3 and 6.9. */
#include "cpu/support/machine.h"
#include "support/suite.h"

static struct machine *m;

static void setup(void)
{
    m = machine_create("skylake");
}

static void teardown(void)
{
    machine_destroy(m);
}

#define CODE MACHINE_KERNEL_CODE

/* DR7: breakpoint i enabled, what it watches, and how many bytes. */
#define ON(i)       (2ull << 2 * (i))
#define EXECUTE     0ull
#define WRITE       1ull
#define READ_WRITE  3ull
#define ONE         0ull
#define TWO         1ull
#define EIGHT       2ull
#define FOUR        3ull
#define KIND(i, k)  ((k) << (16 + 4 * (i)))
#define BYTES(i, n) ((n) << (18 + 4 * (i)))

static void set_breakpoint(unsigned i, uint64_t linear, uint64_t kind, uint64_t bytes)
{
    m->cpu.s.dr[i] = linear;
    m->cpu.s.dr[7] |= ON(i) | KIND(i, kind) | BYTES(i, bytes);
    x64i_cpu_refresh(&m->cpu);
}

/* The next step is #DB with this DR6 (its fixed ones left out) before `rip`. */
static void expect_debug(uint64_t dr6, uint64_t rip)
{
    machine_expect_fault(m, X64_FAULT_DB, -1, rip);
    ck_assert_uint_eq(m->cpu.s.dr[6], 0xffff0ff0u | dr6);
}

static uint64_t pushed_flags(void)
{
    return machine_read(m, m->cpu.s.gpr[X64_RSP] + 16, 8);
}

/* 17.3.1.4: a trap after every instruction; the handler runs without TF. */
START_TEST(test_debug_single_step)
{
    m->cpu.s.rflags |= X64I_TF;
    machine_code(m, "90 90");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, CODE + 1);
    expect_debug(X64I_DR6_BS, CODE + 1);
    ck_assert_uint_eq(pushed_flags(), X64I_FLAG_ONE | X64I_TF);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(X64_FAULT_DB) + 1);
}
END_TEST

/* POPF that sets TF: the trap comes after the instruction that follows; the one that clears it is
 * still trapped. */
START_TEST(test_debug_popf_sets_and_clears_tf)
{
    m->cpu.s.gpr[X64_RSP] -= 16;
    machine_write(m, m->cpu.s.gpr[X64_RSP], 8, X64I_FLAG_ONE | X64I_TF);
    machine_write(m, m->cpu.s.gpr[X64_RSP] + 8, 8, X64I_FLAG_ONE);
    machine_code(m, "9d 9d 90");
    machine_step(m);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, CODE + 2);
    expect_debug(X64I_DR6_BS, CODE + 2);
    ck_assert_uint_eq(pushed_flags(), X64I_FLAG_ONE);
}
END_TEST

/* IRETQ that sets TF likewise lets one instruction run. */
START_TEST(test_debug_iret_sets_tf)
{
    const uint64_t frame[5] = {CODE + 2, SELECTOR_KERNEL_CODE, X64I_FLAG_ONE | X64I_TF,
                               MACHINE_KERNEL_STACK, SELECTOR_KERNEL_DATA};
    m->cpu.s.gpr[X64_RSP] -= sizeof frame;
    for (unsigned i = 0; i < 5; i++)
        machine_write(m, m->cpu.s.gpr[X64_RSP] + 8 * i, 8, frame[i]);
    machine_code(m, "48 cf 90 90");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, CODE + 2);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, CODE + 3);
    expect_debug(X64I_DR6_BS, CODE + 3);
}
END_TEST

/* 17.3.1.4: every iteration of a REP instruction traps, RF set but after the last. */
START_TEST(test_debug_single_step_of_rep)
{
    m->cpu.s.rflags |= X64I_TF;
    m->cpu.s.gpr[X64_RCX] = 2;
    m->cpu.s.gpr[X64_RDI] = MACHINE_SCRATCH;
    machine_code(m, "f3 aa 90");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.step.kind, X64_STEP_REPEAT);
    expect_debug(X64I_DR6_BS, CODE);
    ck_assert_uint_eq(pushed_flags(), X64I_FLAG_ONE | X64I_TF | X64I_RF);
    machine_code(m, "48 cf");
    machine_step(m);
    machine_step(m);
    expect_debug(X64I_DR6_BS, CODE + 2);
    ck_assert_uint_eq(pushed_flags(), X64I_FLAG_ONE | X64I_TF);
}
END_TEST

/* A faulting instruction does not trap. */
START_TEST(test_debug_fault_wins_over_single_step)
{
    m->cpu.s.rflags |= X64I_TF;
    machine_code(m, "0f 0b");
    machine_expect_fault(m, X64_FAULT_UD, -1, CODE);
    ck_assert_uint_eq(pushed_flags(), X64I_FLAG_ONE | X64I_TF | X64I_RF);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(X64_FAULT_UD) + 1);
}
END_TEST

/* 17.3.1.1: an instruction breakpoint is a fault before the instruction; RF passes it once. */
START_TEST(test_debug_instruction_breakpoint)
{
    set_breakpoint((unsigned)_i, CODE + 1, EXECUTE, ONE);
    machine_code(m, "90 90 90");
    machine_step(m);
    expect_debug(1ull << _i, CODE + 1);
    ck_assert_uint_eq(pushed_flags(), X64I_FLAG_ONE);
    ck_assert_uint_eq(m->cpu.step.kind, X64_STEP_FAULT);
    machine_write(m, m->cpu.s.gpr[X64_RSP] + 16, 8, X64I_FLAG_ONE | X64I_RF);
    machine_code(m, "48 cf");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE | X64I_RF);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, CODE + 2);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE);
    const struct x64_effect *cleared = machine_effect(m, X64_EFFECT_REGISTER, X64_RFLAGS);
    ck_assert_uint_eq(cleared->old, X64I_FLAG_ONE | X64I_RF);
    ck_assert_uint_eq(cleared->value, X64I_FLAG_ONE);
    m->cpu.s.rip = CODE + 1;
    expect_debug(1ull << _i, CODE + 1);
}
END_TEST

/* It comes before the fetch: 6.9 puts it above faults of decoding and paging. */
START_TEST(test_debug_instruction_breakpoint_before_the_fetch)
{
    set_breakpoint(0, MACHINE_USER_DATA, EXECUTE, ONE);
    machine_unmap(m, MACHINE_USER_DATA);
    m->cpu.s.rip = MACHINE_USER_DATA;
    expect_debug(1, MACHINE_USER_DATA);
}
END_TEST

/* 17.2.4 and 17.2.5: what a data breakpoint watches; the access is the memory operand of `code`
 * at MACHINE_SCRATCH + 8. */
static const struct {
    const char *code; /* with rbx */
    uint64_t kind, bytes;
    uint64_t offset; /* of the breakpoint in MACHINE_SCRATCH */
    bool hits;
} data_rows[] = {
    {"88 03", WRITE, ONE, 8, true}, /* mov [rbx], al */
    {"88 03", WRITE, ONE, 7, false},
    {"88 03", WRITE, ONE, 9, false},
    {"8a 03", WRITE, ONE, 8, false}, /* mov al, [rbx] */
    {"8a 03", READ_WRITE, ONE, 8, true},
    {"88 03", READ_WRITE, ONE, 8, true},
    {"48 89 03", WRITE, ONE, 15, true}, /* mov [rbx], rax */
    {"48 89 03", WRITE, ONE, 16, false},
    {"88 03", WRITE, FOUR, 8, true},
    {"88 03", WRITE, EIGHT, 8, true},
    {"88 03", WRITE, EIGHT, 0, false},
    {"88 03", WRITE, TWO, 9, true}, /* the low bit of the address does not count */
    {"88 03", WRITE, EIGHT, 15, true},
    {"48 ff 03", READ_WRITE, ONE, 12, true},   /* inc */
    {"48 83 3b 00", READ_WRITE, ONE, 8, true}, /* cmp qword [rbx], 0 */
    {"48 83 3b 00", WRITE, ONE, 8, false},
};

START_TEST(test_debug_data_breakpoint)
{
    set_breakpoint(2, MACHINE_SCRATCH + data_rows[_i].offset, data_rows[_i].kind,
                   data_rows[_i].bytes);
    m->cpu.s.gpr[X64_RBX] = MACHINE_SCRATCH + 8;
    machine_code(m, data_rows[_i].code);
    machine_step(m);
    uint64_t next = CODE + m->cpu.step.length;
    ck_assert_uint_eq(m->cpu.s.rip, next);
    if (data_rows[_i].hits) {
        expect_debug(1u << 2, next);
        ck_assert_uint_eq(pushed_flags() & X64I_RF, 0);
    } else {
        machine_write(m, next, 1, 0x90);
        machine_step(m);
        ck_assert_uint_eq(m->cpu.s.rip, next + 1);
    }
}
END_TEST

START_TEST(test_debug_two_breakpoints_and_single_step_at_once)
{
    set_breakpoint(0, MACHINE_SCRATCH, WRITE, FOUR);
    set_breakpoint(3, MACHINE_SCRATCH + 4, WRITE, FOUR);
    m->cpu.s.rflags |= X64I_TF;
    m->cpu.s.gpr[X64_RBX] = MACHINE_SCRATCH;
    machine_code(m, "48 89 03");
    machine_step(m);
    expect_debug(X64I_DR6_BS | 1 | 8, CODE + 3);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_DEBUG, 6)->value, 0xffff0ff0u | X64I_DR6_BS | 9);
}
END_TEST

/* 17.2.3: BS and BD add up until software clears them; B0-B3 are of the last exception. */
START_TEST(test_debug_dr6_is_sticky)
{
    m->cpu.s.dr[6] |= X64I_DR6_BD | 2;
    m->cpu.s.rflags |= X64I_TF;
    machine_code(m, "90");
    machine_step(m);
    expect_debug(X64I_DR6_BS | X64I_DR6_BD, CODE + 1);
}
END_TEST

/* Vol. 3A, 6.8.3: MOV SS and POP SS hold back single step, data breakpoints and interrupts. */
START_TEST(test_debug_mov_ss_holds_single_step)
{
    m->cpu.s.rflags |= X64I_TF;
    m->cpu.s.gpr[X64_RAX] = SELECTOR_KERNEL_DATA;
    machine_code(m, "8e d0 90 90");
    machine_step(m);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, CODE + 3);
    expect_debug(X64I_DR6_BS, CODE + 3);
}
END_TEST

START_TEST(test_debug_mov_ss_holds_its_data_breakpoint)
{
    set_breakpoint(1, MACHINE_SCRATCH, READ_WRITE, ONE);
    m->cpu.s.gpr[X64_RBX] = MACHINE_SCRATCH;
    machine_write(m, MACHINE_SCRATCH, 2, SELECTOR_KERNEL_DATA);
    machine_code(m, "8e 13 90 90"); /* mov ss, [rbx] */
    machine_step(m);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, CODE + 3);
    expect_debug(2, CODE + 3);
}
END_TEST

START_TEST(test_debug_pop_ss_holds_single_step)
{
    machine_enter(m, MACHINE_KERNEL_32);
    m->cpu.s.rflags |= X64I_TF;
    m->cpu.s.gpr[X64_RSP] -= 4;
    machine_write(m, m->cpu.s.gpr[X64_RSP], 4, SELECTOR_KERNEL_DATA);
    machine_code(m, "17 90 90");
    machine_step(m);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, CODE + 2);
    expect_debug(X64I_DR6_BS, CODE + 2);
}
END_TEST

/* The hole that CVE-2018-8897 used: the trap held back by MOV SS comes after INT n, before the
 * handler's first instruction, in ring 0. */
START_TEST(test_debug_mov_ss_before_int)
{
    struct machine_gate gate = machine_default_gate(0x80);
    gate.dpl = 3;
    machine_set_gate(m, 0x80, gate);
    machine_enter(m, MACHINE_USER_64);
    set_breakpoint(1, MACHINE_USER_DATA, READ_WRITE, ONE);
    m->cpu.s.gpr[X64_RBX] = MACHINE_USER_DATA;
    machine_write(m, MACHINE_USER_DATA, 2, SELECTOR_USER_DATA | 3);
    machine_code(m, "8e 13 cd 80");
    machine_step(m);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x80));
    expect_debug(2, machine_handler(0x80));
    ck_assert_uint_eq(machine_read(m, m->cpu.s.gpr[X64_RSP] + 8, 8), SELECTOR_KERNEL_CODE);
}
END_TEST

/* LSS casts no shadow. */
START_TEST(test_debug_lss_holds_nothing)
{
    m->cpu.s.rflags |= X64I_TF;
    m->cpu.s.gpr[X64_RBX] = MACHINE_SCRATCH;
    machine_write(m, MACHINE_SCRATCH + 4, 2, SELECTOR_KERNEL_DATA);
    machine_code(m, "0f b2 03");
    machine_step(m);
    expect_debug(X64I_DR6_BS, CODE + 3);
}
END_TEST

/* 17.3.1.4: INT n clears TF, so that nothing traps at the handler. */
START_TEST(test_debug_int_n_cancels_single_step)
{
    m->cpu.s.rflags |= X64I_TF;
    machine_code(m, "cd 80");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x80));
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x80) + 1);
}
END_TEST

/* 17.2.4: general detect; the handler finds GD clear. */
START_TEST(test_debug_general_detect)
{
    m->cpu.s.dr[7] |= X64I_DR7_GD;
    machine_code(m, _i ? "0f 21 c0" : "0f 23 f8"); /* mov rax, dr0; mov dr7, rax */
    expect_debug(X64I_DR6_BD, CODE);
    ck_assert_uint_eq(m->cpu.s.dr[7] & X64I_DR7_GD, 0);
    ck_assert_uint_eq(pushed_flags(), X64I_FLAG_ONE | X64I_RF);
}
END_TEST

/* INT1 is #DB without a cause in DR6, and a trap. */
START_TEST(test_debug_int1)
{
    m->cpu.s.dr[7] |= X64I_DR7_GD;
    machine_code(m, "f1");
    expect_debug(0, CODE + 1);
    ck_assert_uint_eq(m->cpu.s.dr[7] & X64I_DR7_GD, 0);
}
END_TEST

/* 6.9: traps of the instruction before come ahead of NMI. */
START_TEST(test_debug_trap_before_nmi)
{
    m->cpu.s.rflags |= X64I_TF;
    machine_code(m, "90");
    machine_step(m);
    m->cpu.s.nmi_pending = 1;
    expect_debug(X64I_DR6_BS, CODE + 1);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(X64_FAULT_NMI));
}
END_TEST

static Suite *debug_suite(void)
{
    Suite *suite = suite_create("debug");
    TCase *tests = tcase_create("debug");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_debug_single_step);
    tcase_add_test(tests, test_debug_popf_sets_and_clears_tf);
    tcase_add_test(tests, test_debug_iret_sets_tf);
    tcase_add_test(tests, test_debug_single_step_of_rep);
    tcase_add_test(tests, test_debug_fault_wins_over_single_step);
    tcase_add_loop_test(tests, test_debug_instruction_breakpoint, 0, 4);
    tcase_add_test(tests, test_debug_instruction_breakpoint_before_the_fetch);
    tcase_add_loop_test(tests, test_debug_data_breakpoint, 0,
                        sizeof data_rows / sizeof data_rows[0]);
    tcase_add_test(tests, test_debug_two_breakpoints_and_single_step_at_once);
    tcase_add_test(tests, test_debug_dr6_is_sticky);
    tcase_add_test(tests, test_debug_mov_ss_holds_single_step);
    tcase_add_test(tests, test_debug_mov_ss_holds_its_data_breakpoint);
    tcase_add_test(tests, test_debug_pop_ss_holds_single_step);
    tcase_add_test(tests, test_debug_mov_ss_before_int);
    tcase_add_test(tests, test_debug_lss_holds_nothing);
    tcase_add_test(tests, test_debug_int_n_cancels_single_step);
    tcase_add_loop_test(tests, test_debug_general_detect, 0, 2);
    tcase_add_test(tests, test_debug_int1);
    tcase_add_test(tests, test_debug_trap_before_nmi);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(debug_suite())
