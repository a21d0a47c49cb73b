/* SPDX-License-Identifier: MIT */
#include "cpu/idt.h"

#include "cpu/operand.h"
#include "cpu/segment.h"

#define FRAME_MAX 6 /* SS, RSP, RFLAGS, CS, RIP, error code */

struct gate {
    uint64_t offset;
    uint16_t selector;
    uint8_t type; /* enum x64i_system_type */
    uint8_t dpl;
    uint8_t ist;
    bool present;
};

/* What a delivery will commit once nothing can fail any more. */
struct plan {
    struct gate gate;
    struct x64i_descriptor code;
    unsigned cpl;
    bool switches; /* to another stack */
    uint64_t rsp;  /* of the first push, aligned */
    unsigned count;
    uint64_t value[FRAME_MAX];
    struct x64i_target target[FRAME_MAX];
};

/* Error codes for the IDT: the vector, the IDT bit and EXT (SDM vol. 3A, 6.13). */
static enum x64i_result raise_gate(struct x64i_cpu *cpu, enum x64_fault fault,
                                   const struct x64i_delivery *delivery)
{
    return x64i_raise_error(cpu, fault, delivery->vector * 8u + 2u + delivery->external);
}

static enum x64i_result read_gate(struct x64i_cpu *cpu, const struct x64i_delivery *delivery,
                                  struct gate *gate)
{
    uint32_t offset = delivery->vector * 16u;
    uint64_t low;
    uint64_t high;
    if (offset + 15 > cpu->s.idtr.limit)
        return raise_gate(cpu, X64_FAULT_GP, delivery);
    if (x64i_load_system(cpu, cpu->s.idtr.base + offset, 8, &low) != X64I_DONE ||
        x64i_load_system(cpu, cpu->s.idtr.base + offset + 8, 8, &high) != X64I_DONE)
        return X64I_FAULT;
    *gate = (struct gate){
        .offset = (low & 0xffff) | (low >> 32 & 0xffff0000u) | high << 32,
        .selector = (uint16_t)(low >> 16),
        .type = (uint8_t)(low >> 40 & 0x1f), /* with S: code and data segments are no gates */
        .dpl = (uint8_t)(low >> 45 & 3),
        .ist = (uint8_t)(low >> 32 & 7),
        .present = low >> 47 & 1,
    };
    return X64I_DONE;
}

static enum x64i_result check_gate(struct x64i_cpu *cpu, const struct x64i_delivery *delivery,
                                   const struct gate *gate)
{
    if (gate->type != X64I_SYSTEM_INTERRUPT_GATE && gate->type != X64I_SYSTEM_TRAP_GATE)
        return raise_gate(cpu, X64_FAULT_GP, delivery);
    if (delivery->software && gate->dpl < cpu->s.cpl)
        return raise_gate(cpu, X64_FAULT_GP, delivery);
    if (!gate->present)
        return raise_gate(cpu, X64_FAULT_NP, delivery);
    return X64I_DONE;
}

/* The handler's code segment: 64-bit, and not less privileged than the interrupted code. */
static enum x64i_result load_code(struct x64i_cpu *cpu, const struct x64i_delivery *delivery,
                                  struct plan *plan)
{
    uint16_t selector = plan->gate.selector;
    struct x64i_descriptor *code = &plan->code;
    if (x64i_selector_is_null(selector))
        return x64i_raise_error(cpu, X64_FAULT_GP, delivery->external);
    if (x64i_descriptor_load(cpu, selector, delivery->external, code) != X64I_DONE)
        return X64I_FAULT;
    const unsigned size = X64I_SEGMENT_LONG | X64I_SEGMENT_BIG;
    if (!x64i_descriptor_is_code(code) || x64i_descriptor_dpl(code) > cpu->s.cpl ||
        (code->segment.attributes & size) != X64I_SEGMENT_LONG)
        return x64i_raise_selector(cpu, X64_FAULT_GP, selector, delivery->external);
    if (!(code->segment.attributes & X64I_SEGMENT_PRESENT))
        return x64i_raise_selector(cpu, X64_FAULT_NP, selector, delivery->external);
    plan->cpl = x64i_descriptor_is_conforming(code) ? cpu->s.cpl : x64i_descriptor_dpl(code);
    code->segment.selector = (uint16_t)((selector & ~3u) | plan->cpl);
    return x64i_descriptor_probe_accessed(cpu, code);
}

enum x64i_result x64i_tss_stack(struct x64i_cpu *cpu, unsigned offset, bool external, uint64_t *rsp)
{
    const struct x64i_segment *tr = &cpu->s.segment[X64_TR];
    if (offset + 7 > tr->limit)
        return x64i_raise_selector(cpu, X64_FAULT_TS, tr->selector, external);
    return x64i_load_system(cpu, tr->base + offset, 8, rsp);
}

static enum x64i_result choose_stack(struct x64i_cpu *cpu, const struct x64i_delivery *delivery,
                                     struct plan *plan)
{
    bool inward = plan->cpl < cpu->s.cpl;
    plan->switches = inward || plan->gate.ist != 0;
    plan->rsp = cpu->s.gpr[X64_RSP];
    if (plan->switches) {
        unsigned slot = plan->gate.ist ? X64I_TSS_IST(plan->gate.ist) : X64I_TSS_RSP(plan->cpl);
        if (x64i_tss_stack(cpu, slot, delivery->external, &plan->rsp) != X64I_DONE)
            return X64I_FAULT;
    }
    plan->rsp &= ~15ull;
    return X64I_DONE;
}

/* Checks every push, from the highest address down. */
static enum x64i_result probe_frame(struct x64i_cpu *cpu, const struct x64i_delivery *delivery,
                                    struct plan *plan)
{
    const uint64_t frame[FRAME_MAX] = {
        cpu->s.segment[X64_SS].selector, cpu->s.gpr[X64_RSP],  delivery->rflags,
        cpu->s.segment[X64_CS].selector, delivery->return_rip, delivery->error_code};
    unsigned access = plan->cpl == 3            ? X64I_ACCESS_USER
                      : cpu->s.rflags & X64I_AC ? X64I_ACCESS_SMAP_OFF
                                                : 0;
    plan->count = delivery->has_error ? FRAME_MAX : FRAME_MAX - 1;
    for (unsigned i = 0; i < plan->count; i++) {
        uint64_t linear = plan->rsp - 8 * (i + 1);
        plan->value[i] = frame[i];
        if (!x64i_is_canonical(linear))
            return x64i_raise_error(cpu, X64_FAULT_SS, delivery->external);
        if (x64i_probe_as(cpu, linear, 8, access, &plan->target[i]) != X64I_DONE)
            return X64I_FAULT;
    }
    return X64I_DONE;
}

static void push_frame(struct x64i_cpu *cpu, const struct plan *plan)
{
    if (plan->switches)
        x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_STACK_SWITCH,
                                                           .size = 8,
                                                           .index = plan->gate.ist,
                                                           .old = cpu->s.gpr[X64_RSP],
                                                           .value = plan->rsp});
    for (unsigned i = 0; i < plan->count; i++)
        x64i_commit(cpu, &plan->target[i], plan->value[i]);
    x64i_set_gpr64(cpu, X64_RSP, plan->rsp - 8 * plan->count);
}

static void enter_handler(struct x64i_cpu *cpu, struct plan *plan)
{
    uint64_t cleared = X64I_TF | X64I_NT | X64I_RF | X64I_VM;
    if (plan->gate.type == X64I_SYSTEM_INTERRUPT_GATE)
        cleared |= X64I_IF;
    x64i_set_rflags(cpu, cpu->s.rflags & ~cleared);
    x64i_descriptor_commit_accessed(cpu, &plan->code);
    if (plan->cpl < cpu->s.cpl) {
        struct x64i_segment null = {.selector = (uint16_t)plan->cpl};
        x64i_set_segment(cpu, X64_SS, &null);
    }
    x64i_set_segment(cpu, X64_CS, &plan->code.segment);
    x64i_set_cpl(cpu, plan->cpl);
    (void)x64i_branch(cpu, plan->gate.offset);
}

enum x64i_result x64i_idt_deliver(struct x64i_cpu *cpu, const struct x64i_delivery *delivery)
{
    struct plan plan = {0};
    /* The gates of legacy protected mode are others: without long mode no delivery succeeds, and
     * the first event ends in a shutdown. */
    if (!(x64i_efer(cpu) & X64I_EFER_LMA))
        return raise_gate(cpu, X64_FAULT_GP, delivery);
    if (read_gate(cpu, delivery, &plan.gate) != X64I_DONE ||
        check_gate(cpu, delivery, &plan.gate) != X64I_DONE ||
        load_code(cpu, delivery, &plan) != X64I_DONE ||
        choose_stack(cpu, delivery, &plan) != X64I_DONE ||
        probe_frame(cpu, delivery, &plan) != X64I_DONE)
        return X64I_FAULT;
    if (!x64i_is_canonical(plan.gate.offset))
        return x64i_raise_error(cpu, X64_FAULT_GP, delivery->external);
    push_frame(cpu, &plan);
    enter_handler(cpu, &plan);
    return X64I_DONE;
}
