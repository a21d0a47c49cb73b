/* SPDX-License-Identifier: MIT */
/* What machines and forks cost in memory and time. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define IDLE_MEMORY (UINT64_C(256) << 20)
#define IDLE_STEPS  1000
#define FORKS       1000

static struct x64_machine *idle_machine(const char *era)
{
    struct x64_kernel_config kernel = {.struct_size = sizeof kernel, .entry = era};
    struct x64_machine *machine = era ? bench_kernel_machine(&kernel, 0, IDLE_MEMORY)
                                      : bench_machine("integer", UINT32_MAX, 0, IDLE_MEMORY);
    if (machine && x64_run(machine, era ? 0 : IDLE_STEPS, NULL) == X64_OK)
        return machine;
    x64_machine_destroy(machine);
    return NULL;
}

/* In a process of its own, whose heap has no holes that a machine could hide in. */
static bool in_child(bool (*measure)(const char *era, double *figure), const char *era,
                     double *figure)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        bool done = measure(era, figure) && write(ends[1], figure, sizeof *figure) > 0;
        _exit(done ? 0 : 1);
    }
    (void)close(ends[1]);
    bool got = child > 0 && read(ends[0], figure, sizeof *figure) == (ssize_t)sizeof *figure;
    (void)close(ends[0]);
    if (child > 0)
        (void)waitpid(child, NULL, 0);
    return got;
}

static bool measure_idle(const char *era, double *mib)
{
    double before = bench_resident();
    struct x64_machine *machine = idle_machine(era);
    *mib = (bench_resident() - before) / (1 << 20);
    return machine != NULL;
}

bool bench_idle_memory(struct bench_context *context, const char *era, double *mib)
{
    (void)context;
    return in_child(measure_idle, era, mib);
}

static uint64_t long_run;

/* What a long run leaves behind, to go back in. */
static bool measure_history(const char *guest, double *mib)
{
    double before = bench_resident();
    struct x64_machine *machine = bench_machine(guest, UINT32_MAX, 0, 0);
    bool done = machine && x64_run(machine, long_run, NULL) == X64_OK;
    *mib = (bench_resident() - before) / (1 << 20);
    return done;
}

bool bench_history_memory(struct bench_context *context, const char *guest, double *mib)
{
    long_run = context->journey_length;
    return in_child(measure_history, guest, mib);
}

struct forks {
    double times[FORKS]; /* of every fork, in nanoseconds */
    double total;        /* nanoseconds, steps of every fork included */
    double bytes;        /* that all of them take */
    struct x64_machine *machines[FORKS];
};

/* A thousand forks that live at the same time, each of which makes steps of its own. */
static bool make_forks(struct forks *forks, const char *era)
{
    struct x64_machine *machine = idle_machine(era);
    if (!machine)
        return false;
    double before = bench_resident();
    double begin = bench_now();
    for (unsigned i = 0; i < FORKS; i++) {
        double start = bench_now();
        if (x64_fork(machine, NULL, &forks->machines[i]) != X64_OK)
            return false;
        forks->times[i] = bench_now() - start;
        if (x64_run(forks->machines[i], i, NULL) != X64_OK)
            return false;
    }
    forks->total = bench_now() - begin;
    forks->bytes = bench_resident() - before;
    for (unsigned i = 0; i < FORKS; i++)
        x64_machine_destroy(forks->machines[i]);
    x64_machine_destroy(machine);
    return true;
}

static bool measure_fork(const char *era, double *us)
{
    static struct forks forks;
    if (!make_forks(&forks, era))
        return false;
    *us = bench_quantile(forks.times, FORKS, 0.5) / 1e3;
    return true;
}

static bool measure_forks_time(const char *era, double *ms)
{
    static struct forks forks;
    if (!make_forks(&forks, era))
        return false;
    *ms = forks.total / 1e6;
    return true;
}

static bool measure_forks_memory(const char *era, double *kib)
{
    static struct forks forks;
    if (!make_forks(&forks, era))
        return false;
    *kib = forks.bytes / FORKS / 1024;
    return true;
}

bool bench_fork(struct bench_context *context, const char *era, double *us)
{
    (void)context;
    return in_child(measure_fork, era, us);
}

bool bench_forks_time(struct bench_context *context, const char *era, double *ms)
{
    (void)context;
    return in_child(measure_forks_time, era, ms);
}

bool bench_forks_memory(struct bench_context *context, const char *era, double *kib)
{
    (void)context;
    return in_child(measure_forks_memory, era, kib);
}
