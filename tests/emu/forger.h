/* SPDX-License-Identifier: MIT */
/*
 * Forged states: what somebody writes who can compute the checksums. A forger holds a machine in
 * the middle of the built-in program; its regions are overwritten at will and then restored as the
 * loader would have it, after which the machine is run, traced, asked and taken back.
 *
 *     forger_open(&forger, "6.1", 900);
 *     forger_begin(&forger);
 *     forger_write(&forger, region, offset, &value, sizeof value);
 *     forger_use(&forger, 500, 50);
 *     forger_close(&forger);
 *
 * Nothing is checked but that the host survives: the sanitizers are the judges.
 */
#ifndef X64_TESTS_EMU_FORGER_H
#define X64_TESTS_EMU_FORGER_H

#include "state/region.h"

#include "x64emu/trace.h"

struct forger {
    struct x64_machine *machine;
    struct x64i_state *state;
    struct x64i_snapshot *honest;
};

/* Runs the built-in program of an era to step n. False when anything fails; close it anyway. */
bool forger_open(struct forger *forger, const char *entry, uint64_t n);
void forger_close(struct forger *forger);

/* Goes back to the honest state. */
bool forger_begin(struct forger *forger);

/* The regions, in order: fixed ones and RAM. Size in bytes; 0 behind the last. */
uint64_t forger_region_size(const struct forger *forger, unsigned region);
bool forger_region_is_fixed(const struct forger *forger, unsigned region);

/* Overwrites bytes of a region; what does not fit is left out. */
void forger_write(struct forger *forger, unsigned region, uint64_t offset, const void *bytes,
                  size_t size);

/* Overwrites bytes of the program's file, which symbols and pages come from. */
void forger_write_program(struct forger *forger, uint64_t offset, const void *bytes, size_t size);

/* Restores what was forged, then runs so many steps, traces so many, and goes back again. */
void forger_use(struct forger *forger, uint64_t steps, uint64_t traced);

#endif
