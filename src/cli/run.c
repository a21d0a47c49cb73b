/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* environ */
#include "cli/cli.h"

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

static void print_syscall(struct cli_guest *guest, const struct x64_step *step)
{
    char text[512];
    if (step->kind == X64_STEP_NATIVE && x64_syscall_text(guest->machine, text, sizeof text))
        (void)fprintf(stderr, "%s\n", text);
}

/* As x64_run, with the system calls on stderr. */
static enum x64_status run_with_syscalls(struct cli_guest *guest, uint64_t limit,
                                         struct x64_stop *stop)
{
    struct x64_step step;
    enum x64_status status = X64_OK;
    *stop = (struct x64_stop){.reason = X64_STOP_BUDGET};
    while (limit-- > 0 && status == X64_OK && stop->reason == X64_STOP_BUDGET) {
        status = x64_step_observed(guest->machine, &step, stop);
        if (status == X64_OK)
            print_syscall(guest, &step);
        if (cli_interrupted() && stop->reason == X64_STOP_BUDGET)
            stop->reason = X64_STOP_REQUEST;
    }
    return status == X64_ERROR_STATE && stop->reason != X64_STOP_BUDGET ? X64_OK : status;
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
    enum x64_status result = options.strace ? run_with_syscalls(&guest, options.limit, &stop)
                                            : x64_run(guest.machine, options.limit, &stop);
    if (result == X64_OK)
        status = status_of(&guest, &options, &stop);
    else
        status = cli_fail(CLI_RUN_ERROR, "the run ended early: %s", x64_status_string(result));
    bool lost = cli_guest_close(&guest, CLI_DONE) != CLI_DONE;
    return lost ? CLI_RUN_ERROR : status;
}
