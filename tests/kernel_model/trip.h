/* SPDX-License-Identifier: MIT */
/*
 * One trip of a guest's program into the kernel and back, observed step by step: the registers at
 * its stations, and what entry code does that no register shows afterwards.
 *
 *     trip_take(&guest, "call_getpid", &trip);
 *     ck_assert_uint_eq(trip.back.gpr[X64_RAX], 1);
 */
#ifndef X64_TESTS_KERNEL_MODEL_TRIP_H
#define X64_TESTS_KERNEL_MODEL_TRIP_H

#include "kernel_model/guest.h"

#define TRIP_FRAME  21
#define TRIP_WRITES 8

/* A value that was written, and whether the TLB lost translations by it. */
struct trip_write {
    uint64_t value;
    bool flushed;
    bool no_flush; /* bit 63 of the operand */
};

struct trip {
    uint64_t first, last; /* n of the step that left user mode, and of the one that came back */
    struct x64_registers user;    /* before the first step */
    struct x64_registers entered; /* after it */
    struct x64_registers inside;  /* at do_syscall_64 */
    struct x64_registers back;    /* after the last step */
    bool came_inside;
    uint64_t frame[TRIP_FRAME]; /* struct pt_regs at do_syscall_64 */
    uint64_t user_gs, user_kernel_gs, inside_gs, inside_kernel_gs, back_gs, back_kernel_gs;
    struct trip_write cr3[TRIP_WRITES], spec_ctrl[TRIP_WRITES];
    unsigned cr3_count, spec_ctrl_count;
    uint64_t sp2; /* the last value written to TSS.sp2 */
    unsigned swapgs, verw, sysret, iret_to_user, native;
    unsigned bhb_loop;                       /* steps within clear_bhb_loop */
    unsigned kernel_page_faults, user_entry; /* exceptions delivered at CPL 0; at CPL 3 */
    uint32_t vector;                         /* of the last exception */
    uint64_t handler;                        /* where that was delivered to */
};

struct x64_registers trip_registers(struct guest *guest);
uint64_t trip_msr(struct guest *guest, uint32_t index);

/* Runs on to the label of the program without observing. */
void trip_go_to(struct guest *guest, const char *label);

/* Runs to the label, and from there until user mode is reached again; one step at least. */
void trip_take(struct guest *guest, const char *label, struct trip *trip);

#endif
