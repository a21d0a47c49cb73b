/* SPDX-License-Identifier: MIT */
#include "cpu/x87.h"

struct x64i_float_control x64i_x87_control(const struct x64i_cpu *cpu)
{
    static const uint8_t precisions[] = {24, 64, 53, 64}; /* the second is reserved */
    uint16_t control = cpu->s.fpu_control;
    return (struct x64i_float_control){.rounding = control >> 10 & 3,
                                       .precision = precisions[control >> 8 & 3],
                                       .masked = control & X64I_X87_EXCEPTIONS,
                                       .x87 = true};
}

void x64i_x87_update_summary(struct x64i_cpu *cpu)
{
    unsigned unmasked = cpu->s.fpu_status & ~cpu->s.fpu_control & X64I_X87_EXCEPTIONS;
    cpu->s.fpu_status &= (uint16_t)~X64I_X87_SUMMARY;
    if (unmasked)
        cpu->s.fpu_status |= X64I_X87_SUMMARY;
}

/* FIP is of the last instruction; of the opcode and the operand Intel's processors tell only when
 * an exception waits (SDM vol. 1, 8.1.8 and 8.1.9: FOP, and FDP with FDP_EXCPTN_ONLY). */
void x64i_x87_note_pointers(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    struct x64i_cpu_state *s = &cpu->s;
    const bool selectors = !x64i_cpu_has(cpu, X64I_FEATURE_NO_FPU_SELECTORS);
    s->fpu_instruction = s->rip;
    s->fpu_code_segment = selectors ? s->segment[X64_CS].selector : 0;
    if (x64i_cpu_has(cpu, X64I_FEATURE_FDP_EXCPTN_ONLY) && !(s->fpu_status & X64I_X87_SUMMARY))
        return;
    s->fpu_opcode = op->immediate & 0x7ff;
    if (op->flags & X64I_OP_MEMORY) {
        s->fpu_data = x64i_effective(cpu, op);
        s->fpu_data_segment = selectors ? s->segment[op->segment].selector : 0;
    }
}

static void note(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned raised, bool c1)
{
    cpu->s.fpu_status =
        (uint16_t)((cpu->s.fpu_status & ~X64I_X87_C1) | raised | (c1 ? X64I_X87_C1 : 0));
    if (cpu->s.fpu_status & ~cpu->s.fpu_control & X64I_X87_EXCEPTIONS)
        cpu->s.fpu_status |= X64I_X87_SUMMARY;
    x64i_x87_note_pointers(cpu, op);
}

bool x64i_x87_finish(struct x64i_cpu *cpu, const struct x64i_op *op,
                     const struct x64i_float_control *control)
{
    if (x64i_float_stops(control)) {
        note(cpu, op, control->raised & X64I_FLOAT_BEFORE, false);
        return false;
    }
    note(cpu, op, control->raised, control->rounded_up && (control->raised & X64I_FLOAT_INEXACT));
    return true;
}

void x64i_x87_finish_exact(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    note(cpu, op, 0, false);
}

bool x64i_x87_underflow(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    note(cpu, op, X64I_FLOAT_INVALID | X64I_X87_STACK_FAULT, false);
    return cpu->s.fpu_control & X64I_FLOAT_INVALID;
}

bool x64i_x87_overflow(struct x64i_cpu *cpu, const struct x64i_op *op)
{
    note(cpu, op, X64I_FLOAT_INVALID | X64I_X87_STACK_FAULT, true);
    return cpu->s.fpu_control & X64I_FLOAT_INVALID;
}

void x64i_x87_set_codes(struct x64i_cpu *cpu, unsigned codes)
{
    const unsigned all = X64I_X87_C3 | X64I_X87_C2 | X64I_X87_C0;
    cpu->s.fpu_status = (uint16_t)((cpu->s.fpu_status & ~all) | codes);
}

void x64i_x87_reset(struct x64i_cpu *cpu)
{
    struct x64i_cpu_state *s = &cpu->s;
    s->fpu_control = X64I_X87_CONTROL_RESET;
    s->fpu_status = 0;
    s->fpu_tag = 0xffff;
    s->fpu_opcode = 0;
    s->fpu_instruction = 0;
    s->fpu_data = 0;
    s->fpu_code_segment = 0;
    s->fpu_data_segment = 0;
}

void x64i_x87_push_bits(struct x64i_cpu *cpu, struct x64i_extended value)
{
    x64i_x87_turn(cpu, 7);
    x64i_x87_set_bits(cpu, 0, value);
}

void x64i_x87_push(struct x64i_cpu *cpu, struct x64i_float value)
{
    x64i_x87_turn(cpu, 7);
    x64i_x87_set(cpu, 0, value);
}
