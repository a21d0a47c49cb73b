/* SPDX-License-Identifier: MIT */
/* The pages of a registry: handed out again, given back from any thread, outliving the registry. */
#include "state/page_pool.h"

#include "support/suite.h"

#include <pthread.h>
#include <string.h>

#define COUNT 3000u

static struct x64i_page *pages[COUNT];

static void take_all(struct x64i_page_pool *pool)
{
    for (unsigned i = 0; i < COUNT; i++) {
        if (i % 300 == 0)
            x64i_page_pool_prepare(pool);
        pages[i] = x64i_page_pool_allocate(pool);
        ck_assert_ptr_nonnull(pages[i]);
        ck_assert_uint_eq((uintptr_t)pages[i]->data % 64, 0);
        ck_assert_uint_eq(atomic_load(&pages[i]->references), 1);
        memset(pages[i]->data, (int)(i % 251), X64I_PAGE_SIZE);
    }
}

static void check_all(void)
{
    for (unsigned i = 0; i < COUNT; i++) {
        ck_assert_uint_eq(pages[i]->data[0], i % 251);
        ck_assert_uint_eq(pages[i]->data[X64I_PAGE_SIZE - 1], i % 251);
    }
}

START_TEST(test_page_pool_gives_every_page_once)
{
    struct x64i_heap *heap = x64i_heap_create();
    struct x64i_page_pool *pool = _i ? x64i_page_pool_create(heap) : NULL;
    x64i_heap_release(heap);
    for (unsigned round = 0; round < 3; round++) {
        take_all(pool);
        check_all();
        for (unsigned i = 0; i < COUNT; i++)
            x64i_page_free(pages[i * 7 % COUNT]);
    }
    x64i_page_pool_release(pool);
}
END_TEST

START_TEST(test_page_pool_hands_out_again)
{
    struct x64i_page_pool *pool = x64i_page_pool_create(NULL);
    if (!pool) /* under AddressSanitizer all pages are libc's */
        return;
    struct x64i_page *page = x64i_page_pool_allocate(pool);
    x64i_page_free(page);
    ck_assert_ptr_eq(x64i_page_pool_allocate(pool), page);
    x64i_page_free(page);
    x64i_page_pool_release(pool);
}
END_TEST

START_TEST(test_page_pool_lives_as_long_as_its_pages)
{
    struct x64i_page_pool *pool = x64i_page_pool_create(NULL);
    take_all(pool);
    x64i_page_pool_release(pool);
    check_all();
    for (unsigned i = 0; i < COUNT; i++)
        x64i_page_free(pages[i]);
}
END_TEST

static void *give_back(void *first)
{
    for (unsigned i = (unsigned)(uintptr_t)first; i < COUNT; i += 2)
        x64i_page_free(pages[i]);
    return NULL;
}

START_TEST(test_page_pool_takes_pages_from_any_thread)
{
    struct x64i_page_pool *pool = x64i_page_pool_create(NULL);
    for (unsigned round = 0; round < 20; round++) {
        struct x64i_page *mine[64];
        pthread_t threads[2];
        take_all(pool);
        check_all();
        for (uintptr_t i = 0; i < 2; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, give_back, (void *)i), 0);
        for (unsigned i = 0; i < 64; i++) {
            mine[i] = x64i_page_pool_allocate(pool);
            ck_assert_ptr_nonnull(mine[i]);
        }
        for (unsigned i = 0; i < 2; i++)
            ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        for (unsigned i = 0; i < 64; i++)
            x64i_page_free(mine[i]);
    }
    x64i_page_pool_release(pool);
}
END_TEST

static Suite *page_pool_suite(void)
{
    Suite *suite = suite_create("state/page_pool");
    TCase *tests = tcase_create("page_pool");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_page_pool_gives_every_page_once, 0, 2);
    tcase_add_test(tests, test_page_pool_hands_out_again);
    tcase_add_test(tests, test_page_pool_lives_as_long_as_its_pages);
    tcase_add_test(tests, test_page_pool_takes_pages_from_any_thread);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(page_pool_suite())
