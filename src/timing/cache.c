/* SPDX-License-Identifier: MIT */
#include "timing/cache.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BITS 6

static size_t size_of(const struct x64i_cache_shape *shape)
{
    return (size_t)shape->sets * shape->ways;
}

enum x64_status x64i_caches_create(struct x64i_caches *caches, const struct x64i_core_model *core)
{
    *caches = (struct x64i_caches){.shapes = core->caches, .code_shape = &core->code_cache};
    bool good = (caches->code = calloc(size_of(&core->code_cache), sizeof *caches->code)) != NULL;
    for (unsigned level = 0; level < X64I_LEVEL_MEMORY; level++) {
        size_t size = size_of(&core->caches[level]);
        good &= (caches->lines[level] = calloc(size, sizeof *caches->lines[level])) != NULL;
    }
    if (good)
        return X64_OK;
    x64i_caches_destroy(caches);
    return X64_ERROR_MEMORY;
}

void x64i_caches_destroy(struct x64i_caches *caches)
{
    for (unsigned level = 0; level < X64I_LEVEL_MEMORY; level++) {
        free(caches->lines[level]);
        caches->lines[level] = NULL;
    }
    free(caches->code);
    caches->code = NULL;
}

void x64i_caches_clear(struct x64i_caches *caches)
{
    memset(caches->code, 0, size_of(caches->code_shape) * sizeof *caches->code);
    for (unsigned level = 0; level < X64I_LEVEL_MEMORY; level++)
        memset(caches->lines[level], 0,
               size_of(&caches->shapes[level]) * sizeof *caches->lines[level]);
}

void x64i_caches_copy(struct x64i_caches *to, const struct x64i_caches *from)
{
    memcpy(to->code, from->code, size_of(from->code_shape) * sizeof *from->code);
    for (unsigned level = 0; level < X64I_LEVEL_MEMORY; level++)
        memcpy(to->lines[level], from->lines[level],
               size_of(&from->shapes[level]) * sizeof *from->lines[level]);
}

/* Whether the line is there; it is the latest of its set afterwards. */
static bool touch(uint32_t *lines, const struct x64i_cache_shape *shape, uint32_t line)
{
    uint32_t *ways = &lines[(size_t)(line & (shape->sets - 1)) * shape->ways];
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

static enum x64i_level find(struct x64i_caches *caches, unsigned level, uint32_t line)
{
    while (level < X64I_LEVEL_MEMORY && !touch(caches->lines[level], &caches->shapes[level], line))
        level++;
    return (enum x64i_level)level;
}

enum x64i_level x64i_caches_access(struct x64i_caches *caches, uint64_t physical)
{
    return find(caches, X64I_LEVEL_L1, (uint32_t)(physical >> LINE_BITS));
}

enum x64i_level x64i_caches_fetch(struct x64i_caches *caches, uint64_t physical)
{
    uint32_t line = (uint32_t)(physical >> LINE_BITS);
    if (touch(caches->code, caches->code_shape, line))
        return X64I_LEVEL_L1;
    enum x64i_level level = find(caches, X64I_LEVEL_L2, line);
    return level == X64I_LEVEL_MEMORY ? X64I_LEVEL_L3 : level;
}

uint32_t x64i_caches_extra(const struct x64i_caches *caches, enum x64i_level level)
{
    return caches->shapes[level].latency - caches->shapes[X64I_LEVEL_L1].latency;
}
