/* SPDX-License-Identifier: MIT */
/*
 * User memory from C. A system call's body first checks all the memory it will read and write, and
 * has no effect before; what is checked can then be copied without failing. A check that meets a
 * page which is not there answers X64I_FAULT_IN: the body returns that, the guest is made to touch
 * the page itself, and the body runs again from its beginning.
 *
 *     int64_t bad = x64i_user_readable(kernel, linear, size);
 *     if (bad)
 *         return bad;
 *     x64i_user_read(kernel, linear, buffer, size);
 */
#ifndef X64I_KERNEL_MODEL_USERCOPY_H
#define X64I_KERNEL_MODEL_USERCOPY_H

#include <stddef.h>
#include <stdint.h>

/* What a body returns for "not now": beyond every errno. */
#define X64I_FAULT_IN    INT64_MIN       /* a page must be faulted in */
#define X64I_SLEEP       (INT64_MIN + 1) /* look again later; after a signal the call is made again */
#define X64I_NO_RESULT   (INT64_MIN + 2) /* the call does not return */
#define X64I_SLEEP_ONCE  (INT64_MIN + 3) /* look again later; EINTR after a signal */
#define X64I_SLEEP_ON    (INT64_MIN + 4) /* look again later, whatever signals come */
#define X64I_KEEP_RESULT (INT64_MIN + 5) /* the task's `result`, which may be any number */

struct x64i_kernel;

/* 0 when the whole range can be copied, -EFAULT when it never will, or X64I_FAULT_IN. */
int64_t x64i_user_readable(struct x64i_kernel *kernel, uint64_t linear, uint64_t size);
int64_t x64i_user_writable(struct x64i_kernel *kernel, uint64_t linear, uint64_t size);

/* Copies what was checked. */
void x64i_user_read(struct x64i_kernel *kernel, uint64_t linear, void *buffer, size_t size);
void x64i_user_write(struct x64i_kernel *kernel, uint64_t linear, const void *bytes, size_t size);

/* Checks and copies a string of at most size - 1 bytes; -ENAMETOOLONG when it is longer. Otherwise
 * its length, or as x64i_user_readable. */
int64_t x64i_user_string(struct x64i_kernel *kernel, uint64_t linear, char *buffer, size_t size);

/* What is there now, for texts: answers how many bytes could be read; never faults. */
size_t x64i_user_peek(const struct x64i_kernel *kernel, uint64_t linear, void *buffer, size_t size);

#endif
