/* SPDX-License-Identifier: MIT */
#include "kernel_model/kernels.h"
#include "kernel_model/synthetic.h"
#include "support/suite.h"
#include "x64emu/kernel_patch.h"

#include <stdio.h>
#include <string.h>

#define MUTATIONS      2000
#define DEBIAN_SAMPLES 12

/* Ask an image for everything once, as its users would. */
static void use_image(const struct x64_kernel_image *image)
{
    struct x64_image_info info;
    struct x64_image_symbol symbol;
    struct x64_image_member member;
    uint64_t value;
    int64_t number;
    uint8_t bytes[16];
    size_t length = 0;

    x64_kernel_image_info(image, &info);
    for (size_t i = 0; i < x64_kernel_image_symbol_count(image); i++)
        length += strlen(x64_kernel_image_symbol_at_index(image, i)->name);
    for (size_t i = 0; i < x64_kernel_image_section_count(image); i++) {
        const struct x64_image_section *section = x64_kernel_image_section_at_index(image, i);
        length += strlen(section->name);
        if (section->data != NULL && section->size > 0)
            length += section->data[section->size - 1];
    }
    ck_assert_uint_le(length, SIZE_MAX);
    x64_kernel_image_read(image, SYNTHETIC_RODATA, bytes, sizeof bytes);
    x64_kernel_image_symbol(image, "symbol_17", &symbol, NULL);
    x64_kernel_image_symbol_near(image, SYNTHETIC_TEXT + 99, &symbol, &value);
    x64_kernel_image_per_cpu_symbol(image, 0x50, &symbol, &value);
    x64_kernel_image_per_cpu_offset(image, "a_variable", "thing", "i.y", &value, NULL);
    x64_kernel_image_member(image, "thing", "c", &member, NULL);
    x64_kernel_image_type_size(image, "thing", &value, NULL);
    x64_kernel_image_enumerator(image, "BLUE", &number, NULL);
}

static bool has_even(void *user, unsigned number, const char *name)
{
    (void)user;
    (void)name;
    return number % 2 == 0;
}

/* Open what may be anything: it opens and can be used, or is refused with a sentence. */
static void try_image(const uint8_t *file, size_t size)
{
    struct x64_kernel_image *image = NULL;
    struct x64_image_error error = {""};
    enum x64_status status = x64_kernel_image_open_memory(file, size, &image, &error);

    if (status == X64_OK) {
        struct x64_patch_options options = {
            .struct_size = sizeof options, .has_feature = has_even, .uniprocessor = true};
        use_image(image);
        x64_kernel_image_patch(image, &options, NULL, &error);
        use_image(image);
        x64_kernel_image_close(image);
    } else {
        ck_assert_ptr_null(image);
        ck_assert_uint_gt(strlen(error.text), 10);
    }
}

/* xorshift64: the same mutations in every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

START_TEST(test_image_survives_truncation)
{
    size_t elf_size;
    size_t size;
    uint8_t *elf = synthetic_elf((enum synthetic_kallsyms)_i, &elf_size);
    uint8_t *file = synthetic_bzimage(elf, elf_size, (enum synthetic_codec)_i, &size);

    /* Copies of the exact size, so that the sanitizer sees the first byte too far. */
    for (size_t cut = 0; cut < elf_size; cut += 1 + cut / 40) {
        uint8_t *copy = malloc(cut == 0 ? 1 : cut);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, elf, cut);
        try_image(copy, cut);
        free(copy);
    }
    for (size_t cut = 0; cut < size; cut += 1 + cut / 40) {
        struct x64_kernel_image *image = NULL;
        ck_assert_int_ne(x64_kernel_image_open_memory(file, cut, &image, NULL), X64_OK);
    }
    free(elf);
    free(file);
}
END_TEST

/* Damage the ELF file where its structures are dense, and anywhere. */
START_TEST(test_image_survives_mutation)
{
    size_t size;
    uint8_t *elf = synthetic_elf((enum synthetic_kallsyms)_i, &size);
    uint8_t *copy = malloc(size);
    uint64_t random = 0x9e3779b97f4a7c15u + (uint64_t)_i;

    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(copy, elf, size);
        for (uint64_t n = 1 + next_random(&random) % 4; n > 0; n--) {
            uint64_t r = next_random(&random);
            size_t at = (size_t)(r % size);
            if (r >> 62 == 0) /* the headers at the start */
                at %= 64 + 2 * 56;
            else if (r >> 62 == 1) /* the section headers at the end */
                at = size - 1 - at % (8 * 64 + 16);
            copy[at] = (uint8_t)(r >> 40);
        }
        try_image(copy, size);
    }
    free(copy);
    free(elf);
}
END_TEST

START_TEST(test_image_survives_damaged_payloads)
{
    size_t elf_size;
    size_t size;
    uint8_t *elf = synthetic_elf(KALLSYMS_6_1, &elf_size);
    uint8_t *file = synthetic_bzimage(elf, elf_size, (enum synthetic_codec)_i, &size);
    uint8_t *copy = malloc(size);
    uint64_t random = 0x2545f4914f6cdd1du + (uint64_t)_i;

    for (int i = 0; i < MUTATIONS / 10; i++) {
        memcpy(copy, file, size);
        uint64_t r = next_random(&random);
        copy[i % 3 == 0 ? 0x1f1 + r % 0x60 : r % size] = (uint8_t)(r >> 40);
        try_image(copy, size);
    }
    free(copy);
    free(file);
    free(elf);
}
END_TEST

/* A field of the synthetic ELF file or bzImage, what it is set to, and the sentence for it. */
static const struct refusal {
    size_t offset;
    const char *bytes;
    size_t size;
    enum x64_status status;
    const char *sentence;
} elf_refusals[] = {
    {4, "\1", 1, X64_ERROR_UNSUPPORTED, "the kernel is a 32-bit x86 one, not for x86-64"},
    {18, "\xb7", 1, X64_ERROR_UNSUPPORTED, "the kernel is for arm64, not for x86-64"},
    {18, "\x99", 1, X64_ERROR_UNSUPPORTED, "the kernel is for ELF machine 153, not for x86-64"},
    {16, "\1", 1, X64_ERROR_UNSUPPORTED,
     "the ELF file is not executable (e_type 1): a module or object?"},
    {56, "\0\0", 2, X64_ERROR_FORMAT,
     "the ELF file's 0 program headers at 0x40 are not in the file"},
    {64 + 8 + 6, "\1", 1, X64_ERROR_FORMAT, "segment 0 lies at 0x1000000001000..+0x"},
    {64 + 56 + 16, "\0\0\0\x81\xff\xff\xff\xff", 8, X64_ERROR_FORMAT,
     "segment 1 at 0xffffffff81000000 overlaps the one at 0xffffffff81000000"},
    {64 + 40 + 4, "\1", 1, X64_ERROR_FORMAT, "segment 0 has 0x10000"},
};

START_TEST(test_image_refuses_with_a_sentence)
{
    const struct refusal *r = &elf_refusals[_i];
    struct x64_kernel_image *image = NULL;
    struct x64_image_error error = {""};
    size_t size;
    uint8_t *elf = synthetic_elf(KALLSYMS_6_1, &size);

    memcpy(elf + r->offset, r->bytes, r->size);
    ck_assert_int_eq(x64_kernel_image_open_memory(elf, size, &image, &error), r->status);
    ck_assert_msg(strncmp(error.text, r->sentence, strlen(r->sentence)) == 0, "\"%s\"", error.text);
    free(elf);
}
END_TEST

static const struct refusal bzimage_refusals[] = {
    {0x206, "\7", 1, X64_ERROR_UNSUPPORTED,
     "boot protocol 2.07 is too old: 2.08 and later name their payload"},
    {0x24c, "\xff\xff\xff\x7f", 4, X64_ERROR_FORMAT,
     "the bzImage's payload of 2147483647 bytes at offset 0x400 does not fit in the file's"},
    {0x400, "BZh", 3, X64_ERROR_UNSUPPORTED,
     "the payload is packed with bzip2; gzip, xz, lzma, lz4 and zstd can be unpacked"},
    {0x400, "\x89LZO", 4, X64_ERROR_UNSUPPORTED,
     "the payload is packed with lzo; gzip, xz, lzma, lz4 and zstd can be unpacked"},
    {0x400, "what", 4, X64_ERROR_UNSUPPORTED, "the payload starts with 77 68 61 74, which is none"},
    {0x404, "\xff\xff\xff\xff", 4, X64_ERROR_FORMAT,
     "the lz4 block at payload offset 4 claims 4294967295 bytes"},
    {0x1fe, "\0", 1, X64_ERROR_FORMAT,
     "not a kernel image: neither an ELF file nor a bzImage (no HdrS at 0x202)"},
};

START_TEST(test_image_refuses_bzimages_with_a_sentence)
{
    const struct refusal *r = &bzimage_refusals[_i];
    struct x64_kernel_image *image = NULL;
    struct x64_image_error error = {""};
    size_t elf_size;
    size_t size;
    uint8_t *elf = synthetic_elf(KALLSYMS_6_1, &elf_size);
    uint8_t *file = synthetic_bzimage(elf, elf_size, CODEC_LZ4, &size);

    memcpy(file + r->offset, r->bytes, r->size);
    ck_assert_int_eq(x64_kernel_image_open_memory(file, size, &image, &error), r->status);
    ck_assert_msg(strncmp(error.text, r->sentence, strlen(r->sentence)) == 0, "\"%s\"", error.text);
    free(elf);
    free(file);
}
END_TEST

START_TEST(test_image_limits_the_unpacked_size)
{
    struct x64_kernel_image *image = NULL;
    struct x64_image_error error = {""};
    size_t elf_size;
    size_t size;
    uint8_t *elf = synthetic_elf(KALLSYMS_6_1, &elf_size);
    uint8_t *file = synthetic_bzimage(elf, elf_size, CODEC_ZSTD, &size);

    memset(file + size - 4, 0xff, 4);
    ck_assert_int_eq(x64_kernel_image_open_memory(file, size, &image, &error), X64_ERROR_LIMIT);
    ck_assert_str_eq(error.text, "the payload claims to unpack to 4294967295 bytes; the limit is "
                                 "536870912");
    free(elf);
    free(file);
}
END_TEST

START_TEST(test_image_says_which_file)
{
    struct x64_kernel_image *image = NULL;
    struct x64_image_error error = {""};

    ck_assert_int_eq(x64_kernel_image_open("/no/such/vmlinuz", &image, &error), X64_ERROR_IO);
    ck_assert_str_eq(error.text, "cannot open /no/such/vmlinuz: No such file or directory");
    ck_assert_int_eq(x64_kernel_image_open("/proc/self/status", &image, &error), X64_ERROR_FORMAT);
    ck_assert_msg(strncmp(error.text, "/proc/self/status: ", 19) == 0, "\"%s\"", error.text);
    ck_assert_int_eq(x64_kernel_image_open("/", &image, &error), X64_ERROR_IO);
    ck_assert_str_eq(error.text, "cannot read /: Is a directory");
}
END_TEST

/* Real kernels, cut and damaged in a few places: their sizes are where checks overflow. */
START_TEST(test_image_of_debian_survives_damage)
{
    size_t size;
    uint8_t *file = x64_test_kernel_file(x64_test_kernel_name(_i), &size);
    uint64_t random = 0xda942042e4dd58b5u;

    for (int i = 0; i < DEBIAN_SAMPLES; i++) {
        uint64_t r = next_random(&random);
        size_t at = (size_t)(r % size);
        uint8_t old = file[at];
        file[at] ^= (uint8_t)(1 + (r >> 40) % 255);
        try_image(file, i % 2 == 0 ? size : at);
        file[at] = old;
    }
    free(file);
}
END_TEST

static Suite *hostile_suite(void)
{
    Suite *suite = suite_create("hostile kernel images");
    TCase *refused = tcase_create("refused");
    TCase *damaged = tcase_create("damaged");

    tcase_add_loop_test(refused, test_image_refuses_with_a_sentence, 0,
                        sizeof elf_refusals / sizeof elf_refusals[0]);
    tcase_add_loop_test(refused, test_image_refuses_bzimages_with_a_sentence, 0,
                        sizeof bzimage_refusals / sizeof bzimage_refusals[0]);
    tcase_add_test(refused, test_image_limits_the_unpacked_size);
    tcase_add_test(refused, test_image_says_which_file);
    suite_add_tcase(suite, refused);
    tcase_set_timeout(damaged, 300);
    tcase_add_loop_test(damaged, test_image_survives_truncation, 0, CODEC_COUNT);
    tcase_add_loop_test(damaged, test_image_survives_mutation, KALLSYMS_6_1, KALLSYMS_COUNT);
    tcase_add_loop_test(damaged, test_image_survives_damaged_payloads, 0, CODEC_COUNT);
    tcase_add_loop_test(damaged, test_image_of_debian_survives_damage, 0, X64_TEST_KERNEL_COUNT);
    suite_add_tcase(suite, damaged);
    return suite;
}

X64_TEST_MAIN(hostile_suite())
