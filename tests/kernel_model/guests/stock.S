/* SPDX-License-Identifier: MIT */
/* What tests/kernel_model/test_stock.c runs: each system call stands at a label of its own. */

	.macro CALL label, number:req
	movq $\number, %rax
	.globl \label
\label:
	syscall
	.endm

	.text
	.globl _start
_start:
	movq $0x303, %rbx
	movq $0x505, %rbp
	movq $0x606, %rsi
	movq $0x707, %rdi
	movq $0x202, %rdx
	movq $0x808, %r8
	movq $0x909, %r9
	movq $0xa0a, %r10
	movq $0xc0c, %r12
	movq $0xd0d, %r13
	movq $0xe0e, %r14
	movq $0xf0f, %r15
	stc

	.globl touch_page
touch_page:
	movb $1, page(%rip)

	CALL call_getpid, 39
	/* Only eax counts, and that with its sign. */
	CALL call_high_half, 0x1234567800000027
	CALL call_negative, 0x80000027
	CALL call_hole, 400
	CALL call_beyond, 100000
	CALL call_minus_one, -1

	/* write(1, 8, 16): the buffer is not there. */
	movl $1, %edi
	movl $8, %esi
	movl $16, %edx
	CALL call_efault, 1

	/* RF and TF do not fit through SYSRET. */
	pushfq
	orl $0x100, (%rsp)
	movl $39, %eax
	popfq
	.globl call_traced
call_traced:
	syscall
	.globl after_traced
after_traced:
	nop
	.globl trap_point
trap_point:
	ud2

	.bss
	.balign 4096
	.skip 4096
page:
	.skip 4096
	.section .note.GNU-stack, "", @progbits
