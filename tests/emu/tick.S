/* SPDX-License-Identifier: MIT */
/*
 * A guest for test_platform_run.c, copied to physical 0x10000 and started there in 64-bit mode at CPL
 * 0: a 1 kHz tick, and an echo on the serial port. It counts ticks at 0x40000 and rounds of its loop
 * at 0x40008; with 0x40010 set the loop does not sleep.
 */
    .section .rodata
    .globl tick_begin, tick_end
    .hidden tick_begin, tick_end

    .set IDT, 0x30000
    .set TICKS, 0x40000
    .set ROUNDS, 0x40008
    .set BUSY, 0x40010

tick_begin:
    subq $16, %rsp
    leaq gdt(%rip), %rax
    movw $23, (%rsp)
    movq %rax, 2(%rsp)
    lgdt (%rsp)
    pushq $8
    leaq reloaded(%rip), %rax
    pushq %rax
    lretq
reloaded:
    movl $16, %eax
    movl %eax, %ss
    leaq timer(%rip), %rax
    movl $(IDT + 0x30 * 16), %edi
    call set_gate
    leaq serial(%rip), %rax
    movl $(IDT + 0x34 * 16), %edi
    call set_gate
    movw $0xfff, (%rsp)
    movq $IDT, 2(%rsp)
    lidt (%rsp)
    leaq ports(%rip), %rsi
    movl $((ports_end - ports) / 3), %ecx
program:
    movzwl (%rsi), %edx
    movb 2(%rsi), %al
    outb %al, %dx
    addq $3, %rsi
    decl %ecx
    jnz program
    sti
rounds:
    incq ROUNDS
    cmpb $0, BUSY
    jne rounds
    hlt
    jmp rounds

set_gate: /* rax: handler, rdi: gate */
    movw %ax, (%rdi)
    movw $8, 2(%rdi)
    movw $0x8e00, 4(%rdi)
    shrq $16, %rax
    movw %ax, 6(%rdi)
    shrq $16, %rax
    movl %eax, 8(%rdi)
    movl $0, 12(%rdi)
    ret

timer:
    pushq %rax
    incq TICKS
    movb $0x20, %al
    outb %al, $0x20
    popq %rax
    iretq

serial:
    pushq %rax
    pushq %rdx
next:
    movl $0x3fd, %edx
    inb %dx, %al
    testb $1, %al
    jz served
    movl $0x3f8, %edx
    inb %dx, %al
    outb %al, %dx
    jmp next
served:
    movb $0x20, %al
    outb %al, $0x20
    popq %rdx
    popq %rax
    iretq

    .balign 8
gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff

    .macro port number, value
    .2byte \number
    .byte \value
    .endm

ports:
    port 0x20, 0x11
    port 0x21, 0x30
    port 0x21, 0x04
    port 0x21, 0x01
    port 0x21, 0xee
    port 0xa0, 0x11
    port 0xa1, 0x38
    port 0xa1, 0x02
    port 0xa1, 0x01
    port 0xa1, 0xff
    port 0x43, 0x34
    port 0x40, 0xa9
    port 0x40, 0x04
    port 0x3fc, 0x08
    port 0x3fa, 0x01
    port 0x3f9, 0x01
ports_end:
tick_end:

    .section .note.GNU-stack, "", @progbits
