/* SPDX-License-Identifier: MIT */
#include "kernel_model/kernels.h"
#include "kernel_model/synthetic.h"
#include "support/suite.h"

#include <string.h>

static struct x64_kernel_image *open_synthetic(enum synthetic_codec codec)
{
    struct x64_kernel_image *image = NULL;
    struct x64_image_error error = {""};
    size_t elf_size;
    size_t size;
    uint8_t *elf = synthetic_elf(KALLSYMS_6_1, &elf_size);
    uint8_t *file = synthetic_bzimage(elf, elf_size, codec, &size);
    enum x64_status status = x64_kernel_image_open_memory(file, size, &image, &error);

    ck_assert_msg(status == X64_OK, "codec %d: %s", (int)codec, error.text);
    free(elf);
    free(file);
    return image;
}

START_TEST(test_image_unpacks_every_codec)
{
    static const char *const names[CODEC_COUNT] = {"gzip", "xz", "lzma", "lz4", "zstd"};
    struct x64_kernel_image *image = open_synthetic((enum synthetic_codec)_i);
    struct x64_image_info info;
    uint8_t text[6];

    x64_kernel_image_info(image, &info);
    ck_assert_str_eq(info.compression, names[_i]);
    ck_assert_str_eq(info.release, "1.2.3-synthetic");
    ck_assert_uint_eq(info.boot_protocol, 0x20f);
    ck_assert_int_eq(x64_kernel_image_read(image, SYNTHETIC_TEXT, text, 6), X64_OK);
    ck_assert_mem_eq(text, "\x90\x90\x90\x90\x90\xc3", 6);
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_image_takes_a_plain_elf_file)
{
    struct x64_kernel_image *image = NULL;
    struct x64_image_info info;
    size_t size;
    uint8_t *elf = synthetic_elf(KALLSYMS_6_4, &size);

    ck_assert_int_eq(x64_kernel_image_open_memory(elf, size, &image, NULL), X64_OK);
    free(elf);
    x64_kernel_image_info(image, &info);
    ck_assert_str_eq(info.compression, "none");
    ck_assert_uint_eq(info.entry, 0x1000000);
    ck_assert_str_eq(info.banner, "Linux version 1.2.3-synthetic (nobody@nowhere) #1 SMP");
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_image_reads_bss_as_zero_and_no_further)
{
    struct x64_kernel_image *image = open_synthetic(CODEC_LZ4);
    const struct x64_image_segment *segment = x64_kernel_image_segment_at_index(image, 0);
    uint64_t file_end = segment->linear + segment->file_size;
    uint64_t end = segment->linear + segment->memory_size;
    uint8_t bytes[8];

    ck_assert_uint_eq(x64_kernel_image_segment_count(image), 2);
    memset(bytes, 0xff, sizeof bytes);
    ck_assert_int_eq(x64_kernel_image_read(image, file_end - 1, bytes, 8), X64_OK);
    ck_assert_uint_eq(bytes[0], segment->data[segment->file_size - 1]);
    ck_assert_mem_eq(bytes + 1, "\0\0\0\0\0\0\0", 7);
    ck_assert_int_eq(x64_kernel_image_read(image, end - 8, bytes, 8), X64_OK);
    ck_assert_int_eq(x64_kernel_image_read(image, end - 7, bytes, 8), X64_ERROR_UNMAPPED);
    ck_assert_int_eq(x64_kernel_image_read(image, end, bytes, 1), X64_ERROR_UNMAPPED);
    ck_assert_int_eq(x64_kernel_image_read(image, UINT64_MAX, bytes, 8), X64_ERROR_UNMAPPED);
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_image_knows_the_per_cpu_area)
{
    struct x64_kernel_image *image = open_synthetic(CODEC_GZIP);
    const struct x64_image_section *section = NULL;
    struct x64_image_symbol symbol;
    struct x64_image_error error = {""};
    uint64_t offset = 0;

    ck_assert_int_eq(x64_kernel_image_per_cpu_section(image, &section, NULL), X64_OK);
    ck_assert_uint_eq(section->size, SYNTHETIC_PER_CPU);
    ck_assert_uint_eq(section->data[7], 7);
    ck_assert_int_eq(
        x64_kernel_image_per_cpu_offset(image, "a_variable", "thing", "d", &offset, NULL), X64_OK);
    ck_assert_uint_eq(offset, SYNTHETIC_VARIABLE + 16);
    ck_assert_int_eq(
        x64_kernel_image_per_cpu_symbol(image, SYNTHETIC_VARIABLE + 3, &symbol, &offset), X64_OK);
    ck_assert_str_eq(symbol.name, "a_variable");
    ck_assert_uint_eq(offset, 3);
    ck_assert_int_eq(
        x64_kernel_image_per_cpu_offset(image, "symbol_3", NULL, NULL, &offset, &error),
        X64_ERROR_NOT_FOUND);
    ck_assert_str_eq(error.text, "symbol_3 at 0xffffffff81000003 is no per-CPU variable of kernel "
                                 "1.2.3-synthetic");
    x64_kernel_image_close(image);
}
END_TEST

/* What both kernels must say about themselves. */
START_TEST(test_image_of_debian)
{
    const char *name = x64_test_kernel_name(_i);
    struct x64_kernel_image *image = x64_test_kernel(name);
    const struct x64_image_section *text = x64_kernel_image_section(image, ".text");
    const struct x64_image_section *per_cpu = NULL;
    struct x64_image_info info;

    x64_kernel_image_info(image, &info);
    ck_assert_int_eq(strncmp(info.release, name, strcspn(name, "-")), 0);
    ck_assert_ptr_nonnull(strstr(info.banner, "debian-kernel@lists.debian.org"));
    ck_assert_int_eq(info.symbols, X64_SYMBOLS_KALLSYMS);
    ck_assert_ptr_null(info.symbols_missing);
    ck_assert_ptr_null(info.types_missing);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(text->linear, UINT64_C(0xffffffff81000000));
    ck_assert_uint_eq(text->physical, 0x1000000);
    ck_assert(text->executable);
    ck_assert_int_eq(x64_kernel_image_per_cpu_section(image, &per_cpu, NULL), X64_OK);
    ck_assert_uint_eq(per_cpu->linear, 0);
    ck_assert_uint_gt(per_cpu->physical, 0x1000000);
    x64_kernel_image_close(image);
}
END_TEST

/* The layout that the entry code is compiled against. */
START_TEST(test_image_of_debian_locates_the_stack_top)
{
    struct x64_kernel_image *image = x64_test_kernel(x64_test_kernel_name(_i));
    struct x64_image_error error = {""};
    uint64_t tss = 0;
    uint64_t top = 0;
    uint64_t task = 0;
    uint64_t hot = 0;

    ck_assert_msg(x64_kernel_image_per_cpu_offset(image, "cpu_tss_rw", "tss_struct", "x86_tss.sp2",
                                                  &tss, &error) == X64_OK,
                  "%s", error.text);
    ck_assert_uint_eq(tss, x64_test_symbol(image, "cpu_tss_rw") + 0x14);
    if (x64_kernel_image_per_cpu_offset(image, "pcpu_hot", NULL, NULL, &hot, NULL) == X64_OK) {
        ck_assert_int_eq(x64_kernel_image_per_cpu_offset(image, "pcpu_hot", "pcpu_hot",
                                                         "top_of_stack", &top, NULL),
                         X64_OK);
        ck_assert_int_eq(x64_kernel_image_per_cpu_offset(image, "pcpu_hot", "pcpu_hot",
                                                         "current_task", &task, NULL),
                         X64_OK);
        ck_assert_uint_eq(top, hot + 0x18);
        ck_assert_uint_eq(task, hot);
    } else {
        ck_assert_int_eq(x64_kernel_image_per_cpu_offset(image, "cpu_current_top_of_stack", NULL,
                                                         NULL, &top, &error),
                         X64_OK);
        ck_assert_int_eq(
            x64_kernel_image_per_cpu_offset(image, "current_task", NULL, NULL, &task, &error),
            X64_OK);
    }
    ck_assert_uint_eq(top % 8, 0);
    x64_kernel_image_close(image);
}
END_TEST

static Suite *image_suite(void)
{
    Suite *suite = suite_create("kernel image");
    TCase *synthetic = tcase_create("synthetic");
    TCase *debian = tcase_create("debian");

    tcase_add_loop_test(synthetic, test_image_unpacks_every_codec, 0, CODEC_COUNT);
    tcase_add_test(synthetic, test_image_takes_a_plain_elf_file);
    tcase_add_test(synthetic, test_image_reads_bss_as_zero_and_no_further);
    tcase_add_test(synthetic, test_image_knows_the_per_cpu_area);
    suite_add_tcase(suite, synthetic);
    tcase_set_timeout(debian, 300);
    tcase_add_loop_test(debian, test_image_of_debian, 0, X64_TEST_KERNEL_COUNT);
    tcase_add_loop_test(debian, test_image_of_debian_locates_the_stack_top, 0,
                        X64_TEST_KERNEL_COUNT);
    suite_add_tcase(suite, debian);
    return suite;
}

X64_TEST_MAIN(image_suite())
