/* SPDX-License-Identifier: MIT */
#include "kernel_model/kernels.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const kernel_names[X64_TEST_KERNEL_COUNT] = {"6.1-cloud", "6.12-cloud"};

const char *x64_test_kernel_name(int index)
{
    return kernel_names[index];
}

void x64_test_kernel_path(const char *name, char *path, size_t size)
{
    const char *directory = getenv("X64EMU_KERNELS");

    snprintf(path, size, "%s/%s/vmlinuz", directory != NULL ? directory : X64_TEST_KERNELS, name);
}

uint8_t *x64_test_kernel_file(const char *name, size_t *size)
{
    char path[512];

    x64_test_kernel_path(name, path, sizeof path);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is missing: run tools/fetch-kernels", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*size);
    ck_assert_ptr_nonnull(data);
    ck_assert_uint_eq(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

struct x64_kernel_image *x64_test_kernel(const char *name)
{
    struct x64_kernel_image *image = NULL;
    struct x64_image_error error = {""};
    size_t size;
    uint8_t *data = x64_test_kernel_file(name, &size);
    enum x64_status status = x64_kernel_image_open_memory(data, size, &image, &error);

    free(data);
    ck_assert_msg(status == X64_OK, "%s: %s", name, error.text);
    return image;
}

uint64_t x64_test_symbol(const struct x64_kernel_image *image, const char *name)
{
    struct x64_image_symbol symbol = {.name = NULL};
    struct x64_image_error error = {""};

    ck_assert_msg(x64_kernel_image_symbol(image, name, &symbol, &error) == X64_OK, "%s",
                  error.text);
    return symbol.address;
}
