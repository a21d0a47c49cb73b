/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "cli/run_program.h"

#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 32
#define PATHS     4

static char directory[64];

static void remove_directory(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command) != 0)
        (void)fprintf(stderr, "%s is left behind\n", directory);
}

const char *test_path(const char *name)
{
    static char paths[PATHS][128];
    static unsigned next;
    if (!directory[0]) {
        (void)snprintf(directory, sizeof directory, "/tmp/x64emu-cli-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        (void)atexit(remove_directory);
    }
    char *path = paths[next++ % PATHS];
    (void)snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, "%s", path);
}

char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    size_t capacity = 65536;
    size_t length = 0;
    char *bytes = malloc(capacity);
    ck_assert_ptr_nonnull(bytes);
    for (size_t got; (got = fread(bytes + length, 1, capacity - length - 1, file)) > 0;) {
        length += got;
        if (capacity - length < 4096) {
            capacity *= 2;
            bytes = realloc(bytes, capacity);
            ck_assert_ptr_nonnull(bytes);
        }
    }
    (void)fclose(file);
    bytes[length] = '\0';
    if (size)
        *size = length;
    return bytes;
}

/* In the child: puts files in the places of stdin, stdout and stderr, then becomes the program. */
static void become_program(char *const *words, const char *in, const char *out, const char *err)
{
    int input = open(in, O_RDONLY);
    int output = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int errors = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (input < 0 || output < 0 || errors < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 ||
        dup2(errors, 2) < 0)
        _exit(126);
    (void)alarm(60);
    (void)execv(words[0], words);
    _exit(127);
}

/* Starts the words in a child with these three files and waits for it. */
static struct program_run run_child(const char *input, char *const *words, bool clean)
{
    char in[128], out[128], err[128];
    (void)snprintf(in, sizeof in, "%s", test_path("stdin"));
    (void)snprintf(out, sizeof out, "%s", test_path("stdout"));
    (void)snprintf(err, sizeof err, "%s", test_path("stderr"));
    write_file(in, input ? input : "", input ? strlen(input) : 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (clean && (clearenv() != 0 || setenv("PATH", "/usr/bin:/bin", 1) != 0 ||
                      setenv("LC_ALL", "C", 1) != 0))
            _exit(126);
        become_program(words, in, out, err);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    struct program_run run = {.status = WIFEXITED(status) ? WEXITSTATUS(status)
                                                          : 1000 + WTERMSIG(status)};
    run.out = read_file(out, &run.out_size);
    run.err = read_file(err, NULL);
    ck_assert(run.out && run.err);
    return run;
}

struct program_run run_words(const char *input, char *const *words)
{
    static char program[] = X64_TEST_PROGRAM;
    char *list[WORDS_MAX + 1] = {words[0] ? words[0] : program};
    for (size_t i = 1; i < WORDS_MAX && (list[i] = words[i]); i++)
        continue;
    return run_child(input, list, true);
}

struct program_run run_program(const char *input, ...)
{
    char program[] = X64_TEST_PROGRAM;
    char *words[WORDS_MAX + 1] = {program};
    va_list arguments;
    va_start(arguments, input);
    for (size_t i = 1; i < WORDS_MAX && (words[i] = va_arg(arguments, char *)); i++)
        continue;
    va_end(arguments);
    return run_child(input, words, false);
}

void program_run_free(struct program_run *run)
{
    free(run->out);
    free(run->err);
}

void program_run_refused(const struct program_run *run, int status, const char *words)
{
    const char *end = strchr(run->err, '\n');
    ck_assert_msg(run->status == status, "status %d, not %d: %s", run->status, status, run->err);
    ck_assert_msg(strncmp(run->err, "x64emu: ", 8) == 0, "%s", run->err);
    ck_assert_msg(end && end[1] == '\0', "not one line: %s", run->err);
    ck_assert_msg(strstr(run->err, words) != NULL, "'%s' is not in: %s", words, run->err);
}
