/* SPDX-License-Identifier: MIT */
/* What files say about themselves, and changing that. */
#include "kernel_model/abi.h"
#include "kernel_model/open_file.h"
#include "kernel_model/path.h"
#include "kernel_model/rlimit.h"
#include "kernel_model/syscall.h"

#include <string.h>

#define AT_EMPTY_PATH_    0x1000u
#define AT_NOFOLLOW_      0x100u
#define STATX_BASIC_STATS 0x7ffu
#define TERMINAL_DEVICE   0x8801u /* 136:1, a pseudo terminal */
#define TMPFS_MAGIC_      0x01021994
#define STATFS_BYTES      120u
#define S_IFSOCK_         0140000u
#define UTIME_NOW_        0x3fffffff
#define UTIME_OMIT_       0x3ffffffe
#define NANOSECONDS       1000000000
#define FALLOC_KEEP_SIZE  1

/* What has no path. */
static struct x64i_abi_stat stat_of_stream(const struct x64i_kernel *kernel,
                                           const struct x64i_open_file *file)
{
    struct x64i_abi_stat stat = {.dev = 13, .nlink = 1, .block_size = X64I_PAGE_SIZE};
    stat.ino = 9000 + file->object;
    stat.mode = X64I_S_IFIFO | 0600;
    if (file->kind == X64I_FILE_CONSOLE) {
        stat.ino = 8000 + file->object;
        if (kernel->schedule.terminals & 1u << (file->object & 31)) {
            stat.mode = X64I_S_IFCHR | 0620;
            stat.rdev = TERMINAL_DEVICE;
            stat.block_size = 1024;
        }
    } else if (file->kind == X64I_FILE_SOCKET) {
        stat.ino = 9500 + file->object;
        stat.mode = S_IFSOCK_ | 0777;
    } else if (file->kind != X64I_FILE_PIPE) {
        stat.mode = 0600;
    }
    return stat;
}

static int64_t stat_descriptor(struct x64i_kernel *kernel, unsigned fd, struct x64i_abi_stat *stat)
{
    struct x64i_node node;
    char path[X64I_PATH_SIZE];
    const struct x64i_open_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    if (file->kind == X64I_FILE_OVERLAY) {
        x64i_overlay_stat(x64i_overlay_at(kernel, file->object), stat);
        return 0;
    }
    if (file->kind == X64I_FILE_CONSOLE || !file->path[0]) {
        *stat = stat_of_stream(kernel, file);
        return 0;
    }
    memcpy(path, file->path, sizeof path);
    int64_t bad = x64i_vfs_look(kernel, path, &node);
    *stat = node.stat;
    return bad;
}

static int64_t stat_path(struct x64i_kernel *kernel, int dfd, uint64_t filename, unsigned flags,
                         struct x64i_abi_stat *stat)
{
    char path[X64I_USER_PATH];
    struct x64i_node node;
    int64_t bad = x64i_path_get(kernel, filename, path);
    if (bad)
        return bad;
    if (!path[0] && (flags & AT_EMPTY_PATH_) && dfd != X64I_AT_FDCWD)
        return stat_descriptor(kernel, (unsigned)dfd, stat);
    if (!path[0] && (flags & AT_EMPTY_PATH_))
        bad = x64i_vfs_look(kernel, kernel->process->directory, &node);
    else
        bad = x64i_vfs_walk(kernel, dfd, path, !(flags & AT_NOFOLLOW_), &node);
    if (!bad && node.kind == X64I_NODE_DESCRIPTOR && !(flags & AT_NOFOLLOW_))
        return stat_descriptor(kernel, node.object, stat);
    *stat = node.stat;
    return bad;
}

static int64_t give_stat(struct x64i_kernel *kernel, int64_t bad, const struct x64i_abi_stat *stat,
                         uint64_t buffer)
{
    if (!bad)
        bad = x64i_user_writable(kernel, buffer, sizeof *stat);
    if (!bad)
        x64i_user_write(kernel, buffer, stat, sizeof *stat);
    return bad;
}

static int64_t give_statx(struct x64i_kernel *kernel, const struct x64i_abi_stat *stat,
                          uint64_t buffer)
{
    struct x64i_abi_statx statx = {
        .mask = STATX_BASIC_STATS,
        .block_size = (uint32_t)stat->block_size,
        .nlink = (uint32_t)stat->nlink,
        .uid = stat->uid,
        .gid = stat->gid,
        .mode = (uint16_t)stat->mode,
        .ino = stat->ino,
        .size = (uint64_t)stat->size,
        .blocks = (uint64_t)stat->blocks,
        .rdev_major = (uint32_t)(stat->rdev >> 8 & 0xfff),
        .rdev_minor = (uint32_t)(stat->rdev & 255),
        .dev_major = (uint32_t)(stat->dev >> 8 & 0xfff),
        .dev_minor = (uint32_t)(stat->dev & 255),
    };
    static const uint8_t places[3] = {0, 3, 2}; /* access, modification, change; 1 is birth */
    for (unsigned i = 0; i < 3; i++) {
        statx.times[places[i]].seconds = (int64_t)stat->times[2 * i];
        statx.times[places[i]].nanoseconds = (uint32_t)stat->times[2 * i + 1];
    }
    int64_t bad = x64i_user_writable(kernel, buffer, sizeof statx);
    if (!bad)
        x64i_user_write(kernel, buffer, &statx, sizeof statx);
    return bad;
}

SYSCALL_DEFINE2(newfstat, unsigned int, fd, struct stat __user *, statbuf)
{
    struct x64i_abi_stat stat;
    int64_t bad = stat_descriptor(kernel, fd, &stat);
    return give_stat(kernel, bad, &stat, X64I_USER(statbuf));
}

SYSCALL_DEFINE2(newstat, const char __user *, filename, struct stat __user *, statbuf)
{
    struct x64i_abi_stat stat;
    int64_t bad = stat_path(kernel, X64I_AT_FDCWD, X64I_USER(filename), 0, &stat);
    return give_stat(kernel, bad, &stat, X64I_USER(statbuf));
}

SYSCALL_DEFINE2(newlstat, const char __user *, filename, struct stat __user *, statbuf)
{
    struct x64i_abi_stat stat;
    int64_t bad = stat_path(kernel, X64I_AT_FDCWD, X64I_USER(filename), AT_NOFOLLOW_, &stat);
    return give_stat(kernel, bad, &stat, X64I_USER(statbuf));
}

SYSCALL_DEFINE4(newfstatat, int, dfd, const char __user *, filename, struct stat __user *, statbuf,
                int, flag)
{
    struct x64i_abi_stat stat;
    int64_t bad = stat_path(kernel, dfd, X64I_USER(filename), (unsigned)flag, &stat);
    return give_stat(kernel, bad, &stat, X64I_USER(statbuf));
}

SYSCALL_DEFINE5(statx, int, dfd, const char __user *, filename, unsigned, flags, unsigned int, mask,
                struct statx __user *, buffer)
{
    struct x64i_abi_stat stat;
    int64_t bad = stat_path(kernel, dfd, X64I_USER(filename), flags, &stat);
    return bad ? bad : give_statx(kernel, &stat, X64I_USER(buffer));
}

static int64_t give_statfs(struct x64i_kernel *kernel, uint64_t buffer)
{
    int64_t words[STATFS_BYTES / 8] = {TMPFS_MAGIC_, X64I_PAGE_SIZE, 1 << 20, 1 << 19,
                                       1 << 19,      1 << 16,        1 << 15};
    words[8] = 255;
    words[9] = X64I_PAGE_SIZE;
    int64_t bad = x64i_user_writable(kernel, buffer, sizeof words);
    if (!bad)
        x64i_user_write(kernel, buffer, words, sizeof words);
    return bad;
}

SYSCALL_DEFINE2(statfs, const char __user *, pathname, struct statfs __user *, buf)
{
    struct x64i_abi_stat stat;
    int64_t bad = stat_path(kernel, X64I_AT_FDCWD, X64I_USER(pathname), 0, &stat);
    return bad ? bad : give_statfs(kernel, X64I_USER(buf));
}

SYSCALL_DEFINE2(fstatfs, unsigned int, fd, struct statfs __user *, buf)
{
    return x64i_file_of(kernel, fd) ? give_statfs(kernel, X64I_USER(buf)) : -EBADF;
}

SYSCALL_DEFINE1(umask, int, mask)
{
    uint32_t old = kernel->process->umask;
    kernel->process->umask = (uint32_t)mask & 0777;
    return old;
}

/* /proc/self/fd/N stands for the path that was opened. */
static int64_t look_behind(struct x64i_kernel *kernel, struct x64i_node *node)
{
    char path[X64I_PATH_SIZE];
    const struct x64i_open_file *file = x64i_file_of(kernel, node->object);
    if (!file || !file->path[0])
        return -ENOENT;
    memcpy(path, file->path, sizeof path);
    return x64i_vfs_look(kernel, path, node);
}

/* What a path names, in a form whose attributes can be changed: copied up where it must be. */
static int64_t find_changeable(struct x64i_kernel *kernel, int dfd, uint64_t filename,
                               unsigned flags, struct x64i_node *node)
{
    uint32_t index;
    int64_t bad = x64i_path_walk(kernel, dfd, filename, !(flags & AT_NOFOLLOW_), node);
    if (!bad && node->kind == X64I_NODE_DESCRIPTOR && !(flags & AT_NOFOLLOW_))
        bad = look_behind(kernel, node);
    if (bad)
        return bad;
    if (node->kind == X64I_NODE_OVERLAY ||
        (node->kind == X64I_NODE_HOST && x64i_host_is_writable(kernel, node->path)))
        return 0;
    if (node->kind != X64I_NODE_HOST || !x64i_node_is(node, X64I_S_IFREG))
        return -EROFS;
    bad = x64i_overlay_copy_up(kernel, node, false, &index);
    return bad ? bad : x64i_vfs_look(kernel, node->path, node);
}

/* What kind of a special file it is stays. */
static void set_mode(struct x64i_overlay_entry *entry, unsigned mode)
{
    entry->mode = (entry->mode & X64I_S_IFMT) | (mode & 07777);
}

static int64_t change_mode(struct x64i_kernel *kernel, int dfd, uint64_t filename, unsigned mode)
{
    struct x64i_node node;
    int64_t bad = find_changeable(kernel, dfd, filename, 0, &node);
    if (bad)
        return bad;
    if (x64i_node_is(&node, X64I_S_IFLNK))
        return -EOPNOTSUPP;
    if (node.kind == X64I_NODE_HOST)
        return x64i_host_change(kernel, X64I_HOST_CHMOD, node.path, mode & 07777, NULL, 0);
    set_mode(x64i_overlay_at(kernel, node.object), mode);
    return 0;
}

SYSCALL_DEFINE2(chmod, const char __user *, filename, unsigned short, mode)
{
    return change_mode(kernel, X64I_AT_FDCWD, X64I_USER(filename), mode);
}

SYSCALL_DEFINE3(fchmodat, int, dfd, const char __user *, filename, unsigned short, mode)
{
    return change_mode(kernel, dfd, X64I_USER(filename), mode);
}

SYSCALL_DEFINE2(fchmod, unsigned int, fd, unsigned short, mode)
{
    const struct x64i_open_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    if (file->kind == X64I_FILE_HOST ||
        (file->kind == X64I_FILE_DIRECTORY && x64i_host_is_writable(kernel, file->path)))
        return x64i_host_change(kernel, X64I_HOST_CHMOD, file->path, mode & 07777, NULL, 0);
    if (file->kind == X64I_FILE_OVERLAY)
        set_mode(x64i_overlay_at(kernel, file->object), mode);
    return file->path[0] && file->kind != X64I_FILE_OVERLAY ? -EROFS : 0;
}

/* Files of the host stay whose they are. */
static int64_t change_owner(struct x64i_kernel *kernel, int dfd, uint64_t filename, uint32_t user,
                            uint32_t group, unsigned flags)
{
    struct x64i_node node;
    int64_t bad = find_changeable(kernel, dfd, filename, flags, &node);
    if (bad)
        return bad;
    if (node.kind == X64I_NODE_HOST)
        return (user == UINT32_MAX || user == node.stat.uid) &&
                       (group == UINT32_MAX || group == node.stat.gid)
                   ? 0
                   : -EPERM;
    struct x64i_overlay_entry *entry = x64i_overlay_at(kernel, node.object);
    entry->uid = user == UINT32_MAX ? entry->uid : user;
    entry->gid = group == UINT32_MAX ? entry->gid : group;
    return 0;
}

SYSCALL_DEFINE3(chown, const char __user *, filename, unsigned int, user, unsigned int, group)
{
    return change_owner(kernel, X64I_AT_FDCWD, X64I_USER(filename), user, group, 0);
}

SYSCALL_DEFINE3(lchown, const char __user *, filename, unsigned int, user, unsigned int, group)
{
    return change_owner(kernel, X64I_AT_FDCWD, X64I_USER(filename), user, group, AT_NOFOLLOW_);
}

SYSCALL_DEFINE5(fchownat, int, dfd, const char __user *, filename, unsigned int, user, unsigned int,
                group, int, flag)
{
    return change_owner(kernel, dfd, X64I_USER(filename), user, group, (unsigned)flag);
}

SYSCALL_DEFINE3(fchown, unsigned int, fd, unsigned int, user, unsigned int, group)
{
    return x64i_file_of(kernel, fd) ? 0 : -EBADF;
}

SYSCALL_DEFINE2(truncate, const char __user *, path, long, length)
{
    struct x64i_node node;
    if (length < 0)
        return -EINVAL;
    if (length > 0 && x64i_may_write(kernel, (uint64_t)length - 1, 1) == 0)
        return -EFBIG;
    int64_t bad = find_changeable(kernel, X64I_AT_FDCWD, X64I_USER(path), 0, &node);
    if (bad)
        return bad;
    if (node.kind == X64I_NODE_HOST)
        return x64i_host_change(kernel, X64I_HOST_TRUNCATE, node.path, (uint64_t)length, NULL, 0);
    return x64i_overlay_truncate(kernel, node.object, (uint64_t)length);
}

/* The times that utimensat is given, as struct timespec; none stands for now. */
static int64_t get_times(struct x64i_kernel *kernel, uint64_t linear,
                         struct x64i_abi_timespec times[2])
{
    times[0] = times[1] = (struct x64i_abi_timespec){0, UTIME_NOW_};
    int64_t bad = linear ? x64i_user_readable(kernel, linear, 2 * sizeof *times) : 0;
    if (!bad && linear)
        x64i_user_read(kernel, linear, times, 2 * sizeof *times);
    for (unsigned i = 0; i < 2 && !bad; i++) {
        int64_t part = times[i].nanoseconds;
        if (part != UTIME_NOW_ && part != UTIME_OMIT_ && (part < 0 || part >= NANOSECONDS))
            bad = -EINVAL;
        /* The host's files are told the guest's time, not the host's. */
        uint64_t now = x64i_time_now(kernel, 0);
        if (part == UTIME_NOW_)
            times[i] = (struct x64i_abi_timespec){(int64_t)(now / NANOSECONDS),
                                                  (int64_t)(now % NANOSECONDS)};
    }
    return bad;
}

/* The overlay keeps the time of modification alone. */
static int64_t set_times(struct x64i_kernel *kernel, bool host, const char *path, uint32_t entry,
                         const struct x64i_abi_timespec times[2])
{
    if (host)
        return x64i_host_change(kernel, X64I_HOST_TIMES, path, 0, times, 2 * sizeof *times);
    if (times[1].nanoseconds != UTIME_OMIT_)
        x64i_overlay_at(kernel, entry)->modified =
            (uint64_t)times[1].seconds * NANOSECONDS + (uint64_t)times[1].nanoseconds;
    return 0;
}

static int64_t set_times_of_file(struct x64i_kernel *kernel, unsigned fd,
                                 const struct x64i_abi_timespec times[2])
{
    const struct x64i_open_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    bool host = file->path[0] && x64i_host_is_writable(kernel, file->path);
    if (file->kind != X64I_FILE_OVERLAY && !host)
        return 0;
    return set_times(kernel, file->kind != X64I_FILE_OVERLAY, file->path, file->object, times);
}

SYSCALL_DEFINE4(utimensat, int, dfd, const char __user *, filename, struct timespec __user *,
                utimes, int, flags)
{
    struct x64i_node node;
    struct x64i_abi_timespec times[2];
    int64_t bad = get_times(kernel, X64I_USER(utimes), times);
    if (bad)
        return bad;
    if (!filename)
        return set_times_of_file(kernel, (unsigned)dfd, times);
    bad = find_changeable(kernel, dfd, X64I_USER(filename), (unsigned)flags, &node);
    if (bad)
        return bad;
    return set_times(kernel, node.kind == X64I_NODE_HOST, node.path, node.object, times);
}

SYSCALL_DEFINE4(fallocate, int, fd, int, mode, int64_t, offset, int64_t, len)
{
    const struct x64i_open_file *file = x64i_file_of(kernel, (unsigned)fd);
    if (!file || !(file->flags & 3))
        return -EBADF;
    if (offset < 0 || len <= 0)
        return -EINVAL;
    if (file->kind != X64I_FILE_OVERLAY && file->kind != X64I_FILE_HOST)
        return file->kind == X64I_FILE_PIPE ? -ESPIPE : -ENODEV;
    if (mode & ~FALLOC_KEEP_SIZE)
        return -EOPNOTSUPP;
    if (len > INT64_MAX - offset)
        return -EFBIG;
    uint64_t end = (uint64_t)offset + (uint64_t)len;
    if (x64i_may_write(kernel, end - 1, 1) == 0)
        return -EFBIG;
    if ((mode & FALLOC_KEEP_SIZE) ||
        x64i_file_size(kernel, x64i_file_number(kernel, (unsigned)fd) - 1) >= end)
        return 0;
    return file->kind == X64I_FILE_OVERLAY
               ? x64i_overlay_truncate(kernel, file->object, end)
               : x64i_host_change(kernel, X64I_HOST_TRUNCATE, file->path, end, NULL, 0);
}
