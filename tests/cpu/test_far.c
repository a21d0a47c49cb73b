/* SPDX-License-Identifier: MIT */
/* Far JMP, CALL and RET and call gates: SDM vol. 2A, CALL and JMP; vol. 2B, RET; vol. 3A, 5.8. */
#include "cpu/support/machine.h"
#include "support/suite.h"

#include <string.h>

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

#define K64     MACHINE_KERNEL_64
#define U64     MACHINE_USER_64
#define K32     MACHINE_KERNEL_32
#define U32     MACHINE_USER_32
#define GP      X64_FAULT_GP
#define NP      X64_FAULT_NP
#define ROWS(t) ((int)(sizeof(t) / sizeof((t)[0])))

/* JMP FAR and CALL FAR [rax], offset of 64 bits. */
#define JMP64  "48 ff 28"
#define CALL64 "48 ff 18"

static void set_pointer(uint64_t offset, uint16_t selector, unsigned width)
{
    m->cpu.s.gpr[X64_RAX] = MACHINE_USER_DATA;
    machine_write(m, MACHINE_USER_DATA, 8, offset);
    machine_write(m, MACHINE_USER_DATA + width / 8, 2, selector);
}

/* Both take the same direct targets (SDM vol. 3A, 5.8.1); fault -1: it arrives. */
static const struct {
    const char *name;
    enum machine_mode mode;
    uint64_t offset;
    uint16_t selector;
    uint16_t new_cs;
    int fault;
    uint32_t error_code;
} direct_rows[] = {
    {"kernel", K64, 0x1234, SELECTOR_KERNEL_CODE, SELECTOR_KERNEL_CODE, -1, 0},
    {"user", U64, 0x1234, SELECTOR_USER_CODE | 3, SELECTOR_USER_CODE | 3, -1, 0},
    {"user, RPL becomes CPL", U64, 0x1234, SELECTOR_USER_CODE, SELECTOR_USER_CODE | 3, -1, 0},
    {"to compatibility mode", U64, 0x1234, SELECTOR_USER_CODE_32, SELECTOR_USER_CODE_32 | 3, -1, 0},
    {"conforming", U64, 0x1234, SELECTOR_CONFORMING | 3, SELECTOR_CONFORMING | 3, -1, 0},
    {"conforming, any RPL", K64, 0x1234, SELECTOR_CONFORMING | 3, SELECTOR_CONFORMING, -1, 0},
    {"null", K64, 0, 0, 0, GP, 0},
    {"null with RPL", K64, 0, 3, 0, GP, 0},
    {"beyond the GDT", K64, 0, 0xe8, 0, GP, 0xe8},
    {"beyond the LDT", K64, 0, 0x14, 0, GP, 0x14},
    {"data", K64, 0, SELECTOR_KERNEL_DATA, 0, GP, SELECTOR_KERNEL_DATA},
    {"inward", U64, 0, SELECTOR_KERNEL_CODE, 0, GP, SELECTOR_KERNEL_CODE},
    {"outward", K64, 0, SELECTOR_USER_CODE, 0, GP, SELECTOR_USER_CODE},
    {"RPL above CPL", K64, 0, SELECTOR_KERNEL_CODE | 3, 0, GP, SELECTOR_KERNEL_CODE},
    {"conforming, outer DPL", K64, 0, SELECTOR_CONFORMING_3, 0, GP, SELECTOR_CONFORMING_3},
    {"absent", K64, 0, SELECTOR_ABSENT_CODE, 0, NP, SELECTOR_ABSENT_CODE},
    {"L and D", K64, 0, SELECTOR_LONG_AND_BIG, 0, GP, SELECTOR_LONG_AND_BIG},
    {"TSS", K64, 0, SELECTOR_SPARE_TSS, 0, GP, SELECTOR_SPARE_TSS},
    {"LDT", K64, 0, SELECTOR_LDT, 0, GP, SELECTOR_LDT},
    {"not canonical", K64, 0x800000000000, SELECTOR_KERNEL_CODE, 0, GP, 0},
    {"beyond CS's limit", U64, 0x10000, SELECTOR_USER_CODE_16, 0, GP, 0},
    {"last byte in CS's limit", U64, 0xffff, SELECTOR_USER_CODE_16, SELECTOR_USER_CODE_16 | 3, -1,
     0},
};

/* Runs row `i` by JMP or CALL; true when it arrived. */
static bool run_direct(int i, const char *code)
{
    machine_enter(m, direct_rows[i].mode);
    uint64_t rip = m->cpu.s.rip;
    uint64_t rsp = m->cpu.s.gpr[X64_RSP];
    set_pointer(direct_rows[i].offset, direct_rows[i].selector, 64);
    machine_code(m, code);
    machine_step(m);
    if (direct_rows[i].fault < 0) {
        ck_assert_msg(m->cpu.s.rip == direct_rows[i].offset, "%s: at 0x%llx", direct_rows[i].name,
                      (unsigned long long)m->cpu.s.rip);
        ck_assert_uint_eq(m->cpu.s.segment[X64_CS].selector, direct_rows[i].new_cs);
        return true;
    }
    uint64_t frame = m->cpu.s.gpr[X64_RSP];
    ck_assert_msg(m->cpu.s.rip == machine_handler((unsigned)direct_rows[i].fault), "%s",
                  direct_rows[i].name);
    ck_assert_msg(machine_read(m, frame, 8) == direct_rows[i].error_code, "%s: error code 0x%llx",
                  direct_rows[i].name, (unsigned long long)machine_read(m, frame, 8));
    ck_assert_uint_eq(machine_read(m, frame + 8, 8), rip);
    ck_assert_uint_eq(machine_read(m, frame + 32, 8), rsp);
    return false;
}

START_TEST(test_far_jump)
{
    if (!run_direct(_i, JMP64))
        return;
    bool wide = m->cpu.s.segment[X64_CS].attributes & X64I_SEGMENT_LONG;
    ck_assert_uint_eq(m->cpu.code_bits == 64, wide);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_SEGMENT, X64_CS)->value, direct_rows[_i].new_cs);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_MEMORY_WRITE, -1), 0);
}
END_TEST

START_TEST(test_far_call)
{
    bool user = direct_rows[_i].mode == U64;
    if (!run_direct(_i, CALL64))
        return;
    uint64_t rsp = (user ? MACHINE_USER_STACK : MACHINE_KERNEL_STACK) - 16;
    uint64_t rip = (user ? MACHINE_USER_CODE : MACHINE_KERNEL_CODE) + 3;
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], rsp);
    ck_assert_uint_eq(machine_read(m, rsp, 8), rip);
    ck_assert_uint_eq(machine_read(m, rsp + 8, 8),
                      user ? SELECTOR_USER_CODE | 3 : SELECTOR_KERNEL_CODE);
}
END_TEST

/* The forms: where the pointer is, and how wide its offset and the pushes are. */
static const struct {
    const char *code;
    enum machine_mode mode;
    unsigned width;
    unsigned pushed; /* bytes */
    uint64_t rip;
} form_rows[] = {
    {"ff 28", U64, 32, 0, 0x00081234},        {"66 ff 28", U64, 16, 0, 0x1234},
    {"48 ff 28", U64, 64, 0, 0x00081234},     {"ff 18", U64, 32, 8, 0x00081234},
    {"66 ff 18", U64, 16, 4, 0x1234},         {"48 ff 18", U64, 64, 16, 0x00081234},
    {"ff 28", U32, 32, 0, 0x00081234},        {"66 ff 28", U32, 16, 0, 0x1234},
    {"ff 18", U32, 32, 8, 0x00081234},        {"ea 34 12 08 00 2b 00", U32, 0, 0, 0x00081234},
    {"66 ea 34 12 2b 00", U32, 0, 0, 0x1234}, {"9a 34 12 08 00 2b 00", U32, 0, 8, 0x00081234},
    {"66 9a 34 12 2b 00", U32, 0, 4, 0x1234},
};

START_TEST(test_far_forms)
{
    unsigned width = form_rows[_i].width;
    machine_enter(m, form_rows[_i].mode);
    if (width)
        set_pointer(0x00081234, SELECTOR_USER_CODE | 3, width);
    machine_code(m, form_rows[_i].code);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, form_rows[_i].rip);
    ck_assert_uint_eq(m->cpu.code_bits, 64);
    ck_assert_uint_eq(m->cpu.s.segment[X64_CS].selector, SELECTOR_USER_CODE | 3);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_USER_STACK - form_rows[_i].pushed);
    unsigned size = form_rows[_i].pushed / 2;
    if (size == 0)
        return;
    ck_assert_uint_eq(machine_read(m, m->cpu.s.gpr[X64_RSP], size),
                      (MACHINE_USER_CODE + m->cpu.step.length) & (size == 2 ? 0xffff : ~0u));
    ck_assert_uint_eq(machine_read(m, m->cpu.s.gpr[X64_RSP] + size, 2),
                      (form_rows[_i].mode == U64 ? SELECTOR_USER_CODE : SELECTOR_USER_CODE_32) | 3);
}
END_TEST

/* APM vol. 3: AMD's CPUs read a 32-bit offset whatever REX.W says; it widens the pushes. */
START_TEST(test_far_rex_w_amd)
{
    machine_enter(m, U64);
    set_pointer(0x00081234, SELECTOR_USER_CODE | 3, 32);
    machine_code(m, _i ? CALL64 : JMP64);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, 0x00081234);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_USER_STACK - (_i ? 16 : 0));
    if (!_i)
        return;
    ck_assert_uint_eq(machine_read(m, MACHINE_USER_STACK - 16, 8), MACHINE_USER_CODE + 3);
    ck_assert_uint_eq(machine_read(m, MACHINE_USER_STACK - 8, 8), SELECTOR_USER_CODE | 3);
}
END_TEST

START_TEST(test_far_call_that_cannot_push_changes_nothing)
{
    set_pointer(0x1234, SELECTOR_KERNEL_CODE, 64);
    m->cpu.s.gpr[X64_RSP] = MACHINE_SCRATCH + 8;
    machine_write(m, MACHINE_SCRATCH, 8, 0x1111);
    machine_unmap(m, MACHINE_SCRATCH - 8);
    struct machine_gate gate = machine_default_gate(X64_FAULT_PF);
    gate.ist = 1;
    machine_set_gate(m, X64_FAULT_PF, gate);
    machine_code(m, CALL64);
    machine_expect_fault(m, X64_FAULT_PF, X64_PF_WRITE, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(machine_read(m, MACHINE_SCRATCH, 8), 0x1111);
    ck_assert_uint_eq(machine_read(m, m->cpu.s.gpr[X64_RSP] + 32, 8), MACHINE_SCRATCH + 8);
}
END_TEST

static uint64_t gate_descriptor(uint16_t selector, uint32_t offset, uint64_t rights)
{
    return (offset & 0xffffu) | (uint64_t)selector << 16 | rights << 40 |
           (uint64_t)(offset >> 16) << 48;
}

#define GATE SELECTOR_CALL_GATE

/* 64-bit call gates (SDM vol. 3A, 5.8.3.1): the gate and the code segment behind it. */
static const struct {
    const char *name;
    const char *code;
    enum machine_mode mode;
    uint16_t selector; /* in the pointer */
    uint16_t target;
    uint8_t rights;
    uint64_t upper;
    uint16_t new_cs;
    int fault;
    uint32_t error_code;
} gate_rows[] = {
    {"call inward", CALL64, U64, GATE | 3, SELECTOR_KERNEL_CODE, 0xec, 0, SELECTOR_KERNEL_CODE, -1,
     0},
    {"call inward from 32 bits", "ff 18", U32, GATE | 3, SELECTOR_KERNEL_CODE, 0xec, 0,
     SELECTOR_KERNEL_CODE, -1, 0},
    {"call to ring 1", CALL64, U64, GATE | 3, SELECTOR_RING1_CODE, 0xec, 0, SELECTOR_RING1_CODE | 1,
     -1, 0},
    {"call within the ring", CALL64, U64, GATE | 3, SELECTOR_USER_CODE, 0xec, 0,
     SELECTOR_USER_CODE | 3, -1, 0},
    {"call conforming code", CALL64, U64, GATE | 3, SELECTOR_CONFORMING, 0xec, 0,
     SELECTOR_CONFORMING | 3, -1, 0},
    {"jump within the ring", JMP64, U64, GATE | 3, SELECTOR_USER_CODE, 0xec, 0,
     SELECTOR_USER_CODE | 3, -1, 0},
    {"jump inward", JMP64, U64, GATE | 3, SELECTOR_KERNEL_CODE, 0xec, 0, 0, GP,
     SELECTOR_KERNEL_CODE},
    {"call outward", CALL64, K64, GATE, SELECTOR_USER_CODE, 0xec, 0, 0, GP, SELECTOR_USER_CODE},
    {"gate DPL below CPL", CALL64, U64, GATE | 3, SELECTOR_KERNEL_CODE, 0x8c, 0, 0, GP, GATE},
    {"gate DPL below RPL", CALL64, K64, GATE | 3, SELECTOR_KERNEL_CODE, 0x8c, 0, 0, GP, GATE},
    {"absent gate", CALL64, U64, GATE | 3, SELECTOR_KERNEL_CODE, 0x6c, 0, 0, NP, GATE},
    {"type in the upper half", CALL64, U64, GATE | 3, SELECTOR_KERNEL_CODE, 0xec, 1ull << 40, 0, GP,
     GATE},
    {"16-bit call gate", CALL64, U64, GATE | 3, SELECTOR_KERNEL_CODE, 0xe4, 0, 0, GP, GATE},
    {"task gate", CALL64, U64, GATE | 3, SELECTOR_TSS, 0xe5, 0, 0, GP, GATE},
    {"interrupt gate", CALL64, U64, GATE | 3, SELECTOR_KERNEL_CODE, 0xee, 0, 0, GP, GATE},
    {"null target", CALL64, U64, GATE | 3, 3, 0xec, 0, 0, GP, 0},
    {"target beyond the GDT", CALL64, U64, GATE | 3, 0xeb, 0xec, 0, 0, GP, 0xe8},
    {"target is data", CALL64, U64, GATE | 3, SELECTOR_USER_DATA, 0xec, 0, 0, GP,
     SELECTOR_USER_DATA},
    {"32-bit target", CALL64, U64, GATE | 3, SELECTOR_USER_CODE_32, 0xec, 0, 0, GP,
     SELECTOR_USER_CODE_32},
    {"absent target", CALL64, U64, GATE | 3, SELECTOR_ABSENT_CODE, 0xec, 0, 0, NP,
     SELECTOR_ABSENT_CODE},
    {"not canonical", CALL64, U64, GATE | 3, SELECTOR_KERNEL_CODE, 0xec, 0x8000, 0, GP, 0},
};

static void enter_by_gate(int i)
{
    const uint32_t offset = 0x00123456;
    machine_set_descriptor(m, GATE,
                           gate_descriptor(gate_rows[i].target, offset, gate_rows[i].rights));
    machine_set_descriptor(m, GATE + 8, gate_rows[i].upper);
    machine_enter(m, gate_rows[i].mode);
    m->cpu.s.gpr[X64_RSP] -= 3; /* call gates do not align the stack */
    set_pointer(0, gate_rows[i].selector, gate_rows[i].mode == U32 ? 32 : 64);
    machine_code(m, gate_rows[i].code);
}

START_TEST(test_far_gates)
{
    enter_by_gate(_i);
    struct x64i_cpu_state before = m->cpu.s;
    machine_step(m);
    const struct x64i_cpu_state *s = &m->cpu.s;
    if (gate_rows[_i].fault >= 0) {
        ck_assert_msg(s->rip == machine_handler((unsigned)gate_rows[_i].fault), "%s",
                      gate_rows[_i].name);
        ck_assert_msg(machine_read(m, s->gpr[X64_RSP], 8) == gate_rows[_i].error_code,
                      "%s: error code 0x%llx", gate_rows[_i].name,
                      (unsigned long long)machine_read(m, s->gpr[X64_RSP], 8));
        return;
    }
    ck_assert_msg(s->rip == 0x00123456, "%s: at 0x%llx", gate_rows[_i].name,
                  (unsigned long long)s->rip);
    ck_assert_uint_eq(s->segment[X64_CS].selector, gate_rows[_i].new_cs);
    ck_assert_uint_eq(s->cpl, gate_rows[_i].new_cs & 3u);
    ck_assert_uint_eq(m->cpu.code_bits, 64);
    if (strcmp(gate_rows[_i].code, JMP64) == 0) {
        ck_assert_uint_eq(s->gpr[X64_RSP], before.gpr[X64_RSP]);
        return;
    }
    bool inward = s->cpl < before.cpl;
    uint64_t top = !inward ? before.gpr[X64_RSP] : s->cpl == 1 ? MACHINE_RSP1 : MACHINE_RSP0;
    uint64_t rsp = s->gpr[X64_RSP];
    ck_assert_uint_eq(rsp, top - (inward ? 32 : 16));
    ck_assert_uint_eq(machine_read(m, rsp, 8), before.rip + m->cpu.step.length);
    ck_assert_uint_eq(machine_read(m, rsp + 8, 8), before.segment[X64_CS].selector);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_STACK_SWITCH, 0), inward);
    if (!inward)
        return;
    ck_assert_uint_eq(machine_read(m, rsp + 16, 8), before.gpr[X64_RSP]);
    ck_assert_uint_eq(machine_read(m, rsp + 24, 8), before.segment[X64_SS].selector);
    ck_assert_uint_eq(s->segment[X64_SS].selector, s->cpl);
    ck_assert_uint_eq(s->segment[X64_SS].attributes, 0);
}
END_TEST

/* Into the kernel by a gate, and back by RETF with the user's stack. */
START_TEST(test_far_gate_and_back)
{
    enter_by_gate(0);
    machine_step(m);
    m->cpu.s.rip = MACHINE_KERNEL_CODE;
    machine_code(m, "48 cb");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_USER_CODE + 3);
    ck_assert_uint_eq(m->cpu.s.cpl, 3);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_USER_STACK - 3);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector, SELECTOR_USER_DATA | 3);
}
END_TEST

START_TEST(test_far_gate_beyond_the_tss)
{
    m->cpu.s.segment[X64_TR].limit = 12 + 6; /* RSP1 ends at 19 */
    enter_by_gate(2);
    machine_expect_fault(m, X64_FAULT_TS, SELECTOR_TSS, MACHINE_USER_CODE);
}
END_TEST

START_TEST(test_far_gate_stack_not_canonical)
{
    machine_write(m, MACHINE_TSS + 12, 8, 0x0000800000000010);
    enter_by_gate(2);
    machine_expect_fault(m, X64_FAULT_SS, 0, MACHINE_USER_CODE);
}
END_TEST

/* RETF in its widths, with and without bytes to release. */
static const struct {
    const char *code;
    enum machine_mode mode;
    unsigned size;
    unsigned released;
    uint16_t cs, ss; /* ss: 0 for a return to the same level */
    int fault;
    uint32_t error_code;
} return_rows[] = {
    {"cb", K64, 4, 0, SELECTOR_KERNEL_CODE, 0, -1, 0},
    {"48 cb", K64, 8, 0, SELECTOR_KERNEL_CODE, 0, -1, 0},
    {"66 cb", K64, 2, 0, SELECTOR_KERNEL_CODE, 0, -1, 0},
    {"ca 08 00", K64, 4, 8, SELECTOR_KERNEL_CODE, 0, -1, 0},
    {"48 ca f0 ff", K64, 8, 0xfff0, SELECTOR_KERNEL_CODE_32, 0, -1, 0},
    {"48 cb", K64, 8, 0, SELECTOR_USER_CODE | 3, SELECTOR_USER_DATA | 3, -1, 0},
    {"48 ca 10 00", K64, 8, 16, SELECTOR_USER_CODE_32 | 3, SELECTOR_USER_DATA | 3, -1, 0},
    {"cb", K32, 4, 0, SELECTOR_USER_CODE | 3, SELECTOR_USER_DATA | 3, -1, 0},
    {"cb", K32, 4, 0, SELECTOR_KERNEL_CODE, 0, -1, 0},
    {"66 cb", U32, 2, 0, SELECTOR_USER_CODE_32 | 3, 0, -1, 0},
    {"48 cb", U64, 8, 0, SELECTOR_KERNEL_CODE, 0, GP, SELECTOR_KERNEL_CODE},
    {"48 cb", U64, 8, 0, 0, 0, GP, 0},
    {"48 cb", K64, 8, 0, SELECTOR_ABSENT_CODE, 0, NP, SELECTOR_ABSENT_CODE},
    {"48 cb", K64, 8, 0, 0xe8, 0, GP, 0xe8},
    {"48 cb", K64, 8, 0, SELECTOR_USER_CODE | 3, SELECTOR_KERNEL_DATA | 3, GP,
     SELECTOR_KERNEL_DATA},
    {"48 cb", K64, 8, 0, SELECTOR_USER_CODE | 3, SELECTOR_ABSENT_DATA | 3, X64_FAULT_SS,
     SELECTOR_ABSENT_DATA},
};

START_TEST(test_far_return)
{
    unsigned size = return_rows[_i].size;
    unsigned released = return_rows[_i].released;
    machine_enter(m, return_rows[_i].mode);
    m->cpu.s.gpr[X64_RSP] -= 0x100;
    struct x64i_cpu_state before = m->cpu.s;
    uint64_t rsp = before.gpr[X64_RSP];
    machine_write(m, rsp, size, 0x1234);
    machine_write(m, rsp + size, size, return_rows[_i].cs);
    if (return_rows[_i].ss) {
        machine_write(m, rsp + 2 * size + released, size, 0x5678);
        machine_write(m, rsp + 3 * size + released, size, return_rows[_i].ss);
    }
    machine_code(m, return_rows[_i].code);
    if (return_rows[_i].fault >= 0) {
        machine_expect_fault(m, (enum x64_fault)return_rows[_i].fault, return_rows[_i].error_code,
                             before.rip);
        return;
    }
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, 0x1234);
    ck_assert_uint_eq(m->cpu.s.segment[X64_CS].selector, return_rows[_i].cs);
    ck_assert_uint_eq(m->cpu.s.cpl, return_rows[_i].cs & 3u);
    if (return_rows[_i].ss)
        rsp = 0x5678 + released;
    else
        rsp += 2 * size + released;
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], rsp);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector,
                      return_rows[_i].ss ? return_rows[_i].ss : before.segment[X64_SS].selector);
}
END_TEST

static TCase *intel_tests(void)
{
    TCase *tests = tcase_create("intel");
    tcase_add_checked_fixture(tests, setup_intel, teardown);
    tcase_add_loop_test(tests, test_far_jump, 0, ROWS(direct_rows));
    tcase_add_loop_test(tests, test_far_call, 0, ROWS(direct_rows));
    tcase_add_loop_test(tests, test_far_forms, 0, ROWS(form_rows));
    tcase_add_test(tests, test_far_call_that_cannot_push_changes_nothing);
    tcase_add_loop_test(tests, test_far_gates, 0, ROWS(gate_rows));
    tcase_add_test(tests, test_far_gate_and_back);
    tcase_add_test(tests, test_far_gate_beyond_the_tss);
    tcase_add_test(tests, test_far_gate_stack_not_canonical);
    tcase_add_loop_test(tests, test_far_return, 0, ROWS(return_rows));
    return tests;
}

static TCase *amd_tests(void)
{
    TCase *tests = tcase_create("amd");
    tcase_add_checked_fixture(tests, setup_amd, teardown);
    tcase_add_loop_test(tests, test_far_rex_w_amd, 0, 2);
    return tests;
}

static Suite *far_suite(void)
{
    Suite *suite = suite_create("far");
    suite_add_tcase(suite, intel_tests());
    suite_add_tcase(suite, amd_tests());
    return suite;
}

X64_TEST_MAIN(far_suite())
