/* SPDX-License-Identifier: MIT */
/* States with valid checksums and impossible contents: the host survives each, under sanitizers. */
#include "emu/forger.h"

#include "support/suite.h"

#include "emu.h"

#define MUTATIONS 250
#define STEPS     500
#define TRACED    50

static const struct {
    const char *entry;
    uint64_t n;
} moments[] = {{"6.1", 1300}, {"4.16", 500}, {"int80", 1100}};

#define MOMENTS ((int)(sizeof moments / sizeof moments[0]))

/* Marsaglia's xorshift64. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A value as somebody would choose it who looks for the edge. */
static uint64_t edge_value(uint64_t random)
{
    static const uint64_t edges[] = {0, 1, 0x7f, 0xff, UINT32_MAX, INT64_MAX, UINT64_MAX};
    size_t index = random % 16;
    return index < sizeof edges / sizeof edges[0] ? edges[index] : random * 0x9e3779b97f4a7c15u;
}

static void open_forger(struct forger *forger, int moment)
{
    ck_assert_msg(forger_open(forger, moments[moment].entry, moments[moment].n),
                  "--entry %s does not come to step %llu", moments[moment].entry,
                  (unsigned long long)moments[moment].n);
}

/* Regions take turns, so that the small ones have their share. */
START_TEST(test_forged_state_of_fixed_regions_does_no_harm)
{
    struct forger forger;
    unsigned region = 0;
    uint64_t random = 0x1234567 + (uint64_t)_i;
    open_forger(&forger, _i);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        ck_assert(forger_begin(&forger));
        unsigned count = 1 + (unsigned)(next_random(&random) % 3);
        do
            region = forger_region_size(&forger, region + 1) ? region + 1 : 0;
        while (!forger_region_is_fixed(&forger, region));
        while (count-- > 0) {
            uint64_t offset = next_random(&random) % forger_region_size(&forger, region);
            uint64_t value = edge_value(next_random(&random));
            size_t size = (size_t)1 << next_random(&random) % 4;
            forger_write(&forger, region, offset & ~(uint64_t)(size - 1), &value, size);
        }
        forger_use(&forger, STEPS, TRACED);
    }
    forger_close(&forger);
}
END_TEST

START_TEST(test_forged_state_whole_regions_do_no_harm)
{
    struct forger forger;
    static const uint8_t fills[] = {0x00, 0x7f, 0x80, 0xff};
    open_forger(&forger, _i);
    for (unsigned region = 0; forger_region_size(&forger, region); region++) {
        if (!forger_region_is_fixed(&forger, region))
            continue;
        for (size_t i = 0; i < sizeof fills; i++) {
            ck_assert(forger_begin(&forger));
            for (uint64_t at = 0; at < forger_region_size(&forger, region); at++)
                forger_write(&forger, region, at, &fills[i], 1);
            forger_use(&forger, STEPS, TRACED);
        }
    }
    forger_close(&forger);
}
END_TEST

/* Repairing changes nothing of what a machine itself left behind. */
START_TEST(test_forged_state_honest_one_stays_as_it_is)
{
    struct forger forger;
    uint64_t before, after;
    open_forger(&forger, _i);
    do {
        ck_assert_int_eq(x64_hash(forger.machine, &before), X64_OK);
        struct x64i_snapshot *snapshot;
        ck_assert_int_eq(x64i_state_snapshot(forger.state, &snapshot), X64_OK);
        ck_assert_int_eq(x64i_machine_restore(forger.machine, snapshot), X64_OK);
        x64i_snapshot_release(snapshot);
        ck_assert_int_eq(x64_hash(forger.machine, &after), X64_OK);
        ck_assert_msg(before == after, "--entry %s: n = %llu is repaired although it is honest",
                      moments[_i].entry, (unsigned long long)x64_steps(forger.machine));
        ck_assert_int_eq(x64_run(forger.machine, 10, NULL), X64_OK);
        ck_assert_int_eq(x64_hash(forger.machine, &after), X64_OK);
    } while (before != after && x64_steps(forger.machine) < 1400);
    forger_close(&forger);
}
END_TEST

/* What broke the host before: fields by name. */
START_TEST(test_forged_state_impossible_fields_are_repaired)
{
    struct forger forger;
    open_forger(&forger, 0);
    struct x64i_cpu *cpu = x64i_machine_cpu(forger.machine);
    cpu->s.mxcsr = UINT32_MAX;
    cpu->s.cpl = 77;
    cpu->s.steps = UINT64_MAX;
    cpu->s.activity = 9;
    cpu->mmu.tlb.small[3].way[0] = (struct x64i_tlb_entry){
        .linear = 0x3000, .physical = 0xfff, .flags = X64I_TLB_VALID, .page_bits = 12};
    cpu->mmu.tlb.small[3].next = UINT64_MAX;
    forger_use(&forger, 0, 0);
    ck_assert_uint_eq(cpu->s.mxcsr, 0x1f80);
    ck_assert_uint_eq(cpu->s.cpl, 3);
    ck_assert_uint_lt(cpu->s.steps, UINT64_MAX / 2);
    ck_assert_uint_eq(cpu->s.activity, X64I_SHUTDOWN);
    ck_assert_uint_eq(cpu->mmu.tlb.small[3].way[0].flags, 0);
    ck_assert_uint_lt(cpu->mmu.tlb.small[3].next, X64I_TLB_WAYS);
    forger_close(&forger);
}
END_TEST

static Suite *forged_state_suite(void)
{
    Suite *suite = suite_create("forged_state");
    TCase *tcase = tcase_create("forged_state");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_forged_state_of_fixed_regions_does_no_harm, 0, MOMENTS);
    tcase_add_loop_test(tcase, test_forged_state_whole_regions_do_no_harm, 0, MOMENTS);
    tcase_add_loop_test(tcase, test_forged_state_honest_one_stays_as_it_is, 0, MOMENTS);
    tcase_add_test(tcase, test_forged_state_impossible_fields_are_repaired);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(forged_state_suite())
