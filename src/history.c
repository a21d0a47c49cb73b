/* SPDX-License-Identifier: MIT */
#include "history.h"

#include "ascending.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16
#define LARGEST_FACTOR 8 /* with it no gap is too large */
#define NEAR_ENTRIES   8

enum x64_status x64i_history_init(struct x64i_history *history, uint64_t interval,
                                  size_t bytes_limit)
{
    history->entries = calloc(FIRST_CAPACITY, sizeof *history->entries);
    if (!history->entries)
        return X64_ERROR_MEMORY;
    history->capacity = FIRST_CAPACITY;
    history->interval = interval;
    history->bytes_limit = bytes_limit;
    return X64_OK;
}

/* Entries come or go: x64i_history_next has to look again. */
static void forget_next(struct x64i_history *history)
{
    history->calm_from = history->calm_until = 0;
}

void x64i_history_clear(struct x64i_history *history)
{
    for (size_t i = 0; i < history->count; i++)
        x64i_snapshot_release(history->entries[i].snapshot);
    history->count = 0;
    history->bytes = 0;
    history->last = 0;
    forget_next(history);
}

void x64i_history_free(struct x64i_history *history)
{
    x64i_history_clear(history);
    free(history->entries);
    *history = (struct x64i_history){0};
}

/* Number of entries at or before `n`. */
static size_t count_until(const struct x64i_history *history, uint64_t n)
{
    return X64I_COUNT_UNTIL(history->entries, history->count, n, n);
}

const struct x64i_history_entry *x64i_history_find(const struct x64i_history *history, uint64_t n)
{
    size_t count = count_until(history, n);
    return count ? &history->entries[count - 1] : NULL;
}

void x64i_history_mark(struct x64i_history *history, uint64_t n, unsigned made_by)
{
    size_t count = count_until(history, n);
    if (count && history->entries[count - 1].n == n)
        history->entries[count - 1].made_by |= (uint8_t)made_by;
}

/* Where a snapshot holds much, every one of them costs much copying: they are taken less often. An
 * interval that somebody chose to be short stays as it is. */
static uint64_t present_interval(const struct x64i_history *history)
{
    static const struct {
        uint64_t bytes; /* that the newest snapshot holds alone */
        unsigned factor;
    } stretches[] = {{UINT64_C(128) << 10, 8}, {UINT64_C(64) << 10, 4}, {UINT64_C(16) << 10, 2}};
    uint64_t bytes = history->count ? history->entries[history->count - 1].bytes : 0;
    if (history->interval < X64I_HISTORY_LONG_INTERVAL || history->interval > UINT64_MAX / 8)
        return history->interval;
    for (size_t i = 0; i < sizeof stretches / sizeof stretches[0]; i++)
        if (bytes > stretches[i].bytes)
            return history->interval * stretches[i].factor;
    return history->interval;
}

static uint64_t look_for_next(const struct x64i_history *history, uint64_t n)
{
    uint64_t interval = present_interval(history);
    uint64_t due = (n / interval + 1) * interval;
    for (size_t i = count_until(history, n); i < history->count; i++) {
        if (history->entries[i].n >= due)
            break;
        if (history->entries[i].barrier)
            return history->entries[i].n;
    }
    return due;
}

uint64_t x64i_history_next(struct x64i_history *history, uint64_t n)
{
    if (n < history->calm_from || n >= history->calm_until) {
        history->calm_from = n;
        history->calm_until = look_for_next(history, n);
    }
    return history->calm_until;
}

/* After an entry's neighbour changed: what it holds alone is another amount now. */
static void measure(struct x64i_history *history, size_t index)
{
    if (index == 0 || index >= history->count)
        return;
    struct x64i_history_entry *entry = &history->entries[index];
    history->bytes -= entry->bytes;
    entry->bytes = x64i_snapshot_bytes_beyond(entry->snapshot, entry[-1].snapshot);
    history->bytes += entry->bytes;
}

static void drop(struct x64i_history *history, size_t index)
{
    struct x64i_history_entry *entry = &history->entries[index];
    forget_next(history);
    x64i_snapshot_release(entry->snapshot);
    history->bytes -= entry->bytes;
    memmove(entry, entry + 1, (history->count - index - 1) * sizeof *entry);
    history->count--;
    if (index == 0 && history->count) {
        history->bytes -= history->entries[0].bytes;
        history->entries[0].bytes = 0;
    }
    measure(history, index);
}

void x64i_history_truncate(struct x64i_history *history, uint64_t n)
{
    while (history->count && history->entries[history->count - 1].n > n)
        drop(history, history->count - 1);
    if (history->last > n)
        history->last = n;
}

/* How far apart entries around `n` may be, up to a factor: further with age, but never so much that
 * the run's beginning is out of reach: five times as far there as at its end. */
static double spacing(const struct x64i_history *history, uint64_t n)
{
    double last = (double)history->last;
    return last - (double)n + last / 4 + (double)history->interval;
}

static bool is_full(const struct x64i_history *history, size_t entries, uint64_t bytes)
{
    return history->count > entries || history->bytes > bytes;
}

/* Drops entries, the oldest first, where the gap that they leave is at most `factor` times the
 * spacing there, until the list is no longer full. The first and the last one stay, and so do
 * barriers. */
static void thin_by(struct x64i_history *history, double factor, size_t entries, uint64_t bytes)
{
    size_t kept = 1;
    size_t count = history->count;
    bool stale = false; /* what the next one holds alone: the one before it was dropped */
    for (size_t i = 1; i < count; i++) {
        struct x64i_history_entry entry = history->entries[i];
        if (i + 1 < count && !entry.barrier && is_full(history, entries, bytes)) {
            uint64_t gap = history->entries[i + 1].n - history->entries[kept - 1].n;
            if ((double)gap <= factor * spacing(history, entry.n)) {
                x64i_snapshot_release(entry.snapshot);
                history->bytes -= entry.bytes;
                history->count--;
                stale = true;
                continue;
            }
        }
        history->entries[kept] = entry;
        if (stale)
            measure(history, kept);
        stale = false;
        kept++;
    }
}

/* Makes room for one more: some at a time, so that it costs little a snapshot. Where nothing
 * but barriers is left, the oldest past is forgotten. */
static void thin_out(struct x64i_history *history)
{
    size_t entries = X64I_HISTORY_ENTRIES - X64I_HISTORY_ENTRIES / 64;
    uint64_t bytes = history->bytes_limit - history->bytes_limit / 64;
    if (!is_full(history, X64I_HISTORY_ENTRIES - 1, history->bytes_limit))
        return;
    double factor = 0.25 / X64I_HISTORY_ENTRIES;
    while (factor < LARGEST_FACTOR) {
        thin_by(history, factor, entries, bytes);
        if (!is_full(history, entries, bytes))
            return;
        factor *= 1.25;
    }
    size_t oldest = 0;
    while (history->count - oldest > 2 &&
           (history->count - oldest > entries || history->bytes > bytes)) {
        x64i_snapshot_release(history->entries[oldest].snapshot);
        oldest++;
        history->bytes -= history->entries[oldest].bytes;
        history->entries[oldest].bytes = 0;
    }
    history->count -= oldest;
    memmove(history->entries, history->entries + oldest, history->count * sizeof *history->entries);
}

static enum x64_status make_room(struct x64i_history *history)
{
    thin_out(history);
    if (history->count < history->capacity)
        return X64_OK;
    size_t capacity = history->capacity ? 2 * history->capacity : FIRST_CAPACITY;
    struct x64i_history_entry *entries =
        realloc(history->entries, capacity * sizeof *history->entries);
    if (!entries)
        return X64_ERROR_MEMORY;
    history->entries = entries;
    history->capacity = capacity;
    return X64_OK;
}

enum x64_status x64i_history_take(struct x64i_history *history, struct x64i_state *state,
                                  uint64_t n, bool barrier)
{
    forget_next(history);
    enum x64_status status = make_room(history);
    if (status != X64_OK)
        return status;
    if (n >= history->last) /* not on the way back, where nobody should wait for it */
        x64i_state_prepare(state);
    size_t index = count_until(history, n);
    bool replace = index && history->entries[index - 1].n == n;
    struct x64i_snapshot *snapshot;
    status = x64i_state_snapshot(state, &snapshot);
    if (status != X64_OK)
        return status;
    uint8_t made_by = 0;
    if (replace) {
        barrier |= history->entries[index - 1].barrier;
        made_by = history->entries[index - 1].made_by;
        drop(history, --index);
    }
    struct x64i_history_entry *entry = &history->entries[index];
    memmove(entry + 1, entry, (history->count - index) * sizeof *entry);
    *entry = (struct x64i_history_entry){
        .n = n, .snapshot = snapshot, .made_by = made_by, .barrier = barrier};
    history->count++;
    measure(history, index);
    measure(history, index + 1);
    if (n > history->last)
        history->last = n;
    return X64_OK;
}

/* The near entry that is farthest from `n` where there are as many as may be, else the count. */
static size_t superfluous_near(const struct x64i_history *history, uint64_t n)
{
    size_t near_count = 0, farthest = history->count;
    uint64_t distance = 0;
    for (size_t i = 1; i < history->count; i++) {
        const struct x64i_history_entry *entry = &history->entries[i];
        if (!entry->near)
            continue;
        uint64_t its = entry->n > n ? entry->n - n : n - entry->n;
        near_count++;
        if (its >= distance) {
            distance = its;
            farthest = i;
        }
    }
    return near_count < NEAR_ENTRIES ? history->count : farthest;
}

enum x64_status x64i_history_take_near(struct x64i_history *history, struct x64i_state *state,
                                       uint64_t n)
{
    size_t index = superfluous_near(history, n);
    if (index < history->count)
        drop(history, index);
    const struct x64i_history_entry *before = x64i_history_find(history, n);
    bool had = before && before->n == n;
    enum x64_status status = x64i_history_take(history, state, n, false);
    index = count_until(history, n);
    if (status == X64_OK && !had && index)
        history->entries[index - 1].near = true;
    return status;
}
