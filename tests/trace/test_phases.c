/* SPDX-License-Identifier: MIT */
/* What the steps of a system call are for: on every era with and without its mitigations, on stock
 * kernels, and on made-up facts. */
#include "kernel_model/guest.h"
#include "kernel_model/kernels.h"
#include "trace/trips.h"

#include "support/suite.h"

#include <stdio.h>
#include <string.h>

/* The letters of a trip's phases in their order; a phase stands once for a run of steps. */
static const char letters[] = "ECSFDKWTRBUXMN";
_Static_assert(sizeof letters == X64I_PHASE_COUNT + 1, "a letter for every phase");

/*
 * How a getpid goes through the phases, as ENTRY tables of the kernel's history have it:
 * E enter, C switch CR3, S switch stack, F save frame, D dispatch, K system call, W exit work,
 * T check SYSRET, R restore, B stack back, U CR3 back, X return, M mitigations.
 */
static const struct row {
    const char *entry;
    const char *kernel;
    const char *mitigations;
    const char *phases;
    unsigned cr3_writes, msr_writes;
} rows[] = {
    {"int80", NULL, "none", "EFDKWXRX", 0, 0}, /* SWAPGS before the registers */
    {"sysenter", NULL, "none", "ESFDKWTRX", 0, 0},
    {"4.9", NULL, "none", "ESFDKWRBX", 0, 0},
    {"4.15", NULL, "none", "ESFDKWRBX", 0, 0},
    {"4.15", NULL, "pti", "ESCSFDKWRBUBX", 2, 0},
    {"4.15", NULL, "pti,pcid,retpoline", "ESCSFDKWRBUBX", 2, 0},
    {"4.16", NULL, "none", "ESFDKWTRBX", 0, 0},
    {"4.16", NULL, "pti", "ESCSFDKWTRBUBX", 2, 0},
    {"4.16", NULL, "pti,pcid,retpoline", "ESCSFDKWTRBUBX", 2, 0},
    {"4.18", NULL, "none", "ESFDKWTRBX", 0, 0},
    {"4.18", NULL, "pti,pcid", "ESCSFDKWTRBUBX", 2, 0},
    {"5.4", NULL, "none", "ESFDKWTRBX", 0, 0},
    {"5.4", NULL, "pti,pcid", "ESCSFDKWTRBUBX", 2, 0},
    {"5.4", NULL, "pti,verw", "ESCSFDKWMWTRBUBX", 2, 0},
    {"6.1", NULL, "none", "ESFDKWTRBX", 0, 0},
    {"6.1", NULL, "pti", "ESCSFDKWTRBUBX", 2, 0},
    {"6.1", NULL, "pti,pcid,ibrs", "ESCSFDMDKWTMRBUBX", 2, 2},
    {"6.1", NULL, "pti,pcid,ibrs,retpoline,verw,bhb", "ESCSFDMDKWTMRBUBXMX", 2, 2},
    {NULL, "6.1-cloud", "none", "ESFDKWTRBX", 0, 0},
    {NULL, "6.1-cloud", "pti,pcid", "ESCSFDKWTRBUBX", 2, 0},
    {NULL, "6.1-cloud", "pti,ibrs", "ESCSFDMDKWTMRBUBX", 2, 2},
    {NULL, "6.12-cloud", "none", "ESFDKWTRBX", 0, 0},
    {NULL, "6.12-cloud", "pti,pcid", "ESCSFDKWTRBUBX", 2, 0},
};

static struct x64i_trips *take(struct guest *guest, const struct row *row, const char *call)
{
    struct x64i_trips *trips;
    struct x64_step step;
    struct x64_stop stop;
    char path[512];
    struct guest_config config = {.entry = row->entry, .mitigations = row->mitigations};
    if (row->kernel) {
        x64_test_kernel_path(row->kernel, path, sizeof path);
        config.kernel = path;
        config.memory_size = UINT64_C(256) << 20;
    }
    guest_start(guest, &config);
    ck_assert_int_eq(x64i_trips_create(guest->machine, call, &trips), X64_OK);
    do {
        ck_assert_int_eq(x64_step_observed(guest->machine, &step, &stop), X64_OK);
        ck_assert_int_eq(x64i_trips_step(trips, &step), X64_OK);
    } while (stop.reason == X64_STOP_BUDGET);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_int_eq(x64i_trips_finish(trips), X64_OK);
    return trips;
}

static const char *phases_of(const struct x64i_trips *trips, char text[128])
{
    size_t length = 0;
    for (size_t i = 0; i < trips->kept_count && length < 127; i++) {
        ck_assert_int_lt(trips->kept[i].phase, X64I_PHASE_COUNT);
        char letter = letters[trips->kept[i].phase];
        if (length == 0 || text[length - 1] != letter)
            text[length++] = letter;
    }
    text[length] = '\0';
    return text;
}

/* The steps of a phase, one a line. */
static void print_steps(const struct x64i_trips *trips)
{
    for (size_t i = 0; i < trips->kept_count; i++)
        (void)fprintf(stderr, "%c %s %s\n", letters[trips->kept[i].phase], trips->kept[i].text,
                      trips->kept[i].what);
}

/* The demo: a write whose buffer takes a page fault, a call, a hole, -EFAULT, an exit. */
static void check_program(const struct row *row, const struct x64i_trips *trips)
{
    static const char *const results[] = {"= 13", "= 1", "= -1 ENOSYS (38)", "= -1 EFAULT (14)",
                                          "= ?"};
    ck_assert_uint_eq(trips->count, 5);
    for (size_t i = 0; i < trips->count; i++) {
        const struct x64i_trip *trip = &trips->trip[i];
        struct x64i_phase_cost sum = {0};
        for (unsigned phase = 0; phase < X64I_PHASE_COUNT; phase++)
            x64i_phase_cost_add(&sum, &trip->cost[phase]);
        ck_assert_mem_eq(&sum, &trip->total, sizeof sum);
        bool faults = i == 0 || i == 3;
        ck_assert_str_eq(strrchr(trip->title, '='), results[i]);
        ck_assert_msg((trip->cost[X64I_PHASE_NESTED].instructions > 20) == faults,
                      "%s: call %zu, %s", row->kernel ? row->kernel : row->entry, i, trip->title);
        ck_assert_uint_gt(trip->cost[X64I_PHASE_SAVE].writes, 13);
        ck_assert_int_eq(trip->returned, i != 4);
        ck_assert_int_eq(trip->cost[X64I_PHASE_RETURN].instructions != 0, i != 4);
    }
}

START_TEST(test_phases_of_a_call)
{
    const struct row *row = &rows[_i];
    struct guest guest;
    char text[128];
    struct x64i_trips *trips = take(&guest, row, "getpid");
    const struct x64i_trip *trip = &trips->trip[trips->kept_trip];
    if (strcmp(phases_of(trips, text), row->phases) != 0)
        print_steps(trips);
    ck_assert_msg(strcmp(phases_of(trips, text), row->phases) == 0,
                  "%s %s --mitigations %s --syscall getpid: %s, expected %s",
                  row->kernel ? "--kernel" : "--entry", row->kernel ? row->kernel : row->entry,
                  row->mitigations, text, row->phases);
    ck_assert_str_eq(trip->title, "getpid() = 1");
    ck_assert(trip->returned);
    ck_assert_uint_eq(trip->total.cr3_writes, row->cr3_writes);
    ck_assert_uint_eq(trip->cost[X64I_PHASE_SWITCH_CR3].cr3_writes, row->cr3_writes / 2);
    ck_assert_uint_eq(trip->cost[X64I_PHASE_CR3_BACK].cr3_writes, row->cr3_writes / 2);
    ck_assert_uint_eq(trip->total.msr_writes, row->msr_writes);
    ck_assert_uint_eq(trip->cost[X64I_PHASE_MITIGATE].msr_writes, row->msr_writes);
    ck_assert_uint_eq(trip->last_n - trip->first_n + 1, trips->kept_count);
    ck_assert_uint_lt(trip->total.instructions, trips->kept_count); /* one step is native */
    check_program(row, trips);
    x64i_trips_destroy(trips);
    guest_end(&guest);
}
END_TEST

static void check_assigned(struct x64i_phase_step *steps, size_t count, const char *expected)
{
    x64i_phases_assign(steps, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(letters[steps[i].phase] == expected[i], "step %zu is %c, not %c", i,
                      letters[steps[i].phase], expected[i]);
}

/* An exception between any two steps is set apart, and what follows goes on as before. */
START_TEST(test_phases_nest)
{
    struct x64i_phase_step steps[] = {
        {.facts = X64I_FACT_ENTERS},
        {.facts = X64I_FACT_NESTS},
        {.facts = X64I_FACT_NESTS | X64I_FACT_WRITES_FRAME},
        {.facts = X64I_FACT_READS_CR3},
        {.facts = X64I_FACT_UNNESTS},
        {.facts = X64I_FACT_WRITES_CR3},
        {.facts = X64I_FACT_UNNESTS},
        {.facts = X64I_FACT_SWITCHES_STACK | X64I_FACT_ON_KERNEL_STACK},
        {.facts = X64I_FACT_WRITES_FRAME},
        {.facts = X64I_FACT_IN_C | X64I_FACT_CALLED, .rsp_before = 100, .rsp_after = 92},
        {.facts = X64I_FACT_NESTS, .rsp_after = 200},
        {.facts = X64I_FACT_UNNESTS, .rsp_after = 200},
        {.rsp_before = 92, .rsp_after = 108},
        {.facts = X64I_FACT_RESTORES},
        {.facts = X64I_FACT_LEAVES},
    };
    check_assigned(steps, sizeof steps / sizeof steps[0], "ENNNNNNSFKNNKRX");
}
END_TEST

/* A number out of range calls nothing; nothing at all is fine, too. */
START_TEST(test_phases_without_a_call)
{
    struct x64i_phase_step steps[] = {
        {.facts = X64I_FACT_ENTERS},   {.facts = X64I_FACT_WRITES_FRAME},
        {.facts = X64I_FACT_BRANCHES}, {.facts = X64I_FACT_IN_C},
        {.facts = X64I_FACT_BRANCHES}, {.facts = X64I_FACT_READS_CHECKED | X64I_FACT_RESTORES},
        {.facts = X64I_FACT_BRANCHES}, {.facts = X64I_FACT_RESTORES},
        {.facts = X64I_FACT_SWAPS_GS}, {.facts = X64I_FACT_LEAVES},
    };
    check_assigned(steps, sizeof steps / sizeof steps[0], "EFDDDTTRXX");
    check_assigned(steps, 1, "E");
    x64i_phases_assign(NULL, 0);
}
END_TEST

START_TEST(test_phases_have_names)
{
    for (unsigned i = 0; i < X64I_PHASE_COUNT; i++) {
        ck_assert_ptr_nonnull(x64i_phase_title((enum x64i_phase)i));
        ck_assert_uint_eq(
            strspn(x64i_phase_name((enum x64i_phase)i), "abcdefghijklmnopqrstuvwxyz_0123456789"),
            strlen(x64i_phase_name((enum x64i_phase)i)));
    }
    ck_assert_ptr_null(x64i_phase_name(X64I_PHASE_COUNT));
    ck_assert_ptr_null(x64i_phase_title(X64I_PHASE_COUNT));
}
END_TEST

static Suite *phases_suite(void)
{
    Suite *suite = suite_create("phases");
    TCase *tests = tcase_create("phases");
    int count = (int)(sizeof rows / sizeof rows[0]);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_phases_of_a_call, 0, count);
    tcase_add_test(tests, test_phases_nest);
    tcase_add_test(tests, test_phases_without_a_call);
    tcase_add_test(tests, test_phases_have_names);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(phases_suite())
