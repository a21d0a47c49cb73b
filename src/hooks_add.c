/* SPDX-License-Identifier: MIT */
/* The typed functions that add a hook: a row for each kind. */
#include "machine.h"

/* A kind with a range of its numbers. */
#define RANGED(name, KIND, type)                                                                   \
    enum x64_status x64_hook_add_##name(struct x64_machine *machine,                               \
                                        const struct x64_range *range,                             \
                                        x64_##type##_hook *callback, void *user, uint64_t *handle) \
    {                                                                                              \
        if (!callback)                                                                             \
            return X64_ERROR_ARGUMENT;                                                             \
        return x64i_hooks_add(machine, X64I_HOOK_##KIND, range,                                    \
                              (union x64i_hook_callback){.type = callback}, user, handle);         \
    }

/* A kind without. */
#define PLAIN(name, KIND, type)                                                                   \
    enum x64_status x64_hook_add_##name(struct x64_machine *machine, x64_##type##_hook *callback, \
                                        void *user, uint64_t *handle)                             \
    {                                                                                             \
        if (!callback)                                                                            \
            return X64_ERROR_ARGUMENT;                                                            \
        return x64i_hooks_add(machine, X64I_HOOK_##KIND, NULL,                                    \
                              (union x64i_hook_callback){.type = callback}, user, handle);        \
    }

RANGED(instruction_before, INSTRUCTION_BEFORE, instruction)
RANGED(instruction_after, INSTRUCTION_AFTER, step)
RANGED(block, BLOCK, instruction)
RANGED(memory_read, MEMORY_READ, memory)
RANGED(memory_write, MEMORY_WRITE, memory)
RANGED(memory_fetch, MEMORY_FETCH, fetch)
RANGED(unmapped, UNMAPPED, unmapped)
RANGED(exception, EXCEPTION, exception)
RANGED(interrupt, INTERRUPT, interrupt)
PLAIN(syscall, SYSCALL, transfer)
PLAIN(sysret, SYSRET, transfer)
PLAIN(sysenter, SYSENTER, transfer)
PLAIN(sysexit, SYSEXIT, transfer)
PLAIN(iret, IRET, transfer)
PLAIN(swapgs, SWAPGS, swapgs)
RANGED(msr_read, MSR_READ, msr)
RANGED(msr_write, MSR_WRITE, msr)
RANGED(control_write, CONTROL_WRITE, control)
PLAIN(stack_switch, STACK_SWITCH, stack_switch)
RANGED(port, PORT, port)
RANGED(page_walk, PAGE_WALK, walk)
RANGED(tlb_fill, TLB_FILL, tlb_fill)
