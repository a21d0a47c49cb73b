/* SPDX-License-Identifier: MIT */
/* What a comparison knows of both runs: one pass over each, and the listing of one pair. */
#include "view/compare_private.h"

#include <stdlib.h>
#include <string.h>

struct walk {
    struct x64i_compare_run *run;
    struct x64i_trips *trips;
    size_t room;
    bool inside;            /* the kernel */
    uint64_t outside_since; /* the last stay's end, or the run's beginning */
    uint64_t program_steps; /* before that */
};

static enum x64_status begin_stay(struct walk *walk, uint64_t n)
{
    struct x64i_compare_run *run = walk->run;
    if (!run->stay || run->stay_count == walk->room) {
        size_t wanted = walk->room ? 2 * walk->room : 64;
        void *grown = realloc(run->stay, wanted * sizeof *run->stay);
        if (!grown)
            return X64_ERROR_MEMORY;
        run->stay = grown;
        walk->room = wanted;
    }
    walk->program_steps += n - walk->outside_since;
    run->stay[run->stay_count++] =
        (struct x64i_compare_stay){.from = n, .program_steps = walk->program_steps};
    walk->inside = true;
    return X64_OK;
}

static enum x64_status walk_step(struct walk *walk)
{
    struct x64_step step;
    struct x64_stop stop;
    struct x64_registers after;
    struct x64_machine *machine = walk->run->machine;
    uint64_t n = x64_steps(machine);
    enum x64_status status = x64_step_observed(machine, &step, &stop);
    if (status != X64_OK || x64_steps(machine) == n)
        return X64_ERROR_STATE;
    status = x64i_trips_step(walk->trips, &step);
    if (status == X64_OK)
        status = x64_registers_read(machine, &after);
    if (status != X64_OK)
        return status;
    if (after.cpl != 3 && !walk->inside)
        return begin_stay(walk, step.cpl == 3 ? n + 1 : n);
    if (after.cpl == 3 && walk->inside) {
        walk->run->stay[walk->run->stay_count - 1].to = walk->outside_since = n + 1;
        walk->inside = false;
    }
    return X64_OK;
}

/* The machine's whole run, from the oldest state that it can go back to. */
static enum x64_status walk_run(struct x64i_compare_run *run, struct x64i_trips **trips)
{
    struct walk walk = {.run = run};
    run->stay_count = 0;
    enum x64_status status = x64_history_range(run->machine, &run->first, &run->last);
    if (status == X64_OK)
        status = x64_goto(run->machine, run->first);
    if (status == X64_OK)
        status = x64i_trips_create(run->machine, NULL, trips);
    walk.trips = *trips;
    walk.outside_since = run->first;
    while (status == X64_OK && x64_steps(run->machine) < run->last)
        status = walk_step(&walk);
    if (walk.inside)
        run->stay[run->stay_count - 1].to = run->last + 1;
    return status == X64_OK ? x64i_trips_finish(*trips) : status;
}

static size_t index_of(const struct x64i_trips *trips, const struct x64i_trip *trip)
{
    return trip ? (size_t)(trip - trips->trip) : X64I_COMPARE_NOWHERE;
}

static enum x64_status pair_up(struct x64i_compare_view *compare)
{
    struct x64i_trip_pair pair;
    const struct x64i_compare calls = {
        .side = {{.trips = compare->trips[0]}, {.trips = compare->trips[1]}}};
    size_t at[2] = {0, 0};
    size_t most = compare->trips[0]->count + compare->trips[1]->count;
    if (!most)
        return X64_ERROR_NOT_FOUND;
    compare->pair = calloc(most, sizeof *compare->pair);
    for (unsigned side = 0; side < 2; side++)
        compare->run[side].pair_of = calloc(compare->trips[side]->count + 1, sizeof(size_t));
    if (!compare->pair || !compare->run[0].pair_of || !compare->run[1].pair_of)
        return X64_ERROR_MEMORY;
    while (compare->pair_count < most && x64i_compare_next(&calls, at, &pair)) {
        struct x64i_compare_pair *next = &compare->pair[compare->pair_count];
        for (unsigned side = 0; side < 2; side++) {
            next->trip[side] = index_of(compare->trips[side], pair.trip[side]);
            if (pair.trip[side])
                compare->run[side].pair_of[next->trip[side]] = compare->pair_count;
        }
        compare->pair_count++;
    }
    x64i_compare_sum(&calls, &compare->sum);
    return X64_OK;
}

enum x64_status x64i_compare_open(struct x64_machine *const machines[2],
                                  struct x64i_compare_view **out)
{
    struct x64i_compare_view *compare = calloc(1, sizeof *compare);
    enum x64_status status = compare ? X64_OK : X64_ERROR_MEMORY;
    for (unsigned side = 0; side < 2 && status == X64_OK; side++) {
        compare->run[side].machine = machines[side];
        status = walk_run(&compare->run[side], &compare->trips[side]);
    }
    if (status == X64_OK)
        status = pair_up(compare);
    for (unsigned side = 0; side < 2 && status == X64_OK; side++)
        status = x64i_view_open(machines[side], &compare->view[side]);
    if (status == X64_OK) {
        compare->listed = X64I_COMPARE_NOWHERE;
        status = x64i_compare_seek(compare, 0, compare->run[0].first, X64I_VIEW_ALL);
    }
    if (status != X64_OK) {
        x64i_compare_close(compare);
        return status;
    }
    *out = compare;
    return X64_OK;
}

static void forget_listing(struct x64i_compare_view *compare)
{
    free(compare->row);
    compare->row = NULL;
    compare->row_count = 0;
    compare->listed = X64I_COMPARE_NOWHERE;
    for (unsigned side = 0; side < 2; side++) {
        x64i_trips_destroy(compare->kept[side]);
        free(compare->row_of[side]);
        compare->kept[side] = NULL;
        compare->row_of[side] = NULL;
    }
}

void x64i_compare_close(struct x64i_compare_view *compare)
{
    if (!compare)
        return;
    forget_listing(compare);
    for (unsigned side = 0; side < 2; side++) {
        x64i_view_close(compare->view[side]);
        x64i_trips_destroy(compare->trips[side]);
        free(compare->run[side].stay);
        free(compare->run[side].pair_of);
    }
    free(compare->pair);
    free(compare);
}

/* Makes the steps of one trip again, and keeps them. */
static enum x64_status keep_trip(struct x64i_compare_view *compare, unsigned side,
                                 const struct x64i_trip *trip)
{
    struct x64_step step;
    struct x64_machine *machine = compare->run[side].machine;
    struct x64i_trips **kept = &compare->kept[side];
    if (!trip)
        return X64_OK;
    enum x64_status status = x64_goto(machine, trip->first_n);
    if (status == X64_OK)
        status = x64i_trips_create(machine, trip->name, kept);
    while (status == X64_OK && x64_steps(machine) <= trip->last_n &&
           x64_steps(machine) < compare->run[side].last) {
        status = x64_step_observed(machine, &step, NULL);
        if (status == X64_OK)
            status = x64i_trips_step(*kept, &step);
    }
    if (status == X64_OK)
        status = x64i_trips_finish(*kept);
    if (status == X64_OK && !(*kept)->kept_count)
        status = X64_ERROR_STATE;
    if (status == X64_OK)
        compare->row_of[side] = calloc((*kept)->kept_count, sizeof(size_t));
    return status == X64_OK && !compare->row_of[side] ? X64_ERROR_MEMORY : status;
}

/* The rows of all phases, one phase behind the other. */
static struct x64i_compare_row *align(const struct x64i_compare_view *compare, size_t *count)
{
    static const struct x64i_trips none = {0};
    const struct x64i_trips *a = compare->kept[0] ? compare->kept[0] : &none;
    const struct x64i_trips *b = compare->kept[1] ? compare->kept[1] : &none;
    const struct x64i_compare steps = {.side = {{.trips = a}, {.trips = b}}};
    struct x64i_buffer failure = {0};
    size_t most = a->kept_count + b->kept_count;
    struct x64i_compare_row *rows = calloc(most + 1, sizeof *rows);
    *count = 0;
    for (unsigned phase = 0; rows && phase < X64I_PHASE_COUNT; phase++) {
        struct x64i_step_pair *pairs;
        size_t in_phase = x64i_compare_steps(&steps, (enum x64i_phase)phase, &failure, &pairs);
        for (size_t i = 0; i < in_phase && *count < most; i++)
            rows[(*count)++] =
                (struct x64i_compare_row){.step = {pairs[i].step[0], pairs[i].step[1]},
                                          .same = pairs[i].same,
                                          .phase = (uint8_t)phase};
        free(pairs);
    }
    if (failure.failed) {
        free(rows);
        return NULL;
    }
    return rows;
}

static void note_rows(struct x64i_compare_view *compare, const struct x64i_compare_row *rows,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (unsigned side = 0; side < 2; side++)
            if (compare->kept[side] && rows[i].step[side])
                compare->row_of[side][rows[i].step[side] - compare->kept[side]->kept] = i;
}

/* Which of the two rows that come next, one per side, goes first: the first side's, unless it would
 * leave a phase that the other goes on with, or belongs beside a step that is still to come. */
static unsigned choose(const struct x64i_compare_row *a, const struct x64i_compare_row *b,
                       unsigned phase)
{
    if (a->step[1] && !b->step[0])
        return 1;
    if (!a->step[1] && !b->step[0])
        return b->phase == phase && a->phase != phase;
    return 0;
}

/* Brings the rows into the order of time, which both runs mostly agree about. */
static bool sort_rows(struct x64i_compare_view *compare, const struct x64i_compare_row *rows,
                      size_t count)
{
    size_t at[2] = {0, 0};
    unsigned phase = X64I_PHASE_ENTER;
    bool *done = calloc(count, sizeof *done);
    while (done && compare->row_count < count) {
        size_t next[2] = {count, count};
        for (unsigned side = 0; side < 2; side++) {
            size_t steps = compare->kept[side] ? compare->kept[side]->kept_count : 0;
            while (at[side] < steps && done[compare->row_of[side][at[side]]])
                at[side]++;
            if (at[side] < steps)
                next[side] = compare->row_of[side][at[side]];
        }
        unsigned side = next[0] == count ? 1
                        : next[1] == count || next[0] == next[1]
                            ? 0
                            : choose(&rows[next[0]], &rows[next[1]], phase);
        done[next[side]] = true;
        phase = rows[next[side]].phase;
        compare->row[compare->row_count++] = rows[next[side]];
    }
    free(done);
    return done != NULL;
}

enum x64_status x64i_compare_list(struct x64i_compare_view *compare, size_t pair)
{
    size_t count = 0;
    struct x64i_compare_row *rows = NULL;
    enum x64_status status = X64_OK;
    if (compare->listed == pair)
        return X64_OK;
    forget_listing(compare);
    for (unsigned side = 0; side < 2 && status == X64_OK; side++)
        status = keep_trip(compare, side, x64i_compare_trip(compare, pair, side));
    if (status == X64_OK && !(rows = align(compare, &count)))
        status = X64_ERROR_MEMORY;
    if (status == X64_OK)
        compare->row = calloc(count, sizeof *compare->row);
    if (status == X64_OK && compare->row) {
        note_rows(compare, rows, count);
        if (!sort_rows(compare, rows, count))
            status = X64_ERROR_MEMORY;
        note_rows(compare, compare->row, compare->row_count);
    } else if (status == X64_OK) {
        status = X64_ERROR_MEMORY;
    }
    free(rows);
    if (status != X64_OK)
        forget_listing(compare);
    else
        compare->listed = pair;
    return status;
}
