/* SPDX-License-Identifier: MIT */
/* Descriptors: open, close, dup, fcntl, pipes, eventfd, terminals, directories. */
#include "kernel_model/fifo.h"
#include "kernel_model/open_file.h"
#include "kernel_model/open_flags.h"
#include "kernel_model/path.h"
#include "kernel_model/record_lock.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/rlimit.h"
#include "kernel_model/socket.h"
#include "kernel_model/syscall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define O_PATH_FLAGS       (O_PATH_ | O_DIRECTORY_ | O_NOFOLLOW_ | O_CLOEXEC_)
#define O_SETTABLE         (O_APPEND_ | O_NONBLOCK_)
#define F_DUPFD_           0
#define F_GETFD_           1
#define F_SETFD_           2
#define F_GETFL_           3
#define F_SETFL_           4
#define F_DUPFD_CLOEXEC_   1030
#define F_GETPIPE_SZ_      1032
#define MFD_CLOEXEC_       1u
#define MFD_ALLOW_SEALING_ 2u
#define MFD_NAME_MAX       249u
#define TCGETS_            0x5401u
#define TIOCGPGRP_         0x540fu
#define TIOCGWINSZ_        0x5413u
#define FIONREAD_          0x541bu
#define FIOCLEX_           0x5451u
#define FIONCLEX_          0x5450u
#define FIONBIO_           0x5421u
#define LIST_BYTES         (256u << 10)
#define DIRENT_BYTES       19u /* before the name */
#define FIRST_ENTRY        2u

/* Makes the file that O_CREAT asks for. */
static int64_t create(struct x64i_kernel *kernel, struct x64i_node *node, unsigned mode)
{
    uint32_t index;
    char path[X64I_PATH_SIZE];
    memcpy(path, node->path, sizeof path);
    if (node->wants_directory)
        return -EISDIR;
    mode &= 07777 & ~kernel->process->umask;
    int64_t bad = x64i_host_is_writable(kernel, path)
                      ? x64i_host_change(kernel, X64I_HOST_CREATE, path, mode, NULL, 0)
                      : x64i_overlay_make(kernel, path, X64I_OVERLAY_FILE_KIND, mode, &index);
    return bad ? bad : x64i_vfs_look(kernel, path, node);
}

/* A descriptor's link in /proc stands for the open file itself. */
static int64_t reopen(struct x64i_kernel *kernel, const struct x64i_node *node, unsigned flags)
{
    uint32_t number = x64i_file_number(kernel, node->object);
    if (!number)
        return -ENOENT;
    return x64i_descriptor_make(kernel, number - 1, 0, flags & O_CLOEXEC_);
}

/* A file of the overlay that never has a name, which `name` stands for in /proc. No path is like
 * the entry's, since it does not begin with a slash: nothing that has a name is replaced. */
static int64_t open_unnamed(struct x64i_kernel *kernel, const char *name, unsigned flags,
                            unsigned mode)
{
    uint32_t entry, index;
    struct x64i_open_file *file = x64i_file_make(kernel, &index);
    if (!file)
        return -ENFILE;
    int64_t bad = x64i_overlay_make(kernel, "#unnamed", X64I_OVERLAY_FILE_KIND, mode, &entry);
    if (bad)
        return bad;
    struct x64i_overlay_entry *made = x64i_overlay_at(kernel, entry);
    made->unlinked = made->open = 1;
    *file = (struct x64i_open_file){
        .kind = X64I_FILE_OVERLAY, .object = entry, .flags = flags & ~O_TMPFILE_};
    (void)snprintf(file->path, sizeof file->path, "%.300s (deleted)", name);
    return x64i_descriptor_make(kernel, index, 0, flags & O_CLOEXEC_);
}

static int64_t open_unnamed_in(struct x64i_kernel *kernel, int dfd, const char *path,
                               unsigned flags, unsigned mode)
{
    struct x64i_node node;
    char name[X64I_PATH_SIZE + 8];
    int64_t bad = x64i_vfs_walk(kernel, dfd, path, true, &node);
    if (bad)
        return bad;
    if (!x64i_node_is(&node, X64I_S_IFDIR))
        return -ENOTDIR;
    if ((flags & O_ACCMODE_) == 0)
        return -EINVAL;
    (void)snprintf(name, sizeof name, "%.300s/#unnamed", node.path);
    return open_unnamed(kernel, name, flags, mode & 07777 & ~kernel->process->umask);
}

SYSCALL_DEFINE2(memfd_create, const char __user *, uname, unsigned int, flags)
{
    char name[X64I_USER_PATH];
    char path[X64I_PATH_SIZE];
    if (flags & ~(MFD_CLOEXEC_ | MFD_ALLOW_SEALING_))
        return -EINVAL;
    int64_t bad = x64i_path_get(kernel, X64I_USER(uname), name);
    if (bad)
        return bad;
    if (strlen(name) > MFD_NAME_MAX)
        return -EINVAL;
    (void)snprintf(path, sizeof path, "/memfd:%.249s", name);
    return open_unnamed(kernel, path, 2 | (flags & MFD_CLOEXEC_ ? O_CLOEXEC_ : 0), 0777);
}

static int64_t open_path(struct x64i_kernel *kernel, int dfd, uint64_t filename, unsigned flags,
                         unsigned mode)
{
    struct x64i_node node;
    char path[X64I_USER_PATH];
    int64_t bad = x64i_path_get(kernel, filename, path);
    if (bad)
        return bad;
    if (flags & O_PATH_)
        flags &= O_PATH_FLAGS;
    if ((flags & O_TMPFILE_) == O_TMPFILE_)
        return open_unnamed_in(kernel, dfd, path, flags, mode);
    bool follow = !(flags & O_NOFOLLOW_) && (flags & (O_CREAT_ | O_EXCL_)) != (O_CREAT_ | O_EXCL_);
    bad = x64i_vfs_walk(kernel, dfd, path, follow, &node);
    if (!bad && (flags & O_CREAT_) && (flags & O_EXCL_))
        return -EEXIST;
    if (bad == -ENOENT && node.parent && (flags & O_CREAT_)) {
        bad = create(kernel, &node, mode);
        flags &= ~O_TRUNC_;
    }
    if (bad)
        return bad;
    if (node.kind == X64I_NODE_DESCRIPTOR)
        return reopen(kernel, &node, flags);
    if (x64i_node_is(&node, X64I_S_IFLNK) && !(flags & O_PATH_))
        return -ELOOP;
    if (node.kind == X64I_NODE_OVERLAY && x64i_node_is(&node, X64I_S_IFIFO) && !(flags & O_PATH_))
        return x64i_fifo_open(kernel, &node, flags);
    int64_t index = x64i_vfs_open(kernel, &node, flags);
    if (index < 0)
        return index;
    return x64i_descriptor_make(kernel, (uint32_t)index, 0, flags & O_CLOEXEC_);
}

SYSCALL_DEFINE3(open, const char __user *, filename, int, flags, unsigned short, mode)
{
    return open_path(kernel, X64I_AT_FDCWD, X64I_USER(filename), (unsigned)flags, mode);
}

SYSCALL_DEFINE4(openat, int, dfd, const char __user *, filename, int, flags, unsigned short, mode)
{
    return open_path(kernel, dfd, X64I_USER(filename), (unsigned)flags, mode);
}

SYSCALL_DEFINE2(creat, const char __user *, pathname, unsigned short, mode)
{
    return open_path(kernel, X64I_AT_FDCWD, X64I_USER(pathname), O_CREAT_ | O_TRUNC_ | 1, mode);
}

SYSCALL_DEFINE1(close, unsigned int, fd)
{
    if (!x64i_file_of(kernel, fd))
        return -EBADF;
    x64i_descriptor_close(kernel, fd);
    return 0;
}

SYSCALL_DEFINE3(close_range, unsigned int, fd, unsigned int, max_fd, unsigned int, flags)
{
    if (fd > max_fd)
        return -EINVAL;
    for (unsigned at = fd; at < X64I_DESCRIPTORS_MAX && at <= max_fd; at++) {
        if (!kernel->process->descriptor[at])
            continue;
        if (flags & 4) {
            kernel->process->descriptor[at] |= X64I_CLOSE_ON_EXEC;
            continue;
        }
        x64i_descriptor_close(kernel, at);
    }
    return 0;
}

static int64_t duplicate_to(struct x64i_kernel *kernel, unsigned from, unsigned to, unsigned flags)
{
    if (!x64i_file_of(kernel, from) || to >= x64i_descriptor_limit(kernel))
        return -EBADF;
    if (from == to)
        return to;
    uint32_t number = x64i_file_number(kernel, from);
    x64i_file_hold(kernel, number);
    x64i_descriptor_close(kernel, to);
    kernel->process->descriptor[to] = number | (flags & O_CLOEXEC_ ? X64I_CLOSE_ON_EXEC : 0);
    return to;
}

static int64_t duplicate_from(struct x64i_kernel *kernel, unsigned fd, uint64_t lowest,
                              bool cloexec)
{
    if (!x64i_file_of(kernel, fd))
        return -EBADF;
    if (lowest >= x64i_descriptor_limit(kernel))
        return -EINVAL;
    return x64i_descriptor_make(kernel, x64i_file_number(kernel, fd) - 1, (unsigned)lowest,
                                cloexec);
}

SYSCALL_DEFINE1(dup, unsigned int, fildes)
{
    return duplicate_from(kernel, fildes, 0, false);
}

SYSCALL_DEFINE2(dup2, unsigned int, oldfd, unsigned int, newfd)
{
    return duplicate_to(kernel, oldfd, newfd, 0);
}

SYSCALL_DEFINE3(dup3, unsigned int, oldfd, unsigned int, newfd, int, flags)
{
    return oldfd == newfd ? -EINVAL : duplicate_to(kernel, oldfd, newfd, (unsigned)flags);
}

static int64_t control(struct x64i_kernel *kernel, unsigned fd, unsigned cmd, uint64_t arg)
{
    struct x64i_open_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    uint32_t *descriptor = &kernel->process->descriptor[fd];
    switch (cmd) {
    case F_DUPFD_:
    case F_DUPFD_CLOEXEC_:
        return duplicate_from(kernel, fd, arg, cmd == F_DUPFD_CLOEXEC_);
    case F_GETFD_:
        return *descriptor & X64I_CLOSE_ON_EXEC ? 1 : 0;
    case F_SETFD_:
        *descriptor = (*descriptor & ~X64I_CLOSE_ON_EXEC) | (arg & 1 ? X64I_CLOSE_ON_EXEC : 0);
        return 0;
    case F_GETFL_:
        return (int64_t)(file->flags & ~(O_CREAT_ | O_EXCL_ | O_TRUNC_ | O_CLOEXEC_)) | 0100000;
    case F_SETFL_:
        file->flags = (file->flags & ~O_SETTABLE) | ((uint32_t)arg & O_SETTABLE);
        return 0;
    case F_GETPIPE_SZ_:
        return file->kind == X64I_FILE_PIPE ? (int64_t)X64I_PIPE_BYTES : -EBADF;
    default:
        return x64i_is_record_lock(kernel, cmd)
                   ? x64i_record_lock(kernel, x64i_file_number(kernel, fd) - 1, cmd, arg)
                   : -EINVAL;
    }
}

SYSCALL_DEFINE3(fcntl, unsigned int, fd, unsigned int, cmd, unsigned long, arg)
{
    return control(kernel, fd, cmd, arg);
}

/* Of 32-bit programs: the same, and locks of files above 2 GiB. */
SYSCALL_DEFINE3(fcntl64, unsigned int, fd, unsigned int, cmd, unsigned long, arg)
{
    return control(kernel, fd, cmd, arg);
}

static bool make_end(struct x64i_kernel *kernel, uint32_t pipe, uint32_t writer, unsigned flags,
                     uint32_t *fd)
{
    uint32_t index;
    struct x64i_open_file *file = x64i_file_make(kernel, &index);
    if (!file) {
        x64i_pipe_close(kernel, pipe, writer);
        return false;
    }
    file->kind = X64I_FILE_PIPE;
    file->object = pipe;
    file->writer = writer;
    file->flags = (writer ? 1u : 0u) | (flags & O_NONBLOCK_);
    int64_t made = x64i_descriptor_make(kernel, index, 0, flags & O_CLOEXEC_);
    *fd = (uint32_t)made;
    return made >= 0;
}

static int64_t make_pipe(struct x64i_kernel *kernel, uint64_t fildes, unsigned flags)
{
    uint32_t pipe;
    uint32_t fd[2];
    int64_t bad = x64i_user_writable(kernel, fildes, sizeof fd);
    if (bad)
        return bad;
    if (!x64i_pipe_make(kernel, &pipe))
        return -ENFILE;
    if (!make_end(kernel, pipe, 0, flags, &fd[0])) {
        x64i_pipe_close(kernel, pipe, true);
        return -EMFILE;
    }
    if (!make_end(kernel, pipe, 1, flags, &fd[1])) {
        x64i_descriptor_close(kernel, fd[0]);
        return -EMFILE;
    }
    x64i_user_write(kernel, fildes, fd, sizeof fd);
    return 0;
}

SYSCALL_DEFINE1(pipe, int __user *, fildes)
{
    return make_pipe(kernel, X64I_USER(fildes), 0);
}

SYSCALL_DEFINE2(pipe2, int __user *, fildes, int, flags)
{
    return make_pipe(kernel, X64I_USER(fildes), (unsigned)flags);
}

static int64_t make_event(struct x64i_kernel *kernel, unsigned count, unsigned flags)
{
    uint32_t index;
    struct x64i_open_file *file = x64i_file_make(kernel, &index);
    if (!file)
        return -ENFILE;
    file->kind = X64I_FILE_EVENT;
    file->value = count;
    file->object = flags & 1;
    file->flags = 2 | (flags & O_NONBLOCK_);
    return x64i_descriptor_make(kernel, index, 0, flags & O_CLOEXEC_);
}

SYSCALL_DEFINE1(eventfd, unsigned int, count)
{
    return make_event(kernel, count, 0);
}

SYSCALL_DEFINE2(eventfd2, unsigned int, count, int, flags)
{
    return make_event(kernel, count, (unsigned)flags);
}

/* struct termios of a terminal in its usual state, which the guest cannot change. */
static const uint32_t termios[] = {0x4500, 5, 0xbf, 0x8a3b};
static const uint8_t control_characters[20] = {0,    3,    0x1c, 0x7f, 0x15, 4,    0,    1,   0,
                                               0x11, 0x13, 0x1a, 0,    0x12, 0x0f, 0x17, 0x16};

static int64_t terminal_ioctl(struct x64i_kernel *kernel, unsigned cmd, uint64_t arg)
{
    uint8_t bytes[36];
    const uint16_t window[4] = {24, 80, 0, 0};
    size_t size = sizeof bytes;
    memcpy(bytes, termios, sizeof termios);
    memcpy(bytes + sizeof termios, control_characters, sizeof control_characters);
    if (cmd == TIOCGWINSZ_) {
        memcpy(bytes, window, sizeof window);
        size = sizeof window;
    } else if (cmd == TIOCGPGRP_) {
        memcpy(bytes, &kernel->process->group, sizeof kernel->process->group);
        size = sizeof kernel->process->group;
    } else if (cmd != TCGETS_) {
        return cmd > TCGETS_ && cmd < TIOCGWINSZ_ ? 0 : -EINVAL;
    }
    int64_t bad = x64i_user_writable(kernel, arg, size);
    if (!bad)
        x64i_user_write(kernel, arg, bytes, size);
    return bad;
}

static int64_t bytes_to_read(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                             uint64_t arg)
{
    int32_t count = 0;
    bool socket = file->kind == X64I_FILE_SOCKET && !(file->writer & X64I_SHUT_READ);
    if (file->kind == X64I_FILE_PIPE || socket)
        count = (int32_t)x64i_pipe_at(kernel, file->object)->length;
    int64_t bad = x64i_user_writable(kernel, arg, sizeof count);
    if (!bad)
        x64i_user_write(kernel, arg, &count, sizeof count);
    return bad;
}

SYSCALL_DEFINE3(ioctl, unsigned int, fd, unsigned int, cmd, unsigned long, arg)
{
    struct x64i_open_file *file = x64i_file_of(kernel, fd);
    uint32_t on = 0;
    if (!file)
        return -EBADF;
    switch (cmd) {
    case FIOCLEX_:
    case FIONCLEX_:
        kernel->process->descriptor[fd] &= ~X64I_CLOSE_ON_EXEC;
        if (cmd == FIOCLEX_)
            kernel->process->descriptor[fd] |= X64I_CLOSE_ON_EXEC;
        return 0;
    case FIONBIO_:
        x64i_user_peek(kernel, arg, &on, sizeof on);
        file->flags = on ? file->flags | O_NONBLOCK_ : file->flags & ~O_NONBLOCK_;
        return 0;
    case FIONREAD_:
        return bytes_to_read(kernel, file, arg);
    default:
        break;
    }
    if (file->kind == X64I_FILE_CONSOLE && (kernel->schedule.terminals & 1u << (file->object & 31)))
        return terminal_ioctl(kernel, cmd, arg);
    return -ENOTTY;
}

/* Puts records of struct linux_dirent64 for the names from file->position on. */
static int64_t put_entries(struct x64i_kernel *kernel, struct x64i_open_file *file,
                           const char *names, size_t used, uint64_t dirent, uint64_t count)
{
    uint64_t index = FIRST_ENTRY;
    uint64_t done = 0;
    for (size_t at = 0; at < used; at += strlen(names + at + 1) + 2, index++) {
        uint8_t record[DIRENT_BYTES + 264] = {0};
        size_t length = strlen(names + at + 1);
        uint16_t size = (uint16_t)((DIRENT_BYTES + length + 1 + 7) & ~(size_t)7);
        if (index < file->position + FIRST_ENTRY || length > 255)
            continue;
        if (size > count - done)
            return done ? (int64_t)done : -EINVAL;
        uint64_t inode = 100 + index;
        memcpy(record, &inode, 8);
        memcpy(record + 8, &index, 8);
        memcpy(record + 16, &size, 2);
        record[18] = (uint8_t)names[at];
        memcpy(record + DIRENT_BYTES, names + at + 1, length);
        x64i_user_write(kernel, dirent + done, record, size);
        done += size;
        file->position++;
    }
    return (int64_t)done;
}

SYSCALL_DEFINE3(getdents64, unsigned int, fd, struct linux_dirent64 __user *, dirent, unsigned int,
                count)
{
    struct x64i_open_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    if (file->kind != X64I_FILE_DIRECTORY)
        return -ENOTDIR;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(dirent), count);
    if (bad)
        return bad;
    char *names = malloc(LIST_BYTES);
    if (!names)
        return -ENOMEM;
    static const char dots[] = "\004.\0\004..";
    memcpy(names, dots, sizeof dots);
    int64_t used = x64i_vfs_list(kernel, file->path, names + sizeof dots, LIST_BYTES - sizeof dots);
    int64_t result = used < 0 ? used
                              : put_entries(kernel, file, names, (size_t)used + sizeof dots,
                                            X64I_USER(dirent), count);
    free(names);
    return result;
}
