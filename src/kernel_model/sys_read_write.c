/* SPDX-License-Identifier: MIT */
/* read, write and their kin. */
#include "kernel_model/abi.h"
#include "kernel_model/host_view.h"
#include "kernel_model/open_flags.h"
#include "kernel_model/rlimit.h"
#include "kernel_model/socket.h"
#include "kernel_model/stream_io.h"
#include "kernel_model/syscall.h"
#include "kernel_model/vfs.h"

#include <stdlib.h>

#define MAX_RW_COUNT 0x7ffff000u

static uint64_t capped(uint64_t count)
{
    return count < MAX_RW_COUNT ? count : MAX_RW_COUNT;
}

SYSCALL_DEFINE3(read, unsigned int, fd, char __user *, buf, size_t, count)
{
    if (!x64i_file_of(kernel, fd))
        return -EBADF;
    return x64i_stream_read(kernel, x64i_file_number(kernel, fd) - 1,
                            (struct x64i_buffer){X64I_USER(buf), capped(count)});
}

SYSCALL_DEFINE3(write, unsigned int, fd, const char __user *, buf, size_t, count)
{
    if (!x64i_file_of(kernel, fd))
        return -EBADF;
    return x64i_stream_write(kernel, x64i_file_number(kernel, fd) - 1,
                             (struct x64i_buffer){X64I_USER(buf), capped(count)});
}

/* `refused` is the access mode that does not do. */
static int64_t check_position(struct x64i_kernel *kernel, unsigned fd, int64_t pos,
                              unsigned refused)
{
    const struct x64i_open_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    if (file->kind == X64I_FILE_CONSOLE || file->kind == X64I_FILE_PIPE ||
        file->kind == X64I_FILE_SOCKET)
        return -ESPIPE;
    if ((file->flags & O_ACCMODE_) == refused || (file->flags & O_PATH_))
        return -EBADF;
    return pos < 0 ? -EINVAL : 0;
}

SYSCALL_DEFINE4(pread64, unsigned int, fd, char __user *, buf, size_t, count, int64_t, pos)
{
    int64_t bad = check_position(kernel, fd, pos, O_WRONLY_);
    if (!bad)
        bad = x64i_user_writable(kernel, X64I_USER(buf), capped(count));
    if (bad)
        return bad;
    return x64i_stream_pread(kernel, x64i_file_number(kernel, fd) - 1, (uint64_t)pos,
                             (struct x64i_buffer){X64I_USER(buf), capped(count)});
}

SYSCALL_DEFINE4(pwrite64, unsigned int, fd, const char __user *, buf, size_t, count, int64_t, pos)
{
    int64_t bad = check_position(kernel, fd, pos, O_RDONLY_);
    if (!bad)
        bad = x64i_user_readable(kernel, X64I_USER(buf), capped(count));
    if (bad)
        return bad;
    return x64i_stream_pwrite(kernel, x64i_file_number(kernel, fd) - 1, (uint64_t)pos,
                              (struct x64i_buffer){X64I_USER(buf), capped(count)});
}

typedef int64_t transfer(struct x64i_kernel *kernel, uint32_t index, struct x64i_buffer buffer);

/* Part by part: what waits after a first part has been done answers with that. */
static int64_t do_vector(struct x64i_kernel *kernel, uint64_t fd,
                         const struct x64i_user_vector *vector, transfer *each)
{
    uint32_t index = x64i_file_number(kernel, (unsigned)fd) - 1;
    int64_t total = 0;
    for (uint64_t i = 0; i < vector->count; i++) {
        const struct x64i_abi_iovec *one = &vector->buffer[i];
        if (one->length == 0)
            continue;
        int64_t done = each(kernel, index, (struct x64i_buffer){one->base, one->length});
        if (total && x64i_is_sleep(done))
            return total + (int64_t)kernel->task->progress;
        if (done < 0)
            return total ? total : done;
        total += done;
        if ((uint64_t)done < one->length)
            break;
    }
    return total;
}

/* Sockets keep a vector together: it may be one packet. */
static int64_t socket_vector(struct x64i_kernel *kernel, uint64_t fd,
                             const struct x64i_user_vector *vector, bool write)
{
    struct x64i_message message = {.data = *vector};
    uint32_t index = x64i_file_number(kernel, (unsigned)fd) - 1;
    return write ? x64i_socket_send(kernel, index, &message)
                 : x64i_socket_receive(kernel, index, &message);
}

static int64_t transfer_vector(struct x64i_kernel *kernel, uint64_t fd, uint64_t linear,
                               uint64_t count, bool compat, bool write)
{
    struct x64i_user_vector vector;
    const struct x64i_open_file *file = x64i_file_of(kernel, (unsigned)fd);
    if (!file)
        return -EBADF;
    int64_t bad = x64i_user_vector_get(kernel, linear, count, compat, !write, &vector);
    if (bad)
        return bad;
    int64_t total =
        file->kind == X64I_FILE_SOCKET
            ? socket_vector(kernel, fd, &vector, write)
            : do_vector(kernel, fd, &vector, write ? x64i_stream_write : x64i_stream_read);
    free(vector.buffer);
    return total;
}

SYSCALL_DEFINE3(writev, unsigned long, fd, const struct iovec __user *, vec, unsigned long, vlen)
{
    return transfer_vector(kernel, fd, X64I_USER(vec), vlen, false, true);
}

SYSCALL_DEFINE3(readv, unsigned long, fd, const struct iovec __user *, vec, unsigned long, vlen)
{
    return transfer_vector(kernel, fd, X64I_USER(vec), vlen, false, false);
}

COMPAT_SYSCALL_DEFINE3(writev, uint32_t, fd, const struct compat_iovec __user *, vec, uint32_t,
                       vlen)
{
    return transfer_vector(kernel, fd, X64I_USER(vec), vlen, true, true);
}

COMPAT_SYSCALL_DEFINE3(readv, uint32_t, fd, const struct compat_iovec __user *, vec, uint32_t, vlen)
{
    return transfer_vector(kernel, fd, X64I_USER(vec), vlen, true, false);
}

SYSCALL_DEFINE3(lseek, unsigned int, fd, int64_t, offset, unsigned int, whence)
{
    struct x64i_open_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    if (file->kind == X64I_FILE_CONSOLE || file->kind == X64I_FILE_PIPE ||
        file->kind == X64I_FILE_EVENT || file->kind == X64I_FILE_TIMER ||
        file->kind == X64I_FILE_EPOLL || file->kind == X64I_FILE_SOCKET)
        return -ESPIPE;
    if (whence > 2)
        return -EINVAL;
    int64_t from = 0;
    if (whence == 1)
        from = (int64_t)file->position;
    else if (whence == 2)
        from = (int64_t)x64i_file_size(kernel, x64i_file_number(kernel, fd) - 1);
    if (offset < -from || offset > INT64_MAX - from)
        return -EINVAL;
    file->position = (uint64_t)(from + offset);
    return from + offset;
}

SYSCALL_DEFINE2(ftruncate, unsigned int, fd, unsigned long, length)
{
    const struct x64i_open_file *file = x64i_file_of(kernel, fd);
    if (!file || (file->flags & O_PATH_))
        return -EBADF;
    if ((file->flags & 3) == 0)
        return -EINVAL;
    if (length > 0 && x64i_may_write(kernel, length - 1, 1) == 0)
        return -EFBIG;
    if (file->kind == X64I_FILE_OVERLAY)
        return x64i_overlay_truncate(kernel, file->object, length);
    if (file->kind == X64I_FILE_HOST)
        return x64i_host_change(kernel, X64I_HOST_TRUNCATE, file->path, length, NULL, 0);
    return -EINVAL;
}

static int64_t sync_file(struct x64i_kernel *kernel, unsigned fd)
{
    return x64i_file_of(kernel, fd) ? 0 : -EBADF;
}

SYSCALL_DEFINE1(fsync, unsigned int, fd)
{
    return sync_file(kernel, fd);
}

SYSCALL_DEFINE1(fdatasync, unsigned int, fd)
{
    return sync_file(kernel, fd);
}

SYSCALL_DEFINE4(fadvise64, int, fd, int64_t, offset, size_t, len, int, advice)
{
    return sync_file(kernel, (unsigned)fd);
}
