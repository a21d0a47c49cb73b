/* SPDX-License-Identifier: MIT */
/* A program for the kernel models: getpid as often as RBX says, which the benchmark sets before the
 * first instruction, then exit. */
    .set NR_GETPID, 39
    .set NR_EXIT, 60

    .text
    .globl _start
_start:
    movl $NR_GETPID, %eax
    syscall
    subq $1, %rbx
    ja _start
    xorl %edi, %edi
    movl $NR_EXIT, %eax
    syscall
    ud2

    .section .note.GNU-stack, "", @progbits
