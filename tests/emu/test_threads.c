/* SPDX-License-Identifier: MIT */
/*
 * Machines in several threads: strangers, and forks that share their original's memory and tables.
 * What they compute is compared here; that they do not race is what the preset `tsan` is for.
 */
#include "support/suite.h"

#include "x64emu/x64emu.h"

#include <pthread.h>

#define FAR     200000u /* the demo has ended by then */
#define SOONER  1500u   /* it has not */
#define FORKS   8u
#define STRIDE  150u
#define THREADS 2u

static struct x64_machine *new_machine(void)
{
    struct x64_config config = {.struct_size = sizeof config, .history_interval = 500};
    struct x64_kernel_config kernel = {.struct_size = sizeof kernel,
                                       .mitigations = X64_MITIGATION_PTI | X64_MITIGATION_PCID};
    struct x64_machine *machine = NULL;
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_kernel_attach(machine, &kernel, NULL), X64_OK);
    return machine;
}

/* What a thread does with its machine, and what came of it; Check's assertions are for the main
 * thread. */
struct work {
    struct x64_machine *machine;
    enum x64_status status;
    struct x64_stop stop;
    uint64_t hash;
    uint64_t hash_before; /* at SOONER, gone back to */
};

/* Runs to the end, back, and to the end again. */
static void *run_to_the_end(void *user)
{
    struct work *work = user;
    struct x64_machine *machine = work->machine;
    enum x64_status status = x64_run(machine, FAR, NULL);
    if (status == X64_OK)
        status = x64_goto(machine, SOONER);
    if (status == X64_OK)
        status = x64_hash(machine, &work->hash_before);
    if (status == X64_OK)
        status = x64_run(machine, FAR, &work->stop);
    if (status == X64_OK)
        status = x64_hash(machine, &work->hash);
    work->status = status;
    return NULL;
}

/* The same in this thread alone. */
static struct work expected(void)
{
    struct work work = {.machine = new_machine()};
    (void)run_to_the_end(&work);
    ck_assert_int_eq(work.status, X64_OK);
    ck_assert_int_eq(work.stop.reason, X64_STOP_EXIT);
    x64_machine_destroy(work.machine);
    return work;
}

static void check(const struct work *work, const struct work *wanted)
{
    ck_assert_int_eq(work->status, X64_OK);
    ck_assert_int_eq(work->stop.reason, X64_STOP_EXIT);
    ck_assert_uint_eq(work->stop.steps, wanted->stop.steps);
    ck_assert_uint_eq(work->hash, wanted->hash);
    ck_assert_uint_eq(work->hash_before, wanted->hash_before);
}

START_TEST(test_threads_run_machines_of_their_own)
{
    struct work wanted = expected();
    struct work works[THREADS] = {{.machine = new_machine()}, {.machine = new_machine()}};
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_to_the_end, &works[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        check(&works[i], &wanted);
        x64_machine_destroy(works[i].machine);
    }
}
END_TEST

/* Ends the machine too, so that pages go back to an original in another thread. */
static void *run_and_destroy(void *user)
{
    struct work *work = user;
    (void)run_to_the_end(work);
    x64_machine_destroy(work->machine);
    return NULL;
}

/* The original goes on, and is forked again and again, while its forks run in other threads; it is
 * destroyed before they are. */
START_TEST(test_threads_run_forks_of_a_running_machine)
{
    struct work wanted = expected();
    struct x64_machine *original = new_machine();
    struct work works[FORKS];
    pthread_t threads[FORKS];
    ck_assert_int_eq(x64_run(original, 10, NULL), X64_OK);
    for (unsigned i = 0; i < FORKS; i++) {
        uint64_t hash, forked;
        works[i] = (struct work){0};
        ck_assert_int_eq(x64_fork(original, NULL, &works[i].machine), X64_OK);
        ck_assert_int_eq(x64_hash(original, &hash), X64_OK);
        ck_assert_int_eq(x64_hash(works[i].machine, &forked), X64_OK);
        ck_assert_uint_eq(hash, forked);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_and_destroy, &works[i]), 0);
        ck_assert_int_eq(x64_run(original, STRIDE, NULL), X64_OK);
    }
    x64_machine_destroy(original);
    for (unsigned i = 0; i < FORKS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        check(&works[i], &wanted);
    }
}
END_TEST

/* A fork of a fork, in turn, by the thread that has it. */
static void *fork_on(void *user)
{
    struct work *work = user;
    struct x64_machine *machine = work->machine;
    for (unsigned i = 0; i < FORKS; i++) {
        struct x64_machine *next = NULL;
        work->status = x64_fork(machine, NULL, &next);
        x64_machine_destroy(machine);
        if (work->status != X64_OK)
            return NULL;
        machine = next;
        (void)x64_run(machine, STRIDE, NULL);
    }
    work->machine = machine;
    return run_and_destroy(work);
}

START_TEST(test_threads_fork_forks)
{
    struct work wanted = expected();
    struct x64_machine *original = new_machine();
    struct work works[THREADS] = {{0}, {0}};
    pthread_t threads[THREADS];
    ck_assert_int_eq(x64_run(original, 10, NULL), X64_OK);
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(x64_fork(original, NULL, &works[i].machine), X64_OK);
    x64_machine_destroy(original);
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, fork_on, &works[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        check(&works[i], &wanted);
    }
}
END_TEST

static Suite *threads_suite(void)
{
    Suite *suite = suite_create("emu/threads");
    TCase *tcase = tcase_create("threads");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_threads_run_machines_of_their_own);
    tcase_add_test(tcase, test_threads_run_forks_of_a_running_machine);
    tcase_add_test(tcase, test_threads_fork_forks);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(threads_suite())
