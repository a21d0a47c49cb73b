/* SPDX-License-Identifier: MIT */
/*
 * Searching a list whose entries ascend by a 64-bit member.
 *
 *     size_t count = X64I_COUNT_UNTIL(list, list_count, n, 17);
 *     last = count ? &list[count - 1] : NULL;                       the last entry at or before 17
 */
#ifndef X64I_ASCENDING_H
#define X64I_ASCENDING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How many of `count` entries of `size` bytes have a key, `offset` bytes into them, of at most
 * `key`. */
static inline size_t x64i_count_until(const void *list, size_t count, size_t size, size_t offset,
                                      uint64_t key)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        uint64_t entry;
        size_t middle = low + (high - low) / 2;
        memcpy(&entry, (const char *)list + middle * size + offset, sizeof entry);
        if (entry <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The same of an array of structs, by the name of the member. */
#define X64I_COUNT_UNTIL(list, count, member, key)                                              \
    x64i_count_until((list), (count), sizeof(list)[0], offsetof(__typeof__((list)[0]), member), \
                     (key))

#endif
