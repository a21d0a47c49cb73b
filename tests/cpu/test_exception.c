/* SPDX-License-Identifier: MIT */
/* Delivery through the IDT: SDM vol. 3A, chapter 6. */
#include "cpu/support/machine.h"
#include "support/suite.h"

#define UD2 "0f 0b"

static struct machine *m;

static void setup(void)
{
    m = machine_create("skylake");
}

static void teardown(void)
{
    machine_destroy(m);
}

static uint64_t frame_word(unsigned index)
{
    return machine_read(m, m->cpu.s.gpr[X64_RSP] + 8 * index, 8);
}

/* 6.14.2: in 64-bit mode SS:RSP is pushed at any privilege and RSP aligned down first. */
START_TEST(test_exception_aligns_the_same_stack)
{
    m->cpu.s.gpr[X64_RSP] = MACHINE_KERNEL_STACK - 5;
    m->cpu.s.rflags = X64I_FLAG_ONE | X64I_IF | X64I_CF;
    machine_code(m, UD2);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_KERNEL_STACK - 16 - 40);
    ck_assert_uint_eq(frame_word(1), SELECTOR_KERNEL_CODE);
    ck_assert_uint_eq(frame_word(2), X64I_FLAG_ONE | X64I_IF | X64I_CF | X64I_RF);
    ck_assert_uint_eq(frame_word(3), MACHINE_KERNEL_STACK - 5);
    ck_assert_uint_eq(frame_word(4), SELECTOR_KERNEL_DATA);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector, SELECTOR_KERNEL_DATA);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE | X64I_CF);
    ck_assert_uint_eq(m->cpu.step.kind, X64_STEP_FAULT);
}
END_TEST

/* 6.14.2: a ring change takes TSS.RSP0 and a null SS. */
START_TEST(test_exception_changes_to_ring_0)
{
    machine_enter(m, MACHINE_USER_64);
    m->cpu.s.rflags |= X64I_IF | X64I_NT;
    machine_code(m, UD2);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_RSP0 - 40);
    ck_assert_uint_eq(m->cpu.s.cpl, 0);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector, 0);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].attributes, 0);
    ck_assert_uint_eq(m->cpu.s.segment[X64_CS].selector, SELECTOR_KERNEL_CODE);
    ck_assert_uint_eq(frame_word(1), SELECTOR_USER_CODE | 3);
    ck_assert_uint_eq(frame_word(3), MACHINE_USER_STACK);
    ck_assert_uint_eq(frame_word(4), SELECTOR_USER_DATA | 3);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE);
    const struct x64_effect *stack = machine_effect(m, X64_EFFECT_STACK_SWITCH, 0);
    ck_assert_uint_eq(stack->old, MACHINE_USER_STACK);
    ck_assert_uint_eq(stack->value, MACHINE_RSP0);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_CPL, -1)->value, 0);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_MEMORY_WRITE, -1), 5);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_EXCEPTION, X64_FAULT_UD), 1);
}
END_TEST

/* 6.14.5: an IST slot is taken whatever the privilege, and aligned down too. */
START_TEST(test_exception_takes_the_ist_stack)
{
    struct machine_gate gate = machine_default_gate(X64_FAULT_UD);
    gate.ist = (uint8_t)_i;
    machine_set_gate(m, X64_FAULT_UD, gate);
    machine_write(m, MACHINE_TSS + 28 + 8 * (unsigned)_i, 8, MACHINE_IST((unsigned)_i) + 9);
    machine_enter(m, _i & 1 ? MACHINE_USER_64 : MACHINE_KERNEL_64);
    uint64_t old = m->cpu.s.gpr[X64_RSP];
    uint16_t ss = m->cpu.s.segment[X64_SS].selector;
    machine_code(m, UD2);
    machine_expect_fault(m, X64_FAULT_UD, -1, m->cpu.s.rip);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_IST((unsigned)_i) - 40);
    ck_assert_uint_eq(frame_word(3), old);
    ck_assert_uint_eq(frame_word(4), ss);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_STACK_SWITCH, _i), 1);
}
END_TEST

/* 6.14.4: the handler in ring 1 takes TSS.RSP1, and a null SS with RPL 1. */
START_TEST(test_exception_changes_to_rings_1_and_2)
{
    struct machine_gate gate = machine_default_gate(X64_FAULT_UD);
    gate.selector = _i == 1 ? SELECTOR_RING1_CODE : SELECTOR_RING2_CODE;
    machine_set_gate(m, X64_FAULT_UD, gate);
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, UD2);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], (_i == 1 ? MACHINE_RSP1 : MACHINE_RSP2) - 40);
    ck_assert_uint_eq(m->cpu.s.cpl, (unsigned)_i);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector, (unsigned)_i);
    ck_assert_uint_eq(m->cpu.s.segment[X64_CS].selector, gate.selector | (unsigned)_i);
}
END_TEST

/* 6.12.1.1: a conforming handler runs at the interrupted privilege, on the interrupted stack. */
START_TEST(test_exception_keeps_cpl_in_conforming_handlers)
{
    struct machine_gate gate = machine_default_gate(X64_FAULT_UD);
    gate.selector = SELECTOR_CONFORMING;
    machine_set_gate(m, X64_FAULT_UD, gate);
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, UD2);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.cpl, 3);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_USER_STACK - 40);
    ck_assert_uint_eq(m->cpu.s.segment[X64_CS].selector, SELECTOR_CONFORMING | 3);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector, SELECTOR_USER_DATA | 3);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_CPL, -1), 0);
}
END_TEST

/* 6.12.1.3: a trap gate leaves IF, both clear TF, NT and RF. */
START_TEST(test_exception_trap_gate_keeps_if)
{
    struct machine_gate gate = machine_default_gate(0x80);
    gate.type = X64I_SYSTEM_TRAP_GATE;
    machine_set_gate(m, 0x80, gate);
    const uint64_t flags = X64I_FLAG_ONE | X64I_IF | X64I_TF | X64I_NT | X64I_AC | X64I_DF;
    m->cpu.s.rflags = flags;
    machine_code(m, "cd 80");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x80));
    ck_assert_uint_eq(frame_word(2), flags);
    ck_assert_uint_eq(m->cpu.s.rflags, X64I_FLAG_ONE | X64I_IF | X64I_AC | X64I_DF);
    ck_assert_uint_eq(m->cpu.s.pending_debug, 0);
}
END_TEST

/* What asks for vector 0x80 and so which EXT its error codes have (6.13). */
enum source { BY_INT, BY_INTERRUPT };

/* One gate, bent, and the exception that comes instead of the handler (vol. 2A, INT n). */
static const struct {
    const char *name;
    struct machine_gate gate;
    enum machine_mode mode;
    enum source source;
    int fault; /* -1: delivered all the same */
    uint32_t error_code;
} gate_rows[] = {
#define GATE(sel, t, d, p)                                                              \
    {                                                                                   \
        .offset = MACHINE_HANDLERS + 0x800, .selector = (sel), .type = (t), .dpl = (d), \
        .present = (p)                                                                  \
    }
#define KERNEL SELECTOR_KERNEL_CODE
    {"16-bit gate", GATE(KERNEL, 6, 3, true), MACHINE_USER_64, BY_INT, X64_FAULT_GP, 0x402},
    {"task gate", GATE(KERNEL, 5, 3, true), MACHINE_USER_64, BY_INTERRUPT, X64_FAULT_GP, 0x403},
    {"call gate", GATE(KERNEL, 12, 3, true), MACHINE_KERNEL_64, BY_INT, X64_FAULT_GP, 0x402},
    {"code segment", GATE(KERNEL, 0x1e, 3, true), MACHINE_USER_64, BY_INT, X64_FAULT_GP, 0x402},
    {"DPL 0 from user", GATE(KERNEL, 14, 0, true), MACHINE_USER_64, BY_INT, X64_FAULT_GP, 0x402},
    {"DPL 2 from user", GATE(KERNEL, 15, 2, true), MACHINE_USER_64, BY_INT, X64_FAULT_GP, 0x402},
    {"DPL 3 from user", GATE(KERNEL, 14, 3, true), MACHINE_USER_64, BY_INT, -1, 0},
    {"DPL 0, interrupt", GATE(KERNEL, 14, 0, true), MACHINE_USER_64, BY_INTERRUPT, -1, 0},
    {"DPL before P", GATE(KERNEL, 14, 0, false), MACHINE_USER_64, BY_INT, X64_FAULT_GP, 0x402},
    {"absent", GATE(KERNEL, 14, 3, false), MACHINE_USER_64, BY_INT, X64_FAULT_NP, 0x402},
    {"absent", GATE(KERNEL, 14, 0, false), MACHINE_KERNEL_64, BY_INTERRUPT, X64_FAULT_NP, 0x403},
    {"null CS", GATE(3, 14, 3, true), MACHINE_USER_64, BY_INT, X64_FAULT_GP, 0},
    {"null CS", GATE(0, 14, 3, true), MACHINE_USER_64, BY_INTERRUPT, X64_FAULT_GP, 1},
    {"CS beyond GDT", GATE(0xe8, 14, 3, true), MACHINE_USER_64, BY_INT, X64_FAULT_GP, 0xe8},
    {"CS beyond LDT", GATE(0x14, 14, 3, true), MACHINE_USER_64, BY_INTERRUPT, X64_FAULT_GP, 0x15},
    {"data as CS", GATE(0x10, 14, 3, true), MACHINE_USER_64, BY_INT, X64_FAULT_GP, 0x10},
    {"TSS as CS", GATE(0x40, 14, 3, true), MACHINE_USER_64, BY_INTERRUPT, X64_FAULT_GP, 0x41},
    {"CS of lower privilege", GATE(SELECTOR_USER_CODE, 14, 3, true), MACHINE_KERNEL_64, BY_INT,
     X64_FAULT_GP, SELECTOR_USER_CODE},
    {"32-bit CS", GATE(SELECTOR_KERNEL_CODE_32, 14, 3, true), MACHINE_KERNEL_64, BY_INTERRUPT,
     X64_FAULT_GP, SELECTOR_KERNEL_CODE_32 | 1},
    {"CS with L and D", GATE(SELECTOR_LONG_AND_BIG, 14, 3, true), MACHINE_KERNEL_64, BY_INT,
     X64_FAULT_GP, SELECTOR_LONG_AND_BIG},
    {"absent CS", GATE(SELECTOR_ABSENT_CODE, 14, 3, true), MACHINE_USER_64, BY_INT, X64_FAULT_NP,
     SELECTOR_ABSENT_CODE},
    {"absent CS", GATE(SELECTOR_ABSENT_CODE | 2, 14, 3, true), MACHINE_USER_64, BY_INTERRUPT,
     X64_FAULT_NP, SELECTOR_ABSENT_CODE | 1},
    {"CS.RPL does not matter", GATE(KERNEL | 3, 14, 3, true), MACHINE_USER_64, BY_INT, -1, 0},
};

static void raise_0x80(enum source source)
{
    if (source == BY_INT) {
        machine_code(m, "cd 80");
        machine_step(m);
    } else {
        x64i_effects_clear(&m->effects);
        x64i_deliver_interrupt(&m->cpu, 0x80);
    }
}

START_TEST(test_exception_gate_checks)
{
    machine_set_gate(m, 0x80, gate_rows[_i].gate);
    machine_enter(m, gate_rows[_i].mode);
    uint64_t rip = m->cpu.s.rip;
    uint64_t rsp = m->cpu.s.gpr[X64_RSP];
    raise_0x80(gate_rows[_i].source);
    if (gate_rows[_i].fault < 0) {
        ck_assert_msg(m->cpu.s.rip == gate_rows[_i].gate.offset, "%s", gate_rows[_i].name);
        ck_assert_uint_eq(m->cpu.s.segment[X64_CS].selector, SELECTOR_KERNEL_CODE);
        return;
    }
    ck_assert_msg(m->cpu.s.rip == machine_handler((unsigned)gate_rows[_i].fault), "%s",
                  gate_rows[_i].name);
    ck_assert_msg(frame_word(0) == gate_rows[_i].error_code, "%s: error code 0x%llx",
                  gate_rows[_i].name, (unsigned long long)frame_word(0));
    ck_assert_uint_eq(frame_word(1), rip);
    ck_assert_uint_eq(frame_word(4), rsp);
}
END_TEST

/* 6.13: the vector beyond the IDT's limit, named with the IDT bit. */
START_TEST(test_exception_beyond_the_idt)
{
    m->cpu.s.idtr.limit = 0x80 * 16 + 14;
    raise_0x80(_i ? BY_INTERRUPT : BY_INT);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(X64_FAULT_GP));
    ck_assert_uint_eq(frame_word(0), _i ? 0x403 : 0x402);
}
END_TEST

START_TEST(test_exception_last_byte_of_the_idt)
{
    m->cpu.s.idtr.limit = 0x80 * 16 + 15;
    raise_0x80(BY_INT);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x80));
}
END_TEST

/* Vol. 2A, INT n: the handler's address must be canonical, else #GP(EXT). */
START_TEST(test_exception_handler_must_be_canonical)
{
    struct machine_gate gate = machine_default_gate(0x80);
    gate.offset = 0x0000800000000000;
    machine_set_gate(m, 0x80, gate);
    raise_0x80(_i ? BY_INTERRUPT : BY_INT);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(X64_FAULT_GP));
    ck_assert_uint_eq(frame_word(0), (unsigned)_i);
}
END_TEST

/* Vol. 2A, INT n: a stack slot beyond the TSS's limit is #TS(TSS selector). */
START_TEST(test_exception_stack_beyond_the_tss)
{
    struct machine_gate gate = machine_default_gate(0x80);
    gate.ist = 7;
    machine_set_gate(m, 0x80, gate);
    m->cpu.s.segment[X64_TR].limit = 84 + 6;
    raise_0x80(_i ? BY_INTERRUPT : BY_INT);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(X64_FAULT_TS));
    ck_assert_uint_eq(frame_word(0), SELECTOR_TSS | (unsigned)_i);
}
END_TEST

/* Vol. 2A, INT n: a stack that is not canonical is #SS(EXT). */
START_TEST(test_exception_stack_must_be_canonical)
{
    struct machine_gate gate = machine_default_gate(0x80);
    gate.ist = 1;
    machine_set_gate(m, 0x80, gate);
    machine_write(m, MACHINE_TSS + 36, 8, 0xffff800000000008);
    raise_0x80(_i ? BY_INTERRUPT : BY_INT);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(X64_FAULT_SS));
    ck_assert_uint_eq(frame_word(0), (unsigned)_i);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_KERNEL_STACK - 48);
}
END_TEST

/* 6.13: the error code makes the frame 48 bytes; 4.7: its bits for a user read of kernel memory. */
START_TEST(test_exception_page_fault_frame)
{
    machine_enter(m, MACHINE_USER_64);
    m->cpu.s.gpr[X64_RAX] = MACHINE_SCRATCH + 4;
    machine_code(m, "48 8b 08"); /* mov rcx, [rax] */
    machine_expect_fault(m, X64_FAULT_PF, X64_PF_PRESENT | X64_PF_USER, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.cr2, MACHINE_SCRATCH + 4);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_RSP0 - 48);
    ck_assert_uint_eq(machine_effect(m, X64_EFFECT_CONTROL, 2)->value, MACHINE_SCRATCH + 4);
    const struct x64_effect *exception = machine_effect(m, X64_EFFECT_EXCEPTION, X64_FAULT_PF);
    ck_assert_uint_eq(exception->value, X64_PF_PRESENT | X64_PF_USER);
    ck_assert_uint_eq(exception->linear, MACHINE_SCRATCH + 4);
}
END_TEST

/* What goes wrong on the way to a handler. */
enum trouble { GATE_ABSENT, STACK_ABSENT };

static void make_trouble(unsigned vector, enum trouble trouble)
{
    struct machine_gate gate = machine_default_gate(vector);
    if (trouble == GATE_ABSENT) {
        gate.present = false;
    } else {
        gate.ist = 7;
        machine_unmap(m, MACHINE_IST(7) - 8);
    }
    machine_set_gate(m, vector, gate);
}

/* Tables 6-4 and 6-5: the exception, what stops its delivery, and what is delivered in the end. */
static const struct {
    unsigned first;
    enum trouble trouble;
    unsigned delivered;
    uint32_t error_code;
} pair_rows[] = {
    {X64_FAULT_UD, GATE_ABSENT, X64_FAULT_NP, X64_FAULT_UD * 8 + 3},
    {X64_FAULT_UD, STACK_ABSENT, X64_FAULT_PF, X64_PF_WRITE},
    {X64_FAULT_AC, GATE_ABSENT, X64_FAULT_NP, X64_FAULT_AC * 8 + 3},
    {X64_FAULT_DE, GATE_ABSENT, X64_FAULT_DF, 0},
    {X64_FAULT_TS, GATE_ABSENT, X64_FAULT_DF, 0},
    {X64_FAULT_SS, GATE_ABSENT, X64_FAULT_DF, 0},
    {X64_FAULT_GP, GATE_ABSENT, X64_FAULT_DF, 0},
    {X64_FAULT_GP, STACK_ABSENT, X64_FAULT_PF, X64_PF_WRITE},
    {X64_FAULT_NP, STACK_ABSENT, X64_FAULT_PF, X64_PF_WRITE},
    {X64_FAULT_PF, GATE_ABSENT, X64_FAULT_DF, 0},
    {X64_FAULT_PF, STACK_ABSENT, X64_FAULT_DF, 0},
};

START_TEST(test_exception_pairs)
{
    unsigned first = pair_rows[_i].first;
    struct x64i_exception exception = {.vector = (uint8_t)first,
                                       .has_error = x64_fault_has_error_code(first),
                                       .error_code = 0x1234,
                                       .cr2 = 0x5678};
    make_trouble(first, pair_rows[_i].trouble);
    x64i_deliver_exception(&m->cpu, &exception);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(pair_rows[_i].delivered));
    ck_assert_uint_eq(frame_word(0), pair_rows[_i].error_code);
    ck_assert_uint_eq(frame_word(1), MACHINE_KERNEL_CODE);
    if (pair_rows[_i].trouble == STACK_ABSENT)
        ck_assert_uint_eq(m->cpu.s.cr2, MACHINE_IST(7) - 8);
    ck_assert_uint_eq(machine_count(m, X64_EFFECT_EXCEPTION, (int)first),
                      1u + (first == X64_FAULT_PF && pair_rows[_i].trouble == STACK_ABSENT));
}
END_TEST

/* 6.15, interrupt 8: a fault while #DF is being delivered shuts the CPU down. */
START_TEST(test_exception_triple_fault)
{
    make_trouble(X64_FAULT_GP, GATE_ABSENT);
    make_trouble(X64_FAULT_DF, _i ? GATE_ABSENT : STACK_ABSENT);
    const struct x64i_exception exception = {.vector = X64_FAULT_GP, .has_error = true};
    struct x64i_cpu_state before = m->cpu.s;
    x64i_deliver_exception(&m->cpu, &exception);
    ck_assert_uint_eq(m->cpu.s.activity, X64I_SHUTDOWN);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], before.gpr[X64_RSP]);
    ck_assert_uint_eq(m->cpu.s.rip, before.rip);
    ck_assert(!x64i_cpu_step(&m->cpu));
}
END_TEST

/* Outside long mode there is no IDT that this machine knows. */
START_TEST(test_exception_outside_long_mode)
{
    machine_enter(m, MACHINE_KERNEL_32);
    m->cpu.msr.values.value[X64I_MSR_EFER] &= ~X64I_EFER_LMA;
    m->cpu.s.cr0 &= ~X64I_CR0_PG;
    x64i_cpu_refresh(&m->cpu);
    machine_code(m, _i ? "cd 80" : UD2);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.activity, X64I_SHUTDOWN);
}
END_TEST

/* Nothing of a delivery that fails half way is left behind. */
START_TEST(test_exception_failed_delivery_commits_nothing)
{
    machine_enter(m, MACHINE_USER_64);
    machine_write(m, MACHINE_TSS + 4, 8, MACHINE_RSP1 - 0x1000 + 16); /* two words, then a hole */
    machine_unmap(m, MACHINE_RSP1 - 0x2000);
    machine_write(m, MACHINE_RSP1 - 0x1000, 8, 0x1111);
    machine_write(m, MACHINE_RSP1 - 0x1000 + 8, 8, 0x2222);
    struct machine_gate gate = machine_default_gate(X64_FAULT_PF);
    gate.ist = 1;
    machine_set_gate(m, X64_FAULT_PF, gate);
    machine_code(m, UD2);
    machine_expect_fault(m, X64_FAULT_PF, X64_PF_WRITE, MACHINE_USER_CODE);
    ck_assert_uint_eq(m->cpu.s.cr2, MACHINE_RSP1 - 0x1000 - 8);
    ck_assert_uint_eq(machine_read(m, MACHINE_RSP1 - 0x1000, 8), 0x1111);
    ck_assert_uint_eq(machine_read(m, MACHINE_RSP1 - 0x1000 + 8, 8), 0x2222);
    ck_assert_uint_eq(frame_word(5), SELECTOR_USER_DATA | 3);
}
END_TEST

/* 4.6.1: pushing the frame is an explicit access; SMAP stops it on a user page unless AC is set. */
START_TEST(test_exception_frame_obeys_smap)
{
    struct machine_gate gate = machine_default_gate(X64_FAULT_PF);
    gate.ist = 1;
    machine_set_gate(m, X64_FAULT_PF, gate);
    m->cpu.s.cr4 |= X64I_CR4_SMAP;
    m->cpu.s.rflags = X64I_FLAG_ONE | (_i ? X64I_AC : 0);
    m->cpu.s.gpr[X64_RSP] = MACHINE_USER_STACK;
    x64i_cpu_refresh(&m->cpu);
    machine_code(m, UD2);
    if (_i)
        machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_KERNEL_CODE);
    else
        machine_expect_fault(m, X64_FAULT_PF, X64_PF_PRESENT | X64_PF_WRITE, MACHINE_KERNEL_CODE);
}
END_TEST

/* 6.13 and 6.14.3: the descriptor of the handler's segment gets its accessed bit. */
START_TEST(test_exception_sets_the_accessed_bit)
{
    uint64_t raw = machine_descriptor(m, SELECTOR_KERNEL_CODE);
    machine_enter(m, MACHINE_USER_64);
    machine_set_descriptor(m, SELECTOR_KERNEL_CODE, raw & ~(1ull << 40));
    machine_code(m, UD2);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_USER_CODE);
    ck_assert_uint_eq(machine_descriptor(m, SELECTOR_KERNEL_CODE), raw);
}
END_TEST

/* 6.7.1: a second NMI waits until IRET. */
START_TEST(test_exception_nmi_blocks_nmi)
{
    m->cpu.s.nmi_pending = 1;
    machine_code(m, "90");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(X64_FAULT_NMI));
    ck_assert_uint_eq(m->cpu.step.kind, X64_STEP_INTERRUPT);
    m->cpu.s.nmi_pending = 1;
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(X64_FAULT_NMI) + 1);
    machine_code(m, "48 cf"); /* iretq */
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_KERNEL_CODE);
    ck_assert_uint_eq(m->cpu.s.nmi_blocked, 0);
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(X64_FAULT_NMI));
}
END_TEST

/* 6.14.4: a second interrupt in ring 0 pushes the null SS of the first, IRETQ takes it back. */
START_TEST(test_exception_nested_with_null_ss)
{
    machine_enter(m, MACHINE_USER_64);
    machine_code(m, UD2);
    machine_expect_fault(m, X64_FAULT_UD, -1, MACHINE_USER_CODE);
    machine_code(m, "cd 80");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x80));
    ck_assert_uint_eq(frame_word(4), 0);
    machine_code(m, "48 cf");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(X64_FAULT_UD) + 2);
    ck_assert_uint_eq(m->cpu.s.segment[X64_SS].selector, 0);
}
END_TEST

/* 6.14.2: the frame of a 32-bit program is 64 bits wide; IRETQ goes back to it. */
START_TEST(test_exception_from_compatibility_mode)
{
    struct machine_gate gate = machine_default_gate(0x80);
    gate.dpl = 3;
    machine_set_gate(m, 0x80, gate);
    machine_enter(m, MACHINE_USER_32);
    m->cpu.s.gpr[X64_RSP] = MACHINE_USER_STACK - 2;
    machine_code(m, "cd 80");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.s.rip, machine_handler(0x80));
    ck_assert_uint_eq(m->cpu.code_bits, 64);
    ck_assert_uint_eq(frame_word(0), MACHINE_USER_CODE + 2);
    ck_assert_uint_eq(frame_word(1), SELECTOR_USER_CODE_32 | 3);
    ck_assert_uint_eq(frame_word(3), MACHINE_USER_STACK - 2);
    machine_code(m, "48 cf");
    machine_step(m);
    ck_assert_uint_eq(m->cpu.code_bits, 32);
    ck_assert_uint_eq(m->cpu.stack_bits, 32);
    ck_assert_uint_eq(m->cpu.s.cpl, 3);
    ck_assert_uint_eq(m->cpu.s.rip, MACHINE_USER_CODE + 2);
    ck_assert_uint_eq(m->cpu.s.gpr[X64_RSP], MACHINE_USER_STACK - 2);
}
END_TEST

static Suite *exception_suite(void)
{
    Suite *suite = suite_create("exception");
    TCase *tests = tcase_create("delivery");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_exception_aligns_the_same_stack);
    tcase_add_test(tests, test_exception_changes_to_ring_0);
    tcase_add_loop_test(tests, test_exception_takes_the_ist_stack, 1, 8);
    tcase_add_loop_test(tests, test_exception_changes_to_rings_1_and_2, 1, 3);
    tcase_add_test(tests, test_exception_keeps_cpl_in_conforming_handlers);
    tcase_add_test(tests, test_exception_trap_gate_keeps_if);
    tcase_add_loop_test(tests, test_exception_gate_checks, 0,
                        sizeof gate_rows / sizeof gate_rows[0]);
    tcase_add_loop_test(tests, test_exception_beyond_the_idt, 0, 2);
    tcase_add_test(tests, test_exception_last_byte_of_the_idt);
    tcase_add_loop_test(tests, test_exception_handler_must_be_canonical, 0, 2);
    tcase_add_loop_test(tests, test_exception_stack_beyond_the_tss, 0, 2);
    tcase_add_loop_test(tests, test_exception_stack_must_be_canonical, 0, 2);
    tcase_add_test(tests, test_exception_page_fault_frame);
    tcase_add_loop_test(tests, test_exception_pairs, 0, sizeof pair_rows / sizeof pair_rows[0]);
    tcase_add_loop_test(tests, test_exception_triple_fault, 0, 2);
    tcase_add_loop_test(tests, test_exception_outside_long_mode, 0, 2);
    tcase_add_test(tests, test_exception_failed_delivery_commits_nothing);
    tcase_add_loop_test(tests, test_exception_frame_obeys_smap, 0, 2);
    tcase_add_test(tests, test_exception_sets_the_accessed_bit);
    tcase_add_test(tests, test_exception_nmi_blocks_nmi);
    tcase_add_test(tests, test_exception_nested_with_null_ss);
    tcase_add_test(tests, test_exception_from_compatibility_mode);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(exception_suite())
