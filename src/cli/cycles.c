/* SPDX-License-Identifier: MIT */
/* x64emu cycles: how long code takes. */
#include "cli/cli.h"

#include "timing/replay.h"

#include <stdlib.h>
#include <string.h>

#define LINE_SIZE (2 * X64I_REPLAY_BLOCK + 64)

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c ? strchr(digits, c | 0x20) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* False when it is not hex, or too long. */
static bool read_hex(const char *text, size_t length, uint8_t *code, size_t *size)
{
    if (length % 2 || length / 2 > X64I_REPLAY_BLOCK)
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

static void answer_line(struct x64i_replay *replay, char *line)
{
    uint8_t code[X64I_REPLAY_BLOCK];
    size_t size;
    size_t length = strcspn(line, "\t\r\n");
    struct x64i_replay_request request = {0};
    struct x64i_replay_result result;
    char *end = line + length;
    unsigned long first = *end == '\t' ? strtoul(end + 1, &end, 10) : 0;
    unsigned long last = *end == '\t' ? strtoul(end + 1, &end, 10) : 0;
    if (!read_hex(line, length, code, &size)) {
        (void)printf("%.*s\terror: not the hex digits of a block\n", (int)length, line);
        return;
    }
    if (first >= last || last > X64I_REPLAY_STEPS) {
        (void)printf("%.*s\terror: the line is not hex, n1, n2 with n1 < n2\n", (int)length, line);
        return;
    }
    request.first = (unsigned)first;
    request.last = (unsigned)last;
    if (x64i_replay_run(replay, code, size, &request, &result) == X64_OK)
        (void)printf("%.*s\t%.4f\n", (int)length, line, result.cycles);
    else
        (void)printf("%.*s\terror: %s\n", (int)length, line, result.problem);
}

int cli_cycles(int argc, char **argv)
{
    const char *core = argc == 4 ? argv[3] : "golden_cove";
    if (argc < 2 || strcmp(argv[1], "--batch") != 0)
        return cli_fail(CLI_USAGE, "cycles: --batch");
    struct x64i_replay *replay;
    if (x64i_replay_create(core, &replay) != X64_OK)
        return cli_fail(CLI_USAGE, "cycles: no core '%s'", core);
    char *line = malloc(LINE_SIZE);
    while (line && fgets(line, LINE_SIZE, stdin))
        answer_line(replay, line);
    free(line);
    x64i_replay_destroy(replay);
    return CLI_DONE;
}
