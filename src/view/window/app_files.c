/* SPDX-License-Identifier: MIT */
/* Commands that write files: pictures, the recording; and leaving, which may lose it. */
#include "view/window/app_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From where the range was begun to the step that is shown. */
void x64i_do_range(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->anchor = app->anchor == UINT64_MAX ? app->n : UINT64_MAX;
    (void)snprintf(app->message, sizeof app->message, "%s",
                   app->anchor == UINT64_MAX ? "no range"
                                             : "a range begins here and ends where you go");
}

static void say_range(struct x64i_app *app)
{
    const char *key = x64i_app_key_of(app, "range");
    (void)snprintf(app->message, sizeof app->message,
                   "no range: begin one with %.20s, or Shift-drag on the timeline", key);
}

/* [FILE [FROM TO]] */
void x64i_do_animation(struct x64i_app *app, const char *argument)
{
    char path[160];
    char *end;
    size_t length = strcspn(argument, " ");
    const char *range = argument + length;
    uint64_t from = app->anchor < app->n ? app->anchor : app->n;
    uint64_t to = app->anchor < app->n ? app->n : app->anchor;
    if (*range) {
        from = strtoull(range, &end, 10);
        to = strtoull(end, NULL, 10);
    } else if (app->anchor == UINT64_MAX) {
        say_range(app);
        app->failed = true;
        return;
    }
    if (length && length < sizeof path)
        (void)snprintf(path, sizeof path, "%.*s", (int)length, argument);
    else
        (void)snprintf(path, sizeof path, "x64emu-%llu-%llu.png", (unsigned long long)from,
                       (unsigned long long)to);
    app->failed = !x64i_job_animate(app, path, from, to);
}

void x64i_do_picture(struct x64i_app *app, const char *argument)
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

void x64i_do_stack_picture(struct x64i_app *app, const char *argument)
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

/* A name that no file has yet: x64emu.rec, x64emu-2.rec. */
static void free_name(char *path, size_t size)
{
    (void)snprintf(path, size, "x64emu.rec");
    for (unsigned i = 2; i < 1000 && access(path, F_OK) == 0; i++)
        (void)snprintf(path, size, "x64emu-%u.rec", i);
}

bool x64i_app_save(struct x64i_app *app, const char *argument)
{
    char path[160];
    struct x64_error_text error = {{0}};
    if (!app->keep.write) {
        (void)snprintf(app->message, sizeof app->message, "this is a recording already");
        return true;
    }
    free_name(path, sizeof path);
    if (app->keep.path)
        (void)snprintf(path, sizeof path, "%s", app->keep.path);
    if (*argument)
        (void)snprintf(path, sizeof path, "%s", argument);
    enum x64_status status = app->keep.write(app->keep.user, path, &error);
    if (status == X64_OK) {
        app->saved = true;
        (void)snprintf(app->message, sizeof app->message, "wrote %.140s", path);
    } else {
        (void)snprintf(app->message, sizeof app->message, "not saved: %.140s",
                       error.text[0] ? error.text : x64_status_string(status));
    }
    return status == X64_OK;
}

void x64i_do_save(struct x64i_app *app, const char *argument)
{
    app->failed = !x64i_app_save(app, argument);
    x64i_app_go(app, app->n, app->effect);
}

void x64i_do_quit(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->leaving = app->asks && app->keep.write && !app->saved;
    app->quit = !app->leaving;
}

/* Stays where it cannot be saved. */
void x64i_do_save_quit(struct x64i_app *app, const char *argument)
{
    app->quit = x64i_app_save(app, argument);
    app->leaving = false;
    x64i_app_go(app, app->n, app->effect);
}

void x64i_do_leave(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->quit = true;
}

void x64i_do_stay(struct x64i_app *app, const char *argument)
{
    (void)argument;
    app->anchor = UINT64_MAX; /* the rest, every command ends */
}
