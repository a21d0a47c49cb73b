/* SPDX-License-Identifier: MIT */
/* The TLB as a container: lookup, first-in-first-out replacement, dropping and listing. */
#include "mmu/tlb.h"

#include "support/suite.h"

#include <string.h>

#define SET_STRIDE (UINT64_C(0x1000) * X64I_TLB_SETS_4K) /* pages that share a set */

static struct x64i_tlb tlb;

static void setup(void)
{
    memset(&tlb, 0, sizeof tlb);
}

static void fill(uint64_t linear, uint64_t physical, unsigned page_bits, uint16_t pcid,
                 unsigned flags)
{
    x64i_tlb_fill(&tlb, linear,
                  &(struct x64i_tlb_entry){
                      .linear = linear >> page_bits << page_bits,
                      .physical = physical,
                      .pcid = pcid,
                      .flags = (uint8_t)(flags | X64I_TLB_VALID),
                      .page_bits = (uint8_t)page_bits,
                  },
                  NULL);
}

static bool holds(uint64_t linear, uint16_t pcid, uint64_t physical)
{
    const struct x64i_tlb_entry *entry = x64i_tlb_find(&tlb, linear, pcid);
    return entry && entry->physical == physical;
}

START_TEST(test_tlb_starts_empty)
{
    ck_assert_ptr_null(x64i_tlb_find(&tlb, 0, 0));
    ck_assert_ptr_null(x64i_tlb_find(&tlb, UINT64_C(0xffffffff81000000), 0));
}
END_TEST

START_TEST(test_tlb_finds_every_page_size)
{
    fill(0x7000, 0x1000, 12, 0, 0);
    fill(0x40000000 - 0x200000, 0x600000, 21, 0, 0);
    fill(UINT64_C(0xffff888000000000), UINT64_C(0x40000000), 30, 0, 0);
    ck_assert(holds(0x7fff, 0, 0x1000));
    ck_assert(holds(0x3fffffff, 0, 0x600000));
    ck_assert(holds(UINT64_C(0xffff88803fffffff), 0, 0x40000000));
    ck_assert_ptr_null(x64i_tlb_find(&tlb, 0x8000, 0));
    ck_assert_ptr_null(x64i_tlb_find(&tlb, 0x3fdfffff, 0));
    ck_assert_ptr_null(x64i_tlb_find(&tlb, UINT64_C(0xffff888040000000), 0));
    ck_assert_ptr_nonnull(x64i_tlb_find_small(&tlb, 0x7123, 0));
    ck_assert_ptr_null(x64i_tlb_find_small(&tlb, 0x3fffffff, 0));
}
END_TEST

/* SDM vol. 3A, 4.10.2.4: global translations are used whatever the PCID. */
START_TEST(test_tlb_global_entries_match_any_pcid)
{
    fill(0x1000, 0xa000, 12, 1, 0);
    fill(0x2000, 0xb000, 12, 1, X64I_TLB_GLOBAL);
    ck_assert(holds(0x1000, 1, 0xa000));
    ck_assert_ptr_null(x64i_tlb_find(&tlb, 0x1000, 2));
    ck_assert(holds(0x2000, 1, 0xb000));
    ck_assert(holds(0x2000, 2, 0xb000));
}
END_TEST

START_TEST(test_tlb_replaces_first_in_first_out_whatever_is_hit)
{
    for (unsigned i = 0; i < X64I_TLB_WAYS; i++)
        fill(i * SET_STRIDE, 0x1000 * i, 12, 0, 0);
    for (unsigned round = 0; round < 3 * X64I_TLB_WAYS; round++) {
        uint64_t oldest = round * SET_STRIDE;
        for (unsigned hit = 0; hit < 10; hit++)
            ck_assert(holds(oldest, 0, UINT64_C(0x1000) * round));
        fill((round + X64I_TLB_WAYS) * SET_STRIDE, UINT64_C(0x1000) * (round + X64I_TLB_WAYS), 12,
             0, 0);
        ck_assert_ptr_null(x64i_tlb_find(&tlb, oldest, 0));
        for (unsigned i = 1; i <= X64I_TLB_WAYS; i++)
            ck_assert(holds(oldest + i * SET_STRIDE, 0, UINT64_C(0x1000) * (round + i)));
    }
}
END_TEST

START_TEST(test_tlb_refill_of_a_page_takes_its_own_place)
{
    for (unsigned i = 0; i < X64I_TLB_WAYS; i++)
        fill(i * SET_STRIDE, 0x1000 * i, 12, 0, 0);
    for (unsigned i = 0; i < 10; i++)
        fill(2 * SET_STRIDE, UINT64_C(0x9000) + 0x1000 * i, 12, 0, X64I_TLB_DIRTY);
    for (unsigned i = 0; i < X64I_TLB_WAYS; i++)
        ck_assert(holds(i * SET_STRIDE, 0, i == 2 ? 0x12000 : UINT64_C(0x1000) * i));
    fill(X64I_TLB_WAYS * SET_STRIDE, 0x77000, 12, 0, 0);
    ck_assert_ptr_null(x64i_tlb_find(&tlb, 0, 0));
}
END_TEST

START_TEST(test_tlb_fill_uses_a_free_way_first)
{
    for (unsigned i = 0; i < X64I_TLB_WAYS; i++)
        fill(i * SET_STRIDE, 0x1000 * i, 12, 0, 0);
    ck_assert(x64i_tlb_drop(&tlb, 2 * SET_STRIDE, 0, true, NULL));
    fill(9 * SET_STRIDE, 0x9000, 12, 0, 0);
    ck_assert(holds(0, 0, 0));
    ck_assert(holds(SET_STRIDE, 0, 0x1000));
    ck_assert(holds(3 * SET_STRIDE, 0, 0x3000));
    ck_assert(holds(9 * SET_STRIDE, 0, 0x9000));
}
END_TEST

/* A page that changes its size must not keep a smaller, older entry in front of the new one. */
START_TEST(test_tlb_fill_drops_other_sizes_of_the_address)
{
    fill(0x201000, 0x5000, 12, 0, 0);
    fill(0x202000, 0x6000, 12, 0, 0);
    fill(0x201000, 0x800000, 21, 0, 0);
    ck_assert(holds(0x201000, 0, 0x800000));
    ck_assert(holds(0x202000, 0, 0x6000)); /* nobody asked for it: it stays, stale */
    fill(0x203000, 0x7000, 12, 0, 0);
    ck_assert(holds(0x203000, 0, 0x7000));
    ck_assert_ptr_null(x64i_tlb_find(&tlb, 0x204000, 0));
}
END_TEST

START_TEST(test_tlb_drop_spares_global_entries_unless_told)
{
    fill(0x1000, 0xa000, 12, 3, X64I_TLB_GLOBAL);
    fill(0x400000, 0x200000, 21, 3, 0);
    ck_assert(!x64i_tlb_drop(&tlb, 0x1000, 3, false, NULL));
    ck_assert(holds(0x1000, 3, 0xa000));
    ck_assert(x64i_tlb_drop(&tlb, 0x1000, 5, true, NULL));
    ck_assert_ptr_null(x64i_tlb_find(&tlb, 0x1000, 3));
    ck_assert(!x64i_tlb_drop(&tlb, 0x400000, 4, true, NULL));
    ck_assert(x64i_tlb_drop(&tlb, 0x5fffff, 3, false, NULL));
    ck_assert_ptr_null(x64i_tlb_find(&tlb, 0x400000, 3));
}
END_TEST

static const struct flush_row {
    enum x64_tlb_flush what;
    bool stays[4]; /* PCID 1, PCID 1 global, PCID 2, PCID 2 global */
} flush_rows[] = {
    {X64_FLUSH_PAGE, {true, true, true, true}},
    {X64_FLUSH_PCID, {false, true, true, true}},
    {X64_FLUSH_ALL, {false, false, false, false}},
    {X64_FLUSH_ALL_BUT_GLOBAL, {false, true, false, true}},
};

START_TEST(test_tlb_flush_kinds)
{
    static const unsigned sizes[] = {12, 21, 30};
    const struct flush_row *row = &flush_rows[_i];
    for (size_t s = 0; s < 3; s++)
        for (unsigned i = 0; i < 4; i++)
            fill((UINT64_C(5) + i) << sizes[s], 0, sizes[s], (uint16_t)(1 + i / 2),
                 i % 2 ? X64I_TLB_GLOBAL : 0);
    x64i_tlb_flush(&tlb, row->what, 1);
    for (size_t s = 0; s < 3; s++)
        for (unsigned i = 0; i < 4; i++)
            ck_assert_int_eq(
                x64i_tlb_find(&tlb, (UINT64_C(5) + i) << sizes[s], (uint16_t)(1 + i / 2)) != NULL,
                row->stays[i]);
}
END_TEST

struct dump {
    unsigned count;
    struct x64i_tlb_entry entries[8];
};

static void collect(void *user, const struct x64i_tlb_entry *entry)
{
    struct dump *dump = user;
    if (dump->count < 8)
        dump->entries[dump->count] = *entry;
    dump->count++;
}

START_TEST(test_tlb_visit_lists_what_it_holds)
{
    struct dump dump = {0};
    x64i_tlb_visit(&tlb, collect, &dump);
    ck_assert_uint_eq(dump.count, 0);

    fill(UINT64_C(0xffff888040000000), 0x40000000, 30, 0, X64I_TLB_GLOBAL);
    fill(0x200000, 0x600000, 21, 7, X64I_TLB_WRITABLE);
    fill(0x401000, 0x5000, 12, 4095, X64I_TLB_USER);
    x64i_tlb_visit(&tlb, collect, &dump);
    ck_assert_uint_eq(dump.count, 3);
    ck_assert_uint_eq(dump.entries[0].page_bits, 12);
    ck_assert_uint_eq(dump.entries[0].linear, 0x401000);
    ck_assert_uint_eq(dump.entries[0].physical, 0x5000);
    ck_assert_uint_eq(dump.entries[0].pcid, 4095);
    ck_assert_uint_eq(dump.entries[0].flags, X64I_TLB_VALID | X64I_TLB_USER);
    ck_assert_uint_eq(dump.entries[1].page_bits, 21);
    ck_assert_uint_eq(dump.entries[1].pcid, 7);
    ck_assert_uint_eq(dump.entries[2].page_bits, 30);
    ck_assert_uint_eq(dump.entries[2].flags, X64I_TLB_VALID | X64I_TLB_GLOBAL);
}
END_TEST

START_TEST(test_tlb_capacity_is_what_it_can_hold)
{
    static const unsigned sizes[] = {12, 21, 30};
    for (size_t s = 0; s < 3; s++) {
        setup();
        unsigned capacity = x64i_tlb_capacity(sizes[s]);
        for (uint64_t i = 0; i < capacity; i++)
            fill(i << sizes[s], 0, sizes[s], 0, 0);
        struct dump dump = {0};
        x64i_tlb_visit(&tlb, collect, &dump);
        ck_assert_uint_eq(dump.count, capacity);
        fill((uint64_t)capacity << sizes[s], 0, sizes[s], 0, 0);
        dump.count = 0;
        x64i_tlb_visit(&tlb, collect, &dump);
        ck_assert_uint_eq(dump.count, capacity);
    }
    ck_assert_uint_eq(x64i_tlb_capacity(22), 0);
}
END_TEST

static Suite *tlb_suite(void)
{
    Suite *suite = suite_create("mmu/tlb");
    TCase *tests = tcase_create("tlb");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_tlb_starts_empty);
    tcase_add_test(tests, test_tlb_finds_every_page_size);
    tcase_add_test(tests, test_tlb_global_entries_match_any_pcid);
    tcase_add_test(tests, test_tlb_replaces_first_in_first_out_whatever_is_hit);
    tcase_add_test(tests, test_tlb_refill_of_a_page_takes_its_own_place);
    tcase_add_test(tests, test_tlb_fill_uses_a_free_way_first);
    tcase_add_test(tests, test_tlb_fill_drops_other_sizes_of_the_address);
    tcase_add_test(tests, test_tlb_drop_spares_global_entries_unless_told);
    tcase_add_loop_test(tests, test_tlb_flush_kinds, 0,
                        (int)(sizeof flush_rows / sizeof flush_rows[0]));
    tcase_add_test(tests, test_tlb_visit_lists_what_it_holds);
    tcase_add_test(tests, test_tlb_capacity_is_what_it_can_hold);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(tlb_suite())
