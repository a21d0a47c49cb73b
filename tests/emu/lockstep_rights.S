/* SPDX-License-Identifier: MIT */
/*
 * The guest of test_lockstep_rights.c: random changes of what may be accessed by whom, and random
 * accesses from CPL 0 and CPL 3. It is copied to physical 0x10000 and started there at CPL 0 on the
 * page tables of lockstep.h, whose pages belong to the supervisor but for those named USER here and
 * PAGES. The latter show eight physical pages, each with a function that adds its own number to EBX.
 * A page of 1 GiB at HUGE shows them too. There are two sets of tables, of PCID 1 and 2.
 */
    .section .rodata

    .set CODE, 0x10000
    .set USER_CODE, 0x1a000
    .set USER_STACK, 0x1b800
    .set SHOWN, 0x20000
    .set PAGES, 0x310000
    .set HUGE, 0xc0000000
    .set HUGE_ENTRY, 0x81018  /* in both sets of tables, */
    .set HUGE_ENTRY_2, 0xa1018
    .set ROOT, 0x80000
    .set ROOT_2, 0xa0000
    .set TABLES, 0x400000
    .set TABLES_2, 0xa8000
    .set STACK, 0x60800
    .set DESCRIPTOR, 0x61000 /* of INVPCID */
    .set HANDLERS, 0x92000

    .globl rights_begin, rights_end
    .hidden rights_begin, rights_end

#define HERE rights_begin
#define AT(label) (label - HERE + CODE)

    .macro random_page /* rdi: its address; rsi: where its entry is, counted from TABLES */
    movl %r15d, %edi
    shrl $8, %edi
    andl $7, %edi
    shll $20, %edi
    addl $PAGES, %edi
    movl %edi, %esi
    shrl $9, %esi
    .endm

    .macro random_entry /* rdx */
    movl %r15d, %edx
    shrl $16, %edx
    andl $15, %edx
    movq AT(variants)(, %rdx, 8), %rdx
    movl %r15d, %eax
    shrl $20, %eax
    andl $7, %eax
    shll $12, %eax
    leaq SHOWN(%rdx, %rax), %rdx
    .endm

    .macro handler vector, label
    movb $0xe9, HANDLERS + 16 * \vector
    movl $(AT(\label) - HANDLERS - 16 * \vector - 5), HANDLERS + 16 * \vector + 1
    .endm

    .macro copy from, to, size
    movl $\from, %esi
    movl $\to, %edi
    movl $(\size / 8), %ecx
    rep movsq
    .endm

rights_begin:
    handler 6, fault
    handler 13, fault_with_error
    handler 14, fault_with_error
    movl $8, %ecx
    movl $SHOWN, %edi
0:  movl $0xc300c383, (%rdi) /* add ebx, imm8; ret */
    movb %cl, 2(%rdi)
    addl $0x1000, %edi
    decl %ecx
    jnz 0b
    movl $AT(user), %esi
    movl $USER_CODE, %edi
    movl $(user_end - user), %ecx
    rep movsb
    copy ROOT, ROOT_2, 0x3000
    movl $0xa1007, ROOT_2
    movl $0xa2007, ROOT_2 + 0x1000
    copy TABLES, TABLES_2, 0x8000
    movl $8, %ecx
    movl $(TABLES_2 + 7), %eax
    movl $(ROOT_2 + 0x2000), %edi
0:  movl %eax, (%rdi)
    addl $0x1000, %eax
    addl $8, %edi
    decl %ecx
    jnz 0b
    movq %cr4, %rax
    orl $0x20000, %eax /* PCIDE */
    movq %rax, %cr4
soup:
    movl $STACK, %esp
    movq %r15, %rax
    shlq $13, %rax
    xorq %rax, %r15
    movq %r15, %rax
    shrq $7, %rax
    xorq %rax, %r15
    movq %r15, %rax
    shlq $17, %rax
    xorq %rax, %r15
    random_page
    movl %r15d, %eax
    andl $31, %eax
    movl AT(actions)(, %rax, 4), %eax
    jmp *%rax

fault_with_error: /* what happened is summed up, and the soup goes on */
    addl (%rsp), %ebp
fault:
    movq %cr2, %rax
    addl %eax, %ebp
    jmp soup

remap:
    random_entry
    movq %rdx, TABLES(%rsi)
    movq %rdx, TABLES_2(%rsi)
    jmp soup
remap_invalidate:
    random_entry
    movq %rdx, TABLES(%rsi)
    invlpg (%rdi)
    jmp soup
remap_2_invalidate:
    random_entry
    movq %rdx, TABLES_2(%rsi)
    invlpg (%rdi)
    jmp soup
invalidate:
    invlpg (%rdi)
    jmp soup
invalidate_pcid: /* every type, of either PCID */
    movl %r15d, %eax
    shrl $24, %eax
    andl $1, %eax
    incl %eax
    movq %rax, DESCRIPTOR
    movq %rdi, DESCRIPTOR + 8
    movl %r15d, %eax
    shrl $25, %eax
    andl $3, %eax
    invpcid DESCRIPTOR, %rax
    jmp soup
smep:
    movq %cr4, %rax
    xorl $(1 << 20), %eax
    movq %rax, %cr4
    jmp soup
smap:
    movq %cr4, %rax
    xorl $(1 << 21), %eax
    movq %rax, %cr4
    jmp soup
allow:
    stac
    jmp soup
forbid:
    clac
    jmp soup
protect:
    movq %cr0, %rax
    xorl $0x10000, %eax
    movq %rax, %cr0
    jmp soup
switch:
    movl $(ROOT + 1), %eax
    btsq $63, %rax
    movq %rax, %cr3
    jmp soup
switch_2:
    movl $(ROOT_2 + 2), %eax
    movq %rax, %cr3
    jmp soup
huge_change: /* seen or not, by whom, and with or without INVLPG */
    movl %r15d, %eax
    shrl $28, %eax
    andl $7, %eax
    movzbl AT(huge_variants)(%rax), %edx
    movq %rdx, HUGE_ENTRY
    movq %rdx, HUGE_ENTRY_2
    testl $0x1000000, %r15d
    jz soup
    movl $(HUGE >> 1), %eax
    invlpg SHOWN(, %rax, 2)
    jmp soup
huge_access:
    movl %r15d, %edx
    andl $0x7000, %edx
    movl $(HUGE >> 1), %eax
    leaq SHOWN(%rdx, %rax, 2), %rax
    incl 0x100(%rax)
    call *%rax
    jmp soup
call_page:
    call *%rdi
    call *%rdi
    jmp soup
load:
    addl 0x100(%rdi), %ebx
    movzwl 0x7ff(%rdi), %eax
    jmp soup
store:
    movl %r15d, 0x100(%rdi)
    incl 0x800(%rdi)
    jmp soup
store_code:
    movb %r15b, 2(%rdi)
    call *%rdi
    jmp soup
to_user: /* any of the user's actions; its RFLAGS.AC as it comes */
    movl %r15d, %eax
    shrl $29, %eax
    shll $5, %eax
    addl $USER_CODE, %eax
    movl %r15d, %edx
    andl $0x40000, %edx
    orl $2, %edx
    pushq $0x2b
    pushq $USER_STACK
    pushq %rdx
    pushq $0x23
    pushq %rax
    iretq
to_user_huge:
    movl %r15d, %edx
    andl $0x7000, %edx
    movl $(HUGE >> 1), %eax
    leaq SHOWN(%rdx, %rax, 2), %rdi
    jmp to_user

    .balign 32
user: /* eight actions of 32 bytes; each ends in #UD */
    addl 0x100(%rdi), %ebx
    movzwl 0x7ff(%rdi), %eax
    ud2
    .balign 32
    movl %r15d, 0x100(%rdi)
    incl 0x800(%rdi)
    ud2
    .balign 32
    call *%rdi
    call *%rdi
    ud2
    .balign 32
    movb %r15b, 2(%rdi)
    call *%rdi
    ud2
    .balign 32
    movl $9, %ecx
    addl $0x7fc, %edi
    rep stosb
    ud2
    .balign 32
    xorl %eax, %eax
    stc
    adcl CODE, %eax /* the supervisor's */
    ud2
    .balign 32
    stc
    hlt /* not for users */
    .balign 32
    leaq 0x808(%rdi), %rsp
    pushq %r15
    popq %rax
    ud2
    .balign 32
user_end:

variants:
    .quad 0x7, 0x5, 0x3, 0x1, 0x6, 0x67, 0x65, 0x63
    .quad 0x8000000000000007, 0x8000000000000003, 0x107, 0x103, 0x7, 0x7, 0x165, 0x3
huge_variants:
    .byte 0x87, 0x83, 0x85, 0x81, 0xe7, 0xe3, 0x00, 0x87
    .balign 8
actions:
    .long AT(remap), AT(remap), AT(remap_invalidate), AT(remap_2_invalidate)
    .long AT(invalidate), AT(invalidate_pcid), AT(invalidate_pcid), AT(smep)
    .long AT(smap), AT(allow), AT(forbid), AT(protect)
    .long AT(switch), AT(switch_2), AT(huge_change), AT(huge_change)
    .long AT(huge_access), AT(huge_access), AT(call_page), AT(call_page)
    .long AT(load), AT(load), AT(store), AT(store)
    .long AT(store_code), AT(to_user), AT(to_user), AT(to_user)
    .long AT(to_user), AT(to_user), AT(to_user), AT(to_user_huge)
rights_end:

    .section .note.GNU-stack, "", @progbits
