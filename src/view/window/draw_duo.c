/* SPDX-License-Identifier: MIT */
/* Two runs side by side: where things are, what each side is at, and its stacks. */
#include "view/window/duo.h"

#include <stdio.h>
#include <string.h>

#define PAD    12
#define BODY   18 /* rows of stacks and listing before the table is shortened */
#define PHASES 6  /* rows of a shortened table */

static SDL_Rect inner(int x, int y, int width, int height)
{
    return (SDL_Rect){x + PAD, y + PAD / 2, width - 2 * PAD, height - PAD};
}

/* The stacks outside, one's listing and registers beside the other's in the middle. */
void x64i_duo_lay_out(struct x64i_app *app)
{
    struct x64i_duo_layout *l = &app->duo->layout;
    int w = app->canvas.width;
    int h = app->canvas.height;
    int row = app->canvas.cell_height;
    int column = app->canvas.cell_width;
    int head = row + PAD;
    *l = (struct x64i_duo_layout){.tiny = w < 90 * column || h < 34 * row};
    app->layout = (struct x64i_layout){.tiny = l->tiny};
    l->header = app->layout.header = inner(0, 0, w, head);
    int lines = l->tiny ? 2 : h < 50 * row ? 3 : 4;
    int heads = lines * row + PAD;
    for (int side = 0; side < 2; side++)
        l->head[side] = l->tiny ? inner(0, head + side * (h - head) / 2, w, (h - head) / 2)
                                : inner(side * w / 2, head, w / 2, heads);
    if (l->tiny)
        return;
    int bands = (h < 50 * row ? 5 : 6) * row + PAD;
    int top = head + heads;
    int rest = h - top - bands - 3 * row - PAD - 4;
    int phases = x64i_duo_phases(app->duo);
    l->phase_rows = rest / row - phases >= BODY ? phases : rest / row - BODY;
    l->phase_rows = l->phase_rows < PHASES ? PHASES : l->phase_rows;
    l->phase_rows = l->phase_rows > phases ? phases : l->phase_rows;
    int table = (l->phase_rows + 3) * row + PAD + 4;
    int body = h - top - table - bands;
    int stack = (w >= 180 * column ? 52 * column + 14 : 22 * column) + 2 * PAD;
    int registers = body >= 26 * row ? 12 : body >= 16 * row ? 6 : 4;
    int fields = registers * row + row + 3 + PAD;
    l->bands = inner(0, h - bands, w, bands);
    l->phases = inner(0, h - bands - table, w, table);
    l->stacks[0] = inner(0, top, stack, body);
    l->stacks[1] = inner(w - stack, top, stack, body);
    l->listing = inner(stack, top, w - 2 * stack, body - fields);
    l->fields = inner(stack, top + body - fields, w - 2 * stack, fields);
}

char x64i_duo_mark(bool first, bool second, bool same)
{
    if (first && second)
        return same ? '=' : '|';
    return (char)(first ? '<' : second ? '>' : ' ');
}

static void draw_header(struct x64i_app *app)
{
    char text[160];
    char typed[X64I_APP_TEXT + 40];
    const struct x64i_duo *duo = app->duo;
    const struct x64i_compare_at *at = &duo->compare->at;
    SDL_Rect r = duo->layout.header;
    int right = duo->layout.tiny ? r.x + r.w : x64i_draw_buttons(app, r.x + r.w, r.y + 2);
    const char *const match[] = {
        [X64I_MATCH_SAME] = "both do the same",
        [X64I_MATCH_BESIDE] = "same phase, another instruction",
        [X64I_MATCH_WAITS] = "waits: nothing beside this step",
        [X64I_MATCH_ABSENT] = "waits: has none of this",
        [X64I_MATCH_USER] = "outside calls: equally far in the program",
    };
    bool waits = at->match == X64I_MATCH_WAITS || at->match == X64I_MATCH_ABSENT;
    (void)snprintf(text, sizeof text, "%s%s",
                   !waits     ? ""
                   : at->lead ? "A "
                              : "B ",
                   match[at->match]);
    const struct x64i_heading parts[] = {
        {app->title, X64I_COLOUR_INK, true},
        {text, waits ? X64I_COLOUR_ENTRY : X64I_COLOUR_QUIET, false},
        {x64i_said(app, typed, sizeof typed), app->asks_for ? X64I_COLOUR_INK : X64I_COLOUR_GOOD,
         app->asks_for != NULL},
    };
    x64i_draw_heading(app, (SDL_Rect){r.x, r.y + 2, right - r.x - app->canvas.cell_width, r.h},
                      parts, sizeof parts / sizeof parts[0]);
}

static int draw_notes(struct x64i_app *app, SDL_Rect area, int y)
{
    static const enum x64i_colour colours[] = {X64I_COLOUR_INK, X64I_COLOUR_GOOD, X64I_COLOUR_GOOD,
                                               X64I_COLOUR_BAD};
    static const char *const marks[] = {"", "? ", "= ", "! "};
    char text[X64I_LINE_NOTE_SIZE + 8];
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    for (unsigned i = 0; i < moment->line.note_count && !moment->at_end; i++) {
        const struct x64i_line_note *note = &moment->line.notes[i];
        (void)snprintf(text, sizeof text, "%s%s", marks[note->kind & 3], note->text);
        y = x64i_draw_wrapped(app, area, y, colours[note->kind & 3], text);
    }
    return y;
}

/* Whose run it is, the step, its instruction, what it is for. */
static void draw_head(struct x64i_app *app, unsigned side)
{
    char text[240];
    char place[160];
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_compare_view *compare = app->duo->compare;
    const struct x64i_compare_side_at *at = &compare->at.side[side];
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    const struct x64i_trace_line *line = &moment->line;
    SDL_Rect r = app->duo->layout.head[side];
    bool leads = compare->at.lead == side;
    bool waits = compare->at.match == X64I_MATCH_WAITS || compare->at.match == X64I_MATCH_ABSENT;
    const char *assembly = moment->at_end                  ? "(the end)"
                           : line->kind == X64_STEP_NATIVE ? "(mini-kernel)"
                           : line->assembly[0]             ? line->assembly
                                                           : "(no instruction)";
    if (leads)
        x64i_canvas_fill(canvas, (SDL_Rect){r.x - 8, r.y, 3, canvas->cell_height - 1},
                         X64I_COLOUR_INK);
    x64i_canvas_clip(canvas, &r);
    (void)snprintf(text, sizeof text, "%c  %s", 'A' + side, app->duo->title[side]);
    int x = x64i_canvas_bold(canvas, r.x, r.y, X64I_COLOUR_INK, text);
    (void)snprintf(text, sizeof text, "   step %llu   %s%s", (unsigned long long)at->n,
                   at->phase < X64I_PHASE_COUNT ? x64i_phase_title((enum x64i_phase)at->phase)
                   : line->cpl == 3             ? "the program"
                                                : "kernel, in no call",
                   leads   ? "   leads"
                   : waits ? "   waits"
                           : "");
    (void)x64i_canvas_text(canvas, x, r.y,
                           leads   ? X64I_COLOUR_INK
                           : waits ? X64I_COLOUR_ENTRY
                                   : X64I_COLOUR_QUIET,
                           text);
    int y = r.y + canvas->cell_height;
    if (y + canvas->cell_height > r.y + r.h) {
        x64i_canvas_clip(canvas, NULL);
        return;
    }
    x = x64i_canvas_bold(canvas, r.x, y, X64I_COLOUR_INK, assembly);
    (void)snprintf(text, sizeof text, "   %s   ring %u, cycle %llu",
                   x64i_view_symbol(app->view, line->rip, place, sizeof place), line->cpl,
                   (unsigned long long)line->cycle);
    (void)x64i_canvas_text(canvas, x, y, X64I_COLOUR_QUIET, text);
    y = draw_notes(app, r, y + canvas->cell_height);
    if (!moment->at_end)
        x64i_draw_effects(app, r, y);
    x64i_canvas_clip(canvas, NULL);
}

/* Marks the words of this side's frames that differ from the other's of the same name: a stroke, as
 * in the listing. */
static void mark_slots(struct x64i_app *app, size_t from, unsigned side)
{
    const struct x64i_view_moment *mine = x64i_view_moment(app->duo->compare->view[side]);
    const struct x64i_view_moment *other = x64i_view_moment(app->duo->compare->view[!side]);
    for (size_t i = from; i < app->hit_count; i++)
        for (unsigned s = 0; s < mine->stack_count; s++) {
            const struct x64i_view_stack *stack = &mine->stack[s];
            unsigned at = 0;
            while (at < stack->count && stack->slot[at].linear != app->hit[i].linear)
                at++;
            if (at == stack->count || strncmp(stack->slot[at].name, "pt_regs", 7) != 0)
                continue;
            const struct x64i_view_slot *twin = x64i_compare_slot(&stack->slot[at], other);
            const SDL_Rect *r = &app->hit[i].rect;
            int x = r->x + r->w - 16 * app->canvas.cell_width - 9;
            if (twin && !x64i_compare_slots_agree(&stack->slot[at], twin))
                x64i_canvas_fill(&app->canvas, (SDL_Rect){x, r->y, 2, r->h - 1}, X64I_COLOUR_INK);
        }
}

static void draw_side(struct x64i_app *app, unsigned side)
{
    size_t hits = app->hit_count;
    app->side = (uint8_t)side;
    app->view = app->duo->compare->view[side];
    draw_head(app, side);
    if (app->duo->layout.tiny)
        return;
    app->layout.stacks = app->duo->layout.stacks[side];
    app->arrow_from_x = app->arrow_from_y = 0; /* no sliding: the sides would share the arrow */
    app->arrow_x = app->arrow_y = -2 * PAD;
    x64i_draw_stacks(app);
    mark_slots(app, hits, side);
}

static void draw_rules(struct x64i_app *app)
{
    const struct x64i_duo_layout *l = &app->duo->layout;
    int w = app->canvas.width;
    int top = l->listing.y - PAD / 2;
    int bottom = l->phases.y - PAD / 2;
    const SDL_Rect rules[] = {
        {0, l->head[0].y - PAD / 2, w, 1},
        {0, top, w, 1},
        {0, bottom, w, 1},
        {0, l->bands.y - PAD / 2, w, 1},
        {w / 2, l->head[0].y, 1, l->head[0].h},
        {l->listing.x - PAD, top, 1, bottom - top},
        {l->stacks[1].x - PAD, top, 1, bottom - top},
        {l->listing.x - PAD, l->fields.y - PAD / 2, l->listing.w + 2 * PAD, 1},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        x64i_canvas_fill(&app->canvas, rules[i], X64I_COLOUR_RULE);
}

void x64i_duo_draw(struct x64i_app *app)
{
    const struct x64i_compare_at *at = &app->duo->compare->at;
    draw_header(app);
    for (unsigned side = 0; side < 2; side++)
        draw_side(app, side);
    if (!app->duo->layout.tiny) {
        draw_rules(app);
        x64i_draw_listing(app);
        x64i_draw_duo_fields(app);
        x64i_draw_phases(app);
        x64i_draw_phase_bands(app);
    }
    app->side = (uint8_t)at->lead;
    app->view = app->duo->compare->view[at->lead];
}
