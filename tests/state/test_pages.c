/* SPDX-License-Identifier: MIT */
#include "state/pages.h"
#include "support/suite.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)

static struct x64i_pages *make_pages(uint64_t size)
{
    struct x64i_pages *pages = NULL;
    ck_assert_int_eq(x64i_pages_create(size, &pages), X64_OK);
    return pages;
}

static struct x64i_pages *share(const struct x64i_pages *source)
{
    struct x64i_pages *pages = NULL;
    ck_assert_int_eq(x64i_pages_share(source, &pages), X64_OK);
    return pages;
}

static void write_byte(struct x64i_pages *pages, uint64_t offset, uint8_t value)
{
    ck_assert_int_eq(x64i_pages_copy_in(pages, offset, &value, 1), X64_OK);
}

static uint8_t read_byte(const struct x64i_pages *pages, uint64_t offset)
{
    uint8_t value;
    ck_assert_int_eq(x64i_pages_copy_out(pages, offset, &value, 1), X64_OK);
    return value;
}

START_TEST(test_pages_start_as_zeroes_that_cost_nothing)
{
    struct x64i_pages *pages = make_pages(256 * MIB);
    ck_assert_uint_eq(x64i_pages_size(pages), 256 * MIB);
    for (uint64_t i = 0; i < pages->page_count; i++)
        ck_assert_ptr_eq(x64i_pages_read(pages, i), x64i_zero_page);
    ck_assert_uint_lt(x64i_pages_bytes(pages, NULL), 4096);
    ck_assert_uint_eq(x64i_pages_digest(pages), 0);
    x64i_pages_destroy(pages);
}
END_TEST

START_TEST(test_pages_refuse_what_is_outside)
{
    struct x64i_pages *pages = make_pages(MIB);
    uint8_t byte = 1;
    ck_assert_ptr_null(x64i_pages_read(pages, 256));
    ck_assert_ptr_null(x64i_pages_write(pages, 256));
    ck_assert_ptr_null(x64i_pages_write(pages, UINT64_MAX));
    ck_assert_int_eq(x64i_pages_copy_in(pages, MIB, &byte, 1), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_pages_copy_in(pages, UINT64_MAX, &byte, 2), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_pages_copy_out(pages, MIB - 1, &byte, 2), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_pages_copy_out(pages, MIB, &byte, 0), X64_OK);
    x64i_pages_destroy(pages);

    ck_assert_int_eq(x64i_pages_create(0, &pages), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_pages_create(X64I_PAGES_MAX + 1, &pages), X64_ERROR_ARGUMENT);
}
END_TEST

START_TEST(test_pages_copy_across_page_and_leaf_boundaries)
{
    struct x64i_pages *pages = make_pages(4 * MIB);
    uint8_t in[3 * X64I_PAGE_SIZE], out[sizeof in];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 7 + 1);
    uint64_t offset = 2 * MIB - X64I_PAGE_SIZE - 100;
    ck_assert_int_eq(x64i_pages_copy_in(pages, offset, in, sizeof in), X64_OK);
    ck_assert_int_eq(x64i_pages_copy_out(pages, offset, out, sizeof out), X64_OK);
    ck_assert_mem_eq(in, out, sizeof in);
    ck_assert_uint_eq(read_byte(pages, offset - 1), 0);
    ck_assert_uint_eq(read_byte(pages, offset + sizeof in), 0);
    x64i_pages_destroy(pages);
}
END_TEST

START_TEST(test_pages_zeroes_do_not_make_a_page_present)
{
    struct x64i_pages *pages = make_pages(MIB);
    write_byte(pages, 5000, 0);
    ck_assert_ptr_eq(x64i_pages_read(pages, 1), x64i_zero_page);
    write_byte(pages, 5000, 1);
    write_byte(pages, 5000, 0);
    ck_assert_ptr_ne(x64i_pages_read(pages, 1), x64i_zero_page);
    ck_assert_uint_eq(read_byte(pages, 5000), 0);
    x64i_pages_destroy(pages);
}
END_TEST

START_TEST(test_pages_shared_are_copied_on_write)
{
    struct x64i_pages *a = make_pages(8 * MIB);
    write_byte(a, 100, 1);
    write_byte(a, 5 * MIB, 2);
    struct x64i_pages *b = share(a);
    ck_assert_ptr_eq(x64i_pages_read(a, 0), x64i_pages_read(b, 0));

    write_byte(b, 100, 9);
    ck_assert_uint_eq(read_byte(a, 100), 1);
    ck_assert_uint_eq(read_byte(b, 100), 9);
    write_byte(a, 101, 8);
    ck_assert_uint_eq(read_byte(b, 101), 0);
    ck_assert_ptr_eq(x64i_pages_read(a, 5 * MIB / X64I_PAGE_SIZE),
                     x64i_pages_read(b, 5 * MIB / X64I_PAGE_SIZE));
    x64i_pages_destroy(a);
    ck_assert_uint_eq(read_byte(b, 5 * MIB), 2);
    x64i_pages_destroy(b);
}
END_TEST

/* Who holds a page keeps its bytes; the object goes on with a copy. */
START_TEST(test_pages_held_are_copied_on_write)
{
    struct x64i_pages *pages = make_pages(4 * MIB);
    ck_assert_ptr_null(x64i_pages_hold(pages, 0));
    ck_assert_ptr_null(x64i_pages_hold(pages, pages->page_count));
    write_byte(pages, 100, 1);
    struct x64i_page *page = x64i_pages_hold(pages, 0);
    ck_assert_ptr_eq(page->data, x64i_pages_read(pages, 0));
    write_byte(pages, 100, 2);
    ck_assert_uint_eq(page->data[100], 1);
    ck_assert_uint_eq(read_byte(pages, 100), 2);
    x64i_pages_destroy(pages);
    ck_assert_uint_eq(page->data[100], 1);
    x64i_page_release(page);
    x64i_page_release(NULL);
}
END_TEST

START_TEST(test_pages_moves_tell_when_a_page_gets_a_new_place)
{
    struct x64i_pages *a = make_pages(MIB);
    uint64_t moves = a->moves;
    const uint8_t *absent = x64i_pages_read(a, 3);
    uint8_t *written = x64i_pages_write(a, 3);
    ck_assert_ptr_ne(written, absent);
    ck_assert_uint_ne(a->moves, moves);

    moves = a->moves;
    ck_assert_ptr_eq(x64i_pages_write(a, 3), written);
    ck_assert_uint_eq(a->moves, moves);

    struct x64i_pages *b = share(a);
    ck_assert_ptr_ne(x64i_pages_write(a, 3), written);
    ck_assert_uint_ne(a->moves, moves);
    ck_assert_ptr_eq(x64i_pages_read(b, 3), written);
    x64i_pages_destroy(a);
    x64i_pages_destroy(b);
}
END_TEST

START_TEST(test_pages_discard_makes_zero_and_gives_memory_back)
{
    struct x64i_pages *a = make_pages(MIB);
    uint64_t digest = x64i_pages_digest(a);
    write_byte(a, 3 * X64I_PAGE_SIZE, 7);
    struct x64i_pages *b = share(a);
    uint64_t generation = a->write_generation, moves = a->moves, bytes = x64i_pages_bytes(b, NULL);

    ck_assert_int_eq(x64i_pages_discard(a, 3), X64_OK);
    ck_assert_ptr_eq(x64i_pages_read(a, 3), x64i_zero_page);
    ck_assert_uint_ne(a->write_generation, generation);
    ck_assert_uint_ne(a->moves, moves);
    ck_assert_uint_eq(x64i_pages_digest(a), digest);
    ck_assert_uint_eq(read_byte(b, 3 * X64I_PAGE_SIZE), 7);
    ck_assert_uint_gt(x64i_pages_bytes(b, NULL), bytes);
    ck_assert_int_eq(x64i_pages_discard(a, 3), X64_OK);
    ck_assert_int_eq(x64i_pages_discard(a, 999), X64_OK);
    x64i_pages_destroy(a);
    x64i_pages_destroy(b);
}
END_TEST

START_TEST(test_pages_digest_is_of_the_content_only)
{
    struct x64i_pages *a = make_pages(4 * MIB);
    struct x64i_pages *b = make_pages(4 * MIB);
    write_byte(a, 10, 1);
    write_byte(a, 3 * MIB, 2);
    write_byte(b, 3 * MIB, 2);
    ck_assert_uint_ne(x64i_pages_digest(a), x64i_pages_digest(b));
    write_byte(b, 10, 1);
    ck_assert_uint_eq(x64i_pages_digest(a), x64i_pages_digest(b));

    write_byte(b, MIB, 5);
    ck_assert_uint_ne(x64i_pages_digest(a), x64i_pages_digest(b));
    write_byte(b, MIB, 0);
    ck_assert_uint_eq(x64i_pages_digest(a), x64i_pages_digest(b));
    x64i_pages_destroy(a);
    x64i_pages_destroy(b);
}
END_TEST

START_TEST(test_pages_digest_depends_on_the_place)
{
    struct x64i_pages *a = make_pages(4 * MIB);
    struct x64i_pages *b = make_pages(4 * MIB);
    write_byte(a, 0, 1);
    write_byte(b, X64I_PAGE_SIZE, 1);
    ck_assert_uint_ne(x64i_pages_digest(a), x64i_pages_digest(b));
    x64i_pages_destroy(a);
    x64i_pages_destroy(b);
}
END_TEST

START_TEST(test_pages_assign_takes_over_the_content)
{
    struct x64i_pages *a = make_pages(8 * MIB);
    struct x64i_pages *b = make_pages(8 * MIB);
    write_byte(a, 1, 1);
    write_byte(b, 1, 2);
    write_byte(b, 7 * MIB, 3);
    uint64_t generation = b->write_generation, moves = b->moves;
    x64i_pages_assign(b, a);
    ck_assert_uint_eq(read_byte(b, 1), 1);
    ck_assert_uint_eq(read_byte(b, 7 * MIB), 0);
    ck_assert_uint_ne(b->write_generation, generation);
    ck_assert_uint_ne(b->moves, moves);
    x64i_pages_destroy(a);
    ck_assert_uint_eq(read_byte(b, 1), 1);
    x64i_pages_destroy(b);
}
END_TEST

START_TEST(test_pages_smaller_than_a_page_take_less_memory)
{
    struct x64i_pages *pages = make_pages(100);
    write_byte(pages, 99, 4);
    ck_assert_uint_eq(read_byte(pages, 99), 4);
    ck_assert_uint_lt(x64i_pages_bytes(pages, NULL), 600);
    x64i_pages_destroy(pages);
}
END_TEST

static Suite *pages_suite(void)
{
    Suite *suite = suite_create("pages");
    TCase *tcase = tcase_create("pages");
    tcase_add_test(tcase, test_pages_start_as_zeroes_that_cost_nothing);
    tcase_add_test(tcase, test_pages_refuse_what_is_outside);
    tcase_add_test(tcase, test_pages_copy_across_page_and_leaf_boundaries);
    tcase_add_test(tcase, test_pages_zeroes_do_not_make_a_page_present);
    tcase_add_test(tcase, test_pages_shared_are_copied_on_write);
    tcase_add_test(tcase, test_pages_held_are_copied_on_write);
    tcase_add_test(tcase, test_pages_moves_tell_when_a_page_gets_a_new_place);
    tcase_add_test(tcase, test_pages_discard_makes_zero_and_gives_memory_back);
    tcase_add_test(tcase, test_pages_digest_is_of_the_content_only);
    tcase_add_test(tcase, test_pages_digest_depends_on_the_place);
    tcase_add_test(tcase, test_pages_assign_takes_over_the_content);
    tcase_add_test(tcase, test_pages_smaller_than_a_page_take_less_memory);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(pages_suite())
