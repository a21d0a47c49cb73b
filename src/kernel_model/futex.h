/* SPDX-License-Identifier: MIT */
/*
 * Futexes: tasks that wait for a word of memory, known by its place in its address space or, where
 * that is shared, by its physical address.
 */
#ifndef X64I_KERNEL_MODEL_FUTEX_H
#define X64I_KERNEL_MODEL_FUTEX_H

#include <stdint.h>

struct x64i_kernel;

/* Wakes up to `count` tasks that wait at a word without FUTEX_PRIVATE_FLAG; answers how many, or
 * what is wrong with the word. */
int64_t x64i_futex_wake(struct x64i_kernel *kernel, uint64_t word, uint32_t count, uint32_t bitset);

/* Marks the locks that the running task still holds (set_robust_list); 0 or X64I_FAULT_IN. */
int64_t x64i_futex_robust_exit(struct x64i_kernel *kernel);

#endif
