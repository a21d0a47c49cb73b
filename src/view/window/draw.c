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
    int explain = 6 * row + PAD;
    int time = 4 * row + PAD + 6;
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
    int registers = (w < 180 * column ? 34 : 41) * column + 2 * PAD;
    int rest = w - registers;
    int code = rest * 38 / 100;
    int low = body >= 34 * row ? 8 * row + PAD : 6 * row + PAD;
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

void x64i_draw_said(struct x64i_app *app, int x, int y, int width)
{
    char text[X64I_APP_TEXT + 40];
    bool asks = app->asks_for != NULL;
    if (asks)
        (void)snprintf(text, sizeof text, "%s: %s_", x64i_command_find(app->asks_for)->prompt,
                       app->text);
    (void)x64i_canvas_text_in(&app->canvas, x, y, width, asks ? X64I_COLOUR_INK : X64I_COLOUR_GOOD,
                              asks, asks ? text : app->message);
}

static void draw_header(struct x64i_app *app)
{
    char text[200];
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    SDL_Rect r = app->layout.header;
    int right = app->layout.tiny ? r.x + r.w : x64i_draw_buttons(app, r.x + r.w, r.y + 2);
    (void)snprintf(text, sizeof text, "step %llu of %llu", (unsigned long long)moment->n,
                   (unsigned long long)moment->last);
    if (moment->effect < moment->effect_count)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), ", effect %u of %u",
                       moment->effect, moment->effect_count);
    int x = x64i_canvas_text_in(canvas, r.x, r.y + 2, right - r.x, X64I_COLOUR_INK, true,
                                app->layout.tiny ? text : app->title);
    if (app->layout.tiny) { /* no room for buttons: all of it is one */
        x64i_draw_hit(app,
                      &(struct x64i_hit){.rect = r, .kind = X64I_HIT_COMMAND, .command = "help"});
        return;
    }
    x = x64i_canvas_text_in(canvas, x + 24, r.y + 2, right - x - 24, X64I_COLOUR_QUIET, false,
                            text);
    if (!moment->exact)
        x = x64i_canvas_text_in(canvas, x + 24, r.y + 2, right - x - 24, X64I_COLOUR_BAD, false,
                                "not indexed yet: explained from nearby");
    x64i_draw_said(app, x + 24, r.y + 2, right - x - 24);
}

int x64i_draw_wrapped(struct x64i_app *app, SDL_Rect area, int y, enum x64i_colour colour,
                      const char *text)
{
    struct x64i_canvas *canvas = &app->canvas;
    int room = area.w / canvas->cell_width;
    char line[512];
    while (*text && y + canvas->cell_height <= area.y + area.h && room > 0) {
        size_t length = strlen(text);
        size_t take = length;
        if ((int)length > room) {
            take = (size_t)room;
            while (take > 1 && text[take] != ' ')
                take--;
            if (take <= 1)
                take = (size_t)room;
        }
        if (take >= sizeof line)
            take = sizeof line - 1;
        memcpy(line, text, take);
        line[take] = '\0';
        (void)x64i_canvas_text(canvas, area.x, y, colour, line);
        y += canvas->cell_height;
        text += take;
        while (*text == ' ')
            text++;
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
