/* SPDX-License-Identifier: MIT */
#include "cpu/evex_op.h"

static uint64_t field(unsigned first, unsigned count, unsigned value)
{
    return (uint64_t)(value & ((1u << count) - 1)) << first;
}

/* log2 of the bytes in `bits` bits. */
static unsigned log2_bytes(unsigned bits)
{
    unsigned log2 = 0;
    while (8u << log2 < bits && log2 < 6)
        log2++;
    return log2;
}

static bool is_vector(const ZydisDecodedOperand *operand)
{
    if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY)
        return true;
    if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER)
        return false;
    switch (ZydisRegisterGetClass(operand->reg.value)) {
    case ZYDIS_REGCLASS_XMM:
    case ZYDIS_REGCLASS_YMM:
    case ZYDIS_REGCLASS_ZMM:
        return true;
    default:
        return false;
    }
}

static unsigned rounding_of(const ZydisDecodedInstruction *instruction)
{
    switch (instruction->avx.rounding.mode) {
    case ZYDIS_ROUNDING_MODE_RN:
        return X64I_EVEX_NEAREST;
    case ZYDIS_ROUNDING_MODE_RD:
        return X64I_EVEX_DOWN;
    case ZYDIS_ROUNDING_MODE_RU:
        return X64I_EVEX_UP;
    case ZYDIS_ROUNDING_MODE_RZ:
        return X64I_EVEX_ZERO;
    default:
        return instruction->avx.has_sae ? X64I_EVEX_SAE : X64I_EVEX_MXCSR;
    }
}

/* The exception classes without fault suppression (SDM vol. 2A, 2.8). That of these three is E4NF,
 * of which Zydis does not know. */
static bool reads_whatever_the_mask(const ZydisDecodedInstruction *instruction)
{
    if (instruction->mnemonic == ZYDIS_MNEMONIC_VDBPSADBW ||
        instruction->mnemonic == ZYDIS_MNEMONIC_VGF2P8AFFINEQB ||
        instruction->mnemonic == ZYDIS_MNEMONIC_VGF2P8AFFINEINVQB)
        return true;
    switch (instruction->meta.exception_class) {
    case ZYDIS_EXCEPTION_CLASS_E1NF:
    case ZYDIS_EXCEPTION_CLASS_E3NF:
    case ZYDIS_EXCEPTION_CLASS_E4NF:
    case ZYDIS_EXCEPTION_CLASS_E5NF:
    case ZYDIS_EXCEPTION_CLASS_E6NF:
    case ZYDIS_EXCEPTION_CLASS_E7NM:
    case ZYDIS_EXCEPTION_CLASS_E7NM128:
    case ZYDIS_EXCEPTION_CLASS_E9NF:
    case ZYDIS_EXCEPTION_CLASS_E10NF:
        return true;
    default:
        return false;
    }
}

void x64i_evex_decode(const ZydisDecodedInstruction *instruction,
                      const ZydisDecodedOperand *operands, struct x64i_op *op)
{
    unsigned element = 0, source = 0, memory = 0;
    for (unsigned i = 0; i < instruction->operand_count_visible; i++) {
        if (!is_vector(&operands[i]))
            continue;
        source = log2_bytes(operands[i].element_size);
        if (i == 0)
            element = source;
        if (operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
            memory = log2_bytes(operands[i].size);
    }
    if (!is_vector(&operands[0]))
        element = source; /* the mask that a comparison makes counts the sources' elements */
    ZydisMaskMode mode = instruction->avx.mask.mode;
    bool zeroing = mode == ZYDIS_MASK_MODE_ZEROING || mode == ZYDIS_MASK_MODE_CONTROL_ZEROING;
    bool broadcast = instruction->avx.broadcast.mode != ZYDIS_BROADCAST_MODE_INVALID &&
                     !instruction->avx.broadcast.is_static;
    unsigned length = instruction->avx.vector_length;
    op->immediate = (op->immediate & 0xff) | field(X64I_EVEX_MASK, instruction->raw.evex.aaa) |
                    field(X64I_EVEX_ZEROING, zeroing) | field(X64I_EVEX_BROADCAST, broadcast) |
                    field(X64I_EVEX_LENGTH, length == 512   ? 2
                                            : length == 256 ? 1
                                                            : 0) |
                    field(X64I_EVEX_ROUNDING, rounding_of(instruction)) |
                    field(X64I_EVEX_ELEMENT, element) | field(X64I_EVEX_SOURCE_ELEMENT, source) |
                    field(X64I_EVEX_MEMORY, memory) |
                    field(X64I_EVEX_NO_SUPPRESSION, reads_whatever_the_mask(instruction));
}

bool x64i_evex_needs_vl(const ZydisDecodedInstruction *instruction)
{
    if (instruction->encoding != ZYDIS_INSTRUCTION_ENCODING_EVEX)
        return false;
    switch (instruction->meta.isa_set) {
#define LENGTHS(set)                \
    case ZYDIS_ISA_SET_##set##_128: \
    case ZYDIS_ISA_SET_##set##_256:
        LENGTHS(AVX512F)
        LENGTHS(AVX512CD)
        LENGTHS(AVX512BW)
        LENGTHS(AVX512DQ)
        LENGTHS(AVX512_BF16)
        LENGTHS(AVX512_BITALG)
        LENGTHS(AVX512_GFNI)
        LENGTHS(AVX512_IFMA)
        LENGTHS(AVX512_VAES)
        LENGTHS(AVX512_VBMI)
        LENGTHS(AVX512_VBMI2)
        LENGTHS(AVX512_VNNI)
        LENGTHS(AVX512_VP2INTERSECT)
        LENGTHS(AVX512_VPCLMULQDQ)
        LENGTHS(AVX512_VPOPCNTDQ)
#undef LENGTHS
        return true;
    default:
        return false;
    }
}
