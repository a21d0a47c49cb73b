/* SPDX-License-Identifier: MIT */
/* Commands that look along the run for something: a symbol, an address, a value, a breakpoint. */
#include "view/window/app_private.h"

#include <stdio.h>
#include <string.h>

static const struct x64i_view_moment *now(const struct x64i_app *app)
{
    return x64i_view_moment(app->view);
}

/* Forwards over a call. */
void x64i_do_over(struct x64i_app *app, const char *argument)
{
    const struct x64i_trace_line *line = &now(app)->line;
    struct x64i_view_search search = {.linear = {line->rip + line->length}, .linear_count = 1};
    (void)argument;
    if (strncmp(line->assembly, "call", 4) == 0)
        x64i_job_search(app, &search, app->n + 1);
    else
        x64i_app_go(app, app->n + 1, X64I_VIEW_ALL);
}

/* Backwards over what a call came back from: to the call, which pushed where it returned to. */
void x64i_do_over_back(struct x64i_app *app, const char *argument)
{
    struct x64i_view_search search = {.for_value = true, .value = now(app)->line.rip, .back = true};
    uint64_t before = app->n ? app->n - 1 : 0;
    (void)argument;
    x64i_app_go(app, before, X64I_VIEW_ALL);
    if (strncmp(now(app)->line.assembly, "ret", 3) == 0)
        x64i_job_search(app, &search, UINT64_MAX);
}

static void run(struct x64i_app *app, bool back)
{
    struct x64i_view_search search = {.linear_count = app->breakpoint_count, .back = back};
    _Static_assert(sizeof search.linear == sizeof app->breakpoint, "breakpoints are targets");
    memcpy(search.linear, app->breakpoint, sizeof search.linear);
    if (app->breakpoint_count)
        x64i_job_search(app, &search, UINT64_MAX);
    else
        (void)snprintf(app->message, sizeof app->message, "no breakpoints: click on a line");
}

void x64i_do_continue(struct x64i_app *app, const char *argument)
{
    (void)argument;
    run(app, false);
}

void x64i_do_continue_back(struct x64i_app *app, const char *argument)
{
    (void)argument;
    run(app, true);
}

void x64i_do_run_to(struct x64i_app *app, const char *argument)
{
    struct x64i_view_search search = {.linear_count = 1};
    if (x64i_view_parse(app->view, argument, &search.linear[0]))
        x64i_job_search(app, &search, UINT64_MAX);
    else
        (void)snprintf(app->message, sizeof app->message, "%.60s: no such symbol", argument);
}

/* "symbol" is looked for as an address, "=symbol" and "=number" as a value, a bare number as
 * both. */
static void find(struct x64i_app *app, const char *text, bool back)
{
    struct x64i_view_search search = {.back = back};
    uint64_t number;
    bool value_only = text[0] == '=';
    if (!x64i_view_parse(app->view, text + value_only, &number)) {
        (void)snprintf(app->message, sizeof app->message, "%.60s: no such symbol", text);
        return;
    }
    search.linear[0] = search.value = number;
    search.linear_count = !value_only;
    search.for_value = value_only || x64i_view_is_number(text, &number);
    app->last_search = search;
    app->searched = true;
    x64i_job_search(app, &search, UINT64_MAX);
}

void x64i_do_find(struct x64i_app *app, const char *argument)
{
    find(app, argument, false);
}

void x64i_do_find_back(struct x64i_app *app, const char *argument)
{
    find(app, argument, true);
}

static void again(struct x64i_app *app, bool back)
{
    struct x64i_view_search search = app->last_search;
    search.back = back;
    if (app->searched)
        x64i_job_search(app, &search, UINT64_MAX);
    else
        (void)snprintf(app->message, sizeof app->message, "nothing was searched for yet");
}

void x64i_do_find_next(struct x64i_app *app, const char *argument)
{
    (void)argument;
    again(app, false);
}

void x64i_do_find_previous(struct x64i_app *app, const char *argument)
{
    (void)argument;
    again(app, true);
}
