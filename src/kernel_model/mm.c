/* SPDX-License-Identifier: MIT */
/* The list of areas: adding, cutting, protecting, finding room. */
#include "ascending.h"
#include "kernel_model/kernel.h"
#include "kernel_model/mm_pages.h"
#include "kernel_model/open_file.h"
#include "kernel_model/open_flags.h"

#include <errno.h>
#include <string.h>

#define STACK_GAP (UINT64_C(1) << 20) /* that growth keeps from the area below */

static void remove_at(struct x64i_mm *mm, uint64_t index)
{
    memmove(&mm->area[index], &mm->area[index + 1],
            (mm->area_count - index - 1) * sizeof mm->area[0]);
    mm->area[--mm->area_count] = (struct x64i_area){0};
}

static void insert_at(struct x64i_mm *mm, uint64_t index, const struct x64i_area *area)
{
    memmove(&mm->area[index + 1], &mm->area[index], (mm->area_count - index) * sizeof mm->area[0]);
    mm->area[index] = *area;
    mm->area_count++;
}

/* The index of the first area that ends behind `linear`. */
static uint64_t first_behind(const struct x64i_mm *mm, uint64_t linear)
{
    return X64I_COUNT_UNTIL(mm->area, mm->area_count, end, linear);
}

const struct x64i_area *x64i_mm_find(const struct x64i_mm *mm, uint64_t linear)
{
    uint64_t index = first_behind(mm, linear);
    bool inside = index < mm->area_count && mm->area[index].start <= linear;
    return inside ? &mm->area[index] : NULL;
}

void x64i_mm_restored(struct x64i_mm *mm)
{
    uint64_t at = 0;
    bool good = mm->area_count <= X64I_AREAS_MAX && mm->limit <= X64I_TASK_SIZE &&
                mm->mmap_top <= mm->limit;
    for (uint64_t i = 0; good && i < mm->area_count; i++) {
        const struct x64i_area *area = &mm->area[i];
        good = area->start >= at && area->start < area->end && area->end <= mm->limit &&
               (area->start | area->end) % X64I_PAGE_SIZE == 0 && area->file <= X64I_OPEN_FILES_MAX;
        at = area->end;
    }
    if (!good)
        *mm = (struct x64i_mm){.root = mm->root};
}

/* The part of an area from `start` on. */
static struct x64i_area tail_of(const struct x64i_area *area, uint64_t start)
{
    struct x64i_area tail = *area;
    uint64_t skipped = start - area->start;
    tail.start = start;
    tail.file_offset += skipped;
    tail.file_size = area->file_size > skipped ? area->file_size - skipped : 0;
    return tail;
}

static void cut_end(struct x64i_area *area, uint64_t end)
{
    area->end = end;
    if (area->file_size > end - area->start)
        area->file_size = end - area->start;
}

/* Makes `linear` a border between areas. False when the list is full. */
static bool split_at(struct x64i_kernel *kernel, uint64_t linear)
{
    struct x64i_mm *mm = &kernel->mm;
    uint64_t index = first_behind(mm, linear);
    if (index == mm->area_count || mm->area[index].start >= linear)
        return true;
    if (mm->area_count == X64I_AREAS_MAX)
        return false;
    struct x64i_area tail = tail_of(&mm->area[index], linear);
    cut_end(&mm->area[index], linear);
    insert_at(mm, index + 1, &tail);
    x64i_file_hold(kernel, tail.file);
    return true;
}

static bool range_is_valid(const struct x64i_mm *mm, uint64_t start, uint64_t end)
{
    return start < end && end <= mm->limit && (start | end) % X64I_PAGE_SIZE == 0;
}

/* Two neighbours that are one area in all but name. */
static bool continues(const struct x64i_area *a, const struct x64i_area *b)
{
    return a->end == b->start && a->protection == b->protection && a->kind == b->kind &&
           a->shared == b->shared && !a->file && !b->file && a->file_size == 0 && b->file_size == 0;
}

/* Those from the one that ends at `start` to the one that begins at `end`. */
static void merge(struct x64i_mm *mm, uint64_t start, uint64_t end)
{
    uint64_t at = first_behind(mm, start);
    for (at -= at > 0; at + 1 < mm->area_count && mm->area[at].end <= end;) {
        if (!continues(&mm->area[at], &mm->area[at + 1])) {
            at++;
            continue;
        }
        mm->area[at].end = mm->area[at + 1].end;
        remove_at(mm, at + 1);
    }
}

int64_t x64i_mm_unmap(struct x64i_kernel *kernel, uint64_t start, uint64_t end)
{
    struct x64i_mm *mm = &kernel->mm;
    if (!range_is_valid(mm, start, end))
        return -EINVAL;
    if (!split_at(kernel, start) || !split_at(kernel, end))
        return -ENOMEM;
    uint64_t index = first_behind(mm, start);
    while (index < mm->area_count && mm->area[index].start < end) {
        uint32_t file = mm->area[index].file;
        x64i_mm_write_back(kernel, &mm->area[index], mm->area[index].start, mm->area[index].end);
        x64i_mm_drop_pages(kernel, mm->area[index].start, mm->area[index].end);
        remove_at(mm, index);
        x64i_file_drop(kernel, file);
    }
    return 0;
}

int64_t x64i_mm_map(struct x64i_kernel *kernel, const struct x64i_area *area)
{
    struct x64i_mm *mm = &kernel->mm;
    int64_t result = x64i_mm_unmap(kernel, area->start, area->end);
    if (result < 0)
        return result;
    if (mm->area_count == X64I_AREAS_MAX)
        return -ENOMEM;
    insert_at(mm, first_behind(mm, area->start), area);
    x64i_file_hold(kernel, area->file);
    merge(mm, area->start, area->end);
    return 0;
}

/* What is stored to a shared page is written to the file: that must be open for it. */
static bool may_protect(struct x64i_kernel *kernel, const struct x64i_area *area,
                        uint32_t protection)
{
    if (!area->shared || area->kind != X64I_AREA_FILE || !(protection & X64I_PROT_WRITE))
        return true;
    return area->file && (x64i_file_at(kernel, area->file - 1)->flags & O_ACCMODE_) == O_RDWR_;
}

int64_t x64i_mm_protect(struct x64i_kernel *kernel, uint64_t start, uint64_t end,
                        uint32_t protection)
{
    struct x64i_mm *mm = &kernel->mm;
    if (!range_is_valid(mm, start, end))
        return start == end ? 0 : -EINVAL;
    uint64_t at = start;
    for (uint64_t i = first_behind(mm, start); i < mm->area_count && at < end; i++) {
        if (mm->area[i].start > at)
            return -ENOMEM;
        if (!may_protect(kernel, &mm->area[i], protection))
            return -EACCES;
        at = mm->area[i].end;
    }
    if (at < end || !split_at(kernel, start) || !split_at(kernel, end))
        return -ENOMEM;
    for (uint64_t i = first_behind(mm, start); i < mm->area_count && mm->area[i].start < end; i++) {
        if (!(protection & X64I_PROT_WRITE))
            x64i_mm_write_back(kernel, &mm->area[i], mm->area[i].start, mm->area[i].end);
        else if (mm->area[i].shared && mm->area[i].file)
            kernel->schedule.shared_files = 1;
        mm->area[i].protection = protection;
        x64i_mm_protect_pages(kernel, &mm->area[i]);
    }
    merge(mm, start, end);
    return 0;
}

uint64_t x64i_mm_find_gap(const struct x64i_kernel *kernel, uint64_t size)
{
    const struct x64i_mm *mm = &kernel->mm;
    uint64_t top = mm->mmap_top;
    for (uint64_t i = first_behind(mm, top);; i--) {
        uint64_t floor = i > 0 ? mm->area[i - 1].end : X64I_PAGE_SIZE * 16;
        if (i < mm->area_count && mm->area[i].start < top)
            top = mm->area[i].start;
        if (top >= floor && top - floor >= size)
            return top - size;
        if (i == 0)
            return 0;
    }
}

/* The stack's area grows to hold an address not too far below it. */
static struct x64i_area *grow_stack(struct x64i_kernel *kernel, uint64_t linear)
{
    struct x64i_mm *mm = &kernel->mm;
    uint64_t index = first_behind(mm, linear);
    if (index == mm->area_count || linear < mm->stack_low)
        return NULL;
    struct x64i_area *area = &mm->area[index];
    uint64_t start = linear & ~(uint64_t)(X64I_PAGE_SIZE - 1);
    uint64_t below = index > 0 ? mm->area[index - 1].end : 0;
    if (area->kind != X64I_AREA_STACK || start < below || start - below < STACK_GAP)
        return NULL;
    area->start = start;
    return area;
}

enum x64i_mm_result x64i_mm_touch(struct x64i_kernel *kernel, uint64_t linear, uint32_t access)
{
    const struct x64i_area *area =
        linear < kernel->mm.limit ? x64i_mm_find(&kernel->mm, linear) : NULL;
    if (!area && linear < kernel->mm.limit)
        area = grow_stack(kernel, linear);
    if (!area)
        return X64I_MM_NO_AREA;
    uint32_t needed = X64I_PROT_READ | X64I_PROT_WRITE | X64I_PROT_EXEC;
    if (access & X64_PF_WRITE)
        needed = X64I_PROT_WRITE;
    else if (access & X64_PF_INSTRUCTION)
        needed = X64I_PROT_EXEC;
    if (!(area->protection & needed))
        return X64I_MM_NO_ACCESS;
    return x64i_mm_make_page(kernel, area, linear, access & X64_PF_WRITE);
}
