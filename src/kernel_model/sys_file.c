/* SPDX-License-Identifier: MIT */
/*
 * Files. The sandbox has a console behind descriptors 0 to 2, and one file: the program itself, for
 * reading.
 */
#include "kernel_model/abi.h"
#include "kernel_model/file.h"
#include "kernel_model/syscall.h"

#include <stdlib.h>
#include <string.h>

#define MAX_RW_COUNT 0x7ffff000u
#define IOV_MAX_     1024u
#define AT_FDCWD_    (-100)
#define AT_EMPTY     0x1000
#define ACCESS_MODE  3u
#define O_CREAT_     0100u
#define O_DIRECTORY_ 0200000u
#define CHUNK        4096u
#define F_DUPFD_     0
#define F_GETFD_     1
#define F_SETFD_     2
#define F_GETFL_     3
#define F_SETFL_     4

struct x64i_file *x64i_file_of(struct x64i_kernel *kernel, unsigned fd)
{
    struct x64i_file *file = fd < X64I_FILES_MAX ? &kernel->task.file[fd] : NULL;
    return file && file->kind != X64I_FILE_NONE ? file : NULL;
}

static int64_t lowest_free(const struct x64i_kernel *kernel, unsigned from)
{
    for (unsigned fd = from; fd < X64I_FILES_MAX; fd++)
        if (kernel->task.file[fd].kind == X64I_FILE_NONE)
            return fd;
    return -EMFILE;
}

/* Bytes of the program file from a position on. */
static int64_t read_program(struct x64i_kernel *kernel, uint64_t position, uint64_t linear,
                            uint64_t count)
{
    if (position >= kernel->program_size)
        return 0;
    if (count > kernel->program_size - position)
        count = kernel->program_size - position;
    int64_t bad = x64i_user_writable(kernel, linear, count);
    if (bad)
        return bad;
    x64i_user_write(kernel, linear, kernel->program + position, count);
    return (int64_t)count;
}

static int64_t read_console(struct x64i_kernel *kernel, uint64_t linear, uint64_t count)
{
    uint8_t bytes[CHUNK];
    if (count > sizeof bytes)
        count = sizeof bytes;
    int64_t bad = x64i_user_writable(kernel, linear, count);
    if (bad || count == 0)
        return bad;
    size_t given = x64i_machine_input(kernel->machine, X64_INPUT_CONSOLE, bytes, count);
    x64i_user_write(kernel, linear, bytes, given);
    return (int64_t)given;
}

static int64_t read_file(struct x64i_kernel *kernel, struct x64i_file *file, uint64_t linear,
                         uint64_t count)
{
    if (file->kind == X64I_FILE_CONSOLE)
        return read_console(kernel, linear, count);
    int64_t result = read_program(kernel, file->position, linear, count);
    if (result > 0)
        file->position += (uint64_t)result;
    return result;
}

static void write_console(struct x64i_kernel *kernel, const struct x64i_file *file, uint64_t linear,
                          uint64_t count)
{
    uint8_t bytes[CHUNK];
    int stream = file->stream == 2 ? 2 : 1;
    while (count > 0) {
        size_t piece = count < sizeof bytes ? (size_t)count : sizeof bytes;
        x64i_user_read(kernel, linear, bytes, piece);
        x64i_machine_output(kernel->machine, stream, bytes, piece);
        linear += piece;
        count -= piece;
    }
}

SYSCALL_DEFINE3(read, unsigned int, fd, char __user *, buf, size_t, count)
{
    struct x64i_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    return read_file(kernel, file, X64I_USER(buf), count < MAX_RW_COUNT ? count : MAX_RW_COUNT);
}

SYSCALL_DEFINE4(pread64, unsigned int, fd, char __user *, buf, size_t, count, int64_t, pos)
{
    const struct x64i_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    if (file->kind != X64I_FILE_PROGRAM)
        return -ESPIPE;
    if (pos < 0)
        return -EINVAL;
    return read_program(kernel, (uint64_t)pos, X64I_USER(buf),
                        count < MAX_RW_COUNT ? count : MAX_RW_COUNT);
}

SYSCALL_DEFINE3(write, unsigned int, fd, const char __user *, buf, size_t, count)
{
    const struct x64i_file *file = x64i_file_of(kernel, fd);
    if (!file || file->kind != X64I_FILE_CONSOLE)
        return -EBADF;
    if (count > MAX_RW_COUNT)
        count = MAX_RW_COUNT;
    int64_t bad = x64i_user_readable(kernel, X64I_USER(buf), count);
    if (bad)
        return bad;
    write_console(kernel, file, X64I_USER(buf), count);
    return (int64_t)count;
}

/* Reads and checks a vector of either width, its buffers included. The caller frees *out. */
static int64_t get_iovec(struct x64i_kernel *kernel, uint64_t linear, uint64_t count, bool compat,
                         bool write, struct x64i_abi_iovec **out)
{
    size_t width = compat ? sizeof(struct x64i_abi_iovec_32) : sizeof(struct x64i_abi_iovec);
    if (count > IOV_MAX_)
        return -EINVAL;
    int64_t bad = x64i_user_readable(kernel, linear, count * width);
    if (bad)
        return bad;
    struct x64i_abi_iovec *vector = calloc(count + 1, sizeof *vector);
    if (!vector)
        return -ENOMEM;
    uint64_t total = 0;
    for (uint64_t i = 0; i < count && !bad; i++) {
        struct x64i_abi_iovec_32 narrow;
        if (compat) {
            x64i_user_read(kernel, linear + i * width, &narrow, sizeof narrow);
            vector[i] = (struct x64i_abi_iovec){narrow.base, narrow.length};
        } else {
            x64i_user_read(kernel, linear + i * width, &vector[i], sizeof vector[i]);
        }
        if (vector[i].length > MAX_RW_COUNT - total)
            vector[i].length = MAX_RW_COUNT - total;
        total += vector[i].length;
        bad = write ? x64i_user_writable(kernel, vector[i].base, vector[i].length)
                    : x64i_user_readable(kernel, vector[i].base, vector[i].length);
    }
    if (bad)
        free(vector);
    else
        *out = vector;
    return bad;
}

static int64_t write_vector(struct x64i_kernel *kernel, uint64_t fd, uint64_t linear,
                            uint64_t count, bool compat)
{
    struct x64i_abi_iovec *vector;
    const struct x64i_file *file = x64i_file_of(kernel, (unsigned)fd);
    if (!file || file->kind != X64I_FILE_CONSOLE)
        return -EBADF;
    int64_t bad = get_iovec(kernel, linear, count, compat, false, &vector);
    if (bad)
        return bad;
    int64_t total = 0;
    for (uint64_t i = 0; i < count; i++) {
        write_console(kernel, file, vector[i].base, vector[i].length);
        total += (int64_t)vector[i].length;
    }
    free(vector);
    return total;
}

static int64_t read_vector(struct x64i_kernel *kernel, uint64_t fd, uint64_t linear, uint64_t count,
                           bool compat)
{
    struct x64i_abi_iovec *vector;
    struct x64i_file *file = x64i_file_of(kernel, (unsigned)fd);
    if (!file)
        return -EBADF;
    int64_t bad = get_iovec(kernel, linear, count, compat, true, &vector);
    if (bad)
        return bad;
    int64_t total = 0;
    for (uint64_t i = 0; i < count; i++) {
        int64_t got = read_file(kernel, file, vector[i].base, vector[i].length);
        total += got > 0 ? got : 0;
        if (got < (int64_t)vector[i].length)
            break;
    }
    free(vector);
    return total;
}

SYSCALL_DEFINE3(writev, unsigned long, fd, const struct iovec __user *, vec, unsigned long, vlen)
{
    return write_vector(kernel, fd, X64I_USER(vec), vlen, false);
}

SYSCALL_DEFINE3(readv, unsigned long, fd, const struct iovec __user *, vec, unsigned long, vlen)
{
    return read_vector(kernel, fd, X64I_USER(vec), vlen, false);
}

COMPAT_SYSCALL_DEFINE3(writev, uint32_t, fd, const struct compat_iovec __user *, vec, uint32_t,
                       vlen)
{
    return write_vector(kernel, fd, X64I_USER(vec), vlen, true);
}

COMPAT_SYSCALL_DEFINE3(readv, uint32_t, fd, const struct compat_iovec __user *, vec, uint32_t, vlen)
{
    return read_vector(kernel, fd, X64I_USER(vec), vlen, true);
}

static int64_t open_path(struct x64i_kernel *kernel, uint64_t filename, unsigned flags)
{
    char path[4096];
    int64_t length = x64i_user_string(kernel, filename, path, sizeof path);
    if (length < 0)
        return length;
    if (!x64i_path_is_program(kernel, path))
        return flags & O_CREAT_ ? -EACCES : -ENOENT;
    if ((flags & ACCESS_MODE) != 0)
        return -EACCES;
    if (flags & O_DIRECTORY_)
        return -ENOTDIR;
    int64_t fd = lowest_free(kernel, 0);
    if (fd >= 0)
        kernel->task.file[fd] = (struct x64i_file){.kind = X64I_FILE_PROGRAM, .flags = flags};
    return fd;
}

SYSCALL_DEFINE3(open, const char __user *, filename, int, flags, unsigned short, mode)
{
    return open_path(kernel, X64I_USER(filename), (unsigned)flags);
}

SYSCALL_DEFINE4(openat, int, dfd, const char __user *, filename, int, flags, unsigned short, mode)
{
    return open_path(kernel, X64I_USER(filename), (unsigned)flags);
}

SYSCALL_DEFINE1(close, unsigned int, fd)
{
    struct x64i_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    *file = (struct x64i_file){0};
    return 0;
}

SYSCALL_DEFINE3(lseek, unsigned int, fd, int64_t, offset, unsigned int, whence)
{
    struct x64i_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    if (file->kind != X64I_FILE_PROGRAM)
        return -ESPIPE;
    if (whence > 2)
        return -EINVAL;
    int64_t from = 0;
    if (whence == 1)
        from = (int64_t)file->position;
    else if (whence == 2)
        from = (int64_t)kernel->program_size;
    if (offset < -from || offset > INT64_MAX - from)
        return -EINVAL;
    file->position = (uint64_t)(from + offset);
    return from + offset;
}

static int64_t duplicate(struct x64i_kernel *kernel, unsigned from, int64_t to)
{
    const struct x64i_file *file = x64i_file_of(kernel, from);
    if (!file || to >= X64I_FILES_MAX)
        return -EBADF;
    if (to >= 0)
        kernel->task.file[to] = *file;
    return to;
}

SYSCALL_DEFINE1(dup, unsigned int, fildes)
{
    return duplicate(kernel, fildes, lowest_free(kernel, 0));
}

SYSCALL_DEFINE2(dup2, unsigned int, oldfd, unsigned int, newfd)
{
    return duplicate(kernel, oldfd, newfd);
}

SYSCALL_DEFINE3(dup3, unsigned int, oldfd, unsigned int, newfd, int, flags)
{
    return oldfd == newfd ? -EINVAL : duplicate(kernel, oldfd, newfd);
}

SYSCALL_DEFINE3(fcntl, unsigned int, fd, unsigned int, cmd, unsigned long, arg)
{
    struct x64i_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    switch (cmd) {
    case F_DUPFD_:
        return arg >= X64I_FILES_MAX ? -EINVAL
                                     : duplicate(kernel, fd, lowest_free(kernel, (unsigned)arg));
    case F_GETFD_:
    case F_SETFD_:
    case F_SETFL_:
        return 0;
    case F_GETFL_:
        return (int64_t)file->flags;
    default:
        return -EINVAL;
    }
}

SYSCALL_DEFINE3(ioctl, unsigned int, fd, unsigned int, cmd, unsigned long, arg)
{
    return x64i_file_of(kernel, fd) ? -ENOTTY : -EBADF;
}

static int64_t read_link(struct x64i_kernel *kernel, uint64_t pathname, uint64_t buffer, int size)
{
    char path[4096];
    if (size <= 0)
        return -EINVAL;
    int64_t length = x64i_user_string(kernel, pathname, path, sizeof path);
    if (length < 0)
        return length;
    if (strcmp(path, "/proc/self/exe") != 0)
        return x64i_path_is_program(kernel, path) ? -EINVAL : -ENOENT;
    uint64_t count = strlen(kernel->task.path);
    if (count > (uint64_t)size)
        count = (uint64_t)size;
    int64_t bad = x64i_user_writable(kernel, buffer, count);
    if (bad)
        return bad;
    x64i_user_write(kernel, buffer, kernel->task.path, count);
    return (int64_t)count;
}

SYSCALL_DEFINE3(readlink, const char __user *, path, char __user *, buf, int, bufsiz)
{
    return read_link(kernel, X64I_USER(path), X64I_USER(buf), bufsiz);
}

SYSCALL_DEFINE4(readlinkat, int, dfd, const char __user *, pathname, char __user *, buf, int,
                bufsiz)
{
    return read_link(kernel, X64I_USER(pathname), X64I_USER(buf), bufsiz);
}

static int64_t check_access(struct x64i_kernel *kernel, uint64_t filename, int mode)
{
    char path[4096];
    int64_t length = x64i_user_string(kernel, filename, path, sizeof path);
    if (length < 0)
        return length;
    if (!x64i_path_is_program(kernel, path))
        return -ENOENT;
    return mode & 2 ? -EACCES : 0;
}

SYSCALL_DEFINE2(access, const char __user *, filename, int, mode)
{
    return check_access(kernel, X64I_USER(filename), mode);
}

SYSCALL_DEFINE3(faccessat, int, dfd, const char __user *, filename, int, mode)
{
    return check_access(kernel, X64I_USER(filename), mode);
}

SYSCALL_DEFINE2(getcwd, char __user *, buf, unsigned long, size)
{
    if (size < 2)
        return -ERANGE;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(buf), 2);
    if (bad)
        return bad;
    x64i_user_write(kernel, X64I_USER(buf), "/", 2);
    return 2;
}
