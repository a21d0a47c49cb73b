/* SPDX-License-Identifier: MIT */
/*
 * INT 0x80, in the shape of Linux 4.9: an interrupt gate with DPL 3, the CPU's own switch to
 * TSS.sp0, which is the task's stack, a frame of five words, 32-bit numbers and registers, IRET as
 * the way back. There is no SYSCALL: EFER.SCE stays clear.
 */
#include "common.inc"
#include "calling_4_9.inc"

#define ERA_TSS			cpu_tss
#define ERA_TOP_OF_STACK	cpu_current_top_of_stack
#define ERA_EFER		EFER_NX
#define ERA_NO_SYSCALL		1
#define ERA_INT80		1

.macro ERA_CPU_INIT
.endm

#include "sys_call_table.inc"

	.section .entry.text, "ax"

#include "int80.inc"

#include "ret_from_fork.inc"

#include "exceptions_4_9.inc"
#include "boot.inc"

	.section .text, "ax"

#include "dispatch.inc"

#include "do_syscall_32.inc"
#include "per_cpu.inc"

#include "syscalls_32.inc"
#include "idt_rows.inc"
