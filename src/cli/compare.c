/* SPDX-License-Identifier: MIT */
/* trace --compare: the same program on two kernels, and what each phase of its calls spends. */
#include "cli/cli.h"

#include "trace/compare.h"

#include <stdlib.h>
#include <string.h>

/* Steps between two looks at whether the user wants it to end. */
#define STRIDE 4096u

static enum x64_status make_steps(struct cli_guest *guest, uint64_t limit, struct x64i_trips *trips,
                                  struct x64_stop *stop)
{
    struct x64_step step;
    enum x64_status status = X64_OK;
    *stop = (struct x64_stop){.reason = X64_STOP_BUDGET};
    for (uint64_t left = limit; left > 0 && status == X64_OK && stop->reason == X64_STOP_BUDGET;
         left--) {
        status = x64_step_observed(guest->machine, &step, stop);
        if (status == X64_OK)
            status = x64i_trips_step(trips, &step);
        else if (status == X64_ERROR_STATE && stop->reason != X64_STOP_BUDGET)
            status = X64_OK;
        if (left % STRIDE == 0 && cli_interrupted() && stop->reason == X64_STOP_BUDGET)
            stop->reason = X64_STOP_REQUEST;
    }
    return status;
}

static int run_side(const struct cli_options *options, struct x64i_trips **trips)
{
    struct cli_guest guest = {.prefixed = true};
    struct x64_stop stop;
    int status = cli_guest_open(&guest, options);
    if (status != CLI_DONE)
        return status;
    enum x64_status made = x64i_trips_create(guest.machine, options->syscall, trips);
    if (made == X64_OK) {
        cli_catch_interrupts(guest.machine);
        made = make_steps(&guest, options->limit, *trips, &stop);
    }
    if (made == X64_OK)
        made = x64i_trips_finish(*trips);
    status = made == X64_OK
                 ? cli_guest_verdict(&guest, options, &stop)
                 : cli_fail(CLI_USAGE, "the run ended early: %s", x64_status_string(made));
    return cli_guest_close(&guest, status);
}

/* Whether either side made the call that was asked for. */
static bool found(struct x64i_trips *const trips[2], const char *name)
{
    for (unsigned i = 0; i < 2; i++)
        for (size_t j = 0; j < trips[i]->count; j++)
            if (strcmp(trips[i]->trip[j].name, name) == 0)
                return true;
    return false;
}

static int write_comparison(const struct cli_side sides[2], struct x64i_trips *const trips[2],
                            const struct cli_options *options,
                            bool (*write)(void *user, const char *bytes, size_t size), void *user,
                            bool colour)
{
    struct x64i_buffer buffer = {0};
    struct x64i_compare compare = {.cpu = options->cpu ? options->cpu : "golden_cove",
                                   .syscall = options->syscall,
                                   .colour = colour};
    for (unsigned i = 0; i < 2; i++)
        compare.side[i] = (struct x64i_compare_side){cli_kernel_name(&sides[i].options),
                                                     sides[i].options.mitigations, trips[i]};
    if (options->format == X64_TRACE_JSONL)
        x64i_compare_jsonl(&buffer, &compare);
    else
        x64i_compare_text(&buffer, &compare);
    int status = CLI_DONE;
    if (buffer.failed)
        status = cli_fail(CLI_USAGE, "--compare: out of memory");
    else if (!write(user, buffer.bytes, buffer.size))
        status = CLI_USAGE;
    x64i_buffer_free(&buffer);
    return status;
}

int cli_compare(const struct cli_options *options,
                bool (*write)(void *user, const char *bytes, size_t size), void *user, bool colour)
{
    struct x64i_trips *trips[2] = {NULL, NULL};
    struct cli_side *sides = calloc(2, sizeof *sides);
    int fault = CLI_DONE;
    if (!sides)
        return cli_fail(CLI_USAGE, "--compare: out of memory");
    bool lines = options->format == X64_TRACE_TEXT || options->format == X64_TRACE_JSONL;
    int status = !lines
                     ? cli_fail(CLI_USAGE, "--compare has text and jsonl alone: use one of these")
                     : cli_compare_read(sides, options);
    for (unsigned i = 0; i < 2 && status == CLI_DONE; i++) {
        status = run_side(&sides[i].options, &trips[i]);
        if (status == CLI_GUEST_FAULT) { /* what there is up to there is worth seeing */
            fault = status;
            status = CLI_DONE;
        }
    }
    if (status == CLI_DONE && options->syscall && !found(trips, options->syscall))
        status =
            cli_fail(CLI_USAGE, "--syscall %s: the program makes no such call", options->syscall);
    if (status == CLI_DONE)
        status = write_comparison(sides, trips, options, write, user, colour);
    for (unsigned i = 0; i < 2; i++)
        x64i_trips_destroy(trips[i]);
    free(sides);
    return status == CLI_DONE ? fault : status;
}
