/* SPDX-License-Identifier: MIT */
/* Sockets: their ends, names and readiness (net/unix/af_unix.c). */
#include "kernel_model/socket.h"

#include "kernel_model/open_flags.h"
#include "kernel_model/path.h"
#include "kernel_model/region_pages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FAMILY_BYTES 2u
#define POLLIN_      0x01u
#define POLLOUT_     0x04u
#define POLLHUP_     0x10u
#define POLLRDHUP_   0x2000u
#define SHUT_BOTH    (X64I_SHUT_READ | X64I_SHUT_WRITE)
#define SOCKET_MODE  0777u

int64_t x64i_no_socket(struct x64i_kernel *kernel, int fd)
{
    return x64i_file_of(kernel, (unsigned)fd) ? -ENOTSOCK : -EBADF;
}

struct x64i_open_file *x64i_socket_of(struct x64i_kernel *kernel, int fd)
{
    struct x64i_open_file *file = x64i_file_of(kernel, (unsigned)fd);
    return file && file->kind == X64I_FILE_SOCKET ? file : NULL;
}

bool x64i_socket_is_datagram(const struct x64i_open_file *file)
{
    return file->socket.type == X64I_SOCK_DGRAM;
}

/* A datagram socket can be written to from the beginning: by a pipe that has no writer of its own.
 */
static bool give_datagram_pipe(struct x64i_kernel *kernel, struct x64i_open_file *file)
{
    if (!x64i_pipe_make(kernel, &file->object))
        return false;
    x64i_pipe_at(kernel, file->object)->writers = 0;
    file->writer = X64I_SHUT_WRITE;
    return true;
}

struct x64i_open_file *x64i_socket_make(struct x64i_kernel *kernel, uint32_t type, uint32_t flags,
                                        uint32_t *index)
{
    struct x64i_open_file *file = x64i_file_make(kernel, index);
    if (!file)
        return NULL;
    file->kind = X64I_FILE_SOCKET;
    file->flags = O_RDWR_ | flags;
    file->writer = SHUT_BOTH;
    file->socket.type = type;
    file->socket.owner = kernel->process->pid;
    if (type == X64I_SOCK_DGRAM && !give_datagram_pipe(kernel, file)) {
        *file = (struct x64i_open_file){0};
        return NULL;
    }
    return file;
}

/* One end: it reads `in` and writes `out`. */
static void connect_end(struct x64i_open_file *file, uint32_t in, uint32_t out, uint32_t peer)
{
    file->object = in;
    file->value = out;
    file->writer = 0;
    file->socket.state = X64I_SOCKET_CONNECTED;
    file->socket.peer_owner = peer;
}

bool x64i_socket_join(struct x64i_kernel *kernel, struct x64i_open_file *a,
                      struct x64i_open_file *b)
{
    uint32_t forth, back;
    if (!x64i_pipe_make(kernel, &forth))
        return false;
    if (!x64i_pipe_make(kernel, &back)) {
        x64i_pipe_close(kernel, forth, false);
        x64i_pipe_close(kernel, forth, true);
        return false;
    }
    x64i_socket_shut(kernel, a, SHUT_BOTH); /* what datagram sockets read so far */
    x64i_socket_shut(kernel, b, SHUT_BOTH);
    connect_end(a, back, forth, b->socket.owner);
    connect_end(b, forth, back, a->socket.owner);
    return true;
}

void x64i_socket_shut(struct x64i_kernel *kernel, struct x64i_open_file *file, unsigned what)
{
    what &= ~file->writer;
    file->writer |= what;
    if (what & X64I_SHUT_READ)
        x64i_pipe_close(kernel, file->object, false);
    if (what & X64I_SHUT_WRITE)
        x64i_pipe_close(kernel, (uint32_t)file->value, true);
}

void x64i_socket_release(struct x64i_kernel *kernel, struct x64i_open_file *file)
{
    struct x64i_socket *socket = &file->socket;
    x64i_socket_shut(kernel, file, SHUT_BOTH);
    for (uint32_t i = 0; i < socket->waiting && i < X64I_SOCKET_BACKLOG; i++)
        x64i_file_drop(kernel, socket->pending[i]);
    socket->waiting = 0;
}

bool x64i_socket_can_send(struct x64i_kernel *kernel, const struct x64i_open_file *file)
{
    return !(file->writer & X64I_SHUT_WRITE) &&
           x64i_pipe_at(kernel, (uint32_t)file->value)->readers > 0;
}

static bool has_room(struct x64i_kernel *kernel, uint64_t pipe)
{
    return X64I_PIPE_BYTES - x64i_pipe_at(kernel, (uint32_t)pipe)->length >= X64I_PAGE_SIZE;
}

static unsigned datagram_ready(struct x64i_kernel *kernel, const struct x64i_open_file *file)
{
    unsigned ready = x64i_pipe_at(kernel, file->object)->length ? POLLIN_ : 0u;
    bool connected = !(file->writer & X64I_SHUT_WRITE);
    return ready | (!connected || has_room(kernel, file->value) ? POLLOUT_ : 0u);
}

/* HUP when both ways are closed (unix_poll). */
unsigned x64i_socket_ready(struct x64i_kernel *kernel, const struct x64i_open_file *file)
{
    const struct x64i_socket *socket = &file->socket;
    if (socket->state == X64I_SOCKET_LISTENS)
        return socket->waiting ? POLLIN_ : 0u;
    if (x64i_socket_is_datagram(file) && !(file->writer & X64I_SHUT_READ))
        return datagram_ready(kernel, file);
    if (socket->state == X64I_SOCKET_IDLE)
        return POLLOUT_ | POLLHUP_;
    const struct x64i_pipe *in = x64i_pipe_at(kernel, file->object);
    bool ended = (file->writer & X64I_SHUT_READ) || in->writers == 0;
    unsigned ready = ended ? POLLIN_ | POLLRDHUP_ : 0u;
    if (!(file->writer & X64I_SHUT_READ) && in->length)
        ready |= POLLIN_;
    bool closed = !x64i_socket_can_send(kernel, file);
    if (closed || has_room(kernel, file->value))
        ready |= POLLOUT_;
    return ready | (ended && closed ? POLLHUP_ : 0u);
}

/* A name in the file system, as a string; false for an abstract one. */
static bool path_of(const struct x64i_address *address, char path[X64I_ADDRESS_BYTES + 1])
{
    size_t length = address->size - FAMILY_BYTES;
    memcpy(path, address->bytes + FAMILY_BYTES, length);
    path[length] = '\0';
    return path[0] != '\0';
}

static bool is_same(const struct x64i_address *a, const struct x64i_address *b)
{
    return a->size == b->size && a->size <= sizeof a->bytes &&
           memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* The socket that is bound to an entry of the overlay, or by an abstract name. */
static struct x64i_open_file *find_bound(struct x64i_kernel *kernel, uint32_t node,
                                         const struct x64i_address *address)
{
    for (uint32_t i = 0; i < X64I_OPEN_FILES_MAX; i++) {
        const struct x64i_open_file *file = x64i_record_read(kernel, kernel->files, i);
        if (file->kind != X64I_FILE_SOCKET)
            continue;
        if (node ? file->socket.node == node
                 : !file->socket.node && is_same(&file->socket.name, address))
            return x64i_file_at(kernel, i);
    }
    return NULL;
}

struct x64i_open_file *x64i_socket_find(struct x64i_kernel *kernel,
                                        const struct x64i_address *address, int64_t *error)
{
    char path[X64I_ADDRESS_BYTES + 1];
    struct x64i_node node;
    uint32_t entry = 0;
    *error = -ECONNREFUSED;
    if (path_of(address, path)) {
        int64_t bad = x64i_vfs_walk(kernel, X64I_AT_FDCWD, path, true, &node);
        if (bad)
            *error = bad;
        if (bad || node.kind != X64I_NODE_OVERLAY || !x64i_node_is(&node, X64I_S_IFSOCK))
            return NULL;
        entry = node.object + 1;
    }
    return find_bound(kernel, entry, address);
}

/* Sockets that are still open, and whose name in the file system was taken away, have none. */
static void forget_node(struct x64i_kernel *kernel, uint32_t node)
{
    for (uint32_t i = 0; i < X64I_OPEN_FILES_MAX; i++) {
        const struct x64i_open_file *file = x64i_record_read(kernel, kernel->files, i);
        if (file->kind == X64I_FILE_SOCKET && file->socket.node == node)
            x64i_file_at(kernel, i)->socket.node = UINT32_MAX;
    }
}

static int64_t bind_path(struct x64i_kernel *kernel, struct x64i_open_file *file, const char *path)
{
    uint32_t entry;
    int64_t bad =
        x64i_path_make_special(kernel, X64I_AT_FDCWD, path, X64I_S_IFSOCK | SOCKET_MODE, &entry);
    if (bad)
        return bad == -EEXIST ? -EADDRINUSE : bad;
    forget_node(kernel, entry + 1);
    file->socket.node = entry + 1;
    return 0;
}

int64_t x64i_socket_bind(struct x64i_kernel *kernel, struct x64i_open_file *file,
                         const struct x64i_address *address)
{
    char path[X64I_ADDRESS_BYTES + 1];
    if (file->socket.name.size)
        return -EINVAL;
    if (path_of(address, path)) {
        int64_t bad = bind_path(kernel, file, path);
        if (bad)
            return bad;
    } else if (find_bound(kernel, 0, address)) {
        return -EADDRINUSE;
    }
    file->socket.name = *address;
    return 0;
}
