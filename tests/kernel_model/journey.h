/* SPDX-License-Identifier: MIT */
/*
 * A run to be repeated: guests/time_travel.S on a kernel model, with scripted input, a fast tick
 * and the hash over all regions at every n. What the host gave and got is counted, so that a test
 * sees whether going back asks or shows anything twice.
 *
 *     struct journey *journey = journey_start(&row);
 *     journey_walk(journey);                          forwards, observed, to the guest's exit
 *     x64_step_back(journey->machine);
 *     journey_check(journey, "backwards");            the hash of this n as on the way out
 *     journey_end(journey);
 */
#ifndef X64_TESTS_KERNEL_MODEL_JOURNEY_H
#define X64_TESTS_KERNEL_MODEL_JOURNEY_H

#include "x64emu/kernel_model.h"

#include <stddef.h>
#include <stdint.h>

#define JOURNEY_STEPS 65536
#define JOURNEY_SHOWN 256

/* The program's sum of everything it computes: what it is on a real CPU, in either mode. */
#define JOURNEY_SUM 0xf12500e3u

struct journey_row {
    const char *name; /* for messages */
    const char *entry;
    const char *kernel; /* a name under x64_test_kernel_path, instead of an era */
    const char *mitigations;
    const char *cpu;
    uint64_t interval; /* of the history */
    bool bits_32;
    bool no_tick; /* nothing programs the timer: the guest does not sleep */
};

struct journey_host {
    unsigned asked; /* also the place in the script */
    unsigned asked_of_kind[3];
    size_t shown_size;
    uint8_t shown[JOURNEY_SHOWN];
};

/* What must have happened on the way for the proof to mean anything. */
struct journey_events {
    unsigned page_faults;
    unsigned faults_in_repeat;
    unsigned ticks_in_user;
    unsigned ticks_in_repeat;
    unsigned ticks_in_kernel;
    unsigned sleeps;
    unsigned calls;
    unsigned kernel_cr3_loads;
};

struct journey {
    const struct journey_row *row;
    struct x64_machine *machine;
    struct journey_host host;
    struct journey_events events;
    uint64_t ticking_from; /* the n at which the host made the tick faster */
    uint64_t end;
    uint64_t hashes[JOURNEY_STEPS];
    unsigned asked_at[JOURNEY_STEPS]; /* how often the host had been asked before step n */
};

/* A machine at n = 0, whose timer will tick every few thousand steps once in user mode. */
struct journey *journey_start(const struct journey_row *row);
void journey_end(struct journey *journey);

/* A bare machine of the row's kind with the program attached, for files to be restored into. */
struct x64_machine *journey_machine(const struct journey_row *row, struct journey_host *host);

/* Forwards with x64_step_observed until the guest exits, noting hashes and events. */
void journey_walk(struct journey *journey);

/* Fails the test, naming the first byte that differs, unless `machine` is as the journey was at the
 * machine's n. */
void journey_check(struct journey *journey, struct x64_machine *machine, const char *how);

/* The callbacks of a host that has been asked `asked` times already. */
struct x64_host journey_callbacks(struct journey_host *host, unsigned asked);

#endif
