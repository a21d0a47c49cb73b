/* SPDX-License-Identifier: MIT */
/* read, write and their kin. */
#include "kernel_model/abi.h"
#include "kernel_model/host_view.h"
#include "kernel_model/rlimit.h"
#include "kernel_model/stream_io.h"
#include "kernel_model/syscall.h"
#include "kernel_model/vfs.h"

#include <stdlib.h>

#define MAX_RW_COUNT 0x7ffff000u
#define IOV_MAX_     1024u

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

static int64_t check_position(struct x64i_kernel *kernel, unsigned fd, int64_t pos)
{
    const struct x64i_open_file *file = x64i_file_of(kernel, fd);
    if (!file)
        return -EBADF;
    if (file->kind == X64I_FILE_CONSOLE || file->kind == X64I_FILE_PIPE ||
        file->kind == X64I_FILE_SOCKET)
        return -ESPIPE;
    return pos < 0 ? -EINVAL : 0;
}

SYSCALL_DEFINE4(pread64, unsigned int, fd, char __user *, buf, size_t, count, int64_t, pos)
{
    int64_t bad = check_position(kernel, fd, pos);
    if (!bad)
        bad = x64i_user_writable(kernel, X64I_USER(buf), capped(count));
    if (bad)
        return bad;
    return x64i_stream_pread(kernel, x64i_file_number(kernel, fd) - 1, (uint64_t)pos,
                             (struct x64i_buffer){X64I_USER(buf), capped(count)});
}

SYSCALL_DEFINE4(pwrite64, unsigned int, fd, const char __user *, buf, size_t, count, int64_t, pos)
{
    int64_t bad = check_position(kernel, fd, pos);
    if (!bad)
        bad = x64i_user_readable(kernel, X64I_USER(buf), capped(count));
    if (bad)
        return bad;
    return x64i_stream_pwrite(kernel, x64i_file_number(kernel, fd) - 1, (uint64_t)pos,
                              (struct x64i_buffer){X64I_USER(buf), capped(count)});
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

typedef int64_t transfer(struct x64i_kernel *kernel, uint32_t index, struct x64i_buffer buffer);

/* Part by part: what waits after a first part has been done answers with that. */
static int64_t do_vector(struct x64i_kernel *kernel, uint64_t fd,
                         const struct x64i_abi_iovec *vector, uint64_t count, transfer *each)
{
    uint32_t index = x64i_file_number(kernel, (unsigned)fd) - 1;
    int64_t total = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (vector[i].length == 0)
            continue;
        int64_t done = each(kernel, index, (struct x64i_buffer){vector[i].base, vector[i].length});
        if (total && x64i_is_sleep(done))
            return total + (int64_t)kernel->task->progress;
        if (done < 0)
            return total ? total : done;
        total += done;
        if ((uint64_t)done < vector[i].length)
            break;
    }
    return total;
}

static int64_t transfer_vector(struct x64i_kernel *kernel, uint64_t fd, uint64_t linear,
                               uint64_t count, bool compat, bool write)
{
    struct x64i_abi_iovec *vector;
    const struct x64i_open_file *file = x64i_file_of(kernel, (unsigned)fd);
    if (!file)
        return -EBADF;
    int64_t bad = get_iovec(kernel, linear, count, compat, !write, &vector);
    if (bad)
        return bad;
    int64_t total =
        do_vector(kernel, fd, vector, count, write ? x64i_stream_write : x64i_stream_read);
    free(vector);
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
        file->kind == X64I_FILE_EVENT || file->kind == X64I_FILE_EPOLL ||
        file->kind == X64I_FILE_SOCKET)
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
    if (!file)
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
