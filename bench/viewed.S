/* SPDX-License-Identifier: MIT */
/* A program to be looked at, without an end: deep calls, writes all over 4 MiB, system calls. */
    .set NR_GETPID, 39
    .set DEPTH, 200
    .set PAGES, 1024

    .text
    .globl _start
_start:
    movl $DEPTH, %ecx
    call descend
    leaq area(%rip), %rdi
    movl $PAGES, %ecx
.Lpage:
    addq %rcx, (%rdi)
    addq $4096, %rdi
    subl $1, %ecx
    jnz .Lpage
    movl $NR_GETPID, %eax
    syscall
    jmp _start

descend:
    pushq %rcx
    subl $1, %ecx
    jz .Lbottom
    call descend
.Lbottom:
    popq %rcx
    ret

    .bss
    .p2align 12
area:
    .skip 4096 * PAGES

    .section .note.GNU-stack, "", @progbits
