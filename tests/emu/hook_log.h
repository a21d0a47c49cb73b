/* SPDX-License-Identifier: MIT */
/*
 * Hooks that keep a record of every call, to be compared with those of another machine: what they
 * were told, the registers, and now and then the hash of the whole state. On demand they interfere,
 * at calls that their number decides.
 */
#ifndef X64_TESTS_EMU_HOOK_LOG_H
#define X64_TESTS_EMU_HOOK_LOG_H

#include "x64emu/hooks.h"
#include "x64emu/machine.h"

#include <stddef.h>
#include <stdint.h>

/* Kinds of hooks, as bits: which ones are added. */
enum {
    LOG_BEFORE = 1 << 0,
    LOG_BLOCK = 1 << 1,
    LOG_AFTER = 1 << 2,
    LOG_FETCH = 1 << 3,
    LOG_READ = 1 << 4,
    LOG_WRITE = 1 << 5,
    LOG_EVENTS = 1 << 6,   /* interrupts, stack switches */
    LOG_SYSTEM = 1 << 7,   /* system calls and returns, SWAPGS, MSRs, control registers, ports */
    LOG_WALKS = 1 << 8,    /* page walks and TLB fills */
    LOG_UNMAPPED = 1 << 9, /* asked, never mapping */
    LOG_EXCEPTIONS = 1 << 10,
    LOG_MEDDLE = 1 << 11, /* a hook before or of a block changes registers, RIP and code */
    LOG_STOP = 1 << 12,   /* ... and stops */
    LOG_JUGGLE = 1 << 13, /* ... and takes itself away and comes back, here or everywhere */
    LOG_EVERYTHING = (1 << 11) - 1
};

struct hook_record {
    uint64_t step;
    uint64_t what; /* the kind in the low byte, the rest a digest of what was told */
    uint64_t state;
};

struct hook_log {
    unsigned kinds;
    struct x64_range rips;   /* of hooks by RIP */
    struct x64_range memory; /* of hooks by linear address of data */
    uint64_t handle;         /* of the hook before instructions */
    size_t count;            /* calls; those beyond `capacity` are not kept */
    size_t capacity;
    struct hook_record *records;
};

/* Adds the hooks. `log` must stay where it is as long as the machine runs. */
void hook_log_add(struct hook_log *log, struct x64_machine *machine, unsigned kinds,
                  const struct x64_range *rips, const struct x64_range *memory);

/* Fails the test where the logs differ, with the first record that does. */
void hook_log_compare(const struct hook_log *blocks, const struct hook_log *reference,
                      const char *name, uint64_t seed);

void hook_log_free(struct hook_log *log);

#endif
