/* SPDX-License-Identifier: MIT */
/*
 * What Intel's and AMD's processors do otherwise (struct x64i_behaviour): each row runs on a model
 * of either vendor. "Zen 5" as a row's source: seen on such a host by tests/oracle, as the Intel
 * side was on Intel hosts.
 */
#include "cpu/support/machine.h"
#include "cpu/support/vector.h"
#include "cpu/vector.h"
#include "cpu/x87.h"

#include <stdio.h>

#define INTEL   "skylake"
#define AMD     "zen3"
#define ROWS(t) ((int)(sizeof(t) / sizeof((t)[0])))

struct difference {
    const char *text;
    const char *source;
    const char *bytes;
    const char *before;
    const char *intel; /* the state after, see support/vector.h */
    const char *amd;
};

static void run_on(const struct difference *row, const char *model, const char *after)
{
    char text[256];
    (void)snprintf(text, sizeof text, "%s: %s [%s]", model, row->text, row->source);
    const struct vector vector = {text, row->bytes, row->before, after};
    run_vector(&vector, model);
}

/* A prefix 66 of a near branch. AMD's operand is then 16 bits wide: RIP, the immediate, the stack's
 * word; code is at 0x10000, which a RIP of 16 bits leaves. */
#define F64 "SDM vol. 2D, A.2.5, f64; APM vol. 3, 1.2.2"
static const struct difference branches[] = {
    {"data16 jmp rel8", F64, "66eb10", "", "rip=0x13", "rip=0xffffffffffff0013"},
    {"data16 jmp rel32 or rel16", F64, "66e900010000", "", "rip=0x106", "rip=0xffffffffffff0104"},
    {"data16 jz, taken", F64, "667410", "zf=1", "rip=0x13", "rip=0xffffffffffff0013"},
    {"data16 jz, not taken", F64, "667410", "", "", ""},
    {"data16 jmp rax", F64, "66ffe0", "rax=0x18000", "rip=0x8000", "rip=0xffffffffffff8000"},
    {"data16 rex.w jmp rax", F64, "6648ffe0", "rax=0x18000", "rip=0x8000", "rip=0x8000"},
    {"data16 call rel32 or rel16", F64, "66e800010000", "qword[0x2fff8]=0x5555555555555555",
     "rip=0x106 rsp=0x2fff8 qword[0x2fff8]=0x10006",
     "rip=0xffffffffffff0104 rsp=0x2fffe qword[0x2fff8]=0x0004555555555555"},
    {"data16 ret", F64, "66c3", "qword[0x30000]=0x10020", "rip=0x20 rsp=0x30008",
     "rip=0xffffffffffff0020 rsp=0x30002"},
    {"data16 loop", F64, "66e210", "rcx=2", "rip=0x13 rcx=1", "rip=0xffffffffffff0013 rcx=1"},
    /* loop_takes_rep */
    {"repe loopne is loope, equal", "Zen 5", "f3e010", "rcx=5 zf=1", "rcx=4", "rip=0x13 rcx=4"},
    {"repe loopne is loope, not equal", "Zen 5", "f3e010", "rcx=5", "rip=0x13 rcx=4", "rcx=4"},
    {"repne loope is loopne, equal", "Zen 5", "f2e110", "rcx=5 zf=1", "rip=0x13 rcx=4", "rcx=4"},
    {"repne loope is loopne, not equal", "Zen 5", "f2e110", "rcx=5", "rcx=4", "rip=0x13 rcx=4"},
    {"repe loope stays", "Zen 5", "f3e110", "rcx=5 zf=1", "rip=0x13 rcx=4", "rip=0x13 rcx=4"},
    {"the last prefix counts", "Zen 5", "f2f3e010", "rcx=5", "rip=0x14 rcx=4", "rcx=4"},
};

static const struct difference encodings[] = {
    /* pause_takes_rex_b */
    {"rep rex.b 90", "SDM vol. 2B, PAUSE; Zen 5", "f34190", "rax=1 r8=2", "", "rax=2 r8=1"},
    {"rep rex.wb 90", "SDM vol. 2B, PAUSE; Zen 5", "f34990", "rax=0x100000001 r8=0x200000002", "",
     "rax=0x200000002 r8=0x100000001"},
    {"rep 90 is PAUSE", "SDM vol. 2B, PAUSE; APM vol. 3, PAUSE", "f390", "rax=1 r8=2", "", ""},
    /* prefetch_takes_no_register */
    {"prefetchw with a register", "Zen 5; APM vol. 3, PREFETCH", "0f0dc8", "", "", "fault=6"},
    {"prefetch /0 with a register", "Zen 5; APM vol. 3, PREFETCH", "0f0dc0", "", "", "fault=6"},
    {"prefetchw with memory, of no page", "APM vol. 3, PREFETCH", "0f0d08", "rax=0x900000", "", ""},
    /* movsxd_16_reads_32: two bytes before the end of what is mapped */
    {"movsxd ax, [rcx]", "SDM vol. 2B, MOVSX/MOVSXD; Zen 5", "666301",
     "rax=0x5555 rcx=0x3ffffe word[0x1ffffe]=0x8001", "rax=0x8001", "fault=14"},
    {"movsxd ax, [rcx], mapped", "SDM vol. 2B, MOVSX/MOVSXD; Zen 5", "666301",
     "rax=0x70005555 rcx=0x20000 dword[0x20000]=0x12348001", "rax=0x70008001", "rax=0x70008001"},
};

/* MXCSR's bit 17 and what FXSAVE says about it. */
#define MM_SOURCE "SDM vol. 1, 10.2.3 and 11.6.6; APM vol. 1, 4.2.2"
static const struct difference mxcsr[] = {
    {"ldmxcsr with MM", MM_SOURCE, "0fae10", "rax=0x20000 dword[0x20000]=0x21f80", "fault=13", ""},
    {"ldmxcsr with bit 16", MM_SOURCE, "0fae10", "rax=0x20000 dword[0x20000]=0x11f80", "fault=13",
     "fault=13"},
    {"ldmxcsr with bit 18", MM_SOURCE, "0fae10", "rax=0x20000 dword[0x20000]=0x41f80", "fault=13",
     "fault=13"},
    {"fxrstor with MM", MM_SOURCE, "0fae08", "rax=0x20000 dword[0x20018]=0x21f80", "fault=13", ""},
    {"fxsave: MXCSR_MASK", MM_SOURCE, "0fae00", "rax=0x20000", "dword[0x2001c]=0xffff",
     "dword[0x2001c]=0x2ffff"},
};

/* The address size of 32 bits, the flags and the order of two reads. */
#define REP_SOURCE "SDM vol. 2B, REP; Zen 5"
static const struct difference strings[] = {
    {"addr32 rep stosb of nothing", "Zen 5", "67f3aa",
     "rdi=0xffffffff00020000 rcx=0xffffffff00000000", "rdi=0x20000 rcx=0", ""},
    {"addr32 rep lodsb that faults", "Zen 5", "67f3ac",
     "rsi=0xffffffff00900000 rcx=0xffffffff00000001", "rcx=1 fault=14", "fault=14"},
    {"addr32 rep stosb", "Zen 5", "67f3aa", "rdi=0xffffffff00020000 rcx=0xffffffff00000002",
     "rdi=0x20002 rcx=0 steps=2", "rdi=0x20002 rcx=0 steps=2"},
    {"repne scasb that faults in the middle", REP_SOURCE, "f2ae",
     "rdi=0x3fffff rcx=5 rax=1 cf=1 of=1", "rdi=0x400000 rcx=4 fault=14",
     "rdi=0x400000 rcx=4 cf=0 of=0 fault=14"},
    {"repe cmpsb that faults in the middle", REP_SOURCE, "f3a6", "rsi=0x3fffff rdi=0x20000 rcx=5",
     "rsi=0x400000 rdi=0x20001 rcx=4 fault=14",
     "rsi=0x400000 rdi=0x20001 rcx=4 zf=1 pf=1 fault=14"},
    {"cmpsb, no page in front, not canonical behind", "Zen 5", "a6",
     "rsi=0x900000 rdi=0x8000000000000000", "fault=13", "fault=14"},
    {"cmpsb, not canonical in front, no page behind", "Zen 5", "a6",
     "rsi=0x8000000000000000 rdi=0x900000", "fault=14", "fault=13"},
};

/* Nothing is mapped from 0x400000 on: a slot of which two bytes are there, and frames that end
 * before the outer stack's words. */
static const struct difference slots[] = {
    {"pop fs", "Zen 5", "0fa1", "rsp=0x3ffffe", "rsp=0x400006", "fault=14"},
    {"data16 pop fs", "Zen 5", "660fa1", "rsp=0x3ffffe", "rsp=0x400000", "rsp=0x400000"},
    {"lretq: CS's slot, of a null selector", "Zen 5", "48cb", "rsp=0x3ffff6", "fault=13",
     "fault=14"},
    {"lretq: outer stack, of a null selector", "Zen 5", "48cb", "rsp=0x3ffff0 qword[0x1ffff8]=3",
     "fault=13", "fault=14"},
    {"lretq: the same RPL, no outer stack", "Zen 5", "48cb", "rsp=0x3ffff0", "fault=13",
     "fault=13"},
    {"iretq: outer stack, of a null selector", "Zen 5", "48cf", "rsp=0x3fffe8", "fault=13",
     "fault=14"},
};

#define VENDOR_TEST(name, rows)                       \
    START_TEST(name)                                  \
    {                                                 \
        run_on(&(rows)[_i], INTEL, (rows)[_i].intel); \
        run_on(&(rows)[_i], AMD, (rows)[_i].amd);     \
    }                                                 \
    END_TEST
VENDOR_TEST(test_vendor_branches, branches)
VENDOR_TEST(test_vendor_encodings, encodings)
VENDOR_TEST(test_vendor_mxcsr, mxcsr)
VENDOR_TEST(test_vendor_strings, strings)
VENDOR_TEST(test_vendor_slots, slots)

/* The rest needs descriptors, a page's end behind the code, or MXCSR: a machine per vendor. */
static const char *const models[] = {INTEL, AMD};

#define NO_ERROR (-1) /* a fault without an error code */

struct outcome {
    int fault; /* -1: none */
    int error_code;
};

/* Steps once; RIP then is at the fault's handler, or not. */
static void expect(struct machine *m, const char *model, const char *text, struct outcome outcome)
{
    const uint64_t rip = m->cpu.s.rip;
    machine_step(m);
    if (outcome.fault < 0) {
        ck_assert_msg(m->cpu.step.kind == X64_STEP_INSTRUCTION, "%s: %s faults, now at %#llx",
                      model, text, (unsigned long long)m->cpu.s.rip);
        return;
    }
    uint64_t frame = m->cpu.s.gpr[X64_RSP];
    ck_assert_msg(m->cpu.s.rip == machine_handler((unsigned)outcome.fault),
                  "%s: %s: at %#llx, not in the handler of vector %d", model, text,
                  (unsigned long long)m->cpu.s.rip, outcome.fault);
    if (outcome.error_code != NO_ERROR) {
        ck_assert_msg(machine_read(m, frame, 8) == (uint64_t)outcome.error_code,
                      "%s: %s: error code %#llx, not %#x", model, text,
                      (unsigned long long)machine_read(m, frame, 8), (unsigned)outcome.error_code);
        frame += 8;
    }
    ck_assert_msg(machine_read(m, frame, 8) == rip, "%s: %s: another RIP", model, text);
}

/* UD0 and UD1 as a page's last bytes: Intel's processors fetch the ModRM byte behind, and its page
 * is missing (SDM vol. 2B, UD; the AMD side seen on Zen 5). */
#define FETCH X64_PF_INSTRUCTION
static const struct {
    const char *name;
    const char *bytes;
    unsigned length;
    struct outcome outcome[2]; /* of models */
} page_ends[] = {
    {"ud1", "0f b9", 2, {{X64_FAULT_PF, FETCH}, {X64_FAULT_UD, NO_ERROR}}},
    {"ud0", "0f ff", 2, {{X64_FAULT_PF, FETCH}, {X64_FAULT_UD, NO_ERROR}}},
    {"rex.w ud1", "48 0f b9", 3, {{X64_FAULT_PF, FETCH}, {X64_FAULT_UD, NO_ERROR}}},
    {"ud2", "0f 0b", 2, {{X64_FAULT_UD, NO_ERROR}, {X64_FAULT_UD, NO_ERROR}}},
    {"ud1 with its ModRM byte",
     "0f b9 c0",
     3,
     {{X64_FAULT_UD, NO_ERROR}, {X64_FAULT_UD, NO_ERROR}}},
    {"imul without its ModRM byte", "0f af", 2, {{X64_FAULT_PF, FETCH}, {X64_FAULT_PF, FETCH}}},
};

START_TEST(test_vendor_page_end)
{
    for (size_t i = 0; i < 2; i++) {
        struct machine *m = machine_create(models[i]);
        m->cpu.s.rip = MACHINE_KERNEL_CODE + 0x1000 - page_ends[_i].length;
        machine_code(m, page_ends[_i].bytes);
        machine_unmap(m, MACHINE_KERNEL_CODE + 0x1000);
        expect(m, models[i], page_ends[_i].name, page_ends[_i].outcome[i]);
        machine_destroy(m);
    }
}
END_TEST

/* Frames that end at their page's end, the next one missing, or that are wrong in two ways; words
 * are of 8 bytes. Seen on Zen 5; the Intel side: SDM vol. 2A, IRET, and vol. 2B, RET. */
#define USER_CS (SELECTOR_USER_CODE | 3)
#define HIGH    0x800000000000u
static const struct {
    const char *name;
    const char *bytes;
    unsigned available; /* bytes of the frame before the page's end */
    uint64_t frame[5];
    struct outcome outcome[2];
} returns[] = {
    {"iretq: two bytes of SS's slot",
     "48 cf",
     34,
     {MACHINE_USER_CODE, USER_CS, 2, MACHINE_USER_STACK, SELECTOR_USER_DATA | 3},
     {{-1, 0}, {X64_FAULT_PF, 0}}},
    {"iretq: all of SS's slot",
     "48 cf",
     40,
     {MACHINE_USER_CODE, USER_CS, 2, MACHINE_USER_STACK, SELECTOR_USER_DATA | 3},
     {{-1, 0}, {-1, 0}}},
    {"lretq: two bytes of CS's slot",
     "48 cb",
     10,
     {MACHINE_KERNEL_CODE, SELECTOR_KERNEL_CODE},
     {{-1, 0}, {X64_FAULT_PF, 0}}},
    {"lretq: CS is data, no outer stack",
     "48 cb",
     16,
     {MACHINE_USER_CODE, SELECTOR_USER_DATA | 3},
     {{X64_FAULT_GP, SELECTOR_USER_DATA}, {X64_FAULT_PF, 0}}},
    {"lretq: the same RPL asks for no outer stack",
     "48 cb",
     16,
     {MACHINE_USER_CODE, SELECTOR_KERNEL_DATA},
     {{X64_FAULT_GP, SELECTOR_KERNEL_DATA}, {X64_FAULT_GP, SELECTOR_KERNEL_DATA}}},
    {"lretq 8: CS is data, no outer SS",
     "48 ca 08 00",
     32,
     {MACHINE_USER_CODE, SELECTOR_USER_DATA | 3, 0, MACHINE_USER_STACK},
     {{X64_FAULT_GP, SELECTOR_USER_DATA}, {X64_FAULT_PF, 0}}},
    {"iretq: CS is data, no outer stack",
     "48 cf",
     24,
     {MACHINE_USER_CODE, SELECTOR_USER_DATA | 3, 2},
     {{X64_FAULT_GP, SELECTOR_USER_DATA}, {X64_FAULT_PF, 0}}},
    {"iretq: RIP and SS are wrong",
     "48 cf",
     40,
     {HIGH, USER_CS, 2, MACHINE_USER_STACK, 0xf3},
     {{X64_FAULT_GP, 0xf0}, {X64_FAULT_GP, 0}}},
};

START_TEST(test_vendor_returns)
{
    for (size_t i = 0; i < 2; i++) {
        struct machine *m = machine_create(models[i]);
        const unsigned available = returns[_i].available;
        const uint64_t rsp = MACHINE_SCRATCH + 0x1000 - available;
        for (unsigned at = 0; at < available; at += 8)
            machine_write(m, rsp + at, available - at < 8 ? 2 : 8, returns[_i].frame[at / 8]);
        machine_unmap(m, MACHINE_SCRATCH + 0x1000);
        m->cpu.s.gpr[X64_RSP] = rsp;
        machine_code(m, returns[_i].bytes);
        expect(m, models[i], returns[_i].name, returns[_i].outcome[i]);
        if (returns[_i].outcome[i].fault < 0)
            ck_assert_uint_eq(m->cpu.s.rip, returns[_i].frame[0]);
        machine_destroy(m);
    }
}
END_TEST

/* A misaligned operand of 16 bytes: always #GP(0) without MXCSR.MM, and with it for moves whose
 * name says that they are aligned and for stores (APM vol. 4, each one's exceptions; APM vol. 1,
 * 4.2.2; SDM vol. 1, 10.2.3 has no such bit). The AMD side seen on Zen 5 too. */
static const struct {
    const char *name;
    const char *bytes;
    bool needs_alignment; /* with MM too */
} operands[] = {
    {"addps xmm1, [rcx]", "0f 58 09", false},
    {"mulpd xmm1, [rcx]", "66 0f 59 09", false},
    {"pand xmm1, [rcx]", "66 0f db 09", false},
    {"pshufb xmm1, [rcx]", "66 0f 38 00 09", false},
    {"cmpps xmm1, [rcx], 0", "0f c2 09 00", false},
    {"unpcklps xmm1, [rcx]", "0f 14 09", false},
    {"movaps xmm1, [rcx]", "0f 28 09", true},
    {"movapd xmm1, [rcx]", "66 0f 28 09", true},
    {"movdqa xmm1, [rcx]", "66 0f 6f 09", true},
    {"movntdqa xmm1, [rcx]", "66 0f 38 2a 09", true},
    {"movaps [rcx], xmm1", "0f 29 09", true},
    {"movdqa [rcx], xmm1", "66 0f 7f 09", true},
    {"movntps [rcx], xmm1", "0f 2b 09", true},
    {"movntdq [rcx], xmm1", "66 0f e7 09", true},
};

/* RCX points 8 bytes off alignment; MXCSR is loaded by LDMXCSR, as a program would. */
static struct machine *operand_machine(const char *model, uint32_t value)
{
    struct machine *m = machine_create(model);
    m->cpu.s.gpr[X64_RAX] = MACHINE_USER_DATA;
    m->cpu.s.gpr[X64_RCX] = MACHINE_USER_DATA + 0x108;
    machine_write(m, MACHINE_USER_DATA, 4, value);
    machine_code(m, "0f ae 10"); /* ldmxcsr [rax] */
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.mxcsr, value);
    return m;
}

START_TEST(test_vendor_misaligned)
{
    static const struct outcome passes = {-1, 0}, gp = {X64_FAULT_GP, 0};
    static const struct {
        const char *model;
        uint32_t mxcsr;
    } runs[] = {{INTEL, 0x1f80}, {AMD, 0x1f80}, {AMD, 0x1f80 | X64I_MXCSR_MM}};
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        struct machine *m = operand_machine(runs[i].model, runs[i].mxcsr);
        bool mm = runs[i].mxcsr & X64I_MXCSR_MM;
        machine_code(m, operands[_i].bytes);
        expect(m, runs[i].model, operands[_i].name,
               mm && !operands[_i].needs_alignment ? passes : gp);
        machine_destroy(m);
    }
}
END_TEST

/* With MM, the operand is read where it stands. */
START_TEST(test_vendor_misaligned_value)
{
    struct machine *m = operand_machine(AMD, 0x1f80 | X64I_MXCSR_MM);
    machine_write(m, MACHINE_USER_DATA + 0x108, 8, 0x1122334455667788);
    machine_write(m, MACHINE_USER_DATA + 0x110, 8, 0x99aabbccddeeff00);
    machine_code(m, "66 0f eb 09"); /* por xmm1, [rcx] */
    machine_step(m);
    machine_code(m, "0f 11 08"); /* movups [rax], xmm1 */
    machine_step(m);
    ck_assert_uint_eq(machine_read(m, MACHINE_USER_DATA, 8), 0x1122334455667788);
    ck_assert_uint_eq(machine_read(m, MACHINE_USER_DATA + 8, 8), 0x99aabbccddeeff00);
    machine_destroy(m);
}
END_TEST

/* What FXSAVE says of the x87 pointers: AMD's processors store zeros unless an exception waits (APM
 * vol. 2, 11.4.4; seen on Zen 5). */
#define OPCODE      0x123u
#define INSTRUCTION 0x123456u
#define DATA        0x654321u
START_TEST(test_vendor_x87_pointers)
{
    static const uint16_t statuses[] = {0, X64I_X87_SUMMARY | 4};
    for (size_t i = 0; i < 4; i++) {
        struct machine *m = machine_create(models[i / 2]);
        struct x64i_cpu_state *s = &m->cpu.s;
        bool hidden = i / 2 == 1 && !statuses[i % 2];
        s->fpu_opcode = OPCODE;
        s->fpu_instruction = INSTRUCTION;
        s->fpu_data = DATA;
        s->fpu_control = 0x37b;
        s->fpu_status = statuses[i % 2];
        s->gpr[X64_RAX] = MACHINE_USER_DATA;
        machine_code(m, "48 0f ae 00"); /* fxsave64 [rax] */
        machine_step(m);
        ck_assert_uint_eq(machine_read(m, MACHINE_USER_DATA + 6, 2), hidden ? 0 : OPCODE);
        ck_assert_uint_eq(machine_read(m, MACHINE_USER_DATA + 8, 8), hidden ? 0 : INSTRUCTION);
        ck_assert_uint_eq(machine_read(m, MACHINE_USER_DATA + 16, 8), hidden ? 0 : DATA);
        machine_destroy(m);
    }
}
END_TEST

/* FCOMI of two zeros: C1 is cleared (SDM vol. 2A), or stays (seen on Zen 5). */
START_TEST(test_vendor_fcomi)
{
    for (size_t i = 0; i < 2; i++) {
        struct machine *m = machine_create(models[i]);
        m->cpu.s.fpu_control = 0x37f;
        m->cpu.s.fpu_status = X64I_X87_C1;
        m->cpu.s.fpu_tag = 0;
        machine_code(m, "db f1"); /* fcomi st, st(1) */
        machine_step(m);
        ck_assert_uint_eq(m->cpu.s.fpu_status & X64I_X87_C1, i == 1 ? X64I_X87_C1 : 0);
        ck_assert_uint_eq(m->cpu.s.rflags & X64I_OSZAPC, X64I_ZF);
        machine_destroy(m);
    }
}
END_TEST

/* ENTER's pushes go across a page's end into one that is missing: the first one is in memory
 * nevertheless (seen on Zen 5), or is not, as an instruction that faults has done nothing. */
START_TEST(test_vendor_enter)
{
    for (size_t i = 0; i < 2; i++) {
        struct machine *m = machine_create(models[i]);
        const uint64_t rsp = MACHINE_USER_DATA + 0x1008;
        machine_enter(m, MACHINE_USER_64);
        m->cpu.s.gpr[X64_RSP] = rsp;
        m->cpu.s.gpr[X64_RBP] = DATA;
        machine_write(m, rsp - 8, 8, INSTRUCTION);
        machine_unmap(m, MACHINE_USER_DATA);
        machine_code(m, "c8 00 00 01"); /* enter 0, 1 */
        machine_step(m);
        ck_assert_uint_eq(m->cpu.exception.vector, X64_FAULT_PF);
        ck_assert_uint_eq(machine_read(m, rsp - 8, 8), i == 1 ? DATA : INSTRUCTION);
        machine_destroy(m);
    }
}
END_TEST

static Suite *vendor_suite(void)
{
    const struct {
        const char *name;
        const TTest *test;
        int rows;
    } tests[] = {
        {"branches", test_vendor_branches, ROWS(branches)},
        {"encodings", test_vendor_encodings, ROWS(encodings)},
        {"mxcsr", test_vendor_mxcsr, ROWS(mxcsr)},
        {"strings", test_vendor_strings, ROWS(strings)},
        {"slots", test_vendor_slots, ROWS(slots)},
        {"page end", test_vendor_page_end, ROWS(page_ends)},
        {"returns", test_vendor_returns, ROWS(returns)},
        {"misaligned", test_vendor_misaligned, ROWS(operands)},
        {"misaligned value", test_vendor_misaligned_value, 1},
        {"x87 pointers", test_vendor_x87_pointers, 1},
        {"fcomi", test_vendor_fcomi, 1},
        {"enter", test_vendor_enter, 1},
    };
    Suite *suite = suite_create("vendor");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        TCase *tcase = tcase_create(tests[i].name);
        tcase_add_loop_test(tcase, tests[i].test, 0, tests[i].rows);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}

X64_TEST_MAIN(vendor_suite())
