/* SPDX-License-Identifier: MIT */
/*
 * Tasks (threads), processes (what threads share), and who runs. A task and a process each take a
 * page of the regions "kernel.tasks", "kernel.processes" and "kernel.signals"; what all share is
 * the region "kernel.schedule". Registers of tasks that do not run lie in guest memory, behind
 * their struct task_struct, and their way through the kernel on their own kernel stack.
 */
#ifndef X64I_KERNEL_MODEL_TASK_H
#define X64I_KERNEL_MODEL_TASK_H

#include "kernel_model/abi.h"
#include "kernel_model/layout.h"

#include <stdbool.h>
#include <stdint.h>

#define X64I_TASKS_MAX       256u
#define X64I_DESCRIPTORS_MAX 256u
#define X64I_SIGNALS         64
#define X64I_PATH_SIZE       1024
#define X64I_FIRST_PID       1u
#define X64I_RLIMITS         16u

#define X64I_CLOSE_ON_EXEC 0x80000000u

enum x64i_task_state {
    X64I_TASK_FREE,
    X64I_TASK_RUNNABLE,
    X64I_TASK_WAITING, /* its system call looks again when something has happened */
    X64I_TASK_STOPPED,
    X64I_TASK_DEAD /* its kernel stack is still in use */
};

/* What the last system call was: for traces. */
struct x64i_call_record {
    uint64_t step; /* n of the step that answered it, plus 1; 0: none yet */
    uint64_t number;
    uint64_t arguments[6];
    int64_t result;
    uint32_t table; /* 64 or 32 */
    uint32_t ended; /* the call does not return */
    uint32_t tid;
    uint32_t reserved;
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

/* What a handler with SA_SIGINFO is told. */
struct x64i_signal_info {
    int32_t code;
    uint32_t pid;
    uint64_t value; /* address, status or sigval */
};

/* Which word a futex call means, whoever names it (union futex_key): fork and copy on write move a
 * word to another frame while tasks wait for it, so its place in its address space has to do. */
struct x64i_futex_key {
    uint64_t address; /* linear, in a shared area physical; with a kind in its low bits. 0: none */
    uint64_t space;   /* the address space's index + 1; of a shared area 0 */
};

struct x64i_futex_wait {
    struct x64i_futex_key key; /* none: not waiting */
    uint32_t bitset;
    uint32_t woken;
};

struct x64i_task {
    uint32_t state; /* enum x64i_task_state */
    uint32_t tid;
    uint32_t process; /* index */
    uint32_t compat;  /* a 32-bit program */
    uint32_t forked;  /* goes straight to user mode */
    uint32_t tls_selector;
    uint64_t task_struct; /* linear */
    struct x64i_range stack;
    uint64_t events; /* the schedule's count when it began to wait */
    uint64_t clear_child_tid;
    uint64_t robust_list;
    uint64_t wake_clock; /* nanoseconds of guest time: the end of a sleep; 0: none */
    uint64_t progress;   /* of the system call that waits */
    uint64_t result;     /* for X64I_KEEP_RESULT */
    uint64_t blocked_signals;
    uint64_t saved_signals; /* to be blocked again after the handler */
    uint64_t pending_signals;
    uint32_t restore_signals; /* saved_signals counts */
    uint32_t vfork_parent;    /* task index + 1 that waits for us, or 0 */
    uint64_t alternate_stack;
    uint64_t alternate_size;
    uint32_t alternate_flags;
    uint32_t fault_trap; /* vector of the last fault, for signal frames */
    uint64_t fault_error;
    uint64_t fault_address;
    struct x64i_futex_wait futex;
    struct x64i_fault_in fault_in;
    uint64_t start_steps;
    uint64_t rseq;
    uint32_t console; /* its system call waits for input there */
    uint32_t opening; /* open file + 1: the end of a FIFO whose other end it waits for */
    char name[16];    /* comm */
    struct x64i_signal_info info[X64I_SIGNALS];
};

#define X64I_POSIX_TIMERS 8u

struct x64i_posix_timer {
    uint32_t used;
    uint32_t clock;
    uint32_t signal;            /* 0: none */
    uint32_t tid;               /* who gets it; 0: the process */
    uint64_t value;             /* sigval */
    uint64_t expires, interval; /* nanoseconds of guest time */
    uint32_t overrun;
    uint32_t reserved;
};

struct x64i_process {
    uint32_t used;
    uint32_t pid; /* thread group */
    uint32_t parent;
    uint32_t group;
    uint32_t session;
    uint32_t threads; /* that have not ended */
    uint32_t mm;      /* index */
    uint32_t zombie;
    uint32_t dying;  /* every thread is to end */
    uint32_t status; /* as wait4 tells it */
    uint32_t exit_signal;
    uint32_t umask;
    uint32_t report;  /* 1: stopped, 2: continued, and the parent has not been told */
    uint32_t program; /* it runs the program that the machine was given */
    uint64_t timer;   /* ITIMER_REAL: nanoseconds of guest time, 0: off */
    uint64_t timer_interval;
    uint32_t descriptor[X64I_DESCRIPTORS_MAX]; /* open file + 1 | X64I_CLOSE_ON_EXEC; 0: closed */
    char directory[X64I_PATH_SIZE];
    char path[X64I_PATH_SIZE]; /* of its program */
    struct x64i_abi_rlimit limit[X64I_RLIMITS];
    struct x64i_posix_timer posix_timer[X64I_POSIX_TIMERS];
    int32_t nice;
    uint32_t reserved;
};

struct x64i_signals {
    struct {
        uint64_t handler;
        uint64_t flags;
        uint64_t restorer;
        uint64_t mask;
    } action[X64I_SIGNALS];
    uint64_t pending;
    struct x64i_signal_info info[X64I_SIGNALS];
};

_Static_assert(sizeof(struct x64i_task) <= 4096, "a task takes one page");
_Static_assert(sizeof(struct x64i_process) <= 4096, "a process takes one page");
_Static_assert(sizeof(struct x64i_signals) <= 4096, "a process's signals take one page");

/* Region "kernel.schedule". */
struct x64i_schedule {
    uint32_t task; /* index of the one that runs */
    uint32_t mm;   /* index of the one that kernel.mm holds */
    uint32_t next_pid;
    uint32_t task_count;
    uint32_t task_limit;
    uint32_t terminals;    /* bit i: stream i is a terminal */
    uint64_t events;       /* counts what may end a wait */
    uint64_t boot_time;    /* nanoseconds since 1970 when the guest clock stood at 0 */
    uint64_t next_timer;   /* nanoseconds: the first of all processes' timers; 0: none */
    uint64_t output_limit; /* bytes; 0: none */
    uint64_t output;
    uint64_t program_digest;
    uint64_t program_base;  /* what was added to the addresses in the program's file */
    uint32_t tick;          /* the timer asked for a switch */
    uint32_t warned;        /* that --tasks was reached */
    uint32_t console_ready; /* a read of the console answers at once */
    uint32_t timer_files;   /* there may be a timerfd */
    uint32_t shared_files;  /* a file was mapped shared, to be written to */
    uint32_t console_waits; /* a task may be waiting for that */
    uint32_t record_locks;  /* there may be some (record_lock.h) */
    uint32_t reserved;
    uint64_t console_quiet; /* nanoseconds of guest time before which the outside is not asked */
    uint16_t mm_users[X64I_TASKS_MAX];
    struct x64i_call_record call;
};

struct x64i_kernel;

/* tasks.c: a task, process or its signals by index; indices from outside are bounded here. Valid
 * until the native function returns. */
struct x64i_task *x64i_task_at(struct x64i_kernel *kernel, uint32_t index);
struct x64i_process *x64i_process_at(struct x64i_kernel *kernel, uint32_t index);
struct x64i_signals *x64i_signals_at(struct x64i_kernel *kernel, uint32_t index);

/* Points kernel->task, ->process and ->signals to those of the task that runs. */
void x64i_tasks_refresh(struct x64i_kernel *kernel);

/* The task of that tid, the process of that pid, or null. */
struct x64i_task *x64i_task_find(struct x64i_kernel *kernel, uint32_t tid, uint32_t *index);
struct x64i_process *x64i_process_find(struct x64i_kernel *kernel, uint32_t pid, uint32_t *index);

/* A free task with a kernel stack, or a free process; false when there is none. */
bool x64i_task_make(struct x64i_kernel *kernel, uint32_t *index);
bool x64i_process_make(struct x64i_kernel *kernel, uint32_t *index);
uint32_t x64i_pid_make(struct x64i_kernel *kernel);

/* Something happened that may end a wait. */
void x64i_task_event(struct x64i_kernel *kernel);

/* Has a task come by `schedule` before it goes to user mode. */
void x64i_task_nudge(struct x64i_kernel *kernel, struct x64i_task *task);

/* Makes the first task: files, names. */
void x64i_task_init(struct x64i_kernel *kernel, const char *path);

/* Makes the best of what a file claims. */
void x64i_tasks_repair(struct x64i_kernel *kernel);

/* task_exit.c: ends the guest or, when it is not the first, the process: by a signal, with one line
 * that says why. */
__attribute__((format(printf, 3, 4))) void x64i_task_kill(struct x64i_kernel *kernel, int signal,
                                                          const char *format, ...);

/* Ends the process that runs: `status` as wait4 tells it. X64I_NO_RESULT, or what usercopy.h says
 * when memory is missing. The second ends the task alone. */
int64_t x64i_process_exit(struct x64i_kernel *kernel, uint32_t status);
int64_t x64i_task_exit(struct x64i_kernel *kernel, uint32_t status);

/* Ends the process's other threads where they stand, for execve: what they waited for is the
 * memory's, which goes as well. The caller is the process's leader from now on. */
void x64i_task_end_others(struct x64i_kernel *kernel);

/* Frees what a process that nobody waits for any more had kept. */
void x64i_process_reap(struct x64i_kernel *kernel, uint32_t index);

/* What a name is for a signal: "SIGSEGV", "signal 40". */
const char *x64i_signal_name(int signal, char text[16]);

#endif
