/* SPDX-License-Identifier: MIT */
/* What lies over everything: the list of commands, what is under the mouse, a question. */
#include "view/window/app.h"
#include "view/window/duo.h"

#include <stdio.h>
#include <string.h>

#define MARGIN      16 /* of a box */
#define KEYS_SIZE   120
#define TIP_COLUMNS 96

static const char *const gestures[] = {
    "click a line of code: breakpoint; with Shift: run to it",
    "click a word of a stack: to the step that wrote it",
    "right-click a line, a word or a register: to where it appears next; with Shift: before",
    "timeline: click, drag; Shift-drag: a range; wheel: zoom. Wheel elsewhere: step",
};
#define GESTURES (int)(sizeof gestures / sizeof gestures[0])

/* In the middle, where it fits. */
static SDL_Rect centred(const struct x64i_canvas *canvas, int width, int height)
{
    int x = (canvas->width - width) / 2;
    int y = (canvas->height - height) / 2;
    return (SDL_Rect){x < 1 ? 1 : x, y < 1 ? 1 : y,
                      width > canvas->width - 2 ? canvas->width - 2 : width,
                      height > canvas->height - 2 ? canvas->height - 2 : height};
}

static void draw_box(struct x64i_app *app, SDL_Rect box)
{
    x64i_canvas_fill(&app->canvas, (SDL_Rect){box.x - 1, box.y - 1, box.w + 2, box.h + 2},
                     X64I_COLOUR_QUIET);
    x64i_canvas_fill(&app->canvas, box, X64I_COLOUR_PANEL);
}

/* "Right  j  s"; answers how many characters that is. */
static int write_keys(const struct x64i_app *app, const struct x64i_command *command,
                      char text[KEYS_SIZE])
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t b = 0; b < app->binding_count; b++)
        if (app->binding[b].command == command->name && length + 26 < KEYS_SIZE)
            length += (size_t)snprintf(text + length, KEYS_SIZE - length, "%s%s",
                                       length ? "  " : "", app->binding[b].key);
    return (int)length;
}

/* The list's columns: characters before a command's name, and before its explanation. */
struct columns {
    int name, help;
};

static void draw_command(struct x64i_app *app, const struct x64i_command *command,
                         const struct columns *columns, SDL_Rect r)
{
    char keys[KEYS_SIZE];
    struct x64i_canvas *canvas = &app->canvas;
    SDL_Point mouse = {app->mouse_x, app->mouse_y};
    int x = r.x + MARGIN;
    (void)write_keys(app, command, keys);
    if (SDL_PointInRect(&mouse, &r))
        x64i_canvas_fill(canvas, r, X64I_COLOUR_CURRENT);
    (void)x64i_canvas_text_in(canvas, x, r.y, (columns->name - 1) * canvas->cell_width,
                              X64I_COLOUR_QUIET, false, keys);
    (void)x64i_canvas_bold(canvas, x + columns->name * canvas->cell_width, r.y, X64I_COLOUR_INK,
                           command->name);
    if (columns->help)
        (void)x64i_canvas_text(canvas, x + columns->help * canvas->cell_width, r.y, X64I_COLOUR_INK,
                               command->help);
    x64i_draw_hit(
        app, &(struct x64i_hit){.rect = r, .kind = X64I_HIT_COMMAND, .command = command->name});
}

/* The widths that keys, names and explanations have; without the latter where there is no room.
 * Answers how many characters the box has in a row. */
static int measure_help(const struct x64i_app *app, struct columns *columns)
{
    char keys[KEYS_SIZE];
    const struct x64i_command *command;
    int room = (app->canvas.width - 2 * MARGIN - 2) / app->canvas.cell_width;
    int name = 0;
    int help = 0;
    *columns = (struct columns){0};
    for (size_t i = 0; (command = x64i_command_at(i)); i++) {
        int length = write_keys(app, command, keys);
        columns->name = columns->name < length ? length : columns->name;
        name = name < (int)strlen(command->name) ? (int)strlen(command->name) : name;
        help = help < (int)strlen(command->help) ? (int)strlen(command->help) : help;
    }
    columns->name = (columns->name < 24 ? columns->name : 24) + 3;
    columns->help = columns->name + name + 2;
    for (int i = 0; i < GESTURES; i++)
        if (columns->help + help < (int)strlen(gestures[i]))
            help = (int)strlen(gestures[i]) - columns->help;
    if (columns->help + help <= room)
        return columns->help + help;
    columns->help = 0;
    columns->name = columns->name + name > room ? room - name : columns->name;
    return room;
}

/* As many commands as there is room for; the wheel shows the others. */
static void draw_help(struct x64i_app *app)
{
    char title[80];
    struct columns columns;
    struct x64i_canvas *canvas = &app->canvas;
    int row = canvas->cell_height;
    int count = 0;
    while (x64i_command_at((size_t)count))
        count++;
    int width = measure_help(app, &columns) * canvas->cell_width + 2 * MARGIN;
    int tips = columns.help && canvas->height > 20 * row ? GESTURES : 0;
    int room = (canvas->height - 2 * row - (tips ? row * (tips + 1) : 0)) / row;
    room = room < 1 ? 1 : room > count ? count : room;
    int height = (room + 2) * row + (tips ? row * (tips + 1) : 0) - row / 2;
    SDL_Rect box = centred(canvas, width, height);
    app->help_row = app->help_row > count - room ? count - room : app->help_row;
    app->help_row = app->help_row < 0 ? 0 : app->help_row;
    draw_box(app, box);
    x64i_canvas_clip(canvas, &box);
    (void)snprintf(title, sizeof title, room < count ? "%d to %d of %d (wheel)" : "KEYS",
                   app->help_row + 1, app->help_row + room, count);
    int y = box.y + row / 4;
    (void)x64i_canvas_bold(canvas, box.x + MARGIN, y, X64I_COLOUR_QUIET, title);
    y += row;
    for (int i = app->help_row; i < app->help_row + room; i++, y += row)
        draw_command(app, x64i_command_at((size_t)i), &columns, (SDL_Rect){box.x, y, box.w, row});
    y += row;
    for (int i = 0; i < tips; i++, y += row)
        (void)x64i_canvas_text(canvas, box.x + MARGIN, y, X64I_COLOUR_QUIET, gestures[i]);
    x64i_canvas_clip(canvas, NULL);
}

static const struct x64i_view_slot *slot_at(const struct x64i_view_moment *moment, uint64_t linear)
{
    for (unsigned s = 0; s < moment->stack_count; s++)
        for (unsigned i = 0; i < moment->stack[s].count; i++)
            if (moment->stack[s].slot[i].linear == linear)
                return &moment->stack[s].slot[i];
    return NULL;
}

/* A word's place, and which instruction wrote it, and when. */
static void describe_slot(const struct x64i_app *app, const struct x64i_hit *hit, char *text,
                          size_t size)
{
    char place[120];
    char code[X64I_LINE_ASM_SIZE];
    struct x64i_view *view = app->duo ? app->duo->compare->view[hit->side] : app->view;
    const struct x64i_view_slot *slot = slot_at(x64i_view_moment(view), hit->linear);
    int length = snprintf(text, size, "%s%s%llx: ", slot ? slot->name : "",
                          slot && slot->name[0] ? " at " : "", (unsigned long long)hit->linear);
    text += length;
    size -= (size_t)length;
    if (!slot || !slot->has_writer) {
        (void)snprintf(text, size, "not written so far");
        return;
    }
    (void)snprintf(text, size, "written by %s at %s, step %llu. Click to go there",
                   x64i_view_instruction(view, slot->writer_rip, code, sizeof code),
                   x64i_view_symbol(view, slot->writer_rip, place, sizeof place),
                   (unsigned long long)slot->writer_n);
}

/* What is under the mouse, in words. */
static bool describe(struct x64i_app *app, const struct x64i_hit *hit, char *text, size_t size)
{
    char place[120];
    char code[X64I_LINE_ASM_SIZE];
    switch (hit->kind) {
    case X64I_HIT_FIELD:
        (void)snprintf(text, size, "%s: %s", x64i_fields[hit->field].name,
                       x64i_fields[hit->field].help);
        return true;
    case X64I_HIT_FLAG:
        (void)snprintf(text, size, "%s: %s", x64i_flag_rows[hit->field].name,
                       x64i_flag_rows[hit->field].help);
        return true;
    case X64I_HIT_SLOT:
        describe_slot(app, hit, text, size);
        return true;
    case X64I_HIT_CODE:
        (void)snprintf(text, size, "%s at %s: click for a breakpoint, Shift-click to run to it",
                       x64i_view_instruction(app->view, hit->linear, code, sizeof code),
                       x64i_view_symbol(app->view, hit->linear, place, sizeof place));
        return true;
    default:
        return x64i_duo_describe(app, hit, text, size);
    }
}

static void draw_tip(struct x64i_app *app)
{
    char text[400];
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_hit *hit = x64i_app_hit(app, app->mouse_x, app->mouse_y);
    if (!hit || !describe(app, hit, text, sizeof text))
        return;
    int room = (canvas->width - 14) / canvas->cell_width;
    int columns = (int)strlen(text) < TIP_COLUMNS ? (int)strlen(text) : TIP_COLUMNS;
    columns = columns < room ? columns : room;
    SDL_Rect box = {app->mouse_x + 14, app->mouse_y + 16, columns * canvas->cell_width + 12, 0};
    box.h = x64i_wrapped_lines(text, columns) * canvas->cell_height + 6;
    if (box.x + box.w > canvas->width)
        box.x = canvas->width - box.w;
    box.x = box.x < 0 ? 0 : box.x;
    if (box.y + box.h > canvas->height - 4)
        box.y = app->mouse_y - box.h - 4;
    x64i_canvas_fill(canvas, box, X64I_COLOUR_INK);
    (void)x64i_draw_wrapped(app, (SDL_Rect){box.x + 6, box.y + 3, box.w - 12, box.h}, box.y + 3,
                            X64I_COLOUR_GROUND, text);
}

/* Before the recording of a run is lost. */
static void draw_question(struct x64i_app *app)
{
    static const char question[] = "This run's recording is not saved.";
    static const struct {
        const char *command, *text;
    } choices[] = {
        {"save-quit", "save it and leave"}, {"leave", "leave without it"}, {"stay", "stay"}};
    char text[80];
    struct x64i_canvas *canvas = &app->canvas;
    int row = canvas->cell_height;
    int gap = canvas->height < 10 * row ? 2 : row / 2;
    int columns = (canvas->width - 2 * MARGIN - 2) / canvas->cell_width;
    columns = columns < (int)strlen(question) ? columns : (int)strlen(question);
    int lines = x64i_wrapped_lines(question, columns);
    SDL_Rect box =
        centred(canvas, columns * canvas->cell_width + 2 * MARGIN, (lines + 3) * row + 5 * gap);
    draw_box(app, box);
    x64i_canvas_clip(canvas, &box);
    int y = x64i_draw_wrapped(
        app, (SDL_Rect){box.x + MARGIN, box.y, columns * canvas->cell_width, box.h}, box.y + gap,
        X64I_COLOUR_INK, question);
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++, y += row + gap) {
        const char *key = x64i_app_key_of(app, choices[i].command);
        (void)snprintf(text, sizeof text, "%s: %s", *key ? key : "Escape", choices[i].text);
        (void)x64i_draw_button(app, box.x + MARGIN, y + gap, text, choices[i].command);
    }
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
