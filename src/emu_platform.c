/* SPDX-License-Identifier: MIT */
/* Where CPU and devices meet: ports, the interrupt line, sleep, the serial console. */
#include "machine.h"

/* A sleeping CPU asks the devices this often in vain (nobody typed) before the run is ended. */
#define SLEEP_ATTEMPTS 65536

/* The fixed time of day of a machine that asks nobody: emu_input.c's. */
#define START_SECONDS INT64_C(1670796918)

static uint64_t clock_now(const struct x64_machine *machine)
{
    return x64i_cpu_clock(&machine->cpu);
}

void x64i_machine_forget_interrupts(struct x64_machine *machine)
{
    machine->interrupts.known = false;
}

static bool interrupt_pending(void *user)
{
    struct x64_machine *machine = user;
    uint64_t now = clock_now(machine);
    if (!machine->interrupts.known || now >= machine->interrupts.deadline) {
        machine->interrupts.pending = x64i_platform_interrupt_pending(&machine->platform, now);
        machine->interrupts.deadline = x64i_platform_next_deadline(&machine->platform);
        machine->interrupts.known = true;
    }
    return machine->interrupts.pending;
}

static uint8_t interrupt_acknowledge(void *user)
{
    struct x64_machine *machine = user;
    x64i_machine_forget_interrupts(machine);
    return x64i_platform_acknowledge(&machine->platform, clock_now(machine));
}

static bool sleep_until_interrupt(void *user)
{
    struct x64_machine *machine = user;
    for (unsigned i = 0; i < SLEEP_ATTEMPTS; i++) {
        uint64_t wakeup = x64i_platform_next_wakeup(&machine->platform);
        uint64_t now = clock_now(machine);
        if (wakeup == X64I_NEVER)
            return false;
        if (wakeup > now)
            machine->cpu.s.clock_skipped += wakeup - now;
        if (interrupt_pending(machine))
            return true;
    }
    return false;
}

static uint32_t port_read(void *user, uint16_t port, unsigned size)
{
    struct x64_machine *machine = user;
    x64i_machine_forget_interrupts(machine);
    return x64i_platform_read(&machine->platform, port, size, clock_now(machine));
}

static void port_write(void *user, uint16_t port, unsigned size, uint32_t value)
{
    struct x64_machine *machine = user;
    x64i_machine_forget_interrupts(machine);
    x64i_platform_write(&machine->platform, port, size, value, clock_now(machine));
}

static enum x64i_result call_native(void *user, uint32_t number)
{
    struct x64_machine *machine = user;
    if (!machine->kernel.native)
        return x64i_raise(&machine->cpu, X64_FAULT_UD);
    return machine->kernel.native(machine->kernel.user, number);
}

const struct x64i_cpu_callbacks x64i_machine_cpu_callbacks = {
    .port_read = port_read,
    .port_write = port_write,
    .interrupt_pending = interrupt_pending,
    .sleep = sleep_until_interrupt,
    .interrupt_acknowledge = interrupt_acknowledge,
    .native = call_native,
};

static size_t console_read(void *user, uint8_t *bytes, size_t size)
{
    return x64i_machine_input(user, X64_INPUT_CONSOLE, bytes, size);
}

static void console_write(void *user, const uint8_t *bytes, size_t size)
{
    x64i_machine_output(user, 0, bytes, size);
}

enum x64_status x64i_machine_init_platform(struct x64_machine *machine)
{
    const struct x64i_platform_config config = {
        .tsc_hz = machine->cpu.model->tsc_hz,
        .time = START_SECONDS,
        .memory_size = machine->config.memory_size,
        .console = {.user = machine, .read = console_read, .write = console_write},
    };
    return x64i_platform_init(&machine->platform, machine->state, &config);
}
