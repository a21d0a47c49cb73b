/* SPDX-License-Identifier: MIT */
/* Calling hooks before, in place of and after a step. */
#include "machine.h"

#include "cpu/reference.h"

/* Hooks may use the whole API: nothing that they do belongs to the step's effects. */
static void begin_moment(struct x64_machine *machine, enum x64i_hook_moment moment)
{
    machine->hooks.moment = moment;
    machine->hooks.newest = machine->hooks.last_handle;
    machine->hooks.effects = machine->cpu.effects;
    machine->cpu.effects = machine->cpu.mmu.effects = NULL;
}

static void end_moment(struct x64_machine *machine)
{
    machine->hooks.moment = X64I_MOMENT_NONE;
    machine->cpu.effects = machine->cpu.mmu.effects = machine->hooks.effects;
    x64i_hooks_drop_removed(&machine->hooks);
    x64i_machine_watch(machine);
}

void x64i_hooks_mark_called(struct x64_machine *machine)
{
    machine->hooks.called = true;
    machine->hooks.called_step = machine->cpu.s.steps;
    machine->hooks.called_rip = machine->cpu.s.rip;
}

void x64i_hooks_forget(struct x64_machine *machine)
{
    machine->hooks.called = false;
    machine->hooks.asked = false;
    machine->hooks.watched_until = UINT64_MAX;
    machine->cpu.straight.step = UINT64_MAX;
}

static bool were_called(const struct x64_machine *machine)
{
    const struct x64i_hooks *hooks = &machine->hooks;
    return hooks->called && hooks->called_step == machine->cpu.s.steps &&
           hooks->called_rip == machine->cpu.s.rip;
}

/* Whether a block starts here, as far as is known: a run that starts elsewhere starts one. */
static bool starts_block(const struct x64_machine *machine)
{
    const struct x64i_straight *straight = &machine->cpu.straight;
    return straight->step != machine->cpu.s.steps || straight->rip != machine->cpu.s.rip;
}

/* Calls the hooks of a kind that look before a step. They may add others, which moves the list. */
static void call_kind(struct x64_machine *machine, enum x64i_hook_kind kind, uint64_t rip)
{
    struct x64i_hooks *hooks = &machine->hooks;
    for (size_t i = 0; i < hooks->count; i++) {
        const struct x64i_hook *item = &hooks->items[i];
        if (item->kind != kind || !item->handle || item->handle > hooks->newest ||
            rip < item->range.first || rip > item->range.last)
            continue;
        hooks->current = item->handle;
        item->callback.instruction(machine, item->user, rip);
    }
}

static void call_before(struct x64_machine *machine)
{
    uint64_t rip = machine->cpu.s.rip;
    bool block = x64i_hooks_have(&machine->hooks, X64I_HOOK_BLOCK) && starts_block(machine);
    begin_moment(machine, X64I_MOMENT_BEFORE);
    if (block)
        call_kind(machine, X64I_HOOK_BLOCK, rip);
    call_kind(machine, X64I_HOOK_INSTRUCTION_BEFORE, rip);
    end_moment(machine);
}

static bool may_go_on(const struct x64_machine *machine)
{
    return !machine->changed && !machine->hooks.stopped &&
           !atomic_load_explicit(&machine->stop_requested, memory_order_relaxed);
}

bool x64i_hooks_before_instruction(struct x64_machine *machine)
{
    const uint32_t before = 1u << X64I_HOOK_INSTRUCTION_BEFORE | 1u << X64I_HOOK_BLOCK;
    machine->hooks.at_instruction = true;
    machine->hooks.code_base = 0;
    if (!were_called(machine)) {
        if (machine->hooks.kinds & before)
            call_before(machine);
        x64i_hooks_mark_called(machine);
    }
    return may_go_on(machine);
}

bool x64i_hooks_before(struct x64_machine *machine)
{
    struct x64i_hooks *hooks = &machine->hooks;
    const struct x64i_cpu *cpu = &machine->cpu;
    bool going = true;
    if (x64i_cpu_at_instruction(cpu))
        going = x64i_hooks_before_instruction(machine);
    else
        hooks->at_instruction = false;
    hooks->code_base = cpu->code_bits == 64 ? 0 : cpu->s.segment[X64_CS].base;
    return going && may_go_on(machine);
}

/* Whether hooks after this step made the barrier that the recorded run has here. */
static bool is_in_barrier(const struct x64_machine *machine)
{
    uint64_t n = machine->cpu.s.steps;
    if (n > machine->history.last)
        return false;
    const struct x64i_history_entry *entry = x64i_history_find(&machine->history, n);
    return entry && entry->n == n && (entry->made_by & X64I_MOMENT_AFTER);
}

void x64i_hooks_after(struct x64_machine *machine, bool told)
{
    struct x64i_hooks *hooks = &machine->hooks;
    hooks->called = false;
    hooks->asked = false;
    x64i_cpu_note_step(&machine->cpu);
    if (!told || hooks->need != X64I_HOOKS_EFFECTS || is_in_barrier(machine))
        return;
    begin_moment(machine, X64I_MOMENT_AFTER);
    x64i_hooks_tell_step(machine);
    end_moment(machine);
}

/* Asks until one wants a retry; where hooks came or went the step is made again for them. What the
 * step has touched by now (TLB, accessed bits) goes into the barrier of a retry even if the hook
 * itself changed nothing. */
static bool ask_unmapped(struct x64_machine *machine, const struct x64_unmapped_event *event)
{
    struct x64i_hooks *hooks = &machine->hooks;
    const uint64_t watched = hooks->watch.generation;
    struct x64i_hook hook;
    bool retry = false;
    begin_moment(machine, X64I_MOMENT_BEFORE);
    for (size_t at = 0; !retry && x64i_hooks_next(hooks, &at, X64I_HOOK_UNMAPPED, event->linear,
                                                  event->linear, &hook);)
        retry = hook.callback.unmapped(machine, hook.user, event) == X64_UNMAPPED_RETRY;
    if (retry)
        x64i_machine_changed(machine);
    end_moment(machine);
    return retry || machine->changed || hooks->stopped || hooks->watch.generation != watched;
}

bool x64i_hooks_unmapped(struct x64_machine *machine)
{
    struct x64i_hooks *hooks = &machine->hooks;
    const struct x64i_exception exception = machine->cpu.exception;
    const struct x64_unmapped_event event = {.number = machine->cpu.s.steps,
                                             .rip = machine->cpu.s.rip,
                                             .linear = exception.cr2,
                                             .error_code = exception.error_code,
                                             .cpl = machine->cpu.s.cpl};
    bool again = hooks->asked && hooks->asked_step == event.number &&
                 hooks->asked_linear == event.linear && hooks->asked_error == event.error_code;
    if (!hooks->live || !x64i_hooks_have(hooks, X64I_HOOK_UNMAPPED) || again ||
        (event.error_code & X64_PF_PRESENT))
        return false;
    bool leave = ask_unmapped(machine, &event);
    machine->cpu.exception = exception;
    hooks->asked = !hooks->stopped; /* who stopped is asked again by the next run */
    hooks->asked_step = event.number;
    hooks->asked_linear = event.linear;
    hooks->asked_error = event.error_code;
    if (leave)
        x64i_hooks_mark_called(machine);
    return leave;
}
