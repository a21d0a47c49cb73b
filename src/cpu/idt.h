/* SPDX-License-Identifier: MIT */
/*
 * One delivery through the interrupt descriptor table in long mode (SDM vol. 3A, 6.14): the gate
 * and its checks, the stack switch by IST or TSS.RSPn, the frame, and the new state.
 *
 *       before the switch       on the new stack, aligned to 16 bytes
 *                                    SS
 *                                    RSP
 *                                    RFLAGS
 *                                    CS
 *                                    RIP
 *            RSP points to  ->       error code, for the exceptions that have one
 */
#ifndef X64I_CPU_IDT_H
#define X64I_CPU_IDT_H

#include "cpu/cpu.h"

struct x64i_delivery {
    uint8_t vector;
    bool software; /* INT n, INT3, INTO: the gate's DPL counts */
    bool external; /* EXT of error codes: the event is not the program's doing */
    bool has_error;
    uint32_t error_code;
    uint64_t return_rip;
    uint64_t rflags; /* as the frame shows them */
};

/* Delivers: afterwards CS, SS, RSP, RFLAGS and CPL are the handler's and next_rip is its first
 * instruction. X64I_FAULT: nothing was committed and cpu->exception is the new exception. */
enum x64i_result x64i_idt_deliver(struct x64i_cpu *cpu, const struct x64i_delivery *delivery);

/* Reads an 8-byte stack pointer of the task-state segment: #TS(TR) beyond its limit (SDM vol. 3A,
 * 7.7). `offset` is 4 for RSP0, 36 for IST1 ... */
enum x64i_result x64i_tss_stack(struct x64i_cpu *cpu, unsigned offset, bool external,
                                uint64_t *rsp);

#define X64I_TSS_RSP(level)  (4u + 8u * (level))
#define X64I_TSS_IST(number) (28u + 8u * (number))

#endif
