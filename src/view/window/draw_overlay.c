/* SPDX-License-Identifier: MIT */
/* What lies over everything: the list of commands, what is under the mouse, a question. */
#include "view/window/app.h"
#include "view/window/duo.h"

#include <stdio.h>
#include <string.h>

#define HELP_COLUMNS 96

static const char *const gestures[] = {
    "click a line of code: breakpoint; with Shift: run to it",
    "click a word of a stack: to the step that wrote it",
    "right-click a line, a word or a register: to where it appears next; with Shift: before",
    "timeline: click, drag; Shift-drag: a range; wheel: zoom. Wheel elsewhere: step",
};
#define GESTURES (int)(sizeof gestures / sizeof gestures[0])

static void draw_box(struct x64i_app *app, SDL_Rect box)
{
    x64i_canvas_fill(&app->canvas, (SDL_Rect){box.x - 1, box.y - 1, box.w + 2, box.h + 2},
                     X64I_COLOUR_QUIET);
    x64i_canvas_fill(&app->canvas, box, X64I_COLOUR_PANEL);
}

static void draw_command(struct x64i_app *app, const struct x64i_command *command, SDL_Rect r)
{
    char keys[120] = "";
    size_t length = 0;
    struct x64i_canvas *canvas = &app->canvas;
    SDL_Point mouse = {app->mouse_x, app->mouse_y};
    for (size_t b = 0; b < app->binding_count; b++)
        if (app->binding[b].command == command->name && length + 26 < sizeof keys)
            length += (size_t)snprintf(keys + length, sizeof keys - length, "%s%s",
                                       length ? "  " : "", app->binding[b].key);
    if (SDL_PointInRect(&mouse, &r))
        x64i_canvas_fill(canvas, r, X64I_COLOUR_CURRENT);
    int x = r.x + 16;
    (void)x64i_canvas_text_in(canvas, x, r.y, 24 * canvas->cell_width, X64I_COLOUR_QUIET, false,
                              keys);
    x += 25 * canvas->cell_width;
    (void)x64i_canvas_bold(canvas, x, r.y, X64I_COLOUR_INK, command->name);
    x += 15 * canvas->cell_width;
    (void)x64i_canvas_text(canvas, x, r.y, X64I_COLOUR_INK, command->help);
    x64i_draw_hit(
        app, &(struct x64i_hit){.rect = r, .kind = X64I_HIT_COMMAND, .command = command->name});
}

/* As many commands as there is room for; the wheel shows the others. */
static void draw_help(struct x64i_app *app)
{
    struct x64i_canvas *canvas = &app->canvas;
    int row = canvas->cell_height;
    int count = 0;
    while (x64i_command_at((size_t)count))
        count++;
    int width = HELP_COLUMNS * canvas->cell_width;
    int tips = canvas->height > 20 * row ? GESTURES : 0;
    int room = canvas->height / row - tips - 4;
    room = room < 1 ? 1 : room > count ? count : room;
    int height = (room + tips + 3) * row;
    SDL_Rect box = {(canvas->width - width) / 2, (canvas->height - height) / 2, width, height};
    if (box.x < 1)
        box = (SDL_Rect){1, box.y, canvas->width - 2, height};
    box.y = box.y < 1 ? 1 : box.y;
    app->help_row = app->help_row > count - room ? count - room : app->help_row;
    app->help_row = app->help_row < 0 ? 0 : app->help_row;
    draw_box(app, box);
    x64i_canvas_clip(canvas, &box);
    int y = box.y + row;
    for (int i = app->help_row; i < app->help_row + room; i++) {
        draw_command(app, x64i_command_at((size_t)i), (SDL_Rect){box.x, y, box.w, row});
        y += row;
    }
    y += row;
    for (int i = 0; i < tips; i++, y += row)
        (void)x64i_canvas_text(canvas, box.x + 16, y, X64I_COLOUR_QUIET, gestures[i]);
    x64i_canvas_clip(canvas, NULL);
}

/* What is under the mouse, in words. */
static bool describe(struct x64i_app *app, const struct x64i_hit *hit, char *text, size_t size)
{
    char place[120] = "";
    switch (hit->kind) {
    case X64I_HIT_FIELD:
        (void)snprintf(text, size, "%s: %s", x64i_fields[hit->field].name,
                       x64i_fields[hit->field].help);
        return true;
    case X64I_HIT_SLOT:
        if (hit->writer_n != UINT64_MAX)
            (void)snprintf(text, size, "%llx: written by step %llu (click to go there)",
                           (unsigned long long)hit->linear, (unsigned long long)hit->writer_n);
        else
            (void)snprintf(text, size, "%llx: not written so far", (unsigned long long)hit->linear);
        return true;
    case X64I_HIT_CODE:
        (void)snprintf(text, size, "%s: click for a breakpoint, Shift-click to run to it",
                       x64i_view_symbol(app->view, hit->linear, place, sizeof place));
        return true;
    default:
        return x64i_duo_describe(app, hit, text, size);
    }
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
    if (x + width > canvas->width)
        x = canvas->width - width;
    if (x < 0)
        x = 0;
    if (y + canvas->cell_height > canvas->height - 4)
        y = app->mouse_y - canvas->cell_height - 8;
    x64i_canvas_fill(canvas, (SDL_Rect){x, y, width, canvas->cell_height + 6}, X64I_COLOUR_INK);
    (void)x64i_canvas_text(canvas, x + 6, y + 3, X64I_COLOUR_GROUND, text);
}

/* Before the recording of a run is lost. */
static void draw_question(struct x64i_app *app)
{
    static const struct {
        const char *command, *text;
    } choices[] = {{"save-quit", "save it and leave"}, {"leave", "leave without it"}};
    char text[80];
    struct x64i_canvas *canvas = &app->canvas;
    int row = canvas->cell_height;
    int width = 52 * canvas->cell_width;
    int height = 7 * row;
    SDL_Rect box = {(canvas->width - width) / 2, (canvas->height - height) / 2, width, height};
    if (box.x < 1)
        box = (SDL_Rect){1, box.y, canvas->width - 2, height};
    box.y = box.y < 1 ? 1 : box.y;
    draw_box(app, box);
    x64i_canvas_clip(canvas, &box);
    (void)x64i_canvas_bold(canvas, box.x + 16, box.y + row / 2, X64I_COLOUR_INK,
                           "This run's recording is not saved.");
    int y = box.y + 2 * row;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++, y += 3 * row / 2) {
        (void)snprintf(text, sizeof text, "%s: %s", x64i_app_key_of(app, choices[i].command),
                       choices[i].text);
        (void)x64i_draw_button(app, box.x + 16, y, text, choices[i].command);
    }
    (void)x64i_draw_button(app, box.x + 16, y, "Escape: stay", "stay");
    x64i_canvas_clip(canvas, NULL);
}

void x64i_draw_overlay(struct x64i_app *app)
{
    if (app->leaving)
        draw_question(app);
    else if (app->help)
        draw_help(app);
    else
        draw_tip(app);
}
