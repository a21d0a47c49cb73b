/* SPDX-License-Identifier: MIT */
#include "map_frames.h"

#define FRAMES_VERSION 1
#define BITS_PER_PAGE  (UINT64_C(8) * X64I_PAGE_SIZE)

enum x64_status x64i_map_frames_init(struct x64i_map_frames *frames, struct x64i_state *state,
                                     uint64_t ram_size)
{
    frames->count = ram_size / X64I_PAGE_SIZE;
    frames->hint = frames->count;
    uint64_t pages = (frames->count + BITS_PER_PAGE - 1) / BITS_PER_PAGE;
    return x64i_state_add_paged(state, "frames", FRAMES_VERSION, pages * X64I_PAGE_SIZE, 0,
                                &frames->bits);
}

static bool is_taken(const struct x64i_map_frames *frames, uint64_t frame)
{
    const uint8_t *page = x64i_pages_read(frames->bits, frame / BITS_PER_PAGE);
    return page[frame % BITS_PER_PAGE / 8] >> (frame % 8) & 1;
}

/* Bits behind the last frame are never set. */
uint64_t x64i_map_frames_free_count(const struct x64i_map_frames *frames)
{
    uint64_t taken = 0;
    for (uint64_t page = 0; page * BITS_PER_PAGE < frames->count; page++) {
        const uint8_t *bytes = x64i_pages_read(frames->bits, page);
        for (size_t i = 0; i < X64I_PAGE_SIZE; i++)
            taken += (unsigned)__builtin_popcount(bytes[i]);
    }
    return taken < frames->count ? frames->count - taken : 0;
}

bool x64i_map_frames_mark(struct x64i_map_frames *frames, uint64_t frame, bool taken)
{
    if (frame >= frames->count || is_taken(frames, frame) == taken)
        return true;
    uint8_t *page = x64i_pages_write(frames->bits, frame / BITS_PER_PAGE);
    if (!page)
        return false;
    if (!taken && frames->hint <= frame)
        frames->hint = frame + 1;
    page[frame % BITS_PER_PAGE / 8] ^= (uint8_t)(1u << (frame % 8));
    return true;
}

uint64_t x64i_map_frames_take(struct x64i_map_frames *frames)
{
    while (frames->hint > 0 && is_taken(frames, frames->hint - 1))
        frames->hint--;
    if (frames->hint == 0 || !x64i_map_frames_mark(frames, frames->hint - 1, true))
        return UINT64_MAX;
    return --frames->hint;
}

bool x64i_map_frames_reset(struct x64i_map_frames *frames, uint64_t first_taken)
{
    bool done = true;
    for (uint64_t frame = 0; frame < frames->count; frame++)
        done &= x64i_map_frames_mark(frames, frame, frame >= first_taken);
    return done;
}
