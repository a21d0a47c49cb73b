/* SPDX-License-Identifier: MIT */
/*
 * The guests of the benchmarks: flat 64-bit code for CPL 0, loaded at BENCH_CODE (guests.h) into a
 * machine with a stack at BENCH_STACK and a megabyte of zeroes at BENCH_DATA. RDI is the number of
 * rounds; the last byte is a HLT. A peer runs the same bytes.
 */
    .section .rodata

    .set DATA, 0x100000
    .set DATA_MASK, 0xffff

    .macro guest name
    .globl bench_\name\()_begin, bench_\name\()_end
    .hidden bench_\name\()_begin, bench_\name\()_end
    .balign 16
bench_\name\()_begin:
    .endm

    .macro guest_end name
    hlt
bench_\name\()_end:
    .endm

/* Registers alone: a random number, its low byte's bits counted one by one, a hash, a carry chain. */
guest integer
    movabsq $0x9e3779b97f4a7c15, %rax
    xorl %ebx, %ebx
    xorl %r8d, %r8d
    xorl %r9d, %r9d
1:
    movq %rax, %rdx
    shlq $13, %rdx
    xorq %rdx, %rax
    movq %rax, %rdx
    shrq $7, %rdx
    xorq %rdx, %rax
    movq %rax, %rdx
    shlq $17, %rdx
    xorq %rdx, %rax
    movzbl %al, %ecx
    orl $1, %ecx
2:
    leal -1(%rcx), %esi
    addq $1, %rbx
    andl %esi, %ecx
    jnz 2b
    imulq $31, %r8, %r8
    addq %rax, %r8
    adcq $0, %r9
    rolq $5, %r8
    cmpq %rax, %r8
    cmovbq %rax, %r10
    seta %r11b
    subl $1, %edi
    jnz 1b
guest_end integer

/* Loads, stores and read-modify-writes of all widths over 64 KiB, at random and in order. */
guest memory
    movl $0x2545f491, %eax
    movl $DATA, %ebp
    xorl %r8d, %r8d
    xorl %r9d, %r9d
1:
    imull $1664525, %eax, %eax
    addl $1013904223, %eax
    movl %eax, %ecx
    shrl $12, %ecx
    andl $DATA_MASK, %ecx
    movq (%rbp, %rcx), %rdx
    addq %rax, %rdx
    movq %rdx, (%rbp, %rcx)
    incl 8(%rbp, %rcx)
    movzbl 5(%rbp, %rcx), %esi
    movw %si, 14(%rbp, %rcx)
    movq (%rbp, %r8), %rdx
    movq 8(%rbp, %r8), %rsi
    movq %rdx, 0x20000(%rbp, %r8)
    movq %rsi, 0x20008(%rbp, %r8)
    addl $16, %r8d
    andl $DATA_MASK, %r8d
    pushq %rdx
    addq %rsi, %r9
    popq %rdx
    subl $1, %edi
    jnz 1b
guest_end memory

/* Recursion, a leaf function through a register, arguments on the stack: fib(10) a round. */
guest calls
    leaq leaf(%rip), %r12
1:
    pushq %rdi
    movl $10, %edi
    call fib
    popq %rdi
    subl $1, %edi
    jnz 1b
    jmp calls_done
fib:
    cmpl $2, %edi
    jae 2f
    movl %edi, %eax
    ret
2:
    pushq %rbx
    pushq %rdi
    decl %edi
    call fib
    movl %eax, %ebx
    movl (%rsp), %edi
    subl $2, %edi
    call fib
    addl %ebx, %eax
    movl %eax, %edi
    call *%r12
    popq %rdi
    popq %rbx
    ret
leaf:
    leal (%rdi), %eax
    ret
calls_done:
guest_end calls

/*
 * Products of two matrices of 32 by 32 doubles, one a round: A at DATA is of small integers, B behind
 * it likewise, C behind that. RBP: A's row, RBX: B, RSI: C's place, RCX, RDX: B's column and A's row
 * again, EAX, R8D, R9D: counters.
 */
    .set N, 32
    .set MATRIX, 8 * N * N

    .macro matrices
    movl $DATA, %ebp
    xorl %eax, %eax
8:
    movl %eax, %ecx
    imull $7, %ecx, %ecx
    andl $63, %ecx
    cvtsi2sdl %ecx, %xmm0
    movsd %xmm0, (%rbp, %rax, 8)
    incl %eax
    cmpl $(2 * N * N), %eax
    jne 8b
    leaq MATRIX(%rbp), %rbx
    .endm

    .macro rows
1:
    movl $DATA, %ebp
    leaq 2 * MATRIX(%rbp), %rsi
    movl $N, %r9d
2:
    .endm

    .macro rows_end
    addq $(8 * N), %rbp
    decl %r9d
    jnz 2b
    subl $1, %edi
    jnz 1b
    .endm

/* One product of a row and a column after the other, `step` making one term. */
    .macro columns begin, step, store
    xorl %r8d, %r8d
3:
    leaq (%rbx, %r8, 8), %rcx
    movq %rbp, %rdx
    movl $N, %eax
    \begin
4:
    \step
    addq $8, %rdx
    addq $(8 * N), %rcx
    decl %eax
    jnz 4b
    \store
    addq $8, %rsi
    incl %r8d
    cmpl $N, %r8d
    jne 3b
    .endm

guest matrix_sse2
    .macro sse2_step
    movsd (%rdx), %xmm0
    mulsd (%rcx), %xmm0
    addsd %xmm0, %xmm1
    .endm
    matrices
    rows
    columns "xorpd %xmm1, %xmm1", sse2_step, "movsd %xmm1, (%rsi)"
    rows_end
guest_end matrix_sse2

guest matrix_x87
    .macro x87_step
    fldl (%rdx)
    fmull (%rcx)
    faddp
    .endm
    matrices
    fninit
    rows
    columns fldz, x87_step, "fstpl (%rsi)"
    rows_end
guest_end matrix_x87

/* Four columns at a time. CR4.OSXSAVE and XCR0 first: this is CPL 0. */
guest matrix_avx2
    movq %cr4, %rax
    orl $0x40000, %eax
    movq %rax, %cr4
    xorl %ecx, %ecx
    xorl %edx, %edx
    movl $7, %eax
    xsetbv
    matrices
    rows
    xorl %r8d, %r8d
3:
    leaq (%rbx, %r8, 8), %rcx
    movq %rbp, %rdx
    movl $N, %eax
    vxorpd %ymm1, %ymm1, %ymm1
4:
    vbroadcastsd (%rdx), %ymm0
    vfmadd231pd (%rcx), %ymm0, %ymm1
    addq $8, %rdx
    addq $(8 * N), %rcx
    decl %eax
    jnz 4b
    vmovupd %ymm1, (%rsi)
    addq $32, %rsi
    addl $4, %r8d
    cmpl $N, %r8d
    jne 3b
    rows_end
guest_end matrix_avx2

    .section .note.GNU-stack, "", @progbits
