/* SPDX-License-Identifier: MIT */
/* What read and write do with each kind of file. */
#include "kernel_model/stream_io.h"

#include "kernel_model/console.h"
#include "kernel_model/host_view.h"
#include "kernel_model/mm_shared.h"
#include "kernel_model/open_flags.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/rlimit.h"
#include "kernel_model/signal.h"
#include "kernel_model/socket.h"
#include "kernel_model/usercopy.h"
#include "kernel_model/vfs.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define CHUNK          16384u
#define PIPE_ATOMIC    4096u
#define EFD_SEMAPHORE_ 1u
#define EVENT_MAX      (UINT64_MAX - 1)

static int64_t read_console(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                            struct x64i_buffer buffer)
{
    uint8_t bytes[CHUNK / 4];
    size_t count = buffer.size < sizeof bytes ? (size_t)buffer.size : sizeof bytes;
    if (count == 0)
        return 0;
    if (file->flags & O_NONBLOCK_ ? !x64i_console_ready(kernel) : !x64i_console_may_read(kernel))
        return file->flags & O_NONBLOCK_ ? -EAGAIN : X64I_SLEEP;
    size_t given = x64i_console_read(kernel, bytes, count);
    x64i_user_write(kernel, buffer.linear, bytes, given);
    return (int64_t)given;
}

static int64_t read_pipe(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                         struct x64i_buffer buffer)
{
    uint8_t bytes[CHUNK];
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, file->object);
    int64_t total = 0;
    if (buffer.size == 0)
        return 0;
    if (pipe->length == 0) {
        if (pipe->writers == 0)
            return 0;
        return file->flags & O_NONBLOCK_ ? -EAGAIN : X64I_SLEEP;
    }
    while (buffer.size > 0) {
        size_t wanted = buffer.size < sizeof bytes ? (size_t)buffer.size : sizeof bytes;
        size_t given = x64i_pipe_take(kernel, file->object, bytes, wanted);
        x64i_user_write(kernel, buffer.linear, bytes, given);
        buffer.linear += given;
        buffer.size -= given;
        total += (int64_t)given;
        if (given < wanted)
            break;
    }
    return total;
}

static int64_t read_event(struct x64i_kernel *kernel, struct x64i_open_file *file,
                          struct x64i_buffer buffer)
{
    if (buffer.size < sizeof file->value)
        return -EINVAL;
    if (file->value == 0)
        return file->flags & O_NONBLOCK_ ? -EAGAIN : X64I_SLEEP;
    uint64_t value = file->object & EFD_SEMAPHORE_ ? 1 : file->value;
    file->value -= value;
    x64i_user_write(kernel, buffer.linear, &value, sizeof value);
    x64i_task_event(kernel);
    return sizeof value;
}

static int64_t read_timer(struct x64i_kernel *kernel, struct x64i_open_file *file,
                          struct x64i_buffer buffer)
{
    if (buffer.size < sizeof(uint64_t))
        return -EINVAL;
    uint64_t count = x64i_timer_take(kernel, file);
    if (count == 0)
        return file->flags & O_NONBLOCK_ ? -EAGAIN : X64I_SLEEP;
    x64i_user_write(kernel, buffer.linear, &count, sizeof count);
    return sizeof count;
}

static int64_t read_device(struct x64i_kernel *kernel, uint32_t device, struct x64i_buffer buffer)
{
    uint8_t bytes[CHUNK / 4] = {0};
    uint64_t done = 0;
    if (device == X64I_DEVICE_NULL)
        return 0;
    while (done < buffer.size) {
        size_t piece =
            buffer.size - done < sizeof bytes ? (size_t)(buffer.size - done) : sizeof bytes;
        if (device == X64I_DEVICE_RANDOM)
            piece = x64i_machine_input(kernel->machine, X64_INPUT_RANDOM, bytes, piece);
        if (piece == 0)
            break;
        x64i_user_write(kernel, buffer.linear + done, bytes, piece);
        done += piece;
    }
    return (int64_t)done;
}

int64_t x64i_stream_pread(struct x64i_kernel *kernel, uint32_t index, uint64_t position,
                          struct x64i_buffer buffer)
{
    uint8_t bytes[CHUNK];
    int64_t total = 0;
    x64i_mm_shared_to_file(kernel, x64i_file_at(kernel, index), position, buffer.size);
    do {
        size_t piece = buffer.size < sizeof bytes ? (size_t)buffer.size : sizeof bytes;
        int64_t given = x64i_file_pread(kernel, index, position, bytes, piece);
        if (given < 0)
            return total ? total : given;
        x64i_user_write(kernel, buffer.linear, bytes, (size_t)given);
        buffer.linear += (uint64_t)given;
        buffer.size -= (uint64_t)given;
        position += (uint64_t)given;
        total += given;
        if ((size_t)given < piece)
            break;
    } while (buffer.size > 0);
    return total;
}

static int64_t use_socket(struct x64i_kernel *kernel, uint32_t index, struct x64i_buffer buffer,
                          bool write)
{
    struct x64i_abi_iovec one = {buffer.linear, buffer.size};
    struct x64i_message message = {.data = {&one, 1, buffer.size}};
    return write ? x64i_socket_send(kernel, index, &message)
                 : x64i_socket_receive(kernel, index, &message);
}

int64_t x64i_stream_read(struct x64i_kernel *kernel, uint32_t index, struct x64i_buffer buffer)
{
    struct x64i_open_file *file = x64i_file_at(kernel, index);
    if ((file->flags & O_ACCMODE_) == O_WRONLY_ || (file->flags & O_PATH_))
        return -EBADF;
    int64_t bad = x64i_user_writable(kernel, buffer.linear, buffer.size);
    if (bad)
        return bad;
    switch ((enum x64i_file_kind)file->kind) {
    case X64I_FILE_CONSOLE:
        return read_console(kernel, file, buffer);
    case X64I_FILE_PIPE:
        return file->writer == X64I_PIPE_WRITER ? -EBADF : read_pipe(kernel, file, buffer);
    case X64I_FILE_SOCKET:
        return use_socket(kernel, index, buffer, false);
    case X64I_FILE_EVENT:
        return read_event(kernel, file, buffer);
    case X64I_FILE_TIMER:
        return read_timer(kernel, file, buffer);
    case X64I_FILE_DEVICE:
        return read_device(kernel, file->object, buffer);
    case X64I_FILE_EPOLL:
        return -EINVAL;
    default:
        break;
    }
    int64_t given = x64i_stream_pread(kernel, index, file->position, buffer);
    if (given > 0)
        file->position += (uint64_t)given;
    return given;
}

/* Guest output, up to the limit that was set for it. */
static int64_t write_console(struct x64i_kernel *kernel, uint32_t stream, struct x64i_buffer buffer)
{
    uint8_t bytes[CHUNK / 4];
    struct x64i_schedule *schedule = &kernel->schedule;
    uint64_t left = buffer.size;
    if (schedule->output_limit && left > schedule->output_limit - schedule->output) {
        x64i_task_kill(kernel, SIGKILL, "its output is more than the %llu bytes of --output",
                       (unsigned long long)schedule->output_limit);
        return X64I_NO_RESULT;
    }
    schedule->output += left;
    while (left > 0) {
        size_t piece = left < sizeof bytes ? (size_t)left : sizeof bytes;
        x64i_user_read(kernel, buffer.linear, bytes, piece);
        x64i_machine_output(kernel->machine, stream == 2 ? 2 : 1, bytes, piece);
        buffer.linear += piece;
        left -= piece;
    }
    return (int64_t)buffer.size;
}

static int64_t broken_pipe(struct x64i_kernel *kernel)
{
    x64i_signal_task(kernel, kernel->task, SIGPIPE, NULL);
    return -EPIPE;
}

/* All of up to 4 KiB or nothing; more than that bit by bit, `progress` counting what went in. */
static int64_t write_pipe(struct x64i_kernel *kernel, uint32_t index, uint32_t flags,
                          struct x64i_buffer buffer)
{
    uint8_t bytes[CHUNK];
    struct x64i_task *task = kernel->task;
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    uint64_t done = task->progress;
    if (pipe->readers == 0)
        return done ? (int64_t)done : broken_pipe(kernel);
    while (done < buffer.size) {
        uint64_t left = buffer.size - done;
        uint64_t room = X64I_PIPE_BYTES - pipe->length;
        if (room == 0 || (buffer.size <= PIPE_ATOMIC && room < left))
            break;
        size_t piece = left < sizeof bytes ? (size_t)left : sizeof bytes;
        if (piece > room)
            piece = (size_t)room;
        x64i_user_read(kernel, buffer.linear + done, bytes, piece);
        done += x64i_pipe_put(kernel, index, bytes, piece);
    }
    if (done == buffer.size || (done && (flags & O_NONBLOCK_)))
        return (int64_t)done;
    if (flags & O_NONBLOCK_)
        return -EAGAIN;
    if (done && x64i_signals_due(kernel))
        return (int64_t)done;
    task->progress = done;
    return X64I_SLEEP;
}

static int64_t write_event(struct x64i_kernel *kernel, struct x64i_open_file *file,
                           struct x64i_buffer buffer)
{
    uint64_t value;
    if (buffer.size < sizeof value)
        return -EINVAL;
    x64i_user_read(kernel, buffer.linear, &value, sizeof value);
    if (value == UINT64_MAX)
        return -EINVAL;
    if (value > EVENT_MAX - file->value)
        return file->flags & O_NONBLOCK_ ? -EAGAIN : X64I_SLEEP;
    file->value += value;
    x64i_task_event(kernel);
    return sizeof value;
}

int64_t x64i_stream_pwrite(struct x64i_kernel *kernel, uint32_t index, uint64_t position,
                           struct x64i_buffer buffer)
{
    uint8_t bytes[CHUNK];
    int64_t total = 0;
    uint64_t allowed = buffer.size ? x64i_may_write(kernel, position, buffer.size) : 0;
    if (allowed < buffer.size && allowed == 0)
        return -EFBIG;
    buffer.size = allowed;
    do {
        size_t piece = buffer.size < sizeof bytes ? (size_t)buffer.size : sizeof bytes;
        x64i_user_read(kernel, buffer.linear, bytes, piece);
        int64_t done = x64i_file_pwrite(kernel, index, position, bytes, piece);
        if (done < 0)
            return total ? total : done;
        x64i_mm_shared_from_file(kernel, x64i_file_at(kernel, index), position, bytes,
                                 (size_t)done);
        buffer.linear += (uint64_t)done;
        buffer.size -= (uint64_t)done;
        position += (uint64_t)done;
        total += done;
        if ((size_t)done < piece)
            break;
    } while (buffer.size > 0);
    return total;
}

int64_t x64i_stream_write(struct x64i_kernel *kernel, uint32_t index, struct x64i_buffer buffer)
{
    struct x64i_open_file *file = x64i_file_at(kernel, index);
    if ((file->flags & O_ACCMODE_) == 0 && file->kind != X64I_FILE_EVENT)
        return -EBADF;
    int64_t bad = x64i_user_readable(kernel, buffer.linear, buffer.size);
    if (bad)
        return bad;
    switch ((enum x64i_file_kind)file->kind) {
    case X64I_FILE_CONSOLE:
        return write_console(kernel, file->object, buffer);
    case X64I_FILE_PIPE:
        return file->writer == X64I_PIPE_READER
                   ? -EBADF
                   : write_pipe(kernel, file->object, file->flags, buffer);
    case X64I_FILE_SOCKET:
        return use_socket(kernel, index, buffer, true);
    case X64I_FILE_EVENT:
        return write_event(kernel, file, buffer);
    case X64I_FILE_DEVICE:
        return file->object == X64I_DEVICE_FULL ? -ENOSPC : (int64_t)buffer.size;
    case X64I_FILE_OVERLAY:
    case X64I_FILE_HOST:
        break;
    default:
        return -EBADF;
    }
    uint64_t at = file->flags & O_APPEND_ ? x64i_file_size(kernel, index) : file->position;
    int64_t done = x64i_stream_pwrite(kernel, index, at, buffer);
    if (done > 0)
        file->position = at + (uint64_t)done;
    return done;
}
