/* SPDX-License-Identifier: MIT */
/* There is no network: no socket can be made, and no descriptor is one. */
#include "kernel_model/open_file.h"
#include "kernel_model/syscall.h"

static int64_t no_socket(struct x64i_kernel *kernel, int fd)
{
    return x64i_file_of(kernel, (unsigned)fd) ? -ENOTSOCK : -EBADF;
}

SYSCALL_DEFINE3(socket, int, family, int, type, int, protocol)
{
    return -EAFNOSUPPORT;
}

SYSCALL_DEFINE4(socketpair, int, family, int, type, int, protocol, int __user *, usockvec)
{
    return -EAFNOSUPPORT;
}

SYSCALL_DEFINE3(connect, int, fd, void __user *, uservaddr, int, addrlen)
{
    return no_socket(kernel, fd);
}

SYSCALL_DEFINE3(getpeername, int, fd, void __user *, usockaddr, int __user *, usockaddr_len)
{
    return no_socket(kernel, fd);
}

SYSCALL_DEFINE3(getsockname, int, fd, void __user *, usockaddr, int __user *, usockaddr_len)
{
    return no_socket(kernel, fd);
}

SYSCALL_DEFINE5(getsockopt, int, fd, int, level, int, optname, char __user *, optval, int __user *,
                optlen)
{
    return no_socket(kernel, fd);
}

SYSCALL_DEFINE5(setsockopt, int, fd, int, level, int, optname, char __user *, optval, int, optlen)
{
    return no_socket(kernel, fd);
}

SYSCALL_DEFINE6(sendto, int, fd, void __user *, buff, size_t, len, unsigned, flags, void __user *,
                addr, int, addr_len)
{
    return no_socket(kernel, fd);
}

SYSCALL_DEFINE6(recvfrom, int, fd, void __user *, ubuf, size_t, size, unsigned, flags,
                void __user *, addr, int __user *, addr_len)
{
    return no_socket(kernel, fd);
}

SYSCALL_DEFINE2(shutdown, int, fd, int, how)
{
    return no_socket(kernel, fd);
}
