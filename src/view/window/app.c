/* SPDX-License-Identifier: MIT */
/* Where one is, and the mouse. */
#include "view/window/app.h"

#include "view/window/duo.h"

#include <stdio.h>
#include <string.h>

/* Asks the model for as much as the layout has room for. */
static void wish(struct x64i_app *app)
{
    int row = app->canvas.cell_height;
    int slots = (app->layout.stacks.h - 2 * row - 8) / row;
    int lines = (app->layout.code.h - row) / row;
    const struct x64i_hit *hit = x64i_app_hit(app, app->mouse_x, app->mouse_y);
    struct x64i_view_wish wanted = {.slots = slots > 4 ? (unsigned)slots : 4,
                                    .code_lines = lines > 4 ? (unsigned)lines : 4};
    if (hit && hit->kind == X64I_HIT_SLOT)
        wanted.linear = hit->linear;
    x64i_view_wish(app->view, &wanted);
}

void x64i_app_go(struct x64i_app *app, uint64_t n, unsigned effect)
{
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    uint64_t last = moment->last;
    n = n < moment->first ? moment->first : n > last ? last : n;
    bool near = n + 1 >= app->n && n <= app->n + 1;
    x64i_app_lay_out(app);
    wish(app);
    app->arrow_from_x = near ? app->arrow_x : 0;
    app->arrow_from_y = near ? app->arrow_y : 0;
    app->phase = app->motion && near ? 0 : 256;
    enum x64_status status =
        app->duo ? x64i_duo_seek(app, n, effect) : x64i_view_seek(app->view, n, effect);
    if (status != X64_OK) {
        (void)snprintf(app->message, sizeof app->message, "step %llu cannot be reached",
                       (unsigned long long)n);
        return;
    }
    app->n = n;
    app->effect = moment->effect < moment->effect_count ? moment->effect : X64I_VIEW_ALL;
    if (n < app->zoom_from || n > app->zoom_to) {
        uint64_t half = (app->zoom_to - app->zoom_from) / 2;
        app->zoom_from = n > moment->first + half ? n - half : moment->first;
        app->zoom_to = last - app->zoom_from < 2 * half ? last : app->zoom_from + 2 * half;
    }
}

const struct x64i_hit *x64i_app_hit(const struct x64i_app *app, int x, int y)
{
    SDL_Point point = {x, y};
    for (size_t i = app->hit_count; i-- > 0;)
        if (SDL_PointInRect(&point, &app->hit[i].rect))
            return &app->hit[i];
    return NULL;
}

static uint64_t time_at(const struct x64i_app *app, const struct x64i_hit *hit, int x)
{
    double part = (double)(x - hit->rect.x) / hit->rect.w;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return app->zoom_from + (uint64_t)(part * (double)(app->zoom_to - app->zoom_from));
}

static const struct x64i_hit *timeline(const struct x64i_app *app)
{
    for (size_t i = 0; i < app->hit_count; i++)
        if (app->hit[i].kind == X64I_HIT_TIME)
            return &app->hit[i];
    return NULL;
}

/* Hexadecimal, as commands read it. */
static void do_number(struct x64i_app *app, const char *command, const char *mark, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%s0x%llx", mark, (unsigned long long)number);
    (void)x64i_app_do(app, command, text);
}

void x64i_app_click(struct x64i_app *app, int x, int y, bool shift)
{
    const struct x64i_hit *hit = x64i_app_hit(app, x, y);
    struct x64i_hit at = hit ? *hit : (struct x64i_hit){0};
    bool help = app->help;
    app->help = false;
    if (at.kind == X64I_HIT_COMMAND) {
        x64i_app_ask(app, at.command);
        return;
    }
    if (app->leaving || help || (hit && x64i_duo_click(app, &at, x)))
        return;
    app->asks_for = NULL;
    if (at.kind == X64I_HIT_CODE) {
        do_number(app, shift ? "run-to" : "break", "", at.linear);
    } else if (at.kind == X64I_HIT_SLOT && at.writer_n != UINT64_MAX) {
        x64i_job_stop(app);
        x64i_app_go(app, at.writer_n, X64I_VIEW_ALL);
    } else if (at.kind == X64I_HIT_TIME) {
        x64i_job_stop(app);
        app->scrubbing = true;
        app->anchor = shift ? time_at(app, &at, x) : UINT64_MAX;
        x64i_app_go(app, time_at(app, &at, x), X64I_VIEW_ALL);
    }
}

void x64i_app_drag(struct x64i_app *app, int x, int y)
{
    const struct x64i_hit *steps = x64i_app_hit(app, x, y);
    const struct x64i_hit *hit = timeline(app);
    if (app->duo && steps && steps->kind == X64I_HIT_STEPS)
        (void)x64i_duo_click(app, steps, x);
    else if (hit && app->scrubbing)
        x64i_app_go(app, time_at(app, hit, x), X64I_VIEW_ALL);
}

void x64i_app_release(struct x64i_app *app)
{
    app->scrubbing = false;
}

void x64i_app_search_under(struct x64i_app *app, int x, int y, bool back)
{
    const struct x64i_hit *hit = x64i_app_hit(app, x, y);
    const char *command = back ? "find-back" : "find";
    if (!hit || app->leaving || app->help)
        return;
    if (hit->kind == X64I_HIT_CODE)
        do_number(app, command, "", hit->linear);
    else if (hit->valued)
        do_number(app, command, "=", hit->value);
}

void x64i_app_wheel(struct x64i_app *app, int x, int y, int turns)
{
    const struct x64i_hit *hit = x64i_app_hit(app, x, y);
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    if (app->help) {
        app->help_row -= turns;
        return;
    }
    if (!hit || hit->kind != X64I_HIT_TIME) {
        (void)x64i_app_do(app, turns > 0 ? "back" : "step", "");
        return;
    }
    double factor = turns > 0 ? 0.75 : 1 / 0.75;
    double at = (double)time_at(app, hit, x);
    double from = at - (at - (double)app->zoom_from) * factor;
    double to = at + ((double)app->zoom_to - at) * factor;
    from = from < (double)moment->first ? (double)moment->first : from;
    to = to > (double)moment->last ? (double)moment->last : to;
    if (to - from < 16)
        return;
    app->zoom_from = (uint64_t)from;
    app->zoom_to = (uint64_t)to;
}

bool x64i_app_do(struct x64i_app *app, const char *name, const char *argument)
{
    const struct x64i_command *command = x64i_command_find(name);
    if (!command) {
        (void)snprintf(app->message, sizeof app->message, "there is no command %.60s", name);
        return false;
    }
    x64i_job_stop(app);
    app->message[0] = '\0';
    app->asks_for = NULL;
    app->leaving = false;
    command->run(app, argument);
    return true;
}

void x64i_app_ask(struct x64i_app *app, const char *name)
{
    const struct x64i_command *command = x64i_command_find(name);
    if (!command || !*command->prompt) {
        (void)x64i_app_do(app, name, "");
        return;
    }
    x64i_job_stop(app);
    app->asks_for = command->name;
    app->text[0] = '\0';
    app->message[0] = '\0';
}

/* An argument is being typed. */
static void type(struct x64i_app *app, const char *key)
{
    size_t length = strlen(app->text);
    if (strcmp(key, "Return") == 0) {
        char argument[X64I_APP_TEXT];
        memcpy(argument, app->text, sizeof argument);
        (void)x64i_app_do(app, app->asks_for, argument);
    } else if (strcmp(key, "Backspace") == 0) {
        app->text[length ? length - 1 : 0] = '\0';
    } else {
        const char *character = strcmp(key, "Space") == 0 ? " " : key;
        if (strlen(character) == 1 && length + 2 < sizeof app->text)
            (void)snprintf(app->text + length, sizeof app->text - length, "%s", character);
    }
}

/* Out of whatever one is in. */
static void escape(struct x64i_app *app)
{
    if (app->leaving || app->help || app->asks_for)
        app->leaving = app->help = false;
    else if (app->job.kind != X64I_JOB_NONE)
        x64i_job_stop(app);
    else
        app->anchor = UINT64_MAX;
    app->asks_for = NULL;
}

/* While it is asked whether to leave, only the answers count. */
static bool answers(const char *command)
{
    return strcmp(command, "save-quit") == 0 || strcmp(command, "save") == 0 ||
           strcmp(command, "leave") == 0;
}

bool x64i_app_press(struct x64i_app *app, const char *key)
{
    const char *command = x64i_app_key(app, key);
    if (strcmp(key, "Escape") == 0) {
        escape(app);
    } else if (app->asks_for) {
        type(app, key);
    } else if (!command) {
        return false;
    } else if (!app->leaving || answers(command)) {
        app->help = app->help && strcmp(command, "help") == 0;
        x64i_app_ask(app, command);
    }
    return true;
}
