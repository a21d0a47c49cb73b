/* SPDX-License-Identifier: MIT */
/*
 * Every function of the public headers with null and out-of-range arguments in every combination:
 * it answers a status and does not crash, and writes no output unless it answers X64_OK. The rows
 * are made of the headers by tools/api-functions at build time.
 */
#include "kernel_model/synthetic.h"
#include "support/suite.h"

#include "x64emu/x64emu.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SCRATCH   16384u
#define UNTOUCHED 0x5a

struct fixture {
    struct x64_machine *machine;
    struct x64_kernel_image *image;
    struct x64_trace *trace;
    uint64_t zero[SCRATCH / 8];   /* what a const pointer leads to */
    uint64_t output[SCRATCH / 8]; /* what others lead to */
    uint64_t error[SCRATCH / 8];  /* ... but those for a sentence about a failure */
};

struct api_row {
    const char *name;
    enum x64_status (*call)(struct fixture *f, unsigned combination);
    unsigned combinations;
    bool has_status;
};

/* A callback that nobody should have a reason to call. */
static void ignore(void)
{
}

/* The object that a call made. */
static void *stored(const struct fixture *f)
{
    void *object;
    memcpy(&object, f->output, sizeof object);
    return object;
}

#include "api_calls.h"

static struct x64_machine *base[2]; /* bare, and with a kernel model */
static struct x64_kernel_image *image;

static bool drop(void *user, const char *bytes, size_t size)
{
    (void)user;
    (void)bytes;
    (void)size;
    return true;
}

static void set_up(void)
{
    const struct x64_config config = {.struct_size = sizeof config, .memory_size = 64u << 20};
    const struct x64_kernel_config kernel = {.struct_size = sizeof kernel};
    size_t size;
    uint8_t *elf = synthetic_elf(KALLSYMS_6_1, &size);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(x64_machine_create(&config, &base[i]), X64_OK);
    ck_assert_int_eq(x64_kernel_attach(base[1], &kernel, NULL), X64_OK);
    ck_assert_int_eq(x64_kernel_image_open_memory(elf, size, &image, NULL), X64_OK);
    free(elf);
}

static void tear_down(void)
{
    x64_kernel_image_close(image);
    x64_machine_destroy(base[0]);
    x64_machine_destroy(base[1]);
}

/* A call that is made by a hook. */
struct hooked {
    const struct api_row *row;
    struct fixture *fixture;
    unsigned combination;
    enum x64_status status;
    bool called;
};

static void call_from_hook(struct x64_machine *machine, void *user, uint64_t rip)
{
    struct hooked *hooked = user;
    (void)machine;
    (void)rip;
    if (hooked->called)
        return;
    hooked->called = true;
    hooked->status = hooked->row->call(hooked->fixture, hooked->combination);
}

static enum x64_status call(const struct api_row *row, struct fixture *f, unsigned n,
                            bool from_hook)
{
    struct hooked hooked = {.row = row, .fixture = f, .combination = n};
    if (!from_hook)
        return row->call(f, n);
    ck_assert_int_eq(
        x64_hook_add_instruction_before(f->machine, NULL, call_from_hook, &hooked, NULL), X64_OK);
    ck_assert_int_eq(x64_run(f->machine, 1, NULL), X64_OK);
    ck_assert(hooked.called);
    return hooked.status;
}

/* What a hook must not do, and is told so. With a budget of 0 x64_trace_run does nothing. */
static bool is_refused_to_hooks(const char *name)
{
    static const char *const names[] = {"x64_run",       "x64_step_observed", "x64_goto",
                                        "x64_step_back", "x64_restore",       "x64_kernel_attach"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* One call on fresh copies. */
static void try_call(const struct api_row *row, unsigned n, struct x64_machine *from,
                     bool from_hook)
{
    static struct fixture f;
    const struct x64_trace_options options = {.struct_size = sizeof options, .write = drop};
    memset(&f, 0, sizeof f);
    memset(f.output, UNTOUCHED, sizeof f.output);
    f.image = image;
    ck_assert_int_eq(x64_fork(from, NULL, &f.machine), X64_OK);
    if (strncmp(row->name, "x64_trace", 9) == 0)
        ck_assert_int_eq(x64_trace_create(f.machine, &options, &f.trace), X64_OK);
    enum x64_status status = call(row, &f, n, from_hook);
    x64_trace_destroy(f.trace);
    x64_machine_destroy(f.machine);
    const char *sentence = x64_status_string(status);
    ck_assert_msg((unsigned)status <= X64_ERROR_LIMIT && sentence, "%s, combination %u: status %d",
                  row->name, n, (int)status);
    size_t touched = 0;
    while (touched < sizeof f.output && ((const uint8_t *)f.output)[touched] == UNTOUCHED)
        touched++;
    ck_assert_msg(status == X64_OK || touched == sizeof f.output,
                  "%s, combination %u: answers %s, and wrote byte %zu of an output", row->name, n,
                  sentence, touched);
    ck_assert_msg(status != X64_OK || !from_hook || !is_refused_to_hooks(row->name),
                  "%s, combination %u, succeeds in a hook", row->name, n);
}

START_TEST(test_arguments_are_checked)
{
    const struct api_row *row = &api_rows[_i];
    /* Where the function crashes, Check's report ends with the loop's index: this line names it. */
    if (getenv("CK_VERBOSITY"))
        fprintf(stderr, "%d: %s, %u combinations\n", _i, row->name, row->combinations);
    for (unsigned n = 0; n < row->combinations; n++)
        for (int i = 0; i < 2; i++)
            try_call(row, n, base[i], false);
}
END_TEST

/* The same from hooks: the run goes on behind it. Under sanitizers not every one of them. */
START_TEST(test_arguments_are_checked_in_hooks)
{
    for (unsigned n = (unsigned)_i % HOOK_STRIDE; n < api_rows[_i].combinations; n += HOOK_STRIDE)
        for (int i = 0; i < 2; i++)
            try_call(&api_rows[_i], n, base[i], true);
}
END_TEST

static void check_hook_refusals(struct x64_machine *machine, void *user, uint64_t rip)
{
    struct x64_trace *trace = user;
    const struct x64_kernel_config kernel = {.struct_size = sizeof kernel};
    struct x64_error_text error;
    (void)rip;
    ck_assert_int_eq(x64_kernel_attach(machine, &kernel, &error), X64_ERROR_STATE);
    ck_assert_int_eq(x64_trace_run(trace, 1, NULL), X64_ERROR_STATE);
}

/* With arguments that nothing is wrong with. */
START_TEST(test_hooks_may_not_attach_or_run_traces)
{
    const struct x64_trace_options options = {.struct_size = sizeof options, .write = drop};
    for (int i = 0; i < 2; i++) {
        struct x64_machine *machine;
        struct x64_trace *trace;
        ck_assert_int_eq(x64_fork(base[i], NULL, &machine), X64_OK);
        ck_assert_int_eq(x64_trace_create(machine, &options, &trace), X64_OK);
        ck_assert_int_eq(
            x64_hook_add_instruction_before(machine, NULL, check_hook_refusals, trace, NULL),
            X64_OK);
        ck_assert_int_eq(x64_run(machine, 3, NULL), X64_OK);
        x64_trace_destroy(trace);
        x64_machine_destroy(machine);
    }
}
END_TEST

struct written {
    char text[1 << 16];
    size_t size;
};

static bool keep(void *user, const char *bytes, size_t size)
{
    struct written *written = user;
    if (size > sizeof written->text - written->size)
        return false;
    memcpy(written->text + written->size, bytes, size);
    written->size += size;
    return true;
}

static void trace_step(struct x64_machine *machine, void *user, const struct x64_step *step)
{
    (void)machine;
    ck_assert_int_eq(x64_trace_step(user, step), X64_OK);
}

/* A trace that a hook makes is the one that x64_trace_run makes. */
START_TEST(test_hooks_may_trace_steps)
{
    enum { STEPS = 200 };
    static struct written written[2];
    for (int i = 0; i < 2; i++) {
        const struct x64_trace_options options = {
            .struct_size = sizeof options, .write = keep, .user = &written[i]};
        struct x64_machine *machine;
        struct x64_trace *trace;
        ck_assert_int_eq(x64_fork(base[1], NULL, &machine), X64_OK);
        ck_assert_int_eq(x64_trace_create(machine, &options, &trace), X64_OK);
        if (i == 0) {
            ck_assert_int_eq(x64_trace_run(trace, STEPS, NULL), X64_OK);
        } else {
            ck_assert_int_eq(x64_hook_add_instruction_after(machine, NULL, trace_step, trace, NULL),
                             X64_OK);
            ck_assert_int_eq(x64_run(machine, STEPS, NULL), X64_OK);
        }
        ck_assert_int_eq(x64_trace_finish(trace, NULL), X64_OK);
        x64_trace_destroy(trace);
        x64_machine_destroy(machine);
    }
    ck_assert_uint_gt(written[0].size, STEPS * 20);
    ck_assert_uint_eq(written[0].size, written[1].size);
    ck_assert_int_eq(memcmp(written[0].text, written[1].text, written[0].size), 0);
}
END_TEST

/* With every pointer null (the first combination) nothing that has a status can succeed, but for
 * what may leave its only pointer out. */
START_TEST(test_null_everywhere_is_refused)
{
    const struct api_row *row = &api_rows[_i];
    static struct fixture f;
    if (row->has_status)
        ck_assert_msg(row->call(&f, 0) != X64_OK, "%s", row->name);
    else
        (void)row->call(&f, 0);
}
END_TEST

static Suite *arguments_suite(void)
{
    Suite *suite = suite_create("api/arguments");
    TCase *tcase = tcase_create("arguments");
    const int count = (int)(sizeof api_rows / sizeof api_rows[0]);
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, test_arguments_are_checked, 0, count);
    tcase_add_loop_test(tcase, test_null_everywhere_is_refused, 0, count);
    tcase_add_loop_test(tcase, test_arguments_are_checked_in_hooks, 0, count);
    tcase_add_test(tcase, test_hooks_may_not_attach_or_run_traces);
    tcase_add_test(tcase, test_hooks_may_trace_steps);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(arguments_suite())
