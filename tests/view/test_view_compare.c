/* SPDX-License-Identifier: MIT */
/*
 * The model of two runs side by side against trace --compare: trips of machines of their own, made
 * while these run, and the alignment that the trace's own functions make of them.
 */
#include "kernel_model/guest.h"
#include "support/suite.h"
#include "view/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct couple {
    struct guest_config side[2];
} couples[] = {
    {{{.entry = "4.9"}, {.entry = "6.1", .mitigations = "pti,pcid"}}},
    {{{.entry = "6.1"}, {.entry = "6.1", .mitigations = "pti,pcid,ibrs,retpoline,verw,bhb"}}},
    {{{.entry = "4.16", .mitigations = "pti"}, {.entry = "4.9"}}},
    {{{.entry = "int80"}, {.entry = "sysenter"}}},
};

#define COUPLES (int)(sizeof couples / sizeof couples[0])

/* Both runs by other machines, with the first call of a name kept; as cli/compare.c does it. */
static struct x64i_trips *trips_of(const struct guest_config *config, const char *keep)
{
    struct guest guest;
    struct x64_step step;
    struct x64_stop stop = {.reason = X64_STOP_BUDGET};
    struct x64i_trips *trips;
    guest_start(&guest, config);
    ck_assert_int_eq(x64i_trips_create(guest.machine, keep, &trips), X64_OK);
    while (stop.reason == X64_STOP_BUDGET &&
           x64_step_observed(guest.machine, &step, &stop) == X64_OK)
        ck_assert_int_eq(x64i_trips_step(trips, &step), X64_OK);
    ck_assert_int_eq(x64i_trips_finish(trips), X64_OK);
    guest_end(&guest);
    return trips;
}

struct duel {
    const struct couple *couple;
    struct guest guest[2];
    struct x64i_compare_view *compare;
};

static enum x64_status open(struct duel *duel, const struct couple *couple)
{
    struct x64_machine *machines[2];
    duel->couple = couple;
    for (unsigned side = 0; side < 2; side++) {
        guest_start(&duel->guest[side], &couple->side[side]);
        (void)guest_run(&duel->guest[side]);
        machines[side] = duel->guest[side].machine;
    }
    enum x64_status status = x64i_compare_open(machines, &duel->compare);
    while (status == X64_OK && !x64i_compare_index(duel->compare, 100000)) {
    }
    return status;
}

static void close(struct duel *duel)
{
    x64i_compare_close(duel->compare);
    for (unsigned side = 0; side < 2; side++)
        guest_end(&duel->guest[side]);
}

static struct x64i_compare_at locate(struct duel *duel, unsigned side, uint64_t n)
{
    struct x64i_compare_at at;
    ck_assert_int_eq(x64i_compare_locate(duel->compare, side, n, &at), X64_OK);
    return at;
}

static void check_sums(struct duel *duel, struct x64i_trips *const trips[2])
{
    struct x64i_compare_sum sum;
    struct x64i_trip_pair pair;
    size_t at[2] = {0, 0};
    size_t nth = 0;
    const struct x64i_compare calls = {.side = {{.trips = trips[0]}, {.trips = trips[1]}}};
    x64i_compare_sum(&calls, &sum);
    ck_assert_uint_ge(sum.pairs, 5);
    ck_assert_uint_gt(sum.total[0].cycles, 0);
    ck_assert_mem_eq(&sum, &duel->compare->sum, sizeof sum);
    while (x64i_compare_next(&calls, at, &pair)) {
        for (unsigned side = 0; side < 2; side++) {
            const struct x64i_trip *trip = x64i_compare_trip(duel->compare, nth, side);
            ck_assert_int_eq(!trip, !pair.trip[side]);
            if (!trip)
                continue;
            ck_assert_str_eq(trip->title, pair.trip[side]->title);
            ck_assert_uint_eq(trip->first_n, pair.trip[side]->first_n);
            ck_assert_mem_eq(trip->cost, pair.trip[side]->cost, sizeof trip->cost);
        }
        nth++;
    }
    ck_assert_uint_eq(nth, duel->compare->pair_count);
}

/* Rows of the trace: where both have a step, each is the other's place. */
static void check_rows(struct duel *duel, const struct x64i_compare *steps, enum x64i_phase phase)
{
    struct x64i_buffer failure = {0};
    struct x64i_step_pair *rows;
    size_t count = x64i_compare_steps(steps, phase, &failure, &rows);
    for (size_t i = 0; i < count; i++)
        for (unsigned side = 0; side < 2; side++) {
            const struct x64i_trip_step *mine = rows[i].step[side];
            const struct x64i_trip_step *other = rows[i].step[!side];
            if (!mine)
                continue;
            struct x64i_compare_at at = locate(duel, side, mine->n);
            ck_assert_uint_eq(at.side[side].phase, phase);
            ck_assert_uint_eq(at.side[side].n, mine->n);
            if (!other) {
                ck_assert_msg(at.match == X64I_MATCH_WAITS || at.match == X64I_MATCH_ABSENT,
                              "side %u, step %llu", side, (unsigned long long)mine->n);
                continue;
            }
            ck_assert_msg(at.side[!side].n == other->n, "side %u, step %llu: %llu, not %llu", side,
                          (unsigned long long)mine->n, (unsigned long long)at.side[!side].n,
                          (unsigned long long)other->n);
            ck_assert_int_eq(at.match, rows[i].same ? X64I_MATCH_SAME : X64I_MATCH_BESIDE);
            ck_assert_uint_eq(at.side[!side].phase, phase);
        }
    free(rows);
}

/* Both runs anew, each call's steps kept in turn. */
START_TEST(test_view_compare_agrees_with_the_trace)
{
    static const char *const calls[] = {"write", "exit_group"};
    struct duel duel;
    ck_assert_int_eq(open(&duel, &couples[_i]), X64_OK);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct x64i_trips *trips[2];
        for (unsigned side = 0; side < 2; side++)
            trips[side] = trips_of(&couples[_i].side[side], calls[i]);
        const struct x64i_compare steps = {.side = {{.trips = trips[0]}, {.trips = trips[1]}}};
        ck_assert_uint_gt(trips[0]->kept_count, 10);
        check_sums(&duel, trips);
        for (unsigned phase = 0; phase < X64I_PHASE_COUNT; phase++)
            check_rows(&duel, &steps, (enum x64i_phase)phase);
        for (unsigned side = 0; side < 2; side++)
            x64i_trips_destroy(trips[side]);
    }
    close(&duel);
}
END_TEST

/* Where a stretch of a phase begins, the other side is in that phase or has none of it. */
static void check_phases(struct duel *duel)
{
    for (unsigned side = 0; side < 2; side++) {
        const struct x64i_trips *trips = duel->compare->trips[side];
        ck_assert_uint_ge(trips->stretch_count, 5 * 6);
        for (size_t i = 0; i < trips->stretch_count; i++) {
            const struct x64i_trip_stretch *stretch = &trips->stretch[i];
            struct x64i_compare_at at = locate(duel, side, stretch->n);
            const struct x64i_trip *other = x64i_compare_trip(duel->compare, at.pair, !side);
            ck_assert_uint_eq(at.side[side].phase, stretch->phase);
            if (!other)
                continue;
            if (other->cost[stretch->phase].instructions == 0)
                continue;
            ck_assert_int_ne(at.match, X64I_MATCH_ABSENT);
            if (at.match != X64I_MATCH_WAITS)
                ck_assert_uint_eq(at.side[!side].phase, stretch->phase);
        }
    }
}

static bool enters_kernel(const struct x64i_compare_run *run, uint64_t n)
{
    for (size_t i = 0; i < run->stay_count; i++)
        if (run->stay[i].from == n + 1)
            return true;
    return false;
}

/* Outside calls both are at the same instruction of the program; while one handles an exception of
 * it, the other one is at the instruction that raised it. */
static void check_program(struct duel *duel, unsigned side, uint64_t n, uint64_t *program_rip)
{
    ck_assert_int_eq(x64i_compare_seek(duel->compare, side, n, 0), X64_OK);
    const struct x64i_view_moment *mine = x64i_view_moment(duel->compare->view[side]);
    const struct x64i_view_moment *other = x64i_view_moment(duel->compare->view[!side]);
    if (mine->line.cpl == 3)
        *program_rip = mine->line.rip;
    else
        ck_assert(enters_kernel(&duel->compare->run[!side], other->n));
    ck_assert_uint_eq(other->line.cpl, 3);
    ck_assert_msg(other->line.rip == *program_rip, "side %u, step %llu: %llx, not %llx", side,
                  (unsigned long long)n, (unsigned long long)other->line.rip,
                  (unsigned long long)*program_rip);
}

/* Every step has a place. Who waits has not gone past it; nobody goes back. */
static void check_places(struct duel *duel)
{
    size_t outside = 0;
    uint64_t program_rip = 0;
    bool vdso = strcmp(duel->couple->side[1].entry, "sysenter") == 0; /* other code around calls */
    const struct x64i_compare_run *run = duel->compare->run;
    for (unsigned side = 0; side < 2; side++) {
        uint64_t last = run[!side].first;
        for (uint64_t n = run[side].first; n <= run[side].last; n++) {
            struct x64i_compare_at at = locate(duel, side, n);
            uint64_t other = at.side[!side].n;
            bool waits = at.match == X64I_MATCH_WAITS || at.match == X64I_MATCH_ABSENT;
            ck_assert_uint_le(other, run[!side].last);
            if (!vdso)
                ck_assert_msg(other >= last, "side %u, step %llu: %llu behind %llu", side,
                              (unsigned long long)n, (unsigned long long)last,
                              (unsigned long long)other);
            if (waits)
                ck_assert_uint_lt(at.side[!side].row, at.side[side].row);
            last = other;
            if (at.match != X64I_MATCH_USER || n == run[side].last)
                continue;
            ck_assert_uint_eq(at.side[0].phase, X64I_PHASE_COUNT);
            ck_assert_uint_eq(at.side[1].phase, X64I_PHASE_COUNT);
            if (n < run[side].stay[0].to || vdso)
                continue; /* boot */
            check_program(duel, side, n, &program_rip);
            outside++;
        }
    }
    ck_assert_msg(vdso || outside > 100, "%zu", outside);
    ck_assert_uint_eq(locate(duel, 0, run[0].first).side[1].n, run[1].first);
    ck_assert_uint_eq(locate(duel, 0, run[0].last).side[1].n, run[1].last);
    ck_assert_uint_eq(locate(duel, 1, UINT64_MAX).side[0].n, run[0].last);
}

/* The listing has every step of both sides once, in the order of time. */
static void check_lists(struct duel *duel)
{
    bool crosses =
        strcmp(duel->couple->side[1].entry, "sysenter") == 0; /* phases in another order */
    for (size_t pair = 0; pair < duel->compare->pair_count; pair++) {
        size_t count[2] = {0, 0};
        uint64_t last[2] = {0, 0};
        for (unsigned side = 0; side < 2; side++) {
            const struct x64i_trip *trip = x64i_compare_trip(duel->compare, pair, side);
            if (trip)
                ck_assert_uint_eq(locate(duel, side, trip->first_n).pair, pair);
        }
        for (size_t i = 0; i < duel->compare->row_count; i++)
            for (unsigned side = 0; side < 2; side++) {
                const struct x64i_trip_step *step = duel->compare->row[i].step[side];
                if (!step)
                    continue;
                count[side]++;
                ck_assert_uint_eq(step->phase, duel->compare->row[i].phase);
                bool ordered = step->n > last[side] || (side == 1 && crosses);
                ck_assert_msg(ordered, "pair %zu, row %zu, side %u: %llu behind %llu", pair, i,
                              side, (unsigned long long)step->n, (unsigned long long)last[side]);
                last[side] = step->n;
            }
        for (unsigned side = 0; side < 2; side++)
            ck_assert_uint_eq(count[side], duel->compare->kept[side]->kept_count);
    }
}

START_TEST(test_view_compare_lays_every_step_beside_another)
{
    struct duel duel;
    ck_assert_int_eq(open(&duel, &couples[_i]), X64_OK);
    check_phases(&duel);
    check_places(&duel);
    check_lists(&duel);
    close(&duel);
}
END_TEST

START_TEST(test_view_compare_marks_differences)
{
    struct duel duel;
    ck_assert_int_eq(open(&duel, &couples[0]), X64_OK);
    const struct x64i_trip *trip = x64i_compare_trip(duel.compare, 0, 1);
    const struct x64i_view_moment *a = x64i_view_moment(duel.compare->view[0]);
    const struct x64i_view_moment *b = x64i_view_moment(duel.compare->view[1]);
    ck_assert_int_eq(x64i_compare_seek(duel.compare, 1, trip->first_n, X64I_VIEW_ALL), X64_OK);
    uint64_t differ = x64i_compare_fields(a, b);
    ck_assert(differ >> X64I_FIELD_CR3 & 1); /* one has two tables */
    ck_assert(!(differ >> X64I_FIELD_RAX & 1));
    ck_assert(!(differ >> X64I_FIELD_RCX & 1));
    for (unsigned i = 0; i < X64I_FIELD_COUNT; i++)
        ck_assert_int_eq(differ >> i & 1, a->now.known >> i & b->now.known >> i & 1 &&
                                              a->now.value[i] != b->now.value[i]);
    const struct x64i_trip_stretch *saved = NULL;
    for (size_t i = 0; i < trip->stretch_count && !saved; i++)
        if (duel.compare->trips[1]->stretch[trip->first_stretch + i].phase == X64I_PHASE_DISPATCH)
            saved = &duel.compare->trips[1]->stretch[trip->first_stretch + i];
    ck_assert_ptr_nonnull(saved);
    ck_assert_int_eq(x64i_compare_seek(duel.compare, 1, saved->n, X64I_VIEW_ALL), X64_OK);
    size_t frame = 0;
    for (unsigned i = 0; i < a->stack_count; i++)
        for (unsigned j = 0; j < a->stack[i].count; j++) {
            const struct x64i_view_slot *slot = &a->stack[i].slot[j];
            const struct x64i_view_slot *other = x64i_compare_slot(slot, b);
            if (strncmp(slot->name, "pt_regs.", 8) != 0)
                continue;
            ck_assert_msg(other && strcmp(other->name, slot->name) == 0, "%s", slot->name);
            bool unsaved = strstr(" pt_regs.bx pt_regs.bp pt_regs.r12 pt_regs.r13 pt_regs.r14 "
                                  "pt_regs.r15 ",
                                  slot->name) != NULL; /* in 4.9's fast path */
            ck_assert_msg(x64i_compare_slots_agree(slot, other) == !unsaved,
                          "%s: %llx in state %d, %llx in state %d", slot->name,
                          (unsigned long long)slot->value, slot->state,
                          (unsigned long long)other->value, other->state);
            frame++;
        }
    ck_assert_uint_eq(frame, 21);
    close(&duel);
}
END_TEST

/* A program that makes no call: there is nothing to lay side by side. */
START_TEST(test_view_compare_wants_calls)
{
    static const uint8_t code[] = {0x0f, 0x0b}; /* UD2 */
    struct couple couple = {{{.entry = "4.9"}, {.entry = "6.1"}}};
    struct duel duel = {0};
    couple.side[0].program = couple.side[1].program = guest_program(0, code, sizeof code);
    ck_assert_int_eq(open(&duel, &couple), X64_ERROR_NOT_FOUND);
    close(&duel);
}
END_TEST

static Suite *view_compare_suite(void)
{
    Suite *suite = suite_create("view compare");
    TCase *all = tcase_create("two runs");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_view_compare_agrees_with_the_trace, 0, COUPLES);
    tcase_add_loop_test(all, test_view_compare_lays_every_step_beside_another, 0, COUPLES);
    tcase_add_test(all, test_view_compare_marks_differences);
    tcase_add_test(all, test_view_compare_wants_calls);
    suite_add_tcase(suite, all);
    return suite;
}

X64_TEST_MAIN(view_compare_suite())
