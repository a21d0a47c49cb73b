/* SPDX-License-Identifier: MIT */
/*
 * The proof that every run can be gone back over: with page faults, self-modifying code, REP
 * strings, ticks, sleep, input and system calls on the way, the hash over all regions is the same
 * at every n however n was reached.
 */
#include "kernel_model/journey.h"

#include "support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct journey_row rows[] = {
    {.name = "6.1 pti,pcid",
     .entry = "6.1",
     .mitigations = "pti,pcid",
     .cpu = "skylake",
     .interval = 512},
    {.name = "6.1 none",
     .entry = "6.1",
     .mitigations = "none",
     .cpu = "golden_cove",
     .interval = 4096},
    {.name = "4.16 pti", .entry = "4.16", .mitigations = "pti", .cpu = "skylake", .interval = 100},
    {.name = "int80",
     .entry = "int80",
     .mitigations = "none",
     .cpu = "skylake",
     .interval = 1000,
     .bits_32 = true},
    {.name = "stock 6.1",
     .kernel = "6.1-cloud",
     .mitigations = "pti,pcid,ibrs",
     .cpu = "skylake",
     .interval = 512,
     .no_tick = true},
};

#define ROWS ((int)(sizeof rows / sizeof rows[0]))

/* The output's last words: the sum, and the random bytes. */
static void check_output(const struct journey_host *host)
{
    static const char greeting[] = "there and back again\n";
    uint32_t sum;
    ck_assert_uint_gt(host->shown_size, sizeof greeting + 24 + sizeof sum);
    ck_assert_mem_eq(host->shown, greeting, sizeof greeting - 1);
    memcpy(&sum, host->shown + host->shown_size - 24 - sizeof sum, sizeof sum);
    ck_assert_uint_eq(sum, JOURNEY_SUM);
}

static void check_events(const struct journey *journey)
{
    const struct journey_events *events = &journey->events;
    const struct journey_row *row = journey->row;
    ck_assert_uint_ge(events->page_faults, 10);
    ck_assert_uint_ge(events->faults_in_repeat, 3);
    ck_assert_uint_ge(events->calls, 18);
    ck_assert_uint_ge(journey->host.asked_of_kind[X64_INPUT_CONSOLE], 2);
    ck_assert_uint_ge(journey->host.asked_of_kind[X64_INPUT_RANDOM], 1);
    ck_assert_uint_ge(journey->host.asked_of_kind[X64_INPUT_TIME], 1);
    if (strstr(row->mitigations, "pti"))
        ck_assert_uint_ge(events->kernel_cr3_loads, 40);
    if (row->no_tick)
        return;
    ck_assert_uint_ge(events->ticks_in_user, 1);
    ck_assert_uint_ge(events->ticks_in_repeat, 1);
    ck_assert_uint_ge(events->ticks_in_kernel, 1);
    ck_assert_uint_ge(events->sleeps, 1);
}

static void check_there_and_back_and_there_again(struct journey *journey)
{
    struct x64_stop stop;
    struct journey_host once = journey->host;
    for (uint64_t n = journey->end; n-- > 0;) {
        ck_assert_int_eq(x64_step_back(journey->machine), X64_OK);
        ck_assert_uint_eq(x64_steps(journey->machine), n);
        journey_check(journey, journey->machine, "backwards");
    }
    ck_assert_int_eq(x64_step_back(journey->machine), X64_ERROR_NOT_FOUND);
    for (uint64_t n = 1; n <= journey->end; n++) {
        ck_assert_int_eq(x64_run(journey->machine, 1, &stop), X64_OK);
        ck_assert_uint_eq(x64_steps(journey->machine), n);
        journey_check(journey, journey->machine, "forwards again");
    }
    ck_assert_int_eq(x64_run(journey->machine, 1, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_int_eq(stop.code, 7);
    ck_assert_msg(memcmp(&once, &journey->host, sizeof once) == 0,
                  "%s: going back asked or showed something twice", journey->row->name);
}

/* Unobserved, and cut up differently: the same run, for the host too. */
static void check_plain_run(struct journey *walked)
{
    struct journey *plain = journey_start(walked->row);
    struct x64_stop stop = {0};
    for (uint64_t size = 1; stop.reason == X64_STOP_BUDGET; size = size * 3 % 101) {
        ck_assert_int_eq(x64_run(plain->machine, size, &stop), X64_OK);
        journey_check(walked, plain->machine, "plain");
    }
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_uint_eq(stop.steps, walked->end);
    ck_assert_mem_eq(&walked->host, &plain->host, sizeof plain->host);
    journey_end(plain);
}

static void check_jumps(struct journey *journey)
{
    struct journey_host once = journey->host;
    uint64_t random = 88172645463325252u;
    for (unsigned i = 0; i < 400; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        ck_assert_int_eq(x64_goto(journey->machine, random % (journey->end + 1)), X64_OK);
        journey_check(journey, journey->machine, "after a jump");
        if (i % 4 == 0 && x64_steps(journey->machine) + 100 < journey->end) {
            ck_assert_int_eq(x64_run(journey->machine, 97, NULL), X64_OK);
            journey_check(journey, journey->machine, "running on after a jump");
        }
    }
    ck_assert_mem_eq(&once, &journey->host, sizeof once);
}

/* Runs a machine that begins its history here to the end, in strides, then back to its beginning.
 */
static void check_rest(struct journey *journey, struct x64_machine *machine, const char *how)
{
    uint64_t first, last;
    uint64_t begin = x64_steps(machine);
    journey_check(journey, machine, how);
    while (x64_steps(machine) < journey->end) {
        ck_assert_int_eq(x64_run(machine, 331, NULL), X64_OK);
        journey_check(journey, machine, how);
    }
    ck_assert_int_eq(x64_history_range(machine, &first, &last), X64_OK);
    ck_assert_uint_eq(first, begin);
    ck_assert_uint_eq(last, journey->end);
    for (uint64_t n = journey->end; n > begin + 977;) {
        n -= 977;
        ck_assert_int_eq(x64_goto(machine, n), X64_OK);
        journey_check(journey, machine, how);
    }
}

static void check_forks(struct journey *journey)
{
    struct journey_host host;
    for (unsigned part = 0; part < 6; part++) {
        /* A fork has no past: one before the tick was made faster would never tick so fast. */
        uint64_t from = journey->ticking_from;
        uint64_t n = from + (journey->end - from) * part / 6;
        struct x64_machine *fork;
        ck_assert_int_eq(x64_goto(journey->machine, n), X64_OK);
        struct x64_host callbacks = journey_callbacks(&host, journey->asked_at[n]);
        ck_assert_int_eq(x64_fork(journey->machine, &callbacks, &fork), X64_OK);
        check_rest(journey, fork, "in a fork");
        journey_check(journey, journey->machine, "beside a fork");
        x64_machine_destroy(fork);
    }
}

static void check_files(struct journey *journey)
{
    char path[] = "/tmp/x64emu-time-travel-XXXXXX";
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    (void)close(file);
    struct journey_host host;
    for (unsigned part = 1; part < 4; part++) {
        uint64_t from = journey->ticking_from;
        uint64_t n = from + (journey->end - from) * part / 4;
        ck_assert_int_eq(x64_goto(journey->machine, n), X64_OK);
        ck_assert_int_eq(x64_save(journey->machine, path), X64_OK);
        struct x64_machine *other = journey_machine(journey->row, &host);
        ck_assert_int_eq(x64_restore(other, path), X64_OK);
        (void)journey_callbacks(&host, journey->asked_at[n]);
        check_rest(journey, other, "restored from a file");
        x64_machine_destroy(other);
    }
    (void)remove(path);
}

START_TEST(test_time_travel)
{
    struct journey *journey = journey_start(&rows[_i]);
    journey_walk(journey);
    check_events(journey);
    check_output(&journey->host);
    check_there_and_back_and_there_again(journey);
    check_plain_run(journey);
    check_jumps(journey);
    check_forks(journey);
    check_files(journey);
    journey_end(journey);
}
END_TEST

static Suite *time_travel_suite(void)
{
    Suite *suite = suite_create("kernel_model/time_travel");
    TCase *tests = tcase_create("time_travel");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_time_travel, 0, ROWS);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(time_travel_suite())
