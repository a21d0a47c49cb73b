/* SPDX-License-Identifier: MIT */
/* AVX-512's mask registers k0-k7 (SDM vol. 1, 15.6.1). */
#ifndef X64I_CPU_OPMASK_H
#define X64I_CPU_OPMASK_H

#include "cpu/sem.h"

X64I_INLINE uint64_t x64i_opmask(const struct x64i_cpu *cpu, unsigned reg)
{
    return cpu->s.opmask[reg];
}

/* Writes clear the register beyond the instruction's width: `value` is the whole of it. */
X64I_INLINE void x64i_set_opmask(struct x64i_cpu *cpu, unsigned reg, uint64_t value)
{
    if (cpu->effects)
        x64i_effects_add(cpu->effects, (struct x64_effect){.kind = X64_EFFECT_REGISTER,
                                                           .size = 8,
                                                           .index = X64_K0 + reg,
                                                           .old = cpu->s.opmask[reg],
                                                           .value = value});
    cpu->s.opmask[reg] = value;
}

#endif
