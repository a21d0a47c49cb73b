/* SPDX-License-Identifier: MIT */
/*
 * The benchmark: rows of a table (rows.def), each measured a few times in turn with a peer, printed
 * as medians beside the figures that the project promises.
 */
#ifndef X64_BENCH_BENCH_H
#define X64_BENCH_BENCH_H

#include "guests.h"

#include "x64emu/x64emu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_journey;
struct bench_viewer;

struct bench_context {
    const char *peer;              /* path of the peer's program, or null */
    const char *stock;             /* path of a stock kernel's image, or null */
    const char *viewer;            /* path of x64emu, or null */
    double seconds;                /* that one repetition of a rate takes, about */
    uint64_t journey_length;       /* instructions of the long run in which to go back */
    struct bench_journey *journey; /* that run, once it was made */
    struct bench_viewer *viewed;   /* what was measured of the viewer, once it was looked at */
};

enum bench_wanted { BENCH_REPORTED, BENCH_AT_LEAST, BENCH_AT_MOST };

struct bench_row {
    const char *name;
    const char *unit;
    enum bench_wanted wanted;
    double target;
    const char *argument; /* a guest's name, or what else the function asks for */
    /* One of the two. A rate does `count` rounds and answers units of work and nanoseconds; its row
     * is in millions of units a second. A value is its figure. False: it cannot be measured here.
     */
    bool (*rate)(const struct bench_context *context, const char *argument, uint64_t count,
                 double *work, double *ns);
    bool (*value)(struct bench_context *context, const char *argument, double *figure);
    const char *peer_mode; /* the peer's word for the same, or null */
    unsigned repetitions;
};

/* Rates. */
bool bench_plain(const struct bench_context *context, const char *guest, uint64_t rounds,
                 double *work, double *ns);
bool bench_observed(const struct bench_context *context, const char *guest, uint64_t steps,
                    double *work, double *ns);
bool bench_timed(const struct bench_context *context, const char *guest, uint64_t steps,
                 double *work, double *ns);
bool bench_stepped(const struct bench_context *context, const char *guest, uint64_t steps,
                   double *work, double *ns);
bool bench_hooked(const struct bench_context *context, const char *guest, uint64_t steps,
                  double *work, double *ns);
bool bench_syscalls_era(const struct bench_context *context, const char *era, uint64_t calls,
                        double *work, double *ns);
bool bench_syscalls_stock(const struct bench_context *context, const char *unused, uint64_t calls,
                          double *work, double *ns);

/* Values. */
bool bench_recording(struct bench_context *context, const char *guest, double *percent);
bool bench_goto(struct bench_context *context, const char *quantile, double *ms);
bool bench_step_back(struct bench_context *context, const char *quantile, double *ms);
bool bench_history_memory(struct bench_context *context, const char *guest, double *mib);
bool bench_idle_memory(struct bench_context *context, const char *era, double *mib);
bool bench_fork(struct bench_context *context, const char *era, double *us);
bool bench_forks_time(struct bench_context *context, const char *era, double *ms);
bool bench_forks_memory(struct bench_context *context, const char *era, double *kib);
bool bench_viewer(struct bench_context *context, const char *what, double *figure);

void bench_journey_destroy(struct bench_journey *journey);

/* A machine at the beginning of a guest; null when it cannot be made. An interval of 0 is the
 * default one, BENCH_NO_HISTORY keeps no history. */
#define BENCH_NO_HISTORY UINT64_MAX
struct x64_machine *bench_machine(const char *guest, uint64_t rounds, uint64_t interval,
                                  uint64_t memory_size);

/* A machine at the first instruction of a program in user mode; null as above. */
struct x64_machine *bench_kernel_machine(const struct x64_kernel_config *kernel, uint64_t interval,
                                         uint64_t memory_size);

/* Nanoseconds of CPU time of this process: what else runs on the machine does not count. */
double bench_now(void);

/* Sorts the values and answers the one at `quantile`, from 0 to 1. */
double bench_quantile(double *values, size_t count, double quantile);

/* Memory that this process has in RAM, in bytes. */
double bench_resident(void);

/* The CPUs that this process may use, compared a moment ago. */
struct bench_cpus {
    unsigned count;
    unsigned chosen; /* the fastest one's number */
    double spread;   /* how many times as long as on it the same work took on the slowest */
};

/* Moves this process, and the peers it will start, to the CPU that is fastest now. A count of 0:
 * nothing could be compared, and the process runs wherever it did. */
void bench_choose_cpu(const struct bench_context *context, struct bench_cpus *cpus);

/* Prints what this is measured on. */
void bench_print_host(const struct bench_context *context);

/* Has the peer do `count` rounds of a guest; answers its nanoseconds. */
bool bench_peer(const struct bench_context *context, const char *mode, const char *guest,
                uint64_t count, double *ns);

#endif
