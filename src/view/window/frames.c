/* SPDX-License-Identifier: MIT */
#include "view/window/frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static uint64_t microseconds(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

bool x64i_frames_open(struct x64i_frames *frames)
{
    *frames = (struct x64i_frames){.wall = calloc(X64I_FRAMES, sizeof *frames->wall),
                                   .busy = calloc(X64I_FRAMES, sizeof *frames->busy)};
    if (frames->wall && frames->busy)
        return true;
    free(frames->wall);
    free(frames->busy);
    *frames = (struct x64i_frames){0};
    return false;
}

void x64i_frames_begin(struct x64i_frames *frames)
{
    if (!frames->wall)
        return;
    frames->wall_begin = microseconds(CLOCK_MONOTONIC);
    frames->busy_begin = microseconds(CLOCK_PROCESS_CPUTIME_ID);
}

void x64i_frames_end(struct x64i_frames *frames)
{
    if (!frames->wall || frames->count == X64I_FRAMES)
        return;
    frames->wall[frames->count] = (uint32_t)(microseconds(CLOCK_MONOTONIC) - frames->wall_begin);
    frames->busy[frames->count] =
        (uint32_t)(microseconds(CLOCK_PROCESS_CPUTIME_ID) - frames->busy_begin);
    frames->count++;
}

static int ascending(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static void report(const char *what, uint32_t *times, size_t count)
{
    qsort(times, count, sizeof times[0], ascending);
    (void)fprintf(stderr, "frames: %zu by %s: median %u us, 99 of 100 below %u us, longest %u us\n",
                  count, what, times[count / 2], times[count * 99 / 100], times[count - 1]);
}

void x64i_frames_report(struct x64i_frames *frames)
{
    struct rusage usage = {0};
    if (frames->count) {
        report("the clock", frames->wall, frames->count);
        report("processor time", frames->busy, frames->count);
        (void)getrusage(RUSAGE_SELF, &usage);
        (void)fprintf(stderr, "resident: %ld MiB at most\n", usage.ru_maxrss / 1024);
    }
    free(frames->wall);
    free(frames->busy);
    *frames = (struct x64i_frames){0};
}
