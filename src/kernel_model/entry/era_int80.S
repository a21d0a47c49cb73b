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

.macro ERA_RETURN_FROM_FORK
	swapgs
	jmp restore_regs_and_iret
.endm
#include "ret_from_fork.inc"

#include "exceptions_4_9.inc"
#include "boot.inc"

	.section .text, "ax"

#include "dispatch.inc"

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
	CALL_TABLE ia32_sys_call_table
	movq %rax, RAX(%rbx)
1:	movq %rbx, %rdi
	call syscall_return_slowpath
	popq %rbx
	popq %rbp
	ret
SYM_END do_int80_syscall_32

#include "per_cpu.inc"

#include "syscalls_32.inc"
#include "idt_rows.inc"
