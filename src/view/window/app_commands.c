/* SPDX-License-Identifier: MIT */
/* Everything that can be done, a row each, and the keys it is bound to. */
#include "view/window/app_private.h"

#include "view/window/duo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 20u

static const struct x64i_view_moment *now(const struct x64i_app *app)
{
    return x64i_view_moment(app->view);
}

/* How many times; 1 where nothing is said. */
static uint64_t times(const char *argument)
{
    unsigned long long number = strtoull(argument, NULL, 0);
    return number ? number : 1;
}

static void back_by(struct x64i_app *app, uint64_t steps)
{
    x64i_app_go(app, app->n > steps ? app->n - steps : 0, X64I_VIEW_ALL);
}

static void do_step(struct x64i_app *app, const char *argument)
{
    uint64_t steps = times(argument);
    x64i_app_go(app, UINT64_MAX - steps < app->n ? UINT64_MAX : app->n + steps, X64I_VIEW_ALL);
}

static void do_back(struct x64i_app *app, const char *argument)
{
    back_by(app, times(argument));
}

static void do_page(struct x64i_app *app, const char *argument)
{
    (void)argument;
    x64i_app_go(app, app->n + PAGE, X64I_VIEW_ALL);
}

static void do_page_back(struct x64i_app *app, const char *argument)
{
    (void)argument;
    back_by(app, PAGE);
}

static void do_effect(struct x64i_app *app, const char *argument)
{
    (void)argument;
    if (now(app)->effect < now(app)->effect_count)
        x64i_app_go(app, app->n, now(app)->effect + 1);
    else if (!now(app)->at_end)
        x64i_app_go(app, app->n + 1, 0);
}

static void do_effect_back(struct x64i_app *app, const char *argument)
{
    (void)argument;
    if (now(app)->effect > 0)
        x64i_app_go(app, app->n, now(app)->effect - 1);
    else
        back_by(app, 1);
}

static void do_call(struct x64i_app *app, const char *argument)
{
    size_t count;
    const struct x64i_view_call *calls = x64i_view_calls(app->view, &count);
    (void)argument;
    for (size_t i = 0; i < count; i++)
        if (calls[i].n > app->n) {
            x64i_app_go(app, calls[i].n, X64I_VIEW_ALL);
            return;
        }
    (void)snprintf(app->message, sizeof app->message, "no further entry into the kernel");
}

static void do_call_back(struct x64i_app *app, const char *argument)
{
    size_t count;
    const struct x64i_view_call *calls = x64i_view_calls(app->view, &count);
    (void)argument;
    while (count-- > 0)
        if (calls[count].n < app->n) {
            x64i_app_go(app, calls[count].n, X64I_VIEW_ALL);
            return;
        }
    (void)snprintf(app->message, sizeof app->message, "no earlier entry into the kernel");
}

static void do_first(struct x64i_app *app, const char *argument)
{
    (void)argument;
    x64i_app_go(app, 0, X64I_VIEW_ALL);
}

static void do_last(struct x64i_app *app, const char *argument)
{
    (void)argument;
    x64i_app_go(app, UINT64_MAX, X64I_VIEW_ALL);
}

static void do_goto(struct x64i_app *app, const char *argument)
{
    x64i_app_go(app, strtoull(argument, NULL, 0), X64I_VIEW_ALL);
}

static void do_break(struct x64i_app *app, const char *argument)
{
    uint64_t linear = now(app)->line.rip;
    if (*argument && !x64i_view_parse(app->view, argument, &linear)) {
        (void)snprintf(app->message, sizeof app->message, "%.60s: no such symbol", argument);
        return;
    }
    for (size_t i = 0; i < app->breakpoint_count; i++)
        if (app->breakpoint[i] == linear) {
            app->breakpoint[i] = app->breakpoint[--app->breakpoint_count];
            return;
        }
    if (app->breakpoint_count < X64I_APP_BREAKPOINTS)
        app->breakpoint[app->breakpoint_count++] = linear;
}

static void do_mark(struct x64i_app *app, const char *argument)
{
    (void)argument;
    if (app->bookmark_count < X64I_APP_BOOKMARKS)
        app->bookmark[app->bookmark_count++] = app->n;
}

/* The next bookmark, round and round. */
static void do_next_mark(struct x64i_app *app, const char *argument)
{
    uint64_t best = UINT64_MAX;
    uint64_t lowest = UINT64_MAX;
    (void)argument;
    for (size_t i = 0; i < app->bookmark_count; i++) {
        uint64_t n = app->bookmark[i];
        lowest = n < lowest ? n : lowest;
        best = n > app->n && n < best ? n : best;
    }
    if (lowest != UINT64_MAX)
        x64i_app_go(app, best != UINT64_MAX ? best : lowest, X64I_VIEW_ALL);
}

static void do_play(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->playing = !app->playing;
    app->play_back = false;
}

static void do_play_back(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->playing = !app->playing;
    app->play_back = true;
}

static void do_faster(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->play_rate = app->play_rate < 100000 ? app->play_rate * 2 : app->play_rate;
    (void)snprintf(app->message, sizeof app->message, "%u a second", app->play_rate);
}

static void do_slower(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->play_rate = app->play_rate > 1 ? app->play_rate / 2 : 1;
    (void)snprintf(app->message, sizeof app->message, "%u a second", app->play_rate);
}

static void do_unit(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->by_effect = !app->by_effect;
    (void)snprintf(app->message, sizeof app->message, "plays by %s",
                   app->by_effect ? "effect" : "step");
}

static void do_theme(struct x64i_app *app, const char *argument)
{
    app->canvas.dark =
        strcmp(argument, "dark") == 0 || (strcmp(argument, "light") != 0 && !app->canvas.dark);
}

static void do_motion(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->motion = !app->motion;
}

static void do_larger(struct x64i_app *app, const char *argument)
{
    (void)argument;
    (void)x64i_canvas_zoom(&app->canvas, app->canvas.font_size + 1);
    x64i_app_go(app, app->n, app->effect);
}

static void do_smaller(struct x64i_app *app, const char *argument)
{
    (void)argument;
    (void)x64i_canvas_zoom(&app->canvas, app->canvas.font_size - 1);
    x64i_app_go(app, app->n, app->effect);
}

static void do_help(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->help = !app->help;
}

static const struct x64i_command commands[] = {
    {"step", "Right j s", "", "one instruction on", do_step},
    {"back", "Left k S", "", "one instruction back", do_back},
    {"effect", "Down e", "", "one effect on", do_effect},
    {"effect-back", "Up E", "", "one effect back", do_effect_back},
    {"over", "o", "", "on, over a call", x64i_do_over},
    {"over-back", "O", "", "back, over what a call came back from", x64i_do_over_back},
    {"call", "n ]", "", "next entry into the kernel", do_call},
    {"call-back", "p N [", "", "entry before", do_call_back},
    {"page", "PageDown", "", "20 steps on", do_page},
    {"page-back", "PageUp", "", "20 steps back", do_page_back},
    {"first", "Home g", "", "beginning", do_first},
    {"last", "End G", "", "end", do_last},
    {"goto", ":", "step", "a step by number", do_goto},
    {"continue", "c", "", "on to a breakpoint", x64i_do_continue},
    {"continue-back", "C", "", "back to a breakpoint", x64i_do_continue_back},
    {"run-to", "r", "run to", "on to a symbol or address", x64i_do_run_to},
    {"break", "b", "", "breakpoint here (or click on a line)", do_break},
    {"find", "/", "find", "on to a symbol, address or value", x64i_do_find},
    {"find-back", "\\", "find back", "the same backwards", x64i_do_find_back},
    {"find-next", "f", "", "search on", x64i_do_find_next},
    {"find-previous", "F", "", "search back", x64i_do_find_previous},
    {"mark", "m", "", "bookmark", do_mark},
    {"next-mark", "'", "", "next bookmark", do_next_mark},
    {"play", "Space", "", "play and stop", do_play},
    {"play-back", "Backspace", "", "play backwards", do_play_back},
    {"faster", ">", "", "play faster", do_faster},
    {"slower", "<", "", "play slower", do_slower},
    {"unit", "u", "", "play by step or effect", do_unit},
    {"side", "Tab w", "", "compare: the other side leads", x64i_do_side},
    {"phase", "}", "", "compare: next phase", x64i_do_phase},
    {"phase-back", "{", "", "compare: phase before", x64i_do_phase_back},
    {"sum", "T", "", "compare: costs of this call or of all", x64i_do_sum},
    {"theme", "t", "", "light or dark", do_theme},
    {"motion", "a", "", "animations on or off", do_motion},
    {"larger", "+ =", "", "larger type", do_larger},
    {"smaller", "-", "", "smaller type", do_smaller},
    {"picture", "P", "", "PNG of the window", x64i_do_picture},
    {"stack-picture", "V", "", "SVG of the kernel stack", x64i_do_stack_picture},
    {"range", "v", "", "a range begins here (Shift-drag on the timeline)", x64i_do_range},
    {"animation", "A", "", "APNG of the range", x64i_do_animation},
    {"save", "W", "", "save the recording", x64i_do_save},
    {"save-quit", "x", "", "save the recording and leave", x64i_do_save_quit},
    {"help", "?", "", "this list", do_help},
    {"quit", "q", "", "leave", x64i_do_quit},
    {"leave", "Q", "", "leave and save nothing", x64i_do_leave},
    {"stay", "", "", "leave no more, stop, forget the range (Escape)", x64i_do_stay},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

const struct x64i_command *x64i_command_at(size_t index)
{
    return index < COMMANDS ? &commands[index] : NULL;
}

const struct x64i_command *x64i_command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}
