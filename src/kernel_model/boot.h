/* SPDX-License-Identifier: MIT */
/*
 * The words between the loader and the built-in entry images: the same numbers stand in
 * entry/common.inc, whose comments say where Linux has them.
 */
#ifndef X64I_KERNEL_MODEL_BOOT_H
#define X64I_KERNEL_MODEL_BOOT_H

#include <stdint.h>

/* What startup_64 finds behind RSI (BOOT_* in common.inc). Linear addresses, but for cr3. */
struct x64i_boot_params {
    uint64_t per_cpu;   /* GS.base: a per-CPU variable is at its symbol past it */
    uint64_t stack_top; /* of the first task's kernel stack */
    uint64_t task;      /* its struct task_struct */
    uint64_t gdt;       /* where GDTR shall point to in the end */
    uint64_t tss;       /* where TR shall point to */
    uint64_t tss_limit; /* of the TSS descriptor */
    uint64_t idt;       /* where IDTR shall point to */
    uint64_t sp0;       /* TSS.sp0: the entry stack's top, or the task's */
    uint64_t ist[4];    /* TSS.ist1-4: double fault, NMI, debug, machine check */
    uint64_t cr3;       /* physical address of the task's page table */
    uint64_t irq_stack; /* top */
};

#define X64I_STOCK_CALLS 8

/* What stock_boot finds behind RSI (STOCK_* in stock.S). */
struct x64i_stock_params {
    struct x64i_boot_params boot;
    uint64_t return_to_user; /* swapgs_restore_regs_and_return_to_usermode */
    uint64_t gdt_page;       /* the GDT where it can be written */
    struct {
        uint64_t function; /* of the image; 0 ends the list */
        uint64_t argument;
    } call[X64I_STOCK_CALLS + 1];
};

/* A place where one of two instruction sequences goes; offsets are relative to their own field. */
struct x64i_alternative {
    int32_t instruction;
    int32_t replacement;
    uint32_t feature; /* one bit of what the loader has collected */
    uint8_t instruction_length;
    uint8_t replacement_length;
    uint8_t reserved[2];
};

/* The features beyond enum x64_mitigation. */
enum x64i_image_feature {
    X64I_IMAGE_SMAP = 0x10000,
    X64I_IMAGE_SMEP = 0x20000,
    X64I_IMAGE_FSGSBASE = 0x40000,
    X64I_IMAGE_UMIP = 0x80000,
    X64I_IMAGE_SYSENTER32 = 0x100000,
    X64I_IMAGE_XSAVE = 0x200000
};

/* Words of struct pt_regs (arch/x86/include/asm/ptrace.h), ascending. */
enum x64i_pt_regs {
    X64I_PT_R15,
    X64I_PT_R14,
    X64I_PT_R13,
    X64I_PT_R12,
    X64I_PT_BP,
    X64I_PT_BX,
    X64I_PT_R11,
    X64I_PT_R10,
    X64I_PT_R9,
    X64I_PT_R8,
    X64I_PT_AX,
    X64I_PT_CX,
    X64I_PT_DX,
    X64I_PT_SI,
    X64I_PT_DI,
    X64I_PT_ORIG_AX,
    X64I_PT_IP,
    X64I_PT_CS,
    X64I_PT_FLAGS,
    X64I_PT_SP,
    X64I_PT_SS,
    X64I_PT_COUNT
};

#define X64I_USER32_CS 0x23u
#define X64I_USER_DS   0x2bu
#define X64I_USER_CS   0x33u

/* In the first word of struct task_struct. */
#define X64I_TIF_NEED_RESCHED (1u << 3)

#endif
