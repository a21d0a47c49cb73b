/* SPDX-License-Identifier: MIT */
#include "cpu/support/operands.h"

#include <stdbool.h>
#include <stdlib.h>

uint64_t operands_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Fractions: few bits at either end, runs of ones, halves and their neighbours, or anything. */
static uint64_t fraction(uint64_t *state, unsigned bits)
{
    uint64_t random = operands_next(state);
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    unsigned shift = (unsigned)(random >> 8) % bits;
    switch (random & 7) {
    case 0:
        return 0;
    case 1:
        return mask;
    case 2:
        return UINT64_C(1) << shift;
    case 3:
        return mask & ~((UINT64_C(1) << shift) - 1);
    case 4:
        return (UINT64_C(1) << shift) - 1;
    case 5:
        return (random >> 16 & 3) << (bits - 2);
    default:
        return operands_next(state) & mask;
    }
}

/* Exponents: the ends, near one, near where results become tiny or huge, or anything. */
static unsigned exponent(uint64_t *state, unsigned bits)
{
    uint64_t random = operands_next(state);
    unsigned largest = (1u << bits) - 1;
    unsigned middle = largest >> 1;
    unsigned some = (unsigned)(random >> 8);
    switch (random & 15) {
    case 0:
        return 0;
    case 1:
        return largest;
    case 2:
        return largest - 1 - some % 3;
    case 3:
        return 1 + some % 3;
    case 4:
        return middle / 2 + some % 5;
    case 5:
        return middle + middle / 2 - some % 5;
    case 6:
    case 7:
    case 8:
    case 9:
        return middle - 2 + some % 5;
    case 10:
    case 11:
        return middle - 8 + some % 80 > largest ? middle : middle - 8 + some % 80;
    default:
        return some & largest;
    }
}

uint64_t operands_binary(uint64_t *state, unsigned bits, unsigned precision)
{
    uint64_t sign = operands_next(state) & 1;
    unsigned fraction_bits = precision - 1;
    uint64_t biased = exponent(state, bits - precision);
    return sign << (bits - 1) | biased << fraction_bits | fraction(state, fraction_bits);
}

void operands_extended(uint64_t *state, uint64_t *significand, uint16_t *sign_exponent)
{
    uint64_t random = operands_next(state);
    unsigned biased = exponent(state, 15);
    bool leading = biased != 0;
    if ((random >> 8) % 16 == 0)
        leading = !leading;
    *significand = (uint64_t)leading << 63 | fraction(state, 63);
    /* Numbers that a narrower format could hold, as loads leave them. */
    if (random >> 16 & 1)
        *significand &= random >> 17 & 1 ? ~UINT64_C(0x7ff) : ~UINT64_C(0xffffffffff);
    *sign_exponent = (uint16_t)(biased | (random & 1) << 15);
}

unsigned operands_cases(unsigned normal)
{
    const char *asked = getenv("X64_REFERENCE_CASES");
    unsigned cases = asked ? (unsigned)strtoul(asked, NULL, 0) : normal;
    return cases < normal ? cases : normal;
}
