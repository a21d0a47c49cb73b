/* SPDX-License-Identifier: MIT */
/* Calling hooks before, in place of and after a step. */
#include "machine.h"

#include "cpu/isa.h"
#include "cpu/reference.h"

/* Hooks may use the whole API: nothing that they do belongs to the step's effects. */
static void begin_moment(struct x64_machine *machine, enum x64i_hook_moment moment)
{
    machine->hooks.moment = moment;
    machine->hooks.newest = machine->hooks.last_handle;
    machine->cpu.effects = machine->cpu.mmu.effects = NULL;
}

static void end_moment(struct x64_machine *machine)
{
    machine->hooks.moment = X64I_MOMENT_NONE;
    x64i_hooks_drop_removed(&machine->hooks);
    x64i_machine_watch(machine);
}

void x64i_hooks_mark_called(struct x64_machine *machine)
{
    machine->hooks.called = true;
    machine->hooks.called_step = machine->cpu.s.steps;
    machine->hooks.called_rip = machine->cpu.s.rip;
}

void x64i_hooks_forget(struct x64i_hooks *hooks)
{
    hooks->called = false;
    hooks->asked = false;
    hooks->block_step = UINT64_MAX;
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
    const struct x64i_hooks *hooks = &machine->hooks;
    bool known =
        hooks->block_step == machine->cpu.s.steps && hooks->block_rip == machine->cpu.s.rip;
    return !known || hooks->block_starts;
}

static void call_before(struct x64_machine *machine)
{
    struct x64i_hooks *hooks = &machine->hooks;
    struct x64i_hook hook;
    uint64_t rip = machine->cpu.s.rip;
    bool block = x64i_hooks_have(hooks, X64I_HOOK_BLOCK) && starts_block(machine);
    begin_moment(machine, X64I_MOMENT_BEFORE);
    for (size_t at = 0; block && x64i_hooks_next(hooks, &at, X64I_HOOK_BLOCK, rip, rip, &hook);)
        hook.callback.instruction(machine, hook.user, rip);
    for (size_t at = 0; x64i_hooks_next(hooks, &at, X64I_HOOK_INSTRUCTION_BEFORE, rip, rip, &hook);)
        hook.callback.instruction(machine, hook.user, rip);
    end_moment(machine);
}

bool x64i_hooks_before(struct x64_machine *machine)
{
    struct x64i_hooks *hooks = &machine->hooks;
    const struct x64i_cpu *cpu = &machine->cpu;
    hooks->at_instruction = x64i_cpu_at_instruction(cpu);
    if (hooks->at_instruction && !were_called(machine)) {
        const uint32_t before = 1u << X64I_HOOK_INSTRUCTION_BEFORE | 1u << X64I_HOOK_BLOCK;
        if (hooks->kinds & before)
            call_before(machine);
        x64i_hooks_mark_called(machine);
    }
    hooks->code_base = cpu->code_bits == 64 ? 0 : cpu->s.segment[X64_CS].base;
    return !machine->changed && !hooks->stopped && !atomic_load(&machine->stop_requested);
}

/* Whether control may go elsewhere than behind the instruction that this row is of. */
static bool is_branch(uint16_t row)
{
    return row >= x64i_isa_row_count || x64i_isa_is_branch(row);
}

static void note_block(struct x64_machine *machine)
{
    struct x64i_hooks *hooks = &machine->hooks;
    const struct x64i_cpu *cpu = &machine->cpu;
    bool goes_on = cpu->step.kind == X64_STEP_REPEAT ||
                   (cpu->step.kind == X64_STEP_INSTRUCTION && cpu->step.cpl == cpu->s.cpl &&
                    cpu->s.rip == cpu->step.rip + cpu->step.length && !is_branch(cpu->step_row));
    /* Sleep comes between an instruction and the next: it decides nothing. */
    if (cpu->step.kind != X64_STEP_SLEEP)
        hooks->block_starts = !goes_on;
    hooks->block_step = cpu->s.steps;
    hooks->block_rip = cpu->s.rip;
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

void x64i_hooks_after(struct x64_machine *machine)
{
    struct x64i_hooks *hooks = &machine->hooks;
    hooks->called = false;
    hooks->asked = false;
    note_block(machine);
    if (!machine->cpu.effects || hooks->need != X64I_HOOKS_EFFECTS || is_in_barrier(machine))
        return;
    begin_moment(machine, X64I_MOMENT_AFTER);
    x64i_hooks_tell_step(machine);
    end_moment(machine);
}

/* Asks until one wants a retry. What the step has touched by now (TLB, accessed bits) goes into the
 * barrier of a retry even if the hook itself changed nothing. */
static bool ask_unmapped(struct x64_machine *machine, const struct x64_unmapped_event *event)
{
    struct x64i_hooks *hooks = &machine->hooks;
    struct x64i_hook hook;
    bool retry = false;
    begin_moment(machine, X64I_MOMENT_BEFORE);
    for (size_t at = 0; !retry && x64i_hooks_next(hooks, &at, X64I_HOOK_UNMAPPED, event->linear,
                                                  event->linear, &hook);)
        retry = hook.callback.unmapped(machine, hook.user, event) == X64_UNMAPPED_RETRY;
    if (retry)
        x64i_machine_changed(machine);
    end_moment(machine);
    return retry || machine->changed || hooks->stopped;
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
