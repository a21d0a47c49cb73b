/* SPDX-License-Identifier: MIT */
/* SYSENTER from compatibility mode: its stack, pt_regs made by hand, SYSEXIT and IRET. */
#include "kernel_model/guest.h"

#include "support/suite.h"

#include <string.h>

#define SYSENTER_CS  0x174u
#define SYSENTER_ESP 0x175u
#define SYSENTER_EIP 0x176u
#define VSYSCALL     0xffffe000u
#define TF           0x100u
#define IF           0x200u
#define NT           0x4000u
#define AC           0x40000u

static uint64_t msr(struct guest *guest, uint32_t index)
{
    uint64_t value = 0;
    ck_assert_int_eq(x64_msr_read(guest->machine, index, &value), X64_OK);
    return value;
}

static void step(struct guest *guest)
{
    ck_assert_int_eq(x64_run(guest->machine, 1, NULL), X64_OK);
}

/* Stands at the first SYSENTER; answers the user's registers there. */
static struct x64_registers start_call(struct guest *guest)
{
    guest_start(guest, &(struct guest_config){.entry = "sysenter"});
    guest_run_to(guest, "__kernel_vsyscall");
    for (uint8_t code[2] = {0}; memcmp(code, "\x0f\x34", 2) != 0;) {
        step(guest);
        ck_assert_int_eq(
            x64_memory_read_virt(guest->machine, guest_registers(guest).rip, code, sizeof code),
            X64_OK);
    }
    return guest_registers(guest);
}

static void set_registers(struct guest *guest, const struct x64_registers *registers)
{
    ck_assert_int_eq(x64_registers_write(guest->machine, registers), X64_OK);
}

START_TEST(test_sysenter_stack_and_frame)
{
    struct guest guest;
    struct x64_registers user = start_call(&guest);
    uint64_t pad = guest_symbol(&guest, "int80_landing_pad");
    ck_assert_uint_eq(user.gpr[X64_RBP], user.gpr[X64_RSP]);
    ck_assert_uint_eq(guest_symbol(&guest, "__kernel_vsyscall"), VSYSCALL);
    ck_assert_uint_eq(msr(&guest, SYSENTER_CS), 0x10);
    ck_assert_uint_eq(msr(&guest, SYSENTER_EIP), guest_symbol(&guest, "entry_SYSENTER_compat"));
    ck_assert_uint_eq(msr(&guest, SYSENTER_ESP), guest_symbol(&guest, "SYSENTER_stack") + 512);
    step(&guest);
    struct x64_registers entry = guest_registers(&guest);
    ck_assert_uint_eq(entry.rip, msr(&guest, SYSENTER_EIP));
    ck_assert_uint_eq(entry.gpr[X64_RSP], msr(&guest, SYSENTER_ESP));
    ck_assert_int_eq(x64_stack_of(guest.machine, entry.gpr[X64_RSP]), X64_STACK_ENTRY);
    ck_assert_uint_eq(entry.rflags & IF, 0);
    ck_assert_int_eq(entry.cpl, 0);
    guest_run_to(&guest, "do_fast_syscall_32");
    uint64_t frame = guest_registers(&guest).gpr[X64_RDI];
    ck_assert_uint_eq(frame + 168,
                      guest_word(&guest, guest_symbol(&guest, "cpu_current_top_of_stack")));
    const uint64_t expected[21] = {
        [4] = user.gpr[X64_RBP],
        [5] = 1,
        [10] = UINT64_MAX - 37,
        [11] = user.gpr[X64_RCX],
        [12] = 13,
        [15] = 4,
        [17] = 0x23,
        [19] = user.gpr[X64_RBP],
        [20] = 0x2b,
    };
    for (unsigned i = 0; i < 21; i++)
        if (i != 18)
            ck_assert_msg(guest_word(&guest, frame + 8 * i) == expected[i], "word %u is %#llx", i,
                          (unsigned long long)guest_word(&guest, frame + 8 * i));
    ck_assert_uint_eq(guest_word(&guest, frame + 8 * 18) & IF, IF);
    guest_run_to(&guest, "sys_write");
    ck_assert_uint_eq(guest_word(&guest, frame + 8 * 16), pad);
    ck_assert_uint_eq(guest_word(&guest, frame + 8 * 4), 0);
    guest_run_to(&guest, "sysexit_from_sys_call");
    while (guest_registers(&guest).cpl == 0)
        step(&guest);
    struct x64_registers back = guest_registers(&guest);
    ck_assert_uint_eq(back.rip, pad);
    ck_assert_uint_eq(back.gpr[X64_RSP], user.gpr[X64_RSP]);
    ck_assert_uint_eq(back.gpr[X64_RAX], 13);
    ck_assert_uint_eq(back.rflags & IF, IF);
    for (unsigned i = 0; i < 4; i++)
        step(&guest);
    back = guest_registers(&guest);
    ck_assert_uint_eq(back.gpr[X64_RCX], user.gpr[X64_RCX]);
    ck_assert_uint_eq(back.gpr[X64_RDX], user.gpr[X64_RDX]);
    ck_assert_uint_eq(back.gpr[X64_RBP], 0);
    ck_assert_uint_eq(back.gpr[X64_RSP], user.gpr[X64_RSP] + 16);
    guest_end(&guest);
}
END_TEST

/* With TF the kernel traps at every instruction until it clears TF for itself; the user has it back
 * by IRET. */
START_TEST(test_sysenter_single_step_returns_by_iret)
{
    struct guest guest;
    struct x64_registers user = start_call(&guest);
    user.rflags |= TF;
    set_registers(&guest, &user);
    guest_run_to(&guest, "debug");
    guest_run_to(&guest, "entry_SYSENTER_compat");
    guest_run_to(&guest, "debug");
    guest_run_to(&guest, "sysenter_fix_flags");
    guest_run_to(&guest, "debug");
    guest_run_to(&guest, "do_fast_syscall_32");
    struct x64_registers inside = guest_registers(&guest);
    ck_assert_uint_eq(inside.rflags & TF, 0);
    ck_assert_uint_eq(guest_word(&guest, inside.gpr[X64_RDI] + 8 * 18) & TF, TF);
    guest_run_to(&guest, "syscall_32_done");
    guest_run_to(&guest, "native_irq_return_iret");
    step(&guest);
    ck_assert_uint_eq(guest_registers(&guest).rip, guest_symbol(&guest, "int80_landing_pad"));
    ck_assert_uint_eq(guest_registers(&guest).rflags & TF, TF);
    struct x64_stop stop = guest_run(&guest);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_int_eq(stop.signal, 5);
    ck_assert_str_eq(guest.output, "hello, world\n");
    guest_end(&guest);
}
END_TEST

/* No stack behind EBP: -EFAULT, by IRET; nothing is called. */
START_TEST(test_sysenter_bad_stack)
{
    struct guest guest;
    struct x64_registers user = start_call(&guest);
    user.gpr[X64_RBP] = 0x1000;
    set_registers(&guest, &user);
    guest_run_to(&guest, "do_fast_syscall_32");
    guest_run_to(&guest, "syscall_32_done");
    while (guest_registers(&guest).cpl == 0)
        step(&guest);
    ck_assert_uint_eq(guest_registers(&guest).gpr[X64_RAX] & UINT32_MAX, (uint32_t)-14);
    ck_assert_uint_eq(guest_registers(&guest).gpr[X64_RSP], 0x1000);
    ck_assert_str_eq(guest.output, "");
    guest_end(&guest);
}
END_TEST

/* A page of the stack that was never touched comes in while the kernel reads it. */
START_TEST(test_sysenter_stack_is_paged_in)
{
    struct guest guest;
    struct x64_registers user = start_call(&guest);
    user.gpr[X64_RBP] -= 0x8000;
    set_registers(&guest, &user);
    guest_run_to(&guest, "do_page_fault");
    guest_run_to(&guest, "sys_write");
    guest_run_to(&guest, "sysexit_from_sys_call");
    ck_assert_str_eq(guest.output, "hello, world\n");
    guest_end(&guest);
}
END_TEST

/* SYSENTER leaves NT and AC alone: the kernel clears them for itself, the user has them back. */
START_TEST(test_sysenter_fixes_flags)
{
    struct guest guest;
    struct x64_registers user = start_call(&guest);
    user.rflags |= NT | AC;
    set_registers(&guest, &user);
    guest_run_to(&guest, "sysenter_fix_flags");
    guest_run_to(&guest, "do_fast_syscall_32");
    ck_assert_uint_eq(guest_registers(&guest).rflags & (NT | AC), 0);
    guest_run_to(&guest, "sysexit_from_sys_call");
    while (guest_registers(&guest).cpl == 0)
        step(&guest);
    ck_assert_uint_eq(guest_registers(&guest).rflags & (NT | AC), NT | AC);
    guest_end(&guest);
}
END_TEST

/* AMD has no SYSENTER in long mode: the same page leads to INT 0x80. */
START_TEST(test_sysenter_falls_back_to_int80)
{
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.entry = "sysenter", .cpu = "zen3"});
    guest_run_to(&guest, "__kernel_vsyscall");
    guest_run_to(&guest, "entry_INT80_compat");
    ck_assert_int_eq(guest_run(&guest).code, 0);
    ck_assert_str_eq(guest.output, "hello, world\n");
    guest_end(&guest);
}
END_TEST

/* A timer interrupt in compatibility mode leaves the program as it was. */
static void check_tick(const char *entry)
{
    static const uint8_t loop[] = {
        0xb9, 0x00, 0x00, 0x00, 0x40, /* mov $0x40000000, %ecx */
        0x49,                         /* dec %ecx */
        0x75, 0xfd,                   /* jnz -3 */
    };
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.entry = entry});
    guest_run_to(&guest, "_start");
    struct x64_registers before = guest_registers(&guest);
    while (guest_registers(&guest).rip == before.rip || guest_registers(&guest).cpl == 0)
        step(&guest);
    ck_assert_int_eq(
        x64_memory_write_virt(guest.machine, guest_registers(&guest).rip, loop, sizeof loop),
        X64_OK);
    before = guest_registers(&guest);
    uint64_t jiffies = guest_word(&guest, guest_symbol(&guest, "jiffies"));
    ck_assert_int_eq(x64_run(guest.machine, 20000000, NULL), X64_OK);
    struct x64_registers after = guest_registers(&guest);
    ck_assert_uint_gt(guest_word(&guest, guest_symbol(&guest, "jiffies")), jiffies);
    ck_assert_int_eq(after.cpl, 3);
    ck_assert_uint_lt(after.gpr[X64_RCX], 0x40000000 - 9000000);
    ck_assert_uint_eq(after.gpr[X64_RSP], before.gpr[X64_RSP]);
    guest_end(&guest);
}

START_TEST(test_sysenter_tick)
{
    check_tick("sysenter");
    check_tick("int80");
}
END_TEST

static Suite *sysenter_suite(void)
{
    Suite *suite = suite_create("sysenter");
    TCase *tests = tcase_create("sysenter");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_sysenter_stack_and_frame);
    tcase_add_test(tests, test_sysenter_single_step_returns_by_iret);
    tcase_add_test(tests, test_sysenter_bad_stack);
    tcase_add_test(tests, test_sysenter_stack_is_paged_in);
    tcase_add_test(tests, test_sysenter_fixes_flags);
    tcase_add_test(tests, test_sysenter_falls_back_to_int80);
    tcase_add_test(tests, test_sysenter_tick);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(sysenter_suite())
