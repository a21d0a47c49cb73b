/* SPDX-License-Identifier: MIT */
/*
 * The main function of a Check program: runs one suite and answers with its failures.
 *
 *     static Suite *page_suite(void) { ... }
 *     X64_TEST_MAIN(page_suite())
 */
#ifndef X64_TESTS_SUPPORT_SUITE_H
#define X64_TESTS_SUPPORT_SUITE_H

#include <check.h>
#include <stdlib.h>

#define X64_TEST_MAIN(suite)                              \
    int main(void)                                        \
    {                                                     \
        SRunner *runner = srunner_create(suite);          \
        srunner_run_all(runner, CK_ENV);                  \
        int failed = srunner_ntests_failed(runner);       \
        srunner_free(runner);                             \
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE; \
    }

#endif
