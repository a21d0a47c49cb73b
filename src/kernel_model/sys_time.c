/* SPDX-License-Identifier: MIT */
/* Time, by the guest clock alone: it stands still while nothing runs. */
#include "kernel_model/abi.h"
#include "kernel_model/syscall.h"

#include <string.h>

#define NANOSECONDS    1000000000u
#define CLOCK_LAST     11u
#define TIMER_ABSTIME_ 1

/* Clocks that count from 1970; the others count from the machine's start. */
static bool is_wall_clock(unsigned clock)
{
    return clock == 0 || clock == 5 || clock == 8 || clock == 11;
}

static uint64_t nanoseconds_of(const struct x64i_kernel *kernel, uint64_t ticks)
{
    uint64_t hz = kernel->cpu->model->tsc_hz;
    return ticks / hz * NANOSECONDS + ticks % hz * NANOSECONDS / hz;
}

uint64_t x64i_time_now(const struct x64i_kernel *kernel, unsigned clock)
{
    uint64_t nanoseconds = nanoseconds_of(kernel, x64i_cpu_clock(kernel->cpu));
    return is_wall_clock(clock) ? kernel->schedule.boot_time + nanoseconds : nanoseconds;
}

static int64_t give_timespec(struct x64i_kernel *kernel, uint64_t linear, uint64_t nanoseconds)
{
    struct x64i_abi_timespec time = {(int64_t)(nanoseconds / NANOSECONDS),
                                     (int64_t)(nanoseconds % NANOSECONDS)};
    int64_t bad = x64i_user_writable(kernel, linear, sizeof time);
    if (!bad)
        x64i_user_write(kernel, linear, &time, sizeof time);
    return bad;
}

static int64_t give_timespec_32(struct x64i_kernel *kernel, uint64_t linear, uint64_t seconds,
                                uint64_t fraction)
{
    struct x64i_abi_timespec_32 time = {(int32_t)seconds, (int32_t)fraction};
    int64_t bad = x64i_user_writable(kernel, linear, sizeof time);
    if (!bad)
        x64i_user_write(kernel, linear, &time, sizeof time);
    return bad;
}

SYSCALL_DEFINE2(clock_gettime, int, which_clock, struct timespec __user *, tp)
{
    if ((unsigned)which_clock > CLOCK_LAST)
        return -EINVAL;
    return give_timespec(kernel, X64I_USER(tp), x64i_time_now(kernel, (unsigned)which_clock));
}

SYSCALL_DEFINE2(clock_gettime32, int, which_clock, struct old_timespec32 __user *, tp)
{
    if ((unsigned)which_clock > CLOCK_LAST)
        return -EINVAL;
    uint64_t time = x64i_time_now(kernel, (unsigned)which_clock);
    return give_timespec_32(kernel, X64I_USER(tp), time / NANOSECONDS, time % NANOSECONDS);
}

SYSCALL_DEFINE2(clock_getres, int, which_clock, struct timespec __user *, tp)
{
    if ((unsigned)which_clock > CLOCK_LAST)
        return -EINVAL;
    return tp ? give_timespec(kernel, X64I_USER(tp), 1) : 0;
}

SYSCALL_DEFINE2(clock_getres_time32, int, which_clock, struct old_timespec32 __user *, tp)
{
    if ((unsigned)which_clock > CLOCK_LAST)
        return -EINVAL;
    return tp ? give_timespec_32(kernel, X64I_USER(tp), 0, 1) : 0;
}

SYSCALL_DEFINE2(gettimeofday, struct timeval __user *, tv, struct timezone __user *, tz)
{
    uint64_t time = x64i_time_now(kernel, 0);
    int64_t value[2] = {(int64_t)(time / NANOSECONDS), (int64_t)(time % NANOSECONDS / 1000)};
    int64_t bad = tv ? x64i_user_writable(kernel, X64I_USER(tv), sizeof value) : 0;
    if (!bad && tv)
        x64i_user_write(kernel, X64I_USER(tv), value, sizeof value);
    return bad;
}

COMPAT_SYSCALL_DEFINE2(gettimeofday, struct old_timeval32 __user *, tv, struct timezone __user *,
                       tz)
{
    uint64_t time = x64i_time_now(kernel, 0);
    uint64_t microseconds = time % NANOSECONDS / 1000;
    return tv ? give_timespec_32(kernel, X64I_USER(tv), time / NANOSECONDS, microseconds) : 0;
}

SYSCALL_DEFINE1(time, int64_t __user *, tloc)
{
    int64_t seconds = (int64_t)(x64i_time_now(kernel, 0) / NANOSECONDS);
    int64_t bad = tloc ? x64i_user_writable(kernel, X64I_USER(tloc), sizeof seconds) : 0;
    if (bad)
        return bad;
    if (tloc)
        x64i_user_write(kernel, X64I_USER(tloc), &seconds, sizeof seconds);
    return seconds;
}

SYSCALL_DEFINE1(time32, int32_t __user *, tloc)
{
    int32_t seconds = (int32_t)(x64i_time_now(kernel, 0) / NANOSECONDS);
    int64_t bad = tloc ? x64i_user_writable(kernel, X64I_USER(tloc), sizeof seconds) : 0;
    if (bad)
        return bad;
    if (tloc)
        x64i_user_write(kernel, X64I_USER(tloc), &seconds, sizeof seconds);
    return seconds;
}

/* Asleep until the guest clock has reached a time, which is kept while the body runs again. */
int64_t x64i_sleep_for(struct x64i_kernel *kernel, uint64_t nanoseconds)
{
    struct x64i_task *task = kernel->task;
    uint64_t time = x64i_time_now(kernel, 1);
    if (!task->wake_clock)
        task->wake_clock = nanoseconds < INT64_MAX - time ? time + nanoseconds : INT64_MAX;
    if (time < task->wake_clock)
        return X64I_SLEEP_ONCE;
    task->wake_clock = 0;
    return 0;
}

static int64_t check_timespec(const struct x64i_abi_timespec *time, uint64_t *nanoseconds)
{
    if (time->seconds < 0 || time->nanoseconds < 0 || time->nanoseconds >= NANOSECONDS)
        return -EINVAL;
    bool forever = time->seconds >= INT64_MAX / NANOSECONDS;
    *nanoseconds =
        forever ? INT64_MAX : (uint64_t)time->seconds * NANOSECONDS + (uint64_t)time->nanoseconds;
    return 0;
}

int64_t x64i_timespec_get(struct x64i_kernel *kernel, uint64_t linear, uint64_t *nanoseconds)
{
    struct x64i_abi_timespec time;
    int64_t bad = x64i_user_readable(kernel, linear, sizeof time);
    if (bad)
        return bad;
    x64i_user_read(kernel, linear, &time, sizeof time);
    return check_timespec(&time, nanoseconds);
}

int64_t x64i_timespec_get_32(struct x64i_kernel *kernel, uint64_t linear, uint64_t *nanoseconds)
{
    struct x64i_abi_timespec_32 time;
    int64_t bad = x64i_user_readable(kernel, linear, sizeof time);
    if (bad)
        return bad;
    x64i_user_read(kernel, linear, &time, sizeof time);
    return check_timespec(&(struct x64i_abi_timespec){time.seconds, time.nanoseconds}, nanoseconds);
}

SYSCALL_DEFINE2(nanosleep, struct timespec __user *, rqtp, struct timespec __user *, rmtp)
{
    uint64_t nanoseconds;
    int64_t bad = x64i_timespec_get(kernel, X64I_USER(rqtp), &nanoseconds);
    return bad ? bad : x64i_sleep_for(kernel, nanoseconds);
}

SYSCALL_DEFINE2(nanosleep_time32, struct old_timespec32 __user *, rqtp,
                struct old_timespec32 __user *, rmtp)
{
    uint64_t nanoseconds;
    int64_t bad = x64i_timespec_get_32(kernel, X64I_USER(rqtp), &nanoseconds);
    return bad ? bad : x64i_sleep_for(kernel, nanoseconds);
}

static int64_t sleep_by_clock(struct x64i_kernel *kernel, unsigned clock, unsigned flags,
                              uint64_t nanoseconds)
{
    if (flags & TIMER_ABSTIME_) {
        uint64_t time = x64i_time_now(kernel, clock);
        nanoseconds = nanoseconds > time ? nanoseconds - time : 0;
    }
    return x64i_sleep_for(kernel, nanoseconds);
}

SYSCALL_DEFINE4(clock_nanosleep, int, which_clock, int, flags, const struct timespec __user *, rqtp,
                struct timespec __user *, rmtp)
{
    uint64_t nanoseconds;
    if ((unsigned)which_clock > CLOCK_LAST)
        return -EINVAL;
    int64_t bad = x64i_timespec_get(kernel, X64I_USER(rqtp), &nanoseconds);
    return bad ? bad : sleep_by_clock(kernel, (unsigned)which_clock, (unsigned)flags, nanoseconds);
}

SYSCALL_DEFINE4(clock_nanosleep_time32, int, which_clock, int, flags,
                const struct old_timespec32 __user *, rqtp, struct old_timespec32 __user *, rmtp)
{
    uint64_t nanoseconds;
    if ((unsigned)which_clock > CLOCK_LAST)
        return -EINVAL;
    int64_t bad = x64i_timespec_get_32(kernel, X64I_USER(rqtp), &nanoseconds);
    return bad ? bad : sleep_by_clock(kernel, (unsigned)which_clock, (unsigned)flags, nanoseconds);
}
