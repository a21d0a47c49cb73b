/* SPDX-License-Identifier: MIT */
/*
 * Waiting for the console. Whether a read of it would answer at once is asked through the recorded
 * door (X64_INPUT_CONSOLE_READY), at steps that follow from the guest's state alone: when a system
 * call looks, at ticks while a task waits for it, and when no task can run. Only then may the
 * outside take its time, until the guest's next timer at the most.
 */
#ifndef X64I_KERNEL_MODEL_CONSOLE_H
#define X64I_KERNEL_MODEL_CONSOLE_H

#include "kernel_model/kernel.h"

/* Whether a read answers at once; if not, the task is one that waits for the console. */
bool x64i_console_ready(struct x64i_kernel *kernel);

/* The same for read(2): a task that has nobody beside it, and no timer that could interrupt it, may
 * as well wait in the read itself. */
bool x64i_console_may_read(struct x64i_kernel *kernel);

/* Reads up to `size` bytes; 0 is the end. */
size_t x64i_console_read(struct x64i_kernel *kernel, void *buffer, size_t size);

/* The tick: looks for those who wait. */
void x64i_console_tick(struct x64i_kernel *kernel);

/* No task can run: waits outside. True when a task may look again at once. */
bool x64i_console_idle(struct x64i_kernel *kernel);

#endif
