/* SPDX-License-Identifier: MIT */
/* Physical pages: upwards from the image's end, then those given back, last one first. */
#include "kernel_model/kernel.h"

uint64_t x64i_frames_take(struct x64i_kernel *kernel, uint64_t count)
{
    struct x64i_layout *layout = &kernel->layout;
    uint64_t room = (kernel->memory->ram_size - layout->next_page) / X64I_PAGE_SIZE;
    if (layout->next_page > kernel->memory->ram_size || count > room)
        return 0;
    uint64_t physical = layout->next_page;
    layout->next_page += count * X64I_PAGE_SIZE;
    layout->pages_used += count;
    return physical;
}

/* The chain lies in guest memory, which a guest kernel may overwrite: only a page that was given
 * out before is believed. */
static bool is_frame(const struct x64i_layout *layout, uint64_t physical)
{
    return physical && physical % X64I_PAGE_SIZE == 0 && physical < layout->next_page;
}

uint64_t x64i_frame_take(struct x64i_kernel *kernel)
{
    struct x64i_layout *layout = &kernel->layout;
    uint64_t physical = layout->free_page;
    uint64_t next;
    if (!is_frame(layout, physical) ||
        !x64i_physical_peek(kernel->memory, physical, &next, sizeof next))
        return x64i_frames_take(kernel, 1);
    layout->free_page = is_frame(layout, next) ? next : 0;
    layout->pages_used++;
    if (!x64i_physical_discard(kernel->memory, physical))
        return 0;
    return physical;
}

void x64i_frame_give_back(struct x64i_kernel *kernel, uint64_t physical)
{
    struct x64i_layout *layout = &kernel->layout;
    if (!x64i_physical_poke(kernel->memory, physical, &layout->free_page, sizeof layout->free_page))
        return;
    layout->free_page = physical;
    layout->pages_used--;
}
