/* SPDX-License-Identifier: MIT */
#include "state/lazy.h"

#include <sys/mman.h>

void *x64i_lazy_allocate(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void x64i_lazy_free(void *memory, size_t size)
{
    if (memory)
        (void)munmap(memory, size);
}
