/* SPDX-License-Identifier: MIT */
/* The built-in program on every era, with every set of its mitigations, on every CPU model. */
#include "kernel_model/guest.h"

#include "support/suite.h"

#include <stdio.h>
#include <string.h>

static const char *const models[] = {"skylake", "golden_cove", "zen3"};

/* The list of the bits' names, or "none". */
static const char *list_of(unsigned mitigations, char *list, size_t size)
{
    list[0] = '\0';
    for (unsigned bit = 1; bit <= X64_MITIGATION_BHB; bit <<= 1)
        if (mitigations & bit)
            (void)snprintf(list + strlen(list), size - strlen(list), "%s%s", list[0] ? "," : "",
                           x64_mitigation_name((enum x64_mitigation)bit));
    if (!list[0])
        (void)snprintf(list, size, "none");
    return list;
}

static void run_demo(const struct x64_era *era, unsigned mitigations, const char *model)
{
    char list[128];
    struct guest guest;
    list_of(mitigations, list, sizeof list);
    guest_start(&guest,
                &(struct guest_config){.entry = era->name, .mitigations = list, .cpu = model});
    struct x64_stop stop = guest_run(&guest);
    ck_assert_msg(stop.reason == X64_STOP_EXIT && stop.code == 0 &&
                      strcmp(guest.output, "hello, world\n") == 0 && guest.log[0] == '\0',
                  "--entry %s --mitigations %s --cpu %s: reason %d, code %d, output '%s', log '%s'",
                  era->name, list, model, stop.reason, stop.code, guest.output, guest.log);
    guest_end(&guest);
}

START_TEST(test_demo_every_era_and_mitigation)
{
    const struct x64_era *era;
    for (size_t i = 0; (era = x64_era_at(i)) != NULL; i++)
        for (unsigned set = 0; set < 64; set++)
            if ((set & era->mitigations) == set)
                for (size_t m = 0; m < sizeof models / sizeof models[0]; m++)
                    run_demo(era, set, models[m]);
}
END_TEST

/* The calls' texts, in order, of the demo on an era. */
static void check_calls(const char *entry, const char *const *expected)
{
    struct guest guest;
    char text[256];
    guest_start(&guest, &(struct guest_config){.entry = entry});
    size_t seen = 0;
    for (struct x64_stop stop = {0}; stop.reason == X64_STOP_BUDGET;) {
        ck_assert_int_eq(x64_run(guest.machine, 1, &stop), X64_OK);
        if (x64_syscall_text(guest.machine, text, sizeof text) == 0)
            continue;
        ck_assert_msg(expected[seen] != NULL, "%s: unexpected %s", entry, text);
        ck_assert_str_eq(text, expected[seen]);
        seen++;
    }
    ck_assert_ptr_null(expected[seen]);
    guest_end(&guest);
}

START_TEST(test_demo_call_texts)
{
    static const char *const calls_64[] = {
        "write(1, \"hello, world\\n\", 13) = 13",
        "getpid() = 1",
        "syscall_0x190(0x1, 0x402000, 0xd, 0, 0, 0) = -1 ENOSYS (38)",
        "write(1, 0x8, 16) = -1 EFAULT (14)",
        "exit_group(0) = ?",
        NULL,
    };
    static const char *const calls_32[] = {
        "write(1, \"hello, world\\n\", 13) = 13",
        "getpid() = 1",
        "break(0x1, 0x804a000, 0xd, 0, 0, 0) = -1 ENOSYS (38)",
        "write(1, 0x8, 16) = -1 EFAULT (14)",
        "exit_group(0) = ?",
        NULL,
    };
    check_calls("6.1", calls_64);
    check_calls("5.4", calls_64);
    check_calls("4.18", calls_64);
    check_calls("4.16", calls_64);
    check_calls("4.15", calls_64);
    check_calls("4.9", calls_64);
    check_calls("sysenter", calls_32);
    check_calls("int80", calls_32);
}
END_TEST

/* Forwards, backwards and forwards again, the same hash at the same step. */
static void check_going_back(const char *entry, const char *mitigations)
{
    enum { STRIDE = 97 };
    static uint64_t hashes[64];
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.entry = entry, .mitigations = mitigations});
    size_t count = 0;
    for (struct x64_stop stop = {0}; stop.reason == X64_STOP_BUDGET && count < 64; count++) {
        ck_assert_int_eq(x64_hash(guest.machine, &hashes[count]), X64_OK);
        ck_assert_int_eq(x64_run(guest.machine, STRIDE, &stop), X64_OK);
    }
    ck_assert_uint_gt(count, 10);
    for (size_t i = count; i-- > 0;) {
        uint64_t hash;
        ck_assert_int_eq(x64_goto(guest.machine, i * STRIDE), X64_OK);
        ck_assert_int_eq(x64_hash(guest.machine, &hash), X64_OK);
        ck_assert_msg(hash == hashes[i], "--entry %s: step %zu differs", entry, i * STRIDE);
    }
    ck_assert_int_eq(guest_run(&guest).reason, X64_STOP_EXIT);
    ck_assert_str_eq(guest.output, "hello, world\n");
    guest_end(&guest);
}

START_TEST(test_demo_goes_back_and_forth)
{
    check_going_back("6.1", "pti,pcid,ibrs");
    check_going_back("5.4", "pti,verw");
    check_going_back("4.18", "pti,pcid");
    check_going_back("4.16", "pti");
    check_going_back("4.15", "pti,retpoline");
    check_going_back("4.9", "none");
    check_going_back("sysenter", "none");
    check_going_back("int80", "none");
}
END_TEST

START_TEST(test_demo_fork_runs_alike)
{
    struct guest guest;
    struct x64_machine *fork;
    struct x64_stop stop, fork_stop;
    uint64_t hash, fork_hash;
    guest_start(&guest, &(struct guest_config){.entry = "6.1", .mitigations = "pti,pcid"});
    guest_run_to(&guest, "do_syscall_64");
    ck_assert_int_eq(x64_fork(guest.machine, NULL, &fork), X64_OK);
    stop = guest_run(&guest);
    ck_assert_int_eq(x64_hash(guest.machine, &hash), X64_OK);
    guest_end(&guest);
    ck_assert_int_eq(x64_run(fork, GUEST_STEPS, &fork_stop), X64_OK);
    ck_assert_int_eq(x64_hash(fork, &fork_hash), X64_OK);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_int_eq(fork_stop.reason, X64_STOP_EXIT);
    ck_assert_uint_eq(stop.steps, fork_stop.steps);
    ck_assert_uint_eq(hash, fork_hash);
    x64_machine_destroy(fork);
}
END_TEST

static Suite *demo_suite(void)
{
    Suite *suite = suite_create("demo");
    TCase *tests = tcase_create("demo");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_demo_every_era_and_mitigation);
    tcase_add_test(tests, test_demo_call_texts);
    tcase_add_test(tests, test_demo_goes_back_and_forth);
    tcase_add_test(tests, test_demo_fork_runs_alike);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(demo_suite())
