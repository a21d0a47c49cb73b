/* SPDX-License-Identifier: MIT */
/* Instructions on flags, and those without any effect on registers (SDM vol. 1, 7.3.14, 11.4.4 and
 * the instructions' pages in vol. 2). */
#include "cpu/sem.h"

X64I_HANDLER(clc)
{
    (void)op;
    x64i_set_flags(cpu, X64I_CF, 0);
    return X64I_DONE;
}

X64I_HANDLER(stc)
{
    (void)op;
    x64i_set_flags(cpu, X64I_CF, X64I_CF);
    return X64I_DONE;
}

X64I_HANDLER(cmc)
{
    (void)op;
    x64i_set_flags(cpu, X64I_CF, ~(uint32_t)x64i_rflags(cpu));
    return X64I_DONE;
}

X64I_HANDLER(cld)
{
    (void)op;
    x64i_set_flags(cpu, X64I_DF, 0);
    return X64I_DONE;
}

X64I_HANDLER(std)
{
    (void)op;
    x64i_set_flags(cpu, X64I_DF, X64I_DF);
    return X64I_DONE;
}

/* AH := RFLAGS(SF:ZF:0:AF:0:PF:1:CF) */
X64I_HANDLER(lahf)
{
    (void)op;
    x64i_set_gpr(cpu, X64I_REGISTER_AH, x64i_rflags(cpu) & 0xff, 8);
    return X64I_DONE;
}

X64I_HANDLER(sahf)
{
    (void)op;
    x64i_set_flags(cpu, X64I_SF | X64I_ZF | X64I_AF | X64I_PF | X64I_CF,
                   (uint32_t)x64i_gpr(cpu, X64I_REGISTER_AH, 8));
    return X64I_DONE;
}

/* NOP, hints and fences: one step after another is as strong an order as there is. A NOP's or a
 * prefetch's memory operand is not touched. */
X64I_HANDLER(nop)
{
    (void)cpu;
    (void)op;
    return X64I_DONE;
}

/* CLFLUSH and its kin are checked as loads of a byte (SDM vol. 2A, CLFLUSH). */
X64I_HANDLER(cache_line)
{
    uint64_t value;
    return x64i_load(cpu, op->segment, x64i_effective(cpu, op), 1, &value);
}

X64I_HANDLER(undefined)
{
    (void)op;
    return x64i_raise(cpu, X64_FAULT_UD);
}
