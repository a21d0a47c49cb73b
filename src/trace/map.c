/* SPDX-License-Identifier: MIT */
#include "trace/map.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256u

void x64i_map_free(struct x64i_map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        free(map->entries[i].key);
    free(map->entries);
    *map = (struct x64i_map){0};
}

/* FNV-1a. */
static uint64_t hash_of(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *key; key++)
        hash = (hash ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
    return hash;
}

static struct x64i_map_entry *find(struct x64i_map_entry *entries, size_t capacity, const char *key)
{
    size_t at = (size_t)hash_of(key) & (capacity - 1);
    while (entries[at].key && strcmp(entries[at].key, key) != 0)
        at = (at + 1) & (capacity - 1);
    return &entries[at];
}

static bool grow(struct x64i_map *map)
{
    size_t capacity = map->capacity ? 2 * map->capacity : FIRST_CAPACITY;
    struct x64i_map_entry *entries = calloc(capacity, sizeof *entries);
    if (!entries)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->entries[i].key)
            *find(entries, capacity, map->entries[i].key) = map->entries[i];
    free(map->entries);
    map->entries = entries;
    map->capacity = capacity;
    return true;
}

uint32_t *x64i_map_at(struct x64i_map *map, const char *key, bool *added)
{
    *added = false;
    if (2 * (map->count + 1) > map->capacity && !grow(map))
        return NULL;
    struct x64i_map_entry *entry = find(map->entries, map->capacity, key);
    if (!entry->key) {
        entry->key = strdup(key);
        if (!entry->key)
            return NULL;
        map->count++;
        *added = true;
    }
    return &entry->value;
}
