/* SPDX-License-Identifier: MIT */
/* The user's areas and pages. */
#include "kernel_model/guest.h"
#include "kernel_model/kernel.h"

#include "support/suite.h"

#include <errno.h>
#include <string.h>

#define BASE UINT64_C(0x10000000)
#define PAGE UINT64_C(4096)

static struct guest guest;

static struct x64i_kernel *start(void)
{
    guest_start(&guest, &(struct guest_config){.mitigations = "pti,pcid"});
    return x64i_kernel_of(guest.machine);
}

static void end(void)
{
    guest_end(&guest);
}

static int64_t map(struct x64i_kernel *kernel, uint64_t from, uint64_t to, uint32_t protection)
{
    return x64i_mm_map(kernel, &(struct x64i_area){.start = BASE + from * PAGE,
                                                   .end = BASE + to * PAGE,
                                                   .protection = protection});
}

static bool is_mapped(struct x64i_kernel *kernel, uint64_t page)
{
    return x64i_mm_find(&kernel->mm, BASE + page * PAGE) != NULL;
}

/* Areas ascend, do not overlap, and are not empty. */
static void check_order(const struct x64i_mm *mm)
{
    uint64_t at = 0;
    for (uint64_t i = 0; i < mm->area_count; i++) {
        ck_assert_uint_ge(mm->area[i].start, at);
        ck_assert_uint_lt(mm->area[i].start, mm->area[i].end);
        at = mm->area[i].end;
    }
    ck_assert_uint_le(at, mm->limit);
}

START_TEST(test_mm_unmap_cuts_a_hole)
{
    struct x64i_kernel *kernel = start();
    ck_assert_int_eq(map(kernel, 0, 10, X64I_PROT_READ | X64I_PROT_WRITE), 0);
    ck_assert_int_eq(x64i_mm_unmap(kernel, BASE + 3 * PAGE, BASE + 5 * PAGE), 0);
    for (uint64_t page = 0; page < 11; page++)
        ck_assert_int_eq(is_mapped(kernel, page), page != 3 && page != 4 && page != 10);
    check_order(&kernel->mm);
    end();
}
END_TEST

START_TEST(test_mm_neighbours_merge)
{
    struct x64i_kernel *kernel = start();
    uint64_t before = kernel->mm.area_count;
    ck_assert_int_eq(map(kernel, 0, 2, X64I_PROT_READ), 0);
    ck_assert_int_eq(map(kernel, 4, 6, X64I_PROT_READ), 0);
    ck_assert_int_eq(map(kernel, 2, 4, X64I_PROT_READ), 0);
    ck_assert_uint_eq(kernel->mm.area_count, before + 1);
    ck_assert_int_eq(map(kernel, 6, 7, X64I_PROT_WRITE), 0);
    ck_assert_uint_eq(kernel->mm.area_count, before + 2);
    check_order(&kernel->mm);
    end();
}
END_TEST

START_TEST(test_mm_touch_asks_the_protection)
{
    struct x64i_kernel *kernel = start();
    ck_assert_int_eq(map(kernel, 0, 1, X64I_PROT_READ), 0);
    ck_assert_int_eq(x64i_mm_touch(kernel, BASE, X64_PF_USER), X64I_MM_DONE);
    ck_assert_int_eq(x64i_mm_touch(kernel, BASE, X64_PF_USER | X64_PF_WRITE), X64I_MM_NO_ACCESS);
    ck_assert_int_eq(x64i_mm_touch(kernel, BASE, X64_PF_USER | X64_PF_INSTRUCTION),
                     X64I_MM_NO_ACCESS);
    ck_assert_int_eq(x64i_mm_touch(kernel, BASE + PAGE, X64_PF_USER), X64I_MM_NO_AREA);
    ck_assert_int_eq(x64i_mm_touch(kernel, UINT64_MAX, 0), X64I_MM_NO_AREA);
    ck_assert_int_eq(x64i_mm_protect(kernel, BASE, BASE + PAGE, X64I_PROT_WRITE), 0);
    ck_assert_int_eq(x64i_mm_touch(kernel, BASE, X64_PF_USER | X64_PF_WRITE), X64I_MM_DONE);
    uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, BASE, NULL);
    ck_assert_uint_eq(entry & (X64I_PTE_PRESENT | X64I_PTE_WRITABLE | X64I_PTE_USER),
                      X64I_PTE_PRESENT | X64I_PTE_WRITABLE | X64I_PTE_USER);
    ck_assert_uint_eq(x64i_page_entry(kernel, kernel->layout.root + PAGE, BASE, NULL), entry);
    end();
}
END_TEST

START_TEST(test_mm_protect_needs_every_page)
{
    struct x64i_kernel *kernel = start();
    ck_assert_int_eq(map(kernel, 0, 2, X64I_PROT_READ), 0);
    ck_assert_int_eq(map(kernel, 3, 4, X64I_PROT_READ), 0);
    ck_assert_int_eq(x64i_mm_protect(kernel, BASE, BASE + 4 * PAGE, 0), -ENOMEM);
    ck_assert_int_eq(x64i_mm_protect(kernel, BASE, BASE + 2 * PAGE, 0), 0);
    ck_assert_int_eq(x64i_mm_protect(kernel, BASE + 1, BASE + PAGE, 0), -EINVAL);
    ck_assert_int_eq(x64i_mm_protect(kernel, BASE, kernel->mm.limit + PAGE, 0), -EINVAL);
    ck_assert_int_eq(x64i_mm_unmap(kernel, BASE + PAGE, BASE), -EINVAL);
    end();
}
END_TEST

START_TEST(test_mm_pages_come_back)
{
    struct x64i_kernel *kernel = start();
    ck_assert_int_eq(map(kernel, 0, 64, X64I_PROT_READ | X64I_PROT_WRITE), 0);
    ck_assert_int_eq(x64i_mm_touch(kernel, BASE, X64_PF_WRITE), X64I_MM_DONE);
    uint64_t used = kernel->layout.pages_used;
    uint64_t high = kernel->layout.next_page;
    for (unsigned round = 0; round < 5; round++) {
        for (uint64_t page = 1; page < 64; page++)
            ck_assert_int_eq(x64i_mm_touch(kernel, BASE + page * PAGE, X64_PF_WRITE), X64I_MM_DONE);
        ck_assert_uint_eq(kernel->layout.pages_used, used + 63);
        ck_assert_int_eq(x64i_mm_unmap(kernel, BASE + PAGE, BASE + 64 * PAGE), 0);
        ck_assert_uint_eq(kernel->layout.pages_used, used);
        ck_assert_int_eq(map(kernel, 1, 64, X64I_PROT_READ | X64I_PROT_WRITE), 0);
    }
    ck_assert_uint_eq(kernel->layout.next_page, high + 63 * PAGE);
    end();
}
END_TEST

START_TEST(test_mm_reused_pages_are_zero)
{
    struct x64i_kernel *kernel = start();
    uint64_t mark = 0x1122334455667788u;
    uint64_t value = 1;
    ck_assert_int_eq(map(kernel, 0, 1, X64I_PROT_READ | X64I_PROT_WRITE), 0);
    ck_assert_int_eq(x64i_mm_touch(kernel, BASE, X64_PF_WRITE), X64I_MM_DONE);
    uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, BASE, NULL);
    uint64_t physical = entry & X64I_PTE_ADDRESS;
    ck_assert(x64i_physical_poke(kernel->memory, physical + 64, &mark, sizeof mark));
    ck_assert_int_eq(x64i_mm_unmap(kernel, BASE, BASE + PAGE), 0);
    ck_assert_uint_eq(x64i_frame_take(kernel), physical);
    ck_assert(x64i_physical_peek(kernel->memory, physical + 64, &value, sizeof value));
    ck_assert_uint_eq(value, 0);
    ck_assert(x64i_physical_peek(kernel->memory, physical, &value, sizeof value));
    ck_assert_uint_eq(value, 0);
    end();
}
END_TEST

START_TEST(test_mm_gap_is_free_and_highest)
{
    struct x64i_kernel *kernel = start();
    uint64_t first = x64i_mm_find_gap(kernel, 4 * PAGE);
    ck_assert_uint_eq(first, kernel->mm.mmap_top - 4 * PAGE);
    ck_assert_int_eq(
        x64i_mm_map(kernel, &(struct x64i_area){.start = first, .end = first + 4 * PAGE}), 0);
    uint64_t second = x64i_mm_find_gap(kernel, PAGE);
    ck_assert_uint_eq(second, first - PAGE);
    ck_assert_uint_eq(x64i_mm_find_gap(kernel, kernel->mm.limit), 0);
    end();
}
END_TEST

START_TEST(test_mm_list_has_an_end)
{
    struct x64i_kernel *kernel = start();
    int64_t result = 0;
    uint64_t mapped = 0;
    for (uint64_t i = 0; i < 2 * X64I_AREAS_MAX && result == 0; i++) {
        result = map(kernel, 2 * i, 2 * i + 1, X64I_PROT_READ);
        mapped += result == 0;
    }
    ck_assert_int_eq(result, -ENOMEM);
    ck_assert_uint_eq(kernel->mm.area_count, X64I_AREAS_MAX);
    ck_assert_uint_gt(mapped, X64I_AREAS_MAX / 2);
    check_order(&kernel->mm);
    end();
}
END_TEST

/* Of pages with the same protection, which the list keeps as one area each. */
static uint64_t count_stretches(const uint8_t *model, uint64_t pages, uint8_t none)
{
    uint64_t count = 0;
    for (uint64_t page = 0; page < pages; page++)
        count += model[page] != none && (page == 0 || model[page - 1] != model[page]);
    return count;
}

/* Random operations against a plain array of protections. */
START_TEST(test_mm_agrees_with_a_plain_model)
{
    enum { PAGES = 48, NONE = 255 };
    struct x64i_kernel *kernel = start();
    uint8_t model[PAGES];
    uint64_t random = 2463534242u;
    uint64_t others = kernel->mm.area_count;
    memset(model, NONE, sizeof model);
    for (unsigned round = 0; round < 2000; round++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint64_t from = random % PAGES;
        uint64_t to = from + 1 + (random >> 8) % (PAGES - from);
        uint32_t protection = (uint32_t)(random >> 16 & 7);
        uint64_t start_linear = BASE + from * PAGE;
        uint64_t end_linear = BASE + to * PAGE;
        bool whole = memchr(model + from, NONE, to - from) == NULL;
        switch (random >> 24 & 3) {
        case 0:
            ck_assert_int_eq(map(kernel, from, to, protection), 0);
            memset(model + from, (int)protection, to - from);
            break;
        case 1:
            ck_assert_int_eq(x64i_mm_unmap(kernel, start_linear, end_linear), 0);
            memset(model + from, NONE, to - from);
            break;
        case 2:
            ck_assert_int_eq(x64i_mm_protect(kernel, start_linear, end_linear, protection),
                             whole ? 0 : -ENOMEM);
            if (whole)
                memset(model + from, (int)protection, to - from);
            break;
        default: {
            enum x64i_mm_result expected = X64I_MM_DONE;
            if (model[from] == NONE)
                expected = X64I_MM_NO_AREA;
            else if (!(model[from] & X64I_PROT_WRITE))
                expected = X64I_MM_NO_ACCESS;
            ck_assert_int_eq(x64i_mm_touch(kernel, start_linear, X64_PF_WRITE), expected);
            break;
        }
        }
        check_order(&kernel->mm);
        ck_assert_uint_eq(kernel->mm.area_count - others, count_stretches(model, PAGES, NONE));
        for (uint64_t page = 0; page < PAGES; page++) {
            const struct x64i_area *area = x64i_mm_find(&kernel->mm, BASE + page * PAGE);
            uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, BASE + page * PAGE, NULL);
            ck_assert_int_eq(area ? (int)area->protection : NONE, model[page]);
            if (entry & X64I_PTE_WRITABLE)
                ck_assert(model[page] != NONE && (model[page] & X64I_PROT_WRITE));
        }
    }
    end();
}
END_TEST

static Suite *mm_suite(void)
{
    Suite *suite = suite_create("mm");
    TCase *tests = tcase_create("mm");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_mm_unmap_cuts_a_hole);
    tcase_add_test(tests, test_mm_neighbours_merge);
    tcase_add_test(tests, test_mm_touch_asks_the_protection);
    tcase_add_test(tests, test_mm_protect_needs_every_page);
    tcase_add_test(tests, test_mm_pages_come_back);
    tcase_add_test(tests, test_mm_reused_pages_are_zero);
    tcase_add_test(tests, test_mm_gap_is_free_and_highest);
    tcase_add_test(tests, test_mm_list_has_an_end);
    tcase_add_test(tests, test_mm_agrees_with_a_plain_model);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(mm_suite())
