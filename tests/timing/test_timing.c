/* SPDX-License-Identifier: MIT */
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

START_TEST(test_timing_cores_are_known_by_name)
{
    struct x64i_timing *timing;
    const char *name;
    unsigned count = 0;
    for (; (name = x64i_timing_core_at(count)); count++) {
        ck_assert_int_eq(x64i_timing_create(name, &timing), X64_OK);
        ck_assert_int_eq(strncmp(x64i_timing_core(timing), "golden_cove", 11), 0);
        x64i_timing_destroy(timing);
    }
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(x64i_timing_create("z80", &timing), X64_ERROR_NOT_FOUND);
}
END_TEST

START_TEST(test_timing_measured_costs_are_met)
{
    ck_assert_uint_eq(cost("\x48\x01\xc8", 3, NULL, 0, 100), 25);      /* add rax, rcx */
    ck_assert_uint_eq(cost("\x0f\xae\xe8", 3, NULL, 0, 100), 1496);    /* lfence */
    ck_assert_uint_eq(cost("\x0f\x31", 2, NULL, 0, 100), 4592);        /* rdtsc */
    ck_assert_uint_eq(cost("\x48\x0f\xaf\xc1", 4, NULL, 0, 100), 100); /* imul rax, rcx */
}
END_TEST

START_TEST(test_timing_effects_cost)
{
    const struct x64_effect load = {.kind = X64_EFFECT_MEMORY_READ};
    const struct x64_effect locked[] = {{.kind = X64_EFFECT_MEMORY_READ},
                                        {.kind = X64_EFFECT_MEMORY_WRITE}};
    struct x64_effect walk[4];
    for (size_t i = 0; i < 4; i++)
        walk[i] = (struct x64_effect){.kind = X64_EFFECT_PAGE_WALK};
    uint64_t plain = cost("\x48\x8b\x00", 3, NULL, 0, 100);
    ck_assert_uint_eq(cost("\x48\x8b\x00", 3, &load, 1, 100) - plain, 33);
    ck_assert_uint_eq(cost("\x48\x8b\x00", 3, walk, 4, 1) - plain / 100, 40);
    ck_assert_uint_gt(cost("\xf0\x48\x01\x08", 4, locked, 2, 1), 19); /* lock add [rax], rcx */
    const struct x64_effect cr3 = {.kind = X64_EFFECT_CONTROL, .index = 3};
    ck_assert_uint_gt(cost("\x0f\x22\xd8", 3, &cr3, 1, 1), 100);
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
    struct x64_step step = {
        .kind = X64_STEP_INSTRUCTION, .code_bits = 64, .length = 2, .bytes = {0x0f, 0x31}};
    x64i_timing_retire(timing, &step);
    struct x64i_timing_state state = x64i_timing_save(timing);
    uint64_t next = x64i_timing_retire(timing, &step);
    x64i_timing_restore(timing, &state);
    ck_assert_uint_eq(x64i_timing_cycles(timing), 45);
    ck_assert_uint_eq(x64i_timing_retire(timing, &step), next);
    x64i_timing_reset(timing);
    ck_assert_uint_eq(x64i_timing_cycles(timing), 0);
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
    tcase_add_test(tcase, test_timing_takes_any_step);
    tcase_add_test(tcase, test_timing_goes_back);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(timing_suite())
