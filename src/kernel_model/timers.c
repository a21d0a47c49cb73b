/* SPDX-License-Identifier: MIT */
/* Timers of processes and of open files: looked at when the tick comes or a task goes to sleep. */
#include "kernel_model/open_file.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/signal.h"
#include "kernel_model/syscall.h"

#include <signal.h>

#define SI_TIMER_ (-2)

static void earlier(uint64_t *first, uint64_t time)
{
    if (time && (!*first || time < *first))
        *first = time;
}

/* A timerfd that has expired already wakes nobody again. */
static uint64_t first_of_files(struct x64i_kernel *kernel)
{
    uint64_t first = 0;
    uint64_t now = x64i_time_now(kernel, X64I_CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < X64I_OPEN_FILES_MAX && kernel->schedule.timer_files; i++) {
        const struct x64i_open_file *file = x64i_record_read(kernel, kernel->files, i);
        if (file->kind == X64I_FILE_TIMER && file->position > now)
            earlier(&first, file->position);
    }
    return first;
}

void x64i_timers_plan(struct x64i_kernel *kernel)
{
    uint64_t first = first_of_files(kernel);
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_process *process = x64i_record_read(kernel, kernel->processes, i);
        if (!process->used)
            continue;
        earlier(&first, process->timer);
        for (unsigned j = 0; j < X64I_POSIX_TIMERS; j++)
            earlier(&first, process->posix_timer[j].expires);
    }
    kernel->schedule.next_timer = first;
}

/* The time after a timer has fired: periods that were missed are overruns. */
static uint64_t next_of(uint64_t expires, uint64_t interval, uint64_t now, uint32_t *overrun)
{
    if (!interval)
        return 0;
    uint64_t missed = (now - expires) / interval;
    *overrun = missed < INT32_MAX ? (uint32_t)missed : INT32_MAX;
    return expires + (missed + 1) * interval;
}

static void fire_posix(struct x64i_kernel *kernel, uint32_t index, unsigned number, uint64_t now)
{
    struct x64i_posix_timer *timer = &x64i_process_at(kernel, index)->posix_timer[number];
    const struct x64i_signal_info info = {.code = SI_TIMER_, .pid = number, .value = timer->value};
    timer->overrun = 0;
    timer->expires = next_of(timer->expires, timer->interval, now, &timer->overrun);
    if (timer->signal < 1 || timer->signal > X64I_SIGNALS)
        return;
    struct x64i_task *task = timer->tid ? x64i_task_find(kernel, timer->tid, NULL) : NULL;
    if (task)
        x64i_signal_task(kernel, task, (int)timer->signal, &info);
    else
        x64i_signal_process(kernel, index, (int)timer->signal, &info);
}

static void run_process(struct x64i_kernel *kernel, uint32_t index, uint64_t now)
{
    const struct x64i_process *read = x64i_record_read(kernel, kernel->processes, index);
    if (!read->used)
        return;
    if (read->timer && now >= read->timer) {
        struct x64i_process *process = x64i_process_at(kernel, index);
        process->timer = process->timer_interval ? now + process->timer_interval : 0;
        x64i_signal_process(kernel, index, SIGALRM, NULL);
    }
    for (unsigned i = 0; i < X64I_POSIX_TIMERS; i++) {
        read = x64i_record_read(kernel, kernel->processes, index);
        if (read->posix_timer[i].expires && now >= read->posix_timer[i].expires)
            fire_posix(kernel, index, i, now);
    }
}

void x64i_timers_run(struct x64i_kernel *kernel)
{
    uint64_t now = x64i_time_now(kernel, X64I_CLOCK_MONOTONIC);
    if (!kernel->schedule.next_timer || now < kernel->schedule.next_timer)
        return;
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++)
        run_process(kernel, i, now);
    if (kernel->schedule.timer_files)
        x64i_task_event(kernel);
    x64i_timers_plan(kernel);
}

uint64_t x64i_timer_expirations(const struct x64i_kernel *kernel, const struct x64i_open_file *file)
{
    uint64_t now = x64i_time_now(kernel, X64I_CLOCK_MONOTONIC);
    if (!file->position || now < file->position)
        return 0;
    return file->size ? 1 + (now - file->position) / file->size : 1;
}

uint64_t x64i_timer_take(struct x64i_kernel *kernel, struct x64i_open_file *file)
{
    uint64_t count = x64i_timer_expirations(kernel, file);
    if (count) {
        file->position = file->size ? file->position + count * file->size : 0;
        x64i_timers_plan(kernel);
    }
    return count;
}
