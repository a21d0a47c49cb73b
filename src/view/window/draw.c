/* SPDX-License-Identifier: MIT */
/* The whole picture: layout, header, explanation. */
#include "view/window/app.h"

#include "view/window/duo.h"

#include <stdio.h>
#include <string.h>

#define PAD 12

enum x64i_colour x64i_stack_colour(enum x64_stack stack)
{
    static const enum x64i_colour colours[] = {
        [X64_STACK_NONE] = X64I_COLOUR_FAINT,  [X64_STACK_USER] = X64I_COLOUR_USER,
        [X64_STACK_ENTRY] = X64I_COLOUR_ENTRY, [X64_STACK_KERNEL] = X64I_COLOUR_KERNEL,
        [X64_STACK_IST] = X64I_COLOUR_IST,
    };
    return (unsigned)stack < sizeof colours / sizeof colours[0] ? colours[stack]
                                                                : X64I_COLOUR_FAINT;
}

static SDL_Rect inner(int x, int y, int width, int height)
{
    return (SDL_Rect){x + PAD, y + PAD / 2, width - 2 * PAD, height - PAD};
}

/* Columns as multiples of a character, rows as multiples of a line. */
void x64i_app_lay_out(struct x64i_app *app)
{
    if (app->duo) {
        x64i_duo_lay_out(app);
        return;
    }
    struct x64i_layout *layout = &app->layout;
    int w = app->canvas.width;
    int h = app->canvas.height;
    int row = app->canvas.cell_height;
    int column = app->canvas.cell_width;
    int head = row + PAD;
    int explain = (h < 36 * row ? 4 : 6) * row + PAD;
    int time = 4 * row + PAD + 11;
    *layout = (struct x64i_layout){.tiny = w < 70 * column || h < 24 * row};
    layout->header = inner(0, 0, w, head);
    if (layout->tiny) {
        layout->explain = inner(0, head, w, h - head);
        return;
    }
    layout->explain = inner(0, head, w, explain);
    layout->timeline = inner(0, h - time, w, time);
    int top = head + explain;
    int body = h - time - top;
    int registers = (w < 112 * column ? 34 : X64I_REGISTER_COLUMNS) * column + 2 * PAD;
    int rest = w - registers;
    int code = rest * (w < 180 * column ? 36 : 38) / 100;
    int low = (body >= 34 * row ? 8 : body >= 20 * row ? 7 : 6) * row + PAD + 6;
    layout->code = inner(0, top, code, body - low);
    layout->tables = inner(0, top + body - low, code, low);
    layout->registers = inner(code, top, registers, body);
    layout->stacks = inner(code + registers, top, rest - code, body - low);
    layout->checks = inner(code + registers, top + body - low, rest - code, low);
}

void x64i_draw_hit(struct x64i_app *app, const struct x64i_hit *hit)
{
    if (app->hit_count == X64I_APP_HITS)
        return;
    app->hit[app->hit_count] = *hit;
    app->hit[app->hit_count++].side = app->side;
}

void x64i_draw_title(struct x64i_app *app, SDL_Rect *panel, const char *title)
{
    (void)x64i_canvas_text_in(&app->canvas, panel->x, panel->y, panel->w, X64I_COLOUR_QUIET, true,
                              title);
    panel->y += app->canvas.cell_height + 3;
    panel->h -= app->canvas.cell_height + 3;
}

int x64i_draw_button(struct x64i_app *app, int x, int y, const char *text, const char *command)
{
    struct x64i_canvas *canvas = &app->canvas;
    int width = ((int)strlen(text) + 1) * canvas->cell_width;
    SDL_Rect rect = {x, y - 2, width, canvas->cell_height + 3};
    x64i_canvas_fill(canvas, rect, X64I_COLOUR_CURRENT);
    (void)x64i_canvas_text(canvas, x + canvas->cell_width / 2, y, X64I_COLOUR_INK, text);
    x64i_draw_hit(app,
                  &(struct x64i_hit){.rect = rect, .kind = X64I_HIT_COMMAND, .command = command});
    return x + width;
}

int x64i_draw_buttons(struct x64i_app *app, int right, int y)
{
    static const struct {
        const char *text, *command;
    } buttons[] = {{"all ?", "help"}, {"theme", "theme"}, {"find", "find"}, {" >| ", "call"},
                   {" > ", "step"},   {"play", "play"},   {" < ", "back"},  {" |< ", "call-back"}};
    for (size_t i = 0; i < sizeof buttons / sizeof buttons[0]; i++) {
        bool stops = app->playing && strcmp(buttons[i].command, "play") == 0;
        const char *text = stops ? "stop" : buttons[i].text;
        right -= ((int)strlen(text) + 1) * app->canvas.cell_width + 4;
        (void)x64i_draw_button(app, right, y, text, buttons[i].command);
    }
    return right;
}

const char *x64i_said(const struct x64i_app *app, char *text, size_t size)
{
    if (!app->asks_for)
        return app->message;
    (void)snprintf(text, size, "%s: %s_", x64i_command_find(app->asks_for)->prompt, app->text);
    return text;
}

int x64i_draw_shortened(struct x64i_app *app, SDL_Rect room, enum x64i_colour colour, bool bold,
                        const char *text)
{
    struct x64i_canvas *canvas = &app->canvas;
    int columns = room.w / canvas->cell_width;
    if (columns >= (int)strlen(text))
        return x64i_canvas_text_in(canvas, room.x, room.y, room.w, colour, bold, text);
    if (columns < 6)
        return room.x;
    int x = x64i_canvas_text_in(canvas, room.x, room.y, (columns - 2) * canvas->cell_width, colour,
                                bold, text);
    return x64i_canvas_text_in(canvas, x, room.y, 2 * canvas->cell_width, colour, bold, "..");
}

void x64i_draw_heading(struct x64i_app *app, SDL_Rect room, const struct x64i_heading *parts,
                       size_t count)
{
    int column = app->canvas.cell_width;
    int left = room.w;
    for (size_t i = 1; i < count; i++)
        left -= parts[i].text[0] ? ((int)strlen(parts[i].text) + 3) * column : 0;
    for (size_t i = 0; i < count; i++) {
        int end = room.x + room.w;
        int width = i == 0 && left < end ? left : end;
        if (!parts[i].text[0])
            continue;
        int x = x64i_draw_shortened(app, (SDL_Rect){room.x, room.y, width < 0 ? 0 : width, room.h},
                                    parts[i].colour, parts[i].bold, parts[i].text);
        x = x > room.x ? x + 3 * column : x;
        room.w = end - x;
        room.x = x;
    }
}

static void draw_header(struct x64i_app *app)
{
    char step[80];
    char typed[X64I_APP_TEXT + 40];
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    bool tiny = app->layout.tiny;
    SDL_Rect r = app->layout.header;
    int right = tiny ? r.x + r.w : x64i_draw_buttons(app, r.x + r.w, r.y + 2);
    const char *said = x64i_said(app, typed, sizeof typed);
    int length = snprintf(step, sizeof step, "step %llu of %llu", (unsigned long long)moment->n,
                          (unsigned long long)moment->last);
    if (moment->effect < moment->effect_count)
        (void)snprintf(step + length, sizeof step - (size_t)length, ", effect %u of %u",
                       moment->effect, moment->effect_count);
    const struct x64i_heading parts[] = {
        {app->title, X64I_COLOUR_INK, true},
        {step, X64I_COLOUR_QUIET, false},
        {moment->exact ? "" : "explained from nearby: not indexed yet", X64I_COLOUR_BAD, false},
        {said, app->asks_for ? X64I_COLOUR_INK : X64I_COLOUR_GOOD, app->asks_for != NULL},
    };
    SDL_Rect room = {r.x, r.y + 2, right - r.x - app->canvas.cell_width, r.h};
    if (!tiny) {
        x64i_draw_heading(app, room, parts, sizeof parts / sizeof parts[0]);
        return;
    }
    (void)x64i_draw_shortened(app, (SDL_Rect){r.x, r.y + 2, r.w, r.h}, X64I_COLOUR_INK, true,
                              *said ? said : step);
    /* no room for buttons: all of it is one */
    x64i_draw_hit(app, &(struct x64i_hit){.rect = r, .kind = X64I_HIT_COMMAND, .command = "help"});
}

/* How much of a text a line of `room` characters takes, up to a space where there is one. */
static size_t take_line(const char *text, int room)
{
    size_t most = room > 0 ? (size_t)room : 1;
    if (strlen(text) <= most)
        return strlen(text);
    size_t take = most;
    while (take > 1 && text[take] != ' ')
        take--;
    return take > 1 ? take : most;
}

static const char *next_line(const char *text, size_t taken)
{
    text += taken;
    return text + strspn(text, " ");
}

int x64i_wrapped_lines(const char *text, int columns)
{
    int lines = 0;
    for (; *text; lines++)
        text = next_line(text, take_line(text, columns));
    return lines;
}

int x64i_draw_wrapped(struct x64i_app *app, SDL_Rect area, int y, enum x64i_colour colour,
                      const char *text)
{
    struct x64i_canvas *canvas = &app->canvas;
    int room = area.w / canvas->cell_width;
    while (*text && y + canvas->cell_height <= area.y + area.h && room > 0) {
        size_t take = take_line(text, room);
        (void)x64i_canvas_text_in(canvas, area.x, y, (int)take * canvas->cell_width, colour, false,
                                  text);
        y += canvas->cell_height;
        text = next_line(text, take);
    }
    return y;
}

void x64i_draw_effects(struct x64i_app *app, SDL_Rect area, int y)
{
    char text[160];
    char all[1400] = "";
    size_t length = 0;
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    for (unsigned i = 0; i < moment->effect_count && length + sizeof text + 4 < sizeof all; i++) {
        const struct x64_effect *effect = &moment->effects[i];
        bool table = effect->kind == X64_EFFECT_PAGE_WALK || effect->kind == X64_EFFECT_TLB_FILL;
        bool same = effect->kind == X64_EFFECT_REGISTER && effect->index == X64_RIP;
        if (i >= moment->effect || table || same)
            continue;
        (void)x64i_view_effect_text(app->view, effect, text, sizeof text);
        length +=
            (size_t)snprintf(all + length, sizeof all - length, "%s%s", length ? "   " : "", text);
    }
    (void)x64i_draw_wrapped(app, area, y, X64I_COLOUR_QUIET, all);
}

static void draw_explanation(struct x64i_app *app)
{
    static const enum x64i_colour colours[] = {X64I_COLOUR_INK, X64I_COLOUR_GOOD, X64I_COLOUR_GOOD,
                                               X64I_COLOUR_BAD};
    static const char *const marks[] = {"", "? ", "= ", "! "};
    char text[X64I_LINE_NOTE_SIZE + 8];
    char place[160];
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    const struct x64i_trace_line *line = &moment->line;
    SDL_Rect area = app->layout.explain;
    const char *assembly = moment->at_end                  ? "(the end)"
                           : line->kind == X64_STEP_NATIVE ? "(mini-kernel)"
                           : line->assembly[0]             ? line->assembly
                                                           : "(no instruction)";
    x64i_canvas_clip(canvas, &area);
    int x = x64i_canvas_bold(canvas, area.x, area.y, X64I_COLOUR_INK, assembly);
    (void)snprintf(text, sizeof text, "   %s   ring %u%s%llu",
                   x64i_view_symbol(app->view, line->rip, place, sizeof place), line->cpl,
                   ", cycle ", (unsigned long long)line->cycle);
    (void)x64i_canvas_text(canvas, x, area.y, X64I_COLOUR_QUIET, text);
    int y = area.y + canvas->cell_height + 4;
    for (unsigned i = 0; i < line->note_count && !moment->at_end; i++) {
        const struct x64i_line_note *note = &line->notes[i];
        (void)snprintf(text, sizeof text, "%s%s", marks[note->kind & 3], note->text);
        y = x64i_draw_wrapped(app, area, y, colours[note->kind & 3], text);
    }
    if (!moment->at_end)
        x64i_draw_effects(app, area, y + 2);
    x64i_canvas_clip(canvas, NULL);
}

/* Thin lines between panels. */
static void draw_rules(struct x64i_app *app)
{
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_layout *l = &app->layout;
    int w = canvas->width;
    int top = l->code.y - PAD / 2;
    int bottom = l->timeline.y - PAD / 2;
    const SDL_Rect rules[] = {
        {0, l->explain.y - PAD / 2, w, 1},
        {0, top, w, 1},
        {0, bottom, w, 1},
        {l->registers.x - PAD, top, 1, bottom - top},
        {l->stacks.x - PAD, top, 1, bottom - top},
        {0, l->tables.y - PAD / 2, l->registers.x - PAD, 1},
        {l->checks.x - PAD, l->checks.y - PAD / 2, w, 1},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        x64i_canvas_fill(canvas, rules[i], X64I_COLOUR_RULE);
}

void x64i_app_draw(struct x64i_app *app)
{
    struct x64i_canvas *canvas = &app->canvas;
    app->hit_count = 0;
    x64i_canvas_clip(canvas, NULL);
    x64i_canvas_fill(canvas, (SDL_Rect){0, 0, canvas->width, canvas->height}, X64I_COLOUR_GROUND);
    if (app->duo) {
        x64i_duo_draw(app);
        x64i_draw_overlay(app);
        return;
    }
    draw_header(app);
    draw_explanation(app);
    if (!app->layout.tiny) {
        draw_rules(app);
        x64i_draw_code(app);
        x64i_draw_registers(app);
        x64i_draw_stacks(app);
        x64i_draw_tables(app);
        x64i_draw_checks(app);
        x64i_draw_timeline(app);
    }
    x64i_draw_overlay(app);
}
