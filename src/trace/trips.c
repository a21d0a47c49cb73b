/* SPDX-License-Identifier: MIT */
#include "trace/trips.h"

#include "emu.h"
#include "timing/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTOR_INT80 0x80u

/* Steps of one trip that are told apart; further ones are booked on the last. */
#define STEPS_MAX (1u << 20)

struct x64i_trips_work {
    struct x64_machine *machine;
    struct x64i_trace_view view;
    struct x64i_disassembler *disassembler;
    struct x64i_timing *timing;
    struct x64_registers before;
    uint64_t cycle;
    const char *keep;
    bool inside;  /* a trip is being made */
    bool keeping; /* its steps are kept */
    struct x64i_trip trip;
    size_t count, room; /* of steps */
    struct x64i_phase_step *steps;
    size_t trip_room, kept_room, stretch_room;
    uint64_t begin; /* cycle in which the trip began */
    void (*ended)(void *user, const struct x64i_trip *trip, const struct x64i_phase_step *steps,
                  size_t count, uint64_t begin);
    void *user;
};

/* Makes room for one more element. */
static bool grow(void **list, size_t *room, size_t count, size_t size)
{
    if (*list && count < *room)
        return true;
    size_t wanted = *room ? *room * 2 : 64;
    void *bigger = realloc(*list, wanted * size);
    if (!bigger)
        return false;
    *list = bigger;
    *room = wanted;
    return true;
}

enum x64_status x64i_trips_create(struct x64_machine *machine, const char *keep,
                                  struct x64i_trips **out)
{
    struct x64i_trips *trips = calloc(1, sizeof *trips);
    struct x64i_trips_work *work = calloc(1, sizeof *work);
    enum x64_status status = X64_ERROR_MEMORY;
    if (trips && work) {
        trips->work = work;
        trips->kept_trip = SIZE_MAX;
        work->machine = machine;
        work->keep = keep;
        work->view = x64i_machine_view(machine);
        status = x64i_timing_create(x64i_machine_config(machine)->cpu_model, &work->timing);
        work = NULL;
    }
    free(work);
    if (status == X64_OK)
        status =
            x64i_disassembler_create(trips->work->view.symbol, machine, &trips->work->disassembler);
    if (status == X64_OK)
        status = x64_registers_read(machine, &trips->work->before);
    if (status != X64_OK) {
        x64i_trips_destroy(trips);
        return status;
    }
    trips->core = x64i_timing_core(trips->work->timing);
    *out = trips;
    return X64_OK;
}

void x64i_trips_destroy(struct x64i_trips *trips)
{
    if (!trips)
        return;
    if (trips->work) {
        x64i_disassembler_destroy(trips->work->disassembler);
        x64i_timing_destroy(trips->work->timing);
        free(trips->work->steps);
    }
    free(trips->work);
    free(trips->trip);
    free(trips->stretch);
    free(trips->kept);
    free(trips);
}

/* Whether this step, which enters the kernel, makes a system call. */
static bool makes_call(const struct x64_step *step, ZydisMnemonic mnemonic)
{
    if (step->kind != X64_STEP_INSTRUCTION)
        return false;
    if (mnemonic == ZYDIS_MNEMONIC_SYSCALL || mnemonic == ZYDIS_MNEMONIC_SYSENTER)
        return true;
    for (size_t i = 0; i < step->effect_count; i++)
        if (step->effects[i].kind == X64_EFFECT_INTERRUPT)
            return step->effects[i].index == VECTOR_INT80;
    return false;
}

static void begin_trip(struct x64i_trips *trips, const struct x64_step *step,
                       ZydisMnemonic mnemonic)
{
    struct x64i_trips_work *work = trips->work;
    bool compat = step->code_bits != 64 || mnemonic != ZYDIS_MNEMONIC_SYSCALL;
    uint64_t number = (uint32_t)work->before.gpr[X64_RAX];
    const char *name = work->view.system_call_name(work->view.user, compat, number);
    work->inside = true;
    work->count = 0;
    work->begin = work->cycle;
    work->trip = (struct x64i_trip){.number = number, .first_n = step->number};
    (void)snprintf(work->trip.name, sizeof work->trip.name, "%s", name ? name : "");
    if (name)
        (void)snprintf(work->trip.title, sizeof work->trip.title, "%s", name);
    else
        (void)snprintf(work->trip.title, sizeof work->trip.title, "system call %llu",
                       (unsigned long long)number);
    work->keeping =
        work->keep && trips->kept_trip == SIZE_MAX && strcmp(work->trip.name, work->keep) == 0;
    if (work->keeping)
        trips->kept_trip = trips->count;
}

/* "mov qword ptr gs:[0x6014], rsp" without the size, which the register tells. */
static void copy_text(char text[X64I_STEP_TEXT], const char *assembly)
{
    static const char *const sizes[] = {"qword ptr ", "dword ptr "};
    size_t length = 0;
    while (*assembly && length + 1 < X64I_STEP_TEXT) {
        size_t skip = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && !skip; i++)
            if (strncmp(assembly, sizes[i], strlen(sizes[i])) == 0)
                skip = strlen(sizes[i]);
        assembly += skip;
        if (!skip)
            text[length++] = *assembly++;
    }
    text[length] = '\0';
}

static enum x64_status keep_step(struct x64i_trips *trips, const struct x64_step *step,
                                 const struct x64i_instruction *instruction)
{
    static const char *const standing[] = {
        [X64_STEP_INTERRUPT] = "(interrupt)",
        [X64_STEP_NATIVE] = "(mini-kernel)",
        [X64_STEP_SLEEP] = "(asleep)",
    };
    struct x64i_trips_work *work = trips->work;
    void *list = trips->kept;
    if (!grow(&list, &work->kept_room, trips->kept_count, sizeof *trips->kept))
        return X64_ERROR_MEMORY;
    trips->kept = list;
    struct x64i_trip_step *kept = &trips->kept[trips->kept_count++];
    *kept = (struct x64i_trip_step){.n = step->number};
    bool stands = step->kind < sizeof standing / sizeof standing[0] && standing[step->kind];
    copy_text(kept->text, stands ? standing[step->kind] : instruction->text);
    for (size_t i = 0; i < step->effect_count; i++) {
        const struct x64_effect *effect = &step->effects[i];
        bool write = effect->kind == X64_EFFECT_MEMORY_WRITE;
        char name[sizeof kept->what];
        if ((write || (effect->kind == X64_EFFECT_MEMORY_READ && !kept->what[0])) &&
            work->view.slot(work->view.user, effect->linear, name, sizeof name) > 0) {
            memcpy(kept->what, name, sizeof name);
            kept->writes = write;
        }
    }
    return X64_OK;
}

/* Books a step; an iteration of a REP instruction, and what is too much, on the one before. */
static enum x64_status add_step(struct x64i_trips *trips, const struct x64_step *step,
                                const struct x64i_instruction *instruction,
                                const struct x64i_phase_step *looked)
{
    struct x64i_trips_work *work = trips->work;
    struct x64i_phase_step *last = work->count ? &work->steps[work->count - 1] : NULL;
    bool iteration = last && step->kind == X64_STEP_REPEAT && last->rip == step->rip;
    if (last && (iteration || work->count == STEPS_MAX)) {
        last->facts |= looked->facts;
        last->rsp_after = looked->rsp_after;
        x64i_phase_cost_add(&last->cost, &looked->cost);
        return X64_OK;
    }
    void *list = work->steps;
    if (!grow(&list, &work->room, work->count, sizeof *work->steps))
        return X64_ERROR_MEMORY;
    work->steps = list;
    struct x64i_phase_step *next = &work->steps[work->count++];
    *next = *looked;
    return work->keeping ? keep_step(trips, step, instruction) : X64_OK;
}

/* The assigned phases as stretches. */
static enum x64_status add_stretches(struct x64i_trips *trips)
{
    struct x64i_trips_work *work = trips->work;
    work->trip.first_stretch = trips->stretch_count;
    for (size_t i = 0; i < work->count; i++) {
        const struct x64i_phase_step *step = &work->steps[i];
        if (i > 0 && step->phase == step[-1].phase)
            continue;
        void *list = trips->stretch;
        if (!grow(&list, &work->stretch_room, trips->stretch_count, sizeof *trips->stretch))
            return X64_ERROR_MEMORY;
        trips->stretch = list;
        trips->stretch[trips->stretch_count++] =
            (struct x64i_trip_stretch){.n = step->n, .phase = step->phase};
    }
    work->trip.stretch_count = trips->stretch_count - work->trip.first_stretch;
    return X64_OK;
}

static enum x64_status end_trip(struct x64i_trips *trips, bool returned)
{
    struct x64i_trips_work *work = trips->work;
    struct x64i_trip *trip = &work->trip;
    void *list = trips->trip;
    if (!grow(&list, &work->trip_room, trips->count, sizeof *trips->trip))
        return X64_ERROR_MEMORY;
    trips->trip = list;
    x64i_phases_assign(work->steps, work->count);
    if (add_stretches(trips) != X64_OK)
        return X64_ERROR_MEMORY;
    x64i_phases_sum(work->steps, work->count, trip->cost);
    for (size_t i = 0; i < X64I_PHASE_COUNT; i++)
        x64i_phase_cost_add(&trip->total, &trip->cost[i]);
    for (size_t i = 0; work->keeping && i < trips->kept_count; i++)
        trips->kept[i].phase = (enum x64i_phase)work->steps[i].phase;
    trip->returned = returned;
    trip->last_n = work->count ? work->steps[work->count - 1].n : trip->first_n;
    trips->trip[trips->count++] = *trip;
    if (work->ended)
        work->ended(work->user, trip, work->steps, work->count, work->begin);
    work->inside = work->keeping = false;
    return X64_OK;
}

void x64i_trips_watch(struct x64i_trips *trips,
                      void (*ended)(void *user, const struct x64i_trip *trip,
                                    const struct x64i_phase_step *steps, size_t count,
                                    uint64_t begin),
                      void *user)
{
    trips->work->ended = ended;
    trips->work->user = user;
}

enum x64_status x64i_trips_step(struct x64i_trips *trips, const struct x64_step *step)
{
    struct x64i_trips_work *work = trips->work;
    struct x64i_phase_step looked;
    struct x64_registers after;
    enum x64_status status = x64_registers_read(work->machine, &after);
    uint64_t cycle = x64i_timing_retire(work->timing, step);
    const struct x64i_instruction *instruction = x64i_disassemble(work->disassembler, step);
    bool enters = step->cpl == 3 && after.cpl != 3;
    if (enters && makes_call(step, instruction->mnemonic))
        begin_trip(trips, step, instruction->mnemonic);
    else
        trips->other_entries += enters;
    if (work->inside) {
        const struct x64i_phase_look look = {.view = &work->view,
                                             .step = step,
                                             .instruction = instruction,
                                             .before = &work->before,
                                             .after = &after,
                                             .cycles = cycle - work->cycle,
                                             .estimated = x64i_timing_estimated(work->timing)};
        x64i_phase_look(&look, &looked);
        if (status == X64_OK)
            status = add_step(trips, step, instruction, &looked);
        if (step->kind == X64_STEP_NATIVE) {
            char text[X64I_TRIP_TITLE];
            if (work->view.system_call(work->view.user, text, sizeof text) > 0)
                memcpy(work->trip.title, text, sizeof text);
        }
        if (status == X64_OK && after.cpl == 3)
            status = end_trip(trips, true);
    }
    work->cycle = cycle;
    work->before = after;
    return status;
}

enum x64_status x64i_trips_finish(struct x64i_trips *trips)
{
    return trips->work->inside ? end_trip(trips, false) : X64_OK;
}
