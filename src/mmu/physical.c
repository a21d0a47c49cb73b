/* SPDX-License-Identifier: MIT */
#include "mmu/physical.h"

#include <string.h>

#define RAM_REGION_VERSION 1

enum x64_status x64i_physical_init(struct x64i_physical *physical, struct x64i_state *state,
                                   uint64_t ram_size)
{
    struct x64i_pages *ram;
    enum x64_status status =
        x64i_state_add_paged(state, "ram", RAM_REGION_VERSION, ram_size, 0, &ram);
    if (status != X64_OK)
        return status;
    *physical = (struct x64i_physical){
        .ram = ram,
        .ram_size = ram_size,
        .mmio_first = UINT64_MAX,
    };
    return X64_OK;
}

enum x64_status x64i_physical_add_mmio(struct x64i_physical *physical, const struct x64i_mmio *mmio)
{
    if (mmio->size == 0 || mmio->physical + (mmio->size - 1) < mmio->physical || !mmio->read ||
        !mmio->write)
        return X64_ERROR_ARGUMENT;
    uint64_t last = mmio->physical + (mmio->size - 1);
    for (size_t i = 0; i < physical->mmio_count; i++) {
        const struct x64i_mmio *other = &physical->mmio[i];
        if (mmio->physical <= other->physical + (other->size - 1) && other->physical <= last)
            return X64_ERROR_EXISTS;
    }
    if (physical->mmio_count == X64I_MMIO_MAX)
        return X64_ERROR_LIMIT;
    physical->mmio[physical->mmio_count++] = *mmio;
    if (mmio->physical < physical->mmio_first)
        physical->mmio_first = mmio->physical;
    return X64_OK;
}

static bool is_inside_ram(const struct x64i_physical *physical, uint64_t address, uint64_t size)
{
    return address < physical->ram_size && size <= physical->ram_size - address;
}

/* The first window that any of the bytes lies in, or null. The range does not wrap around. */
static const struct x64i_mmio *find_window(const struct x64i_physical *physical, uint64_t address,
                                           uint64_t size)
{
    uint64_t last = address + (size - 1);
    if (last < physical->mmio_first)
        return NULL;
    for (size_t i = 0; i < physical->mmio_count; i++) {
        const struct x64i_mmio *mmio = &physical->mmio[i];
        if (last >= mmio->physical && address <= mmio->physical + (mmio->size - 1))
            return mmio;
    }
    return NULL;
}

bool x64i_physical_is_ram(const struct x64i_physical *physical, uint64_t address, uint64_t size)
{
    return size == 0 ||
           (is_inside_ram(physical, address, size) && !find_window(physical, address, size));
}

/* Whether a device can be asked for the whole access at once. */
static bool fits_window(const struct x64i_mmio *mmio, uint64_t address, unsigned size)
{
    uint64_t offset = address - mmio->physical;
    return address >= mmio->physical && offset < mmio->size && size <= mmio->size - offset &&
           (size & (size - 1)) == 0;
}

static uint64_t all_ones(unsigned size)
{
    return size < 8 ? (UINT64_C(1) << (8 * size)) - 1 : ~UINT64_C(0);
}

static uint64_t read_ram(const struct x64i_physical *physical, uint64_t address, unsigned size)
{
    const uint8_t *bytes =
        x64i_pages_read(physical->ram, address / X64I_PAGE_SIZE) + address % X64I_PAGE_SIZE;
    uint64_t value = 0;
    memcpy(&value, bytes, size);
    return value;
}

/* Code that was made of a page's bytes is stale once they are written. */
static void note_write(struct x64i_physical *physical, uint64_t address, uint64_t size)
{
    if (!physical->code_versions)
        return;
    for (uint64_t page = address / X64I_PAGE_SIZE; page <= (address + size - 1) / X64I_PAGE_SIZE;
         page++) {
        if (!physical->code_versions[page])
            continue;
        if (++physical->code_versions[page] == 0)
            physical->code_versions[page] = 1;
        physical->code_writes++;
    }
}

static void write_ram(struct x64i_physical *physical, uint64_t address, unsigned size,
                      uint64_t value)
{
    uint8_t *page = x64i_pages_write(physical->ram, address / X64I_PAGE_SIZE);
    if (!page) {
        physical->out_of_memory = true;
        physical->code_writes++; /* the running block must not go on */
        return;
    }
    memcpy(page + address % X64I_PAGE_SIZE, &value, size);
    note_write(physical, address, size);
}

uint64_t x64i_physical_read(struct x64i_physical *physical, uint64_t address, unsigned size)
{
    const struct x64i_mmio *mmio = find_window(physical, address, size);
    if (!mmio && is_inside_ram(physical, address, size))
        return read_ram(physical, address, size);
    if (mmio && fits_window(mmio, address, size))
        return mmio->read(mmio->user, address - mmio->physical, size) & all_ones(size);
    if (size == 1)
        return all_ones(1);
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= x64i_physical_read(physical, address + i, 1) << (8 * i);
    return value;
}

void x64i_physical_write(struct x64i_physical *physical, uint64_t address, unsigned size,
                         uint64_t value)
{
    const struct x64i_mmio *mmio = find_window(physical, address, size);
    if (!mmio && is_inside_ram(physical, address, size)) {
        write_ram(physical, address, size, value);
        return;
    }
    if (mmio && fits_window(mmio, address, size)) {
        mmio->write(mmio->user, address - mmio->physical, size, value & all_ones(size));
        return;
    }
    for (unsigned i = 0; i < size && size > 1; i++)
        x64i_physical_write(physical, address + i, 1, (value >> (8 * i)) & 0xff);
}

bool x64i_physical_peek(const struct x64i_physical *physical, uint64_t address, void *buffer,
                        size_t size)
{
    if (!x64i_physical_is_ram(physical, address, size))
        return false;
    return size == 0 || x64i_pages_copy_out(physical->ram, address, buffer, size) == X64_OK;
}

bool x64i_physical_poke(struct x64i_physical *physical, uint64_t address, const void *buffer,
                        size_t size)
{
    if (!x64i_physical_is_ram(physical, address, size))
        return false;
    if (size == 0)
        return true;
    note_write(physical, address, size);
    enum x64_status status = x64i_pages_copy_in(physical->ram, address, buffer, size);
    if (status == X64_ERROR_MEMORY)
        physical->out_of_memory = true;
    return status == X64_OK;
}

bool x64i_physical_discard(struct x64i_physical *physical, uint64_t address)
{
    if (!is_inside_ram(physical, address, 1))
        return false;
    note_write(physical, address, 1);
    return x64i_pages_discard(physical->ram, address / X64I_PAGE_SIZE) == X64_OK;
}
