/* SPDX-License-Identifier: MIT */
/*
 * The viewer's window. A machine whose run is over is looked at, step by step, both ways.
 *
 *     struct x64i_window_options options = {.title = "6.1", .width = 1600, .height = 1000};
 *     x64i_window_run(machine, &options, &error);
 */
#ifndef X64I_VIEW_WINDOW_H
#define X64I_VIEW_WINDOW_H

#include "x64emu/kernel_model.h"

/* Saves the recording of what is shown, where there is none yet: x64i_window_run asks before it is
 * lost. `write` may move the machine. */
struct x64i_window_keep {
    enum x64_status (*write)(void *user, const char *path, struct x64_error_text *error);
    void *user;
    const char *path; /* null: a free name in the present directory */
};

struct x64i_window_options {
    const char *title;
    struct x64_machine *other; /* a run to lay beside the first one; null: none */
    const char *side[2];       /* then: what each is */
    const char *script;        /* commands to begin with; null: none */
    const char *keys;          /* a file of bindings; null: none */
    const char *font;          /* a monospaced TTF file; null: DejaVu Sans Mono */
    int width, height;         /* in the screen's units; pixels without a window */
    int scale;                 /* hundredths, on top of the display's own; 0: 100 */
    bool headless;             /* no window: the script is all there is */
    bool dark;
    bool still;                   /* no animations */
    bool frame_times;             /* say on stderr how long frames took */
    struct x64i_window_keep keep; /* `write` null: there is nothing to be lost */
};

/* Shows the window until it is closed. X64_ERROR_UNSUPPORTED: built without SDL2. X64_ERROR_IO: no
 * display. X64_ERROR_NOT_FOUND: no font, or no
 * system call to compare. X64_ERROR_FORMAT: the script or the bindings. All with a
 * sentence. */
enum x64_status x64i_window_run(struct x64_machine *machine,
                                const struct x64i_window_options *options,
                                struct x64_error_text *error);

#endif
