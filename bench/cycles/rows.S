/* SPDX-License-Identifier: MIT */
/*
 * Loops around single instructions and short sequences, as they were measured on hardware: flat
 * 64-bit code for CPL 0, whose last byte is a NOP, with R15 iterations. R13 is a buffer of 32 KiB; `init` runs
 * once before them.
 */
#include "rows.h"

    .section .rodata

    .macro row name
    .globl cycles_row_\name\()_begin, cycles_row_\name\()_end
    .hidden cycles_row_\name\()_begin, cycles_row_\name\()_end
    .balign 64, 0x90
cycles_row_\name\()_begin:
    .endm

    .macro row_end name
    nop
cycles_row_\name\()_end:
    .endm

    .macro stamp
    lfence
    rdtsc
    lfence
    .endm

/* Every loop is 64-byte aligned and counts in R14, as a compiler would. */
    .macro loop
    stamp
    xorl %r14d, %r14d
    .balign 64, 0x90
77:
    .endm

    .macro again
    addl $1, %r14d
    cmpl %r14d, %r15d
    jne 77b
    stamp
    .endm

    .macro plain name, code:vararg
row \name
    loop
    \code
    again
row_end \name
    .endm

/* GDT, CR4.OSFXSR | OSXMMEXCPT | FSGSBASE | OSXSAVE | PKE, XCR0 = x87 | SSE | AVX. */
row init
    movabsq $CYCLES_GDT, %r12
    movq $0, (%r12)
    movabsq $0x00209b0000000000, %rax
    movq %rax, CYCLES_CODE_SELECTOR(%r12)
    movabsq $0x00cf93000000ffff, %rax
    movq %rax, CYCLES_DATA_SELECTOR(%r12)
    movabsq $0x00cff3000000ffff, %rax
    movq %rax, (CYCLES_USER_SELECTOR & ~3)(%r12)
    movw $0x37, 0x100(%r12)
    movq %r12, 0x102(%r12)
    lgdt 0x100(%r12)
    movl $CYCLES_DATA_SELECTOR, %eax
    movl %eax, %ss
    movl %eax, %ds
    movl %eax, %es
    pushq $CYCLES_CODE_SELECTOR
    leaq 1f(%rip), %rax
    pushq %rax
    lretq
1:
    movq %cr4, %rax
    orq $0x450600, %rax
    movq %rax, %cr4
    xorl %ecx, %ecx
    xorl %edx, %edx
    movl $7, %eax
    xsetbv
    movw $CYCLES_USER_SELECTOR, 0x900(%r13)
    movl $0x1f80, 0x904(%r13)
row_end init

row empty
    loop
    again
row_end empty

plain rdtsc, rdtsc
plain rdtscp, rdtscp

row lfence_rdtsc
    loop
    lfence
    rdtsc
    lfence
    again
row_end lfence_rdtsc

plain lfence, lfence
plain mfence, mfence
plain sfence, sfence
plain serialize, .byte 0x0f, 0x01, 0xe8
plain rdgsbase, rdgsbase %rax

row rdpkru
    loop
    xorl %ecx, %ecx
    rdpkru
    again
row_end rdpkru

row xgetbv
    loop
    xorl %ecx, %ecx
    xgetbv
    again
row_end xgetbv

plain rdpid, rdpid %rax
plain pause, pause

row pushf_popf
    loop
    pushfq
    popfq
    again
row_end pushf_popf

row pushf
    loop
    pushfq
    addq $8, %rsp
    again
row_end pushf

plain cld, cld

row std_cld
    loop
    std
    cld
    again
row_end std_cld

plain verw, verw 0x900(%r13)
plain fxsave, fxsave 0x200(%r13)

row xsave
    loop
    movl $7, %eax
    xorl %edx, %edx
    xsave 0x200(%r13)
    again
row_end xsave

row xsaveopt
    loop
    movl $7, %eax
    xorl %edx, %edx
    xsaveopt 0x200(%r13)
    again
row_end xsaveopt

plain ldmxcsr, ldmxcsr 0x904(%r13)
plain lock_add, lock addq $1, (%r13)
plain cmpxchg, lock cmpxchgq %rcx, (%r13)
plain cmpxchg16b, lock cmpxchg16b (%r13)
plain clflush, clflush (%r13)
plain rdrand, rdrand %rax

row div64
    loop
    xorl %edx, %edx
    movl $123456789, %eax
    movl $77, %ecx
    divq %rcx
    again
row_end div64

row div128
    loop
    movl $5, %edx
    movl $123456789, %eax
    movl $77777777, %ecx
    divq %rcx
    again
row_end div128

row movsb_64
    loop
    movl $64, %ecx
    rep movsb
    again
row_end movsb_64

row movsb_1k
    loop
    movq %r13, %rsi
    leaq 0x1000(%r13), %rdi
    movl $1024, %ecx
    rep movsb
    again
row_end movsb_1k

row movsb_4k
    loop
    movq %r13, %rsi
    leaq 0x1000(%r13), %rdi
    movl $4096, %ecx
    rep movsb
    again
row_end movsb_4k

row stosq
    loop
    movq %r13, %rdi
    movl $512, %ecx
    rep stosq
    again
row_end stosq

row wrgsbase
    rdgsbase %r12
    loop
    wrgsbase %r12
    again
row_end wrgsbase

row wrfsbase
    rdfsbase %r12
    loop
    wrfsbase %r12
    again
row_end wrfsbase

row lsl
    loop
    movl $CYCLES_USER_SELECTOR, %eax
    lsl %ax, %eax
    again
row_end lsl

row mov_es
    xorl %r12d, %r12d
    loop
    movl %r12d, %es
    again
row_end mov_es

row mov_ss
    movl $CYCLES_DATA_SELECTOR, %r12d
    loop
    movl %r12d, %ss
    again
row_end mov_ss

row xrstor
    movl $7, %eax
    xorl %edx, %edx
    xsave 0x200(%r13)
    loop
    movl $7, %eax
    xorl %edx, %edx
    xrstor 0x200(%r13)
    again
row_end xrstor

row fxrstor
    fxsave 0x200(%r13)
    loop
    fxrstor 0x200(%r13)
    again
row_end fxrstor

row xchg
    loop
    xchgq %r12, (%r13)
    again
row_end xchg

row call_ret
    loop
    call 1f
    jmp 2f
1:
    ret
2:
    again
row_end call_ret

row retpoline
    loop
    leaq 3f(%rip), %rax
    call 1f
2:
    pause
    lfence
    jmp 2b
1:
    movq %rax, (%rsp)
    ret
3:
    again
row_end retpoline

row iretq
    loop
    movq %rsp, %rax
    movl %ss, %ecx
    pushq %rcx
    pushq %rax
    pushfq
    movl %cs, %ecx
    pushq %rcx
    leaq 1f(%rip), %rcx
    pushq %rcx
    iretq
1:
    again
row_end iretq

/* A linear congruential generator in memory, whose top bit decides. */
    .macro branches name, mask
row \name
    loop
    imull $1664525, 0x800(%r13), %eax
    addl $1013904223, %eax
    movl %eax, 0x800(%r13)
    testl $\mask, %eax
    jz 1f
    addq $1, %rbx
1:
    lfence
    again
row_end \name
    .endm

branches random_branch, 0x80000000
branches steady_branch, 0

/* A chain of pointers, eight links an iteration. RBX is where it is at. */
row chain
    stamp
    xorl %r14d, %r14d
    .balign 64, 0x90
1:
    .rept 8
    movq (%rbx), %rbx
    .endr
    addl $8, %r14d
    cmpl %r15d, %r14d
    jb 1b
    stamp
row_end chain

    .section .note.GNU-stack, "", @progbits
