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
#endif
	.bss
buffer:
	.zero 64
	.section .note.GNU-stack, "", @progbits
