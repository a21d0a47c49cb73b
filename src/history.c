/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <stdlib.h>
#include <string.h>

enum x64_status x64i_history_init(struct x64i_history *history, uint64_t interval,
                                  size_t bytes_limit)
{
    history->entries = calloc(X64I_HISTORY_ENTRIES, sizeof *history->entries);
    if (!history->entries)
        return X64_ERROR_MEMORY;
    history->interval = interval;
    history->bytes_limit = bytes_limit;
    return X64_OK;
}

void x64i_history_clear(struct x64i_history *history)
{
    for (size_t i = 0; i < history->count; i++)
        x64i_snapshot_release(history->entries[i].snapshot);
    history->count = 0;
    history->bytes = 0;
    history->last = 0;
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
    size_t low = 0;
    size_t high = history->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (history->entries[middle].n <= n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
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

uint64_t x64i_history_next(const struct x64i_history *history, uint64_t n)
{
    uint64_t due = (n / history->interval + 1) * history->interval;
    for (size_t i = count_until(history, n); i < history->count; i++) {
        if (history->entries[i].n >= due)
            break;
        if (history->entries[i].barrier)
            return history->entries[i].n;
    }
    return due;
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

/* The entry that is missed least: the gap it would leave, measured by its age. The first and the
 * last one stay, and so do barriers. Where there are only barriers it is the first entry. */
static size_t least_missed(const struct x64i_history *history)
{
    size_t best = 0;
    double best_gap = 0;
    uint64_t now = history->last;
    for (size_t i = 1; i + 1 < history->count; i++) {
        const struct x64i_history_entry *entry = &history->entries[i];
        if (entry->barrier)
            continue;
        double age = (double)(now - entry->n) + (double)history->interval;
        double gap = (double)(entry[1].n - entry[-1].n) / age;
        if (best == 0 || gap < best_gap) {
            best = i;
            best_gap = gap;
        }
    }
    return best;
}

static void thin_out(struct x64i_history *history)
{
    while (history->count == X64I_HISTORY_ENTRIES || history->bytes > history->bytes_limit) {
        size_t index = least_missed(history);
        if (index == 0 && history->count < X64I_HISTORY_ENTRIES)
            return;
        drop(history, index);
    }
}

enum x64_status x64i_history_take(struct x64i_history *history, struct x64i_state *state,
                                  uint64_t n, bool barrier)
{
    thin_out(history);
    size_t index = count_until(history, n);
    bool replace = index && history->entries[index - 1].n == n;
    if (!replace && history->count == X64I_HISTORY_ENTRIES)
        return X64_ERROR_LIMIT;
    struct x64i_snapshot *snapshot;
    enum x64_status status = x64i_state_snapshot(state, &snapshot);
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
