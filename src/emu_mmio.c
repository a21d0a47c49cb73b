/* SPDX-License-Identifier: MIT */
/*
 * The host's devices in the physical address space. Their answers come through the recorded door,
 * and what is written to them counts as output, so that neither happens twice when the machine goes
 * back and forth.
 */
#include "machine.h"

#include "cpu/engine.h"

#include "x64emu/memory.h"

#include <stdlib.h>

struct x64i_mmio_window {
    struct x64_machine *machine;
    struct x64_mmio device;
};

/* One access on its way through the door. */
struct question {
    const struct x64_mmio *device;
    uint64_t offset;
};

static size_t ask_device(void *user, enum x64_input_kind kind, void *buffer, size_t size)
{
    const struct question *question = user;
    const struct x64_mmio *device = question->device;
    (void)kind;
    *(uint64_t *)buffer = device->read(device->user, question->offset, (unsigned)size);
    return size;
}

static uint64_t read_window(void *user, uint64_t offset, unsigned size)
{
    const struct x64i_mmio_window *window = user;
    struct question question = {.device = &window->device, .offset = offset};
    uint64_t value = 0;
    (void)x64i_machine_input_by(window->machine, X64_INPUT_DEVICE, &value, size, ask_device,
                                &question);
    return value;
}

static void write_window(void *user, uint64_t offset, unsigned size, uint64_t value)
{
    const struct x64i_mmio_window *window = user;
    struct x64_machine *machine = window->machine;
    if (++machine->run.output_bytes <= machine->output_high)
        return;
    machine->output_high = machine->run.output_bytes;
    window->device.write(window->device.user, offset, size, value);
}

enum x64_status x64_mmio_add(struct x64_machine *machine, const struct x64_mmio *mmio)
{
    if (!machine || !mmio || mmio->struct_size != sizeof *mmio || !mmio->read || !mmio->write)
        return X64_ERROR_ARGUMENT;
    if (machine->mmio_count == X64I_MMIO_MAX)
        return X64_ERROR_LIMIT;
    struct x64i_mmio_window *window = calloc(1, sizeof *window);
    if (!window)
        return X64_ERROR_MEMORY;
    *window = (struct x64i_mmio_window){.machine = machine, .device = *mmio};
    const struct x64i_mmio place = {.physical = mmio->physical,
                                    .size = mmio->size,
                                    .user = window,
                                    .read = read_window,
                                    .write = write_window};
    enum x64_status status = x64i_physical_add_mmio(&machine->cpu.mmu.physical, &place);
    if (status != X64_OK) {
        free(window);
        return status;
    }
    machine->mmio[machine->mmio_count++] = window;
    x64i_engine_flush(&machine->cpu);
    x64i_machine_begin_history(machine);
    return X64_OK;
}

void x64i_machine_free_mmio(struct x64_machine *machine)
{
    for (size_t i = 0; i < machine->mmio_count; i++)
        free(machine->mmio[i]);
    machine->mmio_count = 0;
}
