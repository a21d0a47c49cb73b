/* SPDX-License-Identifier: MIT */
/* Physical pages: upwards from the image's end, then those given back, last one first. */
#include "kernel_model/frames.h"

#include "kernel_model/kernel.h"

/* How many more users than one a frame has: a 16-bit count each in the region "kernel.frames". */
static uint16_t more_users(const struct x64i_kernel *kernel, uint64_t physical)
{
    uint16_t count = 0;
    (void)x64i_pages_copy_out(kernel->frames, physical / X64I_PAGE_SIZE * sizeof count, &count,
                              sizeof count);
    return count;
}

static void set_more_users(struct x64i_kernel *kernel, uint64_t physical, uint16_t count)
{
    if (x64i_pages_copy_in(kernel->frames, physical / X64I_PAGE_SIZE * sizeof count, &count,
                           sizeof count) != X64_OK)
        kernel->memory->out_of_memory = true;
}

bool x64i_frame_is_shared(const struct x64i_kernel *kernel, uint64_t physical)
{
    return more_users(kernel, physical) > 0;
}

bool x64i_frame_share(struct x64i_kernel *kernel, uint64_t physical)
{
    uint16_t count = more_users(kernel, physical);
    if (count == UINT16_MAX || physical >= kernel->memory->ram_size)
        return false;
    set_more_users(kernel, physical, (uint16_t)(count + 1));
    return true;
}

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
    uint16_t count = more_users(kernel, physical);
    if (count) {
        set_more_users(kernel, physical, (uint16_t)(count - 1));
        return;
    }
    if (!x64i_physical_poke(kernel->memory, physical, &layout->free_page, sizeof layout->free_page))
        return;
    layout->free_page = physical;
    layout->pages_used--;
}

uint64_t x64i_frame_take_pair(struct x64i_kernel *kernel)
{
    struct x64i_layout *layout = &kernel->layout;
    uint64_t physical = layout->free_pair;
    uint64_t next;
    if (!is_frame(layout, physical) ||
        !x64i_physical_peek(kernel->memory, physical, &next, sizeof next))
        return x64i_frames_take_aligned(kernel, 2 * (uint64_t)X64I_PAGE_SIZE);
    layout->free_pair = is_frame(layout, next) ? next : 0;
    layout->pages_used += 2;
    bool clean = x64i_physical_discard(kernel->memory, physical) &&
                 x64i_physical_discard(kernel->memory, physical + X64I_PAGE_SIZE);
    return clean ? physical : 0;
}

void x64i_frame_give_back_pair(struct x64i_kernel *kernel, uint64_t physical)
{
    struct x64i_layout *layout = &kernel->layout;
    if (!x64i_physical_poke(kernel->memory, physical, &layout->free_pair, sizeof layout->free_pair))
        return;
    layout->free_pair = physical;
    layout->pages_used -= 2;
}
