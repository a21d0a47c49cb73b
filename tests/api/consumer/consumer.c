/* SPDX-License-Identifier: MIT */
/* A program outside of the tree: runs three instructions and asks what came of them. */
#include <x64emu/x64emu.h>

#include <stdio.h>

int main(void)
{
    static const uint8_t code[] = {0xb8, 20, 0, 0, 0, 0x83, 0xc0, 22, 0xeb, 0xfe};
    struct x64_config config = {0};
    struct x64_machine *machine;
    struct x64_registers registers;
    struct x64_stop stop;
    config.struct_size = sizeof config;
    if (x64_machine_create(&config, &machine) != X64_OK)
        return 1;
    if (x64_memory_write_phys(machine, 0x1000, code, sizeof code) != X64_OK ||
        x64_machine_start(machine, 0x1000, 0x8000) != X64_OK ||
        x64_run(machine, 10, &stop) != X64_OK || x64_registers_read(machine, &registers) != X64_OK)
        return 1;
    printf("rax = %d after %d steps\n", (int)registers.gpr[X64_RAX], (int)stop.steps);
    x64_machine_destroy(machine);
    return 0;
}
