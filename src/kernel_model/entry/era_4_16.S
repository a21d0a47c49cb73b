/* SPDX-License-Identifier: MIT */
/*
 * The entry of Linux 4.16: with PTI the first stage is a trampoline in cpu_entry_area, which both
 * page tables map; without, the user's RSP goes to rsp_scratch. The top of the task's stack is
 * TSS.sp1. No fast path; the table's functions take six arguments.
 */
#include "common.inc"
#include "syscall.inc"

#define ERA_TSS			cpu_tss_rw
#define ERA_TOP_OF_STACK	cpu_current_top_of_stack
#define ERA_TOP_OF_STACK_ALIAS	1
#define ERA_RSP_SCRATCH		1
#define ERA_EFER		(EFER_SCE | EFER_NX)
#define ERA_CEA			1
#define ERA_UMIP		1
#define ERA_RETPOLINE		1
#define ERA_INDEX_NOSPEC	1
#define ERA_SYSCALL_MASK	SYSCALL_MASK_4_1

.macro ERA_CPU_INIT
.endm

.macro ERA_FENCE_SWAPGS
.endm

#include "calling_4_16.inc"
#include "sys_call_table.inc"
#include "trampoline.inc"

FUNC entry_SYSCALL_64
	swapgs
	movq %rsp, PER_CPU_VAR(rsp_scratch)
	movq PER_CPU_VAR(cpu_current_top_of_stack), %rsp
	PUSH_SYSCALL_FRAME PER_CPU_VAR(rsp_scratch)
SYM entry_SYSCALL_64_after_hwframe
	pushq %rax
	PUSH_AND_CLEAR_REGS rax=$-ENOSYS
	movq %rsp, %rdi
	call do_syscall_64
	SYSRET_CHECKS iret=swapgs_restore_regs_and_return_to_usermode

SYM syscall_return_via_sysret
	POP_REGS pop_rdi=0 skip_r11rcx=1
	TO_USER_RSP_OVER_ENTRY_STACK
	swapgs
	sysretq
SYM_END entry_SYSCALL_64

#include "ignore_sysret.inc"
#include "ret_from_fork.inc"

#define ERA_EBX_SAYS_KERNEL	1
#define ERA_USER_MODE_FIRST	1

.macro ERA_INTERRUPT_ENTRY
	ASM_CLAC
	cld
	testb $3, CS-ORIG_RAX(%rsp)
	jz 1f
	swapgs
	call switch_to_thread_stack
1:	PUSH_AND_CLEAR_REGS
	movq %rsp, %rdi
	movq PER_CPU_VAR(hardirq_stack_ptr), %rsp
	pushq %rdi
.endm

#include "thread_stack.inc"
#include "exceptions_4_15.inc"
#include "boot.inc"

	.section .text, "ax"

#include "dispatch.inc"
#include "do_syscall_4_9.inc"
#include "per_cpu.inc"
#include "syscalls_64.inc"
#include "idt_rows.inc"
