/* SPDX-License-Identifier: MIT */
/* Demand paging: a page gets its frame, zeroes and the program's bytes when it is first touched. */
#include "kernel_model/mm_pages.h"

#include "kernel_model/frames.h"
#include "kernel_model/kernel.h"
#include "kernel_model/mm_shared.h"
#include "kernel_model/open_file.h"

#include <string.h>

#define TABLE_SPAN (UINT64_C(1) << 21) /* what one page table maps */

/* What a kernel's flush_tlb_one_user does, for the task's PCIDs under both tables. */
static void flush_page(struct x64i_kernel *kernel, uint64_t linear)
{
    uint16_t pcid = 0;
    if (kernel->cpu->s.cr4 & X64I_CR4_PCIDE)
        pcid = X64I_KERNEL_PCID;
    x64i_mmu_invalidate_page(&kernel->cpu->mmu, linear, pcid);
    if (pcid && (kernel->mitigations & X64_MITIGATION_PTI))
        x64i_mmu_invalidate_page(&kernel->cpu->mmu, linear, pcid | X64I_USER_PCID_FLAG);
}

/* PROT_NONE is an entry that is not present but keeps its frame. */
static uint64_t entry_flags(uint32_t protection)
{
    uint64_t flags = X64I_PTE_USER | X64I_PTE_ACCESSED;
    if (protection)
        flags |= X64I_PTE_PRESENT;
    if (protection & X64I_PROT_WRITE)
        flags |= X64I_PTE_WRITABLE | X64I_PTE_DIRTY;
    if (!(protection & X64I_PROT_EXEC))
        flags |= X64I_PTE_NO_EXECUTE;
    return flags;
}

/* The user's table gets what hangs below the kernel's entry, which cannot be executed from the
 * kernel's table under PTI: a forgotten switch shows at once (arch/x86/mm/pti.c). */
void x64i_mm_share_top_entry(struct x64i_kernel *kernel, uint64_t root, uint64_t linear)
{
    uint64_t user = root + X64I_PAGE_SIZE;
    if (!(kernel->mitigations & X64_MITIGATION_PTI) ||
        (x64i_page_top_entry(kernel, user, linear) & X64I_PTE_PRESENT))
        return;
    uint64_t entry = x64i_page_top_entry(kernel, root, linear);
    x64i_page_top_entry_set(kernel, user, linear, entry);
    x64i_page_top_entry_set(kernel, root, linear, entry | X64I_PTE_NO_EXECUTE);
}

/* The program's bytes that belong to the page at `linear`. */
static bool fill_page(struct x64i_kernel *kernel, const struct x64i_area *area, uint64_t linear,
                      uint64_t physical)
{
    uint64_t into = linear - area->start;
    uint64_t known = x64i_mm_file_bytes(kernel, area);
    if (into >= known)
        return true;
    uint64_t size = known - into;
    uint64_t offset = area->file_offset + into;
    if (size > X64I_PAGE_SIZE)
        size = X64I_PAGE_SIZE;
    if (area->file) {
        uint8_t bytes[X64I_PAGE_SIZE];
        x64i_mm_shared_to_file(kernel, x64i_file_at(kernel, area->file - 1), offset, size);
        int64_t given = x64i_file_pread(kernel, area->file - 1, offset, bytes, (size_t)size);
        return given <= 0 || x64i_physical_poke(kernel->memory, physical, bytes, (size_t)given);
    }
    return x64i_range_ok(offset, size, kernel->program_size) &&
           x64i_physical_poke(kernel->memory, physical, kernel->program + offset, size);
}

/* Whether the page behind an entry may be written where it is. */
static bool is_own(const struct x64i_kernel *kernel, const struct x64i_area *area, uint64_t entry)
{
    return area->shared || !x64i_frame_is_shared(kernel, entry & X64I_PTE_ADDRESS);
}

/* The entry's flags: a page that others have too is not writable (copy on write). */
static uint64_t flags_of(const struct x64i_kernel *kernel, const struct x64i_area *area,
                         uint64_t entry)
{
    uint64_t flags = entry_flags(area->protection);
    if (!is_own(kernel, area, entry))
        flags &= ~(uint64_t)(X64I_PTE_WRITABLE | X64I_PTE_DIRTY);
    return flags;
}

/* A copy of the page for a private area that is written to (mm/memory.c, do_wp_page). */
static bool copy_page(struct x64i_kernel *kernel, uint64_t where, uint64_t entry, uint64_t flags)
{
    uint8_t bytes[X64I_PAGE_SIZE];
    uint64_t physical = x64i_frame_take(kernel);
    if (!physical ||
        !x64i_physical_peek(kernel->memory, entry & X64I_PTE_ADDRESS, bytes, sizeof bytes) ||
        !x64i_physical_poke(kernel->memory, physical, bytes, sizeof bytes))
        return false;
    x64i_frame_give_back(kernel, entry & X64I_PTE_ADDRESS);
    x64i_page_entry_set(kernel, where, physical | flags);
    return true;
}

enum x64i_mm_result x64i_mm_make_page(struct x64i_kernel *kernel, const struct x64i_area *area,
                                      uint64_t linear, bool write)
{
    uint64_t where;
    uint64_t flags = entry_flags(area->protection);
    linear &= ~(uint64_t)(X64I_PAGE_SIZE - 1);
    uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, linear, &where);
    if (entry) {
        bool copy = write && !is_own(kernel, area, entry);
        if (copy && !copy_page(kernel, where, entry, flags))
            return X64I_MM_OUT_OF_MEMORY;
        if (!copy)
            x64i_page_entry_set(kernel, where,
                                (entry & X64I_PTE_ADDRESS) | flags_of(kernel, area, entry));
        flush_page(kernel, linear);
        return X64I_MM_DONE;
    }
    uint64_t physical = x64i_mm_shared_frame(kernel, area, linear);
    bool found = physical && x64i_frame_share(kernel, physical);
    if (!found)
        physical = x64i_frame_take(kernel);
    if (!physical)
        return X64I_MM_OUT_OF_MEMORY;
    if ((!found && !fill_page(kernel, area, linear, physical)) ||
        !x64i_page_map(kernel, kernel->layout.root, linear, physical, flags)) {
        x64i_frame_give_back(kernel, physical);
        return X64I_MM_OUT_OF_MEMORY;
    }
    x64i_mm_share_top_entry(kernel, kernel->layout.root, linear);
    kernel->mm.pages++;
    return X64I_MM_DONE;
}

/* Steps over a whole page table's span where there is none: ranges may be terabytes. */
static uint64_t next_page(uint64_t linear, bool have_table)
{
    if (have_table)
        return linear + X64I_PAGE_SIZE;
    return (linear | (TABLE_SPAN - 1)) + 1;
}

/* The spans above a page table: nothing is mapped below a missing entry of a higher level. */
uint64_t x64i_mm_skip_empty(const struct x64i_kernel *kernel, uint64_t linear, uint64_t end)
{
    const uint64_t top_span = UINT64_C(1) << 39;
    while (linear < end &&
           !(x64i_page_top_entry(kernel, kernel->layout.root, linear) & X64I_PTE_PRESENT))
        linear = (linear | (top_span - 1)) + 1;
    return linear;
}

void x64i_mm_drop_pages(struct x64i_kernel *kernel, uint64_t start, uint64_t end)
{
    uint64_t at = x64i_mm_skip_empty(kernel, start, end);
    while (at < end) {
        uint64_t where = 0;
        uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, at, &where);
        if (entry) {
            x64i_page_entry_set(kernel, where, 0);
            flush_page(kernel, at);
            x64i_frame_give_back(kernel, entry & X64I_PTE_ADDRESS);
            kernel->mm.pages--;
        }
        at = x64i_mm_skip_empty(kernel, next_page(at, where != 0), end);
    }
}

void x64i_mm_protect_pages(struct x64i_kernel *kernel, const struct x64i_area *area)
{
    uint64_t at = x64i_mm_skip_empty(kernel, area->start, area->end);
    while (at < area->end) {
        uint64_t where = 0;
        uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, at, &where);
        if (entry) {
            x64i_page_entry_set(kernel, where,
                                (entry & X64I_PTE_ADDRESS) | flags_of(kernel, area, entry));
            flush_page(kernel, at);
        }
        at = x64i_mm_skip_empty(kernel, next_page(at, where != 0), area->end);
    }
}

void x64i_mm_write_back(struct x64i_kernel *kernel, const struct x64i_area *area, uint64_t start,
                        uint64_t end)
{
    uint8_t bytes[X64I_PAGE_SIZE];
    if (!area->shared || !area->file || !(area->protection & X64I_PROT_WRITE))
        return;
    uint64_t known = x64i_mm_file_bytes(kernel, area);
    if (end - area->start > known)
        end = area->start + known;
    for (uint64_t at = x64i_mm_skip_empty(kernel, start, end); at < end;) {
        uint64_t where = 0;
        uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, at, &where);
        uint64_t size = end - at < sizeof bytes ? end - at : sizeof bytes;
        if (entry && x64i_physical_peek(kernel->memory, entry & X64I_PTE_ADDRESS, bytes, size))
            (void)x64i_file_pwrite(kernel, area->file - 1, area->file_offset + (at - area->start),
                                   bytes, (size_t)size);
        at = x64i_mm_skip_empty(kernel, next_page(at, where != 0), end);
    }
}

bool x64i_mm_move_pages(struct x64i_kernel *kernel, uint64_t from, uint64_t to, uint64_t size)
{
    uint64_t at = x64i_mm_skip_empty(kernel, from, from + size);
    while (at < from + size) {
        uint64_t where = 0;
        uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, at, &where);
        if (entry) {
            uint64_t target = to + (at - from);
            if (!x64i_page_map(kernel, kernel->layout.root, target, entry & X64I_PTE_ADDRESS,
                               entry & ~X64I_PTE_ADDRESS))
                return false;
            x64i_mm_share_top_entry(kernel, kernel->layout.root, target);
            x64i_page_entry_set(kernel, where, 0);
            flush_page(kernel, at);
        }
        at = x64i_mm_skip_empty(kernel, next_page(at, where != 0), from + size);
    }
    return true;
}
