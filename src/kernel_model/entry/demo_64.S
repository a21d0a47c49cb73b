/* SPDX-License-Identifier: MIT */
/*
 * The built-in program: a write, a call without arguments, a number that no call has, a pointer
 * that leads nowhere, the end. Linked as an ordinary static ELF file.
 */
	.globl _start
	.text
_start:
	movl $1, %eax			/* write(1, hello, ...) */
	movl $1, %edi
	leaq hello(%rip), %rsi
	movl $(hello_end - hello), %edx
	syscall
	movl $39, %eax			/* getpid() */
	syscall
	movl $400, %eax			/* a hole in the table: -ENOSYS */
	syscall
	movl $1, %eax			/* write(1, 8, 16): -EFAULT */
	movl $1, %edi
	movl $8, %esi
	movl $16, %edx
	syscall
	movl $231, %eax			/* exit_group(0) */
	xorl %edi, %edi
	syscall
	hlt

	.section .rodata
hello:
	.ascii "hello, world\n"
hello_end:
