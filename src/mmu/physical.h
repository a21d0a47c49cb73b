/* SPDX-License-Identifier: MIT */
/*
 * The physical address space: RAM from address 0 in copy-on-write pages, windows of memory-mapped
 * devices over it, and nothing anywhere else. Reads of nothing answer all ones and writes to
 * nothing are dropped, as on a PC's bus.
 */
#ifndef X64I_MMU_PHYSICAL_H
#define X64I_MMU_PHYSICAL_H

#include "mmu/host_tlb.h"
#include "state/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X64I_PAGE_BITS 12
#define X64I_MMIO_MAX  16

#define X64I_CODE_GRANULE     64
#define X64I_CODE_LEAF_PAGES  256u
#define X64I_CODE_WRITTEN_MAX 8

/* A device's window. `size` of an access is 1, 2, 4 or 8 bytes, all inside the window: what crosses
 * its end, or has another size, reaches the device byte by byte. */
struct x64i_mmio {
    uint64_t physical; /* first address */
    uint64_t size;     /* bytes */
    void *user;
    uint64_t (*read)(void *user, uint64_t offset, unsigned size);
    void (*write)(void *user, uint64_t offset, unsigned size, uint64_t value);
};

/* Of which bytes the engine keeps code, in granules of 64 bytes, and which pages with such granules
 * were written since it last looked. */
struct x64i_code_leaf {
    uint64_t granules[X64I_CODE_LEAF_PAGES];      /* of every page, a bit each */
    struct x64i_page *held[X64I_CODE_LEAF_PAGES]; /* with the bytes that the code was made of */
};

struct x64i_code_map {
    struct x64i_heap *heap;                  /* of the leaves */
    struct x64i_code_leaf **leaves;          /* null: no code is kept */
    uint64_t written[X64I_CODE_WRITTEN_MAX]; /* page numbers */
    size_t written_count;                    /* more than the array has: all pages */
};

struct x64i_physical {
    struct x64i_pages *ram; /* owned by the state registry */
    uint64_t ram_size;      /* bytes, a multiple of the page size */
    size_t mmio_count;
    struct x64i_mmio mmio[X64I_MMIO_MAX];
    uint64_t mmio_first;       /* lowest address of any window; all ones without windows */
    struct x64i_host_tlb host; /* the engine's; empty while there is none */
    struct x64i_code_map code;
    bool disturbed;     /* a running block must not go on after its present instruction */
    bool out_of_memory; /* the host could not give a page to a write; the run must stop */
};

/* Registers the RAM of `ram_size` bytes as region "ram" of `state`. X64_ERROR_ARGUMENT when the
 * size is 0, not a multiple of the page size or more than a region may have; X64_ERROR_MEMORY. */
enum x64_status x64i_physical_init(struct x64i_physical *physical, struct x64i_state *state,
                                   uint64_t ram_size);

/* Adds a device's window; it hides RAM below it. X64_ERROR_ARGUMENT when it is empty, wraps around
 * or lacks a function, X64_ERROR_EXISTS when it overlaps another window, X64_ERROR_LIMIT when the
 * table is full. */
enum x64_status x64i_physical_add_mmio(struct x64i_physical *physical,
                                       const struct x64i_mmio *mmio);

/* Whether the bytes are all RAM with no device's window over them. */
bool x64i_physical_is_ram(const struct x64i_physical *physical, uint64_t address, uint64_t size);

/* Reads `size` (1-8) bytes as a little-endian number. Must not cross a page. Devices see it. */
uint64_t x64i_physical_read(struct x64i_physical *physical, uint64_t address, unsigned size);

/* Writes the low `size` (1-8) bytes of `value`. Must not cross a page. Devices see it. */
void x64i_physical_write(struct x64i_physical *physical, uint64_t address, unsigned size,
                         uint64_t value);

/* Copies bytes without side effects, across pages too: for debuggers, disassembly and loaders.
 * False when a byte of the range is not RAM or belongs to a device; then nothing was copied. A poke
 * that the host has no memory for answers false too and leaves out_of_memory set. */
bool x64i_physical_peek(const struct x64i_physical *physical, uint64_t address, void *buffer,
                        size_t size);
bool x64i_physical_poke(struct x64i_physical *physical, uint64_t address, const void *buffer,
                        size_t size);

/* The host's bytes from `address` to the end of its page, for reading before the next write; null
 * when they are not RAM, or a device's window may lie over them. */
static inline const uint8_t *x64i_physical_ram(const struct x64i_physical *physical,
                                               uint64_t address)
{
    if (address >= physical->ram_size || (address | (X64I_PAGE_SIZE - 1)) >= physical->mmio_first)
        return NULL;
    return x64i_pages_read(physical->ram, address / X64I_PAGE_SIZE) + address % X64I_PAGE_SIZE;
}

/* The map of code, for an engine; false when the host has no memory. */
bool x64i_physical_create_code(struct x64i_physical *physical, struct x64i_heap *heap);
void x64i_physical_destroy_code(struct x64i_physical *physical);

/* Of which granules of a page of RAM code is kept. */
static inline uint64_t x64i_physical_code(const struct x64i_physical *physical, uint64_t page)
{
    struct x64i_code_leaf **leaves = physical->code.leaves;
    const struct x64i_code_leaf *leaf = leaves ? leaves[page / X64I_CODE_LEAF_PAGES] : NULL;
    return leaf ? leaf->granules[page % X64I_CODE_LEAF_PAGES] : 0;
}

/* Whether code of the page is kept. */
static inline bool x64i_physical_keeps_code(const struct x64i_physical *physical, uint64_t address)
{
    return x64i_physical_code(physical, address / X64I_PAGE_SIZE) != 0;
}

/* Code of these bytes, which lie within a page of RAM, is kept from now on: writes to them are
 * noted. False when the host has no memory to remember it. */
bool x64i_physical_keep_code(struct x64i_physical *physical, uint64_t address, uint64_t size);

/* Whether RAM still, or again, has the bytes that the page's code was made of: after a restore. */
bool x64i_physical_code_is_same(const struct x64i_physical *physical, uint64_t page);

/* No code of the page is kept any more. */
void x64i_physical_forget_code(struct x64i_physical *physical, uint64_t page);

/* The page's bytes for writing, its own from now on; null when it is not RAM or the host has no
 * memory for it (out_of_memory is set then). */
uint8_t *x64i_physical_own(struct x64i_physical *physical, uint64_t address);

/* Makes a page all zeroes again, as one that was never written. */
bool x64i_physical_discard(struct x64i_physical *physical, uint64_t address);

#endif
