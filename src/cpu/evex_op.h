/* SPDX-License-Identifier: MIT */
/*
 * What an EVEX prefix says beyond the operands, and what decoding knows of the elements (SDM vol.
 * 2A, 2.7). It stands above the immediate byte in x64i_op.immediate.
 */
#ifndef X64I_CPU_EVEX_OP_H
#define X64I_CPU_EVEX_OP_H

#include "cpu/op.h"

#include <Zydis/Zydis.h>
#include <stdbool.h>

/* Where the fields begin, and how many bits they have. */
#define X64I_EVEX_MASK           32, 3 /* aaa; k0 stands for all elements */
#define X64I_EVEX_ZEROING        35, 1 /* z */
#define X64I_EVEX_BROADCAST      36, 1 /* b, with memory */
#define X64I_EVEX_LENGTH         37, 2 /* log2 of the vector's lanes */
#define X64I_EVEX_ROUNDING       39, 3 /* enum x64i_evex_rounding */
#define X64I_EVEX_ELEMENT        42, 2 /* log2 of the bytes of the destination's elements */
#define X64I_EVEX_SOURCE_ELEMENT 44, 2 /* ... of the last source's */
#define X64I_EVEX_MEMORY         46, 3 /* log2 of the bytes of the memory operand */
#define X64I_EVEX_NO_SUPPRESSION 49, 1 /* classes with NF: memory is accessed whatever the mask */

/* b, with registers: MXCSR's rounding, one of four with all exceptions suppressed, or {sae}. */
enum x64i_evex_rounding {
    X64I_EVEX_MXCSR,
    X64I_EVEX_NEAREST,
    X64I_EVEX_DOWN,
    X64I_EVEX_UP,
    X64I_EVEX_ZERO,
    X64I_EVEX_SAE
};

/* A field, by its name above. */
static inline unsigned x64i_evex_bits(const struct x64i_op *op, unsigned first, unsigned count)
{
    return (unsigned)(op->immediate >> first) & ((1u << count) - 1);
}

/* Fills them in; `operands` are the visible ones without the mask. */
void x64i_evex_decode(const ZydisDecodedInstruction *instruction,
                      const ZydisDecodedOperand *operands, struct x64i_op *op);

/* Whether the instruction belongs to AVX512VL beside the feature of its row: vectors of 128 and 256
 * bits. */
bool x64i_evex_needs_vl(const ZydisDecodedInstruction *instruction);

#endif
