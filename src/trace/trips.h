/* SPDX-License-Identifier: MIT */
/*
 * Trips: a run as the system calls it made, each with what its phases spend (phases.h). The steps
 * of one trip can be kept for a closer look.
 *
 *     x64i_trips_create(machine, "getpid", &trips);
 *     for each step that was made: x64i_trips_step(trips, &step);
 *     x64i_trips_finish(trips);
 *     for (i = 0; i < trips->count; i++) show(trips->trip[i].title, trips->trip[i].cost);
 *
 * Entries by exceptions and interrupts from user mode are no trips: their cost is counted apart.
 */
#ifndef X64I_TRACE_TRIPS_H
#define X64I_TRACE_TRIPS_H

#include "trace/phases.h"

#define X64I_TRIP_TITLE 120
#define X64I_TRIP_NAME  32
#define X64I_STEP_TEXT  80

/* Steps of one phase in a row, from step n to the next stretch's or the trip's end. */
struct x64i_trip_stretch {
    uint64_t n;
    uint8_t phase; /* enum x64i_phase */
};

struct x64i_trip {
    char title[X64I_TRIP_TITLE]; /* "getpid() = 1", or the number where nothing answered */
    char name[X64I_TRIP_NAME];   /* empty for a number without a call */
    uint64_t number;
    uint64_t first_n, last_n;
    bool returned;                       /* else it exited, or the run ended inside */
    size_t first_stretch, stretch_count; /* in the trips' list */
    struct x64i_phase_cost cost[X64I_PHASE_COUNT];
    struct x64i_phase_cost total;
};

/* A kept step, in words. */
struct x64i_trip_step {
    uint64_t n;
    enum x64i_phase phase;
    bool writes;               /* `what` is written, not read */
    char text[X64I_STEP_TEXT]; /* the instruction, without its operands' sizes */
    char what[48];             /* the name of memory it touches, or empty */
};

struct x64i_trips {
    size_t count;
    struct x64i_trip *trip;
    size_t stretch_count; /* of all trips, in the order of the steps */
    struct x64i_trip_stretch *stretch;
    size_t kept_trip; /* whose steps are kept; SIZE_MAX: none */
    size_t kept_count;
    struct x64i_trip_step *kept;
    uint64_t other_entries; /* by exceptions and interrupts, from user mode */
    const char *core;       /* whose cycles these are */
    struct x64i_trips_work *work;
};

/* Begins at the machine's present state. `keep`: the call whose first trip's steps are kept (""
 * for a number without a call), or null. X64_ERROR_NOT_FOUND when the CPU model has no timing,
 * X64_ERROR_MEMORY. */
enum x64_status x64i_trips_create(struct x64_machine *machine, const char *keep,
                                  struct x64i_trips **out);
void x64i_trips_destroy(struct x64i_trips *trips);

/* Has every trip's steps told when it ends, with the cycle in which the first one began. */
void x64i_trips_watch(struct x64i_trips *trips,
                      void (*ended)(void *user, const struct x64i_trip *trip,
                                    const struct x64i_phase_step *steps, size_t count,
                                    uint64_t begin),
                      void *user);

/* Takes in a step that was just observed. X64_ERROR_MEMORY. */
enum x64_status x64i_trips_step(struct x64i_trips *trips, const struct x64_step *step);

/* Ends a trip that did not return. */
enum x64_status x64i_trips_finish(struct x64i_trips *trips);

#endif
