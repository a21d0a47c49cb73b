/* SPDX-License-Identifier: MIT */
/*
 * Lists one encoding of every 64-bit instruction form that Zydis knows (EVEX aside), for
 * tools/timing-tables: "bytes in hex<TAB>form" a line. It goes through all opcodes of all maps with
 * all mandatory prefixes and a few ModRM bytes, and keeps the first encoding of each form.
 *
 *     cc -Isrc tools/timing_forms.c src/timing/form.c -lZydis && ./a.out
 */
#include "timing/form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM_MAX 20000

static char (*forms)[X64I_FORM_SIZE];
static size_t form_count;
static ZydisDecoder decoder;

static void try_bytes(const uint8_t *bytes)
{
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    char name[X64I_FORM_SIZE];
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, 15, &instruction, operands)))
        return;
    x64i_form_name(&instruction, operands, name);
    for (size_t i = 0; i < form_count; i++)
        if (strcmp(forms[i], name) == 0)
            return;
    if (form_count == FORM_MAX)
        return;
    memcpy(forms[form_count++], name, sizeof name);
    for (size_t i = 0; i < instruction.length; i++)
        (void)printf("%02x", bytes[i]);
    (void)printf("\t%s\n", name);
}

/* ModRM bytes: registers 0 and 1, or memory at RBX; x87 and system groups use all of them. */
static void try_modrm(uint8_t *bytes, size_t at, int all)
{
    memset(bytes + at, 1, 15 - at);
    for (unsigned reg = 0; reg < 8; reg++) {
        bytes[at] = (uint8_t)(reg << 3 | 3);
        try_bytes(bytes);
        for (unsigned rm = 0; rm < 8; rm++)
            if (all || rm == 1 || (reg == 1 && rm == 2)) {
                bytes[at] = (uint8_t)(0xc0 | reg << 3 | rm);
                try_bytes(bytes);
            }
    }
    bytes[at] = 4; /* a SIB byte: RDX + RCX, for gathers */
    bytes[at + 1] = 0x0a;
    try_bytes(bytes);
}

static void legacy(const uint8_t *prefix, size_t size)
{
    static const uint8_t maps[][2] = {{0, 0}, {0x0f, 0}, {0x0f, 0x38}, {0x0f, 0x3a}};
    uint8_t bytes[32];
    for (size_t map = 0; map < 4; map++)
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            size_t at = size;
            memcpy(bytes, prefix, size);
            for (size_t i = 0; i < 2 && maps[map][i]; i++)
                bytes[at++] = maps[map][i];
            bytes[at++] = (uint8_t)opcode;
            int all = (map == 0 && opcode >= 0xd8 && opcode <= 0xdf) ||
                      (map == 1 && (opcode == 0x01 || opcode == 0xae || opcode == 0x1e));
            try_modrm(bytes, at, all);
        }
}

static void vex(void)
{
    uint8_t bytes[32] = {0xc4};
    for (unsigned map = 1; map < 4; map++)
        for (unsigned opcode = 0; opcode < 256; opcode++)
            for (unsigned bits = 0; bits < 32; bits++) { /* W, L, pp, and vvvv used or not */
                bytes[1] = (uint8_t)(0xe0 | map);
                bytes[2] = (uint8_t)((bits & 8) << 4 | (bits & 16 ? 0x78 : 0x68) | (bits & 7));
                bytes[3] = (uint8_t)opcode;
                try_modrm(bytes, 4, 0);
            }
}

int main(void)
{
    static const uint8_t prefixes[][3] = {
        {1},       {1, 0x48},       {1, 0x66},       {1, 0xf3},
        {1, 0xf2}, {2, 0x66, 0x48}, {2, 0xf3, 0x48}, {2, 0xf2, 0x48},
        {1, 0xf0}, {2, 0xf0, 0x48}, {2, 0xf0, 0x66},
    };
    forms = calloc(FORM_MAX, sizeof *forms);
    if (!forms ||
        !ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
        return 1;
    static const uint8_t none[1];
    legacy(none, 0);
    for (size_t i = 1; i < sizeof prefixes / sizeof prefixes[0]; i++)
        legacy(prefixes[i] + 1, prefixes[i][0]);
    vex();
    free(forms);
    return 0;
}
