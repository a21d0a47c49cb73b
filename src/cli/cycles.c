/* SPDX-License-Identifier: MIT */
/* x64emu cycles: how long code takes. */
#include "cli/cycles.h"

#include "cli/cli.h"
#include "cli/code_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE    (2 * X64I_REPLAY_BLOCK + 64)
#define TIMELINE_MAX 64

struct arguments {
    const char *core, *code;
    struct cli_code_range range;
    uint64_t timeline;
    bool batch;
};

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c ? strchr(digits, c | 0x20) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* False when it is not hex, or too long. */
static bool read_hex(const char *text, size_t length, uint8_t *code, size_t *size)
{
    if (length == 0 || length % 2 || length / 2 > X64I_REPLAY_BLOCK)
        return false;
    for (size_t i = 0; i < length / 2; i++) {
        int high = hex_value(text[2 * i]);
        int low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        code[i] = (uint8_t)(high << 4 | low);
    }
    *size = length / 2;
    return true;
}

/* "hex<TAB>n1<TAB>n2" becomes "hex<TAB>cycles" or "hex<TAB>error: why". */
static void answer_line(struct x64i_replay *replay, const char *line)
{
    uint8_t code[X64I_REPLAY_BLOCK];
    size_t size;
    size_t length = strcspn(line, "\t\r\n");
    struct x64i_replay_request request = {0};
    struct x64i_replay_result result;
    char *end = (char *)line + length;
    unsigned long first = *end == '\t' ? strtoul(end + 1, &end, 10) : 0;
    unsigned long last = *end == '\t' ? strtoul(end + 1, &end, 10) : 0;
    (void)printf("%.*s\t", (int)length, line);
    if (!read_hex(line, length, code, &size)) {
        (void)printf("error: not the hex digits of a block\n");
        return;
    }
    if (first >= last || last > X64I_REPLAY_STEPS) {
        (void)printf("error: the line is not hex, n1 and n2 with n1 < n2\n");
        return;
    }
    request.first = (unsigned)first;
    request.last = (unsigned)last;
    if (x64i_replay_run(replay, code, size, &request, &result) == X64_OK)
        (void)printf("%.4f\n", result.cycles);
    else
        (void)printf("error: %s\n", result.problem);
}

static int run_batch(const char *core)
{
    struct x64i_replay *replay;
    enum x64_status status = x64i_replay_create(core, &replay);
    if (status != X64_OK)
        return cli_fail(CLI_USAGE, "--core %s: %s; golden_cove and skylake are known", core,
                        x64_status_string(status));
    char *line = malloc(LINE_SIZE);
    while (line && fgets(line, LINE_SIZE, stdin)) {
        if (!strchr(line, '\n') && !feof(stdin)) {
            int c;
            while ((c = getchar()) != EOF && c != '\n')
                continue;
            line[0] = '\0'; /* longer than any block */
        }
        answer_line(replay, line);
    }
    int answer = line ? CLI_DONE : cli_fail(CLI_USAGE, "cycles: out of memory");
    free(line);
    x64i_replay_destroy(replay);
    return answer;
}

static int read_address(const char *option, const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 0);
    if (errno || end == text || *end || *text == '-')
        return cli_fail(CLI_USAGE, "%s %s: not a number", option, text);
    return CLI_DONE;
}

static int apply(struct arguments *arguments, const char *option, const char *value)
{
    const struct {
        const char *name;
        const char **text;
        uint64_t *number;
    } known[] = {
        {"--code", &arguments->code, NULL},         {"--core", &arguments->core, NULL},
        {"--elf", &arguments->range.path, NULL},    {"--symbol", &arguments->range.symbol, NULL},
        {"--from", NULL, &arguments->range.from},   {"--to", NULL, &arguments->range.to},
        {"--timeline", NULL, &arguments->timeline},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, option) == 0) {
            if (!value)
                return cli_fail(CLI_USAGE, "%s needs a value", option);
            if (known[i].number)
                return read_address(option, value, known[i].number);
            *known[i].text = value;
            return CLI_DONE;
        }
    return cli_fail(CLI_USAGE, "cycles does not know %s: try x64emu help", option);
}

static int run(struct arguments *arguments)
{
    uint8_t code[X64I_REPLAY_BLOCK];
    size_t size = 0;
    int status = CLI_DONE;
    if (arguments->batch)
        return run_batch(arguments->core);
    if (arguments->timeline > TIMELINE_MAX)
        return cli_fail(CLI_USAGE, "--timeline: %d copies at most", TIMELINE_MAX);
    if (arguments->code) {
        if (!read_hex(arguments->code, strlen(arguments->code), code, &size))
            return cli_fail(CLI_USAGE, "--code: not the hex digits of 1 to %u bytes",
                            X64I_REPLAY_BLOCK);
    } else if (arguments->range.path && (arguments->range.symbol || arguments->range.to)) {
        status = cli_code_read(&arguments->range, code, sizeof code, &size);
    } else {
        return cli_fail(CLI_USAGE,
                        "cycles needs --code HEX, --elf FILE with --symbol or --from and "
                        "--to, --batch, or --ledger");
    }
    if (status != CLI_DONE)
        return status;
    return cli_cycles_report(arguments->core, code, size, (unsigned)arguments->timeline);
}

int cli_cycles(int argc, char **argv)
{
    struct arguments arguments = {.core = "golden_cove", .timeline = 2};
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--ledger") == 0) {
            for (int k = i; k + 1 < argc; k++)
                argv[k] = argv[k + 1];
            return cli_cycles_ledger(argc - 1, argv);
        }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--batch") == 0) {
            arguments.batch = true;
            continue;
        }
        const char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
        char option[32];
        size_t length = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        if (length >= sizeof option)
            return cli_fail(CLI_USAGE, "cycles does not know %s: try x64emu help", argv[i]);
        memcpy(option, argv[i], length);
        option[length] = '\0';
        const char *value = equals ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        int status = apply(&arguments, option, value);
        if (status != CLI_DONE)
            return status;
    }
    return run(&arguments);
}
