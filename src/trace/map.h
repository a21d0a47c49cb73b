/* SPDX-License-Identifier: MIT */
/*
 * A map from texts to numbers, for writers that say a thing once and refer to it afterwards.
 *
 *     uint32_t *number = x64i_map_at(&map, "entry_SYSCALL_64", &added);
 *     if (number && added)
 *         *number = count++;
 */
#ifndef X64I_TRACE_MAP_H
#define X64I_TRACE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct x64i_map_entry {
    char *key; /* null: empty */
    uint32_t value;
};

struct x64i_map {
    struct x64i_map_entry *entries;
    size_t capacity; /* a power of two */
    size_t count;
};

void x64i_map_free(struct x64i_map *map);

/* The number of a text, 0 at first; valid until the next call. Null: no memory. */
uint32_t *x64i_map_at(struct x64i_map *map, const char *key, bool *added);

#endif
