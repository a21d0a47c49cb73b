/* SPDX-License-Identifier: MIT */
/* System calls that the host gives the mini-kernel. */
#include "kernel_model/guest.h"

#include "support/suite.h"

#include "x64emu/syscalls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CALL   400 /* a hole of the table (x86-64 has nothing between 335 and 423) */
#define GETPID 39
#define EXIT   60

/* mov eax,400; mov edi,5; mov esi,37; lea rdx,[rip+text]; syscall; mov edi,eax; mov eax,60; syscall
 */
static const uint8_t program[] = {0xb8, 0x90, 0x01, 0,    0,    0xbf, 5,    0,    0,    0,
                                  0xbe, 37,   0,    0,    0,    0x48, 0x8d, 0x15, 0x0b, 0,
                                  0,    0,    0x0f, 0x05, 0x89, 0xc7, 0xb8, 60,   0,    0,
                                  0,    0x0f, 0x05, 't',  'e',  'x',  't',  0};

struct seen {
    int calls;
    char text[16];
    uint8_t random[8];
    int64_t answer;
};

static int64_t sum(struct x64_machine *machine, void *user, const uint64_t arguments[6])
{
    struct seen *seen = user;
    size_t given;
    char text[16];
    int64_t length = x64_string_from_user(machine, text, arguments[2], sizeof text);
    if (length < 0)
        return length;
    seen->calls++;
    memcpy(seen->text, text, sizeof seen->text);
    ck_assert_int_eq(x64_run(machine, 1, NULL), X64_ERROR_STATE);
    ck_assert_int_eq(x64_goto(machine, 0), X64_ERROR_STATE);
    ck_assert_int_eq(x64_kernel_set_table(machine, X64_TABLE_64, NULL, 0), X64_ERROR_STATE);
    ck_assert_int_eq(
        x64_guest_input(machine, X64_INPUT_RANDOM, seen->random, sizeof seen->random, &given),
        X64_OK);
    ck_assert_int_eq(x64_guest_output(machine, 1, "once\n", 5), X64_OK);
    /* a change through the public API is a part of the step */
    ck_assert_int_eq(x64_memory_write_virt(machine, arguments[2], "TEXT", 4), X64_OK);
    return seen->answer ? seen->answer : (int64_t)(arguments[0] + arguments[1]);
}

static struct x64_syscall sum_call(struct seen *seen)
{
    return (struct x64_syscall){.struct_size = sizeof(struct x64_syscall),
                                .name = "sum",
                                .parameter_count = 3,
                                .parameter = {{"long", "a"}, {"long", "b"}, {"const char *", "t"}},
                                .body = sum,
                                .user = seen};
}

static void start(struct guest *guest, const char *era)
{
    guest_start(guest, &(struct guest_config){
                           .entry = era, .program = guest_program(0, program, sizeof program)});
}

START_TEST(test_custom_call_is_answered_printed_and_replayed)
{
    static const char *const eras[] = {"4.9", "4.16", "5.4", "6.1"};
    struct guest guest;
    struct seen seen = {.calls = 0};
    const struct x64_syscall call = sum_call(&seen);
    char text[128] = "";
    char printed[128] = "";
    start(&guest, eras[_i]);
    ck_assert_int_eq(x64_kernel_set_syscall(guest.machine, X64_TABLE_64, CALL, &call), X64_OK);
    struct x64_step step;
    struct x64_stop stop = {.reason = X64_STOP_BUDGET};
    while (x64_step_observed(guest.machine, &step, &stop) == X64_OK &&
           stop.reason == X64_STOP_BUDGET)
        if (x64_syscall_text(guest.machine, text, sizeof text) && strncmp(text, "sum", 3) == 0)
            memcpy(printed, text, sizeof printed);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_int_eq(stop.code, 42);
    ck_assert_str_eq(printed, "sum(5, 37, \"TEXT\") = 42");
    ck_assert_str_eq(seen.text, "text");
    ck_assert_str_eq(guest.output, "once\n");
    uint64_t hash, again;
    uint8_t random[8];
    int calls = seen.calls;
    memcpy(random, seen.random, sizeof random);
    ck_assert_int_eq(x64_hash(guest.machine, &hash), X64_OK);
    uint64_t n = x64_steps(guest.machine), first, last;
    ck_assert_int_eq(x64_history_range(guest.machine, &first, &last), X64_OK);
    ck_assert_int_eq(x64_goto(guest.machine, first), X64_OK);
    ck_assert_int_eq(x64_goto(guest.machine, n), X64_OK);
    ck_assert_int_eq(x64_hash(guest.machine, &again), X64_OK);
    ck_assert_uint_eq(again, hash);
    ck_assert_int_gt(seen.calls, calls);
    ck_assert_mem_eq(seen.random, random, sizeof random);
    ck_assert_str_eq(guest.output, "once\n");
    guest_end(&guest);
}
END_TEST

START_TEST(test_custom_errors_and_forks)
{
    struct guest guest;
    struct seen seen = {.answer = -EPERM};
    const struct x64_syscall call = sum_call(&seen);
    struct x64_machine *fork;
    struct x64_stop stop;
    start(&guest, "6.1");
    ck_assert_int_eq(x64_kernel_set_syscall(guest.machine, X64_TABLE_64, CALL, &call), X64_OK);
    ck_assert_int_eq(x64_fork(guest.machine, NULL, &fork), X64_OK);
    guest_end(&guest);
    ck_assert_int_eq(x64_run(fork, GUEST_STEPS, &stop), X64_OK);
    ck_assert_int_eq(stop.code, -EPERM & 0xff);
    ck_assert_int_eq(seen.calls, 1);
    x64_machine_destroy(fork);
}
END_TEST

START_TEST(test_custom_table_replaces_all)
{
    struct guest guest;
    struct seen seen = {.calls = 0};
    struct x64_numbered_syscall rows[2] = {{CALL, sum_call(&seen)}, {GETPID, sum_call(&seen)}};
    start(&guest, "6.1");
    ck_assert_int_eq(x64_kernel_set_table(guest.machine, X64_TABLE_64, rows, 2), X64_OK);
    struct x64_stop stop;
    ck_assert_int_eq(x64_run(guest.machine, 20000, &stop), X64_OK);
    ck_assert_int_eq(seen.calls, 1);
    ck_assert_int_ne(stop.signal, 0); /* there is no exit in that table: it runs into its data */
    guest_end(&guest);
    start(&guest, "6.1");
    ck_assert_int_eq(x64_kernel_set_table(guest.machine, X64_TABLE_64, rows, 2), X64_OK);
    ck_assert_int_eq(x64_kernel_set_table(guest.machine, X64_TABLE_64, NULL, 0), X64_OK);
    stop = guest_run(&guest);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_int_eq(stop.code, -ENOSYS & 0xff);
    ck_assert_int_eq(seen.calls, 1);
    guest_end(&guest);
}
END_TEST

START_TEST(test_custom_refuses)
{
    struct guest guest;
    struct seen seen = {.calls = 0};
    struct x64_syscall call = sum_call(&seen);
    struct x64_numbered_syscall twice[2] = {{CALL, call}, {CALL, call}};
    char buffer[4];
    size_t given = 77;
    start(&guest, "6.1");
    struct x64_machine *m = guest.machine;
    ck_assert_int_eq(x64_kernel_set_syscall(m, X64_TABLE_64, 100000, &call), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_kernel_set_syscall(m, (enum x64_syscall_table)2, CALL, &call),
                     X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_kernel_set_table(m, X64_TABLE_64, twice, 2), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_kernel_set_table(m, X64_TABLE_64, NULL, 2), X64_ERROR_ARGUMENT);
    struct x64_syscall bad = call;
    bad.name = "";
    ck_assert_int_eq(x64_kernel_set_syscall(m, X64_TABLE_64, CALL, &bad), X64_ERROR_ARGUMENT);
    bad = call;
    bad.parameter_count = 7;
    ck_assert_int_eq(x64_kernel_set_syscall(m, X64_TABLE_64, CALL, &bad), X64_ERROR_ARGUMENT);
    bad = call;
    bad.parameter[2].type = NULL;
    ck_assert_int_eq(x64_kernel_set_syscall(m, X64_TABLE_64, CALL, &bad), X64_ERROR_ARGUMENT);
    bad = call;
    bad.struct_size--;
    ck_assert_int_eq(x64_kernel_set_syscall(m, X64_TABLE_64, CALL, &bad), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64_copy_from_user(m, buffer, 0x400000, 4), -EINVAL);
    ck_assert_int_eq(x64_copy_to_user(m, 0x400000, buffer, 4), -EINVAL);
    ck_assert_int_eq(x64_string_from_user(m, buffer, 0x400000, 4), -EINVAL);
    ck_assert_int_eq(x64_guest_output(m, 1, buffer, 4), X64_ERROR_STATE);
    ck_assert_int_eq(x64_guest_input(m, X64_INPUT_TIME, buffer, 4, &given), X64_ERROR_STATE);
    ck_assert_uint_eq(given, 77);
    guest_end(&guest);
    struct x64_config config = {.struct_size = sizeof config};
    ck_assert_int_eq(x64_machine_create(&config, &m), X64_OK);
    ck_assert_int_eq(x64_kernel_set_syscall(m, X64_TABLE_64, CALL, &call), X64_ERROR_STATE);
    x64_machine_destroy(m);
}
END_TEST

static Suite *custom_suite(void)
{
    Suite *suite = suite_create("kernel_model/custom");
    TCase *tcase = tcase_create("custom");
    tcase_add_loop_test(tcase, test_custom_call_is_answered_printed_and_replayed, 0, 4);
    tcase_add_test(tcase, test_custom_errors_and_forks);
    tcase_add_test(tcase, test_custom_table_replaces_all);
    tcase_add_test(tcase, test_custom_refuses);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(custom_suite())
