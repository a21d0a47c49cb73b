/* SPDX-License-Identifier: MIT */
/* Protection keys: RDPKRU, WRPKRU (SDM vol. 2) and what they stop (vol. 3A, 4.6.2 and 4.7). */
#include "cpu/support/machine.h"
#include "support/suite.h"

#define KEY       5u
#define DENY_ALL  (1u << 2 * KEY)
#define DENY_SET  (2u << 2 * KEY)
#define LOAD      "48 8b 03" /* mov rax, [rbx] */
#define STORE     "48 89 03" /* mov [rbx], rax */
#define RDPKRU    "0f 01 ee"
#define WRPKRU    "0f 01 ef"
#define PROTECTED MACHINE_USER_DATA

static struct machine *m;
static uint64_t *gpr;

static void setup(void)
{
    m = machine_create("golden_cove");
    gpr = m->cpu.s.gpr;
    uint64_t entry = MACHINE_PAGE_TABLE + (PROTECTED >> 12) * 8;
    machine_write(m, entry, 8, machine_read(m, entry, 8) | (uint64_t)KEY << 59);
    m->cpu.s.cr4 |= X64I_CR4_PKE;
    x64i_cpu_refresh(&m->cpu);
}

static void teardown(void)
{
    machine_destroy(m);
}

/* `error` is the #PF's, or -1 where the access passes. */
static const struct {
    enum machine_mode mode;
    const char *code;
    uint32_t pkru;
    bool pke, wp;
    int error;
} access_vectors[] = {
    {MACHINE_USER_64, LOAD, 0, true, true, -1},
    {MACHINE_USER_64, LOAD, DENY_SET, true, true, -1},
    {MACHINE_USER_64, LOAD, DENY_ALL, true, true, 0x25},
    {MACHINE_USER_64, STORE, DENY_ALL, true, true, 0x27},
    {MACHINE_USER_64, STORE, DENY_SET, true, true, 0x27},
    {MACHINE_USER_64, STORE, DENY_SET, true, false, 0x27},
    {MACHINE_USER_64, STORE, ~(DENY_ALL | DENY_SET), true, true, -1},
    {MACHINE_USER_64, LOAD, DENY_ALL, false, true, -1},
    {MACHINE_KERNEL_64, LOAD, DENY_ALL, true, true, 0x21},
    {MACHINE_KERNEL_64, STORE, DENY_SET, true, true, 0x23},
    {MACHINE_KERNEL_64, STORE, DENY_SET, true, false, -1},
};

START_TEST(test_protection_key_stops_accesses)
{
    if (!access_vectors[_i].pke)
        m->cpu.s.cr4 &= ~X64I_CR4_PKE;
    if (!access_vectors[_i].wp)
        m->cpu.s.cr0 &= ~X64I_CR0_WP;
    m->cpu.s.pkru = access_vectors[_i].pkru;
    gpr[X64_RBX] = PROTECTED;
    x64i_cpu_refresh(&m->cpu);
    machine_enter(m, access_vectors[_i].mode);
    uint64_t rip = m->cpu.s.rip;
    machine_code(m, access_vectors[_i].code);
    if (access_vectors[_i].error >= 0) {
        machine_expect_fault(m, X64_FAULT_PF, access_vectors[_i].error, rip);
        ck_assert_uint_eq(m->cpu.s.cr2, PROTECTED);
    } else {
        machine_step(m);
        ck_assert_uint_eq(m->cpu.s.rip, rip + 3);
    }
}
END_TEST

/* The TLB holds the page's key, not its rights: WRPKRU counts at once. */
START_TEST(test_protection_key_outlives_the_tlb)
{
    gpr[X64_RBX] = PROTECTED;
    gpr[X64_RCX] = gpr[X64_RDX] = 0;
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, LOAD " " WRPKRU " " LOAD);
    machine_step(m);
    gpr[X64_RAX] = DENY_ALL;
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.pkru, DENY_ALL);
    machine_expect_fault(m, X64_FAULT_PF, 0x25, MACHINE_USER_CODE + 6);
}
END_TEST

static const struct {
    const char *code;
    uint32_t ecx, edx;
    bool pke;
    enum x64_fault fault;
} register_vectors[] = {
    {RDPKRU, 0, 7, true, X64_FAULT_NONE}, {RDPKRU, 1, 0, true, X64_FAULT_GP},
    {RDPKRU, 0, 0, false, X64_FAULT_UD},  {WRPKRU, 0, 0, true, X64_FAULT_NONE},
    {WRPKRU, 0, 1, true, X64_FAULT_GP},   {WRPKRU, 1, 0, true, X64_FAULT_GP},
    {WRPKRU, 0, 0, false, X64_FAULT_UD},
};

START_TEST(test_protection_key_register)
{
    enum x64_fault fault = register_vectors[_i].fault;
    if (!register_vectors[_i].pke)
        m->cpu.s.cr4 &= ~X64I_CR4_PKE;
    m->cpu.s.pkru = 0x55555554;
    machine_enter(m, MACHINE_USER_64);
    gpr[X64_RAX] = 0xffffffff55555554;
    gpr[X64_RCX] = register_vectors[_i].ecx;
    gpr[X64_RDX] = register_vectors[_i].edx;
    machine_code(m, register_vectors[_i].code);
    if (fault == X64_FAULT_NONE) {
        machine_step(m);
        ck_assert_uint_eq(m->cpu.s.pkru, 0x55555554);
        ck_assert_uint_eq(gpr[X64_RDX], 0);
        if (register_vectors[_i].edx)
            ck_assert_uint_eq(gpr[X64_RAX], 0x55555554);
    } else {
        machine_expect_fault(m, fault, fault == X64_FAULT_GP ? 0 : -1, MACHINE_USER_CODE);
    }
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *protection_key_suite(void)
{
    Suite *suite = suite_create("protection_key");
    TCase *tests = tcase_create("protection_key");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_protection_key_stops_accesses, 0, COUNT(access_vectors));
    tcase_add_test(tests, test_protection_key_outlives_the_tlb);
    tcase_add_loop_test(tests, test_protection_key_register, 0, COUNT(register_vectors));
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(protection_key_suite())
