/* SPDX-License-Identifier: MIT */
/*
 * SYSENTER in the shape of Linux 4.9's entry_SYSENTER_compat: no frame is pushed, RSP comes from the
 * MSR, the user's ESP out of EBP, EIP is known beforehand and RFLAGS are what SYSENTER left of them.
 * Two things are other versions': the MSR holds a stack, as in 32-bit kernels and in 64-bit ones from
 * 4.15 on (before, RSP was 0 for two instructions), and the way back is SYSEXIT, which 64-bit kernels
 * had until 4.0, or IRET. INT 0x80 works beside it.
 */
#include "common.inc"
#include "calling_4_9.inc"

#define ERA_TSS			cpu_tss
#define ERA_TOP_OF_STACK	cpu_current_top_of_stack
#define ERA_EFER		EFER_NX
#define ERA_NO_SYSCALL		1
#define ERA_SYSENTER		1
#define ERA_INT80		1

.macro ERA_CPU_INIT
.endm

#include "sys_call_table.inc"
#include "vdso32.inc"

	.section .entry.text, "ax"

/* EBP: the user's ESP, where its own EBP lies. RSP: the SYSENTER stack. Interrupts are off. */
FUNC entry_SYSENTER_compat
	swapgs
	movq PER_CPU_VAR(cpu_current_top_of_stack), %rsp
	movl %eax, %eax
	pushq $__USER_DS
	pushq %rbp
	pushfq
	orl $X86_EFLAGS_IF, (%rsp)
	pushq $__USER32_CS
	pushq $0
	pushq %rax
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq $-ENOSYS
	pushq $0
	pushq $0
	pushq $0
	pushq $0
	pushq %rbx
	pushq %rbp
	pushq $0
	pushq $0
	pushq $0
	pushq $0
	cld
	/* SYSENTER has left these as the user had them. With TF, every instruction trapped so far. */
	testl $(X86_EFLAGS_NT | X86_EFLAGS_AC | X86_EFLAGS_TF), EFLAGS(%rsp)
	jnz sysenter_fix_flags
SYM sysenter_flags_fixed
	movq %rsp, %rdi
	call do_fast_syscall_32
	testl %eax, %eax
	jnz sysexit_from_sys_call
SYM syscall_32_done
	swapgs
	jmp restore_regs_and_iret
SYM sysenter_fix_flags
	pushq $X86_EFLAGS_FIXED
	popfq
	jmp sysenter_flags_fixed
SYM __end_entry_SYSENTER_compat
SYM_END entry_SYSENTER_compat

/* EDX and ECX are EIP and ESP for SYSEXIT; the vDSO has the user's on the stack. IF comes back with
 * STI, whose shadow lasts until SYSEXIT is done. */
FUNC sysexit_from_sys_call
	andl $~X86_EFLAGS_IF, EFLAGS(%rsp)
	RESTORE_EXTRA_REGS
	movq RAX(%rsp), %rax
	movq RSI(%rsp), %rsi
	movq RDI(%rsp), %rdi
	movl RIP(%rsp), %edx
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	xorl %r10d, %r10d
	xorl %r11d, %r11d
	addq $EFLAGS, %rsp
	popfq
	popq %rcx
	swapgs
	sti
	sysexitl
SYM_END sysexit_from_sys_call

#include "int80.inc"

#include "ret_from_fork.inc"

#include "exceptions_4_9.inc"
#include "boot.inc"

	.section .text, "ax"

#include "dispatch.inc"
#include "do_syscall_32.inc"

/*
 * RDI: pt_regs. Completes them, since SYSENTER kept nothing: EIP is the landing pad, EBP is fetched
 * from the user's stack. Answers whether SYSEXIT may be used.
 */
FUNC do_fast_syscall_32
	pushq %rbp
	movq %rsp, %rbp
	pushq %rbx
	movq %rdi, %rbx
	movl $VDSO32_LANDING_PAD, %eax
	movq %rax, RIP(%rbx)
	sti
	movl RSP(%rbx), %eax
	ASM_STAC
.Lget_user_bp:
	movl (%rax), %eax
	ASM_CLAC
	movq %rax, RBP(%rbx)
	SYSCALL_32_IRQS_ON
	xorl %eax, %eax
	cmpq $__USER32_CS, CS(%rbx)
	jne 2f
	cmpq $__USER_DS, SS(%rbx)
	jne 2f
	movl $VDSO32_LANDING_PAD, %ecx
	cmpq %rcx, RIP(%rbx)
	jne 2f
	testl $(X86_EFLAGS_RF | X86_EFLAGS_TF), EFLAGS(%rbx)
	jnz 2f
	incl %eax
2:	popq %rbx
	popq %rbp
	ret
.Lget_user_bp_failed:
	ASM_CLAC
	movq $-EFAULT, RAX(%rbx)
	movq %rbx, %rdi
	call syscall_return_slowpath
	xorl %eax, %eax
	jmp 2b
	EXTABLE .Lget_user_bp, .Lget_user_bp_failed
SYM_END do_fast_syscall_32

#include "per_cpu.inc"
#include "syscalls_32.inc"
#include "idt_rows.inc"
