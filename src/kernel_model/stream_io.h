/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing an open file from and to the user's memory, which is checked already.
 */
#ifndef X64I_KERNEL_MODEL_STREAM_IO_H
#define X64I_KERNEL_MODEL_STREAM_IO_H

#include "kernel_model/open_file.h"

/* A stretch of the user's memory. */
struct x64i_buffer {
    uint64_t linear;
    uint64_t size;
};

/* From and to the file's position; a result of usercopy.h's kinds, or bytes. */
int64_t x64i_stream_read(struct x64i_kernel *kernel, uint32_t index, struct x64i_buffer buffer);
int64_t x64i_stream_write(struct x64i_kernel *kernel, uint32_t index, struct x64i_buffer buffer);

/* The same at a position of a file that has positions. */
int64_t x64i_stream_pread(struct x64i_kernel *kernel, uint32_t index, uint64_t position,
                          struct x64i_buffer buffer);
int64_t x64i_stream_pwrite(struct x64i_kernel *kernel, uint32_t index, uint64_t position,
                           struct x64i_buffer buffer);

#endif
