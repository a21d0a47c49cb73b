/* SPDX-License-Identifier: MIT */
/*
 * What the mini-kernel adds to a stock kernel: the way from the loader to the kernel's own functions
 * and from there to the first instruction of user mode, and the accesses through which missing user
 * memory is faulted in. All else is the image's own code.
 */
#include "common.inc"

/* struct x64i_stock_params, behind struct x64i_boot_params (boot.h). */
#define STOCK_return_to_user	112
#define STOCK_gdt_page		120
#define STOCK_calls		128

	.section .text, "ax"

/* From the loader: long mode, paging on, interrupts off, RSI: struct x64i_stock_params. */
SYM stock_boot
	cld
	movq BOOT_stack_top(%rsi), %rsp
	subq $PT_REGS_SIZE, %rsp
	movq %rsi, %rbx
	movl $CR0_STATE, %eax
	movq %rax, %cr0

	/* As startup_64: the GDT in the per-CPU area, flat segments, GS.base, EFER. */
	subq $16, %rsp
	movw $0x7f, 6(%rsp)
	movq STOCK_gdt_page(%rbx), %rax
	movq %rax, 8(%rsp)
	lgdt 6(%rsp)
	addq $16, %rsp
	movl $__KERNEL_DS, %eax
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	pushq $__KERNEL_CS
	leaq 1f(%rip), %rax
	pushq %rax
	lretq
1:	movl $MSR_GS_BASE, %ecx
	movq BOOT_per_cpu(%rbx), %rax
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
	movl $MSR_EFER, %ecx
	rdmsr
	orl $(EFER_SCE | EFER_NX), %eax
	wrmsr

	movq %cr4, %rax
	orq $(CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT), %rax
	ALTERNATIVE "", "orq $CR4_SMEP, %rax", X86_FEATURE_SMEP
	ALTERNATIVE "", "orq $CR4_SMAP, %rax", X86_FEATURE_SMAP
	ALTERNATIVE "", "orq $CR4_UMIP, %rax", X86_FEATURE_UMIP
	ALTERNATIVE "", "orq $CR4_FSGSBASE, %rax", X86_FEATURE_FSGSBASE
	ALTERNATIVE "", "orq $CR4_PCIDE, %rax", X86_FEATURE_PCID
	movq %rax, %cr4
	FPU_INIT_CPU_XSTATE

	/* The kernel's own functions, in the order of its boot, up to a zero. */
	leaq STOCK_calls(%rbx), %r12
2:	movq (%r12), %rax
	testq %rax, %rax
	jz 3f
	movq 8(%r12), %rdi
	call *%rax
	addq $16, %r12
	jmp 2b

	/* The IDT is the one in cpu_entry_area; TR may have been loaded by then. */
3:	subq $16, %rsp
	movw $0xfff, 6(%rsp)
	movq BOOT_idt(%rbx), %rax
	movq %rax, 8(%rsp)
	lidt 6(%rsp)
	addq $16, %rsp
	str %ax
	cmpw $TSS_SELECTOR, %ax
	je 4f
	movl $TSS_SELECTOR, %eax
	ltr %ax
4:	xorl %eax, %eax
	lldt %ax

	movq BOOT_cr3(%rbx), %rax
	ALTERNATIVE "", "orq $KERNEL_PCID, %rax", X86_FEATURE_PCID
	movq %rax, %cr3

	movq STOCK_return_to_user(%rbx), %rbx
	movq %rsp, %rdi
	call kernel_init
	jmp *%rbx
SYM_END stock_boot

/* The end of kernel_execve: fills in the struct pt_regs at RDI. */
NATIVE kernel_init

#include "fault_in.inc"
