/* SPDX-License-Identifier: MIT */
/*
 * The hooks of a machine: a list in the order of adding, a mask of the kinds in it, and what the
 * run loop has to know. hooks.c keeps the list, hooks_add.c is the typed surface, hooks_run.c calls
 * the hooks of a moment, hooks_events.c turns a step's effects into their events, hooks_watch.c
 * tells the block engine what they need.
 */
#ifndef X64I_HOOKS_H
#define X64I_HOOKS_H

#include "x64emu/hooks.h"

#include "cpu/watch.h"

enum x64i_hook_kind {
    X64I_HOOK_INSTRUCTION_BEFORE,
    X64I_HOOK_BLOCK,
    X64I_HOOK_UNMAPPED,
    X64I_HOOK_INSTRUCTION_AFTER, /* this and all below are called after a step */
    X64I_HOOK_MEMORY_READ,
    X64I_HOOK_MEMORY_WRITE,
    X64I_HOOK_MEMORY_FETCH,
    X64I_HOOK_EXCEPTION,
    X64I_HOOK_INTERRUPT,
    X64I_HOOK_SYSCALL,
    X64I_HOOK_SYSRET,
    X64I_HOOK_SYSENTER,
    X64I_HOOK_SYSEXIT,
    X64I_HOOK_IRET,
    X64I_HOOK_SWAPGS,
    X64I_HOOK_MSR_READ,
    X64I_HOOK_MSR_WRITE,
    X64I_HOOK_CONTROL_WRITE,
    X64I_HOOK_STACK_SWITCH,
    X64I_HOOK_PORT,
    X64I_HOOK_PAGE_WALK,
    X64I_HOOK_TLB_FILL,
    X64I_HOOK_KIND_COUNT
};

/* What the hooks that are there ask of whoever makes the steps. Each level includes those above. */
enum x64i_hook_need {
    X64I_HOOKS_NONE,   /* nothing, or no more than to be asked at a page fault (unmapped) */
    X64I_HOOKS_STEPS,  /* block and instruction_before: to be called before steps */
    X64I_HOOKS_EFFECTS /* a list of effects after every step that may have some of their kinds */
};

union x64i_hook_callback {
    x64_instruction_hook *instruction;
    x64_step_hook *step;
    x64_memory_hook *memory;
    x64_fetch_hook *fetch;
    x64_unmapped_hook *unmapped;
    x64_exception_hook *exception;
    x64_interrupt_hook *interrupt;
    x64_transfer_hook *transfer;
    x64_msr_hook *msr;
    x64_control_hook *control;
    x64_swapgs_hook *swapgs;
    x64_stack_switch_hook *stack_switch;
    x64_port_hook *port;
    x64_walk_hook *walk;
    x64_tlb_fill_hook *tlb_fill;
};

struct x64i_hook {
    uint64_t handle; /* 0: removed while hooks were being called */
    enum x64i_hook_kind kind;
    struct x64_range range;
    union x64i_hook_callback callback;
    void *user;
};

/* Which moment's hooks are being called; also what a barrier remembers of who made it. */
enum x64i_hook_moment { X64I_MOMENT_NONE = 0, X64I_MOMENT_BEFORE = 1, X64I_MOMENT_AFTER = 2 };

struct x64i_hooks {
    struct x64i_hook *items;
    size_t count;
    size_t capacity;
    uint64_t last_handle;
    uint32_t kinds;           /* a bit for each kind that has hooks */
    enum x64i_hook_need need; /* of those kinds */
    bool live;                /* the run in progress calls hooks */
    struct x64i_watch watch;  /* the same for the block engine */
    uint64_t watched_until;   /* the step that the last watched run ended before */

    /* Of the moment in progress. */
    enum x64i_hook_moment moment;
    uint64_t newest;                  /* hooks added since it began are not called */
    uint64_t current;                 /* the hook being called */
    bool removed_some;                /* entries with handle 0 wait to be dropped */
    struct x64i_effect_list *effects; /* of the step that it interrupts */

    /* Of the run in progress. */
    bool stopped;
    int stop_code;
    uint64_t stop_hook;

    /* Where hooks before a step have been called already, while that step was not yet made. */
    bool called;
    uint64_t called_step;
    uint64_t called_rip;

    /* The page fault that hooks were asked about last. */
    bool asked;
    uint64_t asked_step;
    uint64_t asked_linear;
    uint32_t asked_error;

    /* What is remembered of the CPU before a step, for the events after it. */
    bool at_instruction; /* the step starts at an address; otherwise it is a delivery or sleep */
    uint64_t code_base;  /* CS's base as far as it counts */
};

enum x64_status x64i_hooks_add(struct x64_machine *machine, enum x64i_hook_kind kind,
                               const struct x64_range *range, union x64i_hook_callback callback,
                               void *user, uint64_t *handle);

/* Between moments: forgets the entries of removed hooks. */
void x64i_hooks_drop_removed(struct x64i_hooks *hooks);

void x64i_hooks_free(struct x64i_hooks *hooks);

/* Copies the next hook of `kind` whose range meets [first, last], from position *at on; false when
 * there is none. It becomes the current one. */
bool x64i_hooks_next(struct x64i_hooks *hooks, size_t *at, enum x64i_hook_kind kind, uint64_t first,
                     uint64_t last, struct x64i_hook *hook);

static inline bool x64i_hooks_have(const struct x64i_hooks *hooks, enum x64i_hook_kind kind)
{
    return hooks->kinds >> kind & 1;
}

/* What the run in progress must do for the hooks: the one predicate that decides who may make the
 * steps. */
static inline enum x64i_hook_need x64i_hooks_need(const struct x64i_hooks *hooks)
{
    return hooks->live ? hooks->need : X64I_HOOKS_NONE;
}

/* Calls the hooks before the step at RIP, unless they have been. False when the step must not be
 * made now: they changed the state or want to stop. */
bool x64i_hooks_before(struct x64_machine *machine);

/* The same where the step is known to be an instruction of 64-bit code. */
bool x64i_hooks_before_instruction(struct x64_machine *machine);

/* Calls the hooks after the step that was just made; `told`: with its effects in cpu->step. */
void x64i_hooks_after(struct x64_machine *machine, bool told);

/* Asks the unmapped hooks about the page fault in cpu->exception. True when the step is not to
 * fault: it is made again, or the run stops before it. */
bool x64i_hooks_unmapped(struct x64_machine *machine);

/* A barrier was passed that hooks before this step had a part in. */
void x64i_hooks_mark_called(struct x64_machine *machine);

/* The machine stands elsewhere now: nothing is remembered of where it stood. */
void x64i_hooks_forget(struct x64_machine *machine);

/* hooks_watch.c: what is watched is something else now. */
void x64i_hooks_watch_anew(struct x64_machine *machine);

/* hooks_events.c: everything after a step. */
void x64i_hooks_tell_step(struct x64_machine *machine);

#endif
