/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* environ */
#include "cli/cli.h"

#include "x64emu/hooks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS "ekcmMlEgsurbtQ"

/* The guest's own status, or 125 when it has none. */
static int status_of(const struct cli_guest *guest, const struct cli_options *options,
                     const struct x64_stop *stop)
{
    if (stop->reason == X64_STOP_EXIT)
        return stop->code;
    (void)cli_guest_verdict(guest, options, stop);
    return CLI_RUN_ERROR;
}

#define NAMES_MAX 400
#define NAME_SIZE 32

#define KERNEL_HALF UINT64_C(0xffff800000000000)

/* How often each system call was made, and how often in vain. */
struct call_count {
    char name[NAME_SIZE];
    unsigned long long calls;
    unsigned long long errors;
};

struct summary {
    struct call_count row[NAMES_MAX];
    size_t count;
};

/* By the call's text: "[pid 3] read(...) = -1 EBADF (9)". */
static void count_call(struct summary *summary, const char *text)
{
    char name[NAME_SIZE];
    size_t i = 0;
    const char *start = strncmp(text, "[pid ", 5) == 0 ? strchr(text, ']') + 2 : text;
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(start, "("), start);
    while (i < summary->count && strcmp(summary->row[i].name, name) != 0)
        i++;
    if (i == NAMES_MAX)
        return;
    if (i == summary->count) {
        memcpy(summary->row[i].name, name, sizeof name);
        summary->count++;
    }
    summary->row[i].calls++;
    summary->row[i].errors += strstr(start, ") = -1 ") != NULL;
}

static int compare_counts(const void *a, const void *b)
{
    const struct call_count *x = a;
    const struct call_count *y = b;
    if (x->calls != y->calls)
        return x->calls < y->calls ? 1 : -1;
    return strcmp(x->name, y->name);
}

static void print_summary(struct summary *summary)
{
    struct call_count total = {.name = "total"};
    qsort(summary->row, summary->count, sizeof summary->row[0], compare_counts);
    (void)fprintf(stderr, "%10s %9s  %s\n", "calls", "errors", "system call");
    for (size_t i = 0; i < summary->count; i++) {
        const struct call_count *row = &summary->row[i];
        (void)fprintf(stderr, "%10llu %9llu  %s\n", row->calls, row->errors, row->name);
        total.calls += row->calls;
        total.errors += row->errors;
    }
    (void)fprintf(stderr, "%10llu %9llu  %s\n", total.calls, total.errors, total.name);
}

/* What run_with_syscalls does with them: -s prints, -c counts. */
struct syscalls {
    bool print;
    bool count;
    struct summary summary;
};

static void note_step(struct x64_machine *machine, void *user, const struct x64_step *step)
{
    struct syscalls *syscalls = user;
    char text[1024];
    if (step->kind != X64_STEP_NATIVE || !x64_syscall_text(machine, text, sizeof text))
        return;
    if (syscalls->print)
        (void)fprintf(stderr, "%s\n", text);
    if (syscalls->count)
        count_call(&syscalls->summary, text);
}

/* As x64_run, with the system calls on stderr. They are answered in the kernel's half of the linear
 * addresses, so that the program itself runs as fast as without. */
static enum x64_status run_with_syscalls(struct cli_guest *guest, const struct cli_options *options,
                                         struct x64_stop *stop)
{
    static const struct x64_range kernel_half = {KERNEL_HALF, UINT64_MAX};
    struct syscalls syscalls = {.print = options->strace, .count = options->summary};
    enum x64_status status =
        x64_hook_add_instruction_after(guest->machine, &kernel_half, note_step, &syscalls, NULL);
    if (status == X64_OK)
        status = x64_run(guest->machine, options->limit, stop);
    if (options->summary)
        print_summary(&syscalls.summary);
    return status;
}

int cli_run(int argc, char **argv)
{
    struct cli_options options;
    struct cli_guest guest = {.console = true, .live = true};
    struct x64_stop stop;
    int status = cli_options_read(&options, OPTIONS, argc, argv);
    if (status != CLI_DONE)
        return CLI_RUN_ERROR;
    for (char **variable = environ; *variable; variable++)
        if (options.environment_count < CLI_ENVIRONMENT_MAX)
            options.environment[options.environment_count++] = *variable;
    for (int stream = 0; stream < 3; stream++)
        if (isatty(stream))
            options.kernel.terminals |= 1u << stream;
    if (cli_guest_open(&guest, &options) != CLI_DONE)
        return CLI_RUN_ERROR;
    cli_catch_interrupts(guest.machine);
    enum x64_status result = options.strace || options.summary
                                 ? run_with_syscalls(&guest, &options, &stop)
                                 : x64_run(guest.machine, options.limit, &stop);
    if (result == X64_OK)
        status = status_of(&guest, &options, &stop);
    else
        status = cli_fail(CLI_RUN_ERROR, "the run ended early: %s", x64_status_string(result));
    bool lost = cli_guest_close(&guest, CLI_DONE) != CLI_DONE;
    return lost ? CLI_RUN_ERROR : status;
}
