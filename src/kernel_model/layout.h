/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel's things are in memory: region "kernel.layout". Linear addresses are Linux's
 * (Documentation/arch/x86/x86_64/mm.rst); physical pages are given out upwards from the image's
 * end.
 */
#ifndef X64I_KERNEL_MODEL_LAYOUT_H
#define X64I_KERNEL_MODEL_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define X64I_DIRECT_MAP     UINT64_C(0xffff888000000000)
#define X64I_IMAGE_MAP      UINT64_C(0xffffffff80000000)
#define X64I_ENTRY_AREA     UINT64_C(0xfffffe0000000000) /* the IDT, read-only */
#define X64I_KERNEL_STACK   16384u
#define X64I_SYSENTER_STACK 512u
#define X64I_TASK_SIZE      UINT64_C(0x7ffffffff000)
#define X64I_TASK_SIZE_32   UINT64_C(0xffffe000)
#define X64I_VDSO_32        X64I_TASK_SIZE_32 /* one page */
#define X64I_USER_PCID_FLAG 0x800u
#define X64I_KERNEL_PCID    1u

/* Offsets of the pages of CPU 0's cpu_entry_area from X64I_ENTRY_AREA. */
#define X64I_CEA_GDT         0x1000u
#define X64I_CEA_ENTRY_STACK 0x2000u
#define X64I_CEA_TSS         0x3000u

#define X64I_KERNEL_PAGE_FLAGS (X64I_PTE_PRESENT | X64I_PTE_ACCESSED | X64I_PTE_DIRTY)

/* A stretch of linear addresses with a meaning. */
struct x64i_range {
    uint64_t start;
    uint64_t end;
};

struct x64i_layout {
    struct x64i_range stock; /* linear: what is added to a stock kernel */
    uint64_t root;           /* physical: the kernel's page table; the user's is the next page */
    uint64_t next_page;      /* physical: pages from here to the end of RAM were never given out */
    uint64_t free_page; /* physical: chain of pages given back, linked by their first word; or 0 */
    uint64_t free_pair; /* the same of pairs of pages */
    uint64_t pages_used;
    uint64_t per_cpu; /* linear: GS.base in the kernel; a variable is its symbol past it */
    uint64_t per_cpu_size;
    uint64_t task; /* linear */
    uint64_t boot_params;
    struct x64i_range task_stack;
    struct x64i_range entry_stack; /* or the SYSENTER stack; empty in eras with neither */
    struct x64i_range irq_stack;
    struct x64i_range ist[4];
    struct x64i_range gdt, idt, tss; /* where GDTR, IDTR and TR point to */
    uint64_t trampoline;             /* linear: 4.15's, or 0 */
};

struct x64i_kernel;

enum x64i_page_flag {
    X64I_PTE_PRESENT = 1 << 0,
    X64I_PTE_WRITABLE = 1 << 1,
    X64I_PTE_USER = 1 << 2,
    X64I_PTE_ACCESSED = 1 << 5,
    X64I_PTE_DIRTY = 1 << 6,
    X64I_PTE_LARGE = 1 << 7,
    X64I_PTE_GLOBAL = 1 << 8
};
#define X64I_PTE_NO_EXECUTE (UINT64_C(1) << 63)
#define X64I_PTE_ADDRESS    UINT64_C(0x000ffffffffff000)

/* frames.c: a zeroed physical page, or 0 when RAM is full; `count` adjacent ones, never freed. */
uint64_t x64i_frame_take(struct x64i_kernel *kernel);
uint64_t x64i_frames_take(struct x64i_kernel *kernel, uint64_t count);
void x64i_frame_give_back(struct x64i_kernel *kernel, uint64_t physical);

static inline uint64_t x64i_direct(uint64_t physical)
{
    return X64I_DIRECT_MAP + physical;
}

/* page_table.c. False when RAM is full. */
bool x64i_page_map(struct x64i_kernel *kernel, uint64_t root, uint64_t linear, uint64_t physical,
                   uint64_t flags);
bool x64i_page_map_large(struct x64i_kernel *kernel, uint64_t root, uint64_t linear,
                         uint64_t physical, uint64_t flags);
/* The entry that maps a 4 KiB page, 0 when none does; `where` may be null. */
uint64_t x64i_page_entry(const struct x64i_kernel *kernel, uint64_t root, uint64_t linear,
                         uint64_t *where);
void x64i_page_entry_set(struct x64i_kernel *kernel, uint64_t where, uint64_t entry);
/* The top-level entry: the user's table shares what hangs below it. */
uint64_t x64i_page_top_entry(const struct x64i_kernel *kernel, uint64_t root, uint64_t linear);
void x64i_page_top_entry_set(struct x64i_kernel *kernel, uint64_t root, uint64_t linear,
                             uint64_t entry);

/* address_space.c: the kernel's half for a built-in image, and the user table's part of it. */
bool x64i_address_space_build(struct x64i_kernel *kernel);

/* Its steps, for stock kernels too (stock_space.c). False when RAM is full. */
bool x64i_map_direct(struct x64i_kernel *kernel);
bool x64i_map_image(struct x64i_kernel *kernel);
bool x64i_map_entry_range(struct x64i_kernel *kernel, uint64_t linear, uint64_t physical,
                          uint64_t size, uint64_t flags);
bool x64i_share_range_with_user(struct x64i_kernel *kernel, uint64_t start, uint64_t end);
bool x64i_share_entry_area_with_user(struct x64i_kernel *kernel);
/* Pages aligned to their whole size, a power of two: stacks, the pair of page tables. */
uint64_t x64i_frames_take_aligned(struct x64i_kernel *kernel, uint64_t size);

/* stock_space.c: the same around a stock image. */
bool x64i_stock_space_build(struct x64i_kernel *kernel);

#endif
