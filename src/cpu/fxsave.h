/* SPDX-License-Identifier: MIT */
/*
 * The FXSAVE image, which is also the legacy region of an XSAVE area (SDM vol. 1, table 10-2), and
 * what fills it from the registers and takes them out of it.
 */
#ifndef X64I_CPU_FXSAVE_H
#define X64I_CPU_FXSAVE_H

#include "cpu/vector.h"

#define X64I_FXSAVE_BYTES 512u

struct x64i_fxsave {
    uint16_t control;
    uint16_t status;
    uint8_t tag; /* a bit a register: 1 when it is not empty */
    uint8_t reserved;
    uint16_t opcode;
    uint64_t instruction;
    uint64_t data;
    uint32_t mxcsr;
    uint32_t mxcsr_mask;
    uint8_t st[8][16];
    uint64_t xmm[16][2];
    uint8_t unused[96];
};
_Static_assert(sizeof(struct x64i_fxsave) == X64I_FXSAVE_BYTES,
               "the image's size is architectural");

/* How many XMM registers are saved: outside 64-bit mode only eight. */
static inline unsigned x64i_fxsave_xmm_count(const struct x64i_cpu *cpu)
{
    return cpu->code_bits == 64 ? 16 : 8;
}

/* Fills all but `unused`; the instruction's REX.W says how wide the x87 pointers are. */
void x64i_fxsave_fill(const struct x64i_cpu *cpu, const struct x64i_op *op,
                      struct x64i_fxsave *image);

/* Loads the x87 registers, and the XMM registers, from the image. */
void x64i_fxsave_take_fpu(struct x64i_cpu *cpu, const struct x64i_op *op,
                          const struct x64i_fxsave *image);
void x64i_fxsave_take_xmm(struct x64i_cpu *cpu, const struct x64i_fxsave *image);

/* Whether MXCSR may take the value: reserved bits raise #GP. */
bool x64i_mxcsr_is_valid(const struct x64i_cpu *cpu, uint32_t value);

/* Stores MXCSR and names the effect; no check. */
void x64i_set_mxcsr(struct x64i_cpu *cpu, uint32_t value);

#endif
