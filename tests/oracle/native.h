/* SPDX-License-Identifier: MIT */
/*
 * The host CPU as the test sees it: a batch of cases in shared memory, executed by the runner
 * program. A runner that dies or hangs is replaced; the case at fault is marked as such.
 *
 *     struct oracle_native *native = oracle_native_create(path);
 *     native->shared->cases[i] = ...;
 *     oracle_native_start(native, count);     the runner works ...
 *     oracle_native_wait(native);             ... until here: native->shared->results[i]
 */
#ifndef X64_TESTS_ORACLE_NATIVE_H
#define X64_TESTS_ORACLE_NATIVE_H

#include "oracle/protocol.h"

#include <stdbool.h>
#include <sys/types.h>

struct oracle_native {
    struct oracle_shared *shared;
    const char *program;
    int memory; /* file descriptors */
    int to_runner;
    int from_runner;
    pid_t runner;
    unsigned crashes;
};

/* Null, with a message on standard error, when the host cannot run it. `program` must outlive the
 * handle. */
struct oracle_native *oracle_native_create(const char *program);
void oracle_native_destroy(struct oracle_native *native);

/* Writes the code of cases 0 ... count - 1 into its slots and sets the runner to work. */
bool oracle_native_start(struct oracle_native *native, unsigned count);

/* Waits for all results. False when no runner can be started any more. */
bool oracle_native_wait(struct oracle_native *native);

/* Runs one case of the batch again, after oracle_native_wait. False as there. */
bool oracle_native_repeat(struct oracle_native *native, unsigned number);

#endif
