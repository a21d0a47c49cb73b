/* SPDX-License-Identifier: MIT */
/*
 * Record locks of fcntl (fs/locks.c): on ranges of a file's bytes, owned by a process or, with the
 * F_OFD_ commands, by an open file. They stand in the open file through which they were asked for.
 */
#ifndef X64I_KERNEL_MODEL_RECORD_LOCK_H
#define X64I_KERNEL_MODEL_RECORD_LOCK_H

#include "kernel_model/open_file.h"

/* Whether fcntl's command is one of them. */
bool x64i_is_record_lock(const struct x64i_kernel *kernel, unsigned command);

/* Runs it on an open file, by index, with the user's struct flock at `lock`. 0, a negative errno,
 * or X64I_SLEEP; nobody looks for tasks that wait for each other. */
int64_t x64i_record_lock(struct x64i_kernel *kernel, uint32_t index, unsigned command,
                         uint64_t lock);

/* The running process closes a descriptor of the file: it loses all its locks on it. */
void x64i_record_locks_drop(struct x64i_kernel *kernel, const struct x64i_open_file *file);

#endif
