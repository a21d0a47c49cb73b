/* SPDX-License-Identifier: MIT */
/* Watching changes nothing: a static glibc program that is observed or traced takes the same steps
 * and ends in the same state, with the same output and status, as one that just runs. */
#include "kernel_model/guest.h"
#include "kernel_model/kernels.h"

#include "support/suite.h"

#include "x64emu/trace.h"

#include <string.h>

#define STATUS 42
#define OUTPUT "watched, 2 arguments\n"

/* A program that takes fewer steps has not been through glibc's start-up. */
#define LEAST_STEPS 10000

struct ending {
    struct x64_stop stop;
    uint64_t hash;
    char output[GUEST_TEXT];
};

static const struct row {
    const char *entry;
    const char *kernel;
    const char *mitigations;
} rows[] = {
    {"4.9", NULL, "none"},
    {"6.1", NULL, "pti,pcid"},
    {NULL, "6.1-cloud", "pti,pcid"},
};

static void run_plainly(struct guest *guest, struct x64_stop *stop)
{
    *stop = guest_run(guest);
}

static void run_observed(struct guest *guest, struct x64_stop *stop)
{
    struct x64_step step;
    do
        ck_assert_int_eq(x64_step_observed(guest->machine, &step, stop), X64_OK);
    while (stop->reason == X64_STOP_BUDGET);
}

static bool count_bytes(void *user, const char *bytes, size_t size)
{
    uint64_t *count = user;
    (void)bytes;
    *count += size;
    return true;
}

static void run_traced(struct guest *guest, struct x64_stop *stop, enum x64_trace_format format)
{
    uint64_t bytes = 0;
    struct x64_trace *trace;
    const struct x64_trace_options options = {
        .struct_size = sizeof options, .format = format, .user = &bytes, .write = count_bytes};
    ck_assert_int_eq(x64_trace_create(guest->machine, &options, &trace), X64_OK);
    ck_assert_int_eq(x64_trace_run(trace, GUEST_STEPS, stop), X64_OK);
    ck_assert_int_eq(x64_trace_finish(trace, stop), X64_OK);
    x64_trace_destroy(trace);
    ck_assert_uint_gt(bytes, stop->steps * 40); /* every step has a line */
}

static void run_traced_as_text(struct guest *guest, struct x64_stop *stop)
{
    run_traced(guest, stop, X64_TRACE_TEXT);
}

static void run_traced_as_jsonl(struct guest *guest, struct x64_stop *stop)
{
    run_traced(guest, stop, X64_TRACE_JSONL);
}

static const struct way {
    const char *name;
    void (*run)(struct guest *guest, struct x64_stop *stop);
} ways[] = {
    {"plain", run_plainly},
    {"observed", run_observed},
    {"text", run_traced_as_text},
    {"jsonl", run_traced_as_jsonl},
};

static void go(const struct row *row, const struct way *way, struct ending *ending)
{
    const char *const argv[] = {"small", "watched", NULL};
    char path[512];
    struct guest guest;
    struct guest_config config = {.entry = row->entry,
                                  .mitigations = row->mitigations,
                                  .program = X64_TEST_GUEST_SMALL,
                                  .argv = argv,
                                  .memory_size = row->kernel ? UINT64_C(256) << 20 : 0};
    if (row->kernel) {
        x64_test_kernel_path(row->kernel, path, sizeof path);
        config.kernel = path;
    }
    guest_start(&guest, &config);
    way->run(&guest, &ending->stop);
    ck_assert_msg(ending->stop.reason == X64_STOP_EXIT, "%s: reason %d: %s", way->name,
                  ending->stop.reason, guest.log);
    ck_assert_int_eq(x64_hash(guest.machine, &ending->hash), X64_OK);
    memcpy(ending->output, guest.output, sizeof ending->output);
    guest_end(&guest);
}

START_TEST(test_watched_program_ends_in_the_same_state)
{
    const struct row *row = &rows[_i];
    struct ending plain, watched;
    go(row, &ways[0], &plain);
    ck_assert_int_eq(plain.stop.code, STATUS);
    ck_assert_str_eq(plain.output, OUTPUT);
    ck_assert_uint_gt(plain.stop.steps, LEAST_STEPS);
    for (size_t i = 1; i < sizeof ways / sizeof ways[0]; i++) {
        go(row, &ways[i], &watched);
        ck_assert_msg(watched.hash == plain.hash && watched.stop.steps == plain.stop.steps,
                      "%s %s, mitigations %s, %s: hash %#llx after %llu steps, plain %#llx after "
                      "%llu",
                      row->entry ? "--entry" : "--kernel", row->entry ? row->entry : row->kernel,
                      row->mitigations, ways[i].name, (unsigned long long)watched.hash,
                      (unsigned long long)watched.stop.steps, (unsigned long long)plain.hash,
                      (unsigned long long)plain.stop.steps);
        ck_assert_int_eq(watched.stop.code, STATUS);
        ck_assert_uint_eq(watched.stop.rip, plain.stop.rip);
        ck_assert_str_eq(watched.output, plain.output);
    }
}
END_TEST

static Suite *watched_suite(void)
{
    Suite *suite = suite_create("watched");
    TCase *tests = tcase_create("watched");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_watched_program_ends_in_the_same_state, 0,
                        sizeof rows / sizeof rows[0]);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(watched_suite())
