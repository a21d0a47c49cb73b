/* SPDX-License-Identifier: MIT */
#include "trace/tables.h"

#include "mmu/walk.h"

#include <string.h>

bool x64i_tables_walk(const struct x64i_trace_view *view, uint64_t cr3, uint64_t linear,
                      struct x64i_table_walk *walk)
{
    uint64_t table = cr3 & X64I_TABLES_ROOT;
    *walk = (struct x64i_table_walk){.user = true, .writable = true, .executable = true};
    if (!view->read_physical)
        return false;
    for (unsigned level = 4; level >= 1; level--) {
        struct x64i_table_step *step = &walk->step[walk->count];
        unsigned shift = 12 + 9 * (level - 1);
        step->level = (uint8_t)level;
        step->physical = table + 8 * (linear >> shift & 511);
        if (view->read_physical(view->user, step->physical, &step->entry, 8) != X64_OK)
            return false;
        walk->count++;
        if (!(step->entry & X64I_PTE_PRESENT))
            return false;
        walk->user &= (step->entry & X64I_PTE_USER) != 0;
        walk->writable &= (step->entry & X64I_PTE_WRITABLE) != 0;
        walk->executable &= (step->entry & X64I_PTE_NO_EXECUTE) == 0;
        table = step->entry & X64I_TABLES_ROOT;
        if (level == 1 || (level < 4 && step->entry & X64I_PTE_LARGE)) {
            walk->page_size = UINT64_C(1) << shift;
            walk->physical = (table & ~(walk->page_size - 1)) | (linear & (walk->page_size - 1));
            walk->translates = true;
            return true;
        }
    }
    return false;
}

static bool read_piece(const struct x64i_trace_view *view, uint64_t cr3, uint64_t linear,
                       void *buffer, size_t size)
{
    struct x64i_table_walk walk;
    if (!x64i_tables_walk(view, cr3, linear, &walk) &&
        !x64i_tables_walk(view, cr3 ^ X64I_TABLES_USER_BIT, linear, &walk))
        return false;
    return view->read_physical(view->user, walk.physical, buffer, size) == X64_OK;
}

bool x64i_tables_read(const struct x64i_trace_view *view, uint64_t cr3, uint64_t linear,
                      void *buffer, size_t size)
{
    uint8_t *to = buffer;
    while (size) {
        size_t left = 4096 - (size_t)(linear & 4095);
        size_t piece = size < left ? size : left;
        if (!read_piece(view, cr3, linear, to, piece))
            return false;
        to += piece;
        linear += piece;
        size -= piece;
    }
    return true;
}
