/* SPDX-License-Identifier: MIT */
/*
 * Scripts: a line is a command of app_commands.c with its argument, or one of
 *
 *     size W H              another size of the window, in pixels
 *     scale PERCENT         another density: 200 draws everything twice as large
 *     apng FILE FROM TO     the steps of a range as an animated picture (animation)
 *     svg FILE STACK        user, entry, kernel or ist
 *     click X Y, shift-click X Y, drag X Y, release: the left button
 *     right-click X Y, shift-right-click X Y, move X Y, wheel X Y TURNS
 *     key NAME              as if it were pressed
 *     type TEXT             every character of it
 *     index                 waits until the whole run is indexed
 *     expect WHAT VALUE     step, effect, rip (a symbol), message: fails when it is not so; of a
 *                           comparison side, match, phase, other-phase, other-step
 *
 * '#' begins a comment.
 */
#include "view/window/app.h"

#include "view/window/duo.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 512
#define MAX_SIDE  8192

static const char *const mouse_words[] = {
    "click", "shift-click", "right-click", "wheel", "shift-right-click", "move", "drag"};

static bool fail(struct x64_error_text *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fail(struct x64_error_text *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

static bool expect(struct x64i_app *app, const char *argument, struct x64_error_text *error)
{
    char what[32];
    char value[160] = "";
    char got[160] = "";
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    if (sscanf(argument, "%31s %159[^\n]", what, value) < 1)
        return fail(error, "expect what?");
    if (strcmp(what, "step") == 0)
        (void)snprintf(got, sizeof got, "%llu", (unsigned long long)app->n);
    else if (strcmp(what, "effect") == 0)
        (void)snprintf(got, sizeof got, "%u", moment->effect);
    else if (strcmp(what, "rip") == 0)
        (void)x64i_view_symbol(app->view, moment->line.rip, got, sizeof got);
    else if (strcmp(what, "message") == 0)
        (void)snprintf(got, sizeof got, "%s", app->message);
    else if (!x64i_duo_says(app, what, got, sizeof got))
        return fail(error, "expect %s: no such thing", what);
    if (strcmp(got, value) == 0)
        return true;
    return fail(error, "%s is %s, not %s", what, got, value);
}

/* Numbers with blanks between them; answers how many there were, `most` at most. */
static unsigned read_numbers(const char *text, long long *number, unsigned most)
{
    unsigned count = 0;
    while (count < most) {
        char *end;
        errno = 0;
        number[count] = strtoll(text, &end, 10);
        if (end == text || errno)
            break;
        text = end;
        count++;
    }
    return count;
}

static bool resize(struct x64i_app *app, const char *argument, struct x64_error_text *error)
{
    long long size[2];
    if (read_numbers(argument, size, 2) != 2 || size[0] < 1 || size[0] > MAX_SIDE || size[1] < 1 ||
        size[1] > MAX_SIDE || !x64i_canvas_resize(&app->canvas, (int)size[0], (int)size[1]))
        return fail(error, "size %s: write it as size 1600 1000", argument);
    x64i_app_go(app, app->n, app->effect);
    x64i_app_draw(app);
    return true;
}

static bool rescale(struct x64i_app *app, const char *argument, struct x64_error_text *error)
{
    long long scale;
    if (read_numbers(argument, &scale, 1) != 1 || scale < 100 || scale > 400 ||
        !x64i_canvas_rescale(&app->canvas, (int)scale))
        return fail(error, "scale %s: 100 to 400", argument);
    x64i_app_go(app, app->n, app->effect);
    return true;
}

static bool export(struct x64i_app *app, const char *argument, struct x64_error_text *error)
{
    static const char *const names[] = {"none", "user", "entry", "kernel", "ist"};
    char path[256];
    char stack[16] = "";
    if (sscanf(argument, "%255s %15s", path, stack) != 2)
        return fail(error, "write it as svg FILE STACK");
    for (unsigned kind = 1; kind < 5; kind++)
        if (strcmp(stack, names[kind]) == 0)
            return x64i_export_stack(app, path, (enum x64_stack)kind, error) == X64_OK;
    return fail(error, "%s: no such stack", stack);
}

static bool mouse(struct x64i_app *app, const char *word, const char *argument,
                  struct x64_error_text *error)
{
    long long number[3] = {[2] = 1};
    if (read_numbers(argument, number, 3) < 2 || llabs(number[0]) > MAX_SIDE ||
        llabs(number[1]) > MAX_SIDE || llabs(number[2]) > MAX_SIDE)
        return fail(error, "write it as %s X Y", word);
    int x = (int)number[0];
    int y = (int)number[1];
    int turns = (int)number[2];
    x64i_app_draw(app);
    app->mouse_x = x;
    app->mouse_y = y;
    bool shift = strncmp(word, "shift-", 6) == 0;
    word += shift ? strlen("shift-") : 0;
    if (strcmp(word, "wheel") == 0)
        x64i_app_wheel(app, x, y, turns);
    else if (strcmp(word, "move") == 0)
        x64i_app_go(app, app->n, app->effect);
    else if (strcmp(word, "drag") == 0)
        x64i_app_drag(app, x, y);
    else if (strcmp(word, "right-click") == 0)
        x64i_app_search_under(app, x, y, shift);
    else
        x64i_app_click(app, x, y, shift);
    return true;
}

static bool run_line(struct x64i_app *app, const char *word, const char *argument,
                     struct x64_error_text *error)
{
    if (strcmp(word, "expect") == 0)
        return expect(app, argument, error);
    if (strcmp(word, "size") == 0)
        return resize(app, argument, error);
    if (strcmp(word, "scale") == 0)
        return rescale(app, argument, error);
    if (strcmp(word, "svg") == 0)
        return export(app, argument, error);
    if (strcmp(word, "index") == 0) {
        while (!x64i_view_index(app->view, 100000)) {
        }
        x64i_app_go(app, app->n, app->effect);
        return true;
    }
    for (size_t i = 0; i < sizeof mouse_words / sizeof mouse_words[0]; i++)
        if (strcmp(word, mouse_words[i]) == 0)
            return mouse(app, word, argument, error);
    if (strcmp(word, "release") == 0)
        x64i_app_release(app);
    else if (strcmp(word, "key") == 0)
        return x64i_app_press(app, argument) || fail(error, "key %s: bound to nothing", argument);
    else if (strcmp(word, "type") == 0)
        for (; *argument; argument++)
            (void)x64i_app_press(app, (char[]){*argument, '\0'});
    else if (!x64i_app_do(app, strcmp(word, "apng") == 0 ? "animation" : word, argument))
        return fail(error, "%s", app->message);
    return true;
}

/* A line, to the end of what it sets going. */
static bool run_whole_line(struct x64i_app *app, const char *word, const char *argument,
                           struct x64_error_text *error)
{
    bool frame = app->frames.wall && strcmp(word, "index") != 0;
    app->failed = false;
    x64i_frames_begin(&app->frames);
    if (!run_line(app, word, argument, error))
        return false;
    if (app->failed || !x64i_job_finish(app))
        return fail(error, "%s", app->message);
    app->phase = 256;
    if (frame) { /* as a window would show it */
        x64i_app_draw(app);
        x64i_frames_end(&app->frames);
    }
    return true;
}

bool x64i_script_run(struct x64i_app *app, const char *path, struct x64_error_text *error)
{
    char line[LINE_SIZE];
    unsigned number = 0;
    bool done = true;
    FILE *file = fopen(path, "r");
    if (!file)
        return fail(error, "%.150s: %s", path, strerror(errno));
    while (done && !app->quit && fgets(line, sizeof line, file)) {
        struct x64_error_text why = {{0}};
        line[strcspn(line, "\r\n")] = '\0';
        number++;
        char *word = line + strspn(line, " \t");
        size_t length = strcspn(word, " \t");
        char *argument = word + length + strspn(word + length, " \t");
        if (!*word || *word == '#')
            continue;
        word[length] = '\0';
        done = run_whole_line(app, word, argument, &why);
        if (!done)
            (void)fail(error, "%.100s, line %u: %.180s", path, number, why.text);
    }
    (void)fclose(file);
    return done;
}
