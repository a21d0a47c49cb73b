/* SPDX-License-Identifier: MIT */
/* Instruction fetch across pages, and the cache of decoded ops. */
#include "cpu/decode.h"

#include "cpu/access.h"
#include "state/heap.h"
#include "state/lazy.h"

#include <string.h>

#define FIRST_SIZE   256u
#define LARGEST_SIZE 4096u

struct cached_op {
    uint64_t physical;
    uint8_t code_bits;                   /* 0: empty */
    uint8_t bytes[X64I_INSTRUCTION_MAX]; /* as they lay in memory, those behind it too */
    struct x64i_op op;
};

/* Starts empty, and grows when ops have pushed each other out as often as there are entries. */
struct x64i_decode_cache {
    struct x64i_op uncached; /* an instruction across two pages, or without host memory for more */
    size_t size;             /* of the entries; a power of two, or 0 */
    size_t patience;         /* how many more entries are pushed out before it grows */
    struct cached_op *entries;
};

struct x64i_decode_cache *x64i_decode_cache_create(struct x64i_heap *heap)
{
    return x64i_heap_allocate_zeroed(heap, sizeof(struct x64i_decode_cache));
}

static void free_entries(struct x64i_heap *heap, struct x64i_decode_cache *cache)
{
    size_t bytes = cache->size * sizeof *cache->entries;
    if (cache->size == LARGEST_SIZE)
        x64i_lazy_free(cache->entries, bytes);
    else
        x64i_heap_free(heap, cache->entries, bytes);
}

void x64i_decode_cache_destroy(struct x64i_heap *heap, struct x64i_decode_cache *cache)
{
    if (!cache)
        return;
    free_entries(heap, cache);
    x64i_heap_free(heap, cache, sizeof *cache);
}

static void grow(struct x64i_heap *heap, struct x64i_decode_cache *cache)
{
    struct cached_op *entries = cache->size
                                    ? x64i_lazy_allocate(LARGEST_SIZE * sizeof *entries)
                                    : x64i_heap_allocate_zeroed(heap, FIRST_SIZE * sizeof *entries);
    cache->patience = SIZE_MAX; /* it stays as it is */
    if (!entries)
        return;
    free_entries(heap, cache);
    cache->entries = entries;
    cache->size = cache->size ? LARGEST_SIZE : FIRST_SIZE;
    if (cache->size < LARGEST_SIZE)
        cache->patience = cache->size;
}

/* Where the op at a physical address is, or is to be; null when it cannot be kept. */
static struct cached_op *entry_for(struct x64i_cpu *cpu, uint64_t physical)
{
    struct x64i_decode_cache *cache = cpu->cache;
    if (cache->patience == 0)
        grow(cpu->heap, cache);
    return cache->size ? &cache->entries[(physical ^ physical >> 12) & (cache->size - 1)] : NULL;
}

/* RIP as a linear address; #GP(0) when it is not canonical or beyond CS's limit. */
static enum x64i_result code_linear(struct x64i_cpu *cpu, uint64_t offset, uint64_t *linear)
{
    const struct x64i_segment *cs = &cpu->s.segment[X64_CS];
    if (cpu->code_bits == 64) {
        if (!x64i_is_canonical(offset))
            return x64i_raise_error(cpu, X64_FAULT_GP, 0);
        *linear = offset;
        return X64I_DONE;
    }
    if (offset > cs->limit)
        return x64i_raise_error(cpu, X64_FAULT_GP, 0);
    *linear = (cs->base + offset) & 0xffffffffu;
    return X64I_DONE;
}

static enum x64i_result translate_code(struct x64i_cpu *cpu, uint64_t linear, uint64_t *physical)
{
    uint32_t error;
    unsigned access = X64I_ACCESS_EXECUTE | (cpu->s.cpl == 3 ? X64I_ACCESS_USER : 0);
    if (!x64i_mmu_translate(&cpu->mmu, linear, access, physical, &error))
        return x64i_raise_page_fault(cpu, linear, error);
    return X64I_DONE;
}

/* Bytes outside RAM read as all ones, which decodes as #UD. */
static void read_code(struct x64i_cpu *cpu, uint64_t physical, uint8_t *bytes, size_t size)
{
    if (!x64i_physical_peek(&cpu->mmu.physical, physical, bytes, size))
        memset(bytes, 0xff, size);
}

void x64i_remember_bytes(struct x64i_cpu *cpu, const uint8_t *bytes, size_t size)
{
    cpu->step.length = (uint8_t)size;
    memcpy(cpu->step.bytes, bytes, size);
}

static enum x64i_result raise_decode(struct x64i_cpu *cpu, enum x64i_decoded decoded)
{
    return decoded == X64I_DECODE_TOO_LONG ? x64i_raise_error(cpu, X64_FAULT_GP, 0)
                                           : x64i_raise(cpu, X64_FAULT_UD);
}

/* The instruction's first page ends before 15 bytes: the second is touched only when it is needed.
 */
static enum x64i_result fetch_across(struct x64i_cpu *cpu, uint64_t physical,
                                     const struct x64i_op **op)
{
    uint8_t bytes[X64I_INSTRUCTION_MAX];
    size_t first = X64I_PAGE_SIZE - (physical & (X64I_PAGE_SIZE - 1));
    read_code(cpu, physical, bytes, first);
    size_t size = first;
    enum x64i_decoded decoded = x64i_decode(cpu, bytes, size, &cpu->cache->uncached);
    if (decoded == X64I_DECODE_MORE) {
        uint64_t next_linear, next_physical;
        if (code_linear(cpu, cpu->s.rip + first, &next_linear) != X64I_DONE ||
            translate_code(cpu, next_linear, &next_physical) != X64I_DONE) {
            x64i_remember_bytes(cpu, bytes, first);
            return X64I_FAULT;
        }
        size = X64I_INSTRUCTION_MAX;
        read_code(cpu, next_physical, bytes + first, size - first);
        decoded = x64i_decode(cpu, bytes, size, &cpu->cache->uncached);
    }
    *op = &cpu->cache->uncached;
    size_t length = (*op)->length;
    x64i_remember_bytes(cpu, bytes, length ? length : size);
    return decoded == X64I_DECODED ? X64I_DONE : raise_decode(cpu, decoded);
}

static enum x64i_result decode_within(struct x64i_cpu *cpu, const uint8_t *bytes,
                                      struct x64i_op *op)
{
    enum x64i_decoded decoded = x64i_decode(cpu, bytes, X64I_INSTRUCTION_MAX, op);
    x64i_remember_bytes(cpu, bytes, op->length ? op->length : X64I_INSTRUCTION_MAX);
    return decoded == X64I_DECODED ? X64I_DONE : raise_decode(cpu, decoded);
}

/* Whether the entry is of these bytes. Those behind the instruction are compared with them, since
 * fifteen are compared at once, but need not be the same. */
static bool holds(const struct cached_op *cached, const uint8_t *bytes)
{
    return memcmp(cached->bytes, bytes, X64I_INSTRUCTION_MAX) == 0 ||
           memcmp(cached->bytes, bytes, cached->op.length) == 0;
}

/* x64i_remember_bytes for the bytes of an entry, without a call for so few of them: the first eight
 * and the last eight of fifteen. */
static void remember_cached(struct x64i_cpu *cpu, const struct cached_op *cached)
{
    const unsigned length = cached->op.length;
    const size_t behind = X64I_INSTRUCTION_MAX - sizeof(uint64_t);
    uint64_t first, last;
    memcpy(&first, cached->bytes, sizeof first);
    memcpy(&last, cached->bytes + behind, sizeof last);
    first &= length < 8 ? (UINT64_C(1) << 8 * length) - 1 : UINT64_MAX;
    last &= length < 8 ? 0 : UINT64_MAX >> 8 * (X64I_INSTRUCTION_MAX - length);
    cpu->step.length = (uint8_t)length;
    memcpy(cpu->step.bytes + behind, &last, sizeof last);
    memcpy(cpu->step.bytes, &first, sizeof first);
}

static enum x64i_result fetch_within(struct x64i_cpu *cpu, uint64_t physical,
                                     const struct x64i_op **op)
{
    struct cached_op *cached = entry_for(cpu, physical);
    uint8_t copy[X64I_INSTRUCTION_MAX];
    const uint8_t *bytes = x64i_physical_ram(&cpu->mmu.physical, physical);
    if (!bytes) {
        read_code(cpu, physical, copy, sizeof copy);
        bytes = copy;
    }
    if (!cached) {
        *op = &cpu->cache->uncached;
        return decode_within(cpu, bytes, &cpu->cache->uncached);
    }
    *op = &cached->op;
    if (cached->physical == physical && cached->code_bits == cpu->code_bits &&
        holds(cached, bytes)) {
        remember_cached(cpu, cached);
        return X64I_DONE;
    }
    if (cached->code_bits)
        cpu->cache->patience--;
    cached->code_bits = 0;
    enum x64i_result result = decode_within(cpu, bytes, &cached->op);
    if (result != X64I_DONE)
        return result;
    cached->physical = physical;
    cached->code_bits = cpu->code_bits;
    memcpy(cached->bytes, bytes, X64I_INSTRUCTION_MAX);
    return X64I_DONE;
}

enum x64i_result x64i_fetch(struct x64i_cpu *cpu, const struct x64i_op **op)
{
    uint64_t linear, physical;
    if (code_linear(cpu, cpu->s.rip, &linear) != X64I_DONE ||
        translate_code(cpu, linear, &physical) != X64I_DONE)
        return X64I_FAULT;
    bool within = (physical & (X64I_PAGE_SIZE - 1)) <= X64I_PAGE_SIZE - X64I_INSTRUCTION_MAX;
    enum x64i_result result =
        within ? fetch_within(cpu, physical, op) : fetch_across(cpu, physical, op);
    if (result != X64I_DONE || (within && cpu->code_bits == 64))
        return result;
    /* Outside 64-bit mode every byte must lie within CS's limit (SDM vol. 3A, 5.3). */
    uint64_t last;
    return code_linear(cpu, cpu->s.rip + (*op)->length - 1, &last);
}
