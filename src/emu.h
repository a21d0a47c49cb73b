/* SPDX-License-Identifier: MIT */
/*
 * The machine from inside: what kernel models and devices may use beyond the public API.
 */
#ifndef X64I_EMU_H
#define X64I_EMU_H

#include "cpu/cpu.h"
#include "input_log.h"
#include "state/state.h"

#include "x64emu/machine.h"

/* A kernel model's side of the machine; one at a time. All functions are called between steps. */
struct x64i_kernel_hooks {
    void *user;
    /* Runs native function `number` at its address: it changes the machine through the functions
     * below and x64i_native_return, as one step. X64I_FAULT when cpu->exception is to be delivered
     * instead. */
    enum x64i_result (*native)(void *user, uint32_t number);
    /* After a snapshot was restored or a file loaded: derived data is stale. May be null. */
    void (*restored)(void *user);
    /* Attaches the same kernel model to a fork, whose state is copied in afterwards: registers the
     * same regions and natives. Null: such a machine cannot be forked. */
    enum x64_status (*fork)(void *user, struct x64_machine *fork);
    /* The machine is being destroyed; frees `user`. */
    void (*destroy)(void *user);
};

enum x64_status x64i_machine_set_kernel(struct x64_machine *machine,
                                        const struct x64i_kernel_hooks *hooks);

/* The hooks that were set; all null where there is no kernel model. */
const struct x64i_kernel_hooks *x64i_machine_kernel(const struct x64_machine *machine);

struct x64i_state *x64i_machine_state(struct x64_machine *machine);
struct x64i_cpu *x64i_machine_cpu(struct x64_machine *machine);

/* The configuration with its defaults filled in. */
const struct x64_config *x64i_machine_config(const struct x64_machine *machine);

/* Puts a snapshot of a machine with the same regions into this one; its history begins there. The
 * log says which region differs when the answer is X64_ERROR_UNSUPPORTED. */
enum x64_status x64i_machine_restore(struct x64_machine *machine,
                                     const struct x64i_snapshot *snapshot);

/* Ends a native function as RET would: pops the return address. False leaves X64I_FAULT's exception
 * in place. */
bool x64i_native_return(struct x64_machine *machine, uint64_t rax);

/* The recorded door for outside input (x64_input_kind). Answers the bytes stored. Replays what it
 * gave at this point of the run before. */
size_t x64i_machine_input(struct x64_machine *machine, enum x64_input_kind kind, void *buffer,
                          size_t size);

/* x64i_machine_input with another source than the host's input callback. */
typedef size_t x64i_input_source(void *user, enum x64_input_kind kind, void *buffer, size_t size);
size_t x64i_machine_input_by(struct x64_machine *machine, enum x64_input_kind kind, void *buffer,
                             size_t size, x64i_input_source *source, void *user);

/* What came through that door so far; valid until the machine is used again. */
const struct x64i_input_log *x64i_machine_input_log(const struct x64_machine *machine);

/* Lets the run ahead read a recorded log, which the machine takes over and empties. For a machine
 * that was just restored. X64_ERROR_ARGUMENT when the log does not reach to its present. */
enum x64_status x64i_machine_replay_input(struct x64_machine *machine, struct x64i_input_log *log);

/* Guest output on its way to the host; dropped while it is a repetition. */
void x64i_machine_output(struct x64_machine *machine, int stream, const void *bytes, size_t size);

/* Ends the run after this step with `stop` (steps and rip are filled in). */
void x64i_machine_end(struct x64_machine *machine, const struct x64_stop *stop);

/* The host changed guest state itself: the recorded future is no longer its future. Nothing happens
 * while a step makes changes of its own. */
void x64i_machine_changed(struct x64_machine *machine);

/* From here on, or no more: changes through the public API are a part of the step being made, which
 * repeats them when it is repeated. */
void x64i_machine_own_step(struct x64_machine *machine, bool own);

/* Whether a run is on its way, which called who asks. */
bool x64i_machine_is_running(const struct x64_machine *machine);

/* What the machine would do in its past is not what it did: nothing before now can be gone to. */
void x64i_machine_begin_history(struct x64_machine *machine);

/* Takes no more snapshots: of a machine that goes forwards alone. */
void x64i_machine_end_history(struct x64_machine *machine);

__attribute__((format(printf, 3, 4))) void
x64i_machine_log(struct x64_machine *machine, enum x64_log_level level, const char *format, ...);

#endif
