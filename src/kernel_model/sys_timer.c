/* SPDX-License-Identifier: MIT */
/* timer_create and its kin, timerfd (kernel/time/posix-timers.c, fs/timerfd.c). */
#include "kernel_model/open_file.h"
#include "kernel_model/open_flags.h"
#include "kernel_model/signal.h"
#include "kernel_model/syscall.h"

#include <signal.h>
#include <string.h>

#define NANOSECONDS    1000000000u
#define CLOCK_LAST     11u
#define TIMER_ABSTIME_ 1
#define SIGEV_SIGNAL_  0
#define SIGEV_NONE_    1
#define SIGEV_TID_     4

/* struct sigevent as far as it is used. */
struct sigevent_head {
    uint64_t value;
    int32_t signal, notify, tid;
    int32_t pad;
};

/* struct itimerspec */
struct itimerspec {
    int64_t interval[2], value[2];
};

static bool to_nanoseconds(const int64_t time[2], uint64_t *nanoseconds)
{
    if (time[0] < 0 || time[1] < 0 || time[1] >= NANOSECONDS)
        return false;
    *nanoseconds = time[0] > INT32_MAX ? (uint64_t)INT32_MAX * NANOSECONDS
                                       : (uint64_t)time[0] * NANOSECONDS + (uint64_t)time[1];
    return true;
}

/* Two readings of a timer: its time, by the clock that timers.c looks at, and its period. */
struct setting {
    uint64_t expires, interval;
};

static struct itimerspec describe(const struct x64i_kernel *kernel, struct setting now_set)
{
    uint64_t now = x64i_time_now(kernel, X64I_CLOCK_MONOTONIC);
    uint64_t left = 0;
    if (now_set.expires)
        left = now_set.expires > now ? now_set.expires - now : 1;
    return (struct itimerspec){
        {(int64_t)(now_set.interval / NANOSECONDS), (int64_t)(now_set.interval % NANOSECONDS)},
        {(int64_t)(left / NANOSECONDS), (int64_t)(left % NANOSECONDS)}};
}

/* Reads what the user wants; absolute times are of `clock`. */
static int64_t get_setting(struct x64i_kernel *kernel, uint64_t linear, unsigned clock, int flags,
                           struct setting *setting)
{
    struct itimerspec spec;
    uint64_t value;
    int64_t bad = x64i_user_readable(kernel, linear, sizeof spec);
    if (bad)
        return bad;
    x64i_user_read(kernel, linear, &spec, sizeof spec);
    if (!to_nanoseconds(spec.interval, &setting->interval) || !to_nanoseconds(spec.value, &value))
        return -EINVAL;
    uint64_t now = x64i_time_now(kernel, X64I_CLOCK_MONOTONIC);
    if (value && (flags & TIMER_ABSTIME_)) {
        uint64_t reading = x64i_time_now(kernel, clock);
        value = value > reading ? value - reading : 1;
    }
    setting->expires = value ? now + value : 0;
    return 0;
}

static int64_t give_old(struct x64i_kernel *kernel, uint64_t linear, struct setting old)
{
    const struct itimerspec spec = describe(kernel, old);
    x64i_user_write(kernel, linear, &spec, sizeof spec);
    return 0;
}

static struct x64i_posix_timer *timer_of(struct x64i_kernel *kernel, int id)
{
    struct x64i_posix_timer *timer = NULL;
    if (id >= 0 && id < (int)X64I_POSIX_TIMERS)
        timer = &kernel->process->posix_timer[id];
    return timer && timer->used ? timer : NULL;
}

static int64_t get_event(struct x64i_kernel *kernel, uint64_t linear, struct sigevent_head *event)
{
    int64_t bad = x64i_user_readable(kernel, linear, sizeof *event);
    if (bad)
        return bad;
    x64i_user_read(kernel, linear, event, sizeof *event);
    if ((event->notify & ~SIGEV_TID_) > SIGEV_NONE_ || event->notify < 0)
        return -EINVAL;
    if (event->notify != SIGEV_NONE_ && (event->signal < 1 || event->signal > X64I_SIGNALS))
        return -EINVAL;
    return 0;
}

static int free_timer(const struct x64i_kernel *kernel)
{
    for (int i = 0; i < (int)X64I_POSIX_TIMERS; i++)
        if (!kernel->process->posix_timer[i].used)
            return i;
    return -EAGAIN;
}

SYSCALL_DEFINE3(timer_create, int, which_clock, struct sigevent __user *, timer_event_spec,
                int __user *, created_timer_id)
{
    int32_t id = free_timer(kernel);
    struct sigevent_head event = {.value = (uint32_t)id, .signal = SIGALRM};
    if ((unsigned)which_clock > CLOCK_LAST)
        return -EINVAL;
    int64_t bad = timer_event_spec ? get_event(kernel, X64I_USER(timer_event_spec), &event) : 0;
    if (!bad)
        bad = x64i_user_writable(kernel, X64I_USER(created_timer_id), sizeof id);
    if (bad || id < 0)
        return bad ? bad : id;
    bool silent = (event.notify & ~SIGEV_TID_) == SIGEV_NONE_;
    kernel->process->posix_timer[id] =
        (struct x64i_posix_timer){.used = 1,
                                  .clock = (uint32_t)which_clock,
                                  .signal = silent ? 0 : (uint32_t)event.signal,
                                  .tid = event.notify & SIGEV_TID_ ? (uint32_t)event.tid : 0,
                                  .value = event.value};
    x64i_user_write(kernel, X64I_USER(created_timer_id), &id, sizeof id);
    return 0;
}

SYSCALL_DEFINE4(timer_settime, int, timer_id, int, flags, const struct itimerspec __user *,
                new_setting, struct itimerspec __user *, old_setting)
{
    struct setting setting;
    struct x64i_posix_timer *timer = timer_of(kernel, timer_id);
    if (!timer)
        return -EINVAL;
    int64_t bad = get_setting(kernel, X64I_USER(new_setting), timer->clock, flags, &setting);
    if (!bad && old_setting)
        bad = x64i_user_writable(kernel, X64I_USER(old_setting), sizeof(struct itimerspec));
    if (bad)
        return bad;
    if (old_setting)
        give_old(kernel, X64I_USER(old_setting), (struct setting){timer->expires, timer->interval});
    timer->expires = setting.expires;
    timer->interval = setting.interval;
    timer->overrun = 0;
    x64i_timers_plan(kernel);
    return 0;
}

SYSCALL_DEFINE2(timer_gettime, int, timer_id, struct itimerspec __user *, setting)
{
    const struct x64i_posix_timer *timer = timer_of(kernel, timer_id);
    if (!timer)
        return -EINVAL;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(setting), sizeof(struct itimerspec));
    return bad ? bad
               : give_old(kernel, X64I_USER(setting),
                          (struct setting){timer->expires, timer->interval});
}

SYSCALL_DEFINE1(timer_getoverrun, int, timer_id)
{
    const struct x64i_posix_timer *timer = timer_of(kernel, timer_id);
    return timer ? (int64_t)timer->overrun : -EINVAL;
}

SYSCALL_DEFINE1(timer_delete, int, timer_id)
{
    struct x64i_posix_timer *timer = timer_of(kernel, timer_id);
    if (!timer)
        return -EINVAL;
    *timer = (struct x64i_posix_timer){0};
    x64i_timers_plan(kernel);
    return 0;
}

SYSCALL_DEFINE2(timerfd_create, int, clockid, int, flags)
{
    uint32_t index;
    if ((unsigned)clockid > CLOCK_LAST || ((unsigned)flags & ~(O_NONBLOCK_ | O_CLOEXEC_)))
        return -EINVAL;
    struct x64i_open_file *file = x64i_file_make(kernel, &index);
    if (!file)
        return -ENFILE;
    file->kind = X64I_FILE_TIMER;
    file->object = (uint32_t)clockid;
    file->flags = 2 | ((unsigned)flags & O_NONBLOCK_);
    kernel->schedule.timer_files = 1;
    return x64i_descriptor_make(kernel, index, 0, (unsigned)flags & O_CLOEXEC_);
}

static int64_t find_timer_file(struct x64i_kernel *kernel, int fd, struct x64i_open_file **file)
{
    *file = x64i_file_of(kernel, (unsigned)fd);
    if (!*file)
        return -EBADF;
    return (*file)->kind == X64I_FILE_TIMER ? 0 : -EINVAL;
}

SYSCALL_DEFINE4(timerfd_settime, int, ufd, int, flags, const struct itimerspec __user *, utmr,
                struct itimerspec __user *, otmr)
{
    struct setting setting;
    struct x64i_open_file *file;
    int64_t bad = find_timer_file(kernel, ufd, &file);
    if (!bad)
        bad = get_setting(kernel, X64I_USER(utmr), file->object, flags, &setting);
    if (!bad && otmr)
        bad = x64i_user_writable(kernel, X64I_USER(otmr), sizeof(struct itimerspec));
    if (bad)
        return bad;
    if (otmr)
        give_old(kernel, X64I_USER(otmr), (struct setting){file->position, file->size});
    file->position = setting.expires;
    file->size = setting.interval;
    x64i_timers_plan(kernel);
    x64i_task_event(kernel);
    return 0;
}

SYSCALL_DEFINE2(timerfd_gettime, int, ufd, struct itimerspec __user *, otmr)
{
    struct x64i_open_file *file;
    int64_t bad = find_timer_file(kernel, ufd, &file);
    if (!bad)
        bad = x64i_user_writable(kernel, X64I_USER(otmr), sizeof(struct itimerspec));
    return bad ? bad
               : give_old(kernel, X64I_USER(otmr), (struct setting){file->position, file->size});
}
