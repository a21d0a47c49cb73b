/* SPDX-License-Identifier: MIT */
/*
 * How long frames take, for --frame-times: by the clock, and the processor time of it, which other
 * programs on the machine do not disturb.
 *
 *     x64i_frames_begin(&frames);  ... handle, draw ...  x64i_frames_end(&frames);
 *     x64i_frames_report(&frames);
 */
#ifndef X64I_VIEW_FRAMES_H
#define X64I_VIEW_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X64I_FRAMES 65536u

struct x64i_frames {
    uint32_t *wall, *busy; /* microseconds, of the first X64I_FRAMES; null: nobody wants to know */
    size_t count;
    uint64_t wall_begin, busy_begin;
};

/* False where there is no memory. */
bool x64i_frames_open(struct x64i_frames *frames);
void x64i_frames_begin(struct x64i_frames *frames);
void x64i_frames_end(struct x64i_frames *frames);

/* On stderr, with the most memory that was resident; then frees. */
void x64i_frames_report(struct x64i_frames *frames);

#endif
