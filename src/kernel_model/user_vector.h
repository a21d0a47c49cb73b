/* SPDX-License-Identifier: MIT */
/*
 * A vector of buffers in the user's memory (struct iovec), which is checked already.
 */
#ifndef X64I_KERNEL_MODEL_USER_VECTOR_H
#define X64I_KERNEL_MODEL_USER_VECTOR_H

#include "kernel_model/abi.h"
#include "kernel_model/kernel.h"

struct x64i_user_vector {
    struct x64i_abi_iovec *buffer;
    uint64_t count;
    uint64_t total; /* bytes */
};

/* Reads a vector of either width and checks its buffers, to be written or read by the kernel: 0,
 * or a result of usercopy.h's kinds. The caller frees out->buffer. */
int64_t x64i_user_vector_get(struct x64i_kernel *kernel, uint64_t linear, uint64_t count,
                             bool compat, bool write, struct x64i_user_vector *out);

/* Copies bytes from and to the place `offset` bytes into the vector; as many as it has there. */
size_t x64i_user_vector_read(struct x64i_kernel *kernel, const struct x64i_user_vector *vector,
                             uint64_t offset, void *bytes, size_t size);
size_t x64i_user_vector_write(struct x64i_kernel *kernel, const struct x64i_user_vector *vector,
                              uint64_t offset, const void *bytes, size_t size);

#endif
