/* SPDX-License-Identifier: MIT */
/*
 * There is no network. A pair of connected AF_UNIX stream sockets is two pipes, one each way; no
 * other socket can be made.
 */
#include "kernel_model/open_file.h"
#include "kernel_model/stream_io.h"
#include "kernel_model/syscall.h"

#define AF_UNIX_         1
#define AF_INET_         2
#define AF_INET6_        10
#define SOCK_TYPE_MASK_  0xf
#define SOCK_STREAM_     1
#define SOCK_NONBLOCK_   04000
#define SOCK_CLOEXEC_    02000000
#define SOCK_KNOWN_FLAGS (SOCK_NONBLOCK_ | SOCK_CLOEXEC_)
#define O_RDWR_          2u
#define O_NONBLOCK_      04000u
#define MSG_DONTWAIT_    0x40u
#define MSG_NOSIGNAL_    0x4000u
#define SOL_SOCKET_      1
#define SHUT_RDWR_       2

/* Options of SOL_SOCKET that can be read (include/uapi/asm-generic/socket.h). */
enum { SO_TYPE_ = 3, SO_ERROR_ = 4, SO_PROTOCOL_ = 38, SO_DOMAIN_ = 39 };

static int64_t no_socket(struct x64i_kernel *kernel, int fd)
{
    return x64i_file_of(kernel, (unsigned)fd) ? -ENOTSOCK : -EBADF;
}

static struct x64i_open_file *socket_of(struct x64i_kernel *kernel, int fd)
{
    struct x64i_open_file *file = x64i_file_of(kernel, (unsigned)fd);
    return file && file->kind == X64I_FILE_SOCKET ? file : NULL;
}

SYSCALL_DEFINE3(socket, int, family, int, type, int, protocol)
{
    return -EAFNOSUPPORT;
}

/* Takes over the read end of one pipe and the write end of the other. */
static int64_t make_socket(struct x64i_kernel *kernel, uint32_t in, uint32_t out, int flags)
{
    uint32_t index;
    struct x64i_open_file *file = x64i_file_make(kernel, &index);
    if (!file) {
        x64i_pipe_close(kernel, in, false);
        x64i_pipe_close(kernel, out, true);
        return -ENFILE;
    }
    file->kind = X64I_FILE_SOCKET;
    file->object = in;
    file->value = out;
    file->flags = O_RDWR_ | ((unsigned)flags & SOCK_NONBLOCK_);
    return x64i_descriptor_make(kernel, index, 0, flags & SOCK_CLOEXEC_);
}

static int64_t make_pair(struct x64i_kernel *kernel, int flags, int32_t fd[2])
{
    uint32_t forth, back;
    if (!x64i_pipe_make(kernel, &forth))
        return -ENFILE;
    if (!x64i_pipe_make(kernel, &back)) {
        x64i_pipe_close(kernel, forth, false);
        x64i_pipe_close(kernel, forth, true);
        return -ENFILE;
    }
    int64_t first = make_socket(kernel, back, forth, flags);
    int64_t second = make_socket(kernel, forth, back, flags);
    if (first < 0 || second < 0) {
        for (unsigned i = 0; i < 2; i++) {
            int64_t made = i ? second : first;
            if (made < 0)
                continue;
            x64i_file_drop(kernel, x64i_file_number(kernel, (unsigned)made));
            kernel->process->descriptor[made] = 0;
        }
        return first < 0 ? first : second;
    }
    fd[0] = (int32_t)first;
    fd[1] = (int32_t)second;
    return 0;
}

SYSCALL_DEFINE4(socketpair, int, family, int, type, int, protocol, int __user *, usockvec)
{
    int32_t fd[2];
    if (family != AF_UNIX_)
        return family == AF_INET_ || family == AF_INET6_ ? -EOPNOTSUPP : -EAFNOSUPPORT;
    if (type & ~(SOCK_TYPE_MASK_ | SOCK_KNOWN_FLAGS))
        return -EINVAL;
    if ((type & SOCK_TYPE_MASK_) != SOCK_STREAM_)
        return -ESOCKTNOSUPPORT;
    if (protocol != 0 && protocol != AF_UNIX_)
        return -EPROTONOSUPPORT;
    int64_t bad = x64i_user_writable(kernel, X64I_USER(usockvec), sizeof fd);
    if (!bad)
        bad = make_pair(kernel, type, fd);
    if (!bad)
        x64i_user_write(kernel, X64I_USER(usockvec), fd, sizeof fd);
    return bad;
}

SYSCALL_DEFINE3(connect, int, fd, void __user *, uservaddr, int, addrlen)
{
    return socket_of(kernel, fd) ? -EISCONN : no_socket(kernel, fd);
}

SYSCALL_DEFINE3(bind, int, fd, void __user *, umyaddr, int, addrlen)
{
    return socket_of(kernel, fd) ? -EINVAL : no_socket(kernel, fd);
}

SYSCALL_DEFINE2(listen, int, fd, int, backlog)
{
    return socket_of(kernel, fd) ? -EINVAL : no_socket(kernel, fd);
}

SYSCALL_DEFINE3(accept, int, fd, void __user *, upeer_sockaddr, int __user *, upeer_addrlen)
{
    return socket_of(kernel, fd) ? -EINVAL : no_socket(kernel, fd);
}

SYSCALL_DEFINE4(accept4, int, fd, void __user *, upeer_sockaddr, int __user *, upeer_addrlen, int,
                flags)
{
    return socket_of(kernel, fd) ? -EINVAL : no_socket(kernel, fd);
}

/* At most *length bytes of a value; *length := its size. */
static int64_t give_value(struct x64i_kernel *kernel, const void *bytes, int32_t size,
                          uint64_t buffer, uint64_t length)
{
    int32_t room;
    int64_t bad = x64i_user_writable(kernel, length, sizeof room);
    if (bad)
        return bad;
    x64i_user_read(kernel, length, &room, sizeof room);
    if (room < 0)
        return -EINVAL;
    room = room < size ? room : size;
    bad = x64i_user_writable(kernel, buffer, (uint64_t)room);
    if (bad)
        return bad;
    x64i_user_write(kernel, buffer, bytes, (size_t)room);
    x64i_user_write(kernel, length, &size, sizeof size);
    return 0;
}

/* Neither end of a pair has a name: struct sockaddr's family alone. */
static int64_t give_name(struct x64i_kernel *kernel, int fd, uint64_t buffer, uint64_t length)
{
    const uint16_t family = AF_UNIX_;
    if (!socket_of(kernel, fd))
        return no_socket(kernel, fd);
    return give_value(kernel, &family, sizeof family, buffer, length);
}

SYSCALL_DEFINE3(getpeername, int, fd, void __user *, usockaddr, int __user *, usockaddr_len)
{
    return give_name(kernel, fd, X64I_USER(usockaddr), X64I_USER(usockaddr_len));
}

SYSCALL_DEFINE3(getsockname, int, fd, void __user *, usockaddr, int __user *, usockaddr_len)
{
    return give_name(kernel, fd, X64I_USER(usockaddr), X64I_USER(usockaddr_len));
}

SYSCALL_DEFINE5(getsockopt, int, fd, int, level, int, optname, char __user *, optval, int __user *,
                optlen)
{
    int32_t value = 0;
    if (!socket_of(kernel, fd))
        return no_socket(kernel, fd);
    if (level != SOL_SOCKET_)
        return -EOPNOTSUPP;
    switch (optname) {
    case SO_TYPE_:
        value = SOCK_STREAM_;
        break;
    case SO_DOMAIN_:
        value = AF_UNIX_;
        break;
    case SO_ERROR_:
    case SO_PROTOCOL_:
        break;
    default:
        return -ENOPROTOOPT;
    }
    return give_value(kernel, &value, sizeof value, X64I_USER(optval), X64I_USER(optlen));
}

/* Sizes of buffers, timeouts and the like are taken and have no effect. */
SYSCALL_DEFINE5(setsockopt, int, fd, int, level, int, optname, char __user *, optval, int, optlen)
{
    if (!socket_of(kernel, fd))
        return no_socket(kernel, fd);
    return level == SOL_SOCKET_ ? 0 : -EOPNOTSUPP;
}

/* Reads or writes as the descriptor does, without waiting when the flags say so. */
static int64_t transfer(struct x64i_kernel *kernel, int fd, struct x64i_buffer buffer,
                        unsigned flags, bool write)
{
    struct x64i_open_file *file = socket_of(kernel, fd);
    uint32_t index = x64i_file_number(kernel, (unsigned)fd) - 1;
    const uint32_t kept = file->flags;
    if (flags & MSG_DONTWAIT_)
        file->flags |= O_NONBLOCK_;
    int64_t done =
        write ? x64i_stream_write(kernel, index, buffer) : x64i_stream_read(kernel, index, buffer);
    x64i_file_at(kernel, index)->flags = kept;
    return done;
}

SYSCALL_DEFINE6(sendto, int, fd, void __user *, buff, size_t, len, unsigned, flags, void __user *,
                addr, int, addr_len)
{
    const struct x64i_open_file *file = socket_of(kernel, fd);
    if (!file)
        return no_socket(kernel, fd);
    if (addr)
        return -EISCONN;
    if (flags & ~(MSG_DONTWAIT_ | MSG_NOSIGNAL_))
        return -EOPNOTSUPP;
    if ((flags & MSG_NOSIGNAL_) && !x64i_socket_can_send(kernel, file))
        return -EPIPE;
    return transfer(kernel, fd, (struct x64i_buffer){X64I_USER(buff), len}, flags, true);
}

SYSCALL_DEFINE6(recvfrom, int, fd, void __user *, ubuf, size_t, size, unsigned, flags,
                void __user *, addr, int __user *, addr_len)
{
    const int32_t no_name = 0;
    if (!socket_of(kernel, fd))
        return no_socket(kernel, fd);
    if (flags & ~(MSG_DONTWAIT_ | MSG_NOSIGNAL_))
        return -EOPNOTSUPP;
    int64_t bad = addr ? x64i_user_writable(kernel, X64I_USER(addr_len), sizeof no_name) : 0;
    if (bad)
        return bad;
    int64_t done = transfer(kernel, fd, (struct x64i_buffer){X64I_USER(ubuf), size}, flags, false);
    if (addr && done >= 0)
        x64i_user_write(kernel, X64I_USER(addr_len), &no_name, sizeof no_name);
    return done;
}

/* 0: no more reading, 1: no more writing, 2: neither. */
SYSCALL_DEFINE2(shutdown, int, fd, int, how)
{
    struct x64i_open_file *file = socket_of(kernel, fd);
    if (!file)
        return no_socket(kernel, fd);
    if (how < 0 || how > SHUT_RDWR_)
        return -EINVAL;
    x64i_socket_shut(kernel, file, (unsigned)how + 1);
    return 0;
}
