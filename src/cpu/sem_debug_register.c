/* SPDX-License-Identifier: MIT */
/* MOV to and from debug registers (SDM vol. 2B, MOV; vol. 3B, 17.2). */
#include "cpu/exception.h"
#include "cpu/system.h"

#define DR6_WRITABLE 0x0000e00full
#define DR6_ONES     0xffff0ff0ull
#define DR7_WRITABLE 0xffff23ffull
#define DR7_ONES     0x00000400ull

/* Resolves DR4 and DR5, which are DR6 and DR7 while CR4.DE is clear, and makes the checks that
 * reading and writing share. */
static enum x64i_result check_access(struct x64i_cpu *cpu, unsigned encoded, unsigned *index)
{
    bool alias = encoded == 4 || encoded == 5;
    if (encoded > 7 || (alias && (cpu->s.cr4 & X64I_CR4_DE)))
        return x64i_raise(cpu, X64_FAULT_UD);
    if (x64i_require_cpl0(cpu) != X64I_DONE)
        return X64I_FAULT;
    if (cpu->s.dr[7] & X64I_DR7_GD) {
        cpu->exception = (struct x64i_exception){.vector = X64_FAULT_DB, .dr6 = X64I_DR6_BD};
        return X64I_FAULT;
    }
    *index = alias ? encoded + 2 : encoded;
    return X64I_DONE;
}

X64I_HANDLER(mov_from_debug)
{
    unsigned index;
    if (check_access(cpu, op->source, &index) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, op->destination, cpu->s.dr[index], x64i_mode_width(cpu));
    return X64I_DONE;
}

X64I_HANDLER(mov_to_debug)
{
    unsigned index;
    if (check_access(cpu, op->destination, &index) != X64I_DONE)
        return X64I_FAULT;
    uint64_t value = x64i_gpr(cpu, op->source, x64i_mode_width(cpu));
    if (index >= 6 && value >> 32)
        return x64i_raise_gp0(cpu);
    if (index == 6)
        value = (value & DR6_WRITABLE) | DR6_ONES;
    else if (index == 7)
        value = (value & DR7_WRITABLE) | DR7_ONES;
    x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_DEBUG,
                                                       .size = 8,
                                                       .index = index,
                                                       .old = cpu->s.dr[index],
                                                       .value = value});
    cpu->s.dr[index] = value;
    x64i_cpu_refresh(cpu);
    return X64I_DONE;
}
