/* SPDX-License-Identifier: MIT */
/* Who writes LSTAR? A hook on that one MSR while a kernel sets itself up: a stock one, whose
 * vmlinuz is the argument, or the built-in 6.1. */
#include <x64emu/x64emu.h>

#include <inttypes.h>
#include <stdio.h>

#define LSTAR 0xc0000082u

static void print_symbol(struct x64_machine *machine, uint64_t linear)
{
    const char *name;
    uint64_t offset;
    if (x64_symbol_at(machine, linear, &name, &offset) == X64_OK)
        printf("%s+0x%" PRIx64, name, offset);
    else
        printf("0x%" PRIx64, linear);
}

static void on_lstar(struct x64_machine *machine, void *user, const struct x64_msr_event *event)
{
    (void)user;
    printf("LSTAR = ");
    print_symbol(machine, event->value);
    printf(", written at ");
    print_symbol(machine, event->step->rip);
    printf(", step %" PRIu64 "\n", event->step->number);
    x64_hook_stop(machine, 0);
}

int main(int argc, char **argv)
{
    const struct x64_config config = {.struct_size = sizeof config,
                                      .memory_size = UINT64_C(256) << 20};
    const struct x64_kernel_config kernel = {.struct_size = sizeof kernel,
                                             .kernel = argc > 1 ? argv[1] : NULL};
    const struct x64_range lstar = {LSTAR, LSTAR};
    struct x64_error_text error = {""};
    struct x64_machine *machine;
    struct x64_stop stop = {.reason = X64_STOP_BUDGET};
    if (x64_machine_create(&config, &machine) != X64_OK)
        return 1;
    if (x64_kernel_attach(machine, &kernel, &error) != X64_OK)
        fprintf(stderr, "%s\n", error.text);
    else if (x64_hook_add_msr_write(machine, &lstar, on_lstar, NULL, NULL) == X64_OK)
        (void)x64_run(machine, 10000000, &stop);
    x64_machine_destroy(machine);
    return stop.reason == X64_STOP_HOOK ? 0 : 1;
}
