/* SPDX-License-Identifier: MIT */
/*
 * INT 0x80, in the shape of Linux 4.9: an interrupt gate with DPL 3, the CPU's own switch to
 * TSS.sp0, which is the task's stack, a frame of five words, 32-bit numbers and registers, IRET as
 * the way back. There is no SYSCALL: EFER.SCE stays clear.
 */
#include "common.inc"

#define ERA_TSS			cpu_tss
#define ERA_TOP_OF_STACK	cpu_current_top_of_stack
#define ERA_EFER		EFER_NX
#define ERA_NO_SYSCALL		1

.macro ERA_CPU_INIT
.endm

	.section .entry.text, "ax"

.macro SAVE_C_REGS offset=0
	movq %r11, R11+\offset(%rsp)
	movq %r10, R10+\offset(%rsp)
	movq %r9, R9+\offset(%rsp)
	movq %r8, R8+\offset(%rsp)
	movq %rax, RAX+\offset(%rsp)
	movq %rcx, RCX+\offset(%rsp)
	movq %rdx, RDX+\offset(%rsp)
	movq %rsi, RSI+\offset(%rsp)
	movq %rdi, RDI+\offset(%rsp)
.endm

.macro SAVE_EXTRA_REGS offset=0
	movq %r15, R15+\offset(%rsp)
	movq %r14, R14+\offset(%rsp)
	movq %r13, R13+\offset(%rsp)
	movq %r12, R12+\offset(%rsp)
	movq %rbp, RBP+\offset(%rsp)
	movq %rbx, RBX+\offset(%rsp)
.endm

.macro RESTORE_EXTRA_REGS
	movq R15(%rsp), %r15
	movq R14(%rsp), %r14
	movq R13(%rsp), %r13
	movq R12(%rsp), %r12
	movq RBP(%rsp), %rbp
	movq RBX(%rsp), %rbx
.endm

.macro RESTORE_C_REGS
	movq R11(%rsp), %r11
	movq R10(%rsp), %r10
	movq R9(%rsp), %r9
	movq R8(%rsp), %r8
	movq RAX(%rsp), %rax
	movq RCX(%rsp), %rcx
	movq RDX(%rsp), %rdx
	movq RSI(%rsp), %rsi
	movq RDI(%rsp), %rdi
.endm

/* The CPU has pushed ss, sp, flags, cs and ip; interrupts are off. */
FUNC entry_INT80_compat
	ASM_CLAC
	swapgs
	movl %eax, %eax
	pushq %rax
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq $-ENOSYS
	pushq $0
	pushq $0
	pushq $0
	pushq $0
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	call do_int80_syscall_32
	swapgs
	jmp restore_regs_and_iret
SYM_END entry_INT80_compat

/* A new task's first way to user mode. RBX: what it does in the kernel before. */
FUNC ret_from_fork
	movq %rsp, %rdi
	CALL_NOSPEC rbx
	movq $0, RAX(%rsp)
	movq %rsp, %rdi
	call syscall_return_slowpath
	swapgs
	jmp restore_regs_and_iret
SYM_END ret_from_fork

.macro IDTENTRY name cfunc has_error_code paranoid=0
NATIVE \cfunc
FUNC \name
	ASM_CLAC
	.if \has_error_code == 0
	pushq $-1
	.endif
	addq $-(15*8), %rsp
	.if \paranoid
	.if \paranoid == 1
	testb $3, CS(%rsp)
	jnz 1f
	.endif
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
1:	call error_entry
	movq %rsp, %rdi
	call sync_regs
	movq %rax, %rsp
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

FUNC common_interrupt
	ASM_CLAC
	cld
	addq $-(15*8), %rsp
	SAVE_C_REGS
	SAVE_EXTRA_REGS
	testb $3, CS(%rsp)
	jz 1f
	swapgs
1:	movq %rsp, %rdi
	movq PER_CPU_VAR(hardirq_stack_ptr), %rsp
	pushq %rdi
	call do_IRQ
SYM ret_from_intr
	cli
	popq %rsp
	testb $3, CS(%rsp)
	jz restore_regs_and_iret
SYM retint_user
	movq %rsp, %rdi
	call prepare_exit_to_usermode
	swapgs
SYM restore_regs_and_iret
	RESTORE_EXTRA_REGS
	RESTORE_C_REGS
	addq $(15*8+8), %rsp
SYM native_irq_return_iret
	iretq
SYM_END common_interrupt

/* EBX answers whether the kernel was interrupted: then there is no SWAPGS on the way back. */
FUNC error_entry
	cld
	SAVE_C_REGS 8
	SAVE_EXTRA_REGS 8
	xorl %ebx, %ebx
	testb $3, CS+8(%rsp)
	jz .Lerror_kernelspace
	swapgs
	ret
.Lerror_kernelspace:
	incl %ebx
	leaq native_irq_return_iret(%rip), %rcx
	cmpq %rcx, RIP+8(%rsp)
	je .Lerror_bad_iret
	ret
.Lerror_bad_iret:
	swapgs
	popq %r12
	movq %rsp, %rdi
	call fixup_bad_iret
	mov %rax, %rsp
	pushq %r12
	decl %ebx
	ret
SYM_END error_entry

FUNC error_exit
	cli
	testl %ebx, %ebx
	jnz restore_regs_and_iret
	jmp retint_user
SYM_END error_exit

#include "sync_regs.inc"

/* Whatever GS was: EBX says whether to swap back. */
FUNC paranoid_entry
	cld
	SAVE_C_REGS 8
	SAVE_EXTRA_REGS 8
	movl $1, %ebx
	movl $MSR_GS_BASE, %ecx
	rdmsr
	testl %edx, %edx
	js 1f
	swapgs
	xorl %ebx, %ebx
1:	ret
SYM_END paranoid_entry

FUNC paranoid_exit
	cli
	testl %ebx, %ebx
	jnz restore_regs_and_iret
	swapgs
	jmp restore_regs_and_iret
SYM_END paranoid_exit

#include "boot.inc"

	.section .text, "ax"

/* RDI: pt_regs. Arguments in bx, cx, dx, si, di, bp, each of 32 bits. */
FUNC do_int80_syscall_32
	pushq %rbp
	movq %rsp, %rbp
	pushq %rbx
	movq %rdi, %rbx
	sti
	movl ORIG_RAX(%rdi), %eax
	cmpl $(NR_syscalls - 1), %eax
	ja 1f
	movl RBX(%rbx), %edi
	movl RCX(%rbx), %esi
	movl RDX(%rbx), %edx
	movl RSI(%rbx), %ecx
	movl RDI(%rbx), %r8d
	movl RBP(%rbx), %r9d
	call *ia32_sys_call_table(, %rax, 8)
	movq %rax, RAX(%rbx)
1:	movq %rbx, %rdi
	call syscall_return_slowpath
	popq %rbx
	popq %rbp
	ret
SYM_END do_int80_syscall_32

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
#include "syscalls_32.inc"

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
	IDT_ROW 0x80, entry_INT80_compat, 0, GATE_INTERRUPT_USER
	IDT_IRQ_ROWS
IDT_ROWS_END
