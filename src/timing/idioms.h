/* SPDX-License-Identifier: MIT */
/* Instructions that a core treats apart from others of their form. */
#ifndef X64I_TIMING_IDIOMS_H
#define X64I_TIMING_IDIOMS_H

#include "timing/plan.h"

/* What rename does away with: NOPs, zeroing, moves, additions of an immediate. */
enum x64i_elimination x64i_idiom_elimination(const struct x64i_core_model *core,
                                             const ZydisDecodedInstruction *instruction,
                                             const ZydisDecodedOperand *operands);

/* What an eliminated addition adds. */
int32_t x64i_idiom_offset(const ZydisDecodedInstruction *instruction,
                          const ZydisDecodedOperand *operands);

/* MOVS, STOS, or none of the two. */
enum x64i_string x64i_idiom_string(const ZydisDecodedInstruction *instruction);

/* A prefix that changes the length of the immediate: the decoder has to look twice. */
bool x64i_idiom_length_change(const ZydisDecodedInstruction *instruction);

/* How far the instruction moves the top of the x87 stack: 1 pushed, -1 or -2 popped. */
int8_t x64i_idiom_fpu_push(const ZydisDecodedInstruction *instruction);

/* What the instruction macro-fuses with: enum x64i_fusion. */
uint8_t x64i_idiom_fusion(const ZydisDecodedInstruction *instruction,
                          const ZydisDecodedOperand *operands);

#endif
