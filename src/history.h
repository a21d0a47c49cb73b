/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of the past. Going back is restoring the nearest one at or before the wanted step and
 * running forward. The list is bounded: it thins out with age, so that the distance to the nearest
 * snapshot grows with how long ago it was, to at most four times what it would be were they spread
 * evenly.
 */
#ifndef X64I_HISTORY_H
#define X64I_HISTORY_H

#include "state/state.h"

#define X64I_HISTORY_ENTRIES 4096 /* the most */

/* From here on an interval may be stretched, up to eight times, where snapshots hold much. */
#define X64I_HISTORY_LONG_INTERVAL 131072

struct x64i_history_entry {
    uint64_t n;
    struct x64i_snapshot *snapshot;
    uint64_t bytes;  /* that the entry before it does not hold; 0 for the first */
    uint8_t made_by; /* a barrier: enum x64i_hook_moment bits of the hooks that had a part in it */
    bool barrier;    /* the host changed the state here: replay starts from it. It is dropped only
                          with everything before it. */
    bool near;       /* taken on the way back, for the steps just after it: few of them are kept */
};

struct x64i_history {
    struct x64i_history_entry *entries; /* by n */
    size_t count;
    size_t capacity;
    size_t bytes_limit;
    uint64_t bytes;
    uint64_t interval;
    uint64_t last; /* the latest n ever reached */
    /* From the one on the other is what x64i_history_next answers; 0 and 0 when it has to look. */
    uint64_t calm_from, calm_until;
};

enum x64_status x64i_history_init(struct x64i_history *history, uint64_t interval,
                                  size_t bytes_limit);
void x64i_history_free(struct x64i_history *history);

/* Takes a snapshot of `state` at `n`, in place of one that was taken there before. A list that is
 * full of barriers forgets its oldest entries. X64_ERROR_MEMORY. */
enum x64_status x64i_history_take(struct x64i_history *history, struct x64i_state *state,
                                  uint64_t n, bool barrier);

/* The same for a snapshot that makes the steps after `n` cheap to go back to. Scrubbing leaves no
 * more than a handful of them. */
enum x64_status x64i_history_take_near(struct x64i_history *history, struct x64i_state *state,
                                       uint64_t n);

/* Notes at the entry of `n` which hooks had a part in its change, besides those noted before. */
void x64i_history_mark(struct x64i_history *history, uint64_t n, unsigned made_by);

/* The latest entry at or before `n`, or null. */
const struct x64i_history_entry *x64i_history_find(const struct x64i_history *history, uint64_t n);

/* The next n, above `n`, at which a run must stop for the history: to take a snapshot, or to pass a
 * barrier. */
uint64_t x64i_history_next(struct x64i_history *history, uint64_t n);

/* Forgets everything. */
void x64i_history_clear(struct x64i_history *history);

/* Forgets everything after `n`. */
void x64i_history_truncate(struct x64i_history *history, uint64_t n);

#endif
