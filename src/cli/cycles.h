/* SPDX-License-Identifier: MIT */
/* What the files of `x64emu cycles` share. */
#ifndef X64I_CLI_CYCLES_H
#define X64I_CLI_CYCLES_H

#include "timing/replay.h"

#include <stdio.h>

/* The report on one block: cycles, bottleneck, ports, timeline. Answers a cli_status. */
int cli_cycles_report(const char *core, const uint8_t *code, size_t size, unsigned timeline);

/* x64emu cycles --ledger: argv as cli_cycles has it, without --ledger. */
int cli_cycles_ledger(int argc, char **argv);

#endif
