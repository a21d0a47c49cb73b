/* SPDX-License-Identifier: MIT */
/* INT n and its kin, IRET in every width, CLI, STI and HLT: SDM vol. 2A and vol. 3A, 6.8, 6.14. */
#include "cpu/support/machine.h"
#include "support/suite.h"

static struct machine *m;
static bool interrupt_raised;

static void setup(void)
{
    m = machine_create("skylake");
    interrupt_raised = false;
}

static void teardown(void)
{
    machine_destroy(m);
}

static void push(uint64_t value, unsigned size)
{
    m->cpu.s.gpr[X64_RSP] -= size;
    machine_write(m, m->cpu.s.gpr[X64_RSP], size, value);
}

/* IRET of a width: what the frame holds and what comes of it. */
struct iret_row {
    const char *name;
    enum machine_mode mode;
    unsigned width;
    uint64_t rip;
    uint16_t cs;
    uint64_t rsp;
    uint16_t ss;
    int fault; /* -1: it returns */
    uint32_t error_code;
};

#define CODE  MACHINE_USER_CODE
#define STACK MACHINE_USER_STACK
#define UCS   (SELECTOR_USER_CODE | 3)
#define UCS32 (SELECTOR_USER_CODE_32 | 3)
#define UDS   (SELECTOR_USER_DATA | 3)
#define KCS   SELECTOR_KERNEL_CODE
#define KDS   SELECTOR_KERNEL_DATA
#define K64   MACHINE_KERNEL_64
#define U64   MACHINE_USER_64
#define K32   MACHINE_KERNEL_32
#define U32   MACHINE_USER_32
#define GP    X64_FAULT_GP
#define NP    X64_FAULT_NP
#define SS    X64_FAULT_SS

static const struct iret_row iret_rows[] = {
    {"to user", K64, 64, CODE, UCS, STACK, UDS, -1, 0},
    {"to user, 32 bits", K64, 32, CODE, UCS, STACK, UDS, -1, 0},
    {"to user, 16 bits", K64, 16, 0x1234, UCS, 0x5678, UDS, -1, 0},
    {"to 32-bit user", K64, 64, CODE, UCS32, STACK, UDS, -1, 0},
    {"to 32-bit user, 32 bits", K64, 32, CODE, UCS32, STACK, UDS, -1, 0},
    {"to the kernel", K64, 64, 0x1000, KCS, 0x2000, KDS, -1, 0},
    {"to the kernel, null SS", K64, 64, 0x1000, KCS, 0x2000, 0, -1, 0},
    {"to the 32-bit kernel", K64, 64, 0x1000, SELECTOR_KERNEL_CODE_32, 0x2000, KDS, -1, 0},
    {"to ring 1", K64, 64, CODE, SELECTOR_RING1_CODE | 1, STACK, SELECTOR_RING1_DATA | 1, -1, 0},
    {"to ring 1, null SS", K64, 64, CODE, SELECTOR_RING1_CODE | 1, STACK, 1, -1, 0},
    {"to conforming code", K64, 64, CODE, SELECTOR_CONFORMING | 3, STACK, UDS, -1, 0},
    {"within user", U64, 64, CODE + 8, UCS, STACK, UDS, -1, 0},
    {"within user, to 32 bits", U64, 64, CODE + 8, UCS32, STACK, UDS, -1, 0},
    {"from the 32-bit kernel", K32, 32, CODE, UCS32, STACK, UDS, -1, 0},
    {"from the 32-bit kernel to 64 bits", K32, 32, CODE, UCS, STACK, UDS, -1, 0},
    {"null CS", K64, 64, CODE, 0, STACK, UDS, GP, 0},
    {"null CS with RPL", K64, 64, CODE, 3, STACK, UDS, GP, 0},
    {"CS beyond the GDT", K64, 64, CODE, 0xeb, STACK, UDS, GP, 0xe8},
    {"CS beyond the LDT", K64, 64, CODE, 0x17, STACK, UDS, GP, 0x14},
    {"CS is data", K64, 64, CODE, UDS, STACK, UDS, GP, SELECTOR_USER_DATA},
    {"CS is a TSS", K64, 64, CODE, SELECTOR_TSS, STACK, KDS, GP, SELECTOR_TSS},
    {"CS of inner privilege", U64, 64, CODE, KCS, STACK, KDS, GP, KCS},
    {"CS.RPL below DPL", K64, 64, CODE, SELECTOR_USER_CODE, STACK, UDS, GP, SELECTOR_USER_CODE},
    {"CS.RPL above DPL", K64, 64, CODE, KCS | 3, STACK, UDS, GP, KCS},
    {"conforming CS of outer DPL", K64, 64, CODE, SELECTOR_CONFORMING_3, STACK, KDS, GP,
     SELECTOR_CONFORMING_3},
    {"absent CS", K64, 64, CODE, SELECTOR_ABSENT_CODE, STACK, KDS, NP, SELECTOR_ABSENT_CODE},
    {"CS with L and D", K64, 64, CODE, SELECTOR_LONG_AND_BIG, STACK, KDS, GP,
     SELECTOR_LONG_AND_BIG},
    {"null SS at CPL 3", K64, 64, CODE, UCS, STACK, 3, GP, 0},
    {"null SS to 32 bits", K64, 64, CODE, SELECTOR_KERNEL_CODE_32, STACK, 0, GP, 0},
    {"null SS of another RPL", K64, 64, CODE, KCS, STACK, 1, GP, 0},
    {"SS beyond the GDT", K64, 64, CODE, UCS, STACK, 0xf3, GP, 0xf0},
    {"SS.RPL is not CS.RPL", K64, 64, CODE, UCS, STACK, SELECTOR_USER_DATA, GP, SELECTOR_USER_DATA},
    {"SS.DPL is not CS.RPL", K64, 64, CODE, UCS, STACK, KDS | 3, GP, KDS},
    {"SS is read-only", K64, 64, CODE, UCS, STACK, SELECTOR_READ_ONLY | 3, GP, SELECTOR_READ_ONLY},
    {"SS is code", K64, 64, CODE, UCS, STACK, UCS, GP, SELECTOR_USER_CODE},
    {"absent SS", K64, 64, CODE, UCS, STACK, SELECTOR_ABSENT_DATA | 3, SS, SELECTOR_ABSENT_DATA},
    {"RIP not canonical", K64, 64, 0x0000800000000000, UCS, STACK, UDS, GP, 0},
    {"RIP beyond the limit", K64, 64, 0x10000, SELECTOR_USER_CODE_16 | 3, STACK, UDS, GP, 0},
};

static void build_frame(const struct iret_row *row, uint64_t rflags)
{
    unsigned size = row->width / 8;
    push(row->ss, size);
    push(row->rsp, size);
    push(rflags, size);
    push(row->cs, size);
    push(row->rip, size);
}

static const char *iret_code(const struct iret_row *row)
{
    return row->width == 64 ? "48 cf" : row->width == 32 ? "cf" : "66 cf";
}

START_TEST(test_interrupt_return)
{
    const struct iret_row *row = &iret_rows[_i];
    machine_enter(m, row->mode);
    build_frame(row, X64I_FLAG_ONE | X64I_CF | X64I_OF);
    uint64_t rip = m->cpu.s.rip;
    struct x64i_cpu_state before = m->cpu.s;
    machine_code(m, iret_code(row));
    if (row->fault >= 0) {
        machine_step(m);
        ck_assert_msg(m->cpu.s.rip == machine_handler((unsigned)row->fault), "%s: at 0x%llx",
                      row->name, (unsigned long long)m->cpu.s.rip);
        uint64_t frame = m->cpu.s.gpr[X64_RSP];
        ck_assert_msg(machine_read(m, frame, 8) == row->error_code, "%s: error code 0x%llx",
                      row->name, (unsigned long long)machine_read(m, frame, 8));
        ck_assert_uint_eq(machine_read(m, frame + 8, 8), rip);
        ck_assert_uint_eq(machine_read(m, frame + 32, 8), before.gpr[X64_RSP]);
        return;
    }
    machine_step(m);
    const struct x64i_cpu_state *s = &m->cpu.s;
    ck_assert_msg(s->rip == row->rip, "%s: at 0x%llx", row->name, (unsigned long long)s->rip);
    ck_assert_uint_eq(s->segment[X64_CS].selector, row->cs);
    ck_assert_uint_eq(s->segment[X64_SS].selector, row->ss);
    ck_assert_uint_eq(s->gpr[X64_RSP], row->rsp);
    ck_assert_uint_eq(s->cpl, row->cs & 3u);
    ck_assert_uint_eq(s->rflags, X64I_FLAG_ONE | X64I_CF | X64I_OF);
    bool wide = s->segment[X64_CS].attributes & X64I_SEGMENT_LONG;
    ck_assert_uint_eq(m->cpu.code_bits, wide ? 64 : 32);
}
END_TEST

/* In compatibility mode a return to the same level pops three words only. */
START_TEST(test_interrupt_return_within_compatibility_mode)
{
    machine_enter(m, _i ? U32 : K32);
    uint64_t rsp = m->cpu.s.gpr[X64_RSP];
    uint16_t ss = m->cpu.s.segment[X64_SS].selector;
    push(X64I_FLAG_ONE | X64I_ZF, 4);
    push(m->cpu.s.segment[X64_CS].selector, 4);
    push(0x1234, 4);
    machine_code(m, "cf");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, 0x1234);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], rsp);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector, ss);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE | X64I_ZF);
}
END_TEST

/* Returning to a 16-bit stack loads SP alone. */
START_TEST(test_interrupt_return_to_a_16_bit_stack)
{
    const struct iret_row row = {.width = 64,
                                 .rip = 0x1234,
                                 .cs = SELECTOR_USER_CODE_16 | 3,
                                 .rsp = 0x99995678,
                                 .ss = SELECTOR_USER_DATA_16 | 3};
    build_frame(&row, X64I_FLAG_ONE);
    uint64_t high = m->cpu.s.gpr[X64_RSP] & ~0xffffull;
    machine_code(m, "48 cf");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.code_bits, 16);
    ck_assert_uint_eq(m->cpu.stack_bits, 16);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], high | 0x5678);
}
END_TEST

/* Vol. 2A, IRET: which flags are loaded depends on the CPL before, IOPL and the width. */
static const struct {
    enum machine_mode mode;
    unsigned iopl;
    unsigned width;
    uint64_t loaded;
} flag_rows[] = {
#define ALWAYS (X64I_OSZAPC | X64I_TF | X64I_DF | X64I_NT)
#define WIDE   (X64I_RF | X64I_AC | X64I_ID)
    {K64, 0, 64, ALWAYS | WIDE | X64I_IF | X64I_IOPL | X64I_VIF | X64I_VIP},
    {K64, 0, 32, ALWAYS | WIDE | X64I_IF | X64I_IOPL | X64I_VIF | X64I_VIP},
    {K64, 0, 16, ALWAYS | X64I_IF | X64I_IOPL},
    {U64, 0, 64, ALWAYS | WIDE},
    {U64, 3, 64, ALWAYS | WIDE | X64I_IF},
    {U64, 2, 32, ALWAYS | WIDE},
    {U64, 3, 16, ALWAYS | X64I_IF},
};

START_TEST(test_interrupt_return_loads_flags)
{
    struct iret_row row = {.width = flag_rows[_i].width, .rip = 0x1230, .rsp = 0x1000};
    machine_enter(m, flag_rows[_i].mode);
    row.cs = m->cpu.s.segment[X64_CS].selector;
    row.ss = m->cpu.s.segment[X64_SS].selector;
    uint64_t iopl = flag_rows[_i].iopl << 12;
    uint64_t loaded = flag_rows[_i].loaded;
    m->cpu.s.rflags = X64I_FLAG_ONE | iopl;
    build_frame(&row, ~0ull);
    machine_code(m, iret_code(&row));
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, 0x1230);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE | iopl | loaded);
}
END_TEST

/* The same the other way round: what may not be loaded stays set. */
START_TEST(test_interrupt_return_keeps_flags)
{
    struct iret_row row = {.width = flag_rows[_i].width, .rip = 0x1230, .rsp = 0x1000};
    machine_enter(m, flag_rows[_i].mode);
    row.cs = m->cpu.s.segment[X64_CS].selector;
    row.ss = m->cpu.s.segment[X64_SS].selector;
    uint64_t iopl = flag_rows[_i].iopl << 12;
    uint64_t old = X64I_FLAG_ONE | X64I_IF | X64I_AC | X64I_ID | X64I_CF | X64I_DF | iopl;
    m->cpu.s.rflags = old;
    build_frame(&row, 0);
    machine_code(m, iret_code(&row));
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rflags, old & ~flag_rows[_i].loaded);
}
END_TEST

/* Vol. 2A, IRET: NT set in long mode is #GP(0); NMIs are unblocked even so (vol. 3A, 6.7.1). */
START_TEST(test_interrupt_return_with_nt)
{
    m->cpu.s.rflags |= X64I_NT;
    m->cpu.s.nmi_blocked = 1;
    machine_code(m, "48 cf");
    machine_expect_fault(m, GP, 0, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(m->cpu.s.nmi_blocked, 0);
}
END_TEST

/* A frame that cannot be read: the fault is IRET's own, RSP stays. */
START_TEST(test_interrupt_return_reads_the_frame_first)
{
    m->cpu.s.gpr[X64_RSP] = MACHINE_SCRATCH - 16;
    machine_unmap(m, MACHINE_SCRATCH);
    struct machine_gate gate = machine_default_gate(X64_FAULT_PF);
    gate.ist = 1;
    machine_set_gate(m, X64_FAULT_PF, gate);
    machine_code(m, "48 cf");
    machine_expect_fault(m, X64_FAULT_PF, 0, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(m->cpu.s.cr2, MACHINE_SCRATCH);
    ck_assert_uint_eq(machine_read(m, m->cpu.s.gpr[X64_RSP] + 32, 8), MACHINE_SCRATCH - 16);
}
END_TEST

/* Vol. 3A, 5.8.6: segments of inner privilege become null on the way out, others stay. */
START_TEST(test_interrupt_return_drops_segments)
{
    machine_load_segment(m, X64_ES, SELECTOR_USER_DATA | 3);
    machine_load_segment(m, X64_FS, SELECTOR_CONFORMING);
    m->cpu.s.segment[X64_GS].base = 0x123000;
    const struct iret_row row = {.width = 64, .rip = CODE, .cs = UCS, .rsp = STACK, .ss = UDS};
    build_frame(&row, X64I_FLAG_ONE);
    machine_code(m, "48 cf");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.segment[X64_DS].selector, 0);
    ck_assert_uint_eq(m->cpu.s.segment[X64_DS].attributes, 0);
    ck_assert_uint_eq(m->cpu.s.segment[X64_GS].selector, 0);
    ck_assert_uint_eq(m->cpu.s.segment[X64_GS].base, 0x123000);
    ck_assert_uint_eq(m->cpu.s.segment[X64_ES].selector, SELECTOR_USER_DATA | 3);
    ck_assert_uint_eq(m->cpu.s.segment[X64_FS].selector, SELECTOR_CONFORMING);
}
END_TEST

/* Vol. 2A, INT n: INT3, INTO and INT1 have their vectors; the frame names the next instruction. */
static const struct {
    const char *code;
    enum machine_mode mode;
    uint64_t flags;
    unsigned vector;
    uint8_t dpl;
    int64_t fault_code; /* -1: delivered */
} software_rows[] = {
    {"cc", U64, 0, X64_FAULT_BP, 3, -1},
    {"cd 03", U64, 0, X64_FAULT_BP, 3, -1},
    {"cc", U64, 0, X64_FAULT_BP, 0, X64_FAULT_BP * 8 + 2},
    {"ce", U32, X64I_OF, X64_FAULT_OF, 3, -1},
    {"ce", U32, X64I_OF, X64_FAULT_OF, 0, X64_FAULT_OF * 8 + 2},
    {"f1", U64, 0, X64_FAULT_DB, 0, -1},
    {"cd 01", U64, 0, X64_FAULT_DB, 0, X64_FAULT_DB * 8 + 2},
    {"cd 0e", K64, 0, X64_FAULT_PF, 0, -1}, /* no error code by INT n */
    {"cd ff", K64, 0, 0xff, 0, -1},
};

START_TEST(test_interrupt_software)
{
    struct machine_gate gate = machine_default_gate(software_rows[_i].vector);
    gate.dpl = software_rows[_i].dpl;
    machine_set_gate(m, software_rows[_i].vector, gate);
    machine_enter(m, software_rows[_i].mode);
    uint64_t rip = m->cpu.s.rip;
    m->cpu.s.rflags |= software_rows[_i].flags;
    machine_code(m, software_rows[_i].code);
    if (software_rows[_i].fault_code >= 0) {
        machine_expect_fault(m, GP, software_rows[_i].fault_code, rip);
        return;
    }
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(software_rows[_i].vector));
    ck_assert_uint_eq(m->cpu.step.kind, X64_STEP_INSTRUCTION);
    uint64_t frame = m->cpu.s.gpr[X64_RSP];
    ck_assert_uint_eq(machine_read(m, frame, 8), rip + m->cpu.step.length);
    ck_assert_uint_eq(machine_read(m, frame + 16, 8), X64I_FLAG_ONE | software_rows[_i].flags);
}
END_TEST

START_TEST(test_interrupt_into_without_overflow)
{
    machine_enter(m, U32);
    machine_code(m, "ce");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_USER_CODE + 1);
    machine_enter(m, U64);
    m->cpu.s.rflags |= X64I_OF;
    machine_code(m, "ce");
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_USER_CODE);
}
END_TEST

START_TEST(test_interrupt_names_int_n)
{
    machine_code(m, "cd 80");
    machine_step(m);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_INTERRUPT, 0x80)->value, 1);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_EXCEPTION, -1), 0);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_REGISTER, X64_RIP)->value,
                      machine_handler(0x80));
}
END_TEST

/* Vol. 2A, CLI and vol. 2B, STI: IOPL, and VIF under CR4.PVI. */
static const struct {
    const char *code;
    enum machine_mode mode;
    uint64_t cr4;
    uint64_t before;
    int64_t after; /* -1: #GP(0) */
} flag_instruction_rows[] = {
    {"fa", K64, 0, X64I_IF, 0},
    {"fb", K64, 0, 0, X64I_IF},
    {"fa", U64, 0, X64I_IF, -1},
    {"fb", U64, 0, 0, -1},
    {"fa", U64, 0, X64I_IF | 0x2000, -1},
    {"fa", U64, 0, X64I_IF | X64I_IOPL, X64I_IOPL},
    {"fb", U64, 0, X64I_IOPL, X64I_IOPL | X64I_IF},
    {"fa", U64, X64I_CR4_PVI, X64I_VIF | X64I_IF, X64I_IF},
    {"fb", U64, X64I_CR4_PVI, 0, X64I_VIF},
    {"fb", U64, X64I_CR4_PVI, X64I_VIP, -1},
};

START_TEST(test_interrupt_flag_instructions)
{
    machine_enter(m, flag_instruction_rows[_i].mode);
    uint64_t rip = m->cpu.s.rip;
    m->cpu.s.cr4 |= flag_instruction_rows[_i].cr4;
    m->cpu.s.rflags = X64I_FLAG_ONE | flag_instruction_rows[_i].before;
    machine_code(m, flag_instruction_rows[_i].code);
    if (flag_instruction_rows[_i].after < 0) {
        machine_expect_fault(m, GP, 0, rip);
        return;
    }
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, rip + 1);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE | (uint64_t)flag_instruction_rows[_i].after);
}
END_TEST

static bool pending(void *user)
{
    (void)user;
    return interrupt_raised;
}

static uint8_t acknowledge(void *user)
{
    (void)user;
    interrupt_raised = false;
    return 0x55;
}

static const struct x64i_cpu_callbacks callbacks = {.interrupt_pending = pending,
                                                    .interrupt_acknowledge = acknowledge};

/* Vol. 3A, 6.8.1 and vol. 2B, STI: one more instruction runs before interrupts come in. */
START_TEST(test_interrupt_waits_for_the_shadow_of_sti)
{
    m->cpu.callbacks = &callbacks;
    interrupt_raised = true;
    machine_code(m, "fb 90 90");
    machine_step(m);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE + 2);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x55));
    ck_assert_uint_eq(m->cpu.step.kind, X64_STEP_INTERRUPT);
    uint64_t frame = m->cpu.s.gpr[X64_RSP];
    ck_assert_uint_eq(machine_read(m, frame, 8), MACHINE_KERNEL_CODE + 2);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_INTERRUPT, 0x55)->value, 0);
}
END_TEST

/* STI casts no shadow where IF was set before. */
START_TEST(test_interrupt_sti_twice)
{
    m->cpu.callbacks = &callbacks;
    m->cpu.s.rflags |= X64I_IF;
    machine_code(m, "fb 90");
    machine_step(m);
    interrupt_raised = true;
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x55));
}
END_TEST

/* Vol. 2A, HLT: sleeps until an interrupt, whose frame names the next instruction. */
START_TEST(test_interrupt_ends_hlt)
{
    m->cpu.callbacks = &callbacks;
    machine_code(m, "fb f4 90");
    machine_step(m);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.activity, X64I_HALTED);
    ck_assert(!x64i_cpu_step(&m->cpu));
    interrupt_raised = true;
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.activity, X64I_ACTIVE);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x55));
    ck_assert_uint_eq(machine_read(m, m->cpu.s.gpr[X64_RSP], 8), MACHINE_KERNEL_CODE + 2);
}
END_TEST

START_TEST(test_interrupt_hlt_and_rsm_are_privileged)
{
    machine_code(m, "0f aa"); /* rsm outside SMM */
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_KERNEL_CODE);
    machine_enter(m, U64);
    machine_code(m, "f4");
    machine_expect_fault(m, GP, 0, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.activity, X64I_ACTIVE);
}
END_TEST

/* Vol. 3B, 17.3.1.1: between two iterations of REP the frame has RF set. */
START_TEST(test_interrupt_between_iterations_shows_rf)
{
    m->cpu.callbacks = &callbacks;
    m->cpu.s.rflags |= X64I_IF;
    m->cpu.s.gpr[X64_RCX] = 3;
    m->cpu.s.gpr[X64_RDI] = MACHINE_SCRATCH;
    machine_code(m, "f3 aa"); /* rep stosb */
    machine_step(m);
    interrupt_raised = true;
    machine_step(m);
    uint64_t frame = m->cpu.s.gpr[X64_RSP];
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x55));
    ck_assert_uint_eq(machine_read(m, frame, 8), MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(machine_read(m, frame + 16, 8), X64I_FLAG_ONE | X64I_IF | X64I_RF);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RCX], 2);
}
END_TEST

/* Whatever is interrupted, IRETQ brings back: every mode, random registers and flags. */
START_TEST(test_interrupt_round_trip)
{
    uint64_t seed = 0x9e3779b97f4a7c15ull * (unsigned)(_i + 1);
    const uint64_t flags =
        X64I_OSZAPC | X64I_IF | X64I_DF | X64I_IOPL | X64I_RF | X64I_AC | X64I_ID;
    for (unsigned round = 0; round < 200; round++) {
        enum machine_mode mode = (enum machine_mode)(round & 3);
        machine_enter(m, mode);
        m->cpu.s.rflags = X64I_FLAG_ONE;
        for (unsigned i = 0; i < 16; i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            if (i != X64_RSP)
                m->cpu.s.gpr[i] = seed >> 7;
        }
        m->cpu.s.gpr[X64_RSP] -= seed >> 40 & 0xff;
        m->cpu.s.rflags |= seed >> 20 & flags;
        x64i_cpu_refresh(&m->cpu);
        struct x64i_cpu_state before = m->cpu.s;
        x64i_deliver_interrupt(&m->cpu, (uint8_t)(seed >> 56));
        ck_assert_uint_eq(m->cpu.s.rip, machine_handler(seed >> 56));
        ck_assert_uint_eq(m->cpu.s.rflags & (X64I_IF | X64I_RF), 0);
        machine_code(m, "48 cf");
        machine_step(m);
        before.steps++;
        ck_assert_mem_eq(&m->cpu.s, &before, sizeof before);
        ck_assert_uint_eq(m->cpu.align_check, 0);
        ck_assert_uint_eq(m->cpu.code_bits, mode == K64 || mode == U64 ? 64 : 32);
    }
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

static Suite *interrupt_suite(void)
{
    Suite *suite = suite_create("interrupt");
    TCase *tests = tcase_create("interrupt");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_interrupt_return, 0, ROWS(iret_rows));
    tcase_add_loop_test(tests, test_interrupt_return_within_compatibility_mode, 0, 2);
    tcase_add_test(tests, test_interrupt_return_to_a_16_bit_stack);
    tcase_add_loop_test(tests, test_interrupt_return_loads_flags, 0, ROWS(flag_rows));
    tcase_add_loop_test(tests, test_interrupt_return_keeps_flags, 0, ROWS(flag_rows));
    tcase_add_test(tests, test_interrupt_return_with_nt);
    tcase_add_test(tests, test_interrupt_return_reads_the_frame_first);
    tcase_add_test(tests, test_interrupt_return_drops_segments);
    tcase_add_loop_test(tests, test_interrupt_software, 0, ROWS(software_rows));
    tcase_add_test(tests, test_interrupt_into_without_overflow);
    tcase_add_test(tests, test_interrupt_names_int_n);
    tcase_add_loop_test(tests, test_interrupt_flag_instructions, 0, ROWS(flag_instruction_rows));
    tcase_add_test(tests, test_interrupt_waits_for_the_shadow_of_sti);
    tcase_add_test(tests, test_interrupt_sti_twice);
    tcase_add_test(tests, test_interrupt_ends_hlt);
    tcase_add_test(tests, test_interrupt_hlt_and_rsm_are_privileged);
    tcase_add_test(tests, test_interrupt_between_iterations_shows_rf);
    tcase_add_loop_test(tests, test_interrupt_round_trip, 0, 5);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(interrupt_suite())
