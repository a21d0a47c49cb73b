/* SPDX-License-Identifier: MIT */
/* Going back in a long run. */
#include "bench.h"

#include <stdlib.h>

#define SAMPLES 400

struct bench_journey {
    struct x64_machine *machine;
    double jumps[SAMPLES];
    double steps_back[SAMPLES];
};

/* The same numbers in every run. */
static uint64_t random_below(uint64_t *state, uint64_t limit)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 16) % limit;
}

static bool sample(struct bench_journey *journey, uint64_t length)
{
    uint64_t seed = 1;
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t n = 1 + random_below(&seed, length - 1);
        double begin = bench_now();
        if (x64_goto(journey->machine, n) != X64_OK)
            return false;
        double middle = bench_now();
        if (x64_step_back(journey->machine) != X64_OK || x64_steps(journey->machine) != n - 1)
            return false;
        journey->jumps[i] = middle - begin;
        journey->steps_back[i] = bench_now() - middle;
    }
    return true;
}

static bool prepare(struct bench_context *context)
{
    if (context->journey)
        return true;
    struct bench_journey *journey = calloc(1, sizeof *journey);
    if (!journey)
        return false;
    context->journey = journey;
    journey->machine = bench_machine("memory", UINT32_MAX, 0, 0);
    bool made = journey->machine &&
                x64_run(journey->machine, context->journey_length, NULL) == X64_OK &&
                x64_steps(journey->machine) == context->journey_length;
    if (!made || !sample(journey, context->journey_length)) {
        bench_journey_destroy(journey);
        context->journey = NULL;
        return false;
    }
    return true;
}

void bench_journey_destroy(struct bench_journey *journey)
{
    if (!journey)
        return;
    x64_machine_destroy(journey->machine);
    free(journey);
}

static double milliseconds(double *samples, const char *quantile)
{
    return bench_quantile(samples, SAMPLES, strtod(quantile, NULL)) / 1e6;
}

bool bench_goto(struct bench_context *context, const char *quantile, double *ms)
{
    if (!prepare(context))
        return false;
    *ms = milliseconds(context->journey->jumps, quantile);
    return true;
}

bool bench_step_back(struct bench_context *context, const char *quantile, double *ms)
{
    if (!prepare(context))
        return false;
    *ms = milliseconds(context->journey->steps_back, quantile);
    return true;
}
