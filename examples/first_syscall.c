/* SPDX-License-Identifier: MIT */
/* The smallest machine that makes a system call: the built-in demo, run until its first SYSCALL has
 * reached the kernel, shown effect by effect, and then stepped back out of it. */
#include "x64emu/x64emu.h"

#include <stdio.h>

#define SYSCALL_0 0x0f
#define SYSCALL_1 0x05

int main(void)
{
    struct x64_config config = {.struct_size = sizeof config};
    struct x64_kernel_config kernel = {.struct_size = sizeof kernel, .entry = "6.1"};
    struct x64_error_text error;
    struct x64_machine *machine;
    struct x64_step step = {0};

    if (x64_machine_create(&config, &machine) != X64_OK)
        return 1;
    if (x64_kernel_attach(machine, &kernel, &error) != X64_OK) {
        fprintf(stderr, "%s\n", error.text);
        x64_machine_destroy(machine);
        return 1;
    }
    while (!(step.length == 2 && step.bytes[0] == SYSCALL_0 && step.bytes[1] == SYSCALL_1))
        if (x64_step_observed(machine, &step, NULL) != X64_OK)
            break;

    printf("n = %llu, SYSCALL at 0x%llx:\n", (unsigned long long)step.number,
           (unsigned long long)step.rip);
    for (size_t i = 0; i < step.effect_count; i++) {
        const struct x64_effect *effect = &step.effects[i];
        if (effect->kind == X64_EFFECT_REGISTER)
            printf("  %s 0x%llx -> 0x%llx\n", x64_register_name((enum x64_register)effect->index),
                   (unsigned long long)effect->old, (unsigned long long)effect->value);
    }

    struct x64_registers registers;
    x64_step_back(machine);
    x64_registers_read(machine, &registers);
    printf("stepped back: n = %llu, CPL %u again\n", (unsigned long long)x64_steps(machine),
           registers.cpl);
    x64_machine_destroy(machine);
    return 0;
}
