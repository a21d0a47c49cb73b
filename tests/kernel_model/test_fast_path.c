/* SPDX-License-Identifier: MIT */
/* The fast and the slow path of 4.9 and 4.15: which slots of pt_regs are written, what sends a call
 * from one to the other, and the ways out. */
#include "kernel_model/guest.h"
#include "kernel_model/marked.h"

#include "support/suite.h"

#include <string.h>

#define FRAME_SIZE    168u
#define UNWRITTEN     6u /* words at the frame's beginning: r15 r14 r13 r12 bp bx */
#define CANARY        UINT64_C(0xdeadbeefdeadbeef)
#define ENOSYS_RESULT (UINT64_MAX - 37)

#define TIF_SYSCALL_TRACE 1u
#define TIF_NEED_RESCHED  8u

/* Before 4.14 there is no entry area, and so no PTI. */
static const struct {
    const char *entry;
    const char *mitigations;
    const char *iret; /* where SYSRET's checks send the return */
} eras[] = {
    {"4.9", "none", "opportunistic_sysret_failed"},
    {"4.15", "none", "swapgs_restore_regs_and_return_to_usermode"},
    {"4.15", "pti,pcid,retpoline", "swapgs_restore_regs_and_return_to_usermode"},
};
#define ERA_COUNT (sizeof eras / sizeof eras[0])

static void put(struct guest *guest, uint64_t linear, uint64_t value)
{
    ck_assert_int_eq(x64_memory_write_virt(guest->machine, linear, &value, sizeof value), X64_OK);
}

static void step(struct guest *guest)
{
    ck_assert_int_eq(x64_run(guest->machine, 1, NULL), X64_OK);
}

/* Stands before the first SYSCALL's frame is pushed, in the kernel's page table; answers where
 * the frame will be. */
static uint64_t start_call(struct guest *guest, size_t era, struct x64_registers *user)
{
    guest_start(guest, &(struct guest_config){
                           .entry = eras[era].entry,
                           .mitigations = eras[era].mitigations,
                           .program = guest_program(0, marked_call, sizeof marked_call)});
    do {
        step(guest);
        *user = guest_registers(guest);
    } while (user->rip != MARKED_RIP - 2);
    while (guest_registers(guest).gpr[X64_RSP] == user->gpr[X64_RSP] ||
           x64_stack_of(guest->machine, guest_registers(guest).gpr[X64_RSP]) != X64_STACK_KERNEL)
        step(guest);
    return guest_registers(guest).gpr[X64_RSP] - FRAME_SIZE;
}

static void set_flags(struct guest *guest, uint64_t flags)
{
    uint64_t task = guest_word(guest, guest_symbol(guest, "current_task"));
    put(guest, task, guest_word(guest, task) | flags);
}

static void check_word(struct guest *guest, uint64_t frame, unsigned word, uint64_t expected)
{
    uint64_t value = guest_word(guest, frame + 8 * word);
    ck_assert_msg(value == expected, "word %u of pt_regs is %#llx, not %#llx", word,
                  (unsigned long long)value, (unsigned long long)expected);
}

/* r11 to ss: what both paths save. `ax` is -ENOSYS until there is a result. */
static void check_saved_words(struct guest *guest, uint64_t frame, const struct x64_registers *user)
{
    const uint64_t expected[] = {
        user->rflags, 0xa0a, 0x909,      0x808, ENOSYS_RESULT, MARKED_RIP,         0x202, 0x606,
        0x707,        39,    MARKED_RIP, 0x33,  user->rflags,  user->gpr[X64_RSP], 0x2b,
    };
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++)
        check_word(guest, frame, UNWRITTEN + i, expected[i]);
}

static void check_back(struct guest *guest, const struct x64_registers *user)
{
    while (guest_registers(guest).cpl == 0)
        step(guest);
    struct x64_registers back = guest_registers(guest);
    ck_assert_uint_eq(back.rip, MARKED_RIP);
    ck_assert_uint_eq(back.gpr[X64_RAX], 1);
    ck_assert_uint_eq(back.gpr[X64_RCX], MARKED_RIP);
    ck_assert_uint_eq(back.gpr[X64_R11], user->rflags);
    ck_assert_uint_eq(back.rflags, user->rflags);
    ck_assert_uint_eq(back.cr3, user->cr3);
    for (unsigned i = 0; i < 16; i++)
        if (i != X64_RAX && i != X64_RCX && i != X64_R11)
            ck_assert_uint_eq(back.gpr[i], user->gpr[i]);
}

/* Runs to user mode and fails when the guest comes past `symbol`. */
static void check_back_without(struct guest *guest, const struct x64_registers *user,
                               const char *symbol)
{
    uint64_t forbidden = guest_symbol(guest, symbol);
    while (guest_registers(guest).cpl == 0) {
        ck_assert_msg(guest_registers(guest).rip != forbidden, "came to %s", symbol);
        step(guest);
    }
    check_back(guest, user);
}

START_TEST(test_fast_path_leaves_six_slots_unwritten)
{
    for (size_t era = 0; era < ERA_COUNT; era++) {
        struct guest guest;
        struct x64_registers user;
        uint64_t frame = start_call(&guest, era, &user);
        for (unsigned i = 0; i < UNWRITTEN; i++)
            put(&guest, frame + 8 * i, CANARY);
        guest_run_to(&guest, "entry_SYSCALL_64_fastpath");
        ck_assert_uint_eq(guest_registers(&guest).gpr[X64_RSP], frame);
        guest_run_to(&guest, "sys_getpid");
        struct x64_registers call = guest_registers(&guest);
        ck_assert_uint_eq(call.gpr[X64_RDI], 0x707);
        ck_assert_uint_eq(call.gpr[X64_RSI], 0x606);
        ck_assert_uint_eq(call.gpr[X64_RDX], 0x202);
        ck_assert_uint_eq(call.gpr[X64_RCX], 0xa0a);
        ck_assert_uint_eq(call.gpr[X64_R8], 0x808);
        ck_assert_uint_eq(call.gpr[X64_R9], 0x909);
        ck_assert_uint_eq(call.gpr[X64_RBX], 0x303);
        ck_assert_uint_eq(call.rflags & 0x200, 0x200);
        ck_assert_uint_eq(call.gpr[X64_RSP], frame - 8);
        check_saved_words(&guest, frame, &user);
        for (unsigned i = 0; i < UNWRITTEN; i++)
            check_word(&guest, frame, i, CANARY);
        check_back_without(&guest, &user, "return_from_SYSCALL_64");
        guest_end(&guest);
    }
}
END_TEST

/* A thread flag at the beginning: full pt_regs, do_syscall_64, the checks, SYSRET. */
START_TEST(test_slow_path_saves_everything)
{
    static const uint64_t extra[UNWRITTEN] = {0xf0f, 0xe0e, 0xd0d, 0xc0c, 0x505, 0x303};
    for (size_t era = 0; era < ERA_COUNT; era++) {
        struct guest guest;
        struct x64_registers user;
        uint64_t frame = start_call(&guest, era, &user);
        for (unsigned i = 0; i < UNWRITTEN; i++)
            put(&guest, frame + 8 * i, CANARY);
        set_flags(&guest, TIF_SYSCALL_TRACE);
        guest_run_to(&guest, "entry_SYSCALL64_slow_path");
        for (unsigned i = 0; i < UNWRITTEN; i++)
            check_word(&guest, frame, i, CANARY);
        guest_run_to(&guest, "do_syscall_64");
        ck_assert_uint_eq(guest_registers(&guest).gpr[X64_RDI], frame);
        check_saved_words(&guest, frame, &user);
        for (unsigned i = 0; i < UNWRITTEN; i++)
            check_word(&guest, frame, i, extra[i]);
        guest_run_to(&guest, "return_from_SYSCALL_64");
        check_back_without(&guest, &user, eras[era].iret);
        guest_end(&guest);
    }
}
END_TEST

/* Work that comes up during a fast call: the flags are tested again before SYSRET. */
START_TEST(test_fast_path_turns_slow)
{
    for (size_t era = 0; era < ERA_COUNT; era++) {
        struct guest guest;
        struct x64_registers user;
        uint64_t frame = start_call(&guest, era, &user);
        guest_run_to(&guest, "sys_getpid");
        set_flags(&guest, TIF_NEED_RESCHED);
        guest_run_to(&guest, "syscall_return_slowpath");
        ck_assert_uint_eq(guest_registers(&guest).gpr[X64_RDI], frame);
        check_word(&guest, frame, 0, 0xf0f);
        check_word(&guest, frame, 10, 1);
        guest_run_to(&guest, "schedule");
        guest_run_to(&guest, "return_from_SYSCALL_64");
        guest_run_to(&guest, "syscall_return_via_sysret");
        check_back(&guest, &user);
        guest_end(&guest);
    }
}
END_TEST

/* Each of the checks, in their order: a failing one leads to IRET at once. */
START_TEST(test_slow_path_checks_before_sysret)
{
    static const struct {
        unsigned word;
        uint64_t bit;
        unsigned jumps; /* checks passed before */
    } checks[] = {
        {11, 1u << 4, 0}, /* cx is not ip */
        {17, 0x10, 2},    /* cs */
        {18, 1, 3},       /* flags are not r11 */
        {20, 8, 5},       /* ss */
    };
    for (size_t era = 0; era < ERA_COUNT; era++) {
        for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
            struct guest guest;
            struct x64_registers user;
            uint64_t frame = start_call(&guest, era, &user);
            set_flags(&guest, TIF_SYSCALL_TRACE);
            guest_run_to(&guest, "return_from_SYSCALL_64");
            uint64_t slot = frame + 8 * checks[i].word;
            put(&guest, slot, guest_word(&guest, slot) ^ checks[i].bit);
            uint64_t failed = guest_symbol(&guest, eras[era].iret);
            unsigned jumps = 0;
            for (uint8_t code[2]; guest_registers(&guest).rip != failed; step(&guest)) {
                uint64_t rip = guest_registers(&guest).rip;
                ck_assert_int_eq(x64_memory_read_virt(guest.machine, rip, code, 2), X64_OK);
                jumps += code[0] == 0x75 || (code[0] == 0x0f && code[1] == 0x85);
            }
            ck_assert_uint_eq(jumps, checks[i].jumps + 1);
            guest_run_to(&guest, "native_irq_return_iret");
            guest_end(&guest);
        }
    }
}
END_TEST

/* TF before SYSCALL: R11 keeps it, the slow path's checks see it, IRET brings it back. */
START_TEST(test_slow_path_single_step_returns_by_iret)
{
    for (size_t era = 0; era < ERA_COUNT; era++) {
        struct guest guest;
        struct x64_registers user;
        uint64_t frame = start_call(&guest, era, &user);
        struct x64_registers registers = guest_registers(&guest);
        registers.gpr[X64_R11] |= 0x100;
        ck_assert_int_eq(x64_registers_write(guest.machine, &registers), X64_OK);
        set_flags(&guest, TIF_SYSCALL_TRACE);
        guest_run_to(&guest, "return_from_SYSCALL_64");
        check_word(&guest, frame, 18, user.rflags | 0x100);
        check_word(&guest, frame, 6, user.rflags | 0x100);
        guest_run_to(&guest, eras[era].iret);
        guest_run_to(&guest, "native_irq_return_iret");
        step(&guest);
        ck_assert_uint_eq(guest_registers(&guest).rip, MARKED_RIP);
        ck_assert_uint_eq(guest_registers(&guest).rflags & 0x100, 0x100);
        guest_end(&guest);
    }
}
END_TEST

/* A number that is too large never comes to the table. */
START_TEST(test_fast_path_number_out_of_range)
{
    static const uint8_t code[] = {
        0xb8, 0xff, 0xff, 0xff, 0x7f, /* mov $0x7fffffff, %eax */
        0x0f, 0x05,                   /* syscall */
        0xf4,                         /* hlt */
    };
    for (size_t era = 0; era < ERA_COUNT; era++) {
        struct guest guest;
        guest_start(&guest, &(struct guest_config){.entry = eras[era].entry,
                                                   .mitigations = eras[era].mitigations,
                                                   .program = guest_program(0, code, sizeof code)});
        guest_run_to(&guest, "entry_SYSCALL_64_fastpath");
        while (guest_registers(&guest).cpl == 0)
            step(&guest);
        ck_assert_uint_eq(guest_registers(&guest).gpr[X64_RAX], ENOSYS_RESULT);
        guest_end(&guest);
    }
}
END_TEST

static Suite *fast_path_suite(void)
{
    Suite *suite = suite_create("fast path");
    TCase *tests = tcase_create("fast path");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_fast_path_leaves_six_slots_unwritten);
    tcase_add_test(tests, test_slow_path_saves_everything);
    tcase_add_test(tests, test_fast_path_turns_slow);
    tcase_add_test(tests, test_slow_path_checks_before_sysret);
    tcase_add_test(tests, test_slow_path_single_step_returns_by_iret);
    tcase_add_test(tests, test_fast_path_number_out_of_range);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(fast_path_suite())
