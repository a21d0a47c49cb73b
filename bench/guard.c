/* SPDX-License-Identifier: MIT */
/*
 * The workloads of the guard (bench/guard), one a run: x64emu_bench_guard WORKLOAD. What is counted
 * is the host's instructions inside guard_measured; it prints the guest's steps that were made in
 * there. Without a workload it prints their names.
 */
#include "bench.h"

#include "timing/timing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WARM_STEPS 100000u

struct guard_workload {
    const char *name;
    const char *guest; /* null: the system calls of era 6.1 */
    uint64_t interval; /* of the history */
    uint64_t steps;    /* to measure */
    bool (*measure)(struct x64_machine *machine, uint64_t steps);
};

static bool run_all(struct x64_machine *machine, uint64_t steps)
{
    return x64_run(machine, steps, NULL) == X64_OK;
}

static bool step_each(struct x64_machine *machine, uint64_t steps)
{
    enum x64_status status = X64_OK;
    for (uint64_t i = 0; i < steps && status == X64_OK; i++)
        status = x64_run(machine, 1, NULL);
    return status == X64_OK;
}

static bool observe_each(struct x64_machine *machine, uint64_t steps)
{
    struct x64_step step;
    enum x64_status status = X64_OK;
    for (uint64_t i = 0; i < steps && status == X64_OK; i++)
        status = x64_step_observed(machine, &step, NULL);
    return status == X64_OK;
}

/* The cycle model's part and its making too. */
static bool time_each(struct x64_machine *machine, uint64_t steps)
{
    struct x64i_timing *timing;
    struct x64_step step;
    enum x64_status status = x64i_timing_create("golden_cove", &timing);
    if (status != X64_OK)
        return false;
    for (uint64_t i = 0; i < steps && status == X64_OK; i++) {
        status = x64_step_observed(machine, &step, NULL);
        if (status == X64_OK)
            (void)x64i_timing_retire(timing, &step);
    }
    x64i_timing_destroy(timing);
    return status == X64_OK;
}

/* Back to the middle of what was run and then step by step, as often as is asked for. */
static bool go_back(struct x64_machine *machine, uint64_t steps)
{
    enum x64_status status = x64_goto(machine, x64_steps(machine) / 2);
    for (uint64_t i = 0; i < steps && status == X64_OK; i++)
        status = x64_step_back(machine);
    return status == X64_OK;
}

static const struct guard_workload workloads[] = {
    {"integer", "integer", BENCH_NO_HISTORY, 1000000, run_all},
    {"memory", "memory", BENCH_NO_HISTORY, 500000, run_all},
    {"calls", "calls", BENCH_NO_HISTORY, 500000, run_all},
    {"syscalls", NULL, BENCH_NO_HISTORY, 200000, run_all},
    {"stepped", "memory", BENCH_NO_HISTORY, 50000, step_each},
    {"observed", "memory", BENCH_NO_HISTORY, 50000, observe_each},
    {"timed", "memory", BENCH_NO_HISTORY, 50000, time_each},
    {"recorded", "memory", 0, 500000, run_all},
    {"back", "calls", 0, 500, go_back},
};

#define WORKLOAD_COUNT (sizeof workloads / sizeof workloads[0])

/* Not static and never inlined: its name is what callgrind is told. */
bool guard_measured(const struct guard_workload *workload, struct x64_machine *machine);
__attribute__((noinline)) bool guard_measured(const struct guard_workload *workload,
                                              struct x64_machine *machine)
{
    return workload->measure(machine, workload->steps);
}

static struct x64_machine *prepare(const struct guard_workload *workload)
{
    struct x64_kernel_config kernel = {.struct_size = sizeof kernel,
                                       .entry = "6.1",
                                       .mitigations = X64_MITIGATION_PTI | X64_MITIGATION_PCID,
                                       .program = BENCH_SYSCALLS};
    struct x64_registers registers;
    if (workload->guest)
        return bench_machine(workload->guest, UINT32_MAX, workload->interval, BENCH_MEMORY);
    struct x64_machine *machine = bench_kernel_machine(&kernel, workload->interval, 0);
    if (!machine || x64_registers_read(machine, &registers) != X64_OK)
        return machine;
    registers.gpr[X64_RBX] = UINT32_MAX;
    (void)x64_registers_write(machine, &registers);
    return machine;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < WORKLOAD_COUNT; i++) {
        const struct guard_workload *workload = &workloads[i];
        if (argc != 2) {
            (void)puts(workload->name);
            continue;
        }
        if (strcmp(workload->name, argv[1]) != 0)
            continue;
        struct x64_machine *machine = prepare(workload);
        bool done = machine && x64_run(machine, WARM_STEPS, NULL) == X64_OK &&
                    guard_measured(workload, machine);
        x64_machine_destroy(machine);
        if (done)
            (void)printf("%" PRIu64 "\n", workload->steps);
        return done ? 0 : 1;
    }
    return argc == 2 ? 2 : 0;
}
