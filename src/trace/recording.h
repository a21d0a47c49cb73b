/* SPDX-License-Identifier: MIT */
/*
 * Recordings: a run in a file, to be looked at later and elsewhere. A recording holds the state
 * that the run began with and everything that came from outside while it ran; replaying makes the
 * same steps again, which is cheap to record and loses nothing. docs/recording-format.md.
 *
 *     x64i_recording_begin(&recording, machine);
 *     x64_run(machine, limit, &stop);
 *     x64i_recording_write(&recording, machine, &stop, path, &error);
 *
 *     x64i_recording_read(path, &recording, &error);
 *     x64i_recording_open(&recording, &host, &machine, &error);
 *
 * A file is taken as hostile; every error comes with a sentence.
 */
#ifndef X64I_TRACE_RECORDING_H
#define X64I_TRACE_RECORDING_H

#include "input_log.h"
#include "state/state.h"

#include "x64emu/kernel_model.h"

#define X64I_RECORDING_MAGIC   "X64REC"
#define X64I_RECORDING_VERSION 1u
#define X64I_RECORDING_TEXT    256

struct x64i_recording {
    uint64_t memory_size;
    uint64_t first_step;
    uint64_t steps; /* n at the end */
    uint64_t hash;  /* of the state there */
    char cpu_model[X64I_RECORDING_TEXT];
    char kernel[X64I_RECORDING_TEXT]; /* name of the entry image, or path of the stock one */
    char mitigations[X64I_RECORDING_TEXT];
    char program[X64I_RECORDING_TEXT];
    struct x64i_snapshot *snapshot; /* of the beginning */
    struct x64i_input_log input;
};

/* Keeps the machine's present state as the beginning. The texts are the caller's to fill in. */
enum x64_status x64i_recording_begin(struct x64i_recording *recording, struct x64_machine *machine);

/* Writes the run from the beginning to the machine's present, atomically. X64_ERROR_IO. */
enum x64_status x64i_recording_write(struct x64i_recording *recording, struct x64_machine *machine,
                                     const char *path, struct x64_error_text *error);

/* Whether a file begins like a recording. */
bool x64i_recording_recognize(const char *path);

/* X64_ERROR_IO, X64_ERROR_FORMAT, X64_ERROR_UNSUPPORTED, X64_ERROR_MEMORY. */
enum x64_status x64i_recording_read(const char *path, struct x64i_recording *recording,
                                    struct x64_error_text *error);

/* Makes a machine in the state of the beginning that will go the recorded way; its history has
 * snapshots every `interval` steps. The recording's input is taken out of it. */
enum x64_status x64i_recording_open(struct x64i_recording *recording, const struct x64_host *host,
                                    uint64_t interval, struct x64_machine **out,
                                    struct x64_error_text *error);

void x64i_recording_free(struct x64i_recording *recording);

#endif
