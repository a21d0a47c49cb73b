/* SPDX-License-Identifier: MIT */
/* What programs ask about the machine and themselves, and small settings. */
#include "kernel_model/abi.h"
#include "kernel_model/syscall.h"

#include <string.h>

#define PR_SET_NAME_      15
#define PR_GET_NAME_      16
#define PR_SET_PDEATHSIG_ 1
#define PR_GET_DUMPABLE_  3
#define PR_SET_DUMPABLE_  4
#define RSEQ_BYTES        32u
#define RSEQ_UNREGISTER   1
#define SYSINFO_BYTES     112u
#define RUSAGE_BYTES      144u
#define NANOSECONDS       1000000000u
#define CLOCK_TICK        10000000u /* nanoseconds */
#define CPU_SET_BYTES     8u

SYSCALL_DEFINE5(prctl, int, option, unsigned long, arg2, unsigned long, arg3, unsigned long, arg4,
                unsigned long, arg5)
{
    char name[16] = {0};
    int64_t bad;
    switch (option) {
    case PR_SET_NAME_:
        bad = x64i_user_string(kernel, arg2, name, sizeof name);
        if (bad < 0 && bad != -ENAMETOOLONG)
            return bad;
        name[sizeof name - 1] = '\0';
        memcpy(kernel->task->name, name, sizeof name);
        return 0;
    case PR_GET_NAME_:
        bad = x64i_user_writable(kernel, arg2, sizeof name);
        if (!bad)
            x64i_user_write(kernel, arg2, kernel->task->name, sizeof name);
        return bad;
    case PR_GET_DUMPABLE_:
        return 1;
    case PR_SET_DUMPABLE_:
    case PR_SET_PDEATHSIG_:
        return 0;
    default:
        return -EINVAL;
    }
}

/* There is one CPU: its number is written once, and no sequence is ever interrupted by another. */
SYSCALL_DEFINE4(rseq, struct rseq __user *, rseq, uint32_t, rseq_len, int, flags, uint32_t, sig)
{
    const uint32_t zero[2] = {0, 0};
    uint64_t linear = X64I_USER(rseq);
    if (flags & RSEQ_UNREGISTER) {
        kernel->task->rseq = 0;
        return 0;
    }
    if (kernel->task->rseq)
        return kernel->task->rseq == linear ? -EBUSY : -EINVAL;
    if (rseq_len < RSEQ_BYTES || linear % RSEQ_BYTES)
        return -EINVAL;
    int64_t bad = x64i_user_writable(kernel, linear, RSEQ_BYTES);
    if (bad)
        return bad;
    x64i_user_write(kernel, linear, zero, sizeof zero);
    kernel->task->rseq = linear;
    return 0;
}

SYSCALL_DEFINE1(sysinfo, struct sysinfo __user *, info)
{
    uint64_t words[SYSINFO_BYTES / 8] = {0};
    uint64_t used = kernel->layout.pages_used * X64I_PAGE_SIZE;
    uint64_t total = kernel->memory->ram_size;
    uint32_t unit = 1;
    words[0] = x64i_time_now(kernel, 1) / NANOSECONDS;
    words[4] = total;
    words[5] = used < total ? total - used : 0;
    words[10] = kernel->schedule.task_count;
    memcpy((uint8_t *)words + 104, &unit, sizeof unit);
    int64_t bad = x64i_user_writable(kernel, X64I_USER(info), sizeof words);
    if (!bad)
        x64i_user_write(kernel, X64I_USER(info), words, sizeof words);
    return bad;
}

/* All time since the start is the program's. */
SYSCALL_DEFINE2(getrusage, int, who, struct rusage __user *, ru)
{
    uint64_t words[RUSAGE_BYTES / 8] = {0};
    uint64_t now = x64i_time_now(kernel, 1);
    if (who == 0 || who == 1) {
        words[0] = now / NANOSECONDS;
        words[1] = now % NANOSECONDS / 1000;
        words[4] = kernel->mm.pages * X64I_PAGE_SIZE / 1024;
    }
    int64_t bad = x64i_user_writable(kernel, X64I_USER(ru), sizeof words);
    if (!bad)
        x64i_user_write(kernel, X64I_USER(ru), words, sizeof words);
    return bad;
}

SYSCALL_DEFINE1(times, struct tms __user *, tbuf)
{
    uint64_t ticks = x64i_time_now(kernel, 1) / CLOCK_TICK;
    const uint64_t words[4] = {ticks, 0, 0, 0};
    int64_t bad = tbuf ? x64i_user_writable(kernel, X64I_USER(tbuf), sizeof words) : 0;
    if (!bad && tbuf)
        x64i_user_write(kernel, X64I_USER(tbuf), words, sizeof words);
    return bad ? bad : (int64_t)ticks;
}

SYSCALL_DEFINE3(getcpu, unsigned __user *, cpup, unsigned __user *, nodep, void __user *, unused)
{
    const uint32_t zero = 0;
    int64_t bad = cpup ? x64i_user_writable(kernel, X64I_USER(cpup), sizeof zero) : 0;
    if (!bad && nodep)
        bad = x64i_user_writable(kernel, X64I_USER(nodep), sizeof zero);
    if (bad)
        return bad;
    if (cpup)
        x64i_user_write(kernel, X64I_USER(cpup), &zero, sizeof zero);
    if (nodep)
        x64i_user_write(kernel, X64I_USER(nodep), &zero, sizeof zero);
    return 0;
}

SYSCALL_DEFINE3(sched_getaffinity, int, pid, unsigned int, len, unsigned long __user *, user_mask)
{
    const uint64_t one = 1;
    if (len < CPU_SET_BYTES)
        return -EINVAL;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(user_mask), CPU_SET_BYTES);
    if (bad)
        return bad;
    x64i_user_write(kernel, X64I_USER(user_mask), &one, CPU_SET_BYTES);
    return CPU_SET_BYTES;
}

SYSCALL_DEFINE3(sched_setaffinity, int, pid, unsigned int, len, unsigned long __user *, user_mask)
{
    return 0;
}

SYSCALL_DEFINE1(sched_getscheduler, int, pid)
{
    return 0;
}

SYSCALL_DEFINE2(sched_getparam, int, pid, int __user *, param)
{
    const int32_t zero = 0;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(param), sizeof zero);
    if (!bad)
        x64i_user_write(kernel, X64I_USER(param), &zero, sizeof zero);
    return bad;
}

/* Niceness is kept and told; it decides nothing. Groups and users stand for the caller. */
static struct x64i_process *priority_of(struct x64i_kernel *kernel, int which, int who)
{
    if (which != 0 || who == 0)
        return kernel->process;
    return x64i_process_find(kernel, (uint32_t)who, NULL);
}

SYSCALL_DEFINE2(getpriority, int, which, int, who)
{
    const struct x64i_process *process = priority_of(kernel, which, who);
    return process ? 20 - (int64_t)process->nice : -ESRCH;
}

SYSCALL_DEFINE3(setpriority, int, which, int, who, int, niceval)
{
    struct x64i_process *process = priority_of(kernel, which, who);
    if (!process)
        return -ESRCH;
    process->nice = niceval < -20 ? -20 : niceval;
    process->nice = niceval > 19 ? 19 : process->nice;
    return 0;
}

static int64_t give_ids(struct x64i_kernel *kernel, const uint64_t words[3])
{
    const uint32_t zero = 0;
    int64_t bad = 0;
    for (unsigned i = 0; i < 3 && !bad; i++)
        bad = x64i_user_writable(kernel, words[i], sizeof zero);
    for (unsigned i = 0; i < 3 && !bad; i++)
        x64i_user_write(kernel, words[i], &zero, sizeof zero);
    return bad;
}

SYSCALL_DEFINE3(getresuid, unsigned int __user *, ruidp, unsigned int __user *, euidp,
                unsigned int __user *, suidp)
{
    const uint64_t words[3] = {X64I_USER(ruidp), X64I_USER(euidp), X64I_USER(suidp)};
    return give_ids(kernel, words);
}

SYSCALL_DEFINE3(getresgid, unsigned int __user *, rgidp, unsigned int __user *, egidp,
                unsigned int __user *, sgidp)
{
    const uint64_t words[3] = {X64I_USER(rgidp), X64I_USER(egidp), X64I_USER(sgidp)};
    return give_ids(kernel, words);
}

/* The only user is root; it may become what it is. */
static int64_t set_id(unsigned id)
{
    return id == 0 || id == UINT32_MAX ? 0 : -EPERM;
}

SYSCALL_DEFINE1(setuid, unsigned int, uid)
{
    return set_id(uid);
}

SYSCALL_DEFINE1(setgid, unsigned int, gid)
{
    return set_id(gid);
}

SYSCALL_DEFINE3(setresuid, unsigned int, ruid, unsigned int, euid, unsigned int, suid)
{
    return ruid == 0 || euid == 0 || suid == 0 ? 0 : set_id(ruid);
}

SYSCALL_DEFINE3(setresgid, unsigned int, rgid, unsigned int, egid, unsigned int, sgid)
{
    return rgid == 0 || egid == 0 || sgid == 0 ? 0 : set_id(rgid);
}

SYSCALL_DEFINE2(getgroups, int, gidsetsize, unsigned int __user *, grouplist)
{
    const uint32_t zero = 0;
    if (gidsetsize < 0)
        return -EINVAL;
    if (gidsetsize == 0)
        return 1;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(grouplist), sizeof zero);
    if (bad)
        return bad;
    x64i_user_write(kernel, X64I_USER(grouplist), &zero, sizeof zero);
    return 1;
}

SYSCALL_DEFINE0(sync)
{
    return 0;
}

SYSCALL_DEFINE2(membarrier, int, cmd, unsigned int, flags)
{
    return 0;
}
