/* SPDX-License-Identifier: MIT */
/* The list of a machine's hooks: adding, removing, finding. */
#include "machine.h"

#include <stdlib.h>

#define MOST_HOOKS 65536u

static void count_kinds(struct x64_machine *machine)
{
    struct x64i_hooks *hooks = &machine->hooks;
    const uint32_t before_steps = 1u << X64I_HOOK_INSTRUCTION_BEFORE | 1u << X64I_HOOK_BLOCK;
    const uint32_t without_effects = before_steps | 1u << X64I_HOOK_UNMAPPED;
    hooks->kinds = 0;
    for (size_t i = 0; i < hooks->count; i++)
        if (hooks->items[i].handle)
            hooks->kinds |= 1u << hooks->items[i].kind;
    if (hooks->kinds & ~without_effects)
        hooks->need = X64I_HOOKS_EFFECTS;
    else
        hooks->need = hooks->kinds & before_steps ? X64I_HOOKS_STEPS : X64I_HOOKS_NONE;
    x64i_hooks_watch_anew(machine);
}

static enum x64_status make_room(struct x64i_hooks *hooks)
{
    if (hooks->count < hooks->capacity)
        return X64_OK;
    if (hooks->count >= MOST_HOOKS)
        return X64_ERROR_LIMIT;
    size_t capacity = hooks->capacity ? 2 * hooks->capacity : 8;
    struct x64i_hook *items = realloc(hooks->items, capacity * sizeof *items);
    if (!items)
        return X64_ERROR_MEMORY;
    hooks->items = items;
    hooks->capacity = capacity;
    return X64_OK;
}

enum x64_status x64i_hooks_add(struct x64_machine *machine, enum x64i_hook_kind kind,
                               const struct x64_range *range, union x64i_hook_callback callback,
                               void *user, uint64_t *handle)
{
    static const struct x64_range everything = {0, UINT64_MAX};
    if (!machine || (range && range->first > range->last))
        return X64_ERROR_ARGUMENT;
    struct x64i_hooks *hooks = &machine->hooks;
    enum x64_status status = x64i_machine_make_effects(machine);
    if (status == X64_OK)
        status = make_room(hooks);
    if (status != X64_OK)
        return status;
    hooks->items[hooks->count++] = (struct x64i_hook){.handle = ++hooks->last_handle,
                                                      .kind = kind,
                                                      .range = range ? *range : everything,
                                                      .callback = callback,
                                                      .user = user};
    count_kinds(machine);
    if (handle)
        *handle = hooks->last_handle;
    return X64_OK;
}

void x64i_hooks_drop_removed(struct x64i_hooks *hooks)
{
    if (!hooks->removed_some)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < hooks->count; i++)
        if (hooks->items[i].handle)
            hooks->items[kept++] = hooks->items[i];
    hooks->count = kept;
    hooks->removed_some = false;
}

enum x64_status x64_hook_remove(struct x64_machine *machine, uint64_t handle)
{
    if (!machine)
        return X64_ERROR_ARGUMENT;
    struct x64i_hooks *hooks = &machine->hooks;
    for (size_t i = 0; handle && i < hooks->count; i++) {
        if (hooks->items[i].handle != handle)
            continue;
        hooks->items[i].handle = 0;
        hooks->removed_some = true;
        if (hooks->moment == X64I_MOMENT_NONE)
            x64i_hooks_drop_removed(hooks);
        count_kinds(machine);
        return X64_OK;
    }
    return X64_ERROR_NOT_FOUND;
}

void x64i_hooks_free(struct x64i_hooks *hooks)
{
    free(hooks->items);
    *hooks = (struct x64i_hooks){0};
}

bool x64i_hooks_next(struct x64i_hooks *hooks, size_t *at, enum x64i_hook_kind kind, uint64_t first,
                     uint64_t last, struct x64i_hook *hook)
{
    while (*at < hooks->count) {
        const struct x64i_hook *item = &hooks->items[(*at)++];
        if (!item->handle || item->handle > hooks->newest || item->kind != kind ||
            last < item->range.first || first > item->range.last)
            continue;
        *hook = *item;
        hooks->current = item->handle;
        return true;
    }
    return false;
}

enum x64_status x64_hook_stop(struct x64_machine *machine, int code)
{
    if (!machine)
        return X64_ERROR_ARGUMENT;
    struct x64i_hooks *hooks = &machine->hooks;
    if (hooks->moment == X64I_MOMENT_NONE)
        return X64_ERROR_STATE;
    if (hooks->stopped)
        return X64_OK;
    hooks->stopped = true;
    hooks->stop_code = code;
    hooks->stop_hook = hooks->current;
    return X64_OK;
}
