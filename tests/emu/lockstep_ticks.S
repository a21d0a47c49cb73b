/* SPDX-License-Identifier: MIT */
/*
 * Guests of test_lockstep_ticks.c, copied to physical 0x10000 and started there at CPL 0 on the page
 * tables of lockstep.h. `ticks` has the 8254 interrupt it through the 8259 while it works;
 * its handler counts at 0x40000. It stays busy, and sleeps only now and then. `everything` goes on for
 * ever: each round has every kind of fast op, calls, and instructions that have no fast form.
 */
    .section .rodata

    .set CODE, 0x10000
    .set IDT, 0x30000
    .set TICKS, 0x40000
    .set DATA, 0x41000
    .set LIMIT, 0x40010   /* rounds between two sleeps */
    .set DIVISOR, 0x40018 /* of the 8254's 1.19 MHz */

    .macro guest name
    .globl \name\()_begin, \name\()_end
    .hidden \name\()_begin, \name\()_end
\name\()_begin:
    .endm

#define AT(label) (label - HERE + CODE)

    /* Loads, stores, every width, every kind of flag, branches of every form, and calls. */
    .macro work
    addl $0x12345, %eax
    adcq %rax, %rbx
    sbbb %al, DATA
    subw %bx, DATA + 2
    andl $0xff, %ecx
    xorl DATA(, %rcx, 4), %edx
    orb %ch, %ah
    cmpq %rax, %rbx
    cmovaq %rax, %rsi
    setle DATA + 9
    incl DATA + 16
    decb %bl
    negw DATA + 18
    notq DATA + 24
    testl %esi, %esi
    jns 1f
    bswapq %rsi
1:  leaq 3(%rsi, %rbx, 2), %rdi
    movzbl DATA + 1, %ebp
    movswq DATA + 2, %r8
    movslq %eax, %r9
    xchgl %r8d, DATA + 32
    xaddq %r9, DATA + 40
    cmpxchgl %ebp, DATA + 48
    shll %cl, %r8d
    rcrq %cl, %r9
    sarw $3, DATA + 50
    roll %cl, DATA + 52
    shldq %cl, %r9, %r8
    shrdl $7, %ebp, %edi
    mull DATA + 56
    imulq %rdi, %r9
    imull $77, %ebp, %r10d
    movl $0x1234567, %eax
    xorl %edx, %edx
    orl $1, %ebp
    divl %ebp
    btsl %eax, %r10d
    btcq $5, DATA + 64
    bsfl %r10d, %r11d
    popcntq %r9, %r11
    lzcntl %edi, %r11d
    andnl %r10d, %r9d, %r11d
    shlxq %rcx, %r9, %r11
    rorxl $9, %edi, %r11d
    mulxq %r9, %r11, %r12
    pushq %r11
    pushq $-7
    popq %r11
    popq %r12
    pushfq
    popq %r13
    lahf
    stc
    cmc
    sahf
    cwtl
    cqto
    call 8f
    leaq 8f(%rip), %r14
    call *%r14
    movq %r14, DATA + 72
    call *DATA + 72
    movl $3, %ecx
    movl $(DATA + 0x80), %edi
    rep stosb
    cpuid
    pause
    fninit
    movd %eax, %xmm0
    paddd %xmm0, %xmm1
    cld
    jmp 9f
8:  pushq %rbp
    movq %rsp, %rbp
    xorl %eax, %eax
    leave
    ret $0
9:
    .endm

#undef HERE
#define HERE ticks_begin
    guest ticks

    leaq timer(%rip), %rax
    movl $(IDT + 0x30 * 16), %edi
    movw %ax, (%rdi)
    movw $8, 2(%rdi)
    movw $0x8e00, 4(%rdi)
    shrq $16, %rax
    movw %ax, 6(%rdi)
    subq $16, %rsp
    movw $0xfff, (%rsp)
    movq $IDT, 2(%rsp)
    lidt (%rsp)
    leaq ports(%rip), %rsi
    movl $((ports_end - ports) / 3), %ecx
0:  movzwl (%rsi), %edx
    movb 2(%rsi), %al
    outb %al, %dx
    addq $3, %rsi
    decl %ecx
    jnz 0b
    movw DIVISOR, %ax
    outb %al, $0x40
    movb %ah, %al
    outb %al, $0x40
    sti
rounds:
    work
    movl TICKS + 8, %ecx
    incl %ecx
    movl %ecx, TICKS + 8
    cmpl LIMIT, %ecx
    jb rounds
    movl $0, TICKS + 8
    hlt
    jmp rounds
timer:
    pushq %rax
    incq TICKS
    movb $0x20, %al
    outb %al, $0x20
    popq %rax
    iretq

    .macro port number, value
    .2byte \number
    .byte \value
    .endm
ports: /* 8259: vectors from 0x30 on, the timer's line alone; 8254: mode 2 */
    port 0x20, 0x11
    port 0x21, 0x30
    port 0x21, 0x04
    port 0x21, 0x01
    port 0x21, 0xfe
    port 0x43, 0x34
ports_end:
ticks_end:

#undef HERE
#define HERE everything_begin
    guest everything
    movq %cr4, %rax
    orl $0x600, %eax /* OSFXSR, OSXMMEXCPT */
    movq %rax, %cr4
0:  work
    jmp 0b
everything_end:

    .section .note.GNU-stack, "", @progbits
