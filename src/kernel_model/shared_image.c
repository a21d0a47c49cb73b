/* SPDX-License-Identifier: MIT */
/* An image held by several machines; it does not change while they run. */
#include "kernel_model/kernel.h"

#include <stdatomic.h>
#include <stdlib.h>

struct x64i_shared_image {
    atomic_uint holders;
    struct x64_kernel_image *image;
    struct x64_kernel_image *stock;
    struct x64i_natives natives;
};

struct x64i_shared_image *x64i_shared_image_create(struct x64_kernel_image *image,
                                                   struct x64_kernel_image *stock)
{
    struct x64i_shared_image *shared = malloc(sizeof *shared);
    if (!shared) {
        x64_kernel_image_close(image);
        x64_kernel_image_close(stock);
        return NULL;
    }
    atomic_init(&shared->holders, 1);
    shared->image = image;
    shared->stock = stock;
    shared->natives = (struct x64i_natives){0};
    return shared;
}

struct x64i_shared_image *x64i_shared_image_retain(struct x64i_shared_image *shared)
{
    atomic_fetch_add(&shared->holders, 1);
    return shared;
}

void x64i_shared_image_release(struct x64i_shared_image *shared)
{
    if (!shared || atomic_fetch_sub(&shared->holders, 1) != 1)
        return;
    x64_kernel_image_close(shared->image);
    x64_kernel_image_close(shared->stock);
    free(shared->natives.list);
    free(shared);
}

const struct x64_kernel_image *x64i_shared_image_get(const struct x64i_shared_image *shared)
{
    return shared->image;
}

const struct x64_kernel_image *x64i_shared_image_stock(const struct x64i_shared_image *shared)
{
    return shared->stock;
}

struct x64i_natives *x64i_shared_image_natives(struct x64i_shared_image *shared)
{
    return &shared->natives;
}
