/* SPDX-License-Identifier: MIT */
#include "cpu/exception.h"

#include "cpu/idt.h"
#include "cpu/operand.h"

/* How two exceptions combine (SDM vol. 3A, tables 6-4 and 6-5). */
enum severity { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum severity severity_of(unsigned vector)
{
    switch (vector) {
    case X64_FAULT_DE:
    case X64_FAULT_TS:
    case X64_FAULT_NP:
    case X64_FAULT_SS:
    case X64_FAULT_GP:
    case X64_FAULT_CP:
        return CONTRIBUTORY;
    case X64_FAULT_PF:
    case X64_FAULT_VE:
        return PAGE_FAULT;
    case X64_FAULT_DF:
        return DOUBLE_FAULT;
    default:
        return BENIGN;
    }
}

/* What becomes of a second exception raised while the first was being delivered. */
enum outcome { DELIVER_SECOND, BECOME_DOUBLE_FAULT, SHUT_DOWN };

static enum outcome combine(enum severity first, enum severity second)
{
    static const uint8_t outcomes[4][4] = {
        [BENIGN] = {DELIVER_SECOND, DELIVER_SECOND, DELIVER_SECOND, DELIVER_SECOND},
        [CONTRIBUTORY] = {DELIVER_SECOND, BECOME_DOUBLE_FAULT, DELIVER_SECOND, SHUT_DOWN},
        [PAGE_FAULT] = {DELIVER_SECOND, BECOME_DOUBLE_FAULT, BECOME_DOUBLE_FAULT, SHUT_DOWN},
        [DOUBLE_FAULT] = {DELIVER_SECOND, SHUT_DOWN, SHUT_DOWN, SHUT_DOWN},
    };
    return outcomes[first][second];
}

static void set_debug_register(struct x64i_cpu *cpu, unsigned index, uint64_t value)
{
    if (cpu->s.dr[index] == value)
        return;
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_DEBUG,
                                                       .size = 8,
                                                       .index = index,
                                                       .old = cpu->s.dr[index],
                                                       .value = value});
    cpu->s.dr[index] = value;
    x64i_cpu_refresh(cpu);
}

static void set_cr2(struct x64i_cpu *cpu, uint64_t value)
{
    x64i_effects_add(
        cpu->effects,
        (struct x64_effect){
            .kind = X64_EFFECT_CONTROL, .size = 8, .index = 2, .old = cpu->s.cr2, .value = value});
    cpu->s.cr2 = value;
}

/* The registers that tell more about an exception: written even if its delivery then fails.
 * B0-B3 are of this exception alone, the rest of DR6 adds up until software clears it. */
static void note(struct x64i_cpu *cpu, const struct x64i_exception *exception)
{
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_EXCEPTION,
                                                       .index = exception->vector,
                                                       .linear = exception->cr2,
                                                       .value = exception->error_code});
    if (exception->vector == X64_FAULT_PF)
        set_cr2(cpu, exception->cr2);
    if (exception->vector == X64_FAULT_DB) {
        set_debug_register(cpu, 6, (cpu->s.dr[6] & ~X64I_DR6_HIT) | exception->dr6);
        set_debug_register(cpu, 7, cpu->s.dr[7] & ~X64I_DR7_GD);
    }
}

/* Faults show RF set, so that returning to the instruction does not meet its breakpoint again. #DB
 * does so only for general detect: traps are past the instruction, and the handler of an
 * instruction breakpoint sets RF itself. */
static bool is_resumable_fault(const struct x64i_exception *exception)
{
    if (exception->vector == X64_FAULT_DB)
        return exception->dr6 & X64I_DR6_BD;
    return exception->vector != X64_FAULT_DF && exception->vector != X64_FAULT_MC;
}

static struct x64i_delivery delivery_of(const struct x64i_cpu *cpu,
                                        const struct x64i_exception *exception)
{
    return (struct x64i_delivery){
        .vector = exception->vector,
        .external = true,
        .has_error = exception->has_error,
        .error_code = exception->error_code,
        .return_rip = cpu->s.rip,
        .rflags = cpu->s.rflags | (is_resumable_fault(exception) ? X64I_RF : 0),
    };
}

static void enter(struct x64i_cpu *cpu)
{
    cpu->s.rip = cpu->next_rip;
    cpu->s.shadow = X64I_SHADOW_NONE;
    cpu->s.activity = X64I_ACTIVE;
}

/* Delivers `delivery`; while that fails, the exception that stopped it in its place. */
static void deliver(struct x64i_cpu *cpu, struct x64i_delivery delivery, enum severity severity)
{
    static const struct x64i_exception double_fault = {.vector = X64_FAULT_DF, .has_error = true};
    while (x64i_idt_deliver(cpu, &delivery) != X64I_DONE) {
        struct x64i_exception next = cpu->exception;
        enum outcome outcome = combine(severity, severity_of(next.vector));
        note(cpu, &next);
        if (outcome == SHUT_DOWN) {
            cpu->s.activity = X64I_SHUTDOWN;
            return;
        }
        if (outcome == BECOME_DOUBLE_FAULT) {
            next = double_fault;
            note(cpu, &next);
        }
        severity = severity_of(next.vector);
        delivery = delivery_of(cpu, &next);
    }
    enter(cpu);
}

void x64i_deliver_exception(struct x64i_cpu *cpu, const struct x64i_exception *exception)
{
    struct x64i_exception first = *exception;
    note(cpu, &first);
    deliver(cpu, delivery_of(cpu, &first), severity_of(first.vector));
}

static void deliver_event(struct x64i_cpu *cpu, uint8_t vector)
{
    x64i_effects_add(cpu->effects,
                     (struct x64_effect){.kind = X64_EFFECT_INTERRUPT, .index = vector});
    deliver(
        cpu,
        (struct x64i_delivery){
            .vector = vector, .external = true, .return_rip = cpu->s.rip, .rflags = cpu->s.rflags},
        BENIGN);
}

void x64i_deliver_interrupt(struct x64i_cpu *cpu, uint8_t vector)
{
    deliver_event(cpu, vector);
}

void x64i_deliver_nmi(struct x64i_cpu *cpu)
{
    cpu->s.nmi_pending = 0;
    cpu->s.nmi_blocked = 1;
    deliver_event(cpu, X64_FAULT_NMI);
}

/* The effect comes before the delivery's own, so that a listener knows what they belong to. */
static void note_software_interrupt(struct x64i_cpu *cpu, enum x64i_software_interrupt kind,
                                    uint8_t vector)
{
    struct x64_effect effect = {.kind = X64_EFFECT_EXCEPTION, .index = vector};
    if (kind == X64I_SOFTWARE_INT_N) {
        effect.kind = X64_EFFECT_INTERRUPT;
        effect.value = 1;
    }
    x64i_effects_add(cpu->effects, effect);
}

enum x64i_result x64i_software_interrupt(struct x64i_cpu *cpu, enum x64i_software_interrupt kind,
                                         uint8_t vector)
{
    static const uint8_t vectors[] = {[X64I_SOFTWARE_INT3] = X64_FAULT_BP,
                                      [X64I_SOFTWARE_INTO] = X64_FAULT_OF,
                                      [X64I_SOFTWARE_INT1] = X64_FAULT_DB};
    if (kind != X64I_SOFTWARE_INT_N)
        vector = vectors[kind];
    note_software_interrupt(cpu, kind, vector);
    const struct x64i_delivery delivery = {.vector = vector,
                                           .software = kind != X64I_SOFTWARE_INT1,
                                           .external = kind == X64I_SOFTWARE_INT1,
                                           .return_rip = cpu->next_rip,
                                           .rflags = cpu->s.rflags};
    if (x64i_idt_deliver(cpu, &delivery) != X64I_DONE)
        return X64I_FAULT;
    if (kind == X64I_SOFTWARE_INT1)
        set_debug_register(cpu, 7, cpu->s.dr[7] & ~X64I_DR7_GD);
    cpu->no_single_step = true;
    return X64I_DONE;
}
