/* SPDX-License-Identifier: MIT */
/* Waiting for files: poll, select, epoll. */
#include "kernel_model/abi.h"
#include "kernel_model/console.h"
#include "kernel_model/open_file.h"
#include "kernel_model/open_flags.h"
#include "kernel_model/signal.h"
#include "kernel_model/socket.h"
#include "kernel_model/syscall.h"

#include <stdlib.h>
#include <string.h>

#define POLLIN_       0x01u
#define POLLOUT_      0x04u
#define POLLERR_      0x08u
#define POLLHUP_      0x10u
#define POLLNVAL_     0x20u
#define POLL_MAX      1024u
#define EPOLL_ADD     1
#define EPOLL_DEL     2
#define EPOLL_MOD     3
#define EPOLLONESHOT_ (1u << 30)
#define EPOLLET_      (1u << 31)
#define MILLISECOND   UINT64_C(1000000)
#define FOREVER       UINT64_MAX

struct pollfd_entry {
    int32_t fd;
    int16_t events, returned;
};

static unsigned pipe_ready(struct x64i_kernel *kernel, const struct x64i_open_file *file)
{
    const struct x64i_pipe *pipe = x64i_pipe_at(kernel, file->object);
    unsigned ready = 0;
    if (file->writer != X64I_PIPE_READER)
        ready |= (X64I_PIPE_BYTES - pipe->length >= X64I_PAGE_SIZE ? POLLOUT_ : 0u) |
                 (pipe->readers ? 0u : POLLERR_);
    if (file->writer != X64I_PIPE_WRITER)
        ready |= (pipe->length ? POLLIN_ : 0u) | (pipe->writers ? 0u : POLLHUP_);
    return ready;
}

static unsigned epoll_ready(struct x64i_kernel *kernel, const struct x64i_open_file *file)
{
    for (unsigned i = 0; i < X64I_EPOLL_WATCHED; i++) {
        const struct x64i_watched *watched = &file->watched[i];
        struct x64i_open_file *other = watched->fd ? x64i_file_of(kernel, watched->fd - 1) : NULL;
        if (other && other->kind != X64I_FILE_EPOLL &&
            (x64i_file_ready(kernel, other) & (watched->events | POLLERR_ | POLLHUP_)))
            return POLLIN_;
    }
    return 0;
}

/* A terminal is open both ways. */
static unsigned console_ready(struct x64i_kernel *kernel, const struct x64i_open_file *file)
{
    unsigned mode = file->flags & O_ACCMODE_;
    unsigned ready = mode == O_RDONLY_ ? 0u : POLLOUT_;
    return ready | (mode != O_WRONLY_ && x64i_console_ready(kernel) ? POLLIN_ : 0u);
}

unsigned x64i_file_ready(struct x64i_kernel *kernel, struct x64i_open_file *file)
{
    switch ((enum x64i_file_kind)file->kind) {
    case X64I_FILE_PIPE:
        return pipe_ready(kernel, file);
    case X64I_FILE_SOCKET:
        return x64i_socket_ready(kernel, file);
    case X64I_FILE_EVENT:
        return (file->value ? POLLIN_ : 0u) | (file->value < UINT64_MAX - 1 ? POLLOUT_ : 0u);
    case X64I_FILE_EPOLL:
        return epoll_ready(kernel, file);
    case X64I_FILE_TIMER:
        return x64i_timer_expirations(kernel, file) ? POLLIN_ : 0u;
    case X64I_FILE_CONSOLE:
        return console_ready(kernel, file);
    default:
        return POLLIN_ | POLLOUT_;
    }
}

/* After nothing was ready: asleep until `timeout` nanoseconds are over, then 0. */
static int64_t wait_more(struct x64i_kernel *kernel, uint64_t timeout)
{
    if (timeout == 0)
        return 0;
    if (timeout == FOREVER)
        return X64I_SLEEP_ONCE;
    return x64i_sleep_for(kernel, timeout);
}

static unsigned poll_one(struct x64i_kernel *kernel, const struct pollfd_entry *entry)
{
    if (entry->fd < 0)
        return 0;
    struct x64i_open_file *file = x64i_file_of(kernel, (unsigned)entry->fd);
    if (!file)
        return POLLNVAL_;
    return x64i_file_ready(kernel, file) & ((uint16_t)entry->events | POLLERR_ | POLLHUP_);
}

static int64_t do_poll(struct x64i_kernel *kernel, uint64_t ufds, unsigned nfds, uint64_t timeout)
{
    int64_t ready = 0;
    if (nfds > POLL_MAX)
        return -EINVAL;
    int64_t bad = x64i_user_writable(kernel, ufds, nfds * sizeof(struct pollfd_entry));
    if (bad)
        return bad;
    struct pollfd_entry *entries = calloc(nfds + 1, sizeof *entries);
    if (!entries)
        return -ENOMEM;
    x64i_user_read(kernel, ufds, entries, nfds * sizeof *entries);
    for (unsigned i = 0; i < nfds; i++) {
        entries[i].returned = (int16_t)poll_one(kernel, &entries[i]);
        ready += entries[i].returned != 0;
    }
    if (!ready)
        ready = wait_more(kernel, timeout);
    if (!x64i_is_sleep(ready))
        x64i_user_write(kernel, ufds, entries, nfds * sizeof *entries);
    free(entries);
    return ready;
}

SYSCALL_DEFINE3(poll, struct pollfd __user *, ufds, unsigned int, nfds, int, timeout_msecs)
{
    return do_poll(kernel, X64I_USER(ufds), nfds,
                   timeout_msecs < 0 ? FOREVER : (uint64_t)timeout_msecs * MILLISECOND);
}

/* ppoll and pselect wait with another mask. */
static int64_t set_mask(struct x64i_kernel *kernel, uint64_t sigmask, size_t size)
{
    uint64_t mask;
    struct x64i_task *task = kernel->task;
    if (!sigmask || task->restore_signals)
        return 0;
    if (size != sizeof mask)
        return -EINVAL;
    int64_t bad = x64i_user_readable(kernel, sigmask, sizeof mask);
    if (bad)
        return bad;
    x64i_user_read(kernel, sigmask, &mask, sizeof mask);
    task->saved_signals = task->blocked_signals;
    task->restore_signals = 1;
    task->blocked_signals = mask & ~(x64i_signal_bit(9) | x64i_signal_bit(19));
    return 0;
}

/* A finished wait gives the mask back, unless a signal is to be taken with it first. */
static int64_t restore_mask(struct x64i_kernel *kernel, int64_t result)
{
    struct x64i_task *task = kernel->task;
    if (!task->restore_signals || x64i_is_sleep(result) || result == X64I_FAULT_IN)
        return result;
    if (x64i_signals_due(kernel)) {
        x64i_task_nudge(kernel, task);
        return result;
    }
    task->blocked_signals = task->saved_signals;
    task->restore_signals = 0;
    return result;
}

SYSCALL_DEFINE5(ppoll, struct pollfd __user *, ufds, unsigned int, nfds, struct timespec __user *,
                tsp, const uint64_t __user *, sigmask, size_t, sigsetsize)
{
    uint64_t timeout = FOREVER;
    int64_t bad = tsp ? x64i_timespec_get(kernel, X64I_USER(tsp), &timeout) : 0;
    if (!bad)
        bad = set_mask(kernel, X64I_USER(sigmask), sigsetsize);
    return bad ? bad : restore_mask(kernel, do_poll(kernel, X64I_USER(ufds), nfds, timeout));
}

/* One of the three sets of select: bits of `wanted` become those that hold. */
static int64_t select_set(struct x64i_kernel *kernel, const uint64_t *in, uint64_t *out, int n,
                          unsigned wanted)
{
    int64_t count = 0;
    for (int fd = 0; fd < n; fd++) {
        if (!(in[fd / 64] >> fd % 64 & 1))
            continue;
        struct x64i_open_file *file = x64i_file_of(kernel, (unsigned)fd);
        if (!file)
            return -EBADF;
        if (!(x64i_file_ready(kernel, file) & wanted))
            continue;
        out[fd / 64] |= UINT64_C(1) << fd % 64;
        count++;
    }
    return count;
}

static int64_t do_select(struct x64i_kernel *kernel, int n, const uint64_t sets[3],
                         uint64_t timeout)
{
    static const unsigned wanted[3] = {POLLIN_ | POLLHUP_ | POLLERR_, POLLOUT_ | POLLERR_, 0};
    uint64_t in[3][POLL_MAX / 64] = {{0}};
    uint64_t out[3][POLL_MAX / 64] = {{0}};
    int64_t ready = 0;
    if (n < 0 || (unsigned)n > POLL_MAX)
        return -EINVAL;
    size_t size = ((size_t)n + 63) / 64 * 8;
    for (unsigned i = 0; i < 3; i++) {
        int64_t bad = sets[i] ? x64i_user_writable(kernel, sets[i], size) : 0;
        if (bad)
            return bad;
        if (sets[i])
            x64i_user_read(kernel, sets[i], in[i], size);
    }
    for (unsigned i = 0; i < 3; i++) {
        int64_t count = select_set(kernel, in[i], out[i], n, wanted[i]);
        if (count < 0)
            return count;
        ready += count;
    }
    if (!ready)
        ready = wait_more(kernel, timeout);
    for (unsigned i = 0; i < 3 && !x64i_is_sleep(ready); i++)
        if (sets[i])
            x64i_user_write(kernel, sets[i], out[i], size);
    return ready;
}

SYSCALL_DEFINE5(select, int, n, uint64_t __user *, inp, uint64_t __user *, outp, uint64_t __user *,
                exp, struct timeval __user *, tvp)
{
    const uint64_t sets[3] = {X64I_USER(inp), X64I_USER(outp), X64I_USER(exp)};
    int64_t time[2];
    uint64_t timeout = FOREVER;
    if (tvp) {
        int64_t bad = x64i_user_readable(kernel, X64I_USER(tvp), sizeof time);
        if (bad)
            return bad;
        x64i_user_read(kernel, X64I_USER(tvp), time, sizeof time);
        if (time[0] < 0 || time[1] < 0 || time[0] > INT32_MAX || time[1] > INT32_MAX)
            return -EINVAL;
        timeout = (uint64_t)time[0] * 1000 * MILLISECOND + (uint64_t)time[1] * 1000;
    }
    return do_select(kernel, n, sets, timeout);
}

SYSCALL_DEFINE6(pselect6, int, n, uint64_t __user *, inp, uint64_t __user *, outp,
                uint64_t __user *, exp, struct timespec __user *, tsp, void __user *, sig)
{
    const uint64_t sets[3] = {X64I_USER(inp), X64I_USER(outp), X64I_USER(exp)};
    uint64_t mask[2] = {0};
    uint64_t timeout = FOREVER;
    int64_t bad = tsp ? x64i_timespec_get(kernel, X64I_USER(tsp), &timeout) : 0;
    if (!bad && sig)
        bad = x64i_user_readable(kernel, X64I_USER(sig), sizeof mask);
    if (bad)
        return bad;
    if (sig)
        x64i_user_read(kernel, X64I_USER(sig), mask, sizeof mask);
    bad = set_mask(kernel, mask[0], mask[1]);
    return bad ? bad : restore_mask(kernel, do_select(kernel, n, sets, timeout));
}

static int64_t make_epoll(struct x64i_kernel *kernel, unsigned flags)
{
    uint32_t index;
    struct x64i_open_file *file = x64i_file_make(kernel, &index);
    if (!file)
        return -ENFILE;
    file->kind = X64I_FILE_EPOLL;
    return x64i_descriptor_make(kernel, index, 0, flags & O_CLOEXEC_);
}

SYSCALL_DEFINE1(epoll_create, int, size)
{
    return size <= 0 ? -EINVAL : make_epoll(kernel, 0);
}

SYSCALL_DEFINE1(epoll_create1, int, flags)
{
    return make_epoll(kernel, (unsigned)flags);
}

static struct x64i_watched *find_watched(struct x64i_open_file *file, uint32_t fd)
{
    for (unsigned i = 0; i < X64I_EPOLL_WATCHED; i++)
        if (file->watched[i].fd == fd)
            return &file->watched[i];
    return NULL;
}

SYSCALL_DEFINE4(epoll_ctl, int, epfd, int, op, int, fd, struct epoll_event __user *, event)
{
    uint8_t bytes[12] = {0};
    struct x64i_open_file *file = x64i_file_of(kernel, (unsigned)epfd);
    if (!file || !x64i_file_of(kernel, (unsigned)fd))
        return -EBADF;
    if (file->kind != X64I_FILE_EPOLL || epfd == fd)
        return -EINVAL;
    int64_t bad = op == EPOLL_DEL ? 0 : x64i_user_readable(kernel, X64I_USER(event), sizeof bytes);
    if (bad)
        return bad;
    if (op != EPOLL_DEL)
        x64i_user_read(kernel, X64I_USER(event), bytes, sizeof bytes);
    struct x64i_watched *watched = find_watched(file, (uint32_t)fd + 1);
    if (op == EPOLL_ADD && watched)
        return -EEXIST;
    if (op != EPOLL_ADD && !watched)
        return -ENOENT;
    if (op == EPOLL_ADD)
        watched = find_watched(file, 0);
    if (!watched)
        return -ENOSPC;
    *watched = (struct x64i_watched){.fd = op == EPOLL_DEL ? 0 : (uint32_t)fd + 1};
    memcpy(&watched->events, bytes, sizeof watched->events);
    memcpy(&watched->data, bytes + 4, sizeof watched->data);
    x64i_task_event(kernel);
    return 0;
}

/* What one watched file has to report, after what edges and one shots have reported before. */
static unsigned epoll_events(struct x64i_kernel *kernel, struct x64i_watched *watched)
{
    struct x64i_open_file *other = watched->fd ? x64i_file_of(kernel, watched->fd - 1) : NULL;
    if (!other || (watched->reported && (watched->events & EPOLLONESHOT_)))
        return 0;
    unsigned ready = x64i_file_ready(kernel, other) & (watched->events | POLLERR_ | POLLHUP_);
    unsigned fresh = watched->events & EPOLLET_ ? ready & ~watched->reported : ready;
    watched->reported = watched->events & EPOLLONESHOT_ ? fresh : ready;
    return fresh;
}

static int64_t do_epoll_wait(struct x64i_kernel *kernel, int epfd, uint64_t events, int maximum,
                             uint64_t timeout)
{
    struct x64i_open_file *file = x64i_file_of(kernel, (unsigned)epfd);
    int64_t count = 0;
    if (!file)
        return -EBADF;
    if (file->kind != X64I_FILE_EPOLL || maximum <= 0)
        return -EINVAL;
    if ((unsigned)maximum > X64I_EPOLL_WATCHED)
        maximum = X64I_EPOLL_WATCHED;
    int64_t bad = x64i_user_writable(kernel, events, 12 * (uint64_t)maximum);
    if (bad)
        return bad;
    for (unsigned i = 0; i < X64I_EPOLL_WATCHED && count < maximum; i++) {
        struct x64i_watched *watched = &file->watched[i];
        uint32_t ready = epoll_events(kernel, watched);
        if (!ready)
            continue;
        x64i_user_write(kernel, events + 12 * (uint64_t)count, &ready, sizeof ready);
        x64i_user_write(kernel, events + 12 * (uint64_t)count + 4, &watched->data,
                        sizeof watched->data);
        count++;
    }
    return count ? count : wait_more(kernel, timeout);
}

SYSCALL_DEFINE4(epoll_wait, int, epfd, struct epoll_event __user *, events, int, maxevents, int,
                timeout)
{
    return do_epoll_wait(kernel, epfd, X64I_USER(events), maxevents,
                         timeout < 0 ? FOREVER : (uint64_t)timeout * MILLISECOND);
}

SYSCALL_DEFINE6(epoll_pwait, int, epfd, struct epoll_event __user *, events, int, maxevents, int,
                timeout, const uint64_t __user *, sigmask, size_t, sigsetsize)
{
    int64_t bad = set_mask(kernel, X64I_USER(sigmask), sigsetsize);
    if (bad)
        return bad;
    return restore_mask(kernel,
                        do_epoll_wait(kernel, epfd, X64I_USER(events), maxevents,
                                      timeout < 0 ? FOREVER : (uint64_t)timeout * MILLISECOND));
}
