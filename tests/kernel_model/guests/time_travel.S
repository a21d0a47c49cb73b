/* SPDX-License-Identifier: MIT */
/*
 * The guest of test_time_travel.c: everything that going back could get wrong. Demand page faults,
 * code that changes itself, REP instructions that fault in the middle or are interrupted, input,
 * random bytes, the clock, sleep. Assembled for 64-bit mode (SYSCALL) and for 32-bit mode (INT
 * 0x80); given any argument it does not sleep. All addresses lie below 4 GiB.
 */
#ifdef __x86_64__
#define NR_read 0
#define NR_write 1
#define NR_mprotect 10
#define NR_mmap 9
#define NR_munmap 11
#define NR_brk 12
#define NR_nanosleep 35
#define NR_getpid 39
#define NR_clock_gettime 228
#define NR_exit_group 231
#define NR_getrandom 318
#define NR_hole 400
#define ARG1 %edi
#define ARG2 %esi
#define ARG3 %edx
#define ARG4 %r10d
#define ARG5 %r8d
#define ARG6 %r9d
#define TRAP syscall
#define AX %rax
#define BX %rbx
#define SI %rsi
#define DI %rdi
#define SP %rsp
#define WORD 8
#define REP_STOS rep stosq
#else
#define NR_read 3
#define NR_write 4
#define NR_mprotect 125
#define NR_mmap 192
#define NR_munmap 91
#define NR_brk 45
#define NR_nanosleep 162
#define NR_getpid 20
#define NR_clock_gettime 265
#define NR_exit_group 252
#define NR_getrandom 355
#define NR_hole 17
#define ARG1 %ebx
#define ARG2 %ecx
#define ARG3 %edx
#define ARG4 %esi
#define ARG5 %edi
#define ARG6 %ebp
#define TRAP int $0x80
#define AX %eax
#define BX %ebx
#define SI %esi
#define DI %edi
#define SP %esp
#define WORD 4
#define REP_STOS rep stosl
#endif

#define ENTRY_BYTES 16
#define PROT_RW 3
#define PROT_RX 5
#define PROT_RWX 7
#define MAP_PRIVATE_ANONYMOUS_FIXED 0x32
#define MAPPING 0x10000000
#define PAGE 4096

	.macro SYS number, a=$0, b=$0, c=$0
	movl \a, ARG1
	movl \b, ARG2
	movl \c, ARG3
	movl $\number, %eax
	TRAP
	.endm

	.macro ADD_TO_SUM register
	addl \register, sum
	.endm

	.globl _start
	.text
_start:
	movl (SP), %eax
	movl %eax, argument_count
	SYS NR_write, $1, $greeting, $(greeting_end - greeting)
	call echo
	SYS NR_getpid
	SYS NR_hole
	ADD_TO_SUM %eax
	SYS NR_write, $1, $8, $16	/* -EFAULT */
	ADD_TO_SUM %eax
	SYS NR_getrandom, $randomness, $24, $0
	SYS NR_clock_gettime, $0, $clock, $0
	rdtsc
	movl %eax, scratch64
	call change_next
	call change_page
	call change_mapping
	call fill_heap
	call grow_stack
	call vectors
	call busy
	cmpl $1, argument_count
	jne 1f
	SYS NR_nanosleep, $nap, $0, $0
1:	call echo
	SYS NR_write, $1, $sum, $4
	SYS NR_write, $1, $randomness, $24
	SYS NR_exit_group, $7

/* Whatever is typed. */
echo:
	SYS NR_read, $0, $typed, $ENTRY_BYTES
	movl %eax, count
	SYS NR_write, $1, $typed, count
	ret

/* A page of text made writable, changed and sealed again. */
change_page:
	call sealed
	ADD_TO_SUM %eax
	SYS NR_mprotect, $sealed, $PAGE, $PROT_RW
	addb $0x11, sealed + 1
	SYS NR_mprotect, $sealed, $PAGE, $PROT_RX
	call sealed
	ADD_TO_SUM %eax
	ret

/* Code copied into new pages, across their boundary, run, changed, run again. */
change_mapping:
	movl $MAPPING, ARG1
	movl $(3 * PAGE), ARG2
	movl $PROT_RWX, ARG3
	movl $MAP_PRIVATE_ANONYMOUS_FIXED, ARG4
	movl $-1, ARG5
	xorl ARG6, ARG6
	movl $NR_mmap, %eax
	TRAP
	movl $sealed, %esi
	movl $(MAPPING + PAGE - 3), %edi
	movl $(sealed_end - sealed), %ecx
	rep movsb
	movl $(MAPPING + PAGE - 3), %ebx
	call *BX
	ADD_TO_SUM %eax
	addb $0x22, 1(BX)
	call *BX
	ADD_TO_SUM %eax
	addb $0x33, 4(BX)		/* the immediate's byte in the other page */
	call *BX
	ADD_TO_SUM %eax
	SYS NR_munmap, $MAPPING, $(3 * PAGE)
	ret

/* The heap, by string instructions that meet every page for the first time, in both directions. */
fill_heap:
	SYS NR_brk
	movl %eax, heap
	addl $(4 * PAGE), %eax
	movl %eax, count
	SYS NR_brk, count
	movl heap, %edi
	addl $(PAGE - 5 * WORD - 3), %edi
	movl sum, %eax
	movl $10, %ecx
	REP_STOS
	movl heap, %esi
	addl $(PAGE + 20), %esi
	movl heap, %edi
	addl $(3 * PAGE + 9), %edi
	movl $24, %ecx
	std
	rep movsb
	cld
	movl heap, %edi
	movl $40, %ecx
	movb $0x5a, %al
	repne scasb
	movl heap, %edi
	addl $(PAGE - 5 * WORD - 3), %edi
	movl heap, %esi
	addl $(PAGE - 4 * WORD - 3), %esi
	movl $30, %ecx
	repe cmpsb
	ADD_TO_SUM %ecx
	movl heap, %eax
	movl %eax, count
	SYS NR_brk, count
	ret

grow_stack:
	mov SP, BX
	sub $(5 * PAGE), SP
	push AX
	pop AX
	mov BX, SP
	ret

vectors:
	movdqu greeting, %xmm0
	movdqu lazy + PAGE - 8, %xmm1
	paddd %xmm0, %xmm1
	pxor %xmm1, %xmm0
	movdqu %xmm0, lazy + PAGE - 8
	movl $3, %eax
	lock xaddl %eax, sum
	xorl %edx, %edx
	movl $1, %ebx
	xorl %ecx, %ecx
	lock cmpxchg8b scratch64
	ret

/* Long enough for a tick to come in the middle of a REP. */
busy:
	movl $lazy, %esi
	movl $(PAGE + PAGE / 2), %ecx
	rep lodsb
	movl $50, %ecx
1:	imull $33, sum, %eax
	xorl %ecx, %eax
	movl %eax, sum
	loop 1b
	ret

	.balign PAGE
sealed:
	movl $0x01010101, %eax
	ret
sealed_end:
	.balign PAGE

/* Every round changes the instruction that comes next. */
	.section .changing, "awx", @progbits
change_next:
	movl $6, %ebx
1:	addb $3, 2f + 1
2:	movl $0x20, %eax
	ADD_TO_SUM %eax
	incb 3f + 2
	nop
3:	addl $0x10, %eax
	ADD_TO_SUM %eax
	decl %ebx
	jnz 1b
	ret

	.section .rodata
greeting:
	.ascii "there and back again\n"
greeting_end:

	.data
	.balign 8
#ifdef __x86_64__
nap:	.quad 0, 5000
#else
nap:	.long 0, 5000
#endif
sum:	.long 1

	.bss
	.balign 8
argument_count:
	.skip 4
count:	.skip 4
heap:	.skip 8
scratch64:
	.skip 8
clock:	.skip 16
randomness:
	.skip 24
typed:	.skip ENTRY_BYTES
	.balign PAGE
lazy:	.skip 3 * PAGE

	.section .note.GNU-stack, "", @progbits
