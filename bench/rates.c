/* SPDX-License-Identifier: MIT */
/* Instructions and system calls a second. */
#include "bench.h"

#include "timing/timing.h"

#define STOCK_MEMORY    (UINT64_C(256) << 20)
#define RECORDING_TURNS 3u

/* Runs a guest to its HLT. */
static bool run_guest(const char *guest, uint64_t rounds, uint64_t interval, double *steps,
                      double *ns)
{
    struct x64_machine *machine = bench_machine(guest, rounds, interval, BENCH_MEMORY);
    struct x64_stop stop = {.steps = 0};
    if (!machine)
        return false;
    double begin = bench_now();
    enum x64_status status = x64_run(machine, UINT64_MAX, &stop);
    *ns = bench_now() - begin;
    *steps = (double)stop.steps;
    x64_machine_destroy(machine);
    return status == X64_OK && stop.reason == X64_STOP_HALT;
}

bool bench_plain(const struct bench_context *context, const char *guest, uint64_t rounds,
                 double *work, double *ns)
{
    (void)context;
    return run_guest(guest, rounds, BENCH_NO_HISTORY, work, ns);
}

bool bench_observed(const struct bench_context *context, const char *guest, uint64_t steps,
                    double *work, double *ns)
{
    (void)context;
    struct x64_machine *machine = bench_machine(guest, UINT32_MAX, BENCH_NO_HISTORY, BENCH_MEMORY);
    struct x64_step step;
    enum x64_status status = X64_OK;
    uint64_t effects = 0;
    if (!machine)
        return false;
    double begin = bench_now();
    for (uint64_t i = 0; i < steps && status == X64_OK; i++) {
        status = x64_step_observed(machine, &step, NULL);
        effects += step.effect_count;
    }
    *ns = bench_now() - begin;
    *work = (double)steps;
    x64_machine_destroy(machine);
    return status == X64_OK && effects >= steps;
}

bool bench_timed(const struct bench_context *context, const char *guest, uint64_t steps,
                 double *work, double *ns)
{
    (void)context;
    struct x64_machine *machine = bench_machine(guest, UINT32_MAX, BENCH_NO_HISTORY, BENCH_MEMORY);
    struct x64i_timing *timing = NULL;
    struct x64_step step;
    if (!machine)
        return false;
    enum x64_status status = x64i_timing_create("golden_cove", &timing);
    double begin = bench_now();
    for (uint64_t i = 0; i < steps && status == X64_OK; i++) {
        status = x64_step_observed(machine, &step, NULL);
        if (status == X64_OK)
            (void)x64i_timing_retire(timing, &step);
    }
    *ns = bench_now() - begin;
    *work = (double)steps;
    x64i_timing_destroy(timing);
    x64_machine_destroy(machine);
    return status == X64_OK;
}

bool bench_stepped(const struct bench_context *context, const char *guest, uint64_t steps,
                   double *work, double *ns)
{
    (void)context;
    struct x64_machine *machine = bench_machine(guest, UINT32_MAX, BENCH_NO_HISTORY, BENCH_MEMORY);
    enum x64_status status = X64_OK;
    if (!machine)
        return false;
    double begin = bench_now();
    for (uint64_t i = 0; i < steps && status == X64_OK; i++)
        status = x64_run(machine, 1, NULL);
    *ns = bench_now() - begin;
    *work = (double)steps;
    bool all = x64_steps(machine) == steps;
    x64_machine_destroy(machine);
    return status == X64_OK && all;
}

struct hook_count {
    uint64_t instructions;
};

static void count_instruction(struct x64_machine *machine, void *user, uint64_t rip)
{
    struct hook_count *count = user;
    (void)machine;
    (void)rip;
    count->instructions++;
}

bool bench_hooked(const struct bench_context *context, const char *guest, uint64_t steps,
                  double *work, double *ns)
{
    (void)context;
    struct x64_machine *machine = bench_machine(guest, UINT32_MAX, BENCH_NO_HISTORY, BENCH_MEMORY);
    struct hook_count count = {0};
    uint64_t handle;
    if (!machine)
        return false;
    enum x64_status status =
        x64_hook_add_instruction_before(machine, NULL, count_instruction, &count, &handle);
    double begin = bench_now();
    if (status == X64_OK)
        status = x64_run(machine, steps, NULL);
    *ns = bench_now() - begin;
    *work = (double)steps;
    x64_machine_destroy(machine);
    return status == X64_OK && count.instructions == steps;
}

/* Lets the program of syscalls.S make its calls, from user mode on. */
static bool run_syscalls(const struct x64_kernel_config *kernel, uint64_t memory, uint64_t calls,
                         double *ns)
{
    struct x64_machine *machine = bench_kernel_machine(kernel, BENCH_NO_HISTORY, memory);
    struct x64_registers registers;
    struct x64_stop stop = {.steps = 0};
    if (!machine)
        return false;
    enum x64_status status = x64_registers_read(machine, &registers);
    registers.gpr[X64_RBX] = calls;
    if (status == X64_OK)
        status = x64_registers_write(machine, &registers);
    double begin = bench_now();
    if (status == X64_OK)
        status = x64_run(machine, UINT64_MAX, &stop);
    *ns = bench_now() - begin;
    x64_machine_destroy(machine);
    return status == X64_OK && stop.reason == X64_STOP_EXIT && stop.code == 0;
}

bool bench_syscalls_era(const struct bench_context *context, const char *era, uint64_t calls,
                        double *work, double *ns)
{
    (void)context;
    struct x64_kernel_config kernel = {.struct_size = sizeof kernel,
                                       .entry = era,
                                       .mitigations = X64_MITIGATION_PTI | X64_MITIGATION_PCID,
                                       .program = BENCH_SYSCALLS};
    *work = (double)calls;
    return run_syscalls(&kernel, 0, calls, ns);
}

bool bench_syscalls_stock(const struct bench_context *context, const char *unused, uint64_t calls,
                          double *work, double *ns)
{
    (void)unused;
    struct x64_kernel_config kernel = {.struct_size = sizeof kernel,
                                       .kernel = context->stock,
                                       .mitigations = X64_MITIGATION_PTI | X64_MITIGATION_PCID,
                                       .program = BENCH_SYSCALLS};
    *work = (double)calls;
    return context->stock && run_syscalls(&kernel, STOCK_MEMORY, calls, ns);
}

/* The same guest with the history of a recording and without, in turns. The fastest of each count:
 * a neighbour on the core slows some of them, for longer than they take, and none is too fast. */
bool bench_recording(struct bench_context *context, const char *guest, double *percent)
{
    uint64_t rounds = 1000;
    double steps, ns, plain, recorded = 0;
    do {
        rounds *= 2;
        if (!run_guest(guest, rounds, BENCH_NO_HISTORY, &steps, &plain))
            return false;
    } while (plain < context->seconds * 1e9 / 2);
    for (unsigned turn = 0; turn < RECORDING_TURNS; turn++) {
        if (!run_guest(guest, rounds, 0, &steps, &ns))
            return false;
        recorded = turn == 0 || ns < recorded ? ns : recorded;
        if (!run_guest(guest, rounds, BENCH_NO_HISTORY, &steps, &ns))
            return false;
        plain = ns < plain ? ns : plain;
    }
    *percent = (recorded / plain - 1) * 100;
    return true;
}
