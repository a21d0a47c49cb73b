/* SPDX-License-Identifier: MIT */
/* A guest that does one thing, which the build chooses. */
	.globl _start
	.text
_start:
#if defined(GUEST_EXIT)		/* ends with status 7 */
	movl $231, %eax
	movl $7, %edi
	syscall
#elif defined(GUEST_FAULT)	/* writes where nothing is */
	movl $0, 0x10
#elif defined(GUEST_JUMP)	/* jumps into nothing */
	movl $0x12345000, %eax
	jmp *%rax
#elif defined(GUEST_LOOP)	/* loops for ever */
	jmp _start
#elif defined(GUEST_STRING)	/* a REP instruction of 64 iterations, then ends with status 0 */
	leaq buffer(%rip), %rdi
	movl $64, %ecx
	rep stosb
	movl $231, %eax
	xorl %edi, %edi
	syscall
#elif defined(GUEST_CAT)	/* writes what it reads, to the end */
again:
	xorl %eax, %eax
	xorl %edi, %edi
	leaq buffer(%rip), %rsi
	movl $64, %edx
	syscall
	testq %rax, %rax
	jle done
	movq %rax, %rdx
	movl $1, %eax
	movl $1, %edi
	leaq buffer(%rip), %rsi
	syscall
	jmp again
done:
	movl $231, %eax
	xorl %edi, %edi
	syscall
#elif defined(GUEST_INITIAL)	/* ends with the number of vector and control registers that are not as at the start */
	xorl %edi, %edi
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vptest %ymm\n, %ymm\n
	setnz %al
	movzbl %al, %eax
	addl %eax, %edi
	.endr
	stmxcsr buffer(%rip)
	cmpl $0x1f80, buffer(%rip)
	setne %al
	movzbl %al, %eax
	addl %eax, %edi
	fnstcw buffer(%rip)
	cmpw $0x37f, buffer(%rip)
	setne %al
	movzbl %al, %eax
	addl %eax, %edi
	movl $231, %eax
	syscall
#endif
	.bss
buffer:
	.zero 64
	.section .note.GNU-stack, "", @progbits
