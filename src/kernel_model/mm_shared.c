/* SPDX-License-Identifier: MIT */
/*
 * Shared mappings of files. A page of a file has one frame, whoever maps it; what is in the frame
 * reaches the file when the file is read, synchronized or unmapped, and what is written to the file
 * reaches the frame at once. Linux needs none of that, since its page cache is the file.
 */
#include "kernel_model/mm_shared.h"

#include "kernel_model/mm_pages.h"
#include "kernel_model/task_switch.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_SPAN (UINT64_C(1) << 21) /* what one page table maps */

/* A page of an area that has a frame. */
struct page {
    const struct x64i_area *area;
    uint64_t offset;   /* in the file */
    uint64_t left;     /* bytes that the search wants from there on */
    uint64_t physical; /* the frame */
};

/* Called for each. False ends the search. */
typedef bool visit(struct x64i_kernel *kernel, const struct page *page, void *context);

struct search {
    const struct x64i_open_file *file; /* null: any */
    uint64_t start, end;               /* bytes of the file */
    bool writable; /* areas that can be written to alone, and of them what the file has */
    visit *visit;
    void *context;
};

static bool is_wanted(struct x64i_kernel *kernel, const struct search *search,
                      const struct x64i_area *area)
{
    if (!area->shared || !area->file)
        return false;
    if (search->writable && !(area->protection & X64I_PROT_WRITE))
        return false;
    return !search->file || x64i_file_is_same(search->file, x64i_file_at(kernel, area->file - 1));
}

uint64_t x64i_mm_file_bytes(struct x64i_kernel *kernel, const struct x64i_area *area)
{
    if (!area->shared || !area->file)
        return area->file_size;
    uint64_t length = x64i_file_size(kernel, area->file - 1);
    uint64_t bytes = length > area->file_offset ? length - area->file_offset : 0;
    return bytes < area->end - area->start ? bytes : area->end - area->start;
}

static bool search_area(struct x64i_kernel *kernel, const struct search *search, uint64_t root,
                        const struct x64i_area *area)
{
    uint64_t size = search->writable ? x64i_mm_file_bytes(kernel, area) : area->end - area->start;
    uint64_t from = area->file_offset;
    if (search->end <= from || search->start >= from + size)
        return true;
    uint64_t at =
        search->start > from ? (search->start - from) & ~(uint64_t)(X64I_PAGE_SIZE - 1) : 0;
    while (at < size && from + at < search->end) {
        uint64_t where = 0;
        uint64_t entry = x64i_page_entry(kernel, root, area->start + at, &where);
        const struct page page = {area, from + at, size - at, entry & X64I_PTE_ADDRESS};
        if (entry && !search->visit(kernel, &page, search->context))
            return false;
        uint64_t next = ((area->start + at) | (TABLE_SPAN - 1)) + 1; /* there is no page table */
        at = where ? at + X64I_PAGE_SIZE : next - area->start;
    }
    return true;
}

static bool search_mm(struct x64i_kernel *kernel, const struct search *search,
                      const struct x64i_mm *mm, uint64_t root)
{
    for (uint64_t i = 0; i < mm->area_count; i++)
        if (is_wanted(kernel, search, &mm->area[i]) &&
            !search_area(kernel, search, root, &mm->area[i]))
            return false;
    return true;
}

/* The present address space, then the parked ones. */
static void search_all(struct x64i_kernel *kernel, const struct search *search)
{
    if (!search_mm(kernel, search, &kernel->mm, kernel->layout.root))
        return;
    struct x64i_mm *mm = malloc(sizeof *mm);
    if (!mm) {
        kernel->memory->out_of_memory = true;
        return;
    }
    bool more = true;
    for (uint32_t i = 0; i < X64I_TASKS_MAX && more; i++)
        if (i != kernel->schedule.mm && kernel->schedule.mm_users[i] &&
            x64i_mm_parked(kernel, i, mm))
            more = search_mm(kernel, search, mm, mm->root);
    free(mm);
}

static bool take_frame(struct x64i_kernel *kernel, const struct page *page, void *context)
{
    uint64_t *found = context;
    (void)kernel;
    *found = page->physical;
    return false;
}

uint64_t x64i_mm_shared_frame(struct x64i_kernel *kernel, const struct x64i_area *area,
                              uint64_t linear)
{
    uint64_t found = 0;
    uint64_t offset = area->file_offset + (linear - area->start);
    if (!kernel->schedule.shared_files || !area->shared || !area->file)
        return 0;
    const struct search search = {.file = x64i_file_at(kernel, area->file - 1),
                                  .start = offset,
                                  .end = offset + X64I_PAGE_SIZE,
                                  .visit = take_frame,
                                  .context = &found};
    search_all(kernel, &search);
    return found;
}

/* The file's bytes alone: a mapping does not make it longer. */
static bool write_frame(struct x64i_kernel *kernel, const struct page *page, void *context)
{
    uint8_t bytes[X64I_PAGE_SIZE];
    size_t size = page->left < sizeof bytes ? (size_t)page->left : sizeof bytes;
    (void)context;
    if (x64i_physical_peek(kernel->memory, page->physical, bytes, size))
        (void)x64i_file_pwrite(kernel, page->area->file - 1, page->offset, bytes, size);
    return true;
}

void x64i_mm_shared_to_file(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                            uint64_t position, uint64_t size)
{
    uint64_t end = size < UINT64_MAX - position ? position + size : UINT64_MAX;
    const struct search search = {
        .file = file, .start = position, .end = end, .writable = true, .visit = write_frame};
    if (kernel->schedule.shared_files)
        search_all(kernel, &search);
}

struct written {
    uint64_t position;
    const uint8_t *bytes;
    size_t size;
};

static bool update_frame(struct x64i_kernel *kernel, const struct page *page, void *context)
{
    const struct written *written = context;
    uint64_t offset = page->offset;
    uint64_t from = written->position > offset ? written->position : offset;
    uint64_t to = written->position + written->size;
    if (to > offset + X64I_PAGE_SIZE)
        to = offset + X64I_PAGE_SIZE;
    if (from < to)
        (void)x64i_physical_poke(kernel->memory, page->physical + (from - offset),
                                 written->bytes + (from - written->position), to - from);
    return true;
}

void x64i_mm_shared_from_file(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                              uint64_t position, const void *bytes, size_t size)
{
    struct written written = {position, bytes, size};
    const struct search search = {.file = file,
                                  .start = position,
                                  .end = position + size,
                                  .visit = update_frame,
                                  .context = &written};
    if (kernel->schedule.shared_files && size)
        search_all(kernel, &search);
}
