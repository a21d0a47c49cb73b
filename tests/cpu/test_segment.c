/* SPDX-License-Identifier: MIT */
/* Segment registers, LDTR and TR, and asking for descriptors: SDM vol. 3A, 3.4, 5.3-5.8; vol. 2. */
#include "cpu/support/machine.h"
#include "support/suite.h"

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
#define UDS     SELECTOR_USER_DATA
#define KDS     SELECTOR_KERNEL_DATA
#define ROWS(t) ((int)(sizeof(t) / sizeof((t)[0])))

/* MOV to each segment register from AX. */
static const char *const mov_code[] = {
    [X64_ES] = "8e c0", [X64_CS] = "8e c8", [X64_SS] = "8e d0",
    [X64_DS] = "8e d8", [X64_FS] = "8e e0", [X64_GS] = "8e e8",
};

/* Vol. 2B, MOV: what may be loaded where; fault -1 for nothing wrong. */
static const struct {
    const char *name;
    enum machine_mode mode;
    enum x64_segment_register index;
    uint16_t selector;
    int fault;
    uint32_t error_code;
} load_rows[] = {
    {"null DS", K64, X64_DS, 0, -1, 0},
    {"null ES with RPL", U64, X64_ES, 3, -1, 0},
    {"null FS", U64, X64_FS, 0, -1, 0},
    {"null SS at CPL 0", K64, X64_SS, 0, -1, 0},
    {"null SS of another RPL", K64, X64_SS, 3, X64_FAULT_GP, 0},
    {"null SS at CPL 3", U64, X64_SS, 3, X64_FAULT_GP, 0},
    {"null SS in compatibility mode", K32, X64_SS, 0, X64_FAULT_GP, 0},
    {"user data", U64, X64_GS, UDS | 3, -1, 0},
    {"user data, RPL 0", U64, X64_DS, UDS, -1, 0},
    {"user data for the kernel", K64, X64_DS, UDS | 3, -1, 0},
    {"kernel data for the user", U64, X64_DS, KDS, X64_FAULT_GP, KDS},
    {"kernel data by RPL 3", K64, X64_DS, KDS | 3, X64_FAULT_GP, KDS},
    {"beyond the GDT", K64, X64_DS, 0xe8, X64_FAULT_GP, 0xe8},
    {"in the LDT", U64, X64_DS, SELECTOR_IN_LDT | 3, -1, 0},
    {"beyond the LDT", U64, X64_DS, 0x17, X64_FAULT_GP, 0x14},
    {"readable code", U64, X64_ES, SELECTOR_USER_CODE | 3, -1, 0},
    {"execute-only code", K64, X64_ES, SELECTOR_EXECUTE_ONLY, X64_FAULT_GP, SELECTOR_EXECUTE_ONLY},
    {"conforming code of inner DPL", U64, X64_FS, SELECTOR_CONFORMING | 3, -1, 0},
    {"kernel code for the user", U64, X64_FS, SELECTOR_KERNEL_CODE, X64_FAULT_GP,
     SELECTOR_KERNEL_CODE},
    {"a TSS", K64, X64_DS, SELECTOR_TSS, X64_FAULT_GP, SELECTOR_TSS},
    {"a call gate", U64, X64_DS, SELECTOR_CALL_GATE | 3, X64_FAULT_GP, SELECTOR_CALL_GATE},
    {"absent data", U64, X64_DS, SELECTOR_ABSENT_DATA | 3, X64_FAULT_NP, SELECTOR_ABSENT_DATA},
    {"read-only data", U64, X64_DS, SELECTOR_READ_ONLY | 3, -1, 0},
    {"SS", U64, X64_SS, UDS | 3, -1, 0},
    {"SS in the LDT", U32, X64_SS, SELECTOR_IN_LDT | 3, -1, 0},
    {"SS of another RPL", U64, X64_SS, UDS, X64_FAULT_GP, UDS},
    {"SS of another DPL", K64, X64_SS, UDS, X64_FAULT_GP, UDS},
    {"SS read-only", U64, X64_SS, SELECTOR_READ_ONLY | 3, X64_FAULT_GP, SELECTOR_READ_ONLY},
    {"SS is code", K64, X64_SS, SELECTOR_KERNEL_CODE, X64_FAULT_GP, SELECTOR_KERNEL_CODE},
    {"SS absent", U64, X64_SS, SELECTOR_ABSENT_DATA | 3, X64_FAULT_SS, SELECTOR_ABSENT_DATA},
    {"SS beyond the GDT", U64, X64_SS, 0xeb, X64_FAULT_GP, 0xe8},
    {"CS", K64, X64_CS, SELECTOR_KERNEL_CODE, X64_FAULT_UD, 0},
};

START_TEST(test_segment_load)
{
    enum x64_segment_register index = load_rows[_i].index;
    machine_enter(m, load_rows[_i].mode);
    struct x64i_cpu_state before = m->cpu.s;
    m->cpu.s.gpr[X64_RAX] = load_rows[_i].selector;
    machine_code(m, mov_code[index]);
    machine_step(m);
    if (load_rows[_i].fault < 0) {
        ck_assert_msg(m->cpu.s.rip == before.rip + 2, "%s", load_rows[_i].name);
        ck_assert_uint_eq(m->cpu.s.segment[index].selector, load_rows[_i].selector);
        return;
    }
    ck_assert_msg(m->cpu.s.rip == machine_handler((unsigned)load_rows[_i].fault), "%s",
                  load_rows[_i].name);
    if (load_rows[_i].fault != X64_FAULT_UD)
        ck_assert_msg(machine_read(m, m->cpu.s.gpr[X64_RSP], 8) == load_rows[_i].error_code,
                      "%s: error code 0x%llx", load_rows[_i].name,
                      (unsigned long long)machine_read(m, m->cpu.s.gpr[X64_RSP], 8));
    if (index != X64_SS && index != X64_CS)
        ck_assert_uint_eq(m->cpu.s.segment[index].selector, before.segment[index].selector);
}
END_TEST

START_TEST(test_segment_needs_an_ldt)
{
    machine_load_segment(m, X64_LDTR, 0);
    m->cpu.s.gpr[X64_RAX] = SELECTOR_IN_LDT;
    machine_code(m, mov_code[X64_DS]);
    machine_expect_fault(m, X64_FAULT_GP, SELECTOR_IN_LDT, MACHINE_KERNEL_CODE);
}
END_TEST

/* 3.4.5.1: the accessed bit is written when it is clear, and only then. */
START_TEST(test_segment_accessed_bit)
{
    m->cpu.s.gpr[X64_RAX] = SELECTOR_READ_ONLY;
    uint64_t raw = machine_descriptor(m, SELECTOR_READ_ONLY);
    ck_assert_uint_eq(raw & 1ull << 40, 1ull << 40);
    machine_set_descriptor(m, SELECTOR_READ_ONLY, raw & ~(1ull << 40));
    machine_code(m, "8e d8 8e d8");
    machine_step(m);
    ck_assert_uint_eq(machine_descriptor(m, SELECTOR_READ_ONLY), raw);
    ck_assert_uint_eq(m->cpu.s.segment[X64_DS].attributes & X64I_SEGMENT_ACCESSED, 1);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_MEMORY_WRITE, -1), 1);
    machine_step(m);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_MEMORY_WRITE, -1), 0);
}
END_TEST

START_TEST(test_segment_accessed_bit_in_read_only_page)
{
    uint64_t raw = machine_descriptor(m, SELECTOR_READ_ONLY);
    machine_set_descriptor(m, SELECTOR_READ_ONLY, raw & ~(1ull << 40));
    machine_protect(m, MACHINE_GDT);
    m->cpu.s.gpr[X64_RAX] = SELECTOR_READ_ONLY;
    machine_code(m, "8e d8");
    machine_expect_fault(m, X64_FAULT_PF, X64_PF_PRESENT | X64_PF_WRITE, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(m->cpu.s.cr2, MACHINE_GDT + SELECTOR_READ_ONLY + 5);
    ck_assert_uint_eq(m->cpu.s.segment[X64_DS].selector, KDS);
}
END_TEST

/* 3.4.2.1 and 5.3.1: base and limit count in compatibility mode; in 64-bit mode FS's base does. */
START_TEST(test_segment_hidden_part)
{
    machine_enter(m, K32);
    m->cpu.s.gpr[X64_RAX] = SELECTOR_KERNEL_DATA_32;
    m->cpu.s.gpr[X64_RBX] = 0xffc;
    machine_write(m, MACHINE_SCRATCH + 0xffc, 4, 0x12345678);
    machine_code(m, "8e e0 64 8b 0b 43 64 8b 0b"); /* mov fs, ax; mov ecx, fs:[ebx]; inc ebx; ... */
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.segment[X64_FS].limit, 0xfff);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RCX], 0x12345678);
    machine_step(m);
    machine_expect_fault(m, X64_FAULT_GP, 0, MACHINE_KERNEL_CODE + 6);
}
END_TEST

START_TEST(test_segment_limit_is_ignored_in_64_bits)
{
    m->cpu.s.gpr[X64_RAX] = SELECTOR_KERNEL_DATA_32;
    m->cpu.s.gpr[X64_RBX] = 0x20ffd;
    machine_write(m, MACHINE_SCRATCH + 0x20ffd, 4, 0x12345678);
    machine_write(m, 0x20ffd, 4, 0x9abcdef0);
    machine_code(m, "8e e0 8e d8 64 8b 0b 8b 13"); /* mov fs, ax; mov ds, ax; fs:[rbx]; [rbx] */
    for (unsigned i = 0; i < 4; i++)
        machine_step(m);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RCX], 0x12345678);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RDX], 0x9abcdef0);
}
END_TEST

/* Null FS and GS: AMD's CPUs before Zen 2 keep the base, all others clear it. */
START_TEST(test_segment_null_base)
{
    struct x64i_cpu_model older = *m->cpu.model;
    older.behaviour.null_selector_clears_base = _i;
    m->cpu.model = &older;
    m->cpu.s.segment[X64_FS].base = 0x7000;
    m->cpu.s.gpr[X64_RAX] = 0;
    machine_code(m, "8e e0");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.segment[X64_FS].base, _i ? 0 : 0x7000);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_SEGMENT_BASE, X64_FS), (unsigned)_i);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_SEGMENT, X64_FS)->old, KDS);
}
END_TEST

/* Vol. 2B, MOV: registers take the selector zero-extended, memory 16 bits of it. */
START_TEST(test_segment_store)
{
    m->cpu.s.gpr[X64_RAX] = ~0ull;
    m->cpu.s.gpr[X64_RCX] = ~0ull;
    m->cpu.s.gpr[X64_RDX] = ~0ull;
    m->cpu.s.gpr[X64_RBX] = MACHINE_SCRATCH;
    machine_write(m, MACHINE_SCRATCH, 8, ~0ull);
    /* mov eax, ds; mov rcx, cs; mov dx, ss; mov [rbx], ss */
    machine_code(m, "8c d8 48 8c c9 66 8c d2 8c 13");
    for (unsigned i = 0; i < 4; i++)
        machine_step(m);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], KDS);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RCX], SELECTOR_KERNEL_CODE);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RDX], 0xffffffffffff0000 | KDS);
    ck_assert_uint_eq(machine_read(m, MACHINE_SCRATCH, 8), 0xffffffffffff0000 | KDS);
}
END_TEST

static const struct {
    const char *push, *pop;
    enum machine_mode mode;
    unsigned size;
} stack_rows[] = {
    {"0f a0", "0f a9", U64, 8},       /* push fs; pop gs */
    {"66 0f a0", "66 0f a9", U64, 2}, /* the same, 16 bits */
    {"0f a0", "0f a9", U32, 4},
    {"1e", "07", U32, 4},       /* push ds; pop es */
    {"66 1e", "66 07", U32, 2}, /* the same, 16 bits */
    {"0e", "1f", U32, 4},       /* push cs; pop ds */
    {"16", "17", U32, 4},       /* push ss; pop ss */
};

START_TEST(test_segment_push_and_pop)
{
    machine_enter(m, stack_rows[_i].mode);
    bool short_move =
        stack_rows[_i].size == 4 && m->cpu.model->behaviour.push_segment_moves_16_bits;
    machine_write(m, MACHINE_USER_STACK - 8, 8, 0);
    machine_write(m, MACHINE_USER_STACK - 2, 2, 0xcccc);
    machine_code(m, stack_rows[_i].push);
    machine_step(m);
    if (stack_rows[_i].size > 2)
        ck_assert_uint_eq(machine_read(m, MACHINE_USER_STACK - 2, 2), short_move ? 0xcccc : 0);
    machine_write(m, MACHINE_USER_STACK - 2, stack_rows[_i].size == 4 ? 2 : 0, 0);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_USER_STACK - stack_rows[_i].size);
    uint64_t pushed = machine_read(m, m->cpu.s.gpr[X64_RSP], stack_rows[_i].size);
    ck_assert(pushed == (UDS | 3) || pushed == (SELECTOR_USER_CODE_32 | 3));
    machine_write(m, m->cpu.s.gpr[X64_RSP], 2, UDS | 3);
    uint64_t rip = m->cpu.s.rip;
    machine_code(m, stack_rows[_i].pop);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, rip + m->cpu.step.length);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_USER_STACK);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_SEGMENT, -1), 1);
}
END_TEST

START_TEST(test_segment_pop_that_faults_keeps_rsp)
{
    m->cpu.s.gpr[X64_RSP] -= 8;
    machine_write(m, m->cpu.s.gpr[X64_RSP], 8, SELECTOR_TSS);
    machine_code(m, "0f a9");
    machine_expect_fault(m, X64_FAULT_GP, SELECTOR_TSS, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(machine_read(m, m->cpu.s.gpr[X64_RSP] + 32, 8), MACHINE_KERNEL_STACK - 8);
}
END_TEST

/* Vol. 2A, LDS/LES/LFS/LGS/LSS from [rbx]. */
static const struct {
    const char *code;
    enum machine_mode mode;
    enum x64_segment_register index;
    unsigned width;
} pointer_rows[] = {
    {"0f b2 03", U64, X64_SS, 32},    {"48 0f b2 03", U64, X64_SS, 64},
    {"66 0f b2 03", U64, X64_SS, 16}, {"48 0f b4 03", U64, X64_FS, 64},
    {"0f b5 03", U64, X64_GS, 32},    {"c5 03", U32, X64_DS, 32},
    {"c4 03", U32, X64_ES, 32},       {"66 c4 03", U32, X64_ES, 16},
};

START_TEST(test_segment_far_pointers)
{
    unsigned width = pointer_rows[_i].width;
    if (width == 64 && !m->cpu.model->behaviour.far_transfer_rex_w)
        width = 32;
    const uint64_t offset = 0x1122334455667788;
    machine_enter(m, pointer_rows[_i].mode);
    m->cpu.s.gpr[X64_RAX] = ~0ull;
    m->cpu.s.gpr[X64_RBX] = MACHINE_USER_DATA;
    machine_write(m, MACHINE_USER_DATA, 8, offset);
    machine_write(m, MACHINE_USER_DATA + width / 8, 2, UDS | 3);
    machine_code(m, pointer_rows[_i].code);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_USER_CODE + m->cpu.step.length);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_SEGMENT, (int)pointer_rows[_i].index)->value,
                      UDS | 3);
    uint64_t expected = width == 64 ? offset : width == 32 ? 0x55667788 : 0xffffffffffff7788;
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], expected);
}
END_TEST

START_TEST(test_segment_far_pointer_that_faults_keeps_the_register)
{
    m->cpu.s.gpr[X64_RAX] = 0x77;
    m->cpu.s.gpr[X64_RBX] = MACHINE_SCRATCH;
    machine_write(m, MACHINE_SCRATCH, 8, (uint64_t)SELECTOR_ABSENT_DATA << 32);
    machine_code(m, "0f b4 03");
    machine_expect_fault(m, X64_FAULT_NP, SELECTOR_ABSENT_DATA, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], 0x77);
}
END_TEST

/* Vol. 2A, LAR and LSL; vol. 2B, VERR and VERW. What ZF says, and LAR's and LSL's answers. */
static const struct {
    enum machine_mode mode;
    uint16_t selector;
    bool lar, lsl, verr, verw;
    uint32_t rights, limit;
} ask_rows[] = {
    {K64, SELECTOR_KERNEL_CODE, 1, 1, 1, 0, 0x00af9b00, 0xffffffff},
    {K64, KDS, 1, 1, 1, 1, 0x00cf9300, 0xffffffff},
    {K64, SELECTOR_KERNEL_DATA_32, 1, 1, 1, 1, 0x00409300, 0xfff},
    {U64, KDS, 0, 0, 0, 0, 0, 0},
    {K64, KDS | 3, 0, 0, 0, 0, 0, 0},
    {U64, UDS | 3, 1, 1, 1, 1, 0x00cff300, 0xffffffff},
    {U64, SELECTOR_READ_ONLY | 3, 1, 1, 1, 0, 0x00cff100, 0xffffffff},
    {U64, SELECTOR_EXECUTE_ONLY | 3, 1, 1, 0, 0, 0x00aff900, 0xffffffff},
    {U64, SELECTOR_CONFORMING | 3, 1, 1, 1, 0, 0x00af9f00, 0xffffffff},
    {U64, SELECTOR_ABSENT_DATA | 3, 1, 1, 1, 1, 0x00cf7300, 0xffffffff},
    {K64, SELECTOR_TSS, 1, 1, 0, 0, 0x00008b00, 0x67},
    {K64, SELECTOR_SPARE_TSS, 1, 1, 0, 0, 0x00008900, 0x67},
    {K64, SELECTOR_LDT, 1, 1, 0, 0, 0x00008200, 0xf},
    {U64, SELECTOR_TSS | 3, 0, 0, 0, 0, 0, 0},
    {U64, SELECTOR_CALL_GATE | 3, 1, 0, 0, 0, 0x0002ec00, 0},
    {K64, 0, 0, 0, 0, 0, 0, 0},
    {K64, 3, 0, 0, 0, 0, 0, 0},
    {K64, 0xe8, 0, 0, 0, 0, 0, 0},
    {K64, 0x14, 0, 0, 0, 0, 0, 0},
    {U64, SELECTOR_IN_LDT | 3, 1, 1, 1, 1, 0x00cff200, 0xffffffff},
};

static bool ask_about(uint16_t selector, const char *code)
{
    uint64_t rip = m->cpu.s.rip;
    m->cpu.s.gpr[X64_RAX] = ~0ull;
    m->cpu.s.gpr[X64_RCX] = 0xabcd0000u | selector;
    m->cpu.s.rflags ^= X64I_ZF;
    machine_code(m, code);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, rip + m->cpu.step.length);
    return m->cpu.s.rflags & X64I_ZF;
}

START_TEST(test_segment_questions)
{
    uint16_t selector = ask_rows[_i].selector;
    machine_enter(m, ask_rows[_i].mode);
    ck_assert_uint_eq(ask_about(selector, "0f 02 c1"), ask_rows[_i].lar); /* lar eax, ecx */
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], ask_rows[_i].lar ? ask_rows[_i].rights : ~0ull);
    ck_assert_uint_eq(ask_about(selector, "0f 03 c1"), ask_rows[_i].lsl); /* lsl eax, ecx */
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], ask_rows[_i].lsl ? ask_rows[_i].limit : ~0ull);
    ck_assert_uint_eq(ask_about(selector, "0f 00 e1"), ask_rows[_i].verr);
    ck_assert_uint_eq(ask_about(selector, "0f 00 e9"), ask_rows[_i].verw);
}
END_TEST

START_TEST(test_segment_questions_by_width)
{
    ck_assert(ask_about(KDS, "66 0f 02 c1"));
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], 0xffffffffffff9300);
    ck_assert(ask_about(KDS, "48 0f 03 c1"));
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], 0xffffffff);
    ck_assert(ask_about(KDS, "66 0f 03 c1"));
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], 0xffffffffffffffff);
}
END_TEST

/* Vol. 2A, ARPL: raises the RPL in the register or memory, in compatibility mode only. */
START_TEST(test_segment_arpl)
{
    machine_enter(m, U32);
    m->cpu.s.gpr[X64_RAX] = 0xffff0010;
    m->cpu.s.gpr[X64_RCX] = 3;
    m->cpu.s.gpr[X64_RBX] = MACHINE_USER_DATA;
    machine_write(m, MACHINE_USER_DATA, 8, 0x5555000000000009);
    machine_code(m, "63 c8 63 0b 63 0b"); /* arpl ax, cx; arpl [ebx], cx, twice */
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], 0xffff0013);
    ck_assert_uint_eq(m->cpu.s.rflags & X64I_ZF, X64I_ZF);
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, MACHINE_USER_DATA, 8), 0x555500000000000b);
    ck_assert_uint_eq(m->cpu.s.rflags & X64I_ZF, X64I_ZF);
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, MACHINE_USER_DATA, 8), 0x555500000000000b);
    ck_assert_uint_eq(m->cpu.s.rflags & X64I_ZF, 0);
}
END_TEST

#define LLDT "0f 00 d0" /* ax */
#define LTR  "0f 00 d8"

/* Vol. 2A, LLDT and LTR; `raw` and `upper` replace the two halves of SPARE_TSS where not 0. */
#define TSS_RAW 0x0000890140000067ull
#define LDT_RAW 0x000082011000000full
static const struct {
    const char *name;
    const char *code;
    enum machine_mode mode;
    uint16_t selector;
    uint64_t raw, upper;
    int fault;
    uint32_t error_code;
} system_rows[] = {
    {"LTR", LTR, K64, SELECTOR_SPARE_TSS, TSS_RAW, 0xffff8000, -1, 0},
    {"LTR in compatibility mode", LTR, K32, SELECTOR_SPARE_TSS, TSS_RAW, 0xffff8000, -1, 0},
    {"LTR, RPL ignored", LTR, K64, SELECTOR_SPARE_TSS | 3, TSS_RAW, 0, -1, 0},
    {"LTR null", LTR, K64, 0, 0, 0, X64_FAULT_GP, 0},
    {"LTR busy", LTR, K64, SELECTOR_TSS, 0, 0, X64_FAULT_GP, SELECTOR_TSS},
    {"LTR in the LDT", LTR, K64, SELECTOR_IN_LDT, 0, 0, X64_FAULT_GP, SELECTOR_IN_LDT},
    {"LTR beyond the GDT", LTR, K64, 0xe8, 0, 0, X64_FAULT_GP, 0xe8},
    {"LTR of data", LTR, K64, KDS, 0, 0, X64_FAULT_GP, KDS},
    {"LTR of an LDT", LTR, K64, SELECTOR_LDT, 0, 0, X64_FAULT_GP, SELECTOR_LDT},
    {"LTR of a 32-bit TSS type", LTR, K64, SELECTOR_SPARE_TSS, TSS_RAW & ~(8ull << 40), 0,
     X64_FAULT_GP, SELECTOR_SPARE_TSS},
    {"LTR absent", LTR, K64, SELECTOR_SPARE_TSS, TSS_RAW & ~(1ull << 47), 0, X64_FAULT_NP,
     SELECTOR_SPARE_TSS},
    {"LTR, base not canonical", LTR, K64, SELECTOR_SPARE_TSS, TSS_RAW, 0x8000, X64_FAULT_GP,
     SELECTOR_SPARE_TSS},
    {"LTR, type in the upper half", LTR, K64, SELECTOR_SPARE_TSS, TSS_RAW, 0x1ull << 40,
     X64_FAULT_GP, SELECTOR_SPARE_TSS},
    {"LTR in user mode", LTR, U64, SELECTOR_SPARE_TSS, TSS_RAW, 0, X64_FAULT_GP, 0},
    {"LLDT", LLDT, K64, SELECTOR_SPARE_TSS, LDT_RAW, 0xffff8000, -1, 0},
    {"LLDT null", LLDT, K64, 0, 0, 0, -1, 0},
    {"LLDT in the LDT", LLDT, K64, SELECTOR_IN_LDT, 0, 0, X64_FAULT_GP, SELECTOR_IN_LDT},
    {"LLDT of a TSS", LLDT, K64, SELECTOR_SPARE_TSS, TSS_RAW, 0, X64_FAULT_GP, SELECTOR_SPARE_TSS},
    {"LLDT absent", LLDT, K64, SELECTOR_SPARE_TSS, LDT_RAW & ~(1ull << 47), 0, X64_FAULT_NP,
     SELECTOR_SPARE_TSS},
    {"LLDT beyond the GDT", LLDT, K64, 0xe8, 0, 0, X64_FAULT_GP, 0xe8},
    {"LLDT, base not canonical", LLDT, K64, SELECTOR_SPARE_TSS, LDT_RAW, 0x8000, X64_FAULT_GP,
     SELECTOR_SPARE_TSS},
    {"LLDT in user mode", LLDT, U64, SELECTOR_SPARE_TSS, LDT_RAW, 0, X64_FAULT_GP, 0},
};

START_TEST(test_segment_system_loads)
{
    bool task = system_rows[_i].code[7] == '8';
    machine_enter(m, system_rows[_i].mode);
    uint64_t rip = m->cpu.s.rip;
    if (system_rows[_i].raw) {
        machine_set_descriptor(m, SELECTOR_SPARE_TSS, system_rows[_i].raw);
        machine_set_descriptor(m, SELECTOR_SPARE_TSS + 8, system_rows[_i].upper);
    }
    m->cpu.s.gpr[X64_RAX] = system_rows[_i].selector;
    machine_code(m, system_rows[_i].code);
    if (system_rows[_i].fault >= 0) {
        machine_expect_fault(m, (enum x64_fault)system_rows[_i].fault, system_rows[_i].error_code,
                             rip);
        return;
    }
    machine_step(m);
    const struct x64i_segment *segment = &m->cpu.s.segment[task ? X64_TR : X64_LDTR];
    ck_assert_msg(m->cpu.s.rip == rip + 3, "%s", system_rows[_i].name);
    ck_assert_uint_eq(segment->selector, system_rows[_i].selector);
    uint64_t low = task ? 0x14000 : 0x11000;
    ck_assert_uint_eq(segment->base, system_rows[_i].raw ? system_rows[_i].upper << 32 | low : 0);
    uint64_t raw = system_rows[_i].raw | (task ? 2ull << 40 : 0);
    if (system_rows[_i].raw)
        ck_assert_uint_eq(machine_descriptor(m, SELECTOR_SPARE_TSS), raw);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_SEGMENT, task ? X64_TR : X64_LDTR), 1);
}
END_TEST

/* Vol. 2B, SLDT and STR; CR4.UMIP keeps users from both. */
START_TEST(test_segment_system_stores)
{
    static const struct {
        const char *code;
        uint64_t rax;
    } rows[] = {
        {"0f 00 c0", SELECTOR_LDT},
        {"48 0f 00 c0", SELECTOR_LDT},
        {"66 0f 00 c8", 0xffffffffffff0000 | SELECTOR_TSS},
        {"0f 00 c8", SELECTOR_TSS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        machine_enter(m, U64);
        m->cpu.s.cr4 &= ~X64I_CR4_UMIP;
        m->cpu.s.gpr[X64_RAX] = ~0ull;
        machine_code(m, rows[i].code);
        machine_step(m);
        ck_assert_uint_eq(m->cpu.s.gpr[X64_RAX], rows[i].rax);
        machine_enter(m, U64);
        m->cpu.s.cr4 |= X64I_CR4_UMIP;
        machine_expect_fault(m, X64_FAULT_GP, 0, MACHINE_USER_CODE);
    }
    machine_enter(m, K64);
    m->cpu.s.gpr[X64_RBX] = MACHINE_SCRATCH;
    machine_write(m, MACHINE_SCRATCH, 8, ~0ull);
    machine_code(m, "48 0f 00 0b"); /* str [rbx] */
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, MACHINE_SCRATCH, 8), 0xffffffffffff0000 | SELECTOR_TSS);
}
END_TEST

static TCase *intel_tests(void)
{
    TCase *tests = tcase_create("intel");
    tcase_add_checked_fixture(tests, setup_intel, teardown);
    tcase_add_loop_test(tests, test_segment_load, 0, ROWS(load_rows));
    tcase_add_test(tests, test_segment_needs_an_ldt);
    tcase_add_test(tests, test_segment_accessed_bit);
    tcase_add_test(tests, test_segment_accessed_bit_in_read_only_page);
    tcase_add_test(tests, test_segment_hidden_part);
    tcase_add_test(tests, test_segment_limit_is_ignored_in_64_bits);
    tcase_add_loop_test(tests, test_segment_null_base, 0, 2);
    tcase_add_test(tests, test_segment_store);
    tcase_add_loop_test(tests, test_segment_push_and_pop, 0, ROWS(stack_rows));
    tcase_add_test(tests, test_segment_pop_that_faults_keeps_rsp);
    tcase_add_loop_test(tests, test_segment_far_pointers, 0, ROWS(pointer_rows));
    tcase_add_test(tests, test_segment_far_pointer_that_faults_keeps_the_register);
    tcase_add_loop_test(tests, test_segment_questions, 0, ROWS(ask_rows));
    tcase_add_test(tests, test_segment_questions_by_width);
    tcase_add_test(tests, test_segment_arpl);
    tcase_add_loop_test(tests, test_segment_system_loads, 0, ROWS(system_rows));
    tcase_add_test(tests, test_segment_system_stores);
    return tests;
}

static TCase *amd_tests(void)
{
    TCase *tests = tcase_create("amd");
    tcase_add_checked_fixture(tests, setup_amd, teardown);
    tcase_add_loop_test(tests, test_segment_push_and_pop, 0, ROWS(stack_rows));
    tcase_add_loop_test(tests, test_segment_far_pointers, 0, ROWS(pointer_rows));
    return tests;
}

static Suite *segment_suite(void)
{
    Suite *suite = suite_create("segment");
    suite_add_tcase(suite, intel_tests());
    suite_add_tcase(suite, amd_tests());
    return suite;
}

X64_TEST_MAIN(segment_suite())
