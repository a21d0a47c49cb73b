/* SPDX-License-Identifier: MIT */
/* Random blocks on the block engine and on the reference path: stopped and faulted at every op. */
#include "emu/lockstep.h"
#include "emu/random_block.h"

#include <string.h>

#define SEEDS     40u  /* of every test */
#define STEPS_MAX 120u /* of one run */

static uint64_t run(struct x64_machine *machine, uint64_t budget, enum x64_stop_reason *reason)
{
    struct x64_stop stop;
    ck_assert_int_eq(x64_run(machine, budget, &stop), X64_OK);
    *reason = stop.reason;
    return stop.steps;
}

/* To the end, both in one piece. */
static void compare_whole(struct random_block *block, const char *what, uint64_t detail)
{
    struct x64_machine *a = lockstep_fork(block->machines[0]);
    struct x64_machine *b = lockstep_fork(block->machines[1]);
    enum x64_stop_reason x, y;
    run(a, STEPS_MAX, &x);
    run(b, STEPS_MAX, &y);
    lockstep_compare(a, b, &block->about, what, detail);
    ck_assert_int_eq(x, y);
    x64_machine_destroy(a);
    x64_machine_destroy(b);
}

static const uint8_t halt[] = {0xf4};

/* A stop behind every op, the block being new each time, and on from there to the end. */
START_TEST(test_lockstep_stops_at_every_op)
{
    static struct random_block block;
    for (unsigned i = 0; i < lockstep_count(SEEDS); i++) {
        random_block_make(&block, "stop", random_block_seed(_i, i), halt, sizeof halt);
        struct x64_machine *reference = lockstep_fork(block.machines[1]);
        enum x64_stop_reason reason = X64_STOP_BUDGET;
        for (uint64_t n = 1; n <= STEPS_MAX && reason == X64_STOP_BUDGET; n++) {
            enum x64_stop_reason same;
            struct x64_machine *blocks = lockstep_fork(block.machines[0]);
            run(blocks, n, &same);
            run(reference, 1, &reason);
            lockstep_compare(blocks, reference, &block.about, "budget", n);
            ck_assert_int_eq(same, reason);
            run(blocks, STEPS_MAX - n, &same);
            struct x64_machine *whole = lockstep_fork(block.machines[1]);
            run(whole, STEPS_MAX, &same);
            lockstep_compare(blocks, whole, &block.about, "on from", n);
            x64_machine_destroy(blocks);
            x64_machine_destroy(whole);
        }
        x64_machine_destroy(reference);
        random_block_destroy(&block);
    }
}
END_TEST

/* Where the instructions of a block are, in the order of its run; answers how many. */
static unsigned find_instructions(struct random_block *block, uint64_t *rips)
{
    struct x64_machine *machine = lockstep_fork(block->machines[1]);
    struct x64_registers registers;
    enum x64_stop_reason reason = X64_STOP_BUDGET;
    unsigned count = 0;
    while (count < STEPS_MAX && reason == X64_STOP_BUDGET) {
        ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
        if (registers.rip - block->code.linear < block->code.size)
            rips[count++] = registers.rip;
        run(machine, 1, &reason);
    }
    x64_machine_destroy(machine);
    return count;
}

/* Each instruction in turn becomes UD2: a fault behind every op, with the flags that it left. */
START_TEST(test_lockstep_faults_at_every_op)
{
    static const uint8_t ud2[] = {0x0f, 0x0b};
    static struct random_block block;
    unsigned total = 0;
    for (unsigned i = 0; i < lockstep_count(SEEDS); i++) {
        uint64_t rips[STEPS_MAX];
        random_block_make(&block, "fault", random_block_seed(9, i), halt, sizeof halt);
        const unsigned count = find_instructions(&block, rips);
        for (unsigned at = 0; at < count; at++) {
            uint8_t saved[2][sizeof ud2];
            for (int engine = 0; engine < 2; engine++) {
                struct x64_machine *machine = block.machines[engine];
                x64_memory_read_phys(machine, rips[at], saved[engine], sizeof ud2);
                x64_memory_write_phys(machine, rips[at], ud2, sizeof ud2);
            }
            compare_whole(&block, "fault at instruction", at);
            for (int engine = 0; engine < 2; engine++)
                x64_memory_write_phys(block.machines[engine], rips[at], saved[engine], sizeof ud2);
        }
        total += count;
        random_block_destroy(&block);
    }
    ck_assert_uint_gt(total, 2 * lockstep_count(SEEDS));
}
END_TEST

struct rights {
    const char *name;
    uint64_t set, clear;
};

static const struct rights faults[] = {
    {"no page of operand", 0, LOCKSTEP_PRESENT},
    {"read-only page of operand", 0, LOCKSTEP_WRITABLE},
};

/* Every operand's page in turn takes no access, or no write: #PF in the midst of the block. */
START_TEST(test_lockstep_faults_at_every_operand)
{
    static struct random_block block;
    for (unsigned i = 0; i < lockstep_count(5 * SEEDS); i++) {
        random_block_make(&block, "fault", random_block_seed(_i + 1, i), halt, sizeof halt);
        const struct rights *fault = &faults[_i];
        for (unsigned operand = 0; operand < block.code.operands; operand++) {
            random_block_change_page(&block, operand, fault->set, fault->clear);
            compare_whole(&block, fault->name, operand);
            random_block_change_page(&block, operand, fault->clear, 0);
        }
        random_block_destroy(&block);
    }
}
END_TEST

/* The page behind an operand's is not there: accesses that cross into it fault. */
START_TEST(test_lockstep_faults_at_every_crossing)
{
    static struct random_block block;
    for (unsigned i = 0; i < lockstep_count(8 * SEEDS); i++) {
        random_block_make(&block, "crossing", random_block_seed(4, i), halt, sizeof halt);
        for (int engine = 0; engine < 2; engine++)
            for (unsigned operand = 0; operand < block.code.operands; operand++)
                lockstep_set_entry(block.machines[engine],
                                   RANDOM_CODE_DATA + operand * RANDOM_CODE_STRIDE + LOCKSTEP_PAGE,
                                   0, LOCKSTEP_PRESENT);
        compare_whole(&block, "second pages", 0);
        random_block_destroy(&block);
    }
}
END_TEST

static const uint64_t strides[] = {4, 7, 61, 997};

/* The same instructions again and again: linked blocks, warm pointers. */
START_TEST(test_lockstep_loops)
{
    static struct random_block block;
    for (unsigned i = 0; i < lockstep_count(3 * SEEDS); i++) {
        random_block_make(&block, "loop", random_block_seed(_i + 5, i), NULL, 0);
        uint8_t back[5] = {0xe9};
        int32_t distance = -(int32_t)(block.code.size + sizeof back);
        memcpy(back + 1, &distance, sizeof distance);
        for (int engine = 0; engine < 2; engine++)
            ck_assert_int_eq(x64_memory_write_phys(block.machines[engine],
                                                   block.code.linear + block.code.size, back,
                                                   sizeof back),
                             X64_OK);
        random_code_bytes(&block.code, back, sizeof back);
        block.about.size = block.code.size;
        lockstep_run(block.machines[0], block.machines[1], &block.about, strides[_i],
                     strides[_i] < 10 ? 200 : 4000);
    }
}
END_TEST

static Suite *lockstep_suite(void)
{
    Suite *suite = suite_create("lockstep");
    TCase *tcase = tcase_create("random code");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_lockstep_stops_at_every_op, 0, 1);
    tcase_add_test(tcase, test_lockstep_faults_at_every_op);
    tcase_add_loop_test(tcase, test_lockstep_faults_at_every_operand, 0,
                        sizeof faults / sizeof faults[0]);
    tcase_add_test(tcase, test_lockstep_faults_at_every_crossing);
    tcase_add_loop_test(tcase, test_lockstep_loops, 0, sizeof strides / sizeof strides[0]);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(lockstep_suite())
