/* SPDX-License-Identifier: MIT */
/* Page tables of four levels (SDM vol. 3A, 4.5), written as a kernel writes them. */
#include "kernel_model/kernel.h"

#define LEVEL_TOP   4
#define TABLE_FLAGS (X64I_PTE_PRESENT | X64I_PTE_WRITABLE | X64I_PTE_ACCESSED | X64I_PTE_DIRTY)

static uint64_t entry_address(uint64_t table, uint64_t linear, unsigned level)
{
    return table + 8 * (linear >> (12 + 9 * (level - 1)) & 511);
}

static uint64_t read_entry(const struct x64i_kernel *kernel, uint64_t where)
{
    uint64_t entry = 0;
    x64i_physical_peek(kernel->memory, where, &entry, sizeof entry);
    return entry;
}

void x64i_page_entry_set(struct x64i_kernel *kernel, uint64_t where, uint64_t entry)
{
    x64i_physical_poke(kernel->memory, where, &entry, sizeof entry);
}

/* Where the entry of the level is, making the tables above it. 0 when RAM is full. */
static uint64_t make_entry(struct x64i_kernel *kernel, uint64_t table, uint64_t linear,
                           unsigned level, uint64_t user)
{
    for (unsigned at = LEVEL_TOP; at > level; at--) {
        uint64_t where = entry_address(table, linear, at);
        uint64_t entry = read_entry(kernel, where);
        if (!(entry & X64I_PTE_PRESENT)) {
            uint64_t page = x64i_frame_take(kernel);
            if (!page)
                return 0;
            entry = page | TABLE_FLAGS | user;
            x64i_page_entry_set(kernel, where, entry);
        }
        table = entry & X64I_PTE_ADDRESS;
    }
    return entry_address(table, linear, level);
}

bool x64i_page_map(struct x64i_kernel *kernel, uint64_t root, uint64_t linear, uint64_t physical,
                   uint64_t flags)
{
    uint64_t where = make_entry(kernel, root, linear, 1, flags & X64I_PTE_USER);
    if (where)
        x64i_page_entry_set(kernel, where, physical | flags);
    return where != 0;
}

bool x64i_page_map_large(struct x64i_kernel *kernel, uint64_t root, uint64_t linear,
                         uint64_t physical, uint64_t flags)
{
    uint64_t where = make_entry(kernel, root, linear, 2, flags & X64I_PTE_USER);
    if (where)
        x64i_page_entry_set(kernel, where, physical | flags | X64I_PTE_LARGE);
    return where != 0;
}

uint64_t x64i_page_entry(const struct x64i_kernel *kernel, uint64_t root, uint64_t linear,
                         uint64_t *where)
{
    uint64_t table = root;
    for (unsigned level = LEVEL_TOP;; level--) {
        uint64_t at = entry_address(table, linear, level);
        uint64_t entry = read_entry(kernel, at);
        if (level == 1) {
            if (where)
                *where = at;
            return entry;
        }
        if (!(entry & X64I_PTE_PRESENT) || (entry & X64I_PTE_LARGE))
            return 0;
        table = entry & X64I_PTE_ADDRESS;
    }
}

uint64_t x64i_page_top_entry(const struct x64i_kernel *kernel, uint64_t root, uint64_t linear)
{
    return read_entry(kernel, entry_address(root, linear, LEVEL_TOP));
}

void x64i_page_top_entry_set(struct x64i_kernel *kernel, uint64_t root, uint64_t linear,
                             uint64_t entry)
{
    x64i_page_entry_set(kernel, entry_address(root, linear, LEVEL_TOP), entry);
}
