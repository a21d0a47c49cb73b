/* SPDX-License-Identifier: MIT */
/*
 * The window with two runs side by side. One of them leads: commands, keys and the mouse move it as
 * they move a single run, and the other one follows to the place that means the same.
 */
#ifndef X64I_VIEW_DUO_H
#define X64I_VIEW_DUO_H

#include "view/compare.h"
#include "view/window/app.h"
#include "view/window/window.h"

struct x64i_duo_layout {
    SDL_Rect header, head[2], stacks[2], listing, fields, phases, bands;
    int phase_rows; /* of the table */
    bool tiny;      /* room for the two instructions alone */
};

struct x64i_duo {
    struct x64i_compare_view *compare;
    struct x64i_duo_layout layout;
    char title[2][X64I_APP_TEXT]; /* whose run it is */
    bool all_calls;               /* the table is of all calls, not of the one that is shown */
};

/* Opens the comparison of app's machine with options->other, at the first call that both make.
 * X64_ERROR_NOT_FOUND, with a sentence: no system call. */
enum x64_status x64i_duo_open(struct x64i_app *app, struct x64_machine *machine,
                              const struct x64i_window_options *options,
                              struct x64_error_text *error);
void x64i_duo_close(struct x64i_app *app);

/* Makes a side the one that leads. */
void x64i_duo_lead(struct x64i_app *app, unsigned side);

/* Moves the leading side to step n, and the other one after it. */
enum x64_status x64i_duo_seek(struct x64i_app *app, uint64_t n, unsigned effect);

/* A click on what only a comparison shows; false for anything else. */
bool x64i_duo_click(struct x64i_app *app, const struct x64i_hit *hit, int x);

/* What is under the mouse, in words; false when a comparison has none for it. */
bool x64i_duo_describe(const struct x64i_app *app, const struct x64i_hit *hit, char *text,
                       size_t size);

/* For scripts: what `expect` asks a comparison for ("match", "phase", ...); false: no such thing.
 */
bool x64i_duo_says(const struct x64i_app *app, const char *what, char *text, size_t size);

/* Commands: what they do without a comparison is to say so. */
void x64i_do_side(struct x64i_app *app, const char *argument);
void x64i_do_phase(struct x64i_app *app, const char *argument);
void x64i_do_phase_back(struct x64i_app *app, const char *argument);
void x64i_do_sum(struct x64i_app *app, const char *argument);

/* draw_duo.c */
void x64i_duo_lay_out(struct x64i_app *app);
void x64i_duo_draw(struct x64i_app *app);

/* draw_listing.c: a call's instructions in two columns, and the registers. */
void x64i_draw_listing(struct x64i_app *app);
void x64i_draw_duo_fields(struct x64i_app *app);

/* draw_phases.c: what phases spend, and where they lie in time. */
void x64i_draw_phases(struct x64i_app *app);
void x64i_draw_phase_bands(struct x64i_app *app);

/* How many phases the calls of either side have. */
int x64i_duo_phases(const struct x64i_duo *duo);

/* A phase's mark: a letter on its colour. `width` pixels, one row high. */
void x64i_draw_phase_mark(struct x64i_app *app, int x, int y, int width, unsigned phase);

/* '=', '|', '<' or '>': equal, different, only the first, only the second, as sdiff writes it; a
 * blank where neither is. */
char x64i_duo_mark(bool first, bool second, bool same);

#endif
