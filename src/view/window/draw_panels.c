/* SPDX-License-Identifier: MIT */
/* Code, page tables, checks. */
#include "view/window/app.h"

#include <stdio.h>
#include <string.h>

static bool has_breakpoint(const struct x64i_app *app, uint64_t linear)
{
    for (size_t i = 0; i < app->breakpoint_count; i++)
        if (app->breakpoint[i] == linear)
            return true;
    return false;
}

static void draw_code_line(struct x64i_app *app, const struct x64i_view_code_line *line, SDL_Rect r)
{
    char place[32];
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    bool kernel = line->linear >> 63;
    if (line->current)
        x64i_canvas_fill(canvas, r, X64I_COLOUR_CURRENT);
    x64i_canvas_fill(canvas, (SDL_Rect){r.x, r.y, 3, r.h},
                     kernel ? X64I_COLOUR_KERNEL : X64I_COLOUR_USER);
    x64i_canvas_fill(canvas, (SDL_Rect){r.x + 4, r.y, 2, r.h},
                     moment->tables.table[0].root && moment->tables.table[0].active
                         ? X64I_COLOUR_USER
                         : X64I_COLOUR_KERNEL);
    if (has_breakpoint(app, line->linear))
        x64i_canvas_fill(canvas, (SDL_Rect){r.x + 9, r.y + r.h / 2 - 3, 7, 7}, X64I_COLOUR_BAD);
    if (line->next)
        x64i_canvas_arrow(canvas, r.x + 20, r.y + r.h / 2, 6, false, X64I_COLOUR_INK);
    (void)snprintf(
        place, sizeof place, line->symbol ? "+%llx" : "%06llx",
        (unsigned long long)(line->symbol ? line->symbol_offset : line->linear & 0xffffff));
    int columns = r.w < 36 * canvas->cell_width ? 5 : 6;
    int x = r.x + 30 + canvas->cell_width * (columns - (int)strlen(place));
    (void)x64i_canvas_text(canvas, x, r.y, X64I_COLOUR_QUIET, place);
    x = r.x + 30 + (columns + 1) * canvas->cell_width;
    (void)x64i_draw_shortened(app, (SDL_Rect){x, r.y, r.x + r.w - x, r.h}, X64I_COLOUR_INK,
                              line->current, line->text);
    x64i_draw_hit(app,
                  &(struct x64i_hit){.rect = r, .kind = X64I_HIT_CODE, .linear = line->linear});
}

/* From the current line to where it branches, at the edge. */
static void draw_jump(struct x64i_app *app, int x, int from, int to)
{
    struct x64i_canvas *canvas = &app->canvas;
    int high = from < to ? from : to;
    int low = from < to ? to : from;
    x64i_canvas_fill(canvas, (SDL_Rect){x, high, 1, low - high}, X64I_COLOUR_QUIET);
    x64i_canvas_fill(canvas, (SDL_Rect){x, from, 6, 1}, X64I_COLOUR_QUIET);
    x64i_canvas_fill(canvas, (SDL_Rect){x, to, 4, 1}, X64I_COLOUR_QUIET);
    x64i_canvas_arrow(canvas, x + 4, to, 4, false, X64I_COLOUR_QUIET);
}

void x64i_draw_code(struct x64i_app *app)
{
    SDL_Rect r = app->layout.code;
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    const char *symbol = NULL;
    uint64_t target = 0;
    int from = 0;
    int to = 0;
    x64i_draw_title(app, &r, "CODE");
    x64i_canvas_clip(canvas, &r);
    for (unsigned i = 0; i < moment->code_count; i++)
        if (moment->code[i].current)
            target = moment->code[i].target;
    int y = r.y;
    for (unsigned i = 0; i < moment->code_count && y + canvas->cell_height <= r.y + r.h; i++) {
        const struct x64i_view_code_line *line = &moment->code[i];
        if (line->symbol && (!symbol || strcmp(line->symbol, symbol) != 0)) {
            (void)x64i_draw_shortened(app, (SDL_Rect){r.x + 10, y, r.w - 10, canvas->cell_height},
                                      X64I_COLOUR_QUIET, true, line->symbol);
            y += canvas->cell_height;
        }
        symbol = line->symbol;
        draw_code_line(app, line, (SDL_Rect){r.x, y, r.w, canvas->cell_height});
        from = line->current ? y + canvas->cell_height / 2 : from;
        to = line->linear == target ? y + canvas->cell_height / 2 : to;
        y += canvas->cell_height;
    }
    if (target && from && to && from != to)
        draw_jump(app, r.x + 27, from, to);
    x64i_canvas_clip(canvas, NULL);
}

/* The entries on the way, as many as there is room for; ".." for the others. */
static void draw_walk_steps(struct x64i_app *app, const struct x64i_table_walk *walk, SDL_Rect r)
{
    char text[200] = "";
    size_t length = 0;
    size_t room = (size_t)(r.w > 0 ? r.w / app->canvas.cell_width : 0);
    for (unsigned i = 0; i < walk->count; i++) {
        char step[32];
        size_t rest = i + 1 < walk->count ? strlen(" ..") : 0;
        int needed = snprintf(step, sizeof step, "%s%u:%llx", i ? " " : "", walk->step[i].level,
                              (unsigned long long)walk->step[i].entry);
        bool fits = length + (size_t)needed + rest <= room;
        length += (size_t)snprintf(text + length, sizeof text - length, "%s", fits ? step : " ..");
        if (!fits)
            break;
    }
    (void)x64i_canvas_text_in(&app->canvas, r.x, r.y, r.w, X64I_COLOUR_QUIET, false, text);
}

/* Whether and how a table translates the address, and the entries on the way there. Where there is
 * little room the words are short and the table's own address goes first. */
static void draw_walk(struct x64i_app *app, const struct x64i_view_table *table, const char *name,
                      SDL_Rect r)
{
    char text[64];
    char result[64];
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_table_walk *walk = &table->walk;
    unsigned long long root = table->root;
    unsigned long long physical = walk->physical;
    bool narrow = r.w < 36 * canvas->cell_width;
    const char rights[] = {walk->user ? 'u' : 's', walk->writable ? 'w' : '-',
                           walk->executable ? 'x' : '-', '\0'};
    SDL_Rect room = {r.x + 12, r.y, r.w - 12, r.h};
    if (table->active)
        x64i_canvas_arrow(canvas, r.x, r.y + r.h / 2, 6, false, X64I_COLOUR_INK);
    if (!walk->translates)
        (void)snprintf(result, sizeof result, narrow ? "nothing" : "no translation");
    else if (narrow)
        (void)snprintf(result, sizeof result, "%s %llx", rights, physical);
    else
        (void)snprintf(result, sizeof result, "-> %llx %s", physical, rights);
    (void)snprintf(text, sizeof text, narrow ? "%.4s %llx " : "%-6s %llx ", name, root);
    if ((int)(strlen(text) + strlen(result)) * canvas->cell_width > room.w)
        (void)snprintf(text, sizeof text, "%.4s ", name);
    int x = x64i_canvas_text_in(canvas, room.x, r.y, room.w, X64I_COLOUR_INK, table->active, text);
    room.w -= x - room.x;
    room.x = x;
    (void)x64i_draw_shortened(app, room, walk->translates ? X64I_COLOUR_GOOD : X64I_COLOUR_BAD,
                              false, result);
    draw_walk_steps(app, walk, (SDL_Rect){r.x + 12, r.y + canvas->cell_height, r.w - 12, r.h});
}

/* CR3, with as much of its parts as there is room for. */
static void draw_root(struct x64i_app *app, SDL_Rect r)
{
    char text[80];
    const struct x64i_view_tables *tables = &x64i_view_moment(app->view)->tables;
    unsigned long long base = tables->cr3 & X64I_TABLES_ROOT;
    const char *noflush = tables->noflush ? "  NOFLUSH" : "";
    enum x64i_colour ink = tables->written ? X64I_COLOUR_CHANGED_INK : X64I_COLOUR_INK;
    if (tables->written)
        x64i_canvas_fill(&app->canvas, (SDL_Rect){r.x - 3, r.y, r.w, r.h}, X64I_COLOUR_CHANGED);
    if (!tables->pcide)
        (void)snprintf(text, sizeof text, "cr3 base %llx", base);
    else if (r.w < 26 * app->canvas.cell_width)
        (void)snprintf(text, sizeof text, "cr3 %llx:%x%s", base, tables->pcid, noflush);
    else
        (void)snprintf(text, sizeof text, "cr3 base %llx  PCID %x%s", base, tables->pcid, noflush);
    (void)x64i_draw_shortened(app, r, ink, false, text);
}

/* Where there are too few rows, CR3 is left to the registers. */
void x64i_draw_tables(struct x64i_app *app)
{
    char text[40];
    SDL_Rect r = app->layout.tables;
    struct x64i_canvas *canvas = &app->canvas;
    int row = canvas->cell_height;
    const struct x64i_view_tables *tables = &x64i_view_moment(app->view)->tables;
    x64i_draw_title(app, &r, "PAGE TABLES");
    x64i_canvas_clip(canvas, &r);
    SDL_Rect line = {r.x, r.y, r.w, row};
    if (r.h >= 6 * row) {
        draw_root(app, line);
        line.y += row;
    }
    (void)snprintf(text, sizeof text, r.w < 24 * canvas->cell_width ? "%llx" : "address %llx",
                   (unsigned long long)tables->linear);
    (void)x64i_draw_shortened(app, line, X64I_COLOUR_QUIET, false, text);
    line.y += row;
    for (unsigned i = 0; i < 2; i++) {
        const struct x64i_view_table *table = &tables->table[i];
        if (!table->root)
            continue;
        draw_walk(app, table, i ? tables->table[0].root ? "kernel" : "both" : "user", line);
        line.y += 2 * row;
    }
    x64i_canvas_clip(canvas, NULL);
}

void x64i_draw_checks(struct x64i_app *app)
{
    static const char *const marks[] = {"[  ]", "[ok]", "[NO]"};
    static const char *const short_marks[] = {"- ", "ok", "NO"};
    static const enum x64i_colour colours[] = {X64I_COLOUR_QUIET, X64I_COLOUR_GOOD,
                                               X64I_COLOUR_BAD};
    char text[80];
    SDL_Rect r = app->layout.checks;
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    x64i_draw_title(app, &r, "BEFORE SYSRET");
    x64i_canvas_clip(canvas, &r);
    unsigned columns = r.w > 3 * 22 * canvas->cell_width ? 3 : 2;
    bool narrow = r.w < 2 * 22 * canvas->cell_width;
    int rows = (X64I_CHECK_COUNT - 1 + (int)columns - 1) / (int)columns;
    for (unsigned i = 1; i < X64I_CHECK_COUNT; i++) {
        unsigned result = moment->check[i] % 3;
        (void)snprintf(text, sizeof text, "%s %s", narrow ? short_marks[result] : marks[result],
                       x64i_check_names[i]);
        (void)x64i_canvas_text(canvas, r.x + (int)((i - 1) % columns) * (r.w / (int)columns),
                               r.y + (int)((i - 1) / columns) * canvas->cell_height,
                               colours[result], text);
    }
    if (moment->window) {
        static const char *const names[] = {"",    "RSP",         "GS",         "RSP and GS",
                                            "CR3", "RSP and CR3", "GS and CR3", "RSP, GS and CR3"};
        (void)snprintf(text, sizeof text, "! ring 0 with the user's %s", names[moment->window & 7]);
        SDL_Rect bar = {r.x - 4, r.y + (rows + 1) * canvas->cell_height - 1, r.w,
                        canvas->cell_height + 2};
        x64i_canvas_fill(canvas, (SDL_Rect){bar.x, bar.y, 3, bar.h}, X64I_COLOUR_BAD);
        (void)x64i_canvas_bold(canvas, r.x + 6, bar.y + 1, X64I_COLOUR_BAD, text);
    }
    x64i_canvas_clip(canvas, NULL);
}
