/* SPDX-License-Identifier: MIT */
/* The middle of a comparison: one call's instructions in two columns, and two sets of registers. */
#include "view/window/duo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUTTER 3 /* characters between the columns */

/* A call's rows with a heading where a phase begins: line numbers, and what stands there. */
struct lines {
    const struct x64i_compare_view *compare;
    size_t row;
    bool heading;
};

static bool has_heading(const struct x64i_compare_view *compare, size_t row)
{
    return row == 0 || compare->row[row].phase != compare->row[row - 1].phase;
}

static size_t line_of(const struct x64i_compare_view *compare, size_t row)
{
    size_t line = row;
    for (size_t i = 0; i <= row && i < compare->row_count; i++)
        line += has_heading(compare, i);
    return line;
}

static void next_line(struct lines *lines)
{
    if (lines->heading)
        lines->heading = false;
    else
        lines->heading =
            ++lines->row < lines->compare->row_count && has_heading(lines->compare, lines->row);
}

/* The row that is kept in sight, and whether it is one that a side is at. */
static size_t row_in_sight(const struct x64i_compare_view *compare)
{
    const struct x64i_compare_at *at = &compare->at;
    if (at->side[at->lead].row != X64I_COMPARE_NOWHERE)
        return at->side[at->lead].row;
    return at->pair == X64I_COMPARE_NOWHERE || !compare->row_count ? 0 : compare->row_count - 1;
}

static SDL_Rect column_of(const struct x64i_app *app, SDL_Rect r, unsigned side)
{
    int gutter = GUTTER * app->canvas.cell_width;
    int width = (r.w - gutter) / 2;
    return (SDL_Rect){side ? r.x + width + gutter : r.x, r.y, width, r.h};
}

/* What a phase spends, at the right of its side of the heading. */
static void draw_heading(struct x64i_app *app, unsigned phase, SDL_Rect r)
{
    char text[80];
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_compare_view *compare = app->duo->compare;
    x64i_draw_phase_mark(app, r.x, r.y, 2 * canvas->cell_width, phase);
    int title = x64i_canvas_bold(canvas, r.x + 3 * canvas->cell_width, r.y, X64I_COLOUR_INK,
                                 x64i_phase_title((enum x64i_phase)phase));
    for (unsigned side = 0; side < 2; side++) {
        SDL_Rect column = column_of(app, r, side);
        const struct x64i_trip *trip = x64i_compare_trip(compare, compare->listed, side);
        const struct x64i_phase_cost *cost = trip ? &trip->cost[phase] : NULL;
        if (cost && cost->instructions)
            (void)snprintf(text, sizeof text, "%llu instr., %llu cycle%s",
                           (unsigned long long)cost->instructions, (unsigned long long)cost->cycles,
                           cost->cycles == 1 ? "" : "s");
        else
            (void)snprintf(text, sizeof text, "%s", trip && phase == X64I_PHASE_CALL ? "" : "none");
        int x = column.x + column.w - (int)strlen(text) * canvas->cell_width;
        if (side || x > title + canvas->cell_width)
            (void)x64i_canvas_text(canvas, x, r.y, X64I_COLOUR_QUIET, text);
    }
    x64i_canvas_fill(canvas, (SDL_Rect){r.x, r.y + r.h - 1, r.w, 1}, X64I_COLOUR_RULE);
}

static void draw_step(struct x64i_app *app, const struct x64i_trip_step *step, SDL_Rect r)
{
    char what[64];
    struct x64i_canvas *canvas = &app->canvas;
    int column = canvas->cell_width;
    const struct x64i_compare_at *at = &app->duo->compare->at;
    bool here = at->side[app->side].row != X64I_COMPARE_NOWHERE &&
                app->duo->compare->row[at->side[app->side].row].step[app->side] == step;
    if (here) {
        x64i_canvas_fill(canvas, r, X64I_COLOUR_CURRENT);
        x64i_canvas_arrow(canvas, r.x + 3, r.y + r.h / 2, 6, false,
                          at->lead == app->side ? X64I_COLOUR_INK : X64I_COLOUR_FAINT);
    }
    int x = r.x + 2 * column;
    int end = r.x + r.w;
    int behind = x64i_canvas_text_in(canvas, x, r.y, end - x, X64I_COLOUR_INK, here, step->text);
    (void)snprintf(what, sizeof what, "%s%s", step->writes ? "" : "<- ", step->what);
    x = end - (int)strlen(what) * column;
    if (step->what[0] && x > behind + column)
        (void)x64i_canvas_text(canvas, x, r.y, X64I_COLOUR_QUIET, what);
    x64i_draw_hit(app, &(struct x64i_hit){.rect = r,
                                          .kind = X64I_HIT_STEPS,
                                          .field = (uint8_t)step->phase,
                                          .linear = step->n,
                                          .to = step->n});
}

static void draw_row(struct x64i_app *app, const struct x64i_compare_row *row, SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    const char mark[2] = {x64i_duo_mark(row->step[0] != NULL, row->step[1] != NULL, row->same),
                          '\0'};
    for (unsigned side = 0; side < 2; side++) {
        SDL_Rect column = column_of(app, r, side);
        app->side = (uint8_t)side;
        if (row->step[side])
            draw_step(app, row->step[side], column);
        else
            x64i_canvas_hatch(canvas, column, X64I_COLOUR_RULE);
    }
    int x = r.x + (r.w - canvas->cell_width) / 2;
    (void)x64i_canvas_text_in(canvas, x, r.y, canvas->cell_width,
                              row->same ? X64I_COLOUR_QUIET : X64I_COLOUR_INK, !row->same, mark);
}

static void draw_listing_title(struct x64i_app *app, SDL_Rect *r)
{
    char text[X64I_TRIP_TITLE + 64];
    const struct x64i_compare_view *compare = app->duo->compare;
    const struct x64i_trip *a = x64i_compare_trip(compare, compare->listed, 0);
    const struct x64i_trip *b = x64i_compare_trip(compare, compare->listed, 1);
    (void)snprintf(text, sizeof text, "CALL %zu OF %zu  %s%s", compare->listed + 1,
                   compare->pair_count,
                   b   ? b->title
                   : a ? a->title
                       : "",
                   !a   ? "  only in B"
                   : !b ? "  only in A"
                        : "");
    for (char *at = text; *at; at++)
        *at = (char)((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e ? '?' : *at);
    x64i_draw_title(app, r, text);
}

void x64i_draw_listing(struct x64i_app *app)
{
    SDL_Rect r = app->duo->layout.listing;
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_compare_view *compare = app->duo->compare;
    struct lines lines = {.compare = compare, .heading = true};
    draw_listing_title(app, &r);
    if (!compare->row_count || r.h < canvas->cell_height)
        return;
    x64i_canvas_clip(canvas, &r);
    size_t room = (size_t)(r.h / canvas->cell_height);
    size_t all = line_of(compare, compare->row_count - 1) + 1;
    size_t current = line_of(compare, row_in_sight(compare));
    size_t top = current > room / 2 ? current - room / 2 : 0;
    if (top + room > all)
        top = all > room ? all - room : 0;
    for (size_t i = 0; i < top; i++)
        next_line(&lines);
    int y = r.y;
    for (size_t i = 0; i < room && lines.row < compare->row_count; i++, next_line(&lines)) {
        SDL_Rect line = {r.x, y, r.w, canvas->cell_height};
        if (lines.heading || i == 0)
            draw_heading(app, compare->row[lines.row].phase, line);
        else
            draw_row(app, &compare->row[lines.row], line);
        y += canvas->cell_height;
    }
    x64i_canvas_clip(canvas, NULL);
}

/* One side's value of a register, with what it was before the step where there is room. */
static void draw_field(struct x64i_app *app, unsigned field, SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    int column = canvas->cell_width;
    const struct x64i_view_moment *moment = x64i_view_moment(app->duo->compare->view[app->side]);
    uint64_t now = moment->now.value[field];
    uint64_t before = moment->before.value[field];
    bool known = moment->now.known >> field & 1;
    bool changed = known && now != before && moment->before.known >> field & 1;
    int right = app->side ? r.x + 16 * column : r.x + r.w;
    if (field == X64I_FIELD_RIP && now == before + moment->line.length)
        changed = false;
    if (changed)
        x64i_draw_glow(app, right, r.y, 16);
    if (!known) {
        (void)x64i_canvas_text(canvas, right - column, r.y, X64I_COLOUR_FAINT, "-");
        return;
    }
    x64i_draw_value(app, right, r.y, now, changed);
    int x = app->side ? right + column : r.x;
    if (changed)
        x64i_draw_old(app, (SDL_Rect){x, r.y, r.w - 17 * column, r.h}, app->side, before);
}

/* The registers that entries are about, the most important first: as many as there is room for. */
void x64i_draw_duo_fields(struct x64i_app *app)
{
    static const uint8_t fields[] = {
        X64I_FIELD_RSP, X64I_FIELD_CR3,    X64I_FIELD_GS_BASE, X64I_FIELD_KERNEL_GS_BASE,
        X64I_FIELD_RIP, X64I_FIELD_RAX,    X64I_FIELD_RCX,     X64I_FIELD_R11,
        X64I_FIELD_RDI, X64I_FIELD_RFLAGS, X64I_FIELD_CS,      X64I_FIELD_SS};
    SDL_Rect r = app->duo->layout.fields;
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_compare_view *compare = app->duo->compare;
    uint64_t differ =
        x64i_compare_fields(x64i_view_moment(compare->view[0]), x64i_view_moment(compare->view[1]));
    x64i_draw_title(app, &r, "REGISTERS   = the same on both sides, | not");
    x64i_canvas_clip(canvas, &r);
    int half = 11 * canvas->cell_width;
    int middle = r.x + r.w / 2;
    int y = r.y;
    for (size_t i = 0; i < sizeof fields && y + canvas->cell_height <= r.y + r.h; i++) {
        bool same = !(differ >> fields[i] & 1);
        const char *name = x64i_fields[fields[i]].name;
        SDL_Rect side[2] = {{r.x, y, middle - half - r.x, canvas->cell_height},
                            {middle + half, y, r.x + r.w - middle - half, canvas->cell_height}};
        for (unsigned s = 0; s < 2; s++) {
            app->side = (uint8_t)s;
            draw_field(app, fields[i], side[s]);
        }
        int x = middle - (int)strlen(name) * canvas->cell_width / 2;
        (void)x64i_canvas_text(canvas, x, y, X64I_COLOUR_QUIET, name);
        for (int s = -1; s <= 1; s += 2)
            (void)x64i_canvas_text_in(
                canvas, middle + s * 9 * canvas->cell_width - canvas->cell_width / 2, y,
                canvas->cell_width, same ? X64I_COLOUR_FAINT : X64I_COLOUR_INK, !same,
                same ? "=" : "|");
        x64i_draw_hit(app,
                      &(struct x64i_hit){.rect = {middle - half, y, 2 * half, canvas->cell_height},
                                         .kind = X64I_HIT_FIELD,
                                         .field = fields[i]});
        y += canvas->cell_height;
    }
    x64i_canvas_clip(canvas, NULL);
}
