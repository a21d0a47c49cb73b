/* SPDX-License-Identifier: MIT */
/*
 * Several address spaces. The present one is in kernel.mm, the others are parked in the region
 * "kernel.mms". A copy shares its frames until one side writes: how many more users a frame has is
 * in the region "kernel.frames" (kernel/fork.c, dup_mmap; mm/memory.c, copy_present_pte).
 */
#include "kernel_model/frames.h"
#include "kernel_model/mm_pages.h"
#include "kernel_model/open_file.h"
#include "kernel_model/task_switch.h"

#include "cpu/system.h"

#include <string.h>

#define PARKED_PAGES  8u
#define PARKED_BYTES  ((uint64_t)PARKED_PAGES * X64I_PAGE_SIZE)
#define USER_TOP_HALF 256u
#define TOP_SPAN      (UINT64_C(1) << 39)

_Static_assert(sizeof(struct x64i_mm) <= PARKED_BYTES, "an address space fits its place");

static void park(struct x64i_kernel *kernel)
{
    if (x64i_pages_copy_in(kernel->mms, kernel->schedule.mm * PARKED_BYTES, &kernel->mm,
                           sizeof kernel->mm) != X64_OK)
        kernel->memory->out_of_memory = true;
}

bool x64i_mm_parked(struct x64i_kernel *kernel, uint32_t index, struct x64i_mm *mm)
{
    if (x64i_pages_copy_out(kernel->mms, index * PARKED_BYTES, mm, sizeof *mm) != X64_OK)
        return false;
    x64i_mm_restored(mm);
    return true;
}

/* The kernel's half, as pgd_alloc copies it. */
static void copy_kernel_half(struct x64i_kernel *kernel, uint64_t from, uint64_t to)
{
    for (unsigned i = USER_TOP_HALF; i < 512; i++) {
        uint64_t linear = UINT64_C(0xffff000000000000) | (uint64_t)i << 39;
        for (unsigned half = 0; half < 2; half++) {
            uint64_t offset = half * (uint64_t)X64I_PAGE_SIZE;
            uint64_t entry = x64i_page_top_entry(kernel, from + offset, linear);
            x64i_page_top_entry_set(kernel, to + offset, linear, entry);
        }
    }
}

bool x64i_mm_make(struct x64i_kernel *kernel, uint32_t *index)
{
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        struct x64i_mm mm = {0};
        if (kernel->schedule.mm_users[i])
            continue;
        mm.root = x64i_frame_take_pair(kernel);
        if (!mm.root)
            return false;
        copy_kernel_half(kernel, kernel->layout.root, mm.root);
        if (x64i_pages_copy_in(kernel->mms, i * PARKED_BYTES, &mm, sizeof mm) != X64_OK) {
            x64i_frame_give_back_pair(kernel, mm.root);
            return false;
        }
        kernel->schedule.mm_users[i] = 1;
        *index = i;
        return true;
    }
    return false;
}

/* CR3 as load_new_mm_cr3 writes it: with one PCID for all, which the write empties; the user's half
 * of PTI is emptied on the way out. */
static void load_cr3(struct x64i_kernel *kernel)
{
    struct x64i_cpu *cpu = kernel->cpu;
    bool pcid = cpu->s.cr4 & X64I_CR4_PCIDE;
    uint64_t mask = 0;
    uint64_t offset;
    x64i_set_control(cpu, 3, &cpu->s.cr3, kernel->layout.root | (pcid ? X64I_KERNEL_PCID : 0));
    x64i_mmu_flush(&cpu->mmu, X64_FLUSH_PCID, cpu->mmu.paging.pcid);
    if (!pcid || !(kernel->mitigations & X64_MITIGATION_PTI) ||
        !x64i_kernel_per_cpu(kernel, "cpu_tlbstate_user_pcid_flush_mask", &offset))
        return;
    offset += kernel->layout.per_cpu;
    x64i_kernel_read(kernel, offset, &mask, sizeof mask);
    mask |= UINT64_C(1) << X64I_KERNEL_PCID;
    x64i_kernel_write(kernel, offset, &mask, sizeof mask);
}

void x64i_mm_use(struct x64i_kernel *kernel, uint32_t index)
{
    if (index >= X64I_TASKS_MAX || index == kernel->schedule.mm)
        return;
    park(kernel);
    if (x64i_pages_copy_out(kernel->mms, index * PARKED_BYTES, &kernel->mm, sizeof kernel->mm) !=
        X64_OK)
        return;
    kernel->schedule.mm = index;
    x64i_mm_restored(&kernel->mm);
    kernel->layout.root = kernel->mm.root;
    load_cr3(kernel);
}

/* The page tables of the user's half; the pages themselves are gone. */
static void free_tables(struct x64i_kernel *kernel, uint64_t table, unsigned level)
{
    unsigned count = level == 4 ? USER_TOP_HALF : 512;
    for (unsigned i = 0; i < count && level > 1; i++) {
        uint64_t entry = 0;
        x64i_physical_peek(kernel->memory, table + 8 * (uint64_t)i, &entry, sizeof entry);
        if (!(entry & X64I_PTE_PRESENT))
            continue;
        free_tables(kernel, entry & X64I_PTE_ADDRESS, level - 1);
        x64i_frame_give_back(kernel, entry & X64I_PTE_ADDRESS);
    }
}

/* Empties one that is not in force any more. */
static void destroy(struct x64i_kernel *kernel, uint32_t index)
{
    uint64_t root = 0;
    (void)x64i_pages_copy_out(kernel->mms, index * PARKED_BYTES + offsetof(struct x64i_mm, root),
                              &root, sizeof root);
    if (!root || root % X64I_PAGE_SIZE || root == kernel->layout.root)
        return;
    free_tables(kernel, root, 4);
    x64i_frame_give_back_pair(kernel, root);
}

void x64i_mm_release(struct x64i_kernel *kernel, uint32_t index)
{
    uint16_t *users = &kernel->schedule.mm_users[index % X64I_TASKS_MAX];
    if (*users == 0 || --*users > 0)
        return;
    if (index % X64I_TASKS_MAX != kernel->schedule.mm)
        destroy(kernel, index % X64I_TASKS_MAX);
}

/* Shares one page; private ones become read-only on both sides. */
static bool copy_page(struct x64i_kernel *kernel, const struct x64i_area *area, uint64_t to,
                      uint64_t linear, uint64_t where, uint64_t entry)
{
    if (!area->shared && (entry & X64I_PTE_WRITABLE)) {
        entry &= ~(uint64_t)(X64I_PTE_WRITABLE | X64I_PTE_DIRTY);
        x64i_page_entry_set(kernel, where, entry);
    }
    if (!x64i_frame_share(kernel, entry & X64I_PTE_ADDRESS))
        return false;
    if (x64i_page_map(kernel, to, linear, entry & X64I_PTE_ADDRESS, entry & ~X64I_PTE_ADDRESS)) {
        x64i_mm_share_top_entry(kernel, to, linear);
        return true;
    }
    x64i_frame_give_back(kernel, entry & X64I_PTE_ADDRESS);
    return false;
}

static bool copy_area(struct x64i_kernel *kernel, const struct x64i_area *area, uint64_t to)
{
    uint64_t root = kernel->layout.root;
    for (uint64_t at = x64i_mm_skip_empty(kernel, area->start, area->end); at < area->end;) {
        uint64_t where = 0;
        if (area->shared && (area->protection & X64I_PROT_WRITE) &&
            x64i_mm_make_page(kernel, area, at, true) != X64I_MM_DONE)
            return false;
        uint64_t entry = x64i_page_entry(kernel, root, at, &where);
        if (entry && !copy_page(kernel, area, to, at, where, entry))
            return false;
        at = where ? at + X64I_PAGE_SIZE : (at | ((UINT64_C(1) << 21) - 1)) + 1;
        at = area->shared ? at : x64i_mm_skip_empty(kernel, at, area->end);
    }
    return true;
}

static bool copy_areas(struct x64i_kernel *kernel, uint32_t index, uint64_t root)
{
    struct x64i_mm *mm = &kernel->mm;
    for (uint64_t i = 0; i < mm->area_count; i++)
        if (!copy_area(kernel, &mm->area[i], root))
            return false;
    for (uint64_t i = 0; i < mm->area_count; i++)
        x64i_file_hold(kernel, mm->area[i].file);
    uint64_t own = mm->root;
    mm->root = root;
    enum x64_status status = x64i_pages_copy_in(kernel->mms, index * PARKED_BYTES, mm, sizeof *mm);
    mm->root = own;
    return status == X64_OK;
}

/* After a copy that failed: what it shares so far is given back. */
static void undo_copy(struct x64i_kernel *kernel, uint32_t index, uint64_t root)
{
    uint64_t own = kernel->layout.root;
    uint64_t pages = kernel->mm.pages;
    kernel->layout.root = root;
    x64i_mm_drop_pages(kernel, 0, kernel->mm.limit);
    kernel->layout.root = own;
    kernel->mm.pages = pages;
    x64i_mm_release(kernel, index);
}

bool x64i_mm_copy(struct x64i_kernel *kernel, uint32_t *index)
{
    uint64_t root = 0;
    if (!x64i_mm_make(kernel, index))
        return false;
    (void)x64i_pages_copy_out(kernel->mms, *index * PARKED_BYTES + offsetof(struct x64i_mm, root),
                              &root, sizeof root);
    bool done = copy_areas(kernel, *index, root);
    if (!done)
        undo_copy(kernel, *index, root);
    load_cr3(kernel); /* what was writable is not any more */
    return done;
}
