/* SPDX-License-Identifier: MIT */
#include "emu/forger.h"

#include "emu.h"

#include "x64emu/kernel_model.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY       (UINT64_C(32) << 20)
#define INTERVAL     256
#define PROGRAM_BLOB "kernel.program"

bool forger_open(struct forger *forger, const char *entry, uint64_t n)
{
    const struct x64_config config = {
        .struct_size = sizeof config, .memory_size = MEMORY, .history_interval = INTERVAL};
    const struct x64_kernel_config kernel = {.struct_size = sizeof kernel, .entry = entry};
    *forger = (struct forger){0};
    if (x64_machine_create(&config, &forger->machine) != X64_OK ||
        x64_kernel_attach(forger->machine, &kernel, NULL) != X64_OK ||
        x64_run(forger->machine, n, NULL) != X64_OK || x64_steps(forger->machine) != n)
        return false;
    forger->state = x64i_machine_state(forger->machine);
    return x64i_state_snapshot(forger->state, &forger->honest) == X64_OK;
}

void forger_close(struct forger *forger)
{
    x64i_snapshot_release(forger->honest);
    x64_machine_destroy(forger->machine);
    *forger = (struct forger){0};
}

bool forger_begin(struct forger *forger)
{
    return x64i_machine_restore(forger->machine, forger->honest) == X64_OK;
}

uint64_t forger_region_size(const struct forger *forger, unsigned region)
{
    return region < forger->state->region_count ? forger->state->regions[region].size : 0;
}

bool forger_region_is_fixed(const struct forger *forger, unsigned region)
{
    return region < forger->state->region_count && forger->state->regions[region].data;
}

void forger_write(struct forger *forger, unsigned region, uint64_t offset, const void *bytes,
                  size_t size)
{
    uint64_t all = forger_region_size(forger, region);
    if (offset >= all)
        return;
    if (size > all - offset)
        size = (size_t)(all - offset);
    struct x64i_region *target = &forger->state->regions[region];
    if (target->data)
        memcpy(target->data + offset, bytes, size);
    else
        (void)x64i_pages_copy_in(target->pages, offset, bytes, size);
}

void forger_write_program(struct forger *forger, uint64_t offset, const void *bytes, size_t size)
{
    size_t all = 0;
    const void *program = x64i_state_get_blob(forger->state, PROGRAM_BLOB, &all);
    if (!program || offset >= all)
        return;
    if (size > all - offset)
        size = (size_t)(all - offset);
    uint8_t *copy = malloc(all);
    if (!copy)
        return;
    memcpy(copy, program, all);
    memcpy(copy + offset, bytes, size);
    (void)x64i_state_set_blob(forger->state, PROGRAM_BLOB, copy, all);
    free(copy);
}

static bool discard(void *user, const char *bytes, size_t size)
{
    (void)user;
    (void)bytes;
    (void)size;
    return true;
}

/* What a debugger asks. */
static void ask(struct x64_machine *machine)
{
    char text[256];
    const char *name;
    uint64_t offset, hash;
    struct x64_registers registers;
    (void)x64_registers_read(machine, &registers);
    (void)x64_symbol_at(machine, registers.rip, &name, &offset);
    (void)x64_stack_of(machine, registers.gpr[X64_RSP]);
    (void)x64_slot_name(machine, registers.gpr[X64_RSP], text, sizeof text);
    (void)x64_syscall_text(machine, text, sizeof text);
    (void)x64_memory_read_virt(machine, registers.gpr[X64_RSP], text, sizeof text);
    (void)x64_hash(machine, &hash);
}

static void trace(struct x64_machine *machine, enum x64_trace_format format, uint64_t steps)
{
    const struct x64_trace_options options = {
        .struct_size = sizeof options, .format = format, .bytes = true, .write = discard};
    struct x64_trace *trace;
    struct x64_stop stop;
    if (x64_trace_create(machine, &options, &trace) != X64_OK)
        return;
    if (x64_trace_run(trace, steps, &stop) == X64_OK)
        (void)x64_trace_finish(trace, &stop);
    x64_trace_destroy(trace);
}

void forger_use(struct forger *forger, uint64_t steps, uint64_t traced)
{
    struct x64i_snapshot *forged;
    struct x64_machine *machine = forger->machine;
    if (x64i_state_snapshot(forger->state, &forged) != X64_OK)
        return;
    if (x64i_machine_restore(machine, forged) == X64_OK) {
        uint64_t n = x64_steps(machine);
        ask(machine);
        trace(machine, X64_TRACE_TEXT, traced);
        (void)x64_run(machine, steps, NULL);
        ask(machine);
        trace(machine, X64_TRACE_JSONL, traced);
        ask(machine);
        (void)x64_goto(machine, n + (x64_steps(machine) - n) / 2);
        (void)x64_step_back(machine);
    }
    x64i_snapshot_release(forged);
}
