/* SPDX-License-Identifier: MIT */
/* The end of tasks, and waiting for it: exit, wait4, waitid, process groups. */
#include "kernel_model/region_pages.h"
#include "kernel_model/syscall.h"

#include <signal.h>

#define WNOHANG_       1
#define WUNTRACED_     2
#define WEXITED_       4
#define WCONTINUED_    8
#define WNOWAIT_       0x1000000
#define REPORT_STOP    1u
#define REPORT_CONT    2u
#define STATUS_CONT    0xffffu
#define RUSAGE_BYTES   144u
#define P_ALL_         0
#define P_PID_         1
#define P_PGID_        2
#define CLD_EXITED_    1
#define CLD_KILLED_    2
#define CLD_STOPPED_   5
#define CLD_CONTINUED_ 6

SYSCALL_DEFINE1(exit, int, error_code)
{
    return x64i_task_exit(kernel, (uint32_t)(error_code & 255) << 8);
}

SYSCALL_DEFINE1(exit_group, int, error_code)
{
    return x64i_process_exit(kernel, (uint32_t)(error_code & 255) << 8);
}

/* What a wait is for, and what it found. */
struct wait {
    int64_t which; /* as wait4's pid */
    int options;
    uint32_t status;
    uint32_t index;
    uint32_t pid;
    uint32_t report; /* 0: it ended */
    bool children;
};

static bool is_wanted(const struct x64i_kernel *kernel, const struct wait *wait,
                      const struct x64i_process *child)
{
    if (!child->used || child->parent != kernel->process->pid || child->pid == X64I_FIRST_PID)
        return false;
    if (wait->which > 0)
        return child->pid == (uint64_t)wait->which;
    if (wait->which == 0)
        return child->group == kernel->process->group;
    return wait->which == -1 || child->group == (uint64_t)-wait->which;
}

static bool has_news(const struct wait *wait, const struct x64i_process *child)
{
    if (child->zombie)
        return wait->options & WEXITED_;
    return (child->report == REPORT_STOP && (wait->options & WUNTRACED_)) ||
           (child->report == REPORT_CONT && (wait->options & WCONTINUED_));
}

/* True when a child has news; `children` says whether there is any child to wait for. */
static bool look(struct x64i_kernel *kernel, struct wait *wait)
{
    wait->children = false;
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_process *child = x64i_record_read(kernel, kernel->processes, i);
        if (!is_wanted(kernel, wait, child))
            continue;
        wait->children = true;
        if (!has_news(wait, child))
            continue;
        wait->index = i;
        wait->pid = child->pid;
        wait->report = child->zombie ? 0 : child->report;
        wait->status = wait->report == REPORT_CONT ? STATUS_CONT : child->status;
        return true;
    }
    return false;
}

/* A zombie whose last task still stands on its stack is freed when that is left. */
static void take_news(struct x64i_kernel *kernel, const struct wait *wait)
{
    struct x64i_process *child = x64i_process_at(kernel, wait->index);
    if (wait->report) {
        child->report = 0;
        return;
    }
    child->zombie = 0;
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_task *task = x64i_record_read(kernel, kernel->tasks, i);
        if (task->state == X64I_TASK_DEAD && task->process == wait->index)
            return;
    }
    x64i_process_reap(kernel, wait->index);
}

static int64_t zero_usage(struct x64i_kernel *kernel, uint64_t usage)
{
    static const uint8_t zeroes[RUSAGE_BYTES];
    int64_t bad = usage ? x64i_user_writable(kernel, usage, sizeof zeroes) : 0;
    if (!bad && usage)
        x64i_user_write(kernel, usage, zeroes, sizeof zeroes);
    return bad;
}

SYSCALL_DEFINE4(wait4, int, upid, int __user *, stat_addr, int, options, struct rusage __user *, ru)
{
    struct wait wait = {.which = upid, .options = options | WEXITED_};
    int64_t bad = stat_addr ? x64i_user_writable(kernel, X64I_USER(stat_addr), 4) : 0;
    if (!bad)
        bad = zero_usage(kernel, X64I_USER(ru));
    if (bad)
        return bad;
    if (!look(kernel, &wait)) {
        if (!wait.children)
            return -ECHILD;
        return options & WNOHANG_ ? 0 : X64I_SLEEP;
    }
    if (stat_addr)
        x64i_user_write(kernel, X64I_USER(stat_addr), &wait.status, sizeof wait.status);
    take_news(kernel, &wait);
    return wait.pid;
}

static void give_siginfo(struct x64i_kernel *kernel, uint64_t infop, const struct wait *wait,
                         bool found)
{
    int32_t info[32] = {0};
    if (found) {
        info[0] = SIGCHLD;
        info[4] = (int32_t)wait->pid;
        info[2] = wait->report == REPORT_CONT ? CLD_CONTINUED_ : CLD_STOPPED_;
        info[6] = (int32_t)(wait->status >> 8 & 255);
        if (wait->report == REPORT_CONT)
            info[6] = SIGCONT;
        if (!wait->report) {
            int signal = (int)(wait->status & 0x7f);
            info[2] = signal ? CLD_KILLED_ : CLD_EXITED_;
            info[6] = signal ? signal : info[6];
        }
    }
    x64i_user_write(kernel, infop, info, sizeof info);
}

SYSCALL_DEFINE5(waitid, int, which, int, upid, struct siginfo __user *, infop, int, options,
                struct rusage __user *, ru)
{
    struct wait wait = {.which = -1, .options = options};
    if (which == P_PID_)
        wait.which = upid;
    else if (which == P_PGID_)
        wait.which = upid ? -(int64_t)upid : 0;
    else if (which != P_ALL_)
        return -EINVAL;
    int64_t bad = infop ? x64i_user_writable(kernel, X64I_USER(infop), 128) : 0;
    if (!bad)
        bad = zero_usage(kernel, X64I_USER(ru));
    if (bad)
        return bad;
    bool found = look(kernel, &wait);
    if (!found && !wait.children)
        return -ECHILD;
    if (!found && !(options & WNOHANG_))
        return X64I_SLEEP;
    if (infop)
        give_siginfo(kernel, X64I_USER(infop), &wait, found);
    if (found && !(options & WNOWAIT_))
        take_news(kernel, &wait);
    return 0;
}

static struct x64i_process *process_of(struct x64i_kernel *kernel, int pid)
{
    return pid == 0 ? kernel->process : x64i_process_find(kernel, (uint32_t)pid, NULL);
}

SYSCALL_DEFINE2(setpgid, int, pid, int, pgid)
{
    struct x64i_process *process = process_of(kernel, pid);
    if (pgid < 0)
        return -EINVAL;
    if (!process)
        return -ESRCH;
    process->group = pgid ? (uint32_t)pgid : process->pid;
    return 0;
}

SYSCALL_DEFINE1(getpgid, int, pid)
{
    const struct x64i_process *process = process_of(kernel, pid);
    return process ? (int64_t)process->group : -ESRCH;
}

SYSCALL_DEFINE0(getpgrp)
{
    return kernel->process->group;
}

SYSCALL_DEFINE1(getsid, int, pid)
{
    const struct x64i_process *process = process_of(kernel, pid);
    return process ? (int64_t)process->session : -ESRCH;
}

SYSCALL_DEFINE0(setsid)
{
    if (kernel->process->group == kernel->process->pid)
        return -EPERM;
    kernel->process->group = kernel->process->session = kernel->process->pid;
    return kernel->process->pid;
}
