/* SPDX-License-Identifier: MIT */
/*
 * One pass over the run: checkpoints of what explanations depend on, the timeline's bands, the
 * system calls, who wrote which word of a stack, times. Every list has a bound, so that memory
 * does; where one is full, later steps have no such entry.
 */
#include "view/view_private.h"

#include "ascending.h"
#include "emu.h"

#include <stdlib.h>
#include <string.h>

#define MAX_BANDS  2000000u
#define MAX_CALLS  1000000u
#define MAX_TIMES  16777216u
#define FIRST_ROOM 1024u

/* Room for one more entry of a list that doubles up to `most`; false when it is full. */
static bool make_room(void **list, size_t *room, size_t count, size_t most, size_t size)
{
    if (count < *room)
        return true;
    size_t wanted = *room ? 2 * *room : FIRST_ROOM;
    if (wanted > most)
        wanted = most;
    if (count >= wanted)
        return false;
    void *grown = realloc(*list, wanted * size);
    if (!grown)
        return false;
    *list = grown;
    *room = wanted;
    return true;
}

/* The fork gets a copy of what came from outside, so that it goes the same way. */
static enum x64_status copy_input(struct x64_machine *from, struct x64_machine *to)
{
    const struct x64i_input_log *log = x64i_machine_input_log(from);
    struct x64i_input_log copy = {.base = log->base};
    enum x64_status status = X64_OK;
    for (size_t i = 0; i < log->count && status == X64_OK; i++) {
        const struct x64i_input_record *record = &log->records[i];
        status = x64i_input_log_append(&copy, (enum x64_input_kind)record->kind, record->asked,
                                       log->bytes + record->offset, record->given);
    }
    if (status == X64_OK)
        status = x64i_machine_replay_input(to, &copy);
    x64i_input_log_free(&copy);
    return status;
}

enum x64_status x64i_index_open(struct x64i_view *view)
{
    struct x64i_view_index *index = &view->index;
    struct x64_machine *fork;
    enum x64_status status = x64_fork(view->walker.machine, NULL, &fork);
    if (status != X64_OK)
        return status;
    x64i_machine_end_history(fork);
    status = copy_input(view->walker.machine, fork);
    if (status == X64_OK)
        status = x64i_walker_init(&index->walker, fork);
    if (status != X64_OK) {
        x64_machine_destroy(fork);
        return status;
    }
    index->interval = X64I_VIEW_INTERVAL;
    index->checkpoints = calloc(X64I_VIEW_CHECKPOINTS, sizeof *index->checkpoints);
    if (!index->checkpoints)
        return X64_ERROR_MEMORY;
    x64i_walker_start(&index->walker, true);
    index->checkpoints[index->checkpoint_count++] = index->walker.track;
    return X64_OK;
}

static void close_walker(struct x64i_view_index *index)
{
    x64i_walker_free(&index->walker);
    x64_machine_destroy(index->walker.machine);
    index->walker.machine = NULL;
}

void x64i_index_close(struct x64i_view_index *index)
{
    close_walker(index);
    free(index->checkpoints);
    free(index->bands);
    free(index->calls);
    x64i_writers_free(&index->writers);
    free(index->times);
}

static void keep_checkpoint(struct x64i_view_index *index, uint64_t first)
{
    const struct x64i_view_track *track = &index->walker.track;
    if ((track->n - first) % index->interval)
        return;
    if (index->checkpoint_count == X64I_VIEW_CHECKPOINTS) {
        for (size_t i = 0; i < X64I_VIEW_CHECKPOINTS / 2; i++)
            index->checkpoints[i] = index->checkpoints[2 * i];
        index->checkpoint_count = X64I_VIEW_CHECKPOINTS / 2;
        index->interval *= 2;
    }
    if ((track->n - first) % index->interval == 0)
        index->checkpoints[index->checkpoint_count++] = *track;
}

/* The band that the step belongs to: the state behind it. */
static void keep_band(struct x64i_view_index *index, const struct x64i_trace_line *line)
{
    const struct x64i_trace_model *model = &index->walker.track.model;
    const struct x64i_window *window = &model->window;
    struct x64i_view_band band = {
        .n = line->n,
        .cpl = model->before.cpl,
        .stack = (uint8_t)line->stack,
        .user_table = window->kernel_root && window->kernel_root != window->user_root &&
                      (model->before.cr3 & X64I_TABLES_ROOT) == window->user_root,
        .window = (uint8_t)window->open,
    };
    const struct x64i_view_band *last =
        index->band_count ? &index->bands[index->band_count - 1] : NULL;
    if (last && last->cpl == band.cpl && last->stack == band.stack &&
        last->user_table == band.user_table && last->window == band.window)
        return;
    if (make_room((void **)&index->bands, &index->band_room, index->band_count, MAX_BANDS,
                  sizeof band) &&
        index->bands)
        index->bands[index->band_count++] = band;
}

static void keep_call(struct x64i_view_index *index, const struct x64i_trace_line *line)
{
    const struct x64i_view_walker *walker = &index->walker;
    const struct x64i_trace_model *model = &walker->track.model;
    bool enters = walker->track.entry_n == line->n && line->cpl == 3;
    bool leaves = line->cpl != 3 && model->before.cpl == 3;
    if (leaves && index->call_count && index->calls[index->call_count - 1].end == UINT64_MAX)
        index->calls[index->call_count - 1].end = line->n;
    if (!enters || !make_room((void **)&index->calls, &index->call_room, index->call_count,
                              MAX_CALLS, sizeof *index->calls))
        return;
    const struct x64_effect *exception = x64i_effect_find(&walker->step, X64_EFFECT_EXCEPTION);
    const char *name = NULL;
    if (exception)
        name = x64_fault_name((enum x64_fault)exception->index);
    else if (model->entry != X64I_ENTRY_INTERRUPT)
        name = walker->view.system_call_name(walker->view.user, model->compat_entry,
                                             (uint32_t)model->entry_rax);
    index->calls[index->call_count++] =
        (struct x64i_view_call){.n = line->n,
                                .end = UINT64_MAX,
                                .name = name                                   ? name
                                        : model->entry == X64I_ENTRY_INTERRUPT ? "interrupt"
                                                                               : "no such call",
                                .kind = (uint8_t)model->entry};
}

/* They stand in the order of the steps: from one that has no room on, there are none. */
static void keep_time(struct x64i_view_index *index, uint64_t nth)
{
    const struct x64i_trace_line *line = &index->walker.line;
    if (index->time_count == nth && make_room((void **)&index->times, &index->time_room,
                                              index->time_count, MAX_TIMES, sizeof *index->times))
        index->times[index->time_count++] =
            (struct x64i_view_time){.cycle = index->walker.track.cycles, .wait = line->wait};
}

const struct x64i_view_time *x64i_index_time(const struct x64i_view_index *index, uint64_t n)
{
    uint64_t nth = n - index->checkpoints[0].n;
    return nth < index->time_count ? &index->times[nth] : NULL;
}

bool x64i_view_index(struct x64i_view *view, uint64_t steps)
{
    struct x64i_view_index *index = &view->index;
    struct x64i_trace_line *line = &index->walker.line;
    while (!index->complete && steps-- > 0) {
        if (index->walker.track.n >= view->last ||
            x64i_walker_step(&index->walker, line) != X64_OK) {
            index->complete = true;
            close_walker(index);
            break;
        }
        keep_band(index, line);
        keep_call(index, line);
        x64i_writers_keep(&index->writers, &index->walker.track, &index->walker.step);
        keep_time(index, line->n - view->first);
        keep_checkpoint(index, view->first);
    }
    return index->complete;
}

uint64_t x64i_view_indexed(const struct x64i_view *view)
{
    return view->index.walker.track.n;
}

const struct x64i_view_track *x64i_index_checkpoint(const struct x64i_view_index *index, uint64_t n)
{
    size_t count = X64I_COUNT_UNTIL(index->checkpoints, index->checkpoint_count, n, n);
    return count ? &index->checkpoints[count - 1] : NULL;
}

const struct x64i_view_call *x64i_index_call(const struct x64i_view_index *index, uint64_t n)
{
    size_t count = X64I_COUNT_UNTIL(index->calls, index->call_count, n, n);
    const struct x64i_view_call *call = count ? &index->calls[count - 1] : NULL;
    return call && n <= call->end ? call : NULL;
}

const struct x64i_view_band *x64i_view_bands(const struct x64i_view *view, size_t *count)
{
    *count = view->index.band_count;
    return view->index.bands;
}

const struct x64i_view_call *x64i_view_calls(const struct x64i_view *view, size_t *count)
{
    *count = view->index.call_count;
    return view->index.calls;
}
