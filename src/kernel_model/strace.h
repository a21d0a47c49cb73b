/* SPDX-License-Identifier: MIT */
/*
 * System calls as text.
 */
#ifndef X64I_KERNEL_MODEL_STRACE_H
#define X64I_KERNEL_MODEL_STRACE_H

#include "kernel_model/abi.h"
#include "kernel_model/syscall.h"

/* Writes an argument by its name, if it has one; false when a number or a string says it all. */
bool x64i_strace_value(const struct x64i_kernel *kernel, const char *name,
                       const struct x64i_parameter *parameter, const struct x64i_call_record *call,
                       uint64_t value, char *text, size_t size);

#endif
