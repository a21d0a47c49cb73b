/* SPDX-License-Identifier: MIT */
#include "timing/cache.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BITS 6

static size_t size_of(const struct x64i_cache_shape *shape)
{
    return (size_t)shape->sets * shape->ways;
}

enum x64_status x64i_caches_create(struct x64i_caches *caches,
                                   const struct x64i_cache_shape *shapes)
{
    *caches = (struct x64i_caches){.shapes = shapes};
    for (unsigned level = 0; level < X64I_LEVEL_MEMORY; level++) {
        caches->lines[level] = calloc(size_of(&shapes[level]), sizeof *caches->lines[level]);
        if (!caches->lines[level]) {
            x64i_caches_destroy(caches);
            return X64_ERROR_MEMORY;
        }
    }
    return X64_OK;
}

void x64i_caches_destroy(struct x64i_caches *caches)
{
    for (unsigned level = 0; level < X64I_LEVEL_MEMORY; level++) {
        free(caches->lines[level]);
        caches->lines[level] = NULL;
    }
}

void x64i_caches_clear(struct x64i_caches *caches)
{
    for (unsigned level = 0; level < X64I_LEVEL_MEMORY; level++)
        memset(caches->lines[level], 0,
               size_of(&caches->shapes[level]) * sizeof *caches->lines[level]);
}

void x64i_caches_copy(struct x64i_caches *to, const struct x64i_caches *from)
{
    for (unsigned level = 0; level < X64I_LEVEL_MEMORY; level++)
        memcpy(to->lines[level], from->lines[level],
               size_of(&from->shapes[level]) * sizeof *from->lines[level]);
}

/* Whether the level has the line; it is the latest of its set afterwards. */
static bool touch(struct x64i_caches *caches, unsigned level, uint32_t line)
{
    const struct x64i_cache_shape *shape = &caches->shapes[level];
    uint32_t *ways = &caches->lines[level][(size_t)(line % shape->sets) * shape->ways];
    uint32_t carried = line + 1;
    for (uint32_t way = 0; way < shape->ways; way++) {
        uint32_t here = ways[way];
        ways[way] = carried;
        if (here == line + 1)
            return true;
        carried = here;
    }
    return false;
}

enum x64i_level x64i_caches_access(struct x64i_caches *caches, uint64_t physical)
{
    uint32_t line = (uint32_t)(physical >> LINE_BITS);
    unsigned level = 0;
    while (level < X64I_LEVEL_MEMORY && !touch(caches, level, line))
        level++;
    return (enum x64i_level)level;
}

uint32_t x64i_caches_extra(const struct x64i_caches *caches, enum x64i_level level)
{
    return caches->shapes[level].latency - caches->shapes[X64I_LEVEL_L1].latency;
}
