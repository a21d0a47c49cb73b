/* SPDX-License-Identifier: MIT */
/*
 * System calls as rows: numbers from syscall_64.tbl and syscall_32.tbl, bodies from definitions in
 * Linux's notation, whose types and names of arguments are data as well:
 *
 *     SYSCALL_DEFINE3(write, unsigned int, fd, const char __user *, buf, size_t, count)
 *     {
 *         ... kernel ...
 *     }
 *
 * A pointer with __user is a guest's address: X64I_USER(buf) is its number, it is never followed. A
 * body returns what goes to the guest's RAX, or one of the values of usercopy.h; COMPAT_
 * definitions are those of 32-bit programs where structures differ.
 */
#ifndef X64I_KERNEL_MODEL_SYSCALL_H
#define X64I_KERNEL_MODEL_SYSCALL_H

#include "kernel_model/kernel.h"
#include "kernel_model/usercopy.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

struct x64i_parameter {
    const char *type;
    const char *name;
};

struct x64i_syscall {
    const char *name; /* of the body */
    uint8_t count;
    struct x64i_parameter parameter[6];
    int64_t (*body)(struct x64i_kernel *kernel, const uint64_t *arguments);
};

/* A number of a table; `definition` is null where there is no body. */
struct x64i_syscall_row {
    uint32_t number;
    const char *name;  /* "" in a hole */
    const char *entry; /* "sys_write" */
    const struct x64i_syscall *definition;
};

/* The rows of the 64-bit or the 32-bit table, index = number; null behind the last. */
const struct x64i_syscall_row *x64i_syscall_row(bool compat, uint64_t number);

/*
 * Answers a call: its result, or X64I_FAULT_IN, X64I_SLEEP, X64I_NO_RESULT. Keeps the record for
 * x64_syscall_text. Arguments of 32-bit calls are zero-extended.
 */
int64_t x64i_syscall_answer(struct x64i_kernel *kernel, bool compat, uint64_t number,
                            const uint64_t arguments[6]);

/* What the end of a call leaves: its record, and nothing of what it had waited for. */
void x64i_syscall_finish(struct x64i_kernel *kernel, bool compat, uint64_t number,
                         const uint64_t arguments[6], int64_t result);

static inline bool x64i_is_sleep(int64_t result)
{
    return result == X64I_SLEEP || result == X64I_SLEEP_ONCE || result == X64I_SLEEP_ON;
}

#define X64I_CLOCK_MONOTONIC 1u

/* sys_time.c: the guest's time in nanoseconds, as one of the kernel's clocks counts it. */
uint64_t x64i_time_now(const struct x64i_kernel *kernel, unsigned clock);

/* Puts the task to sleep: X64I_SLEEP until the time is over, then 0. */
int64_t x64i_sleep_for(struct x64i_kernel *kernel, uint64_t nanoseconds);

/* Reads a struct timespec of the user's: 0, -EINVAL, or as x64i_user_readable answers. */
int64_t x64i_timespec_get(struct x64i_kernel *kernel, uint64_t linear, uint64_t *nanoseconds);
int64_t x64i_timespec_get_32(struct x64i_kernel *kernel, uint64_t linear, uint64_t *nanoseconds);

/* Named in types of parameters only. */
struct clone_args;
struct compat_iovec;
struct epoll_event;
struct iovec;
struct itimerspec;
struct itimerval;
struct linux_dirent64;
struct msghdr;
struct new_utsname;
struct old_timespec32;
struct old_timeval32;
struct pollfd;
struct rlimit;
struct rlimit64;
struct rseq;
struct robust_list_head;
struct rusage;
struct sigaction;
struct sigaltstack;
struct sigevent;
struct siginfo;
struct sockaddr;
struct stat;
struct statfs;
struct statx;
struct sysinfo;
struct timespec;
struct timeval;
struct timezone;
struct tms;
struct user_desc;

#define __user
#define X64I_USER(pointer) ((uint64_t)(uintptr_t)(pointer))

#define X64I_SC_DECLARE(type, name) __attribute__((unused)) type name
#define X64I_SC_META(type, name) \
    {                            \
#type, #name             \
    }

#define X64I_SC_MAP1(m, t, n)      m(t, n)
#define X64I_SC_MAP2(m, t, n, ...) m(t, n), X64I_SC_MAP1(m, __VA_ARGS__)
#define X64I_SC_MAP3(m, t, n, ...) m(t, n), X64I_SC_MAP2(m, __VA_ARGS__)
#define X64I_SC_MAP4(m, t, n, ...) m(t, n), X64I_SC_MAP3(m, __VA_ARGS__)
#define X64I_SC_MAP5(m, t, n, ...) m(t, n), X64I_SC_MAP4(m, __VA_ARGS__)
#define X64I_SC_MAP6(m, t, n, ...) m(t, n), X64I_SC_MAP5(m, __VA_ARGS__)

#define X64I_SC_CAST(type, index)          (type)(uintptr_t) arguments[index]
#define X64I_SC_CAST1(a, an)               X64I_SC_CAST(a, 0)
#define X64I_SC_CAST2(a, an, b, bn)        X64I_SC_CAST1(a, an), X64I_SC_CAST(b, 1)
#define X64I_SC_CAST3(a, an, b, bn, c, cn) X64I_SC_CAST2(a, an, b, bn), X64I_SC_CAST(c, 2)
#define X64I_SC_CAST4(a, an, b, bn, c, cn, d, dn) \
    X64I_SC_CAST3(a, an, b, bn, c, cn), X64I_SC_CAST(d, 3)
#define X64I_SC_CAST5(a, an, b, bn, c, cn, d, dn, e, en) \
    X64I_SC_CAST4(a, an, b, bn, c, cn, d, dn), X64I_SC_CAST(e, 4)
#define X64I_SC_CAST6(a, an, b, bn, c, cn, d, dn, e, en, f, fn) \
    X64I_SC_CAST5(a, an, b, bn, c, cn, d, dn, e, en), X64I_SC_CAST(f, 5)

#define X64I_SC_DEFINE(x, prefix, name, ...)                                                  \
    static int64_t prefix##body_##name(struct x64i_kernel *kernel,                            \
                                       X64I_SC_MAP##x(X64I_SC_DECLARE, __VA_ARGS__));         \
    static int64_t prefix##call_##name(struct x64i_kernel *kernel, const uint64_t *arguments) \
    {                                                                                         \
        return prefix##body_##name(kernel, X64I_SC_CAST##x(__VA_ARGS__));                     \
    }                                                                                         \
    extern const struct x64i_syscall x64i_##prefix##syscall_##name;                           \
    const struct x64i_syscall x64i_##prefix##syscall_##name = {                               \
        #name, x, {X64I_SC_MAP##x(X64I_SC_META, __VA_ARGS__)}, prefix##call_##name};          \
    static int64_t prefix##body_##name(__attribute__((unused)) struct x64i_kernel *kernel,    \
                                       X64I_SC_MAP##x(X64I_SC_DECLARE, __VA_ARGS__))

#define SYSCALL_DEFINE0(name)                                                                \
    static int64_t body_##name(struct x64i_kernel *kernel);                                  \
    static int64_t call_##name(struct x64i_kernel *kernel,                                   \
                               __attribute__((unused)) const uint64_t *arguments)            \
    {                                                                                        \
        return body_##name(kernel);                                                          \
    }                                                                                        \
    extern const struct x64i_syscall x64i_syscall_##name;                                    \
    const struct x64i_syscall x64i_syscall_##name = {#name, 0, {{NULL, NULL}}, call_##name}; \
    static int64_t body_##name(__attribute__((unused)) struct x64i_kernel *kernel)

#define SYSCALL_DEFINE1(name, ...) X64I_SC_DEFINE(1, , name, __VA_ARGS__)
#define SYSCALL_DEFINE2(name, ...) X64I_SC_DEFINE(2, , name, __VA_ARGS__)
#define SYSCALL_DEFINE3(name, ...) X64I_SC_DEFINE(3, , name, __VA_ARGS__)
#define SYSCALL_DEFINE4(name, ...) X64I_SC_DEFINE(4, , name, __VA_ARGS__)
#define SYSCALL_DEFINE5(name, ...) X64I_SC_DEFINE(5, , name, __VA_ARGS__)
#define SYSCALL_DEFINE6(name, ...) X64I_SC_DEFINE(6, , name, __VA_ARGS__)

#define COMPAT_SYSCALL_DEFINE1(name, ...) X64I_SC_DEFINE(1, compat_, name, __VA_ARGS__)
#define COMPAT_SYSCALL_DEFINE2(name, ...) X64I_SC_DEFINE(2, compat_, name, __VA_ARGS__)
#define COMPAT_SYSCALL_DEFINE3(name, ...) X64I_SC_DEFINE(3, compat_, name, __VA_ARGS__)
#define COMPAT_SYSCALL_DEFINE4(name, ...) X64I_SC_DEFINE(4, compat_, name, __VA_ARGS__)
#define COMPAT_SYSCALL_DEFINE5(name, ...) X64I_SC_DEFINE(5, compat_, name, __VA_ARGS__)
#define COMPAT_SYSCALL_DEFINE6(name, ...) X64I_SC_DEFINE(6, compat_, name, __VA_ARGS__)

#endif
