/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPETITIONS    5
#define FIRST_COUNT    256
#define JOURNEY_LENGTH 100000000u
#define PEER_PART      8 /* of our rounds: it is up to thirty times slower */

static const struct bench_row rows[] = {
#define BENCH_RATE(n, u, w, t, f, a, p) \
    {.name = (n),                       \
     .unit = (u),                       \
     .wanted = BENCH_##w,               \
     .target = (t),                     \
     .argument = (a),                   \
     .rate = bench_##f,                 \
     .peer_mode = (p),                  \
     .repetitions = REPETITIONS},
#define BENCH_VALUE(n, u, w, t, f, a, r) \
    {.name = (n),                        \
     .unit = (u),                        \
     .wanted = BENCH_##w,                \
     .target = (t),                      \
     .argument = (a),                    \
     .value = bench_##f,                 \
     .repetitions = (r)},
#include "rows.def"
#undef BENCH_RATE
#undef BENCH_VALUE
};

struct result {
    bool measured, has_peer;
    double figure, peer;
};

/* As many rounds as take about the time wished for: enough of them that what a run begins with,
 * decoding, hardly counts. */
static bool calibrate(const struct bench_context *context, const struct bench_row *row,
                      uint64_t *count)
{
    double work, ns;
    for (*count = FIRST_COUNT;; *count *= 4) {
        if (!row->rate(context, row->argument, *count, &work, &ns))
            return false;
        if (ns > context->seconds * 1e9 / 2)
            return true;
    }
}

static bool measure_rate(const struct bench_context *context, const struct bench_row *row,
                         struct result *result)
{
    double figures[REPETITIONS], peers[REPETITIONS], work, ns;
    uint64_t count;
    if (!calibrate(context, row, &count))
        return false;
    result->has_peer = row->peer_mode && context->peer;
    for (unsigned i = 0; i < row->repetitions; i++) {
        if (!row->rate(context, row->argument, count, &work, &ns))
            return false;
        figures[i] = work / ns * 1e3;
        uint64_t part = count / PEER_PART + 1;
        if (result->has_peer && !bench_peer(context, row->peer_mode, row->argument, part, &ns))
            return false;
        peers[i] = work * (double)part / (double)count / ns * 1e3;
    }
    result->figure = bench_quantile(figures, row->repetitions, 0.5);
    result->peer = bench_quantile(peers, row->repetitions, 0.5);
    return true;
}

static bool measure_value(struct bench_context *context, const struct bench_row *row,
                          struct result *result)
{
    double figures[REPETITIONS];
    for (unsigned i = 0; i < row->repetitions; i++)
        if (!row->value(context, row->argument, &figures[i]))
            return false;
    result->figure = bench_quantile(figures, row->repetitions, 0.5);
    return true;
}

static void print_row(const struct bench_row *row, const struct result *result)
{
    char target[32] = "", peer[32] = "", ratio[32] = "", figure[32] = "-";
    bool most = row->wanted == BENCH_AT_MOST;
    bool met = most ? result->figure <= row->target : result->figure >= row->target;
    if (row->wanted != BENCH_REPORTED)
        (void)snprintf(target, sizeof target, "%s %g", most ? "<=" : ">=", row->target);
    if (result->measured)
        (void)snprintf(figure, sizeof figure, "%.2f", result->figure);
    if (result->has_peer) {
        (void)snprintf(peer, sizeof peer, "%.2f", result->peer);
        (void)snprintf(ratio, sizeof ratio, "%.2f", result->figure / result->peer);
    }
    const char *verdict = !result->measured ? "not measured" : met ? "yes" : "NO";
    if (result->measured && row->wanted == BENCH_REPORTED)
        verdict = "";
    (void)printf("| %-26s | %9s | %-9s | %6s | %-12s | %8s | %5s |\n", row->name, figure, row->unit,
                 target, verdict, peer, ratio);
    (void)fflush(stdout);
}

static void print_heading(void)
{
    (void)printf("| %-26s | %9s | %-9s | %6s | %-12s | %8s | %5s |\n", "what", "figure", "unit",
                 "target", "met", "Unicorn", "ratio");
    (void)printf("|----------------------------|----------:|-----------|-------:|--------------|"
                 "---------:|------:|\n");
}

static void print_cpus(unsigned cpus, double spread)
{
    if (cpus > 1)
        (void)printf(
            "\nEach row ran on the CPU, of %u, that was fastest right before it; the slowest "
            "took up to %.2f times as long.\n",
            cpus, spread);
}

static void measure_all(struct bench_context *context, const char *only)
{
    struct bench_cpus cpus = {0};
    double spread = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct result result = {0};
        if (only && !strstr(rows[i].name, only))
            continue;
        bench_choose_cpu(context, &cpus);
        spread = cpus.spread > spread ? cpus.spread : spread;
        result.measured = rows[i].rate ? measure_rate(context, &rows[i], &result)
                                       : measure_value(context, &rows[i], &result);
        print_row(&rows[i], &result);
    }
    bench_journey_destroy(context->journey);
    free(context->viewed);
    print_cpus(cpus.count, spread);
}

static const char usage[] =
    "usage: x64emu_bench [OPTION...]\n"
    "  --peer PROGRAM       x64emu_bench_unicorn, to run in turn\n"
    "  --stock VMLINUZ      a stock kernel's image for the row of its system calls\n"
    "  --viewer PROGRAM     x64emu, for the rows of its viewer\n"
    "  --seconds S          that a repetition of a rate takes (default 0.4)\n"
    "  --only TEXT          only the rows with this in their name\n"
    "  --long-run N         instructions of the run in which to go back (default 100000000)\n";

int main(int argc, char **argv)
{
    static const struct option options[] = {{"peer", required_argument, NULL, 'p'},
                                            {"stock", required_argument, NULL, 'k'},
                                            {"viewer", required_argument, NULL, 'v'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"long-run", required_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    struct bench_context context = {.seconds = 0.4, .journey_length = JOURNEY_LENGTH};
    const char *only = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            context.peer = optarg;
            break;
        case 'k':
            context.stock = optarg;
            break;
        case 'v':
            context.viewer = optarg;
            break;
        case 's':
            context.seconds = strtod(optarg, NULL);
            break;
        case 'o':
            only = optarg;
            break;
        case 'l':
            context.journey_length = strtoull(optarg, NULL, 10);
            break;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    if (optind != argc || !(context.seconds > 0) || context.journey_length < 2) {
        (void)fputs(usage, stderr);
        return 2;
    }
    bench_print_host(&context);
    print_heading();
    measure_all(&context, only);
    return 0;
}
