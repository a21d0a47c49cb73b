/* SPDX-License-Identifier: MIT */
/*
 * The caches: which level holds a line, by physical address. Sets keep their ways in the order of
 * use, the latest first.
 */
#ifndef X64I_TIMING_CACHE_H
#define X64I_TIMING_CACHE_H

#include "timing/cores.h"

enum x64i_level { X64I_LEVEL_L1, X64I_LEVEL_L2, X64I_LEVEL_L3, X64I_LEVEL_MEMORY };

struct x64i_caches {
    const struct x64i_cache_shape *shapes;
    const struct x64i_cache_shape *code_shape;
    uint32_t *lines[X64I_LEVEL_MAX]; /* line numbers + 1, by set and way; owned */
    uint32_t *code;                  /* the L1 for code; owned */
};

enum x64_status x64i_caches_create(struct x64i_caches *caches, const struct x64i_core_model *core);
void x64i_caches_destroy(struct x64i_caches *caches);
void x64i_caches_clear(struct x64i_caches *caches);

/* Copies the contents between two of the same shapes. */
void x64i_caches_copy(struct x64i_caches *to, const struct x64i_caches *from);

/* Where the line was found; it is in every level afterwards. */
enum x64i_level x64i_caches_access(struct x64i_caches *caches, uint64_t physical);

/* Cycles of a load from that level beyond those of a hit in the L1. */
uint32_t x64i_caches_extra(const struct x64i_caches *caches, enum x64i_level level);

/* The same for a line of code. What lies in no cache comes from the L3: somebody wrote it there not
 * long ago. */
enum x64i_level x64i_caches_fetch(struct x64i_caches *caches, uint64_t physical);

#endif
