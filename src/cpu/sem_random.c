/* SPDX-License-Identifier: MIT */
/* RDRAND and RDSEED (SDM vol. 2B): random bytes come from outside the machine, through the recorded
 * door, so that a replay sees the same ones. CF tells that there were any. */
#include "cpu/sem.h"

X64I_INLINE enum x64i_result draw(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned width)
{
    uint64_t value = 0;
    bool drawn = cpu->callbacks && cpu->callbacks->random &&
                 cpu->callbacks->random(cpu->callback_user, &value, width / 8);
    x64i_set_gpr(cpu, op->destination, drawn ? value : 0, width);
    x64i_set_flags(cpu, X64I_OSZAPC, drawn ? X64I_CF : 0);
    return X64I_DONE;
}

#define DRAW(name, W)            \
    X64I_HANDLER(name##_r_##W)   \
    {                            \
        return draw(cpu, op, W); \
    }

X64I_FOR_16_32_64(DRAW, rdrand)
X64I_FOR_16_32_64(DRAW, rdseed)
