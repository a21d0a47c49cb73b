/* SPDX-License-Identifier: MIT */
/*
 * The list that the modules write their effects into while somebody watches. A null list means that
 * nobody does; every function here accepts that, so that callers need no test of their own.
 */
#ifndef X64I_STATE_EFFECT_LIST_H
#define X64I_STATE_EFFECT_LIST_H

#include "x64emu/effects.h"

/* Room for the longest step: a fault during an interrupt's delivery with all its page walks, or one
 * XSAVE. Beyond that `truncated` is set and effects are dropped. */
#define X64I_EFFECTS_MAX 512

struct x64i_effect_list {
    size_t count;
    bool truncated;
    struct x64_effect items[X64I_EFFECTS_MAX];
};

static inline void x64i_effects_clear(struct x64i_effect_list *list)
{
    list->count = 0;
    list->truncated = false;
}

static inline void x64i_effects_add(struct x64i_effect_list *list, struct x64_effect effect)
{
    if (!list)
        return;
    if (list->count == X64I_EFFECTS_MAX) {
        list->truncated = true;
        return;
    }
    list->items[list->count++] = effect;
}

#endif
