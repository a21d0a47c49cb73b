/* SPDX-License-Identifier: MIT */
/*
 * The flag columns of isa.def against what Zydis knows of every instruction. The encodings come
 * from decoding: every opcode of the maps that general-purpose instructions use is tried with a few
 * operands, and what decodes to a row is compared.
 */
#include "cpu/isa.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>

/* Where the table is right and Zydis 4.0 is not, or where one of them cannot say it. */
static const struct {
    const char *name; /* a mnemonic, or the start of several followed by '*' */
    const char *column;
    const char *reason;
} exceptions[] = {
    {"SBB", "written", "AF is defined (SDM vol. 2B, SBB)"},
    {"SBB", "undefined", "AF is defined (SDM vol. 2B, SBB)"},
    {"INT1", "written", "delivered as INT3 is; Zydis names no flags"},
    {"RSM", "written", "always #UD: there is no system management mode here"},
    {"BEXTR", "written", "CF and OF are cleared (SDM vol. 2A, BEXTR)"},
    {"BEXTR", "undefined", "CF and OF are cleared (SDM vol. 2A, BEXTR)"},
    {"VPTEST", "written", "OF, AF, PF and SF are cleared (SDM vol. 2B, PTEST)"},
    {"VTESTP*", "written", "OF, AF, PF and SF are cleared (SDM vol. 2C, VTESTPD/VTESTPS)"},
    {"CMPS*", "read", "the ZF that REPE looks at is the iteration's own"},
    {"SCAS*", "read", "the ZF that REPE looks at is the iteration's own"},
};

static const struct {
    char letter;
    uint32_t bit;
} letters[] = {
    {'O', ZYDIS_CPUFLAG_OF}, {'D', ZYDIS_CPUFLAG_DF}, {'I', ZYDIS_CPUFLAG_IF},
    {'T', ZYDIS_CPUFLAG_TF}, {'S', ZYDIS_CPUFLAG_SF}, {'Z', ZYDIS_CPUFLAG_ZF},
    {'A', ZYDIS_CPUFLAG_AF}, {'P', ZYDIS_CPUFLAG_PF}, {'C', ZYDIS_CPUFLAG_CF},
};

/* The flags that the columns have letters for. */
static uint32_t compared(uint32_t flags)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        mask |= letters[i].bit;
    return flags & mask;
}

static uint32_t flags_of_column(const char *column)
{
    uint32_t flags = 0;
    for (const char *p = column; *p; p++)
        for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
            if (letters[i].letter == *p)
                flags |= letters[i].bit;
    return flags;
}

static bool matches(const char *pattern, const char *name)
{
    const char *star = strchr(pattern, '*');
    return star ? strncmp(pattern, name, (size_t)(star - pattern)) == 0
                : strcmp(pattern, name) == 0;
}

static bool is_exception(const char *name, const char *column)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++)
        if (matches(exceptions[i].name, name) && strcmp(exceptions[i].column, column) == 0)
            return true;
    return false;
}

static bool seen[2048]; /* rows that some encoding reached */

static char report[8192]; /* a line for each column that differs */
static bool reported[2048];

static void compare_column(const struct x64i_isa_row *row, const char *what, const char *column,
                           uint32_t zydis)
{
    size_t number = (size_t)(row - x64i_isa_rows);
    size_t used = strlen(report);
    if (flags_of_column(column) == compared(zydis) || is_exception(row->name, what) ||
        reported[number])
        return;
    reported[number] = true;
    snprintf(report + used, sizeof report - used, "%s %s: %s \"%s\" is %#x, Zydis has %#x\n",
             row->name, row->shape, what, column, flags_of_column(column), compared(zydis));
}

static void compare_row(const ZydisDecodedInstruction *instruction, uint16_t number)
{
    static const ZydisAccessedFlags none;
    const struct x64i_isa_row *row = &x64i_isa_rows[number];
    const ZydisAccessedFlags *flags = instruction->cpu_flags ? instruction->cpu_flags : &none;
    seen[number] = true;
    compare_column(row, "written", row->written, flags->modified | flags->set_0 | flags->set_1);
    compare_column(row, "undefined", row->undefined, flags->undefined);
    compare_column(row, "read", row->read, flags->tested);
}

static void try_bytes(const ZydisDecoder *decoder, const uint8_t *bytes, size_t size)
{
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    uint16_t row;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, bytes, size, &instruction, operands)))
        return;
    x64i_isa_correct(&instruction, operands);
    if (x64i_isa_find(&instruction, operands, &row))
        compare_row(&instruction, row);
}

/* A prefix, an opcode of one of the maps, and all forms of ModRM with registers, besides two with
 * memory for each opcode extension, of which one has a SIB byte, as gathers want it. */
static void try_opcodes(const ZydisDecoder *decoder, const char *start, size_t length)
{
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        for (unsigned modrm = 0; modrm < 256; modrm++) {
            uint8_t bytes[15] = {0};
            if (modrm < 0xc0 && (modrm & 0xc7) != 1 && (modrm & 0xc7) != 4)
                continue;
            memcpy(bytes, start, length);
            bytes[length] = (uint8_t)opcode;
            bytes[length + 1] = (uint8_t)modrm;
            try_bytes(decoder, bytes, sizeof bytes);
        }
    }
}

/* One map of VEX; the bits are W, a register in vvvv or none, L and pp. */
static void try_vex(const ZydisDecoder *decoder, unsigned map, unsigned bits)
{
    char start[3];
    start[0] = (char)0xc4;
    start[1] = (char)(0xe0 | map);
    start[2] = (char)((bits & 16) << 3 | 0x70 | (bits & 15));
    try_opcodes(decoder, start, sizeof start);
}

/* One map of EVEX; the bits are the mask k0 or k1, W, L'L and pp. */
static void try_evex(const ZydisDecoder *decoder, unsigned map, unsigned bits)
{
    char start[4];
    start[0] = 0x62;
    start[1] = (char)(0xf0 | map);
    start[2] = (char)((bits & 16) << 3 | 0x7c | (bits & 3));
    start[3] = (char)((bits & 12) << 3 | 8 | bits >> 5);
    try_opcodes(decoder, start, sizeof start);
}

static void try_all(ZydisMachineMode mode, ZydisStackWidth stack)
{
    static const struct {
        const char *bytes;
        size_t length;
    } starts[] = {
        {"", 0},
        {"\x66", 1},
        {"\x48", 1},
        {"\xf3", 1},
        {"\xf3\x48", 2},
        {"\x67", 1},
        {"\x0f", 1},
        {"\x66\x0f", 2},
        {"\x48\x0f", 2},
        {"\xf3\x0f", 2},
        {"\xf2\x0f", 2},
        {"\xf3\x48\x0f", 3},
        {"\x66\x0f\x38", 3},
        {"\x0f\x38", 2},
        {"\xf3\x0f\x38", 3},
        {"\xf2\x0f\x38", 3},
        {"\x66\x48\x0f", 3},
        {"\x0f\x3a", 2},
        {"\x66\x0f\x3a", 3},
        {"\x66\x48\x0f\x3a", 4},
    };
    ZydisDecoder decoder;
    ck_assert(ZYAN_SUCCESS(ZydisDecoderInit(&decoder, mode, stack)));
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        try_opcodes(&decoder, starts[i].bytes, starts[i].length);
    for (unsigned i = 0; i < 3 * 32; i++)
        try_vex(&decoder, 1 + i / 32, i % 32);
    for (unsigned i = 0; i < 3 * 64; i++)
        try_evex(&decoder, 1 + i / 64, i % 64);
}

START_TEST(test_isa_flags_as_zydis)
{
    ck_assert_uint_lt(x64i_isa_row_count, sizeof seen);
    try_all(ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    try_all(ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_STACK_WIDTH_32);
    ck_assert_msg(report[0] == 0, "\n%s", report);
    for (size_t i = 0; i < x64i_isa_row_count; i++)
        ck_assert_msg(seen[i], "%s %s: no encoding was tried", x64i_isa_rows[i].name,
                      x64i_isa_rows[i].shape);
}
END_TEST

static Suite *isa_flags_suite(void)
{
    Suite *suite = suite_create("isa_flags");
    TCase *tcase = tcase_create("columns");
    tcase_set_timeout(tcase, 60); /* a busy machine */
    tcase_add_test(tcase, test_isa_flags_as_zydis);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(isa_flags_suite())
