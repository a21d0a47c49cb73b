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
    (void)x64i_canvas_text_in(canvas, x, r.y, r.x + r.w - x, X64I_COLOUR_INK, line->current,
                              line->text);
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
            (void)x64i_canvas_text_in(canvas, r.x + 10, y, r.w - 10, X64I_COLOUR_QUIET, true,
                                      line->symbol);
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

/* Whether and how a table translates the address, and the entries on the way there. Where there is
 * little room the words are short, and rights come before what may be cut off. */
static void draw_walk(struct x64i_app *app, const struct x64i_view_table *table, const char *name,
                      SDL_Rect r)
{
    char text[200];
    char rights[4] = "";
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_table_walk *walk = &table->walk;
    unsigned long long root = table->root;
    unsigned long long physical = walk->physical;
    bool narrow = r.w < 36 * canvas->cell_width;
    if (table->active)
        x64i_canvas_arrow(canvas, r.x, r.y + r.h / 2, 6, false, X64I_COLOUR_INK);
    (void)snprintf(text, sizeof text, narrow ? "%.4s %llx " : "%-6s %llx ", name, root);
    int x = x64i_canvas_text_in(canvas, r.x + 12, r.y, r.w, X64I_COLOUR_INK, table->active, text);
    (void)snprintf(rights, sizeof rights, "%c%c%c", walk->user ? 'u' : 's',
                   walk->writable ? 'w' : '-', walk->executable ? 'x' : '-');
    if (!walk->translates)
        (void)snprintf(text, sizeof text, narrow ? "nothing" : "no translation");
    else if (narrow)
        (void)snprintf(text, sizeof text, "%s %llx", rights, physical);
    else
        (void)snprintf(text, sizeof text, "-> %llx %s", physical, rights);
    (void)x64i_canvas_text(canvas, x, r.y, walk->translates ? X64I_COLOUR_GOOD : X64I_COLOUR_BAD,
                           text);
    size_t length = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < walk->count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%u:%llx ",
                                   walk->step[i].level, (unsigned long long)walk->step[i].entry);
    (void)x64i_canvas_text_in(canvas, r.x + 12, r.y + canvas->cell_height, r.w - 12,
                              X64I_COLOUR_QUIET, false, text);
}

void x64i_draw_tables(struct x64i_app *app)
{
    char text[160];
    SDL_Rect r = app->layout.tables;
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_view_tables *tables = &x64i_view_moment(app->view)->tables;
    x64i_draw_title(app, &r, "PAGE TABLES");
    x64i_canvas_clip(canvas, &r);
    if (tables->pcide)
        (void)snprintf(text, sizeof text, "cr3 base %llx  PCID %x%s",
                       (unsigned long long)(tables->cr3 & X64I_TABLES_ROOT), tables->pcid,
                       tables->noflush ? "  NOFLUSH" : "");
    else
        (void)snprintf(text, sizeof text, "cr3 base %llx",
                       (unsigned long long)(tables->cr3 & X64I_TABLES_ROOT));
    if (tables->written)
        x64i_canvas_fill(canvas, (SDL_Rect){r.x - 3, r.y, r.w, canvas->cell_height},
                         X64I_COLOUR_CHANGED);
    (void)x64i_canvas_text(canvas, r.x, r.y,
                           tables->written ? X64I_COLOUR_CHANGED_INK : X64I_COLOUR_INK, text);
    (void)snprintf(text, sizeof text, "address %llx", (unsigned long long)tables->linear);
    (void)x64i_canvas_text(canvas, r.x, r.y + canvas->cell_height, X64I_COLOUR_QUIET, text);
    int y = r.y + 2 * canvas->cell_height;
    for (unsigned i = 0; i < 2; i++) {
        const struct x64i_view_table *table = &tables->table[i];
        if (!table->root)
            continue;
        draw_walk(app, table, i ? tables->table[0].root ? "kernel" : "both" : "user",
                  (SDL_Rect){r.x, y, r.w, canvas->cell_height});
        y += 2 * canvas->cell_height;
    }
    x64i_canvas_clip(canvas, NULL);
}

void x64i_draw_checks(struct x64i_app *app)
{
    static const char *const marks[] = {"  ", "ok", "NO"};
    static const enum x64i_colour colours[] = {X64I_COLOUR_QUIET, X64I_COLOUR_GOOD,
                                               X64I_COLOUR_BAD};
    char text[80];
    SDL_Rect r = app->layout.checks;
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    x64i_draw_title(app, &r, "BEFORE SYSRET");
    x64i_canvas_clip(canvas, &r);
    unsigned columns = r.w > 3 * 22 * canvas->cell_width ? 3 : 2;
    int rows = (X64I_CHECK_COUNT - 1 + (int)columns - 1) / (int)columns;
    for (unsigned i = 1; i < X64I_CHECK_COUNT; i++) {
        unsigned result = moment->check[i] % 3;
        (void)snprintf(text, sizeof text, "[%s] %s", marks[result], x64i_check_names[i]);
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
