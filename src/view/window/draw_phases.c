/* SPDX-License-Identifier: MIT */
/* What the phases of a call spend on either side, as a table and as bars, and where they lie. */
#include "view/window/duo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TITLE 17 /* characters of a row's mark and title */

/* The way back has the way in's colours, and its letters in capitals. */
static const struct {
    char letter;
    uint8_t colour;
} marks[X64I_PHASE_COUNT] = {
    [X64I_PHASE_ENTER] = {'e', X64I_COLOUR_USER},
    [X64I_PHASE_SWITCH_CR3] = {'c', X64I_COLOUR_IST},
    [X64I_PHASE_SWITCH_STACK] = {'s', X64I_COLOUR_ENTRY},
    [X64I_PHASE_SAVE] = {'f', X64I_COLOUR_KERNEL},
    [X64I_PHASE_DISPATCH] = {'d', X64I_COLOUR_QUIET},
    [X64I_PHASE_CALL] = {'x', X64I_COLOUR_INK},
    [X64I_PHASE_LEAVE] = {'D', X64I_COLOUR_QUIET},
    [X64I_PHASE_CHECK] = {'?', X64I_COLOUR_GOOD},
    [X64I_PHASE_RESTORE] = {'F', X64I_COLOUR_KERNEL},
    [X64I_PHASE_STACK_BACK] = {'S', X64I_COLOUR_ENTRY},
    [X64I_PHASE_CR3_BACK] = {'C', X64I_COLOUR_IST},
    [X64I_PHASE_RETURN] = {'E', X64I_COLOUR_USER},
    [X64I_PHASE_MITIGATE] = {'m', X64I_COLOUR_BAD},
    [X64I_PHASE_NESTED] = {'i', X64I_COLOUR_FAINT},
};

static int width_of(const struct x64i_phase_column *column)
{
    return 2 + 2 * column->width + (column->difference ? column->width + 1 : 0);
}

void x64i_draw_phase_mark(struct x64i_app *app, int x, int y, int width, unsigned phase)
{
    struct x64i_canvas *canvas = &app->canvas;
    const char letter[2] = {phase < X64I_PHASE_COUNT ? marks[phase].letter : ' ', '\0'};
    SDL_Rect box = {x, y + 1, width, canvas->cell_height - 2};
    if (phase >= X64I_PHASE_COUNT || width < 1)
        return;
    x64i_canvas_fill(canvas, box, (enum x64i_colour)marks[phase].colour);
    if (width >= canvas->cell_width)
        (void)x64i_canvas_bold(canvas, x + (width - canvas->cell_width) / 2, y, X64I_COLOUR_GROUND,
                               letter);
}

/* A number that ends at `right`; nothing is a faint dot. */
static void draw_number(struct x64i_app *app, int right, int y, uint64_t value, bool bold)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    if (!value)
        (void)snprintf(text, sizeof text, ".");
    int x = right - (int)strlen(text) * app->canvas.cell_width;
    (void)x64i_canvas_text_in(&app->canvas, x, y, right - x,
                              value ? X64I_COLOUR_INK : X64I_COLOUR_FAINT, bold && value, text);
}

static void draw_difference(struct x64i_app *app, int right, int y, uint64_t a, uint64_t b)
{
    char text[24];
    if (a == b) {
        draw_number(app, right, y, 0, false);
        return;
    }
    (void)snprintf(text, sizeof text, "%c%llu", b > a ? '+' : '-',
                   (unsigned long long)(b > a ? b - a : a - b));
    int x = right - (int)strlen(text) * app->canvas.cell_width;
    (void)x64i_canvas_bold(&app->canvas, x, y, b > a ? X64I_COLOUR_KERNEL : X64I_COLOUR_GOOD, text);
}

/* Answers the x behind the last column. */
static int draw_costs(struct x64i_app *app, int x, int y, const struct x64i_phase_cost *cost[2],
                      bool bold)
{
    int cell = app->canvas.cell_width;
    for (size_t i = 0; i < X64I_PHASE_COLUMNS; i++) {
        const struct x64i_phase_column *column = &x64i_phase_columns[i];
        uint64_t a = x64i_phase_field(cost[0], column);
        uint64_t b = x64i_phase_field(cost[1], column);
        draw_number(app, x + (2 + column->width) * cell, y, a, bold);
        draw_number(app, x + (2 + 2 * column->width) * cell, y, b, bold);
        if (column->difference)
            draw_difference(app, x + width_of(column) * cell, y, a, b);
        x += width_of(column) * cell;
    }
    return x;
}

static int draw_headings(struct x64i_app *app, int x, int y)
{
    struct x64i_canvas *canvas = &app->canvas;
    int cell = canvas->cell_width;
    for (size_t i = 0; i < X64I_PHASE_COLUMNS; i++) {
        const struct x64i_phase_column *column = &x64i_phase_columns[i];
        int right = x + width_of(column) * cell;
        (void)x64i_canvas_bold(canvas, right - (int)strlen(column->title) * cell, y,
                               X64I_COLOUR_QUIET, column->title);
        int below = y + canvas->cell_height;
        (void)x64i_canvas_text(canvas, x + (1 + column->width) * cell, below, X64I_COLOUR_QUIET,
                               "A");
        (void)x64i_canvas_text(canvas, x + (1 + 2 * column->width) * cell, below, X64I_COLOUR_QUIET,
                               "B");
        if (column->difference)
            (void)x64i_canvas_text(canvas, right - 3 * cell, below, X64I_COLOUR_QUIET, "B-A");
        x = right;
    }
    return x;
}

/* Cycles as lengths: A's filled, B's hatched below it. */
static void draw_bars(struct x64i_app *app, SDL_Rect r, unsigned phase,
                      const struct x64i_phase_cost *cost[2], uint64_t most)
{
    struct x64i_canvas *canvas = &app->canvas;
    int height = (r.h - 3) / 2;
    for (unsigned side = 0; side < 2; side++) {
        int width = most ? (int)((double)cost[side]->cycles / (double)most * r.w) : 0;
        SDL_Rect bar = {r.x, r.y + 1 + (int)side * (height + 1), width, height};
        enum x64i_colour colour = (enum x64i_colour)marks[phase].colour;
        if (!width && cost[side]->cycles)
            bar.w = 1;
        if (!side) {
            x64i_canvas_fill(canvas, bar, colour);
            continue;
        }
        x64i_canvas_hatch(canvas, bar, colour);
        x64i_canvas_fill(canvas, (SDL_Rect){bar.x, bar.y, bar.w, 1}, colour);
        x64i_canvas_fill(canvas, (SDL_Rect){bar.x, bar.y + bar.h - 1, bar.w, 1}, colour);
        if (bar.w)
            x64i_canvas_fill(canvas, (SDL_Rect){bar.x + bar.w - 1, bar.y, 1, bar.h}, colour);
    }
}

/* What the table shows: the costs of the listed call, or of all. */
struct table {
    const struct x64i_phase_cost *cost[2]; /* [X64I_PHASE_COUNT] */
    const struct x64i_phase_cost *total[2];
    uint64_t most; /* cycles of a phase */
};

static struct table table_of(const struct x64i_duo *duo)
{
    static const struct x64i_phase_cost nothing[X64I_PHASE_COUNT];
    const struct x64i_compare_view *compare = duo->compare;
    struct table table;
    table.most = 0;
    for (unsigned side = 0; side < 2; side++) {
        const struct x64i_trip *trip = x64i_compare_trip(compare, compare->listed, side);
        table.cost[side] = duo->all_calls ? compare->sum.cost[side] : trip ? trip->cost : nothing;
        table.total[side] = duo->all_calls ? &compare->sum.total[side]
                            : trip         ? &trip->total
                                           : nothing;
        for (unsigned i = 0; i < X64I_PHASE_COUNT; i++)
            if (table.cost[side][i].cycles > table.most)
                table.most = table.cost[side][i].cycles;
    }
    return table;
}

static void draw_phase_row(struct x64i_app *app, const struct table *table, unsigned phase,
                           SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    int cell = canvas->cell_width;
    const struct x64i_compare_at *at = &app->duo->compare->at;
    const struct x64i_phase_cost *cost[2] = {&table->cost[0][phase], &table->cost[1][phase]};
    bool here = at->side[at->lead].phase == phase;
    const char mark[2] = {x64i_duo_mark(cost[0]->instructions || cost[0]->reads,
                                        cost[1]->instructions || cost[1]->reads,
                                        memcmp(cost[0], cost[1], sizeof *cost[0]) == 0),
                          '\0'};
    if (here)
        x64i_canvas_fill(canvas, r, X64I_COLOUR_CURRENT);
    x64i_draw_phase_mark(app, r.x, r.y, 2 * cell, phase);
    (void)x64i_canvas_text_in(canvas, r.x + 3 * cell, r.y, 14 * cell, X64I_COLOUR_INK, here,
                              x64i_phase_title((enum x64i_phase)phase));
    (void)x64i_canvas_text(canvas, r.x + TITLE * cell, r.y, X64I_COLOUR_QUIET, mark);
    int x = draw_costs(app, r.x + TITLE * cell, r.y, cost, here);
    int bars = r.x + r.w - x - 3 * cell;
    if (bars > 4 * cell)
        draw_bars(app, (SDL_Rect){x + 3 * cell, r.y, bars, r.h}, phase, cost, table->most);
    x64i_draw_hit(app,
                  &(struct x64i_hit){.rect = r, .kind = X64I_HIT_PHASE, .field = (uint8_t)phase});
}

static bool is_used(const struct x64i_compare_sum *sum, unsigned phase)
{
    return sum->cost[0][phase].instructions || sum->cost[1][phase].instructions;
}

int x64i_duo_phases(const struct x64i_duo *duo)
{
    int count = 0;
    for (unsigned i = 0; i < X64I_PHASE_COUNT; i++)
        count += is_used(&duo->compare->sum, i);
    return count;
}

/* The first row of a table that is shortened: the present phase is in its middle. */
static int first_row(const struct x64i_duo *duo)
{
    const struct x64i_compare_at *at = &duo->compare->at;
    int hidden = x64i_duo_phases(duo) - duo->layout.phase_rows;
    int present = 0;
    for (unsigned i = 0; i < X64I_PHASE_COUNT && i < at->side[at->lead].phase; i++)
        present += is_used(&duo->compare->sum, i);
    int first = present - duo->layout.phase_rows / 2;
    return first < 0 ? 0 : first > hidden ? hidden : first;
}

void x64i_draw_phases(struct x64i_app *app)
{
    char title[64];
    SDL_Rect r = app->duo->layout.phases;
    struct x64i_canvas *canvas = &app->canvas;
    int cell = canvas->cell_width;
    int row = canvas->cell_height;
    const struct x64i_compare_sum *sum = &app->duo->compare->sum;
    struct table table = table_of(app->duo);
    x64i_canvas_clip(canvas, &r);
    int first = first_row(app->duo);
    int rows = app->duo->layout.phase_rows;
    (void)x64i_canvas_bold(canvas, r.x, r.y, X64I_COLOUR_QUIET,
                           app->duo->all_calls ? "PHASES, ALL CALLS" : "PHASES, THIS CALL");
    (void)snprintf(title, sizeof title, "%d-%d of %d", first + 1, first + rows,
                   x64i_duo_phases(app->duo));
    if (rows < x64i_duo_phases(app->duo))
        (void)x64i_canvas_text(canvas, r.x, r.y + row, X64I_COLOUR_QUIET, title);
    int x = draw_headings(app, r.x + TITLE * cell, r.y);
    if (r.x + r.w - x > 30 * cell)
        (void)x64i_canvas_text(canvas, x + 3 * cell, r.y + row, X64I_COLOUR_QUIET,
                               "cycles: A filled, B hatched");
    int y = r.y + 2 * row + 2;
    int nth = 0;
    for (unsigned i = 0; i < X64I_PHASE_COUNT; i++) {
        if (!is_used(sum, i) || nth++ < first || nth > first + rows)
            continue;
        draw_phase_row(app, &table, i, (SDL_Rect){r.x, y, r.w, row});
        y += row;
    }
    x64i_canvas_fill(canvas, (SDL_Rect){r.x, y, x - r.x, 1}, X64I_COLOUR_RULE);
    (void)x64i_canvas_bold(canvas, r.x + 3 * cell, y + 1, X64I_COLOUR_INK, "total");
    (void)draw_costs(app, r.x + TITLE * cell, y + 1, table.total, true);
    x64i_canvas_clip(canvas, NULL);
}

/* The bands: steps of the listed call as lengths, on one scale for both sides. */
struct bands {
    SDL_Rect band[2];
    double scale; /* pixels a step */
};

static uint64_t steps_of(const struct x64i_compare_view *compare, unsigned side)
{
    const struct x64i_trip *trip = x64i_compare_trip(compare, compare->listed, side);
    return trip ? trip->last_n - trip->first_n + 1 : 0;
}

static int x_of(const struct x64i_app *app, const struct bands *bands, unsigned side, uint64_t n)
{
    const struct x64i_compare_view *compare = app->duo->compare;
    const struct x64i_trip *trip = x64i_compare_trip(compare, compare->listed, side);
    return bands->band[side].x + (int)((double)(n - trip->first_n) * bands->scale);
}

static void draw_band(struct x64i_app *app, const struct bands *bands, unsigned side)
{
    const char name[2] = {(char)('A' + side), '\0'};
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_compare_view *compare = app->duo->compare;
    const struct x64i_trip *trip = x64i_compare_trip(compare, compare->listed, side);
    SDL_Rect r = bands->band[side];
    app->side = (uint8_t)side;
    (void)x64i_canvas_bold(canvas, r.x - 2 * canvas->cell_width, r.y, X64I_COLOUR_INK, name);
    for (size_t i = 0; trip && i < trip->stretch_count; i++) {
        const struct x64i_trip_stretch *stretch =
            &compare->trips[side]->stretch[trip->first_stretch + i];
        uint64_t end = i + 1 < trip->stretch_count ? stretch[1].n : trip->last_n + 1;
        int x = x_of(app, bands, side, stretch->n);
        int width = x_of(app, bands, side, end) - x;
        x64i_draw_phase_mark(app, x, r.y, width > 2 ? width - 1 : width, stretch->phase);
        x64i_draw_hit(app, &(struct x64i_hit){.rect = {x, r.y, width, r.h},
                                              .kind = X64I_HIT_STEPS,
                                              .field = stretch->phase,
                                              .linear = stretch->n,
                                              .to = end - 1});
    }
}

static void draw_line(struct x64i_canvas *canvas, int x, int y, int to_x, int to_y)
{
    int steps = abs(to_x - x) > to_y - y ? abs(to_x - x) : to_y - y;
    for (int i = 0; i <= steps && steps > 0; i++)
        x64i_canvas_fill(canvas,
                         (SDL_Rect){x + (to_x - x) * i / steps, y + (to_y - y) * i / steps, 1, 1},
                         X64I_COLOUR_FAINT);
}

/* From where a phase begins on one side to where it begins on the other. */
static void draw_links(struct x64i_app *app, const struct bands *bands)
{
    const struct x64i_compare_view *compare = app->duo->compare;
    const struct x64i_trip *a = x64i_compare_trip(compare, compare->listed, 0);
    const struct x64i_trip *b = x64i_compare_trip(compare, compare->listed, 1);
    size_t next = 0;
    for (size_t i = 0; a && b && i < a->stretch_count; i++) {
        const struct x64i_trip_stretch *left = &compare->trips[0]->stretch[a->first_stretch + i];
        const struct x64i_trip_stretch *right = &compare->trips[1]->stretch[b->first_stretch];
        size_t at = next;
        while (at < b->stretch_count && right[at].phase != left->phase)
            at++;
        if (at == b->stretch_count)
            continue;
        next = at + 1;
        draw_line(&app->canvas, x_of(app, bands, 0, left->n),
                  bands->band[0].y + bands->band[0].h + 1, x_of(app, bands, 1, right[at].n),
                  bands->band[1].y - 2);
    }
}

/* Where a side stands: a triangle on its band. */
static void draw_position(struct x64i_app *app, const struct bands *bands, unsigned side)
{
    const struct x64i_compare_view *compare = app->duo->compare;
    const struct x64i_compare_side_at *at = &compare->at.side[side];
    const struct x64i_trip *trip = x64i_compare_trip(compare, compare->listed, side);
    const SDL_Rect *r = &bands->band[side];
    if (!trip || at->n < trip->first_n || at->n > trip->last_n)
        return;
    int x = x_of(app, bands, side, at->n) + (int)(bands->scale / 2);
    enum x64i_colour colour = compare->at.lead == side ? X64I_COLOUR_INK : X64I_COLOUR_FAINT;
    x64i_canvas_arrow(&app->canvas, x, r->y - 8, 7, true, colour);
    x64i_canvas_fill(&app->canvas, (SDL_Rect){x, r->y - 2, 1, r->h + 3}, X64I_COLOUR_GROUND);
}

/* All calls by name, the one that is shown between brackets. */
static void draw_calls(struct x64i_app *app, SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_compare_view *compare = app->duo->compare;
    size_t first = compare->listed > 4 ? compare->listed - 4 : 0;
    int x = x64i_canvas_bold(canvas, r.x, r.y, X64I_COLOUR_QUIET, "CALLS") + canvas->cell_width;
    for (size_t i = first; i < compare->pair_count && x < r.x + r.w; i++) {
        char text[X64I_TRIP_NAME + 24];
        const struct x64i_trip *a = x64i_compare_trip(compare, i, 0);
        const struct x64i_trip *b = x64i_compare_trip(compare, i, 1);
        const struct x64i_trip *trip = a ? a : b;
        bool here = i == compare->listed;
        (void)snprintf(text, sizeof text, "%c%s%s%c", here ? '[' : ' ',
                       trip->name[0] ? trip->name : "no such call",
                       !a   ? " (B)"
                       : !b ? " (A)"
                            : "",
                       here ? ']' : ' ');
        int from = x;
        x = x64i_canvas_text_in(canvas, x, r.y, r.x + r.w - x,
                                here ? X64I_COLOUR_INK : X64I_COLOUR_QUIET, here, text);
        app->side = a && b ? (uint8_t)compare->at.lead : a ? 0 : 1;
        trip = x64i_compare_trip(compare, i, app->side);
        x64i_draw_hit(app, &(struct x64i_hit){.rect = {from, r.y, x - from, r.h},
                                              .kind = X64I_HIT_STEPS,
                                              .linear = trip->first_n,
                                              .to = trip->first_n});
        x += canvas->cell_width;
    }
}

void x64i_draw_phase_bands(struct x64i_app *app)
{
    SDL_Rect r = app->duo->layout.bands;
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_compare_view *compare = app->duo->compare;
    int row = canvas->cell_height;
    int left = r.x + 3 * canvas->cell_width;
    uint64_t most =
        steps_of(compare, 0) > steps_of(compare, 1) ? steps_of(compare, 0) : steps_of(compare, 1);
    struct bands bands = {.scale = (double)(r.w - 3 * canvas->cell_width) / (double)most};
    if (!most)
        return;
    x64i_canvas_clip(canvas, &r);
    draw_calls(app, (SDL_Rect){r.x, r.y, r.w, row});
    for (unsigned side = 0; side < 2; side++) {
        int y = side ? r.y + r.h - row : r.y + row + row / 2 + 4;
        bands.band[side] = (SDL_Rect){left, y, r.x + r.w - left, row};
        draw_band(app, &bands, side);
    }
    draw_links(app, &bands);
    for (unsigned side = 0; side < 2; side++)
        draw_position(app, &bands, side);
    x64i_canvas_clip(canvas, NULL);
}
