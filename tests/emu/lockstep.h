/* SPDX-License-Identifier: MIT */
/*
 * A bare machine with its own page tables and an IDT whose handlers halt, on either engine, and
 * comparisons of two of them.
 *
 *     linear 0 - 32 MiB      the same physical, all of RAM, in 4 KiB pages
 *     LOCKSTEP_ALIAS         the first 2 MiB again, in 4 KiB pages of its own
 *     LOCKSTEP_LARGE         the first 32 MiB again, in 2 MiB pages
 */
#ifndef X64_TESTS_EMU_LOCKSTEP_H
#define X64_TESTS_EMU_LOCKSTEP_H

#include "support/suite.h"

#include "x64emu/machine.h"

#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_PAGE  UINT64_C(0x1000)
#define LOCKSTEP_CODE  UINT64_C(0x10000)
#define LOCKSTEP_STACK UINT64_C(0x60800)
#define LOCKSTEP_ROOT  UINT64_C(0x80000) /* the PML4 */
#define LOCKSTEP_TABLES                                                       \
    UINT64_C(0x400000) /* of 4 KiB pages, one for each 2 MiB from linear 0 on \
                        */
#define LOCKSTEP_ALIASES  UINT64_C(0x410000) /* the one of LOCKSTEP_ALIAS */
#define LOCKSTEP_HANDLERS UINT64_C(0x92000)  /* of vector v: 16 v bytes behind */
#define LOCKSTEP_ALIAS    UINT64_C(0x40000000)
#define LOCKSTEP_LARGE    UINT64_C(0x80000000)
#define LOCKSTEP_FS       UINT64_C(0x12345678)
#define LOCKSTEP_GS       UINT64_C(0xffffffffff000010)

/* Bits of page-table entries. */
enum {
    LOCKSTEP_PRESENT = 1,
    LOCKSTEP_WRITABLE = 2,
    LOCKSTEP_USER = 4,
    LOCKSTEP_GLOBAL = 0x100,
};
#define LOCKSTEP_NX (UINT64_C(1) << 63)

/* SplitMix64. */
uint64_t lockstep_random(uint64_t *seed);

/* What the environment variable LOCKSTEP_COUNT says in percent of `normal`, 1 at least; all of it
 * by default, or a tenth under the address sanitizer. */
unsigned lockstep_count(unsigned normal);

/* A machine at LOCKSTEP_CODE in CPL 0 with `code` there. */
struct x64_machine *lockstep_machine(enum x64_engine engine, const uint8_t *code, size_t size);

/* A fork of a machine. */
struct x64_machine *lockstep_fork(struct x64_machine *machine);

uint64_t lockstep_hash(struct x64_machine *machine);
uint64_t lockstep_register(struct x64_machine *machine, enum x64_register number);

/* Where the entry is that maps the 4 KiB page of a linear address below 32 MiB or in the alias. */
uint64_t lockstep_entry(uint64_t linear);

/* Changes that entry from outside; the guest-visible TLB keeps what it has. */
void lockstep_set_entry(struct x64_machine *machine, uint64_t linear, uint64_t set, uint64_t clear);

/* What is printed where states differ, as something to paste. */
struct lockstep_case {
    const char *name;
    uint64_t seed;
    const uint8_t *code;
    size_t size;
};

/* Fails the test, with the case and both states in its message, where they differ. */
void lockstep_compare(struct x64_machine *blocks, struct x64_machine *reference,
                      const struct lockstep_case *about, const char *what, uint64_t detail);

/* Runs both in pieces of `stride` steps up to `limit` or the end, compares after each, and destroys
 * them. */
void lockstep_run(struct x64_machine *blocks, struct x64_machine *reference,
                  const struct lockstep_case *about, uint64_t stride, uint64_t limit);

#endif
