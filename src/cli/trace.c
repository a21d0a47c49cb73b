/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "state/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS "ekcmMlEfoOnygCBWprbt"

/* Steps between two looks at whether the user wants it to end. */
#define STRIDE 4096u

struct sink {
    struct x64i_file *file; /* null: stdout */
    struct x64i_sink to;
    bool failed; /* the file takes no more; committing it says why */
    bool closed; /* the reader of stdout has gone: no error of ours */
    int error;
};

static bool write_piece(void *user, const char *bytes, size_t size)
{
    struct sink *sink = user;
    if (sink->file) {
        sink->failed |= !sink->to.write(sink->to.user, bytes, size);
        return !sink->failed;
    }
    if (fwrite(bytes, 1, size, stdout) == size && fflush(stdout) == 0)
        return true;
    sink->error = errno;
    sink->closed = errno == EPIPE;
    clearerr(stdout);
    return false;
}

static bool wants_colour(const struct cli_options *options)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    bool text = options->format == X64_TRACE_TEXT;
    if (options->colour || !text)
        return options->colour > 0 && text;
    return !options->output && isatty(STDOUT_FILENO) && !(no_color && no_color[0]) &&
           !(terminal && strcmp(terminal, "dumb") == 0);
}

static enum x64_status run_all(struct x64_trace *trace, const struct cli_options *options,
                               struct x64_stop *stop)
{
    enum x64_status status = X64_OK;
    uint64_t left = options->limit;
    *stop = (struct x64_stop){.reason = X64_STOP_BUDGET};
    while (status == X64_OK && left > 0 && stop->reason == X64_STOP_BUDGET) {
        uint64_t stride = left < STRIDE ? left : STRIDE;
        status = x64_trace_run(trace, stride, stop);
        left -= stride;
        if (cli_interrupted() && stop->reason == X64_STOP_BUDGET)
            stop->reason = X64_STOP_REQUEST;
    }
    return status;
}

/* An error of the trace itself, in words. */
static int refuse(const struct cli_options *options, const struct sink *sink,
                  enum x64_status status)
{
    if (sink->closed)
        return CLI_DONE;
    if (status == X64_ERROR_NOT_FOUND)
        return cli_fail(CLI_USAGE, "--syscall %s: there is no such system call", options->syscall);
    if (status == X64_ERROR_IO && !sink->file)
        return cli_fail(CLI_USAGE, "stdout: cannot be written: %s", strerror(sink->error));
    if (status == X64_ERROR_IO)
        return CLI_USAGE; /* said when the file is closed */
    return cli_fail(CLI_USAGE, "the trace ended early: %s", x64_status_string(status));
}

static int trace_guest(struct cli_guest *guest, const struct cli_options *options,
                       struct sink *sink)
{
    struct x64_trace_options trace_options = {
        .struct_size = sizeof trace_options,
        .format = options->format,
        .only = options->entry_only ? X64_TRACE_ENTRY : X64_TRACE_ALL,
        .colour = wants_colour(options),
        .bytes = options->bytes,
        .waits = options->waits,
        .syscall = options->syscall,
        .kernel = cli_kernel_name(options),
        .mitigations = options->mitigations ? options->mitigations : "none",
        .symbols = cli_kernel_is_built_in(options) ? "built-in" : "kallsyms",
        .user = sink,
        .write = write_piece,
    };
    struct x64_trace *trace;
    struct x64_stop stop;
    enum x64_status status = x64_trace_create(guest->machine, &trace_options, &trace);
    if (status != X64_OK)
        return refuse(options, sink, status);
    cli_catch_interrupts(guest->machine);
    status = run_all(trace, options, &stop);
    if (status == X64_OK)
        status = x64_trace_finish(trace, &stop);
    x64_trace_destroy(trace);
    return status == X64_OK ? cli_guest_verdict(guest, options, &stop)
                            : refuse(options, sink, status);
}

/* A trace is worth keeping when the guest faulted, too: that is what one looks for. */
static int close_sink(struct sink *sink, int status)
{
    char message[512];
    if (!sink->file)
        return status;
    if (!sink->failed && status != CLI_DONE && status != CLI_GUEST_FAULT) {
        x64i_file_abandon(sink->file);
        return status;
    }
    if (x64i_file_commit(sink->file, message, sizeof message) != X64_OK)
        return cli_fail(CLI_USAGE, "%s", message);
    return status;
}

int cli_guest_open_any(struct cli_guest *guest, struct cli_options *options,
                       struct x64i_recording *recording)
{
    const char *program = options->kernel.program;
    if (!program || !x64i_recording_recognize(program))
        return cli_guest_open(guest, options);
    if (options->for_new_run || options->kernel.argv[1])
        return cli_fail(CLI_USAGE,
                        "%s is a recording: it has its kernel, CPU, memory and arguments already",
                        program);
    return cli_guest_replay(guest, options, recording);
}

/* A replay that was followed to its end must have come where the recording says. */
static int check_replay(struct cli_guest *guest, const struct cli_options *options,
                        const struct x64i_recording *recording, int status)
{
    uint64_t hash;
    if (!recording->snapshot || x64_steps(guest->machine) != recording->steps ||
        x64_hash(guest->machine, &hash) != X64_OK || hash == recording->hash)
        return status;
    return cli_fail(CLI_INPUT, "%s: the replay ended in another state: record it again",
                    options->kernel.program);
}

static int trace_to(struct cli_guest *guest, const struct cli_options *options,
                    const struct x64i_recording *recording, struct sink *sink)
{
    if (options->compare[0]) {
        int status = cli_compare(options, write_piece, sink, wants_colour(options));
        return sink->closed ? CLI_DONE : status;
    }
    int status = trace_guest(guest, options, sink);
    return check_replay(guest, options, recording, status);
}

int cli_trace(int argc, char **argv)
{
    struct cli_options options;
    struct cli_guest guest = {.prefixed = true};
    struct x64i_recording recording = {0};
    struct sink sink = {0};
    char message[512];
    int status = cli_options_read(&options, OPTIONS, argc, argv);
    if (status == CLI_DONE && !options.compare[0])
        status = cli_guest_open_any(&guest, &options, &recording);
    if (status != CLI_DONE)
        return status;
    if (options.output) {
        if (x64i_file_create(options.output, &sink.file, message, sizeof message) == X64_OK)
            sink.to = x64i_file_sink(sink.file);
        else
            status = cli_fail(CLI_USAGE, "%s", message);
    }
    if (status == CLI_DONE) {
        status = trace_to(&guest, &options, &recording, &sink);
        status = close_sink(&sink, status);
    }
    status = cli_guest_close(&guest, status);
    x64i_recording_free(&recording);
    return status;
}
