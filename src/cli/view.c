/* SPDX-License-Identifier: MIT */
/* Runs a program, or replays a recording, to its end, then opens the window on it. */
#include "cli/cli.h"

#include "view/window/window.h"

#include <stdlib.h>
#include <string.h>

#define OPTIONS       "oekcmMlEgSKFZXTHiRp"
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

/* In hundredths. */
static int read_scale(const char *text, int *scale)
{
    char *end;
    if (!text)
        return CLI_DONE;
    double number = strtod(text, &end);
    if (end == text || *end || !(number >= 1 && number <= 4))
        return cli_fail(CLI_USAGE, "--scale %s: a number from 1 to 4", text);
    *scale = (int)(number * 100 + 0.5);
    return CLI_DONE;
}

static int status_of(enum x64_status status)
{
    return status == X64_ERROR_FORMAT ? CLI_INPUT : CLI_USAGE;
}

/* A run that is no recording yet. */
struct unsaved {
    struct x64i_recording recording;
    struct x64_machine *machine;
};

static enum x64_status write_recording(void *user, const char *path, struct x64_error_text *error)
{
    struct unsaved *unsaved = user;
    uint64_t first;
    uint64_t last;
    enum x64_status status = x64_history_range(unsaved->machine, &first, &last);
    if (status == X64_OK)
        status = x64_goto(unsaved->machine, last);
    if (status == X64_OK)
        status = x64i_recording_write(&unsaved->recording, unsaved->machine, path, error);
    return status;
}

static int run_guest(struct cli_guest *guest, const struct cli_options *options)
{
    struct x64_stop stop = {.reason = X64_STOP_BUDGET};
    bool open_end = options->limit == UINT64_MAX;
    cli_catch_interrupts(guest->machine);
    enum x64_status status =
        x64_run(guest->machine, open_end ? DEFAULT_STEPS : options->limit, &stop);
    cli_release_interrupts();
    if (status != X64_OK)
        return cli_fail(CLI_USAGE, "the run ended early: %s", x64_status_string(status));
    if (open_end && stop.reason == X64_STOP_BUDGET)
        (void)cli_fail(CLI_DONE, "showing the first %u steps; --limit shows more", DEFAULT_STEPS);
    return CLI_DONE;
}

static int look(struct cli_guest *guest, const struct cli_options *options,
                struct x64i_window_options *window)
{
    struct x64_error_text error = {{0}};
    struct unsaved unsaved = {.machine = guest->machine};
    int result = CLI_DONE;
    if (!options->recorded_kernel) {
        result = cli_recording_begin(&unsaved.recording, guest, options);
        window->keep = (struct x64i_window_keep){write_recording, &unsaved, options->output};
    }
    if (result == CLI_DONE)
        result = run_guest(guest, options);
    if (result == CLI_DONE) {
        enum x64_status status = x64i_window_run(guest->machine, window, &error);
        if (status != X64_OK)
            result = cli_fail(status_of(status), "%s",
                              error.text[0] ? error.text : x64_status_string(status));
    }
    x64i_recording_free(&unsaved.recording);
    return result;
}

int cli_view(int argc, char **argv)
{
    char title[256];
    struct cli_options options;
    struct cli_guest guest = {.prefixed = true, .looks_back = true};
    struct x64i_recording recording = {0};
    int width = 1600;
    int height = 1000;
    int scale = 100;
    int status = cli_options_read(&options, OPTIONS, argc, argv);
    if (status == CLI_DONE)
        status = read_size(options.size, &width, &height);
    if (status == CLI_DONE)
        status = read_scale(options.scale, &scale);
    if (status == CLI_DONE && options.headless && !options.script)
        status = cli_fail(CLI_USAGE, "--headless: give it something to do with --script FILE");
    if (status == CLI_DONE && !options.compare[0])
        status = cli_guest_open_any(&guest, &options, &recording);
    if (status != CLI_DONE)
        return status;
    (void)snprintf(title, sizeof title, "x64emu   %.100s   %.100s", cli_kernel_short_name(&options),
                   options.mitigations ? options.mitigations : "no mitigations");
    struct x64i_window_options window = {.title = title,
                                         .script = options.script,
                                         .keys = options.keys,
                                         .font = options.font,
                                         .width = width,
                                         .height = height,
                                         .scale = scale,
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
