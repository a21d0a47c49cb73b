/* SPDX-License-Identifier: MIT */
#include "kernel_model/journey.h"

#include "kernel_model/kernels.h"
#include "machine.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* 1.68 us: the shortest period that the 8254 counts. */
#define FAST_COUNT 2

#define PAGE_FAULT 14

/* An answer that no two questions share. Somebody types one to seven bytes at a time. */
static size_t answer(void *user, enum x64_input_kind kind, void *buffer, size_t size)
{
    struct journey_host *host = user;
    uint8_t *bytes = buffer;
    unsigned index = host->asked++;
    host->asked_of_kind[kind]++;
    if (kind == X64_INPUT_CONSOLE && size > 1 + index % 7)
        size = 1 + index % 7;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(kind == X64_INPUT_CONSOLE ? 'a' + (index * 5 + i) % 26
                                                       : (index + 1) * 37 + i * 11);
    if (kind == X64_INPUT_TIME && size == 8)
        bytes[7] = 0x10; /* in this century */
    return size;
}

static void show(void *user, int stream, const void *bytes, size_t size)
{
    struct journey_host *host = user;
    (void)stream;
    ck_assert_uint_le(size, sizeof host->shown - host->shown_size);
    memcpy(host->shown + host->shown_size, bytes, size);
    host->shown_size += size;
}

struct x64_host journey_callbacks(struct journey_host *host, unsigned asked)
{
    *host = (struct journey_host){.asked = asked};
    return (struct x64_host){.user = host, .input = answer, .output = show};
}

struct x64_machine *journey_machine(const struct journey_row *row, struct journey_host *host)
{
    char path[512];
    const char *program = row->bits_32 ? X64_TEST_TIME_TRAVEL_32 : X64_TEST_TIME_TRAVEL_64;
    const char *const argv[] = {program, row->no_tick ? "awake" : NULL, NULL};
    struct x64_machine *machine;
    struct x64_error_text error = {{0}};
    struct x64_config config = {.struct_size = sizeof config,
                                .cpu_model = row->cpu,
                                .host = journey_callbacks(host, 0),
                                .history_interval = row->interval};
    struct x64_kernel_config kernel = {
        .struct_size = sizeof kernel, .entry = row->entry, .program = program, .argv = argv};
    if (row->kernel) {
        x64_test_kernel_path(row->kernel, path, sizeof path);
        kernel.kernel = path;
    }
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_mitigations_parse(row->mitigations, &kernel.mitigations, &error), X64_OK);
    ck_assert_msg(x64_kernel_attach(machine, &kernel, &error) == X64_OK, "%s: %s", row->name,
                  error.text);
    return machine;
}

/* The first instruction in user mode. */
static void run_to_user(struct x64_machine *machine)
{
    for (unsigned i = 0; i < JOURNEY_STEPS && machine->cpu.s.cpl != 3; i++)
        ck_assert_int_eq(x64_run(machine, 1, NULL), X64_OK);
    ck_assert_int_eq(machine->cpu.s.cpl, 3);
}

/* The eras tick every 4 ms, which is millions of steps. The host reprograms the timer: a barrier in
 * the history, to be passed in both directions. */
static void quicken(struct x64_machine *machine)
{
    const uint8_t bytes[][2] = {{0x43, 0x34}, {0x40, FAST_COUNT}, {0x40, 0}};
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++)
        x64i_platform_write(&machine->platform, bytes[i][0], 1, bytes[i][1],
                            x64i_cpu_clock(&machine->cpu));
    x64i_machine_make_events(machine);
    x64i_machine_changed(machine);
}

struct journey *journey_start(const struct journey_row *row)
{
    struct journey *journey = calloc(1, sizeof *journey);
    ck_assert_ptr_nonnull(journey);
    journey->row = row;
    journey->machine = journey_machine(row, &journey->host);
    run_to_user(journey->machine);
    journey->ticking_from = x64_steps(journey->machine);
    if (!row->no_tick)
        quicken(journey->machine);
    ck_assert_int_eq(x64_goto(journey->machine, 0), X64_OK);
    return journey;
}

void journey_end(struct journey *journey)
{
    x64_machine_destroy(journey->machine);
    free(journey);
}

static void note_fault(struct journey_events *events, const struct x64_step *step, bool repeating)
{
    for (size_t i = 0; i < step->effect_count; i++)
        if (step->effects[i].kind == X64_EFFECT_EXCEPTION && step->effects[i].index == PAGE_FAULT) {
            events->page_faults++;
            events->faults_in_repeat += repeating && step->cpl == 3;
        }
}

static void note_interrupt(struct journey_events *events, const struct x64_step *step,
                           bool repeating)
{
    events->ticks_in_user += step->cpl == 3;
    events->ticks_in_kernel += step->cpl == 0;
    events->ticks_in_repeat += step->cpl == 3 && repeating;
}

static void note_events(struct journey *journey, const struct x64_step *step, bool repeating)
{
    char text[256];
    struct journey_events *events = &journey->events;
    if (step->kind == X64_STEP_FAULT)
        note_fault(events, step, repeating);
    else if (step->kind == X64_STEP_INTERRUPT)
        note_interrupt(events, step, repeating);
    else if (step->kind == X64_STEP_SLEEP)
        events->sleeps++;
    else if (step->kind == X64_STEP_NATIVE)
        events->calls += x64_syscall_text(journey->machine, text, sizeof text) != 0;
    for (size_t i = 0; i < step->effect_count; i++)
        events->kernel_cr3_loads += step->effects[i].kind == X64_EFFECT_CONTROL &&
                                    step->effects[i].index == 3 && step->cpl == 0;
}

void journey_walk(struct journey *journey)
{
    struct x64_stop stop = {0};
    struct x64_step step = {0};
    uint64_t n = 0;
    ck_assert_uint_eq(x64_steps(journey->machine), 0);
    for (bool repeating = false;; n++) {
        ck_assert_uint_lt(n, JOURNEY_STEPS - 1);
        ck_assert_int_eq(x64_hash(journey->machine, &journey->hashes[n]), X64_OK);
        journey->asked_at[n] = (unsigned)journey->machine->run.input_records;
        if (stop.reason == X64_STOP_EXIT)
            break;
        if (x64_step_observed(journey->machine, &step, &stop) != X64_OK)
            break;
        ck_assert_uint_eq(step.number, n);
        note_events(journey, &step, repeating);
        repeating = step.kind == X64_STEP_REPEAT;
    }
    journey->end = n;
    ck_assert_msg(stop.reason == X64_STOP_EXIT && stop.code == 7,
                  "%s: reason %d, code %d, rip %#llx", journey->row->name, stop.reason, stop.code,
                  (unsigned long long)stop.rip);
}

/* A second machine goes to the same n by running forwards only. */
static void explain(struct journey *journey, struct x64_machine *machine, const char *how)
{
    char text[256];
    struct x64i_difference difference = {0};
    uint64_t n = x64_steps(machine);
    uint64_t hash = 0;
    struct journey *fresh = journey_start(journey->row);
    ck_assert_int_eq(x64_goto(fresh->machine, n), X64_OK);
    int unlike = x64i_state_compare(machine->state, fresh->machine->state, &difference);
    ck_assert_int_eq(x64_hash(fresh->machine, &hash), X64_OK);
    ck_abort_msg("%s, %s: n = %llu: %s%s", journey->row->name, how, (unsigned long long)n,
                 unlike ? x64i_difference_format(&difference, text, sizeof text)
                        : "as a plain run is",
                 hash == journey->hashes[n] ? "" : "; and the plain run differs from the walk");
}

void journey_check(struct journey *journey, struct x64_machine *machine, const char *how)
{
    uint64_t hash;
    uint64_t n = x64_steps(machine);
    ck_assert_uint_le(n, journey->end);
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    if (hash != journey->hashes[n])
        explain(journey, machine, how);
}
