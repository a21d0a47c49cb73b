/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#define OPTIONS "ekcmMlEogrbt"

int cli_recording_begin(struct x64i_recording *recording, const struct cli_guest *guest,
                        const struct cli_options *options)
{
    enum x64_status status = x64i_recording_begin(recording, guest->machine);
    if (status != X64_OK)
        return cli_fail(CLI_USAGE, "nothing was recorded: %s", x64_status_string(status));
    (void)snprintf(recording->kernel, sizeof recording->kernel, "%s", cli_kernel_name(options));
    (void)snprintf(recording->mitigations, sizeof recording->mitigations, "%s",
                   options->mitigations ? options->mitigations : "none");
    (void)snprintf(recording->program, sizeof recording->program, "%s",
                   options->kernel.program ? options->kernel.program : "demo");
    return CLI_DONE;
}

static int record_guest(struct cli_guest *guest, const struct cli_options *options)
{
    struct x64i_recording recording;
    struct x64_error_text error = {{0}};
    struct x64_stop stop;
    int begun = cli_recording_begin(&recording, guest, options);
    if (begun != CLI_DONE)
        return begun;
    cli_catch_interrupts(guest->machine);
    enum x64_status status = x64_run(guest->machine, options->limit, &stop);
    if (status == X64_OK)
        status = x64i_recording_write(&recording, guest->machine, options->output, &error);
    x64i_recording_free(&recording);
    if (status != X64_OK)
        return cli_fail(CLI_USAGE, "%s", error.text[0] ? error.text : x64_status_string(status));
    return cli_guest_verdict(guest, options, &stop);
}

int cli_record(int argc, char **argv)
{
    struct cli_options options;
    struct cli_guest guest = {.prefixed = true, .console = true};
    int status = cli_options_read(&options, OPTIONS, argc, argv);
    if (status != CLI_DONE)
        return status;
    if (!options.output)
        return cli_fail(CLI_USAGE, "record: where to? give -o FILE");
    status = cli_guest_open(&guest, &options);
    if (status != CLI_DONE)
        return status;
    return cli_guest_close(&guest, record_guest(&guest, &options));
}
