/* SPDX-License-Identifier: MIT */
/* Prints docs/ISA.md out of the rows of isa.def. */
#include "cpu/isa.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The rows that are not run against the host's CPU. */
static const char *const excluded[][2] = {
#define ORACLE_EXCLUDED(mnemonic, reason) {#mnemonic, reason},
#include "oracle/excluded.def"
#undef ORACLE_EXCLUDED
};

static const struct {
    const char *name;
    unsigned leaf, subleaf;
    const char *reg;
    unsigned bit;
} features[X64I_FEATURE_COUNT] = {
#define X64I_FEATURE(name, leaf, subleaf, reg, bit) \
    [X64I_FEATURE_##name] = {#name, leaf, subleaf, #reg, bit},
#include "msr/features.def"
#undef X64I_FEATURE
};

/* The letters of shapes.h. */
static const struct {
    char letter;
    const char *text;
} operand_kinds[] = {{'R', "r"},  {'M', "m"},  {'I', "imm"}, {'J', "rel"}, {'S', "sreg"},
                     {'C', "cr"}, {'D', "dr"}, {'X', "xmm"}, {'Y', "ymm"}, {'Z', "zmm"},
                     {'Q', "mm"}, {'F', "st"}, {'P', "ptr"}, {'V', "vec"}, {'K', "k"}};

static const char *kind_text(char letter)
{
    for (size_t i = 0; i < sizeof operand_kinds / sizeof operand_kinds[0]; i++)
        if (operand_kinds[i].letter == letter)
            return operand_kinds[i].text;
    return "?";
}

/* One pattern, as far as the next blank: "RM16" is "r, m16". Answers where the next one begins. */
static const char *print_pattern(const char *pattern)
{
    const char *between = "";
    if (*pattern == '>') {
        (void)printf("far ");
        pattern++;
    }
    if (*pattern == '^')
        pattern++;
    for (; *pattern && *pattern != ' '; pattern++) {
        if (isdigit((unsigned char)*pattern)) {
            (void)putchar(*pattern);
        } else if (*pattern == '*') {
            (void)printf("any");
        } else if (*pattern == '-') {
            (void)printf("none");
        } else {
            (void)printf("%s%s", between, kind_text(*pattern));
            between = ", ";
        }
    }
    return *pattern ? pattern + 1 : NULL;
}

static void print_operands(const struct x64i_isa_row *row)
{
    for (const char *pattern = row->patterns; pattern;) {
        pattern = print_pattern(pattern);
        if (pattern)
            (void)printf("; ");
    }
}

/* The widths for which the row has handlers of their own: nothing where one serves all. */
static void print_widths(const struct x64i_isa_row *row)
{
    const struct x64i_isa_slot *slot = &row->slots[0];
    const char *between = "";
    if (slot->by_width[0] && slot->by_width[0] == slot->by_width[3])
        return;
    for (unsigned i = 0; i < 4; i++) {
        if (!slot->by_width[i])
            continue;
        (void)printf("%s%u", between, 8u << i);
        between = " ";
    }
}

static const char *flags(const char *column)
{
    return strcmp(column, "-") == 0 ? "" : column;
}

/* The vectors' reason, or null for a row that runs on the host's CPU too. */
static const char *why_excluded(const char *mnemonic)
{
    for (size_t i = 0; i < sizeof excluded / sizeof excluded[0]; i++)
        if (strcmp(excluded[i][0], mnemonic) == 0)
            return excluded[i][1];
    return NULL;
}

static void print_row(uint16_t index)
{
    const struct x64i_isa_row *row = &x64i_isa_rows[index];
    const char *reason = why_excluded(row->name);
    (void)printf("| %s | ", row->name);
    print_operands(row);
    (void)printf(" | ");
    print_widths(row);
    (void)printf(" | %s | %s | %s | %s | %s | ",
                 row->feature == X64I_FEATURE_BASE ? "" : features[row->feature].name,
                 flags(row->read), flags(row->written), flags(row->undefined),
                 x64i_isa_is_plain(index) ? "yes" : "");
    if (reason)
        (void)printf("vectors: %s |\n", reason);
    else
        (void)printf("host |\n");
}

static const char introduction[] =
    "<!-- Made of src/cpu/isa.def by ./dev docs; do not edit. -->\n"
    "# The instruction set\n"
    "\n"
    "Every row of `src/cpu/isa.def`: %zu of them, for %zu mnemonics. Names are Zydis' own: JNZ is\n"
    "also JNE, CMOVB also CMOVC.\n"
    "\n"
    "- *operands*: r general register, m memory, imm immediate, rel branch displacement, ptr far\n"
    "  pointer, sreg, cr, dr, st, mm, xmm, ymm, k; a number is a size in bits. vec is a vector\n"
    "  register of an EVEX form, which has a mask, and 128 and 256 bits with AVX512VL. \"any\" "
    "leaves\n"
    "  the operands to the body: string, implicit and far forms.\n"
    "- *widths*: operand sizes in bits that have a handler each; empty where the size is fixed.\n"
    "- *feature*: what CPUID must show, or the instruction is #UD; empty: every CPU model has it.\n"
    "- *reads*, *writes*, *undefined*: flags, by the letters OF DF IF TF SF ZF AF PF CF. The "
    "columns\n"
    "  are compared with Zydis' own table by `tests/cpu/test_isa_flags.c`.\n"
    "- *blocks*: the block engine runs it inside a block; all others are steps of the reference "
    "path.\n"
    "- *checked*: \"host\": run with random operands on this machine and on the host's CPU, in "
    "user\n"
    "  mode, and compared (`tests/oracle/`); where it faults at CPL 3, the fault is compared and\n"
    "  what it does at CPL 0 is in vectors after the manual. \"vectors\": only these, and why.\n"
    "\n"
    "| instruction | operands | widths | feature | reads | writes | undefined | blocks | checked "
    "|\n"
    "|---|---|---|---|---|---|---|---|---|\n";

static size_t count_mnemonics(void)
{
    size_t count = 0;
    for (size_t i = 0; i < x64i_isa_row_count; i++) {
        size_t before = 0;
        while (x64i_isa_rows[before].mnemonic != x64i_isa_rows[i].mnemonic)
            before++;
        count += before == i;
    }
    return count;
}

int main(void)
{
    (void)printf(introduction, x64i_isa_row_count, count_mnemonics());
    for (size_t i = 0; i < x64i_isa_row_count; i++)
        print_row((uint16_t)i);
    (void)printf("\n## Features\n\n"
                 "What `src/msr/features.def` knows, and where CPUID shows it.\n\n"
                 "| feature | leaf | register and bit |\n|---|---|---|\n");
    for (size_t i = 0; i < X64I_FEATURE_COUNT; i++) {
        if (i == X64I_FEATURE_BASE || !features[i].name)
            continue;
        (void)printf("| %s | %#x", features[i].name, features[i].leaf);
        if (features[i].subleaf)
            (void)printf(", %u", features[i].subleaf);
        (void)printf(" | %s[%u] |\n", features[i].reg, features[i].bit);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
