/* SPDX-License-Identifier: MIT */
/*
 * The task that runs, and the system call it makes: region "kernel.task".
 */
#ifndef X64I_KERNEL_MODEL_TASK_H
#define X64I_KERNEL_MODEL_TASK_H

#include <stdint.h>

#define X64I_FILES_MAX 32
#define X64I_SIGNALS   64
#define X64I_PATH_SIZE 256
#define X64I_FIRST_PID 1

enum x64i_file_kind { X64I_FILE_NONE, X64I_FILE_CONSOLE, X64I_FILE_PROGRAM };

struct x64i_file {
    uint32_t kind;
    uint32_t stream; /* of the console: 0, 1, 2 */
    uint64_t position;
    uint64_t flags; /* O_* */
};

/* What the task's last system call was: for traces. */
struct x64i_call_record {
    uint64_t step; /* n of the step that answered it, plus 1; 0: none yet */
    uint64_t number;
    uint64_t arguments[6];
    int64_t result;
    uint32_t table; /* 64 or 32 */
    uint32_t ended; /* the call does not return */
};

/* User memory that the guest was sent to touch, so that a C function can go on. */
struct x64i_fault_in {
    uint64_t linear;
    uint32_t write;
    uint32_t active; /* the probe runs, or has just returned */
    uint32_t failed; /* the exception table had to help */
    uint32_t reserved;
    uint64_t frame_end; /* where the CPU begins to push when the probe faults */
};

struct x64i_task {
    uint64_t pid;
    uint64_t clear_child_tid;
    uint64_t robust_list;
    uint64_t wake_clock; /* nanoseconds of guest time: the end of a sleep; 0 when not asleep */
    uint64_t program_digest;
    uint64_t boot_time; /* nanoseconds since 1970 when the guest clock stood at 0 */
    uint64_t blocked_signals;
    struct x64i_file file[X64I_FILES_MAX];
    struct {
        uint64_t handler;
        uint64_t flags;
        uint64_t restorer;
        uint64_t mask;
    } action[X64I_SIGNALS];
    struct x64i_call_record call;
    struct x64i_fault_in fault_in;
    uint32_t compat; /* a 32-bit program */
    uint32_t tls_selector;
    char path[X64I_PATH_SIZE]; /* of the program, as it was named */
    char name[16];             /* comm */
};

struct x64i_kernel;

/* task.c: ends the guest: exit status, or by a signal with one line that says why. */
void x64i_task_exit(struct x64i_kernel *kernel, int status);
__attribute__((format(printf, 3, 4))) void x64i_task_kill(struct x64i_kernel *kernel, int signal,
                                                          const char *format, ...);

/* Makes the best of what a file claims to be a task: names end, files have a known kind and a
 * position that a file can have. */
void x64i_task_repair(struct x64i_task *task);

/* Fills a new task's files and names. */
void x64i_task_init(struct x64i_kernel *kernel, const char *path);

#endif
