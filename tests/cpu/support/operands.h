/* SPDX-License-Identifier: MIT */
/*
 * Random floating-point operands with structure: zeros, infinities, NaNs of both kinds, denormals,
 * numbers next to powers of two, numbers near each other, and anything.
 */
#ifndef X64_TESTS_CPU_SUPPORT_OPERANDS_H
#define X64_TESTS_CPU_SUPPORT_OPERANDS_H

#include <stdint.h>

/* splitmix64 */
uint64_t operands_next(uint64_t *state);

/* A number of the IEEE format with so many bits in all and in its significand. */
uint64_t operands_binary(uint64_t *state, unsigned bits, unsigned precision);

/* An x87 register, some of them encodings without meaning. */
void operands_extended(uint64_t *state, uint64_t *significand, uint16_t *sign_exponent);

/* How many cases of each operation a test makes: `normal`, or fewer where X64_REFERENCE_CASES says
 * so (under sanitizers). */
unsigned operands_cases(unsigned normal);

#endif
