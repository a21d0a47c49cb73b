/* SPDX-License-Identifier: MIT */
#include "trace/disassembly.h"

#include <Zycore/Format.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_SIZE 4096u

struct cached {
    uint64_t rip;
    uint8_t code_bits; /* 0: empty */
    uint8_t length;
    uint8_t bytes[15];
    struct x64i_instruction instruction;
};

struct x64i_disassembler {
    x64i_symbol_function *symbol;
    void *user;
    ZydisDecoder decoder64;
    ZydisDecoder decoder32;
    ZydisDecoder decoder16;
    ZydisFormatter formatter;
    ZydisFormatterFunc print_address;
    struct cached cache[CACHE_SIZE];
};

/* Symbols in place of addresses, but for per-CPU variables: GS-relative offsets are no addresses,
 * and what lies there is named with the access. */
static ZyanStatus print_symbol(const ZydisFormatter *formatter, ZydisFormatterBuffer *buffer,
                               ZydisFormatterContext *context)
{
    struct x64i_disassembler *disassembler = context->user_data;
    const ZydisDecodedOperand *operand = context->operand;
    const char *name;
    uint64_t address;
    uint64_t offset;
    ZyanString *text;
    bool segmented =
        operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
        (operand->mem.segment == ZYDIS_REGISTER_GS || operand->mem.segment == ZYDIS_REGISTER_FS);
    if (segmented ||
        !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(context->instruction, operand,
                                               context->runtime_address, &address)) ||
        disassembler->symbol(disassembler->user, address, &name, &offset) != X64_OK)
        return disassembler->print_address(formatter, buffer, context);
    ZYAN_CHECK(ZydisFormatterBufferAppend(buffer, ZYDIS_TOKEN_SYMBOL));
    ZYAN_CHECK(ZydisFormatterBufferGetString(buffer, &text));
    if (offset)
        return ZyanStringAppendFormat(text, "%.80s+0x%llx", name, (unsigned long long)offset);
    return ZyanStringAppendFormat(text, "%.80s", name);
}

static bool set_up(struct x64i_disassembler *d)
{
    static const struct {
        ZydisFormatterProperty property;
        ZyanUPointer value;
    } properties[] = {
        {ZYDIS_FORMATTER_PROP_FORCE_SIZE, ZYAN_TRUE},
        {ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE},
        {ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZYDIS_PADDING_DISABLED},
        {ZYDIS_FORMATTER_PROP_ADDR_PADDING_RELATIVE, ZYDIS_PADDING_DISABLED},
        {ZYDIS_FORMATTER_PROP_DISP_PADDING, ZYDIS_PADDING_DISABLED},
        {ZYDIS_FORMATTER_PROP_IMM_PADDING, ZYDIS_PADDING_DISABLED},
    };
    if (!ZYAN_SUCCESS(
            ZydisDecoderInit(&d->decoder64, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
        !ZYAN_SUCCESS(ZydisDecoderInit(&d->decoder32, ZYDIS_MACHINE_MODE_LONG_COMPAT_32,
                                       ZYDIS_STACK_WIDTH_32)) ||
        !ZYAN_SUCCESS(ZydisDecoderInit(&d->decoder16, ZYDIS_MACHINE_MODE_LONG_COMPAT_16,
                                       ZYDIS_STACK_WIDTH_16)) ||
        !ZYAN_SUCCESS(ZydisFormatterInit(&d->formatter, ZYDIS_FORMATTER_STYLE_INTEL)))
        return false;
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++)
        if (!ZYAN_SUCCESS(ZydisFormatterSetProperty(&d->formatter, properties[i].property,
                                                    properties[i].value)))
            return false;
    const void *hook = NULL;
    d->print_address = print_symbol;
    memcpy(&hook, &d->print_address, sizeof hook);
    if (!ZYAN_SUCCESS(
            ZydisFormatterSetHook(&d->formatter, ZYDIS_FORMATTER_FUNC_PRINT_ADDRESS_ABS, &hook)))
        return false;
    memcpy(&d->print_address, &hook, sizeof hook);
    return true;
}

enum x64_status x64i_disassembler_create(x64i_symbol_function *symbol, void *user,
                                         struct x64i_disassembler **out)
{
    struct x64i_disassembler *disassembler = calloc(1, sizeof *disassembler);
    if (!disassembler)
        return X64_ERROR_MEMORY;
    disassembler->symbol = symbol;
    disassembler->user = user;
    if (!set_up(disassembler)) {
        free(disassembler);
        return X64_ERROR_UNSUPPORTED;
    }
    *out = disassembler;
    return X64_OK;
}

void x64i_disassembler_destroy(struct x64i_disassembler *disassembler)
{
    free(disassembler);
}

static int register_index(ZydisRegister reg)
{
    ZydisRegister large = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
    bool high_byte = reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
    if (high_byte || large < ZYDIS_REGISTER_RAX || large > ZYDIS_REGISTER_R15)
        return -1;
    return (int)(large - ZYDIS_REGISTER_RAX);
}

static struct x64i_operand describe_operand(const ZydisDecodedOperand *from)
{
    struct x64i_operand operand = {.bytes = (uint8_t)(from->size / 8), .index = -1};
    switch (from->type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
        operand.kind = X64I_OPERAND_REGISTER;
        operand.index = (int8_t)register_index(from->reg.value);
        break;
    case ZYDIS_OPERAND_TYPE_MEMORY:
        operand.kind = X64I_OPERAND_MEMORY;
        break;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
        operand.kind = X64I_OPERAND_IMMEDIATE;
        operand.value = from->imm.value.u;
        break;
    default:
        break;
    }
    return operand;
}

/* SYSRET and SYSEXIT have no operand that would show to which mode they return: the letter does. */
static void add_operand_size(const ZydisDecodedInstruction *instruction,
                             struct x64i_instruction *out)
{
    size_t length = strlen(out->text);
    bool returns = instruction->mnemonic == ZYDIS_MNEMONIC_SYSRET ||
                   instruction->mnemonic == ZYDIS_MNEMONIC_SYSEXIT;
    if (!returns || length + 1 >= sizeof out->text)
        return;
    out->text[length] =
        instruction->attributes & ZYDIS_ATTRIB_HAS_REX && instruction->raw.rex.W ? 'q' : 'l';
    out->text[length + 1] = '\0';
}

static void decode(struct x64i_disassembler *d, const struct x64_step *step,
                   struct x64i_instruction *out)
{
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    const ZydisDecoder *decoder = step->code_bits == 64   ? &d->decoder64
                                  : step->code_bits == 32 ? &d->decoder32
                                                          : &d->decoder16;
    *out = (struct x64i_instruction){.mnemonic = ZYDIS_MNEMONIC_INVALID};
    (void)snprintf(out->text, sizeof out->text, "(bad)");
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeFull(decoder, step->bytes, step->length, &instruction, operands)))
        return;
    if (!ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&d->formatter, &instruction, operands,
                                                      instruction.operand_count_visible, out->text,
                                                      sizeof out->text, step->rip, d)))
        return;
    add_operand_size(&instruction, out);
    out->mnemonic = instruction.mnemonic;
    out->length = instruction.length;
    out->conditional_branch = instruction.meta.category == ZYDIS_CATEGORY_COND_BR;
    unsigned count = instruction.operand_count_visible;
    for (unsigned i = 0; i < 2 && i < count; i++)
        out->operand[i] = describe_operand(&operands[i]);
    if (count > 0 && operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
        operands[0].imm.is_relative)
        out->branch = ZYAN_SUCCESS(
            ZydisCalcAbsoluteAddress(&instruction, &operands[0], step->rip, &out->target));
}

const struct x64i_instruction *x64i_disassemble(struct x64i_disassembler *disassembler,
                                                const struct x64_step *step)
{
    struct cached *cached = &disassembler->cache[(step->rip ^ step->rip >> 12) % CACHE_SIZE];
    bool known = cached->code_bits == step->code_bits && cached->rip == step->rip &&
                 cached->length == step->length &&
                 memcmp(cached->bytes, step->bytes, step->length) == 0;
    if (known)
        return &cached->instruction;
    cached->rip = step->rip;
    cached->code_bits = step->code_bits;
    cached->length = step->length;
    memcpy(cached->bytes, step->bytes, sizeof cached->bytes);
    if (step->length)
        decode(disassembler, step, &cached->instruction);
    else
        cached->instruction = (struct x64i_instruction){.mnemonic = ZYDIS_MNEMONIC_INVALID};
    return &cached->instruction;
}
