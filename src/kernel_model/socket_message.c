/* SPDX-License-Identifier: MIT */
/*
 * What goes through sockets: bytes of streams, records of datagrams and packets, and open files
 * (SCM_RIGHTS), which wait beside the bytes that they were sent with.
 */
#include "kernel_model/open_flags.h"
#include "kernel_model/signal.h"
#include "kernel_model/socket.h"
#include "kernel_model/syscall.h"

#include <signal.h>
#include <string.h>

#define CHUNK 16384u

/* Before the bytes of a record. The sender's address follows, then the data. */
struct header {
    uint32_t size;
    uint32_t address_size;
};

static int64_t not_now(const struct x64i_open_file *file, const struct x64i_message *message)
{
    bool waits = !(file->flags & O_NONBLOCK_) && !(message->flags & X64I_MSG_DONTWAIT);
    return waits ? X64I_SLEEP : -EAGAIN;
}

static int64_t broken(struct x64i_kernel *kernel, const struct x64i_message *message)
{
    if (!(message->flags & X64I_MSG_NOSIGNAL))
        x64i_signal_task(kernel, kernel->task, SIGPIPE, NULL);
    return -EPIPE;
}

static uint64_t put_so_far(struct x64i_kernel *kernel, uint32_t index)
{
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    return pipe->taken + pipe->length;
}

static bool has_room_for_rights(struct x64i_kernel *kernel, uint32_t index,
                                const struct x64i_message *message)
{
    return message->rights <= X64I_RIGHTS_MAX - x64i_pipe_at(kernel, index)->rights;
}

/* The message's open files go with the bytes from `start` on; they are the pipe's now. */
static void put_rights(struct x64i_kernel *kernel, uint32_t index, struct x64i_message *message,
                       uint64_t start)
{
    struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    uint64_t end = put_so_far(kernel, index);
    for (uint32_t i = 0; i < message->rights; i++)
        pipe->right[pipe->rights++] =
            (struct x64i_right){.start = start, .end = end, .file = message->right[i]};
    message->rights = 0;
}

/* Those that begin before `position` come out: to the message, or to nobody. */
static void take_rights(struct x64i_kernel *kernel, uint32_t index, struct x64i_message *message,
                        uint64_t position)
{
    struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    uint32_t count = 0;
    uint32_t dropped[X64I_RIGHTS_MAX];
    uint32_t drops = 0;
    while (count < pipe->rights && pipe->right[count].start < position) {
        uint32_t file = pipe->right[count++].file;
        if (message && message->takes_rights && message->rights < X64I_RIGHTS_MAX)
            message->right[message->rights++] = file;
        else
            dropped[drops++] = file;
    }
    pipe->rights -= count;
    memmove(pipe->right, pipe->right + count, pipe->rights * sizeof pipe->right[0]);
    for (uint32_t i = 0; i < drops; i++)
        x64i_file_drop(kernel, dropped[i]);
}

void x64i_rights_drop(struct x64i_kernel *kernel, uint32_t index, uint64_t position)
{
    take_rights(kernel, index, NULL, position);
}

/* Bit by bit, `progress` counting what went in; the rights go with the first of it. */
static int64_t send_stream(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                           struct x64i_message *message)
{
    uint8_t bytes[CHUNK];
    struct x64i_task *task = kernel->task;
    uint32_t index = (uint32_t)file->value;
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    uint64_t done = task->progress;
    uint64_t start = put_so_far(kernel, index);
    if (done == 0 && !has_room_for_rights(kernel, index, message))
        return -ETOOMANYREFS;
    while (done < message->data.total && pipe->length < X64I_PIPE_BYTES) {
        uint64_t room = X64I_PIPE_BYTES - pipe->length;
        size_t piece = room < sizeof bytes ? (size_t)room : sizeof bytes;
        piece = x64i_user_vector_read(kernel, &message->data, done, bytes, piece);
        done += x64i_pipe_put(kernel, index, bytes, piece);
    }
    if (done > task->progress && task->progress == 0)
        put_rights(kernel, index, message, start);
    if (done >= message->data.total) /* what waits may have been changed meanwhile */
        return (int64_t)done;
    int64_t wait = not_now(file, message);
    if (done && (wait != X64I_SLEEP || x64i_signals_due(kernel)))
        return (int64_t)done;
    task->progress = done;
    return wait;
}

/* Header, name and data at once. */
static int64_t send_record(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                           uint32_t index, struct x64i_message *message)
{
    uint8_t bytes[CHUNK];
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    const struct x64i_address *name = &file->socket.name;
    struct header header = {(uint32_t)message->data.total,
                            name->size <= sizeof name->bytes ? name->size : 0};
    uint64_t size = sizeof header + header.address_size + message->data.total;
    uint64_t start = put_so_far(kernel, index);
    if (size > X64I_PIPE_BYTES)
        return -EMSGSIZE;
    if (size > X64I_PIPE_BYTES - pipe->length)
        return not_now(file, message);
    if (!has_room_for_rights(kernel, index, message))
        return -ETOOMANYREFS;
    x64i_pipe_put(kernel, index, &header, sizeof header);
    x64i_pipe_put(kernel, index, name->bytes, header.address_size);
    for (uint64_t done = 0; done < header.size;) {
        size_t piece = x64i_user_vector_read(kernel, &message->data, done, bytes, sizeof bytes);
        done += x64i_pipe_put(kernel, index, bytes, piece);
    }
    put_rights(kernel, index, message, start);
    return header.size;
}

static int64_t send_datagram(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                             struct x64i_message *message)
{
    int64_t error;
    if (message->to) {
        const struct x64i_open_file *to = x64i_socket_find(kernel, message->to, &error);
        if (!to)
            return error;
        if (!x64i_socket_is_datagram(to))
            return -EPROTOTYPE;
        if (to->writer & X64I_SHUT_READ)
            return -ECONNREFUSED;
        return send_record(kernel, file, to->object, message);
    }
    if (file->socket.state != X64I_SOCKET_CONNECTED)
        return -ENOTCONN;
    if (!x64i_socket_can_send(kernel, file))
        return -ECONNREFUSED;
    return send_record(kernel, file, (uint32_t)file->value, message);
}

int64_t x64i_socket_send(struct x64i_kernel *kernel, uint32_t index, struct x64i_message *message)
{
    const struct x64i_open_file *file = x64i_file_at(kernel, index);
    if (x64i_socket_is_datagram(file))
        return send_datagram(kernel, file, message);
    if (file->socket.state != X64I_SOCKET_CONNECTED)
        return -ENOTCONN;
    if (message->to && file->socket.type == X64I_SOCK_STREAM)
        return -EISCONN;
    if (!x64i_socket_can_send(kernel, file))
        return kernel->task->progress ? (int64_t)kernel->task->progress : broken(kernel, message);
    return file->socket.type == X64I_SOCK_STREAM
               ? send_stream(kernel, file, message)
               : send_record(kernel, file, (uint32_t)file->value, message);
}

/* From the record's beginning, or a stream's, to the user's buffers. */
static size_t copy_out(struct x64i_kernel *kernel, uint32_t index, uint64_t from, size_t size,
                       const struct x64i_user_vector *to)
{
    uint8_t bytes[CHUNK];
    size_t done = 0;
    while (done < size) {
        size_t piece = size - done < sizeof bytes ? size - done : sizeof bytes;
        piece = x64i_pipe_peek(kernel, index, from + done, bytes, piece);
        if (piece == 0 || x64i_user_vector_write(kernel, to, done, bytes, piece) < piece)
            break;
        done += piece;
    }
    return done;
}

/* Bytes that may be read at once: not beyond those that the first rights came with. */
static uint64_t readable(struct x64i_kernel *kernel, uint32_t index, uint64_t wanted)
{
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    if (wanted > pipe->length)
        wanted = pipe->length;
    if (pipe->rights && pipe->right[0].start < pipe->taken + wanted &&
        pipe->right[0].end > pipe->taken && pipe->right[0].end - pipe->taken < wanted)
        wanted = pipe->right[0].end - pipe->taken;
    return wanted;
}

static int64_t receive_stream(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                              struct x64i_message *message)
{
    uint32_t index = file->object;
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    uint64_t wanted = message->data.total;
    uint64_t least = message->flags & X64I_MSG_WAITALL ? wanted : 1;
    if (wanted == 0)
        return 0;
    if (least > X64I_PIPE_BYTES)
        least = X64I_PIPE_BYTES;
    if (pipe->length < least && pipe->writers) {
        int64_t wait = not_now(file, message);
        if (wait == X64I_SLEEP || pipe->length == 0)
            return wait;
    }
    size_t size = (size_t)readable(kernel, index, wanted);
    size = copy_out(kernel, index, 0, size, &message->data);
    if (message->flags & X64I_MSG_PEEK)
        return (int64_t)size;
    take_rights(kernel, index, message, pipe->taken + size);
    x64i_pipe_skip(kernel, index, size);
    return (int64_t)size;
}

static int64_t receive_record(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                              struct x64i_message *message)
{
    struct header header = {0};
    uint32_t index = file->object;
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, index);
    if (pipe->length == 0) {
        if (!x64i_socket_is_datagram(file) && pipe->writers == 0)
            return 0;
        return not_now(file, message);
    }
    x64i_pipe_peek(kernel, index, 0, &header, sizeof header);
    if (header.address_size > sizeof message->from.bytes)
        header.address_size = 0;
    message->from.size = header.address_size;
    x64i_pipe_peek(kernel, index, sizeof header, message->from.bytes, header.address_size);
    size_t before = sizeof header + header.address_size;
    bool cut = header.size > message->data.total;
    size_t size = cut ? (size_t)message->data.total : header.size;
    size = copy_out(kernel, index, before, size, &message->data);
    message->out_flags |= cut ? X64I_MSG_TRUNC : 0;
    int64_t result = message->flags & X64I_MSG_TRUNC ? (int64_t)header.size : (int64_t)size;
    if (message->flags & X64I_MSG_PEEK)
        return result;
    take_rights(kernel, index, message, pipe->taken + before + header.size);
    x64i_pipe_skip(kernel, index, before + header.size);
    return result;
}

int64_t x64i_socket_receive(struct x64i_kernel *kernel, uint32_t index,
                            struct x64i_message *message)
{
    const struct x64i_open_file *file = x64i_file_at(kernel, index);
    bool stream = file->socket.type == X64I_SOCK_STREAM;
    if (!x64i_socket_is_datagram(file) && file->socket.state != X64I_SOCKET_CONNECTED)
        return stream ? -EINVAL : -ENOTCONN;
    if (file->writer & X64I_SHUT_READ)
        return 0;
    return stream ? receive_stream(kernel, file, message) : receive_record(kernel, file, message);
}
