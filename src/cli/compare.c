/* SPDX-License-Identifier: MIT */
/* trace --compare: the same program on two kernels, and what each phase of its calls spends. */
#include "cli/cli.h"

#include "trace/compare.h"

#include <stdlib.h>
#include <string.h>

#define SIDE_TEXT 512

/* Steps between two looks at whether the user wants it to end. */
#define STRIDE 4096u

/* One run: its options, and what its option's text was taken apart into. */
struct side {
    struct cli_options options;
    char kernel[SIDE_TEXT];
    char mitigations[SIDE_TEXT];
    struct x64i_trips *trips;
};

/* "6.1:pti+pcid": the mitigations stand behind the last colon, joined by plus signs or commas. */
static int read_side(struct side *side, const struct cli_options *options, const char *text)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    struct x64_error_text error;
    side->options = *options;
    side->options.compare[0] = side->options.compare[1] = NULL;
    side->options.mitigations = options->mitigations ? options->mitigations : "none";
    if (length == 0 || strlen(text) >= SIDE_TEXT)
        return cli_fail(CLI_USAGE, "--compare %s: write an era or an image's path first", text);
    memcpy(side->kernel, text, length);
    side->kernel[length] = '\0';
    if (colon) {
        memcpy(side->mitigations, colon + 1, strlen(colon + 1) + 1);
        for (char *at = side->mitigations; *at; at++)
            *at = *at == '+' ? ',' : *at;
        side->options.mitigations = side->mitigations;
        if (x64_mitigations_parse(side->mitigations, &side->options.kernel.mitigations, &error) !=
            X64_OK)
            return cli_fail(CLI_USAGE, "--compare %s: %s", text, error.text);
    }
    bool path = strchr(side->kernel, '/') && !cli_find_era(side->kernel);
    side->options.kernel.entry = path ? NULL : side->kernel;
    side->options.kernel.kernel = path ? side->kernel : NULL;
    return cli_check_kernel(&side->options);
}

static enum x64_status make_steps(struct cli_guest *guest, struct side *side, struct x64_stop *stop)
{
    struct x64_step step;
    enum x64_status status = X64_OK;
    *stop = (struct x64_stop){.reason = X64_STOP_BUDGET};
    for (uint64_t left = side->options.limit;
         left > 0 && status == X64_OK && stop->reason == X64_STOP_BUDGET; left--) {
        status = x64_step_observed(guest->machine, &step, stop);
        if (status == X64_OK)
            status = x64i_trips_step(side->trips, &step);
        else if (status == X64_ERROR_STATE && stop->reason != X64_STOP_BUDGET)
            status = X64_OK;
        if (left % STRIDE == 0 && cli_interrupted() && stop->reason == X64_STOP_BUDGET)
            stop->reason = X64_STOP_REQUEST;
    }
    return status;
}

static int run_side(struct side *side)
{
    struct cli_guest guest = {.prefixed = true};
    struct x64_stop stop;
    int status = cli_guest_open(&guest, &side->options);
    if (status != CLI_DONE)
        return status;
    enum x64_status made = x64i_trips_create(guest.machine, side->options.syscall, &side->trips);
    if (made == X64_OK) {
        cli_catch_interrupts(guest.machine);
        made = make_steps(&guest, side, &stop);
    }
    if (made == X64_OK)
        made = x64i_trips_finish(side->trips);
    status = made == X64_OK
                 ? cli_guest_verdict(&guest, &side->options, &stop)
                 : cli_fail(CLI_USAGE, "the run ended early: %s", x64_status_string(made));
    return cli_guest_close(&guest, status);
}

/* Whether either side made the call that was asked for. */
static bool found(const struct side sides[2], const char *name)
{
    for (unsigned i = 0; i < 2; i++)
        for (size_t j = 0; j < sides[i].trips->count; j++)
            if (strcmp(sides[i].trips->trip[j].name, name) == 0)
                return true;
    return false;
}

static int write_comparison(const struct side sides[2], const struct cli_options *options,
                            bool (*write)(void *user, const char *bytes, size_t size), void *user,
                            bool colour)
{
    struct x64i_buffer buffer = {0};
    struct x64i_compare compare = {.cpu = options->cpu ? options->cpu : "golden_cove",
                                   .syscall = options->syscall,
                                   .colour = colour};
    for (unsigned i = 0; i < 2; i++)
        compare.side[i] = (struct x64i_compare_side){cli_kernel_name(&sides[i].options),
                                                     sides[i].options.mitigations, sides[i].trips};
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
    struct side *sides = calloc(2, sizeof *sides);
    int status = CLI_DONE;
    int fault = CLI_DONE;
    if (!sides)
        return cli_fail(CLI_USAGE, "--compare: out of memory");
    if (options->format == X64_TRACE_HTML)
        status = cli_fail(CLI_USAGE, "--compare has no --format html yet: use text or jsonl");
    else if (options->entry_only || options->bytes || options->kernel.entry ||
             options->kernel.kernel)
        status = cli_fail(CLI_USAGE, "--compare names both kernels and shows all of every call: it "
                                     "takes no --entry, --kernel, --only and --bytes");
    for (unsigned i = 0; i < 2 && status == CLI_DONE; i++)
        status = read_side(&sides[i], options, options->compare[i]);
    for (unsigned i = 0; i < 2 && status == CLI_DONE; i++) {
        status = run_side(&sides[i]);
        if (status == CLI_GUEST_FAULT) { /* what there is up to there is worth seeing */
            fault = status;
            status = CLI_DONE;
        }
    }
    if (status == CLI_DONE && options->syscall && !found(sides, options->syscall))
        status =
            cli_fail(CLI_USAGE, "--syscall %s: the program makes no such call", options->syscall);
    if (status == CLI_DONE)
        status = write_comparison(sides, options, write, user, colour);
    for (unsigned i = 0; i < 2; i++)
        x64i_trips_destroy(sides[i].trips);
    free(sides);
    return status == CLI_DONE ? fault : status;
}
