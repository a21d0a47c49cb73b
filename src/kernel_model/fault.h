/* SPDX-License-Identifier: MIT */
/*
 * Exceptions, where the entry image's code calls its C part.
 */
#ifndef X64I_KERNEL_MODEL_FAULT_H
#define X64I_KERNEL_MODEL_FAULT_H

#include <stdint.h>

struct x64i_kernel;

/* Answers an exception whose struct pt_regs is at `regs`. */
void x64i_exception_handle(struct x64i_kernel *kernel, unsigned vector, uint64_t regs,
                           uint64_t error_code);

/* The linear addresses where code that touches user memory for C stands, and where it goes on. */
uint64_t x64i_fault_in_target(const struct x64i_kernel *kernel);

#endif
