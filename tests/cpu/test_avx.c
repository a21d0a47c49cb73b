/* SPDX-License-Identifier: MIT */
/*
 * What the test against the host cannot see of VEX instructions: the checks of control registers
 * (SDM vol. 2A, 2.4), lanes above 256 bits, RDRAND's source and the XSAVE family's other forms.
 */
#include "cpu/support/machine.h"
#include "support/suite.h"

#include <string.h>

#define AREA MACHINE_SCRATCH

static struct machine *m;
static struct x64i_cpu_state *s;

static void setup(void)
{
    m = machine_create("golden_cove");
    s = &m->cpu.s;
    s->cr4 |= X64I_CR4_OSXSAVE;
    s->xcr0 = 7;
    s->gpr[X64_RBX] = AREA;
    for (unsigned i = 0; i < 16; i++)
        for (unsigned lane = 0; lane < 8; lane++)
            s->vector[i].lane[lane] = 0x100 * i + lane + 1;
}

static void teardown(void)
{
    machine_destroy(m);
}

/* VADDPS ymm0, ymm1, ymm2; VPAND; VMOVAPS; VZEROUPPER; gather: all check alike. */
static const struct {
    const char *code;
    uint64_t cr0_set, cr4_clear;
    uint64_t xcr0;
    enum x64_fault fault;
} check_vectors[] = {
    {"c5 f4 58 c2", 0, 0, 7, X64_FAULT_NONE},
    {"c5 f4 58 c2", 0, X64I_CR4_OSXSAVE, 7, X64_FAULT_UD},
    {"c5 f4 58 c2", 0, 0, 3, X64_FAULT_UD},
    {"c5 f4 58 c2", X64I_CR0_TS, 0, 7, X64_FAULT_NM},
    {"c5 f4 58 c2", 0, X64I_CR4_OSFXSR, 7, X64_FAULT_NONE},
    {"c5 f5 db c2", 0, 0, 1, X64_FAULT_UD},
    {"c5 fc 28 c1", 0, X64I_CR4_OSXSAVE, 7, X64_FAULT_UD},
    {"c5 f8 77", 0, 0, 3, X64_FAULT_UD},
    {"c4 e2 69 90 0c 18", 0, 0, 3, X64_FAULT_UD},
    {"66 c5 f4 58 c2", 0, 0, 7, X64_FAULT_UD},    /* a prefix before VEX */
    {"c5 fc 52 c2", 0, 0, 7, X64_FAULT_NONE},     /* VRSQRTPS: vvvv is 1111 */
    {"c5 f4 52 c2", 0, 0, 7, X64_FAULT_UD},       /* and not anything else */
    {"62 f1 74 28 58 c2", 0, 0, 7, X64_FAULT_UD}, /* EVEX has no rows */
    {"c4 e2 69 90 0c 08", 0, 0, 7, X64_FAULT_UD}, /* gather: destination is the index */
};

START_TEST(test_avx_checks)
{
    s->cr0 |= check_vectors[_i].cr0_set;
    s->cr4 &= ~check_vectors[_i].cr4_clear;
    s->xcr0 = check_vectors[_i].xcr0;
    machine_code(m, check_vectors[_i].code);
    if (check_vectors[_i].fault == X64_FAULT_NONE) {
        machine_step(m);
        ck_assert_uint_gt(s->rip, MACHINE_KERNEL_CODE);
        ck_assert_uint_lt(s->rip, MACHINE_KERNEL_CODE + 16);
    } else {
        machine_expect_fault(m, check_vectors[_i].fault, -1, MACHINE_KERNEL_CODE);
    }
}
END_TEST

/* Legacy SSE keeps what is above, VEX clears it, up to the widest register there may be. */
START_TEST(test_avx_clears_upper_lanes)
{
    machine_code(m, "66 0f ef c1  c5 f1 ef c2  c5 f5 ef c2"); /* PXOR, VPXOR xmm, VPXOR ymm */
    machine_step(m);
    ck_assert_uint_eq(s->vector[0].lane[2], 3);
    machine_step(m);
    for (unsigned lane = 2; lane < 8; lane++)
        ck_assert_uint_eq(s->vector[0].lane[lane], 0);
    s->vector[0].lane[7] = 1;
    machine_step(m);
    ck_assert_uint_eq(s->vector[0].lane[3], (0x100 + 4) ^ (0x200 + 4));
    ck_assert_uint_eq(s->vector[0].lane[7], 0);
}
END_TEST

/* A gather that faults has its elements so far, and goes on from there. */
START_TEST(test_avx_gather_goes_on)
{
    const uint64_t hole = MACHINE_SCRATCH + 0x1000;
    machine_write(m, hole - 4, 4, 0x11111111);
    machine_write(m, hole, 4, 0x22222222);
    memset(s->vector, 0, sizeof s->vector);
    s->vector[3].lane[0] = 1ull << 32; /* indices 0, 1, 0, 0 */
    s->vector[2].lane[0] = 0x8000000080000000;
    s->vector[1].lane[1] = 0x77;
    s->gpr[X64_RAX] = hole - 4;
    machine_code(m, "c4 e2 69 90 0c 98"); /* vpgatherdd xmm1, [rax+xmm3*4], xmm2 */
    uint64_t entry = MACHINE_PAGE_TABLE + (hole >> 12) * 8;
    uint64_t old = machine_read(m, entry, 8);
    machine_unmap(m, hole);
    machine_expect_fault(m, X64_FAULT_PF, 0, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(s->cr2, hole);
    ck_assert_uint_eq(s->vector[1].lane[0], 0x11111111);
    ck_assert_uint_eq(s->vector[2].lane[0], 0x8000000000000000);
    machine_write(m, entry, 8, old);
    machine_enter(m, MACHINE_KERNEL_64);
    machine_step(m);
    ck_assert_uint_eq(s->vector[1].lane[0], 0x2222222211111111);
    ck_assert_uint_eq(s->vector[1].lane[1], 0x77);
    ck_assert_uint_eq(s->vector[2].lane[0], 0);
}
END_TEST

static uint64_t drawn;

static bool give_random(void *user, void *bytes, size_t size)
{
    (void)user;
    memcpy(bytes, &drawn, size);
    return drawn != 0;
}

START_TEST(test_avx_random_comes_from_outside)
{
    const struct x64i_cpu_callbacks callbacks = {.random = give_random};
    m->cpu.callbacks = &callbacks;
    drawn = 0x1122334455667788;
    machine_code(m, "48 0f c7 f0  0f c7 f8  66 0f c7 f0"); /* rdrand rax, rdseed eax, rdrand ax */
    machine_step(m);
    ck_assert_uint_eq(s->gpr[X64_RAX], drawn);
    ck_assert_uint_eq(s->rflags & X64I_OSZAPC, X64I_CF);
    machine_step(m);
    ck_assert_uint_eq(s->gpr[X64_RAX], 0x55667788);
    drawn = 0;
    machine_step(m);
    ck_assert_uint_eq(s->gpr[X64_RAX], 0x55660000);
    ck_assert_uint_eq(s->rflags & X64I_OSZAPC, 0);
    m->cpu.callbacks = NULL;
}
END_TEST

/* XSAVES and XRSTORS: compacted, CPL 0 only; components follow one another (13.4.3). */
START_TEST(test_avx_xsaves)
{
    s->cr4 |= X64I_CR4_PKE;
    s->xcr0 = 0x207;
    s->pkru = 0x55;
    s->gpr[X64_RAX] = 0x206;
    s->gpr[X64_RDX] = 0;
    machine_code(m, "48 0f c7 2b  48 0f c7 1b"); /* xsaves64, xrstors64 [rbx] */
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, AREA + 512, 8), 0x206);
    ck_assert_uint_eq(machine_read(m, AREA + 520, 8), 1ull << 63 | 0x206);
    ck_assert_uint_eq(machine_read(m, AREA + 576 + 16, 8), 0x103);
    ck_assert_uint_eq(machine_read(m, AREA + 576 + 256, 8), 0x55);
    struct x64i_cpu_state before = *s;
    memset(s->vector, 0, sizeof s->vector);
    s->pkru = 0;
    machine_step(m);
    ck_assert_uint_eq(s->pkru, 0x55);
    for (unsigned i = 0; i < 16; i++)
        ck_assert_mem_eq(s->vector[i].lane, before.vector[i].lane, 32);
    machine_enter(m, MACHINE_USER_64);
    s->gpr[X64_RBX] = MACHINE_USER_DATA;
    machine_code(m, "48 0f c7 2b");
    machine_expect_fault(m, X64_FAULT_GP, 0, MACHINE_USER_CODE);
}
END_TEST

/* XSAVEOPT writes nothing of a component in its initial state, and XGETBV(1) tells of it. */
START_TEST(test_avx_xsaveopt)
{
    for (unsigned i = 0; i < 16; i++)
        s->vector[i].lane[2] = s->vector[i].lane[3] = 0;
    s->gpr[X64_RAX] = 6;
    s->gpr[X64_RDX] = 0;
    s->gpr[X64_RCX] = 1;
    machine_write(m, AREA + 512, 8, 7);
    machine_write(m, AREA + 576, 8, 0xee);
    machine_code(m, "48 0f ae 33  0f 01 d0"); /* xsaveopt64 [rbx], xgetbv */
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, AREA + 512, 8), 3);
    ck_assert_uint_eq(machine_read(m, AREA + 576, 8), 0xee);
    machine_step(m);
    ck_assert_uint_eq(s->gpr[X64_RAX] & 6, 2);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *avx_suite(void)
{
    Suite *suite = suite_create("avx");
    TCase *tests = tcase_create("avx");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_avx_checks, 0, COUNT(check_vectors));
    tcase_add_test(tests, test_avx_clears_upper_lanes);
    tcase_add_test(tests, test_avx_gather_goes_on);
    tcase_add_test(tests, test_avx_random_comes_from_outside);
    tcase_add_test(tests, test_avx_xsaves);
    tcase_add_test(tests, test_avx_xsaveopt);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(avx_suite())
