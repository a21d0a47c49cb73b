/* SPDX-License-Identifier: MIT */
/*
 * INVLPG, INVPCID, INVD, WBINVD, WBNOINVD, SERIALIZE, MONITOR and MWAIT: SDM vol. 2, each
 * instruction's page; vol. 3A 4.10.4.1 (what is invalidated), 5.9, 8.10 (waiting).
 */
#include "cpu/support/machine.h"
#include "support/suite.h"

#define GP         X64_FAULT_GP
#define UD         X64_FAULT_UD
#define DESCRIPTOR (MACHINE_SCRATCH + 0x800)
#define PAGE       (MACHINE_SCRATCH + 0x2000)
#define GLOBAL     (MACHINE_SCRATCH + 0x3000) /* a global page */
#define INVPCID    "66 0f 38 82 03"

static struct machine *m;

/* PAGE is translated under PCIDs 1 and 2, GLOBAL once; PCID 1 runs. */
static void setup(void)
{
    m = machine_create("skylake");
    struct x64i_cpu_state *s = &m->cpu.s;
    uint64_t entry = MACHINE_PAGE_TABLE + GLOBAL / 0x1000 * 8;
    machine_write(m, entry, 8, machine_read(m, entry, 8) | 0x100);
    s->cr4 |= X64I_CR4_PCIDE | X64I_CR4_PGE;
    for (uint64_t pcid = 2; pcid >= 1; pcid--) {
        uint64_t physical;
        uint32_t error;
        s->cr3 = MACHINE_ROOT | pcid;
        x64i_cpu_refresh(&m->cpu);
        ck_assert(x64i_mmu_translate(&m->cpu.mmu, PAGE, 0, &physical, &error));
        ck_assert(x64i_mmu_translate(&m->cpu.mmu, GLOBAL, 0, &physical, &error));
    }
    s->gpr[X64_RBX] = DESCRIPTOR;
}

static void teardown(void)
{
    machine_destroy(m);
}

static bool holds(uint64_t linear, uint16_t pcid)
{
    return x64i_tlb_find(&m->cpu.mmu.tlb, linear, pcid) != NULL;
}

START_TEST(test_tlb_instructions_invlpg)
{
    m->cpu.s.gpr[X64_RBX] = PAGE + 0x123;
    machine_code(m, "0f 01 3b");
    machine_step(m);
    ck_assert(!holds(PAGE, 1));
    ck_assert(holds(PAGE, 2));
    ck_assert(holds(GLOBAL, 1));
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_TLB_FLUSH, 1)->value, X64_FLUSH_PAGE);
    m->cpu.s.gpr[X64_RBX] = GLOBAL;
    machine_enter(m, MACHINE_KERNEL_64);
    machine_step(m);
    ck_assert(!holds(GLOBAL, 1));
    ck_assert(!holds(GLOBAL, 2));
}
END_TEST

/* A segment's base counts; an address without a translation or a canonical form is no fault. */
START_TEST(test_tlb_instructions_invlpg_addresses)
{
    m->cpu.s.segment[X64_GS].base = PAGE;
    m->cpu.s.gpr[X64_RBX] = 0;
    machine_code(m, "65 0f 01 3b 0f 01 39 0f 01 3a");
    m->cpu.s.gpr[X64_RCX] = 0x0000800000000000;
    m->cpu.s.gpr[X64_RDX] = 0x7fff00000000;
    machine_step(m);
    ck_assert(!holds(PAGE, 1));
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 7);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_TLB_FLUSH, -1), 0);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 10);
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, "0f 01 3b");
    machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
}
END_TEST

/* Vol. 2, INVPCID: what each type leaves. */
static const struct {
    uint64_t type, pcid;
    bool page_1, page_2, global;
} invpcid_vectors[] = {
    {0, 1, false, true, true},   {0, 2, true, false, true},  {0, 3, true, true, true},
    {1, 2, true, false, true},   {1, 1, false, true, true},  {2, 0, false, false, false},
    {2, 9, false, false, false}, {3, 0, false, false, true},
};

START_TEST(test_tlb_instructions_invpcid)
{
    machine_write(m, DESCRIPTOR, 8, invpcid_vectors[_i].pcid);
    machine_write(m, DESCRIPTOR + 8, 8, PAGE);
    m->cpu.s.gpr[X64_RAX] = invpcid_vectors[_i].type;
    machine_code(m, INVPCID);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 5);
    ck_assert_int_eq(holds(PAGE, 1), invpcid_vectors[_i].page_1);
    ck_assert_int_eq(holds(PAGE, 2), invpcid_vectors[_i].page_2);
    ck_assert_int_eq(holds(GLOBAL, 1), invpcid_vectors[_i].global);
}
END_TEST

/* Vol. 2, INVPCID, type 0: global translations stay, other than with INVLPG. */
START_TEST(test_tlb_instructions_invpcid_of_a_global_page)
{
    machine_write(m, DESCRIPTOR, 8, 1);
    machine_write(m, DESCRIPTOR + 8, 8, GLOBAL);
    m->cpu.s.gpr[X64_RAX] = 0;
    machine_code(m, INVPCID);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 5);
    ck_assert(holds(GLOBAL, 1));
}
END_TEST

/* Vol. 2, INVPCID, exceptions. */
static const struct {
    const char *why;
    uint64_t type, descriptor, linear;
    enum machine_mode mode;
    bool pcide, faults;
} invpcid_faults[] = {
    {"type above 3", 4, 1, PAGE, MACHINE_KERNEL_64, true, true},
    {"type in 64 bits", 1ull << 32, 1, PAGE, MACHINE_KERNEL_64, true, true},
    {"reserved bits", 0, 0x1000, PAGE, MACHINE_KERNEL_64, true, true},
    {"reserved bits, type 3", 3, 1ull << 63, PAGE, MACHINE_KERNEL_64, true, true},
    {"not canonical", 0, 1, 1ull << 47, MACHINE_KERNEL_64, true, true},
    {"not canonical, but unused", 1, 1, 1ull << 47, MACHINE_KERNEL_64, true, false},
    {"a PCID without PCIDE", 0, 1, PAGE, MACHINE_KERNEL_64, false, true},
    {"a PCID without PCIDE", 1, 1, PAGE, MACHINE_KERNEL_64, false, true},
    {"PCID 0 without PCIDE", 1, 0, PAGE, MACHINE_KERNEL_64, false, false},
    {"CPL 3", 0, 1, PAGE, MACHINE_USER_64, true, true},
};

START_TEST(test_tlb_instructions_invpcid_faults)
{
    machine_write(m, DESCRIPTOR, 8, invpcid_faults[_i].descriptor);
    machine_write(m, DESCRIPTOR + 8, 8, invpcid_faults[_i].linear);
    if (!invpcid_faults[_i].pcide) {
        m->cpu.s.cr4 &= ~X64I_CR4_PCIDE;
        m->cpu.s.cr3 = MACHINE_ROOT;
    }
    machine_enter(m, invpcid_faults[_i].mode);
    uint64_t rip = m->cpu.s.rip;
    m->cpu.s.gpr[X64_RAX] = invpcid_faults[_i].type;
    machine_code(m, INVPCID);
    if (invpcid_faults[_i].faults) {
        machine_expect_fault(m, GP, 0, rip);
        ck_assert_uint_eq(machine_count(m, X64_EFFECT_TLB_FLUSH, -1), 0);
    } else {
        machine_step(m);
        ck_assert_msg(m->cpu.s.rip == rip + 5, "%s", invpcid_faults[_i].why);
    }
}
END_TEST

START_TEST(test_tlb_instructions_invpcid_reads_its_descriptor)
{
    machine_unmap(m, MACHINE_SCRATCH);
    m->cpu.s.gpr[X64_RAX] = 9;
    machine_code(m, INVPCID);
    machine_expect_fault(m, X64_FAULT_PF, 0, MACHINE_KERNEL_CODE);
}
END_TEST

/* Caches and serialization: privilege and presence. */
static const struct {
    const char *model;
    const char *code;
    enum machine_mode mode;
    enum x64_fault fault;
} plain_vectors[] = {
    {"skylake", "0f 08", MACHINE_KERNEL_64, X64_FAULT_NONE},
    {"skylake", "0f 08", MACHINE_USER_64, GP},
    {"skylake", "0f 09", MACHINE_KERNEL_64, X64_FAULT_NONE},
    {"skylake", "0f 09", MACHINE_USER_64, GP},
    {"zen3", "f3 0f 09", MACHINE_KERNEL_64, X64_FAULT_NONE},
    {"skylake", "f3 0f 09", MACHINE_KERNEL_64, X64_FAULT_NONE}, /* as WBINVD */
    {"golden_cove", "0f 01 e8", MACHINE_USER_64, X64_FAULT_NONE},
    {"skylake", "0f 01 e8", MACHINE_KERNEL_64, UD},
    {"skylake", "0f 01 c1", MACHINE_KERNEL_64, UD}, /* VMCALL */
    {"skylake", "0f 37", MACHINE_KERNEL_64, UD},    /* GETSEC */
    {"zen3", "0f 01 d9", MACHINE_KERNEL_64, UD},    /* VMMCALL */
    {"zen3", "0f 01 df", MACHINE_KERNEL_64, UD},    /* INVLPGA */
};

START_TEST(test_tlb_instructions_need_privilege_and_feature)
{
    struct machine *other = machine_create(plain_vectors[_i].model);
    machine_enter(other, plain_vectors[_i].mode);
    uint64_t rip = other->cpu.s.rip;
    machine_code(other, plain_vectors[_i].code);
    if (plain_vectors[_i].fault == X64_FAULT_NONE) {
        machine_step(other);
        ck_assert_uint_eq(other->cpu.step.kind, X64_STEP_INSTRUCTION);
        ck_assert_uint_gt(other->cpu.s.rip, rip);
    } else {
        machine_expect_fault(other, plain_vectors[_i].fault, plain_vectors[_i].fault == GP ? 0 : -1,
                             rip);
    }
    machine_destroy(other);
}
END_TEST

/* 8.10.2 and vol. 2, MONITOR and MWAIT. */
START_TEST(test_tlb_instructions_monitor_and_mwait)
{
    struct x64i_cpu_state *s = &m->cpu.s;
    s->rflags |= X64I_IF;
    s->gpr[X64_RAX] = PAGE + 8;
    s->gpr[X64_RCX] = s->gpr[X64_RDX] = 0;
    machine_code(m, "0f 01 c9 0f 01 c8 0f 01 c9");
    machine_step(m);
    ck_assert_uint_eq(s->activity, X64I_ACTIVE); /* not armed */
    machine_step(m);
    ck_assert_uint_eq(s->monitor_address, PAGE + 8);
    machine_step(m);
    ck_assert_uint_eq(s->activity, X64I_WAITING);
    ck_assert_uint_eq(s->rip, MACHINE_KERNEL_CODE + 9);
    ck_assert(!x64i_cpu_step(&m->cpu));
}
END_TEST

START_TEST(test_tlb_instructions_monitor_faults)
{
    static const struct {
        const char *code;
        uint64_t rax, rcx;
        enum machine_mode mode;
        enum x64_fault fault;
        int64_t error;
    } vectors[] = {
        {"0f 01 c8", PAGE, 0, MACHINE_USER_64, UD, -1},
        {"0f 01 c9", 0, 0, MACHINE_USER_64, UD, -1},
        {"0f 01 c8", PAGE, 1, MACHINE_KERNEL_64, GP, 0},
        {"0f 01 c9", 0, 2, MACHINE_KERNEL_64, GP, 0},
        {"0f 01 c8", 0x0000800000000000, 0, MACHINE_KERNEL_64, GP, 0},
        {"0f 01 c8", 0x7fff00000000, 0, MACHINE_KERNEL_64, X64_FAULT_PF, 0},
    };
    machine_enter(m, vectors[_i].mode);
    uint64_t rip = m->cpu.s.rip;
    m->cpu.s.gpr[X64_RAX] = vectors[_i].rax;
    m->cpu.s.gpr[X64_RCX] = vectors[_i].rcx;
    machine_code(m, vectors[_i].code);
    machine_expect_fault(m, vectors[_i].fault, vectors[_i].error, rip);
    ck_assert_uint_eq(m->cpu.s.monitor_address, 0);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *tlb_instructions_suite(void)
{
    Suite *suite = suite_create("tlb_instructions");
    TCase *tests = tcase_create("tlb_instructions");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_tlb_instructions_invlpg);
    tcase_add_test(tests, test_tlb_instructions_invlpg_addresses);
    tcase_add_loop_test(tests, test_tlb_instructions_invpcid, 0, COUNT(invpcid_vectors));
    tcase_add_test(tests, test_tlb_instructions_invpcid_of_a_global_page);
    tcase_add_loop_test(tests, test_tlb_instructions_invpcid_faults, 0, COUNT(invpcid_faults));
    tcase_add_test(tests, test_tlb_instructions_invpcid_reads_its_descriptor);
    tcase_add_loop_test(tests, test_tlb_instructions_need_privilege_and_feature, 0,
                        COUNT(plain_vectors));
    tcase_add_test(tests, test_tlb_instructions_monitor_and_mwait);
    tcase_add_loop_test(tests, test_tlb_instructions_monitor_faults, 0, 6);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(tlb_instructions_suite())
