/* SPDX-License-Identifier: MIT */
/*
 * Records of a page each in a paged region: tasks, processes, open files ...
 */
#ifndef X64I_KERNEL_MODEL_REGION_PAGES_H
#define X64I_KERNEL_MODEL_REGION_PAGES_H

#include "kernel_model/kernel.h"

/* The page for writing, valid until the native function returns. Without host memory: the scratch
 * page, and the run ends. */
static inline void *x64i_record_at(struct x64i_kernel *kernel, struct x64i_pages *pages,
                                   uint64_t index)
{
    uint8_t *page = x64i_pages_write(pages, index);
    if (page)
        return page;
    kernel->memory->out_of_memory = true;
    return kernel->scratch;
}

/* The same for reading. */
static inline const void *x64i_record_read(const struct x64i_kernel *kernel,
                                           const struct x64i_pages *pages, uint64_t index)
{
    const uint8_t *page = x64i_pages_read(pages, index);
    return page ? page : kernel->scratch;
}

#endif
