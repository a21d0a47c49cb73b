/* SPDX-License-Identifier: MIT */
#include "kernel_model/console.h"

#include "kernel_model/region_pages.h"
#include "kernel_model/syscall.h"

#include <string.h>

#define FOREVER UINT64_MAX

/* Asks the outside, which may wait for so many nanoseconds before it answers no. */
static bool ask(struct x64i_kernel *kernel, uint64_t nanoseconds)
{
    uint8_t answer[sizeof nanoseconds];
    memcpy(answer, &nanoseconds, sizeof nanoseconds);
    size_t given =
        x64i_machine_input(kernel->machine, X64_INPUT_CONSOLE_READY, answer, sizeof answer);
    bool ready = given == 0 || answer[0] != 0;
    kernel->schedule.console_ready = ready;
    return ready;
}

/* The outside has waited until then in vain. */
static bool is_quiet(const struct x64i_kernel *kernel)
{
    return x64i_time_now(kernel, X64I_CLOCK_MONOTONIC) < kernel->schedule.console_quiet;
}

bool x64i_console_ready(struct x64i_kernel *kernel)
{
    if (kernel->schedule.console_ready || (!is_quiet(kernel) && ask(kernel, 0)))
        return true;
    kernel->task->console = 1;
    kernel->schedule.console_waits = 1;
    return false;
}

bool x64i_console_may_read(struct x64i_kernel *kernel)
{
    bool alone = kernel->schedule.task_count == 1 && kernel->schedule.next_timer == 0;
    return alone || x64i_console_ready(kernel);
}

size_t x64i_console_read(struct x64i_kernel *kernel, void *buffer, size_t size)
{
    kernel->schedule.console_ready = 0;
    return x64i_machine_input(kernel->machine, X64_INPUT_CONSOLE, buffer, size);
}

/* Whether a task still waits, and the time of the first sleep or timer to end (0: none). */
static bool look_at_waits(struct x64i_kernel *kernel, uint64_t *deadline)
{
    bool waits = false;
    *deadline = kernel->schedule.next_timer;
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_task *task = x64i_record_read(kernel, kernel->tasks, i);
        if (task->state != X64I_TASK_WAITING)
            continue;
        waits |= task->console != 0;
        if (task->wake_clock && (!*deadline || task->wake_clock < *deadline))
            *deadline = task->wake_clock;
    }
    kernel->schedule.console_waits = waits;
    return waits;
}

void x64i_console_tick(struct x64i_kernel *kernel)
{
    uint64_t deadline;
    if (!kernel->schedule.console_waits || kernel->schedule.console_ready || is_quiet(kernel))
        return;
    if (look_at_waits(kernel, &deadline) && ask(kernel, 0))
        x64i_task_event(kernel);
}

/* Time stands still in the guest while the outside waits. When it has waited in vain, the time
 * until the deadline is the guest's to pass, and nobody asks again before that. */
bool x64i_console_idle(struct x64i_kernel *kernel)
{
    uint64_t deadline;
    uint64_t now = x64i_time_now(kernel, X64I_CLOCK_MONOTONIC);
    if (!kernel->schedule.console_waits || is_quiet(kernel) || !look_at_waits(kernel, &deadline) ||
        (deadline && deadline <= now))
        return false;
    if (ask(kernel, deadline ? deadline - now : FOREVER)) {
        x64i_task_event(kernel);
        return true;
    }
    kernel->schedule.console_quiet = deadline;
    return false;
}
