/* SPDX-License-Identifier: MIT */
/*
 * FIFOs: pipes with a name, which is an entry of the overlay.
 */
#ifndef X64I_KERNEL_MODEL_FIFO_H
#define X64I_KERNEL_MODEL_FIFO_H

#include "kernel_model/open_file.h"
#include "kernel_model/vfs.h"

/* Opens one for the running task: a descriptor, -ENXIO, or asleep until the other end is opened
 * too (fs/pipe.c, fifo_open). */
int64_t x64i_fifo_open(struct x64i_kernel *kernel, const struct x64i_node *node, unsigned flags);

/* The call in which the task waits for the other end has ended otherwise. */
void x64i_fifo_abandon(struct x64i_kernel *kernel);

#endif
