/* SPDX-License-Identifier: MIT */
/* Comparisons of made-up runs: which calls and which steps stand next to each other. */
#include "trace/compare.h"

#include "support/suite.h"

#include <stdio.h>
#include <string.h>

#define CALLS 64

/* A run whose calls are named by the letters of a word; '-' is a number without a call. */
struct run {
    struct x64i_trip trip[CALLS];
    struct x64i_trips trips;
};

static void make_run(struct run *run, const char *calls)
{
    *run = (struct run){.trips = {.kept_trip = SIZE_MAX, .core = "core"}};
    for (size_t i = 0; calls[i]; i++) {
        struct x64i_trip *trip = &run->trip[i];
        if (calls[i] != '-')
            trip->name[0] = calls[i];
        (void)snprintf(trip->title, sizeof trip->title, "%c(\"\\\x1b\") = %zu", calls[i], i);
        trip->number = i;
        trip->returned = true;
        trip->cost[X64I_PHASE_SAVE].instructions = i + 1;
        trip->total.instructions = i + 1;
        run->trips.count = i + 1;
    }
    run->trips.trip = run->trip;
}

/* "aa b. .c": both, the first alone, the second alone. */
static const char *pairs_of(const struct x64i_compare *compare, char text[4 * CALLS])
{
    struct x64i_trip_pair pair;
    size_t at[2] = {0, 0};
    size_t length = 0;
    while (x64i_compare_next(compare, at, &pair))
        for (unsigned side = 0; side < 3; side++) {
            const struct x64i_trip *trip = side < 2 ? pair.trip[side] : NULL;
            text[length++] = side == 2 ? ' ' : !trip ? '.' : trip->name[0] ? trip->name[0] : '-';
        }
    text[length ? length - 1 : 0] = '\0';
    return text;
}

START_TEST(test_compare_pairs_calls)
{
    static const struct {
        const char *a, *b, *only, *pairs;
    } rows[] = {
        {"", "", NULL, ""},
        {"abc", "abc", NULL, "aa bb cc"},
        {"abc", "ac", NULL, "aa b. cc"},
        {"ac", "abc", NULL, "aa .b cc"},
        {"ab", "", NULL, "a. b."},
        {"", "ab", NULL, ".a .b"},
        {"a-c", "axc", NULL, "aa -x cc"}, /* a hole in one table, a call in the other */
        {"a--c", "a--c", NULL, "aa -- -- cc"},
        {"abab", "aabb", "a", "aa aa"},
        {"abab", "bb", "a", "a. a."},
        {"ab", "ab", "z", ""},
        {"xyzabc", "abc", NULL, "x. y. z. aa bb cc"},
    };
    static struct run runs[2];
    char text[4 * CALLS];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_run(&runs[0], rows[i].a);
        make_run(&runs[1], rows[i].b);
        const struct x64i_compare compare = {
            .side = {{"a", "none", &runs[0].trips}, {"b", "none", &runs[1].trips}},
            .syscall = rows[i].only};
        ck_assert_str_eq(pairs_of(&compare, text), rows[i].pairs);
    }
}
END_TEST

START_TEST(test_compare_adds_up)
{
    static struct run runs[2];
    struct x64i_compare_sum sum;
    make_run(&runs[0], "abc");
    make_run(&runs[1], "ac");
    const struct x64i_compare compare = {
        .side = {{"a", "none", &runs[0].trips}, {"b", "none", &runs[1].trips}}};
    x64i_compare_sum(&compare, &sum);
    ck_assert_uint_eq(sum.pairs, 2);
    ck_assert_uint_eq(sum.total[0].instructions, 1 + 2 + 3);
    ck_assert_uint_eq(sum.total[1].instructions, 1 + 2);
    ck_assert_uint_eq(sum.cost[0][X64I_PHASE_SAVE].instructions, 6);
}
END_TEST

/* Steps of one phase by letters; an upper-case letter touches the word of pt_regs of that name. */
static size_t make_steps(struct x64i_trip_step *steps, const char *letters)
{
    size_t count = strlen(letters);
    for (size_t i = 0; i < count; i++) {
        steps[i] = (struct x64i_trip_step){.n = i, .phase = X64I_PHASE_SAVE, .writes = true};
        bool frame = letters[i] < 'a';
        steps[i].text[0] = frame ? (char)('0' + i % 10) : letters[i];
        if (frame)
            (void)snprintf(steps[i].what, sizeof steps[i].what, "pt_regs.%c", letters[i]);
    }
    return count;
}

static char letter_of(const struct x64i_trip_step *step)
{
    return (char)(!step ? '.' : step->what[0] ? step->what[8] : step->text[0]);
}

START_TEST(test_compare_aligns_steps)
{
    static const struct {
        const char *a, *b, *rows;
    } rows[] = {
        {"", "", ""},
        {"abc", "abc", "a=a b=b c=c"},
        {"ABC", "ABC", "A=A B=B C=C"},     /* other instructions, the same words */
        {"ABC", "AxC", "A=A B|x C=C"},     /* what has no counterpart shares a row */
        {"AB", "AxyB", "A=A .|x .|y B=B"}, /* or stands alone */
        {"xA", "Ay", "x|. A=A .|y"},
        {"ab", "cd", "a|c b|d"},
        {"abc", "", "a|. b|. c|."},
    };
    static struct run runs[2];
    static struct x64i_trip_step steps[2][16];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct x64i_buffer buffer = {0};
        struct x64i_step_pair *pairs;
        char text[64] = "";
        for (unsigned side = 0; side < 2; side++) {
            make_run(&runs[side], "a");
            runs[side].trips.kept = steps[side];
            runs[side].trips.kept_count = make_steps(steps[side], side ? rows[i].b : rows[i].a);
        }
        const struct x64i_compare compare = {
            .side = {{"a", "none", &runs[0].trips}, {"b", "none", &runs[1].trips}}};
        size_t count = x64i_compare_steps(&compare, X64I_PHASE_SAVE, &buffer, &pairs);
        for (size_t j = 0; j < count; j++)
            (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%c%c%c",
                           j ? " " : "", letter_of(pairs[j].step[0]), pairs[j].same ? '=' : '|',
                           letter_of(pairs[j].step[1]));
        ck_assert_str_eq(text, rows[i].rows);
        ck_assert(!buffer.failed);
        free(pairs);
        ck_assert_uint_eq(x64i_compare_steps(&compare, X64I_PHASE_CALL, &buffer, &pairs), 0);
        free(pairs);
    }
}
END_TEST

/* A phase with too many steps to align stands row by row. */
START_TEST(test_compare_long_phases)
{
    enum { LONG = 1500 };
    static struct run runs[2];
    static struct x64i_trip_step steps[LONG];
    struct x64i_buffer buffer = {0};
    struct x64i_step_pair *pairs;
    for (size_t i = 0; i < LONG; i++)
        steps[i] = (struct x64i_trip_step){.phase = X64I_PHASE_CALL, .text = "x"};
    make_run(&runs[0], "a");
    make_run(&runs[1], "a");
    runs[0].trips.kept = runs[1].trips.kept = steps;
    runs[0].trips.kept_count = LONG;
    runs[1].trips.kept_count = LONG / 2;
    const struct x64i_compare compare = {
        .side = {{"a", "none", &runs[0].trips}, {"b", "none", &runs[1].trips}}};
    ck_assert_uint_eq(x64i_compare_steps(&compare, X64I_PHASE_CALL, &buffer, &pairs), LONG);
    ck_assert_ptr_nonnull(pairs[LONG / 2 - 1].step[1]);
    ck_assert_ptr_null(pairs[LONG / 2].step[1]);
    free(pairs);
}
END_TEST

/* What a guest or a command line has put into names reaches no terminal and breaks no JSON. */
START_TEST(test_compare_text_is_printable)
{
    static struct run runs[2];
    make_run(&runs[0], "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    make_run(&runs[1], "b");
    const struct x64i_compare compare = {
        .side = {{"a\x1b[2J", "none", &runs[0].trips}, {"b\"\\", "none\n", &runs[1].trips}},
        .cpu = "cpu"};
    struct x64i_buffer text = {0};
    struct x64i_buffer json = {0};
    x64i_compare_text(&text, &compare);
    x64i_compare_jsonl(&json, &compare);
    ck_assert(!text.failed && !json.failed);
    for (size_t i = 0; i < text.size; i++)
        ck_assert(text.bytes[i] == '\n' || (text.bytes[i] >= 0x20 && text.bytes[i] < 0x7f));
    x64i_buffer_char(&text, '\0');
    x64i_buffer_char(&json, '\0');
    ck_assert_ptr_nonnull(strstr(text.bytes, "... and 12 more"));
    ck_assert_ptr_nonnull(strstr(text.bytes, "only in A"));
    ck_assert_ptr_nonnull(
        strstr(json.bytes, "\"kernel\":\"b\\\"\\\\\",\"mitigations\":\"none\\u000a\""));
    x64i_buffer_free(&text);
    x64i_buffer_free(&json);
}
END_TEST

static Suite *compare_suite(void)
{
    Suite *suite = suite_create("compare");
    TCase *tests = tcase_create("compare");
    tcase_add_test(tests, test_compare_pairs_calls);
    tcase_add_test(tests, test_compare_adds_up);
    tcase_add_test(tests, test_compare_aligns_steps);
    tcase_add_test(tests, test_compare_long_phases);
    tcase_add_test(tests, test_compare_text_is_printable);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(compare_suite())
