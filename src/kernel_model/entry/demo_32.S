/* SPDX-License-Identifier: MIT */
/* The built-in program of 32-bit eras: what demo_64.S does, by INT 0x80 in compatibility mode. */
	.globl _start
	.text
	.code32
_start:
	movl $4, %eax			/* write(1, hello, ...) */
	movl $1, %ebx
	movl $hello, %ecx
	movl $(hello_end - hello), %edx
	int $0x80
	movl $20, %eax			/* getpid() */
	int $0x80
	movl $17, %eax			/* a hole in the table: -ENOSYS */
	int $0x80
	movl $4, %eax			/* write(1, 8, 16): -EFAULT */
	movl $1, %ebx
	movl $8, %ecx
	movl $16, %edx
	int $0x80
	movl $252, %eax			/* exit_group(0) */
	xorl %ebx, %ebx
	int $0x80
	hlt

	.section .rodata
hello:
	.ascii "hello, world\n"
hello_end:
