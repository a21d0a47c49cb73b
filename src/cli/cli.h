/* SPDX-License-Identifier: MIT */
/*
 * The program `x64emu`: one file per subcommand, a row of `commands` in main.c for each. What they
 * share is here: exit statuses, errors in one line, options, the guest, and output files.
 */
#ifndef X64I_CLI_CLI_H
#define X64I_CLI_CLI_H

#include "trace/recording.h"

#include "x64emu/trace.h"

#include <stdio.h>

/* `run` answers with the guest's own status, or RUN_ERROR. */
enum cli_status {
    CLI_DONE = 0,
    CLI_GUEST_FAULT = 1,
    CLI_USAGE = 2, /* also an output that cannot be written */
    CLI_INPUT = 3, /* an input file was refused */
    CLI_RUN_ERROR = 125
};

struct cli_command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

int cli_trace(int argc, char **argv);
int cli_record(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_eras(int argc, char **argv);
int cli_cycles(int argc, char **argv);
int cli_view(int argc, char **argv);

/* One line on stderr: "x64emu: ...". Answers `status`. */
__attribute__((format(printf, 2, 3))) int cli_fail(int status, const char *format, ...);

#define CLI_ENVIRONMENT_MAX 256
#define CLI_BINDS_MAX       24
#define CLI_TASKS_MAX       256

struct cli_options {
    struct x64_kernel_config kernel; /* its mitigations parsed, its program and argv filled in */
    const char *mitigations;         /* as they were written */
    const char *recorded_kernel;     /* of a recording that is replayed, else null */
    bool for_new_run;                /* something was given that a recording has already */
    const char *cpu;
    uint64_t memory; /* bytes */
    uint64_t limit;  /* steps */
    const char *output;
    const char *guest_output;
    enum x64_trace_format format;
    bool bytes;
    bool waits;
    bool entry_only;
    bool strace;
    bool summary; /* of the system calls, at the end */
    int colour;   /* -1 never, 0 when it is a terminal, 1 always */
    const char *syscall;
    /* view */
    const char *script, *keys, *font, *size, *scale;
    bool headless, dark, still, frame_times;
    const char *compare[2]; /* what is compared, with mitigations behind a colon; null: nothing */
    const char *environment[CLI_ENVIRONMENT_MAX + 1];
    size_t environment_count;
    const char *binds[CLI_BINDS_MAX + 1];
    size_t bind_count;
};

/* Reads a command line; answers CLI_DONE, or CLI_USAGE after saying why. `allowed` lists the
 * letters of the options that the command takes (options.c). */
int cli_options_read(struct cli_options *options, const char *allowed, int argc, char **argv);

/* Says what is wrong with the kernel that was chosen; answers a cli_status. */
int cli_check_kernel(const struct cli_options *options);

/* The built-in era of a name, or null. */
const struct x64_era *cli_find_era(const char *name);

/* One of what is compared: its options, and what its name was taken apart into. */
#define CLI_SIDE_TEXT 512
struct cli_side {
    struct cli_options options;
    char kernel[CLI_SIDE_TEXT];
    char mitigations[CLI_SIDE_TEXT];
};

/* Reads both sides of --compare; answers a cli_status after saying what is wrong. They must stay
 * where they are: options point into them. */
int cli_compare_read(struct cli_side sides[2], const struct cli_options *options);

/* compare.c: trace --compare. Hands the text to `write`, as a trace does. */
int cli_compare(const struct cli_options *options,
                bool (*write)(void *user, const char *bytes, size_t size), void *user, bool colour);

/* view_compare.c: view --compare; the window's size, theme and so on are in `window`. */
struct x64i_window_options;
int cli_view_compare(const struct cli_options *options, struct x64i_window_options *window);

/* guest.c: the guest's machine and what becomes of its output. */
struct cli_guest {
    struct x64_machine *machine;
    FILE *output;    /* of the guest; null: stdout and stderr, as they are or prefixed */
    bool prefixed;   /* "guest: " before every line, all of it on stderr */
    bool in_line;    /* a line has begun */
    bool console;    /* what it reads comes from our stdin; else there is nothing to read */
    bool live;       /* random numbers and time are the host's; else the same in every run */
    bool looks_back; /* it will be gone back through: with snapshots */
    bool output_failed;
};

/* Makes the machine and loads kernel and program. Answers a cli_status after saying what is wrong;
 * then there is nothing to close. */
int cli_guest_open(struct cli_guest *guest, const struct cli_options *options);

/* The same from a recording; fills in `options` with what it says of the run. */
int cli_guest_replay(struct cli_guest *guest, struct cli_options *options,
                     struct x64i_recording *recording);

/* Keeps the guest's present as the beginning of a recording (record.c). */
int cli_recording_begin(struct x64i_recording *recording, const struct cli_guest *guest,
                        const struct cli_options *options);

/* Whichever of the two the program's name stands for (trace.c). */
int cli_guest_open_any(struct cli_guest *guest, struct cli_options *options,
                       struct x64i_recording *recording);

/* Ends a begun line and frees the machine; answers `status`, or CLI_USAGE when guest output was
 * lost. */
int cli_guest_close(struct cli_guest *guest, int status);

/* Says in one line why the run ended unless the program just exited; answers a cli_status. */
int cli_guest_verdict(const struct cli_guest *guest, const struct cli_options *options,
                      const struct x64_stop *stop);

/* True once SIGINT or SIGTERM came; cli_catch_interrupts makes them end the run in order. */
void cli_catch_interrupts(struct x64_machine *machine);
void cli_release_interrupts(void); /* they are as they were again */
bool cli_interrupted(void);

/* "4.16", "vmlinuz-6.1": what runs, for a header. */
const char *cli_kernel_name(const struct cli_options *options);
/* The last two parts of the name where it is a path: "6.1-cloud/vmlinuz". */
const char *cli_kernel_short_name(const struct cli_options *options);
bool cli_kernel_is_built_in(const struct cli_options *options);

#endif
