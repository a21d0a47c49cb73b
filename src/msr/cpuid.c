/* SPDX-License-Identifier: MIT */
/* CPUID (SDM vol. 2A, CPUID; APM vol. 3, appendix E). Feature bits come from features.def and the
 * model's row; the functions here fill in the rest of their leaves. */
#include "msr/model.h"
#include "msr/xstate.h"

#include <string.h>

enum { EAX, EBX, ECX, EDX };

#define CR4_OSXSAVE     (1ull << 18)
#define OSXSAVE         (1u << 27) /* CPUID.01H:ECX */
#define LINEAR_BITS     48u
#define CACHE_LINE      64u
#define CR4_PKE         (1ull << 22)
#define OSPKE           (1u << 4)   /* CPUID.07H:ECX */
#define AMD_COMMON_BITS 0x0183f3ffu /* of 01H:EDX that AMD repeats in 80000001H:EDX */

/* What a leaf function needs to know. */
struct query {
    const struct x64i_cpu_model *model;
    uint32_t subleaf;
    uint64_t cr4;
    uint64_t xcr0;
};

static const struct {
    uint32_t leaf;
    uint8_t subleaf;
    uint8_t reg;
    uint8_t bit;
    uint8_t feature;
} feature_bits[] = {
#define X64I_FEATURE(name, leaf, subleaf, reg, bit) \
    {(leaf), (subleaf), (reg), (bit), X64I_FEATURE_##name},
#include "msr/features.def"
#undef X64I_FEATURE
};

#define FEATURE_BITS (sizeof feature_bits / sizeof feature_bits[0])

static void set_feature_bits(const struct x64i_cpu_model *model, uint32_t leaf, uint32_t subleaf,
                             uint32_t r[4])
{
    for (size_t i = 0; i < FEATURE_BITS; i++)
        if (feature_bits[i].leaf == leaf && feature_bits[i].subleaf == subleaf &&
            x64i_cpu_model_has(model, feature_bits[i].feature))
            r[feature_bits[i].reg] |= 1u << feature_bits[i].bit;
}

static uint32_t highest_subleaf(const struct x64i_cpu_model *model, uint32_t leaf)
{
    uint32_t highest = 0;
    for (size_t i = 0; i < FEATURE_BITS; i++)
        if (feature_bits[i].leaf == leaf && feature_bits[i].subleaf > highest &&
            x64i_cpu_model_has(model, feature_bits[i].feature))
            highest = feature_bits[i].subleaf;
    return highest;
}

/* The signature of 01H:EAX: families from 15 and models from 16 on use the extended fields. */
static uint32_t signature(const struct x64i_cpu_model *model)
{
    uint32_t family = model->family < 15 ? model->family : 15u;
    uint32_t extended_family = model->family - family;
    return extended_family << 20 | (model->model >> 4 & 0xfu) << 16 | family << 8 |
           (model->model & 0xfu) << 4 | model->stepping;
}

static uint32_t four_characters(const char *text)
{
    uint32_t value;
    memcpy(&value, text, sizeof value);
    return value;
}

static void set_vendor(const struct x64i_cpu_model *model, uint32_t r[4])
{
    const char *id = model->vendor == X64I_VENDOR_INTEL ? "GenuineIntel" : "AuthenticAMD";
    r[EBX] = four_characters(id);
    r[EDX] = four_characters(id + 4);
    r[ECX] = four_characters(id + 8);
}

static void leaf_vendor(const struct query *query, uint32_t r[4])
{
    r[EAX] = query->model->max_leaf;
    set_vendor(query->model, r);
}

/* One logical processor, APIC ID 0. */
static void leaf_version(const struct query *query, uint32_t r[4])
{
    r[EAX] = signature(query->model);
    r[EBX] = 1u << 16 | CACHE_LINE / 8 << 8;
    if (query->cr4 & CR4_OSXSAVE)
        r[ECX] |= OSXSAVE;
}

/* Skylake's TLBs; descriptor FFH sends to leaf 4 for the caches. */
static void leaf_descriptors(const struct query *query, uint32_t r[4])
{
    if (query->model->vendor != X64I_VENDOR_INTEL)
        return;
    r[EAX] = 0x76036301;
    r[EBX] = 0x00f0b5ff;
    r[EDX] = 0x00c30000;
}

static uint32_t cache_bytes(const struct x64i_cache *cache)
{
    return cache->sets * cache->ways * cache->line;
}

static void leaf_caches(const struct query *query, uint32_t r[4])
{
    if (query->model->vendor != X64I_VENDOR_INTEL || query->subleaf >= X64I_MODEL_CACHES)
        return;
    const struct x64i_cache *cache = &query->model->cache[query->subleaf];
    if (cache->level == 0)
        return;
    r[EAX] = cache->type | (uint32_t)cache->level << 5 | 1u << 8; /* self-initializing */
    r[EBX] = (cache->line - 1u) | (cache->ways - 1u) << 22;
    r[ECX] = cache->sets - 1;
}

/* Line sizes; extensions enumerated, interrupts may break MWAIT; one C1 state. */
static void leaf_monitor(const struct query *query, uint32_t r[4])
{
    if (!x64i_cpu_model_has(query->model, X64I_FEATURE_MONITOR))
        return;
    r[EAX] = CACHE_LINE;
    r[EBX] = CACHE_LINE;
    r[ECX] = 3;
    r[EDX] = 1u << 4;
}

static void leaf_structured(const struct query *query, uint32_t r[4])
{
    if (query->subleaf != 0)
        return;
    r[EAX] = highest_subleaf(query->model, 7);
    if (query->cr4 & CR4_PKE)
        r[ECX] |= OSPKE;
}

/* One thread of one core: levels SMT (1) and core (2), then the end. */
static void leaf_topology(const struct query *query, uint32_t r[4])
{
    r[ECX] = query->subleaf & 0xff;
    if (query->subleaf > 1)
        return;
    r[EBX] = 1;
    r[ECX] |= (query->subleaf + 1) << 8;
}

static void leaf_xsave(const struct query *query, uint32_t r[4])
{
    uint64_t supported = x64i_xstate_supported(query->model);
    if (!x64i_cpu_model_has(query->model, X64I_FEATURE_XSAVE))
        return;
    if (query->subleaf == 0) {
        r[EAX] = (uint32_t)supported;
        r[EBX] = x64i_xstate_area(query->model, query->xcr0, false);
        r[ECX] = x64i_xstate_area(query->model, supported, false);
    } else if (query->subleaf == 1) {
        bool compact = x64i_cpu_model_has(query->model, X64I_FEATURE_XSAVEC);
        r[EBX] = compact ? x64i_xstate_area(query->model, query->xcr0, true) : 0;
    } else {
        struct x64i_xstate row;
        for (unsigned i = 0; x64i_xstate_at(query->model, i, &row); i++)
            if (row.number == query->subleaf) {
                r[EAX] = row.size;
                r[EBX] = row.offset;
            }
    }
}

/* EBX/EAX is the TSC's frequency over the crystal's. */
static void leaf_tsc(const struct query *query, uint32_t r[4])
{
    if (query->model->crystal_hz == 0)
        return;
    r[EAX] = 2;
    r[EBX] = (uint32_t)(query->model->tsc_hz * 2 / query->model->crystal_hz);
    r[ECX] = query->model->crystal_hz;
}

static void leaf_frequency(const struct query *query, uint32_t r[4])
{
    if (query->model->crystal_hz == 0)
        return;
    r[EAX] = (uint32_t)(query->model->tsc_hz / 1000000);
    r[EBX] = r[EAX];
    r[ECX] = 100;
}

static void leaf_extended_vendor(const struct query *query, uint32_t r[4])
{
    r[EAX] = query->model->max_extended_leaf;
    if (query->model->vendor == X64I_VENDOR_AMD)
        set_vendor(query->model, r);
}

static void leaf_extended_version(const struct query *query, uint32_t r[4])
{
    if (query->model->vendor != X64I_VENDOR_AMD)
        return;
    uint32_t basic[4] = {0};
    set_feature_bits(query->model, 1, 0, basic);
    r[EAX] = signature(query->model);
    r[EDX] |= basic[EDX] & AMD_COMMON_BITS;
}

static void set_brand(const struct query *query, unsigned part, uint32_t r[4])
{
    char brand[48] = {0};
    strncpy(brand, query->model->brand, sizeof brand - 1);
    memcpy(r, brand + (size_t)part * 16, 16);
}

static void leaf_brand_1(const struct query *query, uint32_t r[4])
{
    set_brand(query, 0, r);
}

static void leaf_brand_2(const struct query *query, uint32_t r[4])
{
    set_brand(query, 1, r);
}

static void leaf_brand_3(const struct query *query, uint32_t r[4])
{
    set_brand(query, 2, r);
}

static const struct x64i_cache *find_cache(const struct x64i_cpu_model *model, uint8_t level,
                                           uint8_t type)
{
    for (size_t i = 0; i < X64I_MODEL_CACHES; i++)
        if (model->cache[i].level == level && model->cache[i].type == type)
            return &model->cache[i];
    return NULL;
}

/* Size in KBytes, associativity, one line per tag, line size. */
static uint32_t amd_l1(const struct x64i_cpu_model *model, uint8_t type)
{
    const struct x64i_cache *cache = find_cache(model, 1, type);
    if (!cache)
        return 0;
    return cache_bytes(cache) >> 10 << 24 | (uint32_t)cache->ways << 16 | 1u << 8 | cache->line;
}

static void leaf_amd_l1(const struct query *query, uint32_t r[4])
{
    if (query->model->vendor != X64I_VENDOR_AMD)
        return;
    r[ECX] = amd_l1(query->model, X64I_CACHE_DATA);
    r[EDX] = amd_l1(query->model, X64I_CACHE_INSTRUCTION);
}

/* Associativity is coded (APM vol. 3, table E-4): 4 ways are 4, 8 are 6, 16 are 8. */
static uint32_t associativity_code(unsigned ways)
{
    return ways >= 16 ? 8 : ways >= 8 ? 6 : ways >= 4 ? 4 : ways;
}

static void leaf_l2_l3(const struct query *query, uint32_t r[4])
{
    const struct x64i_cache *l2 = find_cache(query->model, 2, X64I_CACHE_UNIFIED);
    const struct x64i_cache *l3 = find_cache(query->model, 3, X64I_CACHE_UNIFIED);
    if (l2)
        r[ECX] = cache_bytes(l2) >> 10 << 16 | associativity_code(l2->ways) << 12 | l2->line;
    if (l3 && query->model->vendor == X64I_VENDOR_AMD) /* in units of 512 KBytes */
        r[EDX] = cache_bytes(l3) >> 19 << 18 | associativity_code(l3->ways) << 12 | l3->line;
}

static void leaf_address_sizes(const struct query *query, uint32_t r[4])
{
    r[EAX] = query->model->physical_bits | LINEAR_BITS << 8;
}

/* Leaves that hold more than feature bits. */
static const struct {
    uint32_t leaf;
    void (*fill)(const struct query *query, uint32_t r[4]);
} leaves[] = {
    {0, leaf_vendor},
    {1, leaf_version},
    {2, leaf_descriptors},
    {4, leaf_caches},
    {5, leaf_monitor},
    {7, leaf_structured},
    {0xb, leaf_topology},
    {0xd, leaf_xsave},
    {0x15, leaf_tsc},
    {0x16, leaf_frequency},
    {0x80000000, leaf_extended_vendor},
    {0x80000001, leaf_extended_version},
    {0x80000002, leaf_brand_1},
    {0x80000003, leaf_brand_2},
    {0x80000004, leaf_brand_3},
    {0x80000005, leaf_amd_l1},
    {0x80000006, leaf_l2_l3},
    {0x80000008, leaf_address_sizes},
};

/* Only these leaves have subleaves; the others ignore ECX. */
static bool has_subleaves(uint32_t leaf)
{
    return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
}

void x64i_cpuid(const struct x64i_cpu_model *model, uint32_t leaf, uint32_t subleaf, uint64_t cr4,
                uint64_t xcr0, uint32_t registers[4])
{
    memset(registers, 0, 4 * sizeof registers[0]);
    bool extended = leaf >> 31;
    if (extended ? leaf > model->max_extended_leaf : leaf > model->max_leaf) {
        /* Intel answers with its highest basic leaf, AMD with zeroes. */
        if (model->vendor == X64I_VENDOR_AMD)
            return;
        leaf = model->max_leaf;
    }
    if (!has_subleaves(leaf))
        subleaf = 0;
    struct query query = {.model = model, .subleaf = subleaf, .cr4 = cr4, .xcr0 = xcr0};
    set_feature_bits(model, leaf, subleaf, registers);
    for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++)
        if (leaves[i].leaf == leaf)
            leaves[i].fill(&query, registers);
}
