/* SPDX-License-Identifier: MIT */
/* The machine handle: create, run, step, stop. */
#include "machine.h"

#include "cpu/engine.h"
#include "state/heap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_VERSION       1
#define DEFAULT_MODEL     "golden_cove"
#define DEFAULT_MEMORY    (UINT64_C(64) << 20)
#define MAXIMUM_MEMORY    (UINT64_C(64) << 30)
#define DEFAULT_INTERVAL  X64I_HISTORY_LONG_INTERVAL
#define DEFAULT_HISTORY   ((size_t)256 << 20)
#define LOG_MESSAGE_BYTES 512

/* Copies the fields that the caller's version of the struct has, and fills in the defaults. */
static enum x64_status read_config(const struct x64_config *config, struct x64_config *out)
{
    *out = (struct x64_config){0};
    if (config->struct_size < sizeof config->struct_size || config->struct_size > sizeof *config)
        return X64_ERROR_ARGUMENT;
    memcpy(out, config, config->struct_size);
    out->struct_size = sizeof *out;
    if (!out->cpu_model)
        out->cpu_model = DEFAULT_MODEL;
    if (!out->memory_size)
        out->memory_size = DEFAULT_MEMORY;
    if (!out->history_interval)
        out->history_interval = DEFAULT_INTERVAL;
    if (!out->history_bytes)
        out->history_bytes = DEFAULT_HISTORY;
    if (out->memory_size % X64I_PAGE_SIZE || out->memory_size > MAXIMUM_MEMORY)
        return X64_ERROR_ARGUMENT;
    return X64_OK;
}

/* The end of a run that claims to have ended for no known reason is a fault. The counters of input
 * and output may hold anything: they are only compared with others that follow them. */
static void repair_run(struct x64i_run_state *run)
{
    bool known = run->end.reason > X64_STOP_BUDGET && run->end.reason <= X64_STOP_MEMORY;
    if (run->ended && !known)
        run->end.reason = X64_STOP_FAULT;
}

static void machine_restored(void *user)
{
    struct x64_machine *machine = user;
    machine->cpu.mmu.physical.out_of_memory = false; /* the lost write is undone */
    repair_run(&machine->run);
    machine->frames.hint = machine->frames.count;
    x64i_cpu_repair(&machine->cpu);
    x64i_cpu_refresh(&machine->cpu);
    x64i_engine_restored(&machine->cpu);
    x64i_machine_make_events(machine);
    if (machine->kernel.restored)
        machine->kernel.restored(machine->kernel.user);
}

static enum x64_status set_up(struct x64_machine *machine, const struct x64i_cpu_model *model,
                              const struct x64_machine *original)
{
    enum x64_status status = x64i_state_create_in(machine->heap, &machine->state);
    if (status == X64_OK)
        status = original ? x64i_cpu_init_like(&machine->cpu, machine->state, &original->cpu)
                          : x64i_cpu_init(&machine->cpu, machine->state, model,
                                          machine->config.memory_size);
    if (status == X64_OK)
        status = x64i_machine_init_platform(machine);
    if (status == X64_OK)
        status = x64i_state_add_fixed(machine->state, "run", RUN_VERSION, &machine->run,
                                      sizeof machine->run, 0);
    if (status == X64_OK)
        status =
            x64i_map_frames_init(&machine->frames, machine->state, machine->config.memory_size);
    if (status == X64_OK)
        status = x64i_state_on_restored(machine->state, machine_restored, machine);
    if (status == X64_OK)
        status = x64i_history_init(&machine->history, machine->config.history_interval,
                                   machine->config.history_bytes);
    return status;
}

/* Takes over one hold of the heap, also on failure. */
static enum x64_status create(struct x64i_heap *heap, const struct x64_config *config,
                              const struct x64i_cpu_model *model,
                              const struct x64_machine *original, struct x64_machine **out)
{
    struct x64_machine *machine = x64i_heap_allocate_zeroed(heap, sizeof *machine);
    if (!machine) {
        x64i_heap_release(heap);
        return X64_ERROR_MEMORY;
    }
    machine->heap = heap;
    machine->config = *config;
    machine->config.cpu_model = model->name;
    machine->changed = true;
    enum x64_status status = set_up(machine, model, original);
    if (status != X64_OK) {
        x64_machine_destroy(machine);
        return status;
    }
    machine->cpu.callbacks = &x64i_machine_cpu_callbacks;
    machine->cpu.callback_user = machine;
    x64i_hooks_forget(machine);
    *out = machine;
    return X64_OK;
}

enum x64_status x64_machine_create(const struct x64_config *config, struct x64_machine **out)
{
    struct x64_config complete;
    if (!config || !out)
        return X64_ERROR_ARGUMENT;
    enum x64_status status = read_config(config, &complete);
    if (status != X64_OK)
        return status;
    const struct x64i_cpu_model *model = x64i_cpu_model_find(complete.cpu_model);
    if (!model)
        return X64_ERROR_NOT_FOUND;
    status = create(x64i_heap_create(), &complete, model, NULL, out);
    if (status == X64_OK)
        x64i_cpu_reset_long_mode(&(*out)->cpu, 0);
    return status;
}

enum x64_status x64i_machine_create_like(const struct x64_machine *original,
                                         const struct x64_host *host, struct x64_machine **out)
{
    struct x64_config config = original->config;
    config.host = host ? *host : (struct x64_host){0};
    return create(x64i_heap_retain(original->heap), &config, original->cpu.model, original, out);
}

void x64_machine_destroy(struct x64_machine *machine)
{
    if (!machine)
        return;
    if (machine->running) {
        x64i_machine_log(machine, X64_LOG_ERROR, "x64_machine_destroy: the machine is running");
        return;
    }
    if (machine->kernel.destroy)
        machine->kernel.destroy(machine->kernel.user);
    x64i_history_free(&machine->history);
    x64i_hooks_free(&machine->hooks);
    x64i_machine_free_mmio(machine);
    x64i_input_log_free(&machine->input);
    x64i_cpu_destroy(&machine->cpu);
    x64i_state_destroy(machine->state);
    free(machine->effects);
    struct x64i_heap *heap = machine->heap;
    x64i_heap_free(heap, machine, sizeof *machine);
    x64i_heap_release(heap);
}

enum x64_status x64i_machine_set_kernel(struct x64_machine *machine,
                                        const struct x64i_kernel_hooks *hooks)
{
    if (machine->kernel.native)
        return X64_ERROR_EXISTS;
    machine->kernel = *hooks;
    return X64_OK;
}

const struct x64i_kernel_hooks *x64i_machine_kernel(const struct x64_machine *machine)
{
    return &machine->kernel;
}

struct x64i_state *x64i_machine_state(struct x64_machine *machine)
{
    return machine->state;
}

struct x64i_cpu *x64i_machine_cpu(struct x64_machine *machine)
{
    return &machine->cpu;
}

const struct x64_config *x64i_machine_config(const struct x64_machine *machine)
{
    return &machine->config;
}

void x64i_machine_end(struct x64_machine *machine, const struct x64_stop *stop)
{
    machine->run.ended = 1;
    machine->run.end.reason = (uint32_t)stop->reason;
    machine->run.end.fault = stop->fault;
    machine->run.end.code = stop->code;
    machine->run.end.signal = stop->signal;
    machine->run.end.rip = stop->rip;
    machine->run.end.linear = stop->linear;
}

bool x64i_machine_is_running(const struct x64_machine *machine)
{
    return machine->running;
}

void x64_stop_request(struct x64_machine *machine)
{
    if (machine)
        atomic_store(&machine->stop_requested, true);
}

static void fill_stop(const struct x64_machine *machine, enum x64_stop_reason reason,
                      struct x64_stop *stop)
{
    *stop = (struct x64_stop){.reason = reason,
                              .fault = X64_FAULT_NONE,
                              .rip = machine->cpu.s.rip,
                              .steps = machine->cpu.s.steps};
    if (reason == X64_STOP_SHUTDOWN)
        stop->fault = (enum x64_fault)machine->cpu.exception.vector;
    if (reason == X64_STOP_HOOK) {
        stop->code = machine->hooks.stop_code;
        stop->hook = machine->hooks.stop_hook;
    }
    if (!machine->run.ended)
        return;
    stop->hook = 0;
    stop->reason = (enum x64_stop_reason)machine->run.end.reason;
    stop->fault = (enum x64_fault)machine->run.end.fault;
    stop->code = machine->run.end.code;
    stop->signal = machine->run.end.signal;
    stop->linear = machine->run.end.linear;
    if (machine->run.end.rip)
        stop->rip = machine->run.end.rip;
}

/* What the end of a step may bring: devices are due, or a write was lost. */
static bool end_steps(struct x64_machine *machine, enum x64_stop_reason *reason)
{
    if (machine->cpu.s.steps >= machine->event_step)
        x64i_machine_make_events(machine);
    if (!machine->cpu.mmu.physical.out_of_memory)
        return true;
    *reason = X64_STOP_MEMORY;
    return false;
}

/* One step by the reference path, with the hooks around it. When hooks before it do not let it be
 * made now, the caller finds out why: the state was changed, or a stop was asked for. */
static bool make_step(struct x64_machine *machine, enum x64_stop_reason *reason)
{
    struct x64i_cpu *cpu = &machine->cpu;
    const uint64_t n = cpu->s.steps;
    if (cpu->watch && !x64i_hooks_before(machine))
        return true;
    const bool hooked = cpu->watch;
    const bool told = x64i_hooks_need(&machine->hooks) == X64I_HOOKS_EFFECTS;
    cpu->effects = cpu->mmu.effects = told || machine->observed ? machine->effects : NULL;
    const bool made = x64i_cpu_step(cpu);
    if (!machine->observed)
        cpu->effects = cpu->mmu.effects = NULL;
    if (!made) {
        *reason = cpu->s.activity == X64I_SHUTDOWN ? X64_STOP_SHUTDOWN : X64_STOP_HALT;
        return false;
    }
    const bool going = end_steps(machine, reason);
    if (hooked && cpu->s.steps != n)
        x64i_hooks_after(machine, told);
    return going;
}

/* One step, or a run of steps not beyond `until`; and why the run cannot go on when it cannot. */
static bool make_steps(struct x64_machine *machine, uint64_t until, enum x64_stop_reason *reason)
{
    if (machine->run.ended) {
        *reason = (enum x64_stop_reason)machine->run.end.reason;
        return false;
    }
    if (machine->cpu.mmu.physical.out_of_memory) {
        *reason = X64_STOP_MEMORY; /* a write is lost: only an earlier state can go on */
        return false;
    }
    uint64_t made = 0;
    if (machine->config.engine == X64_ENGINE_BLOCKS && !machine->observed)
        made = x64i_engine_run(&machine->cpu,
                               until < machine->event_step ? until : machine->event_step);
    /* A hook may want something done before the next step is made. */
    if (machine->changed || machine->hooks.stopped)
        return true;
    return made ? end_steps(machine, reason) : make_step(machine, reason);
}

void x64i_machine_watch(struct x64_machine *machine)
{
    struct x64i_cpu *cpu = &machine->cpu;
    struct x64i_hooks *hooks = &machine->hooks;
    const bool wanted = x64i_hooks_need(hooks) != X64I_HOOKS_NONE;
    if (wanted && !cpu->watch && hooks->watched_until != cpu->s.steps)
        cpu->straight.step = UINT64_MAX;
    if (!wanted && cpu->watch)
        hooks->watched_until = cpu->s.steps;
    cpu->watch = wanted ? &hooks->watch : NULL;
}

enum x64_status x64i_machine_make_effects(struct x64_machine *machine)
{
    if (!machine->effects)
        machine->effects = calloc(1, sizeof *machine->effects);
    return machine->effects ? X64_OK : X64_ERROR_MEMORY;
}

static enum x64_status pass_barrier(struct x64_machine *machine,
                                    const struct x64i_history_entry *entry)
{
    enum x64_status status = x64i_state_restore(machine->state, entry->snapshot);
    if (status == X64_OK && (entry->made_by & X64I_MOMENT_BEFORE))
        x64i_hooks_mark_called(machine);
    return status;
}

/* At a step where the history has something to do: a barrier to pass, or a snapshot to take. */
static enum x64_status visit_history(struct x64_machine *machine)
{
    struct x64i_history *history = &machine->history;
    uint64_t n = machine->cpu.s.steps;
    if (machine->changed) {
        enum x64_status status = x64i_history_take(history, machine->state, n, true);
        if (status != X64_OK)
            return status;
        x64i_history_mark(history, n, machine->made_by);
        machine->changed = false;
        machine->made_by = 0;
        return X64_OK;
    }
    const struct x64i_history_entry *entry = x64i_history_find(history, n);
    if (entry && entry->n == n)
        return entry->barrier ? pass_barrier(machine, entry) : X64_OK;
    if (n % history->interval == 0)
        return x64i_history_take(history, machine->state, n, false);
    return X64_OK;
}

static void note_reached(struct x64_machine *machine)
{
    if (machine->cpu.s.steps > machine->history.last)
        machine->history.last = machine->cpu.s.steps;
}

enum x64_status x64i_machine_advance(struct x64_machine *machine, uint64_t target,
                                     struct x64_stop *stop)
{
    enum x64_stop_reason reason = X64_STOP_BUDGET;
    bool going = true;
    enum x64_status status = machine->changed ? visit_history(machine) : X64_OK;
    while (status == X64_OK && going && machine->cpu.s.steps < target) {
        uint64_t next = x64i_history_next(&machine->history, machine->cpu.s.steps);
        uint64_t until = next < target ? next : target;
        while (going && !machine->changed && machine->cpu.s.steps < until) {
            if (machine->hooks.stopped) {
                going = false;
            } else if (atomic_load_explicit(&machine->stop_requested, memory_order_relaxed)) {
                reason = X64_STOP_REQUEST;
                going = false;
            } else {
                going = make_steps(machine, until, &reason);
            }
        }
        note_reached(machine);
        if (machine->changed || machine->cpu.s.steps == next)
            status = visit_history(machine);
    }
    if (machine->hooks.stopped)
        reason = X64_STOP_HOOK;
    if (status == X64_OK && stop)
        fill_stop(machine, reason, stop);
    machine->hooks.stopped = false;
    return status;
}

/* Up to step `until`, as the host asked for it: with hooks, not to be called from callbacks. */
static enum x64_status run(struct x64_machine *machine, uint64_t until, struct x64_stop *stop)
{
    machine->running = true;
    machine->hooks.live = true;
    if (machine->observed)
        machine->cpu.effects = machine->cpu.mmu.effects = machine->effects;
    if (machine->hooks.kinds)
        x64i_machine_watch(machine);
    enum x64_status status = x64i_machine_advance(machine, until, stop);
    machine->hooks.live = false;
    if (machine->cpu.watch)
        x64i_machine_watch(machine);
    machine->running = false;
    machine->cpu.effects = machine->cpu.mmu.effects = NULL;
    if (atomic_load_explicit(&machine->stop_requested, memory_order_relaxed))
        atomic_store(&machine->stop_requested, false); /* dear where steps are made one by one */
    return status;
}

enum x64_status x64_run(struct x64_machine *machine, uint64_t budget, struct x64_stop *stop)
{
    if (!machine)
        return X64_ERROR_ARGUMENT;
    if (machine->running)
        return X64_ERROR_STATE;
    uint64_t n = machine->cpu.s.steps;
    return run(machine, budget > UINT64_MAX - n ? UINT64_MAX : n + budget, stop);
}

enum x64_status x64_step_observed(struct x64_machine *machine, struct x64_step *step,
                                  struct x64_stop *stop)
{
    if (!machine || !step)
        return X64_ERROR_ARGUMENT;
    if (machine->running)
        return X64_ERROR_STATE;
    if (x64i_machine_make_effects(machine) != X64_OK)
        return X64_ERROR_MEMORY;
    uint64_t n = machine->cpu.s.steps;
    machine->observed = true;
    enum x64_status status = run(machine, n + 1, stop);
    machine->observed = false;
    if (status != X64_OK)
        return status;
    if (machine->cpu.s.steps == n)
        return X64_ERROR_STATE;
    *step = machine->cpu.step;
    return X64_OK;
}

uint64_t x64_steps(const struct x64_machine *machine)
{
    return machine ? machine->cpu.s.steps : 0;
}

size_t x64i_machine_input_by(struct x64_machine *machine, enum x64_input_kind kind, void *buffer,
                             size_t size, x64i_input_source *source, void *user)
{
    size_t given = 0;
    size_t index = (size_t)(machine->run.input_records - machine->input.base);
    machine->run.input_records++;
    if (x64i_input_log_read(&machine->input, index, kind, buffer, size, &given) == X64_OK)
        return given;
    x64i_input_log_truncate(&machine->input, index);
    given = source(user, kind, buffer, size);
    if (x64i_input_log_append(&machine->input, kind, size, buffer, given) != X64_OK)
        x64i_machine_log(machine, X64_LOG_ERROR,
                         "no memory for the input log: this run cannot be repeated from here");
    return given;
}

static size_t host_input(void *user, enum x64_input_kind kind, void *buffer, size_t size)
{
    return x64i_default_input(user, kind, buffer, size);
}

size_t x64i_machine_input(struct x64_machine *machine, enum x64_input_kind kind, void *buffer,
                          size_t size)
{
    return x64i_machine_input_by(machine, kind, buffer, size, host_input, machine);
}

void x64i_machine_output(struct x64_machine *machine, int stream, const void *bytes, size_t size)
{
    uint64_t from = machine->run.output_bytes;
    machine->run.output_bytes += size;
    if (machine->run.output_bytes <= machine->output_high)
        return;
    size_t known = machine->output_high > from ? (size_t)(machine->output_high - from) : 0;
    machine->output_high = machine->run.output_bytes;
    if (machine->config.host.output)
        machine->config.host.output(machine->config.host.user, stream,
                                    (const uint8_t *)bytes + known, size - known);
}

void x64i_machine_changed(struct x64_machine *machine)
{
    if (machine->own_step)
        return;
    machine->changed = true;
    machine->made_by |= (uint8_t)machine->hooks.moment;
    x64i_history_truncate(&machine->history, machine->cpu.s.steps);
    x64i_input_log_truncate(&machine->input,
                            (size_t)(machine->run.input_records - machine->input.base));
    machine->output_high = machine->run.output_bytes;
}

void x64i_machine_own_step(struct x64_machine *machine, bool own)
{
    machine->own_step = own;
}

void x64i_machine_log(struct x64_machine *machine, enum x64_log_level level, const char *format,
                      ...)
{
    char message[LOG_MESSAGE_BYTES];
    if (!machine->config.host.log)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    for (char *byte = message; *byte; byte++) /* a guest's names must not steer a terminal */
        if ((unsigned char)*byte < ' ' || *byte == 0x7f)
            *byte = '?';
    machine->config.host.log(machine->config.host.user, level, message);
}
