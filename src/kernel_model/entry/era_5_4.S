/* SPDX-License-Identifier: MIT */
/*
 * The entry of Linux 5.4: no trampoline (since 4.20). TSS.sp2, which the CPU does not use, keeps
 * the user's RSP, since both page tables map the TSS; CR3 is switched right after that. The last
 * thing before the way back is VERW, in C.
 */
#include "common.inc"
#include "syscall.inc"
#include "interrupt_entry.inc"

#define ERA_TSS			cpu_tss_rw
#define ERA_TOP_OF_STACK	cpu_current_top_of_stack
#define ERA_TOP_OF_STACK_ALIAS	1
#define ERA_EFER		(EFER_SCE | EFER_NX)
#define ERA_CEA			1
#define ERA_UMIP		1
#define ERA_PT_REGS		1
#define ERA_CLEAR_DX_CX		1
#define ERA_LSTAR		movq $entry_SYSCALL_64, %rax
#define ERA_READ_CR2		1
#define ERA_MDS_CLEAR		1
#define ERA_RETPOLINE		1
#define ERA_SYSCALL_MASK	SYSCALL_MASK_4_1

.macro ERA_CPU_INIT
.endm

/* Since 5.3 an LFENCE can keep speculation from going past a SWAPGS or around it; no mitigation that
 * can be chosen asks for it. */
.macro ERA_FENCE_SWAPGS
	ALTERNATIVE "", "lfence", X86_FEATURE_NEVER
.endm

#include "calling_4_16.inc"
#include "sys_call_table.inc"

	.section .entry.text, "ax"

FUNC entry_SYSCALL_64
	swapgs
	movq %rsp, PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rsp
	movq PER_CPU_VAR(cpu_current_top_of_stack), %rsp
	PUSH_SYSCALL_FRAME PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
SYM entry_SYSCALL_64_after_hwframe
	pushq %rax
	PUSH_AND_CLEAR_REGS rax=$-ENOSYS
	movq %rax, %rdi
	movq %rsp, %rsi
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

INTERRUPT_ENTRY fences=1

#include "exceptions_4_15.inc"
#include "boot.inc"

	.section .text, "ax"

#include "dispatch.inc"
#include "do_syscall_4_17.inc"
#include "per_cpu.inc"
#include "syscalls_64.inc"
#include "idt_rows.inc"
