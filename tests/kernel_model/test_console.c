/* SPDX-License-Identifier: MIT */
/* A task that waits for the console keeps nobody else from running, and the wait can be repeated.
 */
#include "support/suite.h"

#include "x64emu/x64emu.h"

#include <stdbool.h>
#include <string.h>

#define STEPS 100000000

/* Types "1" when it has seen two ticks, and "2" when the guest has nothing else to do. */
struct typist {
    unsigned typed, asked, asked_for_ever;
    char output[256];
    size_t output_size;
};

static size_t answer(void *user, enum x64_input_kind kind, void *buffer, size_t size)
{
    struct typist *typist = user;
    uint64_t nanoseconds;
    uint8_t *bytes = buffer;
    if (kind == X64_INPUT_CONSOLE) {
        ck_assert_uint_ge(size, 1);
        bytes[0] = (uint8_t)('1' + typist->typed++);
        return 1;
    }
    if (kind != X64_INPUT_CONSOLE_READY)
        return X64_INPUT_DEFAULT;
    ck_assert_uint_eq(size, sizeof nanoseconds);
    memcpy(&nanoseconds, bytes, sizeof nanoseconds);
    typist->asked++;
    typist->asked_for_ever += nanoseconds == UINT64_MAX;
    bool seen = !typist->typed && strstr(typist->output, "tick\ntick\n");
    bytes[0] = seen || nanoseconds == UINT64_MAX;
    return 1;
}

static void show(void *user, int stream, const void *bytes, size_t size)
{
    struct typist *typist = user;
    (void)stream;
    ck_assert_uint_lt(typist->output_size + size, sizeof typist->output);
    memcpy(typist->output + typist->output_size, bytes, size);
    typist->output_size += size;
}

static struct x64_machine *start(struct typist *typist)
{
    struct x64_machine *machine;
    struct x64_config config = {.struct_size = sizeof config,
                                .history_interval = 50000,
                                .host = {.user = typist, .input = answer, .output = show}};
    struct x64_kernel_config kernel = {.struct_size = sizeof kernel,
                                       .program = X64_TEST_GUESTS "/guest_console"};
    *typist = (struct typist){0};
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_kernel_attach(machine, &kernel, NULL), X64_OK);
    return machine;
}

static uint64_t hash_of(struct x64_machine *machine)
{
    uint64_t hash = 0;
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    return hash;
}

START_TEST(test_console_blocks_one_task_alone)
{
    static const char first[] = "poll 0\nread -1 EAGAIN\n";
    struct typist typist;
    struct x64_stop stop = {0};
    struct x64_machine *machine = start(&typist);
    ck_assert_int_eq(x64_run(machine, STEPS, &stop), X64_OK);
    ck_assert_msg(stop.reason == X64_STOP_EXIT && stop.code == 4, "%s", typist.output);
    const char *ticks = strstr(typist.output, "tick\ntick\n");
    const char *got = strstr(typist.output, "got 1\n");
    ck_assert_msg(strncmp(typist.output, first, sizeof first - 1) == 0, "%s", typist.output);
    ck_assert_msg(ticks && got && ticks < got, "%s", typist.output);
    ck_assert_ptr_nonnull(strstr(got, "epoll 1\nthen 2\n"));
    ck_assert_uint_ge(typist.asked_for_ever, 1);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_console_waits_can_be_gone_back_over)
{
    struct typist typist;
    struct x64_stop stop = {0};
    struct x64_machine *machine = start(&typist);
    ck_assert_int_eq(x64_run(machine, STEPS, &stop), X64_OK);
    const struct typist before = typist;
    uint64_t end = x64_steps(machine);
    uint64_t hash = hash_of(machine);
    for (unsigned part = 0; part < 8; part++) {
        ck_assert_int_eq(x64_goto(machine, end * part / 8), X64_OK);
        ck_assert_int_eq(x64_goto(machine, end), X64_OK);
        ck_assert_uint_eq(hash_of(machine), hash);
    }
    ck_assert_mem_eq(&typist, &before, sizeof typist);
    x64_machine_destroy(machine);
}
END_TEST

static Suite *console_suite(void)
{
    Suite *suite = suite_create("console");
    TCase *tcase = tcase_create("console");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_console_blocks_one_task_alone);
    tcase_add_test(tcase, test_console_waits_can_be_gone_back_over);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(console_suite())
