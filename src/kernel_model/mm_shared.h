/* SPDX-License-Identifier: MIT */
/*
 * Files that are mapped with MAP_SHARED: between mappings, and between them and read and write.
 */
#ifndef X64I_KERNEL_MODEL_MM_SHARED_H
#define X64I_KERNEL_MODEL_MM_SHARED_H

#include "kernel_model/open_file.h"

/* How many bytes of its file an area shows. A shared one shows what the file has by now, others
 * what it had when they were made. */
uint64_t x64i_mm_file_bytes(struct x64i_kernel *kernel, const struct x64i_area *area);

/* The frame that another mapping of the same file has for the page at `linear`, or 0. */
uint64_t x64i_mm_shared_frame(struct x64i_kernel *kernel, const struct x64i_area *area,
                              uint64_t linear);

/* Brings a part of the file up to date with what was stored through mappings; any file if null. */
void x64i_mm_shared_to_file(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                            uint64_t position, uint64_t size);

/* Shows mappings what was written to the file. */
void x64i_mm_shared_from_file(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                              uint64_t position, const void *bytes, size_t size);

#endif
