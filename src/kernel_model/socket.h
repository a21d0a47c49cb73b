/* SPDX-License-Identifier: MIT */
/*
 * Sockets between the guest's own tasks (AF_UNIX). A connected one reads one pipe and writes
 * another; streams are their bytes, datagrams and packets are records in them. Names are paths,
 * with an entry of the overlay, or abstract. Nothing of this reaches the host.
 */
#ifndef X64I_KERNEL_MODEL_SOCKET_H
#define X64I_KERNEL_MODEL_SOCKET_H

#include "kernel_model/open_file.h"
#include "kernel_model/user_vector.h"

#define X64I_AF_UNIX        1
#define X64I_SOCK_STREAM    1
#define X64I_SOCK_DGRAM     2
#define X64I_SOCK_SEQPACKET 5

/* MSG_* of the Linux ABI. */
#define X64I_MSG_PEEK     0x2u
#define X64I_MSG_CTRUNC   0x8u
#define X64I_MSG_TRUNC    0x20u
#define X64I_MSG_DONTWAIT 0x40u
#define X64I_MSG_EOR      0x80u
#define X64I_MSG_WAITALL  0x100u
#define X64I_MSG_NOSIGNAL 0x4000u
#define X64I_MSG_CLOEXEC  0x40000000u

/* The socket behind a descriptor, or null; and what is said when there is none. */
struct x64i_open_file *x64i_socket_of(struct x64i_kernel *kernel, int fd);
int64_t x64i_no_socket(struct x64i_kernel *kernel, int fd);

/* A new one without a reference, which reads pipe `in`; null when there are no more files. */
struct x64i_open_file *x64i_socket_make(struct x64i_kernel *kernel, uint32_t type, uint32_t flags,
                                        uint32_t *index);

/* Connects two of them by two new pipes. False when there are no more pipes. */
bool x64i_socket_join(struct x64i_kernel *kernel, struct x64i_open_file *a,
                      struct x64i_open_file *b);

/* Ends one direction or both; what was ended stays so. */
enum { X64I_SHUT_READ = 1, X64I_SHUT_WRITE = 2 };
void x64i_socket_shut(struct x64i_kernel *kernel, struct x64i_open_file *file, unsigned what);

/* The last reference is gone. */
void x64i_socket_release(struct x64i_kernel *kernel, struct x64i_open_file *file);

/* socket_cycles.c: closes those that only each other's messages refer to; whether there were any.
 */
bool x64i_sockets_collect(struct x64i_kernel *kernel);

/* Whether the other end may still read what this one writes. */
bool x64i_socket_can_send(struct x64i_kernel *kernel, const struct x64i_open_file *file);

/* POLLIN, POLLOUT, POLLHUP, POLLRDHUP that hold now. */
unsigned x64i_socket_ready(struct x64i_kernel *kernel, const struct x64i_open_file *file);

/* The open file that is bound to the address, or null, and *error says why. */
struct x64i_open_file *x64i_socket_find(struct x64i_kernel *kernel,
                                        const struct x64i_address *address, int64_t *error);

/* Gives it a name. */
int64_t x64i_socket_bind(struct x64i_kernel *kernel, struct x64i_open_file *file,
                         const struct x64i_address *address);

/* Datagrams need no connection: such a socket has its incoming pipe from the beginning. */
bool x64i_socket_is_datagram(const struct x64i_open_file *file);

/* sys_socket.c: reads one of the user's: 0, -EINVAL, or as x64i_user_readable. */
int64_t x64i_address_get(struct x64i_kernel *kernel, uint64_t linear, int size,
                         struct x64i_address *address);

/* socket_message.c. What is sent and received at once. */
struct x64i_message {
    struct x64i_user_vector data;
    unsigned flags;                /* MSG_* */
    unsigned out_flags;            /* MSG_TRUNC */
    const struct x64i_address *to; /* null: the peer */
    struct x64i_address from;      /* of what was received */
    uint32_t rights;               /* open files + 1, of which each has a reference */
    uint32_t right[X64I_RIGHTS_MAX];
    bool takes_rights; /* else those that come are dropped */
};

/* Bytes, or a result of usercopy.h's kinds. */
int64_t x64i_socket_send(struct x64i_kernel *kernel, uint32_t index, struct x64i_message *message);
int64_t x64i_socket_receive(struct x64i_kernel *kernel, uint32_t index,
                            struct x64i_message *message);

/* Drops the rights of a pipe that begin before `position`. */
void x64i_rights_drop(struct x64i_kernel *kernel, uint32_t index, uint64_t position);

#endif
