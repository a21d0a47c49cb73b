/* SPDX-License-Identifier: MIT */
#include "oracle/encode.h"

#include <string.h>

#define TRIES 24

struct writer {
    uint8_t bytes[48]; /* what is beyond the instruction's end was random filling */
    unsigned length;
};

/* The register fields beyond ModRM's three bits. */
struct extension {
    uint8_t r, x, b;
    bool rex; /* a REX prefix, even an empty one */
};

static void put(struct writer *writer, unsigned byte)
{
    writer->bytes[writer->length++] = (uint8_t)byte;
}

static void put_optional_prefixes(struct writer *writer, struct oracle_random *random, bool lock)
{
    static const uint8_t segments[] = {0x64, 0x65, 0x64, 0x65, 0x2e, 0x36, 0x3e, 0x26};
    if (oracle_random_once_in(random, 8))
        put(writer, segments[oracle_random_below(random, 8)]);
    if (oracle_random_once_in(random, 10))
        put(writer, 0x67);
    if (lock)
        put(writer, 0xf0);
}

static void put_legacy_opcode(struct writer *writer, const struct oracle_form *form,
                              const struct oracle_variant *v, const struct extension *extension)
{
    if (v->address32)
        put(writer, 0x67);
    if (v->prefix)
        put(writer, v->prefix);
    if (v->w || extension->rex)
        put(writer, 0x40u | v->w << 3 | extension->r << 2 | extension->x << 1 | extension->b);
    if (form->space != ORACLE_SPACE_1_BYTE)
        put(writer, 0x0f);
    if (form->space == ORACLE_SPACE_0F38)
        put(writer, 0x38);
    if (form->space == ORACLE_SPACE_0F3A)
        put(writer, 0x3a);
}

/* Two bytes of VEX where they suffice, sometimes three all the same (SDM vol. 2A, 2.3.5). */
static void put_vex(struct writer *writer, const struct oracle_form *form,
                    const struct oracle_variant *v, const struct extension *extension,
                    unsigned vvvv, struct oracle_random *random)
{
    unsigned pp = oracle_pp(v);
    unsigned tail = (~vvvv & 15u) << 3 | v->l << 2 | pp;
    unsigned map = form->space - ORACLE_SPACE_VEX_0F + 1u;
    bool can_be_short = map == 1 && !v->w && !extension->x && !extension->b;
    if (can_be_short && oracle_random_once_in(random, 2)) {
        put(writer, 0xc5);
        put(writer, (extension->r ^ 1u) << 7 | tail);
    } else {
        put(writer, 0xc4);
        put(writer,
            (extension->r ^ 1u) << 7 | (extension->x ^ 1u) << 6 | (extension->b ^ 1u) << 5 | map);
        put(writer, v->w << 7 | tail);
    }
}

/* SDM vol. 2A, 2.7.1. `bits` are random: the fifth bits of registers, vvvv, mask and zeroing. */
static void put_evex(struct writer *writer, const struct oracle_form *form,
                     const struct oracle_variant *v, const struct extension *extension,
                     unsigned vvvv, unsigned bits)
{
    unsigned map = form->space - ORACLE_SPACE_EVEX_0F + 1u;
    unsigned mask = bits & 0x60 ? bits & 7 : 0;
    unsigned zeroing = bits >> 3 & 1 & (mask != 0);
    put(writer, 0x62);
    put(writer, (extension->r ^ 1u) << 7 | (extension->x ^ 1u) << 6 | (extension->b ^ 1u) << 5 |
                    (bits >> 4 & 1) << 4 | map);
    put(writer, v->w << 7 | (~vvvv & 15u) << 3 | 4 | oracle_pp(v));
    put(writer, zeroing << 7 | v->l << 5 | v->b << 4 | (~vvvv >> 4 & 1) << 3 | mask);
}

/* All addressing modes of SDM vol. 2A, tables 2-2 and 2-3, that the variant's `reg` allows. */
static void put_memory_modrm(struct writer *writer, unsigned reg, bool sib_only,
                             struct oracle_random *random)
{
    unsigned bits = (unsigned)oracle_random_next(random);
    unsigned rm = sib_only ? 4 : bits & 7;
    unsigned mod = (bits >> 3) % 3;
    if (!sib_only && oracle_random_once_in(random, 8)) { /* RIP-relative */
        mod = 0;
        rm = 5;
    }
    put(writer, mod << 6 | (reg & 7) << 3 | rm);
    if (rm != 4)
        return;
    unsigned sib = bits >> 8 & 0xff;
    if (oracle_random_once_in(random, 6))
        sib = (sib & ~7u) | 5; /* no base with mod 0 */
    if (oracle_random_once_in(random, 6))
        sib = (sib & ~0x38u) | 0x20; /* no index without REX.X */
    put(writer, sib);
}

static void fill_rest(struct writer *writer, struct oracle_random *random)
{
    uint64_t value[3] = {oracle_random_value(random), oracle_random_value(random),
                         oracle_random_value(random)};
    memcpy(writer->bytes + writer->length, value, sizeof value);
}

static void write_once(const struct oracle_form *form, struct oracle_random *random, bool lock,
                       bool plain, struct writer *writer)
{
    const struct oracle_variant *v =
        &form->variants[oracle_random_below(random, (uint32_t)form->variant_count)];
    unsigned bits = (unsigned)oracle_random_next(random);
    struct extension extension = {.r = bits & 1, .x = bits >> 1 & 1, .b = bits >> 2 & 1};
    extension.rex = bits >> 3 & 1;
    if (!extension.rex && form->space < ORACLE_SPACE_VEX_0F)
        extension = (struct extension){0};
    if (plain)
        extension = (struct extension){0};
    writer->length = 0;
    if (!plain)
        put_optional_prefixes(writer, random, lock);
    if (form->space >= ORACLE_SPACE_EVEX_0F)
        put_evex(writer, form, v, &extension, bits >> 4 & 1 ? 0 : bits >> 5 & 31, bits >> 10);
    else if (form->space >= ORACLE_SPACE_VEX_0F)
        put_vex(writer, form, v, &extension, bits >> 4 & 1 ? 0 : bits >> 5 & 15, random);
    else
        put_legacy_opcode(writer, form, v, &extension);
    put(writer, v->opcode);
    if (form->memory)
        put_memory_modrm(writer,
                         oracle_is_gather(form->space, v->opcode) ? bits >> 9 : v->modrm >> 3,
                         oracle_is_gather(form->space, v->opcode), random);
    else if (form->space >= ORACLE_SPACE_EVEX_0F)
        put(writer, (v->modrm & 0xf8u) | (bits >> 20 & 7));
    else if (form->has_modrm)
        put(writer, v->modrm);
    fill_rest(writer, random);
}

static bool decodes_to(const struct oracle_form *form, const ZydisDecoder *decoder,
                       struct oracle_instruction *out)
{
    uint16_t row;
    uint8_t slot, width_index;
    if (!oracle_decode_again(decoder, out))
        return false;
    return oracle_find_slot(&out->decoded, out->operands, &row, &slot, &width_index) &&
           row == form->row && slot == form->slot && width_index == form->width_index;
}

bool oracle_decode_again(const ZydisDecoder *decoder, struct oracle_instruction *instruction)
{
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, instruction->bytes, 15, &instruction->decoded,
                                             instruction->operands)))
        return false;
    x64i_isa_correct(&instruction->decoded, instruction->operands);
    return true;
}

static bool is_verw(const struct oracle_form *form)
{
    return x64i_isa_rows[form->row].mnemonic == ZYDIS_MNEMONIC_VERW;
}

bool oracle_encode(const struct oracle_form *form, const ZydisDecoder *decoder,
                   struct oracle_random *random, struct oracle_instruction *out)
{
    struct writer writer;
    bool lock = oracle_random_once_in(random, form->memory ? 6 : 64);
    for (unsigned try = 0; try < TRIES; try++) {
        write_once(form, random, lock, try > TRIES / 2, &writer);
        memcpy(out->bytes, writer.bytes, sizeof out->bytes);
        out->undefined = false;
        if (decodes_to(form, decoder, out))
            return true;
        ZyanStatus status =
            ZydisDecoderDecodeFull(decoder, out->bytes, 15, &out->decoded, out->operands);
        /* AMD's processors take LOCK before VERW. */
        out->undefined = status == ZYDIS_STATUS_ILLEGAL_LOCK && !is_verw(form);
        if (out->undefined && oracle_random_once_in(random, 8))
            return true;
        lock = lock && !out->undefined;
    }
    return false;
}
