/* SPDX-License-Identifier: MIT */
/*
 * Two results side by side: what must be equal, and what an instruction leaves undefined.
 */
#ifndef X64_TESTS_ORACLE_COMPARE_H
#define X64_TESTS_ORACLE_COMPARE_H

#include "oracle/encode.h"
#include "oracle/protocol.h"

#include <stdio.h>

/* What of two results need not be equal. */
struct oracle_tolerance {
    uint64_t flags; /* undefined ones */
    uint32_t mxcsr; /* bits of MXCSR that may differ */
    bool fpu_data;  /* there is no operand in memory: FDP is undefined */
    uint16_t words; /* general registers whose low 16 bits are undefined, a bit each */
    bool nothing;   /* whether there is a fault is undefined: nothing can be compared */
    bool memory;    /* a fault may come after part of the stores */
    bool vector;    /* two faults at once, in an order that the manual leaves open */
    uint64_t cr2;   /* bits that may differ: any byte that cannot be reached may be named */
    uint32_t error; /* bits of a page fault's error code */
};

struct oracle_tolerance oracle_tolerance(const struct oracle_instruction *instruction,
                                         const struct x64i_isa_row *row,
                                         const struct oracle_case *c,
                                         const struct oracle_result *host,
                                         const struct oracle_result *guest);

/* True when host and guest agree. `shared` says which state components exist, and where.
 * Differences are written to `out`, one a line, unless it is null. */
bool oracle_equal(const struct oracle_result *host, const struct oracle_result *guest,
                  const struct oracle_tolerance *tolerance, const struct oracle_shared *shared,
                  FILE *out);

/* The state before a case, as text: registers that the instruction names, and the patches. */
void oracle_print_case(const struct oracle_instruction *instruction, const struct oracle_case *c,
                       FILE *out);

#endif
