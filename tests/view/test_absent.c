/* SPDX-License-Identifier: MIT */
/* A program that was built without SDL2 says so, and what to do. */
#include "support/suite.h"
#include "view/window/window.h"

#include <string.h>

START_TEST(test_absent_says_what_is_missing)
{
    const struct x64i_window_options options = {.title = "test", .width = 1600, .height = 1000};
    struct x64_error_text error = {{0}};
    ck_assert_int_eq(x64i_window_run(NULL, &options, &error), X64_ERROR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.text, "libsdl2-dev"));
    ck_assert_ptr_nonnull(strstr(error.text, "trace --format html"));
    ck_assert_ptr_null(strchr(error.text, '\n'));
}
END_TEST

static Suite *absent_suite(void)
{
    Suite *suite = suite_create("view absent");
    TCase *all = tcase_create("no SDL2");
    tcase_add_test(all, test_absent_says_what_is_missing);
    suite_add_tcase(suite, all);
    return suite;
}

X64_TEST_MAIN(absent_suite())
