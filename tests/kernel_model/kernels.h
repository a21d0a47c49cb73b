/* SPDX-License-Identifier: MIT */
/*
 * The Debian kernels under test. A missing one fails the test that asks for it, with a sentence
 * that says how to get it.
 */
#ifndef X64_TESTS_KERNEL_MODEL_KERNELS_H
#define X64_TESTS_KERNEL_MODEL_KERNELS_H

#include "x64emu/kernel_image.h"

/* For loop tests: each kernel of the test set in turn. */
#define X64_TEST_KERNEL_COUNT 2

/* The name of kernel `index`: "6.1-cloud", "6.12-cloud". */
const char *x64_test_kernel_name(int index);

/* Open the kernel called `name`; the caller closes it. */
struct x64_kernel_image *x64_test_kernel(const char *name);

/* Its file's bytes; the caller frees them. */
uint8_t *x64_test_kernel_file(const char *name, size_t *size);

/* Where that file is, or should be. */
void x64_test_kernel_path(const char *name, char *path, size_t size);

/* The address of a symbol that the kernel must have. */
uint64_t x64_test_symbol(const struct x64_kernel_image *image, const char *name);

#endif
