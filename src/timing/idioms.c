/* SPDX-License-Identifier: MIT */
#include "timing/idioms.h"

#include <string.h>

static bool same_registers(const ZydisDecodedOperand *operands, unsigned first, unsigned second)
{
    return operands[first].type == ZYDIS_OPERAND_TYPE_REGISTER &&
           operands[second].type == ZYDIS_OPERAND_TYPE_REGISTER &&
           operands[first].reg.value == operands[second].reg.value;
}

/* Optimization Reference Manual 3.5.1.7: these give zero whatever the register held. */
static bool is_zeroing(const ZydisDecodedInstruction *instruction,
                       const ZydisDecodedOperand *operands)
{
    static const char *const names[] = {
        "xor",   "sub",   "pxor",  "xorps",   "xorpd",   "psubb",
        "psubw", "psubd", "psubq", "pcmpgtb", "pcmpgtw", "pcmpgtd",
    };
    const char *name = ZydisMnemonicGetString(instruction->mnemonic);
    bool vex = name[0] == 'v';
    unsigned count = instruction->operand_count_visible;
    if (count != (vex ? 3u : 2u) || !same_registers(operands, count - 2, count - 1) ||
        operands[0].size == 8 || operands[0].size == 16)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name + vex) == 0)
            return true;
    return false;
}

static bool is_register(const ZydisDecodedOperand *operand, ZydisRegisterClass class)
{
    return operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
           ZydisRegisterGetClass(operand->reg.value) == class;
}

static bool is_plain_move(const struct x64i_core_model *core,
                          const ZydisDecodedInstruction *instruction,
                          const ZydisDecodedOperand *operands)
{
    static const ZydisMnemonic vectors[] = {
        ZYDIS_MNEMONIC_MOVAPS,  ZYDIS_MNEMONIC_MOVAPD,  ZYDIS_MNEMONIC_MOVUPS,
        ZYDIS_MNEMONIC_MOVUPD,  ZYDIS_MNEMONIC_MOVDQA,  ZYDIS_MNEMONIC_MOVDQU,
        ZYDIS_MNEMONIC_VMOVAPS, ZYDIS_MNEMONIC_VMOVAPD, ZYDIS_MNEMONIC_VMOVUPS,
        ZYDIS_MNEMONIC_VMOVUPD, ZYDIS_MNEMONIC_VMOVDQA, ZYDIS_MNEMONIC_VMOVDQU,
    };
    if (operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
        operands[1].type != ZYDIS_OPERAND_TYPE_REGISTER)
        return false;
    if (instruction->mnemonic == ZYDIS_MNEMONIC_MOV)
        return !same_registers(operands, 0, 1) && core->eliminates_moves &&
               (is_register(&operands[0], ZYDIS_REGCLASS_GPR64) ||
                is_register(&operands[0], ZYDIS_REGCLASS_GPR32));
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        if (vectors[i] == instruction->mnemonic)
            return true;
    return false;
}

static bool is_immediate_add(const struct x64i_core_model *core,
                             const ZydisDecodedInstruction *instruction,
                             const ZydisDecodedOperand *operands)
{
    if (!core->immediate_adds || !is_register(&operands[0], ZYDIS_REGCLASS_GPR64))
        return false;
    switch (instruction->mnemonic) {
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_DEC:
        return true;
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
        return operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    case ZYDIS_MNEMONIC_LEA:
        return operands[1].mem.index == ZYDIS_REGISTER_NONE &&
               ZydisRegisterGetClass(operands[1].mem.base) == ZYDIS_REGCLASS_GPR64;
    default:
        return false;
    }
}

enum x64i_elimination x64i_idiom_elimination(const struct x64i_core_model *core,
                                             const ZydisDecodedInstruction *instruction,
                                             const ZydisDecodedOperand *operands)
{
    if (instruction->meta.category == ZYDIS_CATEGORY_NOP ||
        instruction->meta.category == ZYDIS_CATEGORY_WIDENOP)
        return X64I_ELIMINATED_NOP;
    if (is_zeroing(instruction, operands))
        return X64I_ELIMINATED_ZERO;
    if (is_plain_move(core, instruction, operands))
        return X64I_ELIMINATED_MOVE;
    if (is_immediate_add(core, instruction, operands))
        return X64I_ELIMINATED_ADD;
    return X64I_NOT_ELIMINATED;
}

int32_t x64i_idiom_offset(const ZydisDecodedInstruction *instruction,
                          const ZydisDecodedOperand *operands)
{
    switch (instruction->mnemonic) {
    case ZYDIS_MNEMONIC_INC:
        return 1;
    case ZYDIS_MNEMONIC_DEC:
        return -1;
    case ZYDIS_MNEMONIC_ADD:
        return (int32_t)operands[1].imm.value.s;
    case ZYDIS_MNEMONIC_SUB:
        return (int32_t)(0 - operands[1].imm.value.u);
    case ZYDIS_MNEMONIC_LEA:
        return (int32_t)operands[1].mem.disp.value;
    default:
        return 0;
    }
}

enum x64i_string x64i_idiom_string(const ZydisDecodedInstruction *instruction)
{
    switch (instruction->mnemonic) {
    case ZYDIS_MNEMONIC_MOVSB:
    case ZYDIS_MNEMONIC_MOVSW:
    case ZYDIS_MNEMONIC_MOVSD:
    case ZYDIS_MNEMONIC_MOVSQ:
        return X64I_STRING_MOVE;
    case ZYDIS_MNEMONIC_STOSB:
    case ZYDIS_MNEMONIC_STOSW:
    case ZYDIS_MNEMONIC_STOSD:
    case ZYDIS_MNEMONIC_STOSQ:
        return X64I_STRING_STORE;
    default:
        return X64I_STRING_NONE;
    }
}

bool x64i_idiom_length_change(const ZydisDecodedInstruction *instruction)
{
    if (instruction->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
        return false;
    return (instruction->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) &&
           instruction->raw.imm[0].size == 16 && !instruction->raw.imm[0].is_relative;
}

static bool starts_with(const char *name, const char *beginning)
{
    return strncmp(name, beginning, strlen(beginning)) == 0;
}

int8_t x64i_idiom_fpu_push(const ZydisDecodedInstruction *instruction)
{
    static const char *const pushes[] = {"fld1", "fldl",  "fldpi",   "fldz",   "fild",
                                         "fbld", "fptan", "fsincos", "fxtract"};
    const char *name = ZydisMnemonicGetString(instruction->mnemonic);
    if (instruction->meta.category != ZYDIS_CATEGORY_X87_ALU)
        return 0;
    if (strcmp(name, "fld") == 0)
        return 1;
    for (size_t i = 0; i < sizeof pushes / sizeof pushes[0]; i++)
        if (starts_with(name, pushes[i]))
            return 1;
    if (strcmp(name, "fnop") == 0 || strcmp(name, "fincstp") == 0 || strcmp(name, "fdecstp") == 0)
        return 0;
    size_t length = strlen(name);
    if (length > 2 && strcmp(name + length - 2, "pp") == 0)
        return -2;
    return name[length - 1] == 'p' || starts_with(name, "fpatan") || starts_with(name, "fyl2x") ? -1
                                                                                                : 0;
}

/* Conditional jumps by what they ask of the instruction before (Optimization Reference Manual,
 * 3.4.2.2 on macro-fusion). */
static uint8_t fusion_of_branch(ZydisMnemonic mnemonic)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_JZ:
    case ZYDIS_MNEMONIC_JNZ:
    case ZYDIS_MNEMONIC_JL:
    case ZYDIS_MNEMONIC_JNL:
    case ZYDIS_MNEMONIC_JLE:
    case ZYDIS_MNEMONIC_JNLE:
        return X64I_FUSES_INCREMENT;
    case ZYDIS_MNEMONIC_JB:
    case ZYDIS_MNEMONIC_JNB:
    case ZYDIS_MNEMONIC_JBE:
    case ZYDIS_MNEMONIC_JNBE:
        return X64I_FUSES_COMPARE;
    case ZYDIS_MNEMONIC_JS:
    case ZYDIS_MNEMONIC_JNS:
    case ZYDIS_MNEMONIC_JO:
    case ZYDIS_MNEMONIC_JNO:
    case ZYDIS_MNEMONIC_JP:
    case ZYDIS_MNEMONIC_JNP:
        return X64I_FUSES_TEST;
    default:
        return X64I_FUSES_NOT;
    }
}

uint8_t x64i_idiom_fusion(const ZydisDecodedInstruction *instruction,
                          const ZydisDecodedOperand *operands)
{
    bool immediate =
        instruction->operand_count_visible > 1 && operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    bool memory =
        instruction->operand_count_visible > 0 && operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY;
    if (instruction->meta.category == ZYDIS_CATEGORY_COND_BR)
        return fusion_of_branch(instruction->mnemonic);
    switch (instruction->mnemonic) {
    case ZYDIS_MNEMONIC_TEST:
        return memory && immediate ? X64I_FUSES_NOT : X64I_FUSES_TEST;
    case ZYDIS_MNEMONIC_AND:
        return memory ? X64I_FUSES_NOT : X64I_FUSES_TEST;
    case ZYDIS_MNEMONIC_CMP:
        return memory && immediate ? X64I_FUSES_NOT : X64I_FUSES_COMPARE;
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
        return memory ? X64I_FUSES_NOT : X64I_FUSES_COMPARE;
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_DEC:
        return memory ? X64I_FUSES_NOT : X64I_FUSES_INCREMENT;
    default:
        return X64I_FUSES_NOT;
    }
}
