/* SPDX-License-Identifier: MIT */
/*
 * The emulated machine, set up as the host's kernel sets up a 64-bit process: CPL 3, the arena at
 * the same linear addresses, an IDT whose handlers only tell which vector was delivered.
 */
#ifndef X64_TESTS_ORACLE_GUEST_H
#define X64_TESTS_ORACLE_GUEST_H

#include "cpu/cpu.h"
#include "oracle/protocol.h"

struct oracle_guest;

struct oracle_guest *oracle_guest_create(const struct x64i_cpu_model *model,
                                         const struct oracle_shared *host);
void oracle_guest_destroy(struct oracle_guest *guest);

/* The code of a batch of cases, as the host has it: what an instruction may also read. */
void oracle_guest_load_code(struct oracle_guest *guest, const struct oracle_shared *shared);

/* Runs one case whose code is loaded, all iterations of a REP instruction. */
void oracle_guest_run(struct oracle_guest *guest, const struct oracle_case *c,
                      struct oracle_result *result);

#endif
