/* SPDX-License-Identifier: MIT */
/* Hooks on the block engine and on the reference path: the same calls, told the same, between the
 * same states. */
#include "emu/hook_log.h"
#include "emu/random_block.h"

#include "x64emu/kernel_model.h"

#include <string.h>

#define CASES       3u
#define STEPS_MAX   400u
#define LOOP_STEPS  3000u
#define GUEST_STEPS 4000u
#define PROGRAM     100000u /* steps enough for the built-in kernel's own program */
#define ONE_KHZ     1193u
#define LIMIT       UINT64_C(0x40010)
#define DIVISOR     UINT64_C(0x40018)

static const struct x64_range here = {LOCKSTEP_CODE + 24, LOCKSTEP_CODE + 60};
/* Of the function of guest `alias`: its last instruction, and at its other address the first two.
 */
static const struct x64_range across = {LOCKSTEP_CODE + 42, LOCKSTEP_ALIAS + LOCKSTEP_CODE + 41};
static const struct x64_range operand = {RANDOM_CODE_DATA + RANDOM_CODE_STRIDE,
                                         RANDOM_CODE_DATA + RANDOM_CODE_STRIDE + 0x7ff};

/* Sets of hooks. */
static const struct set {
    unsigned kinds;
    const struct x64_range *rips, *memory;
} sets[] = {
    {LOG_BEFORE, NULL, NULL},
    {LOG_BLOCK, NULL, NULL},
    {LOG_BEFORE | LOG_BLOCK | LOG_UNMAPPED, &here, NULL},
    {LOG_AFTER, NULL, NULL},
    {LOG_AFTER | LOG_BLOCK | LOG_FETCH, &here, NULL},
    {LOG_READ | LOG_WRITE, NULL, NULL},
    {LOG_READ | LOG_WRITE, NULL, &operand},
    {LOG_WRITE | LOG_BEFORE, &here, &operand},
    {LOG_EVENTS, NULL, NULL},
    {LOG_SYSTEM, NULL, NULL},
    {LOG_EXCEPTIONS, NULL, NULL},
    {LOG_WALKS | LOG_UNMAPPED, NULL, NULL},
    {LOG_EVERYTHING, NULL, NULL},
    {LOG_BEFORE | LOG_STOP | LOG_JUGGLE, &here, NULL},
    {LOG_BEFORE, &across, NULL},
    {LOG_BEFORE | LOG_MEDDLE | LOG_BLOCK | LOG_EXCEPTIONS, NULL, NULL},
    {LOG_BEFORE | LOG_MEDDLE | LOG_STOP | LOG_JUGGLE | LOG_AFTER | LOG_WRITE, &here, &operand},
};
#define SETS (sizeof sets / sizeof sets[0])

/* On to step `limit` or the end of the guest, whatever hooks stop. */
static void run_to(struct x64_machine *machine, uint64_t limit)
{
    struct x64_stop stop = {.reason = X64_STOP_HOOK};
    while (x64_steps(machine) < limit &&
           (stop.reason == X64_STOP_HOOK || stop.reason == X64_STOP_BUDGET))
        ck_assert_int_eq(x64_run(machine, limit - x64_steps(machine), &stop), X64_OK);
}

/* Both with the same hooks, in pieces, after `warm` steps without; destroys them. Answers the
 * calls.
 */
static size_t compare(struct x64_machine *blocks, struct x64_machine *reference,
                      const struct lockstep_case *about, const struct set *set, uint64_t warm,
                      uint64_t stride, uint64_t limit)
{
    struct hook_log logs[2];
    run_to(blocks, warm);
    run_to(reference, warm);
    hook_log_add(&logs[0], blocks, set->kinds, set->rips, set->memory);
    hook_log_add(&logs[1], reference, set->kinds, set->rips, set->memory);
    for (uint64_t n = warm + stride; n <= warm + limit; n += stride) {
        run_to(blocks, n);
        run_to(reference, n);
        hook_log_compare(&logs[0], &logs[1], about->name, about->seed);
        lockstep_compare(blocks, reference, about, "hooked, n", n);
    }
    const size_t count = logs[0].count;
    x64_machine_destroy(blocks);
    x64_machine_destroy(reference);
    hook_log_free(&logs[0]);
    hook_log_free(&logs[1]);
    return count;
}

/* Blocks that run once, and those whose operands' pages fault. */
START_TEST(test_lockstep_hooks_of_random_blocks)
{
    static const uint8_t halt[] = {0xf4};
    static struct random_block block;
    size_t calls = 0;
    for (unsigned i = 0; i < lockstep_count(CASES); i++) {
        random_block_make(&block, "hooked block", random_block_seed(_i + 20, i), halt, sizeof halt);
        for (unsigned fault = 0; fault <= block.code.operands; fault += 4) {
            struct x64_machine *a = lockstep_fork(block.machines[0]);
            struct x64_machine *b = lockstep_fork(block.machines[1]);
            calls += compare(a, b, &block.about, &sets[_i], 0, STEPS_MAX, STEPS_MAX);
            random_block_change_page(&block, fault, 0, fault % 8 ? LOCKSTEP_WRITABLE : 1);
        }
        random_block_destroy(&block);
    }
    /* Random code has no system instructions, and few cases may miss a range. */
    ck_assert_msg(calls || sets[_i].kinds == LOG_SYSTEM || sets[_i].rips, "no calls");
}
END_TEST

/* The same blocks again and again: linked, with warm pointers. */
START_TEST(test_lockstep_hooks_of_loops)
{
    static struct random_block block;
    static const uint64_t strides[] = {61, 997, LOOP_STEPS};
    for (unsigned i = 0; i < lockstep_count(CASES); i++) {
        random_block_make(&block, "hooked loop", random_block_seed(_i + 40, i), NULL, 0);
        uint8_t back[5] = {0xe9};
        int32_t distance = -(int32_t)(block.code.size + sizeof back);
        memcpy(back + 1, &distance, sizeof distance);
        for (int engine = 0; engine < 2; engine++)
            ck_assert_int_eq(x64_memory_write_phys(block.machines[engine],
                                                   block.code.linear + block.code.size, back,
                                                   sizeof back),
                             X64_OK);
        (void)compare(block.machines[0], block.machines[1], &block.about, &sets[_i], 300,
                      strides[i % 3], LOOP_STEPS);
    }
}
END_TEST

#define GUESTS(X) X(behind) X(alias) X(astride) X(strings) X(modify) X(soup) X(ticks) X(everything)

#define DECLARE(name) extern const uint8_t name##_begin[], name##_end[];
GUESTS(DECLARE)

#define GUEST(name) {#name, name##_begin, name##_end},
static const struct guest {
    const char *name;
    const uint8_t *begin, *end;
} guests[] = {GUESTS(GUEST)};
#define GUEST_COUNT (sizeof guests / sizeof guests[0])

/* A machine with a guest; `fast` interrupts come amid blocks, the others every millisecond. */
static struct x64_machine *start(enum x64_engine engine, const struct guest *guest, bool fast)
{
    const uint16_t divisor = fast ? 2 : ONE_KHZ;
    const uint32_t rounds = fast ? UINT32_MAX : 3;
    struct x64_registers registers;
    struct x64_machine *machine =
        lockstep_machine(engine, guest->begin, (size_t)(guest->end - guest->begin));
    ck_assert_int_eq(x64_memory_write_phys(machine, DIVISOR, &divisor, sizeof divisor), X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(machine, LIMIT, &rounds, sizeof rounds), X64_OK);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    registers.gpr[X64_R15] = 987654321; /* the soup's seed */
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
    return machine;
}

/* Code that writes itself, remapped pages, ticks: under each set of hooks. */
START_TEST(test_lockstep_hooks_of_guests)
{
    const struct set *set = &sets[_i];
    const uint64_t steps = lockstep_count(GUEST_STEPS);
    for (size_t i = 0; i < GUEST_COUNT; i++) {
        const struct lockstep_case about = {guests[i].name, i, guests[i].begin,
                                            (size_t)(guests[i].end - guests[i].begin)};
        for (int fast = 0; fast < 2; fast++)
            (void)compare(start(X64_ENGINE_BLOCKS, &guests[i], fast),
                          start(X64_ENGINE_REFERENCE, &guests[i], fast), &about, set,
                          fast ? 500 : 0, fast ? 173 : steps, steps);
    }
}
END_TEST

static struct x64_machine *start_kernel(enum x64_engine engine)
{
    struct x64_config config = {
        .struct_size = sizeof config, .memory_size = UINT64_C(64) << 20, .engine = engine};
    struct x64_kernel_config kernel = {.struct_size = sizeof kernel};
    struct x64_machine *machine;
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_kernel_attach(machine, &kernel, NULL), X64_OK);
    return machine;
}

/* A kernel's entry, its natives and a program in user mode. Hooks that meddle end nowhere. */
START_TEST(test_lockstep_hooks_of_a_kernel)
{
    static const struct lockstep_case about = {"kernel", 0, NULL, 0};
    if (sets[_i].kinds & LOG_MEDDLE)
        return;
    (void)compare(start_kernel(X64_ENGINE_BLOCKS), start_kernel(X64_ENGINE_REFERENCE), &about,
                  &sets[_i], 5000, PROGRAM, PROGRAM);
}
END_TEST

static Suite *lockstep_hooks_suite(void)
{
    Suite *suite = suite_create("lockstep_hooks");
    TCase *tcase = tcase_create("hooks");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_lockstep_hooks_of_random_blocks, 0, SETS);
    tcase_add_loop_test(tcase, test_lockstep_hooks_of_loops, 0, SETS);
    tcase_add_loop_test(tcase, test_lockstep_hooks_of_guests, 0, SETS);
    tcase_add_loop_test(tcase, test_lockstep_hooks_of_a_kernel, 0, SETS);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(lockstep_hooks_suite())
