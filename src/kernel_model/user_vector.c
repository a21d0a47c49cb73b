/* SPDX-License-Identifier: MIT */
#include "kernel_model/user_vector.h"

#include "kernel_model/usercopy.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_RW_COUNT 0x7ffff000u
#define IOV_MAX_     1024u

/* One element of either width; its length so that all of them stay below MAX_RW_COUNT. */
static void get_one(struct x64i_kernel *kernel, uint64_t linear, bool compat,
                    struct x64i_user_vector *vector, struct x64i_abi_iovec *one)
{
    struct x64i_abi_iovec_32 narrow;
    if (compat) {
        x64i_user_read(kernel, linear, &narrow, sizeof narrow);
        *one = (struct x64i_abi_iovec){narrow.base, narrow.length};
    } else {
        x64i_user_read(kernel, linear, one, sizeof *one);
    }
    if (one->length > MAX_RW_COUNT - vector->total)
        one->length = MAX_RW_COUNT - vector->total;
    vector->total += one->length;
}

int64_t x64i_user_vector_get(struct x64i_kernel *kernel, uint64_t linear, uint64_t count,
                             bool compat, bool write, struct x64i_user_vector *out)
{
    size_t width = compat ? sizeof(struct x64i_abi_iovec_32) : sizeof(struct x64i_abi_iovec);
    if (count > IOV_MAX_)
        return -EINVAL;
    int64_t bad = x64i_user_readable(kernel, linear, count * width);
    if (bad)
        return bad;
    struct x64i_user_vector vector = {.count = count};
    vector.buffer = calloc(count + 1, sizeof *vector.buffer);
    if (!vector.buffer)
        return -ENOMEM;
    for (uint64_t i = 0; i < count && !bad; i++) {
        struct x64i_abi_iovec *one = &vector.buffer[i];
        get_one(kernel, linear + i * width, compat, &vector, one);
        bad = write ? x64i_user_writable(kernel, one->base, one->length)
                    : x64i_user_readable(kernel, one->base, one->length);
    }
    if (bad)
        free(vector.buffer);
    else
        *out = vector;
    return bad;
}

static size_t copy(struct x64i_kernel *kernel, const struct x64i_user_vector *vector,
                   uint64_t offset, uint8_t *to, const uint8_t *from, size_t size)
{
    size_t done = 0;
    for (uint64_t i = 0; i < vector->count && done < size; i++) {
        const struct x64i_abi_iovec *one = &vector->buffer[i];
        if (offset >= one->length) {
            offset -= one->length;
            continue;
        }
        uint64_t room = one->length - offset;
        size_t piece = room < size - done ? (size_t)room : size - done;
        if (from)
            x64i_user_write(kernel, one->base + offset, from + done, piece);
        else
            x64i_user_read(kernel, one->base + offset, to + done, piece);
        done += piece;
        offset = 0;
    }
    return done;
}

size_t x64i_user_vector_read(struct x64i_kernel *kernel, const struct x64i_user_vector *vector,
                             uint64_t offset, void *bytes, size_t size)
{
    return copy(kernel, vector, offset, bytes, NULL, size);
}

size_t x64i_user_vector_write(struct x64i_kernel *kernel, const struct x64i_user_vector *vector,
                              uint64_t offset, const void *bytes, size_t size)
{
    return copy(kernel, vector, offset, NULL, bytes, size);
}
