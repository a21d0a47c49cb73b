/* SPDX-License-Identifier: MIT */
/* Futexes with one task: nobody waits when it wakes, and nobody wakes it when it waits. */
#include "kernel_model/abi.h"
#include "kernel_model/syscall.h"

#define FUTEX_COMMAND     0x7f /* without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME */
#define FUTEX_WAIT        0
#define FUTEX_WAKE        1
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10

/* Reads a timeout of the program's: the 64-bit or the old 32-bit form. */
typedef int64_t timeout_reader(struct x64i_kernel *kernel, uint64_t linear, uint64_t *nanoseconds);

/* -EAGAIN when the word has changed, else asleep: until the timeout, or for good. */
static int64_t wait_on(struct x64i_kernel *kernel, uint64_t word, uint32_t expected,
                       uint64_t timeout, timeout_reader *read_timeout, bool absolute)
{
    uint32_t value;
    uint64_t nanoseconds = INT64_MAX;
    int64_t bad = x64i_user_readable(kernel, word, sizeof value);
    if (!bad && timeout)
        bad = read_timeout(kernel, timeout, &nanoseconds);
    if (bad)
        return bad;
    x64i_user_read(kernel, word, &value, sizeof value);
    if (value != expected)
        return -EAGAIN;
    if (timeout && absolute) {
        uint64_t now = x64i_time_now(kernel, 1);
        nanoseconds = nanoseconds > now ? nanoseconds - now : 0;
    }
    int64_t result = x64i_sleep_for(kernel, nanoseconds);
    return result ? result : -ETIMEDOUT;
}

static int64_t do_futex(struct x64i_kernel *kernel, uint64_t word, int op, uint32_t val,
                        uint64_t timeout, timeout_reader *read_timeout)
{
    if (word & 3)
        return -EINVAL;
    switch (op & FUTEX_COMMAND) {
    case FUTEX_WAIT:
        return wait_on(kernel, word, val, timeout, read_timeout, false);
    case FUTEX_WAIT_BITSET:
        return wait_on(kernel, word, val, timeout, read_timeout, true);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        return x64i_user_readable(kernel, word, sizeof(uint32_t));
    default:
        return -ENOSYS;
    }
}

SYSCALL_DEFINE6(futex, uint32_t __user *, uaddr, int, op, uint32_t, val,
                const struct timespec __user *, utime, uint32_t __user *, uaddr2, uint32_t, val3)
{
    (void)uaddr2;
    (void)val3;
    return do_futex(kernel, X64I_USER(uaddr), op, val, X64I_USER(utime), x64i_timespec_get);
}

SYSCALL_DEFINE6(futex_time32, uint32_t __user *, uaddr, int, op, uint32_t, val,
                const struct old_timespec32 __user *, utime, uint32_t __user *, uaddr2, uint32_t,
                val3)
{
    (void)uaddr2;
    (void)val3;
    return do_futex(kernel, X64I_USER(uaddr), op, val, X64I_USER(utime), x64i_timespec_get_32);
}
