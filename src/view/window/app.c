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

static void toggle_breakpoint(struct x64i_app *app, uint64_t linear)
{
    for (size_t i = 0; i < app->breakpoint_count; i++)
        if (app->breakpoint[i] == linear) {
            app->breakpoint[i] = app->breakpoint[--app->breakpoint_count];
            return;
        }
    if (app->breakpoint_count < X64I_APP_BREAKPOINTS)
        app->breakpoint[app->breakpoint_count++] = linear;
}

void x64i_app_click(struct x64i_app *app, int x, int y, bool shift)
{
    char number[24];
    const struct x64i_hit *hit = x64i_app_hit(app, x, y);
    if (app->help) {
        app->help = false;
        return;
    }
    if (!hit || x64i_duo_click(app, hit, x))
        return;
    (void)snprintf(number, sizeof number, "%llx", (unsigned long long)hit->linear);
    if (hit->kind == X64I_HIT_COMMAND)
        (void)x64i_app_do(app, hit->command, "");
    else if (hit->kind == X64I_HIT_CODE && shift)
        (void)x64i_app_do(app, "run-to", number);
    else if (hit->kind == X64I_HIT_CODE)
        toggle_breakpoint(app, hit->linear);
    else if (hit->kind == X64I_HIT_SLOT && hit->writer_n != UINT64_MAX)
        x64i_app_go(app, hit->writer_n, X64I_VIEW_ALL);
    else if (hit->kind == X64I_HIT_TIME)
        x64i_app_go(app, time_at(app, hit, x), X64I_VIEW_ALL);
}

void x64i_app_drag(struct x64i_app *app, int x, int y)
{
    const struct x64i_hit *hit = x64i_app_hit(app, x, y);
    if (hit && hit->kind == X64I_HIT_STEPS)
        (void)x64i_duo_click(app, hit, x);
    else if (hit && hit->kind == X64I_HIT_TIME)
        x64i_app_go(app, time_at(app, hit, x), X64I_VIEW_ALL);
}

void x64i_app_wheel(struct x64i_app *app, int x, int y, int turns)
{
    const struct x64i_hit *hit = x64i_app_hit(app, x, y);
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
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
    app->message[0] = '\0';
    command->run(app, argument);
    return true;
}
