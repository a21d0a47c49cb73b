/* SPDX-License-Identifier: MIT */
/* Runs a program, or replays a recording, to its end, then opens the window on it. */
#include "cli/cli.h"

#include "view/window/window.h"

#include <stdlib.h>
#include <string.h>

#define OPTIONS       "ekcmMlEgSKFZTHiRp"
#define DEFAULT_STEPS 10000000u
#define MIN_SIZE      64
#define MAX_SIZE      8192

static int read_size(const char *text, int *width, int *height)
{
    char *cross;
    char *end = NULL;
    if (!text)
        return CLI_DONE;
    long across = strtol(text, &cross, 10);
    long down = *cross == 'x' ? strtol(cross + 1, &end, 10) : 0;
    if (across < MIN_SIZE || across > MAX_SIZE || down < MIN_SIZE || down > MAX_SIZE || !end ||
        *end)
        return cli_fail(CLI_USAGE, "--size %s: write it like 1600x1000, %d to %d", text, MIN_SIZE,
                        MAX_SIZE);
    *width = (int)across;
    *height = (int)down;
    return CLI_DONE;
}

static int status_of(enum x64_status status)
{
    return status == X64_ERROR_FORMAT ? CLI_INPUT : CLI_USAGE;
}

static int look(struct cli_guest *guest, const struct cli_options *options,
                const struct x64i_window_options *window)
{
    struct x64_error_text error = {{0}};
    struct x64_stop stop = {.reason = X64_STOP_BUDGET};
    bool open_end = options->limit == UINT64_MAX;
    uint64_t limit = open_end ? DEFAULT_STEPS : options->limit;
    cli_catch_interrupts(guest->machine);
    enum x64_status status = x64_run(guest->machine, limit, &stop);
    if (status != X64_OK)
        return cli_fail(CLI_USAGE, "the run ended early: %s", x64_status_string(status));
    if (open_end && stop.reason == X64_STOP_BUDGET)
        (void)cli_fail(CLI_DONE, "showing the first %u steps; --limit shows more", DEFAULT_STEPS);
    status = x64i_window_run(guest->machine, window, &error);
    return status == X64_OK ? CLI_DONE
                            : cli_fail(status_of(status), "%s",
                                       error.text[0] ? error.text : x64_status_string(status));
}

int cli_view(int argc, char **argv)
{
    char title[256];
    struct cli_options options;
    struct cli_guest guest = {.prefixed = true, .looks_back = true};
    struct x64i_recording recording = {0};
    int width = 1600;
    int height = 1000;
    int status = cli_options_read(&options, OPTIONS, argc, argv);
    if (status == CLI_DONE)
        status = read_size(options.size, &width, &height);
    if (status == CLI_DONE && options.headless && !options.script)
        status = cli_fail(CLI_USAGE, "--headless: give it something to do with --script FILE");
    if (status == CLI_DONE && !options.compare[0])
        status = cli_guest_open_any(&guest, &options, &recording);
    if (status != CLI_DONE)
        return status;
    (void)snprintf(title, sizeof title, "x64emu   %.100s   %.100s", cli_kernel_name(&options),
                   options.mitigations ? options.mitigations : "no mitigations");
    struct x64i_window_options window = {.title = title,
                                         .script = options.script,
                                         .keys = options.keys,
                                         .font = options.font,
                                         .width = width,
                                         .height = height,
                                         .headless = options.headless,
                                         .dark = options.dark,
                                         .still = options.still,
                                         .frame_times = options.frame_times};
    if (options.compare[0])
        return cli_view_compare(&options, &window);
    status = cli_guest_close(&guest, look(&guest, &options, &window));
    x64i_recording_free(&recording);
    return status;
}
