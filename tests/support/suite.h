/* SPDX-License-Identifier: MIT */
/*
 * The main function of a Check program: runs one suite and answers with its failures.
 *
 *     static Suite *page_suite(void) { ... }
 *     X64_TEST_MAIN(page_suite())
 *
 * A program that can do more than that calls x64_test_run in its own main function.
 */
#ifndef X64_TESTS_SUPPORT_SUITE_H
#define X64_TESTS_SUPPORT_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Runs a suite; answers the exit status. */
static inline int x64_test_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Runs one test alone, which may use assertions only so. */
static inline int x64_test_run_one(const char *name, const TTest *test, SFun up, SFun down)
{
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_add_unchecked_fixture(tests, up, down);
    tcase_add_test(tests, test);
    suite_add_tcase(suite, tests);
    return x64_test_run(suite);
}

#define X64_TEST_MAIN(suite)        \
    int main(void)                  \
    {                               \
        return x64_test_run(suite); \
    }

#endif
