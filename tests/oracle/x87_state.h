/* SPDX-License-Identifier: MIT */
/*
 * The x87 and MMX part of a case's state: random before it, compared behind it. It is the legacy
 * region of the XSAVE image (SDM vol. 1, table 10-2).
 */
#ifndef X64_TESTS_ORACLE_X87_STATE_H
#define X64_TESTS_ORACLE_X87_STATE_H

#include "oracle/random.h"

#include "cpu/cpu.h"

#define ORACLE_X87_FIELDS 22u

struct oracle_x87_field {
    const char *name;
    uint64_t host;
    uint64_t guest;
};

/* An x87 register: numbers of all kinds, many near one, and encodings without meaning. */
void oracle_random_extended(struct oracle_random *random, uint8_t bytes[10]);

/* Control and status words, tags, pointers and registers; an exception waits now and then. */
void oracle_fill_x87(struct oracle_random *random, uint8_t *extended);

/* Between the image and the emulated CPU. */
void oracle_load_x87(struct x64i_cpu_state *s, const uint8_t *extended);
void oracle_store_x87(const struct x64i_cpu *cpu, uint8_t *extended);

/* Takes two images apart. `data`: FDP has a meaning. Returns how many fields there are. */
unsigned oracle_x87_fields(const uint8_t *host, const uint8_t *guest, bool data,
                           struct oracle_x87_field fields[ORACLE_X87_FIELDS]);

#endif
