/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include "kernel_model/kernels.h"
#include "kernel_model/synthetic.h"
#include "support/suite.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static struct x64_kernel_image *open_layout(enum synthetic_kallsyms layout)
{
    struct x64_kernel_image *image = NULL;
    size_t size;
    uint8_t *elf = synthetic_elf(layout, &size);

    ck_assert_int_eq(x64_kernel_image_open_memory(elf, size, &image, NULL), X64_OK);
    free(elf);
    return image;
}

START_TEST(test_kallsyms_reads_every_layout)
{
    struct x64_kernel_image *image = open_layout((enum synthetic_kallsyms)_i);
    struct x64_image_info info;
    struct x64_image_symbol symbol;
    bool per_cpu = _i != KALLSYMS_PLAIN && _i != KALLSYMS_7_0;
    char name[32];

    x64_kernel_image_info(image, &info);
    ck_assert_msg(info.symbols == X64_SYMBOLS_KALLSYMS, "layout %d: %s", _i, info.symbols_missing);
    ck_assert_uint_eq(x64_kernel_image_symbol_count(image),
                      SYNTHETIC_SYMBOLS + 1 + (per_cpu ? 3 : 0));
    for (unsigned i = 0; i < SYNTHETIC_SYMBOLS; i++) {
        snprintf(name, sizeof name, "symbol_%u", i);
        ck_assert_int_eq(x64_kernel_image_symbol(image, name, &symbol, NULL), X64_OK);
        ck_assert_uint_eq(symbol.address, SYNTHETIC_TEXT + i);
        ck_assert_int_eq(symbol.type, 'T');
        ck_assert(!symbol.per_cpu);
    }
    if (per_cpu) {
        ck_assert_int_eq(x64_kernel_image_symbol(image, "a_variable", &symbol, NULL), X64_OK);
        ck_assert_uint_eq(symbol.address, SYNTHETIC_VARIABLE);
        ck_assert(symbol.per_cpu);
    }
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_kallsyms_reads_names_longer_than_127)
{
    struct x64_kernel_image *image = open_layout(KALLSYMS_6_1);
    struct x64_image_symbol symbol;
    uint64_t offset = 0;

    ck_assert_int_eq(x64_kernel_image_symbol_near(image, SYNTHETIC_TEXT + 0x800, &symbol, &offset),
                     X64_OK);
    ck_assert_uint_eq(strlen(symbol.name), 200);
    ck_assert_uint_eq(strspn(symbol.name, "x"), 200);
    ck_assert_uint_eq(offset, 0x800 - SYNTHETIC_SYMBOLS);
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_kallsyms_names_what_is_missing)
{
    struct x64_kernel_image *image = open_layout(KALLSYMS_6_1);
    struct x64_image_symbol symbol;
    struct x64_image_error error = {""};

    ck_assert_int_eq(x64_kernel_image_symbol(image, "no_such_thing", &symbol, &error),
                     X64_ERROR_NOT_FOUND);
    ck_assert_str_eq(error.text, "no symbol no_such_thing among the 604 of kernel 1.2.3-synthetic");
    ck_assert_int_eq(x64_kernel_image_symbol_near(image, 0x1234, &symbol, NULL),
                     X64_ERROR_NOT_FOUND);
    x64_kernel_image_close(image);
}
END_TEST

/* Break one byte of the token index: the table must be refused, with the reason. */
START_TEST(test_kallsyms_is_checked_against_its_index)
{
    struct x64_kernel_image *image = NULL;
    struct x64_image_info info;
    struct x64_image_symbol symbol;
    struct x64_image_error error = {""};
    size_t size;
    uint8_t *elf = synthetic_elf(KALLSYMS_6_1, &size);
    uint8_t *token = memmem(elf, size, "\0z\0", 3);

    ck_assert_ptr_nonnull(token);
    token[1] = 0;
    ck_assert_int_eq(x64_kernel_image_open_memory(elf, size, &image, NULL), X64_OK);
    free(elf);
    x64_kernel_image_info(image, &info);
    ck_assert_int_eq(info.symbols, X64_SYMBOLS_NONE);
    ck_assert_int_eq(x64_kernel_image_symbol(image, "symbol_1", &symbol, &error),
                     X64_ERROR_NOT_FOUND);
    ck_assert_str_eq(error.text, "no symbol symbol_1: no kallsyms table in the image: did not find "
                                 "its token table (the run of tokens \"0\" to \"9\")");
    x64_kernel_image_close(image);
}
END_TEST

START_TEST(test_kallsyms_of_debian_is_whole)
{
    struct x64_kernel_image *image = x64_test_kernel(x64_test_kernel_name(_i));
    size_t count = x64_kernel_image_symbol_count(image);
    size_t text = 0;

    ck_assert_uint_gt(count, 80000);
    for (size_t i = 0; i < count; i++) {
        const struct x64_image_symbol *s = x64_kernel_image_symbol_at_index(image, i);
        ck_assert_msg(s->name[0] != 0 && isalpha((unsigned char)s->type), "symbol %zu: %c \"%s\"",
                      i, s->type, s->name);
        text += tolower((unsigned char)s->type) == 't';
    }
    ck_assert_uint_gt(text, 30000);
    ck_assert_ptr_null(x64_kernel_image_symbol_at_index(image, count));
    x64_kernel_image_close(image);
}
END_TEST

/* Relations that hold in every kernel, whatever the table says. */
START_TEST(test_kallsyms_of_debian_agrees_with_the_image)
{
    struct x64_kernel_image *image = x64_test_kernel(x64_test_kernel_name(_i));
    const struct x64_image_section *text = x64_kernel_image_section(image, ".text");
    const struct x64_image_section *per_cpu = x64_kernel_image_section(image, ".data..percpu");
    const struct x64_image_section *btf = x64_kernel_image_section(image, ".BTF");
    struct x64_image_symbol symbol;
    char banner[14];
    uint64_t offset = 1;

    ck_assert_uint_eq(x64_test_symbol(image, "_text"), text->linear);
    ck_assert_uint_eq(x64_test_symbol(image, "__per_cpu_start"), per_cpu->linear);
    ck_assert_uint_le(x64_test_symbol(image, "__per_cpu_end"), per_cpu->size);
    ck_assert_uint_eq(x64_test_symbol(image, "__start_BTF"), btf->linear);
    ck_assert_uint_eq(x64_test_symbol(image, "__stop_BTF"), btf->linear + btf->size);
    ck_assert_int_eq(
        x64_kernel_image_read(image, x64_test_symbol(image, "linux_banner"), banner, sizeof banner),
        X64_OK);
    ck_assert_mem_eq(banner, "Linux version ", sizeof banner);
    uint64_t entry = x64_test_symbol(image, "entry_SYSCALL_64");
    ck_assert_int_eq(x64_kernel_image_symbol_near(image, entry + 3, &symbol, &offset), X64_OK);
    ck_assert_str_eq(symbol.name, "entry_SYSCALL_64");
    ck_assert_uint_eq(offset, 3);
    x64_kernel_image_close(image);
}
END_TEST

/* The entry starts with SWAPGS, after ENDBR64 where the kernel is built for IBT. */
START_TEST(test_kallsyms_of_debian_finds_the_entry)
{
    struct x64_kernel_image *image = x64_test_kernel(x64_test_kernel_name(_i));
    uint8_t code[7];

    ck_assert_int_eq(
        x64_kernel_image_read(image, x64_test_symbol(image, "entry_SYSCALL_64"), code, sizeof code),
        X64_OK);
    if (_i == 0)
        ck_assert_mem_eq(code, "\x0f\x01\xf8", 3);
    else
        ck_assert_mem_eq(code, "\xf3\x0f\x1e\xfa\x0f\x01\xf8", 7);
    x64_kernel_image_close(image);
}
END_TEST

static Suite *kallsyms_suite(void)
{
    Suite *suite = suite_create("kallsyms");
    TCase *synthetic = tcase_create("synthetic");
    TCase *debian = tcase_create("debian");

    tcase_add_loop_test(synthetic, test_kallsyms_reads_every_layout, KALLSYMS_6_1, KALLSYMS_COUNT);
    tcase_add_test(synthetic, test_kallsyms_reads_names_longer_than_127);
    tcase_add_test(synthetic, test_kallsyms_names_what_is_missing);
    tcase_add_test(synthetic, test_kallsyms_is_checked_against_its_index);
    suite_add_tcase(suite, synthetic);
    tcase_set_timeout(debian, 300);
    tcase_add_loop_test(debian, test_kallsyms_of_debian_is_whole, 0, X64_TEST_KERNEL_COUNT);
    tcase_add_loop_test(debian, test_kallsyms_of_debian_agrees_with_the_image, 0,
                        X64_TEST_KERNEL_COUNT);
    tcase_add_loop_test(debian, test_kallsyms_of_debian_finds_the_entry, 0, X64_TEST_KERNEL_COUNT);
    suite_add_tcase(suite, debian);
    return suite;
}

X64_TEST_MAIN(kallsyms_suite())
