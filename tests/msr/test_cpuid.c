/* SPDX-License-Identifier: MIT */
/* CPUID against the models' rows and SDM vol. 2A, CPUID (AMD: APM vol. 3, appendix E). */
#include "msr/model.h"

#include "support/suite.h"

#include <string.h>

enum { EAX, EBX, ECX, EDX };

static const struct {
    const char *name;
    uint32_t leaf;
    uint32_t subleaf;
    uint8_t reg;
    uint8_t bit;
    uint8_t feature;
} features[] = {
#define X64I_FEATURE(name, leaf, subleaf, reg, bit) \
    {#name, (leaf), (subleaf), (reg), (bit), X64I_FEATURE_##name},
#include "msr/features.def"
#undef X64I_FEATURE
};

static void cpuid(const char *model, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    x64i_cpuid(x64i_cpu_model_find(model), leaf, subleaf, 0, 1, r);
}

START_TEST(test_cpuid_shows_the_features_of_the_row)
{
    const struct x64i_cpu_model *model;
    for (size_t m = 0; (model = x64i_cpu_model_at(m)); m++) {
        for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
            uint32_t r[4];
            x64i_cpuid(model, features[i].leaf, features[i].subleaf, 0, 1, r);
            bool leaf_exists = features[i].leaf >> 31 ? features[i].leaf <= model->max_extended_leaf
                                                      : features[i].leaf <= model->max_leaf;
            bool shown = leaf_exists && (r[features[i].reg] >> features[i].bit & 1);
            ck_assert_msg(shown == x64i_cpu_model_has(model, features[i].feature), "%s: %s",
                          model->name, features[i].name);
        }
    }
}
END_TEST

/* Every bit of the feature words is a row of features.def: nothing else can be shown. */
START_TEST(test_cpuid_shows_nothing_without_a_row)
{
    static const struct {
        uint32_t leaf, subleaf;
        uint8_t reg;
        uint32_t not_features; /* OSXSAVE follows CR4, AMD repeats 01H:EDX in 80000001H */
    } words[] = {
        {1, 0, ECX, 0},          {1, 0, EDX, 0},          {7, 0, EBX, 0},
        {7, 0, ECX, 0}, /* OSPKE follows CR4 */
        {7, 0, EDX, 0},          {7, 1, EAX, 0},          {7, 1, EDX, 0},
        {7, 2, EDX, 0},          {0x80000001, 0, ECX, 0}, {0x80000001, 0, EDX, 0x0183f3ff},
        {0x80000007, 0, EDX, 0}, {0x80000008, 0, EBX, 0}, {0x80000021, 0, EAX, 0},
        {0xd, 1, EAX, 0},        {6, 0, EAX, 0},          {6, 0, ECX, 0},
    };
    const struct x64i_cpu_model *model;
    for (size_t m = 0; (model = x64i_cpu_model_at(m)); m++) {
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
            if (words[w].leaf >> 31 && words[w].leaf > model->max_extended_leaf)
                continue;
            uint32_t known = words[w].not_features;
            for (size_t i = 0; i < sizeof features / sizeof features[0]; i++)
                if (features[i].leaf == words[w].leaf && features[i].subleaf == words[w].subleaf &&
                    features[i].reg == words[w].reg)
                    known |= 1u << features[i].bit;
            uint32_t r[4];
            x64i_cpuid(model, words[w].leaf, words[w].subleaf, 0, 1, r);
            ck_assert_msg((r[words[w].reg] & ~known) == 0, "%s: leaf %#x/%u register %u: %#x",
                          model->name, words[w].leaf, words[w].subleaf, words[w].reg,
                          r[words[w].reg]);
        }
    }
}
END_TEST

START_TEST(test_cpuid_identifies_the_model)
{
    static const struct {
        const char *model;
        uint32_t max, signature, max_extended;
        const char *vendor;
    } vectors[] = {
        {"skylake", 0x16, 0x000506e3, 0x80000008, "GenuineIntel"},
        {"golden_cove", 0x20, 0x000806f8, 0x80000008, "GenuineIntel"},
        {"zen3", 0x10, 0x00a20f12, 0x80000021, "AuthenticAMD"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint32_t r[4];
        cpuid(vectors[i].model, 0, 0, r);
        ck_assert_uint_eq(r[EAX], vectors[i].max);
        char vendor[13] = {0};
        memcpy(vendor, &r[EBX], 4);
        memcpy(vendor + 4, &r[EDX], 4);
        memcpy(vendor + 8, &r[ECX], 4);
        ck_assert_str_eq(vendor, vectors[i].vendor);
        cpuid(vectors[i].model, 1, 0, r);
        ck_assert_uint_eq(r[EAX], vectors[i].signature);
        cpuid(vectors[i].model, 0x80000000, 0, r);
        ck_assert_uint_eq(r[EAX], vectors[i].max_extended);
    }
}
END_TEST

START_TEST(test_cpuid_spells_the_brand)
{
    const struct x64i_cpu_model *model;
    for (size_t m = 0; (model = x64i_cpu_model_at(m)); m++) {
        char brand[49] = {0};
        ck_assert_uint_le(strlen(model->brand), 47);
        for (unsigned part = 0; part < 3; part++) {
            uint32_t r[4];
            x64i_cpuid(model, 0x80000002 + part, 0, 0, 1, r);
            memcpy(brand + (size_t)part * 16, r, 16);
        }
        ck_assert_str_eq(brand, model->brand);
    }
}
END_TEST

/* Intel answers an unknown leaf with its highest basic one, AMD with zeroes. */
START_TEST(test_cpuid_beyond_the_last_leaf_depends_on_the_vendor)
{
    uint32_t r[4];
    uint32_t highest[4];
    cpuid("skylake", 0x16, 0, highest);
    ck_assert_uint_ne(highest[EAX], 0);
    cpuid("skylake", 0x17, 0, r);
    ck_assert_mem_eq(r, highest, sizeof r);
    cpuid("skylake", 0x80000009, 0, r);
    ck_assert_mem_eq(r, highest, sizeof r);
    uint32_t none[4] = {0};
    cpuid("zen3", 0x16, 0, r);
    ck_assert_mem_eq(r, none, sizeof r);
    cpuid("zen3", 0x80000022, 0, r);
    ck_assert_mem_eq(r, none, sizeof r);
}
END_TEST

START_TEST(test_cpuid_osxsave_follows_cr4)
{
    uint32_t r[4];
    x64i_cpuid(x64i_cpu_model_find("skylake"), 1, 0, 1ull << 18, 1, r);
    ck_assert(r[ECX] >> 27 & 1);
    x64i_cpuid(x64i_cpu_model_find("skylake"), 1, 0, 0, 1, r);
    ck_assert(!(r[ECX] >> 27 & 1));
}
END_TEST

START_TEST(test_cpuid_leaf_4_describes_the_caches)
{
    static const uint32_t kilobytes[] = {32, 32, 256, 8192};
    uint32_t r[4];
    for (uint32_t i = 0; i < 4; i++) {
        cpuid("skylake", 4, i, r);
        uint32_t ways = (r[EBX] >> 22) + 1;
        uint32_t line = (r[EBX] & 0xfff) + 1;
        ck_assert_uint_eq(ways * line * (r[ECX] + 1) / 1024, kilobytes[i]);
    }
    cpuid("skylake", 4, 4, r);
    ck_assert_uint_eq(r[EAX] & 31, 0);
    cpuid("skylake", 4, 0xffffffff, r);
    ck_assert_uint_eq(r[EAX] & 31, 0);
}
END_TEST

START_TEST(test_cpuid_amd_cache_leaves)
{
    uint32_t r[4];
    cpuid("zen3", 0x80000005, 0, r);
    ck_assert_uint_eq(r[ECX], 0x20080140);
    cpuid("zen3", 0x80000006, 0, r);
    ck_assert_uint_eq(r[ECX] >> 16, 512);
    ck_assert_uint_eq(r[EDX] >> 18, 64);
    cpuid("zen3", 4, 0, r);
    ck_assert_uint_eq(r[EAX], 0);
}
END_TEST

/* CPUID.15H: frequency = ECX * EBX / EAX. */
START_TEST(test_cpuid_tells_the_tsc_frequency)
{
    static const char *const models[] = {"skylake", "golden_cove"};
    for (size_t i = 0; i < 2; i++) {
        uint32_t r[4];
        cpuid(models[i], 0x15, 0, r);
        ck_assert_uint_eq((uint64_t)r[ECX] * r[EBX] / r[EAX],
                          x64i_cpu_model_find(models[i])->tsc_hz);
    }
}
END_TEST

START_TEST(test_cpuid_address_sizes_and_structured_leaf)
{
    uint32_t r[4];
    cpuid("skylake", 0x80000008, 0, r);
    ck_assert_uint_eq(r[EAX], 39u | 48u << 8);
    cpuid("zen3", 0x80000008, 0, r);
    ck_assert_uint_eq(r[EAX], 48u | 48u << 8);
    cpuid("skylake", 7, 0, r);
    ck_assert_uint_eq(r[EAX], 0);
    cpuid("golden_cove", 7, 0, r);
    ck_assert_uint_eq(r[EAX], 2);
    cpuid("golden_cove", 0xd, 0, r);
    ck_assert_uint_eq(r[EAX], 0x207);
    ck_assert_uint_eq(r[EBX], 576);
    ck_assert_uint_eq(r[ECX], 2696);
    x64i_cpuid(x64i_cpu_model_find("zen3"), 0xd, 0, 0, 7, r);
    ck_assert_uint_eq(r[EBX], 832);
    ck_assert_uint_eq(r[ECX], 840);
    x64i_cpuid(x64i_cpu_model_find("golden_cove"), 0xd, 1, 0, 0x207, r);
    ck_assert_uint_eq(r[EAX], 15);
    ck_assert_uint_eq(r[EBX], 840);
    cpuid("skylake", 0xd, 2, r);
    ck_assert_uint_eq(r[EAX], 256);
    ck_assert_uint_eq(r[EBX], 576);
    cpuid("golden_cove", 0xb, 1, r);
    ck_assert_uint_eq(r[ECX], 0x201);
    cpuid("golden_cove", 0xb, 2, r);
    ck_assert_uint_eq(r[ECX], 2);
}
END_TEST

/* What Linux decides page-table isolation by: vendor and RDCL_NO. */
START_TEST(test_cpuid_meltdown_agrees_with_arch_capabilities)
{
    const struct x64i_cpu_model *model;
    for (size_t m = 0; (model = x64i_cpu_model_at(m)); m++) {
        bool immune = model->vendor == X64I_VENDOR_AMD ||
                      (x64i_cpu_model_has(model, X64I_FEATURE_ARCH_CAPABILITIES) &&
                       (model->arch_capabilities & X64I_ARCH_RDCL_NO));
        ck_assert_msg(model->meltdown == !immune, "%s", model->name);
        ck_assert(model->arch_capabilities == 0 ||
                  x64i_cpu_model_has(model, X64I_FEATURE_ARCH_CAPABILITIES));
    }
    ck_assert_ptr_null(x64i_cpu_model_find("486"));
}
END_TEST

static Suite *cpuid_suite(void)
{
    Suite *suite = suite_create("cpuid");
    TCase *tcase = tcase_create("cpuid");
    tcase_add_test(tcase, test_cpuid_shows_the_features_of_the_row);
    tcase_add_test(tcase, test_cpuid_shows_nothing_without_a_row);
    tcase_add_test(tcase, test_cpuid_identifies_the_model);
    tcase_add_test(tcase, test_cpuid_spells_the_brand);
    tcase_add_test(tcase, test_cpuid_beyond_the_last_leaf_depends_on_the_vendor);
    tcase_add_test(tcase, test_cpuid_osxsave_follows_cr4);
    tcase_add_test(tcase, test_cpuid_leaf_4_describes_the_caches);
    tcase_add_test(tcase, test_cpuid_amd_cache_leaves);
    tcase_add_test(tcase, test_cpuid_tells_the_tsc_frequency);
    tcase_add_test(tcase, test_cpuid_address_sizes_and_structured_leaf);
    tcase_add_test(tcase, test_cpuid_meltdown_agrees_with_arch_capabilities);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(cpuid_suite())
