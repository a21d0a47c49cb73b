/* SPDX-License-Identifier: MIT */
/* The timeline. */
#include "view/window/app.h"

#include <stdio.h>
#include <string.h>

/* The band of step n, or null. */
static const struct x64i_view_band *band_at(const struct x64i_view_band *bands, size_t count,
                                            uint64_t n)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (bands[middle].n <= n)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &bands[low - 1] : NULL;
}

static int x_of(const struct x64i_app *app, SDL_Rect r, uint64_t n)
{
    uint64_t span = app->zoom_to - app->zoom_from + 1;
    if (n < app->zoom_from)
        return r.x - 1;
    double part = (double)(n - app->zoom_from) / (double)span;
    return part > 1 ? r.x + r.w + 1 : r.x + (int)(part * r.w);
}

static void draw_bands(struct x64i_app *app, SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    size_t count;
    const struct x64i_view_band *bands = x64i_view_bands(app->view, &count);
    uint64_t indexed = x64i_view_indexed(app->view);
    double step = (double)(app->zoom_to - app->zoom_from + 1) / r.w;
    int height = r.h / 3;
    for (int x = 0; x < r.w; x++) {
        uint64_t n = app->zoom_from + (uint64_t)(step * x);
        const struct x64i_view_band *band = n < indexed ? band_at(bands, count, n) : NULL;
        if (!band)
            continue;
        const enum x64i_colour colours[] = {
            band->cpl == 3 ? X64I_COLOUR_USER : X64I_COLOUR_KERNEL,
            x64i_stack_colour((enum x64_stack)band->stack),
            band->user_table ? X64I_COLOUR_USER : X64I_COLOUR_KERNEL,
        };
        for (int row = 0; row < 3; row++)
            x64i_canvas_fill(canvas, (SDL_Rect){r.x + x, r.y + row * height, 1, height - 2},
                             colours[row]);
        if (band->window)
            x64i_canvas_fill(canvas, (SDL_Rect){r.x + x, r.y - 3, 1, 2}, X64I_COLOUR_BAD);
    }
}

static void draw_calls(struct x64i_app *app, SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    size_t count;
    const struct x64i_view_call *calls = x64i_view_calls(app->view, &count);
    int free = r.x;
    for (size_t i = 0; i < count; i++) {
        int x = x_of(app, r, calls[i].n);
        if (x < free || x > r.x + r.w)
            continue;
        x64i_canvas_fill(canvas, (SDL_Rect){x, r.y + 3, 1, canvas->cell_height - 2},
                         X64I_COLOUR_QUIET);
        free = x64i_canvas_text(canvas, x + 4, r.y, X64I_COLOUR_QUIET, calls[i].name) + 10;
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

void x64i_draw_timeline(struct x64i_app *app)
{
    SDL_Rect r = app->layout.timeline;
    struct x64i_canvas *canvas = &app->canvas;
    static const char *const labels[] = {"ring", "stack", "cr3"};
    int label = 6 * canvas->cell_width;
    SDL_Rect bands = {r.x + label, r.y + canvas->cell_height + 4, r.w - label,
                      r.h - canvas->cell_height - 4};
    x64i_draw_hit(app,
                  &(struct x64i_hit){.rect = {bands.x, r.y, bands.w, r.h}, .kind = X64I_HIT_TIME});
    x64i_canvas_clip(canvas, &r);
    for (int i = 0; i < 3; i++)
        (void)x64i_canvas_text(canvas, r.x, bands.y + i * (bands.h / 3), X64I_COLOUR_QUIET,
                               labels[i]);
    draw_bands(app, bands);
    draw_calls(app, (SDL_Rect){bands.x, r.y, bands.w, r.h});
    draw_range(app, bands);
    for (size_t i = 0; i < app->bookmark_count; i++)
        x64i_canvas_arrow(canvas, x_of(app, bands, app->bookmark[i]), r.y + r.h - 6, 5, true,
                          X64I_COLOUR_GOOD);
    int now = x_of(app, bands, app->n);
    x64i_canvas_fill(canvas, (SDL_Rect){now, r.y + 8, 2, r.h - 8}, X64I_COLOUR_INK);
    x64i_canvas_arrow(canvas, now, r.y + 4, 6, true, X64I_COLOUR_INK);
    x64i_canvas_clip(canvas, NULL);
}
