/* SPDX-License-Identifier: MIT */
/*
 * The guest's exceptions, by the names and vectors of Intel SDM vol. 3A, table 6-1.
 *
 *     if (effect->kind == X64_EFFECT_EXCEPTION)
 *         printf("%s\n", x64_fault_name((enum x64_fault)effect->index));
 */
#ifndef X64EMU_FAULT_H
#define X64EMU_FAULT_H

#include "x64emu/status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The value is the vector; X64_FAULT_NONE stands for "no exception". */
enum x64_fault {
    X64_FAULT_NONE = -1,
    X64_FAULT_DE = 0,  /* divide error */
    X64_FAULT_DB = 1,  /* debug: fault or trap, DR6 says why */
    X64_FAULT_NMI = 2, /* non-maskable interrupt */
    X64_FAULT_BP = 3,  /* INT3 */
    X64_FAULT_OF = 4,  /* INTO */
    X64_FAULT_BR = 5,  /* BOUND */
    X64_FAULT_UD = 6,  /* invalid opcode */
    X64_FAULT_NM = 7,  /* device not available */
    X64_FAULT_DF = 8,  /* double fault */
    X64_FAULT_TS = 10, /* invalid TSS */
    X64_FAULT_NP = 11, /* segment not present */
    X64_FAULT_SS = 12, /* stack segment */
    X64_FAULT_GP = 13, /* general protection */
    X64_FAULT_PF = 14, /* page fault */
    X64_FAULT_MF = 16, /* x87 floating point */
    X64_FAULT_AC = 17, /* alignment check */
    X64_FAULT_MC = 18, /* machine check */
    X64_FAULT_XM = 19, /* SIMD floating point */
    X64_FAULT_VE = 20, /* virtualization */
    X64_FAULT_CP = 21  /* control protection */
};

/* Bits of a page fault's error code (SDM vol. 3A, 4.7). */
enum x64_page_fault_error {
    X64_PF_PRESENT = 1 << 0,     /* protection violation, not a missing page */
    X64_PF_WRITE = 1 << 1,       /* the access was a write */
    X64_PF_USER = 1 << 2,        /* at CPL 3 */
    X64_PF_RESERVED = 1 << 3,    /* a reserved bit was set in a paging structure */
    X64_PF_INSTRUCTION = 1 << 4, /* an instruction fetch */
    X64_PF_KEY = 1 << 5          /* protection keys */
};

/* "#PF" and so on; "#15" style for vectors without a mnemonic. Never null; static text. */
X64_API const char *x64_fault_name(enum x64_fault fault);

/* Whether delivery of this exception pushes an error code (SDM vol. 3A, table 6-1). */
X64_API bool x64_fault_has_error_code(enum x64_fault fault);

#ifdef __cplusplus
}
#endif

#endif
