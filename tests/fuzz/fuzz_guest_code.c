/* SPDX-License-Identifier: MIT */
/*
 * Guest code from an enemy, with every right that CPL 0 gives: it may do anything to its machine
 * and nothing to the host, and a saved past must still be reached.
 */
#include "x64emu/machine.h"

#define CODE  0x1000
#define STACK 0x80000
#define STEPS 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct x64_config config = {
        .struct_size = sizeof config, .memory_size = 1 << 20, .history_interval = 256};
    struct x64_machine *machine;
    struct x64_stop stop;
    struct x64_step step;

    if (size > STACK - CODE || x64_machine_create(&config, &machine) != X64_OK)
        return 0;
    if (size > 0)
        (void)x64_memory_write_phys(machine, CODE, data, size);
    (void)x64_machine_start(machine, CODE, STACK);
    (void)x64_run(machine, STEPS, &stop);
    (void)x64_step_observed(machine, &step, &stop);
    (void)x64_step_back(machine);
    x64_machine_destroy(machine);
    return 0;
}
