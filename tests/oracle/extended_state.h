/* SPDX-License-Identifier: MIT */
/*
 * The extended part of a case's state, random: MXCSR, vector and mask registers in an XSAVE image
 * that the host takes before the case (SDM vol. 1, 13.4); x87_state.h makes the rest of it.
 */
#ifndef X64_TESTS_ORACLE_EXTENDED_STATE_H
#define X64_TESTS_ORACLE_EXTENDED_STATE_H

#include "oracle/protocol.h"
#include "oracle/random.h"

/* What an instruction has to do with AVX-512's state. */
enum oracle_use {
    ORACLE_CLEARS_AVX512, /* it does not look at it, but may clear some of it */
    ORACLE_USES_AVX512,
    ORACLE_SAVES_STATE /* as a whole: some components are in their initial state */
};

void oracle_fill_extended(struct oracle_random *random, const struct oracle_shared *host,
                          enum oracle_use use, uint8_t extended[ORACLE_EXTENDED_SIZE]);

/* Some of the components that cases of XSAVE ask for, those of SSE, AVX and AVX-512 that the host
 * has; x87's have tests of their own. */
uint64_t oracle_random_components(struct oracle_random *random, const struct oracle_shared *host);

#endif
