/* SPDX-License-Identifier: MIT */
/* A block of random code with registers and data for it, on a machine of either engine. */
#ifndef X64_TESTS_EMU_RANDOM_BLOCK_H
#define X64_TESTS_EMU_RANDOM_BLOCK_H

#include "emu/lockstep.h"
#include "emu/random_code.h"

/* Ready to be forked. */
struct random_block {
    struct random_code code;
    struct x64_machine *machines[2]; /* by engine */
    struct lockstep_case about;
};

/* Instructions in front of the bytes `end`; `name` and `seed` are what is printed of it. */
void random_block_make(struct random_block *block, const char *name, uint64_t seed,
                       const uint8_t *end, size_t end_size);
void random_block_destroy(struct random_block *block);

/* Changes the entry of one operand's page, `operand` counted from 0, on both. */
void random_block_change_page(struct random_block *block, unsigned operand, uint64_t set,
                              uint64_t clear);

/* The seed of a test's case: what the environment variable LOCKSTEP_SEED says, or another one for
 * each. */
uint64_t random_block_seed(int index, unsigned i);

#endif
