/* SPDX-License-Identifier: MIT */
#include "input_log.h"

#include "support/suite.h"

#include <string.h>

#define FILE_SIZE   8192
#define COUNT_AT    12 /* behind the version and the base */
#define RECORD_AT   20
#define RECORD_SIZE 12

struct file {
    uint8_t bytes[FILE_SIZE];
    size_t size;
    size_t at;
};

static bool put(void *user, const void *data, size_t size)
{
    struct file *file = user;
    if (size > sizeof file->bytes - file->size)
        return false;
    memcpy(file->bytes + file->size, data, size);
    file->size += size;
    return true;
}

static size_t get(void *user, void *data, size_t size)
{
    struct file *file = user;
    size_t left = file->size - file->at;
    size = size < left ? size : left;
    memcpy(data, file->bytes + file->at, size);
    file->at += size;
    return size;
}

static enum x64_status load(struct x64i_input_log *log, struct file *file)
{
    file->at = 0;
    return x64i_input_log_load(log, &(struct x64i_source){.read = get, .user = file});
}

/* Three records: bytes, none, a whole time. */
static struct x64i_input_log new_log(void)
{
    struct x64i_input_log log = {.base = 5};
    ck_assert_int_eq(x64i_input_log_append(&log, X64_INPUT_CONSOLE, 16, "hello", 5), X64_OK);
    ck_assert_int_eq(x64i_input_log_append(&log, X64_INPUT_CONSOLE, 16, "", 0), X64_OK);
    ck_assert_int_eq(x64i_input_log_append(&log, X64_INPUT_TIME, 8, "12345678", 8), X64_OK);
    return log;
}

static struct file saved(void)
{
    struct file file = {.size = 0};
    struct x64i_input_log log = new_log();
    ck_assert_int_eq(x64i_input_log_save(&log, &(struct x64i_sink){.write = put, .user = &file}),
                     X64_OK);
    x64i_input_log_free(&log);
    return file;
}

static void check_record(const struct x64i_input_log *log, size_t index, enum x64_input_kind kind,
                         size_t asked, const char *bytes)
{
    char buffer[16] = "";
    size_t given = 99;
    ck_assert_int_eq(x64i_input_log_read(log, index, kind, buffer, asked, &given), X64_OK);
    ck_assert_uint_eq(given, strlen(bytes));
    ck_assert_mem_eq(buffer, bytes, given);
}

START_TEST(test_input_log_answers_the_same_question_only)
{
    struct x64i_input_log log = new_log();
    char buffer[16];
    size_t given = 99;
    check_record(&log, 0, X64_INPUT_CONSOLE, 16, "hello");
    check_record(&log, 1, X64_INPUT_CONSOLE, 16, "");
    check_record(&log, 2, X64_INPUT_TIME, 8, "12345678");
    ck_assert_int_eq(x64i_input_log_read(&log, 3, X64_INPUT_CONSOLE, buffer, 16, &given),
                     X64_ERROR_NOT_FOUND);
    ck_assert_int_eq(x64i_input_log_read(&log, 0, X64_INPUT_RANDOM, buffer, 16, &given),
                     X64_ERROR_NOT_FOUND);
    ck_assert_int_eq(x64i_input_log_read(&log, 0, X64_INPUT_CONSOLE, buffer, 15, &given),
                     X64_ERROR_NOT_FOUND);
    ck_assert_int_eq(x64i_input_log_read(&log, SIZE_MAX, X64_INPUT_CONSOLE, buffer, 16, &given),
                     X64_ERROR_NOT_FOUND);
    ck_assert_uint_eq(given, 99);
    x64i_input_log_free(&log);
}
END_TEST

START_TEST(test_input_log_refuses_more_than_was_asked)
{
    struct x64i_input_log log = {0};
    ck_assert_int_eq(x64i_input_log_append(&log, X64_INPUT_CONSOLE, 2, "abc", 3),
                     X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_input_log_append(&log, X64_INPUT_CONSOLE, (size_t)UINT32_MAX + 1, "", 0),
                     X64_ERROR_ARGUMENT);
    ck_assert_uint_eq(log.count, 0);
    x64i_input_log_free(&log);
}
END_TEST

START_TEST(test_input_log_truncated_goes_on_elsewhere)
{
    struct x64i_input_log log = new_log();
    x64i_input_log_truncate(&log, 3);
    ck_assert_uint_eq(log.count, 3);
    x64i_input_log_truncate(&log, 1);
    ck_assert_uint_eq(log.count, 1);
    ck_assert_uint_eq(log.size, 5);
    ck_assert_int_eq(x64i_input_log_append(&log, X64_INPUT_RANDOM, 3, "xyz", 3), X64_OK);
    check_record(&log, 0, X64_INPUT_CONSOLE, 16, "hello");
    check_record(&log, 1, X64_INPUT_RANDOM, 3, "xyz");
    x64i_input_log_free(&log);
}
END_TEST

START_TEST(test_input_log_grows)
{
    struct x64i_input_log log = {0};
    uint8_t bytes[1000];
    for (unsigned i = 0; i < 1000; i++) {
        memset(bytes, (int)(i & 0xff), sizeof bytes);
        ck_assert_int_eq(x64i_input_log_append(&log, X64_INPUT_RANDOM, i, bytes, i), X64_OK);
    }
    for (unsigned i = 0; i < 1000; i++) {
        size_t given;
        ck_assert_int_eq(x64i_input_log_read(&log, i, X64_INPUT_RANDOM, bytes, i, &given), X64_OK);
        ck_assert_uint_eq(given, i);
        ck_assert(i == 0 || (bytes[0] == (i & 0xff) && bytes[i - 1] == (i & 0xff)));
    }
    x64i_input_log_free(&log);
}
END_TEST

START_TEST(test_input_log_saved_and_loaded)
{
    struct file file = saved();
    struct x64i_input_log log = {0};
    ck_assert_int_eq(x64i_input_log_append(&log, X64_INPUT_CONSOLE, 1, "x", 1), X64_OK);
    ck_assert_int_eq(load(&log, &file), X64_OK);
    ck_assert_uint_eq(file.at, file.size);
    ck_assert_uint_eq(log.base, 5);
    ck_assert_uint_eq(log.count, 3);
    check_record(&log, 0, X64_INPUT_CONSOLE, 16, "hello");
    check_record(&log, 1, X64_INPUT_CONSOLE, 16, "");
    check_record(&log, 2, X64_INPUT_TIME, 8, "12345678");
    x64i_input_log_free(&log);
}
END_TEST

/* A log that refuses a file is what it was. */
static void check_refused(struct file *file, const char *what, size_t offset)
{
    struct x64i_input_log log = new_log();
    enum x64_status status = load(&log, file);
    ck_assert_msg(status == X64_ERROR_FORMAT || status == X64_ERROR_UNSUPPORTED,
                  "%s at %zu: status %d", what, offset, status);
    ck_assert_uint_eq(log.count, 3);
    check_record(&log, 0, X64_INPUT_CONSOLE, 16, "hello");
    x64i_input_log_free(&log);
}

START_TEST(test_input_log_refuses_every_truncation)
{
    const struct file whole = saved();
    for (size_t size = 0; size < whole.size; size++) {
        struct file file = whole;
        file.size = size;
        check_refused(&file, "truncated", size);
    }
}
END_TEST

START_TEST(test_input_log_refuses_every_flipped_bit)
{
    const struct file whole = saved();
    for (size_t bit = 0; bit < whole.size * 8; bit++) {
        struct file file = whole;
        file.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_refused(&file, "flipped bit", bit);
    }
}
END_TEST

/* Sizes that promise gigabytes: refused at the file's end, with only its bytes taken. */
START_TEST(test_input_log_refuses_absurd_sizes)
{
    const struct {
        size_t at;
        size_t size;
    } fields[] = {{COUNT_AT, 8}, {RECORD_AT + 4, 8}, {RECORD_AT, 4}, {RECORD_AT + 8, 4}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        for (unsigned top = 0; top < 2; top++) {
            struct file file = saved();
            memset(file.bytes + fields[i].at, 0xff, fields[i].size);
            if (top) /* positive, as a signed number */
                file.bytes[fields[i].at + fields[i].size - 1] = 0x7f;
            check_refused(&file, "absurd size", fields[i].at);
        }
}
END_TEST

START_TEST(test_input_log_reports_a_full_disk)
{
    struct file file = {.size = FILE_SIZE - RECORD_AT - RECORD_SIZE};
    struct x64i_input_log log = new_log();
    ck_assert_int_eq(x64i_input_log_save(&log, &(struct x64i_sink){.write = put, .user = &file}),
                     X64_ERROR_IO);
    x64i_input_log_free(&log);
}
END_TEST

static Suite *input_log_suite(void)
{
    Suite *suite = suite_create("emu/input_log");
    TCase *tests = tcase_create("input_log");
    tcase_add_test(tests, test_input_log_answers_the_same_question_only);
    tcase_add_test(tests, test_input_log_refuses_more_than_was_asked);
    tcase_add_test(tests, test_input_log_truncated_goes_on_elsewhere);
    tcase_add_test(tests, test_input_log_grows);
    tcase_add_test(tests, test_input_log_saved_and_loaded);
    tcase_add_test(tests, test_input_log_refuses_every_truncation);
    tcase_add_test(tests, test_input_log_refuses_every_flipped_bit);
    tcase_add_test(tests, test_input_log_refuses_absurd_sizes);
    tcase_add_test(tests, test_input_log_reports_a_full_disk);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(input_log_suite())
