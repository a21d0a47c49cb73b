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

/* One call on fresh copies. */
static void try_call(const struct api_row *row, unsigned n, struct x64_machine *from)
{
    static struct fixture f;
    const struct x64_trace_options options = {.struct_size = sizeof options, .write = drop};
    memset(&f, 0, sizeof f);
    memset(f.output, UNTOUCHED, sizeof f.output);
    f.image = image;
    ck_assert_int_eq(x64_fork(from, NULL, &f.machine), X64_OK);
    if (strncmp(row->name, "x64_trace", 9) == 0)
        ck_assert_int_eq(x64_trace_create(f.machine, &options, &f.trace), X64_OK);
    enum x64_status status = row->call(&f, n);
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
}

START_TEST(test_arguments_are_checked)
{
    const struct api_row *row = &api_rows[_i];
    /* Where the function crashes, Check's report ends with the loop's index: this line names it. */
    if (getenv("CK_VERBOSITY"))
        fprintf(stderr, "%d: %s, %u combinations\n", _i, row->name, row->combinations);
    for (unsigned n = 0; n < row->combinations; n++)
        for (int i = 0; i < 2; i++)
            try_call(row, n, base[i]);
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
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(arguments_suite())
