/* SPDX-License-Identifier: MIT */
/*
 * The ways out of a system call on every era and its sets of mitigations: SYSRET when all of its
 * checks hold, IRET when one fails, each in turn; and user stacks that the kernel must not touch.
 */
#include "kernel_model/guest.h"
#include "kernel_model/marked.h"

#include "support/suite.h"

#include <signal.h>
#include <string.h>

#define TIF_SYSCALL_TRACE 1u

#define RF            0x10000u
#define TF            0x100u
#define CF            0x1u
#define NOT_CANONICAL UINT64_C(0x0000800000000000)

/* Words of struct pt_regs. */
enum { R11 = 6, CX = 11, IP = 16, CS = 17, FLAGS = 18, SP = 19, SS = 20, NONE = 99 };

static const struct row {
    const char *entry;
    const char *mitigations;
    const char *iret; /* where a check that fails leads */
} rows[] = {
    {"4.9", "none", "opportunistic_sysret_failed"},
    {"4.15", "none", "swapgs_restore_regs_and_return_to_usermode"},
    {"4.15", "pti", "swapgs_restore_regs_and_return_to_usermode"},
    {"4.15", "pti,pcid,retpoline", "swapgs_restore_regs_and_return_to_usermode"},
    {"4.16", "none", "swapgs_restore_regs_and_return_to_usermode"},
    {"4.16", "pti", "swapgs_restore_regs_and_return_to_usermode"},
    {"4.16", "pti,pcid,retpoline", "swapgs_restore_regs_and_return_to_usermode"},
    {"4.18", "none", "swapgs_restore_regs_and_return_to_usermode"},
    {"4.18", "pti", "swapgs_restore_regs_and_return_to_usermode"},
    {"4.18", "pti,pcid,retpoline", "swapgs_restore_regs_and_return_to_usermode"},
    {"5.4", "none", "swapgs_restore_regs_and_return_to_usermode"},
    {"5.4", "pti", "swapgs_restore_regs_and_return_to_usermode"},
    {"5.4", "pti,pcid,retpoline,verw", "swapgs_restore_regs_and_return_to_usermode"},
    {"6.1", "none", "swapgs_restore_regs_and_return_to_usermode"},
    {"6.1", "pti", "swapgs_restore_regs_and_return_to_usermode"},
    {"6.1", "pti,pcid,ibrs,retpoline,verw,bhb", "swapgs_restore_regs_and_return_to_usermode"},
};

/* What is done to two words of the frame, and the check that minds it: they come in this order. */
static const struct check {
    const char *name;
    unsigned word[2];
    uint64_t flip; /* bits of both */
    unsigned passed;
    int signal; /* IRET refuses it, too, and the program dies of that */
} checks[] = {
    {"rcx == rip", {CX, NONE}, 0x10, 0, 0},
    {"rip == rcx", {IP, NONE}, 0x1, 0, 0},
    {"canonical", {CX, IP}, NOT_CANONICAL, 1, SIGSEGV},
    {"cs", {CS, NONE}, 0x10, 2, 0}, /* the 32-bit one */
    {"r11 == flags", {R11, NONE}, CF, 3, 0},
    {"flags == r11", {FLAGS, NONE}, CF, 3, 0},
    {"no RF", {FLAGS, R11}, RF, 4, 0},
    {"no TF", {FLAGS, R11}, TF, 4, 0},
    {"ss", {SS, NONE}, 0x8, 5, SIGSEGV},
};
#define CHECKS 6u

static void put(struct guest *guest, uint64_t linear, uint64_t value)
{
    ck_assert_int_eq(x64_memory_write_virt(guest->machine, linear, &value, sizeof value), X64_OK);
}

static void step(struct guest *guest)
{
    ck_assert_int_eq(x64_run(guest->machine, 1, NULL), X64_OK);
}

/* Stands at the program's first SYSCALL. */
static void start(struct guest *guest, const struct row *row)
{
    guest_start(guest, &(struct guest_config){
                           .entry = row->entry,
                           .mitigations = row->mitigations,
                           .program = guest_program(0, marked_call, sizeof marked_call)});
    while (guest_registers(guest).rip != MARKED_RIP - 2)
        step(guest);
}

/* Stands behind do_syscall_64, where the checks begin; answers pt_regs. Where there is a fast path,
 * a traced thread does not take it. */
static uint64_t run_to_checks(struct guest *guest)
{
    while (x64_stack_of(guest->machine, guest_registers(guest).gpr[X64_RSP]) != X64_STACK_KERNEL)
        step(guest);
    uint64_t frame =
        guest_word(guest, guest_symbol(guest, "cpu_current_top_of_stack")) - 8 * (SS + 1);
    uint64_t task = guest_word(guest, guest_symbol(guest, "current_task"));
    put(guest, task, guest_word(guest, task) | TIF_SYSCALL_TRACE);
    guest_run_to(guest, "do_syscall_64");
    uint64_t back = guest_word(guest, guest_registers(guest).gpr[X64_RSP]);
    while (guest_registers(guest).rip != back)
        step(guest);
    return frame;
}

/* Conditional jumps up to one of two places; answers which. */
static unsigned count_checks(struct guest *guest, const char *iret, bool *to_iret)
{
    uint64_t failed = guest_symbol(guest, iret);
    uint64_t good = guest_symbol(guest, "syscall_return_via_sysret");
    unsigned jumps = 0;
    for (;; step(guest)) {
        uint8_t code[2];
        uint64_t rip = guest_registers(guest).rip;
        *to_iret = rip == failed;
        if (rip == failed || rip == good)
            return jumps;
        ck_assert_int_eq(x64_memory_read_virt(guest->machine, rip, code, 2), X64_OK);
        jumps += code[0] == 0x75 || (code[0] == 0x0f && code[1] == 0x85);
    }
}

static void run_to_user(struct guest *guest)
{
    while (guest_registers(guest).cpl == 0)
        step(guest);
}

/* What IRET gives back is what the frame said. */
static void check_back(struct guest *guest, const uint64_t frame[SS + 1],
                       const struct x64_registers *user)
{
    struct x64_registers back = guest_registers(guest);
    /* Compatibility mode does not keep upper halves (SDM vol. 1, 3.4.1.1). */
    uint64_t kept = frame[CS] == 0x33 ? UINT64_MAX : UINT32_MAX;
    ck_assert_uint_eq(back.rip, frame[IP]);
    ck_assert_uint_eq(back.rflags, frame[FLAGS]);
    ck_assert_uint_eq(back.segment[X64_CS].selector, frame[CS]);
    ck_assert_uint_eq(back.segment[X64_SS].selector, frame[SS]);
    ck_assert_uint_eq(back.gpr[X64_RCX], frame[CX]);
    ck_assert_uint_eq(back.gpr[X64_R11], frame[R11]);
    ck_assert_uint_eq(back.gpr[X64_RAX], 1);
    ck_assert_uint_eq(back.cr3, user->cr3);
    for (unsigned i = 0; i < 16; i++)
        if (i != X64_RAX && i != X64_RCX && i != X64_R11)
            ck_assert_uint_eq(back.gpr[i] & kept, user->gpr[i] & kept);
}

/* A copy to try something on; its output goes nowhere. */
static struct guest copy_of(const struct guest *guest)
{
    struct guest copy = *guest;
    ck_assert_int_eq(x64_fork(guest->machine, NULL, &copy.machine), X64_OK);
    return copy;
}

/* `original` stands where the checks begin. */
static void check_failing(const struct row *row, const struct check *check,
                          const struct guest *original, uint64_t frame,
                          const struct x64_registers *user)
{
    struct guest guest = copy_of(original);
    uint64_t words[SS + 1];
    bool to_iret;
    for (unsigned i = 0; i < 2; i++)
        if (check->word[i] != NONE)
            put(&guest, frame + 8 * check->word[i],
                guest_word(&guest, frame + 8 * check->word[i]) ^ check->flip);
    for (unsigned i = 0; i <= SS; i++)
        words[i] = guest_word(&guest, frame + 8 * i);
    unsigned jumps = count_checks(&guest, row->iret, &to_iret);
    ck_assert_msg(to_iret && jumps == check->passed + 1,
                  "--entry %s --mitigations %s, %s: %s after %u checks", row->entry,
                  row->mitigations, check->name, to_iret ? "IRET" : "SYSRET", jumps);
    guest_run_to(&guest, "native_irq_return_iret");
    if (check->signal) {
        struct x64_stop stop = guest_run(&guest);
        ck_assert_msg(stop.reason == X64_STOP_EXIT && stop.signal == check->signal,
                      "--entry %s, %s: reason %d, signal %d", row->entry, check->name, stop.reason,
                      stop.signal);
    } else {
        run_to_user(&guest);
        check_back(&guest, words, user);
    }
    guest_end(&guest);
}

START_TEST(test_way_out_is_iret_when_a_check_fails)
{
    struct guest guest;
    start(&guest, &rows[_i]);
    struct x64_registers user = guest_registers(&guest);
    uint64_t frame = run_to_checks(&guest);
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        check_failing(&rows[_i], &checks[i], &guest, frame, &user);
    guest_end(&guest);
}
END_TEST

/* All six hold: SYSRET, and the same registers as IRET would have given back. */
START_TEST(test_way_out_is_sysret)
{
    struct guest guest;
    uint64_t words[SS + 1];
    bool to_iret;
    start(&guest, &rows[_i]);
    struct x64_registers user = guest_registers(&guest);
    uint64_t frame = run_to_checks(&guest);
    for (unsigned i = 0; i <= SS; i++)
        words[i] = guest_word(&guest, frame + 8 * i);
    ck_assert_uint_eq(count_checks(&guest, rows[_i].iret, &to_iret), CHECKS);
    ck_assert(!to_iret);
    for (uint8_t code[3] = {0}; memcmp(code, "\x48\x0f\x07", sizeof code) != 0;) {
        step(&guest);
        ck_assert_int_eq(
            x64_memory_read_virt(guest.machine, guest_registers(&guest).rip, code, sizeof code),
            X64_OK);
        ck_assert_int_eq(guest_registers(&guest).cpl, 0);
    }
    step(&guest);
    check_back(&guest, words, &user);
    guest_end(&guest);
}
END_TEST

/* The user's RSP is carried, never used: whatever it is, the call works and gives it back. */
START_TEST(test_way_out_of_any_user_stack)
{
    static const uint64_t stacks[] = {
        0,
        8,
        0x1003,
        NOT_CANONICAL,
        NOT_CANONICAL - 8,
        UINT64_C(0xffff800000000000),
        UINT64_C(0xffffffff81000000),
        UINT64_C(0xfffffe0000003000),
        UINT64_MAX,
    };
    struct guest original;
    start(&original, &rows[_i]);
    for (size_t i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        struct guest guest = copy_of(&original);
        struct x64_registers user = guest_registers(&guest);
        user.gpr[X64_RSP] = stacks[i];
        ck_assert_int_eq(x64_registers_write(guest.machine, &user), X64_OK);
        step(&guest);
        run_to_user(&guest);
        struct x64_registers back = guest_registers(&guest);
        ck_assert_msg(back.rip == MARKED_RIP && back.gpr[X64_RSP] == stacks[i] &&
                          back.gpr[X64_RAX] == 1,
                      "--entry %s --mitigations %s, rsp %#llx: rip %#llx, rsp %#llx, rax %#llx",
                      rows[_i].entry, rows[_i].mitigations, (unsigned long long)stacks[i],
                      (unsigned long long)back.rip, (unsigned long long)back.gpr[X64_RSP],
                      (unsigned long long)back.gpr[X64_RAX]);
        guest_end(&guest);
    }
    guest_end(&original);
}
END_TEST

/* The same from compatibility mode: INT 0x80 pushes what ESP is, and never follows it. */
START_TEST(test_way_out_of_any_32_bit_stack)
{
    static const uint32_t stacks[] = {0, 4, 0x1003, 0x7fffffff, 0xffffe000, UINT32_MAX};
    static const char *const entries[] = {"int80", "sysenter"};
    const char *entry = entries[_i];
    for (size_t i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        struct guest guest;
        guest_start(&guest, &(struct guest_config){.entry = entry, .cpu = "zen3"});
        guest_run_to(&guest, "_start");
        guest_run_to(&guest, "entry_INT80_compat");
        ck_assert_int_eq(x64_step_back(guest.machine), X64_OK);
        struct x64_registers user = guest_registers(&guest);
        ck_assert_int_eq(user.cpl, 3);
        ck_assert_uint_eq(user.segment[X64_CS].selector, 0x23);
        user.gpr[X64_RSP] = stacks[i];
        user.gpr[X64_RAX] = 20; /* getpid */
        ck_assert_int_eq(x64_registers_write(guest.machine, &user), X64_OK);
        step(&guest);
        run_to_user(&guest);
        struct x64_registers back = guest_registers(&guest);
        ck_assert_uint_eq(back.rip, user.rip + 2);
        ck_assert_uint_eq(back.gpr[X64_RSP], stacks[i]);
        ck_assert_uint_eq(back.gpr[X64_RAX], 1);
        guest_end(&guest);
    }
}
END_TEST

static Suite *way_out_suite(void)
{
    Suite *suite = suite_create("way out");
    TCase *tests = tcase_create("way out");
    int count = (int)(sizeof rows / sizeof rows[0]);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_way_out_is_iret_when_a_check_fails, 0, count);
    tcase_add_loop_test(tests, test_way_out_is_sysret, 0, count);
    tcase_add_loop_test(tests, test_way_out_of_any_user_stack, 0, count);
    tcase_add_loop_test(tests, test_way_out_of_any_32_bit_stack, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(way_out_suite())
