/* SPDX-License-Identifier: MIT */
/* What the program does when all is well: output, statuses, filters, recordings. */
#include "cli/run_program.h"
#include "support/suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define GUEST(name) X64_TEST_GUESTS "/guest_" name

static unsigned count(const char *text, const char *word)
{
    unsigned found = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        found++;
    return found;
}

START_TEST(test_program_trace_keeps_stdout_to_itself)
{
    struct program_run run = run_program(NULL, "trace", NULL);
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.err, "guest: hello, world\n");
    ck_assert_ptr_null(strstr(run.out, "guest:"));
    ck_assert_uint_eq(count(run.out, "\n                 = write("), 2);
    ck_assert_uint_eq(count(run.out, "; SYSCALL "), 5);
    ck_assert_uint_eq(count(run.out, "; SYSRET:"), 4);
    ck_assert_uint_eq(count(run.out, "? checks before SYSRET:"), 4);
    program_run_free(&run);
}
END_TEST

START_TEST(test_program_guest_output_goes_to_its_file)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s", test_path("guest-output"));
    struct program_run run = run_program(NULL, "trace", "--guest-output", path, NULL);
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.err, "");
    char *content = read_file(path, NULL);
    ck_assert_str_eq(content, "hello, world\n");
    free(content);
    program_run_free(&run);
}
END_TEST

START_TEST(test_program_only_entry_leaves_user_code_out)
{
    struct program_run run = run_program(NULL, "trace", "--only", "entry", "--format=jsonl", NULL);
    ck_assert_int_eq(run.status, 0);
    unsigned user = 0;
    for (char *line = strtok(run.out, "\n"); line; line = strtok(NULL, "\n")) {
        if (!strstr(line, "\"cpl\":3"))
            continue;
        user++;
        ck_assert_msg(strstr(line, "\"asm\":\"syscall\"") || strstr(line, "\"fault\""), "%s", line);
    }
    ck_assert_uint_gt(user, 4);
    program_run_free(&run);
}
END_TEST

START_TEST(test_program_syscall_shows_that_call_alone)
{
    struct program_run run = run_program(NULL, "trace", "--syscall", "getpid", NULL);
    ck_assert_int_eq(run.status, 0);
    ck_assert_uint_eq(count(run.out, "; SYSCALL "), 1);
    ck_assert_uint_eq(count(run.out, "= getpid() = "), 1);
    ck_assert_uint_eq(count(run.out, "; SYSRET:"), 1);
    ck_assert_uint_eq(count(run.out, " = write("), 0);
    program_run_free(&run);
}
END_TEST

START_TEST(test_program_limit_counts_steps)
{
    struct program_run run =
        run_program(NULL, "trace", "--limit=100", "--format", "jsonl", GUEST("loop"), NULL);
    program_run_refused(&run, 0, "--limit 100");
    ck_assert_uint_eq(count(run.out, "\n"), 101);
    program_run_free(&run);
}
END_TEST

START_TEST(test_program_rep_iterations_are_folded)
{
    struct program_run run = run_program(NULL, "trace", "--format=jsonl", GUEST("string"), NULL);
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.out, "\"repeat\":64"));
    ck_assert_ptr_nonnull(strstr(run.out, "\"size\":64}"));
    program_run_free(&run);
}
END_TEST

START_TEST(test_program_colour_is_asked_for)
{
    static const struct {
        const char *option;
        bool coloured;
    } cases[] = {{"--color=always", true}, {"--color=auto", false}, {"--color=never", false}};
    struct program_run run = run_program(NULL, "trace", "--limit", "3", cases[_i].option, NULL);
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(strchr(run.out, '\033') != NULL, cases[_i].coloured);
    program_run_free(&run);
}
END_TEST

START_TEST(test_program_run_is_transparent)
{
    struct program_run run = run_program(NULL, "run", GUEST("exit"), NULL);
    ck_assert_int_eq(run.status, 7);
    ck_assert_str_eq(run.out, "");
    ck_assert_str_eq(run.err, "");
    program_run_free(&run);
    run = run_program("one\ntwo\n", "run", GUEST("cat"), NULL);
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.out, "one\ntwo\n");
    program_run_free(&run);
    run = run_program("x", "run", "-s", GUEST("cat"), NULL);
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.err, "read(0, "));
    ck_assert_ptr_nonnull(strstr(run.err, "exit_group(0)"));
    program_run_free(&run);
}
END_TEST

/* A recording replays to the very same trace, whatever stdin is then. */
START_TEST(test_program_compare_shows_two_kernels)
{
    struct program_run run =
        run_program(NULL, "trace", "--compare", "4.9", "6.1:pti+pcid", "--syscall", "getpid", NULL);
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.err, "guest: hello, world\nguest: hello, world\n");
    ck_assert_ptr_nonnull(strstr(run.out, "# A: 4.9, mitigations none, system calls 5\n"
                                          "# B: 6.1, mitigations pti,pcid, system calls 5\n"));
    ck_assert_uint_eq(count(run.out, "getpid() = 1"), 1);
    ck_assert_uint_eq(count(run.out, "\n  total "), 1);
    ck_assert_ptr_nonnull(strstr(run.out, "= push r11                           pt_regs.flags\n"));
    ck_assert_uint_eq(count(run.out, "mov cr3, "), 2);
    program_run_free(&run);
    run = run_program(NULL, "trace", "--compare", "6.1", "/nowhere/vmlinuz", NULL);
    ck_assert_int_eq(run.status, 3);
    ck_assert_ptr_nonnull(strstr(run.err, "/nowhere/vmlinuz"));
    ck_assert_uint_eq(run.out_size, 0);
    program_run_free(&run);
}
END_TEST

START_TEST(test_program_recording_replays)
{
    static const char *const guests[] = {NULL, GUEST("cat"), GUEST("string"), GUEST("fault")};
    const char *guest = guests[_i];
    char path[128];
    (void)snprintf(path, sizeof path, "%s", test_path("recording"));
    struct program_run run = run_program("typed\n", "record", "-o", path, "--", guest, NULL);
    ck_assert_int_eq(run.status, _i == 3 ? 1 : 0);
    program_run_free(&run);
    struct program_run first = run_program(NULL, "trace", path, NULL);
    struct program_run again = run_program("other", "trace", path, NULL);
    ck_assert_int_eq(first.status, _i == 3 ? 1 : 0);
    ck_assert_str_eq(first.out, again.out);
    if (_i == 1) {
        ck_assert_str_eq(first.err, "guest: typed\n");
    } else {
        struct program_run live = run_program(NULL, "trace", "--", guest, NULL);
        ck_assert_str_eq(first.out, live.out);
        program_run_free(&live);
    }
    program_run_free(&first);
    program_run_free(&again);
    run = run_program(NULL, "trace", "--cpu", "zen3", path, NULL);
    program_run_refused(&run, 2, "is a recording");
    program_run_free(&run);
}
END_TEST

static Suite *program_suite(void)
{
    Suite *suite = suite_create("program");
    TCase *tcase = tcase_create("program");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, test_program_trace_keeps_stdout_to_itself);
    tcase_add_test(tcase, test_program_guest_output_goes_to_its_file);
    tcase_add_test(tcase, test_program_only_entry_leaves_user_code_out);
    tcase_add_test(tcase, test_program_syscall_shows_that_call_alone);
    tcase_add_test(tcase, test_program_limit_counts_steps);
    tcase_add_test(tcase, test_program_rep_iterations_are_folded);
    tcase_add_loop_test(tcase, test_program_colour_is_asked_for, 0, 3);
    tcase_add_test(tcase, test_program_run_is_transparent);
    tcase_add_test(tcase, test_program_compare_shows_two_kernels);
    tcase_add_loop_test(tcase, test_program_recording_replays, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(program_suite())
