/* SPDX-License-Identifier: MIT */
/*
 * Disassembly in Intel's syntax, with symbols for the targets of branches and for RIP-relative
 * operands. What was decoded once is remembered, since traced code runs in loops.
 *
 *     const struct x64i_instruction *instruction = x64i_disassemble(disassembler, step);
 *     puts(instruction->text);
 */
#ifndef X64I_TRACE_DISASSEMBLY_H
#define X64I_TRACE_DISASSEMBLY_H

#include "trace/line.h"

#include "x64emu/effects.h"

#include <Zydis/Zydis.h>

/* What the explanations need to know of an operand. */
enum x64i_operand_kind {
    X64I_OPERAND_NONE,
    X64I_OPERAND_REGISTER,
    X64I_OPERAND_MEMORY,
    X64I_OPERAND_IMMEDIATE
};

struct x64i_operand {
    uint8_t kind;   /* enum x64i_operand_kind */
    uint8_t bytes;  /* its width */
    int8_t index;   /* of a general-purpose register, else -1 */
    uint64_t value; /* of an immediate */
};

struct x64i_instruction {
    ZydisMnemonic mnemonic;
    uint8_t length; /* bytes of it; 0 where they are no instruction */
    bool conditional_branch;
    bool branch; /* near, with a target that is known: jmp, jcc, call */
    uint64_t target;
    struct x64i_operand operand[2];
    char text[X64I_LINE_ASM_SIZE];
};

/* Answers the symbol at or before an address; X64_ERROR_NOT_FOUND when there is none. */
typedef enum x64_status x64i_symbol_function(void *user, uint64_t linear, const char **name,
                                             uint64_t *offset);

struct x64i_disassembler;

/* X64_ERROR_MEMORY. */
enum x64_status x64i_disassembler_create(x64i_symbol_function *symbol, void *user,
                                         struct x64i_disassembler **out);
void x64i_disassembler_destroy(struct x64i_disassembler *disassembler);

/* The instruction of a step; valid until the next call. Its text is "(bad)" where the bytes are no
 * instruction, and empty where the step has no bytes. */
const struct x64i_instruction *x64i_disassemble(struct x64i_disassembler *disassembler,
                                                const struct x64_step *step);

#endif
