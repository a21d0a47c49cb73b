/* SPDX-License-Identifier: MIT */
/* Sending and taking signals. */
#include "kernel_model/signal.h"

#include "kernel_model/boot.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/syscall.h"
#include "kernel_model/task_switch.h"

#include <signal.h>
#include <string.h>

#define HANDLER_DEFAULT 0u
#define HANDLER_IGNORE  1u
#define SA_RESTART_     0x10000000u
#define SA_NODEFER_     0x40000000u
#define SA_RESETHAND_   0x80000000u
#define SI_KERNEL_      128
#define SYSCALL_LENGTH  2u
#define STATUS_STOPPED  0x7fu
#define CLD_STOPPED_    5

enum action { ACTION_TERMINATE, ACTION_IGNORE, ACTION_CORE, ACTION_STOP, ACTION_CONTINUE };

/* signal(7): what is not listed terminates. */
static const uint8_t default_actions[X64I_SIGNALS + 1] = {
    [SIGCHLD] = ACTION_IGNORE,   [SIGURG] = ACTION_IGNORE, [SIGWINCH] = ACTION_IGNORE,
    [SIGCONT] = ACTION_CONTINUE, [SIGSTOP] = ACTION_STOP,  [SIGTSTP] = ACTION_STOP,
    [SIGTTIN] = ACTION_STOP,     [SIGTTOU] = ACTION_STOP,  [SIGQUIT] = ACTION_CORE,
    [SIGILL] = ACTION_CORE,      [SIGABRT] = ACTION_CORE,  [SIGFPE] = ACTION_CORE,
    [SIGSEGV] = ACTION_CORE,     [SIGBUS] = ACTION_CORE,   [SIGTRAP] = ACTION_CORE,
    [SIGSYS] = ACTION_CORE,      [SIGXCPU] = ACTION_CORE,  [SIGXFSZ] = ACTION_CORE,
};

#define STOP_SIGNALS                                                                  \
    (x64i_signal_bit(SIGSTOP) | x64i_signal_bit(SIGTSTP) | x64i_signal_bit(SIGTTIN) | \
     x64i_signal_bit(SIGTTOU))

static bool is_ignored(const struct x64i_signals *signals, int signal)
{
    uint64_t handler = signals->action[signal - 1].handler;
    uint8_t action = default_actions[signal];
    bool by_default = action == ACTION_IGNORE || action == ACTION_CONTINUE;
    return handler == HANDLER_IGNORE || (handler == HANDLER_DEFAULT && by_default);
}

static const struct x64i_signal_info from_kernel = {.code = SI_KERNEL_};

/* SIGCONT and SIGKILL make stopped tasks go on; SIGCONT and stop signals cancel one another. */
static void prepare(struct x64i_kernel *kernel, uint32_t process, int signal)
{
    struct x64i_signals *signals = x64i_signals_at(kernel, process);
    if (x64i_signal_bit(signal) & STOP_SIGNALS)
        signals->pending &= ~x64i_signal_bit(SIGCONT);
    if (signal != SIGCONT && signal != SIGKILL)
        return;
    signals->pending &= ~STOP_SIGNALS;
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_task *read = x64i_record_read(kernel, kernel->tasks, i);
        if (read->state != X64I_TASK_STOPPED || read->process != process)
            continue;
        struct x64i_task *task = x64i_task_at(kernel, i);
        task->state = X64I_TASK_RUNNABLE;
        task->pending_signals &= ~STOP_SIGNALS;
        if (signal == SIGCONT)
            x64i_process_at(kernel, process)->report = 2;
    }
    x64i_task_event(kernel);
}

static void nudge_all(struct x64i_kernel *kernel, uint32_t process)
{
    for (uint32_t i = 0; i < X64I_TASKS_MAX; i++) {
        const struct x64i_task *task = x64i_record_read(kernel, kernel->tasks, i);
        if (task->process == process &&
            (task->state == X64I_TASK_RUNNABLE || task->state == X64I_TASK_WAITING))
            x64i_task_nudge(kernel, x64i_task_at(kernel, i));
    }
}

void x64i_signal_process(struct x64i_kernel *kernel, uint32_t process, int signal,
                         const struct x64i_signal_info *info)
{
    if (signal < 1 || signal > X64I_SIGNALS || process >= X64I_TASKS_MAX)
        return;
    struct x64i_signals *signals = x64i_signals_at(kernel, process);
    prepare(kernel, process, signal);
    if (is_ignored(signals, signal))
        return;
    if (!(signals->pending & x64i_signal_bit(signal)))
        signals->info[signal - 1] = info ? *info : from_kernel;
    signals->pending |= x64i_signal_bit(signal);
    nudge_all(kernel, process);
}

void x64i_signal_task(struct x64i_kernel *kernel, struct x64i_task *task, int signal,
                      const struct x64i_signal_info *info)
{
    if (signal < 1 || signal > X64I_SIGNALS)
        return;
    prepare(kernel, task->process, signal);
    if (is_ignored(x64i_signals_at(kernel, task->process), signal))
        return;
    if (!(task->pending_signals & x64i_signal_bit(signal)))
        task->info[signal - 1] = info ? *info : from_kernel;
    task->pending_signals |= x64i_signal_bit(signal);
    x64i_task_nudge(kernel, task);
}

bool x64i_signal_exception(struct x64i_kernel *kernel, int signal,
                           const struct x64i_signal_info *info)
{
    struct x64i_task *task = kernel->task;
    uint64_t bit = x64i_signal_bit(signal);
    if (kernel->signals->action[signal - 1].handler <= HANDLER_IGNORE ||
        (task->blocked_signals & bit) || task->compat)
        return false;
    task->pending_signals |= bit;
    task->info[signal - 1] = *info;
    x64i_task_nudge(kernel, task);
    return true;
}

uint64_t x64i_signals_due(const struct x64i_kernel *kernel)
{
    uint64_t pending = kernel->task->pending_signals | kernel->signals->pending;
    uint64_t always = x64i_signal_bit(SIGKILL) | x64i_signal_bit(SIGSTOP);
    return pending & (~kernel->task->blocked_signals | always);
}

/* Synchronous ones first, then the lowest number; a task's own before the process's. */
static int choose(struct x64i_kernel *kernel, struct x64i_signal_info *info)
{
    uint64_t due = x64i_signals_due(kernel);
    uint64_t first =
        due & (x64i_signal_bit(SIGSEGV) | x64i_signal_bit(SIGBUS) | x64i_signal_bit(SIGILL) |
               x64i_signal_bit(SIGTRAP) | x64i_signal_bit(SIGFPE) | x64i_signal_bit(SIGKILL));
    if (due & kernel->task->pending_signals)
        first = first & kernel->task->pending_signals ? first & kernel->task->pending_signals
                                                      : due & kernel->task->pending_signals;
    uint64_t from = first ? first : due;
    if (!from)
        return 0;
    int signal = __builtin_ctzll(from) + 1;
    if (kernel->task->pending_signals & x64i_signal_bit(signal))
        *info = kernel->task->info[signal - 1];
    else
        *info = kernel->signals->info[signal - 1];
    return signal;
}

static void consume(struct x64i_kernel *kernel, int signal)
{
    uint64_t bit = x64i_signal_bit(signal);
    if (kernel->task->pending_signals & bit)
        kernel->task->pending_signals &= ~bit;
    else
        kernel->signals->pending &= ~bit;
}

/* The parent learns that its child has stopped. */
static void stop(struct x64i_kernel *kernel, int signal)
{
    struct x64i_process *process = kernel->process;
    uint32_t parent;
    kernel->task->state = X64I_TASK_STOPPED;
    process->report = 1;
    process->status = (uint32_t)signal << 8 | STATUS_STOPPED;
    x64i_task_event(kernel);
    if (x64i_process_find(kernel, process->parent, &parent))
        x64i_signal_process(kernel, parent, SIGCHLD,
                            &(struct x64i_signal_info){.code = CLD_STOPPED_,
                                                       .pid = process->pid,
                                                       .value = (uint64_t)signal});
}

/* An interrupted call's result becomes EINTR or the call is made again. */
static bool settle_restart(uint64_t regs[X64I_PT_REGS], bool again)
{
    if (regs[X64I_PT_ORIG_AX] >> 63 || regs[X64I_PT_AX] != (uint64_t)-X64I_ERESTARTSYS)
        return false;
    if (again) {
        regs[X64I_PT_AX] = regs[X64I_PT_ORIG_AX];
        regs[X64I_PT_IP] -= SYSCALL_LENGTH;
    } else {
        regs[X64I_PT_AX] = (uint64_t)-EINTR;
    }
    return true;
}

static int64_t run_handler(struct x64i_kernel *kernel, int signal,
                           const struct x64i_signal_info *info, uint64_t regs[X64I_PT_REGS])
{
    struct x64i_task *task = kernel->task;
    uint64_t flags = kernel->signals->action[signal - 1].flags;
    settle_restart(regs, flags & SA_RESTART_);
    int64_t bad = x64i_signal_frame_push(kernel, signal, info, regs);
    if (bad == X64I_FAULT_IN)
        return bad;
    consume(kernel, signal);
    if (bad) {
        x64i_task_kill(kernel, SIGSEGV, "no room on the stack for the frame of signal %d", signal);
        return X64I_NO_RESULT;
    }
    task->restore_signals = 0;
    task->blocked_signals |= kernel->signals->action[signal - 1].mask;
    if (!(flags & SA_NODEFER_))
        task->blocked_signals |= x64i_signal_bit(signal);
    task->blocked_signals &= ~(x64i_signal_bit(SIGKILL) | x64i_signal_bit(SIGSTOP));
    if (flags & SA_RESETHAND_)
        kernel->signals->action[signal - 1].handler = HANDLER_DEFAULT;
    x64i_user_regs_write(kernel, regs);
    return 0;
}

static int64_t run_default(struct x64i_kernel *kernel, int signal)
{
    char name[16];
    switch ((enum action)default_actions[signal]) {
    case ACTION_IGNORE:
    case ACTION_CONTINUE:
        consume(kernel, signal);
        return 0;
    case ACTION_STOP:
        consume(kernel, signal);
        stop(kernel, signal);
        return 0;
    default:
        x64i_task_kill(kernel, signal, "%s was sent", x64i_signal_name(signal, name));
        return X64I_NO_RESULT;
    }
}

int64_t x64i_signals_take(struct x64i_kernel *kernel)
{
    uint64_t regs[X64I_PT_REGS];
    struct x64i_signal_info info;
    int signal = choose(kernel, &info);
    if (!x64i_user_regs_read(kernel, regs))
        return 0;
    if (signal) {
        uint64_t handler = kernel->signals->action[signal - 1].handler;
        bool fatal = signal == SIGKILL || signal == SIGSTOP;
        if (handler > HANDLER_IGNORE && !fatal)
            return run_handler(kernel, signal, &info, regs);
        if (handler != HANDLER_IGNORE || fatal)
            return run_default(kernel, signal);
        consume(kernel, signal);
        return 0;
    }
    if (kernel->task->restore_signals) {
        kernel->task->restore_signals = 0;
        kernel->task->blocked_signals = kernel->task->saved_signals;
    }
    if (settle_restart(regs, true))
        x64i_user_regs_write(kernel, regs);
    return 0;
}
