/* SPDX-License-Identifier: MIT */
/* The process itself: identity, limits, thread pointer, signals, the end. */
#include "kernel_model/abi.h"
#include "kernel_model/boot.h"
#include "kernel_model/syscall.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ARCH_SET_GS_    0x1001
#define ARCH_SET_FS_    0x1002
#define ARCH_GET_FS_    0x1003
#define ARCH_GET_GS_    0x1004
#define TLS_FIRST_ENTRY 12u
#define TLS_ENTRIES     3u
#define RANDOM_CHUNK    256u

SYSCALL_DEFINE0(getpid)
{
    return kernel->process->pid;
}

SYSCALL_DEFINE0(gettid)
{
    return kernel->task->tid;
}

SYSCALL_DEFINE0(getppid)
{
    return kernel->process->parent;
}

SYSCALL_DEFINE0(getuid)
{
    return 0;
}

SYSCALL_DEFINE0(geteuid)
{
    return 0;
}

SYSCALL_DEFINE0(getgid)
{
    return 0;
}

SYSCALL_DEFINE0(getegid)
{
    return 0;
}

SYSCALL_DEFINE1(set_tid_address, int __user *, tidptr)
{
    kernel->task->clear_child_tid = X64I_USER(tidptr);
    return kernel->task->tid;
}

SYSCALL_DEFINE2(set_robust_list, struct robust_list_head __user *, head, size_t, len)
{
    if (len != (kernel->task->compat ? 12 : 24))
        return -EINVAL;
    kernel->task->robust_list = X64I_USER(head);
    return 0;
}

/* The others come first, once. */
SYSCALL_DEFINE0(sched_yield)
{
    kernel->schedule.tick = 1;
    x64i_task_nudge(kernel, kernel->task);
    return 0;
}

SYSCALL_DEFINE1(newuname, struct new_utsname __user *, name)
{
    struct x64i_abi_utsname uts = {
        .sysname = "Linux", .nodename = "x64emu", .version = "#1 x64emu", .domainname = "(none)"};
    bool compat = kernel->task->compat;
    (void)snprintf(uts.machine, sizeof uts.machine, "%s", compat ? "i686" : "x86_64");
    (void)snprintf(uts.release, sizeof uts.release, "%s", x64i_kernel_release(kernel));
    int64_t bad = x64i_user_writable(kernel, X64I_USER(name), sizeof uts);
    if (bad)
        return bad;
    x64i_user_write(kernel, X64I_USER(name), &uts, sizeof uts);
    return 0;
}

/* The thread pointers: FS.base is the CPU's, the user's GS.base waits in KERNEL_GS_BASE. */
SYSCALL_DEFINE2(arch_prctl, int, option, unsigned long, arg2)
{
    struct x64i_cpu *cpu = kernel->cpu;
    uint64_t *gs = &cpu->msr.values.value[X64I_MSR_KERNEL_GS_BASE];
    uint64_t *fs = &cpu->s.segment[X64_FS].base;
    bool get = option == ARCH_GET_FS_ || option == ARCH_GET_GS_;
    bool is_fs = option == ARCH_GET_FS_ || option == ARCH_SET_FS_;
    if (option < ARCH_SET_GS_ || option > ARCH_GET_GS_)
        return -EINVAL;
    if (get) {
        int64_t bad = x64i_user_writable(kernel, arg2, sizeof *fs);
        if (!bad)
            x64i_user_write(kernel, arg2, is_fs ? fs : gs, sizeof *fs);
        return bad;
    }
    if (arg2 >= X64I_TASK_SIZE)
        return -EPERM;
    struct x64_effect effect = {
        .kind = is_fs ? X64_EFFECT_SEGMENT_BASE : X64_EFFECT_MSR_WRITE,
        .index = is_fs ? (uint32_t)X64_FS : 0xc0000102u,
        .old = is_fs ? *fs : *gs,
        .value = arg2,
    };
    *(is_fs ? fs : gs) = arg2;
    x64i_effects_add(cpu->effects, effect);
    return 0;
}

/* A descriptor of user_desc's fields (SDM vol. 3A, 3.4.5). */
static uint64_t tls_descriptor(const struct x64i_abi_user_desc *desc)
{
    uint64_t type = 0x10u | (desc->flags >> 1 & 3) << 2 | (desc->flags & 8 ? 0 : 2) | 1;
    return (desc->limit & 0xffffu) | (uint64_t)(desc->base & 0xffffffu) << 16 |
           (type | 0x60u | (desc->flags & 32 ? 0u : 0x80u)) << 40 |
           (uint64_t)(desc->limit >> 16 & 15) << 48 | (uint64_t)(desc->flags >> 6 & 1) << 52 |
           (uint64_t)(desc->flags & 1) << 54 | (uint64_t)(desc->flags >> 4 & 1) << 55 |
           (uint64_t)(desc->base >> 24) << 56;
}

SYSCALL_DEFINE1(set_thread_area, struct user_desc __user *, u_info)
{
    struct x64i_abi_user_desc desc;
    uint64_t gdt;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(u_info), sizeof desc);
    if (bad)
        return bad;
    x64i_user_read(kernel, X64I_USER(u_info), &desc, sizeof desc);
    if (desc.entry_number == UINT32_MAX)
        desc.entry_number = TLS_FIRST_ENTRY;
    if (desc.entry_number - TLS_FIRST_ENTRY >= TLS_ENTRIES ||
        !x64i_kernel_per_cpu(kernel, "gdt_page", &gdt))
        return -EINVAL;
    uint64_t descriptor = tls_descriptor(&desc);
    uint64_t where = kernel->layout.per_cpu + gdt + 8 * (uint64_t)desc.entry_number;
    x64i_kernel_write(kernel, where, &descriptor, sizeof descriptor);
    x64i_user_write(kernel, X64I_USER(u_info), &desc.entry_number, sizeof desc.entry_number);
    return 0;
}

SYSCALL_DEFINE3(getrandom, char __user *, ubuf, size_t, len, unsigned int, flags)
{
    uint8_t bytes[RANDOM_CHUNK];
    if (flags & ~7u)
        return -EINVAL;
    if (len > INT32_MAX)
        len = INT32_MAX;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(ubuf), len);
    if (bad)
        return bad;
    for (size_t done = 0; done < len;) {
        size_t piece = len - done < sizeof bytes ? len - done : sizeof bytes;
        size_t given = x64i_machine_input(kernel->machine, X64_INPUT_RANDOM, bytes, piece);
        if (given == 0)
            return done ? (int64_t)done : -EAGAIN;
        x64i_user_write(kernel, X64I_USER(ubuf) + done, bytes, given);
        done += given;
    }
    return (int64_t)len;
}
