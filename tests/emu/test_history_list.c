/* SPDX-License-Identifier: MIT */
/* The list of snapshots by itself: bounded, thinner with age, barriers kept. */
#include "history.h"

#include "support/suite.h"

#define INTERVAL  10u
#define PAGES     64u
#define UNLIMITED ((size_t)1 << 40)

/* A state that writes one of its pages before every snapshot. */
struct guest {
    struct x64i_state *state;
    struct x64i_pages *pages;
    struct x64i_history history;
};

static struct guest new_guest(size_t bytes_limit)
{
    struct guest guest = {.state = NULL};
    ck_assert_int_eq(x64i_state_create(&guest.state), X64_OK);
    ck_assert_int_eq(
        x64i_state_add_paged(guest.state, "ram", 1, PAGES * X64I_PAGE_SIZE, 0, &guest.pages),
        X64_OK);
    ck_assert_int_eq(x64i_history_init(&guest.history, INTERVAL, bytes_limit), X64_OK);
    return guest;
}

static void end_guest(struct guest *guest)
{
    x64i_history_free(&guest->history);
    x64i_state_destroy(guest->state);
}

static enum x64_status take(struct guest *guest, uint64_t n, bool barrier)
{
    ck_assert_int_eq(
        x64i_pages_copy_in(guest->pages, n / INTERVAL % PAGES * X64I_PAGE_SIZE, &n, sizeof n),
        X64_OK);
    return x64i_history_take(&guest->history, guest->state, n, barrier);
}

static void take_many(struct guest *guest, uint64_t from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(take(guest, from + i * INTERVAL, false), X64_OK);
}

static void check_order(const struct x64i_history *history)
{
    ck_assert_uint_le(history->count, X64I_HISTORY_ENTRIES);
    for (size_t i = 1; i < history->count; i++)
        ck_assert_uint_lt(history->entries[i - 1].n, history->entries[i].n);
}

START_TEST(test_history_list_finds_the_nearest)
{
    struct guest guest = new_guest(UNLIMITED);
    ck_assert_ptr_null(x64i_history_find(&guest.history, 5));
    ck_assert_int_eq(take(&guest, 20, false), X64_OK);
    ck_assert_int_eq(take(&guest, 40, false), X64_OK);
    ck_assert_int_eq(take(&guest, 30, false), X64_OK);
    check_order(&guest.history);
    ck_assert_ptr_null(x64i_history_find(&guest.history, 19));
    for (uint64_t n = 20; n < 60; n++)
        ck_assert_uint_eq(x64i_history_find(&guest.history, n)->n, n < 40 ? n / 10 * 10 : 40);
    ck_assert_uint_eq(guest.history.last, 40);
    end_guest(&guest);
}
END_TEST

START_TEST(test_history_list_stops_for_snapshots_and_barriers)
{
    struct guest guest = new_guest(UNLIMITED);
    ck_assert_uint_eq(x64i_history_next(&guest.history, 0), INTERVAL);
    ck_assert_uint_eq(x64i_history_next(&guest.history, 9), 10);
    ck_assert_uint_eq(x64i_history_next(&guest.history, 10), 20);
    ck_assert_int_eq(take(&guest, 12, false), X64_OK);
    ck_assert_int_eq(take(&guest, 14, true), X64_OK);
    ck_assert_uint_eq(x64i_history_next(&guest.history, 10), 14);
    ck_assert_uint_eq(x64i_history_next(&guest.history, 13), 14);
    ck_assert_uint_eq(x64i_history_next(&guest.history, 14), 20);
    end_guest(&guest);
}
END_TEST

START_TEST(test_history_list_keeps_few_near_ones)
{
    struct guest guest = new_guest(UNLIMITED);
    take_many(&guest, 0, 100);
    for (uint64_t i = 0; i < 90; i++) {
        ck_assert_int_eq(x64i_history_take_near(&guest.history, guest.state, i * INTERVAL + 5),
                         X64_OK);
        ck_assert_uint_eq(x64i_history_find(&guest.history, i * INTERVAL + 7)->n, i * INTERVAL + 5);
    }
    check_order(&guest.history);
    ck_assert_uint_lt(guest.history.count, 120);
    for (uint64_t i = 0; i < 100; i++)
        ck_assert_uint_eq(x64i_history_find(&guest.history, i * INTERVAL)->n, i * INTERVAL);
    ck_assert_int_eq(x64i_history_take_near(&guest.history, guest.state, 50 * INTERVAL), X64_OK);
    ck_assert(!x64i_history_find(&guest.history, 50 * INTERVAL)->near);
    end_guest(&guest);
}
END_TEST

/* Only an interval that is long already, and only while much is written. */
START_TEST(test_history_list_stretches_a_long_interval)
{
    const uint64_t interval = X64I_HISTORY_LONG_INTERVAL;
    struct guest guest = new_guest(UNLIMITED);
    guest.history.interval = interval;
    ck_assert_int_eq(take(&guest, interval, false), X64_OK);
    ck_assert_int_eq(take(&guest, 2 * interval, false), X64_OK);
    ck_assert_uint_eq(x64i_history_next(&guest.history, 3 * interval), 4 * interval);
    for (uint64_t i = 0; i < PAGES; i++)
        ck_assert_int_eq(x64i_pages_copy_in(guest.pages, i * X64I_PAGE_SIZE, &interval, 8), X64_OK);
    ck_assert_int_eq(take(&guest, 3 * interval, false), X64_OK);
    ck_assert_uint_eq(x64i_history_next(&guest.history, 3 * interval), 8 * interval);
    ck_assert_uint_eq(x64i_history_next(&guest.history, 8 * interval), 16 * interval);
    guest.history.interval = interval - 1;
    ck_assert_uint_eq(x64i_history_next(&guest.history, 4 * (interval - 1)), 5 * (interval - 1));
    end_guest(&guest);
}
END_TEST

START_TEST(test_history_list_replaces_at_the_same_step)
{
    struct guest guest = new_guest(UNLIMITED);
    ck_assert_int_eq(take(&guest, 10, true), X64_OK);
    ck_assert_int_eq(take(&guest, 10, false), X64_OK);
    ck_assert_uint_eq(guest.history.count, 1);
    ck_assert(guest.history.entries[0].barrier);
    end_guest(&guest);
}
END_TEST

/* What the list holds, summed over its neighbours as it is now. */
static uint64_t held(const struct x64i_history *history)
{
    uint64_t bytes = 0;
    for (size_t i = 1; i < history->count; i++)
        bytes += x64i_snapshot_bytes_beyond(history->entries[i].snapshot,
                                            history->entries[i - 1].snapshot);
    return bytes;
}

/* No gap is wider than a few times what it would be were the entries spread evenly, and the newest
 * ones are closer together than the oldest. */
START_TEST(test_history_list_is_bounded_and_thins_with_age)
{
    enum { TAKEN = 5 * X64I_HISTORY_ENTRIES };
    struct guest guest = new_guest(UNLIMITED);
    take_many(&guest, 0, TAKEN);
    const struct x64i_history *history = &guest.history;
    uint64_t last = (TAKEN - 1) * INTERVAL;
    uint64_t even = last / X64I_HISTORY_ENTRIES;
    check_order(history);
    ck_assert_uint_ge(history->count, X64I_HISTORY_ENTRIES * 3 / 4);
    ck_assert_uint_eq(history->entries[0].n, 0);
    ck_assert_uint_eq(history->entries[history->count - 1].n, last);
    uint64_t newest_gap = 0;
    uint64_t oldest_gap = 0;
    for (size_t i = 1; i < history->count; i++) {
        uint64_t gap = history->entries[i].n - history->entries[i - 1].n;
        uint64_t age = last - history->entries[i - 1].n;
        ck_assert_msg(gap <= 4 * even, "%u steps apart %u steps ago", (unsigned)gap, (unsigned)age);
        if (age < last / 8 && gap > newest_gap)
            newest_gap = gap;
        if (age > last / 8 * 7 && gap > oldest_gap)
            oldest_gap = gap;
    }
    ck_assert_uint_le(newest_gap, even);
    ck_assert_uint_ge(oldest_gap, 2 * newest_gap);
    end_guest(&guest);
}
END_TEST

START_TEST(test_history_list_keeps_all_while_there_is_room)
{
    struct guest guest = new_guest(UNLIMITED);
    take_many(&guest, 0, X64I_HISTORY_ENTRIES - 1);
    ck_assert_uint_eq(guest.history.count, X64I_HISTORY_ENTRIES - 1);
    end_guest(&guest);
}
END_TEST

START_TEST(test_history_list_keeps_barriers)
{
    struct guest guest = new_guest(UNLIMITED);
    for (uint64_t i = 0; i < 3 * X64I_HISTORY_ENTRIES; i++) {
        bool barrier = i % 100 == 7;
        ck_assert_int_eq(take(&guest, i * INTERVAL, barrier), X64_OK);
    }
    check_order(&guest.history);
    for (uint64_t i = 7; i < 3 * X64I_HISTORY_ENTRIES; i += 100) {
        const struct x64i_history_entry *entry = x64i_history_find(&guest.history, i * INTERVAL);
        ck_assert_uint_eq(entry->n, i * INTERVAL);
        ck_assert(entry->barrier);
    }
    end_guest(&guest);
}
END_TEST

START_TEST(test_history_list_full_of_barriers_forgets_the_oldest)
{
    struct guest guest = new_guest(UNLIMITED);
    for (uint64_t i = 0; i < 2 * X64I_HISTORY_ENTRIES; i++) {
        ck_assert_int_eq(take(&guest, i * INTERVAL, true), X64_OK);
        ck_assert_uint_le(guest.history.count, X64I_HISTORY_ENTRIES);
    }
    const struct x64i_history *history = &guest.history;
    ck_assert_uint_ge(history->count, X64I_HISTORY_ENTRIES * 3 / 4);
    for (size_t i = 1; i < history->count; i++)
        ck_assert_uint_eq(history->entries[i].n, history->entries[i - 1].n + INTERVAL);
    ck_assert_uint_eq(history->entries[history->count - 1].n,
                      (2 * X64I_HISTORY_ENTRIES - 1) * INTERVAL);
    ck_assert_uint_eq(history->entries[0].bytes, 0);
    ck_assert_uint_eq(history->bytes, held(history));
    end_guest(&guest);
}
END_TEST

START_TEST(test_history_list_is_bounded_in_bytes)
{
    const size_t limit = (size_t)400 * X64I_PAGE_SIZE;
    struct guest guest = new_guest(limit);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert_int_eq(take(&guest, i * INTERVAL, false), X64_OK);
        uint64_t newest = guest.history.entries[guest.history.count - 1].bytes;
        ck_assert_uint_le(guest.history.bytes, limit + newest);
        ck_assert_uint_eq(guest.history.bytes, held(&guest.history));
    }
    check_order(&guest.history);
    ck_assert_uint_ge(guest.history.count, 10);
    ck_assert_uint_eq(guest.history.entries[0].n, 0);
    end_guest(&guest);
}
END_TEST

START_TEST(test_history_list_truncates)
{
    struct guest guest = new_guest(UNLIMITED);
    take_many(&guest, 0, 50);
    x64i_history_truncate(&guest.history, 205);
    ck_assert_uint_eq(guest.history.count, 21);
    ck_assert_uint_eq(guest.history.last, 205);
    ck_assert_uint_eq(guest.history.bytes, held(&guest.history));
    x64i_history_truncate(&guest.history, 1000);
    ck_assert_uint_eq(guest.history.last, 205);
    x64i_history_clear(&guest.history);
    ck_assert_uint_eq(guest.history.count, 0);
    ck_assert_uint_eq(guest.history.bytes, 0);
    end_guest(&guest);
}
END_TEST

static Suite *history_list_suite(void)
{
    Suite *suite = suite_create("emu/history_list");
    TCase *tests = tcase_create("history_list");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_history_list_finds_the_nearest);
    tcase_add_test(tests, test_history_list_stops_for_snapshots_and_barriers);
    tcase_add_test(tests, test_history_list_keeps_few_near_ones);
    tcase_add_test(tests, test_history_list_stretches_a_long_interval);
    tcase_add_test(tests, test_history_list_replaces_at_the_same_step);
    tcase_add_test(tests, test_history_list_is_bounded_and_thins_with_age);
    tcase_add_test(tests, test_history_list_keeps_all_while_there_is_room);
    tcase_add_test(tests, test_history_list_keeps_barriers);
    tcase_add_test(tests, test_history_list_full_of_barriers_forgets_the_oldest);
    tcase_add_test(tests, test_history_list_is_bounded_in_bytes);
    tcase_add_test(tests, test_history_list_truncates);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(history_list_suite())
