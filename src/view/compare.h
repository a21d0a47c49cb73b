/* SPDX-License-Identifier: MIT */
/*
 * Two runs side by side, as plain data: two views, their system calls in pairs, and for every step
 * of one run the place in the other that means the same. Drawing only reads it.
 *
 *     x64i_compare_open(machines, &compare);
 *     x64i_compare_seek(compare, side, n, X64I_VIEW_ALL);     moves both views
 *     draw(x64i_view_moment(compare->view[0]), x64i_view_moment(compare->view[1]), &compare->at);
 *     x64i_compare_close(compare);
 *
 * Calls are paired, and the steps of a pair aligned, as trace --compare does it (trace/compare.h):
 * by phase, and within a phase by what they do. Between calls the runs are aligned by how many
 * instructions the program has executed, since it is the same program.
 */
#ifndef X64I_VIEW_COMPARE_H
#define X64I_VIEW_COMPARE_H

#include "trace/compare.h"
#include "view/model.h"

#define X64I_COMPARE_NOWHERE SIZE_MAX

/* How the other side stands to the leading one's step. */
enum x64i_match {
    X64I_MATCH_SAME,   /* at a step that does the same to the same */
    X64I_MATCH_BESIDE, /* at another step of the same phase */
    X64I_MATCH_WAITS,  /* it has no step beside this one: at its last one before */
    X64I_MATCH_ABSENT, /* nor has it any of this phase, or it does not make this call */
    X64I_MATCH_USER    /* at the same instruction of the program */
};

/* A row of the pair's listing, in the order of time; a side may have nothing there. */
struct x64i_compare_row {
    const struct x64i_trip_step *step[2];
    bool same;
    uint8_t phase; /* enum x64i_phase */
};

struct x64i_compare_pair {
    size_t trip[2]; /* of trips[side]; X64I_COMPARE_NOWHERE: that run does not make the call */
};

struct x64i_compare_side_at {
    uint64_t n;
    uint8_t phase; /* enum x64i_phase; X64I_PHASE_COUNT: outside system calls */
    size_t trip;   /* X64I_COMPARE_NOWHERE: outside */
    size_t row;    /* of the listing; X64I_COMPARE_NOWHERE: outside, or of another pair */
};

/* Where both stand. */
struct x64i_compare_at {
    unsigned lead; /* the side that was moved */
    enum x64i_match match;
    size_t pair; /* that they are in, or that is over; X64I_COMPARE_NOWHERE: before the first */
    struct x64i_compare_side_at side[2];
};

/* From the step behind one that enters the kernel to the first of the program again. */
struct x64i_compare_stay {
    uint64_t from, to;
    uint64_t program_steps; /* before it */
};

struct x64i_compare_run {
    struct x64_machine *machine;
    uint64_t first, last;
    size_t stay_count;
    struct x64i_compare_stay *stay;
    size_t *pair_of; /* trip -> pair */
};

struct x64i_compare_view {
    struct x64i_view *view[2];
    struct x64i_trips *trips[2];
    struct x64i_compare_run run[2];
    size_t pair_count;
    struct x64i_compare_pair *pair;
    struct x64i_compare_sum sum; /* of all pairs */
    struct x64i_compare_at at;
    /* The listing of one pair: that of `at`, the first before it. The kept steps that it points to,
     * null for a run that does not make the call. */
    size_t listed;
    size_t row_count;
    struct x64i_compare_row *row;
    struct x64i_trips *kept[2];
    size_t *row_of[2]; /* kept step -> row */
};

/* Takes two machines whose runs are over; they must outlive it and be used through it alone.
 * X64_ERROR_NOT_FOUND: neither run makes a system call. X64_ERROR_MEMORY, X64_ERROR_UNSUPPORTED. */
enum x64_status x64i_compare_open(struct x64_machine *const machines[2],
                                  struct x64i_compare_view **out);
void x64i_compare_close(struct x64i_compare_view *compare);

/* Lets the views' indexes go on for some steps; true once both are complete. */
bool x64i_compare_index(struct x64i_compare_view *compare, uint64_t steps);

/* Where both stand when `side` is at step n: nothing moves, but the listing may become that of
 * another pair. X64_ERROR_MEMORY. */
enum x64_status x64i_compare_locate(struct x64i_compare_view *compare, unsigned side, uint64_t n,
                                    struct x64i_compare_at *at);

/* Moves `side` to step n, with `effect` effects done, and the other one to its place. */
enum x64_status x64i_compare_seek(struct x64i_compare_view *compare, unsigned side, uint64_t n,
                                  unsigned effect);

/* The trip of a pair, or null. */
const struct x64i_trip *x64i_compare_trip(const struct x64i_compare_view *compare, size_t pair,
                                          unsigned side);

/* The fields, as bits, that have other values on the two sides. */
uint64_t x64i_compare_fields(const struct x64i_view_moment *a, const struct x64i_view_moment *b);

/* The word of another moment's stacks that has this one's name, or null. */
const struct x64i_view_slot *x64i_compare_slot(const struct x64i_view_slot *slot,
                                               const struct x64i_view_moment *other);

/* Whether two words of that name hold the same, in the same state. */
bool x64i_compare_slots_agree(const struct x64i_view_slot *a, const struct x64i_view_slot *b);

#endif
