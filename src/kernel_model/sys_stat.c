/* SPDX-License-Identifier: MIT */
/* What files say about themselves. */
#include "kernel_model/abi.h"
#include "kernel_model/file.h"
#include "kernel_model/syscall.h"

#define AT_EMPTY_PATH_    0x1000u
#define MODE_CONSOLE      0020620u /* character device */
#define MODE_PROGRAM      0100755u
#define CONSOLE_DEVICE    0x8801u /* 136:1, a pseudo terminal */
#define STATX_BASIC_STATS 0x7ffu

/* What a stat says, before it takes one of its forms. */
static struct x64i_abi_stat stat_of(const struct x64i_kernel *kernel, uint32_t kind)
{
    struct x64i_abi_stat stat = {.nlink = 1, .block_size = 1024};
    if (kind == X64I_FILE_CONSOLE) {
        stat.mode = MODE_CONSOLE;
        stat.ino = 4;
        stat.rdev = CONSOLE_DEVICE;
        return stat;
    }
    stat.dev = 1;
    stat.ino = 2;
    stat.mode = MODE_PROGRAM;
    stat.block_size = 4096;
    stat.size = (int64_t)kernel->program_size;
    stat.blocks = (stat.size + 511) / 512;
    return stat;
}

static int64_t give_stat(struct x64i_kernel *kernel, uint32_t kind, uint64_t buffer)
{
    struct x64i_abi_stat stat = stat_of(kernel, kind);
    int64_t bad = x64i_user_writable(kernel, buffer, sizeof stat);
    if (bad)
        return bad;
    x64i_user_write(kernel, buffer, &stat, sizeof stat);
    return 0;
}

static int64_t give_statx(struct x64i_kernel *kernel, uint32_t kind, uint64_t buffer)
{
    struct x64i_abi_stat stat = stat_of(kernel, kind);
    struct x64i_abi_statx statx = {
        .mask = STATX_BASIC_STATS,
        .block_size = (uint32_t)stat.block_size,
        .nlink = (uint32_t)stat.nlink,
        .mode = (uint16_t)stat.mode,
        .ino = stat.ino,
        .size = (uint64_t)stat.size,
        .blocks = (uint64_t)stat.blocks,
        .rdev_major = (uint32_t)(stat.rdev >> 8),
        .rdev_minor = (uint32_t)(stat.rdev & 255),
        .dev_minor = (uint32_t)stat.dev,
    };
    int64_t bad = x64i_user_writable(kernel, buffer, sizeof statx);
    if (bad)
        return bad;
    x64i_user_write(kernel, buffer, &statx, sizeof statx);
    return 0;
}

/* The kind of file that a path, or with an empty path a descriptor, names. */
static int64_t kind_of(struct x64i_kernel *kernel, int dfd, uint64_t filename, unsigned flags)
{
    char path[4096];
    int64_t length = x64i_user_string(kernel, filename, path, sizeof path);
    if (length < 0)
        return length;
    if (length == 0 && (flags & AT_EMPTY_PATH_)) {
        const struct x64i_file *file = x64i_file_of(kernel, (unsigned)dfd);
        return file ? (int64_t)file->kind : -EBADF;
    }
    return x64i_path_is_program(kernel, path) ? X64I_FILE_PROGRAM : -ENOENT;
}

SYSCALL_DEFINE2(newfstat, unsigned int, fd, struct stat __user *, statbuf)
{
    const struct x64i_file *file = x64i_file_of(kernel, fd);
    return file ? give_stat(kernel, file->kind, X64I_USER(statbuf)) : -EBADF;
}

SYSCALL_DEFINE2(newstat, const char __user *, filename, struct stat __user *, statbuf)
{
    int64_t kind = kind_of(kernel, -1, X64I_USER(filename), 0);
    return kind < 0 ? kind : give_stat(kernel, (uint32_t)kind, X64I_USER(statbuf));
}

SYSCALL_DEFINE2(newlstat, const char __user *, filename, struct stat __user *, statbuf)
{
    int64_t kind = kind_of(kernel, -1, X64I_USER(filename), 0);
    return kind < 0 ? kind : give_stat(kernel, (uint32_t)kind, X64I_USER(statbuf));
}

SYSCALL_DEFINE4(newfstatat, int, dfd, const char __user *, filename, struct stat __user *, statbuf,
                int, flag)
{
    int64_t kind = kind_of(kernel, dfd, X64I_USER(filename), (unsigned)flag);
    return kind < 0 ? kind : give_stat(kernel, (uint32_t)kind, X64I_USER(statbuf));
}

SYSCALL_DEFINE5(statx, int, dfd, const char __user *, filename, unsigned, flags, unsigned int, mask,
                struct statx __user *, buffer)
{
    int64_t kind = kind_of(kernel, dfd, X64I_USER(filename), flags);
    return kind < 0 ? kind : give_statx(kernel, (uint32_t)kind, X64I_USER(buffer));
}
