/* SPDX-License-Identifier: MIT */
/* How tasks and processes end, and who is told (kernel/exit.c). */
#include "kernel_model/fifo.h"
#include "kernel_model/futex.h"
#include "kernel_model/mm_pages.h"
#include "kernel_model/mm_shared.h"
#include "kernel_model/open_file.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/signal.h"
#include "kernel_model/task_switch.h"
#include "kernel_model/usercopy.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#define CLD_EXITED_ 1
#define CLD_KILLED_ 2

static const struct {
    int signal;
    const char *name;
} signal_names[] = {
    {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
    {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
    {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
    {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"}, {SIGCHLD, "SIGCHLD"},
};

const char *x64i_signal_name(int signal, char text[16])
{
    for (size_t i = 0; i < sizeof signal_names / sizeof signal_names[0]; i++)
        if (signal_names[i].signal == signal)
            return signal_names[i].name;
    (void)snprintf(text, 16, "signal %d", signal);
    return text;
}

/* The first process is what the machine was made for. */
static void end_guest(struct x64i_kernel *kernel, uint32_t status)
{
    int signal = (int)(status & 0x7f);
    struct x64_stop stop = {.reason = X64_STOP_EXIT,
                            .fault = X64_FAULT_NONE,
                            .code = signal ? 128 + signal : (int)(status >> 8 & 255),
                            .signal = signal};
    x64i_machine_end(kernel->machine, &stop);
}

static void wake_vfork_parent(struct x64i_kernel *kernel)
{
    if (kernel->task->vfork_parent)
        x64i_task_event(kernel);
    kernel->task->vfork_parent = 0;
}

/* Children whose parent ends become the first process's. */
static void give_children_away(struct x64i_kernel *kernel, uint32_t pid)
{
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_process *child = x64i_record_read(kernel, kernel->processes, i);
        if (!child->used || child->parent != pid)
            continue;
        x64i_process_at(kernel, i)->parent = X64I_FIRST_PID;
        if (child->zombie)
            x64i_process_reap(kernel, i);
    }
}

void x64i_process_reap(struct x64i_kernel *kernel, uint32_t index)
{
    *x64i_process_at(kernel, index) = (struct x64i_process){0};
    *x64i_signals_at(kernel, index) = (struct x64i_signals){0};
}

/* A zombie waits for its parent, unless that said that it will not ask. */
static void tell_parent(struct x64i_kernel *kernel)
{
    struct x64i_process *process = kernel->process;
    uint32_t parent;
    const uint64_t ignore = 1;
    const uint64_t no_child_wait = 2;
    process->zombie = 1;
    if (!x64i_process_find(kernel, process->parent, &parent)) {
        process->zombie = 0;
        return;
    }
    const struct x64i_signals *signals = x64i_signals_at(kernel, parent);
    if (signals->action[SIGCHLD - 1].handler == ignore ||
        (signals->action[SIGCHLD - 1].flags & no_child_wait))
        process->zombie = 0;
    uint32_t status = process->status;
    struct x64i_signal_info info = {.code = status & 0x7f ? CLD_KILLED_ : CLD_EXITED_,
                                    .pid = process->pid,
                                    .value = status & 0x7f ? status & 0x7f : status >> 8};
    if (process->exit_signal)
        x64i_signal_process(kernel, parent, (int)process->exit_signal, &info);
    x64i_task_event(kernel);
}

static void stop_timers(struct x64i_kernel *kernel)
{
    struct x64i_process *process = kernel->process;
    process->timer = process->timer_interval = 0;
    for (unsigned i = 0; i < X64I_POSIX_TIMERS; i++)
        process->posix_timer[i] = (struct x64i_posix_timer){0};
    x64i_timers_plan(kernel);
}

static void end_process(struct x64i_kernel *kernel)
{
    stop_timers(kernel);
    x64i_files_close_all(kernel);
    if (kernel->schedule.mm_users[kernel->schedule.mm] == 1)
        (void)x64i_mm_unmap(kernel, 0, kernel->mm.limit);
    give_children_away(kernel, kernel->process->pid);
    tell_parent(kernel);
}

/* The word that pthread_join waits on; it is cleared where that is possible. */
static int64_t clear_child_tid(struct x64i_kernel *kernel)
{
    uint32_t zero = 0;
    uint64_t word = kernel->task->clear_child_tid;
    bool last =
        kernel->schedule.mm_users[kernel->schedule.mm] == 1 && kernel->process->threads == 1;
    if (!word || last)
        return 0;
    int64_t bad = x64i_user_writable(kernel, word, sizeof zero);
    if (bad == X64I_FAULT_IN)
        return bad;
    if (!bad) {
        x64i_user_write(kernel, word, &zero, sizeof zero);
        x64i_futex_wake(kernel, word, 1, UINT32_MAX);
    }
    kernel->task->clear_child_tid = 0;
    return 0;
}

int64_t x64i_task_exit(struct x64i_kernel *kernel, uint32_t status)
{
    struct x64i_process *process = kernel->process;
    int64_t bad = clear_child_tid(kernel);
    if (!bad && process->threads > 1)
        bad = x64i_futex_robust_exit(kernel);
    if (bad == X64I_FAULT_IN)
        return bad;
    if (!process->dying && process->threads == 1)
        process->status = status;
    if (process->threads > 0)
        process->threads--;
    wake_vfork_parent(kernel);
    if (kernel->task->opening)
        x64i_fifo_abandon(kernel);
    if (process->threads == 0) {
        if (process->pid == X64I_FIRST_PID)
            end_guest(kernel, process->status);
        else
            end_process(kernel);
    }
    kernel->task->state = X64I_TASK_DEAD;
    x64i_task_event(kernel);
    return X64I_NO_RESULT;
}

void x64i_task_end_others(struct x64i_kernel *kernel)
{
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_task *read = x64i_record_read(kernel, kernel->tasks, i);
        if (read->state == X64I_TASK_FREE || read->process != kernel->task->process ||
            i == kernel->schedule.task)
            continue;
        struct x64i_task *task = x64i_task_at(kernel, i);
        x64i_file_drop(kernel, task->opening);
        *task = (struct x64i_task){.task_struct = task->task_struct, .stack = task->stack};
        kernel->schedule.task_count--;
    }
    kernel->process->threads = 1;
    kernel->task->tid = kernel->process->pid;
    x64i_task_event(kernel);
}

/* The other threads end when they next come to the kernel's exit. */
static void doom(struct x64i_kernel *kernel, uint32_t status)
{
    if (kernel->process->dying)
        return;
    kernel->process->dying = 1;
    kernel->process->status = status;
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_task *read = x64i_record_read(kernel, kernel->tasks, i);
        if (read->process != kernel->task->process || i == kernel->schedule.task ||
            read->state == X64I_TASK_FREE || read->state == X64I_TASK_DEAD)
            continue;
        struct x64i_task *task = x64i_task_at(kernel, i);
        task->state = X64I_TASK_RUNNABLE;
        x64i_task_nudge(kernel, task);
    }
}

int64_t x64i_process_exit(struct x64i_kernel *kernel, uint32_t status)
{
    if (kernel->process->pid == X64I_FIRST_PID) {
        kernel->process->status = status;
        x64i_mm_shared_to_file(kernel, NULL, 0, UINT64_MAX);
        end_guest(kernel, status);
        return X64I_NO_RESULT;
    }
    doom(kernel, status);
    return x64i_task_exit(kernel, status);
}

void x64i_task_kill(struct x64i_kernel *kernel, int signal, const char *format, ...)
{
    char reason[200];
    char number[16];
    va_list arguments;
    if (kernel->process->pid == X64I_FIRST_PID) {
        va_start(arguments, format);
        (void)vsnprintf(reason, sizeof reason, format, arguments);
        va_end(arguments);
        x64i_machine_log(kernel->machine, X64_LOG_WARNING, "%s: ended by %s: %s",
                         kernel->task->name, x64i_signal_name(signal, number), reason);
        end_guest(kernel, (uint32_t)signal);
        return;
    }
    /* The rest is done on the way out of the kernel, where memory may be missing. */
    doom(kernel, (uint32_t)signal);
    x64i_task_nudge(kernel, kernel->task);
}
