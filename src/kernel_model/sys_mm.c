/* SPDX-License-Identifier: MIT */
/* Memory: brk, mmap and its kin. */
#include "kernel_model/mm_pages.h"
#include "kernel_model/open_file.h"
#include "kernel_model/open_flags.h"
#include "kernel_model/rlimit.h"
#include "kernel_model/syscall.h"

#define MAP_SHARED_          0x01u
#define MAP_SHARED_VALIDATE_ 0x03u
#define MAP_PRIVATE_         0x02u
#define MAP_TYPE_            0x0fu
#define MAP_FIXED_           0x10u
#define MAP_ANONYMOUS_       0x20u
#define MAP_NOREPLACE        0x100000u
#define MREMAP_MAYMOVE_      1u
#define MREMAP_FIXED_        2u
#define PROT_ALL             7u
#define MADV_DONTNEED_       4

static uint64_t page_up(uint64_t value)
{
    return (value + X64I_PAGE_SIZE - 1) & ~(uint64_t)(X64I_PAGE_SIZE - 1);
}

static bool is_free(struct x64i_kernel *kernel, uint64_t start, uint64_t end)
{
    for (uint64_t i = 0; i < kernel->mm.area_count; i++)
        if (kernel->mm.area[i].start < end && start < kernel->mm.area[i].end)
            return false;
    return true;
}

SYSCALL_DEFINE1(brk, unsigned long, brk)
{
    struct x64i_mm *mm = &kernel->mm;
    uint64_t old_end = page_up(mm->brk);
    if (brk < mm->brk_start || brk > mm->limit)
        return (int64_t)mm->brk;
    uint64_t new_end = page_up(brk);
    if (new_end < old_end && x64i_mm_unmap(kernel, new_end, old_end) != 0)
        return (int64_t)mm->brk;
    if (new_end > old_end) {
        struct x64i_area heap = {.start = old_end,
                                 .end = new_end,
                                 .protection = X64I_PROT_READ | X64I_PROT_WRITE,
                                 .kind = X64I_AREA_HEAP};
        if (!is_free(kernel, old_end, new_end) || !x64i_may_map(kernel, new_end - old_end) ||
            x64i_mm_map(kernel, &heap) != 0)
            return (int64_t)mm->brk;
    }
    mm->brk = brk;
    return (int64_t)brk;
}

/* Where a mapping shall go; negative errno otherwise. */
static int64_t choose_place(struct x64i_kernel *kernel, uint64_t address, uint64_t size,
                            unsigned flags)
{
    uint64_t limit = kernel->mm.limit;
    if (flags & (MAP_FIXED_ | MAP_NOREPLACE)) {
        if (address % X64I_PAGE_SIZE)
            return -EINVAL;
        if (size > limit || address > limit - size)
            return -ENOMEM;
        if ((flags & MAP_NOREPLACE) && !is_free(kernel, address, address + size))
            return -EEXIST;
        return (int64_t)address;
    }
    address &= ~(uint64_t)(X64I_PAGE_SIZE - 1);
    if (address && size <= limit && address <= limit - size &&
        is_free(kernel, address, address + size))
        return (int64_t)address;
    uint64_t place = x64i_mm_find_gap(kernel, size);
    return place ? (int64_t)place : -ENOMEM;
}

/* What of a file an area shows. */
static int64_t describe_file(struct x64i_kernel *kernel, unsigned fd, struct x64i_area *area,
                             uint64_t offset, uint64_t size)
{
    const struct x64i_open_file *file = x64i_file_of(kernel, fd);
    if (!file || (file->flags & O_PATH_))
        return -EBADF;
    bool program = file->kind == X64I_FILE_PROGRAM;
    if (file->kind == X64I_FILE_DEVICE && file->object == X64I_DEVICE_ZERO)
        return 0;
    if (!program && file->kind != X64I_FILE_HOST && file->kind != X64I_FILE_OVERLAY)
        return -ENODEV;
    if ((file->flags & O_ACCMODE_) == O_WRONLY_ ||
        (area->shared && (area->protection & X64I_PROT_WRITE) &&
         (file->flags & O_ACCMODE_) != O_RDWR_))
        return -EACCES;
    uint64_t length = x64i_file_size(kernel, x64i_file_number(kernel, fd) - 1);
    if (area->shared && (area->protection & X64I_PROT_WRITE))
        kernel->schedule.shared_files = 1;
    area->kind = X64I_AREA_FILE;
    area->file = program ? 0 : x64i_file_number(kernel, fd);
    area->file_offset = offset;
    area->file_size = offset < length ? length - offset : 0;
    if (area->file_size > size)
        area->file_size = size;
    return 0;
}

static int64_t map(struct x64i_kernel *kernel, uint64_t address, uint64_t length, uint64_t prot,
                   uint64_t flags, unsigned fd, uint64_t offset)
{
    uint64_t type = flags & MAP_TYPE_;
    uint64_t size = page_up(length);
    if (type == MAP_SHARED_VALIDATE_)
        type = MAP_SHARED_;
    if (length == 0 || (type != MAP_SHARED_ && type != MAP_PRIVATE_) ||
        offset % X64I_PAGE_SIZE != 0)
        return -EINVAL;
    if (size == 0 || size > kernel->mm.limit || !x64i_may_map(kernel, size))
        return -ENOMEM;
    struct x64i_area area = {.protection = (uint32_t)(prot & PROT_ALL),
                             .kind = X64I_AREA_ANONYMOUS,
                             .shared = type == MAP_SHARED_};
    if (!(flags & MAP_ANONYMOUS_)) {
        int64_t bad = describe_file(kernel, fd, &area, offset, size);
        if (bad)
            return bad;
    }
    int64_t place = choose_place(kernel, address, size, (unsigned)flags);
    if (place < 0)
        return place;
    area.start = (uint64_t)place;
    area.end = area.start + size;
    int64_t result = x64i_mm_map(kernel, &area);
    return result < 0 ? result : place;
}

SYSCALL_DEFINE6(mmap, unsigned long, addr, unsigned long, len, unsigned long, prot, unsigned long,
                flags, unsigned long, fd, unsigned long, off)
{
    return map(kernel, addr, len, prot, flags, (unsigned)fd, off);
}

/* The 32-bit mmap2: the offset counts pages. */
SYSCALL_DEFINE6(mmap_pgoff, unsigned long, addr, unsigned long, len, unsigned long, prot,
                unsigned long, flags, unsigned long, fd, unsigned long, pgoff)
{
    return map(kernel, addr, len, prot, flags, (unsigned)fd, pgoff * X64I_PAGE_SIZE);
}

SYSCALL_DEFINE2(munmap, unsigned long, addr, size_t, len)
{
    if (len > kernel->mm.limit || addr > kernel->mm.limit)
        return -EINVAL;
    return x64i_mm_unmap(kernel, addr, addr + page_up(len));
}

SYSCALL_DEFINE3(mprotect, unsigned long, start, size_t, len, unsigned long, prot)
{
    if (start % X64I_PAGE_SIZE)
        return -EINVAL;
    if (len > kernel->mm.limit || start > kernel->mm.limit)
        return -ENOMEM;
    return x64i_mm_protect(kernel, start, start + page_up(len), (uint32_t)(prot & PROT_ALL));
}

/* MADV_DONTNEED takes private pages away: they come back as zeroes, or from their file. */
SYSCALL_DEFINE3(madvise, unsigned long, start, size_t, len, int, behavior)
{
    struct x64i_mm *mm = &kernel->mm;
    if (start % X64I_PAGE_SIZE)
        return -EINVAL;
    if (len > mm->limit || start > mm->limit - page_up(len))
        return -ENOMEM;
    uint64_t end = start + page_up(len);
    for (uint64_t i = 0; behavior == MADV_DONTNEED_ && i < mm->area_count; i++) {
        const struct x64i_area *area = &mm->area[i];
        uint64_t from = area->start > start ? area->start : start;
        uint64_t to = area->end < end ? area->end : end;
        if (from < to && !area->shared)
            x64i_mm_drop_pages(kernel, from, to);
    }
    return 0;
}

SYSCALL_DEFINE3(msync, unsigned long, start, size_t, len, int, flags)
{
    if (start % X64I_PAGE_SIZE)
        return -EINVAL;
    const struct x64i_area *area = x64i_mm_find(&kernel->mm, start);
    if (!area || len > area->end - start)
        return -ENOMEM;
    x64i_mm_write_back(kernel, area, start, start + page_up(len));
    return 0;
}

/* Every page that is asked about counts as being in memory. */
SYSCALL_DEFINE3(mincore, unsigned long, start, size_t, len, unsigned char __user *, vec)
{
    if (start % X64I_PAGE_SIZE || len > kernel->mm.limit)
        return -EINVAL;
    uint64_t count = page_up(len) / X64I_PAGE_SIZE;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(vec), count);
    for (uint64_t i = 0; !bad && i < count; i++)
        x64i_user_write(kernel, X64I_USER(vec) + i, "\1", 1);
    return bad;
}

SYSCALL_DEFINE2(mlock, unsigned long, start, size_t, len)
{
    return 0;
}

SYSCALL_DEFINE2(munlock, unsigned long, start, size_t, len)
{
    return 0;
}

/* Moves what an area has from `address` on to a free place. */
static int64_t move_to(struct x64i_kernel *kernel, const struct x64i_area *old, uint64_t address,
                       uint64_t old_size, uint64_t place, uint64_t new_size)
{
    struct x64i_area area = *old;
    uint64_t skipped = address - old->start;
    area.start = place;
    area.end = place + new_size;
    area.file_offset += skipped;
    area.file_size = area.file_size > skipped ? area.file_size - skipped : 0;
    if (area.file_size > old_size)
        area.file_size = old_size;
    int64_t result = x64i_mm_map(kernel, &area);
    if (result < 0)
        return result;
    if (!x64i_mm_move_pages(kernel, address, place, old_size)) {
        x64i_mm_move_pages(kernel, place, address, old_size);
        x64i_mm_unmap(kernel, place, area.end);
        return -ENOMEM;
    }
    result = x64i_mm_unmap(kernel, address, address + old_size);
    return result < 0 ? result : (int64_t)place;
}

/* Grows an area where it stands, or moves it. */
static int64_t grow(struct x64i_kernel *kernel, const struct x64i_area *old, uint64_t address,
                    uint64_t old_size, uint64_t new_size, unsigned flags)
{
    struct x64i_area area = *old;
    uint64_t end = address + new_size;
    if (address + old_size == old->end && new_size <= kernel->mm.limit - address &&
        is_free(kernel, old->end, end)) {
        area.start = old->end;
        area.end = end;
        area.file_size = 0;
        int64_t result = x64i_mm_map(kernel, &area);
        return result < 0 ? result : (int64_t)address;
    }
    uint64_t place = flags & MREMAP_MAYMOVE_ ? x64i_mm_find_gap(kernel, new_size) : 0;
    return place ? move_to(kernel, old, address, old_size, place, new_size) : -ENOMEM;
}

/* MREMAP_FIXED: to a place of the caller's, where nothing stays (mm/mremap.c, mremap_to). */
static int64_t remap_to(struct x64i_kernel *kernel, uint64_t address, uint64_t old_size,
                        uint64_t place, uint64_t new_size)
{
    uint64_t limit = kernel->mm.limit;
    if (place % X64I_PAGE_SIZE || new_size > limit || place > limit - new_size ||
        (place < address + old_size && address < place + new_size))
        return -EINVAL;
    const struct x64i_area *area = x64i_mm_find(&kernel->mm, address);
    if (!area || area->end - address < old_size)
        return -EFAULT;
    int64_t bad = x64i_mm_unmap(kernel, place, place + new_size);
    if (!bad && new_size < old_size) {
        bad = x64i_mm_unmap(kernel, address + new_size, address + old_size);
        old_size = new_size;
    }
    area = x64i_mm_find(&kernel->mm, address);
    return bad || !area ? bad : move_to(kernel, area, address, old_size, place, new_size);
}

SYSCALL_DEFINE5(mremap, unsigned long, addr, unsigned long, old_len, unsigned long, new_len,
                unsigned long, flags, unsigned long, new_addr)
{
    uint64_t limit = kernel->mm.limit;
    if (addr % X64I_PAGE_SIZE || (flags & ~(uint64_t)(MREMAP_MAYMOVE_ | MREMAP_FIXED_)) ||
        (flags & (MREMAP_MAYMOVE_ | MREMAP_FIXED_)) == MREMAP_FIXED_ || new_len == 0 ||
        old_len == 0)
        return -EINVAL;
    if (addr > limit || old_len > limit - addr || new_len > limit)
        return -EFAULT;
    uint64_t old_size = page_up(old_len);
    uint64_t new_size = page_up(new_len);
    if (new_size > old_size && !x64i_may_map(kernel, new_size - old_size))
        return -ENOMEM;
    if (flags & MREMAP_FIXED_)
        return remap_to(kernel, addr, old_size, new_addr, new_size);
    const struct x64i_area *area = x64i_mm_find(&kernel->mm, addr);
    if (!area || area->end - addr < old_size)
        return -EFAULT;
    if (new_size == old_size)
        return (int64_t)addr;
    if (new_size < old_size) {
        int64_t result = x64i_mm_unmap(kernel, addr + new_size, addr + old_size);
        return result < 0 ? result : (int64_t)addr;
    }
    return grow(kernel, area, addr, old_size, new_size, (unsigned)flags);
}
