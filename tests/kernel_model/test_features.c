/* SPDX-License-Identifier: MIT */
#include "kernel_model/kernels.h"
#include "support/suite.h"
#include "x64emu/kernel_patch.h"

#include <stdio.h>

/* Numbers that cpufeatures.h of the two versions gives; what moved between them is the point. */
static const struct expected {
    const char *name;
    unsigned word[X64_TEST_KERNEL_COUNT];
    unsigned bit[X64_TEST_KERNEL_COUNT];
} features[] = {
    {"pti", {7, 7}, {11, 11}},
    {"pcid", {4, 4}, {17, 17}},
    {"smap", {9, 9}, {20, 20}},
    {"SMAP", {9, 9}, {20, 20}},
    {"fsgsbase", {9, 9}, {0, 0}},
    {"la57", {16, 16}, {16, 16}},
    {"always", {3, 3}, {21, 21}},
    {"kernel_ibrs", {7, 7}, {12, 12}},
    {"retpoline", {11, 11}, {12, 12}},
    {"retpoline_lfence", {11, 11}, {13, 13}},
    {"rethunk", {11, 11}, {14, 14}},
    {"unret", {11, 11}, {15, 15}},
    {"entry_ibpb", {11, 11}, {10, 10}},
    {"srso", {11, 11}, {24, 24}},
    {"srso_alias", {11, 11}, {25, 25}},
    {"xenpv", {8, 8}, {16, 16}},
    {"fence_swapgs_user", {11, 11}, {4, 4}},
    {"fence_swapgs_kernel", {11, 11}, {5, 5}},
    {"clear_bhb_loop", {21, 21}, {1, 1}},
    {"clear_cpu_buf", {11, 3}, {18, 18}},
    {"lfence_rdtsc", {3, 20}, {18, 2}},
    {"bug:null_seg", {22, 22}, {10, 10}},
};

START_TEST(test_features_are_found_by_name)
{
    struct x64_kernel_image *image = x64_test_kernel(x64_test_kernel_name(_i));
    struct x64_image_error error = {""};

    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        const struct expected *e = &features[i];
        unsigned number = 0;
        ck_assert_msg(x64_kernel_image_feature(image, e->name, &number, &error) == X64_OK, "%s",
                      error.text);
        ck_assert_msg(number == e->word[_i] * 32 + e->bit[_i], "%s is %u*32+%u", e->name,
                      number / 32, number % 32);
    }
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_features_that_are_not_there_are_named)
{
    struct x64_kernel_image *image = x64_test_kernel(x64_test_kernel_name(0));
    struct x64_image_error error = {""};
    struct x64_image_info info;
    char sentence[200];
    unsigned number;

    x64_kernel_image_info(image, &info);
    snprintf(sentence, sizeof sentence,
             "kernel %s neither names the CPU feature warp_drive nor shows it in its alternatives",
             info.release);
    ck_assert_int_eq(x64_kernel_image_feature(image, "warp_drive", &number, &error),
                     X64_ERROR_NOT_FOUND);
    ck_assert_str_eq(error.text, sentence);
    ck_assert_ptr_null(x64_kernel_image_feature_name(image, 3 * 32 + 7));
    ck_assert_ptr_null(x64_kernel_image_feature_name(image, UINT32_MAX));
    x64_kernel_image_close(image);
}
END_TEST

/* Every feature whose code is on the entry paths has a name: nothing there is chosen blindly. */
START_TEST(test_features_of_the_entry_text_all_have_names)
{
    struct x64_kernel_image *image = x64_test_kernel(x64_test_kernel_name(_i));
    uint64_t start = x64_test_symbol(image, "__entry_text_start");
    uint64_t end = x64_test_symbol(image, "__entry_text_end");
    size_t records = 0;

    for (size_t i = 0; i < x64_kernel_image_alternative_count(image); i++) {
        const struct x64_image_alternative *a = x64_kernel_image_alternative_at_index(image, i);
        if (a->linear < start || a->linear >= end)
            continue;
        records++;
        ck_assert_msg(x64_kernel_image_feature_name(image, a->feature) != NULL,
                      "%u*32+%u at 0x%llx", a->feature / 32u, a->feature % 32u,
                      (unsigned long long)a->linear);
    }
    ck_assert_uint_gt(records, 100);
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_features_know_their_cpuid_bit)
{
    struct x64_feature_cpuid cpuid;

    ck_assert(x64_kernel_feature_cpuid(9 * 32 + 20, &cpuid)); /* SMAP: 7.0:EBX.20 */
    ck_assert_uint_eq(cpuid.leaf, 7);
    ck_assert_uint_eq(cpuid.subleaf, 0);
    ck_assert_uint_eq(cpuid.reg, 1);
    ck_assert_uint_eq(cpuid.bit, 20);
    ck_assert(x64_kernel_feature_cpuid(1 * 32 + 29, &cpuid)); /* LM: 80000001:EDX.29 */
    ck_assert_uint_eq(cpuid.leaf, 0x80000001);
    ck_assert_uint_eq(cpuid.reg, 3);
    ck_assert_uint_eq(cpuid.bit, 29);
    ck_assert(!x64_kernel_feature_cpuid(7 * 32 + 11, &cpuid));
    ck_assert(!x64_kernel_feature_cpuid(UINT32_MAX, &cpuid));
}
END_TEST

static Suite *features_suite(void)
{
    Suite *suite = suite_create("CPU features of kernels");
    TCase *debian = tcase_create("debian");

    tcase_set_timeout(debian, 300);
    tcase_add_loop_test(debian, test_features_are_found_by_name, 0, X64_TEST_KERNEL_COUNT);
    tcase_add_test(debian, test_features_that_are_not_there_are_named);
    tcase_add_loop_test(debian, test_features_of_the_entry_text_all_have_names, 0,
                        X64_TEST_KERNEL_COUNT);
    tcase_add_test(debian, test_features_know_their_cpuid_bit);
    suite_add_tcase(suite, debian);
    return suite;
}

X64_TEST_MAIN(features_suite())
