/* SPDX-License-Identifier: MIT */
/*
 * The instruction table made of isa.def, and looking a decoded instruction up in it.
 */
#ifndef X64I_CPU_ISA_H
#define X64I_CPU_ISA_H

#include "cpu/op.h"
#include "cpu/shapes.h"
#include "msr/model.h"

#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stddef.h>

/* Handlers of a pattern, by width: 8, 16, 32, 64 bits. Null: the form does not exist. */
struct x64i_isa_slot {
    x64i_handler *by_width[4];
};

struct x64i_isa_row {
    uint16_t mnemonic;    /* ZydisMnemonic */
    uint16_t feature;     /* enum x64i_feature */
    uint8_t width_of;     /* operand that gives the width, or X64I_WIDTH_EFFECTIVE */
    const char *patterns; /* one for each slot, separated by blanks */
    const struct x64i_isa_slot *slots;
    const char *name;  /* the mnemonic as written in isa.def */
    const char *shape; /* the shape's name */
    const char *written;
    const char *read;
    const char *undefined;
};

/* The rows in the order of isa.def. */
extern const struct x64i_isa_row x64i_isa_rows[];
extern const size_t x64i_isa_row_count;

/* The handler for a decoded instruction and its visible operands, and the number of its row; null
 * when no row fits. Searches from the first row of the mnemonic on. */
x64i_handler *x64i_isa_find(const ZydisDecodedInstruction *instruction,
                            const ZydisDecodedOperand *operands, uint16_t *row);

/* To be called before the look-up. Corrects what Zydis 4.0 gets wrong: with ModRM.mod 0 and
 * SIB.base 5 there is no base register, whatever REX.B says (SDM vol. 2A, 2.2.1.2). Takes EVEX's
 * mask, which patterns do not name, out of the operands. */
void x64i_isa_correct(ZydisDecodedInstruction *instruction, ZydisDecodedOperand *operands);

/* The same from row `first` on, for who knows where the mnemonic's rows begin. */
x64i_handler *x64i_isa_find_from(const ZydisDecodedInstruction *instruction,
                                 const ZydisDecodedOperand *operands, size_t first, uint16_t *row);

/* Whether an instruction of this row does nothing but compute, access memory and branch: it changes
 * no mode, no interrupt flag and no translation but through the TLB, and asks for no clock. */
bool x64i_isa_is_plain(uint16_t row);

/* Whether it may go on elsewhere than behind itself: a near branch of any kind. */
bool x64i_isa_is_branch(uint16_t row);

/* Whether its handler looks at no bit of RFLAGS and changes none: vectors and x87, but for those
 * whose row names flags. */
bool x64i_isa_is_flagless(uint16_t row);

/* Whether it is a string instruction, which REP repeats. */
bool x64i_isa_is_string(uint16_t row);

#endif
