/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "x64emu_version.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>

static int cli_help(int argc, char **argv);
static int cli_version(int argc, char **argv);
static int cli_not_yet(int argc, char **argv);

static const struct cli_command commands[] = {
    {"trace", "show every instruction and what it does", cli_trace},
    {"record", "run a program and write a recording that trace reads", cli_record},
    {"run", "run a program", cli_run},
    {"eras", "list the built-in kernel entry images", cli_eras},
    {"boot", NULL, cli_not_yet},
    {"view", "step through a run in a window, both ways", cli_view},
    {"cycles", "how many cycles code takes", cli_cycles},
    {"bench", NULL, cli_not_yet},
    {"help", "this text", cli_help},
    {"version", "the version", cli_version},
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static const char usage[] = "usage: x64emu COMMAND [OPTION...] [--] [PROGRAM [ARG...]]\n"
                            "\n"
                            "Without PROGRAM, a built-in demo makes five system calls. PROGRAM is "
                            "an x86-64 ELF file or a\n"
                            "script; trace also takes a recording in its place.\n"
                            "\n"
                            "commands:\n";

static const char option_help[] =
    "\n"
    "options of trace, record and run:\n"
    "  --entry ERA            built-in kernel entry image (x64emu eras; default 6.1)\n"
    "  --kernel VMLINUZ       a stock kernel's image instead\n"
    "  --cpu MODEL            golden_cove (default), skylake, zen3, zen4\n"
    "  --mitigations LIST     none, or names of pti,pcid,ibrs,retpoline,verw,bhb (default none)\n"
    "  --memory SIZE          RAM, with K, M or G (default 64M; 256M with --kernel)\n"
    "  --limit N              stop after N steps\n"
    "  --env NAME=VALUE       an environment variable of the program; may be repeated\n"
    "  --guest-output FILE    where the program's output goes (trace, record: stderr, prefixed)\n"
    "  --root DIR             the guest's file system, read-only: what it changes stays its own\n"
    "                         (default: the program, its interpreter and libraries)\n"
    "  --bind HOST:GUEST[:rw] opens a file or directory of the host besides; may be repeated\n"
    "  --tasks N              tasks at the same time (default and at most 256)\n"
    "options of trace:\n"
    "  --format FORMAT        text (default), jsonl, html: one page for a browser, perfetto:\n"
    "                         for ui.perfetto.dev, or kanata: for Konata\n"
    "  -o FILE                write the trace to FILE, which is replaced only when all went well\n"
    "  --only entry           only what happens between entering the kernel and returning\n"
    "  --syscall NAME         only the steps of this system call\n"
    "  --compare A[:MITIGATIONS] B[:MITIGATIONS]\n"
    "                         two kernels side by side, by what their steps are for: eras or paths "
    "of\n"
    "                         images, as 4.9 6.1:pti+pcid; with --syscall, its instructions too\n"
    "  --bytes                show the instructions' bytes\n"
    "  --waits                show each step's own cycles and what it waited for\n"
    "  --color WHEN           auto (default), always or never\n"
    "options of record:\n"
    "  -o FILE                the recording (needed)\n"
    "options of view:\n"
    "  --compare A[:MITIGATIONS] B[:MITIGATIONS]\n"
    "                         two kernels side by side in one window, stepping both\n"
    "  --script FILE          do the commands of FILE first (? in the window lists them)\n"
    "  --headless             no window: the script is all there is, and nothing is asked\n"
    "  -o FILE                where W (save) puts the recording; else a free name, as x64emu.rec\n"
    "  --keys FILE            other keys, a line of KEY COMMAND each\n"
    "  --font FILE, --size WxH, --scale 1 to 4, --theme dark|light, --still (no animations),\n"
    "  --frame-times (how long they took)\n"
    "options of run:\n"
    "  -s                     print system calls on stderr\n"
    "  -c                     count them, with a table on stderr at the end\n"
    "  --output SIZE          ends a guest that writes more than this to its terminal\n"
    "\n"
    "options of cycles (docs/cycles.md):\n"
    "  --code HEX             predict a block's cycles, or\n"
    "  --elf FILE             code from a file: --symbol NAME, or --from ADDRESS --to ADDRESS\n"
    "  --timeline N           show so many copies cycle by cycle (default 2)\n"
    "  --batch                read lines of hex, n1, n2 and answer each with its cycles\n"
    "  --core NAME            golden_cove (default) or skylake\n"
    "  --ledger [--csv]       what each phase of a system call costs, and each mitigation adds\n"
    "exit status: 0 done, 1 the guest faulted, 2 wrong usage or output that cannot be written,\n"
    "3 an input file was refused; run: the program's own, 128+N when signal N ended it, 125 for\n"
    "everything else\n";

static int cli_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)fputs(usage, stdout);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (commands[i].summary)
            (void)printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    (void)fputs(option_help, stdout);
    return CLI_DONE;
}

static int cli_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)puts("x64emu " X64EMU_VERSION);
    return CLI_DONE;
}

static int cli_not_yet(int argc, char **argv)
{
    (void)argc;
    return cli_fail(CLI_USAGE, "%s: not yet in this version; see x64emu help", argv[0]);
}

int cli_fail(int status, const char *format, ...)
{
    va_list arguments;
    char text[1024];
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    (void)fprintf(stderr, "x64emu: %s\n", text);
    return status;
}

/* What went to stdout has to be there before the status says that all is well. */
static int flush_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    return status == CLI_DONE ? cli_fail(CLI_USAGE, "stdout: cannot be written") : status;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    (void)signal(SIGPIPE, SIG_IGN);
    if (!name)
        return cli_fail(CLI_USAGE, "no command: try x64emu help");
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return flush_output(commands[i].run(argc - 1, argv + 1));
    return cli_fail(CLI_USAGE, "no command '%s': try x64emu help", name);
}
