/* SPDX-License-Identifier: MIT */
/*
 * The entry of Linux 4.15, the first with page-table isolation: under PTI the first stage is a
 * trampoline in cpu_entry_area; the task's stack is at TSS.sp1, and TSS.sp0 is the entry stack, over
 * which the way back leads. Between them the fast and the slow path of 4.9 live on.
 */
#include "common.inc"
#include "syscall.inc"
#include "calling_4_9.inc"
#include "pop_regs.inc"

#define ERA_TSS			cpu_tss_rw
#define ERA_TOP_OF_STACK	cpu_current_top_of_stack
#define ERA_TOP_OF_STACK_ALIAS	1
#define ERA_RSP_SCRATCH		1
#define ERA_EFER		(EFER_SCE | EFER_NX)
#define ERA_CEA			1
#define ERA_UMIP		1
#define ERA_RETPOLINE		1
#define ERA_SYSCALL_MASK	SYSCALL_MASK_4_1
#define ERA_ALLWORK_MASK	_TIF_ALLWORK_MASK_4_15

.macro ERA_CPU_INIT
.endm

.macro ERA_FENCE_SWAPGS
.endm

#include "sys_call_table.inc"
#include "trampoline.inc"

.macro ERA_FAST_SYSRET
	addq $(6 * 8), %rsp
	jmp pop_c_regs_and_sysret
.endm

FUNC entry_SYSCALL_64
	swapgs
	movq %rsp, PER_CPU_VAR(rsp_scratch)
	movq PER_CPU_VAR(cpu_current_top_of_stack), %rsp
	PUSH_SYSCALL_FRAME PER_CPU_VAR(rsp_scratch)
SYM entry_SYSCALL_64_after_hwframe
#include "fast_path.inc"
	SYSRET_CHECKS iret=swapgs_restore_regs_and_return_to_usermode
SYM syscall_return_via_sysret
	POP_EXTRA_REGS
SYM pop_c_regs_and_sysret
	POP_C_REGS pop_rdi=0 skip_r11rcx=1
	TO_USER_RSP_OVER_ENTRY_STACK
	swapgs
	sysretq
SYM_END entry_SYSCALL_64

#include "ignore_sysret.inc"
#include "ret_from_fork.inc"

#define ERA_ROOM		(15 * 8)
#define ERA_EBX_SAYS_KERNEL	1
#define ERA_USER_MODE_FIRST	1

.macro ERA_MAKE_ROOM
	addq $-(15 * 8), %rsp
.endm

.macro ERA_SAVE_REGS
	SAVE_C_REGS 8
	SAVE_EXTRA_REGS 8
.endm

.macro ERA_INTERRUPT_ENTRY
	ASM_CLAC
	cld
	testb $3, CS-ORIG_RAX(%rsp)
	jz 1f
	swapgs
	call switch_to_thread_stack
1:	ERA_MAKE_ROOM
	SAVE_C_REGS
	SAVE_EXTRA_REGS
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
