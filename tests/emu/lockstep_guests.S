/* SPDX-License-Identifier: MIT */
/*
 * Guests of test_lockstep_pages.c. Each is copied to physical 0x10000 and started there at CPL 0 on
 * the page tables of lockstep.h; AT(label) is where a label then is.
 */
    .section .rodata

    .set CODE, 0x10000
    .set ALIAS, 0x40000000
    .set LARGE, 0x80000000
    .set FUNCTION, 0x19000 /* code that guests make: mov eax, imm32; ret */
    .set ROUNDS, 60

    .macro guest name
    .globl \name\()_begin, \name\()_end
    .hidden \name\()_begin, \name\()_end
\name\()_begin:
    movl $ROUNDS, %ecx
    .endm

    .macro guest_end name
    decl %ecx
    jnz 1b
    hlt
\name\()_end:
    .endm

#define AT(label) (label - HERE + CODE)

/* The instruction behind the next one. */
#undef HERE
#define HERE ahead_begin
    guest ahead
1:  movb %cl, AT(2f) + 1
    nop
2:  movb $0, %al
    addl %eax, %ebx
    guest_end ahead

/* An instruction of this block that was already run, and the store itself. */
#undef HERE
#define HERE behind_begin
    guest behind
1:  movl $0, %eax
    addl %eax, %ebx
    incl AT(1b) + 1
2:  addb $1, AT(2b) + 7
    guest_end behind

/* The displacement of a branch, between nops. */
#undef HERE
#define HERE target_begin
    guest target
1:  xorb $1, AT(2f) + 1
    jmp 3f
3:  cmpl %eax, %eax
2:  je 4f
4:  nop
    incl %ebx
    guest_end target

/* Through another linear address of the same page; and this code run at both. */
#undef HERE
#define HERE alias_begin
    guest alias
1:  movl %ecx, ALIAS + AT(3f) + 1
    call 3f
    movl $(ALIAS + AT(3f)), %edx
    call *%rdx
    incl AT(3f) + 1
    call *%rdx
    jmp 2f
3:  movl $0, %eax
    addl %eax, %ebx
    ret
2:
    guest_end alias

/* The same, the other page being a large one. */
#undef HERE
#define HERE large_begin
    guest large
    movl $LARGE, %esi
1:  movl %ecx, AT(3f) + 1(%rsi)
    call 3f
    leaq AT(3f)(%rsi), %rdx
    call *%rdx
    incl AT(3f) + 1
    call *%rdx
    jmp 2f
3:  movl $0, %eax
    addl %eax, %ebx
    ret
2:
    guest_end large

/* Data among code, and data in the same page but far from it. */
#undef HERE
#define HERE granule_begin
    guest granule
1:  incl AT(3f)
    addl AT(3f), %ebx
    jmp 2f
3:  .long 0
2:  incq CODE + 0x800
    movw %cx, CODE + 0xffe
    guest_end granule

/* Stores that begin in a page without code and end in one with. */
#undef HERE
#define HERE crossing_begin
    guest crossing
    movl $FUNCTION, %edx
    movl $0xc3, 5(%rdx)
1:  movabsq $0x0000b80000000000, %rax /* five bytes of data, the opcode, its immediate */
    movl %ecx, %esi
    shlq $48, %rsi
    orq %rsi, %rax
    movq %rax, -5(%rdx)
    call *%rdx
    addl %eax, %ebx
    movl $0xb8000000, -3(%rdx)
    call *%rdx
    addl %eax, %ebx
    movw $0xb8ff, -1(%rdx)
    call *%rdx
    guest_end crossing

/* An instruction that lies in two pages, and a store into its second half. */
#undef HERE
#define HERE astride_begin
    guest astride
    movl $(FUNCTION - 2), %edx
    movb $0xb8, (%rdx)
    movb $0xc3, 5(%rdx)
1:  movb %cl, 3(%rdx)
    call *%rdx
    addl %eax, %ebx
    movb %cl, 1(%rdx)
    call *%rdx
    addl %eax, %ebx
    guest_end astride

/* REP MOVS and REP STOS over code that was run, and over the instructions behind them. */
#undef HERE
#define HERE strings_begin
    guest strings
    movq %rcx, %r8
1:  movl $AT(3f), %esi
    movl $FUNCTION, %edi
    movl $(4f - 3f), %ecx
    rep movsb
    movl $FUNCTION, %edx
    call *%rdx
    addl %r8d, AT(3f) + 1
    movl $FUNCTION, %edi
    movl $5, %ecx
    movb $0x90, %al
    rep stosb
    call *%rdx
    movl $AT(5f), %edi
    movl $3, %ecx
    movb $0x90, %al
    rep stosb
5:  hlt
    hlt
    hlt
    movb $0xf4, AT(5b)
    movb $0xf4, AT(5b) + 1
    jmp 2f
3:  movl $1, %eax
    addl %eax, %ebx
    ret
4:
2:  movl %r8d, %ecx
    decl %r8d
    guest_end strings

/* The stack is in the page with the code: PUSH, CALL and PUSHF write there. */
#undef HERE
#define HERE stack_begin
    guest stack
    movl $(FUNCTION + 0x40), %esp
    movl $FUNCTION, %edx
    movl $0xb8, (%rdx)
    movb $0xc3, 5(%rdx)
1:  call *%rdx
    pushq %rcx
    pushfq
    movl $(FUNCTION + 9), %esp
    pushq %rcx
    movl $0xb8, (%rdx)
    movb %cl, 1(%rdx)
    movb $0xc3, 5(%rdx)
    movl $(FUNCTION + 0x40), %esp
    call *%rdx
    addl %eax, %ebx
    guest_end stack

/* Every kind of read-modify-write. */
#undef HERE
#define HERE modify_begin
    guest modify
    movl $FUNCTION, %edx
    movl $0xb8, (%rdx)
    movb $0xc3, 5(%rdx)
    .macro try instruction:vararg
    \instruction
    call *%rdx
    addl %eax, %ebx
    .endm
1:  try addb %cl, 1(%rdx)
    try lock xaddl %eax, 1(%rdx)
    try xchgb %cl, 2(%rdx)
    xchgb %cl, 2(%rdx)
    try btcl $3, 1(%rdx)
    try notb 3(%rdx)
    try negw 1(%rdx)
    try roll $5, 1(%rdx)
    try setc 2(%rdx)
    movl 1(%rdx), %eax
    try lock cmpxchgl %ecx, 1(%rdx)
    try shldl $3, %ecx, 1(%rdx)
    try adcb $1, 4(%rdx)
    try movnti %ecx, 1(%rdx)
    movl $(FUNCTION + 1), %edi
    try stosl
    guest_end modify

/* A device's byte goes into code that was run: the 16550's scratch register, by INS. */
#undef HERE
#define HERE port_begin
    guest port
    movl $0x3ff, %edx
1:  movb %cl, %al
    outb %al, %dx
    movl $AT(2f) + 1, %edi
    insb
2:  movl $0, %eax
    addl %eax, %ebx
    guest_end port

/*
 * Random changes of the address space, and random use of it. Eight pages are in the TLB's set 0x40
 * and eight in the set of this code; they show eight physical pages, each with a function that adds
 * its own number to EBX. There are two sets of tables, of PCID 1 and 2.
 */
#undef HERE
#define HERE soup_begin
    .globl soup_begin, soup_end
    .hidden soup_begin, soup_end
    .set PAGES, 0x310000
    .set SHOWN, 0x20000
    .set ROOT, 0x80000
    .set ROOT_2, 0xa0000
    .set TABLES, 0x400000
    .set TABLES_2, 0xa8000
    .set STACK, 0x60800
    .set FAULT_HANDLER, 0x920e0
    .set LARGE_ENTRY, 0x84000

    .macro random_page /* rdi: its address; rsi: where its entry is in the first tables */
    movl %r15d, %edi
    shrl $8, %edi
    andl $7, %edi
    shll $20, %edi
    movl %r15d, %esi
    shrl $11, %esi
    andl $1, %esi
    imull $0x30000, %esi, %esi
    leal PAGES(%rdi, %rsi), %edi
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

soup_begin:
    movl $0xe9, FAULT_HANDLER
    movl $(AT(fault) - FAULT_HANDLER - 5), FAULT_HANDLER + 1
    movl $8, %ecx
    movl $SHOWN, %edi
0:  movl $0xc300c383, (%rdi) /* add ebx, imm8; ret */
    movb %cl, 2(%rdi)
    addl $0x1000, %edi
    decl %ecx
    jnz 0b
    movl $(TABLES + (PAGES >> 9)), %esi /* all of the pages show the first one */
    movl $8, %ecx
0:  movq $(SHOWN + 7), (%rsi)
    movq $(SHOWN + 7), 0x180(%rsi)
    addl $0x800, %esi
    decl %ecx
    jnz 0b
    movl $ROOT, %esi
    movl $ROOT_2, %edi
    movl $(0x3000 / 8), %ecx
    rep movsq
    movl $0xa1007, ROOT_2
    movl $0xa2007, ROOT_2 + 0x1000
    movl $TABLES, %esi
    movl $TABLES_2, %edi
    movl $(0x8000 / 8), %ecx
    rep movsq
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
    movl $AT(soup), %r14d
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

fault: /* the error code is summed up, and the soup goes on */
    addl (%rsp), %ebp
    addq $8, %rsp
    movq %r14, (%rsp)
    iretq

invalidate:
    invlpg (%rdi)
    jmp soup
remap:
    random_entry
    movq %rdx, TABLES(%rsi)
    jmp soup
remap_invalidate:
    random_entry
    movq %rdx, TABLES(%rsi)
    invlpg (%rdi)
    jmp soup
remap_2:
    random_entry
    movq %rdx, TABLES_2(%rsi)
    jmp soup
remap_2_invalidate:
    random_entry
    movq %rdx, TABLES_2(%rsi)
    invlpg (%rdi)
    jmp soup
switch:
    movl $(ROOT + 1), %eax
    movq %rax, %cr3
    jmp soup
switch_2:
    movl $(ROOT_2 + 2), %eax
    movq %rax, %cr3
    jmp soup
keep:
    movl $(ROOT + 1), %eax
    btsq $63, %rax
    movq %rax, %cr3
    jmp soup
keep_2:
    movl $(ROOT_2 + 2), %eax
    btsq $63, %rax
    movq %rax, %cr3
    jmp soup
global:
    movq %cr4, %rax
    xorl $0x80, %eax
    movq %rax, %cr4
    jmp soup
protect:
    movq %cr0, %rax
    xorl $0x10000, %eax
    movq %rax, %cr0
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
store_crossing:
    movq %r15, 0xffd(%rdi)
    jmp soup
store_string:
    movl $9, %ecx
    addl $0x7fc, %edi
    rep stosb
    jmp soup
push_page:
    leaq 0x808(%rdi), %rsp
    pushq %r15
    popq %rax
    jmp soup
large_page:
    andl $0x7000, %edx
    movl $(LARGE >> 1), %eax
    leaq SHOWN(%rdx, %rax, 2), %rax
    movb %r15b, 2(%rax)
    call *%rax
    incl 0x100(%rax)
    jmp soup
large_split:
    movl %r15d, %edx
    sarl $31, %edx
    andl $(0x400007 - 0x87), %edx
    addl $0x87, %edx
    movq %rdx, LARGE_ENTRY
    testl $0x1000000, %r15d
    jz soup
    movl $(LARGE >> 1), %eax
    invlpg SHOWN(, %rax, 2)
    jmp soup

    .balign 8
variants:
    .quad 0x7, 0x67, 0x107, 0x3, 0x5, 0x65, 0x6, 0x0
    .quad 0x8000000000000007, 0x8000000000000165, 0x7, 0x63, 0x107, 0x167, 0x27, 0x103
actions:
    .long AT(invalidate), AT(remap), AT(remap), AT(remap_invalidate)
    .long AT(remap_2), AT(remap_2_invalidate), AT(switch), AT(switch_2)
    .long AT(keep), AT(keep_2), AT(keep), AT(keep_2)
    .long AT(global), AT(protect), AT(call_page), AT(call_page)
    .long AT(call_page), AT(call_page), AT(load), AT(load)
    .long AT(load), AT(store), AT(store), AT(store_code)
    .long AT(store_code), AT(store_crossing), AT(store_string), AT(push_page)
    .long AT(large_page), AT(large_page), AT(large_split), AT(call_page)
soup_end:

    .section .note.GNU-stack, "", @progbits
