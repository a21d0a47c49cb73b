/* SPDX-License-Identifier: MIT */
/*
 * Which CPU to measure on. CPUs of one machine differ: a virtual CPU may share its core with a busy
 * neighbour that no count of this system shows, and then does half the work in the same CPU time.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sched.h>
#include <stdio.h>

#define PROBE_GUEST  "integer"
#define PROBE_ROUNDS 200000u
#define PROBES       3

static cpu_set_t allowed; /* the CPUs that this process was started with */
static bool known;

/* Nanoseconds of CPU time for a piece of emulated code, the least of a few; 0 when there are none.
 */
static double probe(const struct bench_context *context, unsigned cpu)
{
    double best = 0, work, ns;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        return 0;
    for (unsigned i = 0; i < PROBES; i++)
        if (bench_plain(context, PROBE_GUEST, PROBE_ROUNDS, &work, &ns) && (best == 0 || ns < best))
            best = ns;
    return best;
}

void bench_choose_cpu(const struct bench_context *context, struct bench_cpus *cpus)
{
    *cpus = (struct bench_cpus){0};
    if (!known && sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    known = true;
    double least = 0, most = 0;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        double ns = CPU_ISSET(cpu, &allowed) ? probe(context, cpu) : 0;
        if (ns == 0)
            continue;
        cpus->count++;
        if (least == 0 || ns < least) {
            least = ns;
            cpus->chosen = cpu;
        }
        if (ns > most)
            most = ns;
    }
    cpus->spread = least > 0 ? most / least : 1;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpus->chosen, &one);
    (void)sched_setaffinity(0, cpus->count ? sizeof one : sizeof allowed,
                            cpus->count ? &one : &allowed);
}
