/* SPDX-License-Identifier: MIT */
/* What kind of instruction it is, where a state has to be made to suit it. */
#ifndef X64_TESTS_ORACLE_KINDS_H
#define X64_TESTS_ORACLE_KINDS_H

#include "oracle/states.h"

bool oracle_is_near_branch(const struct oracle_instruction *instruction);
bool oracle_is_popf(const struct oracle_instruction *instruction);
bool oracle_is_xsave(const struct oracle_instruction *instruction);

/* PCMPESTRI and its kin. */
bool oracle_has_explicit_lengths(const struct oracle_instruction *instruction);

/* Whether it loads a selector from a general operand, or asks about one. */
bool oracle_takes_selector(const struct oracle_instruction *instruction);

/* Where in a far pointer, or in a frame that is popped, the selector stands; 0 for neither. */
uint32_t oracle_selector_offset(const struct oracle_instruction *instruction);

#endif
