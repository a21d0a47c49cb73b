/* SPDX-License-Identifier: MIT */
/*
 * Page tables as a viewer looks at them: by any root, without faults, accessed bits or TLB, and
 * entry by entry. With page-table isolation a task has two sets of tables, of which user mode's
 * hold little of the kernel; Linux keeps their roots side by side (PTI_USER_PGTABLE_BIT).
 */
#ifndef X64I_TRACE_TABLES_H
#define X64I_TRACE_TABLES_H

#include "trace/view.h"

#define X64I_TABLES_ROOT     UINT64_C(0x000ffffffffff000)
#define X64I_TABLES_USER_BIT UINT64_C(0x1000)

struct x64i_table_step {
    uint8_t level; /* 4 to 1 */
    uint64_t physical;
    uint64_t entry;
};

struct x64i_table_walk {
    bool translates;
    bool user, writable, executable;
    uint8_t count;
    uint64_t physical;
    uint64_t page_size;
    struct x64i_table_step step[4];
};

/* Translates through the tables that CR3 would name; answers whether it translates. */
bool x64i_tables_walk(const struct x64i_trace_view *view, uint64_t cr3, uint64_t linear,
                      struct x64i_table_walk *walk);

/* Reads memory through the tables of `cr3`, or, where they have no such page, those of their
 * neighbour: what the kernel keeps from user mode is still there to be looked at. */
bool x64i_tables_read(const struct x64i_trace_view *view, uint64_t cr3, uint64_t linear,
                      void *buffer, size_t size);

#endif
