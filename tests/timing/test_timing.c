/* SPDX-License-Identifier: MIT */
#include "msr/model.h"
#include "support/suite.h"
#include "timing/timing.h"

#include <string.h>

static struct x64i_timing *new_timing(void)
{
    struct x64i_timing *timing;
    ck_assert_int_eq(x64i_timing_create("golden_cove", &timing), X64_OK);
    return timing;
}

/* Makes `count` steps of one instruction with the same effects; answers the cycles they cost. */
static uint64_t cost(const char *bytes, unsigned length, const struct x64_effect *effects,
                     size_t effect_count, unsigned count)
{
    struct x64i_timing *timing = new_timing();
    struct x64_step step = {.rip = 0x1000,
                            .kind = X64_STEP_INSTRUCTION,
                            .code_bits = 64,
                            .length = (uint8_t)length,
                            .effects = effects,
                            .effect_count = effect_count};
    memcpy(step.bytes, bytes, length);
    uint64_t cycles = 0;
    for (unsigned i = 0; i < count; i++)
        cycles = x64i_timing_retire(timing, &step);
    ck_assert_uint_eq(cycles, x64i_timing_cycles(timing));
    x64i_timing_destroy(timing);
    return cycles;
}

/* Every CPU model is timed, by figures of its own or by a stand-in's. */
START_TEST(test_timing_cores_are_known_by_name)
{
    struct x64i_timing *timing;
    const char *name;
    unsigned count = 0;
    for (; (name = x64i_timing_core_at(count)); count++) {
        ck_assert_int_eq(x64i_timing_create(name, &timing), X64_OK);
        ck_assert_ptr_nonnull(x64i_timing_core(timing));
        ck_assert_ptr_nonnull(x64i_cpu_model_find(name));
        x64i_timing_destroy(timing);
    }
    ck_assert_ptr_nonnull(x64i_cpu_model_at(count - 1));
    ck_assert_ptr_null(x64i_cpu_model_at(count));
    ck_assert_int_eq(x64i_timing_create("z80", &timing), X64_ERROR_NOT_FOUND);
}
END_TEST

/* Measured on a Golden Cove core: 1.0, 46.0, 3.0 a step. */
START_TEST(test_timing_measured_costs_are_met)
{
    ck_assert_uint_eq(cost("\x48\x01\xc8", 3, NULL, 0, 200) - cost("\x48\x01\xc8", 3, NULL, 0, 100),
                      100);
    ck_assert_uint_eq((cost("\x0f\x31", 2, NULL, 0, 200) - cost("\x0f\x31", 2, NULL, 0, 100)) / 100,
                      46); /* rdtsc */
    ck_assert_uint_eq(
        (cost("\x48\x0f\xaf\xc1", 4, NULL, 0, 200) - cost("\x48\x0f\xaf\xc1", 4, NULL, 0, 100)) /
            100,
        3); /* imul rax, rcx */
}
END_TEST

/* A load's line comes from memory first and from the L1 then (5 cycles, dependent). */
START_TEST(test_timing_effects_cost)
{
    const struct x64_effect load = {
        .kind = X64_EFFECT_MEMORY_READ, .linear = 0x5000, .physical = 0x5000, .size = 8};
    struct x64_effect walked[5] = {[4] = load};
    for (uint32_t i = 0; i < 4; i++)
        walked[i] = (struct x64_effect){.kind = X64_EFFECT_PAGE_WALK,
                                        .index = 4 - i,
                                        .linear = 0x5000,
                                        .physical = 0x10000ull * (i + 1)};
    uint64_t first = cost("\x48\x8b\x00", 3, &load, 1, 1);
    ck_assert_uint_gt(first, 250);
    ck_assert_uint_eq(cost("\x48\x8b\x00", 3, &load, 1, 101) - first, 500);
    ck_assert_uint_gt(cost("\x48\x8b\x00", 3, walked, 5, 1), first + 4 * 250);
    const struct x64_effect locked[] = {
        load, {.kind = X64_EFFECT_MEMORY_WRITE, .linear = 0x5000, .physical = 0x5000, .size = 8}};
    uint64_t locks = cost("\xf0\x48\x01\x08", 4, locked, 2, 101) -
                     cost("\xf0\x48\x01\x08", 4, locked, 2, 1); /* lock add [rax], rcx */
    ck_assert_uint_ge(locks, 1650);                             /* measured: 19.9 each */
    ck_assert_uint_le(locks, 2200);
    const struct x64_effect cr3 = {.kind = X64_EFFECT_CONTROL, .index = 3};
    ck_assert_uint_gt(cost("\x0f\x22\xd8", 3, &cr3, 1, 1), 100);
}
END_TEST

/* Sixteen lines of NOPs: the first time they come from the L3 two at a time (the second is fetched
 * ahead), the second time from the L1, and evicted from there from the L2. */
START_TEST(test_timing_cold_code_waits_for_its_lines)
{
    struct x64i_timing *timing = new_timing();
    uint64_t before = 0, cycles[2];
    for (unsigned pass = 0; pass < 2; pass++) {
        for (uint64_t i = 0; i < 1024; i++) {
            const struct x64_step step = {.rip = 0x10000 + i,
                                          .kind = X64_STEP_INSTRUCTION,
                                          .code_bits = 64,
                                          .length = 1,
                                          .bytes = {0x90}};
            cycles[pass] = x64i_timing_retire(timing, &step) - before;
        }
        before = x64i_timing_cycles(timing);
    }
    x64i_timing_destroy(timing);
    ck_assert_uint_ge(cycles[1], 1024 / 6);
    ck_assert_uint_le(cycles[1], 1024 / 4);
    ck_assert_uint_ge(cycles[0], 8 * 65);
    ck_assert_uint_le(cycles[0], 8 * 65 + cycles[1] + 100);
}
END_TEST

/* A branch that goes either way by turns is learnt; one that changes at random costs what a
 * misprediction does (measured on Golden Cove: 18 cycles in the mean of right and wrong). */
static uint64_t branch_cycles(uint32_t pattern_length, unsigned count)
{
    struct x64i_timing *timing = new_timing();
    uint32_t random = 1;
    uint64_t cycles = 0;
    for (unsigned i = 0; i < count; i++) {
        struct x64_step jump = {.rip = 0x1000,
                                .kind = X64_STEP_INSTRUCTION,
                                .code_bits = 64,
                                .length = 2,
                                .bytes = {0x74, 0x10}};
        random = random * 1664525u + 1013904223u;
        bool taken = pattern_length ? i % pattern_length == 0 : random >> 31;
        struct x64_step nop = {.rip = taken ? 0x1012 : 0x1002,
                               .kind = X64_STEP_INSTRUCTION,
                               .code_bits = 64,
                               .length = 1,
                               .bytes = {0x90}};
        (void)x64i_timing_retire(timing, &jump);
        cycles = x64i_timing_retire(timing, &nop);
    }
    x64i_timing_destroy(timing);
    return cycles;
}

START_TEST(test_timing_branches_are_predicted)
{
    uint64_t pattern = branch_cycles(3, 4000) - branch_cycles(3, 2000);
    uint64_t random = branch_cycles(0, 4000) - branch_cycles(0, 2000);
    ck_assert_uint_lt(pattern, 2000 * 3);
    ck_assert_uint_gt(random, 2000 * 8);
    ck_assert_uint_lt(random, 2000 * 18);
}
END_TEST

/* Every mode of a step that is no instruction, and bytes that are none. */
START_TEST(test_timing_takes_any_step)
{
    struct x64i_timing *timing = new_timing();
    for (unsigned kind = X64_STEP_INSTRUCTION; kind <= X64_STEP_NATIVE; kind++)
        for (unsigned bits = 16; bits <= 64; bits *= 2) {
            struct x64_step step = {
                .kind = (uint8_t)kind, .code_bits = (uint8_t)bits, .length = 15};
            memset(step.bytes, 0xff, sizeof step.bytes);
            uint64_t before = x64i_timing_cycles(timing);
            ck_assert_uint_ge(x64i_timing_retire(timing, &step), before);
        }
    x64i_timing_destroy(timing);
}
END_TEST

START_TEST(test_timing_goes_back)
{
    struct x64i_timing *timing = new_timing();
    struct x64i_timing *kept = new_timing();
    struct x64_step step = {
        .kind = X64_STEP_INSTRUCTION, .code_bits = 64, .length = 2, .bytes = {0x0f, 0x31}};
    uint64_t first = x64i_timing_retire(timing, &step);
    ck_assert_int_eq(x64i_timing_copy(kept, timing), X64_OK);
    uint64_t next = x64i_timing_retire(timing, &step);
    ck_assert_uint_gt(next, first);
    ck_assert_int_eq(x64i_timing_copy(timing, kept), X64_OK);
    ck_assert_uint_eq(x64i_timing_cycles(timing), first);
    ck_assert_uint_eq(x64i_timing_retire(timing, &step), next);
    x64i_timing_reset(timing);
    ck_assert_uint_eq(x64i_timing_cycles(timing), 0);
    ck_assert_uint_eq(x64i_timing_retire(timing, &step), first);
    struct x64i_timing *other;
    ck_assert_int_eq(x64i_timing_create("skylake", &other), X64_OK);
    ck_assert_int_eq(x64i_timing_copy(other, timing), X64_ERROR_ARGUMENT);
    x64i_timing_destroy(other);
    x64i_timing_destroy(kept);
    x64i_timing_destroy(timing);
}
END_TEST

static Suite *timing_suite(void)
{
    Suite *suite = suite_create("timing");
    TCase *tcase = tcase_create("timing");
    tcase_add_test(tcase, test_timing_cores_are_known_by_name);
    tcase_add_test(tcase, test_timing_measured_costs_are_met);
    tcase_add_test(tcase, test_timing_effects_cost);
    tcase_add_test(tcase, test_timing_cold_code_waits_for_its_lines);
    tcase_add_test(tcase, test_timing_branches_are_predicted);
    tcase_add_test(tcase, test_timing_takes_any_step);
    tcase_add_test(tcase, test_timing_goes_back);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(timing_suite())
