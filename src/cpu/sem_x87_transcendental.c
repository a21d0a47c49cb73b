/* SPDX-License-Identifier: MIT */
/* The transcendental x87 instructions (SDM vol. 1, 8.3.7 to 8.3.10). The manual bounds their error
 * and leaves the last bits to the processor: they follow the host's. */
#include "cpu/host_x87.h"
#include "cpu/x87.h"

#include <string.h>

static void to_host(const struct x64i_cpu *cpu, struct x64i_host_x87 *host)
{
    *host = (struct x64i_host_x87){.control = cpu->s.fpu_control,
                                   .status =
                                       cpu->s.fpu_status & ~X64I_X87_SUMMARY & ~X64I_X87_EXCEPTIONS,
                                   .tag = cpu->s.fpu_tag};
    for (unsigned i = 0; i < 8; i++) {
        struct x64i_extended bits = x64i_x87_bits(cpu, i);
        memcpy(host->st[i], &bits.significand, sizeof bits.significand);
        memcpy(host->st[i] + 8, &bits.sign_exponent, sizeof bits.sign_exponent);
    }
}

/* Registers that the instruction left alone are not written. */
static void from_host(struct x64i_cpu *cpu, const struct x64i_host_x87 *host)
{
    unsigned exceptions = cpu->s.fpu_status & (X64I_X87_EXCEPTIONS | X64I_X87_STACK_FAULT);
    cpu->s.fpu_status = (uint16_t)(host->status | exceptions);
    for (unsigned i = 0; i < 8; i++) {
        struct x64i_extended bits;
        struct x64i_extended old = x64i_x87_bits(cpu, i);
        memcpy(&bits.significand, host->st[i], sizeof bits.significand);
        memcpy(&bits.sign_exponent, host->st[i] + 8, sizeof bits.sign_exponent);
        if (bits.significand != old.significand || bits.sign_exponent != old.sign_exponent)
            x64i_x87_set_bits(cpu, i, bits);
    }
    for (unsigned reg = 0; reg < 8; reg++) {
        bool empty = (host->tag >> 2 * reg & 3) == 3;
        cpu->s.fpu_tag &= (uint16_t) ~(3u << 2 * reg);
        cpu->s.fpu_tag |= (uint16_t)((empty ? 3u : 0) << 2 * reg);
    }
}

static enum x64i_result transcendental(struct x64i_cpu *cpu, const struct x64i_op *op,
                                       enum x64i_transcendental instruction)
{
    struct x64i_host_x87 host;
    if (x64i_x87_begin(cpu) != X64I_DONE)
        return X64I_FAULT;
    to_host(cpu, &host);
    x64i_host_x87(instruction, &host);
    from_host(cpu, &host);
    x64i_x87_note_pointers(cpu, op);
    return X64I_DONE;
}

#define TRANSCENDENTAL(name, instruction)            \
    X64I_HANDLER(name)                               \
    {                                                \
        return transcendental(cpu, op, instruction); \
    }

TRANSCENDENTAL(f2xm1, X64I_F2XM1)
TRANSCENDENTAL(fyl2x, X64I_FYL2X)
TRANSCENDENTAL(fptan, X64I_FPTAN)
TRANSCENDENTAL(fpatan, X64I_FPATAN)
TRANSCENDENTAL(fyl2xp1, X64I_FYL2XP1)
TRANSCENDENTAL(fsincos, X64I_FSINCOS)
TRANSCENDENTAL(fsin, X64I_FSIN)
TRANSCENDENTAL(fcos, X64I_FCOS)
