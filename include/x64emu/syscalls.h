/* SPDX-License-Identifier: MIT */
/*
 * System calls of your own for the mini-kernel: single ones, or a whole table in place of Linux's.
 * The call takes the guest's whole way in (SYSCALL, stack switch, pt_regs, dispatch); then your C
 * function answers it as one step, and traces print it with the names and types given here.
 *
 *     static int64_t add(struct x64_machine *machine, void *user, const uint64_t arguments[6])
 *     {
 *         return (int64_t)(arguments[0] + arguments[1]);
 *     }
 *     ...
 *     const struct x64_syscall call = {.struct_size = sizeof call, .name = "add", .body = add,
 *                                      .parameter_count = 2,
 *                                      .parameter = {{"long", "a"}, {"long", "b"}}};
 *     x64_kernel_set_syscall(machine, X64_TABLE_64, 400, &call);
 *
 * A body runs again whenever its step is repeated (x64_goto), so it must depend on nothing but its
 * arguments, the guest's state, and what x64_guest_input gives; what it prints goes through
 * x64_guest_output. It may use the API to read and change the machine; that is a part of its step
 * and makes no barrier. Running the machine, going elsewhere in time and restoring it answer
 * X64_ERROR_STATE.
 */
#ifndef X64EMU_SYSCALLS_H
#define X64EMU_SYSCALLS_H

#include "x64emu/machine.h"

#ifdef __cplusplus
extern "C" {
#endif

enum x64_syscall_table {
    X64_TABLE_64, /* Linux's syscall_64.tbl: SYSCALL from 64-bit mode */
    X64_TABLE_32  /* syscall_32.tbl: INT 0x80 and SYSENTER */
};

/* As strace prints them: "const char *" is a string; it and a "char *" with a size_t after it are a
 * buffer. Other pointers are addresses, "int" and "long" are signed, all else is unsigned. */
struct x64_syscall_parameter {
    const char *type;
    const char *name;
};

/* Answers what the guest finds in RAX: a result, -1 to -4095 for -errno, or what a copying function
 * below said (other than 0 or a length), at once and as it is. */
typedef int64_t x64_syscall_body(struct x64_machine *machine, void *user,
                                 const uint64_t arguments[6]);

struct x64_syscall {
    size_t struct_size;
    const char *name; /* 1 to 63 bytes */
    unsigned parameter_count;
    struct x64_syscall_parameter parameter[6]; /* names and types of 1 to 63 bytes */
    x64_syscall_body *body; /* null: answered -ENOSYS, but printed with its name */
    void *user;
};

/* A number of a table for x64_kernel_set_table. */
struct x64_numbered_syscall {
    uint32_t number;
    struct x64_syscall syscall;
};

/*
 * Has number `number` of the table answered by `syscall` (copied; `user` is passed on), or as the
 * mini-kernel does when it is null. Numbers go as far as Linux's table: behind its end the entry
 * code itself answers -ENOSYS. A new history begins here; forks keep the calls, saved files do not.
 * X64_ERROR_STATE without a kernel model or from inside a body, X64_ERROR_ARGUMENT,
 * X64_ERROR_MEMORY.
 */
X64_API enum x64_status x64_kernel_set_syscall(struct x64_machine *machine,
                                               enum x64_syscall_table table, uint32_t number,
                                               const struct x64_syscall *syscall);

/* Replaces a whole table: the `count` calls given, and -ENOSYS for every other number. A null
 * `calls` with count 0 brings Linux's back. All or nothing; a number given twice is
 * X64_ERROR_ARGUMENT. Otherwise as above. */
X64_API enum x64_status x64_kernel_set_table(struct x64_machine *machine,
                                             enum x64_syscall_table table,
                                             const struct x64_numbered_syscall *calls,
                                             size_t count);

/*
 * From a body: user memory as the kernel copies it. 0 when all was copied; otherwise nothing was,
 * and the body must return what it got: -EFAULT, or a value that has the guest fault the page in
 * and runs the body again from its beginning. So copy before you change anything, and copy in
 * before you copy out. Outside of a body, or with a null pointer: -EINVAL.
 */
X64_API int64_t x64_copy_from_user(struct x64_machine *machine, void *buffer, uint64_t linear,
                                   size_t size);
X64_API int64_t x64_copy_to_user(struct x64_machine *machine, uint64_t linear, const void *bytes,
                                 size_t size);

/* A string of at most size - 1 bytes with its zero: answers its length, or as above;
 * -ENAMETOOLONG when it does not fit. */
X64_API int64_t x64_string_from_user(struct x64_machine *machine, char *buffer, uint64_t linear,
                                     size_t size);

/* From a body: outside input through the recorded door, and output that is not repeated when the
 * machine goes back (struct x64_host). X64_ERROR_STATE outside of a body. */
X64_API enum x64_status x64_guest_input(struct x64_machine *machine, enum x64_input_kind kind,
                                        void *buffer, size_t size, size_t *given);
X64_API enum x64_status x64_guest_output(struct x64_machine *machine, int stream, const void *bytes,
                                         size_t size);

#ifdef __cplusplus
}
#endif

#endif
