/* SPDX-License-Identifier: MIT */
/* RDPKRU and WRPKRU (SDM vol. 2, and vol. 3A, 4.6.2): rights for the sixteen keys of user pages. */
#include "cpu/system.h"

void x64i_set_pkru(struct x64i_cpu *cpu, uint32_t value)
{
    if (cpu->s.pkru == value)
        return;
    cpu->s.pkru = value;
    x64i_mmu_rights_changed(&cpu->mmu);
    x64i_cpu_refresh(cpu);
}

X64I_HANDLER(rdpkru)
{
    (void)op;
    if (!(cpu->s.cr4 & X64I_CR4_PKE))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (x64i_gpr(cpu, X64_RCX, 32) != 0)
        return x64i_raise_gp0(cpu);
    x64i_set_gpr(cpu, X64_RAX, cpu->s.pkru, 32);
    x64i_set_gpr(cpu, X64_RDX, 0, 32);
    return X64I_DONE;
}

X64I_HANDLER(wrpkru)
{
    (void)op;
    if (!(cpu->s.cr4 & X64I_CR4_PKE))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (x64i_gpr(cpu, X64_RCX, 32) != 0 || x64i_gpr(cpu, X64_RDX, 32) != 0)
        return x64i_raise_gp0(cpu);
    x64i_set_pkru(cpu, (uint32_t)x64i_gpr(cpu, X64_RAX, 32));
    return X64I_DONE;
}
