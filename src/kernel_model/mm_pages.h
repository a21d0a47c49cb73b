/* SPDX-License-Identifier: MIT */
/*
 * The pages behind the areas of mm.h: page table entries, contents, and the TLB.
 */
#ifndef X64I_KERNEL_MODEL_MM_PAGES_H
#define X64I_KERNEL_MODEL_MM_PAGES_H

#include "kernel_model/mm.h"

/* Makes the page of an address in `area` present, or brings its entry up to date. */
enum x64i_mm_result x64i_mm_make_page(struct x64i_kernel *kernel, const struct x64i_area *area,
                                      uint64_t linear);

/* Gives back the pages of a range. */
void x64i_mm_drop_pages(struct x64i_kernel *kernel, uint64_t start, uint64_t end);

/* Brings the entries of present pages up to date with a protection. */
void x64i_mm_protect_pages(struct x64i_kernel *kernel, uint64_t start, uint64_t end,
                           uint32_t protection);

#endif
