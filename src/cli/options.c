/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Letters stand for options in the lists of what a command takes. */
static const struct option {
    const char *name;
    char letter;
    bool has_value;
} options_table[] = {
    {"--entry", 'e', true},
    {"--kernel", 'k', true},
    {"--cpu", 'c', true},
    {"--mitigations", 'm', true},
    {"--memory", 'M', true},
    {"--limit", 'l', true},
    {"--env", 'E', true},
    {"--format", 'f', true},
    {"-o", 'o', true},
    {"--output", 'O', true},
    {"--only", 'n', true},
    {"--syscall", 'y', true},
    {"--guest-output", 'g', true},
    {"--color", 'C', true},
    {"--compare", 'p', true}, /* two values */
    {"--bytes", 'B', false},
    {"--waits", 'W', false},
    {"--script", 'S', true},
    {"--keys", 'K', true},
    {"--font", 'F', true},
    {"--size", 'Z', true},
    {"--scale", 'X', true},
    {"--theme", 'T', true},
    {"--headless", 'H', false},
    {"--still", 'i', false},
    {"--frame-times", 'R', false},
    {"-s", 's', false},
    {"-c", 'u', false},
    {"--root", 'r', true},
    {"--bind", 'b', true},
    {"--tasks", 't', true},
    {"--output-limit", 'Q', true},
    {"--output", 'Q', true}, /* the same, for run */
};

static int read_number(const char *option, const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 0);
    if (errno || end == text || *end || text[0] == '-')
        return cli_fail(CLI_USAGE, "%s %s: not a number", option, text);
    *value = number;
    return CLI_DONE;
}

static int read_size(const char *option, const char *text, uint64_t *value)
{
    static const char units[] = "KMG";
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 0);
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (errno || end == text || text[0] == '-' || (unit ? end[1] : *end) ||
        number > UINT64_MAX >> shift || number == 0)
        return cli_fail(CLI_USAGE, "%s %s: not a size; write it like 64M", option, text);
    *value = (number << shift) & ~(uint64_t)4095;
    if (*value == 0)
        return cli_fail(CLI_USAGE, "%s %s: one page of 4K at least", option, text);
    return CLI_DONE;
}

static int read_mitigations(struct cli_options *options, const char *text)
{
    struct x64_error_text error;
    if (x64_mitigations_parse(text, &options->kernel.mitigations, &error) != X64_OK)
        return cli_fail(CLI_USAGE, "--mitigations: %s", error.text);
    options->mitigations = text;
    return CLI_DONE;
}

static int read_format(struct cli_options *options, const char *text)
{
    static const struct {
        const char *name;
        enum x64_trace_format format;
    } formats[] = {{"text", X64_TRACE_TEXT},
                   {"jsonl", X64_TRACE_JSONL},
                   {"html", X64_TRACE_HTML},
                   {"perfetto", X64_TRACE_PERFETTO},
                   {"kanata", X64_TRACE_KANATA}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(text, formats[i].name) == 0) {
            options->format = formats[i].format;
            return CLI_DONE;
        }
    return cli_fail(CLI_USAGE, "--format %s: unknown; use text, jsonl, html, perfetto or kanata",
                    text);
}

static int read_colour(struct cli_options *options, const char *text)
{
    static const char *const words[] = {"never", "auto", "always"};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, words[i]) == 0) {
            options->colour = i - 1;
            return CLI_DONE;
        }
    return cli_fail(CLI_USAGE, "--color %s: use auto, always or never", text);
}

static int add_environment(struct cli_options *options, const char *text)
{
    if (!strchr(text, '=') || text[0] == '=')
        return cli_fail(CLI_USAGE, "--env %s: write it as NAME=VALUE", text);
    if (options->environment_count == CLI_ENVIRONMENT_MAX)
        return cli_fail(CLI_USAGE, "--env %s: %d at most", text, CLI_ENVIRONMENT_MAX);
    options->environment[options->environment_count++] = text;
    return CLI_DONE;
}

static int add_bind(struct cli_options *options, const char *text)
{
    if (!strchr(text, ':'))
        return cli_fail(CLI_USAGE, "--bind %s: write it as HOST:GUEST or HOST:GUEST:rw", text);
    if (options->bind_count == CLI_BINDS_MAX)
        return cli_fail(CLI_USAGE, "--bind %s: %d at most", text, CLI_BINDS_MAX);
    options->binds[options->bind_count++] = text;
    return CLI_DONE;
}

static int read_tasks(struct cli_options *options, const char *option, const char *text)
{
    uint64_t number = 0;
    int status = read_number(option, text, &number);
    if (status == CLI_DONE && (number == 0 || number > CLI_TASKS_MAX))
        return cli_fail(CLI_USAGE, "%s %s: from 1 to %d", option, text, CLI_TASKS_MAX);
    options->kernel.task_limit = (unsigned)number;
    return status;
}

/* What the guest sees of the host and how much it may take. */
static int apply_sandbox(struct cli_options *options, const struct option *option,
                         const char *value)
{
    switch (option->letter) {
    case 'r':
        options->kernel.root = value;
        return CLI_DONE;
    case 'b':
        return add_bind(options, value);
    case 't':
        return read_tasks(options, option->name, value);
    default:
        return read_size(option->name, value, &options->kernel.output_limit);
    }
}

/* The viewer's. */
static int apply_view(struct cli_options *options, char letter, const char *value)
{
    switch (letter) {
    case 'S':
        options->script = value;
        break;
    case 'K':
        options->keys = value;
        break;
    case 'F':
        options->font = value;
        break;
    case 'Z':
        options->size = value;
        break;
    case 'X':
        options->scale = value;
        break;
    case 'T':
        options->dark = strcmp(value, "dark") == 0;
        if (!options->dark && strcmp(value, "light") != 0)
            return cli_fail(CLI_USAGE, "--theme %s: use light or dark", value);
        break;
    case 'H':
        options->headless = true;
        break;
    case 'i':
        options->still = true;
        break;
    default:
        options->frame_times = true;
        break;
    }
    return CLI_DONE;
}

/* What a trace shows, and how. */
static int apply_trace(struct cli_options *options, char letter, const char *value)
{
    switch (letter) {
    case 'f':
        return read_format(options, value);
    case 'n':
        options->entry_only = strcmp(value, "entry") == 0;
        return options->entry_only
                   ? CLI_DONE
                   : cli_fail(CLI_USAGE, "--only %s: the only choice is entry", value);
    case 'y':
        options->syscall = value;
        return CLI_DONE;
    case 'C':
        return read_colour(options, value);
    case 'B':
        options->bytes = true;
        return CLI_DONE;
    case 'W':
        options->waits = true;
        return CLI_DONE;
    default:
        return CLI_USAGE;
    }
}

static int apply(struct cli_options *options, const struct option *option, const char *value)
{
    switch (option->letter) {
    case 'e':
        options->kernel.entry = value;
        return CLI_DONE;
    case 'k':
        options->kernel.kernel = value;
        return CLI_DONE;
    case 'c':
        options->cpu = value;
        return CLI_DONE;
    case 'm':
        return read_mitigations(options, value);
    case 'M':
        return read_size(option->name, value, &options->memory);
    case 'l':
        return read_number(option->name, value, &options->limit);
    case 'E':
        return add_environment(options, value);
    case 'o':
    case 'O':
        options->output = value;
        return CLI_DONE;
    case 'g':
        options->guest_output = value;
        return CLI_DONE;
    case 'f':
    case 'n':
    case 'y':
    case 'C':
    case 'B':
    case 'W':
        return apply_trace(options, option->letter, value);
    case 'S':
    case 'K':
    case 'F':
    case 'Z':
    case 'X':
    case 'T':
    case 'H':
    case 'i':
    case 'R':
        return apply_view(options, option->letter, value);
    case 's':
        options->strace = true;
        return CLI_DONE;
    case 'u':
        options->summary = true;
        return CLI_DONE;
    default:
        return apply_sandbox(options, option, value);
    }
}

/* A name may stand for one option of some commands and for another of others. */
static const struct option *find(const char *allowed, const char *text, size_t length)
{
    const struct option *found = NULL;
    for (size_t i = 0; i < sizeof options_table / sizeof options_table[0]; i++) {
        const struct option *option = &options_table[i];
        if (strlen(option->name) == length && memcmp(option->name, text, length) == 0 &&
            (!found || strchr(allowed, option->letter)))
            found = option;
    }
    return found;
}

/* One option with its value, which may be the next word; moves *at past both. */
static int read_option(struct cli_options *options, const char *allowed, int argc, char **argv,
                       int *at)
{
    const char *text = argv[*at];
    const char *equals = strncmp(text, "--", 2) == 0 ? strchr(text, '=') : NULL;
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    const struct option *option = find(allowed, text, length);
    if (!option)
        return cli_fail(CLI_USAGE, "unknown option %s: try x64emu help", text);
    if (!strchr(allowed, option->letter))
        return cli_fail(CLI_USAGE, "%s does not take %s: try x64emu help", argv[0], option->name);
    ++*at;
    if (!option->has_value)
        return equals ? cli_fail(CLI_USAGE, "%s takes no value", option->name)
                      : apply(options, option, "");
    options->for_new_run |= strchr("ekcmMErbtQ", option->letter) != NULL;
    if (equals && option->letter != 'p')
        return apply(options, option, equals + 1);
    if (*at >= argc)
        return cli_fail(CLI_USAGE, "%s needs a value", option->name);
    if (option->letter != 'p')
        return apply(options, option, argv[(*at)++]);
    if (equals || *at + 1 >= argc || options->compare[0] || argv[*at][0] == '-' ||
        argv[*at + 1][0] == '-')
        return cli_fail(CLI_USAGE, "write it once, as --compare A[:MITIGATIONS] B[:MITIGATIONS]");
    options->compare[0] = argv[(*at)++];
    options->compare[1] = argv[(*at)++];
    return CLI_DONE;
}

const struct x64_era *cli_find_era(const char *name)
{
    const struct x64_era *era;
    for (size_t i = 0; (era = x64_era_at(i)) && strcmp(era->name, name) != 0;)
        i++;
    return era;
}

bool cli_kernel_is_built_in(const struct cli_options *options)
{
    return !options->kernel.kernel && cli_find_era(cli_kernel_name(options));
}

int cli_check_kernel(const struct cli_options *options)
{
    const char *wanted = options->kernel.entry ? options->kernel.entry : "6.1";
    const struct x64_era *era = cli_find_era(wanted);
    if (options->kernel.kernel && options->kernel.entry)
        return cli_fail(CLI_USAGE, "--entry and --kernel exclude one another: give one of them");
    if (options->kernel.kernel)
        return CLI_DONE;
    if (!era)
        return cli_fail(CLI_USAGE, "--entry %s: unknown; x64emu eras lists them", wanted);
    for (unsigned bit = 1; bit <= X64_MITIGATION_BHB; bit <<= 1)
        if (options->kernel.mitigations & ~era->mitigations & bit)
            return cli_fail(CLI_USAGE, "--mitigations: entry image %s has no %s", era->name,
                            x64_mitigation_name((enum x64_mitigation)bit));
    return CLI_DONE;
}

int cli_options_read(struct cli_options *options, const char *allowed, int argc, char **argv)
{
    *options = (struct cli_options){.limit = UINT64_MAX,
                                    .kernel = {.struct_size = sizeof options->kernel}};
    int at = 1;
    while (at < argc && argv[at][0] == '-' && argv[at][1]) {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        int status = read_option(options, allowed, argc, argv, &at);
        if (status != CLI_DONE)
            return status;
    }
    if (at < argc) {
        options->kernel.program = argv[at];
        options->kernel.argv = (const char *const *)&argv[at];
    }
    options->kernel.envp = options->environment;
    options->kernel.binds = options->binds;
    return cli_check_kernel(options);
}

const char *cli_kernel_name(const struct cli_options *options)
{
    if (options->recorded_kernel)
        return options->recorded_kernel;
    if (options->kernel.kernel)
        return options->kernel.kernel;
    return options->kernel.entry ? options->kernel.entry : "6.1";
}

const char *cli_kernel_short_name(const struct cli_options *options)
{
    const char *path = cli_kernel_name(options);
    const char *parts[2] = {path, path};
    for (const char *at = path; *at; at++)
        if (*at == '/') {
            parts[0] = parts[1];
            parts[1] = at + 1;
        }
    return parts[0];
}
