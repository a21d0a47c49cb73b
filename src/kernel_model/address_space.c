/* SPDX-License-Identifier: MIT */
/*
 * The kernel's half of the address space around an image: the direct map of all RAM, the image, the
 * per-CPU area and stacks in the direct map, cpu_entry_area; and what of it the user's table has
 * under PTI (arch/x86/mm/pti.c): the entry text, cpu_entry_area and the TSS.
 */
#include "kernel_model/kernel.h"

#define LARGE_PAGE (UINT64_C(1) << 21)

static bool has_pti(const struct x64i_kernel *kernel)
{
    return kernel->mitigations & X64_MITIGATION_PTI;
}

/* Global pages would keep the kernel's translations alive under the user's table. */
static uint64_t global_flag(const struct x64i_kernel *kernel)
{
    return has_pti(kernel) ? 0 : X64I_PTE_GLOBAL;
}

/* What both tables map may be global all the same; before 4.17 nothing was under PTI. */
static uint64_t shared_flag(const struct x64i_kernel *kernel)
{
    return kernel->era->shared_global ? X64I_PTE_GLOBAL : global_flag(kernel);
}

bool x64i_map_direct(struct x64i_kernel *kernel)
{
    uint64_t size = kernel->memory->ram_size;
    uint64_t flags =
        X64I_KERNEL_PAGE_FLAGS | X64I_PTE_WRITABLE | X64I_PTE_NO_EXECUTE | global_flag(kernel);
    uint64_t at = 0;
    for (; size - at >= LARGE_PAGE; at += LARGE_PAGE)
        if (!x64i_page_map_large(kernel, kernel->layout.root, x64i_direct(at), at, flags))
            return false;
    for (; at < size; at += X64I_PAGE_SIZE)
        if (!x64i_page_map(kernel, kernel->layout.root, x64i_direct(at), at, flags))
            return false;
    return true;
}

/* Text that has no segment of its own: from Linux 7 on .init.text shares one with data. */
static void allow_text(struct x64i_kernel *kernel)
{
    for (size_t i = 0; i < x64_kernel_image_section_count(kernel->image); i++) {
        const struct x64_image_section *section =
            x64_kernel_image_section_at_index(kernel->image, i);
        if (!section->executable || !section->loaded || section->linear < X64I_IMAGE_MAP)
            continue;
        uint64_t end = section->linear + section->size;
        for (uint64_t at = section->linear & ~(uint64_t)(X64I_PAGE_SIZE - 1); at < end;
             at += X64I_PAGE_SIZE) {
            uint64_t where;
            uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, at, &where);
            if (entry & X64I_PTE_NO_EXECUTE)
                x64i_page_entry_set(kernel, where, entry & ~X64I_PTE_NO_EXECUTE);
        }
    }
}

bool x64i_map_image(struct x64i_kernel *kernel)
{
    for (size_t i = 0; i < x64_kernel_image_segment_count(kernel->image); i++) {
        const struct x64_image_segment *segment =
            x64_kernel_image_segment_at_index(kernel->image, i);
        if (segment->linear < X64I_IMAGE_MAP)
            continue;
        uint64_t flags = X64I_KERNEL_PAGE_FLAGS | global_flag(kernel);
        flags |= segment->writable ? X64I_PTE_WRITABLE : 0;
        flags |= segment->executable ? 0 : X64I_PTE_NO_EXECUTE;
        for (uint64_t at = 0; at < segment->memory_size; at += X64I_PAGE_SIZE)
            if (!x64i_page_map(kernel, kernel->layout.root, segment->linear + at,
                               segment->physical + at, flags))
                return false;
    }
    allow_text(kernel);
    return true;
}

/* Maps a page of the entry area into the kernel's table. */
static bool map_entry_page(struct x64i_kernel *kernel, uint64_t linear, uint64_t physical,
                           uint64_t flags)
{
    return x64i_page_map(kernel, kernel->layout.root, linear, physical,
                         X64I_KERNEL_PAGE_FLAGS | shared_flag(kernel) | flags);
}

bool x64i_map_entry_range(struct x64i_kernel *kernel, uint64_t linear, uint64_t physical,
                          uint64_t size, uint64_t flags)
{
    for (uint64_t at = 0; at < size; at += X64I_PAGE_SIZE)
        if (!map_entry_page(kernel, linear + at, physical + at, flags))
            return false;
    return true;
}

static struct x64i_range range_of(uint64_t start, uint64_t size)
{
    return (struct x64i_range){.start = start, .end = start + size};
}

static bool per_cpu_physical(const struct x64i_kernel *kernel, const char *name, uint64_t *physical)
{
    uint64_t offset;
    if (!x64i_kernel_per_cpu(kernel, name, &offset))
        return false;
    *physical = kernel->layout.per_cpu - X64I_DIRECT_MAP + offset;
    return true;
}

/* struct cpu_entry_area (arch/x86/include/asm/cpu_entry_area.h): GDT, entry stack, TSS, 4.15's
 * trampoline, exception stacks with a hole below each. */
static bool build_entry_area(struct x64i_kernel *kernel)
{
    struct x64i_layout *layout = &kernel->layout;
    uint64_t gdt, stack, tss, exceptions;
    uint64_t idt = x64i_kernel_symbol(kernel, "idt_table");
    uint64_t trampoline = x64i_kernel_symbol(kernel, "entry_SYSCALL_64_trampoline");
    if (!idt || !per_cpu_physical(kernel, "gdt_page", &gdt) ||
        !per_cpu_physical(kernel, "entry_stack_storage", &stack) ||
        !per_cpu_physical(kernel, "cpu_tss_rw", &tss) ||
        !per_cpu_physical(kernel, "exception_stacks", &exceptions))
        return false;
    uint64_t tss_size =
        ((uint64_t)kernel->era->tss_limit + X64I_PAGE_SIZE) & ~(uint64_t)(X64I_PAGE_SIZE - 1);
    uint64_t data = X64I_PTE_WRITABLE | X64I_PTE_NO_EXECUTE;
    uint64_t at = X64I_ENTRY_AREA + X64I_CEA_TSS + tss_size;
    bool done =
        map_entry_page(kernel, X64I_ENTRY_AREA, idt - X64I_IMAGE_MAP, X64I_PTE_NO_EXECUTE) &&
        map_entry_page(kernel, X64I_ENTRY_AREA + X64I_CEA_GDT, gdt, X64I_PTE_NO_EXECUTE) &&
        map_entry_page(kernel, X64I_ENTRY_AREA + X64I_CEA_ENTRY_STACK, stack, data) &&
        x64i_map_entry_range(kernel, X64I_ENTRY_AREA + X64I_CEA_TSS, tss, tss_size, data);
    if (trampoline) {
        layout->trampoline = at;
        done = done && map_entry_page(kernel, at, trampoline - X64I_IMAGE_MAP, 0);
        at += X64I_PAGE_SIZE;
    }
    for (unsigned i = 0; i < 4; i++) {
        at += X64I_PAGE_SIZE;
        layout->ist[i] = range_of(at, X64I_PAGE_SIZE);
        done = done && map_entry_page(kernel, at, exceptions + i * X64I_PAGE_SIZE, data);
        at += X64I_PAGE_SIZE;
    }
    layout->idt = range_of(X64I_ENTRY_AREA, X64I_PAGE_SIZE);
    layout->gdt = range_of(X64I_ENTRY_AREA + X64I_CEA_GDT, 0x80);
    layout->entry_stack = range_of(X64I_ENTRY_AREA + X64I_CEA_ENTRY_STACK, X64I_PAGE_SIZE);
    layout->tss = range_of(X64I_ENTRY_AREA + X64I_CEA_TSS, (uint64_t)kernel->era->tss_limit + 1);
    return done;
}

/* Before 4.14 the tables lay in the per-CPU area and the image themselves. */
static bool place_tables(struct x64i_kernel *kernel)
{
    struct x64i_layout *layout = &kernel->layout;
    uint64_t gdt, tss, stacks, entry;
    uint64_t idt = x64i_kernel_symbol(kernel, "idt_table");
    if (!idt || !x64i_kernel_per_cpu(kernel, "gdt_page", &gdt) ||
        !x64i_kernel_per_cpu(kernel, "cpu_tss", &tss) ||
        !x64i_kernel_per_cpu(kernel, "exception_stacks", &stacks))
        return false;
    layout->idt = range_of(idt, X64I_PAGE_SIZE);
    layout->gdt = range_of(layout->per_cpu + gdt, 0x80);
    layout->tss = range_of(layout->per_cpu + tss, (uint64_t)kernel->era->tss_limit + 1);
    if (x64i_kernel_per_cpu(kernel, "SYSENTER_stack", &entry))
        layout->entry_stack = range_of(layout->per_cpu + entry, X64I_SYSENTER_STACK);
    for (unsigned i = 0; i < 4; i++)
        layout->ist[i] = range_of(layout->per_cpu + stacks + i * X64I_PAGE_SIZE, X64I_PAGE_SIZE);
    return true;
}

/* Copies a page's mapping from the kernel's table to the user's. */
static bool share_page(struct x64i_kernel *kernel, uint64_t linear)
{
    uint64_t where;
    uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, linear, &where);
    if (!(entry & X64I_PTE_PRESENT))
        return false;
    entry |= shared_flag(kernel);
    x64i_page_entry_set(kernel, where, entry);
    return x64i_page_map(kernel, kernel->layout.root + X64I_PAGE_SIZE, linear,
                         entry & X64I_PTE_ADDRESS, entry & ~X64I_PTE_ADDRESS);
}

bool x64i_share_range_with_user(struct x64i_kernel *kernel, uint64_t start, uint64_t end)
{
    for (uint64_t at = start & ~(uint64_t)(X64I_PAGE_SIZE - 1); at < end; at += X64I_PAGE_SIZE)
        if (!share_page(kernel, at))
            return false;
    return true;
}

bool x64i_share_entry_area_with_user(struct x64i_kernel *kernel)
{
    uint64_t root = kernel->layout.root;
    uint64_t entry = x64i_page_top_entry(kernel, root, X64I_ENTRY_AREA);
    x64i_page_top_entry_set(kernel, root + X64I_PAGE_SIZE, X64I_ENTRY_AREA, entry);
    return entry & X64I_PTE_PRESENT;
}

static bool share_with_user(struct x64i_kernel *kernel)
{
    uint64_t user = kernel->layout.root + X64I_PAGE_SIZE;
    uint64_t start = x64i_kernel_symbol(kernel, "__entry_text_start");
    uint64_t end = x64i_kernel_symbol(kernel, "__entry_text_end");
    uint64_t tss;
    if (!start || end < start || !per_cpu_physical(kernel, "cpu_tss_rw", &tss))
        return false;
    if (!x64i_share_range_with_user(kernel, start, end) || !x64i_share_entry_area_with_user(kernel))
        return false;
    return x64i_page_map(kernel, user, x64i_direct(tss), tss,
                         X64I_KERNEL_PAGE_FLAGS | X64I_PTE_WRITABLE | X64I_PTE_NO_EXECUTE);
}

uint64_t x64i_frames_take_aligned(struct x64i_kernel *kernel, uint64_t size)
{
    struct x64i_layout *layout = &kernel->layout;
    layout->next_page = (layout->next_page + size - 1) & ~(size - 1);
    return x64i_frames_take(kernel, size / X64I_PAGE_SIZE);
}

bool x64i_address_space_build(struct x64i_kernel *kernel)
{
    struct x64i_layout *layout = &kernel->layout;
    uint64_t pages = layout->per_cpu_size / X64I_PAGE_SIZE;
    uint64_t per_cpu = x64i_frames_take(kernel, pages);
    uint64_t stack_size = X64I_KERNEL_STACK;
    uint64_t task_stack = x64i_frames_take_aligned(kernel, stack_size);
    uint64_t irq_stack = x64i_frames_take_aligned(kernel, stack_size);
    layout->root = x64i_frames_take_aligned(kernel, 2 * X64I_PAGE_SIZE);
    uint64_t task = x64i_frames_take(kernel, 1);
    uint64_t boot_params = x64i_frames_take(kernel, 1);
    if (!per_cpu || !task_stack || !irq_stack || !layout->root || !task || !boot_params)
        return false;
    layout->per_cpu = x64i_direct(per_cpu);
    layout->task = x64i_direct(task);
    layout->boot_params = x64i_direct(boot_params);
    layout->task_stack = range_of(x64i_direct(task_stack), stack_size);
    layout->irq_stack = range_of(x64i_direct(irq_stack), stack_size);
    if (!x64i_map_direct(kernel) || !x64i_map_image(kernel))
        return false;
    if (!(kernel->era->entry_area ? build_entry_area(kernel) : place_tables(kernel)))
        return false;
    return !has_pti(kernel) || share_with_user(kernel);
}
