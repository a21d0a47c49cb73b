/* SPDX-License-Identifier: MIT */
/* The built-in program of the SYSENTER era: demo_32.S's calls through __kernel_vsyscall, whose
 * address the auxiliary vector tells. */
#define AT_SYSINFO 32
	.globl _start
	.text
	.code32
_start:
	movl (%esp), %ecx
	leal 8(%esp, %ecx, 4), %esi	/* past argc, argv and its null */
skip_environment:
	lodsl
	testl %eax, %eax
	jnz skip_environment
find_sysinfo:
	lodsl
	movl %eax, %edx
	lodsl
	cmpl $AT_SYSINFO, %edx
	je found
	testl %edx, %edx
	jnz find_sysinfo
	hlt
found:
	movl %eax, vsyscall
	xorl %esi, %esi
	movl $4, %eax			/* write(1, hello, ...) */
	movl $1, %ebx
	movl $hello, %ecx
	movl $(hello_end - hello), %edx
	call *vsyscall
	movl $20, %eax			/* getpid() */
	call *vsyscall
	movl $17, %eax			/* a hole in the table: -ENOSYS */
	call *vsyscall
	movl $4, %eax			/* write(1, 8, 16): -EFAULT */
	movl $1, %ebx
	movl $8, %ecx
	movl $16, %edx
	call *vsyscall
	movl $252, %eax			/* exit_group(0) */
	xorl %ebx, %ebx
	call *vsyscall
	hlt

	.section .rodata
hello:
	.ascii "hello, world\n"
hello_end:

	.bss
	.balign 4
vsyscall:
	.skip 4
