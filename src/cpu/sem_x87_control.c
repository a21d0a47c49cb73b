/* SPDX-License-Identifier: MIT */
/* The x87 instructions that only touch control and status words (SDM vol. 1, 8.1). */
#include "cpu/x87.h"

#define STATUS_KEPT 0x7f00u /* what FNCLEX leaves alone: condition codes and TOP */

X64I_HANDLER(fnstcw)
{
    if (x64i_x87_check(cpu) != X64I_DONE)
        return X64I_FAULT;
    return x64i_store(cpu, op->segment, x64i_effective(cpu, op), 2, cpu->s.fpu_control);
}

X64I_HANDLER(fldcw)
{
    uint64_t control;
    if (x64i_x87_begin(cpu) != X64I_DONE ||
        x64i_load(cpu, op->segment, x64i_effective(cpu, op), 2, &control) != X64I_DONE)
        return X64I_FAULT;
    cpu->s.fpu_control = (uint16_t)((control & X64I_X87_CONTROL_DEFINED) | X64I_X87_CONTROL_ONE);
    x64i_x87_update_summary(cpu);
    return X64I_DONE;
}

X64I_HANDLER(fnstsw_r)
{
    if (x64i_x87_check(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, op->destination, cpu->s.fpu_status, 16);
    return X64I_DONE;
}

X64I_HANDLER(fnstsw_m)
{
    if (x64i_x87_check(cpu) != X64I_DONE)
        return X64I_FAULT;
    return x64i_store(cpu, op->segment, x64i_effective(cpu, op), 2, cpu->s.fpu_status);
}

X64I_HANDLER(fninit)
{
    (void)op;
    if (x64i_x87_check(cpu) != X64I_DONE)
        return X64I_FAULT;
    x64i_x87_reset(cpu);
    return X64I_DONE;
}

X64I_HANDLER(fnclex)
{
    (void)op;
    if (x64i_x87_check(cpu) != X64I_DONE)
        return X64I_FAULT;
    cpu->s.fpu_status &= STATUS_KEPT;
    return X64I_DONE;
}

/* FNENI, FNDISI, FNSETPM: had a meaning for the 8087 and the 80287, none since. */
X64I_HANDLER(x87_nothing)
{
    (void)op;
    return x64i_x87_check(cpu);
}

/* FWAIT: #NM when CR0.MP and CR0.TS are set; #MF when an exception waits. */
X64I_HANDLER(fwait)
{
    (void)op;
    const uint64_t both = X64I_CR0_MP | X64I_CR0_TS;
    if ((cpu->s.cr0 & both) == both)
        return x64i_raise(cpu, X64_FAULT_NM);
    if ((cpu->s.fpu_status & X64I_X87_SUMMARY) && (cpu->s.cr0 & X64I_CR0_NE))
        return x64i_raise(cpu, X64_FAULT_MF);
    return X64I_DONE;
}
