/* SPDX-License-Identifier: MIT */
#include "state/file.h"
#include "state/sample.h"
#include "state/save.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every test works in a directory of its own and leaves it empty. */
static char directory[64];
static char path[100];

static void enter_directory(void)
{
    (void)snprintf(directory, sizeof directory, "/tmp/x64emu-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/saved", directory);
}

static int count_entries(void)
{
    int count = 0;
    DIR *stream = opendir(directory);
    ck_assert_ptr_nonnull(stream);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(stream);
    return count;
}

static void leave_directory(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
}

static void put_old_content(void)
{
    FILE *stream = fopen(path, "w");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_ge(fputs("old", stream), 0);
    (void)fclose(stream);
}

static void check_content(const char *expected)
{
    char content[16] = "";
    FILE *stream = fopen(path, "r");
    ck_assert_ptr_nonnull(stream);
    content[fread(content, 1, sizeof content - 1, stream)] = 0;
    (void)fclose(stream);
    ck_assert_str_eq(content, expected);
}

static struct x64i_file *begin(const char *target)
{
    struct x64i_file *file = NULL;
    char message[200] = "";
    ck_assert_msg(x64i_file_create(target, &file, message, sizeof message) == X64_OK, "%s",
                  message);
    struct x64i_sink sink = x64i_file_sink(file);
    ck_assert(sink.write(sink.user, "new", 3));
    return file;
}

START_TEST(test_file_appears_when_it_is_complete)
{
    struct x64i_file *file = begin(path);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(x64i_file_commit(file, NULL, 0), X64_OK);
    check_content("new");
    ck_assert_int_eq(count_entries(), 1);
}
END_TEST

START_TEST(test_file_replaces_an_old_one_and_keeps_its_permissions)
{
    struct stat info;
    put_old_content();
    ck_assert_int_eq(chmod(path, 0640), 0);
    struct x64i_file *file = begin(path);
    check_content("old");
    ck_assert_int_eq(x64i_file_commit(file, NULL, 0), X64_OK);
    check_content("new");
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0640);
    ck_assert_int_eq(count_entries(), 1);
}
END_TEST

START_TEST(test_file_abandoned_leaves_the_old_one)
{
    put_old_content();
    x64i_file_abandon(begin(path));
    x64i_file_abandon(NULL);
    check_content("old");
    ck_assert_int_eq(count_entries(), 1);
}
END_TEST

START_TEST(test_file_follows_a_symbolic_link)
{
    char link[120];
    struct stat info;
    (void)snprintf(link, sizeof link, "%s/link", directory);
    put_old_content();
    ck_assert_int_eq(symlink("saved", link), 0);
    ck_assert_int_eq(x64i_file_commit(begin(link), NULL, 0), X64_OK);
    check_content("new");
    ck_assert_int_eq(lstat(link, &info), 0);
    ck_assert(S_ISLNK(info.st_mode));
    ck_assert_int_eq(unlink(link), 0);
}
END_TEST

START_TEST(test_file_writes_to_a_device_directly)
{
    struct stat info;
    ck_assert_int_eq(x64i_file_commit(begin("/dev/null"), NULL, 0), X64_OK);
    ck_assert_int_eq(stat("/dev/null", &info), 0);
    ck_assert(S_ISCHR(info.st_mode));
}
END_TEST

START_TEST(test_file_says_when_the_disk_is_full)
{
    char message[200] = "";
    ck_assert_int_eq(x64i_file_commit(begin("/dev/full"), message, sizeof message), X64_ERROR_IO);
    ck_assert_str_eq(message, "/dev/full: cannot be written: No space left on device");
}
END_TEST

START_TEST(test_file_says_when_it_cannot_begin)
{
    struct x64i_file *file = NULL;
    char message[200] = "";
    ck_assert_int_eq(x64i_file_create("/nowhere/at/all", &file, message, sizeof message),
                     X64_ERROR_IO);
    ck_assert_str_eq(message, "/nowhere/at/all: cannot be written: No such file or directory");
    ck_assert_int_eq(x64i_file_create(directory, &file, message, sizeof message), X64_ERROR_IO);
    ck_assert_ptr_null(file);
    ck_assert_int_eq(count_entries(), 0);
}
END_TEST

/* A limit on the size of files stands for a disk that fills up in the middle. */
START_TEST(test_save_that_fails_leaves_the_old_file)
{
    struct sample *sample = sample_create();
    struct rlimit limit = {.rlim_cur = 20000, .rlim_max = RLIM_INFINITY};
    char message[200] = "", expected[200];
    for (uint64_t i = 0; i < 100; i++)
        sample_poke(sample, i * X64I_PAGE_SIZE, 1);
    struct x64i_snapshot *snapshot = sample_snapshot(sample);
    put_old_content();
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(x64i_snapshot_save_file(snapshot, path, message, sizeof message),
                     X64_ERROR_IO);
    (void)snprintf(expected, sizeof expected, "%s: cannot be written: File too large", path);
    ck_assert_str_eq(message, expected);
    check_content("old");
    ck_assert_int_eq(count_entries(), 1);
    x64i_snapshot_release(snapshot);
    sample_destroy(sample);
}
END_TEST

START_TEST(test_snapshot_goes_through_a_file)
{
    struct sample *sample = sample_create();
    sample->device.value = 42;
    sample_poke(sample, 1 << 20, 1);
    struct x64i_snapshot *snapshot = sample_snapshot(sample), *loaded = NULL;
    char message[200] = "";
    ck_assert_int_eq(x64i_snapshot_save_file(snapshot, path, message, sizeof message), X64_OK);
    ck_assert_int_eq(x64i_snapshot_load_file(path, &loaded, message, sizeof message), X64_OK);
    ck_assert_int_eq(x64i_snapshot_compare(snapshot, loaded, NULL), 0);
    x64i_snapshot_release(snapshot);
    x64i_snapshot_release(loaded);
    sample_destroy(sample);
}
END_TEST

START_TEST(test_load_file_names_the_file_and_what_is_wrong)
{
    struct sample *sample = sample_create();
    struct x64i_snapshot *snapshot = sample_snapshot(sample), *loaded = NULL;
    char message[200] = "", expected[200];

    ck_assert_int_eq(x64i_snapshot_load_file(path, &loaded, message, sizeof message), X64_ERROR_IO);
    (void)snprintf(expected, sizeof expected, "%s: cannot be read: No such file or directory",
                   path);
    ck_assert_str_eq(message, expected);
    ck_assert_int_eq(x64i_snapshot_load_file(directory, &loaded, message, sizeof message),
                     X64_ERROR_IO);
    (void)snprintf(expected, sizeof expected, "%s: cannot be read: Is a directory", directory);
    ck_assert_str_eq(message, expected);
    put_old_content();
    ck_assert_int_eq(x64i_snapshot_load_file(path, &loaded, message, sizeof message),
                     X64_ERROR_FORMAT);
    (void)snprintf(expected, sizeof expected,
                   "%s: not a saved state: the first bytes are not X64STATE", path);
    ck_assert_str_eq(message, expected);

    ck_assert_int_eq(x64i_snapshot_save_file(snapshot, path, message, sizeof message), X64_OK);
    FILE *stream = fopen(path, "a");
    ck_assert_int_eq(fputc(0, stream), 0);
    (void)fclose(stream);
    ck_assert_int_eq(x64i_snapshot_load_file(path, &loaded, message, sizeof message),
                     X64_ERROR_FORMAT);
    (void)snprintf(expected, sizeof expected,
                   "%s: there are bytes after the end of the saved state", path);
    ck_assert_str_eq(message, expected);
    ck_assert_ptr_null(loaded);
    x64i_snapshot_release(snapshot);
    sample_destroy(sample);
}
END_TEST

static Suite *file_suite(void)
{
    Suite *suite = suite_create("file");
    TCase *tcase = tcase_create("file");
    tcase_add_checked_fixture(tcase, enter_directory, leave_directory);
    tcase_add_test(tcase, test_file_appears_when_it_is_complete);
    tcase_add_test(tcase, test_file_replaces_an_old_one_and_keeps_its_permissions);
    tcase_add_test(tcase, test_file_abandoned_leaves_the_old_one);
    tcase_add_test(tcase, test_file_follows_a_symbolic_link);
    tcase_add_test(tcase, test_file_writes_to_a_device_directly);
    tcase_add_test(tcase, test_file_says_when_the_disk_is_full);
    tcase_add_test(tcase, test_file_says_when_it_cannot_begin);
    tcase_add_test(tcase, test_save_that_fails_leaves_the_old_file);
    tcase_add_test(tcase, test_snapshot_goes_through_a_file);
    tcase_add_test(tcase, test_load_file_names_the_file_and_what_is_wrong);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(file_suite())
