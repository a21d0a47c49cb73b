/* SPDX-License-Identifier: MIT */
/* Forwards, backwards step by step, forwards again: the same state at every n. */
#include "support/suite.h"

#include "x64emu/machine.h"

#include <stdio.h>
#include <string.h>

#define CODE  0x10000u
#define STACK 0x20000u
#define STEPS 400u

/* Every round stores a string, pushes, and changes its own first instruction. */
static const uint8_t program[] = {
    0xb9, 0x05, 0x00, 0x00, 0x00,             /* loop: mov ecx, 5 */
    0xbf, 0x00, 0x00, 0x03, 0x00,             /* mov edi, 0x30000 */
    0xf3, 0xaa,                               /* rep stosb */
    0x50,                                     /* push rax */
    0xff, 0xc0,                               /* inc eax */
    0x80, 0x05, 0xeb, 0xff, 0xff, 0xff, 0x01, /* add byte [rip - 21], 1: the 5 above */
    0x80, 0x25, 0xe4, 0xff, 0xff, 0xff, 0x07, /* and byte [rip - 28], 7 */
    0x5b,                                     /* pop rbx */
    0xeb, 0xe0,                               /* jmp loop */
};

static struct x64_machine *new_machine(uint64_t interval)
{
    struct x64_config config = {.struct_size = sizeof config, .history_interval = interval};
    struct x64_machine *machine;
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(machine, CODE, program, sizeof program), X64_OK);
    ck_assert_int_eq(x64_machine_start(machine, CODE, STACK), X64_OK);
    return machine;
}

static uint64_t hash_of(struct x64_machine *machine)
{
    uint64_t hash;
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    return hash;
}

START_TEST(test_history_back_and_forth_is_the_same_at_every_step)
{
    const uint64_t intervals[] = {1, 7, 64, 4096};
    struct x64_machine *machine = new_machine(intervals[_i]);
    uint64_t hashes[STEPS + 1];
    for (uint64_t n = 0; n <= STEPS; n++) {
        ck_assert_uint_eq(x64_steps(machine), n);
        hashes[n] = hash_of(machine);
        struct x64_step step;
        ck_assert_int_eq(x64_step_observed(machine, &step, NULL), X64_OK);
        ck_assert_uint_eq(step.number, n);
    }
    for (uint64_t n = 1; n <= STEPS; n++)
        ck_assert_msg(hashes[n] != hashes[n - 1], "step %u changed nothing", (unsigned)n);
    for (uint64_t n = STEPS + 1; n-- > 0;) {
        ck_assert_int_eq(x64_step_back(machine), X64_OK);
        ck_assert_msg(hash_of(machine) == hashes[n], "backwards at n = %u", (unsigned)n);
    }
    ck_assert_int_eq(x64_step_back(machine), X64_ERROR_NOT_FOUND);
    for (uint64_t n = 0; n < STEPS; n++) {
        ck_assert_msg(hash_of(machine) == hashes[n], "forwards at n = %u", (unsigned)n);
        ck_assert_int_eq(x64_run(machine, 1, NULL), X64_OK);
    }
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_history_jumps_reach_any_step)
{
    struct x64_machine *machine = new_machine(16);
    uint64_t hashes[STEPS + 1];
    for (uint64_t n = 0; n <= STEPS; n++) {
        hashes[n] = hash_of(machine);
        ck_assert_int_eq(x64_run(machine, 1, NULL), X64_OK);
    }
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t n = i * 7919 % (STEPS + 1);
        ck_assert_int_eq(x64_goto(machine, n), X64_OK);
        ck_assert_msg(hash_of(machine) == hashes[n], "goto %u", (unsigned)n);
    }
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_history_change_from_outside_is_kept)
{
    struct x64_machine *machine = new_machine(16);
    ck_assert_int_eq(x64_run(machine, 200, NULL), X64_OK);
    ck_assert_int_eq(x64_goto(machine, 100), X64_OK);
    struct x64_registers registers;
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    registers.gpr[X64_R15] = 0x1234;
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
    uint64_t first, last;
    ck_assert_int_eq(x64_history_range(machine, &first, &last), X64_OK);
    ck_assert_uint_eq(last, 100);
    ck_assert_int_eq(x64_run(machine, 50, NULL), X64_OK);
    uint64_t after = hash_of(machine);
    ck_assert_int_eq(x64_goto(machine, 50), X64_OK);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    ck_assert_uint_eq(registers.gpr[X64_R15], 0);
    ck_assert_int_eq(x64_run(machine, 100, NULL), X64_OK);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    ck_assert_uint_eq(registers.gpr[X64_R15], 0x1234);
    ck_assert_uint_eq(hash_of(machine), after);
    x64_machine_destroy(machine);
}
END_TEST

START_TEST(test_history_fork_goes_its_own_way)
{
    struct x64_machine *machine = new_machine(16);
    ck_assert_int_eq(x64_run(machine, 100, NULL), X64_OK);
    struct x64_machine *fork;
    ck_assert_int_eq(x64_fork(machine, NULL, &fork), X64_OK);
    ck_assert_uint_eq(hash_of(machine), hash_of(fork));
    uint64_t before = hash_of(machine);
    ck_assert_int_eq(x64_run(fork, 100, NULL), X64_OK);
    ck_assert_uint_eq(hash_of(machine), before);
    ck_assert_int_eq(x64_run(machine, 100, NULL), X64_OK);
    ck_assert_uint_eq(hash_of(machine), hash_of(fork));
    ck_assert_int_eq(x64_goto(fork, 50), X64_ERROR_NOT_FOUND);
    x64_machine_destroy(machine);
    x64_machine_destroy(fork);
}
END_TEST

START_TEST(test_history_saved_state_goes_on_alike)
{
    char path[] = "/tmp/x64emu-test-XXXXXX";
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    struct x64_machine *machine = new_machine(16);
    struct x64_machine *other = new_machine(16);
    ck_assert_int_eq(x64_run(machine, 100, NULL), X64_OK);
    ck_assert_int_eq(x64_save(machine, path), X64_OK);
    ck_assert_int_eq(x64_restore(other, path), X64_OK);
    ck_assert_int_eq(x64_run(machine, 100, NULL), X64_OK);
    ck_assert_int_eq(x64_run(other, 100, NULL), X64_OK);
    ck_assert_uint_eq(hash_of(machine), hash_of(other));
    x64_machine_destroy(machine);
    x64_machine_destroy(other);
    (void)remove(path);
}
END_TEST

static Suite *history_suite(void)
{
    Suite *suite = suite_create("history");
    TCase *tcase = tcase_create("history");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_history_back_and_forth_is_the_same_at_every_step, 0, 4);
    tcase_add_test(tcase, test_history_jumps_reach_any_step);
    tcase_add_test(tcase, test_history_change_from_outside_is_kept);
    tcase_add_test(tcase, test_history_fork_goes_its_own_way);
    tcase_add_test(tcase, test_history_saved_state_goes_on_alike);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(history_suite())
