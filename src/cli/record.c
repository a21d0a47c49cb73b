/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

int cli_record(int argc, char **argv)
{
    (void)argc;
    return cli_fail(CLI_USAGE, "%s: not yet in this version", argv[0]);
}
