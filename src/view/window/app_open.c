/* SPDX-License-Identifier: MIT */
/* The window's content, with or without a window around it. */
#include "view/window/app.h"

#include "view/window/duo.h"

#include <stdio.h>
#include <stdlib.h>

/* The first entry into the kernel is what one wants to see. */
static void begin(struct x64i_app *app)
{
    if (app->duo) {
        app->phase = 256;
        x64i_app_go(app, app->n, X64I_VIEW_ALL);
        x64i_app_draw(app);
        return;
    }
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    app->zoom_from = moment->first;
    app->zoom_to = moment->last > moment->first ? moment->last : moment->first + 1;
    (void)x64i_view_index(app->view, 20000);
    app->n = moment->first;
    app->phase = 256;
    x64i_app_go(app, app->n, X64I_VIEW_ALL);
    size_t count;
    const struct x64i_view_call *calls = x64i_view_calls(app->view, &count);
    for (size_t i = 0; i < count; i++)
        if (calls[i].kind == X64I_ENTRY_SYSCALL || calls[i].kind == X64I_ENTRY_SYSENTER ||
            calls[i].kind == X64I_ENTRY_INT) {
            x64i_app_go(app, calls[i].n, X64I_VIEW_ALL);
            break;
        }
    x64i_app_draw(app); /* what can be clicked is known from drawing */
}

static enum x64_status open_parts(struct x64i_app *app, struct x64_machine *machine,
                                  const struct x64i_window_options *options,
                                  struct x64_error_text *error)
{
    const struct x64i_canvas_options canvas = {.width = options->width,
                                               .height = options->height,
                                               .scale = options->scale,
                                               .font = options->font,
                                               .dark = options->dark};
    app->title = options->title;
    app->play_rate = 8;
    app->motion = !options->still && !options->headless;
    app->mouse_x = app->mouse_y = -1;
    app->anchor = UINT64_MAX;
    app->keep = options->keep;
    if (options->frame_times && !x64i_frames_open(&app->frames))
        return X64_ERROR_MEMORY;
    x64i_app_bind_defaults(app);
    enum x64_status status = x64i_canvas_open(&app->canvas, &canvas, error);
    if (status == X64_OK && options->keys)
        status = x64i_app_bind_file(app, options->keys, error);
    if (status != X64_OK)
        return status;
    status = options->other ? x64i_duo_open(app, machine, options, error)
                            : x64i_view_open(machine, &app->view);
    if (status != X64_OK && !error->text[0])
        (void)snprintf(error->text, sizeof error->text, "the run cannot be looked at: %s",
                       x64_status_string(status));
    return status;
}

enum x64_status x64i_app_open(struct x64_machine *machine,
                              const struct x64i_window_options *options, struct x64i_app **out,
                              struct x64_error_text *error)
{
    struct x64i_app *app = calloc(1, sizeof *app);
    if (!app)
        return X64_ERROR_MEMORY;
    enum x64_status status = open_parts(app, machine, options, error);
    if (status != X64_OK) {
        x64i_app_close(app);
        return status;
    }
    begin(app);
    *out = app;
    return X64_OK;
}

void x64i_app_close(struct x64i_app *app)
{
    x64i_job_stop(app);
    x64i_frames_report(&app->frames);
    x64i_duo_close(app);
    x64i_view_close(app->view);
    if (app->canvas.surface)
        x64i_canvas_close(&app->canvas);
    free(app);
}
