/* SPDX-License-Identifier: MIT */
/* New tasks (kernel/fork.c): fork, vfork, clone, clone3. */
#include "kernel_model/boot.h"
#include "kernel_model/mm_pages.h"
#include "kernel_model/open_file.h"
#include "kernel_model/syscall.h"
#include "kernel_model/task_switch.h"

#include <signal.h>
#include <string.h>

#define CLONE_VM_             0x100u
#define CLONE_SIGHAND_        0x800u
#define CLONE_VFORK_          0x4000u
#define CLONE_PARENT_         0x8000u
#define CLONE_THREAD_         0x10000u
#define CLONE_NAMESPACES      0x7e020000u
#define CLONE_SETTLS_         0x80000u
#define CLONE_PARENT_SETTID_  0x100000u
#define CLONE_CHILD_CLEARTID_ 0x200000u
#define CLONE_CHILD_SETTID_   0x1000000u
#define CLONE3_BYTES          64u

struct request {
    uint64_t flags; /* without the signal */
    uint64_t child_tid, parent_tid;
    uint64_t stack; /* RSP, or 0 for the parent's */
    uint64_t tls;
    uint32_t exit_signal;
};

struct child {
    uint32_t task, process, mm;
    uint32_t pid;
};

/* What the words that the kernel writes need; the child's is written on both sides of a fork. */
static int64_t check_words(struct x64i_kernel *kernel, const struct request *request)
{
    int64_t bad = 0;
    if (request->flags & CLONE_PARENT_SETTID_)
        bad = x64i_user_writable(kernel, request->parent_tid, sizeof(uint32_t));
    if (!bad && (request->flags & CLONE_CHILD_SETTID_))
        bad = x64i_user_writable(kernel, request->child_tid, sizeof(uint32_t));
    return bad;
}

static bool flags_are_valid(const struct request *request)
{
    uint64_t flags = request->flags;
    if ((flags & CLONE_THREAD_) && !(flags & CLONE_SIGHAND_))
        return false;
    if ((flags & CLONE_SIGHAND_) && !(flags & CLONE_VM_))
        return false;
    return !(flags & CLONE_NAMESPACES);
}

/* A process of its own: files, signal handlers, directory as the parent has them. */
static bool make_process(struct x64i_kernel *kernel, const struct request *request,
                         struct child *child)
{
    if (!x64i_process_make(kernel, &child->process))
        return false;
    struct x64i_process *process = x64i_process_at(kernel, child->process);
    *process = *kernel->process;
    process->pid = child->pid;
    process->parent =
        request->flags & CLONE_PARENT_ ? kernel->process->parent : kernel->process->pid;
    process->threads = 1;
    process->mm = child->mm;
    process->exit_signal = request->exit_signal;
    process->timer = process->timer_interval = 0;
    memset(process->posix_timer, 0, sizeof process->posix_timer);
    process->report = process->dying = process->zombie = 0;
    struct x64i_signals *signals = x64i_signals_at(kernel, child->process);
    *signals = *kernel->signals;
    signals->pending = 0;
    x64i_files_inherit(kernel, process);
    return true;
}

static bool make_mm(struct x64i_kernel *kernel, const struct request *request, struct child *child)
{
    if (!(request->flags & CLONE_VM_))
        return x64i_mm_copy(kernel, &child->mm);
    child->mm = kernel->schedule.mm;
    if (!(request->flags & CLONE_THREAD_))
        kernel->schedule.mm_users[child->mm]++;
    return true;
}

static void fill_task(struct x64i_kernel *kernel, const struct request *request,
                      const struct child *child)
{
    struct x64i_task *task = x64i_task_at(kernel, child->task);
    const struct x64i_task *parent = kernel->task;
    task->state = X64I_TASK_RUNNABLE;
    task->tid = child->pid;
    task->process = child->process;
    task->compat = parent->compat;
    task->blocked_signals = parent->blocked_signals;
    task->start_steps = kernel->cpu->s.steps;
    if (request->flags & CLONE_CHILD_CLEARTID_)
        task->clear_child_tid = request->child_tid;
    if (!(request->flags & CLONE_VM_) || (request->flags & CLONE_VFORK_)) {
        task->alternate_stack = parent->alternate_stack;
        task->alternate_size = parent->alternate_size;
    }
    if (request->flags & CLONE_VFORK_)
        task->vfork_parent = kernel->schedule.task + 1;
    memcpy(task->name, parent->name, sizeof task->name);
}

/* The child's first registers: the parent's, with 0 as the call's result. */
static bool begin(struct x64i_kernel *kernel, const struct request *request,
                  const struct child *child)
{
    uint64_t regs[X64I_PT_REGS];
    uint64_t fs_base = kernel->cpu->s.segment[X64_FS].base;
    if (!x64i_user_regs_read(kernel, regs))
        return false;
    regs[X64I_PT_AX] = 0;
    regs[X64I_PT_ORIG_AX] = UINT64_MAX;
    if (request->stack)
        regs[X64I_PT_SP] = request->stack;
    if (request->flags & CLONE_SETTLS_)
        fs_base = request->tls;
    return x64i_task_begin(kernel, x64i_task_at(kernel, child->task), regs, fs_base);
}

/* CLONE_CHILD_SETTID: into the child's memory, which with fork is a copy by now. */
static void write_tids(struct x64i_kernel *kernel, const struct request *request,
                       const struct child *child)
{
    if (request->flags & CLONE_PARENT_SETTID_)
        x64i_user_write(kernel, request->parent_tid, &child->pid, sizeof child->pid);
    if (!(request->flags & CLONE_CHILD_SETTID_))
        return;
    uint32_t own = kernel->schedule.mm;
    x64i_mm_use(kernel, child->mm);
    if (x64i_mm_touch(kernel, request->child_tid, X64_PF_WRITE) == X64I_MM_DONE)
        x64i_user_write(kernel, request->child_tid, &child->pid, sizeof child->pid);
    x64i_mm_use(kernel, own);
}

static int64_t give_up(struct x64i_kernel *kernel, const struct request *request,
                       const struct child *child)
{
    x64i_task_at(kernel, child->task)->state = X64I_TASK_FREE;
    if (!(request->flags & CLONE_THREAD_))
        x64i_process_reap(kernel, child->process);
    return -ENOMEM;
}

static int64_t create(struct x64i_kernel *kernel, const struct request *request)
{
    struct child child = {.process = kernel->task->process};
    if (!x64i_task_make(kernel, &child.task))
        return -EAGAIN;
    child.pid = x64i_pid_make(kernel);
    if (!make_mm(kernel, request, &child))
        return -ENOMEM;
    if (request->flags & CLONE_THREAD_)
        kernel->process->threads++;
    else if (!make_process(kernel, request, &child))
        return -EAGAIN;
    fill_task(kernel, request, &child);
    if (!begin(kernel, request, &child))
        return give_up(kernel, request, &child);
    kernel->schedule.task_count++;
    write_tids(kernel, request, &child);
    x64i_task_event(kernel);
    return child.pid;
}

/* vfork: the parent sleeps until the child has ended or runs another program. */
static bool vfork_is_over(struct x64i_kernel *kernel)
{
    uint32_t index;
    const struct x64i_task *child =
        x64i_task_find(kernel, (uint32_t)kernel->task->progress, &index);
    return !child || child->vfork_parent != kernel->schedule.task + 1;
}

static int64_t do_clone(struct x64i_kernel *kernel, const struct request *request)
{
    if (kernel->task->progress)
        return vfork_is_over(kernel) ? (int64_t)kernel->task->progress : X64I_SLEEP_ON;
    if (!flags_are_valid(request))
        return -EINVAL;
    if (kernel->stock || kernel->era->compat)
        return -ENOSYS;
    int64_t bad = check_words(kernel, request);
    if (bad)
        return bad;
    int64_t pid = create(kernel, request);
    if (pid == -EAGAIN && !kernel->schedule.warned) {
        kernel->schedule.warned = 1;
        x64i_machine_log(kernel->machine, X64_LOG_WARNING,
                         "%s: no task can be added to %u: --tasks says how many there may be",
                         kernel->task->name, kernel->schedule.task_count);
    }
    if (pid < 0 || !(request->flags & CLONE_VFORK_))
        return pid;
    kernel->task->progress = (uint64_t)pid;
    return X64I_SLEEP_ON;
}

SYSCALL_DEFINE0(fork)
{
    const struct request request = {.exit_signal = SIGCHLD};
    return do_clone(kernel, &request);
}

SYSCALL_DEFINE0(vfork)
{
    const struct request request = {.flags = CLONE_VFORK_ | CLONE_VM_, .exit_signal = SIGCHLD};
    return do_clone(kernel, &request);
}

SYSCALL_DEFINE5(clone, unsigned long, clone_flags, unsigned long, newsp, int __user *,
                parent_tidptr, int __user *, child_tidptr, unsigned long, tls)
{
    const struct request request = {.flags = clone_flags & 0xffffff00u,
                                    .child_tid = X64I_USER(child_tidptr),
                                    .parent_tid = X64I_USER(parent_tidptr),
                                    .stack = newsp,
                                    .tls = tls,
                                    .exit_signal = (uint32_t)(clone_flags & 0xff)};
    return do_clone(kernel, &request);
}

SYSCALL_DEFINE2(clone3, struct clone_args __user *, uargs, size_t, size)
{
    uint64_t args[CLONE3_BYTES / 8];
    if (size < CLONE3_BYTES)
        return -EINVAL;
    int64_t bad = x64i_user_readable(kernel, X64I_USER(uargs), sizeof args);
    if (bad)
        return bad;
    x64i_user_read(kernel, X64I_USER(uargs), args, sizeof args);
    const struct request request = {.flags = args[0] & ~UINT64_C(0xff),
                                    .child_tid = args[2],
                                    .parent_tid = args[3],
                                    .exit_signal = (uint32_t)(args[4] & 0xff),
                                    .stack = args[5] ? args[5] + args[6] : 0,
                                    .tls = args[7]};
    return do_clone(kernel, &request);
}
