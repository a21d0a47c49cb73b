/* SPDX-License-Identifier: MIT */
/* ITIMER_REAL: looked at whenever the tick comes or a task goes to sleep. */
#include "kernel_model/region_pages.h"
#include "kernel_model/signal.h"
#include "kernel_model/syscall.h"

#include <signal.h>

void x64i_timers_plan(struct x64i_kernel *kernel)
{
    uint64_t first = 0;
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_process *process = x64i_record_read(kernel, kernel->processes, i);
        if (process->used && process->timer && (!first || process->timer < first))
            first = process->timer;
    }
    kernel->schedule.next_timer = first;
}

void x64i_timers_run(struct x64i_kernel *kernel)
{
    uint64_t now = x64i_time_now(kernel, 1);
    if (!kernel->schedule.next_timer || now < kernel->schedule.next_timer)
        return;
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_process *read = x64i_record_read(kernel, kernel->processes, i);
        if (!read->used || !read->timer || now < read->timer)
            continue;
        struct x64i_process *process = x64i_process_at(kernel, i);
        process->timer = process->timer_interval ? now + process->timer_interval : 0;
        x64i_signal_process(kernel, i, SIGALRM, NULL);
    }
    x64i_timers_plan(kernel);
}
