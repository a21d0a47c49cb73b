/* SPDX-License-Identifier: MIT */
/*
 * Where CPU and devices meet: ports, the interrupt line, sleep, the serial console. After every
 * step, what is due by the guest's clock has been done: the state at step n does not depend on who
 * asked for an interrupt when, or on how the run was cut up.
 */
#include "machine.h"

/* The fixed time of day of a machine that asks nobody: emu_input.c's. */
#define START_SECONDS INT64_C(1670796918)

#define NO_EVENT UINT64_MAX

static uint64_t clock_now(const struct x64_machine *machine)
{
    return x64i_cpu_clock(&machine->cpu);
}

/* The first n at which the clock has reached the devices' deadline. */
static uint64_t find_event(const struct x64_machine *machine)
{
    const struct x64i_cpu_model *model = machine->cpu.model;
    uint64_t deadline = x64i_platform_next_deadline(&machine->platform);
    uint64_t skipped = machine->cpu.s.clock_skipped;
    if (deadline == X64I_NEVER)
        return NO_EVENT;
    return x64i_clock_when(deadline > skipped ? deadline - skipped : 0,
                           model->ticks_per_step_numerator, model->ticks_per_step_denominator);
}

void x64i_machine_make_events(struct x64_machine *machine)
{
    (void)x64i_platform_interrupt_pending(&machine->platform, clock_now(machine));
    machine->event_step = find_event(machine);
}

/* Deadlines may have changed: they are asked for when the step ends. */
static void expect_events(struct x64_machine *machine)
{
    machine->event_step = 0;
}

static bool interrupt_pending(void *user)
{
    const struct x64_machine *machine = user;
    return x64i_pic_output(&machine->platform.pic);
}

static uint8_t interrupt_acknowledge(void *user)
{
    struct x64_machine *machine = user;
    return x64i_platform_acknowledge(&machine->platform, clock_now(machine));
}

static bool sleep_until_event(void *user)
{
    struct x64_machine *machine = user;
    uint64_t now = clock_now(machine);
    uint64_t wakeup = x64i_platform_next_wakeup(&machine->platform);
    if (wakeup == X64I_NEVER)
        return false;
    if (wakeup > now)
        machine->cpu.s.clock_skipped += wakeup - now;
    expect_events(machine);
    return true;
}

static uint32_t port_read(void *user, uint16_t port, unsigned size)
{
    struct x64_machine *machine = user;
    expect_events(machine);
    return x64i_platform_read(&machine->platform, port, size, clock_now(machine));
}

static void port_write(void *user, uint16_t port, unsigned size, uint32_t value)
{
    struct x64_machine *machine = user;
    expect_events(machine);
    x64i_platform_write(&machine->platform, port, size, value, clock_now(machine));
    if (x64i_platform_reset_requested(&machine->platform))
        x64i_machine_end(machine, &(struct x64_stop){.reason = X64_STOP_RESET});
}

static uint64_t deadline(void *user)
{
    const struct x64_machine *machine = user;
    return machine->run.ended ? 0 : machine->event_step;
}

static bool draw_random(void *user, void *bytes, size_t size)
{
    return x64i_machine_input(user, X64_INPUT_RANDOM, bytes, size) == size;
}

static enum x64i_result call_native(void *user, uint32_t number)
{
    struct x64_machine *machine = user;
    if (!machine->kernel.native)
        return x64i_raise(&machine->cpu, X64_FAULT_UD);
    return machine->kernel.native(machine->kernel.user, number);
}

static bool page_fault(void *user)
{
    return x64i_hooks_unmapped(user);
}

const struct x64i_cpu_callbacks x64i_machine_cpu_callbacks = {
    .port_read = port_read,
    .port_write = port_write,
    .interrupt_pending = interrupt_pending,
    .sleep = sleep_until_event,
    .interrupt_acknowledge = interrupt_acknowledge,
    .deadline = deadline,
    .random = draw_random,
    .native = call_native,
    .page_fault = page_fault,
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
    machine->event_step = NO_EVENT;
    return x64i_platform_init(&machine->platform, machine->state, &config);
}
