/* SPDX-License-Identifier: MIT */
/* Several tasks: what they do, in every era, and that a run with them can be gone back over. */
#include "kernel_model/guest.h"
#include "kernel_model/kernel.h"

#include "support/suite.h"

#include <string.h>

#define TASKS   X64_TEST_GUESTS "/guest_tasks"
#define SIGNALS X64_TEST_GUESTS "/guest_signals"

static const char tasks_output[] = "thread 0: 50 of its own\n"
                                   "thread 1: 50 of its own\n"
                                   "thread 2: 50 of its own\n"
                                   "150 altogether, results 30\n"
                                   "14 bytes 'from the child', then 0; child 1, status 17; "
                                   "private 1, shared 3\n";

static const struct {
    const char *entry;
    const char *mitigations;
} kernels[] = {{"6.1", "pti,pcid"},  {"6.1", "none"}, {"5.4", "pti"}, {"4.18", "none"},
               {"4.16", "pti,pcid"}, {"4.15", "pti"}, {"4.9", "none"}};

#define KERNELS ((int)(sizeof kernels / sizeof kernels[0]))

START_TEST(test_tasks_in_every_era)
{
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.entry = kernels[_i].entry,
                                               .mitigations = kernels[_i].mitigations,
                                               .history_interval = UINT64_C(1) << 40,
                                               .program = TASKS});
    struct x64_stop stop = guest_run(&guest);
    ck_assert_msg(stop.reason == X64_STOP_EXIT && stop.code == 5, "%s %s: reason %d, code %d: %s",
                  kernels[_i].entry, kernels[_i].mitigations, stop.reason, stop.code, guest.log);
    ck_assert_str_eq(guest.output, tasks_output);
    guest_end(&guest);
}
END_TEST

START_TEST(test_tasks_signals_in_every_era)
{
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.entry = kernels[_i].entry,
                                               .mitigations = kernels[_i].mitigations,
                                               .history_interval = UINT64_C(1) << 40,
                                               .program = SIGNALS});
    struct x64_stop stop = guest_run(&guest);
    ck_assert_msg(stop.reason == X64_STOP_EXIT && stop.signal == 15,
                  "%s %s: reason %d, code %d: %s%s", kernels[_i].entry, kernels[_i].mitigations,
                  stop.reason, stop.code, guest.log, guest.output);
    ck_assert_ptr_nonnull(strstr(guest.output, "int3: signal 5; 3\n"));
    ck_assert_ptr_nonnull(strstr(guest.output, "restarted read: 1 'q', 3 alarms\n"));
    ck_assert_ptr_nonnull(strstr(guest.output, "stopped 1\nexit status 7\nwaited for 12\n"));
    guest_end(&guest);
}
END_TEST

static uint64_t hash_of(struct guest *guest)
{
    uint64_t hash = 0;
    ck_assert_int_eq(x64_hash(guest->machine, &hash), X64_OK);
    return hash;
}

#define POINTS 40

/* The same at every point forwards, backwards, and forwards again; nothing is written twice. */
START_TEST(test_tasks_can_be_gone_back_over)
{
    struct guest guest;
    struct x64_stop stop;
    uint64_t hash[POINTS];
    guest_start(&guest, &(struct guest_config){.entry = "6.1",
                                               .mitigations = "pti,pcid",
                                               .memory_size = UINT64_C(32) << 20,
                                               .history_interval = 20000,
                                               .program = TASKS});
    stop = guest_run(&guest);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    uint64_t end = stop.steps;
    uint64_t last = hash_of(&guest);
    for (unsigned i = POINTS; i-- > 0;) {
        ck_assert_int_eq(x64_goto(guest.machine, end * i / POINTS + i), X64_OK);
        hash[i] = hash_of(&guest);
    }
    for (unsigned i = 0; i < POINTS; i++) {
        ck_assert_int_eq(x64_goto(guest.machine, end * i / POINTS + i), X64_OK);
        ck_assert_msg(hash_of(&guest) == hash[i], "another state at n = %llu of %llu",
                      (unsigned long long)(end * i / POINTS + i), (unsigned long long)end);
    }
    ck_assert_int_eq(x64_run(guest.machine, UINT64_MAX, &stop), X64_OK);
    ck_assert_uint_eq(stop.steps, end);
    ck_assert_uint_eq(hash_of(&guest), last);
    ck_assert_str_eq(guest.output, tasks_output);
    guest_end(&guest);
}
END_TEST

/* A machine of the same configuration comes by the same states without being watched. */
START_TEST(test_tasks_are_deterministic)
{
    uint64_t hash[2];
    for (unsigned i = 0; i < 2; i++) {
        struct guest guest;
        guest_start(&guest, &(struct guest_config){.program = SIGNALS,
                                                   .history_interval = UINT64_C(1) << 40,
                                                   .memory_size = UINT64_C(32) << 20});
        (void)guest_run(&guest);
        hash[i] = hash_of(&guest);
        guest_end(&guest);
    }
    ck_assert_uint_eq(hash[0], hash[1]);
}
END_TEST

/* Each process has its own page table, each task its own stack, and the entry code finds them. */
START_TEST(test_tasks_have_stacks_and_tables)
{
    struct guest guest;
    uint64_t stacks[8] = {0};
    uint64_t tables[8] = {0};
    unsigned stack_count = 0;
    unsigned table_count = 0;
    guest_start(&guest, &(struct guest_config){.mitigations = "pti",
                                               .history_interval = UINT64_C(1) << 40,
                                               .program = TASKS});
    struct x64i_kernel *kernel = x64i_kernel_of(guest.machine);
    uint64_t top = guest_symbol(&guest, "cpu_current_top_of_stack");
    struct x64_stop stop;
    do {
        ck_assert_int_eq(x64_run(guest.machine, 500, &stop), X64_OK);
        unsigned i = 0;
        while (i < stack_count && stacks[i] != kernel->layout.task_stack.end)
            i++;
        if (i == stack_count && i < 8)
            stacks[stack_count++] = kernel->layout.task_stack.end;
        for (i = 0; i < table_count && tables[i] != kernel->layout.root;)
            i++;
        if (i == table_count && i < 8)
            tables[table_count++] = kernel->layout.root;
        uint64_t current = 0;
        ck_assert(x64i_kernel_read(kernel, top, &current, sizeof current));
        if (stop.steps > 20000)
            ck_assert_uint_eq(current, kernel->layout.task_stack.end);
        ck_assert_uint_eq(kernel->cpu->s.cr3 & ~UINT64_C(0x1fff),
                          kernel->layout.root & ~UINT64_C(0x1fff));
    } while (stop.reason == X64_STOP_BUDGET);
    ck_assert_uint_ge(stack_count, 4);
    ck_assert_uint_eq(table_count, 2);
    guest_end(&guest);
}
END_TEST

START_TEST(test_tasks_fork_bomb)
{
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.program = X64_TEST_GUESTS "/guest_fork_bomb",
                                               .history_interval = UINT64_C(1) << 40,
                                               .task_limit = 5});
    struct x64_stop stop = guest_run(&guest);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_str_eq(guest.output, "4: Resource temporarily unavailable\n");
    ck_assert_ptr_nonnull(strstr(guest.log, "--tasks"));
    guest_end(&guest);
}
END_TEST

START_TEST(test_tasks_endless_output)
{
    struct guest guest;
    guest_start(&guest, &(struct guest_config){.program = X64_TEST_GUESTS "/guest_endless",
                                               .history_interval = UINT64_C(1) << 40,
                                               .output_limit = 4096});
    struct x64_stop stop = guest_run(&guest);
    ck_assert_int_eq(stop.code, 128 + 9);
    ck_assert_ptr_nonnull(strstr(guest.log, "4096 bytes of --output"));
    guest_end(&guest);
}
END_TEST

static Suite *tasks_suite(void)
{
    Suite *suite = suite_create("tasks");
    TCase *tcase = tcase_create("tasks");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_tasks_in_every_era, 0, KERNELS);
    tcase_add_loop_test(tcase, test_tasks_signals_in_every_era, 0, KERNELS);
    tcase_add_test(tcase, test_tasks_can_be_gone_back_over);
    tcase_add_test(tcase, test_tasks_are_deterministic);
    tcase_add_test(tcase, test_tasks_have_stacks_and_tables);
    tcase_add_test(tcase, test_tasks_fork_bomb);
    tcase_add_test(tcase, test_tasks_endless_output);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(tasks_suite())
