/* SPDX-License-Identifier: MIT */
/* Stacks as columns of words. */
#include "view/window/app.h"

#include <stdio.h>
#include <string.h>

#define GAP 14

/* Widths of columns, in characters. */
#define BARE_LEAST   19
#define NAMED_LEAST  22
#define NAMED_ENOUGH 27

/* pt_regs.ss is ss: the column says whose it is. */
static void short_name(const char *name, char *text, size_t size)
{
    if (strncmp(name, "pt_regs.", 8) == 0)
        (void)snprintf(text, size, "%s", name + 8);
    else if (strncmp(name, "pt_regs[1].", 11) == 0)
        (void)snprintf(text, size, "1.%s", name + 11);
    else if (strncmp(name, "entry_stack_top", 15) == 0)
        (void)snprintf(text, size, "%s", name + 15);
    else
        (void)snprintf(text, size, "%s", name);
}

static void draw_word(struct x64i_app *app, const struct x64i_view_slot *slot, SDL_Rect r)
{
    char text[20];
    struct x64i_canvas *canvas = &app->canvas;
    int width = 16 * canvas->cell_width;
    int x = r.x + r.w - width - 3;
    SDL_Rect box = {x - 3, r.y, width + 6, r.h - 1};
    if (slot->state == X64I_SLOT_RESERVED) {
        x64i_canvas_fill(canvas, box, X64I_COLOUR_PANEL);
        x64i_canvas_hatch(canvas, box, X64I_COLOUR_RULE);
        return;
    }
    if (slot->written)
        x64i_canvas_blend(canvas, box, X64I_COLOUR_ENTRY, X64I_COLOUR_CHANGED, app->phase);
    else if (slot->read)
        x64i_canvas_fill(canvas, box, X64I_COLOUR_READ);
    else if (slot->state == X64I_SLOT_HELD)
        x64i_canvas_fill(canvas, box, X64I_COLOUR_PANEL);
    if (slot->written) /* it flies in */
        x -= (256 - app->phase) * 5 * canvas->cell_width / 256;
    if (slot->known)
        (void)snprintf(text, sizeof text, "%016llx", (unsigned long long)slot->value);
    else
        (void)snprintf(text, sizeof text, "%16s", "not present");
    size_t zeros = slot->written || !slot->known ? 0 : strspn(text, "0");
    if (zeros > 15)
        zeros = 15;
    /* Of what was read the ground is too dark for the faintest ink. */
    enum x64i_colour faint = slot->read ? X64I_COLOUR_QUIET : X64I_COLOUR_FAINT;
    enum x64i_colour ink = slot->written                   ? X64I_COLOUR_CHANGED_INK
                           : slot->state == X64I_SLOT_FREE ? faint
                                                           : X64I_COLOUR_INK;
    (void)x64i_canvas_text_in(canvas, x, r.y, (int)zeros * canvas->cell_width, faint, false, text);
    (void)x64i_canvas_text_in(canvas, x + (int)zeros * canvas->cell_width, r.y, width, ink,
                              slot->written, text + zeros);
}

static void draw_slot(struct x64i_app *app, const struct x64i_view_slot *slot, SDL_Rect r)
{
    char name[X64I_LINE_NAME_SIZE];
    struct x64i_canvas *canvas = &app->canvas;
    int room = r.w - 16 * canvas->cell_width - 20;
    short_name(slot->name, name, sizeof name);
    if (slot->gap)
        for (int x = r.x; x < r.x + r.w; x += 6)
            x64i_canvas_fill(canvas, (SDL_Rect){x, r.y - 1, 3, 1}, X64I_COLOUR_QUIET);
    (void)x64i_canvas_text_in(canvas, r.x + 12, r.y, room,
                              slot->state == X64I_SLOT_FREE ? X64I_COLOUR_FAINT : X64I_COLOUR_QUIET,
                              slot->written, name);
    draw_word(app, slot, r);
    x64i_draw_hit(app,
                  &(struct x64i_hit){.rect = r,
                                     .kind = X64I_HIT_SLOT,
                                     .linear = slot->linear,
                                     .value = slot->value,
                                     .valued = slot->known,
                                     .writer_n = slot->has_writer ? slot->writer_n : UINT64_MAX});
}

static void draw_head(struct x64i_app *app, const struct x64i_view_stack *stack, SDL_Rect r)
{
    static const char *const titles[] = {"", "user", "entry", "kernel", "IST"};
    char text[40] = "";
    struct x64i_canvas *canvas = &app->canvas;
    enum x64i_colour colour = x64i_stack_colour(stack->kind);
    int x = x64i_canvas_bold(canvas, r.x, r.y, colour, titles[stack->kind % 5]);
    if (stack->rsp)
        (void)snprintf(text, sizeof text, "%s%llx", stack->active ? "rsp " : "was ",
                       (unsigned long long)stack->rsp);
    const char *shown = text;
    if (x + canvas->cell_width * (1 + (int)strlen(text)) > r.x + r.w && *text)
        shown += strcspn(text, " ") + 1; /* the address alone */
    int width = (int)strlen(shown) * canvas->cell_width;
    if (x + canvas->cell_width + width <= r.x + r.w)
        (void)x64i_canvas_text(canvas, r.x + r.w - width, r.y, X64I_COLOUR_QUIET, shown);
    x64i_canvas_fill(canvas, (SDL_Rect){r.x, r.y + canvas->cell_height, r.w, 2},
                     stack->active ? colour : X64I_COLOUR_RULE);
}

static void draw_column(struct x64i_app *app, const struct x64i_view_stack *stack, SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    int y = r.y + canvas->cell_height + 5;
    draw_head(app, stack, r);
    if (stack->active) {
        app->arrow_x = r.x;
        app->arrow_y = r.y + canvas->cell_height + 2;
    }
    for (unsigned i = 0; i < stack->count && y + canvas->cell_height <= r.y + r.h; i++) {
        const struct x64i_view_slot *slot = &stack->slot[i];
        draw_slot(app, slot, (SDL_Rect){r.x, y, r.w, canvas->cell_height});
        if (stack->active && slot->linear == (stack->rsp & ~UINT64_C(7)))
            app->arrow_y = y + canvas->cell_height / 2;
        y += canvas->cell_height;
    }
}

/* The columns that are drawn, by index of the moment's stacks. */
struct columns {
    bool drawn[4];
    int width[4];
};

/* The user's words have no names, and need no room for them. */
static bool has_names(const struct x64i_view_stack *stack)
{
    return stack->kind != X64_STACK_USER;
}

static int rank_of(const struct x64i_view_stack *stack)
{
    bool task = stack->kind == X64_STACK_KERNEL || stack->kind == X64_STACK_USER;
    return stack->active ? 3 : stack->kind == X64_STACK_KERNEL ? 2 : task;
}

/* As many as there is room for, the most important first: the active one, the kernel's, the user's.
 * Answers the room that is left. */
static int choose(const struct x64i_app *app, int room, struct columns *columns)
{
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    int count = 0;
    for (int rank = 3; rank >= 0; rank--)
        for (unsigned i = 0; i < moment->stack_count; i++) {
            const struct x64i_view_stack *stack = &moment->stack[i];
            int least = (has_names(stack) ? NAMED_LEAST : BARE_LEAST) * app->canvas.cell_width;
            int wanted = count ? least + GAP : least;
            if (rank_of(stack) != rank || (count && wanted > room))
                continue;
            columns->drawn[i] = true;
            columns->width[i] = least;
            room -= wanted;
            count++;
        }
    return room > 0 ? room : 0;
}

/* What is left goes to names until they have their room, then to all alike. */
static void widen(const struct x64i_app *app, int left, struct columns *columns)
{
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    int more = (NAMED_ENOUGH - NAMED_LEAST) * app->canvas.cell_width;
    int named = 0;
    int count = 0;
    for (unsigned i = 0; i < moment->stack_count; i++) {
        count += columns->drawn[i];
        named += columns->drawn[i] && has_names(&moment->stack[i]);
    }
    if (named && more * named > left)
        more = left / named;
    int share = count ? (left - named * more) / count : 0;
    for (unsigned i = 0; i < moment->stack_count; i++)
        columns->width[i] += share + (has_names(&moment->stack[i]) ? more : 0);
}

static void draw_arrow(struct x64i_app *app)
{
    int from_x = app->arrow_from_x ? app->arrow_from_x : app->arrow_x;
    int from_y = app->arrow_from_y ? app->arrow_from_y : app->arrow_y;
    x64i_canvas_arrow(&app->canvas, from_x + (app->arrow_x - from_x) * app->phase / 256,
                      from_y + (app->arrow_y - from_y) * app->phase / 256, 7, false,
                      X64I_COLOUR_INK);
}

void x64i_draw_stacks(struct x64i_app *app)
{
    SDL_Rect r = app->layout.stacks;
    struct columns columns = {0};
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    x64i_draw_title(app, &r, "STACKS");
    x64i_canvas_clip(&app->canvas, &r);
    widen(app, choose(app, r.w, &columns), &columns);
    int x = r.x;
    for (unsigned i = 0; i < moment->stack_count; i++) {
        if (!columns.drawn[i])
            continue;
        draw_column(app, &moment->stack[i], (SDL_Rect){x, r.y, columns.width[i], r.h});
        x += columns.width[i] + GAP;
    }
    draw_arrow(app);
    x64i_canvas_clip(&app->canvas, NULL);
}
