/* SPDX-License-Identifier: MIT */
/*
 * The entries of a buffer that are taken and freed in program order: reorder buffer, load buffer,
 * store buffer. Whoever takes one says at once when it will be free again, so a ring of those
 * cycles is all that there is: the entry that comes next is the one that was taken longest ago.
 *
 *     uint64_t earliest = x64i_entries_room(&core->load_buffer);
 *     x64i_entries_take(&core->load_buffer, 192, retired);
 */
#ifndef X64I_TIMING_ENTRIES_H
#define X64I_TIMING_ENTRIES_H

#include <stdint.h>

#define X64I_ENTRIES_MAX 512u

struct x64i_entries {
    uint64_t freed[X64I_ENTRIES_MAX]; /* the cycle from which on each is free */
    uint32_t next;                    /* the one to be taken next */
};

/* The cycle from which on there is room for one more. */
static inline uint64_t x64i_entries_room(const struct x64i_entries *entries)
{
    return entries->freed[entries->next];
}

/* Takes one of `count` entries until cycle `freed`. A buffer of none is one that the core does not
 * have: nothing is taken from it, and it always has room. */
static inline void x64i_entries_take(struct x64i_entries *entries, unsigned count, uint64_t freed)
{
    if (!count)
        return;
    entries->freed[entries->next] = freed;
    entries->next = entries->next + 1 < count ? entries->next + 1 : 0;
}

#endif
