/* SPDX-License-Identifier: MIT */
/*
 * x64emu cycles --ledger: what each phase of a system call costs on a core, and what each
 * mitigation adds to it: the program runs once without any, then once with each. A phase costs what
 * it costs in the call where it costs the least: others found their code and data in no cache yet.
 */
#include "cli/cycles.h"

#include "cli/cli.h"
#include "trace/trips.h"

#include <stdlib.h>
#include <string.h>

/* The runs: mitigations that have a price of their own, and what they are compared with. */
static const struct column {
    const char *mitigations;
    unsigned base; /* column it is compared with */
} columns[] = {
    {"none", 0},      {"pti", 0},  {"pti,pcid", 0}, {"ibrs", 0},
    {"retpoline", 0}, {"verw", 0}, {"bhb", 0},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

struct ledger {
    struct x64i_phase_cost phase[COLUMNS][X64I_PHASE_COUNT];
    uint64_t calls[COLUMNS];
    const char *core;
};

static enum x64_status follow(struct cli_guest *guest, uint64_t limit, struct x64i_trips *trips,
                              struct x64_stop *stop)
{
    struct x64_step step;
    enum x64_status status = X64_OK;
    *stop = (struct x64_stop){.reason = X64_STOP_BUDGET};
    for (uint64_t left = limit; left > 0 && status == X64_OK && stop->reason == X64_STOP_BUDGET;
         left--) {
        status = x64_step_observed(guest->machine, &step, stop);
        if (status == X64_OK)
            status = x64i_trips_step(trips, &step);
        else if (status == X64_ERROR_STATE && stop->reason != X64_STOP_BUDGET)
            status = X64_OK;
    }
    return status == X64_OK ? x64i_trips_finish(trips) : status;
}

static void book_phase(struct x64i_phase_cost *least, const struct x64i_phase_cost *cost,
                       bool first)
{
    if (first || cost->cycles < least->cycles)
        *least = *cost;
}

static void book(struct ledger *ledger, unsigned column, const struct x64i_trips *trips,
                 const char *syscall)
{
    ledger->core = trips->core;
    for (size_t i = 0; i < trips->count; i++) {
        if (!trips->trip[i].returned || (syscall && strcmp(trips->trip[i].name, syscall) != 0))
            continue;
        ledger->calls[column]++;
        for (unsigned phase = 0; phase < X64I_PHASE_COUNT; phase++)
            book_phase(&ledger->phase[column][phase], &trips->trip[i].cost[phase],
                       ledger->calls[column] == 1);
    }
}

static int run_column(struct ledger *ledger, unsigned column, const struct cli_options *options)
{
    struct cli_options own = *options;
    struct cli_guest guest = {.prefixed = true};
    struct x64i_trips *trips = NULL;
    struct x64_stop stop;
    struct x64_error_text error;
    own.mitigations = columns[column].mitigations;
    if (x64_mitigations_parse(own.mitigations, &own.kernel.mitigations, &error) != X64_OK)
        return cli_fail(CLI_USAGE, "--ledger: %s", error.text);
    int status = cli_guest_open(&guest, &own);
    if (status != CLI_DONE)
        return status;
    enum x64_status made = x64i_trips_create(guest.machine, NULL, &trips);
    if (made == X64_OK)
        made = follow(&guest, own.limit, trips, &stop);
    if (made == X64_OK) {
        book(ledger, column, trips, options->syscall);
        status = cli_guest_verdict(&guest, &own, &stop);
    } else {
        status = cli_fail(CLI_USAGE, "the run ended early: %s", x64_status_string(made));
    }
    x64i_trips_destroy(trips);
    return cli_guest_close(&guest, status);
}

static long long cycles_of(const struct ledger *ledger, unsigned column, unsigned phase)
{
    return (long long)ledger->phase[column][phase].cycles;
}

/* Most of it by instructions whose figures are estimates. */
static bool is_estimated(const struct ledger *ledger, unsigned column, unsigned phase)
{
    return 2 * ledger->phase[column][phase].estimated > ledger->phase[column][phase].cycles;
}

static bool is_modelled(enum x64i_phase phase)
{
    return phase != X64I_PHASE_CALL;
}

static void print_csv(const struct ledger *ledger)
{
    (void)printf("core,mitigations,calls,phase,cycles,more_than_none,estimated,modelled\n");
    for (unsigned column = 0; column < COLUMNS; column++)
        for (unsigned phase = 0; phase < X64I_PHASE_COUNT; phase++)
            (void)printf("\"%s\",\"%s\",%llu,%s,%lld,%lld,%llu,%s\n", ledger->core,
                         columns[column].mitigations, (unsigned long long)ledger->calls[column],
                         x64i_phase_name((enum x64i_phase)phase), cycles_of(ledger, column, phase),
                         cycles_of(ledger, column, phase) -
                             cycles_of(ledger, columns[column].base, phase),
                         (unsigned long long)ledger->phase[column][phase].estimated,
                         is_modelled((enum x64i_phase)phase) ? "yes" : "no");
}

static void print_row(const struct ledger *ledger, unsigned phase, long long sums[COLUMNS])
{
    (void)printf("%-14s", x64i_phase_title((enum x64i_phase)phase));
    for (unsigned column = 0; column < COLUMNS; column++) {
        (void)printf(" %9lld%c", cycles_of(ledger, column, phase),
                     is_estimated(ledger, column, phase) ? '~' : ' ');
        sums[column] += cycles_of(ledger, column, phase);
    }
    (void)printf("%s\n", is_modelled((enum x64i_phase)phase)
                             ? ""
                             : "  C not modelled where the mini-kernel answers");
}

static void print_text(const struct ledger *ledger, const char *kernel)
{
    long long sums[COLUMNS] = {0};
    (void)printf(
        "cycles a system call on %s, kernel %s: the least of %llu calls, by phase\n\n%-14s",
        ledger->core, kernel, (unsigned long long)ledger->calls[0], "phase");
    for (unsigned column = 0; column < COLUMNS; column++)
        (void)printf(" %9s ", columns[column].mitigations);
    (void)printf("\n");
    for (unsigned phase = 0; phase < X64I_PHASE_COUNT; phase++)
        print_row(ledger, phase, sums);
    (void)printf("%-14s", "all");
    for (unsigned column = 0; column < COLUMNS; column++)
        (void)printf(" %9lld ", sums[column]);
    (void)printf("\n%-14s", "more than none");
    for (unsigned column = 0; column < COLUMNS; column++)
        (void)printf(" %+9lld ", sums[column] - sums[columns[column].base]);
    (void)printf("\n\n~ most of it by instructions whose figures are estimates: docs/cycles.md\n");
}

int cli_cycles_ledger(int argc, char **argv)
{
    struct cli_options options;
    bool csv = false;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--csv") == 0) {
            csv = true;
            for (int k = i--; k + 1 < argc; k++)
                argv[k] = argv[k + 1];
            argc--;
        }
    int status = cli_options_read(&options, "ekcMlEyg", argc, argv);
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger)
        return cli_fail(CLI_USAGE, "cycles: out of memory");
    for (unsigned column = 0; column < COLUMNS && status == CLI_DONE; column++)
        status = run_column(ledger, column, &options);
    if (status == CLI_DONE && !ledger->calls[0])
        status = cli_fail(CLI_USAGE, "--ledger: no system call to book");
    if (status == CLI_DONE && csv)
        print_csv(ledger);
    else if (status == CLI_DONE)
        print_text(ledger, cli_kernel_name(&options));
    free(ledger);
    return status;
}
