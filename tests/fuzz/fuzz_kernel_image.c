/* SPDX-License-Identifier: MIT */
/* Kernel images from an enemy: opened, asked and patched, or refused. */
#include "x64emu/kernel_patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_even(void *user, unsigned number, const char *name)
{
    (void)user;
    (void)name;
    return number % 2 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct x64_kernel_image *image;
    struct x64_image_error error;
    struct x64_image_info info;
    struct x64_image_member member;
    struct x64_patch_options options = {
        .struct_size = sizeof options, .has_feature = has_even, .uniprocessor = true};
    uint64_t value;

    if (x64_kernel_image_open_memory(data, size, &image, &error) != X64_OK)
        return 0;
    x64_kernel_image_info(image, &info);
    (void)x64_kernel_image_type_size(image, "task_struct", &value, &error);
    (void)x64_kernel_image_member(image, "pt_regs", "ip", &member, &error);
    (void)x64_kernel_image_patch(image, &options, NULL, &error);
    x64_kernel_image_close(image);
    return 0;
}
