/* SPDX-License-Identifier: MIT */
/*
 * The window: what it shows, and the commands that change it. Keys, mouse and scripts all come down
 * to a command's name, so that everything can be driven by any of them.
 */
#ifndef X64I_VIEW_APP_H
#define X64I_VIEW_APP_H

#include "view/model.h"
#include "view/window/canvas.h"
#include "view/window/frames.h"
#include "view/window/job.h"
#include "view/window/window.h"

#define X64I_APP_BREAKPOINTS X64I_VIEW_TARGETS
#define X64I_APP_BOOKMARKS   16
#define X64I_APP_HITS        512
#define X64I_APP_BINDINGS    128
#define X64I_APP_TEXT        160

#define X64I_REGISTER_COLUMNS 44 /* characters that two registers in a row need */

/* What lies under the mouse. */
enum x64i_hit_kind {
    X64I_HIT_NONE,
    X64I_HIT_CODE,
    X64I_HIT_SLOT,
    X64I_HIT_FIELD,
    X64I_HIT_FLAG, /* `field` is its row of x64i_flag_rows */
    X64I_HIT_TIME,
    X64I_HIT_COMMAND,
    X64I_HIT_STEPS, /* of a comparison: from `linear` to `to`; `field` is their phase */
    X64I_HIT_PHASE  /* a row of its table; `field` is the phase */
};

struct x64i_hit {
    SDL_Rect rect;
    uint8_t kind;
    uint8_t field;
    uint8_t side; /* of a comparison */
    uint64_t linear;
    uint64_t writer_n; /* of a slot; UINT64_MAX: none */
    uint64_t to;
    uint64_t value; /* of a slot or field, where `valued` */
    bool valued;
    const char *command;
};

struct x64i_layout {
    SDL_Rect header, explain, code, registers, stacks, tables, checks, timeline;
    bool tiny; /* room for the instruction and its explanation alone */
};

struct x64i_duo;

struct x64i_app {
    struct x64i_view *view;
    struct x64i_duo *duo; /* two runs side by side, or null; then `view` is the leading side's */
    uint8_t side;         /* the one that leads, or is being drawn */
    struct x64i_canvas canvas;
    struct x64i_layout layout;
    const char *title;
    uint64_t n;
    unsigned effect;             /* X64I_VIEW_ALL: all of them */
    uint64_t zoom_from, zoom_to; /* of the timeline */
    int help_row;                /* the first one of the list that is shown */
    bool motion, help, quit, playing, play_back;
    unsigned play_rate; /* steps a second */
    bool by_effect;     /* play by effects */
    uint64_t breakpoint[X64I_APP_BREAKPOINTS];
    size_t breakpoint_count;
    uint64_t bookmark[X64I_APP_BOOKMARKS];
    size_t bookmark_count;
    struct x64i_hit hit[X64I_APP_HITS];
    size_t hit_count;
    int mouse_x, mouse_y;
    bool scrubbing;       /* the mouse's button went down on the timeline */
    uint64_t anchor;      /* where a range begins that ends at n; UINT64_MAX: there is none */
    const char *asks_for; /* the command whose argument is being typed, or null */
    char text[X64I_APP_TEXT];
    char message[X64I_APP_TEXT];
    bool failed; /* the last command that writes a file */
    struct x64i_job job;
    struct x64i_frames frames; /* how long they take, where that is wanted */
    struct x64i_view_search last_search;
    bool searched;
    struct x64i_window_keep keep;
    bool saved;   /* the recording is in a file */
    bool asks;    /* before it is lost */
    bool leaving; /* the question is shown */
    int phase;    /* of the animation, 0 to 256: done */
    int arrow_x, arrow_y, arrow_from_x, arrow_from_y;
    struct {
        char key[24];
        const char *command;
    } binding[X64I_APP_BINDINGS];
    size_t binding_count;
};

/* What a window shows, ready to be drawn. Errors as those of x64i_window_run. */
enum x64_status x64i_app_open(struct x64_machine *machine,
                              const struct x64i_window_options *options, struct x64i_app **out,
                              struct x64_error_text *error);
void x64i_app_close(struct x64i_app *app);

/* A row for each thing that can be done: app_commands.c. */
struct x64i_command {
    const char *name;
    const char *keys;   /* the default ones, separated by spaces, as SDL names them */
    const char *prompt; /* what is asked for where a key or the mouse gives no argument, or "" */
    const char *help;
    void (*run)(struct x64i_app *app, const char *argument);
};
const struct x64i_command *x64i_command_at(size_t index);
const struct x64i_command *x64i_command_find(const char *name);
void x64i_app_bind_defaults(struct x64i_app *app);

/* Binds the keys of a file, lines of `KEY COMMAND`; X64_ERROR_FORMAT with a sentence. */
enum x64_status x64i_app_bind_file(struct x64i_app *app, const char *path,
                                   struct x64_error_text *error);
/* The command of a key, or null. */
const char *x64i_app_key(const struct x64i_app *app, const char *key);
/* A key of the command, or "". */
const char *x64i_app_key_of(const struct x64i_app *app, const char *command);

/* Does a command; false and a message when there is none of that name. */
bool x64i_app_do(struct x64i_app *app, const char *name, const char *argument);
/* The same by key or mouse: asks for the argument where one is needed. */
void x64i_app_ask(struct x64i_app *app, const char *name);
/* A key was pressed, or a character typed. False when it is bound to nothing. */
bool x64i_app_press(struct x64i_app *app, const char *key);
/* Saves the recording under a name, or one that is free; false and a message when it cannot. */
bool x64i_app_save(struct x64i_app *app, const char *path);
void x64i_app_go(struct x64i_app *app, uint64_t n, unsigned effect);

/* The mouse: its left button goes down, with or without Shift, moves, goes up; its right button is
 * clicked; its wheel turns. */
void x64i_app_click(struct x64i_app *app, int x, int y, bool shift);
void x64i_app_drag(struct x64i_app *app, int x, int y);
void x64i_app_release(struct x64i_app *app);
void x64i_app_search_under(struct x64i_app *app, int x, int y, bool back);
void x64i_app_wheel(struct x64i_app *app, int x, int y, int turns);
const struct x64i_hit *x64i_app_hit(const struct x64i_app *app, int x, int y);

/* draw*.c: draws everything anew, and lists what can be clicked. */
void x64i_app_draw(struct x64i_app *app);
void x64i_app_lay_out(struct x64i_app *app);
void x64i_draw_code(struct x64i_app *app);
void x64i_draw_registers(struct x64i_app *app);
void x64i_draw_stacks(struct x64i_app *app);
void x64i_draw_tables(struct x64i_app *app);
void x64i_draw_checks(struct x64i_app *app);
void x64i_draw_timeline(struct x64i_app *app);
void x64i_draw_overlay(struct x64i_app *app);
void x64i_draw_title(struct x64i_app *app, SDL_Rect *panel, const char *title);
/* The usual commands as words that can be clicked, up to `right`; answers where they begin. */
int x64i_draw_buttons(struct x64i_app *app, int right, int y);
/* What is being typed, or what the last command said; perhaps in `text`. */
const char *x64i_said(const struct x64i_app *app, char *text, size_t size);
/* Text that ends in ".." where it does not fit, and is left out where hardly any does; answers the
 * x behind it. */
int x64i_draw_shortened(struct x64i_app *app, SDL_Rect room, enum x64i_colour colour, bool bold,
                        const char *text);
/* Texts one behind the other. The first gets the room that the others leave. */
struct x64i_heading {
    const char *text; /* "": nothing */
    enum x64i_colour colour;
    bool bold;
};
void x64i_draw_heading(struct x64i_app *app, SDL_Rect room, const struct x64i_heading *parts,
                       size_t count);
/* Text broken at spaces; answers the y below it. */
int x64i_draw_wrapped(struct x64i_app *app, SDL_Rect area, int y, enum x64i_colour colour,
                      const char *text);
int x64i_wrapped_lines(const char *text, int columns);
/* What is done of the step so far, effect by effect. */
void x64i_draw_effects(struct x64i_app *app, SDL_Rect area, int y);
/* 16 digits that end at `right`, leading zeros fainter. */
void x64i_draw_value(struct x64i_app *app, int right, int y, uint64_t value, bool changed);
/* Behind a value that changed. */
void x64i_draw_glow(struct x64i_app *app, int right, int y, int digits);
/* What a value was, struck out, at one end of the room for it; nothing where it does not fit. */
void x64i_draw_old(struct x64i_app *app, SDL_Rect room, bool leftmost, uint64_t value);
void x64i_draw_hit(struct x64i_app *app, const struct x64i_hit *hit);
/* A command as a word to click on; answers the x behind it. */
int x64i_draw_button(struct x64i_app *app, int x, int y, const char *text, const char *command);
enum x64i_colour x64i_stack_colour(enum x64_stack stack);

/* export.c: X64_ERROR_IO, X64_ERROR_MEMORY, X64_ERROR_NOT_FOUND with a sentence */
enum x64_status x64i_export_stack(struct x64i_app *app, const char *path, enum x64_stack kind,
                                  struct x64_error_text *error);

/* script.c: commands from a file, one a line; false with a sentence at the first that fails. */
bool x64i_script_run(struct x64i_app *app, const char *path, struct x64_error_text *error);

#endif
