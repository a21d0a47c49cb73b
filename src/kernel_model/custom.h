/* SPDX-License-Identifier: MIT */
/* System calls that the host gave the mini-kernel (x64emu/syscalls.h), sorted by number. */
#ifndef X64I_KERNEL_MODEL_CUSTOM_H
#define X64I_KERNEL_MODEL_CUSTOM_H

#include "kernel_model/syscall.h"

#include "x64emu/syscalls.h"

#define X64I_CUSTOM_NAME 64

struct x64i_custom_call {
    struct x64i_syscall_row row; /* .definition points to the next member */
    struct x64i_syscall definition;
    x64_syscall_body *body;
    void *user;
    char name[X64I_CUSTOM_NAME];
    char types[6][X64I_CUSTOM_NAME];
    char names[6][X64I_CUSTOM_NAME];
};

struct x64i_custom_table {
    struct x64i_custom_call **calls; /* by number */
    size_t count;
    bool whole; /* other numbers are holes */
};

struct x64i_custom {
    struct x64i_custom_table table[2]; /* enum x64_syscall_table */
    bool in_body;
};

/* The host's call of that number, or null. */
const struct x64i_custom_call *x64i_custom_find(const struct x64i_kernel *kernel, bool compat,
                                                uint64_t number);

/* What a number means in this kernel: the host's row, or the built-in one; null for a hole. */
const struct x64i_syscall_row *x64i_custom_row(const struct x64i_kernel *kernel, bool compat,
                                               uint64_t number);

/* Runs the body. */
int64_t x64i_custom_answer(struct x64i_kernel *kernel, const struct x64i_custom_call *call,
                           const uint64_t arguments[6]);

/* Gives `to`, which has none yet, the calls of `from`. */
enum x64_status x64i_custom_copy(const struct x64i_kernel *from, struct x64i_kernel *to);

void x64i_custom_free(struct x64i_kernel *kernel);

#endif
