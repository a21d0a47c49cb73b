/* SPDX-License-Identifier: MIT */
/*
 * What the host cannot be asked about x87 and MMX: #NM and #UD by CR0, when #MF comes, the pointers
 * of the models, and the environment's formats. SDM vol. 1, chapter 8, and vol. 2A, table 2-21.
 */
#include "cpu/support/machine.h"
#include "support/suite.h"

#include <string.h>

#define AREA        MACHINE_SCRATCH
#define UNMASK_ZERO 0x37bu /* FCW: divisions by zero are not masked */
#define ES          0x8080u
#define DIVIDE      "d8 f1" /* fdiv st0, st1 */

static struct machine *m;
static struct x64i_cpu_state *s;

static void open_machine(const char *model)
{
    m = machine_create(model);
    s = &m->cpu.s;
    s->cr0 |= X64I_CR0_NE | X64I_CR0_MP;
    s->gpr[X64_RBX] = AREA;
    s->fpu_control = 0x37f;
    s->fpu_status = 0;
    s->fpu_tag = 0xfff0; /* ST(0) = 1, ST(1) = 0 */
    s->fpu[0].significand = 1ull << 63;
    s->fpu[0].exponent_sign = 0x3fff;
    s->fpu[1].significand = s->fpu[1].exponent_sign = 0;
}

static void setup(void)
{
    open_machine("golden_cove");
}

static void teardown(void)
{
    machine_destroy(m);
}

static void run(const char *code)
{
    machine_enter(m, MACHINE_KERNEL_64);
    machine_code(m, code);
    machine_step(m);
}

static bool faulted(enum x64_fault fault)
{
    return s->rip == machine_handler(fault);
}

/* Which exception CR0 makes of an instruction. */
#define NONE 0xff
static const struct {
    const char *code;
    uint64_t cr0; /* of EM, MP, TS */
    uint8_t fault;
} cr0_vectors[] = {
    {"d8 c1" /* fadd */, 0, NONE},
    {"d8 c1", X64I_CR0_EM, X64_FAULT_NM},
    {"d8 c1", X64I_CR0_TS, X64_FAULT_NM},
    {"df e0" /* fnstsw ax */, X64I_CR0_TS, X64_FAULT_NM},
    {"db e3" /* fninit */, X64I_CR0_EM, X64_FAULT_NM},
    {"9b" /* fwait */, X64I_CR0_TS, NONE},
    {"9b", X64I_CR0_TS | X64I_CR0_MP, X64_FAULT_NM},
    {"9b", X64I_CR0_MP, NONE},
    {"0f fc c1" /* paddb mm0, mm1 */, 0, NONE},
    {"0f fc c1", X64I_CR0_EM, X64_FAULT_UD},
    {"0f fc c1", X64I_CR0_TS, X64_FAULT_NM},
    {"0f 77" /* emms */, X64I_CR0_EM, X64_FAULT_UD},
};

START_TEST(test_x87_availability)
{
    s->cr0 &= ~(X64I_CR0_EM | X64I_CR0_MP | X64I_CR0_TS);
    s->cr0 |= cr0_vectors[_i].cr0;
    run(cr0_vectors[_i].code);
    for (unsigned fault = 0; fault < 32; fault++)
        ck_assert_msg(faulted((enum x64_fault)fault) == (fault == cr0_vectors[_i].fault),
                      "%s: vector %u", cr0_vectors[_i].code, fault);
}
END_TEST

/* An unmasked exception waits for the next instruction that looks: 8.7. */
static const struct {
    const char *code;
    bool waits; /* it raises #MF */
} pending_vectors[] = {
    {"9b" /* fwait */, true},        {"d8 c1" /* fadd */, true},
    {"d9 d0" /* fnop */, true},      {"d9 2b" /* fldcw */, true},
    {"d9 23" /* fldenv */, true},    {"0f fc c1" /* paddb */, true},
    {"0f 77" /* emms */, true},      {"df e0" /* fnstsw */, false},
    {"d9 3b" /* fnstcw */, false},   {"db e2" /* fnclex */, false},
    {"db e3" /* fninit */, false},   {"d9 33" /* fnstenv */, false},
    {"dd 33" /* fnsave */, false},   {"0f ae 03" /* fxsave */, false},
    {"0f 58 c1" /* addps */, false}, {"90" /* nop */, false},
};

START_TEST(test_x87_exception_waits)
{
    s->fpu_control = UNMASK_ZERO;
    run(DIVIDE);
    ck_assert_uint_eq(s->rip, MACHINE_KERNEL_CODE + 2); /* not yet */
    ck_assert_uint_eq(s->fpu_status, ES | 4);
    ck_assert_uint_eq(s->fpu[0].exponent_sign, 0x3fff); /* and there is no result */
    run(pending_vectors[_i].code);
    ck_assert_msg(faulted(X64_FAULT_MF) == pending_vectors[_i].waits, "%s",
                  pending_vectors[_i].code);
}
END_TEST

/* With CR0.NE clear the exception is not the CPU's to raise. */
START_TEST(test_x87_exception_is_ignored_without_ne)
{
    s->cr0 &= ~X64I_CR0_NE;
    s->fpu_control = UNMASK_ZERO;
    run(DIVIDE);
    ck_assert_uint_eq(s->fpu_status, ES | 4);
    run("d8 c1");
    ck_assert_uint_eq(s->rip, MACHINE_KERNEL_CODE + 2);
}
END_TEST

/* FIP follows every instruction, FOP and FDP only exceptions, where the model says so. */
START_TEST(test_x87_pointers_of_intel)
{
    run("dc 33"); /* fdiv qword [rbx]: 1 / 0, masked */
    ck_assert_uint_eq(s->fpu_status, 4);
    ck_assert_uint_eq(s->fpu_instruction, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(s->fpu_data, 0);
    ck_assert_uint_eq(s->fpu_opcode, 0);
    teardown();
    open_machine("golden_cove");
    s->fpu_control = UNMASK_ZERO;
    run("dc 33");
    ck_assert_uint_eq(s->fpu_data, AREA);
    ck_assert_uint_eq(s->fpu_opcode, 0x433);
    ck_assert_uint_eq(s->fpu_code_segment, 0);
}
END_TEST

START_TEST(test_x87_pointers_of_amd)
{
    teardown();
    open_machine("zen3");
    s->fpu_control = UNMASK_ZERO; /* FXSAVE tells of them while an exception waits */
    run("dc 33");
    ck_assert_uint_eq(s->fpu_instruction, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(s->fpu_data, AREA);
    ck_assert_uint_eq(s->fpu_opcode, 0x433);
    ck_assert_uint_eq(s->fpu_code_segment, SELECTOR_KERNEL_CODE);
    ck_assert_uint_eq(s->fpu_data_segment, SELECTOR_KERNEL_DATA);
    run("0f ae 03"); /* fxsave, 32-bit pointers */
    ck_assert_uint_eq(machine_read(m, AREA + 8, 8),
                      MACHINE_KERNEL_CODE | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    ck_assert_uint_eq(machine_read(m, AREA + 16, 8), AREA | (uint64_t)SELECTOR_KERNEL_DATA << 32);
}
END_TEST

static void fill_pointers(void)
{
    s->fpu_instruction = 0x123456789abc;
    s->fpu_data = 0xfedcba987654;
    s->fpu_opcode = 0x5a5;
}

/* Figure 8-9: 32-bit protected mode. Tags say 0 valid, 1 zero, 3 empty; all is masked behind it. */
START_TEST(test_x87_environment_32)
{
    static const uint32_t expected[7] = {0xffff037b, 0xffff0000, 0xfffffff4, 0x56789abc,
                                         0x05a50000, 0xba987654, 0xffff0000};
    fill_pointers();
    s->fpu_control = 0x37b;
    run("d9 33"); /* fnstenv [rbx] */
    for (unsigned i = 0; i < 7; i++)
        ck_assert_uint_eq(machine_read(m, AREA + 4 * i, 4), expected[i]);
    ck_assert_uint_eq(s->fpu_control, 0x37f);
}
END_TEST

/* Figure 8-11: 16-bit protected mode. */
START_TEST(test_x87_environment_16)
{
    static const uint16_t expected[7] = {0x37b, 0, 0xfff4, 0x9abc, 0, 0x7654, 0};
    fill_pointers();
    s->fpu_control = 0x37b;
    machine_write(m, AREA + 14, 2, 0xeeee);
    run("66 d9 33");
    for (unsigned i = 0; i < 7; i++)
        ck_assert_uint_eq(machine_read(m, AREA + 2 * i, 2), expected[i]);
    ck_assert_uint_eq(machine_read(m, AREA + 14, 2), 0xeeee);
}
END_TEST

/* FNSAVE and FRSTOR, across a page's end, too. */
START_TEST(test_x87_save_and_restore)
{
    static const char *const codes[] = {"dd 33 dd 23", "66 dd 33 66 dd 23"};
    const uint64_t areas[] = {AREA, AREA + 0x1000 - 37};
    s->gpr[X64_RBX] = areas[_i % 2];
    s->fpu_status = 0x2b41; /* TOP 5, some codes, IE and SF */
    s->fpu_tag = 0x03f0;
    for (unsigned i = 0; i < 8; i++) {
        s->fpu[i].significand = 0x8000000000000000ull | i * 0x1111ull;
        s->fpu[i].exponent_sign = 0x4000 + i;
    }
    struct x64i_cpu_state before = *s;
    machine_enter(m, MACHINE_KERNEL_64);
    machine_code(m, codes[_i / 2]);
    machine_step(m);
    ck_assert_uint_eq(s->fpu_tag, 0xffff);
    ck_assert_uint_eq(s->fpu_control, 0x37f);
    ck_assert_uint_eq(s->fpu_status, 0);
    memset(s->fpu, 0, sizeof s->fpu);
    machine_step(m);
    ck_assert_mem_eq(s->fpu, before.fpu, sizeof s->fpu);
    ck_assert_uint_eq(s->fpu_tag, before.fpu_tag);
    ck_assert_uint_eq(s->fpu_status, before.fpu_status);
}
END_TEST

/* An image whose end cannot be written is not begun. */
START_TEST(test_x87_save_is_all_or_nothing)
{
    s->gpr[X64_RBX] = AREA + 0x1000 - 60;
    machine_write(m, AREA + 0x1000 - 60, 8, 0x1234);
    machine_protect(m, AREA + 0x1000);
    machine_code(m, "dd 33");
    machine_expect_fault(m, X64_FAULT_PF, X64_PF_PRESENT | X64_PF_WRITE, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(machine_read(m, AREA + 0x1000 - 60, 8), 0x1234);
    ck_assert_uint_eq(s->fpu_tag, 0xfff0);
}
END_TEST

/* MMX writes: all registers in use, TOP 0, the exponent all ones; EMMS empties them. */
START_TEST(test_x87_registers_under_mmx)
{
    s->fpu_status = 0x1800;
    s->gpr[X64_RAX] = 0x123456789abcdef0;
    run("48 0f 6e e8"); /* movq mm5, rax */
    ck_assert_uint_eq(s->fpu[5].significand, 0x123456789abcdef0);
    ck_assert_uint_eq(s->fpu[5].exponent_sign, 0xffff);
    ck_assert_uint_eq(s->fpu_tag, 0);
    ck_assert_uint_eq(s->fpu_status, 0);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_X87, 5), 1);
    run("0f 77");
    ck_assert_uint_eq(s->fpu_tag, 0xffff);
}
END_TEST

/* Conversions from memory: where they are MMX instructions, #MF comes first and TOP becomes 0. */
static const struct {
    const char *model;
    const char *code;
    bool is_mmx;
} convert_vectors[] = {
    {"golden_cove", "0f 2a 03" /* cvtpi2ps xmm0, [rbx] */, true}, {"zen3", "0f 2a 03", false},
    {"golden_cove", "66 0f 2a 03" /* cvtpi2pd */, false},         {"zen3", "66 0f 2a 03", false},
    {"golden_cove", "0f 2d 03" /* cvtps2pi mm0, [rbx] */, true},  {"zen3", "0f 2d 03", true},
};

START_TEST(test_x87_conversions_from_memory)
{
    for (unsigned pending = 0; pending < 2; pending++) {
        teardown();
        open_machine(convert_vectors[_i].model);
        s->fpu_status = 0x1800;
        s->fpu_control = UNMASK_ZERO;
        if (pending)
            s->fpu_status |= ES | 4;
        run(convert_vectors[_i].code);
        bool is_mmx = convert_vectors[_i].is_mmx;
        ck_assert_msg(faulted(X64_FAULT_MF) == (is_mmx && pending), "%s: %s, pending %u",
                      convert_vectors[_i].model, convert_vectors[_i].code, pending);
        ck_assert_uint_eq(s->fpu_tag, is_mmx && !pending ? 0 : 0xfff0);
        ck_assert_uint_eq(s->fpu_status & 0x3800, is_mmx && !pending ? 0 : 0x1800);
    }
}
END_TEST

/* In compatibility mode the same bytes do the same. */
START_TEST(test_x87_in_compatibility_mode)
{
    machine_enter(m, MACHINE_KERNEL_32);
    machine_code(m, "d9 eb dd 1b"); /* fldpi; fstp qword [ebx] */
    machine_step(m);
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, AREA, 8), 0x400921fb54442d18);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *x87_suite(void)
{
    Suite *suite = suite_create("x87");
    TCase *tests = tcase_create("x87");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_x87_availability, 0, COUNT(cr0_vectors));
    tcase_add_loop_test(tests, test_x87_exception_waits, 0, COUNT(pending_vectors));
    tcase_add_test(tests, test_x87_exception_is_ignored_without_ne);
    tcase_add_test(tests, test_x87_pointers_of_intel);
    tcase_add_test(tests, test_x87_pointers_of_amd);
    tcase_add_test(tests, test_x87_environment_32);
    tcase_add_test(tests, test_x87_environment_16);
    tcase_add_loop_test(tests, test_x87_save_and_restore, 0, 4);
    tcase_add_test(tests, test_x87_save_is_all_or_nothing);
    tcase_add_test(tests, test_x87_registers_under_mmx);
    tcase_add_loop_test(tests, test_x87_conversions_from_memory, 0, COUNT(convert_vectors));
    tcase_add_test(tests, test_x87_in_compatibility_mode);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(x87_suite())
