/* SPDX-License-Identifier: MIT */
/* Prints docs/MSR.md out of the rows of msr.def. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct msr_row {
    uint32_t index;
    const char *name, *feature, *vendor;
    uint64_t reset, writable;
    const char *kind;
} rows[] = {
#define X64I_MSR(id, index, name, feature, vendor, reset, writable, kind) \
    {index, name, #feature, #vendor, reset, writable, #kind},
#include "msr/msr.def"
#undef X64I_MSR
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* The general kinds; any other is a function of its own in msr.c. */
static const char *const kinds[][2] = {
    {"PLAIN", "kept"},
    {"CANONICAL", "a linear address: #GP(0) when it is not canonical"},
    {"PHYSICAL", "a physical address: bits from MAXPHYADDR on are reserved"},
    {"CONSTANT", "WRMSR is #GP(0)"},
    {"COMMAND", "write-only: RDMSR is #GP(0)"},
};

static const char introduction[] =
    "<!-- Made of src/msr/msr.def by ./dev docs; do not edit. -->\n"
    "# The model-specific registers\n"
    "\n"
    "Every row of `src/msr/msr.def`: %zu registers, by index. A set bit outside *writable* raises\n"
    "#GP(0), and so does any register that is not here or whose feature the CPU model lacks.\n"
    "Features are those of [ISA.md](ISA.md); BASE needs none. *vendor* is ANY where Intel's and\n"
    "AMD's are alike. A rule in capitals, as EFER, is a function of its own in\n"
    "`src/msr/msr.c`.\n"
    "\n"
    "| index | name | feature | vendor | reset | writable | rule |\n"
    "|---|---|---|---|---|---|---|\n";

static const char *rule(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i][0], kind) == 0)
            return kinds[i][1];
    return kind;
}

static void print_row(const struct msr_row *row)
{
    (void)printf("| %#" PRIx32 " | %s | %s | %s | %#" PRIx64 " | %#" PRIx64 " | %s |\n", row->index,
                 row->name, row->feature, row->vendor, row->reset, row->writable, rule(row->kind));
}

/* The row that follows in the order of index and file; null after the last. */
static const struct msr_row *next_row(const struct msr_row *after)
{
    const struct msr_row *best = NULL;
    for (const struct msr_row *row = rows; row < rows + ROW_COUNT; row++) {
        if (after && (row->index < after->index || (row->index == after->index && row <= after)))
            continue;
        if (!best || row->index < best->index)
            best = row;
    }
    return best;
}

int main(void)
{
    (void)printf(introduction, ROW_COUNT);
    for (const struct msr_row *row = next_row(NULL); row; row = next_row(row))
        print_row(row);
    return fflush(stdout) == 0 ? 0 : 1;
}
