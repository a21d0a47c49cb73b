/* SPDX-License-Identifier: MIT */
/*
 * The machine handle's content, for the emu_*.c files alone. Everything hangs off it and is freed
 * with it.
 */
#ifndef X64I_MACHINE_H
#define X64I_MACHINE_H

#include "emu.h"
#include "history.h"
#include "hooks.h"
#include "input_log.h"
#include "map_frames.h"
#include "platform/platform.h"

#include <stdatomic.h>

/* Region "run": how far input and output have come, and whether the guest has ended. */
struct x64i_run_state {
    uint64_t input_records; /* taken from the input log so far */
    uint64_t output_bytes;  /* given to the host so far, repetitions included */
    uint64_t ended;         /* the kernel model ended the run */
    struct {
        uint32_t reason;
        int32_t fault;
        int32_t code;
        int32_t signal;
        uint64_t rip;
        uint64_t linear;
    } end;
};

struct x64_machine {
    struct x64i_heap *heap;   /* shared with its forks */
    struct x64_config config; /* with defaults filled in; strings owned by the CPU model's row */
    struct x64i_state *state;
    struct x64i_cpu cpu;
    struct x64i_platform platform;
    struct x64i_run_state run;
    struct x64i_map_frames frames;
    struct x64i_mmio_window *mmio[X64I_MMIO_MAX]; /* emu_mmio.c */
    size_t mmio_count;
    uint64_t event_step; /* derived: the first n at which a device has something to do */
    struct x64i_kernel_hooks kernel;
    struct x64i_input_log input;
    struct x64i_history history;
    struct x64i_effect_list *effects; /* allocated at the first observed step */
    uint64_t output_high;             /* bytes that the host really got */
    struct x64i_hooks hooks;
    bool observed;   /* x64_step_observed wants the effects */
    bool changed;    /* the host changed the state since the last step */
    uint8_t made_by; /* enum x64i_hook_moment bits: hooks that had a part in that change */
    bool own_step;   /* changes from outside are made by the step itself */
    bool running;    /* a callback may not run the machine */
    atomic_bool stop_requested;
};

/* Makes a machine like `original`, which stays as it is, for its fork: of the same configuration
 * but for the host; what never changes is shared. Its state is that of a new machine. */
enum x64_status x64i_machine_create_like(const struct x64_machine *original,
                                         const struct x64_host *host, struct x64_machine **out);

/* Takes snapshots, passes barriers and makes steps until n reaches `target` or the run ends.
 * X64_ERROR_MEMORY when the history could not keep a snapshot. */
enum x64_status x64i_machine_advance(struct x64_machine *machine, uint64_t target,
                                     struct x64_stop *stop);

/* Has the CPU tell the hooks, if the run in progress calls any. */
void x64i_machine_watch(struct x64_machine *machine);

/* Allocates that list. */
enum x64_status x64i_machine_make_effects(struct x64_machine *machine);

/* emu_mmio.c */
void x64i_machine_free_mmio(struct x64_machine *machine);

/* emu_platform.c */
extern const struct x64i_cpu_callbacks x64i_machine_cpu_callbacks;
enum x64_status x64i_machine_init_platform(struct x64_machine *machine);

/* Has the devices do what is due, and finds out when they are next to: whenever n has reached
 * event_step, and after a restore. */
void x64i_machine_make_events(struct x64_machine *machine);

/* What the host, or nobody, answers to a question from the guest. */
size_t x64i_default_input(struct x64_machine *machine, enum x64_input_kind kind, void *buffer,
                          size_t size);

#endif
