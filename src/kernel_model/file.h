/* SPDX-License-Identifier: MIT */
/*
 * The task's open files, as the system calls share them.
 */
#ifndef X64I_KERNEL_MODEL_FILE_H
#define X64I_KERNEL_MODEL_FILE_H

#include "kernel_model/kernel.h"

/* The open file behind a descriptor, or null. */
struct x64i_file *x64i_file_of(struct x64i_kernel *kernel, unsigned fd);

/* Whether a path names the program: the only file there is (task.c). */
bool x64i_path_is_program(const struct x64i_kernel *kernel, const char *path);

#endif
