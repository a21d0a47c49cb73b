/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts on their way to their handlers (SDM vol. 3A, chapter 6): what happens
 * around one delivery. CR2 and DR6 are written, a fault on the way becomes the next exception, a
 * double fault or a shutdown. The delivery itself, gate to frame, is idt.h.
 *
 *     if (op->execute(cpu, op) == X64I_FAULT)
 *         x64i_deliver_exception(cpu, &cpu->exception);
 */
#ifndef X64I_CPU_EXCEPTION_H
#define X64I_CPU_EXCEPTION_H

#include "cpu/cpu.h"

/* DR6 and DR7 (SDM vol. 3B, 17.2.3 and 17.2.4). */
#define X64I_DR6_HIT (0xfull << 0) /* B0-B3 */
#define X64I_DR6_BD  (1ull << 13)  /* an access to debug registers while DR7.GD is set */
#define X64I_DR6_BS  (1ull << 14)  /* single step */
#define X64I_DR7_GD  (1ull << 13)

/* Which instruction asks for an interrupt. */
enum x64i_software_interrupt {
    X64I_SOFTWARE_INT_N,
    X64I_SOFTWARE_INT3, /* #BP */
    X64I_SOFTWARE_INTO, /* #OF */
    X64I_SOFTWARE_INT1  /* #DB, without a check of the gate's DPL */
};

/*
 * Delivers an exception that interrupted the instruction at s.rip (a fault) or stands before it (a
 * trap): s.rip is what the frame names. Afterwards the state is that before the handler's first
 * instruction, s.rip included, or s.activity is X64I_SHUTDOWN after a triple fault. `exception` may
 * be &cpu->exception.
 *
 * RFLAGS.RF in the frame is set for faults but instruction breakpoints and is as in RFLAGS for all
 * else (SDM vol. 3B, 17.3.1.1); a REP instruction between two iterations therefore stands with RF
 * set in RFLAGS.
 */
void x64i_deliver_exception(struct x64i_cpu *cpu, const struct x64i_exception *exception);

/* Delivers an external interrupt before the instruction at s.rip; ends HLT and MWAIT. */
void x64i_deliver_interrupt(struct x64i_cpu *cpu, uint8_t vector);

/* Delivers the pending NMI: clears s.nmi_pending, sets s.nmi_blocked until IRET. */
void x64i_deliver_nmi(struct x64i_cpu *cpu);

/* INT n, INT3, INTO and INT1 from a handler: the frame names next_rip, and next_rip is the
 * interrupt handler afterwards. A failed check is the instruction's own fault. `vector` matters to
 * INT n only. */
enum x64i_result x64i_software_interrupt(struct x64i_cpu *cpu, enum x64i_software_interrupt kind,
                                         uint8_t vector);

#endif
