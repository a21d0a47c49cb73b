/* SPDX-License-Identifier: MIT */
/*
 * The machine: one x86-64 CPU, its memory and devices, and everything needed to run it forwards and
 * backwards. Steps are numbered from 0; the machine "at n" is its state before step n.
 *
 *     struct x64_config config = {.struct_size = sizeof config};
 *     struct x64_machine *machine;
 *     if (x64_machine_create(&config, &machine) != X64_OK)
 *         return 1;
 *     x64_memory_write_phys(machine, 0x1000, code, sizeof code);
 *     x64_machine_start(machine, 0x1000, 0x8000);
 *     struct x64_stop stop;
 *     x64_run(machine, 1000, &stop);
 *     x64_machine_destroy(machine);
 *
 * A machine belongs to one thread at a time; different machines may run in different threads. Hooks
 * (hooks.h) may call everything here but what moves the machine in time, restores or destroys it:
 * that answers X64_ERROR_STATE. A configuration struct that is larger than this library knows is
 * refused with X64_ERROR_ARGUMENT; a smaller one, from an older header, gets defaults for the rest.
 */
#ifndef X64EMU_MACHINE_H
#define X64EMU_MACHINE_H

#include "x64emu/effects.h"

#ifdef __cplusplus
extern "C" {
#endif

struct x64_machine;

enum x64_log_level { X64_LOG_ERROR, X64_LOG_WARNING, X64_LOG_INFO };

/* Outside input, asked for by devices and the kernel model. Every byte is recorded, and replayed
 * when the machine goes back and forth. */
enum x64_input_kind {
    X64_INPUT_CONSOLE, /* bytes typed at the console; a short answer means none are there now */
    X64_INPUT_RANDOM,  /* random bytes */
    X64_INPUT_TIME,    /* eight bytes: nanoseconds since 1970, little-endian */
    X64_INPUT_DEVICE,  /* what a device of x64_mmio_add answered; the callback is never asked */
    X64_INPUT_FILE,    /* what the host's files said to the kernel model; nor is it for this */
    /* Whether X64_INPUT_CONSOLE has an answer: bytes, or the end. The buffer holds eight bytes,
     * the nanoseconds that the callback may wait for it (UINT64_MAX: for ever); it stores one, 0
     * for not yet. Storing nothing is a yes. Only kernel models with several tasks ask. */
    X64_INPUT_CONSOLE_READY
};

/* An input callback answers this where it wants what a null callback gives. */
#define X64_INPUT_DEFAULT SIZE_MAX

/* Callbacks may be null: no input, no output, no log. None of them may call into the machine. */
struct x64_host {
    void *user;
    /* Answers how many of `size` bytes it stored. Null: nothing typed, a fixed random sequence and
     * a fixed time, so that a run depends on nothing outside. */
    size_t (*input)(void *user, enum x64_input_kind kind, void *buffer, size_t size);
    /* Bytes that the guest wrote; `stream` is 1 or 2, or 0 for a serial port. Never called twice
     * for the same bytes when the machine goes back. */
    void (*output)(void *user, int stream, const void *bytes, size_t size);
    void (*log)(void *user, enum x64_log_level level, const char *message);
};

/* Who makes the steps. The state after n steps is the same either way. */
enum x64_engine {
    X64_ENGINE_BLOCKS,   /* runs of decoded instructions where nothing else can happen: faster */
    X64_ENGINE_REFERENCE /* one instruction at a time */
};

/* Zero in any field but struct_size stands for its default. */
struct x64_config {
    size_t struct_size;    /* sizeof(struct x64_config) as the caller was compiled */
    const char *cpu_model; /* name; default "golden_cove" */
    uint64_t memory_size;  /* bytes of RAM, a multiple of 4096; default 64 MiB, at most 64 GiB */
    struct x64_host host;
    /* Steps between snapshots of the history; default 131072. One as long as that is stretched, up
     * to eight times, while much memory changes. */
    uint64_t history_interval;
    size_t history_bytes; /* memory for the history before it thins out; default 256 MiB */
    enum x64_engine engine;
};

enum x64_stop_reason {
    X64_STOP_BUDGET,   /* the number of steps asked for was made */
    X64_STOP_REQUEST,  /* x64_stop_request, or a kernel model ended the run */
    X64_STOP_HALT,     /* halted with no event that could ever wake the CPU */
    X64_STOP_SHUTDOWN, /* triple fault */
    X64_STOP_RESET,    /* the guest reset the machine through one of its ports */
    X64_STOP_EXIT,     /* the guest program of a kernel model exited: `code` */
    X64_STOP_FAULT,    /* a kernel model reports a guest fault that nobody handles */
    X64_STOP_MEMORY,   /* the host had no memory for the guest's pages */
    X64_STOP_HOOK      /* x64_hook_stop: `hook` and `code` */
};

struct x64_stop {
    enum x64_stop_reason reason;
    enum x64_fault fault; /* X64_STOP_FAULT, X64_STOP_SHUTDOWN: the exception */
    int code;             /* X64_STOP_EXIT: exit status, 128 + signal when a signal ended it;
                             X64_STOP_HOOK: what the hook said */
    int signal;           /* X64_STOP_EXIT: that signal's number, 0 for a program that exited */
    uint64_t rip;
    uint64_t linear; /* the address of a fault */
    uint64_t steps;  /* n */
    uint64_t hook;   /* X64_STOP_HOOK: the handle of the hook that asked for it */
};

/* The general state by name; RFLAGS with its reserved bits as on hardware. */
struct x64_registers {
    uint64_t gpr[16]; /* enum x64_register order */
    uint64_t rip;
    uint64_t rflags;
    uint64_t cr0, cr2, cr3, cr4, cr8;
    uint64_t efer;
    uint64_t dr[8];
    struct {
        uint16_t selector;
        uint16_t attributes; /* descriptor bits 40-47 and, at bits 12-15, 52-55 */
        uint32_t limit;
        uint64_t base;
    } segment[X64_SEGMENT_COUNT];
    uint64_t gdtr_base, idtr_base;
    uint32_t gdtr_limit, idtr_limit;
    uint8_t cpl;
};

/* Creates a machine in 64-bit mode with no memory mapped and nothing to run. The caller destroys it
 * with x64_machine_destroy. X64_ERROR_NOT_FOUND for an unknown CPU model. */
X64_API enum x64_status x64_machine_create(const struct x64_config *config,
                                           struct x64_machine **machine);
X64_API void x64_machine_destroy(struct x64_machine *machine);

/* Sets up the simplest machine that runs 64-bit code at CPL 0: identity mapping of all RAM, flat
 * segments, RIP and RSP as given. */
X64_API enum x64_status x64_machine_start(struct x64_machine *machine, uint64_t rip, uint64_t rsp);

/* Runs at most `budget` steps. `stop` may be null. */
X64_API enum x64_status x64_run(struct x64_machine *machine, uint64_t budget,
                                struct x64_stop *stop);

/* Makes one step and lists what it did; `step` stays valid until the machine is used again. */
X64_API enum x64_status x64_step_observed(struct x64_machine *machine, struct x64_step *step,
                                          struct x64_stop *stop);

/* Ends the present run after its current step; may be called from any callback or thread. */
X64_API void x64_stop_request(struct x64_machine *machine);

/* n: how many steps were made. */
X64_API uint64_t x64_steps(const struct x64_machine *machine);

/* Goes to the state before step `n`: back by restoring a snapshot and running forward, forward by
 * running. Output to the host is not repeated. X64_ERROR_NOT_FOUND when n was never reached and the
 * guest stops before it, or lies before the history's beginning. */
X64_API enum x64_status x64_goto(struct x64_machine *machine, uint64_t n);
X64_API enum x64_status x64_step_back(struct x64_machine *machine);

/* The earliest n that x64_goto can reach, and the latest that was ever reached. */
X64_API enum x64_status x64_history_range(const struct x64_machine *machine, uint64_t *first,
                                          uint64_t *last);

/* A number that two machines share if and only if (but for chance) all of their guest-visible state
 * is the same: registers, memory, TLB, devices, the kernel model's tasks and files. */
X64_API enum x64_status x64_hash(struct x64_machine *machine, uint64_t *hash);

/* A second machine in the same state, sharing memory until written. Its history begins there. The
 * host callbacks are those of `host`, or none when null. */
X64_API enum x64_status x64_fork(struct x64_machine *machine, const struct x64_host *host,
                                 struct x64_machine **fork);

/* Writes the whole state to a file, replacing it only when that succeeds; reads it back into a
 * machine of the same configuration. docs/save-format.md describes the file. */
X64_API enum x64_status x64_save(struct x64_machine *machine, const char *path);
X64_API enum x64_status x64_restore(struct x64_machine *machine, const char *path);

X64_API enum x64_status x64_registers_read(const struct x64_machine *machine,
                                           struct x64_registers *registers);
/* Writing state from outside makes a new history from here on: steps after n are forgotten. */
X64_API enum x64_status x64_registers_write(struct x64_machine *machine,
                                            const struct x64_registers *registers);
X64_API enum x64_status x64_msr_read(struct x64_machine *machine, uint32_t index, uint64_t *value);
X64_API enum x64_status x64_msr_write(struct x64_machine *machine, uint32_t index, uint64_t value);

/* RAM by physical address; X64_ERROR_UNMAPPED, and nothing copied, when a byte is not RAM. */
X64_API enum x64_status x64_memory_read_phys(const struct x64_machine *machine, uint64_t physical,
                                             void *buffer, size_t size);
X64_API enum x64_status x64_memory_write_phys(struct x64_machine *machine, uint64_t physical,
                                              const void *bytes, size_t size);

/* Memory by linear address through the present page tables, as a debugger sees it: no faults, no
 * accessed bits, no TLB. X64_ERROR_UNMAPPED as above. */
X64_API enum x64_status x64_memory_read_virt(struct x64_machine *machine, uint64_t linear,
                                             void *buffer, size_t size);
X64_API enum x64_status x64_memory_write_virt(struct x64_machine *machine, uint64_t linear,
                                              const void *bytes, size_t size);

/* Translates through the present page tables. */
X64_API enum x64_status x64_translate(struct x64_machine *machine, uint64_t linear,
                                      uint64_t *physical);

/* Calls `visit` with every translation the guest-visible TLB holds. */
struct x64_tlb_translation {
    uint64_t linear;
    uint64_t physical;
    uint64_t size; /* bytes of the page */
    uint16_t pcid;
    bool global, writable, user, executable, dirty;
};
X64_API enum x64_status
x64_tlb_visit(const struct x64_machine *machine,
              void (*visit)(void *user, const struct x64_tlb_translation *translation), void *user);

#ifdef __cplusplus
}
#endif

#endif
