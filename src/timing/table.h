/* SPDX-License-Identifier: MIT */
/*
 * The tables of what instructions cost, by form (form.h): those that tools/timing-tables writes
 * from LLVM's scheduling models, and rows measured or published that take their place.
 */
#ifndef X64I_TIMING_TABLE_H
#define X64I_TIMING_TABLE_H

#include "x64emu/status.h"

#include <stddef.h>
#include <stdint.h>

enum x64i_row_source {
    X64I_SOURCE_LLVM,      /* LLVM 19's scheduling model */
    X64I_SOURCE_MEASURED,  /* on a core of that kind */
    X64I_SOURCE_PUBLISHED, /* Intel's manuals or public tables; the row's comment says which */
    X64I_SOURCE_ESTIMATED  /* the order of magnitude only */
};

struct x64i_form_row {
    const char *form;
    uint16_t uops;     /* unfused micro-ops, those without a port included */
    uint16_t latency;  /* cycles from the operands (behind the load) to the result */
    uint16_t held;     /* cycles during which the first port takes nothing else, 0 for none */
    uint16_t source;   /* enum x64i_row_source */
    const char *ports; /* "0156A+2*23B": micro-ops by the ports that may take them, in hex */
};

struct x64i_form_table;

/* `core` is a row of cores.h. The rows are static; the table is an index over them. */
enum x64_status x64i_form_table_create(const struct x64i_form_row *const *lists,
                                       const size_t *counts, size_t list_count,
                                       struct x64i_form_table **out);
void x64i_form_table_destroy(struct x64i_form_table *table);

/* Null when no list has the form. Rows of the second list go before those of the first, and may
 * name all sizes at once ("or r*,i"); those for registers stand for the memory forms too ("or r*,i"
 * for "or r32,i" and for the computing part of "or m32,i"). */
const struct x64i_form_row *x64i_form_find(const struct x64i_form_table *table, const char *form);

#endif
