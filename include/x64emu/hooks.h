/* SPDX-License-Identifier: MIT */
/*
 * Hooks: functions of yours that the machine calls while it runs. One function per kind adds one,
 * typed, with a pointer of yours; the handle takes it away again.
 *
 *     static void on_syscall(struct x64_machine *machine, void *user,
 *                            const struct x64_transfer_event *event)
 *     {
 *         struct x64_registers r;
 *         x64_registers_read(machine, &r);
 *         printf("call %llu\n", (unsigned long long)r.gpr[X64_RAX]);
 *     }
 *     ...
 *     x64_hook_add_syscall(machine, on_syscall, NULL, NULL);
 *     x64_run(machine, UINT64_MAX, &stop);
 *
 * WHEN. Every hook is called between two steps (or, for `unmapped`, in place of one), with the
 * whole state exact and n = x64_steps:
 *
 *   before step n   block, then instruction_before. Once for each step that starts at an address
 *                   (an instruction, one REP iteration, a kernel model's native function); not for
 *                   deliveries of interrupts and traps, nor for sleep.
 *   at step n       unmapped: nothing of the step has been committed.
 *   after step n    all others; x64_steps is n + 1, RIP where the next step starts. First fetch,
 *                   then the kinds made of effects in the order of the step's list, then syscall,
 *                   sysret, sysenter, sysexit, iret and swapgs, last instruction_after.
 *
 * Hooks of one kind are called in the order in which they were added. A range or null: only events
 * whose number (a linear address unless said otherwise) lies in the range, or all; accesses count
 * with any byte of theirs. A range whose last is below its first is X64_ERROR_ARGUMENT.
 *
 * WHAT A HOOK MAY DO. All of the API but run, step, go elsewhere in time, restore or destroy the
 * machine, which answer X64_ERROR_STATE. What it changes holds for the next step (before: for the
 * step at hand, which is made wherever RIP then points); events of the moment in progress are still
 * told as they happened. A hook that is added is called from the next moment on; one that is
 * removed is not called any more. x64_hook_stop ends the run when all hooks of the moment have been
 * called; stopped before a step, the next run makes it without asking the same hooks again.
 *
 * BUDGET. Hooks cost no steps. For the step that a run's budget ends with, hooks after it are
 * called in that run, hooks before the next one in the next run.
 *
 * TIME. x64_run and x64_step_observed call hooks, x64_goto and x64_step_back never do, not even
 * where they reach new steps. Changing state makes a barrier like any change from outside: going
 * back and forth over it repeats the change by itself, and steps recorded after it are forgotten. A
 * run in the recorded past calls hooks as well, except that at a barrier those of the moment that
 * made it are not called again: what they did is in it.
 *
 * COST. None while no hook is there, and little where none is concerned. unmapped hooks cost
 * nothing where nothing faults; block and instruction_before cost their calls. All others have the
 * effects made of steps that may concern them, which takes ten times as long as a step without:
 * instruction_after and fetch in their range; memory in the pages of their range; exception, stack
 * switch, page walk, TLB fill and writes of CR2 where an instruction is no everyday one or misses
 * the TLB; the rest at system instructions, such as SYSCALL, WRMSR and IN, alone.
 */
#ifndef X64EMU_HOOKS_H
#define X64EMU_HOOKS_H

#include "x64emu/hook_events.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void x64_instruction_hook(struct x64_machine *machine, void *user, uint64_t rip);
typedef void x64_step_hook(struct x64_machine *machine, void *user, const struct x64_step *step);
typedef void x64_memory_hook(struct x64_machine *machine, void *user,
                             const struct x64_memory_event *event);
typedef void x64_fetch_hook(struct x64_machine *machine, void *user,
                            const struct x64_fetch_event *event);
typedef enum x64_unmapped_answer x64_unmapped_hook(struct x64_machine *machine, void *user,
                                                   const struct x64_unmapped_event *event);
typedef void x64_exception_hook(struct x64_machine *machine, void *user,
                                const struct x64_exception_event *event);
typedef void x64_interrupt_hook(struct x64_machine *machine, void *user,
                                const struct x64_interrupt_event *event);
typedef void x64_transfer_hook(struct x64_machine *machine, void *user,
                               const struct x64_transfer_event *event);
typedef void x64_msr_hook(struct x64_machine *machine, void *user,
                          const struct x64_msr_event *event);
typedef void x64_control_hook(struct x64_machine *machine, void *user,
                              const struct x64_control_event *event);
typedef void x64_swapgs_hook(struct x64_machine *machine, void *user,
                             const struct x64_swapgs_event *event);
typedef void x64_stack_switch_hook(struct x64_machine *machine, void *user,
                                   const struct x64_stack_switch_event *event);
typedef void x64_port_hook(struct x64_machine *machine, void *user,
                           const struct x64_port_event *event);
typedef void x64_walk_hook(struct x64_machine *machine, void *user,
                           const struct x64_walk_event *event);
typedef void x64_tlb_fill_hook(struct x64_machine *machine, void *user,
                               const struct x64_tlb_fill_event *event);

/*
 * All functions that add a hook: `user` is passed on as it is, the machine never looks behind it.
 * `handle` may be null for a hook that stays; handles are never used again, and never 0. Hooks end
 * with the machine; a fork has none. X64_ERROR_ARGUMENT for a null machine or callback or an empty
 * range, X64_ERROR_MEMORY, X64_ERROR_LIMIT for more than 65536 hooks. May be called from hooks.
 */

/* Before each step at an address in `rips`. */
X64_API enum x64_status x64_hook_add_instruction_before(struct x64_machine *machine,
                                                        const struct x64_range *rips,
                                                        x64_instruction_hook *callback, void *user,
                                                        uint64_t *handle);

/* After each step that retired an instruction or REP iteration at an address in `rips`, or ran a
 * native function there. An instruction that faulted did not retire: hook exceptions. */
X64_API enum x64_status x64_hook_add_instruction_after(struct x64_machine *machine,
                                                       const struct x64_range *rips,
                                                       x64_step_hook *callback, void *user,
                                                       uint64_t *handle);

/* Before the first instruction of a basic block that starts in `rips`: after a branch, taken or
 * not, a call, a return, any change of CPL, an exception, an interrupt, a native function; and
 * where a run starts other than where the one before ended. */
X64_API enum x64_status x64_hook_add_block(struct x64_machine *machine,
                                           const struct x64_range *rips,
                                           x64_instruction_hook *callback, void *user,
                                           uint64_t *handle);

X64_API enum x64_status x64_hook_add_memory_read(struct x64_machine *machine,
                                                 const struct x64_range *linear,
                                                 x64_memory_hook *callback, void *user,
                                                 uint64_t *handle);
X64_API enum x64_status x64_hook_add_memory_write(struct x64_machine *machine,
                                                  const struct x64_range *linear,
                                                  x64_memory_hook *callback, void *user,
                                                  uint64_t *handle);
X64_API enum x64_status x64_hook_add_memory_fetch(struct x64_machine *machine,
                                                  const struct x64_range *linear,
                                                  x64_fetch_hook *callback, void *user,
                                                  uint64_t *handle);

/* In place of a page fault for a page that is not present, raised by an instruction or its fetch
 * (SDM vol. 3A, 4.7): the hook may map it and have the step made again. Asked in order until one
 * answers RETRY; asked only once for the same fault of the same step. Faults while an exception or
 * interrupt is delivered, and of native functions, are not offered: they are exceptions. */
X64_API enum x64_status x64_hook_add_unmapped(struct x64_machine *machine,
                                              const struct x64_range *linear,
                                              x64_unmapped_hook *callback, void *user,
                                              uint64_t *handle);

/* By vector, 0 to 31. */
X64_API enum x64_status x64_hook_add_exception(struct x64_machine *machine,
                                               const struct x64_range *vectors,
                                               x64_exception_hook *callback, void *user,
                                               uint64_t *handle);

/* External interrupts, NMI and INT n, by vector. */
X64_API enum x64_status x64_hook_add_interrupt(struct x64_machine *machine,
                                               const struct x64_range *vectors,
                                               x64_interrupt_hook *callback, void *user,
                                               uint64_t *handle);

/* After the instruction of that name (SDM vol. 2B), when it did not fault. */
X64_API enum x64_status x64_hook_add_syscall(struct x64_machine *machine,
                                             x64_transfer_hook *callback, void *user,
                                             uint64_t *handle);
X64_API enum x64_status x64_hook_add_sysret(struct x64_machine *machine,
                                            x64_transfer_hook *callback, void *user,
                                            uint64_t *handle);
X64_API enum x64_status x64_hook_add_sysenter(struct x64_machine *machine,
                                              x64_transfer_hook *callback, void *user,
                                              uint64_t *handle);
X64_API enum x64_status x64_hook_add_sysexit(struct x64_machine *machine,
                                             x64_transfer_hook *callback, void *user,
                                             uint64_t *handle);
X64_API enum x64_status x64_hook_add_iret(struct x64_machine *machine, x64_transfer_hook *callback,
                                          void *user, uint64_t *handle);
X64_API enum x64_status x64_hook_add_swapgs(struct x64_machine *machine, x64_swapgs_hook *callback,
                                            void *user, uint64_t *handle);

/* By MSR number: RDMSR, WRMSR, and what SYSCALL and SWAPGS read and write (SDM vol. 4). */
X64_API enum x64_status x64_hook_add_msr_read(struct x64_machine *machine,
                                              const struct x64_range *msrs, x64_msr_hook *callback,
                                              void *user, uint64_t *handle);
X64_API enum x64_status x64_hook_add_msr_write(struct x64_machine *machine,
                                               const struct x64_range *msrs, x64_msr_hook *callback,
                                               void *user, uint64_t *handle);

/* By register number (struct x64_control_event). */
X64_API enum x64_status x64_hook_add_control_write(struct x64_machine *machine,
                                                   const struct x64_range *registers,
                                                   x64_control_hook *callback, void *user,
                                                   uint64_t *handle);

X64_API enum x64_status x64_hook_add_stack_switch(struct x64_machine *machine,
                                                  x64_stack_switch_hook *callback, void *user,
                                                  uint64_t *handle);

/* IN, OUT, INS, OUTS by port number. */
X64_API enum x64_status x64_hook_add_port(struct x64_machine *machine,
                                          const struct x64_range *ports, x64_port_hook *callback,
                                          void *user, uint64_t *handle);

/* Each entry read while an address in `linear` was translated (SDM vol. 3A, 4.5). */
X64_API enum x64_status x64_hook_add_page_walk(struct x64_machine *machine,
                                               const struct x64_range *linear,
                                               x64_walk_hook *callback, void *user,
                                               uint64_t *handle);

/* Each translation stored in the guest-visible TLB for a page with a byte in `linear`. */
X64_API enum x64_status x64_hook_add_tlb_fill(struct x64_machine *machine,
                                              const struct x64_range *linear,
                                              x64_tlb_fill_hook *callback, void *user,
                                              uint64_t *handle);

/* Takes a hook away, its own handle inside a hook included. X64_ERROR_NOT_FOUND when it is none. */
X64_API enum x64_status x64_hook_remove(struct x64_machine *machine, uint64_t handle);

/* From a hook: ends the run with X64_STOP_HOOK, `code` and this hook's handle in struct x64_stop.
 * Several hooks may ask; the first one counts. X64_ERROR_STATE outside of hooks. */
X64_API enum x64_status x64_hook_stop(struct x64_machine *machine, int code);

#ifdef __cplusplus
}
#endif

#endif
