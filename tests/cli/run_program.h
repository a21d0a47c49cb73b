/* SPDX-License-Identifier: MIT */
/*
 * Runs the program under test in a child process and looks at what it left behind.
 *
 *     struct program_run run = run_program(NULL, "trace", "--limit", "5", NULL);
 *     ck_assert_int_eq(run.status, 0);
 *     program_run_free(&run);
 */
#ifndef X64_TESTS_CLI_RUN_PROGRAM_H
#define X64_TESTS_CLI_RUN_PROGRAM_H

#include <stddef.h>

struct program_run {
    int status; /* exit status, or 1000 + signal */
    char *out;  /* zero-terminated */
    char *err;
    size_t out_size;
};

/* Runs the program with the words up to a null pointer as arguments and `input` as its stdin; null
 * for an empty one. Fails the test when it takes more than a minute. */
struct program_run run_program(const char *input, ...) __attribute__((sentinel));
/* The same with words in a list; `words[0]` null stands for the program under test. It runs in an
 * empty environment but for PATH and LC_ALL. */
struct program_run run_words(const char *input, char *const *words);
void program_run_free(struct program_run *run);

/* Fails the test unless the run ended with that status and one line on stderr that begins with
 * "x64emu: " and holds `words`. */
void program_run_refused(const struct program_run *run, int status, const char *words);

/* A path below a directory of the test's own, which is removed at the end; static storage. */
const char *test_path(const char *name);

/* Writes a file; reads one whole, zero-terminated, or answers null. The caller frees it. */
void write_file(const char *path, const void *bytes, size_t size);
char *read_file(const char *path, size_t *size);

#endif
