/* SPDX-License-Identifier: MIT */
/*
 * The entry of Linux 4.16: with PTI the first stage is a trampoline in cpu_entry_area, which both
 * page tables map; without, the user's RSP goes to rsp_scratch. The top of the task's stack is
 * TSS.sp1. No fast path; the table's functions take six arguments.
 */
#include "common.inc"

#define ERA_TSS			cpu_tss_rw
#define ERA_TOP_OF_STACK	cpu_current_top_of_stack
#define ERA_TOP_OF_STACK_ALIAS	1
#define ERA_RSP_SCRATCH		1
#define ERA_EFER		(EFER_SCE | EFER_NX)
#define ERA_CEA			1
#define ERA_UMIP		1
#define ERA_SYSCALL_MASK	(X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_IF | X86_EFLAGS_IOPL | \
				 X86_EFLAGS_AC | X86_EFLAGS_NT)

/* Linear address of the trampoline's page in cpu_entry_area, and what it reaches from there. */
	.set CEA_trampoline, 0xfffffe0000006000
#define CEA_entry_stack_end	(entry_SYSCALL_64_trampoline - 0x3000)
#define CEA_tss			(entry_SYSCALL_64_trampoline - 0x3000)
#define RSP_SCRATCH		CEA_entry_stack_end - 8(%rip)

.macro ERA_LSTAR
	ALTERNATIVE "movq $entry_SYSCALL_64, %rax", "movabsq $CEA_trampoline, %rax", X86_FEATURE_PTI
.endm

.macro ERA_CPU_INIT
.endm

.macro PUSH_AND_CLEAR_REGS rdx=%rdx rax=%rax save_ret=0
	.if \save_ret
	pushq %rsi
	movq 8(%rsp), %rsi
	movq %rdi, 8(%rsp)
	.else
	pushq %rdi
	pushq %rsi
	.endif
	pushq \rdx
	xorl %edx, %edx
	pushq %rcx
	xorl %ecx, %ecx
	pushq \rax
	pushq %r8
	xorl %r8d, %r8d
	pushq %r9
	xorl %r9d, %r9d
	pushq %r10
	xorl %r10d, %r10d
	pushq %r11
	xorl %r11d, %r11d
	pushq %rbx
	xorl %ebx, %ebx
	pushq %rbp
	xorl %ebp, %ebp
	pushq %r12
	xorl %r12d, %r12d
	pushq %r13
	xorl %r13d, %r13d
	pushq %r14
	xorl %r14d, %r14d
	pushq %r15
	xorl %r15d, %r15d
	.if \save_ret
	pushq %rsi
	.endif
.endm

/* RCX and R11 are already the user's when SYSRET follows; their slots are popped into RSI. */
.macro POP_REGS pop_rdi=1 skip_r11rcx=0
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	.if \skip_r11rcx
	popq %rsi
	.else
	popq %r11
	.endif
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	.if \skip_r11rcx
	popq %rsi
	.else
	popq %rcx
	.endif
	popq %rdx
	popq %rsi
	.if \pop_rdi
	popq %rdi
	.endif
.endm

/*
 * The first stage under PTI, alone on its page. RSP is the only register to spare, and it is the
 * scratch register of the CR3 switch; the user's lies in the entry stack's top word meanwhile.
 */
	.section .entry_trampoline, "ax"
SYM entry_SYSCALL_64_trampoline
	swapgs
	movq %rsp, RSP_SCRATCH
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rsp
	movq CEA_tss + TSS_sp1(%rip), %rsp
	pushq $__USER_DS
	pushq RSP_SCRATCH
	pushq %r11
	pushq $__USER_CS
	pushq %rcx
	pushq %rdi
	movq $entry_SYSCALL_64_stage2, %rdi
	JMP_NOSPEC rdi
SYM_END entry_SYSCALL_64_trampoline

	.section .entry.text, "ax"

FUNC entry_SYSCALL_64_stage2
	popq %rdi
	jmp entry_SYSCALL_64_after_hwframe
SYM_END entry_SYSCALL_64_stage2

FUNC entry_SYSCALL_64
	swapgs
	movq %rsp, PER_CPU_VAR(rsp_scratch)
	movq PER_CPU_VAR(cpu_current_top_of_stack), %rsp
	pushq $__USER_DS
	pushq PER_CPU_VAR(rsp_scratch)
	pushq %r11
	pushq $__USER_CS
	pushq %rcx
SYM entry_SYSCALL_64_after_hwframe
	pushq %rax
	PUSH_AND_CLEAR_REGS rax=$-ENOSYS
	movq %rsp, %rdi
	call do_syscall_64

	/* SYSRET is allowed only when it gives back what IRET would. */
	movq RCX(%rsp), %rcx
	movq RIP(%rsp), %r11
	cmpq %rcx, %r11
	jne swapgs_restore_regs_and_return_to_usermode
	shl $(64 - 48), %rcx
	sar $(64 - 48), %rcx
	cmpq %rcx, %r11
	jne swapgs_restore_regs_and_return_to_usermode
	cmpq $__USER_CS, CS(%rsp)
	jne swapgs_restore_regs_and_return_to_usermode
	movq R11(%rsp), %r11
	cmpq %r11, EFLAGS(%rsp)
	jne swapgs_restore_regs_and_return_to_usermode
	testq $(X86_EFLAGS_RF | X86_EFLAGS_TF), %r11
	jnz swapgs_restore_regs_and_return_to_usermode
	cmpq $__USER_DS, SS(%rsp)
	jne swapgs_restore_regs_and_return_to_usermode

SYM syscall_return_via_sysret
	POP_REGS pop_rdi=0 skip_r11rcx=1
	movq %rsp, %rdi
	movq PER_CPU_VAR(cpu_tss_rw + TSS_sp0), %rsp
	pushq RSP-RDI(%rdi)
	pushq (%rdi)
	SWITCH_TO_USER_CR3_STACK scratch_reg=%rdi
	popq %rdi
	popq %rsp
	swapgs
	sysretq
SYM_END entry_SYSCALL_64

FUNC ignore_sysret
	movl $-ENOSYS, %eax
	sysretl
SYM_END ignore_sysret

/* A new task's first way to user mode. RBX: what it does in the kernel before. */
FUNC ret_from_fork
	movq %rsp, %rdi
	CALL_NOSPEC rbx
	movq $0, RAX(%rsp)
	movq %rsp, %rdi
	call syscall_return_slowpath
	jmp swapgs_restore_regs_and_return_to_usermode
SYM_END ret_from_fork

.macro IDTENTRY name cfunc has_error_code paranoid=0
NATIVE \cfunc
FUNC \name
	ASM_CLAC
	.if \has_error_code == 0
	pushq $-1
	.endif
	.if \paranoid == 1
	testb $3, CS-ORIG_RAX(%rsp)
	jnz .Lfrom_usermode_switch_stack_\@
	.endif
	.if \paranoid
	call paranoid_entry
	.else
	call error_entry
	.endif
	movq %rsp, %rdi
	.if \has_error_code
	movq ORIG_RAX(%rsp), %rsi
	movq $-1, ORIG_RAX(%rsp)
	.else
	xorl %esi, %esi
	.endif
	call \cfunc
	.if \paranoid
	jmp paranoid_exit
	.else
	jmp error_exit
	.endif
	.if \paranoid == 1
.Lfrom_usermode_switch_stack_\@:
	call error_entry
	movq %rsp, %rdi
	xorl %esi, %esi
	call \cfunc
	jmp error_exit
	.endif
SYM_END \name
.endm

IDTENTRY divide_error do_divide_error 0
IDTENTRY overflow do_overflow 0
IDTENTRY bounds do_bounds 0
IDTENTRY invalid_op do_invalid_op 0
IDTENTRY device_not_available do_device_not_available 0
IDTENTRY double_fault do_double_fault 1 2
IDTENTRY coprocessor_segment_overrun do_coprocessor_segment_overrun 0
IDTENTRY invalid_TSS do_invalid_TSS 1
IDTENTRY segment_not_present do_segment_not_present 1
IDTENTRY stack_segment do_stack_segment 1
IDTENTRY spurious_interrupt_bug do_spurious_interrupt_bug 0
IDTENTRY coprocessor_error do_coprocessor_error 0
IDTENTRY alignment_check do_alignment_check 1
IDTENTRY simd_coprocessor_error do_simd_coprocessor_error 0
IDTENTRY general_protection do_general_protection 1
IDTENTRY page_fault do_page_fault 1
IDTENTRY debug do_debug 0 1
IDTENTRY int3 do_int3 0
IDTENTRY nmi do_nmi 0 2
IDTENTRY machine_check do_mce 0 2

IRQ_ENTRIES common_interrupt

/* An interrupt from user mode moves its frame from the entry stack to the task's. */
FUNC switch_to_thread_stack
	pushq %rdi
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rdi
	movq %rsp, %rdi
	movq PER_CPU_VAR(cpu_current_top_of_stack), %rsp
	pushq 7*8(%rdi)
	pushq 6*8(%rdi)
	pushq 5*8(%rdi)
	pushq 4*8(%rdi)
	pushq 3*8(%rdi)
	pushq 2*8(%rdi)
	pushq 8(%rdi)
	movq (%rdi), %rdi
	ret
SYM_END switch_to_thread_stack

FUNC common_interrupt
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
	call do_IRQ
SYM ret_from_intr
	cli
	popq %rsp
	testb $3, CS(%rsp)
	jz retint_kernel
SYM retint_user
	movq %rsp, %rdi
	call prepare_exit_to_usermode
SYM swapgs_restore_regs_and_return_to_usermode
	POP_REGS pop_rdi=0
	movq %rsp, %rdi
	movq PER_CPU_VAR(cpu_tss_rw + TSS_sp0), %rsp
	pushq 6*8(%rdi)
	pushq 5*8(%rdi)
	pushq 4*8(%rdi)
	pushq 3*8(%rdi)
	pushq 2*8(%rdi)
	pushq (%rdi)
	SWITCH_TO_USER_CR3_STACK scratch_reg=%rdi
	popq %rdi
	swapgs
	jmp native_irq_return_iret
SYM retint_kernel
	POP_REGS
	addq $8, %rsp
SYM native_irq_return_iret
	iretq
SYM_END common_interrupt

FUNC error_entry
	cld
	PUSH_AND_CLEAR_REGS save_ret=1
	testb $3, CS+8(%rsp)
	jz .Lerror_kernelspace
	swapgs
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rax
.Lerror_entry_from_usermode_after_swapgs:
	popq %r12
	movq %rsp, %rdi
	call sync_regs
	movq %rax, %rsp
	pushq %r12
	ret
.Lerror_kernelspace:
	leaq native_irq_return_iret(%rip), %rcx
	cmpq %rcx, RIP+8(%rsp)
	je .Lerror_bad_iret
	ret
.Lerror_bad_iret:
	swapgs
	SWITCH_TO_KERNEL_CR3 scratch_reg=%rax
	popq %r12
	movq %rsp, %rdi
	call fixup_bad_iret
	mov %rax, %rsp
	pushq %r12
	ret
SYM_END error_entry

FUNC error_exit
	cli
	testb $3, CS(%rsp)
	jz retint_kernel
	jmp retint_user
SYM_END error_exit

#include "sync_regs.inc"

/* Whatever GS and CR3 were: EBX says whether to swap back, R14 keeps CR3. */
FUNC paranoid_entry
	cld
	PUSH_AND_CLEAR_REGS save_ret=1
	movl $1, %ebx
	movl $MSR_GS_BASE, %ecx
	rdmsr
	testl %edx, %edx
	js 1f
	swapgs
	xorl %ebx, %ebx
1:	SAVE_AND_SWITCH_TO_KERNEL_CR3 scratch_reg=%rax save_reg=%r14
	ret
SYM_END paranoid_entry

FUNC paranoid_exit
	cli
	testl %ebx, %ebx
	jnz .Lparanoid_exit_no_swapgs
	RESTORE_CR3 scratch_reg=%rbx save_reg=%r14
	swapgs
	jmp .Lparanoid_exit_restore
.Lparanoid_exit_no_swapgs:
	RESTORE_CR3 scratch_reg=%rbx save_reg=%r14
.Lparanoid_exit_restore:
	jmp retint_kernel
SYM_END paranoid_exit

#include "boot.inc"

	.section .text, "ax"

/* RDI: pt_regs. The table's functions take six arguments, the fourth of them in RCX. */
FUNC do_syscall_64
	pushq %rbp
	movq %rsp, %rbp
	pushq %rbx
	movq %rdi, %rbx
	sti
	movq ORIG_RAX(%rdi), %rax
	cmpq $(NR_syscalls - 1), %rax
	ja 1f
	cmpq $NR_syscalls, %rax
	sbbq %rdx, %rdx
	andq %rdx, %rax
	movq RDI(%rbx), %rdi
	movq RSI(%rbx), %rsi
	movq RDX(%rbx), %rdx
	movq R10(%rbx), %rcx
	movq R8(%rbx), %r8
	movq R9(%rbx), %r9
	movq sys_call_table(, %rax, 8), %rax
	CALL_NOSPEC rax
	movq %rax, RAX(%rbx)
1:	movq %rbx, %rdi
	call syscall_return_slowpath
	popq %rbx
	popq %rbp
	ret
SYM_END do_syscall_64

FUNC syscall_return_slowpath
	cli
	jmp prepare_exit_to_usermode
SYM_END syscall_return_slowpath

#include "exit_work.inc"

/* RDI: pt_regs. The stub pushed the vector. */
FUNC do_IRQ
	movq ORIG_RAX(%rdi), %rsi
	movq $-1, ORIG_RAX(%rdi)
	jmp handle_irq
SYM_END do_IRQ

#include "per_cpu.inc"

/* The table's functions are named sys_read ... */
.macro SYSCALL_STUB entry
	.ifndef \entry
NATIVE \entry
	.endif
.endm

.macro SYSCALL_QUAD entry
	.quad \entry
.endm
#include "syscalls_64.inc"

IDT_ROWS
	IDT_ROW 0, divide_error
	IDT_ROW 1, debug, 3
	IDT_ROW 2, nmi, 2
	IDT_ROW 3, int3, 0, GATE_INTERRUPT_USER
	IDT_ROW 4, overflow, 0, GATE_INTERRUPT_USER
	IDT_ROW 5, bounds
	IDT_ROW 6, invalid_op
	IDT_ROW 7, device_not_available
	IDT_ROW 8, double_fault, 1
	IDT_ROW 9, coprocessor_segment_overrun
	IDT_ROW 10, invalid_TSS
	IDT_ROW 11, segment_not_present
	IDT_ROW 12, stack_segment
	IDT_ROW 13, general_protection
	IDT_ROW 14, page_fault
	IDT_ROW 15, spurious_interrupt_bug
	IDT_ROW 16, coprocessor_error
	IDT_ROW 17, alignment_check
	IDT_ROW 18, machine_check, 4
	IDT_ROW 19, simd_coprocessor_error
	IDT_IRQ_ROWS
IDT_ROWS_END
