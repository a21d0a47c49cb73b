/* SPDX-License-Identifier: MIT */
#include "view/model.h"

#include "view/view_private.h"

#include <stdlib.h>
#include <string.h>

#define WARM_UP  1024u /* steps explained before a moment that the index has not reached */
#define FAR_AWAY 4096u /* a checkpoint this far back is not worth walking from */

enum x64_status x64i_view_open(struct x64_machine *machine, struct x64i_view **out)
{
    struct x64i_view *view = calloc(1, sizeof *view);
    if (!view)
        return X64_ERROR_MEMORY;
    view->wish = (struct x64i_view_wish){.slots = 32, .code_lines = 40};
    enum x64_status status = x64_history_range(machine, &view->first, &view->last);
    if (status == X64_OK)
        status = x64i_walker_init(&view->walker, machine);
    if (status == X64_OK)
        status = x64_goto(machine, view->first);
    if (status == X64_OK)
        status = x64i_index_open(view);
    if (status == X64_OK) {
        view->walker.known = &view->index;
        x64i_walker_start(&view->walker, true);
        status = x64i_view_seek(view, view->first, X64I_VIEW_ALL);
    }
    if (status != X64_OK) {
        x64i_view_close(view);
        return status;
    }
    *out = view;
    return X64_OK;
}

void x64i_view_close(struct x64i_view *view)
{
    if (!view)
        return;
    x64i_index_close(&view->index);
    x64i_walker_free(&view->walker);
    free(view);
}

void x64i_view_wish(struct x64i_view *view, const struct x64i_view_wish *wish)
{
    view->wish = *wish;
    if (view->wish.slots > X64I_VIEW_SLOTS)
        view->wish.slots = X64I_VIEW_SLOTS;
}

const struct x64i_view_moment *x64i_view_moment(const struct x64i_view *view)
{
    return &view->moment;
}

/* Brings the walker to the state before step n, with everything that explains it. */
static enum x64_status walk_to(struct x64i_view *view, uint64_t n)
{
    struct x64i_view_walker *walker = &view->walker;
    const struct x64i_view_track *from = x64i_index_checkpoint(&view->index, n);
    enum x64_status status = X64_OK;
    bool useful = from && n - from->n <= FAR_AWAY;
    bool near =
        useful ? walker->track.exact && walker->track.n >= from->n : n - walker->track.n < WARM_UP;
    bool here = near && walker->track.n <= n && x64_steps(walker->machine) == walker->track.n;
    if (!here && useful) {
        status = x64_goto(walker->machine, from->n);
        if (status == X64_OK)
            x64i_walker_resume(walker, from);
    } else if (!here) {
        uint64_t start = n - view->first > WARM_UP ? n - WARM_UP : view->first;
        status = x64_goto(walker->machine, start);
        if (status == X64_OK)
            x64i_walker_start(walker, start == view->first);
    }
    while (status == X64_OK && walker->track.n < n)
        status = x64i_walker_step(walker, &walker->line);
    return status;
}

/* The effects done so far; with the last one come the changes that are none: RIP that goes on, RF,
 * and what the mini-kernel sets where it answers. */
static void apply_effects(struct x64i_view *view)
{
    struct x64i_view_moment *moment = &view->moment;
    const struct x64i_view_walker *walker = &view->walker;
    moment->now = moment->before;
    moment->wrote = 0;
    for (unsigned i = 0; i < moment->effect; i++)
        moment->wrote |= x64i_fields_apply(&moment->now, &moment->effects[i]);
    if (moment->effect < moment->effect_count || moment->at_end)
        return;
    x64i_fields_read(&walker->view, &walker->track.model.before, &moment->now);
    for (unsigned i = 0; i < X64I_FIELD_COUNT; i++)
        if (moment->now.value[i] != moment->before.value[i])
            moment->wrote |= UINT64_C(1) << i;
}

static void fill_rest(struct x64i_view *view)
{
    struct x64i_view_moment *moment = &view->moment;
    const struct x64i_trace_model *model = &view->walker.track.model;
    const struct x64i_view_call *call = x64i_index_call(&view->index, moment->n);
    apply_effects(view);
    if (moment->effect || moment->at_end) {
        memcpy(moment->check, model->checks.result, sizeof moment->check);
        moment->window = model->window.open;
    }
    moment->window_since = model->window.since_n;
    moment->exact = view->walker.track.exact;
    moment->call = call ? call->name : NULL;
    x64i_moment_stacks(view);
    x64i_moment_code(view);
    x64i_moment_tables(view);
}

static void take_effects(struct x64i_view_moment *moment, const struct x64_step *step)
{
    moment->effect_count =
        step->effect_count < X64I_VIEW_EFFECTS ? (unsigned)step->effect_count : X64I_VIEW_EFFECTS;
    if (moment->effect_count)
        memcpy(moment->effects, step->effects, moment->effect_count * sizeof step->effects[0]);
}

enum x64_status x64i_view_seek(struct x64i_view *view, uint64_t n, unsigned effect)
{
    struct x64i_view_walker *walker = &view->walker;
    struct x64i_view_moment *moment = &view->moment;
    struct x64_registers before;
    n = n < view->first ? view->first : n > view->last ? view->last : n;
    enum x64_status status = walk_to(view, n);
    if (status != X64_OK)
        return status;
    (void)x64_registers_read(walker->machine, &before);
    x64i_fields_read(&walker->view, &before, &moment->before);
    moment->n = n;
    moment->first = view->first;
    moment->last = view->last;
    moment->at_end = n == view->last;
    moment->window = walker->track.model.window.open;
    memcpy(moment->check, walker->track.model.checks.result, sizeof moment->check);
    moment->effect_count = 0;
    if (moment->at_end) {
        x64i_line_clear(&moment->line);
        moment->line.n = n;
        moment->line.rip = before.rip;
        moment->line.cpl = before.cpl;
        moment->line.stack = walker->track.model.stack_before;
    } else {
        status = x64i_walker_step(walker, &moment->line);
        if (status != X64_OK)
            return status;
        take_effects(moment, &walker->step);
    }
    moment->effect = effect < moment->effect_count ? effect : moment->effect_count;
    fill_rest(view);
    return X64_OK;
}
