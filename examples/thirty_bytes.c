/* SPDX-License-Identifier: MIT */
/* Thirty bytes of code: put them into memory, run them, look at the registers. */
#include <x64emu/x64emu.h>

#include <inttypes.h>
#include <stdio.h>

/* The tenth Fibonacci number:
 *     xor eax, eax; mov edx, 1; mov ecx, 10
 *  1: mov rsi, rax; add rsi, rdx; mov rax, rdx; mov rdx, rsi; dec ecx; jnz 1b; hlt; nop */
static const uint8_t code[30] = {0x31, 0xc0, 0xba, 1,    0,    0,    0,    0xb9, 10,   0,
                                 0,    0,    0x48, 0x89, 0xc6, 0x48, 0x01, 0xd6, 0x48, 0x89,
                                 0xd0, 0x48, 0x89, 0xf2, 0xff, 0xc9, 0x75, 0xf0, 0xf4, 0x90};

int main(void)
{
    const struct x64_config config = {.struct_size = sizeof config};
    struct x64_machine *machine;
    struct x64_registers registers;
    struct x64_stop stop;
    if (x64_machine_create(&config, &machine) != X64_OK)
        return 1;
    if (x64_memory_write_phys(machine, 0x1000, code, sizeof code) != X64_OK ||
        x64_machine_start(machine, 0x1000, 0x8000) != X64_OK ||
        x64_run(machine, 1000, &stop) != X64_OK ||
        x64_registers_read(machine, &registers) != X64_OK)
        return 1;
    if (stop.reason == X64_STOP_HALT)
        printf("halted after %" PRIu64 " steps, RAX = %" PRIu64 "\n", stop.steps,
               registers.gpr[X64_RAX]);
    x64_machine_destroy(machine);
    return 0;
}
