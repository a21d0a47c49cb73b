/* SPDX-License-Identifier: MIT */
/* The guest's machine, its console, and what is said when it ends. */
#define _GNU_SOURCE /* ppoll */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_MEMORY       (UINT64_C(64) << 20)
#define DEFAULT_STOCK_MEMORY (UINT64_C(256) << 20)

/* Steps between snapshots: of a run that nobody goes back through, and of one that is looked at,
 * where every seek has to be done within a frame. */
#define NO_HISTORY   (UINT64_C(1) << 62)
#define NEAR_HISTORY UINT64_C(16384)

static volatile sig_atomic_t interrupted;
static struct x64_machine *interrupted_machine;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
    x64_stop_request(interrupted_machine);
}

void cli_catch_interrupts(struct x64_machine *machine)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    interrupted_machine = machine;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

void cli_release_interrupts(void)
{
    interrupted_machine = NULL;
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
}

bool cli_interrupted(void)
{
    return interrupted;
}

static size_t read_console(void *buffer, size_t size)
{
    ssize_t given;
    do
        given = read(STDIN_FILENO, buffer, size);
    while (given < 0 && errno == EINTR && !interrupted);
    return given > 0 ? (size_t)given : 0;
}

/* Whether a read would answer at once, with bytes or with the end. */
static size_t wait_for_console(uint8_t *buffer, size_t size)
{
    uint64_t nanoseconds;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (size < sizeof nanoseconds)
        return 0;
    memcpy(&nanoseconds, buffer, sizeof nanoseconds);
    const struct timespec time = {.tv_sec = (time_t)(nanoseconds / 1000000000u),
                                  .tv_nsec = (long)(nanoseconds % 1000000000u)};
    buffer[0] =
        !interrupted && ppoll(&input, 1, nanoseconds == UINT64_MAX ? NULL : &time, NULL) > 0;
    return 1;
}

static size_t host_input(void *user, enum x64_input_kind kind, void *buffer, size_t size)
{
    const struct cli_guest *guest = user;
    struct timespec now;
    if (kind == X64_INPUT_CONSOLE)
        return read_console(buffer, size);
    if (kind == X64_INPUT_CONSOLE_READY)
        return wait_for_console(buffer, size);
    if (!guest->live)
        return X64_INPUT_DEFAULT;
    if (kind == X64_INPUT_RANDOM) {
        ssize_t given = getrandom(buffer, size, 0);
        return given > 0 ? (size_t)given : 0;
    }
    if (size < 8 || clock_gettime(CLOCK_REALTIME, &now) != 0)
        return 0;
    uint64_t nanoseconds = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    memcpy(buffer, &nanoseconds, sizeof nanoseconds);
    return sizeof nanoseconds;
}

/* "guest: " before each line, so that nobody takes it for ours. */
static void write_prefixed(struct cli_guest *guest, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        const char *end = memchr(bytes + at, '\n', size - at);
        size_t length = end ? (size_t)(end - bytes) + 1 - at : size - at;
        if (!guest->in_line)
            (void)fputs("guest: ", stderr);
        (void)fwrite(bytes + at, 1, length, stderr);
        guest->in_line = !end;
        at += length;
    }
}

static void on_output(void *user, int stream, const void *bytes, size_t size)
{
    struct cli_guest *guest = user;
    if (guest->output) {
        guest->output_failed |= fwrite(bytes, 1, size, guest->output) != size;
    } else if (guest->prefixed) {
        write_prefixed(guest, bytes, size);
    } else {
        FILE *to = stream == 2 ? stderr : stdout;
        guest->output_failed |= fwrite(bytes, 1, size, to) != size || fflush(to) != 0;
    }
}

static void end_line(struct cli_guest *guest)
{
    if (guest->in_line)
        (void)fputc('\n', stderr);
    guest->in_line = false;
}

static void on_log(void *user, enum x64_log_level level, const char *message)
{
    if (level == X64_LOG_INFO)
        return;
    end_line(user);
    (void)cli_fail(CLI_DONE, "%s", message);
}

static int open_output(struct cli_guest *guest, const struct cli_options *options)
{
    if (!options->guest_output)
        return CLI_DONE;
    guest->output = fopen(options->guest_output, "wb");
    if (!guest->output)
        return cli_fail(CLI_USAGE, "--guest-output %s: cannot be written: %s",
                        options->guest_output, strerror(errno));
    return CLI_DONE;
}

static struct x64_host host_of(struct cli_guest *guest)
{
    return (struct x64_host){.user = guest,
                             .input = guest->console ? host_input : NULL,
                             .output = on_output,
                             .log = on_log};
}

static int create_machine(struct cli_guest *guest, const struct cli_options *options)
{
    uint64_t memory = options->kernel.kernel ? DEFAULT_STOCK_MEMORY : DEFAULT_MEMORY;
    struct x64_config config = {.struct_size = sizeof config,
                                .cpu_model = options->cpu,
                                .memory_size = options->memory ? options->memory : memory,
                                .host = host_of(guest),
                                .history_interval = guest->looks_back ? NEAR_HISTORY : NO_HISTORY};
    enum x64_status status = x64_machine_create(&config, &guest->machine);
    if (status == X64_ERROR_NOT_FOUND)
        return cli_fail(CLI_USAGE, "--cpu %s: unknown; use golden_cove, skylake, zen3 or zen4",
                        options->cpu);
    if (status == X64_ERROR_ARGUMENT)
        return cli_fail(CLI_USAGE, "--memory: 64G at most");
    if (status != X64_OK)
        return cli_fail(CLI_USAGE, "cannot make the machine: %s", x64_status_string(status));
    return CLI_DONE;
}

static int attach(struct cli_guest *guest, const struct cli_options *options)
{
    struct x64_error_text error = {{0}};
    enum x64_status status = x64_kernel_attach(guest->machine, &options->kernel, &error);
    if (status == X64_OK)
        return CLI_DONE;
    bool usage = status == X64_ERROR_ARGUMENT || status == X64_ERROR_NOT_FOUND;
    return cli_fail(usage ? CLI_USAGE : CLI_INPUT, "%s",
                    error.text[0] ? error.text : x64_status_string(status));
}

int cli_guest_open(struct cli_guest *guest, const struct cli_options *options)
{
    int status = create_machine(guest, options);
    if (status == CLI_DONE)
        status = attach(guest, options);
    if (status == CLI_DONE)
        status = open_output(guest, options);
    if (status != CLI_DONE) {
        x64_machine_destroy(guest->machine);
        guest->machine = NULL;
    }
    return status;
}

int cli_guest_replay(struct cli_guest *guest, struct cli_options *options,
                     struct x64i_recording *recording)
{
    struct x64_error_text error = {{0}};
    const struct x64_host host = host_of(guest);
    const char *path = options->kernel.program;
    enum x64_status status = x64i_recording_read(path, recording, &error);
    if (status != X64_OK)
        return cli_fail(CLI_INPUT, "%s", error.text);
    status = x64i_recording_open(recording, &host, guest->looks_back ? NEAR_HISTORY : NO_HISTORY,
                                 &guest->machine, &error);
    if (status != X64_OK) {
        x64i_recording_free(recording);
        return cli_fail(CLI_INPUT, "%s: %s", path, error.text);
    }
    uint64_t steps = recording->steps - recording->first_step;
    if (options->limit > steps)
        options->limit = steps;
    options->mitigations = recording->mitigations;
    options->recorded_kernel = recording->kernel;
    int result = open_output(guest, options);
    if (result != CLI_DONE)
        (void)cli_guest_close(guest, result);
    return result;
}

int cli_guest_close(struct cli_guest *guest, int status)
{
    end_line(guest);
    if (guest->output && fclose(guest->output) != 0)
        guest->output_failed = true;
    interrupted_machine = NULL;
    x64_machine_destroy(guest->machine);
    guest->machine = NULL;
    if (guest->output_failed && status == CLI_DONE)
        return cli_fail(CLI_USAGE, "the guest's output could not be written");
    return status;
}

static const char *place(const struct cli_guest *guest, uint64_t rip, char text[160])
{
    const char *name;
    uint64_t offset;
    if (x64_symbol_at(guest->machine, rip, &name, &offset) == X64_OK)
        (void)snprintf(text, 160, "0x%llx (%.100s+0x%llx)", (unsigned long long)rip, name,
                       (unsigned long long)offset);
    else
        (void)snprintf(text, 160, "0x%llx", (unsigned long long)rip);
    return text;
}

int cli_guest_verdict(const struct cli_guest *guest, const struct cli_options *options,
                      const struct x64_stop *stop)
{
    char at[160];
    unsigned long long steps = stop->steps;
    switch (stop->reason) {
    case X64_STOP_EXIT:
        return stop->signal ? CLI_GUEST_FAULT : CLI_DONE;
    case X64_STOP_BUDGET:
        if (options->recorded_kernel)
            return CLI_DONE; /* where the recording ends, or earlier */
        return cli_fail(CLI_DONE, "stopped by --limit %llu at %s",
                        (unsigned long long)options->limit, place(guest, stop->rip, at));
    case X64_STOP_REQUEST:
        return cli_fail(CLI_DONE, "interrupted after %llu steps at %s", steps,
                        place(guest, stop->rip, at));
    case X64_STOP_HALT:
        return cli_fail(CLI_GUEST_FAULT,
                        "the CPU halted after %llu steps at %s with nothing that could wake it",
                        steps, place(guest, stop->rip, at));
    case X64_STOP_SHUTDOWN:
        return cli_fail(CLI_GUEST_FAULT, "triple fault (%s) after %llu steps at %s",
                        x64_fault_name(stop->fault), steps, place(guest, stop->rip, at));
    case X64_STOP_MEMORY:
        return cli_fail(CLI_USAGE, "the host has no memory left for the guest's pages");
    default:
        return cli_fail(CLI_GUEST_FAULT, "%s at %s, address 0x%llx, after %llu steps",
                        x64_fault_name(stop->fault), place(guest, stop->rip, at),
                        (unsigned long long)stop->linear, steps);
    }
}
