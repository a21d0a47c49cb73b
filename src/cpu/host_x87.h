/* SPDX-License-Identifier: MIT */
/*
 * The x87 instructions whose results differ between processors, by the host's own: the
 * transcendental ones. Everything else of x87 is computed in integers (softfloat.h).
 */
#ifndef X64I_CPU_HOST_X87_H
#define X64I_CPU_HOST_X87_H

#include <stdint.h>

/* FNSAVE's 32-bit image (SDM vol. 1, figures 8-9 and 8-11). */
struct x64i_host_x87 {
    uint32_t control;
    uint32_t status;
    uint32_t tag;
    uint32_t pointers[4];
    uint8_t st[8][10];
};
_Static_assert(sizeof(struct x64i_host_x87) == 108, "the image's size is architectural");

enum x64i_transcendental {
    X64I_F2XM1,
    X64I_FYL2X,
    X64I_FPTAN,
    X64I_FPATAN,
    X64I_FYL2XP1,
    X64I_FSINCOS,
    X64I_FSIN,
    X64I_FCOS,
    X64I_TRANSCENDENTAL_COUNT
};

/* Executes one instruction on `state`: stack faults, exceptions and unmasked responses included. No
 * exception waits in it before; one may afterwards. The host's own x87 state is as it was. */
void x64i_host_x87(enum x64i_transcendental instruction, struct x64i_host_x87 *state);

#endif
