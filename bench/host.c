/* SPDX-License-Identifier: MIT */
/* This machine: its clock, its memory, its name; and the peer's process. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 512

double bench_now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return difference < 0 ? -1 : difference > 0;
}

double bench_quantile(double *values, size_t count, double quantile)
{
    qsort(values, count, sizeof values[0], compare);
    return values[(size_t)((double)(count - 1) * quantile + 0.5)];
}

double bench_resident(void)
{
    char line[LINE_BYTES];
    FILE *file = fopen("/proc/self/statm", "r"); /* pages in all, pages in RAM, ... */
    char *at = file && fgets(line, sizeof line, file) ? strchr(line, ' ') : NULL;
    double pages = at ? strtod(at, NULL) : 0;
    if (file)
        (void)fclose(file);
    return pages * (double)sysconf(_SC_PAGESIZE);
}

/* The value of a line "key : value" of /proc/cpuinfo. */
static void cpu_info(const char *key, char *value, size_t size)
{
    char line[LINE_BYTES];
    (void)snprintf(value, size, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, strlen(key)) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(value, size, "%s", colon[1] ? colon + 2 : "");
        break;
    }
    (void)fclose(file);
}

/* The first line that a program prints; false when it fails. The words end with a null. */
static bool first_line(const char *const *words, char *line, size_t size)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[0]);
        (void)execv(words[0], (char *const *)words);
        _exit(127);
    }
    (void)close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    bool read = output && fgets(line, (int)size, output) != NULL;
    if (output)
        (void)fclose(output);
    int status = 1;
    if (child > 0)
        (void)waitpid(child, &status, 0);
    if (read)
        line[strcspn(line, "\n")] = '\0';
    return read && status == 0;
}

void bench_print_host(const struct bench_context *context)
{
    char model[LINE_BYTES], mhz[LINE_BYTES], peer[LINE_BYTES];
    struct utsname name;
    cpu_info("model name", model, sizeof model);
    cpu_info("cpu MHz", mhz, sizeof mhz);
    if (uname(&name) != 0)
        (void)snprintf(name.release, sizeof name.release, "unknown");
    (void)printf("CPU       %s, %s MHz, %ld online\n", model, mhz, sysconf(_SC_NPROCESSORS_ONLN));
    (void)printf("system    Linux %s, built by %s\n", name.release, BENCH_COMPILER);
    if (context->peer &&
        first_line((const char *const[]){context->peer, "version", NULL}, peer, sizeof peer))
        (void)printf("peer      %s, the same guests in turn with ours\n", peer);
    else
        (void)printf("peer      none (--peer names one)\n");
    if (context->stock)
        (void)printf("stock     %s\n", context->stock);
    (void)printf("\n");
}

bool bench_peer(const struct bench_context *context, const char *mode, const char *guest,
                uint64_t count, double *ns)
{
    char number[32], line[LINE_BYTES];
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)count);
    const char *const words[] = {context->peer, mode, guest, number, NULL};
    if (!context->peer || !first_line(words, line, sizeof line))
        return false;
    *ns = strtod(line, NULL);
    return *ns > 0;
}
