/* SPDX-License-Identifier: MIT */
/* A run under a timer interrupt is the same however it is made; and a long one needs little stack.
 */
#include "emu/lockstep.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define TICKS        UINT64_C(0x40000)
#define LIMIT        UINT64_C(0x40010)
#define DIVISOR      UINT64_C(0x40018)
#define ONE_KHZ      1193u
#define CHECKS       10u
#define THREAD_STACK (256u << 10)
#define MILLION      1000000u

extern const uint8_t ticks_begin[], ticks_end[];
extern const uint8_t everything_begin[], everything_end[];

/* Rounds of some hundred steps that the guest makes before it sleeps until the next tick. */
static const struct pace {
    unsigned divisor;
    uint32_t rounds;
    uint64_t steps; /* between two checks */
    unsigned ticks; /* at least, in all */
} paces[] = {
    {ONE_KHZ, 1, 1500, 50},           /* mostly asleep */
    {2, UINT32_MAX, 4001, 5},         /* 600 kHz, never asleep: ticks come amid blocks */
    {3, 13, 3001, 10},                /* */
    {ONE_KHZ, UINT32_MAX, 900000, 2}, /* 1 kHz, never asleep */
};
#define PACES (sizeof paces / sizeof paces[0])
#define SHORT 3 /* of them are short enough to step through */

static struct x64_machine *start(enum x64_engine engine, const struct pace *pace)
{
    struct x64_machine *machine =
        lockstep_machine(engine, ticks_begin, (size_t)(ticks_end - ticks_begin));
    ck_assert_int_eq(x64_memory_write_phys(machine, DIVISOR, &pace->divisor, 2), X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(machine, LIMIT, &pace->rounds, 4), X64_OK);
    return machine;
}

static const struct lockstep_case about = {"ticks", 0, NULL, 0};

static void run_pieces(struct x64_machine *machine, uint64_t count, uint64_t piece)
{
    while (count) {
        const uint64_t now = count < piece ? count : piece;
        struct x64_stop stop;
        ck_assert_int_eq(x64_run(machine, now, &stop), X64_OK);
        ck_assert_msg(stop.reason == X64_STOP_BUDGET, "stops at %x", (unsigned)stop.rip);
        count -= now;
    }
}

static void run_plain(struct x64_machine *machine, uint64_t count)
{
    run_pieces(machine, count, count);
}

static void run_single(struct x64_machine *machine, uint64_t count)
{
    run_pieces(machine, count, 1);
}

static void run_fives(struct x64_machine *machine, uint64_t count)
{
    run_pieces(machine, count, 5);
}

static void run_primes(struct x64_machine *machine, uint64_t count)
{
    run_pieces(machine, count, 89);
}

static void run_observed(struct x64_machine *machine, uint64_t count)
{
    struct x64_step step;
    while (count--)
        ck_assert_int_eq(x64_step_observed(machine, &step, NULL), X64_OK);
}

/* Plain and observed in turn. */
static void run_mixed(struct x64_machine *machine, uint64_t count)
{
    for (; count > 40; count -= 40) {
        run_observed(machine, 9);
        run_plain(machine, 31);
    }
    run_plain(machine, count);
}

static const struct manner {
    const char *name;
    void (*run)(struct x64_machine *machine, uint64_t count);
    bool fast;
} manners[] = {
    {"plain", run_plain, true},        {"single steps", run_single, false},
    {"fives", run_fives, false},       {"pieces of 89", run_primes, true},
    {"observed", run_observed, false}, {"mixed", run_mixed, false},
};
#define MANNERS (sizeof manners / sizeof manners[0])

static void check_ticks(struct x64_machine *machine, const struct pace *pace)
{
    uint64_t count;
    ck_assert_int_eq(x64_memory_read_phys(machine, TICKS, &count, sizeof count), X64_OK);
    ck_assert_uint_ge(count, pace->ticks);
}

START_TEST(test_lockstep_ticks_every_manner)
{
    const struct pace *pace = &paces[_i];
    for (size_t i = 0; i < MANNERS; i++) {
        if (_i >= SHORT && !manners[i].fast)
            continue;
        struct x64_machine *blocks = start(X64_ENGINE_BLOCKS, pace);
        struct x64_machine *reference = start(X64_ENGINE_REFERENCE, pace);
        for (unsigned check = 1; check <= CHECKS; check++) {
            manners[i].run(blocks, pace->steps);
            run_plain(reference, pace->steps);
            lockstep_compare(blocks, reference, &about, manners[i].name, check);
        }
        check_ticks(blocks, pace);
        x64_machine_destroy(blocks);
        x64_machine_destroy(reference);
    }
}
END_TEST

/* Runs a copy of the machine on to the last check and compares its hash there; destroys it. */
static void check_copy(struct x64_machine *copy, const uint64_t *hashes, uint64_t from,
                       uint64_t steps, const char *what)
{
    for (uint64_t check = from; check < CHECKS; check++) {
        ck_assert_msg(lockstep_hash(copy) == hashes[check], "%s at check %u: at check %u", what,
                      (unsigned)from, (unsigned)check);
        run_plain(copy, steps);
    }
    x64_machine_destroy(copy);
}

static struct x64_machine *restored(struct x64_machine *machine, enum x64_engine engine,
                                    const struct pace *pace)
{
    char path[] = "/tmp/lockstep-XXXXXX";
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    (void)close(file);
    struct x64_machine *copy = start(engine, pace);
    run_plain(copy, 777); /* so that it has blocks of its own */
    ck_assert_int_eq(x64_save(machine, path), X64_OK);
    ck_assert_int_eq(x64_restore(copy, path), X64_OK);
    (void)unlink(path);
    return copy;
}

/* Copies taken at every check, by fork, by file for either engine, and by going back. */
START_TEST(test_lockstep_ticks_from_snapshots)
{
    const struct pace *pace = &paces[_i];
    uint64_t hashes[CHECKS];
    struct x64_machine *reference = start(X64_ENGINE_REFERENCE, pace);
    for (unsigned check = 0; check < CHECKS; check++) {
        hashes[check] = lockstep_hash(reference);
        run_plain(reference, pace->steps);
    }
    struct x64_machine *machine = start(X64_ENGINE_BLOCKS, pace);
    for (unsigned check = 0; check < CHECKS; check++) {
        check_copy(lockstep_fork(machine), hashes, check, pace->steps, "forked");
        check_copy(restored(machine, X64_ENGINE_BLOCKS, pace), hashes, check, pace->steps,
                   "restored");
        check_copy(restored(machine, X64_ENGINE_REFERENCE, pace), hashes, check, pace->steps,
                   "restored to the reference path");
        run_plain(machine, pace->steps);
    }
    for (unsigned check = CHECKS; check-- > 0;) {
        ck_assert_int_eq(x64_goto(machine, check * pace->steps), X64_OK);
        ck_assert_msg(lockstep_hash(machine) == hashes[check], "back at check %u", check);
    }
    check_copy(machine, hashes, 0, pace->steps, "gone back");
    x64_machine_destroy(reference);
}
END_TEST

struct long_run {
    struct x64_machine *machine;
    uint64_t steps;
    enum x64_status status;
    struct x64_stop stop;
};

static void *run_long(void *argument)
{
    struct long_run *run = argument;
    run->status = x64_run(run->machine, run->steps, &run->stop);
    return NULL;
}

static void run_in_thread(struct long_run *run)
{
    pthread_attr_t attributes;
    pthread_t thread;
    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, THREAD_STACK), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, run_long, run), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    (void)pthread_attr_destroy(&attributes);
}

static struct x64_machine *start_everything(enum x64_engine engine)
{
    return lockstep_machine(engine, everything_begin, (size_t)(everything_end - everything_begin));
}

/* Nobody calls deeper with every op: 100 million of them in 256 KiB (also where tail calls are
 * none, as at -O0 and under the address sanitizer). */
START_TEST(test_lockstep_ticks_long_run_on_a_small_stack)
{
    struct long_run run = {.machine = start_everything(X64_ENGINE_BLOCKS),
                           .steps = 100 * (uint64_t)MILLION};
    run_in_thread(&run);
    ck_assert_int_eq(run.status, X64_OK);
    ck_assert_msg(run.stop.reason == X64_STOP_BUDGET, "stops at %x after %u",
                  (unsigned)run.stop.rip, (unsigned)run.stop.steps);
    ck_assert_uint_eq(run.stop.steps, run.steps);
    ck_assert_uint_lt(run.stop.rip - LOCKSTEP_CODE, (uint64_t)(everything_end - everything_begin));
    x64_machine_destroy(run.machine);
}
END_TEST

START_TEST(test_lockstep_ticks_everything_is_the_same)
{
    const struct lockstep_case what = {"everything", 0, everything_begin,
                                       (size_t)(everything_end - everything_begin)};
    static const uint64_t strides[] = {4, 5, 6, 7, 97, 9999};
    for (size_t i = 0; i < sizeof strides / sizeof strides[0]; i++)
        lockstep_run(start_everything(X64_ENGINE_BLOCKS), start_everything(X64_ENGINE_REFERENCE),
                     &what, strides[i], strides[i] * 500);
}
END_TEST

static Suite *lockstep_ticks_suite(void)
{
    Suite *suite = suite_create("lockstep_ticks");
    TCase *tcase = tcase_create("ticks");
    tcase_set_timeout(tcase, 500);
    tcase_add_loop_test(tcase, test_lockstep_ticks_every_manner, 0, PACES);
    tcase_add_loop_test(tcase, test_lockstep_ticks_from_snapshots, 0, SHORT);
    tcase_add_test(tcase, test_lockstep_ticks_everything_is_the_same);
    tcase_add_test(tcase, test_lockstep_ticks_long_run_on_a_small_stack);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(lockstep_ticks_suite())
