/* SPDX-License-Identifier: MIT */
/* Which step of one run stands for which of the other. */
#include "view/compare.h"

#include "ascending.h"
#include "view/compare_private.h"

#include <stdlib.h>
#include <string.h>

/* The last trip that begins at or before step n, or X64I_COMPARE_NOWHERE. */
static size_t trip_before(const struct x64i_trips *trips, uint64_t n)
{
    size_t count = X64I_COUNT_UNTIL(trips->trip, trips->count, first_n, n);
    return count ? count - 1 : X64I_COMPARE_NOWHERE;
}

static size_t trip_at(const struct x64i_trips *trips, uint64_t n)
{
    size_t trip = trip_before(trips, n);
    return trip != X64I_COMPARE_NOWHERE && n <= trips->trip[trip].last_n ? trip
                                                                         : X64I_COMPARE_NOWHERE;
}

static uint8_t phase_at(const struct x64i_trips *trips, size_t trip, uint64_t n)
{
    const struct x64i_trip_stretch *stretch = &trips->stretch[trips->trip[trip].first_stretch];
    size_t at = 0;
    while (at + 1 < trips->trip[trip].stretch_count && stretch[at + 1].n <= n)
        at++;
    return stretch[at].phase;
}

/* How many steps the program made before the one that step n is, or lies behind. */
static uint64_t program_steps(const struct x64i_compare_run *run, uint64_t n)
{
    size_t count = X64I_COUNT_UNTIL(run->stay, run->stay_count, from, n);
    if (!count)
        return n - run->first;
    const struct x64i_compare_stay *stay = &run->stay[count - 1];
    if (n < stay->to)
        return stay->program_steps ? stay->program_steps - 1 : 0;
    return stay->program_steps + (n - stay->to);
}

/* The step that the program makes after so many. */
static uint64_t program_step(const struct x64i_compare_run *run, uint64_t steps)
{
    size_t count = X64I_COUNT_UNTIL(run->stay, run->stay_count, program_steps, steps);
    const struct x64i_compare_stay *stay = count ? &run->stay[count - 1] : NULL;
    uint64_t n = stay ? stay->to + (steps - stay->program_steps) : run->first + steps;
    return n < run->last ? n : run->last;
}

/* The last pair, complete, whose call on `side` is this trip or one before it. */
static size_t pair_before(const struct x64i_compare_view *compare, unsigned side, size_t trip)
{
    while (trip != X64I_COMPARE_NOWHERE) {
        size_t pair = compare->run[side].pair_of[trip];
        if (compare->pair[pair].trip[!side] != X64I_COMPARE_NOWHERE)
            return pair;
        trip = trip ? trip - 1 : X64I_COMPARE_NOWHERE;
    }
    return X64I_COMPARE_NOWHERE;
}

/* The step where the next complete pair behind `pair` begins on `side`, or the end. */
static uint64_t next_pair(const struct x64i_compare_view *compare, unsigned side, size_t pair)
{
    size_t at = pair == X64I_COMPARE_NOWHERE ? 0 : pair + 1;
    for (; at < compare->pair_count; at++) {
        const struct x64i_trip *trip = x64i_compare_trip(compare, at, side);
        if (trip && x64i_compare_trip(compare, at, !side))
            return trip->first_n;
    }
    return compare->run[side].last;
}

/* Before the program's first step: nothing there has a counterpart. */
static bool is_boot(const struct x64i_compare_run *run, uint64_t n)
{
    return run->stay_count && run->stay[0].from == run->first && n < run->stay[0].to;
}

/* Outside the paired calls: as many steps of the program behind the last pair's. */
static void locate_program(const struct x64i_compare_view *compare, unsigned side, size_t before,
                           struct x64i_compare_at *at)
{
    const struct x64i_compare_run *run = compare->run;
    uint64_t n = at->side[side].n;
    size_t inside = at->side[side].trip;
    size_t pair = pair_before(compare, side, before);
    uint64_t base[2] = {0, 0};
    if (inside != X64I_COMPARE_NOWHERE)
        n = compare->trips[side]->trip[inside].first_n;
    for (unsigned i = 0; i < 2 && pair != X64I_COMPARE_NOWHERE; i++)
        base[i] = program_steps(&run[i], x64i_compare_trip(compare, pair, i)->first_n);
    uint64_t steps = program_steps(&run[side], n);
    uint64_t other =
        program_step(&run[!side], base[!side] + (steps > base[side] ? steps - base[side] : 0));
    uint64_t next = next_pair(compare, !side, pair);
    if (at->side[side].n == run[side].last)
        other = run[!side].last;
    else if (is_boot(&run[side], n))
        other = run[!side].first;
    else if (other >= next && next > run[!side].first)
        other = next - 1;
    at->side[!side].n = other;
    at->match = inside == X64I_COMPARE_NOWHERE ? X64I_MATCH_USER : X64I_MATCH_ABSENT;
}

/* The kept step that step n is, or belongs to: iterations of REP are one. */
static size_t kept_at(const struct x64i_trips *kept, uint64_t n)
{
    size_t low = 0;
    size_t high = kept->kept_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (kept->kept[middle].n <= n)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : 0;
}

static bool has_phase(const struct x64i_trips *kept, uint8_t phase)
{
    for (size_t i = 0; i < kept->kept_count; i++)
        if (kept->kept[i].phase == phase)
            return true;
    return false;
}

/* Inside a pair: what stands in the same row, or in the one before that has something. */
static void locate_row(const struct x64i_compare_view *compare, unsigned side,
                       struct x64i_compare_at *at)
{
    size_t row = at->side[side].row;
    const struct x64i_compare_row *rows = compare->row;
    at->match = rows[row].same ? X64I_MATCH_SAME : X64I_MATCH_BESIDE;
    if (!rows[row].step[!side]) {
        bool waits = has_phase(compare->kept[!side], rows[row].phase);
        at->match = waits ? X64I_MATCH_WAITS : X64I_MATCH_ABSENT;
        while (row > 0 && !rows[row].step[!side])
            row--;
        while (row + 1 < compare->row_count && !rows[row].step[!side])
            row++;
    }
    at->side[!side].n = rows[row].step[!side]->n;
    at->side[!side].row = row;
}

enum x64_status x64i_compare_locate(struct x64i_compare_view *compare, unsigned side, uint64_t n,
                                    struct x64i_compare_at *at)
{
    const struct x64i_compare_run *run = &compare->run[side];
    *at = (struct x64i_compare_at){.lead = side, .pair = X64I_COMPARE_NOWHERE};
    at->side[0].row = at->side[1].row = X64I_COMPARE_NOWHERE;
    at->side[side].n = n = n < run->first ? run->first : n > run->last ? run->last : n;
    size_t before = trip_before(compare->trips[side], n);
    size_t trip = trip_at(compare->trips[side], n);
    at->side[side].trip = trip;
    if (before != X64I_COMPARE_NOWHERE)
        at->pair = run->pair_of[before];
    enum x64_status status =
        x64i_compare_list(compare, at->pair != X64I_COMPARE_NOWHERE ? at->pair : 0);
    if (status != X64_OK)
        return status;
    if (trip != X64I_COMPARE_NOWHERE)
        at->side[side].row = compare->row_of[side][kept_at(compare->kept[side], n)];
    if (trip != X64I_COMPARE_NOWHERE && compare->kept[!side])
        locate_row(compare, side, at);
    else
        locate_program(compare, side, before, at);
    for (unsigned i = 0; i < 2; i++) {
        struct x64i_compare_side_at *place = &at->side[i];
        place->trip = trip_at(compare->trips[i], place->n);
        place->phase = place->trip == X64I_COMPARE_NOWHERE
                           ? X64I_PHASE_COUNT
                           : phase_at(compare->trips[i], place->trip, place->n);
    }
    return X64_OK;
}

enum x64_status x64i_compare_seek(struct x64i_compare_view *compare, unsigned side, uint64_t n,
                                  unsigned effect)
{
    struct x64i_compare_at at;
    enum x64_status status = x64i_compare_locate(compare, side, n, &at);
    bool together = at.match == X64I_MATCH_SAME || at.match == X64I_MATCH_USER;
    if (status == X64_OK)
        status = x64i_view_seek(compare->view[side], at.side[side].n, effect);
    if (status == X64_OK)
        status = x64i_view_seek(compare->view[!side], at.side[!side].n,
                                together ? effect : X64I_VIEW_ALL);
    if (status == X64_OK)
        compare->at = at;
    return status;
}

bool x64i_compare_index(struct x64i_compare_view *compare, uint64_t steps)
{
    bool first = x64i_view_index(compare->view[0], steps);
    return x64i_view_index(compare->view[1], steps) && first;
}

const struct x64i_trip *x64i_compare_trip(const struct x64i_compare_view *compare, size_t pair,
                                          unsigned side)
{
    size_t trip =
        pair < compare->pair_count ? compare->pair[pair].trip[side] : X64I_COMPARE_NOWHERE;
    return trip == X64I_COMPARE_NOWHERE ? NULL : &compare->trips[side]->trip[trip];
}

uint64_t x64i_compare_fields(const struct x64i_view_moment *a, const struct x64i_view_moment *b)
{
    uint64_t differ = 0;
    for (unsigned i = 0; i < X64I_FIELD_COUNT; i++)
        if (a->now.value[i] != b->now.value[i])
            differ |= UINT64_C(1) << i;
    return differ & a->now.known & b->now.known;
}

const struct x64i_view_slot *x64i_compare_slot(const struct x64i_view_slot *slot,
                                               const struct x64i_view_moment *other)
{
    for (unsigned i = 0; slot->name[0] && i < other->stack_count; i++)
        for (unsigned j = 0; j < other->stack[i].count; j++)
            if (strcmp(other->stack[i].slot[j].name, slot->name) == 0)
                return &other->stack[i].slot[j];
    return NULL;
}

bool x64i_compare_slots_agree(const struct x64i_view_slot *a, const struct x64i_view_slot *b)
{
    if (a->state != b->state || a->known != b->known)
        return false;
    return a->state != X64I_SLOT_HELD || !a->known || a->value == b->value;
}
