/* SPDX-License-Identifier: MIT */
#include "mmu/physical.h"

#include "state/heap.h"

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

/* The granules that bytes `first` to `last` of a page lie in. */
static uint64_t granules_of(uint64_t first, uint64_t last)
{
    uint64_t from = first / X64I_CODE_GRANULE;
    uint64_t to = last / X64I_CODE_GRANULE;
    return ~UINT64_C(0) << from & ~UINT64_C(0) >> (63 - to);
}

static void note_code_write(struct x64i_physical *physical, uint64_t page)
{
    struct x64i_code_map *code = &physical->code;
    physical->disturbed = true;
    for (size_t i = 0; i < code->written_count && i < X64I_CODE_WRITTEN_MAX; i++)
        if (code->written[i] == page)
            return;
    if (code->written_count < X64I_CODE_WRITTEN_MAX)
        code->written[code->written_count] = page;
    if (code->written_count <= X64I_CODE_WRITTEN_MAX)
        code->written_count++;
}

/* Code that was made of bytes is stale once they are written. */
static void note_write(struct x64i_physical *physical, uint64_t address, uint64_t size)
{
    if (!physical->code.leaves)
        return;
    uint64_t last = address + size - 1;
    for (uint64_t page = address / X64I_PAGE_SIZE; page <= last / X64I_PAGE_SIZE; page++) {
        uint64_t kept = x64i_physical_code(physical, page);
        if (!kept)
            continue;
        uint64_t first_byte = page == address / X64I_PAGE_SIZE ? address % X64I_PAGE_SIZE : 0;
        uint64_t last_byte =
            page == last / X64I_PAGE_SIZE ? last % X64I_PAGE_SIZE : X64I_PAGE_SIZE - 1;
        if (kept & granules_of(first_byte, last_byte))
            note_code_write(physical, page);
    }
}

static size_t code_leaf_count(const struct x64i_physical *physical)
{
    uint64_t pages = physical->ram_size / X64I_PAGE_SIZE;
    return (size_t)((pages + X64I_CODE_LEAF_PAGES - 1) / X64I_CODE_LEAF_PAGES);
}

bool x64i_physical_create_code(struct x64i_physical *physical, struct x64i_heap *heap)
{
    physical->code.heap = heap;
    physical->code.leaves =
        x64i_heap_allocate_zeroed(heap, code_leaf_count(physical) * sizeof *physical->code.leaves);
    return physical->code.leaves != NULL;
}

void x64i_physical_destroy_code(struct x64i_physical *physical)
{
    struct x64i_code_map *code = &physical->code;
    size_t count = code_leaf_count(physical);
    for (size_t i = 0; code->leaves && i < count; i++) {
        struct x64i_code_leaf *leaf = code->leaves[i];
        for (size_t page = 0; leaf && page < X64I_CODE_LEAF_PAGES; page++)
            x64i_page_release(leaf->held[page]);
        x64i_heap_free(code->heap, leaf, sizeof *leaf);
    }
    x64i_heap_free(code->heap, code->leaves, count * sizeof *code->leaves);
    code->leaves = NULL;
}

void x64i_physical_forget_code(struct x64i_physical *physical, uint64_t page)
{
    struct x64i_code_leaf *leaf = physical->code.leaves[page / X64I_CODE_LEAF_PAGES];
    if (!leaf)
        return;
    leaf->granules[page % X64I_CODE_LEAF_PAGES] = 0;
    x64i_page_release(leaf->held[page % X64I_CODE_LEAF_PAGES]);
    leaf->held[page % X64I_CODE_LEAF_PAGES] = NULL;
}

bool x64i_physical_code_is_same(const struct x64i_physical *physical, uint64_t page)
{
    const struct x64i_code_leaf *leaf = physical->code.leaves[page / X64I_CODE_LEAF_PAGES];
    const struct x64i_page *held = leaf ? leaf->held[page % X64I_CODE_LEAF_PAGES] : NULL;
    const uint8_t *now = x64i_pages_read(physical->ram, page);
    if (!held || held->data == now)
        return held != NULL;
    uint64_t granules = leaf->granules[page % X64I_CODE_LEAF_PAGES];
    for (size_t at = 0; granules; granules >>= 1, at += X64I_CODE_GRANULE)
        if ((granules & 1) && memcmp(held->data + at, now + at, X64I_CODE_GRANULE) != 0)
            return false;
    return true;
}

/* The bytes of the page's code, older one's included, are those that it has now. */
bool x64i_physical_keep_code(struct x64i_physical *physical, uint64_t address, uint64_t size)
{
    struct x64i_code_map *code = &physical->code;
    uint64_t page = address / X64I_PAGE_SIZE;
    struct x64i_code_leaf **leaf = &code->leaves[page / X64I_CODE_LEAF_PAGES];
    if (!*leaf && !(*leaf = x64i_heap_allocate_zeroed(code->heap, sizeof **leaf)))
        return false;
    uint64_t *kept = &(*leaf)->granules[page % X64I_CODE_LEAF_PAGES];
    uint64_t first = address % X64I_PAGE_SIZE;
    if (!*kept) /* from now on writes to the page must be seen */
        x64i_host_tlb_forget(&physical->host, address);
    *kept |= granules_of(first, first + size - 1);
    struct x64i_page **held = &(*leaf)->held[page % X64I_CODE_LEAF_PAGES];
    struct x64i_page *old = *held;
    *held = x64i_pages_hold(physical->ram, page);
    x64i_page_release(old);
    return true;
}

/* The RAM's own page for writing; pointers to where it was before are forgotten. */
static uint8_t *own_page(struct x64i_physical *physical, uint64_t page)
{
    struct x64i_host_tlb *host = &physical->host;
    uint64_t moves = physical->ram->moves;
    uint8_t *bytes = x64i_pages_write(physical->ram, page);
    if (!bytes) {
        physical->out_of_memory = true;
        physical->disturbed = true;
        return NULL;
    }
    if (physical->ram->moves != moves && x64i_host_tlb_exists(host) && host->moves == moves) {
        x64i_host_tlb_forget(host, page * X64I_PAGE_SIZE);
        host->moves = physical->ram->moves;
    }
    return bytes;
}

uint8_t *x64i_physical_own(struct x64i_physical *physical, uint64_t address)
{
    if (!x64i_physical_is_ram(physical, address, 1))
        return NULL;
    uint8_t *page = own_page(physical, address / X64I_PAGE_SIZE);
    return page ? page + address % X64I_PAGE_SIZE : NULL;
}

static void write_ram(struct x64i_physical *physical, uint64_t address, unsigned size,
                      uint64_t value)
{
    uint8_t *page = own_page(physical, address / X64I_PAGE_SIZE);
    if (!page)
        return;
    memcpy(page + address % X64I_PAGE_SIZE, &value, size);
    note_write(physical, address, size);
}

/* A device may want to be asked again earlier than it said. */
static void note_device(struct x64i_physical *physical)
{
    physical->disturbed = true;
}

uint64_t x64i_physical_read(struct x64i_physical *physical, uint64_t address, unsigned size)
{
    const struct x64i_mmio *mmio = find_window(physical, address, size);
    if (!mmio && is_inside_ram(physical, address, size))
        return read_ram(physical, address, size);
    if (mmio)
        note_device(physical);
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
    if (mmio)
        note_device(physical);
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

/* Copies bytes into one page of RAM. Zeroes do not make an absent page present. */
static bool poke_page(struct x64i_physical *physical, uint64_t address, const uint8_t *bytes,
                      size_t size)
{
    uint64_t page = address / X64I_PAGE_SIZE;
    if (x64i_pages_read(physical->ram, page) == x64i_zero_page && x64i_is_zero(bytes, size))
        return true;
    uint8_t *own = own_page(physical, page);
    if (own)
        memcpy(own + address % X64I_PAGE_SIZE, bytes, size);
    return own != NULL;
}

bool x64i_physical_poke(struct x64i_physical *physical, uint64_t address, const void *buffer,
                        size_t size)
{
    const uint8_t *bytes = buffer;
    if (!x64i_physical_is_ram(physical, address, size))
        return false;
    if (size == 0)
        return true;
    note_write(physical, address, size);
    while (size > 0) {
        size_t left = X64I_PAGE_SIZE - (size_t)(address % X64I_PAGE_SIZE);
        size_t piece = size < left ? size : left;
        if (!poke_page(physical, address, bytes, piece))
            return false;
        address += piece;
        bytes += piece;
        size -= piece;
    }
    return true;
}

bool x64i_physical_discard(struct x64i_physical *physical, uint64_t address)
{
    if (!is_inside_ram(physical, address, 1))
        return false;
    note_write(physical, address, 1);
    return x64i_pages_discard(physical->ram, address / X64I_PAGE_SIZE) == X64_OK;
}
