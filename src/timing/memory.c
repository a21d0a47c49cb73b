/* SPDX-License-Identifier: MIT */
#include "timing/memory.h"

#include <string.h>

#define LINE        64u
#define PAGE        4096u
#define ONE_OF_EACH 0x1111111111111111ull /* banks, in four bits each */
#define FULL        8u                    /* the highest of the four */

void x64i_memory_sweep(struct x64i_memory *memory, uint64_t cycle)
{
    if (cycle - memory->swept >= X64I_RING_CYCLES) {
        memset(memory->bank_use, 0, sizeof memory->bank_use);
        memory->swept = cycle;
    }
    for (; memory->swept < cycle; memory->swept++)
        memory->bank_use[memory->swept % X64I_RING_CYCLES] = 0;
}

/* One load of each bank that the access needs; banks come round after the last. */
static uint64_t banks_of(const struct x64i_touch *access)
{
    unsigned first = access->linear / 4 % X64I_BANKS;
    unsigned count = access->size > 4 ? access->size / 4 : 1;
    if (count >= X64I_BANKS)
        return ONE_OF_EACH;
    uint64_t banks = ONE_OF_EACH & ((1ull << 4 * count) - 1);
    return first ? banks << 4 * first | banks >> (64 - 4 * first) : banks;
}

uint64_t x64i_memory_banks(struct x64i_memory *memory, const struct x64i_core_model *core,
                           const struct x64i_touch *access, uint64_t cycle)
{
    uint64_t banks = banks_of(access);
    uint64_t room = banks * (FULL - core->same_bank); /* on top of so many, a bank is full */
    if (cycle < memory->swept)
        cycle = memory->swept;
    uint64_t limit = memory->swept + X64I_RING_CYCLES;
    while (cycle < limit && (memory->bank_use[cycle % X64I_RING_CYCLES] + room) & (banks * FULL))
        cycle++;
    if (cycle < limit)
        memory->bank_use[cycle % X64I_RING_CYCLES] += banks;
    return cycle;
}

/* Loads find stores by the low 12 bits of the address. */
static uint32_t *last_store_at(struct x64i_memory *memory, uint64_t linear)
{
    return &memory->last_store[linear % PAGE / 8];
}

/* The youngest store that overlaps in the low 12 bits, or null. */
static const struct x64i_store *find_store(struct x64i_memory *memory,
                                           const struct x64i_touch *access)
{
    uint32_t best = 0;
    for (uint64_t at = access->linear & ~7ull; at < access->linear + access->size; at += 8) {
        uint32_t number = *last_store_at(memory, at);
        if (number > best && memory->store_count - number < X64I_STORE_MAX)
            best = number;
    }
    if (!best)
        return NULL;
    const struct x64i_store *store = &memory->stores[(best - 1) % X64I_STORE_MAX];
    uint64_t mine = access->linear % PAGE;
    uint64_t its = store->linear % PAGE;
    return its < mine + access->size && mine < its + store->size ? store : NULL;
}

uint64_t x64i_memory_load(struct x64i_memory *memory, const struct x64i_core_model *core,
                          const struct x64i_touch *access, uint64_t cycle, unsigned latency,
                          bool renamed, bool slow)
{
    uint64_t done = cycle + latency + access->extra;
    if (access->linear % PAGE + access->size > PAGE) {
        if (memory->page_split > cycle)
            done += memory->page_split - cycle;
        memory->page_split =
            (memory->page_split > cycle ? memory->page_split : cycle) + core->page_split_rate;
    }
    if (access->linear % LINE + access->size > LINE)
        done += access->linear % PAGE + access->size > PAGE ? core->split_page : core->split_line;
    const struct x64i_store *store = find_store(memory, access);
    if (!store || store->commit <= cycle)
        return done;
    if (store->linear / PAGE != access->linear / PAGE &&
        store->physical / PAGE != access->physical / PAGE)
        return store->address + core->alias > cycle ? done + core->alias : done;
    bool same = store->linear / PAGE == access->linear / PAGE;
    if (same && store->physical <= access->physical &&
        access->physical + access->size <= store->physical + store->size) {
        if (renamed && access->linear == store->linear && access->size == store->size)
            return store->data;
        uint64_t forwarded = store->data + (slow ? core->forward_slow : core->forward);
        return forwarded > done ? forwarded : done;
    }
    uint64_t failed = store->commit + core->forward_failed;
    return failed > done ? failed : done;
}

/* Stores go to the L1 in order, one a cycle, or two of one line. */
static uint64_t commit(struct x64i_memory *memory, const struct x64i_touch *access,
                       uint64_t retired)
{
    uint64_t line = access->linear / LINE;
    bool split = access->linear % LINE + access->size > LINE;
    if (retired > memory->commit)
        memory->commits = 0;
    if (memory->commits && (memory->commits > 1 || line != memory->commit_line || split)) {
        retired = memory->commit + 1;
        memory->commits = 0;
    }
    if (retired > memory->commit)
        memory->commit = retired;
    memory->commits++;
    memory->commit_line = line;
    if (split) {
        memory->commit++;
        memory->commits = 1;
        memory->commit_line = line + 1;
    }
    return memory->commit;
}

uint64_t x64i_memory_store(struct x64i_memory *memory, const struct x64i_touch *access,
                           uint64_t address, uint64_t data, uint64_t retired)
{
    struct x64i_store *store = &memory->stores[memory->store_count % X64I_STORE_MAX];
    *store = (struct x64i_store){.linear = access->linear,
                                 .physical = access->physical,
                                 .size = access->size,
                                 .address = address,
                                 .data = data,
                                 .commit = commit(memory, access, retired)};
    memory->store_count++;
    for (uint64_t at = access->linear & ~7ull; at < access->linear + access->size; at += 8)
        *last_store_at(memory, at) = (uint32_t)memory->store_count;
    return store->commit;
}
