/* SPDX-License-Identifier: MIT */
#include "state/lazy.h"

#include <stdint.h>
#include <sys/mman.h>

#define HOST_PAGE ((size_t)4 << 10)

void *x64i_lazy_allocate(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* More than is needed is mapped, and what lies before and behind given back. */
void *x64i_lazy_allocate_huge(size_t size)
{
    if (size > SIZE_MAX - 2 * X64I_HUGE_PAGE)
        return NULL;
    size = (size + HOST_PAGE - 1) / HOST_PAGE * HOST_PAGE;
    uint8_t *memory = x64i_lazy_allocate(size + X64I_HUGE_PAGE);
    if (!memory)
        return NULL;
    size_t before = -(uintptr_t)memory % X64I_HUGE_PAGE;
    if (before)
        (void)munmap(memory, before);
    size_t behind = X64I_HUGE_PAGE - before;
    if (behind)
        (void)munmap(memory + before + size, behind);
    (void)madvise(memory + before, size, MADV_HUGEPAGE); /* a wish: it works without */
    return memory + before;
}

void x64i_lazy_free(void *memory, size_t size)
{
    if (memory)
        (void)munmap(memory, size);
}
