/* SPDX-License-Identifier: MIT */
/* Recordings as hostile files, and a trace that changes nothing. */
#include "support/suite.h"

#include "trace/recording.h"

#include "x64emu/trace.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INTERVAL (UINT64_C(1) << 40)

static char path[64];
static uint8_t *bytes;
static size_t size;
static uint64_t final_hash;

static struct x64_machine *new_guest(void)
{
    const struct x64_config config = {.struct_size = sizeof config};
    const struct x64_kernel_config kernel = {.struct_size = sizeof kernel};
    struct x64_machine *machine;
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_kernel_attach(machine, &kernel, NULL), X64_OK);
    return machine;
}

static void read_back(void)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    size = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(size);
    ck_assert_uint_eq(fread(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static void set_up(void)
{
    struct x64i_recording recording;
    struct x64_error_text error;
    (void)snprintf(path, sizeof path, "/tmp/x64emu-recording-XXXXXX");
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    (void)close(descriptor);
    struct x64_machine *machine = new_guest();
    ck_assert_int_eq(x64i_recording_begin(&recording, machine), X64_OK);
    ck_assert_int_eq(x64_run(machine, UINT64_MAX, NULL), X64_OK);
    ck_assert_int_eq(x64i_recording_write(&recording, machine, path, &error), X64_OK);
    final_hash = recording.hash;
    x64i_recording_free(&recording);
    x64_machine_destroy(machine);
    read_back();
}

static void tear_down(void)
{
    free(bytes);
    (void)remove(path);
}

static void write_back(const uint8_t *data, size_t length)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static void refuse(const char *what, size_t at)
{
    struct x64i_recording recording;
    struct x64_error_text error = {{0}};
    enum x64_status status = x64i_recording_read(path, &recording, &error);
    ck_assert_msg(status == X64_ERROR_FORMAT || status == X64_ERROR_UNSUPPORTED,
                  "%s at %zu: status %d", what, at, status);
    ck_assert_msg(strncmp(error.text, path, strlen(path)) == 0, "%s", error.text);
}

START_TEST(test_recording_replays_to_the_same_state)
{
    struct x64i_recording recording;
    struct x64_error_text error = {{0}};
    const struct x64_host host = {0};
    struct x64_machine *machine;
    uint64_t hash;
    ck_assert_int_eq(x64i_recording_read(path, &recording, &error), X64_OK);
    ck_assert_str_eq(recording.cpu_model, "golden_cove");
    ck_assert_msg(x64i_recording_open(&recording, &host, INTERVAL, &machine, &error) == X64_OK,
                  "%s", error.text);
    ck_assert_int_eq(x64_run(machine, recording.steps, NULL), X64_OK);
    ck_assert_uint_eq(x64_steps(machine), recording.steps);
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    ck_assert_uint_eq(hash, recording.hash);
    x64_machine_destroy(machine);
    x64i_recording_free(&recording);
}
END_TEST

START_TEST(test_recording_cut_short_is_refused)
{
    for (size_t length = 0; length < size; length += length < 2048 ? 37 : size / 50) {
        write_back(bytes, length);
        refuse("cut", length);
    }
}
END_TEST

START_TEST(test_recording_damaged_is_refused)
{
    for (size_t at = 0; at < size; at += at < 1200 ? 11 : size / 50) {
        bytes[at] ^= 0x41;
        write_back(bytes, size);
        refuse("damaged", at);
        bytes[at] ^= 0x41;
    }
}
END_TEST

START_TEST(test_recording_with_more_behind_it_is_refused)
{
    uint8_t *longer = malloc(size + 1);
    ck_assert_ptr_nonnull(longer);
    memcpy(longer, bytes, size);
    longer[size] = 0;
    write_back(longer, size + 1);
    free(longer);
    refuse("longer", size);
}
END_TEST

START_TEST(test_recording_of_another_version_is_refused)
{
    struct x64i_recording recording;
    struct x64_error_text error = {{0}};
    bytes[8] = 99;
    write_back(bytes, size);
    ck_assert_int_eq(x64i_recording_read(path, &recording, &error), X64_ERROR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.text, "version 99"));
}
END_TEST

/* Headers whose checksum is right and whose content is absurd. */
START_TEST(test_recording_absurd_header_is_refused)
{
    struct x64i_recording recording;
    struct x64_error_text error = {{0}};
    const struct x64_host host = {0};
    struct x64_machine *machine;
    static const uint64_t sizes[] = {
        0, 1, UINT64_MAX, UINT64_C(1) << 50, 4096, UINT64_C(128) << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ck_assert_int_eq(x64i_recording_read(path, &recording, &error), X64_OK);
        recording.memory_size = sizes[i];
        ck_assert_int_ne(x64i_recording_open(&recording, &host, INTERVAL, &machine, &error),
                         X64_OK);
        ck_assert_int_ne(error.text[0], '\0');
        x64i_recording_free(&recording);
    }
    ck_assert_int_eq(x64i_recording_read(path, &recording, &error), X64_OK);
    (void)snprintf(recording.cpu_model, sizeof recording.cpu_model, "z80");
    ck_assert_int_ne(x64i_recording_open(&recording, &host, INTERVAL, &machine, &error), X64_OK);
    x64i_recording_free(&recording);
    ck_assert_int_eq(x64i_recording_read(path, &recording, &error), X64_OK);
    recording.first_step = 5;
    ck_assert_int_ne(x64i_recording_open(&recording, &host, INTERVAL, &machine, &error), X64_OK);
    x64i_recording_free(&recording);
}
END_TEST

static bool swallow(void *user, const char *text, size_t length)
{
    (void)text;
    *(size_t *)user += length;
    return true;
}

START_TEST(test_trace_changes_nothing)
{
    size_t written = 0;
    const struct x64_trace_options options = {.struct_size = sizeof options,
                                              .format = _i ? X64_TRACE_JSONL : X64_TRACE_TEXT,
                                              .user = &written,
                                              .write = swallow};
    struct x64_machine *machine = new_guest();
    struct x64_trace *trace;
    struct x64_stop stop;
    uint64_t hash;
    ck_assert_int_eq(x64_trace_create(machine, &options, &trace), X64_OK);
    ck_assert_int_eq(x64_trace_run(trace, UINT64_MAX, &stop), X64_OK);
    ck_assert_int_eq(x64_trace_finish(trace, &stop), X64_OK);
    ck_assert_int_eq(stop.reason, X64_STOP_EXIT);
    ck_assert_uint_gt(written, 100000);
    ck_assert_uint_gt(x64_trace_cycles(trace), 1000);
    x64_trace_destroy(trace);
    ck_assert_int_eq(x64_hash(machine, &hash), X64_OK);
    ck_assert_uint_eq(hash, final_hash);
    x64_machine_destroy(machine);
}
END_TEST

static bool refuse_all(void *user, const char *text, size_t length)
{
    (void)user;
    (void)text;
    (void)length;
    return false;
}

START_TEST(test_trace_reports_a_broken_sink)
{
    const struct x64_trace_options options = {.struct_size = sizeof options, .write = refuse_all};
    struct x64_machine *machine = new_guest();
    struct x64_trace *trace;
    ck_assert_int_eq(x64_trace_create(machine, &options, &trace), X64_OK);
    ck_assert_int_eq(x64_trace_run(trace, UINT64_MAX, NULL), X64_ERROR_IO);
    ck_assert_uint_lt(x64_steps(machine), 1600);
    ck_assert_int_eq(x64_trace_finish(trace, NULL), X64_ERROR_IO);
    x64_trace_destroy(trace);
    x64_machine_destroy(machine);
}
END_TEST

static Suite *recording_suite(void)
{
    Suite *suite = suite_create("recording");
    TCase *tcase = tcase_create("recording");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_recording_replays_to_the_same_state);
    tcase_add_test(tcase, test_recording_cut_short_is_refused);
    tcase_add_test(tcase, test_recording_damaged_is_refused);
    tcase_add_test(tcase, test_recording_with_more_behind_it_is_refused);
    tcase_add_test(tcase, test_recording_of_another_version_is_refused);
    tcase_add_test(tcase, test_recording_absurd_header_is_refused);
    tcase_add_loop_test(tcase, test_trace_changes_nothing, 0, 2);
    tcase_add_test(tcase, test_trace_reports_a_broken_sink);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(recording_suite())
