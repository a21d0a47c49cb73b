/* SPDX-License-Identifier: MIT */
/*
 * Open files: a page each of the region "kernel.files", counted by the descriptors and mappings
 * that refer to them; and the descriptors of a process.
 */
#ifndef X64I_KERNEL_MODEL_OPEN_FILE_H
#define X64I_KERNEL_MODEL_OPEN_FILE_H

#include "kernel_model/kernel.h"

#define X64I_OPEN_FILES_MAX 1024u

enum x64i_file_kind {
    X64I_FILE_NONE,
    X64I_FILE_CONSOLE,
    X64I_FILE_PROGRAM, /* the machine's own: blob "kernel.program" */
    X64I_FILE_HOST,
    X64I_FILE_OVERLAY,
    X64I_FILE_DIRECTORY,
    X64I_FILE_PIPE,
    X64I_FILE_EVENT,
    X64I_FILE_EPOLL,
    X64I_FILE_DEVICE,
    X64I_FILE_TEXT,   /* of /proc */
    X64I_FILE_SOCKET, /* connected: reads pipe `object`, writes pipe `value` */
    X64I_FILE_TIMER,  /* timerfd: expires at `position`, every `size` nanoseconds, clock `object` */
    X64I_FILE_KINDS
};

enum x64i_device { X64I_DEVICE_NULL, X64I_DEVICE_ZERO, X64I_DEVICE_FULL, X64I_DEVICE_RANDOM };

#define X64I_EPOLL_WATCHED 64u

struct x64i_watched {
    uint32_t fd; /* + 1; 0: free */
    uint32_t events;
    uint64_t data;
    uint32_t reported; /* EPOLLONESHOT, EPOLLET */
    uint32_t reserved;
};

#define X64I_SOCKET_BACKLOG 32u
#define X64I_ADDRESS_BYTES  112u /* more than struct sockaddr_un */

/* A struct sockaddr as the user gave it. */
struct x64i_address {
    uint32_t size; /* 0: none */
    uint8_t bytes[X64I_ADDRESS_BYTES];
};

enum x64i_socket_state { X64I_SOCKET_IDLE, X64I_SOCKET_LISTENS, X64I_SOCKET_CONNECTED };

struct x64i_socket {
    uint32_t state; /* enum x64i_socket_state */
    uint32_t type;  /* SOCK_* */
    uint32_t node;  /* overlay entry that it is bound to, + 1; 0: none */
    uint32_t owner; /* process, for SO_PEERCRED */
    uint32_t peer_owner;
    uint32_t backlog;
    uint32_t waiting;                      /* for accept: */
    uint32_t pending[X64I_SOCKET_BACKLOG]; /* open files + 1, a reference each */
    struct x64i_address name, peer;
};

#define X64I_RECORD_LOCKS 64u

enum x64i_record_kind { X64I_RECORD_NONE, X64I_RECORD_SHARED, X64I_RECORD_EXCLUSIVE };

/* On bytes `first` to `last` of a file (record_lock.h). */
struct x64i_record_lock {
    uint64_t first, last;
    uint32_t owner; /* pid, or 0: the open file */
    uint32_t kind;  /* enum x64i_record_kind */
};

struct x64i_open_file {
    uint32_t kind; /* enum x64i_file_kind */
    uint32_t references;
    uint32_t flags;  /* O_* */
    uint32_t object; /* stream, device, pipe, overlay entry, process of a text */
    uint64_t position;
    uint64_t value;  /* of an eventfd; which text */
    uint64_t size;   /* of the program */
    uint32_t writer; /* enum x64i_pipe_end; of a socket what was shut: X64I_SHUT_ bits */
    uint32_t lock;   /* flock: LOCK_SH or LOCK_EX */
    char path[X64I_PATH_SIZE];
    union {
        struct x64i_watched watched[X64I_EPOLL_WATCHED];
        struct x64i_socket socket;
        struct x64i_record_lock record[X64I_RECORD_LOCKS]; /* of all other kinds */
    };
};
_Static_assert(sizeof(struct x64i_open_file) <= 4096, "an open file takes one page");

/* By index; and by descriptor of the running task, or null. Valid until the native returns. */
struct x64i_open_file *x64i_file_at(struct x64i_kernel *kernel, uint32_t index);
struct x64i_open_file *x64i_file_of(struct x64i_kernel *kernel, unsigned fd);

/* Index + 1 of the open file behind a descriptor, or 0. */
uint32_t x64i_file_number(struct x64i_kernel *kernel, unsigned fd);

/* Whether two open files are of the same file. */
bool x64i_file_is_same(const struct x64i_open_file *a, const struct x64i_open_file *b);

/* A new one without a reference, or null. */
struct x64i_open_file *x64i_file_make(struct x64i_kernel *kernel, uint32_t *index);

/* One reference more or less, by index + 1; 0 is nobody. The last one closes. */
void x64i_file_hold(struct x64i_kernel *kernel, uint32_t number);
void x64i_file_drop(struct x64i_kernel *kernel, uint32_t number);

/* The lowest free descriptor from `from` on for an open file, with a reference of its own; or
 * -EMFILE, and a file that nobody refers to is gone. */
int64_t x64i_descriptor_make(struct x64i_kernel *kernel, uint32_t index, unsigned from,
                             bool close_on_exec);

/* Closes a descriptor of the running process, if it is open. */
void x64i_descriptor_close(struct x64i_kernel *kernel, unsigned fd);

void x64i_open_console(struct x64i_kernel *kernel, uint32_t stream);
void x64i_files_close_all(struct x64i_kernel *kernel);
void x64i_files_close_on_exec(struct x64i_kernel *kernel);
/* After a process was copied. */
void x64i_files_inherit(struct x64i_kernel *kernel, struct x64i_process *process);

/* file_io.c. Bytes of a file at a position, without the user's memory: for mappings and execve.
 * Answers how many there were, or a negative errno. */
int64_t x64i_file_pread(struct x64i_kernel *kernel, uint32_t index, uint64_t position, void *buffer,
                        size_t size);
int64_t x64i_file_pwrite(struct x64i_kernel *kernel, uint32_t index, uint64_t position,
                         const void *bytes, size_t size);
uint64_t x64i_file_size(struct x64i_kernel *kernel, uint32_t index);

/* pipe.c: pipes are a page of state and 64 KiB each of the region "kernel.pipes". */
#define X64I_PIPES_MAX  128u
#define X64I_PIPE_BYTES 65536u
#define X64I_PIPE_PAGES (1u + X64I_PIPE_BYTES / X64I_PAGE_SIZE)

enum x64i_pipe_end { X64I_PIPE_READER, X64I_PIPE_WRITER, X64I_PIPE_BOTH };

#define X64I_RIGHTS_MAX 64u

/* An open file on its way through a socket, with the bytes from `start` to `end` of all that ever
 * went in; it has a reference. */
struct x64i_right {
    uint64_t start, end;
    uint32_t file; /* + 1 */
    uint32_t reserved;
};

struct x64i_pipe {
    uint32_t used;
    uint32_t readers, writers;
    uint32_t node;                           /* of a FIFO: overlay entry + 1 */
    uint64_t head, length;                   /* in the ring */
    uint64_t taken;                          /* bytes that ever came out */
    uint32_t opened_readers, opened_writers; /* ends that a FIFO ever had */
    uint32_t rights;
    uint32_t reserved;
    struct x64i_right right[X64I_RIGHTS_MAX]; /* by `start` */
};
_Static_assert(sizeof(struct x64i_pipe) <= 4096, "a pipe's state takes one page");

struct x64i_pipe *x64i_pipe_at(struct x64i_kernel *kernel, uint32_t index);
bool x64i_pipe_make(struct x64i_kernel *kernel, uint32_t *index);
void x64i_pipe_close(struct x64i_kernel *kernel, uint32_t index, bool writer);
size_t x64i_pipe_take(struct x64i_kernel *kernel, uint32_t index, void *buffer, size_t size);
size_t x64i_pipe_put(struct x64i_kernel *kernel, uint32_t index, const void *bytes, size_t size);
/* Copies bytes from `offset` on and leaves them there. */
size_t x64i_pipe_peek(struct x64i_kernel *kernel, uint32_t index, uint64_t offset, void *buffer,
                      size_t size);
void x64i_pipe_skip(struct x64i_kernel *kernel, uint32_t index, size_t size);

/* timers.c: how often a timerfd has expired since it was read; reads it. */
uint64_t x64i_timer_expirations(const struct x64i_kernel *kernel,
                                const struct x64i_open_file *file);
uint64_t x64i_timer_take(struct x64i_kernel *kernel, struct x64i_open_file *file);

/* sys_poll.c: POLLIN, POLLOUT, POLLERR, POLLHUP that hold now. */
unsigned x64i_file_ready(struct x64i_kernel *kernel, struct x64i_open_file *file);

#endif
