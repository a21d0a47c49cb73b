/* SPDX-License-Identifier: MIT */
/*
 * The oracle's random numbers: splitmix64, one stream for each case, so that a case can be made
 * again from (seed, form, number) alone. Values of operands come from a pool of interesting ones.
 */
#ifndef X64_TESTS_ORACLE_RANDOM_H
#define X64_TESTS_ORACLE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oracle_random {
    uint64_t state;
};

/* The stream of one case: `form` is the form's identifier. */
struct oracle_random oracle_random_for(uint64_t seed, const char *form, uint64_t number);

uint64_t oracle_random_next(struct oracle_random *random);

/* 0 ... limit - 1. */
uint32_t oracle_random_below(struct oracle_random *random, uint32_t limit);

/* True once in `times`. */
bool oracle_random_once_in(struct oracle_random *random, uint32_t times);

/* Zero, ones, sign bits, powers of two and their neighbours, small numbers, or anything. */
uint64_t oracle_random_value(struct oracle_random *random);

/* The same for `size` bytes: integers, or floating-point numbers of either format with zeros,
 * infinities, NaNs, denormals and round numbers among them. */
void oracle_random_bytes(struct oracle_random *random, uint8_t *bytes, size_t size);

#endif
