/* SPDX-License-Identifier: MIT */
#include "timing/table.h"

#include "timing/form.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKET_COUNT 16384u /* a power of two, at least twice the rows of a core */

struct x64i_form_table {
    const struct x64i_form_row *buckets[BUCKET_COUNT];
};

static uint32_t hash(const char *text)
{
    uint32_t value = 2166136261u;
    for (; *text; text++)
        value = (value ^ (uint8_t)*text) * 16777619u;
    return value ^ value >> 15;
}

static uint32_t bucket_of(const struct x64i_form_table *table, const char *form)
{
    uint32_t at = hash(form) % BUCKET_COUNT;
    while (table->buckets[at] && strcmp(table->buckets[at]->form, form) != 0)
        at = (at + 1) % BUCKET_COUNT;
    return at;
}

enum x64_status x64i_form_table_create(const struct x64i_form_row *const *lists,
                                       const size_t *counts, size_t list_count,
                                       struct x64i_form_table **out)
{
    struct x64i_form_table *table = calloc(1, sizeof *table);
    if (!table)
        return X64_ERROR_MEMORY;
    for (size_t list = 0; list < list_count; list++)
        for (size_t i = 0; i < counts[list]; i++)
            table->buckets[bucket_of(table, lists[list][i].form)] = &lists[list][i];
    *out = table;
    return X64_OK;
}

void x64i_form_table_destroy(struct x64i_form_table *table)
{
    free(table);
}

/* "or r32,i" -> "or r*,i": the digits behind an operand's letter. */
static void any_size(const char *form, char *out)
{
    bool operands = false;
    for (; *form; form++) {
        bool letter = *form == 'r' || *form == 'm';
        bool begins = operands && letter && (form[-1] == ' ' || form[-1] == ',');
        operands |= *form == ' ';
        *out++ = *form;
        if (!begins || form[1] < '1' || form[1] > '9')
            continue;
        *out++ = '*';
        while (form[1] >= '0' && form[1] <= '9')
            form++;
    }
    *out = '\0';
}

static const struct x64i_form_row *find_correction(const struct x64i_form_table *table,
                                                   const char *form)
{
    char general[X64I_FORM_SIZE];
    const struct x64i_form_row *row = table->buckets[bucket_of(table, form)];
    if (row && row->source != X64I_SOURCE_LLVM)
        return row;
    any_size(form, general);
    row = table->buckets[bucket_of(table, general)];
    return row && row->source != X64I_SOURCE_LLVM ? row : NULL;
}

/* The form with `kind`, or a general register of the same size, in the place of the memory. */
static bool register_form(const char *form, const char *kind, char *out, size_t size)
{
    const char *memory = strstr(form, " m");
    if (!memory || memory[2] < '1' || memory[2] > '9')
        memory = strstr(form, ",m");
    if (!memory || memory[2] < '1' || memory[2] > '9')
        return false;
    const char *end = memory + 2 + strspn(memory + 2, "0123456789");
    int length = *kind ? snprintf(out, size, "%.*s%s%s", (int)(memory + 1 - form), form, kind, end)
                       : snprintf(out, size, "%.*sr%s", (int)(memory + 1 - form), form, memory + 2);
    return length > 0 && (size_t)length < size;
}

/* Whether the row has micro-ops that compute: its ports are not all those of one load or store. */
static bool computes(const struct x64i_form_row *row)
{
    static const char *const memory_only[] = {"23B", "23", "49+78", "237+4", "23B+49+78", ""};
    for (size_t i = 0; i < sizeof memory_only / sizeof memory_only[0]; i++)
        if (strcmp(row->ports, memory_only[i]) == 0)
            return false;
    return true;
}

const struct x64i_form_row *x64i_form_find(const struct x64i_form_table *table, const char *form)
{
    static const char *const kinds[] = {"", "x", "y", "mm"};
    const struct x64i_form_row *row = find_correction(table, form);
    if (row)
        return row;
    row = table->buckets[bucket_of(table, form)];
    if (row && !computes(row))
        return row;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char other[X64I_FORM_SIZE];
        const struct x64i_form_row *correction = register_form(form, kinds[i], other, sizeof other)
                                                     ? find_correction(table, other)
                                                     : NULL;
        if (correction)
            return correction;
    }
    return row;
}
