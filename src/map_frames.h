/* SPDX-License-Identifier: MIT */
/*
 * Which frames of RAM the host's mappings use: a bit for each, region "frames". The highest free
 * one is taken first.
 */
#ifndef X64I_MAP_FRAMES_H
#define X64I_MAP_FRAMES_H

#include "mmu/physical.h"

struct x64i_map_frames {
    struct x64i_pages *bits; /* owned by the state registry */
    uint64_t count;          /* of frames */
    uint64_t hint;           /* derived: all frames from here on are taken; count after a restore */
};

enum x64_status x64i_map_frames_init(struct x64i_map_frames *frames, struct x64i_state *state,
                                     uint64_t ram_size);

uint64_t x64i_map_frames_free_count(const struct x64i_map_frames *frames);

/* Takes the highest free frame; UINT64_MAX when there is none, or the host has no memory. */
uint64_t x64i_map_frames_take(struct x64i_map_frames *frames);

/* Marks one frame, or all from `first` on, as taken or free. False without host memory. */
bool x64i_map_frames_mark(struct x64i_map_frames *frames, uint64_t frame, bool taken);
bool x64i_map_frames_reset(struct x64i_map_frames *frames, uint64_t first_taken);

#endif
