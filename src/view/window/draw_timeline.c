/* SPDX-License-Identifier: MIT */
/* The timeline. */
#include "view/window/app.h"

#include "ascending.h"

#include <stdio.h>
#include <string.h>

/* Points above the bands, for the mark of the step that is shown, and below them, for bookmarks. */
#define HEAD 8
#define FOOT 10

static int x_of(const struct x64i_app *app, SDL_Rect r, uint64_t n)
{
    uint64_t span = app->zoom_to - app->zoom_from + 1;
    if (n < app->zoom_from)
        return r.x - 1;
    double part = (double)(n - app->zoom_from) / (double)span;
    return part > 1 ? r.x + r.w + 1 : r.x + (int)(part * r.w);
}

/* What looks the same from `x` to `end`: ring, stack and table, one above the other. */
static void draw_stretch(struct x64i_app *app, const struct x64i_view_band *band, SDL_Rect r, int x,
                         int end)
{
    struct x64i_canvas *canvas = &app->canvas;
    int height = r.h / 3;
    const enum x64i_colour colours[] = {
        band->cpl == 3 ? X64I_COLOUR_USER : X64I_COLOUR_KERNEL,
        x64i_stack_colour((enum x64_stack)band->stack),
        band->user_table ? X64I_COLOUR_USER : X64I_COLOUR_KERNEL,
    };
    for (int row = 0; row < 3; row++)
        x64i_canvas_fill(canvas, (SDL_Rect){r.x + x, r.y + row * height, end - x, height - 2},
                         colours[row]);
    if (band->window)
        x64i_canvas_fill(canvas, (SDL_Rect){r.x + x, r.y - 3, end - x, 2}, X64I_COLOUR_BAD);
}

/* Each column of points shows the step that it begins with. */
static void draw_bands(struct x64i_app *app, SDL_Rect r)
{
    size_t count;
    const struct x64i_view_band *bands = x64i_view_bands(app->view, &count);
    uint64_t indexed = x64i_view_indexed(app->view);
    double step = (double)(app->zoom_to - app->zoom_from + 1) / r.w;
    size_t shown = 0; /* bands[shown - 1] is drawn from `from` on */
    int from = 0;
    for (int x = 0; x < r.w; x++) {
        uint64_t n = app->zoom_from + (uint64_t)(step * x);
        if (n >= indexed) {
            r.w = x;
            break;
        }
        if (shown && (shown == count || bands[shown].n > n))
            continue;
        if (shown)
            draw_stretch(app, &bands[shown - 1], r, from, x);
        shown += X64I_COUNT_UNTIL(bands + shown, count - shown, n, n);
        from = x;
    }
    if (shown)
        draw_stretch(app, &bands[shown - 1], r, from, r.w);
}

/* Names of calls beside the marks where they begin, as many as have room. */
static void draw_calls(struct x64i_app *app, SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    size_t count;
    const struct x64i_view_call *calls = x64i_view_calls(app->view, &count);
    double steps = (double)(app->zoom_to - app->zoom_from + 1) / r.w; /* a point */
    uint64_t next = app->zoom_from;
    int free = r.x;
    for (size_t i = 0;; i++) {
        i += next ? X64I_COUNT_UNTIL(calls + i, count - i, n, next - 1) : 0;
        if (i >= count || calls[i].n > app->zoom_to)
            return;
        int x = x_of(app, r, calls[i].n);
        int width = (int)strlen(calls[i].name) * canvas->cell_width;
        int text = x + 4 + width > r.x + r.w ? x - 3 - width : x + 4;
        if (text >= free) {
            x64i_canvas_fill(canvas, (SDL_Rect){x, r.y + 3, 1, canvas->cell_height - 2},
                             X64I_COLOUR_QUIET);
            (void)x64i_canvas_text(canvas, text, r.y, X64I_COLOUR_QUIET, calls[i].name);
            free = (text > x ? text + width : x) + 10;
        }
        next = app->zoom_from + (uint64_t)(steps * (free - r.x));
    }
}

/* From where a range was begun to the step that is shown; its name saves it. */
static void draw_range(struct x64i_app *app, SDL_Rect r)
{
    char text[64];
    struct x64i_canvas *canvas = &app->canvas;
    if (app->anchor == UINT64_MAX)
        return;
    int a = x_of(app, r, app->anchor);
    int b = x_of(app, r, app->n);
    uint64_t steps = app->anchor < app->n ? app->n - app->anchor : app->anchor - app->n;
    int left = a < b ? a : b;
    int width = (a < b ? b - a : a - b) + 2;
    for (int edge = 0; edge < 2; edge++)
        x64i_canvas_fill(canvas, (SDL_Rect){left, r.y + edge * (r.h - 2), width, 2},
                         X64I_COLOUR_INK);
    x64i_canvas_fill(canvas, (SDL_Rect){a, r.y, 2, r.h}, X64I_COLOUR_INK);
    (void)snprintf(text, sizeof text, "save %llu steps as animation",
                   (unsigned long long)steps + 1);
    int room = (int)(strlen(text) + 1) * canvas->cell_width + 6;
    int x = left + width + 6 + room > r.x + r.w ? left - room : left + width + 6;
    (void)x64i_draw_button(app, x < r.x ? r.x : x, r.y + (r.h - canvas->cell_height) / 2, text,
                           "animation");
}

/* A flag below the bands, on a pole through them. */
static void draw_bookmark(struct x64i_app *app, SDL_Rect r, uint64_t n)
{
    int x = x_of(app, r, n);
    if (x < r.x || x > r.x + r.w)
        return;
    x64i_canvas_fill(&app->canvas, (SDL_Rect){x, r.y, 1, r.h + FOOT}, X64I_COLOUR_GOOD);
    x64i_canvas_arrow(&app->canvas, x + 1, r.y + r.h + FOOT / 2, FOOT / 2, false, X64I_COLOUR_GOOD);
}

void x64i_draw_timeline(struct x64i_app *app)
{
    SDL_Rect r = app->layout.timeline;
    struct x64i_canvas *canvas = &app->canvas;
    static const char *const labels[] = {"ring", "stack", "cr3"};
    int label = 6 * canvas->cell_width;
    int top = canvas->cell_height + HEAD;
    SDL_Rect bands = {r.x + label, r.y + top, r.w - label, r.h - top - FOOT};
    x64i_draw_hit(app,
                  &(struct x64i_hit){.rect = {bands.x, r.y, bands.w, r.h}, .kind = X64I_HIT_TIME});
    x64i_canvas_clip(canvas, &r);
    for (int i = 0; i < 3; i++)
        (void)x64i_canvas_text(
            canvas, r.x, bands.y + i * (bands.h / 3) + (bands.h / 3 - canvas->cell_height) / 2,
            X64I_COLOUR_QUIET, labels[i]);
    draw_bands(app, bands);
    draw_calls(app, (SDL_Rect){bands.x, r.y, bands.w, r.h});
    draw_range(app, bands);
    for (size_t i = 0; i < app->bookmark_count; i++)
        draw_bookmark(app, bands, app->bookmark[i]);
    int now = x_of(app, bands, app->n);
    x64i_canvas_fill(canvas, (SDL_Rect){now, bands.y - 2, 2, bands.h + 2}, X64I_COLOUR_INK);
    x64i_canvas_arrow(canvas, now, bands.y - HEAD + 1, HEAD - 3, true, X64I_COLOUR_INK);
    x64i_canvas_clip(canvas, NULL);
}
