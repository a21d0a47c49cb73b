/* SPDX-License-Identifier: MIT */
/* The line model: explanations, the checks before SYSRET, the dangerous window. */
#include "support/suite.h"
#include "trace/synthetic.h"

#include <string.h>

#define GS_BASE UINT64_C(0xffff888000008000)

static struct synthetic s;

static void set_up(void)
{
    synthetic_begin(&s);
}

static void tear_down(void)
{
    synthetic_end(&s);
}

static const struct x64i_trace_line *do_syscall(void)
{
    s.model.before.gpr[X64_RAX] = s.after.gpr[X64_RAX] = 1;
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_CPL, .old = 3, .value = 0});
    s.after.cpl = 0;
    s.after.rip = SYNTHETIC_ENTRY;
    s.after.gpr[X64_RCX] = SYNTHETIC_USER + 2;
    s.after.gpr[X64_R11] = 0x202;
    s.after.rflags = 2;
    s.after.segment[X64_CS].selector = 0x10;
    return synthetic_step(&s, "\x0f\x05", 2);
}

/* From 64-bit code as well, SYSENTER and INT 0x80 take the 32-bit table's numbers. */
static void ask_for_call_4(void)
{
    s.model.before.gpr[X64_RAX] = s.after.gpr[X64_RAX] = 4;
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_CPL, .old = 3, .value = 0});
    s.after.cpl = 0;
    s.after.rip = SYNTHETIC_ENTRY;
    s.after.segment[X64_CS].selector = 0x10;
    s.after.segment[X64_SS].selector = 0x18;
}

static const struct x64i_trace_line *do_swapgs(uint64_t base)
{
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_SEGMENT_BASE,
                                             .index = X64_GS,
                                             .old = s.after.segment[X64_GS].base,
                                             .value = base});
    s.after.segment[X64_GS].base = base;
    return synthetic_step(&s, "\x0f\x01\xf8", 3);
}

static const struct x64i_trace_line *load_rsp(uint64_t rsp)
{
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_REGISTER,
                                             .index = X64_RSP,
                                             .old = s.after.gpr[X64_RSP],
                                             .value = rsp});
    s.after.gpr[X64_RSP] = rsp;
    return synthetic_step(&s, "\x48\x89\xc4", 3); /* mov rsp, rax */
}

START_TEST(test_model_syscall_is_explained)
{
    const struct x64i_trace_line *line = do_syscall();
    const char *note = note_of(line, "SYSCALL 1 (write)");
    ck_assert_ptr_nonnull(note);
    ck_assert_ptr_nonnull(strstr(note, "rcx = return rip 0x401002"));
    ck_assert_ptr_nonnull(strstr(note, "LSTAR (entry_SYSCALL_64)"));
    ck_assert_ptr_nonnull(strstr(note, "-IF"));
    ck_assert_ptr_nonnull(strstr(note, "cs 0x33 -> 0x10"));
    ck_assert_str_eq(line->symbol, "main");
    ck_assert_str_eq(line->assembly, "syscall");
    ck_assert_uint_eq(line->cpl, 3);
    ck_assert_int_eq(s.model.entry, X64I_ENTRY_SYSCALL);
}
END_TEST

START_TEST(test_model_sysenter_is_explained)
{
    ask_for_call_4();
    s.after.gpr[X64_RSP] = SYNTHETIC_STACK;
    const char *note = note_of(synthetic_step(&s, "\x0f\x34", 2), "SYSENTER 4 (write): ");
    ck_assert_ptr_nonnull(note);
    ck_assert_ptr_nonnull(strstr(note, "rip = SYSENTER_EIP (entry_SYSCALL_64)"));
    ck_assert_ptr_nonnull(strstr(note, "cs 0x33 -> 0x10, ss 0x2b -> 0x18, CPL 3 -> 0"));
    ck_assert_int_eq(s.model.entry, X64I_ENTRY_SYSENTER);
}
END_TEST

START_TEST(test_model_int80_is_explained)
{
    ask_for_call_4();
    synthetic_effect(&s,
                     (struct x64_effect){.kind = X64_EFFECT_INTERRUPT, .index = 0x80, .value = 1});
    ck_assert_ptr_nonnull(note_of(synthetic_step(&s, "\xcd\x80", 2),
                                  "INT 0x80, call 4 (write): through the IDT to "));
    ck_assert_int_eq(s.model.entry, X64I_ENTRY_INT);
}
END_TEST

START_TEST(test_model_window_opens_and_closes_with_its_length)
{
    ck_assert_ptr_nonnull(
        note_of(do_syscall(), "dangerous window opens: CPL is 0 and RSP and GS are still"));
    const struct x64i_trace_line *line = do_swapgs(GS_BASE);
    ck_assert_ptr_nonnull(note_of(line, "SWAPGS: GS.base 0x0 -> 0xffff888000008000, the kernel's"));
    ck_assert_ptr_null(note_of(line, "dangerous"));
    line = load_rsp(SYNTHETIC_STACK);
    ck_assert_ptr_nonnull(note_of(line, "stack switch: user -> kernel"));
    ck_assert_ptr_nonnull(
        note_of(line, "dangerous window closes after 2 instructions, 2 cycles: RSP, GS and CR3"));
    ck_assert_ptr_nonnull(note_of(load_rsp(SYNTHETIC_USER_RSP),
                                  "dangerous window opens: CPL is 0 and RSP is already"));
    ck_assert_ptr_nonnull(note_of(do_swapgs(0), "dangerous window widens: RSP and GS are"));
    s.after.cpl = 3;
    s.after.rip = SYNTHETIC_USER + 2;
    line = synthetic_step(&s, "\x48\x0f\x07", 3);
    ck_assert_str_eq(line->assembly, "sysretq");
    ck_assert_ptr_nonnull(note_of(line, "SYSRET:"));
    ck_assert_ptr_nonnull(note_of(line, "dangerous window closes after 2 instructions, 2 cycles: "
                                        "the CPU is back"));
}
END_TEST

static const struct x64i_trace_line *write_cr3(uint64_t value)
{
    synthetic_effect(
        &s, (struct x64_effect){
                .kind = X64_EFFECT_CONTROL, .index = 3, .old = s.after.cr3, .value = value});
    s.after.cr3 = value;
    return synthetic_step(&s, "\x0f\x22\xd8", 3); /* mov cr3, rax */
}

START_TEST(test_model_window_counts_cr3_with_two_page_tables)
{
    do_syscall();
    do_swapgs(GS_BASE);
    const struct x64i_trace_line *line = write_cr3(0x3000);
    ck_assert_ptr_nonnull(note_of(line, "CR3 write: 0x2000 -> 0x3000, the kernel's page table"));
    load_rsp(SYNTHETIC_STACK);
    line = write_cr3(0x2000);
    ck_assert_ptr_nonnull(note_of(line, "CR3 write: 0x3000 -> 0x2000, the user's page table"));
    ck_assert_ptr_nonnull(note_of(line, "dangerous window opens: CPL is 0 and CR3 is already"));
}
END_TEST

/* Where RSP helps to switch CR3, it is the user's no more, but no stack either. */
START_TEST(test_model_window_stays_open_without_a_stack)
{
    do_syscall();
    do_swapgs(GS_BASE);
    const struct x64i_trace_line *line = load_rsp(s.after.cr3);
    ck_assert_int_eq(line->stack, X64_STACK_NONE);
    ck_assert_ptr_null(note_of(line, "dangerous"));
    line = write_cr3(0x3000);
    ck_assert_int_eq(line->stack, X64_STACK_NONE);
    ck_assert_ptr_null(note_of(line, "dangerous"));
    line = load_rsp(SYNTHETIC_STACK);
    ck_assert_ptr_nonnull(note_of(line, "stack switch: none -> kernel"));
    ck_assert_ptr_nonnull(
        note_of(line, "dangerous window closes after 4 instructions, 4 cycles: RSP, GS and CR3"));
}
END_TEST

START_TEST(test_model_page_fault_is_explained)
{
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_EXCEPTION,
                                             .index = X64_FAULT_PF,
                                             .linear = 0x10,
                                             .value = X64_PF_USER | X64_PF_WRITE});
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_STACK_SWITCH,
                                             .old = SYNTHETIC_USER_RSP,
                                             .value = SYNTHETIC_STACK});
    s.step.kind = X64_STEP_FAULT;
    s.after.cpl = 0;
    s.after.rip = SYNTHETIC_ENTRY;
    s.after.gpr[X64_RSP] = SYNTHETIC_STACK;
    const struct x64i_trace_line *line = synthetic_step(&s, "\x89\x07", 2);
    ck_assert(line->faulted && line->has_error);
    ck_assert_uint_eq(line->vector, X64_FAULT_PF);
    ck_assert_uint_eq(line->error, 6);
    ck_assert_uint_eq(line->cr2, 0x10);
    ck_assert_ptr_nonnull(
        note_of(line, "exception #PF: user write to 0x10, a page that is not present, error code "
                      "0x6; through the IDT to entry_SYSCALL_64, CPL 3 -> 0"));
    const char *note = note_of(line, "stack switch: user -> kernel");
    ck_assert(note && strstr(note, "loaded from TSS.RSP0"));
    ck_assert_int_eq(s.model.entry, X64I_ENTRY_EXCEPTION);
}
END_TEST

/* pt_regs as SYSCALL's entry code leaves it. */
static void fill_frame(void)
{
    s.frame[X64I_SLOT_CX] = s.frame[X64I_SLOT_IP] = SYNTHETIC_USER + 2;
    s.frame[X64I_SLOT_R11] = s.frame[X64I_SLOT_FLAGS] = 0x202;
    s.frame[X64I_SLOT_CS] = 0x33;
    s.frame[X64I_SLOT_SS] = 0x2b;
}

/* Into the kernel, a push to pt_regs, the answer. */
static void answer_call(void)
{
    do_syscall();
    do_swapgs(GS_BASE);
    load_rsp(SYNTHETIC_STACK);
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_MEMORY_WRITE,
                                             .size = 8,
                                             .linear = SYNTHETIC_FRAME + 8 * X64I_SLOT_SS,
                                             .value = 0x2b});
    ck_assert_str_eq(synthetic_step(&s, "\x6a\x2b", 2)->memory[0].what, "pt_regs.ss");
    s.step.kind = X64_STEP_NATIVE;
    s.call = "write(1, \"x\", 1) = 1";
    s.after.rip += 1;
    ck_assert_ptr_nonnull(note_of(synthetic_step(&s, "", 0), "write(1"));
}

static void read_slot(enum x64i_pt_slot slot)
{
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_MEMORY_READ,
                                             .size = 8,
                                             .linear = SYNTHETIC_FRAME + 8u * slot,
                                             .value = s.frame[slot]});
}

static void load_slot(enum x64_register reg, enum x64i_pt_slot slot, const char *bytes)
{
    read_slot(slot);
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_REGISTER,
                                             .index = reg,
                                             .old = s.after.gpr[reg],
                                             .value = s.frame[slot]});
    s.after.gpr[reg] = s.frame[slot];
    synthetic_step(&s, bytes, 5);
}

/* JNE to restore_and_iret, six bytes. */
static const struct x64i_trace_line *branch(bool taken)
{
    char bytes[6] = {0x0f, (char)0x85};
    int32_t distance = (int32_t)(SYNTHETIC_IRET - (s.after.rip + 6));
    memcpy(bytes + 2, &distance, sizeof distance);
    if (taken)
        s.after.rip = SYNTHETIC_IRET;
    return synthetic_step(&s, bytes, 6);
}

static const struct x64i_trace_line *compare_cx_ip(void)
{
    load_slot(X64_RCX, X64I_SLOT_CX, "\x48\x8b\x4c\x24\x58");
    load_slot(X64_R11, X64I_SLOT_IP, "\x4c\x8b\x5c\x24\x58");
    return synthetic_step(&s, "\x49\x39\xcb", 3); /* cmp r11, rcx */
}

START_TEST(test_model_check_that_holds)
{
    fill_frame();
    answer_call();
    ck_assert_ptr_nonnull(note_of(compare_cx_ip(), "check before SYSRET: rcx == rip: 0x401002 and "
                                                   "0x401002: holds"));
    ck_assert_ptr_nonnull(note_of(branch(false), "not taken: rcx == rip holds, on towards SYSRET"));
    synthetic_step(&s, "\x48\xc1\xe1\x10", 4); /* shl rcx, 16 */
    synthetic_step(&s, "\x48\xc1\xf9\x10", 4); /* sar rcx, 16 */
    ck_assert_ptr_nonnull(
        note_of(synthetic_step(&s, "\x49\x39\xcb", 3), "check before SYSRET: rip is canonical:"));
    branch(false);
    read_slot(X64I_SLOT_CS);
    ck_assert_ptr_nonnull(note_of(synthetic_step(&s, "\x48\x83\x7c\x24\x58\x33", 6),
                                  "check before SYSRET: cs: 0x33 and 0x33: holds"));
    branch(false);
    load_slot(X64_R11, X64I_SLOT_R11, "\x4c\x8b\x5c\x24\x58");
    read_slot(X64I_SLOT_FLAGS);
    ck_assert_ptr_nonnull(note_of(synthetic_step(&s, "\x4c\x39\x5c\x24\x58", 5),
                                  "check before SYSRET: r11 == rflags: 0x202 and 0x202: holds"));
    branch(false);
    ck_assert_ptr_nonnull(note_of(synthetic_step(&s, "\x49\xf7\xc3\x00\x01\x01\x00", 7),
                                  "check before SYSRET: no RF or TF: 0x202 & 0x10100: holds"));
    branch(false);
    s.after.cpl = 3;
    s.after.rip = SYNTHETIC_USER + 2;
    const char *note = note_of(synthetic_step(&s, "\x48\x0f\x07", 3), "checks before SYSRET:");
    ck_assert_ptr_nonnull(note);
    ck_assert_ptr_null(strstr(note, "FAILS"));
    ck_assert_ptr_null(strstr(note, "none was made"));
    ck_assert_ptr_nonnull(strstr(note, "SYSRET gives back what IRET would"));
}
END_TEST

/* The fast path of old kernels knows that nobody could change pt_regs. */
START_TEST(test_model_says_when_no_check_was_made)
{
    fill_frame();
    answer_call();
    s.after.cpl = 3;
    s.after.rip = SYNTHETIC_USER + 2;
    const char *note = note_of(synthetic_step(&s, "\x48\x0f\x07", 3),
                               "checks before SYSRET: none was made here; rcx == rip holds");
    ck_assert_ptr_nonnull(note);
    ck_assert_ptr_nonnull(strstr(note, "SYSRET gives back what IRET would"));
}
END_TEST

static const struct {
    enum x64i_pt_slot slot;
    uint64_t value;
    const char *said;
} spoiled[] = {
    {X64I_SLOT_CX, 0x1234, "rcx == rip FAILS (0x1234 != 0x401002)"},
    {X64I_SLOT_CS, 0x23, "cs FAILS (0x23 != 0x33)"},
    {X64I_SLOT_R11, 0x246, "r11 == rflags FAILS (0x246 != 0x202)"},
    {X64I_SLOT_SS, 0x23, "ss FAILS (0x23 != 0x2b)"},
    {X64I_SLOT_FLAGS, 0x10202, "no RF or TF FAILS (0x10202)"},
    {X64I_SLOT_IP, UINT64_C(0x800000000000), "rip is canonical FAILS (0x800000000000)"},
};

/* Whatever failed, the line at IRET says so, although nothing was compared. */
START_TEST(test_model_failed_predicate_is_named_at_iret)
{
    fill_frame();
    s.frame[spoiled[_i].slot] = spoiled[_i].value;
    answer_call();
    s.after.cpl = 3;
    s.after.rip = SYNTHETIC_USER + 2;
    const char *note = note_of(synthetic_step(&s, "\x48\xcf", 2), "checks before SYSRET:");
    ck_assert_ptr_nonnull(note);
    ck_assert_msg(strstr(note, spoiled[_i].said) != NULL, "%s", note);
    ck_assert_ptr_nonnull(strstr(note, "only IRET can return"));
}
END_TEST

START_TEST(test_model_failed_check_sums_up_at_the_branch)
{
    fill_frame();
    s.frame[X64I_SLOT_CX] = 0x1234;
    answer_call();
    ck_assert_ptr_nonnull(note_of(compare_cx_ip(), "check before SYSRET: rcx == rip: 0x401002 and "
                                                   "0x1234: FAILS"));
    const struct x64i_trace_line *line = branch(true);
    ck_assert_ptr_nonnull(note_of(line, "taken: rcx == rip fails, on at restore_and_iret"));
    ck_assert_ptr_nonnull(note_of(line, "checks before SYSRET: rcx == rip FAILS"));
    s.after.cpl = 3;
    ck_assert_ptr_null(note_of(synthetic_step(&s, "\x48\xcf", 2), "checks before SYSRET:"));
}
END_TEST

START_TEST(test_model_other_compares_are_no_checks)
{
    fill_frame();
    answer_call();
    load_slot(X64_RCX, X64I_SLOT_CX, "\x48\x8b\x4c\x24\x58");
    synthetic_effect(&s, (struct x64_effect){.kind = X64_EFFECT_REGISTER, .index = X64_RCX});
    synthetic_step(&s, "\x31\xc9", 2); /* xor ecx, ecx */
    load_slot(X64_R11, X64I_SLOT_IP, "\x4c\x8b\x5c\x24\x58");
    s.model.before.gpr[X64_RCX] = 0;
    ck_assert_ptr_null(
        note_of(synthetic_step(&s, "\x48\x83\xf8\x05", 4), "check")); /* cmp rax, 5 */
    ck_assert_ptr_null(note_of(branch(false), "not taken"));
}
END_TEST

static Suite *model_suite(void)
{
    Suite *suite = suite_create("trace model");
    TCase *tcase = tcase_create("model");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_model_syscall_is_explained);
    tcase_add_test(tcase, test_model_sysenter_is_explained);
    tcase_add_test(tcase, test_model_int80_is_explained);
    tcase_add_test(tcase, test_model_window_opens_and_closes_with_its_length);
    tcase_add_test(tcase, test_model_window_counts_cr3_with_two_page_tables);
    tcase_add_test(tcase, test_model_window_stays_open_without_a_stack);
    tcase_add_test(tcase, test_model_page_fault_is_explained);
    tcase_add_test(tcase, test_model_check_that_holds);
    tcase_add_test(tcase, test_model_says_when_no_check_was_made);
    tcase_add_loop_test(tcase, test_model_failed_predicate_is_named_at_iret, 0,
                        sizeof spoiled / sizeof spoiled[0]);
    tcase_add_test(tcase, test_model_failed_check_sums_up_at_the_branch);
    tcase_add_test(tcase, test_model_other_compares_are_no_checks);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(model_suite())
