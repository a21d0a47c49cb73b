/* SPDX-License-Identifier: MIT */
#include "state/sample.h"
#include "state/save.h"

#include <string.h>

/* What was saved, in memory. */
struct buffer {
    uint8_t *bytes;
    size_t size;
    size_t capacity; /* the sink fails beyond it */
};

static bool buffer_write(void *user, const void *data, size_t size)
{
    struct buffer *buffer = user;
    if (size > buffer->capacity - buffer->size)
        return false;
    memcpy(buffer->bytes + buffer->size, data, size);
    buffer->size += size;
    return true;
}

static struct buffer make_buffer(size_t capacity)
{
    struct buffer buffer = {.bytes = malloc(capacity), .capacity = capacity};
    ck_assert_ptr_nonnull(buffer.bytes);
    return buffer;
}

static struct buffer save(const struct x64i_snapshot *snapshot)
{
    struct buffer buffer = make_buffer(1 << 20);
    struct x64i_sink sink = {.write = buffer_write, .user = &buffer};
    ck_assert_int_eq(x64i_snapshot_save(snapshot, &sink), X64_OK);
    return buffer;
}

static enum x64_status load(const uint8_t *bytes, size_t size, struct x64i_snapshot **out,
                            char *message, size_t message_size)
{
    struct x64i_memory_source memory = {.bytes = bytes, .left = size};
    struct x64i_source source = {.read = x64i_memory_source_read, .user = &memory};
    return x64i_snapshot_load(&source, out, message, message_size);
}

/* A small saved state: two fixed bytes-regions, two pages of RAM present, two blobs. */
static struct buffer save_small(void)
{
    struct x64i_state *state;
    struct x64i_snapshot *snapshot;
    struct x64i_pages *ram;
    uint8_t cpu[24] = {1, 2, 3};
    ck_assert_int_eq(x64i_state_create(&state), X64_OK);
    ck_assert_int_eq(x64i_state_add_fixed(state, "cpu", 7, cpu, sizeof cpu, 0), X64_OK);
    ck_assert_int_eq(x64i_state_add_paged(state, "ram", 1, 16384, 0, &ram), X64_OK);
    ck_assert_int_eq(x64i_pages_copy_in(ram, 4096, "x", 1), X64_OK);
    ck_assert_int_eq(x64i_state_set_blob(state, "one", "first", 5), X64_OK);
    ck_assert_int_eq(x64i_state_set_blob(state, "two", "", 0), X64_OK);
    ck_assert_int_eq(x64i_state_snapshot(state, &snapshot), X64_OK);
    struct buffer buffer = save(snapshot);
    x64i_snapshot_release(snapshot);
    x64i_state_destroy(state);
    return buffer;
}

START_TEST(test_save_and_load_bring_back_the_same_state)
{
    struct sample *a = sample_create();
    for (size_t i = 0; i < 1000; i++)
        a->cpu.registers[i] = i * 0x123456789;
    a->device.bytes[12] = 9;
    a->cycles = 1234;
    sample_poke(a, SAMPLE_RAM_SIZE - 1, 3);
    ck_assert_int_eq(x64i_state_set_blob(a->state, "names", "abc", 4), X64_OK);
    struct x64i_snapshot *snapshot = sample_snapshot(a), *loaded;
    struct buffer buffer = save(snapshot);
    ck_assert_int_eq(load(buffer.bytes, buffer.size, &loaded, NULL, 0), X64_OK);
    ck_assert_uint_eq(x64i_snapshot_hash(loaded), x64i_state_hash(a->state));
    ck_assert_int_eq(x64i_snapshot_compare(loaded, snapshot, NULL), 0);

    struct sample *b = sample_create();
    ck_assert_int_eq(x64i_state_restore(b->state, loaded), X64_OK);
    ck_assert_int_eq(x64i_state_compare(a->state, b->state, NULL), 0);
    ck_assert_uint_eq(b->cycles, 1234);
    ck_assert_str_eq(x64i_state_get_blob(b->state, "names", NULL), "abc");
    x64i_snapshot_release(snapshot);
    x64i_snapshot_release(loaded);
    sample_destroy(a);
    sample_destroy(b);
    free(buffer.bytes);
}
END_TEST

START_TEST(test_save_leaves_zero_pages_out)
{
    struct sample *sample = sample_create();
    for (uint64_t i = 0; i < SAMPLE_RAM_SIZE / X64I_PAGE_SIZE; i++)
        ck_assert_ptr_nonnull(x64i_pages_write(sample->ram, i));
    struct x64i_snapshot *snapshot = sample_snapshot(sample);
    struct buffer buffer = save(snapshot);
    ck_assert_uint_lt(buffer.size, 400);
    x64i_snapshot_release(snapshot);
    sample_destroy(sample);
    free(buffer.bytes);
}
END_TEST

START_TEST(test_load_of_a_large_blob_grows_as_it_arrives)
{
    size_t size = 5000001, got = 0;
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 13));
    struct sample *sample = sample_create();
    ck_assert_int_eq(x64i_state_set_blob(sample->state, "large", bytes, size), X64_OK);
    struct x64i_snapshot *snapshot = sample_snapshot(sample), *loaded;
    struct buffer buffer = make_buffer(6 << 20);
    struct x64i_sink sink = {.write = buffer_write, .user = &buffer};
    ck_assert_int_eq(x64i_snapshot_save(snapshot, &sink), X64_OK);
    ck_assert_int_eq(load(buffer.bytes, buffer.size, &loaded, NULL, 0), X64_OK);
    const void *back = x64i_snapshot_get_blob(loaded, "large", &got);
    ck_assert_uint_eq(got, size);
    ck_assert_int_eq(memcmp(back, bytes, size), 0);
    x64i_snapshot_release(snapshot);
    x64i_snapshot_release(loaded);
    sample_destroy(sample);
    free(buffer.bytes);
    free(bytes);
}
END_TEST

START_TEST(test_load_takes_its_section_and_not_a_byte_more)
{
    struct buffer buffer = save_small();
    memcpy(buffer.bytes + buffer.size, "next section", 12);
    struct x64i_memory_source memory = {.bytes = buffer.bytes, .left = buffer.size + 12};
    struct x64i_source source = {.read = x64i_memory_source_read, .user = &memory};
    struct x64i_snapshot *loaded;
    ck_assert_int_eq(x64i_snapshot_load(&source, &loaded, NULL, 0), X64_OK);
    ck_assert_uint_eq(memory.left, 12);
    ck_assert_mem_eq(memory.bytes, "next section", 12);
    x64i_snapshot_release(loaded);
    free(buffer.bytes);
}
END_TEST

/* The copies below are as long as the data, for AddressSanitizer to see any step beyond it. */
START_TEST(test_load_refuses_a_file_cut_off_anywhere)
{
    struct buffer buffer = save_small();
    for (size_t size = 0; size < buffer.size; size++) {
        struct x64i_snapshot *loaded = NULL;
        char message[160] = "";
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, buffer.bytes, size);
        ck_assert_msg(load(copy, size, &loaded, message, sizeof message) == X64_ERROR_FORMAT,
                      "cut off at %zu", size);
        ck_assert_ptr_null(loaded);
        ck_assert_uint_gt(strlen(message), 10);
        free(copy);
    }
    free(buffer.bytes);
}
END_TEST

START_TEST(test_load_refuses_a_file_with_any_byte_changed)
{
    static const uint8_t flips[] = {0x01, 0x80, 0xff};
    struct buffer buffer = save_small();
    for (size_t at = 0; at < buffer.size; at++) {
        struct x64i_snapshot *loaded = NULL;
        char message[160] = "";
        buffer.bytes[at] ^= flips[at % 3];
        enum x64_status status = load(buffer.bytes, buffer.size, &loaded, message, sizeof message);
        buffer.bytes[at] ^= flips[at % 3];
        ck_assert_msg(status == X64_ERROR_FORMAT || status == X64_ERROR_UNSUPPORTED,
                      "byte %zu changed: %d", at, status);
        ck_assert_uint_gt(strlen(message), 10);
    }
    free(buffer.bytes);
}
END_TEST

/* Where things lie in what save_small saves. */
enum {
    AT_VERSION = 8,
    AT_REGION_COUNT = 12,
    AT_BLOB_COUNT = 16,
    AT_CPU = 24,
    AT_CPU_KIND = AT_CPU + 32,
    AT_CPU_FLAGS = AT_CPU + 40,
    AT_CPU_SIZE = AT_CPU + 48,
    AT_CPU_PAGE = AT_CPU + 56,
    AT_RAM = AT_CPU_PAGE + 8 + 24 + 8,
    AT_RAM_SIZE = AT_RAM + 48,
    AT_RAM_PAGE = AT_RAM + 56,
    AT_ONE = AT_RAM_PAGE + 8 + 4096 + 8,
    AT_ONE_SIZE = AT_ONE + 32,
    AT_TWO = AT_ONE_SIZE + 8 + 5
};

/* Files that are wrong on purpose: their checksums are right. */
static const struct {
    size_t at;
    const char *bytes;
    size_t size;
    enum x64_status status;
    const char *message;
} forgeries[] = {
    {0, "ELF", 3, X64_ERROR_FORMAT, "not a saved state: the first bytes are not X64STATE"},
    {AT_VERSION, "\2", 1, X64_ERROR_UNSUPPORTED,
     "saved with format version 2, this program reads version 1"},
    {AT_REGION_COUNT, "\377\377\377\377", 4, X64_ERROR_FORMAT, "impossible counts in the header"},
    {AT_BLOB_COUNT, "\101", 1, X64_ERROR_FORMAT, "impossible counts in the header"},
    {AT_BLOB_COUNT + 4, "\1", 1, X64_ERROR_FORMAT, "impossible counts in the header"},
    {AT_REGION_COUNT, "\0", 1, X64_ERROR_FORMAT, "impossible size of blob cpu"},
    {AT_CPU, "\0", 1, X64_ERROR_FORMAT, "an impossible name of a region"},
    {AT_CPU + 1, "\n", 1, X64_ERROR_FORMAT, "an impossible name of a region"},
    {AT_CPU + 9, "x", 1, X64_ERROR_FORMAT, "an impossible name of a region"},
    {AT_CPU, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 32, X64_ERROR_FORMAT,
     "an impossible name of a region"},
    {AT_CPU_KIND, "\3", 1, X64_ERROR_FORMAT, "impossible kind or flags of region cpu"},
    {AT_CPU_FLAGS, "\2", 1, X64_ERROR_FORMAT, "impossible kind or flags of region cpu"},
    {AT_CPU_SIZE, "\0", 1, X64_ERROR_FORMAT, "impossible size of region cpu"},
    {AT_CPU_SIZE + 3, "\2", 1, X64_ERROR_FORMAT, "impossible size of region cpu"},
    {AT_CPU_PAGE, "\1", 1, X64_ERROR_FORMAT, "an impossible page number in region cpu"},
    {AT_RAM, "cpu", 3, X64_ERROR_FORMAT, "twice the same region cpu"},
    {AT_RAM_SIZE, "\1", 1, X64_ERROR_FORMAT, "impossible size of region ram"},
    {AT_RAM_SIZE + 7, "\1", 1, X64_ERROR_FORMAT, "impossible size of region ram"},
    {AT_RAM_PAGE, "\4", 1, X64_ERROR_FORMAT, "an impossible page number in region ram"},
    {AT_RAM_PAGE + 8 + 4096, "\1\0\0\0\0\0\0\0", 8, X64_ERROR_FORMAT,
     "an impossible page number in region ram"},
    {AT_ONE, " ", 1, X64_ERROR_FORMAT, "an impossible name of a blob"},
    {AT_ONE_SIZE + 3, "\100", 1, X64_ERROR_FORMAT, "impossible size of blob one"},
    {AT_ONE_SIZE + 2, "\100", 1, X64_ERROR_FORMAT, "the data ends in blob one"},
    {AT_TWO, "one", 3, X64_ERROR_FORMAT, "twice the same blob one"},
};

START_TEST(test_load_refuses_forged_files)
{
    struct buffer buffer = save_small();
    struct x64i_snapshot *loaded = NULL;
    char message[160] = "";
    memcpy(buffer.bytes + forgeries[_i].at, forgeries[_i].bytes, forgeries[_i].size);
    uint64_t checksum = x64i_hash(buffer.bytes, buffer.size - 8, 0);
    memcpy(buffer.bytes + buffer.size - 8, &checksum, sizeof checksum);
    ck_assert_int_eq(load(buffer.bytes, buffer.size, &loaded, message, sizeof message),
                     forgeries[_i].status);
    ck_assert_str_eq(message, forgeries[_i].message);
    ck_assert_ptr_null(loaded);
    free(buffer.bytes);
}
END_TEST

START_TEST(test_save_reports_a_sink_that_fails)
{
    struct sample *sample = sample_create();
    sample_poke(sample, 0, 1);
    struct x64i_snapshot *snapshot = sample_snapshot(sample);
    struct buffer whole = save(snapshot);
    for (size_t capacity = 0; capacity < whole.size; capacity += 7) {
        struct buffer small = make_buffer(capacity + 1);
        small.capacity = capacity;
        struct x64i_sink sink = {.write = buffer_write, .user = &small};
        ck_assert_int_eq(x64i_snapshot_save(snapshot, &sink), X64_ERROR_IO);
        free(small.bytes);
    }
    x64i_snapshot_release(snapshot);
    sample_destroy(sample);
    free(whole.bytes);
}
END_TEST

static Suite *save_suite(void)
{
    Suite *suite = suite_create("save");
    TCase *tcase = tcase_create("save");
    tcase_add_test(tcase, test_save_and_load_bring_back_the_same_state);
    tcase_add_test(tcase, test_save_leaves_zero_pages_out);
    tcase_add_test(tcase, test_load_of_a_large_blob_grows_as_it_arrives);
    tcase_add_test(tcase, test_load_takes_its_section_and_not_a_byte_more);
    tcase_add_test(tcase, test_save_reports_a_sink_that_fails);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("hostile");
    tcase_add_test(tcase, test_load_refuses_a_file_cut_off_anywhere);
    tcase_add_test(tcase, test_load_refuses_a_file_with_any_byte_changed);
    tcase_add_loop_test(tcase, test_load_refuses_forged_files, 0,
                        (int)(sizeof forgeries / sizeof forgeries[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(save_suite())
