/* SPDX-License-Identifier: MIT */
#include "state/hash.h"
#include "support/suite.h"

#include <string.h>

/* Values that every XXH64 gives; the last one takes all paths of the algorithm. */
static const struct {
    const char *text;
    uint64_t hash;
} known[] = {
    {"", UINT64_C(0xEF46DB3751D8E999)},
    {"a", UINT64_C(0xD24EC4F1A98C6E5B)},
    {"abc", UINT64_C(0x44BC2CF5AD770999)},
    {"Nobody inspects the spammish repetition", UINT64_C(0xFBCEA83C8A378BF1)},
};

START_TEST(test_hash_gives_published_values)
{
    ck_assert_uint_eq(x64i_hash(known[_i].text, strlen(known[_i].text), 0), known[_i].hash);
}
END_TEST

START_TEST(test_hash_depends_on_seed)
{
    ck_assert_uint_ne(x64i_hash("abc", 3, 0), x64i_hash("abc", 3, 1));
}
END_TEST

START_TEST(test_hasher_does_not_care_how_bytes_are_split)
{
    uint8_t bytes[150];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 167 + 13);

    for (size_t size = 0; size <= sizeof bytes; size++) {
        for (size_t step = 1; step < 70; step++) {
            struct x64i_hasher hasher;
            x64i_hasher_start(&hasher, 99);
            for (size_t at = 0; at < size; at += step)
                x64i_hasher_add(&hasher, bytes + at, at + step <= size ? step : size - at);
            ck_assert_msg(x64i_hasher_value(&hasher) == x64i_hash(bytes, size, 99),
                          "%zu bytes in steps of %zu", size, step);
        }
    }
}
END_TEST

static Suite *hash_suite(void)
{
    Suite *suite = suite_create("hash");
    TCase *tcase = tcase_create("xxh64");
    tcase_add_loop_test(tcase, test_hash_gives_published_values, 0,
                        (int)(sizeof known / sizeof known[0]));
    tcase_add_test(tcase, test_hash_depends_on_seed);
    tcase_add_test(tcase, test_hasher_does_not_care_how_bytes_are_split);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(hash_suite())
