/* SPDX-License-Identifier: MIT */
/*
 * Branch prediction: directions by tables that are tagged with longer and longer histories (after
 * Seznec's TAGE), returns by a stack, indirect targets by address and history, direct ones by
 * address.
 */
#ifndef X64I_TIMING_PREDICT_H
#define X64I_TIMING_PREDICT_H

#include <stdbool.h>
#include <stdint.h>

#define X64I_PREDICT_TABLES  4u
#define X64I_PREDICT_ENTRIES 1024u
#define X64I_PREDICT_BASE    4096u
#define X64I_PREDICT_TARGETS 4096u
#define X64I_PREDICT_STACK   16u

struct x64i_predict_entry {
    uint16_t tag;
    int8_t counter; /* -4 .. 3 */
    uint8_t useful;
};

struct x64i_predictor {
    int8_t base[X64I_PREDICT_BASE]; /* -2 .. 1: not taken below 0 */
    struct x64i_predict_entry tagged[X64I_PREDICT_TABLES][X64I_PREDICT_ENTRIES];
    struct {
        uint64_t rip, target;
    } targets[X64I_PREDICT_TARGETS];
    uint64_t stack[X64I_PREDICT_STACK];
    uint32_t depth; /* of the stack, modulo its size */
    uint64_t history;
};

/* What is predicted about a branch. */
struct x64i_branch {
    uint64_t rip, next; /* where it stands, and the address behind it */
    bool conditional, indirect, call, ret;
};

/* Looks up and learns: whether it had been predicted that the branch goes on at `target`. */
bool x64i_predict(struct x64i_predictor *predictor, const struct x64i_branch *branch,
                  uint64_t target);

#endif
