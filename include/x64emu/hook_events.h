/* SPDX-License-Identifier: MIT */
/*
 * What a hook is told: one plain struct for each kind, made of the effects of the step it belongs
 * to. Events and what they point to are valid during the call only.
 *
 *     static void on_write(struct x64_machine *machine, void *user,
 *                          const struct x64_memory_event *event)
 *     {
 *         printf("rip %#llx wrote %#llx\n", (unsigned long long)event->step->rip,
 *                (unsigned long long)event->value);
 *     }
 */
#ifndef X64EMU_HOOK_EVENTS_H
#define X64EMU_HOOK_EVENTS_H

#include "x64emu/effects.h"

#ifdef __cplusplus
extern "C" {
#endif

struct x64_machine;

/* Numbers from `first` to `last`, both of them inside: what they number is said where a range is
 * taken. {0, UINT64_MAX} is everything, and so is a null pointer to a range. */
struct x64_range {
    uint64_t first;
    uint64_t last;
};

/* Data memory, by linear address. `size` is 1 to 8 bytes: wider accesses (SSE, FXSAVE ...) come as
 * pieces of eight. Pushes by interrupts and reads of descriptors are told as well; reads of paging
 * structures are page walks. `old` is `value` for a read. */
struct x64_memory_event {
    const struct x64_step *step;
    uint64_t linear;
    uint64_t physical;
    uint64_t old;
    uint64_t value;
    uint32_t size;
};

/* An instruction whose bytes were fetched, also when it then faulted. */
struct x64_fetch_event {
    const struct x64_step *step;
    uint64_t linear; /* RIP with CS's base */
    const uint8_t *bytes;
    uint32_t size;
};

/* An access that no present page stands behind: the page fault that is about to be delivered. */
struct x64_unmapped_event {
    uint64_t number;     /* n: the step that wants to touch it */
    uint64_t rip;        /* of the instruction */
    uint64_t linear;     /* the byte that does not translate */
    uint32_t error_code; /* enum x64_page_fault_error; X64_PF_PRESENT is clear */
    uint8_t cpl;
};

enum x64_unmapped_answer {
    X64_UNMAPPED_FAULT, /* deliver the page fault, unless another hook wants a retry */
    X64_UNMAPPED_RETRY  /* the page was mapped: make the step again */
};

/* Where an exception or interrupt came from. */
enum x64_cause {
    X64_CAUSE_FAULT,    /* the instruction at step->rip could not be executed */
    X64_CAUSE_TRAP,     /* #DB after the instruction before: single step, data breakpoint */
    X64_CAUSE_SOFTWARE, /* INT n, INT3, INTO or INT1 at step->rip */
    X64_CAUSE_EXTERNAL, /* the interrupt line */
    X64_CAUSE_NMI,
    X64_CAUSE_DELIVERY /* delivering the exception or interrupt before it in the same step failed */
};

/* Delivered (or, for a delivery that failed, begun): RIP is the handler's by now, or the CPU is
 * shut down (SDM vol. 3A, 6.12 and table 6-5). */
struct x64_exception_event {
    const struct x64_step *step;
    enum x64_fault fault;
    enum x64_cause cause;
    uint32_t error_code; /* where x64_fault_has_error_code says so */
    uint64_t linear;     /* #PF: CR2 */
};

struct x64_interrupt_event {
    const struct x64_step *step;
    uint8_t vector;
    enum x64_cause cause;
};

/* A change between user and kernel that an instruction made: SYSCALL, SYSRET, SYSENTER, SYSEXIT or
 * IRET, to whatever level. */
struct x64_transfer_event {
    const struct x64_step *step; /* step->rip: of the instruction, step->cpl: before it */
    uint64_t target;             /* RIP after it */
    uint8_t cpl;                 /* after it */
};

struct x64_msr_event {
    const struct x64_step *step;
    uint32_t index;
    uint64_t old; /* = value for a read */
    uint64_t value;
};

/* CR0, CR2, CR3, CR4, CR8 or X64_CONTROL_XCR0; also by exceptions (CR2). */
struct x64_control_event {
    const struct x64_step *step;
    uint32_t index;
    uint64_t old;
    uint64_t value;
};

struct x64_swapgs_event {
    const struct x64_step *step;
    uint64_t old_base; /* of GS */
    uint64_t new_base;
};

/* RSP loaded from the TSS or by SYSENTER. */
struct x64_stack_switch_event {
    const struct x64_step *step;
    uint32_t slot; /* IST slot 1-7, 0 for TSS.RSPn, 8 for SYSENTER */
    uint64_t old_rsp;
    uint64_t new_rsp;
};

struct x64_port_event {
    const struct x64_step *step;
    uint16_t port;
    uint8_t size; /* bytes */
    bool write;
    uint32_t value;
};

/* One entry of a paging structure that the walk read. */
struct x64_walk_event {
    const struct x64_step *step;
    uint64_t linear;   /* what is translated */
    uint64_t physical; /* the entry's address */
    uint64_t entry;
    uint8_t level; /* 4: PML4E ... 1: PTE */
};

struct x64_tlb_fill_event {
    const struct x64_step *step;
    uint64_t linear; /* page bases */
    uint64_t physical;
    uint64_t size; /* bytes of the page */
    uint16_t pcid;
};

#ifdef __cplusplus
}
#endif

#endif
