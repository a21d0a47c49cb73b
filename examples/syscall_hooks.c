/* SPDX-License-Identifier: MIT */
/* A system call traced with hooks: the way in, every push of the kernel, and the way out. */
#include <x64emu/x64emu.h>

#include <inttypes.h>
#include <stdio.h>

static void on_syscall(struct x64_machine *machine, void *user,
                       const struct x64_transfer_event *event)
{
    struct x64_registers registers;
    bool *inside = user;
    if (x64_registers_read(machine, &registers) != X64_OK)
        return;
    *inside = true;
    printf("SYSCALL at 0x%" PRIx64 ": call %" PRIu64 ", CPL %d -> %d, to 0x%" PRIx64 "\n",
           event->step->rip, registers.gpr[X64_RAX], event->step->cpl, event->cpl, event->target);
}

static void on_swapgs(struct x64_machine *machine, void *user, const struct x64_swapgs_event *event)
{
    (void)machine;
    if (*(const bool *)user)
        printf("  swapgs: GS base 0x%" PRIx64 " -> 0x%" PRIx64 "\n", event->old_base,
               event->new_base);
}

static void on_write(struct x64_machine *machine, void *user, const struct x64_memory_event *event)
{
    char name[64];
    if (*(const bool *)user && x64_slot_name(machine, event->linear, name, sizeof name) > 0)
        printf("  %-20s = 0x%" PRIx64 "\n", name, event->value);
}

static void on_sysret(struct x64_machine *machine, void *user,
                      const struct x64_transfer_event *event)
{
    (void)user;
    printf("SYSRET to 0x%" PRIx64 ", CPL %d again\n", event->target, event->cpl);
    x64_hook_stop(machine, 0);
}

int main(void)
{
    const struct x64_config config = {.struct_size = sizeof config};
    const struct x64_kernel_config kernel = {.struct_size = sizeof kernel, .entry = "6.1"};
    struct x64_machine *machine;
    struct x64_stop stop;
    bool inside = false;
    if (x64_machine_create(&config, &machine) != X64_OK)
        return 1;
    if (x64_kernel_attach(machine, &kernel, NULL) != X64_OK ||
        x64_hook_add_syscall(machine, on_syscall, &inside, NULL) != X64_OK ||
        x64_hook_add_swapgs(machine, on_swapgs, &inside, NULL) != X64_OK ||
        x64_hook_add_memory_write(machine, NULL, on_write, &inside, NULL) != X64_OK ||
        x64_hook_add_sysret(machine, on_sysret, NULL, NULL) != X64_OK ||
        x64_run(machine, 1000000, &stop) != X64_OK)
        return 1;
    x64_machine_destroy(machine);
    return stop.reason == X64_STOP_HOOK ? 0 : 1;
}
