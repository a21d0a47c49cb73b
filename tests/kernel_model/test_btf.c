/* SPDX-License-Identifier: MIT */
#include "kernel_model/kernels.h"
#include "kernel_model/synthetic.h"
#include "support/suite.h"

static struct x64_kernel_image *open_synthetic(void)
{
    struct x64_kernel_image *image = NULL;
    size_t size;
    uint8_t *elf = synthetic_elf(KALLSYMS_6_1, &size);

    ck_assert_int_eq(x64_kernel_image_open_memory(elf, size, &image, NULL), X64_OK);
    free(elf);
    return image;
}

static const struct expected {
    const char *type;
    const char *path;
    struct x64_image_member member;
} synthetic_members[] = {
    {"thing", "a", {0, 4, 0, 0}},  {"thing", "b", {8, 8, 0, 0}},  {"thing", "c", {16, 10, 0, 0}},
    {"thing", "d", {16, 4, 0, 0}}, {"thing", "i", {32, 4, 0, 0}}, {"thing", "i.y", {32, 4, 3, 5}},
    {"inner", "x", {0, 4, 0, 3}},
};

START_TEST(test_btf_finds_members)
{
    struct x64_kernel_image *image = open_synthetic();
    const struct expected *e = &synthetic_members[_i];
    struct x64_image_member member;
    struct x64_image_error error = {""};

    ck_assert_msg(x64_kernel_image_member(image, e->type, e->path, &member, &error) == X64_OK, "%s",
                  error.text);
    ck_assert_uint_eq(member.offset, e->member.offset);
    ck_assert_uint_eq(member.size, e->member.size);
    ck_assert_uint_eq(member.bit_offset, e->member.bit_offset);
    ck_assert_uint_eq(member.bit_size, e->member.bit_size);
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_btf_names_what_is_missing)
{
    struct x64_kernel_image *image = open_synthetic();
    struct x64_image_member member;
    struct x64_image_error error = {""};
    int64_t value;

    ck_assert_int_eq(x64_kernel_image_member(image, "thing", "i.z", &member, &error),
                     X64_ERROR_NOT_FOUND);
    ck_assert_str_eq(error.text,
                     "no member i.z (at \"z\") in struct thing of kernel 1.2.3-synthetic");
    ck_assert_int_eq(x64_kernel_image_member(image, "nothing", "x", &member, &error),
                     X64_ERROR_NOT_FOUND);
    ck_assert_str_eq(error.text, "no struct nothing among the BTF types of kernel 1.2.3-synthetic");
    /* A member of a number is none. */
    ck_assert_int_eq(x64_kernel_image_member(image, "thing", "a.b", &member, &error),
                     X64_ERROR_NOT_FOUND);
    ck_assert_int_eq(x64_kernel_image_enumerator(image, "GREEN", &value, &error),
                     X64_ERROR_NOT_FOUND);
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_btf_finds_sizes_and_enumerators)
{
    struct x64_kernel_image *image = open_synthetic();
    uint64_t size = 0;
    int64_t value = 0;

    ck_assert_int_eq(x64_kernel_image_type_size(image, "thing", &size, NULL), X64_OK);
    ck_assert_uint_eq(size, 40);
    ck_assert_int_eq(x64_kernel_image_enumerator(image, "RED", &value, NULL), X64_OK);
    ck_assert_int_eq(value, -1);
    ck_assert_int_eq(x64_kernel_image_enumerator(image, "BLUE", &value, NULL), X64_OK);
    ck_assert_int_eq(value, 7);
    x64_kernel_image_close(image);
}
END_TEST

/* Layouts that the architecture or the ABI fixes: they are the same in every kernel. */
static const struct expected debian_members[] = {
    {"pt_regs", "r15", {0, 8, 0, 0}},
    {"pt_regs", "sp", {152, 8, 0, 0}},
    {"tss_struct", "x86_tss.sp0", {4, 8, 0, 0}},
    {"tss_struct", "x86_tss.sp2", {0x14, 8, 0, 0}},
    {"tss_struct", "x86_tss.ist", {0x24, 56, 0, 0}},
    {"task_struct", "thread_info", {0, 24, 0, 0}},
    {"task_struct", "thread_info.flags", {0, 8, 0, 0}},
};

START_TEST(test_btf_of_debian_has_the_fixed_layouts)
{
    for (int kernel = 0; kernel < X64_TEST_KERNEL_COUNT; kernel++) {
        struct x64_kernel_image *image = x64_test_kernel(x64_test_kernel_name(kernel));
        struct x64_image_member member;
        struct x64_image_error error = {""};
        uint64_t size = 0;
        for (size_t i = 0; i < sizeof debian_members / sizeof debian_members[0]; i++) {
            const struct expected *e = &debian_members[i];
            ck_assert_msg(x64_kernel_image_member(image, e->type, e->path, &member, &error) ==
                              X64_OK,
                          "%s", error.text);
            ck_assert_msg(member.offset == e->member.offset && member.size == e->member.size,
                          "%s.%s is at %llu, size %llu", e->type, e->path,
                          (unsigned long long)member.offset, (unsigned long long)member.size);
        }
        ck_assert_int_eq(x64_kernel_image_member(image, "task_struct", "thread.sp", &member, NULL),
                         X64_OK);
        ck_assert_int_eq(x64_kernel_image_type_size(image, "task_struct", &size, NULL), X64_OK);
        ck_assert_uint_lt(member.offset, size);
        ck_assert_int_eq(x64_kernel_image_type_size(image, "pt_regs", &size, NULL), X64_OK);
        ck_assert_uint_eq(size, 168);
        x64_kernel_image_close(image);
    }
}
END_TEST

static Suite *btf_suite(void)
{
    Suite *suite = suite_create("BTF");
    TCase *synthetic = tcase_create("synthetic");
    TCase *debian = tcase_create("debian");

    tcase_add_loop_test(synthetic, test_btf_finds_members, 0,
                        sizeof synthetic_members / sizeof synthetic_members[0]);
    tcase_add_test(synthetic, test_btf_names_what_is_missing);
    tcase_add_test(synthetic, test_btf_finds_sizes_and_enumerators);
    suite_add_tcase(suite, synthetic);
    tcase_set_timeout(debian, 300);
    tcase_add_test(debian, test_btf_of_debian_has_the_fixed_layouts);
    suite_add_tcase(suite, debian);
    return suite;
}

X64_TEST_MAIN(btf_suite())
