/* SPDX-License-Identifier: MIT */
/* What the tests of hooks share: a machine with a little code in it, and a log of calls. */
#ifndef X64_TESTS_EMU_HOOK_CALLS_H
#define X64_TESTS_EMU_HOOK_CALLS_H

#include "support/suite.h"

#include "x64emu/hook_events.h"
#include "x64emu/machine.h"

#include <stddef.h>
#include <stdint.h>

#define CODE   0x10000u
#define STACK  0x20000u
#define DATA   0x30000u
#define IDT    0x40000u
#define MEMORY (UINT64_C(4) << 20)

#define LL(x) ((unsigned long long)(x))

/* 0: mov eax,5; 5: dec eax; 7: jnz 5; 9: mov [0x30000],rax; 11: mov rbx,[0x30000]; 19: jmp here */
#define HOOK_COUNTER_SIZE 27
extern const uint8_t hook_counter[HOOK_COUNTER_SIZE];

/* A machine in CPL 0 at CODE, where `code` stands. */
struct x64_machine *hook_machine_of(const struct x64_config *config, const uint8_t *code,
                                    size_t size);
struct x64_machine *hook_machine(const uint8_t *code, size_t size, enum x64_engine engine);

/* An IDT whose every gate leads to CODE + 0x800, where HLT stands. */
void hook_make_idt(struct x64_machine *machine);

struct x64_registers hook_registers(struct x64_machine *machine);
void hook_set_register(struct x64_machine *machine, unsigned number, uint64_t value);
uint64_t hook_hash(struct x64_machine *machine);

/* Runs; fails the test when the run ends for another reason. */
void hook_run(struct x64_machine *machine, uint64_t budget, enum x64_stop_reason reason);

/* A log of calls as text, to compare with what is expected. */
struct hook_calls {
    char text[4096];
    size_t length;
    int count;
};

__attribute__((format(printf, 2, 3))) void hook_note(struct hook_calls *calls, const char *format,
                                                     ...);

/* Hooks that note their calls; `user` is the log. */
void hook_note_before(struct x64_machine *machine, void *user, uint64_t rip);
void hook_note_exception(struct x64_machine *machine, void *user,
                         const struct x64_exception_event *event);

#endif
