/* SPDX-License-Identifier: MIT */
/* The viewer on a long recording: the program itself, without a display, as its user has it. */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS  10000000u
#define SEEKS  400
#define STRIDE 8 /* points between two places that are scrubbed over */

/* Of the window's timeline, in points. */
#define LEFT   70
#define RIGHT  1580
#define MIDDLE 960

enum file { RECORDING, SCRIPT, REPORT, FILES };

struct bench_viewer {
    char directory[32];
    char path[FILES][64];
    bool measured;
    double opens;    /* ms, from the program's start to the first picture, and to its end */
    double most;     /* ms: 99 of 100 frames take less */
    double longest;  /* ms: all frames do; where they go elsewhere, the seek is part of them */
    double resident; /* MiB at most */
};

/* Runs a program to its end, which nobody reads but in the report; answers its CPU time in ms. */
static bool run(const struct bench_viewer *viewer, const char *const *words, double *ms)
{
    struct rusage usage;
    int status = 1;
    pid_t child = fork();
    if (child == 0) {
        int report = open(viewer->path[REPORT], O_WRONLY | O_CREAT | O_TRUNC, 0600);
        (void)dup2(report, STDERR_FILENO);
        (void)dup2(report, STDOUT_FILENO);
        (void)execv(words[0], (char *const *)words);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0)
        return false;
    *ms = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
          (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
    return true;
}

/* To and fro over the whole timeline by mouse, zoomed in as well, then to places all over the run,
 * from each of which a few steps are made both ways. */
static bool write_script(const char *path)
{
    uint64_t seed = 1;
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    (void)fprintf(file, "index\n");
    for (unsigned round = 0; round < 2; round++) {
        (void)fprintf(file, "click %d %d\n", LEFT, MIDDLE);
        for (int x = LEFT; x < RIGHT; x += STRIDE)
            (void)fprintf(file, "drag %d %d\n", x, MIDDLE);
        (void)fprintf(file, "release\nwheel %d %d 1\n", (LEFT + RIGHT) / 2, MIDDLE);
    }
    for (unsigned i = 0; i < SEEKS; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        (void)fprintf(file, "goto %llu\nstep\neffect\nback 2\ncall\npage-back\n",
                      (unsigned long long)((seed >> 16) % STEPS));
    }
    return fclose(file) == 0;
}

/* The number behind some words of a line; 0 where they are not in it. */
static double number_after(const char *line, const char *words)
{
    const char *at = strstr(line, words);
    return at ? strtod(at + strlen(words), NULL) : 0;
}

/* What --frame-times says. */
static bool read_report(struct bench_viewer *viewer)
{
    char line[256];
    FILE *file = fopen(viewer->path[REPORT], "r");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        if (strstr(line, "by processor time")) {
            viewer->most = number_after(line, "99 of 100 below ") / 1e3;
            viewer->longest = number_after(line, "longest ") / 1e3;
        }
        if (strstr(line, "resident: "))
            viewer->resident = number_after(line, "resident: ");
    }
    (void)fclose(file);
    return viewer->most > 0 && viewer->resident > 0;
}

static bool write_line(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    bool written = file && fprintf(file, "%s\n", text) > 0;
    return file && fclose(file) == 0 && written;
}

static bool measure(struct bench_viewer *viewer, const char *program)
{
    char steps[16];
    double ms;
    const char *recording = viewer->path[RECORDING];
    const char *script = viewer->path[SCRIPT];
    (void)snprintf(steps, sizeof steps, "%u", STEPS);
    return run(viewer,
               (const char *const[]){program, "record", "--mitigations", "pti,pcid", "--limit",
                                     steps, "-o", recording, BENCH_VIEWED, NULL},
               &ms) &&
           write_line(script, "quit") &&
           run(viewer,
               (const char *const[]){program, "view", "--headless", "--script", script, recording,
                                     NULL},
               &viewer->opens) &&
           write_script(script) &&
           run(viewer,
               (const char *const[]){program, "view", "--headless", "--size", "1600x1000",
                                     "--frame-times", "--script", script, recording, NULL},
               &ms) &&
           read_report(viewer);
}

/* All rows are from one run; false where it cannot be made: there is no program, or no window in
 * it. */
static bool look(struct bench_context *context)
{
    static const char *const names[FILES] = {"long.rec", "script", "report"};
    if (context->viewed || !context->viewer)
        return context->viewed && context->viewed->measured;
    struct bench_viewer *viewer = calloc(1, sizeof *viewer);
    if (!viewer)
        return false;
    context->viewed = viewer;
    (void)snprintf(viewer->directory, sizeof viewer->directory, "/tmp/x64emu-bench-XXXXXX");
    if (!mkdtemp(viewer->directory))
        return false;
    for (unsigned i = 0; i < FILES; i++)
        (void)snprintf(viewer->path[i], sizeof viewer->path[i], "%s/%s", viewer->directory,
                       names[i]);
    viewer->measured = measure(viewer, context->viewer);
    for (unsigned i = 0; i < FILES; i++)
        (void)unlink(viewer->path[i]);
    (void)rmdir(viewer->directory);
    return viewer->measured;
}

bool bench_viewer(struct bench_context *context, const char *what, double *figure)
{
    if (!look(context))
        return false;
    const struct bench_viewer *viewer = context->viewed;
    *figure = strcmp(what, "opens") == 0     ? viewer->opens
              : strcmp(what, "most") == 0    ? viewer->most
              : strcmp(what, "longest") == 0 ? viewer->longest
                                             : viewer->resident;
    return true;
}
