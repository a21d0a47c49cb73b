/* SPDX-License-Identifier: MIT */
/*
 * The entry of Linux 4.9, before page-table isolation: the user's RSP to rsp_scratch, the task's
 * stack from cpu_current_top_of_stack, and a fast path for calls that nobody watches: six arguments
 * in registers, nothing saved that C preserves, SYSRET without checks. The slow path saves all of
 * pt_regs and looks whether SYSRET may be used.
 */
#include "common.inc"
#include "syscall.inc"
#include "calling_4_9.inc"

#define ERA_TSS			cpu_tss
#define ERA_TOP_OF_STACK	cpu_current_top_of_stack
#define ERA_RSP_SCRATCH		1
#define ERA_EFER		(EFER_SCE | EFER_NX)
#define ERA_LSTAR		movq $entry_SYSCALL_64, %rax
#define ERA_SYSCALL_MASK	SYSCALL_MASK_4_1
#define ERA_ALLWORK_MASK	_TIF_ALLWORK_MASK_4_9

.macro ERA_CPU_INIT
.endm

#include "sys_call_table.inc"

.macro TO_USER_BY_SYSRET
	RESTORE_C_REGS rcx_r11=0
	movq RSP(%rsp), %rsp
	swapgs
	sysretq
.endm

.macro ERA_FAST_SYSRET
	TO_USER_BY_SYSRET
.endm

	.section .entry.text, "ax"

FUNC entry_SYSCALL_64
	swapgs
SYM entry_SYSCALL_64_after_swapgs
	movq %rsp, PER_CPU_VAR(rsp_scratch)
	movq PER_CPU_VAR(cpu_current_top_of_stack), %rsp
	PUSH_SYSCALL_FRAME PER_CPU_VAR(rsp_scratch)
#include "fast_path.inc"
	RESTORE_EXTRA_REGS
	SYSRET_CHECKS iret=opportunistic_sysret_failed
SYM syscall_return_via_sysret
	TO_USER_BY_SYSRET
SYM opportunistic_sysret_failed
	swapgs
	jmp restore_c_regs_and_iret
SYM_END entry_SYSCALL_64

#include "ignore_sysret.inc"
#include "ret_from_fork.inc"

#include "exceptions_4_9.inc"
#include "boot.inc"

	.section .text, "ax"

#include "dispatch.inc"
#include "do_syscall_4_9.inc"
#include "per_cpu.inc"
#include "syscalls_64.inc"
#include "idt_rows.inc"
