/* SPDX-License-Identifier: MIT */
/* The timeline, and what lies over everything: the list of keys, what is under the mouse. */
#include "view/window/app.h"

#include "view/window/duo.h"

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

void x64i_draw_timeline(struct x64i_app *app)
{
    SDL_Rect r = app->layout.timeline;
    struct x64i_canvas *canvas = &app->canvas;
    static const char *const labels[] = {"ring", "stack", "cr3"};
    int label = 6 * canvas->cell_width;
    SDL_Rect bands = {r.x + label, r.y + canvas->cell_height + 4, r.w - label,
                      r.h - canvas->cell_height - 4};
    x64i_canvas_clip(canvas, &r);
    for (int i = 0; i < 3; i++)
        (void)x64i_canvas_text(canvas, r.x, bands.y + i * (bands.h / 3), X64I_COLOUR_QUIET,
                               labels[i]);
    draw_bands(app, bands);
    draw_calls(app, (SDL_Rect){bands.x, r.y, bands.w, r.h});
    for (size_t i = 0; i < app->bookmark_count; i++)
        x64i_canvas_arrow(canvas, x_of(app, bands, app->bookmark[i]), r.y + r.h - 6, 5, true,
                          X64I_COLOUR_GOOD);
    int now = x_of(app, bands, app->n);
    x64i_canvas_fill(canvas, (SDL_Rect){now, r.y + 8, 2, r.h - 8}, X64I_COLOUR_INK);
    x64i_canvas_arrow(canvas, now, r.y + 4, 6, true, X64I_COLOUR_INK);
    x64i_canvas_clip(canvas, NULL);
    x64i_draw_hit(app,
                  &(struct x64i_hit){.rect = {bands.x, r.y, bands.w, r.h}, .kind = X64I_HIT_TIME});
}

static void draw_help(struct x64i_app *app)
{
    char keys[120];
    struct x64i_canvas *canvas = &app->canvas;
    int row = canvas->cell_height;
    size_t count = 0;
    while (x64i_command_at(count))
        count++;
    int width = 84 * canvas->cell_width;
    int height = ((int)count + 3) * row;
    SDL_Rect box = {(canvas->surface->w - width) / 2, (canvas->surface->h - height) / 2, width,
                    height};
    x64i_canvas_fill(canvas, (SDL_Rect){box.x - 1, box.y - 1, box.w + 2, box.h + 2},
                     X64I_COLOUR_QUIET);
    x64i_canvas_fill(canvas, box, X64I_COLOUR_PANEL);
    x64i_canvas_clip(canvas, &box);
    int y = box.y + row;
    for (size_t i = 0; i < count; i++, y += row) {
        const struct x64i_command *command = x64i_command_at(i);
        size_t length = 0;
        keys[0] = '\0';
        for (size_t b = 0; b < app->binding_count; b++)
            if (app->binding[b].command == command->name && length + 26 < sizeof keys)
                length += (size_t)snprintf(keys + length, sizeof keys - length, "%s%s",
                                           length ? "  " : "", app->binding[b].key);
        (void)x64i_canvas_text_in(canvas, box.x + 16, y, 26 * canvas->cell_width, X64I_COLOUR_QUIET,
                                  false, keys);
        (void)x64i_canvas_bold(canvas, box.x + 28 * canvas->cell_width, y, X64I_COLOUR_INK,
                               command->name);
        (void)x64i_canvas_text(canvas, box.x + 42 * canvas->cell_width, y, X64I_COLOUR_INK,
                               command->help);
    }
    x64i_canvas_clip(canvas, NULL);
}

/* What is under the mouse, in words. */
static bool describe(struct x64i_app *app, const struct x64i_hit *hit, char *text, size_t size)
{
    char place[120] = "";
    if (hit->kind == X64I_HIT_FIELD)
        (void)snprintf(text, size, "%s: %s", x64i_fields[hit->field].name,
                       x64i_fields[hit->field].help);
    else if (hit->kind == X64I_HIT_SLOT && hit->writer_n != UINT64_MAX)
        (void)snprintf(text, size, "%llx: written by step %llu (click to go there)",
                       (unsigned long long)hit->linear, (unsigned long long)hit->writer_n);
    else if (hit->kind == X64I_HIT_SLOT)
        (void)snprintf(text, size, "%llx: not written so far", (unsigned long long)hit->linear);
    else if (hit->kind == X64I_HIT_CODE)
        (void)snprintf(text, size, "%s: click for a breakpoint, Shift-click to run to it",
                       x64i_view_symbol(app->view, hit->linear, place, sizeof place));
    else
        return x64i_duo_describe(app, hit, text, size);
    return true;
}

static void draw_tip(struct x64i_app *app)
{
    char text[240];
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_hit *hit = x64i_app_hit(app, app->mouse_x, app->mouse_y);
    if (!hit || !describe(app, hit, text, sizeof text))
        return;
    int width = (int)strlen(text) * canvas->cell_width + 12;
    int x = app->mouse_x + 14;
    int y = app->mouse_y + 16;
    if (x + width > canvas->surface->w)
        x = canvas->surface->w - width;
    if (y + canvas->cell_height > canvas->surface->h - 4)
        y = app->mouse_y - canvas->cell_height - 8;
    x64i_canvas_fill(canvas, (SDL_Rect){x, y, width, canvas->cell_height + 6}, X64I_COLOUR_INK);
    (void)x64i_canvas_text(canvas, x + 6, y + 3, X64I_COLOUR_GROUND, text);
}

void x64i_draw_overlay(struct x64i_app *app)
{
    if (app->help)
        draw_help(app);
    else
        draw_tip(app);
}
