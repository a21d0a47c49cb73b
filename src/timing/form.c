/* SPDX-License-Identifier: MIT */
#include "timing/form.h"

#include <stdio.h>
#include <string.h>

static const char *register_kind(const ZydisDecodedOperand *operand)
{
    static const struct {
        ZydisRegisterClass class;
        const char *name;
    } kinds[] = {
        {ZYDIS_REGCLASS_GPR8, "r8"},    {ZYDIS_REGCLASS_GPR16, "r16"},
        {ZYDIS_REGCLASS_GPR32, "r32"},  {ZYDIS_REGCLASS_GPR64, "r64"},
        {ZYDIS_REGCLASS_X87, "st"},     {ZYDIS_REGCLASS_MMX, "mm"},
        {ZYDIS_REGCLASS_XMM, "x"},      {ZYDIS_REGCLASS_YMM, "y"},
        {ZYDIS_REGCLASS_ZMM, "z"},      {ZYDIS_REGCLASS_MASK, "k"},
        {ZYDIS_REGCLASS_SEGMENT, "sr"}, {ZYDIS_REGCLASS_CONTROL, "cr"},
        {ZYDIS_REGCLASS_DEBUG, "dr"},
    };
    if (operand->visibility == ZYDIS_OPERAND_VISIBILITY_IMPLICIT &&
        operand->reg.value == ZYDIS_REGISTER_CL)
        return "cl";
    if (operand->reg.value == ZYDIS_REGISTER_SS && (operand->actions & ZYDIS_OPERAND_ACTION_WRITE))
        return "ss";
    ZydisRegisterClass class = ZydisRegisterGetClass(operand->reg.value);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].class == class)
            return kinds[i].name;
    return "?";
}

static int operand_name(const ZydisDecodedOperand *operand, char *name, size_t size)
{
    switch (operand->type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
        return snprintf(name, size, "%s", register_kind(operand));
    case ZYDIS_OPERAND_TYPE_MEMORY:
        if (operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
            return snprintf(name, size, operand->mem.scale > 1 ? "scaled" : "a");
        return snprintf(name, size, "m%u", (unsigned)operand->size);
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
        if (operand->imm.is_relative)
            return snprintf(name, size, "rel");
        return snprintf(name, size,
                        operand->visibility == ZYDIS_OPERAND_VISIBILITY_IMPLICIT ? "1" : "i");
    default:
        return snprintf(name, size, "far");
    }
}

void x64i_form_name(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operands,
                    char name[X64I_FORM_SIZE])
{
    const uint64_t repeats = ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
    const char *prefix = instruction->attributes & ZYDIS_ATTRIB_HAS_LOCK ? "lock "
                         : instruction->attributes & repeats             ? "rep "
                                                                         : "";
    const char *mnemonic = ZydisMnemonicGetString(instruction->mnemonic);
    int at = snprintf(name, X64I_FORM_SIZE, "%s%s", prefix, mnemonic ? mnemonic : "?");
    for (unsigned i = 0; i < instruction->operand_count_visible && at < X64I_FORM_SIZE - 12; i++) {
        name[at++] = i ? ',' : ' ';
        at += operand_name(&operands[i], name + at, X64I_FORM_SIZE - (size_t)at);
    }
}
