/* SPDX-License-Identifier: MIT */
#include "oracle/forms.h"

#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *mnemonic;
    const char *reason;
} excluded_rows[] = {
#define ORACLE_EXCLUDED(mnemonic, reason) {#mnemonic, reason},
#include "oracle/excluded.def"
#undef ORACLE_EXCLUDED
};

static const struct {
    uint32_t leaf;
    uint32_t subleaf;
    char reg;
    uint8_t bit;
} feature_bits[X64I_FEATURE_COUNT] = {
#define X64I_FEATURE(name, leaf, subleaf, reg, bit) \
    [X64I_FEATURE_##name] = {leaf, subleaf, #reg[1], bit},
#include "msr/features.def"
#undef X64I_FEATURE
};

static const char *const space_prefix[ORACLE_SPACE_COUNT] = {
    "", "0f", "0f38", "0f3a", "v0f", "v0f38", "v0f3a", "e0f", "e0f38", "e0f3a",
};

const char *oracle_excluded(const char *mnemonic)
{
    for (size_t i = 0; i < sizeof excluded_rows / sizeof excluded_rows[0]; i++)
        if (strcmp(excluded_rows[i].mnemonic, mnemonic) == 0)
            return excluded_rows[i].reason;
    return NULL;
}

bool oracle_host_has(enum x64i_feature feature)
{
    if (feature == X64I_FEATURE_BASE)
        return true;
    unsigned a, b, c, d;
    if (!__get_cpuid_count(feature_bits[feature].leaf, feature_bits[feature].subleaf, &a, &b, &c,
                           &d))
        return false;
    const unsigned registers[] = {a, b, c, d};
    return registers[feature_bits[feature].reg - 'A'] >> feature_bits[feature].bit & 1;
}

void oracle_decoder_init(ZydisDecoder *decoder, const struct x64i_cpu_model *model,
                         unsigned code_bits)
{
    ZyanBool amd = model->behaviour.near_branches_take_66 ? ZYAN_TRUE : ZYAN_FALSE;
    if (code_bits == 64)
        (void)ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    else
        (void)ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32);
    (void)ZydisDecoderEnableMode(decoder, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
    (void)ZydisDecoderEnableMode(decoder, ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
    (void)ZydisDecoderEnableMode(decoder, ZYDIS_DECODER_MODE_AMD_BRANCHES, amd);
}

bool oracle_find_slot(const ZydisDecodedInstruction *instruction,
                      const ZydisDecodedOperand *operands, uint16_t *row, uint8_t *slot,
                      uint8_t *width_index)
{
    x64i_handler *handler = x64i_isa_find(instruction, operands, row);
    if (!handler)
        return false;
    const struct x64i_isa_row *found = &x64i_isa_rows[*row];
    unsigned bits = found->width_of == X64I_WIDTH_EFFECTIVE ? instruction->operand_width
                                                            : operands[found->width_of].size;
    *width_index = bits >= 64 ? 3 : bits == 32 ? 2 : bits == 16 ? 1 : 0;
    *slot = 0;
    for (const char *pattern = found->patterns; pattern; pattern = strchr(pattern + 1, ' ')) {
        if (found->slots[*slot].by_width[*width_index] == handler)
            return true;
        ++*slot;
    }
    return false;
}

static bool is_vector_letter(char letter)
{
    return letter == 'X' || letter == 'Y' || letter == 'Z';
}

/* Of EVEX forms, which are of every vector length: "V,V,M", and "V,V,B" with a broadcast. */
static void describe_evex(const char *letters, unsigned b, char *text, size_t size)
{
    size_t at = 0;
    for (unsigned i = 0; letters[i] && at + 2 < size; i++) {
        if (i)
            text[at++] = ',';
        text[at++] = is_vector_letter(letters[i]) ? 'V' : letters[i] == 'M' && b ? 'B' : letters[i];
    }
    text[at] = '\0';
}

/* "R32,M32": the visible operands as in shapes.h, with their sizes. */
static void describe_operands(const ZydisDecodedInstruction *instruction,
                              const ZydisDecodedOperand *operands, char *text, size_t size)
{
    size_t at = 0;
    char letters[ZYDIS_MAX_OPERAND_COUNT + 1] = "";
    text[0] = '\0';
    for (unsigned i = 0; i < instruction->operand_count_visible && at < size; i++) {
        const ZydisDecodedOperand *operand = &operands[i];
        char letter = 'R';
        if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY)
            letter = 'M';
        else if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
            letter = operand->imm.is_relative ? 'J' : 'I';
        else if (operand->type == ZYDIS_OPERAND_TYPE_POINTER)
            letter = 'P';
        else if (ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_XMM)
            letter = 'X';
        else if (ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_YMM)
            letter = 'Y';
        else if (ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_ZMM)
            letter = 'Z';
        else if (ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_MASK)
            letter = 'K';
        else if (ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_MMX)
            letter = 'Q';
        else if (ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_X87)
            letter = 'F';
        else if (ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_SEGMENT)
            letter = 'S';
        at += (size_t)snprintf(text + at, size - at, "%s%c%u", i ? "," : "", letter, operand->size);
        letters[i] = letter;
    }
    if (instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX)
        describe_evex(letters, instruction->raw.evex.b, text, size);
}

static bool register_in_opcode(const ZydisDecodedInstruction *instruction,
                               const ZydisDecodedOperand *operands)
{
    for (unsigned i = 0; i < instruction->operand_count; i++)
        if (operands[i].encoding == ZYDIS_OPERAND_ENCODING_OPCODE)
            return true;
    return false;
}

static void *grown(void *items, size_t *room, size_t size)
{
    *room = *room ? *room * 2 : 16;
    void *bigger = realloc(items, *room * size);
    if (!bigger) {
        perror("oracle");
        exit(EXIT_FAILURE);
    }
    return bigger;
}

static struct oracle_form *form_named(struct oracle_forms *forms, const char *id)
{
    for (size_t i = forms->count; i-- > 0;)
        if (strcmp(forms->items[i].id, id) == 0)
            return &forms->items[i];
    if (forms->count == forms->room)
        forms->items = grown(forms->items, &forms->room, sizeof *forms->items);
    struct oracle_form *form = &forms->items[forms->count++];
    memset(form, 0, sizeof *form);
    snprintf(form->id, sizeof form->id, "%s", id);
    return form;
}

static void add_variant(struct oracle_form *form, const struct oracle_variant *variant)
{
    if (form->variant_count == form->variant_room)
        form->variants = grown(form->variants, &form->variant_room, sizeof *form->variants);
    form->variants[form->variant_count++] = *variant;
}

/* The shortest bytes of a variant; operands that follow the ModRM byte are zeroes. */
static void plain_bytes(unsigned space, const struct oracle_variant *v, uint8_t bytes[24])
{
    size_t n = 0;
    memset(bytes, 0, 24);
    if (space >= ORACLE_SPACE_EVEX_0F) {
        bool gather = oracle_is_gather(space, v->opcode);
        bytes[n++] = 0x62;
        bytes[n++] = (uint8_t)(0xf0 | (space - ORACLE_SPACE_EVEX_0F + 1));
        bytes[n++] = (uint8_t)(v->w << 7 | 0x7c | oracle_pp(v));
        bytes[n++] = (uint8_t)(v->l << 5 | v->b << 4 | 8 | gather);
        bytes[n++] = v->opcode;
        bytes[n++] = v->modrm | (gather ? 4 : 0);
        bytes[n] = gather ? 2u << 3 : 0; /* the index is register 2 */
        return;
    }
    if (space >= ORACLE_SPACE_VEX_0F) {
        unsigned pp = oracle_pp(v);
        bytes[n++] = 0xc4;
        bytes[n++] = (uint8_t)(0xe0 | (space - ORACLE_SPACE_VEX_0F + 1));
        bytes[n++] = (uint8_t)(v->w << 7 | 0x78 | v->l << 2 | pp);
        if (oracle_is_gather(space, v->opcode)) {
            bytes[n - 1] ^= 1u << 3; /* vvvv is 1 */
            bytes[n++] = v->opcode;
            bytes[n++] = v->modrm | 4;
            bytes[n] = 2u << 3; /* the index is register 2 */
            return;
        }
    } else {
        if (v->address32)
            bytes[n++] = 0x67;
        if (v->prefix)
            bytes[n++] = v->prefix;
        if (v->w)
            bytes[n++] = 0x48;
        if (space != ORACLE_SPACE_1_BYTE)
            bytes[n++] = 0x0f;
        if (space == ORACLE_SPACE_0F38)
            bytes[n++] = 0x38;
        if (space == ORACLE_SPACE_0F3A)
            bytes[n++] = 0x3a;
    }
    bytes[n++] = v->opcode;
    bytes[n] = v->modrm;
}

/* Adds the variant to its form. False when it is no instruction or has no ModRM byte, so that
 * others that differ in it alone need not be tried. */
static bool try_variant(struct oracle_forms *forms, const ZydisDecoder *decoder, unsigned space,
                        const struct oracle_variant *variant)
{
    uint8_t bytes[24];
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    plain_bytes(space, variant, bytes);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, bytes, sizeof bytes, &instruction, operands)))
        return true;
    x64i_isa_correct(&instruction, operands);
    bool has_modrm = instruction.attributes & ZYDIS_ATTRIB_HAS_MODRM;
    uint16_t row;
    uint8_t slot, width_index;
    if (!oracle_find_slot(&instruction, operands, &row, &slot, &width_index))
        return has_modrm;
    char signature[40], id[72];
    describe_operands(&instruction, operands, signature, sizeof signature);
    unsigned opcode = variant->opcode;
    if (register_in_opcode(&instruction, operands))
        opcode &= ~7u;
    /* The width says what the operands do not: MOVSW and MOVSQ have none that are visible. */
    snprintf(id, sizeof id, "%s%u.%s.%s%02x", x64i_isa_rows[row].name, 8u << width_index, signature,
             space_prefix[space], opcode);
    struct oracle_form *form = form_named(forms, id);
    form->row = row;
    form->slot = slot;
    form->width_index = width_index;
    form->space = (uint8_t)space;
    form->has_modrm = has_modrm;
    form->memory = has_modrm && variant->modrm < 0xc0;
    add_variant(form, variant);
    return has_modrm;
}

static bool is_prefix(unsigned space, unsigned opcode, unsigned code_bits)
{
    if (space != ORACLE_SPACE_1_BYTE)
        return space == ORACLE_SPACE_0F && (opcode == 0x38 || opcode == 0x3a || opcode == 0x0f);
    if (code_bits == 64 && ((opcode & 0xf0) == 0x40 || opcode == 0x62))
        return true;
    /* C4, C5 and 62 are LES, LDS and BOUND, too, outside 64-bit mode; so their memory forms are. */
    return opcode == 0x0f || (opcode & 0xe7) == 0x26 || (opcode >= 0x64 && opcode <= 0x67) ||
           (code_bits == 64 && (opcode == 0xc4 || opcode == 0xc5)) || opcode == 0xf0 ||
           opcode == 0xf2 || opcode == 0xf3;
}

static bool is_count_branch(unsigned space, unsigned opcode)
{
    return space == ORACLE_SPACE_1_BYTE && opcode == 0xe3;
}

static void try_opcode(struct oracle_forms *forms, const ZydisDecoder *decoder, unsigned space,
                       uint8_t opcode)
{
    static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
    bool count_branch = is_count_branch(space, opcode);
    bool evex = space >= ORACLE_SPACE_EVEX_0F;
    unsigned turns = evex ? 64 : space >= ORACLE_SPACE_VEX_0F || count_branch ? 16 : 8;
    unsigned modrms = evex ? 16 : 72; /* the encoder chooses EVEX's last register */
    for (unsigned i = 0; i < turns; i++) {
        struct oracle_variant variant = {
            .prefix = prefixes[i & 3], .opcode = opcode, .w = i >> 2 & 1};
        if (count_branch)
            variant.address32 = (uint8_t)(i >> 3);
        else
            variant.l = (uint8_t)(i >> 3 & 3);
        variant.b = (uint8_t)(i >> 5);
        if (variant.w && space < ORACLE_SPACE_VEX_0F &&
            decoder->machine_mode != ZYDIS_MACHINE_MODE_LONG_64)
            continue;
        for (unsigned m = 0; m < modrms; m++) {
            variant.modrm = (uint8_t)(m < 8 ? m << 3 : evex ? m << 3 | 0xc0 : m - 8 + 0xc0);
            if (!try_variant(forms, decoder, space, &variant))
                break;
        }
    }
}

struct oracle_forms oracle_forms_create(const struct x64i_cpu_model *model, unsigned code_bits)
{
    struct oracle_forms forms = {0};
    ZydisDecoder decoder;
    oracle_decoder_init(&decoder, model, code_bits);
    for (unsigned space = 0; space < ORACLE_SPACE_COUNT; space++)
        for (unsigned opcode = 0; opcode < 256; opcode++)
            if (!is_prefix(space, opcode, code_bits))
                try_opcode(&forms, &decoder, space, (uint8_t)opcode);
    for (size_t i = 0; i < forms.count; i++) {
        struct oracle_form *form = &forms.items[i];
        const struct x64i_isa_row *row = &x64i_isa_rows[form->row];
        form->host_can = oracle_host_has(row->feature);
        form->model_can = x64i_cpu_model_has(model, row->feature);
        form->excluded = oracle_excluded(row->name);
    }
    return forms;
}

void oracle_forms_destroy(struct oracle_forms *forms)
{
    for (size_t i = 0; i < forms->count; i++)
        free(forms->items[i].variants);
    free(forms->items);
    *forms = (struct oracle_forms){0};
}
