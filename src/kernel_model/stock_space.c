/* SPDX-License-Identifier: MIT */
/*
 * The address space around a stock image: direct map, image, per-CPU area, cpu_entry_area as the
 * image's own types lay it out, the few pages the mini-kernel adds, and under PTI the user's table.
 */
#include "kernel_model/kernel.h"

#include <stdio.h>

#define STACK_NAMES 6

static const char *const exception_stacks[STACK_NAMES] = {"DF", "NMI", "DB", "MCE", "VC", "VC2"};

static bool member(const struct x64i_kernel *kernel, const char *type, const char *path,
                   struct x64_image_member *out)
{
    return x64_kernel_image_member(kernel->image, type, path, out, NULL) == X64_OK;
}

static bool per_cpu_physical(const struct x64i_kernel *kernel, const char *name, uint64_t *physical)
{
    uint64_t offset;
    if (!x64i_kernel_per_cpu(kernel, name, &offset))
        return false;
    *physical = kernel->layout.per_cpu - X64I_DIRECT_MAP + offset;
    return true;
}

static struct x64i_range range_of(uint64_t start, uint64_t size)
{
    return (struct x64i_range){.start = start, .end = start + size};
}

static uint64_t page_up(uint64_t size)
{
    return (size + X64I_PAGE_SIZE - 1) & ~(uint64_t)(X64I_PAGE_SIZE - 1);
}

/* The exception stacks, each between guard pages (arch/x86/include/asm/cpu_entry_area.h). */
static bool map_exception_stacks(struct x64i_kernel *kernel, uint64_t linear)
{
    struct x64_image_member from, to;
    char name[16];
    uint64_t storage;
    if (!per_cpu_physical(kernel, "exception_stacks", &storage))
        return false;
    for (unsigned i = 0; i < STACK_NAMES; i++) {
        (void)snprintf(name, sizeof name, "%s_stack", exception_stacks[i]);
        if (!member(kernel, "exception_stacks", name, &from) ||
            !member(kernel, "cea_exception_stacks", name, &to) || from.size == 0)
            continue;
        if (!x64i_map_entry_range(kernel, linear + to.offset, storage + from.offset, from.size,
                                  X64I_PTE_WRITABLE | X64I_PTE_NO_EXECUTE))
            return false;
        if (i < 4)
            kernel->layout.ist[i] = range_of(linear + to.offset, to.size);
    }
    return kernel->layout.ist[0].start != 0;
}

static bool build_entry_area(struct x64i_kernel *kernel)
{
    struct x64i_layout *layout = &kernel->layout;
    struct x64_image_member gdt, stack, tss, stacks;
    uint64_t gdt_page, stack_page, tss_page;
    const uint64_t area = X64I_ENTRY_AREA + X64I_PAGE_SIZE;
    const uint64_t read_only = X64I_PTE_NO_EXECUTE;
    const uint64_t data = X64I_PTE_WRITABLE | X64I_PTE_NO_EXECUTE;
    uint64_t idt = x64i_kernel_symbol(kernel, "idt_table");
    if (!idt || !member(kernel, "cpu_entry_area", "gdt", &gdt) ||
        !member(kernel, "cpu_entry_area", "entry_stack_page", &stack) ||
        !member(kernel, "cpu_entry_area", "tss", &tss) ||
        !member(kernel, "cpu_entry_area", "estacks", &stacks) ||
        !per_cpu_physical(kernel, "gdt_page", &gdt_page) ||
        !per_cpu_physical(kernel, "entry_stack_storage", &stack_page) ||
        !per_cpu_physical(kernel, "cpu_tss_rw", &tss_page))
        return false;
    layout->idt = range_of(X64I_ENTRY_AREA, X64I_PAGE_SIZE);
    layout->gdt = range_of(area + gdt.offset, 0x80);
    layout->entry_stack = range_of(area + stack.offset, stack.size);
    layout->tss = range_of(area + tss.offset, tss.size);
    return x64i_map_entry_range(kernel, X64I_ENTRY_AREA, idt - X64I_IMAGE_MAP, X64I_PAGE_SIZE,
                                read_only) &&
           x64i_map_entry_range(kernel, area + gdt.offset, gdt_page, X64I_PAGE_SIZE, read_only) &&
           x64i_map_entry_range(kernel, area + stack.offset, stack_page, stack.size, data) &&
           x64i_map_entry_range(kernel, area + tss.offset, tss_page, page_up(tss.size), data) &&
           map_exception_stacks(kernel, area + stacks.offset);
}

/* The mini-kernel's own pages, copied from its ELF file to where it is linked. */
static bool build_stock_pages(struct x64i_kernel *kernel)
{
    const struct x64_image_segment *segment = x64_kernel_image_segment_at_index(kernel->stock, 0);
    if (!segment)
        return false;
    uint64_t size = page_up(segment->memory_size);
    uint64_t physical = x64i_frames_take(kernel, size / X64I_PAGE_SIZE);
    if (!physical ||
        !x64i_physical_poke(kernel->memory, physical, segment->data, (size_t)segment->file_size))
        return false;
    for (uint64_t at = 0; at < size; at += X64I_PAGE_SIZE)
        if (!x64i_page_map(kernel, kernel->layout.root, segment->linear + at, physical + at,
                           X64I_KERNEL_PAGE_FLAGS | X64I_PTE_WRITABLE))
            return false;
    kernel->layout.stock = range_of(segment->linear, size);
    return true;
}

/* As pti_clone_entry_text and pti_clone_user_shared (arch/x86/mm/pti.c). */
static bool share_with_user(struct x64i_kernel *kernel)
{
    uint64_t start = x64i_kernel_symbol(kernel, "__entry_text_start");
    uint64_t end = x64i_kernel_symbol(kernel, "__entry_text_end");
    uint64_t irq_end = x64i_kernel_symbol(kernel, "__irqentry_text_end");
    uint64_t user = kernel->layout.root + X64I_PAGE_SIZE;
    uint64_t tss;
    struct x64_image_member member_of_area;
    if (irq_end > end)
        end = irq_end;
    if (!start || end < start || !per_cpu_physical(kernel, "cpu_tss_rw", &tss) ||
        !member(kernel, "cpu_entry_area", "tss", &member_of_area))
        return false;
    for (uint64_t at = 0; at < page_up(member_of_area.size); at += X64I_PAGE_SIZE)
        if (!x64i_page_map(kernel, user, x64i_direct(tss) + at, tss + at,
                           X64I_KERNEL_PAGE_FLAGS | X64I_PTE_WRITABLE | X64I_PTE_NO_EXECUTE))
            return false;
    return x64i_share_range_with_user(kernel, start, end) &&
           x64i_share_entry_area_with_user(kernel);
}

bool x64i_stock_space_build(struct x64i_kernel *kernel)
{
    struct x64i_layout *layout = &kernel->layout;
    const struct x64_image_section *section;
    if (x64_kernel_image_per_cpu_section(kernel->image, &section, NULL) != X64_OK)
        return false;
    uint64_t per_cpu = x64i_frames_take(kernel, page_up(section->size) / X64I_PAGE_SIZE);
    layout->root = x64i_frames_take_aligned(kernel, 2 * X64I_PAGE_SIZE);
    uint64_t params = x64i_frames_take(kernel, 1);
    if (!per_cpu || !layout->root || !params)
        return false;
    layout->per_cpu = x64i_direct(per_cpu) - section->linear;
    layout->boot_params = x64i_direct(params);
    if (!x64i_map_direct(kernel) || !x64i_map_image(kernel) || !build_entry_area(kernel) ||
        !build_stock_pages(kernel))
        return false;
    return !(kernel->mitigations & X64_MITIGATION_PTI) || share_with_user(kernel);
}
