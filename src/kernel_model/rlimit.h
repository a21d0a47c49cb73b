/* SPDX-License-Identifier: MIT */
/*
 * Limits of a process (kernel/sys.c, do_prlimit), which its children inherit and execve keeps.
 * Those that are heeded: FSIZE by writes and truncations, STACK by the stack's growth, NOFILE by
 * new descriptors, AS by new mappings. NPROC is not: the guest is root, for whom Linux does not
 * heed it either.
 */
#ifndef X64I_KERNEL_MODEL_RLIMIT_H
#define X64I_KERNEL_MODEL_RLIMIT_H

#include "kernel_model/kernel.h"

enum x64i_rlimit {
    X64I_RLIMIT_FSIZE = 1,
    X64I_RLIMIT_STACK = 3,
    X64I_RLIMIT_CORE = 4,
    X64I_RLIMIT_NOFILE = 7,
    X64I_RLIMIT_AS = 9
};

#define X64I_STACK_DEFAULT (UINT64_C(8) << 20)
#define X64I_STACK_GUARD   (UINT64_C(1) << 20) /* between mappings and the lowest stack */

/* The first process's. */
void x64i_rlimits_init(struct x64i_process *process);

/* The running process's, the soft one: bytes or descriptors, UINT64_MAX for none. */
uint64_t x64i_rlimit(const struct x64i_kernel *kernel, enum x64i_rlimit which);

/* How many descriptors it may have. */
unsigned x64i_descriptor_limit(const struct x64i_kernel *kernel);

/* Whether `size` bytes more of address space are allowed. */
bool x64i_may_map(const struct x64i_kernel *kernel, uint64_t size);

/* How many of `size` bytes may be written at `position`; 0 sends SIGXFSZ, and the call is to answer
 * -EFBIG. */
uint64_t x64i_may_write(struct x64i_kernel *kernel, uint64_t position, uint64_t size);

/* Bytes that a new program's stack may take. */
uint64_t x64i_stack_limit(const struct x64i_kernel *kernel);

#endif
