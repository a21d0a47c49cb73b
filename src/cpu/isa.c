/* SPDX-License-Identifier: MIT */
#include "cpu/isa.h"

#include "cpu/isa_handlers.h"

#include <string.h>

#define SLOT_W1(h) {{x64i_##h, x64i_##h, x64i_##h, x64i_##h}},
#define SLOT_W2(h) {{0, 0, x64i_##h##_32, x64i_##h##_64}},
#define SLOT_W3(h) {{0, x64i_##h##_16, x64i_##h##_32, x64i_##h##_64}},
#define SLOT_W4(h) {{x64i_##h##_8, x64i_##h##_16, x64i_##h##_32, x64i_##h##_64}},

#define X64I_ISA(m, sh, body, feat, wr, rd, un)                                               \
    {.mnemonic = ZYDIS_MNEMONIC_##m,                                                          \
     .feature = X64I_FEATURE_##feat,                                                          \
     .width_of = X64I_WIDTH_OF_##sh,                                                          \
     .patterns = X64I_PATTERNS_##sh,                                                          \
     .slots = (const struct x64i_isa_slot[]){X64I_SLOTS_##sh(body, SLOT_W4, SLOT_W3, SLOT_W2, \
                                                             SLOT_W1)},                       \
     .name = #m,                                                                              \
     .shape = #sh,                                                                            \
     .written = wr,                                                                           \
     .read = rd,                                                                              \
     .undefined = un},

const struct x64i_isa_row x64i_isa_rows[] = {
#include "cpu/isa.def"
};
const size_t x64i_isa_row_count = sizeof x64i_isa_rows / sizeof x64i_isa_rows[0];
#undef X64I_ISA

/* The rows' mnemonics alone, close together: a lookup reads nothing else of the rows it skips. */
#define X64I_ISA(m, sh, body, feat, wr, rd, un) ZYDIS_MNEMONIC_##m,
static const uint16_t row_mnemonics[] = {
#include "cpu/isa.def"
};
#undef X64I_ISA

static bool is_register(ZydisRegister reg, ZydisRegisterClass class)
{
    return ZydisRegisterGetClass(reg) == class;
}

/* The letter of shapes.h for one operand. */
static char operand_letter(const ZydisDecodedOperand *operand)
{
    switch (operand->type) {
    case ZYDIS_OPERAND_TYPE_MEMORY:
        return 'M';
    case ZYDIS_OPERAND_TYPE_POINTER:
        return 'P';
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
        return operand->imm.is_relative ? 'J' : 'I';
    default:
        break;
    }
    ZydisRegister reg = operand->reg.value;
    switch (ZydisRegisterGetClass(reg)) {
    case ZYDIS_REGCLASS_SEGMENT:
        return 'S';
    case ZYDIS_REGCLASS_CONTROL:
        return 'C';
    case ZYDIS_REGCLASS_DEBUG:
        return 'D';
    case ZYDIS_REGCLASS_XMM:
        return 'X';
    case ZYDIS_REGCLASS_YMM:
        return 'Y';
    case ZYDIS_REGCLASS_MMX:
        return 'Q';
    case ZYDIS_REGCLASS_X87:
        return 'F';
    case ZYDIS_REGCLASS_MASK:
        return 'K';
    default:
        return is_register(reg, ZYDIS_REGCLASS_ZMM) ? 'Z' : 'R';
    }
}

/* Whether an operand fits a letter; V stands for a vector register of any length. */
static bool letter_fits(char letter, const ZydisDecodedOperand *operand)
{
    char is = operand_letter(operand);
    return letter == is || (letter == 'V' && (is == 'X' || is == 'Y' || is == 'Z'));
}

/* Matches one pattern at `pattern`, which ends at a blank or the string's end. */
static bool pattern_fits(const char *pattern, const ZydisDecodedInstruction *instruction,
                         const ZydisDecodedOperand *operands)
{
    unsigned count = instruction->operand_count_visible;
    bool far = instruction->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
    bool evex = instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX;
    if (far != (*pattern == '>') || evex != (*pattern == '^'))
        return false;
    if (far || evex)
        pattern++;
    if (*pattern == '*')
        return true;
    if (*pattern == '-')
        return count == 0;
    unsigned at = 0;
    while (*pattern && *pattern != ' ') {
        if (at == count || !letter_fits(*pattern++, &operands[at]))
            return false;
        unsigned size = 0;
        while (*pattern >= '0' && *pattern <= '9')
            size = size * 10 + (unsigned)(*pattern++ - '0');
        if (size != 0 && operands[at].size != size)
            return false;
        at++;
    }
    return at == count;
}

static unsigned width_index(unsigned bits)
{
    return bits >= 64 ? 3 : bits == 32 ? 2 : bits == 16 ? 1 : 0;
}

static x64i_handler *find_in_row(const struct x64i_isa_row *row,
                                 const ZydisDecodedInstruction *instruction,
                                 const ZydisDecodedOperand *operands)
{
    const char *pattern = row->patterns;
    for (unsigned slot = 0;; slot++) {
        if (pattern_fits(pattern, instruction, operands)) {
            unsigned bits = row->width_of == X64I_WIDTH_EFFECTIVE ? instruction->operand_width
                                                                  : operands[row->width_of].size;
            return row->slots[slot].by_width[width_index(bits)];
        }
        pattern = strchr(pattern, ' ');
        if (!pattern)
            return NULL;
        pattern++;
    }
}

/* MVEX and XOP have no rows; some of their forms have the operands of a VEX form. */
static bool is_known_encoding(const ZydisDecodedInstruction *instruction)
{
    return instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
           instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX ||
           instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX;
}

/* Zydis also knows the coprocessor Knights Corner, whose scalar instructions look like VEX ones. */
static bool is_knights_corner(const ZydisDecodedInstruction *instruction)
{
    switch (instruction->meta.isa_set) {
    case ZYDIS_ISA_SET_KNCE:
    case ZYDIS_ISA_SET_KNCJKBR:
    case ZYDIS_ISA_SET_KNCSTREAM:
    case ZYDIS_ISA_SET_KNCV:
    case ZYDIS_ISA_SET_KNC_MISC:
    case ZYDIS_ISA_SET_KNC_PF_HINT:
        return true;
    default:
        return false;
    }
}

x64i_handler *x64i_isa_find_from(const ZydisDecodedInstruction *instruction,
                                 const ZydisDecodedOperand *operands, size_t first, uint16_t *row)
{
    if (!is_known_encoding(instruction) || is_knights_corner(instruction))
        return NULL;
    for (size_t i = first; i < x64i_isa_row_count; i++) {
        if (row_mnemonics[i] != instruction->mnemonic)
            continue;
        x64i_handler *handler = find_in_row(&x64i_isa_rows[i], instruction, operands);
        if (handler) {
            *row = (uint16_t)i;
            return handler;
        }
    }
    return NULL;
}

x64i_handler *x64i_isa_find(const ZydisDecodedInstruction *instruction,
                            const ZydisDecodedOperand *operands, uint16_t *row)
{
    return x64i_isa_find_from(instruction, operands, 0, row);
}

/* EVEX's mask stands among Zydis' operands; here it is no operand but a field (evex_op.h). */
static void drop_mask(ZydisDecodedInstruction *instruction, ZydisDecodedOperand *operands)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < instruction->operand_count; i++) {
        if (operands[i].encoding != ZYDIS_OPERAND_ENCODING_MASK)
            operands[kept++] = operands[i];
        else if (i < instruction->operand_count_visible)
            instruction->operand_count_visible--;
    }
    instruction->operand_count = (ZyanU8)kept;
}

void x64i_isa_correct(ZydisDecodedInstruction *instruction, ZydisDecodedOperand *operands)
{
    if (instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX)
        drop_mask(instruction, operands);
    bool has_sib = (instruction->attributes & ZYDIS_ATTRIB_HAS_SIB) != 0;
    if (!has_sib || instruction->raw.modrm.mod != 0 || instruction->raw.sib.base != 5)
        return;
    for (unsigned i = 0; i < instruction->operand_count; i++) {
        if (operands[i].encoding != ZYDIS_OPERAND_ENCODING_MODRM_RM ||
            operands[i].type != ZYDIS_OPERAND_TYPE_MEMORY)
            continue;
        operands[i].mem.base = ZYDIS_REGISTER_NONE;
        operands[i].mem.disp.has_displacement = ZYAN_TRUE;
        operands[i].mem.disp.value = instruction->raw.disp.value;
    }
}

/* How many rows the files before isa_system.def have, and how many it has itself: isa.def's order.
 */
#undef X64I_ISA
#define X64I_ISA(...) +1
enum {
    ROWS_BEFORE_SYSTEM = 0
#include "cpu/isa_integer.def"
    ,
    ROWS_OF_SYSTEM = 0
#include "cpu/isa_system.def"
};
#undef X64I_ISA

bool x64i_isa_is_plain(uint16_t row)
{
    if (row >= ROWS_BEFORE_SYSTEM && row < ROWS_BEFORE_SYSTEM + ROWS_OF_SYSTEM)
        return false;
    switch (x64i_isa_rows[row].mnemonic) {
    case ZYDIS_MNEMONIC_POPF:
    case ZYDIS_MNEMONIC_POPFD:
    case ZYDIS_MNEMONIC_POPFQ:
        return false;
    default:
        return true;
    }
}

static bool has_shape(uint16_t row, const char *shape)
{
    return strcmp(x64i_isa_rows[row].shape, shape) == 0;
}

bool x64i_isa_is_branch(uint16_t row)
{
    return has_shape(row, "rel") || has_shape(row, "near") ||
           x64i_isa_rows[row].mnemonic == ZYDIS_MNEMONIC_RET;
}

bool x64i_isa_is_string(uint16_t row)
{
    return has_shape(row, "string");
}

static bool is_vector_or_x87(uint16_t feature)
{
    switch ((enum x64i_feature)feature) {
    case X64I_FEATURE_FPU:
    case X64I_FEATURE_MMX:
    case X64I_FEATURE_SSE:
    case X64I_FEATURE_SSE2:
    case X64I_FEATURE_SSE3:
    case X64I_FEATURE_SSSE3:
    case X64I_FEATURE_SSE4_1:
    case X64I_FEATURE_SSE4_2:
    case X64I_FEATURE_AVX:
    case X64I_FEATURE_AVX2:
    case X64I_FEATURE_FMA:
    case X64I_FEATURE_F16C:
    case X64I_FEATURE_AVX512F:
    case X64I_FEATURE_AVX512CD:
    case X64I_FEATURE_AVX512BW:
    case X64I_FEATURE_AVX512DQ:
        return true;
    default:
        return false;
    }
}

bool x64i_isa_is_flagless(uint16_t row)
{
    const struct x64i_isa_row *isa = &x64i_isa_rows[row];
    return is_vector_or_x87(isa->feature) && strcmp(isa->written, "-") == 0 &&
           strcmp(isa->read, "-") == 0 && strcmp(isa->undefined, "-") == 0;
}
