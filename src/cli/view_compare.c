/* SPDX-License-Identifier: MIT */
/* view --compare: runs a program on two kernels, then opens the window on both. */
#include "cli/cli.h"

#include "view/window/window.h"

#include <stdlib.h>

/* Every step is looked at before the window opens. */
#define DEFAULT_STEPS 1000000u

static int run_side(struct cli_guest *guest, const struct cli_options *options)
{
    struct x64_stop stop = {.reason = X64_STOP_BUDGET};
    bool open_end = options->limit == UINT64_MAX;
    int status = cli_guest_open(guest, options);
    if (status != CLI_DONE)
        return status;
    cli_catch_interrupts(guest->machine);
    enum x64_status made =
        x64_run(guest->machine, open_end ? DEFAULT_STEPS : options->limit, &stop);
    if (made != X64_OK)
        return cli_fail(CLI_USAGE, "the run ended early: %s", x64_status_string(made));
    if (open_end && stop.reason == X64_STOP_BUDGET)
        (void)cli_fail(CLI_DONE, "%s: comparing the first %u steps; --limit compares more",
                       cli_kernel_name(options), DEFAULT_STEPS);
    return CLI_DONE;
}

static int look(struct cli_guest guests[2], struct x64i_window_options *window)
{
    struct x64_error_text error = {{0}};
    window->other = guests[1].machine;
    enum x64_status status = x64i_window_run(guests[0].machine, window, &error);
    if (status == X64_OK)
        return CLI_DONE;
    return cli_fail(status == X64_ERROR_FORMAT ? CLI_INPUT : CLI_USAGE, "%s",
                    error.text[0] ? error.text : x64_status_string(status));
}

int cli_view_compare(const struct cli_options *options, struct x64i_window_options *window)
{
    char name[2][256];
    char title[512];
    struct cli_guest guests[2] = {{.prefixed = true, .looks_back = true},
                                  {.prefixed = true, .looks_back = true}};
    struct cli_side *sides = calloc(2, sizeof *sides);
    if (!sides)
        return cli_fail(CLI_USAGE, "--compare: out of memory");
    int status = cli_compare_read(sides, options);
    for (unsigned i = 0; i < 2 && status == CLI_DONE; i++) {
        const struct cli_options *side = &sides[i].options;
        bool plain = !side->kernel.mitigations;
        (void)snprintf(name[i], sizeof name[i], "%.100s  %.100s", cli_kernel_short_name(side),
                       plain ? "no mitigations" : side->mitigations);
        window->side[i] = name[i];
        status = run_side(&guests[i], side);
    }
    if (status == CLI_DONE) {
        (void)snprintf(title, sizeof title, "x64emu   %.200s | %.200s", name[0], name[1]);
        window->title = title;
        status = look(guests, window);
    }
    for (unsigned i = 0; i < 2; i++)
        if (guests[i].machine)
            status = cli_guest_close(&guests[i], status);
    free(sides);
    return status;
}
