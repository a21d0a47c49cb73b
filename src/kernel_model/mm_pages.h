/* SPDX-License-Identifier: MIT */
/*
 * The pages behind the areas of mm.h: page table entries, contents, and the TLB.
 */
#ifndef X64I_KERNEL_MODEL_MM_PAGES_H
#define X64I_KERNEL_MODEL_MM_PAGES_H

#include "kernel_model/mm.h"

/* Makes the page of an address in `area` present for an access, or brings its entry up to date. */
enum x64i_mm_result x64i_mm_make_page(struct x64i_kernel *kernel, const struct x64i_area *area,
                                      uint64_t linear, bool write);

/* Steps over what has no page tables at all. */
uint64_t x64i_mm_skip_empty(const struct x64i_kernel *kernel, uint64_t linear, uint64_t end);

/* Gives the user's table of `root` what the kernel's has for an address (PTI). */
void x64i_mm_share_top_entry(struct x64i_kernel *kernel, uint64_t root, uint64_t linear);

/* Writes what a shared mapping of a file has changed back to the file. */
void x64i_mm_write_back(struct x64i_kernel *kernel, const struct x64i_area *area, uint64_t start,
                        uint64_t end);

/* Gives back the pages of a range. */
void x64i_mm_drop_pages(struct x64i_kernel *kernel, uint64_t start, uint64_t end);

/* Brings the entries of an area's present pages up to date with its protection. */
void x64i_mm_protect_pages(struct x64i_kernel *kernel, const struct x64i_area *area);

#endif
