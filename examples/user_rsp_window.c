/* SPDX-License-Identifier: MIT */
/* The window after SYSCALL in which the CPU is at CPL 0 with the user's RSP: where an exception
 * without a stack of its own would push onto memory that the user chose. */
#include <x64emu/x64emu.h>

#include <inttypes.h>
#include <stdio.h>

struct window {
    int instructions;
    bool open;
};

static void on_syscall(struct x64_machine *machine, void *user,
                       const struct x64_transfer_event *event)
{
    struct window *window = user;
    (void)machine;
    (void)event;
    window->open = true;
}

static void before(struct x64_machine *machine, void *user, uint64_t rip)
{
    struct window *window = user;
    struct x64_registers registers;
    const char *name = "?";
    uint64_t offset = 0;
    if (!window->open || x64_registers_read(machine, &registers) != X64_OK)
        return;
    uint64_t rsp = registers.gpr[X64_RSP];
    if (x64_stack_of(machine, rsp) != X64_STACK_USER) {
        printf("closed after %d instructions: RSP 0x%" PRIx64 "\n", window->instructions, rsp);
        x64_hook_stop(machine, 0);
        return;
    }
    (void)x64_symbol_at(machine, rip, &name, &offset);
    printf("CPL %d, RSP 0x%" PRIx64 " at %s+0x%" PRIx64 "\n", registers.cpl, rsp, name, offset);
    window->instructions++;
}

int main(void)
{
    const struct x64_config config = {.struct_size = sizeof config};
    const struct x64_kernel_config kernel = {.struct_size = sizeof kernel, .entry = "6.1"};
    struct x64_machine *machine;
    struct x64_stop stop;
    struct window window = {.open = false};
    if (x64_machine_create(&config, &machine) != X64_OK)
        return 1;
    if (x64_kernel_attach(machine, &kernel, NULL) != X64_OK ||
        x64_hook_add_syscall(machine, on_syscall, &window, NULL) != X64_OK ||
        x64_hook_add_instruction_before(machine, NULL, before, &window, NULL) != X64_OK ||
        x64_run(machine, 1000000, &stop) != X64_OK)
        return 1;
    x64_machine_destroy(machine);
    return stop.reason == X64_STOP_HOOK ? 0 : 1;
}
