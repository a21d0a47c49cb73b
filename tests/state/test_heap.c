/* SPDX-License-Identifier: MIT */
#include "state/heap.h"
#include "support/suite.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

/* Below, at and above the borders between classes, and what has memory of its own. */
static const size_t sizes[] = {1,      64,      65,      1024,    1025,     1280,          1281,
                               4095,   4160,    20480,   65472,   65536,    100000,        262144,
                               524289, 1000000, 1048576, 1048577, 3u << 20, (2u << 20) + 1};

#define SIZES (sizeof sizes / sizeof sizes[0])

static bool holds(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

/* Twice: the second time of what was given back. */
START_TEST(test_heap_gives_zeroes_that_nobody_else_has)
{
    struct x64i_heap *heap = _i ? x64i_heap_create() : NULL;
    uint8_t *pieces[2 * SIZES];
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < 2 * SIZES; i++) {
            size_t size = sizes[i % SIZES];
            pieces[i] = x64i_heap_allocate_zeroed(heap, size);
            if (i % 7 == 0)
                x64i_heap_prepare(heap);
            ck_assert_ptr_nonnull(pieces[i]);
            ck_assert_uint_eq((uintptr_t)pieces[i] % 64, 0);
            ck_assert_msg(holds(pieces[i], size, 0), "%zu bytes", size);
            memset(pieces[i], (int)i + 1, size);
        }
        for (size_t i = 0; i < 2 * SIZES; i++) {
            size_t size = sizes[i % SIZES];
            ck_assert_msg(holds(pieces[i], size, (uint8_t)(i + 1)), "%zu bytes", size);
            x64i_heap_free(heap, pieces[i], size);
        }
    }
    x64i_heap_release(heap);
}
END_TEST

START_TEST(test_heap_hands_out_again)
{
    struct x64i_heap *heap = x64i_heap_create();
    void *piece = x64i_heap_allocate(heap, 5000);
    if (heap) { /* under AddressSanitizer nothing is */
        x64i_heap_free(heap, piece, 5000);
        ck_assert_ptr_eq(x64i_heap_allocate(heap, 5100), piece); /* of the same class */
    }
    x64i_heap_free(heap, piece, 5100);
    x64i_heap_free(heap, NULL, 5000);
    x64i_heap_release(heap);
}
END_TEST

/* The last piece may outlive all who held the heap. */
START_TEST(test_heap_lives_as_long_as_its_pieces)
{
    struct x64i_heap *heap = x64i_heap_create();
    struct x64i_heap *again = x64i_heap_retain(heap);
    uint8_t *small = x64i_heap_allocate(heap, 100);
    uint8_t *large = x64i_heap_allocate(heap, 3u << 20);
    x64i_heap_release(heap);
    x64i_heap_release(again);
    memset(small, 1, 100);
    memset(large, 2, 3u << 20);
    x64i_heap_free(heap, large, 3u << 20);
    ck_assert_uint_eq(small[99], 1);
    x64i_heap_free(heap, small, 100);
}
END_TEST

static void *allocate_and_free(void *user)
{
    struct x64i_heap *heap = user;
    uintptr_t bad = 0;
    for (unsigned i = 0; i < 2000; i++) {
        size_t size = 64 + i % 7 * 1000;
        uint8_t *piece = x64i_heap_allocate_zeroed(heap, size);
        bad += !piece || !holds(piece, size, 0);
        if (piece)
            memset(piece, 0xff, size);
        x64i_heap_free(heap, piece, size);
    }
    return (void *)bad;
}

START_TEST(test_heap_serves_several_threads)
{
    struct x64i_heap *heap = x64i_heap_create();
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, allocate_and_free, heap), 0);
    for (size_t i = 0; i < 3; i++) {
        void *bad;
        ck_assert_int_eq(pthread_join(threads[i], &bad), 0);
        ck_assert_ptr_null(bad);
    }
    x64i_heap_release(heap);
}
END_TEST

static Suite *heap_suite(void)
{
    Suite *suite = suite_create("state/heap");
    TCase *tests = tcase_create("heap");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_heap_gives_zeroes_that_nobody_else_has, 0, 2);
    tcase_add_test(tests, test_heap_hands_out_again);
    tcase_add_test(tests, test_heap_lives_as_long_as_its_pieces);
    tcase_add_test(tests, test_heap_serves_several_threads);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(heap_suite())
