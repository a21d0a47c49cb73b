/* SPDX-License-Identifier: MIT */
/*
 * A block of code run over and over on a machine of its own, and timed: what llvm-mca does, but
 * with the addresses and values that the code really computes.
 *
 *     struct x64i_replay *replay;
 *     x64i_replay_create("golden_cove", &replay);
 *     x64i_replay_run(replay, code, size, &(struct x64i_replay_request){.first = 100, .last = 300},
 *                     &result);
 *
 * The state it starts from is that of the measurements the model is checked against: general
 * registers 0x2324040 + 0xc0 * number (RSP 0x2424800, RBP 0x2424a00), vectors of 1.0f in the low
 * halves, and one page of the quadword 0x2324400 behind every address. Instructions that the
 * machine cannot execute yet, branches and privileged ones are timed without being executed.
 */
#ifndef X64I_TIMING_REPLAY_H
#define X64I_TIMING_REPLAY_H

#include "timing/core.h"

#define X64I_REPLAY_BLOCK   4096u    /* bytes of a block */
#define X64I_REPLAY_ROOM    0x10000u /* bytes of all copies where each needs its own place */
#define X64I_REPLAY_STEPS   1000000u
#define X64I_REPLAY_REPEATS 65536u /* of one instruction */

struct x64i_replay;

struct x64i_replay_request {
    unsigned first, last; /* copies: cycles are those between the end of the two */
    bool loop;            /* the copies are iterations at one address */
    /* Called for every instruction; may be null. */
    void (*watch)(void *user, unsigned copy, unsigned index, const struct x64i_plan *plan,
                  const struct x64i_instruction_times *times);
    void *user;
};

struct x64i_replay_result {
    double cycles;    /* per copy */
    char problem[96]; /* why there is no result */
    unsigned instructions;
    unsigned not_executed;         /* of them, timed without their addresses' being sure */
    unsigned slots;                /* of rename, per copy */
    uint64_t ports[X64I_PORT_MAX]; /* micro-ops of the copies that were timed */
};

/* X64_ERROR_NOT_FOUND for an unknown core. */
enum x64_status x64i_replay_create(const char *core, struct x64i_replay **out);
void x64i_replay_destroy(struct x64i_replay *replay);

/* X64_ERROR_ARGUMENT, and `problem`, for code that cannot be timed. */
enum x64_status x64i_replay_run(struct x64i_replay *replay, const uint8_t *code, size_t size,
                                const struct x64i_replay_request *request,
                                struct x64i_replay_result *result);

#endif
