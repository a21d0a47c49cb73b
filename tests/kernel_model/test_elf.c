/* SPDX-License-Identifier: MIT */
/* Programs as hostile files: every length, every field, random bytes. */
#include "kernel_model/elf.h"
#include "kernel_model/guest.h"
#include "kernel_model/layout.h"
#include "kernel_model/mm.h"

#include "support/suite.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const uint8_t x64i_demo_64[], x64i_demo_64_end[];
extern const uint8_t x64i_demo_32[], x64i_demo_32_end[];

#define FILE_SIZE 0x3000u
#define SEGMENT   sizeof(Elf64_Ehdr)

struct file {
    uint8_t bytes[FILE_SIZE];
};

/* A good program of two segments. */
static struct file good_file(void)
{
    struct file file = {{0}};
    Elf64_Ehdr header = {.e_type = ET_EXEC,
                         .e_machine = EM_X86_64,
                         .e_version = EV_CURRENT,
                         .e_entry = 0x401000,
                         .e_phoff = SEGMENT,
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = 2};
    Elf64_Phdr segments[2] = {{.p_type = PT_LOAD,
                               .p_flags = PF_R | PF_X,
                               .p_offset = 0,
                               .p_vaddr = 0x400000,
                               .p_filesz = 0x2000,
                               .p_memsz = 0x2000},
                              {.p_type = PT_LOAD,
                               .p_flags = PF_R | PF_W,
                               .p_offset = 0x2000,
                               .p_vaddr = 0x402000,
                               .p_filesz = 0x800,
                               .p_memsz = 0x4000}};
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    memcpy(file.bytes, &header, sizeof header);
    memcpy(file.bytes + SEGMENT, segments, sizeof segments);
    return file;
}

static enum x64_status parse(const struct file *file, struct x64_error_text *error)
{
    struct x64i_elf elf;
    return x64i_elf_parse(file->bytes, sizeof file->bytes, "program", &elf, error);
}

/* What must hold for every file that is accepted. */
static void check_accepted(const struct x64i_elf *elf, size_t size)
{
    uint64_t limit = elf->compat ? X64I_TASK_SIZE_32 : X64I_TASK_SIZE;
    uint64_t end = 0;
    ck_assert_uint_gt(elf->segment_count, 0);
    ck_assert_uint_lt(elf->entry, limit);
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct x64i_elf_segment *segment = &elf->segment[i];
        ck_assert_uint_ge(segment->linear, end);
        ck_assert_uint_le(segment->file_size, segment->memory_size);
        ck_assert_uint_le(segment->memory_size, limit - segment->linear);
        ck_assert_uint_le(segment->file_size, size);
        ck_assert_uint_le(segment->file_offset, size - segment->file_size);
        end = segment->linear + segment->memory_size;
    }
}

START_TEST(test_elf_reads_segments)
{
    struct file file = good_file();
    struct x64i_elf elf;
    ck_assert_int_eq(x64i_elf_parse(file.bytes, sizeof file.bytes, "program", &elf, NULL), X64_OK);
    ck_assert_uint_eq(elf.segment_count, 2);
    ck_assert_uint_eq(elf.entry, 0x401000);
    ck_assert_uint_eq(elf.phdr, 0x400000 + SEGMENT);
    ck_assert_uint_eq(elf.end, 0x406000);
    ck_assert_uint_eq(elf.segment[1].protection, X64I_PROT_READ | X64I_PROT_WRITE);
    check_accepted(&elf, sizeof file.bytes);
}
END_TEST

/* Truncated to every length, both widths. */
static void try_every_length(const uint8_t *bytes, const uint8_t *end)
{
    size_t size = (size_t)(end - bytes);
    for (size_t length = 0; length <= size; length++) {
        struct x64i_elf elf;
        struct x64_error_text error = {{0}};
        uint8_t *copy = malloc(length + 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, bytes, length);
        if (x64i_elf_parse(copy, length, "cut", &elf, &error) == X64_OK)
            check_accepted(&elf, length);
        else
            ck_assert_uint_gt(strlen(error.text), 5);
        free(copy);
    }
}

START_TEST(test_elf_truncated)
{
    try_every_length(x64i_demo_64, x64i_demo_64_end);
    try_every_length(x64i_demo_32, x64i_demo_32_end);
}
END_TEST

/* One wrong field each, with a word of the sentence that tells. */
START_TEST(test_elf_refuses_bad_fields)
{
    const size_t second = SEGMENT + sizeof(Elf64_Phdr);
    const struct {
        size_t offset;
        unsigned size;
        uint64_t value;
        const char *word;
    } rows[] = {
        {0, 1, 'E', "not an ELF"},
        {EI_CLASS, 1, 7, "class"},
        {EI_DATA, 1, ELFDATA2MSB, "little-endian"},
        {offsetof(Elf64_Ehdr, e_machine), 2, EM_AARCH64, "machine"},
        {offsetof(Elf64_Ehdr, e_type), 2, ET_REL, "type"},
        {offsetof(Elf64_Ehdr, e_phnum), 2, 0, "program headers"},
        {offsetof(Elf64_Ehdr, e_phnum), 2, 0xffff, "behind the file's end"},
        {offsetof(Elf64_Ehdr, e_phentsize), 2, 32, "program headers"},
        {offsetof(Elf64_Ehdr, e_phoff), 8, UINT64_MAX - 8, "behind the file's end"},
        {offsetof(Elf64_Ehdr, e_entry), 8, 0xffff800000000000u, "entry point"},
        {SEGMENT, 4, PT_INTERP, "interpreter's path"},
        {SEGMENT + offsetof(Elf64_Phdr, p_offset), 8, UINT64_MAX - 0xfff, "behind the file's end"},
        {SEGMENT + offsetof(Elf64_Phdr, p_filesz), 8, UINT64_MAX, "behind the file's end"},
        {SEGMENT + offsetof(Elf64_Phdr, p_memsz), 8, 1, "larger in the file"},
        {SEGMENT + offsetof(Elf64_Phdr, p_memsz), 8, UINT64_MAX, "does not fit"},
        {SEGMENT + offsetof(Elf64_Phdr, p_vaddr), 8, 0xffffffff81000000u, "does not fit"},
        {SEGMENT + offsetof(Elf64_Phdr, p_vaddr), 8, 0x400008, "within a page"},
        {SEGMENT + offsetof(Elf64_Phdr, p_memsz), 8, 0x3000, "overlaps"},
        {second + offsetof(Elf64_Phdr, p_vaddr), 8, 0x401000, "overlaps"},
        {second + offsetof(Elf64_Phdr, p_vaddr), 8, 0x1000, "overlaps"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct file file = good_file();
        struct x64_error_text error = {{0}};
        memcpy(file.bytes + rows[i].offset, &rows[i].value, rows[i].size);
        ck_assert_msg(parse(&file, &error) != X64_OK, "row %zu was accepted", i);
        ck_assert_msg(strstr(error.text, rows[i].word) != NULL, "row %zu: %s", i, error.text);
    }
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

START_TEST(test_elf_random_headers)
{
    static const uint64_t values[] = {0,          1,         0xfff,      0x1000,         0x7fffffff,
                                      UINT32_MAX, INT64_MAX, UINT64_MAX, 0x7ffffffff000, 0x400000};
    uint64_t random = 88172645463325252u;
    unsigned accepted = 0;
    for (unsigned i = 0; i < 200000; i++) {
        struct file file = good_file();
        struct x64i_elf elf;
        unsigned changes = 1 + next_random(&random) % 4;
        for (unsigned j = 0; j < changes; j++) {
            size_t offset = next_random(&random) % (SEGMENT + 2 * sizeof(Elf64_Phdr) - 8);
            uint64_t value =
                next_random(&random) & 1 ? values[next_random(&random) % 10] : next_random(&random);
            memcpy(file.bytes + offset, &value, 1u << next_random(&random) % 4);
        }
        if (x64i_elf_parse(file.bytes, sizeof file.bytes, "random", &elf, NULL) != X64_OK)
            continue;
        check_accepted(&elf, sizeof file.bytes);
        accepted++;
    }
    ck_assert_uint_gt(accepted, 100);
}
END_TEST

/* Whatever is accepted can be attached and run without harm to the host. */
START_TEST(test_elf_random_programs_run)
{
    uint64_t random = 362436069u;
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/x64emu-elf-%d", (int)getpid());
    for (unsigned i = 0; i < 120; i++) {
        struct file file = good_file();
        for (size_t j = 0x1000; j < 0x1100; j++)
            file.bytes[j] = (uint8_t)next_random(&random);
        size_t offset = SEGMENT + next_random(&random) % (2 * sizeof(Elf64_Phdr));
        file.bytes[offset] = (uint8_t)next_random(&random);
        FILE *out = fopen(path, "wb");
        ck_assert_ptr_nonnull(out);
        ck_assert_uint_eq(fwrite(&file, 1, sizeof file, out), sizeof file);
        ck_assert_int_eq(fclose(out), 0);
        struct x64_machine *machine;
        struct x64_config config = {.struct_size = sizeof config};
        struct x64_kernel_config kernel = {.struct_size = sizeof kernel, .program = path};
        struct x64_error_text error = {{0}};
        struct x64_stop stop;
        ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
        if (x64_kernel_attach(machine, &kernel, &error) == X64_OK)
            ck_assert_int_eq(x64_run(machine, 5000, &stop), X64_OK);
        else
            ck_assert_uint_gt(strlen(error.text), 5);
        x64_machine_destroy(machine);
    }
    ck_assert_int_eq(remove(path), 0);
}
END_TEST

static Suite *elf_suite(void)
{
    Suite *suite = suite_create("elf");
    TCase *tests = tcase_create("elf");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_elf_reads_segments);
    tcase_add_test(tests, test_elf_truncated);
    tcase_add_test(tests, test_elf_refuses_bad_fields);
    tcase_add_test(tests, test_elf_random_headers);
    tcase_add_test(tests, test_elf_random_programs_run);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(elf_suite())
