/* SPDX-License-Identifier: MIT */
/* XSAVE and XRSTOR in the standard form: SDM vol. 1, 13.4 (the area), 13.7, 13.8; vol. 2. */
#include "cpu/support/machine.h"
#include "support/suite.h"

#include <string.h>

#define AREA      MACHINE_SCRATCH
#define XSTATE_BV (AREA + 512)
#define XCOMP_BV  (AREA + 520)
#define XMM(n)    (AREA + 160 + 16 * (n))
#define XSAVE     "48 0f ae 23"
#define XRSTOR    "48 0f ae 2b"
#define FILLED    0xeeeeeeeeeeeeeeeeull

static struct machine *m;
static struct x64i_cpu_state *s;

static void setup(void)
{
    m = machine_create("skylake");
    s = &m->cpu.s;
    s->cr4 |= X64I_CR4_OSXSAVE;
    s->xcr0 = 3;
    s->gpr[X64_RAX] = s->gpr[X64_RDX] = 0xffffffff;
    s->gpr[X64_RBX] = AREA;
    for (unsigned at = 0; at < 512; at += 8)
        machine_write(m, AREA + at, 8, FILLED);
    for (unsigned i = 0; i < 16; i++)
        s->vector[i].lane[0] = s->vector[i].lane[1] = 0x1111 * (i + 1);
    s->fpu_control = 0x27f;
    s->fpu_status = 0x3800; /* TOP 7 */
    s->fpu_tag = 0x3fff;    /* register 7 is valid */
    s->fpu[7].significand = 1ull << 63;
    s->fpu[7].exponent_sign = 0x3fff;
    s->mxcsr = 0x1fa0;
}

static void teardown(void)
{
    machine_destroy(m);
}

/* What XSAVE writes for each request: 13.7. XSTATE_BV was 4 before: others' bits stay. */
static const struct {
    uint64_t request, xcr0, in_use;
    bool x87, sse;
} save_vectors[] = {
    {3, 3, 7, true, true},  {1, 3, 5, true, false},  {2, 3, 6, false, true},
    {3, 1, 5, true, false}, {0, 3, 4, false, false}, {1ull << 63 | 4, 3, 4, false, false},
};

START_TEST(test_xsave_writes_what_is_requested)
{
    s->gpr[X64_RAX] = (uint32_t)save_vectors[_i].request;
    s->gpr[X64_RDX] = save_vectors[_i].request >> 32;
    s->xcr0 = save_vectors[_i].xcr0;
    machine_write(m, XSTATE_BV, 8, 4);
    machine_write(m, XCOMP_BV, 8, 0x77);
    machine_code(m, XSAVE);
    machine_step(m);
    ck_assert_uint_eq(s->rip, MACHINE_KERNEL_CODE + 4);
    ck_assert_uint_eq(machine_read(m, XSTATE_BV, 8), save_vectors[_i].in_use);
    ck_assert_uint_eq(machine_read(m, XCOMP_BV, 8), 0x77);
    bool x87 = save_vectors[_i].x87;
    bool sse = save_vectors[_i].sse;
    ck_assert_uint_eq(machine_read(m, AREA, 2), x87 ? 0x27f : FILLED & 0xffff);
    ck_assert_uint_eq(machine_read(m, AREA + 4, 1), x87 ? 0x80 : FILLED & 0xff);
    ck_assert_uint_eq(machine_read(m, AREA + 32, 8), x87 ? 1ull << 63 : FILLED);
    ck_assert_uint_eq(machine_read(m, AREA + 24, 4), sse ? 0x1fa0 : FILLED & 0xffffffff);
    ck_assert_uint_eq(machine_read(m, XMM(0), 8), sse ? 0x1111 : FILLED);
    ck_assert_uint_eq(machine_read(m, XMM(15) + 8, 8), sse ? 0x11110 : FILLED);
    ck_assert_uint_eq(machine_read(m, AREA + 416, 8), FILLED);
}
END_TEST

/* Outside 64-bit mode XMM8 and up are left alone. */
START_TEST(test_xsave_in_compatibility_mode)
{
    machine_enter(m, MACHINE_KERNEL_32);
    machine_code(m, "0f ae 23");
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, XMM(7), 8), 0x8888);
    ck_assert_uint_eq(machine_read(m, XMM(8), 8), FILLED);
}
END_TEST

/* Saved, wiped and restored, everything is as before: 13.8. */
START_TEST(test_xrstor_brings_back_what_xsave_saved)
{
    machine_write(m, XCOMP_BV, 8, 0);
    machine_code(m, XSAVE " " XRSTOR);
    machine_step(m);
    struct x64i_cpu_state before = *s;
    memset(s->vector, 0, sizeof s->vector);
    memset(s->fpu, 0, sizeof s->fpu);
    s->fpu_control = s->fpu_status = s->fpu_tag = 0;
    s->mxcsr = 0;
    machine_step(m);
    ck_assert_mem_eq(s->vector, before.vector, sizeof s->vector);
    ck_assert_mem_eq(s->fpu, before.fpu, sizeof s->fpu);
    ck_assert_uint_eq(s->fpu_control, 0x27f);
    ck_assert_uint_eq(s->fpu_status, 0x3800);
    ck_assert_uint_eq(s->fpu_tag, 0x3fff);
    ck_assert_uint_eq(s->mxcsr, 0x1fa0);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_VECTOR, -1), 16);
}
END_TEST

/* 13.8: a component that is not in XSTATE_BV takes its initial state; MXCSR comes from memory. */
START_TEST(test_xrstor_initializes)
{
    for (unsigned at = 512; at < 576; at += 8)
        machine_write(m, AREA + at, 8, 0);
    machine_write(m, AREA + 24, 4, 0x1f80);
    machine_code(m, XRSTOR);
    machine_step(m);
    ck_assert_uint_eq(s->rip, MACHINE_KERNEL_CODE + 4);
    ck_assert_uint_eq(s->fpu_control, 0x37f);
    ck_assert_uint_eq(s->fpu_tag, 0xffff);
    ck_assert_uint_eq(s->vector[9].lane[0], 0);
    ck_assert_uint_eq(s->mxcsr, 0x1f80);
}
END_TEST

/* XRSTOR of the x87 state alone leaves SSE and does not look at MXCSR. */
START_TEST(test_xrstor_of_one_component)
{
    for (unsigned at = 512; at < 576; at += 8)
        machine_write(m, AREA + at, 8, 0);
    s->gpr[X64_RAX] = 1;
    machine_code(m, XRSTOR);
    machine_step(m);
    ck_assert_uint_eq(s->rip, MACHINE_KERNEL_CODE + 4);
    ck_assert_uint_eq(s->fpu_control, 0x37f);
    ck_assert_uint_eq(s->vector[9].lane[0], 0xaaaa);
    ck_assert_uint_eq(s->mxcsr, 0x1fa0);
}
END_TEST

/* Vol. 2: exceptions. The header is {in_use, compaction, zero}. */
static const struct {
    const char *why;
    const char *code;
    uint64_t header[3];
    uint64_t cr0;  /* set */
    uint64_t area; /* added to its address */
    uint32_t mxcsr;
    bool osxsave;
    enum x64_fault fault;
} fault_vectors[] = {
    {"OSXSAVE", XSAVE, {0}, 0, 0, 0, false, X64_FAULT_UD},
    {"OSXSAVE", XRSTOR, {0}, 0, 0, 0, false, X64_FAULT_UD},
    {"TS", XSAVE, {0}, X64I_CR0_TS, 0, 0, true, X64_FAULT_NM},
    {"TS", XRSTOR, {0}, X64I_CR0_TS, 0, 0, true, X64_FAULT_NM},
    {"not aligned", XSAVE, {0}, 0, 32, 0, true, X64_FAULT_GP},
    {"not aligned", XRSTOR, {0}, 0, 16, 0, true, X64_FAULT_GP},
    {"a component that XCR0 lacks", XRSTOR, {4, 0, 0}, 0, 0, 0, true, X64_FAULT_GP},
    {"the compacted form", XRSTOR, {3, 1ull << 63, 0}, 0, 0, 0, true, X64_FAULT_GP},
    {"bytes 23:16", XRSTOR, {3, 0, 1}, 0, 0, 0, true, X64_FAULT_GP},
    {"reserved bits of MXCSR", XRSTOR, {1, 0, 0}, 0, 0, 0x10000, true, X64_FAULT_GP},
};

START_TEST(test_xsave_faults)
{
    for (unsigned i = 0; i < 3; i++)
        machine_write(m, AREA + 512 + 8 * i, 8, fault_vectors[_i].header[i]);
    machine_write(m, AREA + 24, 4, fault_vectors[_i].mxcsr);
    if (!fault_vectors[_i].osxsave)
        s->cr4 &= ~X64I_CR4_OSXSAVE;
    s->cr0 |= fault_vectors[_i].cr0;
    s->gpr[X64_RBX] += fault_vectors[_i].area;
    machine_code(m, fault_vectors[_i].code);
    machine_expect_fault(m, fault_vectors[_i].fault,
                         fault_vectors[_i].fault == X64_FAULT_GP ? 0 : -1, MACHINE_KERNEL_CODE);
    ck_assert_msg(s->vector[9].lane[0] == 0xaaaa && s->fpu_control == 0x27f, "%s: changed",
                  fault_vectors[_i].why);
}
END_TEST

/* An area whose end cannot be written is left alone. */
START_TEST(test_xsave_is_all_or_nothing)
{
    s->gpr[X64_RBX] = AREA + 0x1000 - 512;
    machine_write(m, AREA + 0x1000 - 512, 8, FILLED);
    machine_protect(m, AREA + 0x1000);
    machine_code(m, XSAVE);
    machine_expect_fault(m, X64_FAULT_PF, X64_PF_PRESENT | X64_PF_WRITE, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(machine_read(m, AREA + 0x1000 - 512, 8), FILLED);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *xsave_suite(void)
{
    Suite *suite = suite_create("xsave");
    TCase *tests = tcase_create("xsave");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_xsave_writes_what_is_requested, 0, COUNT(save_vectors));
    tcase_add_test(tests, test_xsave_in_compatibility_mode);
    tcase_add_test(tests, test_xrstor_brings_back_what_xsave_saved);
    tcase_add_test(tests, test_xrstor_initializes);
    tcase_add_test(tests, test_xrstor_of_one_component);
    tcase_add_loop_test(tests, test_xsave_faults, 0, COUNT(fault_vectors));
    tcase_add_test(tests, test_xsave_is_all_or_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(xsave_suite())
