/* SPDX-License-Identifier: MIT */
/* Limits: told, set, and what the rest of the mini-kernel asks of them. */
#include "kernel_model/abi.h"
#include "kernel_model/rlimit.h"
#include "kernel_model/signal.h"
#include "kernel_model/syscall.h"

#include <signal.h>

#define STACK_MINIMUM (UINT64_C(128) << 10)
#define STACK_MAXIMUM (UINT64_C(256) << 20)
#define INFINITY_32   UINT32_MAX

static const uint64_t no_limit = UINT64_MAX;

void x64i_rlimits_init(struct x64i_process *process)
{
    for (unsigned i = 0; i < X64I_RLIMITS; i++)
        process->limit[i].current = process->limit[i].maximum = no_limit;
    process->limit[X64I_RLIMIT_STACK].current = X64I_STACK_DEFAULT;
    process->limit[X64I_RLIMIT_CORE].current = 0;
    process->limit[X64I_RLIMIT_NOFILE].current = X64I_DESCRIPTORS_MAX;
    process->limit[X64I_RLIMIT_NOFILE].maximum = X64I_DESCRIPTORS_MAX;
}

uint64_t x64i_rlimit(const struct x64i_kernel *kernel, enum x64i_rlimit which)
{
    return kernel->process->limit[which].current;
}

unsigned x64i_descriptor_limit(const struct x64i_kernel *kernel)
{
    uint64_t limit = x64i_rlimit(kernel, X64I_RLIMIT_NOFILE);
    return limit < X64I_DESCRIPTORS_MAX ? (unsigned)limit : X64I_DESCRIPTORS_MAX;
}

bool x64i_may_map(const struct x64i_kernel *kernel, uint64_t size)
{
    const struct x64i_mm *mm = &kernel->mm;
    uint64_t limit = x64i_rlimit(kernel, X64I_RLIMIT_AS);
    uint64_t mapped = 0;
    if (limit == no_limit)
        return true;
    for (uint64_t i = 0; i < mm->area_count; i++)
        mapped += mm->area[i].end - mm->area[i].start;
    return mapped <= limit && size <= limit - mapped;
}

uint64_t x64i_may_write(struct x64i_kernel *kernel, uint64_t position, uint64_t size)
{
    uint64_t limit = x64i_rlimit(kernel, X64I_RLIMIT_FSIZE);
    if (position < limit)
        return size < limit - position ? size : limit - position;
    x64i_signal_task(kernel, kernel->task, SIGXFSZ, NULL);
    return 0;
}

uint64_t x64i_stack_limit(const struct x64i_kernel *kernel)
{
    uint64_t limit = x64i_rlimit(kernel, X64I_RLIMIT_STACK) & ~(uint64_t)(X64I_PAGE_SIZE - 1);
    if (limit > STACK_MAXIMUM)
        return STACK_MAXIMUM;
    return limit < STACK_MINIMUM ? STACK_MINIMUM : limit;
}

/* The running program's stack may grow as far as the limit and the mappings let it. */
static void move_stack_end(struct x64i_kernel *kernel)
{
    struct x64i_mm *mm = &kernel->mm;
    uint64_t lowest = mm->mmap_top + X64I_STACK_GUARD;
    uint64_t wanted = mm->limit - X64I_PAGE_SIZE - x64i_stack_limit(kernel);
    mm->stack_low = wanted > lowest ? wanted : lowest;
}

static int64_t set_limit(struct x64i_kernel *kernel, struct x64i_process *process,
                         unsigned resource, const struct x64i_abi_rlimit *limit)
{
    if (limit->current > limit->maximum)
        return -EINVAL;
    if (resource == X64I_RLIMIT_NOFILE && limit->maximum > X64I_DESCRIPTORS_MAX)
        return -EPERM;
    process->limit[resource] = *limit;
    if (resource == X64I_RLIMIT_STACK && process == kernel->process)
        move_stack_end(kernel);
    return 0;
}

static struct x64i_process *process_of(struct x64i_kernel *kernel, int pid)
{
    uint32_t index;
    return pid ? x64i_process_find(kernel, (uint32_t)pid, &index) : kernel->process;
}

SYSCALL_DEFINE4(prlimit64, int, pid, unsigned int, resource, const struct rlimit64 __user *,
                new_rlim, struct rlimit64 __user *, old_rlim)
{
    struct x64i_abi_rlimit limit = {0, 0};
    struct x64i_process *process = process_of(kernel, pid);
    if (resource >= X64I_RLIMITS)
        return -EINVAL;
    if (!process)
        return -ESRCH;
    int64_t bad = new_rlim ? x64i_user_readable(kernel, X64I_USER(new_rlim), sizeof limit) : 0;
    if (!bad && old_rlim)
        bad = x64i_user_writable(kernel, X64I_USER(old_rlim), sizeof limit);
    if (bad)
        return bad;
    const struct x64i_abi_rlimit old = process->limit[resource];
    if (new_rlim) {
        x64i_user_read(kernel, X64I_USER(new_rlim), &limit, sizeof limit);
        bad = set_limit(kernel, process, resource, &limit);
    }
    if (!bad && old_rlim)
        x64i_user_write(kernel, X64I_USER(old_rlim), &old, sizeof old);
    return bad;
}

/* 32-bit programs have words of 32 bits, and the same word for "none". */
static uint32_t narrow(uint64_t value)
{
    return value < INFINITY_32 ? (uint32_t)value : INFINITY_32;
}

SYSCALL_DEFINE2(getrlimit, unsigned int, resource, struct rlimit __user *, rlim)
{
    if (resource >= X64I_RLIMITS)
        return -EINVAL;
    const struct x64i_abi_rlimit limit = kernel->process->limit[resource];
    const uint32_t words[2] = {narrow(limit.current), narrow(limit.maximum)};
    bool compat = kernel->task->compat;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(rlim), compat ? sizeof words : sizeof limit);
    if (bad)
        return bad;
    if (compat)
        x64i_user_write(kernel, X64I_USER(rlim), words, sizeof words);
    else
        x64i_user_write(kernel, X64I_USER(rlim), &limit, sizeof limit);
    return 0;
}

SYSCALL_DEFINE2(setrlimit, unsigned int, resource, struct rlimit __user *, rlim)
{
    struct x64i_abi_rlimit limit;
    uint32_t words[2];
    bool compat = kernel->task->compat;
    if (resource >= X64I_RLIMITS)
        return -EINVAL;
    int64_t bad = x64i_user_readable(kernel, X64I_USER(rlim), compat ? sizeof words : sizeof limit);
    if (bad)
        return bad;
    if (compat) {
        x64i_user_read(kernel, X64I_USER(rlim), words, sizeof words);
        limit.current = words[0] == INFINITY_32 ? no_limit : words[0];
        limit.maximum = words[1] == INFINITY_32 ? no_limit : words[1];
    } else {
        x64i_user_read(kernel, X64I_USER(rlim), &limit, sizeof limit);
    }
    return set_limit(kernel, kernel->process, resource, &limit);
}
