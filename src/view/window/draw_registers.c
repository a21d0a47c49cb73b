/* SPDX-License-Identifier: MIT */
/*
 * The registers. Which of them stand where is a table, registers.def; it does not depend on their
 * values, so that each keeps its place from step to step.
 */
#include "view/window/app.h"

#include <stdio.h>
#include <string.h>

#define DIGITS   16
#define MAX_RANK 4

enum row_kind {
    ROW_ONE,       /* a register, its old value beside the new one */
    ROW_PAIR,      /* two in a row: where there is no room for both, a row each */
    ROW_FLAGS,     /* RFLAGS by letter */
    ROW_SELECTORS, /* those from `left` on */
    ROW_SWAPPED,   /* what SWAPGS exchanges, side by side below their names */
    ROW_CAPTION    /* of what follows */
};

struct row {
    uint8_t kind; /* enum row_kind */
    uint8_t rank;
    bool gap;            /* before it */
    uint8_t left, right; /* enum x64i_field */
};

#define X64I_FIELD_NONE X64I_FIELD_COUNT
#define CLOSE           false
#define GAP             true

#define X64I_ROW(kind, left, right, rank, before) \
    {ROW_##kind, rank, before, X64I_FIELD_##left, X64I_FIELD_##right},

static const struct row tall_rows[] = {
#define X64I_TALL X64I_ROW
#define X64I_LOW(...)
#include "view/window/registers.def"
#undef X64I_TALL
#undef X64I_LOW
};

static const struct row low_rows[] = {
#define X64I_TALL(...)
#define X64I_LOW X64I_ROW
#include "view/window/registers.def"
#undef X64I_TALL
#undef X64I_LOW
};

/* How the panel is drawn now. */
struct plan {
    const struct row *rows;
    size_t count;
    uint8_t rank; /* the highest that is drawn */
    size_t more;  /* of the rows before this one, the next higher too */
    int gap;      /* pixels between groups */
    bool narrow;  /* pairs do not fit */
};

static const struct x64i_view_moment *now(const struct x64i_app *app)
{
    return x64i_view_moment(app->view);
}

static bool is_known(const struct x64i_app *app, unsigned field)
{
    return field < X64I_FIELD_COUNT && now(app)->now.known >> field & 1;
}

/* RIP that goes on to the next instruction is no news. */
static bool has_changed(const struct x64i_app *app, unsigned field)
{
    const struct x64i_view_moment *moment = now(app);
    uint64_t before = moment->before.value[field];
    uint64_t value = moment->now.value[field];
    if (field == X64I_FIELD_RIP && value == before + moment->line.length)
        return false;
    return value != before && moment->before.known >> field & 1;
}

static void draw_digits(struct x64i_app *app, int right, int y, uint64_t value, int digits,
                        bool changed)
{
    char text[20];
    struct x64i_canvas *canvas = &app->canvas;
    int x = right - digits * canvas->cell_width;
    (void)snprintf(text, sizeof text, "%0*llx", digits, (unsigned long long)value);
    size_t zeros = strspn(text, "0");
    if (zeros == strlen(text))
        zeros--;
    if (!changed)
        (void)x64i_canvas_text_in(canvas, x, y, (int)zeros * canvas->cell_width, X64I_COLOUR_FAINT,
                                  false, text);
    (void)x64i_canvas_text_in(canvas, x + (int)zeros * canvas->cell_width, y, 200,
                              changed ? X64I_COLOUR_CHANGED_INK : X64I_COLOUR_INK, changed,
                              text + zeros);
}

void x64i_draw_value(struct x64i_app *app, int right, int y, uint64_t value, bool changed)
{
    draw_digits(app, right, y, value, DIGITS, changed);
}

void x64i_draw_glow(struct x64i_app *app, int right, int y, int digits)
{
    struct x64i_canvas *canvas = &app->canvas;
    int width = digits * canvas->cell_width;
    x64i_canvas_blend(canvas, (SDL_Rect){right - width - 3, y, width + 6, canvas->cell_height},
                      X64I_COLOUR_ENTRY, X64I_COLOUR_CHANGED, app->phase);
}

void x64i_draw_old(struct x64i_app *app, SDL_Rect room, bool leftmost, uint64_t value)
{
    char text[20];
    struct x64i_canvas *canvas = &app->canvas;
    int width = snprintf(text, sizeof text, "%llx", (unsigned long long)value) * canvas->cell_width;
    int x = leftmost ? room.x : room.x + room.w - width;
    if (width > room.w)
        return;
    (void)x64i_canvas_text(canvas, x, room.y, X64I_COLOUR_FAINT, text);
    x64i_canvas_fill(canvas, (SDL_Rect){x, room.y + canvas->cell_height / 2, width, 1},
                     X64I_COLOUR_FAINT);
}

static void list_field(struct x64i_app *app, unsigned field, SDL_Rect r)
{
    x64i_draw_hit(app, &(struct x64i_hit){.rect = r,
                                          .kind = X64I_HIT_FIELD,
                                          .field = (uint8_t)field,
                                          .value = now(app)->now.value[field],
                                          .valued = true});
}

/* As many digits as leave room for the name, or all where the value needs them. */
static int digits_beside(const struct x64i_app *app, const char *name, unsigned field, int width)
{
    int digits = width / app->canvas.cell_width - (int)strlen(name) - 1;
    bool enough = digits > 0 && digits < DIGITS &&
                  !((now(app)->now.value[field] | now(app)->before.value[field]) >> 4 * digits);
    return enough ? digits : DIGITS;
}

static void draw_field(struct x64i_app *app, const char *name, unsigned field, SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    int right = r.x + r.w;
    int digits = digits_beside(app, name, field, r.w);
    int named = (int)strlen(name) * canvas->cell_width;
    bool changed = has_changed(app, field);
    (void)x64i_canvas_text_in(canvas, r.x, r.y, r.w, X64I_COLOUR_QUIET, false, name);
    if (changed) {
        int room = r.w - named - (digits + 3) * canvas->cell_width;
        x64i_draw_glow(app, right, r.y, digits);
        x64i_draw_old(app, (SDL_Rect){r.x + named + 2 * canvas->cell_width, r.y, room, r.h}, false,
                      now(app)->before.value[field]);
    }
    draw_digits(app, right, r.y, now(app)->now.value[field], digits, changed);
    list_field(app, field, r);
}

/* In half a row the group's name is left out: tss.ist1 is ist1. */
static const char *short_name(unsigned field)
{
    const char *name = x64i_fields[field].name;
    return strncmp(name, "tss.", 4) == 0 ? name + 4 : name;
}

static SDL_Rect half_of(const struct x64i_app *app, SDL_Rect r, bool second)
{
    int width = (r.w - 2 * app->canvas.cell_width) / 2;
    return (SDL_Rect){second ? r.x + r.w - width : r.x, r.y, width, app->canvas.cell_height};
}

static void draw_pair(struct x64i_app *app, const struct row *row, SDL_Rect r)
{
    bool alone = row->right == X64I_FIELD_NONE;
    for (unsigned i = 0; i < 2; i++) {
        unsigned field = i ? row->right : row->left;
        if (is_known(app, field))
            draw_field(app, short_name(field), field, alone ? r : half_of(app, r, i));
    }
}

static void draw_flags(struct x64i_app *app, SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    uint64_t value = now(app)->now.value[X64I_FIELD_RFLAGS];
    uint64_t flipped = value ^ now(app)->before.value[X64I_FIELD_RFLAGS];
    int x = r.x + canvas->cell_width;
    for (const struct x64i_flag_row *row = x64i_flag_rows; row->name; row++) {
        bool on = value >> row->bit & 1;
        SDL_Rect box = {x - 2, r.y, 2 * canvas->cell_width + 4, r.h};
        if (flipped >> row->bit & 1)
            x64i_canvas_fill(canvas, box, X64I_COLOUR_CHANGED);
        (void)x64i_canvas_text_in(canvas, x, r.y, 60, on ? X64I_COLOUR_INK : X64I_COLOUR_FAINT, on,
                                  row->name);
        x64i_draw_hit(app, &(struct x64i_hit){.rect = box,
                                              .kind = X64I_HIT_FLAG,
                                              .field = (uint8_t)(row - x64i_flag_rows)});
        x += 3 * canvas->cell_width;
    }
}

/* cs 33  ss 2b  ds 0 ... : six in a row, or three in each of two. */
static void draw_selectors(struct x64i_app *app, const struct row *row, bool narrow, SDL_Rect r)
{
    char text[12];
    struct x64i_canvas *canvas = &app->canvas;
    int columns = narrow ? 3 : row->right - row->left + 1;
    int width = (r.w + canvas->cell_width) / columns;
    for (int i = 0; row->left + i <= row->right; i++) {
        unsigned field = row->left + (unsigned)i;
        SDL_Rect cell = {r.x + i % columns * width, r.y + i / columns * canvas->cell_height,
                         width - canvas->cell_width, canvas->cell_height};
        bool changed = has_changed(app, field);
        int length = snprintf(text, sizeof text, "%llx",
                              (unsigned long long)(now(app)->now.value[field] & 0xffff));
        int x =
            x64i_canvas_text(canvas, cell.x, cell.y, X64I_COLOUR_QUIET, x64i_fields[field].name) +
            canvas->cell_width;
        if (changed)
            x64i_draw_glow(app, x + length * canvas->cell_width, cell.y, length);
        (void)x64i_canvas_text_in(canvas, x, cell.y, canvas->width,
                                  changed ? X64I_COLOUR_CHANGED_INK : X64I_COLOUR_INK, changed,
                                  text);
        list_field(app, field, cell);
    }
}

/* Values that SWAPGS has just exchanged slide to their new places. */
static void draw_swapped(struct x64i_app *app, const struct row *row, SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    const struct x64i_view_moment *moment = now(app);
    const unsigned fields[2] = {row->left, row->right};
    bool swaps = has_changed(app, row->left) && has_changed(app, row->right) &&
                 moment->now.value[row->left] == moment->before.value[row->right];
    for (unsigned i = 0; i < 2; i++) {
        SDL_Rect half = half_of(app, r, i);
        int away = swaps ? half_of(app, r, !i).x - half.x : 0;
        int right = half.x + half.w + away * (256 - app->phase) / 256;
        bool changed = has_changed(app, fields[i]);
        (void)x64i_canvas_text_in(canvas, half.x, half.y, half.w, X64I_COLOUR_QUIET, false,
                                  x64i_fields[fields[i]].name);
        if (changed)
            x64i_draw_glow(app, right, r.y + canvas->cell_height, DIGITS);
        draw_digits(app, right, r.y + canvas->cell_height, moment->now.value[fields[i]], DIGITS,
                    changed);
        half.h = 2 * canvas->cell_height;
        list_field(app, fields[i], half);
    }
}

/* In lines of text. */
static int lines_of(const struct x64i_app *app, const struct plan *plan, const struct row *row)
{
    bool left = is_known(app, row->left);
    bool right = is_known(app, row->right);
    if (row->rank > plan->rank + (row < plan->rows + plan->more))
        return 0;
    if (row->kind == ROW_SWAPPED)
        return 2;
    if (row->kind == ROW_SELECTORS)
        return plan->narrow ? 2 : 1;
    return row->kind == ROW_PAIR && plan->narrow ? left + right : left || right;
}

static int height_of(const struct x64i_app *app, const struct plan *plan)
{
    int height = 0;
    for (size_t i = 0; i < plan->count; i++) {
        int lines = lines_of(app, plan, &plan->rows[i]);
        height += lines * app->canvas.cell_height + (plan->rows[i].gap && lines ? plan->gap : 0);
    }
    return height;
}

/* All rows of the tall table where they fit, else those of the low one that do. */
static struct plan make_plan(const struct x64i_app *app, SDL_Rect r)
{
    struct plan plan = {.rows = tall_rows,
                        .count = sizeof tall_rows / sizeof tall_rows[0],
                        .rank = MAX_RANK,
                        .gap = 5,
                        .narrow = r.w < X64I_REGISTER_COLUMNS * app->canvas.cell_width};
    if (!plan.narrow && height_of(app, &plan) > r.h) {
        plan.rows = low_rows;
        plan.count = sizeof low_rows / sizeof low_rows[0];
        plan.gap = 2;
    }
    while (plan.rank > 0 && height_of(app, &plan) > r.h)
        plan.rank--;
    while (plan.more < plan.count && height_of(app, &plan) <= r.h)
        plan.more++;
    if (height_of(app, &plan) > r.h && plan.more)
        plan.more--;
    return plan;
}

static void draw_row(struct x64i_app *app, const struct plan *plan, const struct row *row,
                     SDL_Rect r)
{
    struct x64i_canvas *canvas = &app->canvas;
    switch (row->kind) {
    case ROW_ONE:
        draw_field(app, x64i_fields[row->left].name, row->left, r);
        break;
    case ROW_PAIR:
        if (!plan->narrow) {
            draw_pair(app, row, r);
            break;
        }
        for (unsigned i = 0; i < 2; i++) {
            unsigned field = i ? row->right : row->left;
            if (!is_known(app, field))
                continue;
            draw_field(app, x64i_fields[field].name, field, r);
            r.y += canvas->cell_height;
        }
        break;
    case ROW_FLAGS:
        draw_flags(app, r);
        break;
    case ROW_SELECTORS:
        draw_selectors(app, row, plan->narrow, r);
        break;
    case ROW_SWAPPED:
        draw_swapped(app, row, r);
        break;
    default:
        (void)x64i_canvas_bold(canvas, r.x, r.y, X64I_COLOUR_QUIET, "TSS");
        break;
    }
}

void x64i_draw_registers(struct x64i_app *app)
{
    SDL_Rect r = app->layout.registers;
    int row_height = app->canvas.cell_height;
    x64i_draw_title(app, &r, "REGISTERS");
    x64i_canvas_clip(&app->canvas, &r);
    struct plan plan = make_plan(app, r);
    int y = r.y;
    for (size_t i = 0; i < plan.count; i++) {
        const struct row *row = &plan.rows[i];
        int lines = lines_of(app, &plan, row);
        y += lines && row->gap ? plan.gap : 0;
        if (!lines || y + lines * row_height > r.y + r.h)
            continue;
        draw_row(app, &plan, row, (SDL_Rect){r.x, y, r.w, row_height});
        y += lines * row_height;
    }
    x64i_canvas_clip(&app->canvas, NULL);
}
