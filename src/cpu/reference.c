/* SPDX-License-Identifier: MIT */
/*
 * The reference path: one step at a time, in the order of priorities that SDM vol. 3A, 6.9 gives:
 * traps of the instruction before, NMI and interrupts, instruction breakpoints, fetching, decoding,
 * executing.
 */
#include "cpu/reference.h"
#include "cpu/access.h"
#include "cpu/cpu.h"
#include "cpu/decode.h"
#include "cpu/exception.h"
#include "cpu/isa.h"
#include "cpu/operand.h"

#define DR6_SINGLE_STEP (1ull << 14)

void x64i_cpu_begin_step(struct x64i_cpu *cpu)
{
    if (cpu->effects)
        x64i_effects_clear(cpu->effects);
    cpu->step = (struct x64_step){.number = cpu->s.steps,
                                  .rip = cpu->s.rip,
                                  .kind = X64_STEP_INSTRUCTION,
                                  .cpl = cpu->s.cpl,
                                  .code_bits = cpu->code_bits};
    cpu->step_row = UINT16_MAX;
    cpu->unmade = false;
    cpu->debug_hits = 0;
    cpu->keep_rf = false;
    cpu->no_single_step = false;
    cpu->new_shadow = X64I_SHADOW_NONE;
}

static bool end_step(struct x64i_cpu *cpu, enum x64_step_kind kind)
{
    cpu->s.steps++;
    cpu->step.kind = (uint8_t)kind;
    if (cpu->effects) {
        cpu->step.effects = cpu->effects->items;
        cpu->step.effect_count = cpu->effects->count;
        cpu->step.truncated = cpu->effects->truncated;
    }
    return true;
}

bool x64i_cpu_at_instruction(const struct x64i_cpu *cpu)
{
    const struct x64i_cpu_state *s = &cpu->s;
    bool interrupted = (s->rflags & X64I_IF) && s->shadow == X64I_SHADOW_NONE && cpu->callbacks &&
                       cpu->callbacks->interrupt_pending &&
                       cpu->callbacks->interrupt_pending(cpu->callback_user);
    bool trapped = s->pending_debug && s->shadow != X64I_SHADOW_MOV_SS;
    bool nmi = s->nmi_pending && !s->nmi_blocked && s->shadow == X64I_SHADOW_NONE;
    return s->activity == X64I_ACTIVE && !interrupted && !trapped && !nmi;
}

/* Delivers what is due before the next instruction. False when nothing was. */
static bool deliver_pending(struct x64i_cpu *cpu)
{
    struct x64i_cpu_state *s = &cpu->s;
    if (s->pending_debug && s->shadow != X64I_SHADOW_MOV_SS) {
        struct x64i_exception trap = {.vector = X64_FAULT_DB, .dr6 = s->pending_debug};
        s->pending_debug = 0;
        s->shadow = X64I_SHADOW_NONE;
        x64i_deliver_exception(cpu, &trap);
        return end_step(cpu, X64_STEP_FAULT);
    }
    if (s->nmi_pending && !s->nmi_blocked && s->shadow == X64I_SHADOW_NONE) {
        s->nmi_pending = 0;
        x64i_deliver_nmi(cpu);
        return end_step(cpu, X64_STEP_INTERRUPT);
    }
    bool open = (s->rflags & X64I_IF) && s->shadow == X64I_SHADOW_NONE;
    if (open && cpu->callbacks && cpu->callbacks->interrupt_pending &&
        cpu->callbacks->interrupt_pending(cpu->callback_user)) {
        x64i_deliver_interrupt(cpu, cpu->callbacks->interrupt_acknowledge(cpu->callback_user));
        return end_step(cpu, X64_STEP_INTERRUPT);
    }
    return false;
}

/* Whether a sleeping CPU has been woken. */
static bool wake(struct x64i_cpu *cpu)
{
    struct x64i_cpu_state *s = &cpu->s;
    bool interrupted = (s->rflags & X64I_IF) && cpu->callbacks &&
                       cpu->callbacks->interrupt_pending &&
                       cpu->callbacks->interrupt_pending(cpu->callback_user);
    if (!interrupted && !s->nmi_pending)
        return false;
    s->activity = X64I_ACTIVE;
    return true;
}

/* Sleeps up to the next event. False when there is none that could wake the CPU. */
static bool sleep_step(struct x64i_cpu *cpu)
{
    if (!(cpu->s.rflags & X64I_IF) || !cpu->callbacks || !cpu->callbacks->sleep ||
        !cpu->callbacks->sleep(cpu->callback_user))
        return false;
    return end_step(cpu, X64_STEP_SLEEP);
}

const struct x64i_native *x64i_cpu_native_at(const struct x64i_cpu *cpu, uint64_t linear)
{
    size_t low = 0;
    size_t high = cpu->native_count;
    if (high == 0 || linear < cpu->natives[0].linear || linear > cpu->natives[high - 1].linear)
        return NULL;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (cpu->natives[middle].linear < linear)
            low = middle + 1;
        else
            high = middle;
    }
    return cpu->natives[low].linear == linear ? &cpu->natives[low] : NULL;
}

/* Delivers the exception of what was to be this step. */
static bool fault_step(struct x64i_cpu *cpu)
{
    struct x64i_exception exception = cpu->exception;
    cpu->s.shadow = X64I_SHADOW_NONE;
    x64i_deliver_exception(cpu, &exception);
    return end_step(cpu, X64_STEP_FAULT);
}

/* A fault: nothing of the instruction was committed, its exception is delivered in its place. Who
 * watches page faults may have the step left unmade instead. */
bool x64i_cpu_fault_step(struct x64i_cpu *cpu)
{
    if (cpu->exception.vector == X64_FAULT_PF && cpu->callbacks && cpu->callbacks->page_fault &&
        cpu->callbacks->page_fault(cpu->callback_user)) {
        cpu->unmade = true;
        return true;
    }
    return fault_step(cpu);
}

static bool native_step(struct x64i_cpu *cpu, const struct x64i_native *native)
{
    x64i_effects_add(cpu->effects,
                     (struct x64_effect){.kind = X64_EFFECT_NATIVE, .index = native->number});
    cpu->s.shadow = X64I_SHADOW_NONE;
    if (cpu->callbacks->native(cpu->callback_user, native->number) == X64I_FAULT)
        return fault_step(cpu);
    return end_step(cpu, X64_STEP_NATIVE);
}

/* Instruction breakpoints are faults: RIP stays, RF keeps them from firing twice. */
static bool instruction_breakpoint(struct x64i_cpu *cpu)
{
    if (!cpu->breakpoints || (cpu->s.rflags & X64I_RF))
        return false;
    uint64_t linear = cpu->s.rip;
    if (cpu->code_bits != 64)
        linear = (linear + cpu->s.segment[X64_CS].base) & 0xffffffffu;
    uint64_t hits = 0;
    for (unsigned i = 0; i < 4; i++)
        if ((cpu->breakpoints & 1u << i) && cpu->s.dr[i] == linear)
            hits |= 1ull << i;
    cpu->exception = (struct x64i_exception){.vector = X64_FAULT_DB, .dr6 = hits};
    return hits != 0;
}

/* The instruction has done its work: RIP, RF, shadows and traps. */
static bool retire(struct x64i_cpu *cpu, bool single_step, enum x64i_result result)
{
    struct x64i_cpu_state *s = &cpu->s;
    s->shadow = cpu->new_shadow;
    s->pending_debug |= cpu->debug_hits;
    if (single_step && !cpu->no_single_step && cpu->new_shadow != X64I_SHADOW_MOV_SS)
        s->pending_debug |= DR6_SINGLE_STEP;
    if (result == X64I_REPEAT) {
        /* Between two iterations RF is set, for the frame of an interrupt (SDM vol. 3B, 17.3.1.1).
         */
        x64i_set_rflags(cpu, s->rflags | X64I_RF);
        return end_step(cpu, X64_STEP_REPEAT);
    }
    s->rip = cpu->code_bits == 64 ? cpu->next_rip : cpu->next_rip & 0xffffffffu;
    if (!cpu->keep_rf)
        x64i_set_rflags(cpu, s->rflags & ~(uint64_t)X64I_RF);
    return end_step(cpu, X64_STEP_INSTRUCTION);
}

static bool execute(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    bool single_step = cpu->s.rflags & X64I_TF;
    cpu->step_row = op->row;
    cpu->next_rip = cpu->s.rip + op->length;
    enum x64i_result result = op->execute(cpu, op);
    if (result == X64I_FAULT)
        return x64i_cpu_fault_step(cpu);
    return retire(cpu, single_step, result);
}

void x64i_cpu_decoded_step(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    x64i_cpu_begin_step(cpu);
    (void)execute(cpu, op);
}

/* Whether control may go elsewhere than behind the instruction that this row is of. */
static bool is_branch(uint16_t row)
{
    return row >= x64i_isa_row_count || x64i_isa_is_branch(row);
}

void x64i_cpu_note_step(struct x64i_cpu *cpu)
{
    const struct x64_step *step = &cpu->step;
    bool goes_on = step->kind == X64_STEP_REPEAT ||
                   (step->kind == X64_STEP_INSTRUCTION && step->cpl == cpu->s.cpl &&
                    cpu->s.rip == step->rip + step->length && !is_branch(cpu->step_row));
    /* Sleep comes between an instruction and the next: it decides nothing. */
    if (step->kind == X64_STEP_SLEEP)
        goes_on = cpu->straight.step == step->number && cpu->straight.rip == step->rip;
    if (goes_on)
        x64i_cpu_note_straight(cpu);
}

bool x64i_cpu_step(struct x64i_cpu *cpu)
{
    x64i_cpu_begin_step(cpu);
    if (cpu->s.activity == X64I_SHUTDOWN)
        return false;
    if (cpu->s.activity != X64I_ACTIVE && !wake(cpu))
        return sleep_step(cpu);
    if (deliver_pending(cpu))
        return true;
    const struct x64i_native *native = x64i_cpu_native_at(cpu, cpu->s.rip);
    if (native)
        return native_step(cpu, native);
    const struct x64i_op *op;
    if (instruction_breakpoint(cpu) || x64i_fetch(cpu, &op) != X64I_DONE)
        return x64i_cpu_fault_step(cpu);
    return execute(cpu, op);
}
