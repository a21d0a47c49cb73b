/* SPDX-License-Identifier: MIT */
/* The tables of tasks and processes. */
#include "kernel_model/boot.h"
#include "kernel_model/open_file.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/rlimit.h"
#include "kernel_model/vfs.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_MODE_MASK 022u

static uint32_t bounded(uint32_t index)
{
    return index < X64I_TASKS_MAX ? index : 0;
}

struct x64i_task *x64i_task_at(struct x64i_kernel *kernel, uint32_t index)
{
    return x64i_record_at(kernel, kernel->tasks, bounded(index));
}

struct x64i_process *x64i_process_at(struct x64i_kernel *kernel, uint32_t index)
{
    struct x64i_process *process = x64i_record_at(kernel, kernel->processes, bounded(index));
    process->path[X64I_PATH_SIZE - 1] = process->directory[X64I_PATH_SIZE - 1] = '\0';
    return process;
}

struct x64i_signals *x64i_signals_at(struct x64i_kernel *kernel, uint32_t index)
{
    return x64i_record_at(kernel, kernel->signal_pages, bounded(index));
}

void x64i_tasks_refresh(struct x64i_kernel *kernel)
{
    kernel->task = x64i_task_at(kernel, kernel->schedule.task);
    kernel->process = x64i_process_at(kernel, kernel->task->process);
    kernel->signals = x64i_signals_at(kernel, kernel->task->process);
}

/* The same for reading alone: x64i_tasks_refresh gives the pages to be written. */
static void look(struct x64i_kernel *kernel)
{
    const void *task = x64i_record_read(kernel, kernel->tasks, kernel->schedule.task);
    kernel->task = (struct x64i_task *)(uintptr_t)task;
    uint32_t index = bounded(kernel->task->process);
    kernel->process =
        (struct x64i_process *)(uintptr_t)x64i_record_read(kernel, kernel->processes, index);
    kernel->signals =
        (struct x64i_signals *)(uintptr_t)x64i_record_read(kernel, kernel->signal_pages, index);
}

static bool is_sound(const struct x64i_kernel *kernel)
{
    const struct x64i_process *process = kernel->process;
    return kernel->task->process < X64I_TASKS_MAX &&
           kernel->task->name[sizeof kernel->task->name - 1] == '\0' &&
           process->path[X64I_PATH_SIZE - 1] == '\0' &&
           process->directory[X64I_PATH_SIZE - 1] == '\0';
}

struct x64i_task *x64i_task_find(struct x64i_kernel *kernel, uint32_t tid, uint32_t *index)
{
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_task *task = x64i_record_read(kernel, kernel->tasks, i);
        if (task->state == X64I_TASK_FREE || task->state == X64I_TASK_DEAD || task->tid != tid)
            continue;
        if (index)
            *index = i;
        return x64i_task_at(kernel, i);
    }
    return NULL;
}

struct x64i_process *x64i_process_find(struct x64i_kernel *kernel, uint32_t pid, uint32_t *index)
{
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_process *process = x64i_record_read(kernel, kernel->processes, i);
        if (!process->used || process->pid != pid)
            continue;
        if (index)
            *index = i;
        return x64i_process_at(kernel, i);
    }
    return NULL;
}

/* A kernel stack and a task_struct that an ended task left behind are used again. */
static bool take_stack(struct x64i_kernel *kernel, struct x64i_task *task)
{
    if (task->task_struct)
        return true;
    uint64_t stack = x64i_frames_take_aligned(kernel, X64I_KERNEL_STACK);
    uint64_t page = stack ? x64i_frames_take(kernel, 1) : 0;
    if (!page)
        return false;
    task->task_struct = x64i_direct(page);
    task->stack.start = x64i_direct(stack);
    task->stack.end = task->stack.start + X64I_KERNEL_STACK;
    return true;
}

bool x64i_task_make(struct x64i_kernel *kernel, uint32_t *index)
{
    if (kernel->schedule.task_count >= kernel->schedule.task_limit)
        return false;
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_task *old = x64i_record_read(kernel, kernel->tasks, i);
        if (old->state != X64I_TASK_FREE)
            continue;
        struct x64i_task *task = x64i_task_at(kernel, i);
        if (!take_stack(kernel, task))
            return false;
        *task = (struct x64i_task){.task_struct = task->task_struct, .stack = task->stack};
        *index = i;
        return true;
    }
    return false;
}

bool x64i_process_make(struct x64i_kernel *kernel, uint32_t *index)
{
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_process *old = x64i_record_read(kernel, kernel->processes, i);
        if (old->used)
            continue;
        *x64i_process_at(kernel, i) = (struct x64i_process){.used = 1};
        *x64i_signals_at(kernel, i) = (struct x64i_signals){0};
        *index = i;
        return true;
    }
    return false;
}

/* Linux' pid_max is 32768; numbers in use are passed over. */
uint32_t x64i_pid_make(struct x64i_kernel *kernel)
{
    struct x64i_schedule *schedule = &kernel->schedule;
    do {
        if (schedule->next_pid < 2 || schedule->next_pid > 32767)
            schedule->next_pid = 2;
        schedule->next_pid++;
    } while (x64i_task_find(kernel, schedule->next_pid - 1, NULL) ||
             x64i_process_find(kernel, schedule->next_pid - 1, NULL));
    return schedule->next_pid - 1;
}

void x64i_task_event(struct x64i_kernel *kernel)
{
    kernel->schedule.events++;
}

void x64i_task_nudge(struct x64i_kernel *kernel, struct x64i_task *task)
{
    uint32_t flags = 0;
    x64i_kernel_read(kernel, task->task_struct, &flags, sizeof flags);
    flags |= X64I_TIF_NEED_RESCHED;
    x64i_kernel_write(kernel, task->task_struct, &flags, sizeof flags);
    x64i_task_event(kernel);
}

/* The first task's kernel stack and task_struct are those of the boot. */
void x64i_task_init(struct x64i_kernel *kernel, const char *path)
{
    const char *slash = strrchr(path, '/');
    kernel->schedule.task = 0;
    kernel->schedule.mm = 0;
    kernel->schedule.mm_users[0] = 1;
    kernel->schedule.next_pid = X64I_FIRST_PID + 1;
    kernel->schedule.task_count = 1;
    if (!kernel->schedule.task_limit || kernel->schedule.task_limit > X64I_TASKS_MAX)
        kernel->schedule.task_limit = X64I_TASKS_MAX;
    x64i_tasks_refresh(kernel);
    *kernel->task = (struct x64i_task){.state = X64I_TASK_RUNNABLE,
                                       .tid = X64I_FIRST_PID,
                                       .task_struct = kernel->layout.task,
                                       .stack = kernel->layout.task_stack};
    *kernel->process = (struct x64i_process){.used = 1,
                                             .pid = X64I_FIRST_PID,
                                             .group = X64I_FIRST_PID,
                                             .session = X64I_FIRST_PID,
                                             .threads = 1,
                                             .umask = DEFAULT_MODE_MASK,
                                             .program = 1};
    *kernel->signals = (struct x64i_signals){0};
    x64i_rlimits_init(kernel->process);
    for (uint32_t i = 0; i < 3; i++)
        x64i_open_console(kernel, i);
    (void)snprintf(kernel->task->name, sizeof kernel->task->name, "%.15s",
                   slash ? slash + 1 : path);
    x64i_vfs_init(kernel, path);
}

void x64i_tasks_repair(struct x64i_kernel *kernel)
{
    if (kernel->schedule.task >= X64I_TASKS_MAX)
        kernel->schedule.task = 0;
    if (kernel->schedule.mm >= X64I_TASKS_MAX)
        kernel->schedule.mm = 0;
    look(kernel);
    if (is_sound(kernel)) /* nothing is written, so that a fork shares its pages until it runs */
        return;
    x64i_tasks_refresh(kernel);
    if (kernel->task->process >= X64I_TASKS_MAX)
        kernel->task->process = 0;
    kernel->task->name[sizeof kernel->task->name - 1] = '\0';
    kernel->process->path[X64I_PATH_SIZE - 1] = '\0';
    kernel->process->directory[X64I_PATH_SIZE - 1] = '\0';
}
