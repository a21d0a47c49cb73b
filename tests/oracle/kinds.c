/* SPDX-License-Identifier: MIT */
#include "oracle/kinds.h"

bool oracle_is_near_branch(const struct oracle_instruction *instruction)
{
    const ZydisDecodedInstruction *decoded = &instruction->decoded;
    return decoded->meta.branch_type == ZYDIS_BRANCH_TYPE_NEAR ||
           decoded->meta.branch_type == ZYDIS_BRANCH_TYPE_SHORT ||
           decoded->meta.category == ZYDIS_CATEGORY_RET ||
           decoded->meta.category == ZYDIS_CATEGORY_CALL;
}

bool oracle_is_popf(const struct oracle_instruction *instruction)
{
    ZydisMnemonic mnemonic = instruction->decoded.mnemonic;
    return mnemonic == ZYDIS_MNEMONIC_POPF || mnemonic == ZYDIS_MNEMONIC_POPFD ||
           mnemonic == ZYDIS_MNEMONIC_POPFQ;
}

bool oracle_is_xsave(const struct oracle_instruction *instruction)
{
    const ZydisDecodedInstruction *decoded = &instruction->decoded;
    switch (decoded->meta.isa_set) {
    case ZYDIS_ISA_SET_XSAVE:
    case ZYDIS_ISA_SET_XSAVEOPT:
    case ZYDIS_ISA_SET_XSAVEC:
    case ZYDIS_ISA_SET_XSAVES:
        return decoded->operand_count_visible == 1;
    default:
        return false;
    }
}

bool oracle_has_explicit_lengths(const struct oracle_instruction *instruction)
{
    const ZydisDecodedInstruction *decoded = &instruction->decoded;
    return decoded->mnemonic == ZYDIS_MNEMONIC_PCMPESTRI ||
           decoded->mnemonic == ZYDIS_MNEMONIC_PCMPESTRM ||
           decoded->mnemonic == ZYDIS_MNEMONIC_VPCMPESTRI ||
           decoded->mnemonic == ZYDIS_MNEMONIC_VPCMPESTRM;
}

bool oracle_takes_selector(const struct oracle_instruction *instruction)
{
    const ZydisDecodedInstruction *decoded = &instruction->decoded;
    switch (decoded->mnemonic) {
    case ZYDIS_MNEMONIC_LAR:
    case ZYDIS_MNEMONIC_LSL:
    case ZYDIS_MNEMONIC_VERR:
    case ZYDIS_MNEMONIC_VERW:
        return true;
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_POP:
        return instruction->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
               ZydisRegisterGetClass(instruction->operands[0].reg.value) == ZYDIS_REGCLASS_SEGMENT;
    default:
        return false;
    }
}

uint32_t oracle_selector_offset(const struct oracle_instruction *instruction)
{
    const ZydisDecodedInstruction *decoded = &instruction->decoded;
    switch (decoded->mnemonic) {
    case ZYDIS_MNEMONIC_LFS:
    case ZYDIS_MNEMONIC_LGS:
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_RET:
    case ZYDIS_MNEMONIC_JMP:
    case ZYDIS_MNEMONIC_CALL:
        if (decoded->mnemonic == ZYDIS_MNEMONIC_RET || decoded->mnemonic == ZYDIS_MNEMONIC_JMP ||
            decoded->mnemonic == ZYDIS_MNEMONIC_CALL)
            if (decoded->meta.branch_type != ZYDIS_BRANCH_TYPE_FAR)
                return 0;
        return decoded->operand_width / 8u;
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
        return decoded->operand_width / 8u;
    default:
        return 0;
    }
}
