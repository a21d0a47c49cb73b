/* SPDX-License-Identifier: MIT */
/*
 * The user's address space: areas of pages, which come into being when they are touched. Region
 * "kernel.mm".
 */
#ifndef X64I_KERNEL_MODEL_MM_H
#define X64I_KERNEL_MODEL_MM_H

#include <stdbool.h>
#include <stdint.h>

#define X64I_AREAS_MAX 640

/* PROT_* of the Linux ABI. */
enum x64i_protection { X64I_PROT_READ = 1, X64I_PROT_WRITE = 2, X64I_PROT_EXEC = 4 };

enum x64i_area_kind { X64I_AREA_ANONYMOUS, X64I_AREA_FILE, X64I_AREA_HEAP, X64I_AREA_STACK };

/* Pages with one protection. Of a file's area, file_size bytes come from the program. */
struct x64i_area {
    uint64_t start;
    uint64_t end;
    uint64_t file_offset; /* of the byte at `start` */
    uint64_t file_size;   /* bytes from `start` on; zeroes behind them */
    uint32_t protection;  /* enum x64i_protection */
    uint32_t kind;        /* enum x64i_area_kind */
    uint32_t file;        /* open file + 1, or 0: the program */
    uint32_t shared;      /* MAP_SHARED */
};

struct x64i_mm {
    uint64_t root;  /* physical: the kernel's page table, as layout.root while it is in force */
    uint64_t limit; /* end of the user's half */
    uint64_t brk_start;
    uint64_t brk;
    uint64_t mmap_top;  /* mappings go downwards from here */
    uint64_t stack_low; /* the stack may grow down to here */
    uint64_t entry;     /* of the program */
    uint64_t stack;     /* first RSP */
    uint64_t pages;     /* present */
    uint64_t area_count;
    struct x64i_area area[X64I_AREAS_MAX]; /* ascending, not overlapping */
};

struct x64i_kernel;

/* What a touch of user memory comes to. */
enum x64i_mm_result {
    X64I_MM_DONE,
    X64I_MM_NO_AREA,   /* SEGV_MAPERR */
    X64I_MM_NO_ACCESS, /* SEGV_ACCERR */
    X64I_MM_OUT_OF_MEMORY
};

/* Adds an area; -EINVAL, -ENOMEM, or 0. What was there before is unmapped. */
int64_t x64i_mm_map(struct x64i_kernel *kernel, const struct x64i_area *area);
int64_t x64i_mm_unmap(struct x64i_kernel *kernel, uint64_t start, uint64_t end);
int64_t x64i_mm_protect(struct x64i_kernel *kernel, uint64_t start, uint64_t end,
                        uint32_t protection);

/* The lowest address of the highest gap of `size` bytes below mmap_top; 0 when there is none. */
uint64_t x64i_mm_find_gap(const struct x64i_kernel *kernel, uint64_t size);

/* The area that holds the address, or null. */
const struct x64i_area *x64i_mm_find(const struct x64i_mm *mm, uint64_t linear);

/* Empties a list that is none: after a restore. */
void x64i_mm_restored(struct x64i_mm *mm);

/* Makes a page present for an access (enum x64_page_fault_error), growing the stack if need be. */
enum x64i_mm_result x64i_mm_touch(struct x64i_kernel *kernel, uint64_t linear, uint32_t access);

/* Moves the pages of a range to another place (mremap). False, with pages in both places, when RAM
 * is full. */
bool x64i_mm_move_pages(struct x64i_kernel *kernel, uint64_t from, uint64_t to, uint64_t size);

#endif
