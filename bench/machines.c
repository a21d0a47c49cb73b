/* SPDX-License-Identifier: MIT */
/* Machines at the beginning of something to measure. */
#include "bench.h"

#include <stdio.h>

#define BOOT_STEPS 50000000u

static bool begin(struct x64_machine *machine, const struct bench_guest *guest, uint64_t rounds)
{
    struct x64_registers registers;
    size_t size = (size_t)(guest->end - guest->begin);
    if (x64_memory_write_phys(machine, BENCH_CODE, guest->begin, size) != X64_OK ||
        x64_machine_start(machine, BENCH_CODE, BENCH_STACK) != X64_OK ||
        x64_registers_read(machine, &registers) != X64_OK)
        return false;
    registers.gpr[X64_RDI] = rounds;
    return x64_registers_write(machine, &registers) == X64_OK;
}

struct x64_machine *bench_machine(const char *guest, uint64_t rounds, uint64_t interval,
                                  uint64_t memory_size)
{
    struct x64_config config = {
        .struct_size = sizeof config, .memory_size = memory_size, .history_interval = interval};
    const struct bench_guest *found = bench_guest_find(guest);
    struct x64_machine *machine;
    if (!found || x64_machine_create(&config, &machine) != X64_OK)
        return NULL;
    if (begin(machine, found, rounds))
        return machine;
    x64_machine_destroy(machine);
    return NULL;
}

/* Steps until the CPU is in user mode. */
static bool boot(struct x64_machine *machine)
{
    struct x64_registers registers;
    struct x64_stop stop;
    for (unsigned i = 0; i < BOOT_STEPS; i++) {
        if (x64_registers_read(machine, &registers) != X64_OK)
            return false;
        if (registers.cpl == 3)
            return true;
        if (x64_run(machine, 1, &stop) != X64_OK || stop.reason != X64_STOP_BUDGET)
            return false;
    }
    return false;
}

struct x64_machine *bench_kernel_machine(const struct x64_kernel_config *kernel, uint64_t interval,
                                         uint64_t memory_size)
{
    struct x64_config config = {
        .struct_size = sizeof config, .memory_size = memory_size, .history_interval = interval};
    struct x64_error_text error = {""};
    struct x64_machine *machine;
    if (x64_machine_create(&config, &machine) != X64_OK)
        return NULL;
    if (x64_kernel_attach(machine, kernel, &error) == X64_OK && boot(machine))
        return machine;
    (void)fprintf(stderr, "x64emu_bench: no user mode is reached. %s\n", error.text);
    x64_machine_destroy(machine);
    return NULL;
}
