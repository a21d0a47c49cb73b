/* SPDX-License-Identifier: MIT */
/*
 * One instruction of the software reference (vector_float.h) on the emulated CPU: random operands,
 * a step, and how its outcome stands to the reference's.
 *
 *     uint64_t random = number;
 *     struct float_state before = float_random_state(FLOAT_32, number, &random);
 *     struct float_state emulated = before;
 *     float_run(m, bytes, length, 0, &emulated);
 *     if (!float_equal(&soft, &emulated))
 *         float_print_result("emulated", &emulated);
 */
#ifndef X64_TESTS_CPU_SUPPORT_FLOAT_RUN_H
#define X64_TESTS_CPU_SUPPORT_FLOAT_RUN_H

#include "cpu/support/machine.h"
#include "cpu/support/vector_float.h"

/* Registers of elements of one kind, MXCSR and flags. Every fourth number has exceptions that are
 * not masked, every second one neither DAZ nor FTZ. */
struct float_state float_random_state(enum float_kind kind, unsigned number, uint64_t *random);

/* The same with all signs turned over. */
union float_vector float_opposite(const union float_vector *vector, enum float_kind kind);

/* Makes one operand nearly cancel the product of the other two: FMA's sum is then made of their
 * lowest bits. `operand` are the row's, in the order of the SDM. */
void float_cancel_products(const struct float_row *row, union float_vector *operand[3]);

/* One step of the emulated CPU; vector register i of the state is that of number `bank` + i. */
void float_run(struct machine *m, const uint8_t *bytes, unsigned length, unsigned bank,
               struct float_state *state);

bool float_equal(const struct float_state *one, const struct float_state *other);

void float_print_vector(const char *name, const union float_vector *vector);
void float_print_operands(const struct float_state *before);
void float_print_result(const char *who, const struct float_state *state);

#endif
