/* SPDX-License-Identifier: MIT */
/*
 * The software reference of vector_float.h for the EVEX encodings: AVX512F and AVX512DQ, written
 * from the SDM's pages. What EVEX adds is done once for all rows: masks, embedded broadcast,
 * embedded rounding, {sae} (vol. 2A, 2.7; vol. 1, 15.6.4).
 *
 *     struct evex_form form = {.row = &evex_rows[0], .length = 2, .rounding = EVEX_DOWN};
 *     evex_encode(&form, bytes);                 vaddps zmm1, zmm2, zmm3, {rd-sae}
 *     evex_reference(&form, given, &state);      what that makes of the state
 */
#ifndef X64_TESTS_CPU_SUPPORT_EVEX_FLOAT_H
#define X64_TESTS_CPU_SUPPORT_EVEX_FLOAT_H

#include "cpu/support/vector_float.h"

/* What EVEX.b means where no operand is in memory. */
enum evex_control { NO_CONTROL, ONLY_SAE, ROUNDING_AND_SAE };

struct evex_row {
    struct float_row row; /* `wide` is EVEX.W; `encodings` is not used */
    enum evex_control control;
};

enum evex_rounding { EVEX_MXCSR, EVEX_NEAREST, EVEX_DOWN, EVEX_UP, EVEX_ZERO, EVEX_SAE };

struct evex_form {
    const struct evex_row *row;
    unsigned length; /* of packed forms: 0, 1, 2 for 128, 256, 512 bits */
    unsigned bank;   /* 0, or 16: vector registers 17 to 19 in place of 1 to 3 */
    enum evex_rounding rounding;
    bool memory;
    bool broadcast;
    bool masked; /* by k2 */
    bool zeroing;
    uint8_t immediate;
};

/* evex_rows.c */
extern const struct evex_row evex_rows[];
extern const size_t evex_row_count;

bool evex_is_packed(const struct float_row *row);

/* evex_reference.c: the instruction's bytes, and how many they are; executes. Of an approximation
 * every result within the SDM's bounds is right: `given`, the emulated CPU's, if it is. */
unsigned evex_encode(const struct evex_form *form, uint8_t bytes[FLOAT_LENGTH_MAX]);
void evex_reference(const struct evex_form *form, const union float_vector *given,
                    struct float_state *state);

/* evex_element.c: sections of the SDM are named there. */
float_element evex_from_unsigned, evex_to_unsigned, evex_truncate_unsigned;
float_element evex_round_scaled, evex_reduce, evex_exponent, evex_mantissa, evex_scale;
float_element evex_range, evex_fix_up, evex_class;
float_element evex_reciprocal, evex_reciprocal_root;

#endif
