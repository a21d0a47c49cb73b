/* SPDX-License-Identifier: MIT */
#include "cpu/host_x87.h"

/* FNSAVE does not wait, and leaves the unit as FNINIT does: the calling convention wants its stack
 * empty and the control word as before. */
#define RUN(number, text)                                                                        \
    case number:                                                                                 \
        __asm__ volatile("fnstcw %[own]\n\tfrstor %[state]\n\t" text                             \
                         "\n\tfnsave %[state]\n\tfldcw %[own]"                                   \
                         : [state] "+m"(*state), [own] "=m"(own)                                 \
                         :                                                                       \
                         : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)"); \
        break;

void x64i_host_x87(enum x64i_transcendental instruction, struct x64i_host_x87 *state)
{
    uint16_t own;
    switch (instruction) {
        RUN(X64I_F2XM1, "f2xm1")
        RUN(X64I_FYL2X, "fyl2x")
        RUN(X64I_FPTAN, "fptan")
        RUN(X64I_FPATAN, "fpatan")
        RUN(X64I_FYL2XP1, "fyl2xp1")
        RUN(X64I_FSINCOS, "fsincos")
        RUN(X64I_FSIN, "fsin")
        RUN(X64I_FCOS, "fcos")
    case X64I_TRANSCENDENTAL_COUNT:
        break;
    }
}
