/* SPDX-License-Identifier: MIT */
/* Everything that can be done, a row each, and the keys it is bound to. */
#include "view/window/app.h"

#include "view/window/duo.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEARCH_STEPS 20000000u
#define PAGE         20u

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

/* Forwards over a call, or backwards over what a call came back from. */
static void over(struct x64i_app *app, bool back)
{
    uint64_t reached;
    const struct x64i_trace_line *line = &now(app)->line;
    uint64_t after = line->rip + line->length;
    bool call = strncmp(line->assembly, "call", 4) == 0;
    if (!back && call &&
        x64i_view_find_rip(app->view, &after, 1, app->n + 1, false, SEARCH_STEPS, &reached))
        x64i_app_go(app, reached, X64I_VIEW_ALL);
    else if (back)
        back_by(app, 1);
    else
        do_step(app, "");
}

static void do_over(struct x64i_app *app, const char *argument)
{
    (void)argument;
    over(app, false);
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

/* Runs until one of some addresses is to be executed. */
static void run(struct x64i_app *app, const uint64_t *linear, size_t count, bool back)
{
    uint64_t reached;
    uint64_t from = back ? app->n : app->n + 1;
    if (x64i_view_find_rip(app->view, linear, count, from, back, SEARCH_STEPS, &reached)) {
        x64i_app_go(app, reached, X64I_VIEW_ALL);
        return;
    }
    (void)snprintf(app->message, sizeof app->message, "not reached by step %llu",
                   (unsigned long long)reached);
    x64i_app_go(app, app->n, app->effect);
}

static void do_continue(struct x64i_app *app, const char *argument)
{
    (void)argument;
    run(app, app->breakpoint, app->breakpoint_count, false);
}

static void do_continue_back(struct x64i_app *app, const char *argument)
{
    (void)argument;
    run(app, app->breakpoint, app->breakpoint_count, true);
}

static void do_run_to(struct x64i_app *app, const char *argument)
{
    uint64_t linear;
    if (x64i_view_parse(app->view, argument, &linear))
        run(app, &linear, 1, false);
    else
        (void)snprintf(app->message, sizeof app->message, "%.60s: no such symbol", argument);
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

static void do_find(struct x64i_app *app, const char *argument)
{
    if (*argument) {
        do_run_to(app, argument);
        return;
    }
    app->typing = true;
    (void)snprintf(app->text, sizeof app->text, "find: ");
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

static void do_picture(struct x64i_app *app, const char *argument)
{
    struct x64_error_text error = {{0}};
    char name[64];
    (void)snprintf(name, sizeof name, "x64emu-%llu.png", (unsigned long long)app->n);
    const char *path = *argument ? argument : name;
    x64i_app_draw(app);
    if (x64i_canvas_save(&app->canvas, path, &error) == X64_OK)
        (void)snprintf(app->message, sizeof app->message, "wrote %.100s", path);
    else
        (void)snprintf(app->message, sizeof app->message, "%.150s", error.text);
}

static void do_stack_picture(struct x64i_app *app, const char *argument)
{
    struct x64_error_text error = {{0}};
    char name[64];
    (void)snprintf(name, sizeof name, "x64emu-%llu.svg", (unsigned long long)app->n);
    const char *path = *argument ? argument : name;
    if (x64i_export_stack(app, path, X64_STACK_KERNEL, &error) == X64_OK)
        (void)snprintf(app->message, sizeof app->message, "wrote %.100s", path);
    else
        (void)snprintf(app->message, sizeof app->message, "%.150s", error.text);
}

static void do_help(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->help = !app->help;
}

static void do_quit(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->quit = true;
}

static const struct x64i_command commands[] = {
    {"step", "Right j s", "one instruction on", do_step},
    {"back", "Left k S", "one instruction back", do_back},
    {"effect", "Down e", "one effect on", do_effect},
    {"effect-back", "Up E", "one effect back", do_effect_back},
    {"over", "o", "on, over a call", do_over},
    {"call", "n ]", "next entry into the kernel", do_call},
    {"call-back", "p N [", "entry before", do_call_back},
    {"page", "PageDown", "20 steps on", do_page},
    {"page-back", "PageUp", "20 steps back", do_page_back},
    {"first", "Home g", "beginning", do_first},
    {"last", "End G", "end", do_last},
    {"goto", "", "a step by number", do_goto},
    {"continue", "c", "on to a breakpoint", do_continue},
    {"continue-back", "C", "back to a breakpoint", do_continue_back},
    {"run-to", "", "on to an address (Shift-click)", do_run_to},
    {"break", "b", "breakpoint here (or click)", do_break},
    {"mark", "m", "bookmark", do_mark},
    {"next-mark", "'", "next bookmark", do_next_mark},
    {"play", "Space", "play and stop", do_play},
    {"play-back", "Backspace", "play backwards", do_play_back},
    {"faster", ">", "play faster", do_faster},
    {"slower", "<", "play slower", do_slower},
    {"unit", "u", "play by step or effect", do_unit},
    {"find", "/", "search a symbol or address", do_find},
    {"side", "Tab w", "compare: the other side leads", x64i_do_side},
    {"phase", "}", "compare: next phase", x64i_do_phase},
    {"phase-back", "{", "compare: phase before", x64i_do_phase_back},
    {"sum", "T", "compare: costs of this call or of all", x64i_do_sum},
    {"theme", "t", "light or dark", do_theme},
    {"motion", "a", "animations on or off", do_motion},
    {"larger", "+ =", "larger type", do_larger},
    {"smaller", "-", "smaller type", do_smaller},
    {"picture", "P", "PNG of the window", do_picture},
    {"stack-picture", "V", "SVG of the kernel stack", do_stack_picture},
    {"help", "?", "this list", do_help},
    {"quit", "q", "leave", do_quit},
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

/* A key has one command: the last one given. */
static bool bind(struct x64i_app *app, const char *key, size_t length, const char *command)
{
    size_t at = 0;
    while (at < app->binding_count && (strlen(app->binding[at].key) != length ||
                                       memcmp(app->binding[at].key, key, length) != 0))
        at++;
    if (at == X64I_APP_BINDINGS || length >= sizeof app->binding[0].key)
        return false;
    memcpy(app->binding[at].key, key, length);
    app->binding[at].key[length] = '\0';
    app->binding[at].command = command;
    if (at == app->binding_count)
        app->binding_count++;
    return true;
}

void x64i_app_bind_defaults(struct x64i_app *app)
{
    for (size_t i = 0; i < COMMANDS; i++)
        for (const char *key = commands[i].keys; *key;) {
            size_t length = strcspn(key, " ");
            (void)bind(app, key, length, commands[i].name);
            key += length;
            key += strspn(key, " ");
        }
}

enum x64_status x64i_app_bind_file(struct x64i_app *app, const char *path,
                                   struct x64_error_text *error)
{
    char line[256];
    char key[128];
    char name[128];
    unsigned number = 0;
    enum x64_status status = X64_OK;
    FILE *file = fopen(path, "r");
    if (!file) {
        (void)snprintf(error->text, sizeof error->text, "%.150s: %s", path, strerror(errno));
        return X64_ERROR_IO;
    }
    while (status == X64_OK && fgets(line, sizeof line, file)) {
        number++;
        if (line[strspn(line, " \t\r\n")] == '\0' || line[0] == '#')
            continue;
        const struct x64i_command *command =
            sscanf(line, "%127s %127s", key, name) == 2 ? x64i_command_find(name) : NULL;
        if (command && bind(app, key, strlen(key), command->name))
            continue;
        (void)snprintf(error->text, sizeof error->text,
                       "%.150s, line %u: write KEY COMMAND, with a command that ? lists", path,
                       number);
        status = X64_ERROR_FORMAT;
    }
    (void)fclose(file);
    return status;
}

const char *x64i_app_key(const struct x64i_app *app, const char *key)
{
    for (size_t i = 0; i < app->binding_count; i++)
        if (strcmp(app->binding[i].key, key) == 0)
            return app->binding[i].command;
    return NULL;
}
