/* SPDX-License-Identifier: MIT */
#include "view/window/app.h"

#include <stdio.h>
#include <string.h>

#define SEARCH_STRIDE 4000u /* observed steps in a slice */
#define RUN_STRIDE    40000u
#define MAX_FRAMES    2000u
#define FRAME_TIME    400u /* milliseconds */

void x64i_job_search(struct x64i_app *app, const struct x64i_view_search *search, uint64_t fallback)
{
    x64i_job_stop(app);
    app->job.kind = X64I_JOB_SEARCH;
    app->job.search = *search;
    app->job.search.n = search->back ? app->n : app->n + 1;
    app->job.fallback = fallback;
    x64i_view_search_begin(app->view, &app->job.search);
}

/* Where the search led, and in which effect the value appears there. */
static void found(struct x64i_app *app)
{
    char text[120];
    const struct x64i_view_search *search = &app->job.search;
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    x64i_app_go(app, search->found, X64I_VIEW_ALL);
    if (!search->for_value)
        return;
    const struct x64_effect *effect =
        x64i_view_effect_with(moment->effects, moment->effect_count, search->value);
    if (effect)
        (void)snprintf(app->message, sizeof app->message, "found: %s",
                       x64i_view_effect_text(app->view, effect, text, sizeof text));
}

static bool go_on_searching(struct x64i_app *app)
{
    struct x64i_job *job = &app->job;
    uint64_t stride = job->search.for_value ? SEARCH_STRIDE : RUN_STRIDE;
    enum x64i_search_state state = x64i_view_search(app->view, &job->search, stride);
    if (state == X64I_SEARCH_GOES_ON) {
        (void)snprintf(app->message, sizeof app->message, "searching, step %llu (Escape stops)",
                       (unsigned long long)job->search.at);
        return true;
    }
    job->kind = X64I_JOB_NONE;
    app->message[0] = '\0';
    if (state == X64I_SEARCH_FOUND) {
        found(app);
    } else if (job->fallback != UINT64_MAX) {
        x64i_app_go(app, job->fallback, X64I_VIEW_ALL);
    } else {
        (void)snprintf(app->message, sizeof app->message, "not found up to the %s",
                       job->search.back ? "beginning" : "end");
        x64i_app_go(app, app->n, app->effect);
    }
    return false;
}

bool x64i_job_animate(struct x64i_app *app, const char *path, uint64_t from, uint64_t to)
{
    struct x64_error_text error = {{0}};
    struct x64i_job *job = &app->job;
    const SDL_Surface *surface = app->canvas.surface;
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    x64i_job_stop(app);
    if (to < from || to - from >= MAX_FRAMES || from < moment->first || to > moment->last) {
        (void)snprintf(app->message, sizeof app->message, "a range is 1 to %u steps of the run",
                       MAX_FRAMES);
        return false;
    }
    uint32_t frames = (uint32_t)(to - from + 1);
    (void)snprintf(job->path, sizeof job->path, "%s", path);
    if (x64i_png_begin(&job->png, path, (uint32_t)surface->w, (uint32_t)surface->h, frames,
                       &error) != X64_OK) {
        (void)snprintf(app->message, sizeof app->message, "%.150s", error.text);
        return false;
    }
    job->kind = X64I_JOB_ANIMATION;
    job->next = job->from = from;
    job->to = to;
    return true;
}

/* A frame: the picture of a step, without what is only on its way: message, range, mouse. */
static enum x64_status add_frame(struct x64i_app *app, struct x64_error_text *error)
{
    struct x64i_job *job = &app->job;
    const SDL_Surface *surface = app->canvas.surface;
    if ((uint32_t)surface->w != job->png.width || (uint32_t)surface->h != job->png.height) {
        x64i_png_abandon(&job->png);
        (void)snprintf(error->text, sizeof error->text,
                       "the window changed its size: no animation");
        return X64_ERROR_STATE;
    }
    uint64_t anchor = app->anchor;
    int mouse_x = app->mouse_x;
    app->message[0] = '\0';
    app->anchor = UINT64_MAX;
    app->mouse_x = -1;
    x64i_app_go(app, job->next++, X64I_VIEW_ALL);
    app->phase = 256;
    x64i_app_draw(app);
    app->anchor = anchor;
    app->mouse_x = mouse_x;
    return x64i_png_frame(&job->png, surface->pixels, (size_t)surface->pitch, FRAME_TIME, error);
}

static bool go_on_animating(struct x64i_app *app)
{
    struct x64_error_text error = {{0}};
    struct x64i_job *job = &app->job;
    enum x64_status status = add_frame(app, &error);
    if (status == X64_OK && job->next <= job->to) {
        (void)snprintf(app->message, sizeof app->message, "frame %llu of %llu (Escape stops)",
                       (unsigned long long)(job->next - job->from),
                       (unsigned long long)(job->to - job->from + 1));
        return true;
    }
    job->kind = X64I_JOB_NONE;
    if (status == X64_OK)
        status = x64i_png_end(&job->png, &error);
    if (status == X64_OK)
        (void)snprintf(app->message, sizeof app->message, "wrote %.140s", job->path);
    else
        (void)snprintf(app->message, sizeof app->message, "%.150s", error.text);
    app->failed = status != X64_OK;
    return false;
}

bool x64i_job_go_on(struct x64i_app *app)
{
    switch (app->job.kind) {
    case X64I_JOB_SEARCH:
        return go_on_searching(app);
    case X64I_JOB_ANIMATION:
        return go_on_animating(app);
    default:
        return false;
    }
}

bool x64i_job_finish(struct x64i_app *app)
{
    app->failed = false;
    while (x64i_job_go_on(app)) {
    }
    return !app->failed;
}

void x64i_job_stop(struct x64i_app *app)
{
    if (app->job.kind == X64I_JOB_ANIMATION)
        x64i_png_abandon(&app->job.png);
    if (app->job.kind != X64I_JOB_NONE)
        (void)snprintf(app->message, sizeof app->message, "stopped");
    app->job.kind = X64I_JOB_NONE;
}
