/* SPDX-License-Identifier: MIT */
/* Random blocks on the block engine and on the reference path: stopped and faulted at every op. */
#include "emu/lockstep.h"
#include "emu/random_code.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SEED  1000u
#define SEEDS       40u  /* of every test */
#define STEPS_MAX   120u /* of one run */
#define BEFORE_PAGE 0xf80u

/* Instructions that set up what random_code.h asks for come by registers, not by code. */
static void set_registers(struct x64_machine *machine, uint64_t seed, uint64_t rip)
{
    struct x64_registers r;
    ck_assert_int_eq(x64_registers_read(machine, &r), X64_OK);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t value = lockstep_random(&seed);
        r.gpr[i] = value & 1 ? value : value >> (value >> 58); /* small ones as well */
    }
    r.gpr[X64_RSP] = LOCKSTEP_STACK - (seed & 7);
    r.gpr[X64_RBX] = RANDOM_CODE_RBX;
    r.gpr[X64_R12] = RANDOM_CODE_R12;
    r.gpr[X64_R13] = RANDOM_CODE_R13;
    r.gpr[X64_R14] = RANDOM_CODE_R14;
    r.gpr[X64_RDI] = 0xf0000 + (seed & 0xfff);
    r.gpr[X64_RSI] = 0xe0ff8;
    r.rip = rip;
    ck_assert_int_eq(x64_registers_write(machine, &r), X64_OK);
}

/* One random block, ready to be forked. */
struct block {
    struct random_code code;
    struct x64_machine *machines[2]; /* by engine */
    struct lockstep_case about;
};

/* What the operands' pages hold: divisors that are not always zero, and small numbers. */
static void fill_data(struct x64_machine *machine, uint64_t seed, unsigned operands)
{
    uint64_t words[1024];
    for (unsigned i = 0; i < 1024; i++) {
        words[i] = lockstep_random(&seed);
        words[i] = i % 3 ? words[i] : words[i] >> 50;
    }
    for (unsigned i = 0; i < operands; i++)
        ck_assert_int_eq(x64_memory_write_phys(machine, RANDOM_CODE_DATA + i * RANDOM_CODE_STRIDE,
                                               words, sizeof words),
                         X64_OK);
}

static void make_block(struct block *block, const char *name, uint64_t seed, const uint8_t *end,
                       size_t end_size)
{
    uint64_t random = seed;
    const uint64_t offset = lockstep_random(&random) % 4 ? 0 : BEFORE_PAGE + random % 0x80;
    *block = (struct block){.code = {.linear = LOCKSTEP_CODE + offset,
                                     .seed = lockstep_random(&random),
                                     .fs = LOCKSTEP_FS,
                                     .gs = LOCKSTEP_GS}};
    random_code_add(&block->code, 5 + (unsigned)(lockstep_random(&random) % 36));
    random_code_bytes(&block->code, end, end_size);
    uint8_t image[LOCKSTEP_PAGE + RANDOM_CODE_SIZE];
    memset(image, 0x90, sizeof image);
    memcpy(image + offset, block->code.bytes, block->code.size);
    for (int engine = 0; engine < 2; engine++) {
        block->machines[engine] = lockstep_machine((enum x64_engine)engine, image, sizeof image);
        fill_data(block->machines[engine], seed, block->code.operands);
        set_registers(block->machines[engine], seed, LOCKSTEP_CODE + offset);
    }
    block->about = (struct lockstep_case){name, seed, block->code.bytes, block->code.size};
}

static void destroy_block(struct block *block)
{
    x64_machine_destroy(block->machines[0]);
    x64_machine_destroy(block->machines[1]);
}

/* Changes the entry of one operand's page, `operand` counted from 0, on both. */
static void change_page(struct block *block, unsigned operand, uint64_t set, uint64_t clear)
{
    for (int engine = 0; engine < 2; engine++)
        lockstep_set_entry(block->machines[engine], RANDOM_CODE_DATA + operand * RANDOM_CODE_STRIDE,
                           set, clear);
}

static uint64_t run(struct x64_machine *machine, uint64_t budget, enum x64_stop_reason *reason)
{
    struct x64_stop stop;
    ck_assert_int_eq(x64_run(machine, budget, &stop), X64_OK);
    *reason = stop.reason;
    return stop.steps;
}

/* To the end, both in one piece. */
static void compare_whole(struct block *block, const char *what, uint64_t detail)
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

static uint64_t test_seed(int index, unsigned i)
{
    const char *only = getenv("LOCKSTEP_SEED");
    return only ? strtoull(only, NULL, 10) : FIRST_SEED * (unsigned)(index + 1) + i;
}

/* A stop behind every op, the block being new each time, and on from there to the end. */
START_TEST(test_lockstep_stops_at_every_op)
{
    static struct block block;
    for (unsigned i = 0; i < lockstep_count(SEEDS); i++) {
        make_block(&block, "stop", test_seed(_i, i), halt, sizeof halt);
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
        destroy_block(&block);
    }
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
    static struct block block;
    for (unsigned i = 0; i < lockstep_count(5 * SEEDS); i++) {
        make_block(&block, "fault", test_seed(_i + 1, i), halt, sizeof halt);
        const struct rights *fault = &faults[_i];
        for (unsigned operand = 0; operand < block.code.operands; operand++) {
            change_page(&block, operand, fault->set, fault->clear);
            compare_whole(&block, fault->name, operand);
            change_page(&block, operand, fault->clear, 0);
        }
        destroy_block(&block);
    }
}
END_TEST

/* The page behind an operand's is not there: accesses that cross into it fault. */
START_TEST(test_lockstep_faults_at_every_crossing)
{
    static struct block block;
    for (unsigned i = 0; i < lockstep_count(8 * SEEDS); i++) {
        make_block(&block, "crossing", test_seed(4, i), halt, sizeof halt);
        for (int engine = 0; engine < 2; engine++)
            for (unsigned operand = 0; operand < block.code.operands; operand++)
                lockstep_set_entry(block.machines[engine],
                                   RANDOM_CODE_DATA + operand * RANDOM_CODE_STRIDE + LOCKSTEP_PAGE,
                                   0, LOCKSTEP_PRESENT);
        compare_whole(&block, "second pages", 0);
        destroy_block(&block);
    }
}
END_TEST

static const uint64_t strides[] = {4, 7, 61, 997};

/* The same instructions again and again: linked blocks, warm pointers. */
START_TEST(test_lockstep_loops)
{
    static struct block block;
    for (unsigned i = 0; i < lockstep_count(3 * SEEDS); i++) {
        make_block(&block, "loop", test_seed(_i + 5, i), NULL, 0);
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
    tcase_add_loop_test(tcase, test_lockstep_faults_at_every_operand, 0,
                        sizeof faults / sizeof faults[0]);
    tcase_add_test(tcase, test_lockstep_faults_at_every_crossing);
    tcase_add_loop_test(tcase, test_lockstep_loops, 0, sizeof strides / sizeof strides[0]);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(lockstep_suite())
