/* SPDX-License-Identifier: MIT */
/*
 * Sockets between the guest's own tasks. There is no network: no family but AF_UNIX can be had.
 */
#include "kernel_model/open_flags.h"
#include "kernel_model/socket.h"
#include "kernel_model/syscall.h"

#include <stdio.h>
#include <string.h>

#define AF_INET_         2
#define AF_INET6_        10
#define SOCK_TYPE_MASK_  0xf
#define SOCK_NONBLOCK_   04000
#define SOCK_CLOEXEC_    02000000
#define SOCK_KNOWN_FLAGS (SOCK_NONBLOCK_ | SOCK_CLOEXEC_)
#define SOL_SOCKET_      1
#define SHUT_RDWR_       2
#define FAMILY_BYTES     2u
#define SUN_BYTES        110 /* struct sockaddr_un */
#define UCRED_BYTES      12

/* Options of SOL_SOCKET that can be read (include/uapi/asm-generic/socket.h). */
enum {
    SO_TYPE_ = 3,
    SO_ERROR_ = 4,
    SO_SNDBUF_ = 7,
    SO_RCVBUF_ = 8,
    SO_PASSCRED_ = 16,
    SO_PEERCRED_ = 17,
    SO_ACCEPTCONN_ = 30,
    SO_PROTOCOL_ = 38,
    SO_DOMAIN_ = 39
};

static int64_t check_kind(int family, int type, int protocol)
{
    int base = type & SOCK_TYPE_MASK_;
    if (family != X64I_AF_UNIX)
        return -EAFNOSUPPORT;
    if (type & ~(SOCK_TYPE_MASK_ | SOCK_KNOWN_FLAGS))
        return -EINVAL;
    if (base != X64I_SOCK_STREAM && base != X64I_SOCK_DGRAM && base != X64I_SOCK_SEQPACKET)
        return -ESOCKTNOSUPPORT;
    return protocol != 0 && protocol != X64I_AF_UNIX ? -EPROTONOSUPPORT : 0;
}

static struct x64i_open_file *make(struct x64i_kernel *kernel, int type, uint32_t *index)
{
    return x64i_socket_make(kernel, (uint32_t)(type & SOCK_TYPE_MASK_),
                            (uint32_t)(type & SOCK_NONBLOCK_), index);
}

SYSCALL_DEFINE3(socket, int, family, int, type, int, protocol)
{
    uint32_t index;
    int64_t bad = check_kind(family, type, protocol);
    if (bad)
        return bad;
    if (!make(kernel, type, &index))
        return -ENFILE;
    return x64i_descriptor_make(kernel, index, 0, type & SOCK_CLOEXEC_);
}

static int64_t make_pair(struct x64i_kernel *kernel, int type, int32_t fd[2])
{
    uint32_t first, second;
    struct x64i_open_file *a = make(kernel, type, &first);
    if (!a)
        return -ENFILE;
    a->references = 1; /* until it has a descriptor */
    struct x64i_open_file *b = make(kernel, type, &second);
    if (!b || !x64i_socket_join(kernel, a, b)) {
        if (b)
            x64i_file_drop(kernel, second + 1);
        x64i_file_drop(kernel, first + 1);
        return -ENFILE;
    }
    int64_t made = x64i_descriptor_make(kernel, first, 0, type & SOCK_CLOEXEC_);
    x64i_file_drop(kernel, first + 1);
    int64_t other = x64i_descriptor_make(kernel, second, 0, type & SOCK_CLOEXEC_);
    if (made < 0 || other < 0) {
        if (made >= 0)
            x64i_descriptor_close(kernel, (unsigned)made);
        if (other >= 0)
            x64i_descriptor_close(kernel, (unsigned)other);
        return -EMFILE;
    }
    fd[0] = (int32_t)made;
    fd[1] = (int32_t)other;
    return 0;
}

SYSCALL_DEFINE4(socketpair, int, family, int, type, int, protocol, int __user *, usockvec)
{
    int32_t fd[2];
    int64_t bad = check_kind(family, type, protocol);
    if (bad)
        return family == AF_INET_ || family == AF_INET6_ ? -EOPNOTSUPP : bad;
    bad = x64i_user_writable(kernel, X64I_USER(usockvec), sizeof fd);
    if (!bad)
        bad = make_pair(kernel, type, fd);
    if (!bad)
        x64i_user_write(kernel, X64I_USER(usockvec), fd, sizeof fd);
    return bad;
}

int64_t x64i_address_get(struct x64i_kernel *kernel, uint64_t linear, int size,
                         struct x64i_address *address)
{
    *address = (struct x64i_address){0};
    if (size < (int)FAMILY_BYTES || size > SUN_BYTES)
        return -EINVAL;
    int64_t bad = x64i_user_readable(kernel, linear, (uint64_t)size);
    if (bad)
        return bad;
    x64i_user_read(kernel, linear, address->bytes, (size_t)size);
    address->size = (uint32_t)size;
    if (address->bytes[0] != X64I_AF_UNIX || address->bytes[1] != 0)
        return -EINVAL;
    /* A path ends at its zero byte, which counts (unix_mkname_bsd). */
    if (size > (int)FAMILY_BYTES && address->bytes[FAMILY_BYTES])
        address->size = FAMILY_BYTES + 1 +
                        (uint32_t)strnlen((const char *)address->bytes + FAMILY_BYTES,
                                          (size_t)size - FAMILY_BYTES);
    return 0;
}

/* An abstract name of five digits that nobody has (unix_autobind). */
static int64_t choose_name(struct x64i_kernel *kernel, struct x64i_open_file *file)
{
    struct x64i_address address = {.size = FAMILY_BYTES + 6, .bytes = {X64I_AF_UNIX}};
    for (unsigned i = 0; i <= X64I_OPEN_FILES_MAX; i++) {
        (void)snprintf((char *)address.bytes + FAMILY_BYTES + 1, 6, "%05x", i);
        int64_t bad = x64i_socket_bind(kernel, file, &address);
        if (bad != -EADDRINUSE)
            return bad;
    }
    return -ENOSPC;
}

SYSCALL_DEFINE3(bind, int, fd, struct sockaddr __user *, umyaddr, int, addrlen)
{
    struct x64i_address address;
    struct x64i_open_file *file = x64i_socket_of(kernel, fd);
    if (!file)
        return x64i_no_socket(kernel, fd);
    int64_t bad = x64i_address_get(kernel, X64I_USER(umyaddr), addrlen, &address);
    if (bad)
        return bad;
    if (address.size == FAMILY_BYTES)
        return file->socket.name.size ? 0 : choose_name(kernel, file);
    return x64i_socket_bind(kernel, file, &address);
}

SYSCALL_DEFINE2(listen, int, fd, int, backlog)
{
    struct x64i_open_file *file = x64i_socket_of(kernel, fd);
    if (!file)
        return x64i_no_socket(kernel, fd);
    if (x64i_socket_is_datagram(file))
        return -EOPNOTSUPP;
    if (!file->socket.name.size || file->socket.state == X64I_SOCKET_CONNECTED)
        return -EINVAL;
    file->socket.state = X64I_SOCKET_LISTENS;
    file->socket.backlog = backlog < 0 || backlog >= (int)X64I_SOCKET_BACKLOG
                               ? X64I_SOCKET_BACKLOG
                               : (uint32_t)backlog + 1;
    file->socket.owner = kernel->process->pid;
    x64i_task_event(kernel);
    return 0;
}

/* The listener gets the other end, to be accepted. */
static int64_t connect_stream(struct x64i_kernel *kernel, struct x64i_open_file *file,
                              struct x64i_open_file *listener)
{
    uint32_t index;
    struct x64i_socket *socket = &listener->socket;
    if (socket->state != X64I_SOCKET_LISTENS)
        return -ECONNREFUSED;
    if (socket->type != file->socket.type)
        return -EPROTOTYPE;
    if (socket->waiting >= socket->backlog || socket->waiting >= X64I_SOCKET_BACKLOG)
        return file->flags & O_NONBLOCK_ ? -EAGAIN : X64I_SLEEP;
    struct x64i_open_file *other = x64i_socket_make(kernel, file->socket.type, 0, &index);
    if (!other)
        return -ENOMEM;
    other->references = 1; /* the listener's */
    if (!x64i_socket_join(kernel, file, other)) {
        x64i_file_drop(kernel, index + 1);
        return -ENOMEM;
    }
    other->socket.name = file->socket.peer = socket->name;
    other->socket.peer = file->socket.name;
    file->socket.peer_owner = socket->owner;
    socket->pending[socket->waiting++] = index + 1;
    x64i_task_event(kernel);
    return 0;
}

/* A datagram socket writes the other's pipe from now on. */
static int64_t connect_datagram(struct x64i_kernel *kernel, struct x64i_open_file *file,
                                const struct x64i_open_file *to)
{
    if (!x64i_socket_is_datagram(to))
        return -EPROTOTYPE;
    if (to->writer & X64I_SHUT_READ)
        return -ECONNREFUSED;
    x64i_socket_shut(kernel, file, X64I_SHUT_WRITE);
    file->value = to->object;
    file->writer &= ~(uint32_t)X64I_SHUT_WRITE;
    file->socket.state = X64I_SOCKET_CONNECTED;
    file->socket.peer = to->socket.name;
    x64i_pipe_at(kernel, to->object)->writers++;
    return 0;
}

SYSCALL_DEFINE3(connect, int, fd, struct sockaddr __user *, uservaddr, int, addrlen)
{
    struct x64i_address address;
    int64_t error;
    struct x64i_open_file *file = x64i_socket_of(kernel, fd);
    if (!file)
        return x64i_no_socket(kernel, fd);
    int64_t bad = x64i_address_get(kernel, X64I_USER(uservaddr), addrlen, &address);
    if (bad)
        return bad;
    bool datagram = x64i_socket_is_datagram(file);
    if (file->socket.state == X64I_SOCKET_LISTENS)
        return -EINVAL;
    if (file->socket.state == X64I_SOCKET_CONNECTED && !datagram)
        return -EISCONN;
    struct x64i_open_file *to = x64i_socket_find(kernel, &address, &error);
    if (!to)
        return error;
    return datagram ? connect_datagram(kernel, file, to) : connect_stream(kernel, file, to);
}

/* At most *length bytes of a value; *length := its size. */
static int64_t give_value(struct x64i_kernel *kernel, const void *bytes, uint32_t size,
                          uint64_t buffer, uint64_t length)
{
    int32_t room;
    int64_t bad = x64i_user_writable(kernel, length, sizeof room);
    if (bad)
        return bad;
    x64i_user_read(kernel, length, &room, sizeof room);
    if (room < 0)
        return -EINVAL;
    size_t count = (uint32_t)room < size ? (uint32_t)room : size;
    bad = x64i_user_writable(kernel, buffer, count);
    if (bad)
        return bad;
    x64i_user_write(kernel, buffer, bytes, count);
    x64i_user_write(kernel, length, &size, sizeof size);
    return 0;
}

/* One without a name is a struct sockaddr's family alone. */
static int64_t give_address(struct x64i_kernel *kernel, const struct x64i_address *address,
                            uint64_t buffer, uint64_t length)
{
    static const struct x64i_address unnamed = {.size = FAMILY_BYTES, .bytes = {X64I_AF_UNIX}};
    if (address->size < FAMILY_BYTES || address->size > sizeof address->bytes)
        address = &unnamed;
    return give_value(kernel, address->bytes, address->size, buffer, length);
}

static int64_t do_accept(struct x64i_kernel *kernel, int fd, uint64_t buffer, uint64_t length,
                         int flags)
{
    struct x64i_open_file *file = x64i_socket_of(kernel, fd);
    if (!file)
        return x64i_no_socket(kernel, fd);
    struct x64i_socket *socket = &file->socket;
    if (flags & ~SOCK_KNOWN_FLAGS || socket->state != X64I_SOCKET_LISTENS)
        return -EINVAL;
    if (socket->waiting == 0 || socket->waiting > X64I_SOCKET_BACKLOG)
        return file->flags & O_NONBLOCK_ ? -EAGAIN : X64I_SLEEP;
    uint32_t number = socket->pending[0];
    struct x64i_open_file *other = x64i_file_at(kernel, number - 1);
    int64_t bad = buffer ? give_address(kernel, &other->socket.peer, buffer, length) : 0;
    if (bad)
        return bad;
    int64_t made = x64i_descriptor_make(kernel, number - 1, 0, flags & SOCK_CLOEXEC_);
    if (made < 0)
        return made;
    other->flags |= (uint32_t)(flags & SOCK_NONBLOCK_);
    socket->waiting--;
    memmove(socket->pending, socket->pending + 1, socket->waiting * sizeof socket->pending[0]);
    x64i_file_drop(kernel, number);
    x64i_task_event(kernel);
    return made;
}

SYSCALL_DEFINE3(accept, int, fd, struct sockaddr __user *, upeer_sockaddr, int __user *,
                upeer_addrlen)
{
    return do_accept(kernel, fd, X64I_USER(upeer_sockaddr), X64I_USER(upeer_addrlen), 0);
}

SYSCALL_DEFINE4(accept4, int, fd, struct sockaddr __user *, upeer_sockaddr, int __user *,
                upeer_addrlen, int, flags)
{
    return do_accept(kernel, fd, X64I_USER(upeer_sockaddr), X64I_USER(upeer_addrlen), flags);
}

SYSCALL_DEFINE3(getpeername, int, fd, struct sockaddr __user *, usockaddr, int __user *,
                usockaddr_len)
{
    const struct x64i_open_file *file = x64i_socket_of(kernel, fd);
    if (!file)
        return x64i_no_socket(kernel, fd);
    if (file->socket.state != X64I_SOCKET_CONNECTED)
        return -ENOTCONN;
    return give_address(kernel, &file->socket.peer, X64I_USER(usockaddr), X64I_USER(usockaddr_len));
}

SYSCALL_DEFINE3(getsockname, int, fd, struct sockaddr __user *, usockaddr, int __user *,
                usockaddr_len)
{
    const struct x64i_open_file *file = x64i_socket_of(kernel, fd);
    if (!file)
        return x64i_no_socket(kernel, fd);
    return give_address(kernel, &file->socket.name, X64I_USER(usockaddr), X64I_USER(usockaddr_len));
}

SYSCALL_DEFINE5(getsockopt, int, fd, int, level, int, optname, char __user *, optval, int __user *,
                optlen)
{
    int32_t value[3] = {0}; /* struct ucred: the only user is root */
    uint32_t size = sizeof value[0];
    const struct x64i_open_file *file = x64i_socket_of(kernel, fd);
    if (!file)
        return x64i_no_socket(kernel, fd);
    if (level != SOL_SOCKET_)
        return -EOPNOTSUPP;
    switch (optname) {
    case SO_TYPE_:
        value[0] = (int32_t)file->socket.type;
        break;
    case SO_DOMAIN_:
        value[0] = X64I_AF_UNIX;
        break;
    case SO_PEERCRED_:
        value[0] = (int32_t)file->socket.peer_owner;
        size = UCRED_BYTES;
        break;
    case SO_ACCEPTCONN_:
        value[0] = file->socket.state == X64I_SOCKET_LISTENS;
        break;
    case SO_SNDBUF_:
    case SO_RCVBUF_:
        value[0] = X64I_PIPE_BYTES;
        break;
    case SO_ERROR_:
    case SO_PROTOCOL_:
    case SO_PASSCRED_:
        break;
    default:
        return -ENOPROTOOPT;
    }
    return give_value(kernel, value, size, X64I_USER(optval), X64I_USER(optlen));
}

/* Sizes of buffers, timeouts and the like are taken and have no effect. */
SYSCALL_DEFINE5(setsockopt, int, fd, int, level, int, optname, char __user *, optval, int, optlen)
{
    if (!x64i_socket_of(kernel, fd))
        return x64i_no_socket(kernel, fd);
    return level == SOL_SOCKET_ ? 0 : -EOPNOTSUPP;
}

/* 0: no more reading, 1: no more writing, 2: neither. */
SYSCALL_DEFINE2(shutdown, int, fd, int, how)
{
    struct x64i_open_file *file = x64i_socket_of(kernel, fd);
    if (!file)
        return x64i_no_socket(kernel, fd);
    if (how < 0 || how > SHUT_RDWR_)
        return -EINVAL;
    if (file->socket.state != X64I_SOCKET_CONNECTED)
        return -ENOTCONN;
    x64i_socket_shut(kernel, file, (unsigned)how + 1);
    return 0;
}
