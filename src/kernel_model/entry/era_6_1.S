/* SPDX-License-Identifier: MIT */
/*
 * The entry of Linux 6.1, with the mitigations of its later stable releases: SWAPGS, the user's RSP
 * to TSS.sp2, CR3, the task's stack, full pt_regs, IBRS around the C part, the checks before
 * SYSRET, the trampoline stack.
 */
#include "common.inc"
#include "syscall.inc"

#define ERA_TSS			cpu_tss_rw
#define ERA_TOP_OF_STACK	cpu_current_top_of_stack
#define ERA_EFER		(EFER_SCE | EFER_NX)
#define ERA_CEA			1
#define ERA_UMIP		1
#define ERA_PT_REGS		1
#define ERA_FSGSBASE		1
#define ERA_LSTAR		movq $entry_SYSCALL_64, %rax
#define ERA_SYSCALL_MASK	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | \
				 X86_EFLAGS_SF | X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | \
				 X86_EFLAGS_OF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF | \
				 X86_EFLAGS_AC | X86_EFLAGS_ID)

/* The kernel runs with IBRS; what SPEC_CTRL holds in user mode is the same without it. */
.macro ERA_CPU_INIT
	ALTERNATIVE "", "call update_spec_ctrl", X86_FEATURE_KERNEL_IBRS
.endm

.macro PUSH_REGS rdx=%rdx rcx=%rcx rax=%rax save_ret=0
	.if \save_ret
	pushq %rsi
	movq 8(%rsp), %rsi
	movq %rdi, 8(%rsp)
	.else
	pushq %rdi
	pushq %rsi
	.endif
	pushq \rdx
	pushq \rcx
	pushq \rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	.if \save_ret
	pushq %rsi
	.endif
.endm

/* Nothing that the user chose stays in a register while the kernel speculates. */
.macro CLEAR_REGS
	xorl %esi, %esi
	xorl %edx, %edx
	xorl %ecx, %ecx
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	xorl %r10d, %r10d
	xorl %r11d, %r11d
	xorl %ebx, %ebx
	xorl %ebp, %ebp
	xorl %r12d, %r12d
	xorl %r13d, %r13d
	xorl %r14d, %r14d
	xorl %r15d, %r15d
.endm

.macro PUSH_AND_CLEAR_REGS rdx=%rdx rcx=%rcx rax=%rax save_ret=0
	PUSH_REGS rdx=\rdx rcx=\rcx rax=\rax save_ret=\save_ret
	CLEAR_REGS
.endm

#include "pop_regs.inc"

/* SPEC_CTRL gets the kernel's value; a saved one where it may have been the kernel's already. */
.macro IBRS_ENTER save_reg
	ALTERNATIVE "jmp .Librs_enter_end_\@", "", X86_FEATURE_KERNEL_IBRS
	movl $MSR_IA32_SPEC_CTRL, %ecx
	.ifnb \save_reg
	rdmsr
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, \save_reg
	test $1, %eax
	jz .Librs_enter_write_\@
	lfence
	jmp .Librs_enter_end_\@
.Librs_enter_write_\@:
	.endif
	movq PER_CPU_VAR(x86_spec_ctrl_current), %rdx
	movl %edx, %eax
	shr $32, %rdx
	wrmsr
.Librs_enter_end_\@:
.endm

.macro IBRS_EXIT save_reg
	ALTERNATIVE "jmp .Librs_exit_end_\@", "", X86_FEATURE_KERNEL_IBRS
	movl $MSR_IA32_SPEC_CTRL, %ecx
	.ifnb \save_reg
	mov \save_reg, %rdx
	.else
	movq PER_CPU_VAR(x86_spec_ctrl_current), %rdx
	andl $(~1), %edx
	.endif
	movl %edx, %eax
	shr $32, %rdx
	wrmsr
.Librs_exit_end_\@:
.endm

.macro CLEAR_BRANCH_HISTORY
	ALTERNATIVE "", "call clear_bhb_loop", X86_FEATURE_CLEAR_BHB_LOOP
.endm

.macro CLEAR_CPU_BUFFERS
	ALTERNATIVE "jmp .Lskip_verw_\@", "", X86_FEATURE_CLEAR_CPU_BUF
	verw mds_verw_sel(%rip)
.Lskip_verw_\@:
.endm

	.section .entry.text, "ax"

FUNC entry_SYSCALL_64
	swapgs
	movq %rsp, PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rsp
	movq PER_CPU_VAR(cpu_current_top_of_stack), %rsp
SYM entry_SYSCALL_64_safe_stack
	PUSH_SYSCALL_FRAME PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
SYM entry_SYSCALL_64_after_hwframe
	pushq %rax
	PUSH_AND_CLEAR_REGS rax=$-ENOSYS
	movq %rsp, %rdi
	movslq %eax, %rsi
	IBRS_ENTER
	CLEAR_BRANCH_HISTORY
	call do_syscall_64
	SYSRET_CHECKS iret=swapgs_restore_regs_and_return_to_usermode

SYM syscall_return_via_sysret
	IBRS_EXIT
	POP_REGS pop_rdi=0
	TO_USER_RSP_OVER_ENTRY_STACK
SYM entry_SYSRETQ_unsafe_stack
	swapgs
	CLEAR_CPU_BUFFERS
	sysretq
SYM entry_SYSRETQ_end
	int3
SYM_END entry_SYSCALL_64

/* SYSCALL from compatibility mode (AMD): no such call. */
FUNC ignore_sysret
	movl $-ENOSYS, %eax
	CLEAR_CPU_BUFFERS
	sysretl
SYM_END ignore_sysret

/* A new task's first way to user mode. RBX: what it does in the kernel before. */
FUNC ret_from_fork
	movq %rsp, %rdi
	CALL_NOSPEC rbx
	movq $0, RAX(%rsp)
	movq %rsp, %rdi
	call syscall_exit_to_user_mode
	jmp swapgs_restore_regs_and_return_to_usermode
SYM_END ret_from_fork

.macro IDT_BODY cfunc has_error_code
	call error_entry
	movq %rax, %rsp
	movq %rsp, %rdi
	.if \has_error_code
	movq ORIG_RAX(%rsp), %rsi
	movq $-1, ORIG_RAX(%rsp)
	.endif
	call \cfunc
	jmp error_return
.endm

.macro IDTENTRY name has_error_code
NATIVE exc_\name
FUNC asm_exc_\name
	ASM_CLAC
	cld
	.if \has_error_code == 0
	pushq $-1
	.endif
	IDT_BODY exc_\name \has_error_code
SYM_END asm_exc_\name
.endm

/* On a stack of its own (IST): it may have come between an entry and its SWAPGS. */
.macro IDTENTRY_IST name has_error_code
NATIVE exc_\name
FUNC asm_exc_\name
	ASM_CLAC
	cld
	.if \has_error_code == 0
	pushq $-1
	.endif
	call paranoid_entry
	movq %rsp, %rdi
	.if \has_error_code
	movq ORIG_RAX(%rsp), %rsi
	movq $-1, ORIG_RAX(%rsp)
	.endif
	call exc_\name
	jmp paranoid_exit
SYM_END asm_exc_\name
.endm

IDTENTRY divide_error 0
IDTENTRY overflow 0
IDTENTRY bounds 0
IDTENTRY invalid_op 0
IDTENTRY device_not_available 0
IDTENTRY coproc_segment_overrun 0
IDTENTRY spurious_interrupt_bug 0
IDTENTRY coprocessor_error 0
IDTENTRY simd_coprocessor_error 0
IDTENTRY invalid_tss 1
IDTENTRY segment_not_present 1
IDTENTRY stack_segment 1
IDTENTRY general_protection 1
IDTENTRY alignment_check 1
IDTENTRY page_fault 1
IDTENTRY int3 0
IDTENTRY_IST double_fault 1
IDTENTRY_IST nmi 0
IDTENTRY_IST machine_check 0

/* #DB from user mode leaves the IST stack at once. */
NATIVE exc_debug
FUNC asm_exc_debug
	ASM_CLAC
	cld
	pushq $-1
	testb $3, CS-ORIG_RAX(%rsp)
	jnz .Ldebug_from_usermode
	call paranoid_entry
	movq %rsp, %rdi
	call exc_debug
	jmp paranoid_exit
.Ldebug_from_usermode:
	IDT_BODY exc_debug 0
SYM_END asm_exc_debug

/* The stubs of the 8259's vectors push theirs where an error code would be. */
IRQ_ENTRIES asm_common_interrupt

FUNC asm_common_interrupt
	ASM_CLAC
	cld
	IDT_BODY common_interrupt 1
SYM_END asm_common_interrupt

/* pt_regs, and from user mode the kernel's GS, CR3 and stack. Answers pt_regs in RAX. */
FUNC error_entry
	PUSH_AND_CLEAR_REGS save_ret=1
	testb $3, CS+8(%rsp)
	jz .Lerror_kernelspace
	swapgs
	ALTERNATIVE "", "lfence", X86_FEATURE_NEVER
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rax
	IBRS_ENTER
	leaq 8(%rsp), %rdi
	jmp sync_regs
.Lerror_kernelspace:
	leaq native_irq_return_iret(%rip), %rcx
	cmpq %rcx, RIP+8(%rsp)
	je .Lerror_bad_iret
	ALTERNATIVE "", "lfence", X86_FEATURE_NEVER
	leaq 8(%rsp), %rax
	ret
.Lerror_bad_iret:
	/* IRET faulted: GS is the user's already, and the frame of the fault becomes the user's. */
	swapgs
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rax
	IBRS_ENTER
	leaq 8(%rsp), %rdi
	call fixup_bad_iret
	mov %rax, %rdi
	jmp sync_regs
SYM_END error_entry

#include "sync_regs.inc"

FUNC error_return
	testb $3, CS(%rsp)
	jz restore_regs_and_return_to_kernel
	movq %rsp, %rdi
	call syscall_exit_to_user_mode
	jmp swapgs_restore_regs_and_return_to_usermode
SYM_END error_return

FUNC swapgs_restore_regs_and_return_to_usermode
	IBRS_EXIT
	POP_REGS pop_rdi=0
	IRET_FRAME_TO_ENTRY_STACK
	swapgs
	CLEAR_CPU_BUFFERS
	jmp native_irq_return_iret
SYM restore_regs_and_return_to_kernel
	POP_REGS
	addq $8, %rsp
SYM native_irq_return_iret
	iretq
SYM_END swapgs_restore_regs_and_return_to_usermode

/*
 * Whatever GS and CR3 were: R14 keeps CR3, R15 SPEC_CTRL. Where the user can write GS.base, its sign
 * tells nothing and RBX keeps it; otherwise EBX says whether to swap back.
 */
FUNC paranoid_entry
	PUSH_AND_CLEAR_REGS save_ret=1
	SAVE_AND_SWITCH_TO_KERNEL_CR3 scratch_reg=%rax save_reg=%r14
	ALTERNATIVE "jmp .Lparanoid_entry_checkgs", "", X86_FEATURE_FSGSBASE
	rdgsbase %rbx
	movq __per_cpu_offset(%rip), %rax
	wrgsbase %rax
	jmp .Lparanoid_gsbase_done
.Lparanoid_entry_checkgs:
	movl $1, %ebx
	movl $MSR_GS_BASE, %ecx
	rdmsr
	testl %edx, %edx
	js .Lparanoid_kernel_gsbase
	swapgs
	xorl %ebx, %ebx
.Lparanoid_kernel_gsbase:
	ALTERNATIVE "", "lfence", X86_FEATURE_NEVER
.Lparanoid_gsbase_done:
	IBRS_ENTER save_reg=%r15
	ret
SYM_END paranoid_entry

FUNC paranoid_exit
	IBRS_EXIT save_reg=%r15
	RESTORE_CR3 scratch_reg=%rax save_reg=%r14
	ALTERNATIVE "jmp .Lparanoid_exit_checkgs", "", X86_FEATURE_FSGSBASE
	wrgsbase %rbx
	jmp restore_regs_and_return_to_kernel
.Lparanoid_exit_checkgs:
	testl %ebx, %ebx
	jnz restore_regs_and_return_to_kernel
	swapgs
	jmp restore_regs_and_return_to_kernel
SYM_END paranoid_exit

/* Overwrites the branch history with jumps of the kernel's own. */
FUNC clear_bhb_loop
	push %rbp
	mov %rsp, %rbp
	movl $5, %ecx
	call 1f
	jmp 5f
	.balign 64, 0xcc
1:	call 2f
	ret
	.balign 64, 0xcc
2:	movl $5, %eax
3:	jmp 4f
	nop
4:	sub $1, %eax
	jnz 3b
	sub $1, %ecx
	jnz 1b
	ret
5:	lfence
	pop %rbp
	ret
SYM_END clear_bhb_loop

/* VERW takes its selector from memory that both page tables map. */
	.balign 16, 0xcc
.globl mds_verw_sel
.type mds_verw_sel, @object
mds_verw_sel:
	.word __KERNEL_DS
	.size mds_verw_sel, 2

#include "boot.inc"

	.section .text, "ax"

FUNC update_spec_ctrl
	movl $1, %eax
	movq %rax, PER_CPU_VAR(x86_spec_ctrl_current)
	WRMSR_REG MSR_IA32_SPEC_CTRL
	ret
SYM_END update_spec_ctrl

/* RDI: pt_regs, ESI: number. The table's functions take pt_regs. */
FUNC do_syscall_64
	pushq %rbp
	movq %rsp, %rbp
	pushq %rbx
	movq %rdi, %rbx
	sti
	cmpl $NR_syscalls, %esi
	jae 1f
	movl %esi, %eax
	cmpq $NR_syscalls, %rax
	sbbq %rdx, %rdx
	andq %rdx, %rax
	movq sys_call_table(, %rax, 8), %rax
	CALL_NOSPEC rax
	movq %rax, RAX(%rbx)
	jmp 2f
1:	cmpl $-1, %esi
	je 2f
	call __x64_sys_ni_syscall
	movq %rax, RAX(%rbx)
2:	movq %rbx, %rdi
	call syscall_exit_to_user_mode
	popq %rbx
	popq %rbp
	ret
SYM_END do_syscall_64

FUNC syscall_exit_to_user_mode
	cli
	jmp exit_to_user_mode_prepare
SYM_END syscall_exit_to_user_mode

#define prepare_exit_to_usermode exit_to_user_mode_prepare
#include "exit_work.inc"

/* From user mode the task's stack is as good as empty; in the kernel the IRQ stack is taken. */
FUNC common_interrupt
	movzbl %sil, %esi
	testb $3, CS(%rdi)
	jnz handle_irq
	movq PER_CPU_VAR(hardirq_stack_ptr), %rax
	movq %rsp, -8(%rax)
	leaq -8(%rax), %rsp
	call handle_irq
	popq %rsp
	ret
SYM_END common_interrupt

#include "per_cpu.inc"

#include "sys_call_table.inc"
#include "syscalls_64.inc"

IDT_ROWS
	IDT_ROW 0, asm_exc_divide_error
	IDT_ROW 1, asm_exc_debug, 3
	IDT_ROW 2, asm_exc_nmi, 2
	IDT_ROW 3, asm_exc_int3, 0, GATE_INTERRUPT_USER
	IDT_ROW 4, asm_exc_overflow, 0, GATE_INTERRUPT_USER
	IDT_ROW 5, asm_exc_bounds
	IDT_ROW 6, asm_exc_invalid_op
	IDT_ROW 7, asm_exc_device_not_available
	IDT_ROW 8, asm_exc_double_fault, 1
	IDT_ROW 9, asm_exc_coproc_segment_overrun
	IDT_ROW 10, asm_exc_invalid_tss
	IDT_ROW 11, asm_exc_segment_not_present
	IDT_ROW 12, asm_exc_stack_segment
	IDT_ROW 13, asm_exc_general_protection
	IDT_ROW 14, asm_exc_page_fault
	IDT_ROW 15, asm_exc_spurious_interrupt_bug
	IDT_ROW 16, asm_exc_coprocessor_error
	IDT_ROW 17, asm_exc_alignment_check
	IDT_ROW 18, asm_exc_machine_check, 4
	IDT_ROW 19, asm_exc_simd_coprocessor_error
	IDT_IRQ_ROWS
IDT_ROWS_END
