/* SPDX-License-Identifier: MIT */
/* Going back and forth, forks, save files, hashes. */
#include "machine.h"
#include "state/save.h"

#define MESSAGE_BYTES 256

/* Going back step by step would replay a whole interval each time: a long replay leaves a snapshot
 * this many steps before its end. */
#define NEAR_STEPS 64

/* Between snapshots where there are to be none. */
#define NEVER (UINT64_C(1) << 62)

static enum x64_status replay(struct x64_machine *machine, uint64_t n)
{
    machine->running = true;
    enum x64_status status = x64i_machine_advance(machine, n, NULL);
    machine->running = false;
    if (status == X64_OK && machine->cpu.s.steps != n)
        status = X64_ERROR_NOT_FOUND;
    return status;
}

static enum x64_status restore_entry(struct x64_machine *machine, uint64_t n)
{
    const struct x64i_history_entry *entry = x64i_history_find(&machine->history, n);
    if (!entry)
        return X64_ERROR_NOT_FOUND;
    bool ahead = machine->cpu.s.steps <= n && machine->cpu.s.steps >= entry->n;
    return ahead ? X64_OK : x64i_state_restore(machine->state, entry->snapshot);
}

enum x64_status x64_goto(struct x64_machine *machine, uint64_t n)
{
    if (!machine)
        return X64_ERROR_ARGUMENT;
    if (machine->running)
        return X64_ERROR_STATE;
    if (n == machine->cpu.s.steps)
        return X64_OK;
    x64i_hooks_forget(machine);
    enum x64_status status = X64_OK;
    if (machine->changed)
        status = replay(machine, machine->cpu.s.steps);
    if (status == X64_OK && n <= machine->history.last)
        status = restore_entry(machine, n);
    bool back = n < machine->history.last;
    if (status == X64_OK && back && n - machine->cpu.s.steps > 2 * NEAR_STEPS) {
        status = replay(machine, n - NEAR_STEPS);
        if (status == X64_OK)
            status = x64i_history_take_near(&machine->history, machine->state, n - NEAR_STEPS);
    }
    return status == X64_OK ? replay(machine, n) : status;
}

enum x64_status x64_step_back(struct x64_machine *machine)
{
    if (!machine)
        return X64_ERROR_ARGUMENT;
    if (machine->cpu.s.steps == 0)
        return X64_ERROR_NOT_FOUND;
    return x64_goto(machine, machine->cpu.s.steps - 1);
}

enum x64_status x64_history_range(const struct x64_machine *machine, uint64_t *first,
                                  uint64_t *last)
{
    if (!machine || !first || !last)
        return X64_ERROR_ARGUMENT;
    const struct x64i_history *history = &machine->history;
    *first = history->count ? history->entries[0].n : machine->cpu.s.steps;
    *last = history->last > machine->cpu.s.steps ? history->last : machine->cpu.s.steps;
    return X64_OK;
}

enum x64_status x64_hash(struct x64_machine *machine, uint64_t *hash)
{
    if (!machine || !hash)
        return X64_ERROR_ARGUMENT;
    *hash = x64i_state_hash(machine->state);
    return X64_OK;
}

void x64i_machine_begin_history(struct x64_machine *machine)
{
    x64i_history_clear(&machine->history);
    x64i_hooks_forget(machine);
    machine->history.last = machine->cpu.s.steps;
    x64i_input_log_free(&machine->input);
    machine->input.base = machine->run.input_records;
    machine->output_high = machine->run.output_bytes;
    machine->changed = true;
}

void x64i_machine_end_history(struct x64_machine *machine)
{
    machine->history.interval = NEVER;
}

enum x64_status x64_fork(struct x64_machine *machine, const struct x64_host *host,
                         struct x64_machine **out)
{
    if (!machine || !out)
        return X64_ERROR_ARGUMENT;
    if (machine->kernel.native && !machine->kernel.fork)
        return X64_ERROR_UNSUPPORTED;
    struct x64_machine *fork;
    enum x64_status status = x64i_machine_create_like(machine, host, &fork);
    if (status != X64_OK)
        return status;
    if (machine->kernel.native)
        status = machine->kernel.fork(machine->kernel.user, fork);
    if (status == X64_OK)
        status = x64i_state_fork(machine->state, fork->state);
    if (status != X64_OK) {
        x64_machine_destroy(fork);
        return status;
    }
    x64i_machine_begin_history(fork);
    *out = fork;
    return X64_OK;
}

enum x64_status x64_save(struct x64_machine *machine, const char *path)
{
    char message[MESSAGE_BYTES];
    struct x64i_snapshot *snapshot;
    if (!machine || !path)
        return X64_ERROR_ARGUMENT;
    enum x64_status status = x64i_state_snapshot(machine->state, &snapshot);
    if (status != X64_OK)
        return status;
    status = x64i_snapshot_save_file(snapshot, path, message, sizeof message);
    x64i_snapshot_release(snapshot);
    if (status != X64_OK)
        x64i_machine_log(machine, X64_LOG_ERROR, "%s", message);
    return status;
}

enum x64_status x64i_machine_restore(struct x64_machine *machine,
                                     const struct x64i_snapshot *snapshot)
{
    char message[MESSAGE_BYTES];
    enum x64_status status = x64i_state_restore(machine->state, snapshot);
    if (status == X64_ERROR_UNSUPPORTED &&
        !x64i_state_explain(machine->state, snapshot, message, sizeof message))
        x64i_machine_log(machine, X64_LOG_ERROR, "%s", message);
    if (status != X64_OK)
        return status;
    x64i_machine_begin_history(machine);
    return X64_OK;
}

enum x64_status x64_restore(struct x64_machine *machine, const char *path)
{
    char message[MESSAGE_BYTES];
    struct x64i_snapshot *snapshot;
    if (!machine || !path)
        return X64_ERROR_ARGUMENT;
    if (machine->running)
        return X64_ERROR_STATE;
    enum x64_status status = x64i_snapshot_load_file(path, &snapshot, message, sizeof message);
    if (status != X64_OK) {
        x64i_machine_log(machine, X64_LOG_ERROR, "%s", message);
        return status;
    }
    status = x64i_machine_restore(machine, snapshot);
    x64i_snapshot_release(snapshot);
    return status;
}
