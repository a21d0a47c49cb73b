/* SPDX-License-Identifier: MIT */
/*
 * Paths that the user names in system calls.
 */
#ifndef X64I_KERNEL_MODEL_PATH_H
#define X64I_KERNEL_MODEL_PATH_H

#include "kernel_model/host_view.h"
#include "kernel_model/vfs.h"

#define X64I_USER_PATH 4096

/* Copies one from the user's memory: 0, or as x64i_user_string. */
int64_t x64i_path_get(struct x64i_kernel *kernel, uint64_t linear, char path[X64I_USER_PATH]);

/* Copies one and finds what it names. */
int64_t x64i_path_walk(struct x64i_kernel *kernel, int dfd, uint64_t linear, bool follow,
                       struct x64i_node *node);

/* Makes a FIFO or a socket of a name that must be new: 0 with its entry of the overlay, or a
 * negative errno. `mode` has one of S_IFMT; the umask is the process's. */
int64_t x64i_path_make_special(struct x64i_kernel *kernel, int dfd, const char *path, uint32_t mode,
                               uint32_t *entry);

#endif
