/* SPDX-License-Identifier: MIT */
/* send and recv with all that can go with the bytes: addresses, and open files (SCM_RIGHTS). */
#include "kernel_model/socket.h"
#include "kernel_model/syscall.h"

#include <stdlib.h>
#include <string.h>

#define SOL_SOCKET_      1
#define SCM_RIGHTS_      1
#define SCM_CREDENTIALS_ 2
#define CMSG_HEADER      16u
#define CONTROL_MAX      4096u
#define SEND_FLAGS       (X64I_MSG_DONTWAIT | X64I_MSG_NOSIGNAL | X64I_MSG_EOR)
#define RECEIVE_FLAGS                                                                            \
    (X64I_MSG_DONTWAIT | X64I_MSG_NOSIGNAL | X64I_MSG_PEEK | X64I_MSG_TRUNC | X64I_MSG_WAITALL | \
     X64I_MSG_CLOEXEC)

/* struct user_msghdr */
struct msghdr {
    uint64_t name;
    int32_t name_size;
    uint32_t pad1;
    uint64_t vector;
    uint64_t count;
    uint64_t control;
    uint64_t control_size;
    uint32_t flags;
    uint32_t pad2;
};
_Static_assert(sizeof(struct msghdr) == 56, "as the ABI has it");

struct cmsghdr {
    uint64_t size; /* with this header */
    int32_t level, type;
};
_Static_assert(sizeof(struct cmsghdr) == CMSG_HEADER, "as the ABI has it");

static int64_t get_header(struct x64i_kernel *kernel, uint64_t linear, bool write,
                          struct msghdr *header)
{
    int64_t bad = x64i_user_readable(kernel, linear, sizeof *header);
    if (!bad && write)
        bad = x64i_user_writable(kernel, linear, sizeof *header);
    if (!bad)
        x64i_user_read(kernel, linear, header, sizeof *header);
    if (!bad && (header->name_size < 0 || header->count > 1024))
        bad = header->name_size < 0 ? -EINVAL : -EMSGSIZE;
    return bad;
}

static void drop_rights(struct x64i_kernel *kernel, struct x64i_message *message)
{
    for (uint32_t i = 0; i < message->rights; i++)
        x64i_file_drop(kernel, message->right[i]);
    message->rights = 0;
}

/* The open files behind an array of descriptors. */
static int64_t get_rights(struct x64i_kernel *kernel, const uint8_t *bytes, size_t count,
                          struct x64i_message *message)
{
    if (count > X64I_RIGHTS_MAX - message->rights)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        int32_t fd;
        memcpy(&fd, bytes + i * sizeof fd, sizeof fd);
        if (!x64i_file_of(kernel, (unsigned)fd))
            return -EBADF;
        uint32_t number = x64i_file_number(kernel, (unsigned)fd);
        x64i_file_hold(kernel, number);
        message->right[message->rights++] = number;
    }
    return 0;
}

/* One after the other, each aligned to eight bytes (__scm_send). */
static int64_t parse_control(struct x64i_kernel *kernel, const uint8_t *bytes, size_t size,
                             struct x64i_message *message)
{
    struct cmsghdr header;
    int64_t bad = 0;
    for (size_t at = 0; !bad && size - at >= sizeof header;) {
        memcpy(&header, bytes + at, sizeof header);
        if (header.size < sizeof header || header.size > size - at)
            return -EINVAL;
        size_t data = (size_t)header.size - sizeof header;
        if (header.level == SOL_SOCKET_ && header.type == SCM_RIGHTS_)
            bad = get_rights(kernel, bytes + at + sizeof header, data / 4, message);
        else if (header.level == SOL_SOCKET_ && header.type != SCM_CREDENTIALS_)
            bad = -EINVAL;
        size_t next = ((size_t)header.size + 7) & ~(size_t)7;
        at = next < size - at ? at + next : size;
    }
    return bad;
}

static int64_t get_control(struct x64i_kernel *kernel, const struct msghdr *header,
                           struct x64i_message *message)
{
    uint8_t bytes[CONTROL_MAX];
    if (!header->control || !header->control_size)
        return 0;
    if (header->control_size > sizeof bytes)
        return -ENOBUFS;
    int64_t bad = x64i_user_readable(kernel, header->control, header->control_size);
    if (bad)
        return bad;
    x64i_user_read(kernel, header->control, bytes, (size_t)header->control_size);
    return parse_control(kernel, bytes, (size_t)header->control_size, message);
}

static int64_t send_header(struct x64i_kernel *kernel, int fd, const struct msghdr *header,
                           unsigned flags)
{
    struct x64i_address to;
    struct x64i_message message = {.flags = flags};
    int64_t bad = 0;
    if (header->name && header->name_size) {
        bad = x64i_address_get(kernel, header->name, header->name_size, &to);
        message.to = &to;
    }
    if (!bad)
        bad = x64i_user_vector_get(kernel, header->vector, header->count, false, false,
                                   &message.data);
    if (bad)
        return bad;
    bad = get_control(kernel, header, &message);
    if (!bad)
        bad = x64i_socket_send(kernel, x64i_file_number(kernel, (unsigned)fd) - 1, &message);
    drop_rights(kernel, &message);
    free(message.data.buffer);
    return bad;
}

SYSCALL_DEFINE3(sendmsg, int, fd, struct msghdr __user *, msg, unsigned, flags)
{
    struct msghdr header;
    if (!x64i_socket_of(kernel, fd))
        return x64i_no_socket(kernel, fd);
    if (flags & ~(SEND_FLAGS | X64I_MSG_CLOEXEC))
        return -EOPNOTSUPP;
    int64_t bad = get_header(kernel, X64I_USER(msg), false, &header);
    return bad ? bad : send_header(kernel, fd, &header, flags);
}

/* Descriptors for the open files that came, as many as the control buffer has room for; what of
 * the buffer is used. */
static uint64_t give_rights(struct x64i_kernel *kernel, const struct msghdr *header,
                            struct x64i_message *message)
{
    struct cmsghdr control = {.level = SOL_SOCKET_, .type = SCM_RIGHTS_};
    uint64_t room = header->control_size;
    uint32_t fits = room > CMSG_HEADER ? (uint32_t)((room - CMSG_HEADER) / 4) : 0;
    uint32_t given = 0;
    while (given < message->rights && given < fits) {
        int64_t fd = x64i_descriptor_make(kernel, message->right[given] - 1, 0,
                                          message->flags & X64I_MSG_CLOEXEC);
        int32_t number = (int32_t)fd;
        if (fd < 0)
            break;
        x64i_user_write(kernel, header->control + CMSG_HEADER + 4 * (uint64_t)given, &number,
                        sizeof number);
        given++;
    }
    if (given < message->rights)
        message->out_flags |= X64I_MSG_CTRUNC;
    drop_rights(kernel, message);
    if (given == 0)
        return 0;
    control.size = CMSG_HEADER + 4 * (uint64_t)given;
    x64i_user_write(kernel, header->control, &control, sizeof control);
    uint64_t used = (control.size + 7) & ~UINT64_C(7);
    return used < room ? used : room;
}

/* What recvmsg gives back besides the bytes. */
static void finish_header(struct x64i_kernel *kernel, uint64_t linear, struct msghdr *header,
                          struct x64i_message *message)
{
    if (header->name) {
        size_t room = (size_t)header->name_size;
        size_t size = message->from.size < room ? message->from.size : room;
        x64i_user_write(kernel, header->name, message->from.bytes, size);
        header->name_size = (int32_t)message->from.size;
    }
    header->control_size = give_rights(kernel, header, message);
    header->flags = message->out_flags | (message->flags & X64I_MSG_CLOEXEC);
    x64i_user_write(kernel, linear, header, sizeof *header);
}

static int64_t check_places(struct x64i_kernel *kernel, const struct msghdr *header)
{
    int64_t bad = 0;
    if (header->name)
        bad = x64i_user_writable(kernel, header->name, (uint64_t)header->name_size);
    if (!bad && header->control_size > CONTROL_MAX * 16)
        bad = -ENOBUFS;
    if (!bad && header->control)
        bad = x64i_user_writable(kernel, header->control, header->control_size);
    return bad;
}

SYSCALL_DEFINE3(recvmsg, int, fd, struct msghdr __user *, msg, unsigned, flags)
{
    struct msghdr header;
    struct x64i_message message = {.flags = flags, .takes_rights = true};
    if (!x64i_socket_of(kernel, fd))
        return x64i_no_socket(kernel, fd);
    if (flags & ~RECEIVE_FLAGS)
        return -EOPNOTSUPP;
    int64_t bad = get_header(kernel, X64I_USER(msg), true, &header);
    if (!bad)
        bad = check_places(kernel, &header);
    if (!bad)
        bad = x64i_user_vector_get(kernel, header.vector, header.count, false, true, &message.data);
    if (bad)
        return bad;
    if (!header.control)
        header.control_size = 0;
    int64_t done =
        x64i_socket_receive(kernel, x64i_file_number(kernel, (unsigned)fd) - 1, &message);
    if (done >= 0)
        finish_header(kernel, X64I_USER(msg), &header, &message);
    free(message.data.buffer);
    return done;
}

SYSCALL_DEFINE6(sendto, int, fd, void __user *, buff, size_t, len, unsigned, flags,
                struct sockaddr __user *, addr, int, addr_len)
{
    struct x64i_address to;
    struct x64i_abi_iovec one = {X64I_USER(buff), len < INT32_MAX ? len : INT32_MAX};
    struct x64i_message message = {.flags = flags, .data = {&one, 1, one.length}};
    if (!x64i_socket_of(kernel, fd))
        return x64i_no_socket(kernel, fd);
    if (flags & ~SEND_FLAGS)
        return -EOPNOTSUPP;
    int64_t bad = x64i_user_readable(kernel, one.base, one.length);
    if (!bad && addr) {
        bad = x64i_address_get(kernel, X64I_USER(addr), addr_len, &to);
        message.to = &to;
    }
    if (bad)
        return bad;
    return x64i_socket_send(kernel, x64i_file_number(kernel, (unsigned)fd) - 1, &message);
}

SYSCALL_DEFINE6(recvfrom, int, fd, void __user *, ubuf, size_t, size, unsigned, flags,
                struct sockaddr __user *, addr, int __user *, addr_len)
{
    int32_t room = 0;
    struct x64i_abi_iovec one = {X64I_USER(ubuf), size < INT32_MAX ? size : INT32_MAX};
    struct x64i_message message = {.flags = flags, .data = {&one, 1, one.length}};
    if (!x64i_socket_of(kernel, fd))
        return x64i_no_socket(kernel, fd);
    if (flags & ~RECEIVE_FLAGS)
        return -EOPNOTSUPP;
    int64_t bad = x64i_user_writable(kernel, one.base, one.length);
    if (!bad && addr) {
        bad = x64i_user_writable(kernel, X64I_USER(addr_len), sizeof room);
        if (!bad)
            x64i_user_read(kernel, X64I_USER(addr_len), &room, sizeof room);
        if (!bad)
            bad = room < 0 ? -EINVAL : x64i_user_writable(kernel, X64I_USER(addr), (uint64_t)room);
    }
    if (bad)
        return bad;
    int64_t done =
        x64i_socket_receive(kernel, x64i_file_number(kernel, (unsigned)fd) - 1, &message);
    if (addr && done >= 0) {
        const struct x64i_address *from = &message.from;
        x64i_user_write(kernel, X64I_USER(addr), from->bytes,
                        from->size < (uint32_t)room ? from->size : (uint32_t)room);
        x64i_user_write(kernel, X64I_USER(addr_len), &from->size, sizeof from->size);
    }
    return done;
}
