/* SPDX-License-Identifier: MIT */
/* The x87 instructions that only touch control and status words (SDM vol. 1, 8.1). Arithmetic is
 * not there yet: its encodings raise #UD. */
#include "cpu/sem.h"

#define CONTROL_RESET    0x037fu
#define CONTROL_ONE      0x0040u /* bit 6 always reads as 1 */
#define STATUS_SUMMARY   0x8080u /* ES and B */
#define STATUS_KEPT      0x7f00u /* what FNCLEX leaves alone: condition codes and TOP */
#define STATUS_EXCEPTION 0x003fu

/* #NM while CR0.EM or CR0.TS is set (SDM vol. 2A, table 2-21). */
static enum x64i_result check_x87(struct x64i_cpu *cpu)
{
    if (cpu->s.cr0 & (X64I_CR0_EM | X64I_CR0_TS))
        return x64i_raise(cpu, X64_FAULT_NM);
    return X64I_DONE;
}

/* ES and B follow the exceptions that are not masked. */
static void update_summary(struct x64i_cpu *cpu)
{
    uint16_t unmasked = cpu->s.fpu_status & ~cpu->s.fpu_control & STATUS_EXCEPTION;
    cpu->s.fpu_status &= (uint16_t)~STATUS_SUMMARY;
    if (unmasked)
        cpu->s.fpu_status |= STATUS_SUMMARY;
}

X64I_HANDLER(fnstcw)
{
    if (check_x87(cpu) != X64I_DONE)
        return X64I_FAULT;
    return x64i_store(cpu, op->segment, x64i_effective(cpu, op), 2, cpu->s.fpu_control);
}

X64I_HANDLER(fldcw)
{
    uint64_t control;
    if (check_x87(cpu) != X64I_DONE ||
        x64i_load(cpu, op->segment, x64i_effective(cpu, op), 2, &control) != X64I_DONE)
        return X64I_FAULT;
    cpu->s.fpu_control = (uint16_t)((control & 0x1f3f) | CONTROL_ONE);
    update_summary(cpu);
    return X64I_DONE;
}

X64I_HANDLER(fnstsw_r)
{
    if (check_x87(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, op->destination, cpu->s.fpu_status, 16);
    return X64I_DONE;
}

X64I_HANDLER(fnstsw_m)
{
    if (check_x87(cpu) != X64I_DONE)
        return X64I_FAULT;
    return x64i_store(cpu, op->segment, x64i_effective(cpu, op), 2, cpu->s.fpu_status);
}

X64I_HANDLER(fninit)
{
    (void)op;
    if (check_x87(cpu) != X64I_DONE)
        return X64I_FAULT;
    cpu->s.fpu_control = CONTROL_RESET;
    cpu->s.fpu_status = 0;
    cpu->s.fpu_tag = 0xffff;
    cpu->s.fpu_opcode = 0;
    cpu->s.fpu_instruction = 0;
    cpu->s.fpu_data = 0;
    return X64I_DONE;
}

X64I_HANDLER(fnclex)
{
    (void)op;
    if (check_x87(cpu) != X64I_DONE)
        return X64I_FAULT;
    cpu->s.fpu_status &= STATUS_KEPT;
    return X64I_DONE;
}

/* FWAIT: #NM when CR0.MP and CR0.TS are set; #MF when an exception waits. */
X64I_HANDLER(fwait)
{
    (void)op;
    const uint64_t both = X64I_CR0_MP | X64I_CR0_TS;
    if ((cpu->s.cr0 & both) == both)
        return x64i_raise(cpu, X64_FAULT_NM);
    if (cpu->s.fpu_status & STATUS_SUMMARY)
        return x64i_raise(cpu, X64_FAULT_MF);
    return X64I_DONE;
}
