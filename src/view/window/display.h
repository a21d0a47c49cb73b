/* SPDX-License-Identifier: MIT */
/*
 * A display that goes away while the window is open. Xlib ends the program then, and takes a
 * handler that does not return as the only way out: so one jumps out of Xlib, and whatever was the
 * display's is left alone from then on.
 */
#ifndef X64I_VIEW_DISPLAY_H
#define X64I_VIEW_DISPLAY_H

#include <stdbool.h>

/* Calls `run(user)`, with a display that SDL has opened. False when the display went away
 * meanwhile: SDL's video functions must not be called any more, not even to end them. */
bool x64i_display_run(void (*run)(void *user), void *user);

#endif
