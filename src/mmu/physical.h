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
#define X64I_PAGE_SIZE 4096u
#define X64I_MMIO_MAX  16

/* A device's window. Accesses never cross its end; `size` is 1, 2, 4 or 8 bytes. */
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
    bool out_of_memory; /* the host could not give a page to a write; the run must stop */
};

/* Registers the RAM of `ram_size` bytes as region "ram" of `state`. */
enum x64_status x64i_physical_init(struct x64i_physical *physical, struct x64i_state *state,
                                   uint64_t ram_size);

/* Adds a device's window; it hides RAM below it. X64_ERROR_EXISTS when it overlaps another window,
 * X64_ERROR_LIMIT when the table is full. */
enum x64_status x64i_physical_add_mmio(struct x64i_physical *physical,
                                       const struct x64i_mmio *mmio);

/* Reads `size` (1-8) bytes as a little-endian number. Must not cross a page. Devices see it. */
uint64_t x64i_physical_read(struct x64i_physical *physical, uint64_t address, unsigned size);

/* Writes the low `size` (1-8) bytes of `value`. Must not cross a page. Devices see it. */
void x64i_physical_write(struct x64i_physical *physical, uint64_t address, unsigned size,
                         uint64_t value);

/* Copies bytes without side effects: devices are not asked and read as all ones. For debuggers,
 * disassembly and loaders. False when a byte of the range is not RAM; then nothing was copied. */
bool x64i_physical_peek(const struct x64i_physical *physical, uint64_t address, void *buffer,
                        size_t size);
bool x64i_physical_poke(struct x64i_physical *physical, uint64_t address, const void *buffer,
                        size_t size);

#endif
