/* SPDX-License-Identifier: MIT */
/* Which call, and which step, of one run stands for which of the other. */
#include "trace/compare.h"

#include <stdlib.h>
#include <string.h>

/* How far the other run is searched for a call that one of them made alone. */
#define SEARCH 16u

/* Steps of a phase that are aligned by what they do; longer phases stand row by row. */
#define ALIGNED_MAX 1000u

static bool is_wanted(const struct x64i_compare *compare, const struct x64i_trip *trip)
{
    return !compare->syscall || strcmp(trip->name, compare->syscall) == 0;
}

/* Moves on to the next wanted call; null behind the last. */
static const struct x64i_trip *wanted_at(const struct x64i_compare *compare, unsigned side,
                                         size_t *at)
{
    const struct x64i_trips *trips = compare->side[side].trips;
    while (*at < trips->count && !is_wanted(compare, &trips->trip[*at]))
        ++*at;
    return *at < trips->count ? &trips->trip[*at] : NULL;
}

/* How many calls after `at` one with this name comes, or SEARCH. */
static size_t distance(const struct x64i_trips *trips, size_t at, const char *name)
{
    for (size_t i = 1; i < SEARCH && at + i < trips->count; i++)
        if (strcmp(trips->trip[at + i].name, name) == 0)
            return i;
    return SEARCH;
}

bool x64i_compare_next(const struct x64i_compare *compare, size_t at[2],
                       struct x64i_trip_pair *pair)
{
    const struct x64i_trip *a = wanted_at(compare, 0, &at[0]);
    const struct x64i_trip *b = wanted_at(compare, 1, &at[1]);
    *pair = (struct x64i_trip_pair){{a, b}};
    if (a && b && strcmp(a->name, b->name) != 0) {
        /* The number tables differ: a hole here is a call there. Otherwise one has more calls. */
        size_t in_b = distance(compare->side[1].trips, at[1], a->name);
        size_t in_a = distance(compare->side[0].trips, at[0], b->name);
        if (in_a < in_b)
            pair->trip[1] = NULL;
        else if (in_b < in_a)
            pair->trip[0] = NULL;
    }
    at[0] += pair->trip[0] != NULL;
    at[1] += pair->trip[1] != NULL;
    return pair->trip[0] || pair->trip[1];
}

void x64i_compare_sum(const struct x64i_compare *compare, struct x64i_compare_sum *sum)
{
    struct x64i_trip_pair pair;
    size_t at[2] = {0, 0};
    *sum = (struct x64i_compare_sum){0};
    while (x64i_compare_next(compare, at, &pair)) {
        sum->pairs += pair.trip[0] && pair.trip[1];
        for (unsigned side = 0; side < 2; side++) {
            if (!pair.trip[side])
                continue;
            for (size_t i = 0; i < X64I_PHASE_COUNT; i++)
                x64i_phase_cost_add(&sum->cost[side][i], &pair.trip[side]->cost[i]);
            x64i_phase_cost_add(&sum->total[side], &pair.trip[side]->total);
        }
    }
}

/* Whether two steps do the same: to the same word of pt_regs, or by the same instruction. */
static bool is_same(const struct x64i_trip_step *a, const struct x64i_trip_step *b)
{
    if (strncmp(a->what, "pt_regs.", 8) == 0 || strncmp(b->what, "pt_regs.", 8) == 0)
        return a->writes == b->writes && strcmp(a->what, b->what) == 0;
    return strcmp(a->text, b->text) == 0;
}

struct sequence {
    const struct x64i_trip_step **step;
    size_t count;
};

static bool collect(const struct x64i_trips *trips, enum x64i_phase phase, struct sequence *out)
{
    *out = (struct sequence){.step = calloc(trips->kept_count + 1, sizeof(void *))};
    for (size_t i = 0; out->step && i < trips->kept_count; i++)
        if (trips->kept[i].phase == phase)
            out->step[out->count++] = &trips->kept[i];
    return out->step != NULL;
}

/* length[i][j]: how many steps from i and j on can be told to be the same, in order. */
static uint16_t *common_lengths(const struct sequence *a, const struct sequence *b)
{
    size_t width = b->count + 1;
    uint16_t *length = calloc((a->count + 1) * width, sizeof *length);
    for (size_t i = a->count; length && i-- > 0;)
        for (size_t j = b->count; j-- > 0;) {
            uint16_t down = length[(i + 1) * width + j];
            uint16_t right = length[i * width + j + 1];
            length[i * width + j] = is_same(a->step[i], b->step[j])
                                        ? (uint16_t)(length[(i + 1) * width + j + 1] + 1)
                                        : (down > right ? down : right);
        }
    return length;
}

/* Steps without a counterpart share rows, so that the sides stay together. */
static size_t pair_up(const struct sequence *a, const struct sequence *b, const uint16_t *length,
                      struct x64i_step_pair *rows)
{
    size_t width = b->count + 1;
    size_t i = 0;
    size_t j = 0;
    size_t count = 0;
    while (i < a->count || j < b->count) {
        size_t left = i;
        size_t right = j;
        while (left < a->count && right < b->count &&
               !(length && is_same(a->step[left], b->step[right]))) {
            bool down =
                length && length[(left + 1) * width + right] >= length[left * width + right + 1];
            if (down || !length)
                left++;
            if (!down)
                right++;
        }
        bool matched = left < a->count && right < b->count;
        left = matched ? left : a->count;
        right = matched ? right : b->count;
        while (i < left || j < right)
            rows[count++] = (struct x64i_step_pair){
                {i < left ? a->step[i++] : NULL, j < right ? b->step[j++] : NULL}, false};
        if (matched)
            rows[count++] = (struct x64i_step_pair){{a->step[i++], b->step[j++]}, true};
    }
    return count;
}

size_t x64i_compare_steps(const struct x64i_compare *compare, enum x64i_phase phase,
                          struct x64i_buffer *buffer, struct x64i_step_pair **out)
{
    struct sequence a = {0};
    struct sequence b = {0};
    uint16_t *length = NULL;
    size_t count = 0;
    *out = NULL;
    bool good =
        collect(compare->side[0].trips, phase, &a) && collect(compare->side[1].trips, phase, &b);
    if (good && a.count <= ALIGNED_MAX && b.count <= ALIGNED_MAX)
        good = (length = common_lengths(&a, &b)) != NULL;
    if (good)
        good = (*out = calloc(a.count + b.count + 1, sizeof **out)) != NULL;
    if (good)
        count = pair_up(&a, &b, length, *out);
    buffer->failed |= !good;
    free(length);
    free(a.step);
    free(b.step);
    return count;
}
