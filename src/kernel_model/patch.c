/* SPDX-License-Identifier: MIT */
#include "kernel_model/patch.h"

#include <string.h>

/* X86_FEATURE_ALWAYS, by which the kernel marks what is patched in any case; the same in all
 * versions. */
#define FEATURE_ALWAYS (3 * 32 + 21)

/* Intel SDM volume 2B, NOP, "Recommended Multi-Byte Sequence"; the last two only gain prefixes. */
static const uint8_t nops[12][11] = {
    [1] = {0x90},
    [2] = {0x66, 0x90},
    [3] = {0x0f, 0x1f, 0x00},
    [4] = {0x0f, 0x1f, 0x40, 0x00},
    [5] = {0x0f, 0x1f, 0x44, 0x00, 0x00},
    [6] = {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
    [7] = {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
    [8] = {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    [9] = {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    [10] = {0x66, 0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    [11] = {0x66, 0x66, 0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
};

void x64i_fill_nops(uint8_t *out, size_t size, size_t longest)
{
    while (size > 0) {
        size_t length = size < longest ? size : longest;
        memcpy(out, nops[length], length);
        out += length;
        size -= length;
    }
}

bool x64i_patch_has(const struct x64i_patch *patch, unsigned number)
{
    if (number == FEATURE_ALWAYS)
        return true;
    return patch->options->has_feature(patch->options->user, number,
                                       x64_kernel_image_feature_name(patch->image, number));
}

bool x64i_patch_has_name(const struct x64i_patch *patch, const char *name)
{
    unsigned number;

    return x64_kernel_image_feature(patch->image, name, &number, NULL) == X64_OK &&
           x64i_patch_has(patch, number);
}

/*
 * The order matters: thunks are themselves alternatives, and paravirtual calls within replacements
 * must be direct before they are copied.
 */
static enum x64_status (*const steps[])(struct x64i_patch *patch) = {
    x64i_patch_paravirt, x64i_patch_retpolines, x64i_patch_returns,  x64i_patch_alternatives,
    x64i_patch_endbrs,   x64i_patch_locks,      x64i_patch_fentries, x64i_patch_constants,
};

enum x64_status x64_kernel_image_patch(struct x64_kernel_image *image,
                                       const struct x64_patch_options *options,
                                       struct x64_patch_counts *counts,
                                       struct x64_image_error *error)
{
    struct x64_patch_options complete = {.struct_size = sizeof complete};
    struct x64i_patch patch = {.image = image, .options = &complete, .error = error};

    if (image == NULL || options == NULL)
        return x64i_image_null(error);
    if (options->struct_size < sizeof options->struct_size ||
        options->struct_size > sizeof complete)
        return x64i_image_fail(error, X64_ERROR_ARGUMENT,
                               "options of %zu bytes, where this library knows %zu",
                               options->struct_size, sizeof complete);
    memcpy(&complete, options, options->struct_size);
    if (complete.has_feature == NULL)
        return x64i_image_fail(error, X64_ERROR_ARGUMENT, "patching needs a has_feature function");
    if (image->patched)
        return x64i_image_fail(error, X64_ERROR_STATE, "kernel %.60s has been patched already",
                               image->release);
    image->patched = true;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        enum x64_status status = steps[i](&patch);
        if (status != X64_OK)
            return status;
    }
    if (counts != NULL)
        *counts = patch.counts;
    return X64_OK;
}
