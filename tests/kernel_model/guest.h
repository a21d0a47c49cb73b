/* SPDX-License-Identifier: MIT */
/*
 * A machine with a kernel model for tests: what it writes and logs is kept, and small programs can
 * be made of bytes.
 *
 *     struct guest guest;
 *     guest_start(&guest, &(struct guest_config){.entry = "6.1", .mitigations = "pti,pcid"});
 *     struct x64_stop stop = guest_run(&guest);
 *     ck_assert_str_eq(guest.output, "hello, world\n");
 *     guest_end(&guest);
 */
#ifndef X64_TESTS_KERNEL_MODEL_GUEST_H
#define X64_TESTS_KERNEL_MODEL_GUEST_H

#include "x64emu/kernel_model.h"

#include <stddef.h>
#include <stdint.h>

#define GUEST_TEXT  4096
#define GUEST_STEPS 100000000

struct guest {
    struct x64_machine *machine;
    char output[GUEST_TEXT]; /* streams 1 and 2 */
    size_t output_size;
    char log[GUEST_TEXT]; /* lines */
    const char *input;    /* what is typed at the console */
};

/* Null fields stand for defaults: era 6.1, no mitigations, skylake, the demo. */
struct guest_config {
    const char *entry;
    const char *kernel; /* a stock kernel's path instead of an era */
    const char *mitigations;
    const char *cpu;
    const char *program;
    const char *const *argv;
    const char *const *envp;
    uint64_t memory_size;
    const char *input;
    const char *root;
    const char *bind;
    unsigned task_limit;
    uint64_t output_limit;
    uint64_t history_interval;
};

/* Fails the test when the guest cannot be attached. */
void guest_start(struct guest *guest, const struct guest_config *config);

/* Answers the status and the sentence instead; nothing is left to end. */
enum x64_status guest_refused(const struct guest_config *config, struct x64_error_text *error);

/* Runs to the end, or GUEST_STEPS steps. */
struct x64_stop guest_run(struct guest *guest);
void guest_end(struct guest *guest);

/* Steps until RIP is at a symbol; fails the test when that never happens. */
void guest_run_to(struct guest *guest, const char *symbol);

struct x64_registers guest_registers(struct guest *guest);
uint64_t guest_symbol(struct guest *guest, const char *name);
uint64_t guest_word(struct guest *guest, uint64_t linear);

/* Writes a static program of one segment at 0x400000 that begins with `code`, which is readable,
 * writable and executable; the file's path is kept in static memory per slot (0-3). */
const char *guest_program(unsigned slot, const void *code, size_t size);

#endif
