/* SPDX-License-Identifier: MIT */
/*
 * Running one instruction with a whole machine state of its own: native_run loads native_in and
 * jumps to it; the code behind the instruction jumps to native_return, a signal's handler to
 * native_finish. All variables are reached relative to RIP, so that no register is needed.
 */
#define GPR(n)   n * 8
#define RIP      128
#define RFLAGS   136
#define FS_BASE  144
#define GS_BASE  152
#define SELECTOR(n) 160 + n * 2
#define EXTENDED 192

/* A kernel that does not know FSGSBASE gives FS and GS the bases of its own books back whenever it
 * switches tasks: there the books are kept, by arch_prctl(code, address). RAX, RCX, RDI, RSI and R11
 * are lost. Refused addresses (the kernel's half) are good until the next switch. */
#define SYS_ARCH_PRCTL 158
#define ARCH_SET_GS    0x1001
#define ARCH_SET_FS    0x1002
        .macro  tell_kernel code, address
        cmpb    $0, native_keep_books(%rip)
        je      9f
        mov     $\code, %edi
        mov     \address, %rsi
        mov     $SYS_ARCH_PRCTL, %eax
        syscall
9:
        .endm

/* The case's segments, before any code of the host runs again. Loading a null selector clears the
 * base: bases are read first. RAX must be free, and what tell_kernel needs. */
        .macro  leave_segments
        rdfsbase %rax
        mov     %rax, native_out + FS_BASE(%rip)
        rdgsbase %rax
        mov     %rax, native_out + GS_BASE(%rip)
        movw    %es, native_out + SELECTOR(0)(%rip)
        movw    %ds, native_out + SELECTOR(3)(%rip)
        movw    %fs, native_out + SELECTOR(4)(%rip)
        movw    %gs, native_out + SELECTOR(5)(%rip)
        xor     %eax, %eax
        mov     %eax, %es
        mov     %eax, %ds
        mov     %eax, %fs
        mov     %eax, %gs
        tell_kernel ARCH_SET_FS, native_host_fs(%rip)
        mov     native_host_fs(%rip), %rax
        wrfsbase %rax
        .endm

        .text
        .globl  native_run
        .type   native_run, @function
native_run:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, native_host_rsp(%rip)
        rdfsbase %rax
        mov     %rax, native_host_fs(%rip)

        mov     native_extended_mask(%rip), %eax
        xor     %edx, %edx
        lea     native_in(%rip), %rcx
        xrstor64 EXTENDED(%rcx)
        tell_kernel ARCH_SET_FS, native_in + FS_BASE(%rip)
        tell_kernel ARCH_SET_GS, native_in + GS_BASE(%rip)
        lea     native_in(%rip), %rcx
        mov     FS_BASE(%rcx), %rax
        wrfsbase %rax
        mov     GS_BASE(%rcx), %rax
        wrgsbase %rax

        pushq   RFLAGS(%rcx)
        popfq
        mov     native_in + GPR(0)(%rip), %rax
        mov     native_in + GPR(1)(%rip), %rcx
        mov     native_in + GPR(2)(%rip), %rdx
        mov     native_in + GPR(3)(%rip), %rbx
        mov     native_in + GPR(4)(%rip), %rsp
        mov     native_in + GPR(5)(%rip), %rbp
        mov     native_in + GPR(6)(%rip), %rsi
        mov     native_in + GPR(7)(%rip), %rdi
        mov     native_in + GPR(8)(%rip), %r8
        mov     native_in + GPR(9)(%rip), %r9
        mov     native_in + GPR(10)(%rip), %r10
        mov     native_in + GPR(11)(%rip), %r11
        mov     native_in + GPR(12)(%rip), %r12
        mov     native_in + GPR(13)(%rip), %r13
        mov     native_in + GPR(14)(%rip), %r14
        mov     native_in + GPR(15)(%rip), %r15
        jmp     *native_in + RIP(%rip)

        .globl  native_return
native_return:
        mov     %rax, native_out + GPR(0)(%rip)
        mov     %rcx, native_out + GPR(1)(%rip)
        mov     %rdx, native_out + GPR(2)(%rip)
        mov     %rbx, native_out + GPR(3)(%rip)
        mov     %rsp, native_out + GPR(4)(%rip)
        mov     %rbp, native_out + GPR(5)(%rip)
        mov     %rsi, native_out + GPR(6)(%rip)
        mov     %rdi, native_out + GPR(7)(%rip)
        mov     %r8, native_out + GPR(8)(%rip)
        mov     %r9, native_out + GPR(9)(%rip)
        mov     %r10, native_out + GPR(10)(%rip)
        mov     %r11, native_out + GPR(11)(%rip)
        mov     %r12, native_out + GPR(12)(%rip)
        mov     %r13, native_out + GPR(13)(%rip)
        mov     %r14, native_out + GPR(14)(%rip)
        mov     %r15, native_out + GPR(15)(%rip)
        mov     native_host_rsp(%rip), %rsp
        pushfq
        popq    native_out + RFLAGS(%rip)
        pushq   $0x202
        popfq
        movw    %cs, native_out + SELECTOR(1)(%rip)
        movw    %ss, native_out + SELECTOR(2)(%rip)
        leave_segments

        .globl  native_finish
native_finish:
        mov     native_extended_mask(%rip), %eax
        xor     %edx, %edx
        lea     native_out(%rip), %rcx
        xsave64 EXTENDED(%rcx)
        fninit
        ldmxcsr native_default_mxcsr(%rip)
        testl   $4, native_extended_mask(%rip)
        jz      1f
        vzeroupper
1:      pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret
        .size   native_run, . - native_run

/* A signal arrives with the case's FS base; glibc's code needs its own. */
        .globl  native_signal_entry
        .type   native_signal_entry, @function
native_signal_entry:
        push    %rdi
        push    %rsi
        leave_segments
        pop     %rsi
        pop     %rdi
        jmp     native_signal
        .size   native_signal_entry, . - native_signal_entry

        .section .rodata
        .balign 4
native_default_mxcsr:
        .long   0x1f80

        .bss
        .balign 64
        .globl  native_in, native_out
native_in:
        .skip   2880
native_out:
        .skip   2880
        .globl  native_host_rsp, native_host_fs, native_extended_mask, native_keep_books
native_host_rsp:
        .skip   8
native_host_fs:
        .skip   8
native_extended_mask:
        .skip   8
native_keep_books:
        .skip   1

        .section .note.GNU-stack, "", @progbits
