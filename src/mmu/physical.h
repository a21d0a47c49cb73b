/* SPDX-License-Identifier: MIT */
/*
 * The physical address space: RAM from address 0 in copy-on-write pages, windows of memory-mapped
 * devices over it, and nothing anywhere else. Reads of nothing answer all ones and writes to
 * nothing are dropped, as on a PC's bus.
 */
#ifndef X64I_MMU_PHYSICAL_H
#define X64I_MMU_PHYSICAL_H

#include "state/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X64I_PAGE_BITS 12
#define X64I_MMIO_MAX  16

/* A device's window. `size` of an access is 1, 2, 4 or 8 bytes, all inside the window: what crosses
 * its end, or has another size, reaches the device byte by byte. */
struct x64i_mmio {
    uint64_t physical; /* first address */
    uint64_t size;     /* bytes */
    void *user;
    uint64_t (*read)(void *user, uint64_t offset, unsigned size);
    void (*write)(void *user, uint64_t offset, unsigned size, uint64_t value);
};

struct x64i_physical {
    struct x64i_pages *ram; /* owned by the state registry */
    uint64_t ram_size;      /* bytes, a multiple of the page size */
    size_t mmio_count;
    struct x64i_mmio mmio[X64I_MMIO_MAX];
    uint64_t mmio_first; /* lowest address of any window; all ones without windows */
    /* The engine's (cpu/engine.h): a number for every page, 0 while no code of it is kept, else
     * counted up by every write to the page. Null while nothing is kept at all. */
    uint32_t *code_versions;
    uint64_t code_writes; /* writes to pages whose code is kept */
    bool out_of_memory;   /* the host could not give a page to a write; the run must stop */
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

/* Makes a page all zeroes again, as one that was never written. */
bool x64i_physical_discard(struct x64i_physical *physical, uint64_t address);

#endif
