/* SPDX-License-Identifier: MIT */
/* Who leads and who follows, and what can be done with two runs. */
#include "view/window/duo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_STRIDE 100000u

static struct x64i_compare_view *compare_of(const struct x64i_app *app)
{
    return app->duo ? app->duo->compare : NULL;
}

/* The first call that both make, or else the first one. */
static void begin(struct x64i_app *app)
{
    const struct x64i_compare_view *compare = app->duo->compare;
    size_t pair = 0;
    while (pair < compare->pair_count &&
           !(x64i_compare_trip(compare, pair, 0) && x64i_compare_trip(compare, pair, 1)))
        pair++;
    pair = pair < compare->pair_count ? pair : 0;
    unsigned side = x64i_compare_trip(compare, pair, 0) ? 0 : 1;
    x64i_duo_lead(app, side);
    app->n = x64i_compare_trip(compare, pair, side)->first_n;
}

enum x64_status x64i_duo_open(struct x64i_app *app, struct x64_machine *machine,
                              const struct x64i_window_options *options,
                              struct x64_error_text *error)
{
    struct x64_machine *const machines[2] = {machine, options->other};
    struct x64i_duo *duo = calloc(1, sizeof *duo);
    enum x64_status status = duo ? x64i_compare_open(machines, &duo->compare) : X64_ERROR_MEMORY;
    if (status == X64_ERROR_NOT_FOUND)
        (void)snprintf(error->text, sizeof error->text,
                       "--compare: neither run makes a system call: there is nothing to align");
    else if (status != X64_OK)
        (void)snprintf(error->text, sizeof error->text, "the runs cannot be compared: %s",
                       x64_status_string(status));
    if (status != X64_OK) {
        free(duo);
        return status;
    }
    for (unsigned side = 0; side < 2; side++)
        (void)snprintf(duo->title[side], sizeof duo->title[side], "%s",
                       options->side[side] ? options->side[side] : "");
    while (!x64i_compare_index(duo->compare, INDEX_STRIDE)) {
    }
    app->duo = duo;
    begin(app);
    return X64_OK;
}

void x64i_duo_close(struct x64i_app *app)
{
    if (!app->duo)
        return;
    x64i_compare_close(app->duo->compare);
    free(app->duo);
    app->duo = NULL;
    app->view = NULL;
}

void x64i_duo_lead(struct x64i_app *app, unsigned side)
{
    const struct x64i_compare_view *compare = app->duo->compare;
    app->side = (uint8_t)side;
    app->view = compare->view[side];
    app->n = compare->at.side[side].n;
    app->effect = X64I_VIEW_ALL;
    app->zoom_from = compare->run[side].first;
    app->zoom_to = compare->run[side].last;
}

/* Asks the models for as much as the layout has room for. */
static void wish(const struct x64i_app *app)
{
    int row = app->canvas.cell_height;
    int slots = (app->duo->layout.stacks[0].h - 2 * row - 8) / row;
    const struct x64i_view_wish wanted = {.slots = slots > 4 ? (unsigned)slots : 4,
                                          .code_lines = 4};
    for (unsigned side = 0; side < 2; side++)
        x64i_view_wish(app->duo->compare->view[side], &wanted);
}

enum x64_status x64i_duo_seek(struct x64i_app *app, uint64_t n, unsigned effect)
{
    wish(app);
    return x64i_compare_seek(app->duo->compare, app->side, n, effect);
}

/* The step under a place in a rectangle that stands for steps from `linear` to `to`. */
static uint64_t step_at(const struct x64i_hit *hit, int x)
{
    uint64_t steps = hit->to - hit->linear + 1;
    uint64_t into = (uint64_t)(x > hit->rect.x ? x - hit->rect.x : 0);
    uint64_t n = hit->linear + into * steps / (uint64_t)(hit->rect.w > 0 ? hit->rect.w : 1);
    return n > hit->to ? hit->to : n;
}

bool x64i_duo_click(struct x64i_app *app, const struct x64i_hit *hit, int x)
{
    struct x64i_hit at = *hit; /* what was drawn is forgotten with the next picture */
    if (!app->duo || at.kind == X64I_HIT_COMMAND)
        return false;
    if (at.kind == X64I_HIT_STEPS || (at.kind == X64I_HIT_SLOT && at.writer_n != UINT64_MAX)) {
        x64i_duo_lead(app, at.side);
        x64i_app_go(app, at.kind == X64I_HIT_STEPS ? step_at(&at, x) : at.writer_n, X64I_VIEW_ALL);
    }
    return true;
}

bool x64i_duo_describe(const struct x64i_app *app, const struct x64i_hit *hit, char *text,
                       size_t size)
{
    static const char *const help[X64I_PHASE_COUNT + 1] = {
        [X64I_PHASE_ENTER] = "the instruction that enters, SWAPGS",
        [X64I_PHASE_SWITCH_CR3] = "to the kernel's page table (PTI)",
        [X64I_PHASE_SWITCH_STACK] = "the user's RSP put away, the task's stack loaded",
        [X64I_PHASE_SAVE] = "pt_regs written, registers cleared",
        [X64I_PHASE_DISPATCH] = "flags tested, the number checked, the table's function called",
        [X64I_PHASE_CALL] = "that function",
        [X64I_PHASE_LEAVE] = "the result stored, work before the return looked for",
        [X64I_PHASE_CHECK] = "may SYSRET be used?",
        [X64I_PHASE_RESTORE] = "registers from pt_regs",
        [X64I_PHASE_STACK_BACK] = "to the user's stack, over the entry stack where there is one",
        [X64I_PHASE_CR3_BACK] = "to the user's page table",
        [X64I_PHASE_RETURN] = "SWAPGS and the instruction that leaves",
        [X64I_PHASE_MITIGATE] = "IBRS, the branch history, VERW, on either way",
        [X64I_PHASE_NESTED] = "exceptions and interrupts in between",
        [X64I_PHASE_COUNT] = "the program",
    };
    if (!app->duo || (hit->kind != X64I_HIT_STEPS && hit->kind != X64I_HIT_PHASE))
        return false;
    unsigned phase = hit->field < X64I_PHASE_COUNT ? hit->field : X64I_PHASE_COUNT;
    const char *title = x64i_phase_title((enum x64i_phase)phase);
    if (hit->kind == X64I_HIT_PHASE)
        (void)snprintf(text, size, "%s: %s", title, help[phase]);
    else
        (void)snprintf(text, size, "%c, step %llu, %s: %s (click to go there)", 'A' + hit->side,
                       (unsigned long long)hit->linear, title ? title : "outside", help[phase]);
    return true;
}

bool x64i_duo_says(const struct x64i_app *app, const char *what, char *text, size_t size)
{
    static const char *const matches[] = {"same", "beside", "waits", "absent", "program"};
    const struct x64i_compare_view *compare = compare_of(app);
    if (!compare)
        return false;
    const struct x64i_compare_side_at *here = &compare->at.side[app->side];
    const struct x64i_compare_side_at *there = &compare->at.side[!app->side];
    const char *mine = x64i_phase_title((enum x64i_phase)here->phase);
    const char *others = x64i_phase_title((enum x64i_phase)there->phase);
    if (strcmp(what, "side") == 0)
        (void)snprintf(text, size, "%c", 'A' + app->side);
    else if (strcmp(what, "match") == 0)
        (void)snprintf(text, size, "%s", matches[compare->at.match]);
    else if (strcmp(what, "phase") == 0)
        (void)snprintf(text, size, "%s", mine ? mine : "outside");
    else if (strcmp(what, "other-phase") == 0)
        (void)snprintf(text, size, "%s", others ? others : "outside");
    else if (strcmp(what, "other-step") == 0)
        (void)snprintf(text, size, "%llu", (unsigned long long)there->n);
    else
        return false;
    return true;
}

/* Whether there is a comparison; else it says how to have one. */
static bool wants_duo(struct x64i_app *app)
{
    if (!app->duo)
        (void)snprintf(app->message, sizeof app->message,
                       "for two runs side by side: x64emu view --compare A B");
    return app->duo != NULL;
}

void x64i_do_side(struct x64i_app *app, const char *argument)
{
    if (!wants_duo(app))
        return;
    unsigned side = *argument == 'A' || *argument == 'a'   ? 0
                    : *argument == 'B' || *argument == 'b' ? 1
                                                           : !app->side;
    x64i_duo_lead(app, side);
    x64i_app_go(app, app->n, X64I_VIEW_ALL);
}

/* To the next stretch of a phase of the leading side, or to the one before. */
static void go_phase(struct x64i_app *app, bool back)
{
    const struct x64i_trips *trips = app->duo->compare->trips[app->side];
    size_t at = 0;
    while (at < trips->stretch_count && trips->stretch[at].n < app->n + !back)
        at++;
    if (back ? at > 0 : at < trips->stretch_count)
        x64i_app_go(app, trips->stretch[back ? at - 1 : at].n, X64I_VIEW_ALL);
    else
        (void)snprintf(app->message, sizeof app->message, "no phase %s", back ? "before" : "after");
}

void x64i_do_phase(struct x64i_app *app, const char *argument)
{
    (void)argument;
    if (wants_duo(app))
        go_phase(app, false);
}

void x64i_do_phase_back(struct x64i_app *app, const char *argument)
{
    (void)argument;
    if (wants_duo(app))
        go_phase(app, true);
}

void x64i_do_sum(struct x64i_app *app, const char *argument)
{
    (void)argument;
    if (wants_duo(app))
        app->duo->all_calls = !app->duo->all_calls;
}
