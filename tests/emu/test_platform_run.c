/* SPDX-License-Identifier: MIT */
/* A guest with a timer tick and a console: interrupts, sleep, input and output, there and back. */
#include "support/suite.h"

#include "x64emu/machine.h"

#include <string.h>

#define CODE   0x10000u
#define STACK  0x20000u
#define TICKS  0x40000u
#define ROUNDS 0x40008u
#define BUSY   0x40010u
#define STEPS  3000u

extern const uint8_t tick_begin[];
extern const uint8_t tick_end[];

struct host {
    unsigned asked;
    char shown[64];
};

static struct host host;

/* Somebody types a word every tenth time. */
static size_t type(void *user, enum x64_input_kind kind, void *buffer, size_t size)
{
    struct host *h = user;
    ck_assert_int_eq(kind, X64_INPUT_CONSOLE);
    if (++h->asked % 10 || size < 3)
        return 0;
    memcpy(buffer, "ok\n", 3);
    return 3;
}

static void show(void *user, int stream, const void *bytes, size_t size)
{
    struct host *h = user;
    ck_assert_int_eq(stream, 0);
    if (strlen(h->shown) + size < sizeof h->shown)
        strncat(h->shown, bytes, size);
}

static struct x64_machine *start(const uint8_t *code, size_t size)
{
    struct x64_machine *machine;
    struct x64_config config = {
        .struct_size = sizeof config,
        .history_interval = 64,
        .host = {.user = &host, .input = type, .output = show},
    };
    memset(&host, 0, sizeof host);
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(machine, CODE, code, size), X64_OK);
    ck_assert_int_eq(x64_machine_start(machine, CODE, STACK), X64_OK);
    return machine;
}

static struct x64_machine *start_ticking(void)
{
    return start(tick_begin, (size_t)(tick_end - tick_begin));
}

static uint64_t word_at(struct x64_machine *machine, uint64_t physical)
{
    uint64_t word;
    ck_assert_int_eq(x64_memory_read_phys(machine, physical, &word, sizeof word), X64_OK);
    return word;
}

static uint64_t hash_of(struct x64_machine *machine)
{
    uint64_t hash;
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    return hash;
}

START_TEST(test_platform_run_ticks_and_echoes)
{
    struct x64_machine *machine = start_ticking();
    struct x64_stop stop;
    ck_assert_int_eq(x64_run(machine, STEPS, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, X64_STOP_BUDGET);
    ck_assert_uint_gt(word_at(machine, TICKS), 100);
    ck_assert_uint_ge(host.asked, 100); /* both are once a millisecond */
    ck_assert_uint_le(host.asked, word_at(machine, TICKS) + 2);
    ck_assert_msg(strncmp(host.shown, "ok\nok\nok\n", 9) == 0, "\"%s\"", host.shown);
    x64_machine_destroy(machine);
}
END_TEST

/* Without sleep: the tick comes out of the count of instructions alone. */
START_TEST(test_platform_run_ticks_while_busy)
{
    struct x64_machine *machine = start_ticking();
    uint8_t busy = 1;
    ck_assert_int_eq(x64_memory_write_phys(machine, BUSY, &busy, 1), X64_OK);
    while (word_at(machine, TICKS) == 0)
        ck_assert_int_eq(x64_run(machine, 10000, NULL), X64_OK);
    /* 1 ms at 2.1 GHz and two instructions a tick of the clock, after the set-up. */
    ck_assert_uint_ge(x64_steps(machine), 4200000 - 5000);
    ck_assert_uint_le(x64_steps(machine), 4200000 + 15000);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_platform_run_back_and_forth)
{
    static uint64_t hashes[STEPS + 1];
    struct x64_machine *machine = start_ticking();
    for (uint64_t n = 0; n <= STEPS; n++) {
        struct x64_step step;
        hashes[n] = hash_of(machine);
        ck_assert_int_eq(x64_step_observed(machine, &step, NULL), X64_OK);
    }
    struct host once = host;
    for (uint64_t n = STEPS + 1; n-- > 0;) {
        ck_assert_int_eq(x64_step_back(machine), X64_OK);
        ck_assert_msg(hash_of(machine) == hashes[n], "backwards at n = %u", (unsigned)n);
    }
    for (uint64_t n = 0; n < STEPS; n++) {
        ck_assert_msg(hash_of(machine) == hashes[n], "forwards at n = %u", (unsigned)n);
        ck_assert_int_eq(x64_run(machine, 1, NULL), X64_OK);
    }
    ck_assert_uint_eq(host.asked, once.asked);
    ck_assert_str_eq(host.shown, once.shown);
    x64_machine_destroy(machine);
}
END_TEST

/* However a run is cut up, it is the same run. */
START_TEST(test_platform_run_in_pieces)
{
    struct x64_machine *whole = start_ticking();
    ck_assert_int_eq(x64_run(whole, STEPS, NULL), X64_OK);
    struct x64_machine *pieces = start_ticking();
    for (uint64_t size = 1; x64_steps(pieces) < STEPS; size = size * 3 % 101) {
        uint64_t left = STEPS - x64_steps(pieces);
        ck_assert_int_eq(x64_run(pieces, size < left ? size : left, NULL), X64_OK);
    }
    ck_assert(hash_of(whole) == hash_of(pieces));
    x64_machine_destroy(whole);
    x64_machine_destroy(pieces);
}
END_TEST

static const struct stop_row {
    uint8_t code[8];
    enum x64_stop_reason reason;
} stop_rows[] = {
    {{0xfb, 0xf4}, X64_STOP_HALT},              /* sti; hlt: every input is masked */
    {{0xfa, 0xf4}, X64_STOP_HALT},              /* cli; hlt */
    {{0xb0, 0xfe, 0xe6, 0x64}, X64_STOP_RESET}, /* out 0x64, 0xfe */
    {{0xb0, 0x01, 0xe6, 0x92}, X64_STOP_RESET}, /* out 0x92, 1 */
};

START_TEST(test_platform_run_stops)
{
    const struct stop_row *row = &stop_rows[_i];
    struct x64_machine *machine = start(row->code, sizeof row->code);
    struct x64_stop stop;
    ck_assert_int_eq(x64_run(machine, 2, &stop), X64_OK);
    uint64_t hash = hash_of(machine);
    ck_assert_int_eq(x64_run(machine, 100, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, row->reason);
    ck_assert_uint_eq(stop.steps, 2);
    ck_assert(hash_of(machine) == hash);
    x64_machine_destroy(machine);
}
END_TEST

static Suite *platform_run_suite(void)
{
    Suite *suite = suite_create("emu/platform_run");
    TCase *tests = tcase_create("platform_run");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_platform_run_ticks_and_echoes);
    tcase_add_test(tests, test_platform_run_ticks_while_busy);
    tcase_add_test(tests, test_platform_run_back_and_forth);
    tcase_add_test(tests, test_platform_run_in_pieces);
    tcase_add_loop_test(tests, test_platform_run_stops, 0,
                        (int)(sizeof stop_rows / sizeof stop_rows[0]));
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(platform_run_suite())
