/* SPDX-License-Identifier: MIT */
/* Signals: handlers, masks, stacks, sending, waiting, timers. */
#include "kernel_model/abi.h"
#include "kernel_model/boot.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/signal.h"
#include "kernel_model/syscall.h"
#include "kernel_model/task_switch.h"

#include <signal.h>
#include <string.h>

#define UNBLOCKABLE   (x64i_signal_bit(SIGKILL) | x64i_signal_bit(SIGSTOP))
#define SS_ONSTACK_   1u
#define SS_DISABLE_   2u
#define STACK_MINIMUM 2048u
#define SI_USER_      0
#define SI_TKILL_     (-6)
#define SIGINFO_BYTES 128u
#define NANOSECONDS   1000000000u
#define ITIMER_REAL_  0

SYSCALL_DEFINE4(rt_sigaction, int, sig, const struct sigaction __user *, act,
                struct sigaction __user *, oact, size_t, sigsetsize)
{
    struct x64i_abi_sigaction action;
    if (sigsetsize != 8 || sig < 1 || sig > X64I_SIGNALS)
        return -EINVAL;
    if (act && (sig == SIGKILL || sig == SIGSTOP))
        return -EINVAL;
    int64_t bad = act ? x64i_user_readable(kernel, X64I_USER(act), sizeof action) : 0;
    if (!bad && oact)
        bad = x64i_user_writable(kernel, X64I_USER(oact), sizeof action);
    if (bad)
        return bad;
    struct x64i_abi_sigaction old = {.handler = kernel->signals->action[sig - 1].handler,
                                     .flags = kernel->signals->action[sig - 1].flags,
                                     .restorer = kernel->signals->action[sig - 1].restorer,
                                     .mask = kernel->signals->action[sig - 1].mask};
    if (act) {
        x64i_user_read(kernel, X64I_USER(act), &action, sizeof action);
        kernel->signals->action[sig - 1].handler = action.handler;
        kernel->signals->action[sig - 1].flags = action.flags;
        kernel->signals->action[sig - 1].restorer = action.restorer;
        kernel->signals->action[sig - 1].mask = action.mask;
    }
    if (oact)
        x64i_user_write(kernel, X64I_USER(oact), &old, sizeof old);
    return 0;
}

/* After the mask changed: what was held back may be due. */
static void set_blocked(struct x64i_kernel *kernel, uint64_t mask)
{
    kernel->task->blocked_signals = mask & ~UNBLOCKABLE;
    if (x64i_signals_due(kernel))
        x64i_task_nudge(kernel, kernel->task);
}

SYSCALL_DEFINE4(rt_sigprocmask, int, how, uint64_t __user *, nset, uint64_t __user *, oset, size_t,
                sigsetsize)
{
    uint64_t old = kernel->task->blocked_signals;
    uint64_t set = 0;
    if (sigsetsize != 8 || (nset && (how < SIG_BLOCK || how > SIG_SETMASK)))
        return -EINVAL;
    int64_t bad = nset ? x64i_user_readable(kernel, X64I_USER(nset), sizeof set) : 0;
    if (!bad && oset)
        bad = x64i_user_writable(kernel, X64I_USER(oset), sizeof old);
    if (bad)
        return bad;
    if (nset) {
        x64i_user_read(kernel, X64I_USER(nset), &set, sizeof set);
        if (how == SIG_BLOCK)
            set |= old;
        else if (how == SIG_UNBLOCK)
            set = old & ~set;
        set_blocked(kernel, set);
    }
    if (oset)
        x64i_user_write(kernel, X64I_USER(oset), &old, sizeof old);
    return 0;
}

SYSCALL_DEFINE2(rt_sigpending, uint64_t __user *, uset, size_t, sigsetsize)
{
    uint64_t set =
        (kernel->task->pending_signals | kernel->signals->pending) & kernel->task->blocked_signals;
    if (sigsetsize != 8)
        return -EINVAL;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(uset), sizeof set);
    if (!bad)
        x64i_user_write(kernel, X64I_USER(uset), &set, sizeof set);
    return bad;
}

SYSCALL_DEFINE0(rt_sigreturn)
{
    uint64_t regs[X64I_PT_REGS];
    if (!x64i_user_regs_read(kernel, regs))
        return -EFAULT;
    int64_t bad = x64i_signal_frame_pop(kernel, regs);
    if (bad == X64I_FAULT_IN)
        return bad;
    if (bad) {
        x64i_task_kill(kernel, SIGSEGV, "rt_sigreturn found no frame at %#llx",
                       (unsigned long long)regs[X64I_PT_SP] - 8);
        return X64I_NO_RESULT;
    }
    x64i_user_regs_write(kernel, regs);
    if (x64i_signals_due(kernel))
        x64i_task_nudge(kernel, kernel->task);
    kernel->task->result = regs[X64I_PT_AX];
    return X64I_KEEP_RESULT;
}

struct stack {
    uint64_t sp;
    uint32_t flags, pad;
    uint64_t size;
};

SYSCALL_DEFINE2(sigaltstack, const struct sigaltstack __user *, uss, struct sigaltstack __user *,
                uoss)
{
    struct x64i_task *task = kernel->task;
    uint64_t regs[X64I_PT_REGS] = {0};
    struct stack stack;
    int64_t bad = uss ? x64i_user_readable(kernel, X64I_USER(uss), sizeof stack) : 0;
    if (!bad && uoss)
        bad = x64i_user_writable(kernel, X64I_USER(uoss), sizeof stack);
    if (bad)
        return bad;
    x64i_user_regs_read(kernel, regs);
    bool on = regs[X64I_PT_SP] - task->alternate_stack - 1 < task->alternate_size;
    struct stack old = {.sp = task->alternate_stack,
                        .flags = task->alternate_size ? (on ? SS_ONSTACK_ : 0) : SS_DISABLE_,
                        .size = task->alternate_size};
    if (uss) {
        x64i_user_read(kernel, X64I_USER(uss), &stack, sizeof stack);
        if (on)
            return -EPERM;
        bool off = stack.flags & SS_DISABLE_;
        if (!off && stack.size < STACK_MINIMUM)
            return -ENOMEM;
        task->alternate_stack = off ? 0 : stack.sp;
        task->alternate_size = off ? 0 : stack.size;
    }
    if (uoss)
        x64i_user_write(kernel, X64I_USER(uoss), &old, sizeof old);
    return 0;
}

/* Both wait with another mask, which a handler's frame does not keep. */
static int64_t suspend(struct x64i_kernel *kernel, uint64_t mask)
{
    struct x64i_task *task = kernel->task;
    if (!task->progress) {
        task->saved_signals = task->blocked_signals;
        task->restore_signals = 1;
        task->progress = 1;
        set_blocked(kernel, mask);
    }
    return X64I_SLEEP_ONCE;
}

SYSCALL_DEFINE2(rt_sigsuspend, uint64_t __user *, unewset, size_t, sigsetsize)
{
    uint64_t mask;
    if (sigsetsize != 8)
        return -EINVAL;
    int64_t bad = x64i_user_readable(kernel, X64I_USER(unewset), sizeof mask);
    if (bad)
        return bad;
    x64i_user_read(kernel, X64I_USER(unewset), &mask, sizeof mask);
    return suspend(kernel, mask);
}

SYSCALL_DEFINE0(pause)
{
    return X64I_SLEEP_ONCE;
}

static int64_t give_info(struct x64i_kernel *kernel, uint64_t linear, int signal,
                         const struct x64i_signal_info *info)
{
    int32_t words[SIGINFO_BYTES / 4] = {signal, 0, info->code, 0, (int32_t)info->pid};
    int64_t bad = linear ? x64i_user_writable(kernel, linear, sizeof words) : 0;
    memcpy(&words[6], &info->value, sizeof info->value);
    if (!bad && linear)
        x64i_user_write(kernel, linear, words, sizeof words);
    return bad;
}

SYSCALL_DEFINE4(rt_sigtimedwait, const uint64_t __user *, uthese, struct siginfo __user *, uinfo,
                const struct timespec __user *, uts, size_t, sigsetsize)
{
    struct x64i_task *task = kernel->task;
    uint64_t set, time;
    if (sigsetsize != 8)
        return -EINVAL;
    int64_t bad = x64i_user_readable(kernel, X64I_USER(uthese), sizeof set);
    if (!bad && uts)
        bad = x64i_timespec_get(kernel, X64I_USER(uts), &time);
    if (bad)
        return bad;
    x64i_user_read(kernel, X64I_USER(uthese), &set, sizeof set);
    uint64_t found = (task->pending_signals | kernel->signals->pending) & set;
    if (found) {
        int signal = __builtin_ctzll(found) + 1;
        bool own = task->pending_signals & x64i_signal_bit(signal);
        const struct x64i_signal_info *info =
            own ? &task->info[signal - 1] : &kernel->signals->info[signal - 1];
        bad = give_info(kernel, X64I_USER(uinfo), signal, info);
        if (bad)
            return bad;
        *(own ? &task->pending_signals : &kernel->signals->pending) &= ~x64i_signal_bit(signal);
        return signal;
    }
    if (uts) {
        bad = x64i_sleep_for(kernel, time);
        return bad == 0 ? -EAGAIN : X64I_SLEEP_ONCE;
    }
    return X64I_SLEEP_ONCE;
}

static struct x64i_signal_info from_user(const struct x64i_kernel *kernel, int code)
{
    return (struct x64i_signal_info){.code = code, .pid = kernel->process->pid};
}

static int64_t send_to_group(struct x64i_kernel *kernel, uint32_t group, bool all, int signal)
{
    const struct x64i_signal_info info = from_user(kernel, SI_USER_);
    int64_t result = -ESRCH;
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_process *process = x64i_record_read(kernel, kernel->processes, i);
        if (!process->used || process->zombie || (!all && process->group != group) ||
            (all && process->pid == X64I_FIRST_PID))
            continue;
        if (signal)
            x64i_signal_process(kernel, i, signal, &info);
        result = 0;
    }
    return result;
}

SYSCALL_DEFINE2(kill, int, pid, int, sig)
{
    const struct x64i_signal_info info = from_user(kernel, SI_USER_);
    uint32_t index;
    if (sig < 0 || sig > X64I_SIGNALS)
        return -EINVAL;
    if (pid == 0)
        return send_to_group(kernel, kernel->process->group, false, sig);
    if (pid < 0)
        return send_to_group(kernel, (uint32_t)-pid, pid == -1, sig);
    if (!x64i_process_find(kernel, (uint32_t)pid, &index))
        return -ESRCH;
    if (sig)
        x64i_signal_process(kernel, index, sig, &info);
    return 0;
}

static int64_t send_to_task(struct x64i_kernel *kernel, int tgid, int pid, int signal)
{
    const struct x64i_signal_info info = from_user(kernel, SI_TKILL_);
    if (pid <= 0 || signal < 0 || signal > X64I_SIGNALS)
        return -EINVAL;
    struct x64i_task *task = x64i_task_find(kernel, (uint32_t)pid, NULL);
    if (!task || (tgid && x64i_process_at(kernel, task->process)->pid != (uint32_t)tgid))
        return -ESRCH;
    if (signal)
        x64i_signal_task(kernel, task, signal, &info);
    return 0;
}

SYSCALL_DEFINE2(tkill, int, pid, int, sig)
{
    return send_to_task(kernel, 0, pid, sig);
}

SYSCALL_DEFINE3(tgkill, int, tgid, int, pid, int, sig)
{
    return tgid <= 0 ? -EINVAL : send_to_task(kernel, tgid, pid, sig);
}

/* struct itimerval: interval, then value. */
static void timer_get(struct x64i_kernel *kernel, int64_t value[4])
{
    uint64_t now = x64i_time_now(kernel, 1);
    uint64_t timer = kernel->process->timer;
    uint64_t left = timer > now ? timer - now : 0;
    value[0] = (int64_t)(kernel->process->timer_interval / NANOSECONDS);
    value[1] = (int64_t)(kernel->process->timer_interval % NANOSECONDS / 1000);
    value[2] = (int64_t)(left / NANOSECONDS);
    value[3] = (int64_t)(left % NANOSECONDS / 1000);
}

static bool to_nanoseconds(const int64_t time[2], uint64_t *nanoseconds)
{
    if (time[0] < 0 || time[1] < 0 || time[1] >= 1000000)
        return false;
    *nanoseconds = time[0] > INT32_MAX ? (uint64_t)INT32_MAX * NANOSECONDS
                                       : (uint64_t)time[0] * NANOSECONDS + (uint64_t)time[1] * 1000;
    return true;
}

static void timer_set(struct x64i_kernel *kernel, uint64_t value, uint64_t interval)
{
    kernel->process->timer = value ? x64i_time_now(kernel, 1) + value : 0;
    kernel->process->timer_interval = interval;
    x64i_timers_plan(kernel);
}

SYSCALL_DEFINE2(getitimer, int, which, struct itimerval __user *, value)
{
    int64_t times[4] = {0};
    if (which < 0 || which > 2)
        return -EINVAL;
    if (which == ITIMER_REAL_)
        timer_get(kernel, times);
    int64_t bad = x64i_user_writable(kernel, X64I_USER(value), sizeof times);
    if (!bad)
        x64i_user_write(kernel, X64I_USER(value), times, sizeof times);
    return bad;
}

/* The timers of CPU time are accepted; they never fire. */
SYSCALL_DEFINE3(setitimer, int, which, struct itimerval __user *, value, struct itimerval __user *,
                ovalue)
{
    int64_t times[4] = {0};
    int64_t old[4] = {0};
    uint64_t first, interval;
    if (which < 0 || which > 2)
        return -EINVAL;
    int64_t bad = value ? x64i_user_readable(kernel, X64I_USER(value), sizeof times) : 0;
    if (!bad && ovalue)
        bad = x64i_user_writable(kernel, X64I_USER(ovalue), sizeof old);
    if (bad)
        return bad;
    if (value)
        x64i_user_read(kernel, X64I_USER(value), times, sizeof times);
    if (!to_nanoseconds(&times[0], &interval) || !to_nanoseconds(&times[2], &first))
        return -EINVAL;
    if (which == ITIMER_REAL_) {
        timer_get(kernel, old);
        timer_set(kernel, first, interval);
    }
    if (ovalue)
        x64i_user_write(kernel, X64I_USER(ovalue), old, sizeof old);
    return 0;
}

SYSCALL_DEFINE1(alarm, unsigned int, seconds)
{
    int64_t old[4];
    timer_get(kernel, old);
    timer_set(kernel, (uint64_t)seconds * NANOSECONDS, 0);
    return old[2] + (old[3] ? 1 : 0);
}
