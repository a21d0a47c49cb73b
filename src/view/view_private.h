/* SPDX-License-Identifier: MIT */
/* The view's inside, shared by model.c and model_*.c. */
#ifndef X64I_VIEW_PRIVATE_H
#define X64I_VIEW_PRIVATE_H

#include "timing/timing.h"
#include "view/model.h"

#define X64I_VIEW_CHECKPOINTS 16384u
#define X64I_VIEW_INTERVAL    512u

/* What is remembered from step to step; a copy of it is a checkpoint. */
struct x64i_view_track {
    uint64_t n; /* of the step that comes next */
    struct x64i_trace_model model;
    uint64_t cycles; /* so far */
    uint64_t last_rsp[X64I_STACK_KINDS];
    uint64_t entry_n; /* of the last step that entered the kernel */
    bool exact;
};

struct x64i_view_index;

/* One machine that is walked along, with everything that explains its steps. */
struct x64i_view_walker {
    struct x64_machine *machine;
    struct x64i_trace_view view;
    struct x64i_disassembler *disassembler;
    const struct x64i_view_index *known; /* whose times are taken where it has them; or null */
    struct x64i_timing *timing;          /* of the other steps */
    bool timed;                          /* the last step was one of those */
    uint64_t cycles_before; /* where the timing began, which knows nothing of what was before */
    struct x64i_view_track track;
    struct x64_step step;        /* the last one made */
    struct x64i_trace_line line; /* room for one */
};

struct x64i_view_time {
    uint64_t cycle : 56; /* at which the step retired */
    uint64_t wait : 8;   /* enum x64i_wait */
};

struct x64i_view_write {
    uint64_t n;
    uint64_t rip;
};

struct x64i_view_word {
    uint64_t linear;
    uint32_t count, room;
    struct x64i_view_write *write; /* by n; null: the place is free */
};

/* The words of stacks that were written: a hash table. */
struct x64i_view_writers {
    struct x64i_view_word *words;
    size_t room; /* a power of two */
    size_t word_count, write_count;
    bool full; /* there was no room for what step full_n writes, nor for later writes */
    uint64_t full_n;
};

struct x64i_view_index {
    struct x64i_view_walker walker;
    bool complete;
    struct x64i_view_track *checkpoints; /* by n, `interval` steps apart */
    size_t checkpoint_count;
    uint64_t interval;
    struct x64i_view_band *bands;
    size_t band_count, band_room;
    struct x64i_view_call *calls;
    size_t call_count, call_room;
    struct x64i_view_writers writers;
    struct x64i_view_time *times; /* of each step from the first on: as who walks all of them has
                                   * them, with all that the timing remembers */
    size_t time_count, time_room;
};

struct x64i_view {
    struct x64i_view_walker walker;
    struct x64i_view_index index;
    struct x64i_view_wish wish;
    struct x64i_view_moment moment;
    struct x64i_stack_range range[X64I_STACK_KINDS];
    uint64_t first, last;
};

/* model_walk.c */
enum x64_status x64i_walker_init(struct x64i_view_walker *walker, struct x64_machine *machine);
void x64i_walker_free(struct x64i_view_walker *walker);

/* Begins to explain at the machine's present. */
void x64i_walker_start(struct x64i_view_walker *walker, bool exact);

/* Puts a checkpoint of any walker in place of what is remembered. */
void x64i_walker_resume(struct x64i_view_walker *walker, const struct x64i_view_track *track);

/* Makes a step and explains it; X64_ERROR_STATE at the end of the run. */
enum x64_status x64i_walker_step(struct x64i_view_walker *walker, struct x64i_trace_line *line);

/* model_index.c */
enum x64_status x64i_index_open(struct x64i_view *view);
void x64i_index_close(struct x64i_view_index *index);

/* The latest checkpoint at or before n, or null. */
const struct x64i_view_track *x64i_index_checkpoint(const struct x64i_view_index *index,
                                                    uint64_t n);

/* The times of step n, or null where the index has none. */
const struct x64i_view_time *x64i_index_time(const struct x64i_view_index *index, uint64_t n);

/* The call that step n belongs to, or null. */
const struct x64i_view_call *x64i_index_call(const struct x64i_view_index *index, uint64_t n);

/* model_writers.c: keeps what a step wrote near any stack's pointer. */
void x64i_writers_keep(struct x64i_view_writers *writers, const struct x64i_view_track *track,
                       const struct x64_step *step);

/* Fills in who wrote the stack's slots before step `n`. */
void x64i_writers_fill(const struct x64i_view_writers *writers, uint64_t n,
                       struct x64i_view_stack *stack);

/* Whether all writes before step n are kept: there is a bound to how many are. */
bool x64i_writers_know(const struct x64i_view_writers *writers, uint64_t n);

void x64i_writers_free(struct x64i_view_writers *writers);

/* model_stacks.c, model_code.c, model_tables.c: parts of the moment */
void x64i_moment_stacks(struct x64i_view *view);
void x64i_moment_code(struct x64i_view *view);
void x64i_moment_tables(struct x64i_view *view);

#endif
