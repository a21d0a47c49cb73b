/* SPDX-License-Identifier: MIT */
/* A step's effects as the events of hooks. */
#include "machine.h"

#include "cpu/isa.h"

/* Goes through the hooks of a kind whose range meets [first, last]. */
#define FOR_HOOKS(hooks, hook, kind, first, last) \
    for (size_t at_ = 0; x64i_hooks_next(hooks, &at_, X64I_HOOK_##kind, first, last, hook);)

/* The step being told, and where in its list. */
struct telling {
    struct x64_machine *machine;
    struct x64i_hooks *hooks;
    const struct x64_step *step;
    const struct x64_effect *effect;
    bool event_before; /* an exception or interrupt came earlier in the list */
};

static void tell_memory(const struct telling *t)
{
    const struct x64_effect *e = t->effect;
    const struct x64_memory_event event = {.step = t->step,
                                           .linear = e->linear,
                                           .physical = e->physical,
                                           .old = e->old,
                                           .value = e->value,
                                           .size = e->size};
    uint64_t last = e->linear + (e->size ? e->size - 1u : 0);
    struct x64i_hook hook;
    if (e->kind == X64_EFFECT_MEMORY_READ)
        FOR_HOOKS(t->hooks, &hook, MEMORY_READ, e->linear, last)
    hook.callback.memory(t->machine, hook.user, &event);
    else FOR_HOOKS(t->hooks, &hook, MEMORY_WRITE, e->linear, last)
        hook.callback.memory(t->machine, hook.user, &event);
}

/* #BP and #OF come from INT3 and INTO alone, #DB of a retired instruction from INT1. */
static enum x64_cause exception_cause(const struct telling *t)
{
    unsigned vector = t->effect->index;
    if (t->event_before)
        return X64_CAUSE_DELIVERY;
    if (vector == X64_FAULT_BP || vector == X64_FAULT_OF || t->step->kind == X64_STEP_INSTRUCTION)
        return X64_CAUSE_SOFTWARE;
    return t->hooks->at_instruction ? X64_CAUSE_FAULT : X64_CAUSE_TRAP;
}

static void tell_exception(const struct telling *t)
{
    const struct x64_effect *e = t->effect;
    const struct x64_exception_event event = {.step = t->step,
                                              .fault = (enum x64_fault)e->index,
                                              .cause = exception_cause(t),
                                              .error_code = (uint32_t)e->value,
                                              .linear = e->linear};
    struct x64i_hook hook;
    FOR_HOOKS(t->hooks, &hook, EXCEPTION, e->index, e->index)
    hook.callback.exception(t->machine, hook.user, &event);
}

static void tell_interrupt(const struct telling *t)
{
    const struct x64_effect *e = t->effect;
    enum x64_cause cause = e->value                    ? X64_CAUSE_SOFTWARE
                           : e->index == X64_FAULT_NMI ? X64_CAUSE_NMI
                                                       : X64_CAUSE_EXTERNAL;
    const struct x64_interrupt_event event = {
        .step = t->step, .vector = (uint8_t)e->index, .cause = cause};
    struct x64i_hook hook;
    FOR_HOOKS(t->hooks, &hook, INTERRUPT, e->index, e->index)
    hook.callback.interrupt(t->machine, hook.user, &event);
}

static void tell_msr(const struct telling *t)
{
    const struct x64_effect *e = t->effect;
    bool read = e->kind == X64_EFFECT_MSR_READ;
    const struct x64_msr_event event = {
        .step = t->step, .index = e->index, .old = read ? e->value : e->old, .value = e->value};
    struct x64i_hook hook;
    if (read)
        FOR_HOOKS(t->hooks, &hook, MSR_READ, e->index, e->index)
    hook.callback.msr(t->machine, hook.user, &event);
    else FOR_HOOKS(t->hooks, &hook, MSR_WRITE, e->index, e->index)
        hook.callback.msr(t->machine, hook.user, &event);
}

static void tell_control(const struct telling *t)
{
    const struct x64_effect *e = t->effect;
    const struct x64_control_event event = {
        .step = t->step, .index = e->index, .old = e->old, .value = e->value};
    struct x64i_hook hook;
    FOR_HOOKS(t->hooks, &hook, CONTROL_WRITE, e->index, e->index)
    hook.callback.control(t->machine, hook.user, &event);
}

static void tell_stack_switch(const struct telling *t)
{
    const struct x64_effect *e = t->effect;
    const struct x64_stack_switch_event event = {
        .step = t->step, .slot = e->index, .old_rsp = e->old, .new_rsp = e->value};
    struct x64i_hook hook;
    FOR_HOOKS(t->hooks, &hook, STACK_SWITCH, 0, 0)
    hook.callback.stack_switch(t->machine, hook.user, &event);
}

static void tell_port(const struct telling *t)
{
    const struct x64_effect *e = t->effect;
    const struct x64_port_event event = {.step = t->step,
                                         .port = (uint16_t)e->index,
                                         .size = e->size,
                                         .write = e->kind == X64_EFFECT_PORT_WRITE,
                                         .value = (uint32_t)e->value};
    struct x64i_hook hook;
    FOR_HOOKS(t->hooks, &hook, PORT, e->index, e->index)
    hook.callback.port(t->machine, hook.user, &event);
}

static void tell_walk(const struct telling *t)
{
    const struct x64_effect *e = t->effect;
    const struct x64_walk_event event = {.step = t->step,
                                         .linear = e->linear,
                                         .physical = e->physical,
                                         .entry = e->value,
                                         .level = (uint8_t)e->index};
    struct x64i_hook hook;
    FOR_HOOKS(t->hooks, &hook, PAGE_WALK, e->linear, e->linear)
    hook.callback.walk(t->machine, hook.user, &event);
}

static void tell_tlb_fill(const struct telling *t)
{
    const struct x64_effect *e = t->effect;
    const struct x64_tlb_fill_event event = {.step = t->step,
                                             .linear = e->linear,
                                             .physical = e->physical,
                                             .size = UINT64_C(1) << (e->size & 63),
                                             .pcid = (uint16_t)e->index};
    struct x64i_hook hook;
    FOR_HOOKS(t->hooks, &hook, TLB_FILL, e->linear, e->linear + (event.size - 1))
    hook.callback.tlb_fill(t->machine, hook.user, &event);
}

/* Which hooks an effect is told to, and how. */
static const struct teller {
    uint32_t kinds;
    void (*tell)(const struct telling *t);
} tellers[X64_EFFECT_KIND_COUNT] = {
    [X64_EFFECT_MEMORY_READ] = {1u << X64I_HOOK_MEMORY_READ, tell_memory},
    [X64_EFFECT_MEMORY_WRITE] = {1u << X64I_HOOK_MEMORY_WRITE, tell_memory},
    [X64_EFFECT_CONTROL] = {1u << X64I_HOOK_CONTROL_WRITE, tell_control},
    [X64_EFFECT_MSR_READ] = {1u << X64I_HOOK_MSR_READ, tell_msr},
    [X64_EFFECT_MSR_WRITE] = {1u << X64I_HOOK_MSR_WRITE, tell_msr},
    [X64_EFFECT_PAGE_WALK] = {1u << X64I_HOOK_PAGE_WALK, tell_walk},
    [X64_EFFECT_TLB_FILL] = {1u << X64I_HOOK_TLB_FILL, tell_tlb_fill},
    [X64_EFFECT_PORT_READ] = {1u << X64I_HOOK_PORT, tell_port},
    [X64_EFFECT_PORT_WRITE] = {1u << X64I_HOOK_PORT, tell_port},
    [X64_EFFECT_EXCEPTION] = {1u << X64I_HOOK_EXCEPTION, tell_exception},
    [X64_EFFECT_INTERRUPT] = {1u << X64I_HOOK_INTERRUPT, tell_interrupt},
    [X64_EFFECT_STACK_SWITCH] = {1u << X64I_HOOK_STACK_SWITCH, tell_stack_switch},
};

static void tell_fetch(const struct telling *t)
{
    const struct x64_fetch_event event = {.step = t->step,
                                          .linear = t->hooks->code_base + t->step->rip,
                                          .bytes = t->step->bytes,
                                          .size = t->step->length};
    struct x64i_hook hook;
    FOR_HOOKS(t->hooks, &hook, MEMORY_FETCH, event.linear, event.linear + (event.size - 1u))
    hook.callback.fetch(t->machine, hook.user, &event);
}

/* The base that SWAPGS gave GS: from the list, for hooks may have changed the state by now. */
static void tell_swapgs(const struct telling *t)
{
    struct x64_swapgs_event event = {.step = t->step};
    struct x64i_hook hook;
    for (size_t i = 0; i < t->step->effect_count; i++) {
        const struct x64_effect *e = &t->step->effects[i];
        if (e->kind != X64_EFFECT_MSR_WRITE)
            continue;
        event.old_base = e->value; /* what IA32_KERNEL_GS_BASE holds now, GS had */
        event.new_base = e->old;
    }
    FOR_HOOKS(t->hooks, &hook, SWAPGS, 0, 0)
    hook.callback.swapgs(t->machine, hook.user, &event);
}

static const struct transfer_row {
    uint16_t mnemonic;
    enum x64i_hook_kind kind;
} transfer_rows[] = {
    {ZYDIS_MNEMONIC_SYSCALL, X64I_HOOK_SYSCALL},   {ZYDIS_MNEMONIC_SYSRET, X64I_HOOK_SYSRET},
    {ZYDIS_MNEMONIC_SYSENTER, X64I_HOOK_SYSENTER}, {ZYDIS_MNEMONIC_SYSEXIT, X64I_HOOK_SYSEXIT},
    {ZYDIS_MNEMONIC_IRET, X64I_HOOK_IRET},         {ZYDIS_MNEMONIC_IRETD, X64I_HOOK_IRET},
    {ZYDIS_MNEMONIC_IRETQ, X64I_HOOK_IRET},        {ZYDIS_MNEMONIC_SWAPGS, X64I_HOOK_SWAPGS},
};

/* What the instruction as a whole was. `transfer` was made before hooks could change anything. */
static void tell_transfer(const struct telling *t, const struct x64_transfer_event *transfer)
{
    uint16_t row = t->machine->cpu.step_row;
    if (t->step->kind != X64_STEP_INSTRUCTION || row >= x64i_isa_row_count)
        return;
    for (size_t i = 0; i < sizeof transfer_rows / sizeof transfer_rows[0]; i++) {
        struct x64i_hook hook;
        if (transfer_rows[i].mnemonic != x64i_isa_rows[row].mnemonic ||
            !x64i_hooks_have(t->hooks, transfer_rows[i].kind))
            continue;
        if (transfer_rows[i].kind == X64I_HOOK_SWAPGS) {
            tell_swapgs(t);
            continue;
        }
        for (size_t at = 0; x64i_hooks_next(t->hooks, &at, transfer_rows[i].kind, 0, 0, &hook);)
            hook.callback.transfer(t->machine, hook.user, transfer);
    }
}

static void tell_effects(struct telling *t)
{
    for (size_t i = 0; i < t->step->effect_count; i++) {
        t->effect = &t->step->effects[i];
        const struct teller *teller =
            t->effect->kind < X64_EFFECT_KIND_COUNT ? &tellers[t->effect->kind] : NULL;
        if (teller && (teller->kinds & t->hooks->kinds))
            teller->tell(t);
        if (t->effect->kind == X64_EFFECT_EXCEPTION || t->effect->kind == X64_EFFECT_INTERRUPT)
            t->event_before = true;
    }
}

void x64i_hooks_tell_step(struct x64_machine *machine)
{
    struct telling t = {.machine = machine, .hooks = &machine->hooks, .step = &machine->cpu.step};
    const struct x64_transfer_event transfer = {
        .step = t.step, .target = machine->cpu.s.rip, .cpl = machine->cpu.s.cpl};
    bool retired = t.step->kind == X64_STEP_INSTRUCTION || t.step->kind == X64_STEP_REPEAT ||
                   t.step->kind == X64_STEP_NATIVE;
    struct x64i_hook hook;
    if (t.step->length && x64i_hooks_have(t.hooks, X64I_HOOK_MEMORY_FETCH))
        tell_fetch(&t);
    tell_effects(&t);
    tell_transfer(&t, &transfer);
    if (!retired)
        return;
    FOR_HOOKS(t.hooks, &hook, INSTRUCTION_AFTER, t.step->rip, t.step->rip)
    hook.callback.step(machine, hook.user, t.step);
}
