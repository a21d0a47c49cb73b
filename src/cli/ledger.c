/* SPDX-License-Identifier: MIT */
/*
 * x64emu cycles --ledger: what each phase of a system call costs on a core, and what each
 * mitigation adds to it: the program runs once without any, then once with each.
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

static void book(struct ledger *ledger, unsigned column, const struct x64i_trips *trips,
                 const char *syscall)
{
    ledger->core = trips->core;
    for (size_t i = 0; i < trips->count; i++) {
        if (!trips->trip[i].returned || (syscall && strcmp(trips->trip[i].name, syscall) != 0))
            continue;
        ledger->calls[column]++;
        for (unsigned phase = 0; phase < X64I_PHASE_COUNT; phase++)
            x64i_phase_cost_add(&ledger->phase[column][phase], &trips->trip[i].cost[phase]);
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

static double mean(const struct ledger *ledger, unsigned column, unsigned phase)
{
    if (!ledger->calls[column])
        return 0;
    return (double)ledger->phase[column][phase].cycles / (double)ledger->calls[column];
}

static bool is_modelled(enum x64i_phase phase)
{
    return phase != X64I_PHASE_CALL;
}

static void print_csv(const struct ledger *ledger)
{
    (void)printf("core,mitigations,calls,phase,cycles,more_than_none,modelled\n");
    for (unsigned column = 0; column < COLUMNS; column++)
        for (unsigned phase = 0; phase < X64I_PHASE_COUNT; phase++)
            (void)printf("\"%s\",\"%s\",%llu,%s,%.1f,%.1f,%s\n", ledger->core,
                         columns[column].mitigations, (unsigned long long)ledger->calls[column],
                         x64i_phase_name((enum x64i_phase)phase), mean(ledger, column, phase),
                         mean(ledger, column, phase) - mean(ledger, columns[column].base, phase),
                         is_modelled((enum x64i_phase)phase) ? "yes" : "no");
}

static void print_text(const struct ledger *ledger, const char *kernel)
{
    double sums[COLUMNS] = {0};
    (void)printf("cycles a system call on %s, kernel %s: the mean of %llu calls\n\n%-14s",
                 ledger->core, kernel, (unsigned long long)ledger->calls[0], "phase");
    for (unsigned column = 0; column < COLUMNS; column++)
        (void)printf(" %10s", columns[column].mitigations);
    (void)printf("\n");
    for (unsigned phase = 0; phase < X64I_PHASE_COUNT; phase++) {
        (void)printf("%-14s", x64i_phase_title((enum x64i_phase)phase));
        for (unsigned column = 0; column < COLUMNS; column++) {
            (void)printf(" %10.1f", mean(ledger, column, phase));
            sums[column] += mean(ledger, column, phase);
        }
        (void)printf("%s\n", is_modelled((enum x64i_phase)phase)
                                 ? ""
                                 : "  not modelled where the mini-kernel answers");
    }
    (void)printf("%-14s", "all");
    for (unsigned column = 0; column < COLUMNS; column++)
        (void)printf(" %10.1f", sums[column]);
    (void)printf("\n%-14s", "more than none");
    for (unsigned column = 0; column < COLUMNS; column++)
        (void)printf(" %+10.1f", sums[column] - sums[columns[column].base]);
    (void)printf("\n\nSYSCALL, SYSRET, SWAPGS, WRMSR and MOV to CR3 have estimated costs: "
                 "docs/cycles.md\n");
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
