/* SPDX-License-Identifier: MIT */
/*
 * Whole cases: a random instruction of a form in a random state, made from (seed, form, number)
 * alone. Registers that form addresses are solved so that operands lie in the arena, most of them
 * plainly, some across pages, some where they must fault.
 */
#ifndef X64_TESTS_ORACLE_STATES_H
#define X64_TESTS_ORACLE_STATES_H

#include "oracle/encode.h"
#include "oracle/protocol.h"

/* The linear address of the code of case `number`. */
uint64_t oracle_slot_address(uint64_t number);

/* Fills `out` and the decoded instruction; `host` says what the host can stand. False when the form
 * has no encoding for this case. */
bool oracle_make_case(const struct oracle_form *form, const ZydisDecoder *decoder, uint64_t seed,
                      uint64_t number, const struct oracle_shared *host,
                      struct oracle_instruction *instruction, struct oracle_case *out);

/* The data pages' content before every case. */
void oracle_fill_pristine(uint8_t data[ORACLE_DATA_SIZE]);

#endif
