/* SPDX-License-Identifier: MIT */
/* What the hooks need of the block engine (cpu/watch.h). */
#include "machine.h"

#define KIND(kind) (1u << X64I_HOOK_##kind)

/* Kinds whose events come of plain instructions too: of their memory accesses and their faults. */
#define RARE_KINDS                                                                   \
    (KIND(MEMORY_READ) | KIND(MEMORY_WRITE) | KIND(EXCEPTION) | KIND(STACK_SWITCH) | \
     KIND(PAGE_WALK) | KIND(TLB_FILL))

#define CONTROL_CR2 2u /* which page faults write */

static bool meets(const struct x64i_hook *hook, uint64_t first, uint64_t last)
{
    return hook->handle && last >= hook->range.first && first <= hook->range.last;
}

static unsigned watched_at(void *user, uint64_t first, uint64_t last)
{
    static const uint8_t bits[X64I_HOOK_KIND_COUNT] = {
        [X64I_HOOK_INSTRUCTION_BEFORE] = X64I_WATCH_BEFORE,
        [X64I_HOOK_BLOCK] = X64I_WATCH_START,
        [X64I_HOOK_INSTRUCTION_AFTER] = X64I_WATCH_AFTER,
        [X64I_HOOK_MEMORY_FETCH] = X64I_WATCH_AFTER,
    };
    const struct x64_machine *machine = user;
    const struct x64i_hooks *hooks = &machine->hooks;
    unsigned watched = 0;
    for (size_t i = 0; i < hooks->count; i++)
        if (meets(&hooks->items[i], first, last))
            watched |= bits[hooks->items[i].kind];
    return watched;
}

static bool hides(void *user, uint64_t page, bool write)
{
    const struct x64_machine *machine = user;
    const struct x64i_hooks *hooks = &machine->hooks;
    const enum x64i_hook_kind kind = write ? X64I_HOOK_MEMORY_WRITE : X64I_HOOK_MEMORY_READ;
    for (size_t i = 0; x64i_hooks_have(hooks, kind) && i < hooks->count; i++)
        if (hooks->items[i].kind == kind && meets(&hooks->items[i], page, page | 0xfff))
            return true;
    return false;
}

/* Calls the hooks before a step; false when the run is not to go on in the engine. */
static bool before(void *user)
{
    struct x64_machine *machine = user;
    const uint64_t generation = machine->hooks.watch.generation;
    return x64i_hooks_before_instruction(machine) && machine->hooks.watch.generation == generation;
}

/* The same after a step, once the devices have done what is due. */
static bool after(void *user)
{
    struct x64_machine *machine = user;
    const struct x64i_hooks *hooks = &machine->hooks;
    const uint64_t generation = hooks->watch.generation;
    machine->hooks.at_instruction = true;
    machine->hooks.code_base = 0;
    if (machine->cpu.s.steps >= machine->event_step)
        x64i_machine_make_events(machine);
    x64i_hooks_after(machine, hooks->need == X64I_HOOKS_EFFECTS);
    return !machine->changed && !hooks->stopped && hooks->watch.generation == generation &&
           !atomic_load_explicit(&machine->stop_requested, memory_order_relaxed);
}

static bool writes_cr2(const struct x64i_hooks *hooks)
{
    for (size_t i = 0; i < hooks->count; i++)
        if (hooks->items[i].kind == X64I_HOOK_CONTROL_WRITE &&
            meets(&hooks->items[i], CONTROL_CR2, CONTROL_CR2))
            return true;
    return false;
}

void x64i_hooks_watch_anew(struct x64_machine *machine)
{
    struct x64i_hooks *hooks = &machine->hooks;
    const bool memory = hooks->kinds & (KIND(MEMORY_READ) | KIND(MEMORY_WRITE));
    hooks->watch = (struct x64i_watch){
        .generation = hooks->watch.generation + 1,
        .effects = hooks->need == X64I_HOOKS_EFFECTS ? machine->effects : NULL,
        .rare = (hooks->kinds & RARE_KINDS) || writes_cr2(hooks),
        .user = machine,
        .at = watched_at,
        .hides = memory ? hides : NULL,
        .before = before,
        .after = after,
    };
}
