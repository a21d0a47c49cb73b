/* SPDX-License-Identifier: MIT */
/* The physical address space: RAM, devices' windows over it, and the nothing around them. */
#include "mmu/physical.h"

#include "support/suite.h"

#include <string.h>

#define RAM_SIZE    UINT64_C(0x10000)
#define WINDOW      UINT64_C(0x4100) /* hides RAM */
#define WINDOW_SIZE UINT64_C(0x100)

/* A device that remembers who asked. */
struct device {
    unsigned accesses;
    uint64_t offset;
    unsigned size;
    uint64_t value;
};

static struct x64i_state *state;
static struct x64i_physical physical;
static struct device device;

static uint64_t device_read(void *user, uint64_t offset, unsigned size)
{
    struct device *d = user;
    d->accesses++;
    d->offset = offset;
    d->size = size;
    return UINT64_C(0x1122334455667788) + offset;
}

static void device_write(void *user, uint64_t offset, unsigned size, uint64_t value)
{
    struct device *d = user;
    d->accesses++;
    d->offset = offset;
    d->size = size;
    d->value = value;
}

static enum x64_status add_window(uint64_t address, uint64_t size)
{
    return x64i_physical_add_mmio(&physical, &(struct x64i_mmio){
                                                 .physical = address,
                                                 .size = size,
                                                 .user = &device,
                                                 .read = device_read,
                                                 .write = device_write,
                                             });
}

static void setup(void)
{
    memset(&device, 0, sizeof device);
    ck_assert_int_eq(x64i_state_create(&state), X64_OK);
    ck_assert_int_eq(x64i_physical_init(&physical, state, RAM_SIZE), X64_OK);
}

static void teardown(void)
{
    x64i_state_destroy(state);
}

START_TEST(test_physical_ram_sizes_are_checked)
{
    struct x64i_physical other;
    struct x64i_state *fresh;
    ck_assert_int_eq(x64i_state_create(&fresh), X64_OK);
    ck_assert_int_eq(x64i_physical_init(&other, fresh, 0), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_physical_init(&other, fresh, 0x1001), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_physical_init(&other, fresh, UINT64_C(1) << 60), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_physical_init(&other, fresh, 0x1000), X64_OK);
    x64i_state_destroy(fresh);
}
END_TEST

START_TEST(test_physical_ram_is_little_endian_in_every_size)
{
    x64i_physical_write(&physical, 0x1000, 8, UINT64_C(0x8877665544332211));
    for (unsigned size = 1; size <= 8; size++) {
        uint64_t mask = size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
        ck_assert_uint_eq(x64i_physical_read(&physical, 0x1000, size),
                          UINT64_C(0x8877665544332211) & mask);
        x64i_physical_write(&physical, 0x2000, 8, UINT64_MAX);
        x64i_physical_write(&physical, 0x2000, size, 0);
        ck_assert_uint_eq(x64i_physical_read(&physical, 0x2000, 8), ~mask);
    }
}
END_TEST

START_TEST(test_physical_nothing_reads_as_ones_and_drops_writes)
{
    static const uint64_t nowhere[] = {RAM_SIZE, RAM_SIZE + 0x123450, UINT64_C(1) << 51,
                                       UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        x64i_physical_write(&physical, nowhere[i], 8, 0);
        ck_assert_uint_eq(x64i_physical_read(&physical, nowhere[i], 8), UINT64_MAX);
        ck_assert_uint_eq(x64i_physical_read(&physical, nowhere[i], 4), 0xffffffff);
        ck_assert_uint_eq(x64i_physical_read(&physical, nowhere[i], 1), 0xff);
    }
    ck_assert(!physical.out_of_memory);
}
END_TEST

START_TEST(test_physical_window_hides_ram)
{
    x64i_physical_write(&physical, WINDOW, 8, 0x55);
    ck_assert_int_eq(add_window(WINDOW, WINDOW_SIZE), X64_OK);
    ck_assert_uint_eq(x64i_physical_read(&physical, WINDOW + 0x20, 4), 0x556677a8);
    ck_assert_uint_eq(device.offset, 0x20);
    ck_assert_uint_eq(device.size, 4);
    x64i_physical_write(&physical, WINDOW + 0x21, 2, UINT64_C(0xffff1234));
    ck_assert_uint_eq(device.offset, 0x21);
    ck_assert_uint_eq(device.value, 0x1234);
    x64i_physical_write(&physical, WINDOW - 8, 8, 7);
    x64i_physical_write(&physical, WINDOW + WINDOW_SIZE, 8, 8);
    ck_assert_uint_eq(device.accesses, 2);
    ck_assert_uint_eq(x64i_physical_read(&physical, WINDOW - 8, 8), 7);
    ck_assert_uint_eq(x64i_physical_read(&physical, WINDOW + WINDOW_SIZE, 8), 8);
}
END_TEST

START_TEST(test_physical_access_across_a_windows_edge_goes_byte_by_byte)
{
    ck_assert_int_eq(add_window(WINDOW, WINDOW_SIZE), X64_OK);
    x64i_physical_write(&physical, WINDOW - 2, 4, 0xddccbbaa);
    ck_assert_uint_eq(device.accesses, 2);
    ck_assert_uint_eq(device.offset, 1);
    ck_assert_uint_eq(device.size, 1);
    ck_assert_uint_eq(device.value, 0xdd);
    ck_assert_uint_eq(x64i_physical_read(&physical, WINDOW - 2, 4), 0x8988bbaa);
    x64i_physical_write(&physical, WINDOW + WINDOW_SIZE - 1, 2, 0x1122);
    ck_assert_uint_eq(device.offset, WINDOW_SIZE - 1);
    ck_assert_uint_eq(device.value, 0x22);
    ck_assert_uint_eq(x64i_physical_read(&physical, WINDOW + WINDOW_SIZE, 1), 0x11);
    device.accesses = 0;
    ck_assert_uint_eq(x64i_physical_read(&physical, WINDOW, 3), 0x8a8988);
    ck_assert_uint_eq(device.accesses, 3);
}
END_TEST

START_TEST(test_physical_windows_are_checked)
{
    ck_assert_int_eq(add_window(WINDOW, 0), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(add_window(UINT64_MAX - 15, 32), X64_ERROR_ARGUMENT);
    ck_assert_int_eq(x64i_physical_add_mmio(&physical, &(struct x64i_mmio){.size = 1}),
                     X64_ERROR_ARGUMENT);
    ck_assert_int_eq(add_window(WINDOW, WINDOW_SIZE), X64_OK);
    ck_assert_int_eq(add_window(WINDOW + WINDOW_SIZE - 1, 1), X64_ERROR_EXISTS);
    ck_assert_int_eq(add_window(WINDOW - 1, 2), X64_ERROR_EXISTS);
    ck_assert_int_eq(add_window(WINDOW - 1, 1), X64_OK);
    ck_assert_int_eq(add_window(UINT64_MAX - 15, 16), X64_OK);
    for (unsigned i = 3; i < X64I_MMIO_MAX; i++)
        ck_assert_int_eq(add_window(UINT64_C(0xfee00000) + 0x1000 * i, 0x1000), X64_OK);
    ck_assert_int_eq(add_window(0, 1), X64_ERROR_LIMIT);
}
END_TEST

START_TEST(test_physical_peek_and_poke_cross_pages)
{
    uint8_t pattern[0x3000];
    uint8_t copy[sizeof pattern];
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)(i * 7 + 1);
    ck_assert(x64i_physical_poke(&physical, 0x1801, pattern, sizeof pattern));
    ck_assert(x64i_physical_peek(&physical, 0x1801, copy, sizeof copy));
    ck_assert_mem_eq(copy, pattern, sizeof pattern);
    ck_assert_uint_eq(x64i_physical_read(&physical, 0x1800, 1), 0);
}
END_TEST

START_TEST(test_physical_peek_and_poke_refuse_all_but_ram)
{
    uint8_t bytes[16];
    memset(bytes, 0xa5, sizeof bytes);
    ck_assert_int_eq(add_window(WINDOW, WINDOW_SIZE), X64_OK);
    static const uint64_t bad[] = {WINDOW,        WINDOW - 15, WINDOW + WINDOW_SIZE - 1,
                                   RAM_SIZE - 15, RAM_SIZE,    UINT64_MAX - 3};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert(!x64i_physical_poke(&physical, bad[i], bytes, sizeof bytes));
        ck_assert(!x64i_physical_peek(&physical, bad[i], bytes, sizeof bytes));
        ck_assert_uint_eq(bytes[0], 0xa5);
        ck_assert(!x64i_physical_is_ram(&physical, bad[i], sizeof bytes));
    }
    ck_assert_uint_eq(x64i_physical_read(&physical, WINDOW - 15, 8), 0);
    ck_assert_uint_eq(x64i_physical_read(&physical, RAM_SIZE - 8, 8), 0);
    ck_assert_uint_eq(device.accesses, 0);
    ck_assert(x64i_physical_peek(&physical, RAM_SIZE - 16, bytes, sizeof bytes));
    ck_assert(x64i_physical_peek(&physical, UINT64_MAX, bytes, 0));
}
END_TEST

/* RAM is state: going back undoes writes. */
START_TEST(test_physical_ram_is_in_snapshots)
{
    struct x64i_snapshot *snapshot;
    x64i_physical_write(&physical, 0x3000, 8, 1);
    ck_assert_int_eq(x64i_state_snapshot(state, &snapshot), X64_OK);
    x64i_physical_write(&physical, 0x3000, 8, 2);
    ck_assert_int_eq(x64i_state_restore(state, snapshot), X64_OK);
    ck_assert_uint_eq(x64i_physical_read(&physical, 0x3000, 8), 1);
    x64i_snapshot_release(snapshot);
}
END_TEST

static Suite *physical_suite(void)
{
    Suite *suite = suite_create("mmu/physical");
    TCase *tests = tcase_create("physical");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_physical_ram_sizes_are_checked);
    tcase_add_test(tests, test_physical_ram_is_little_endian_in_every_size);
    tcase_add_test(tests, test_physical_nothing_reads_as_ones_and_drops_writes);
    tcase_add_test(tests, test_physical_window_hides_ram);
    tcase_add_test(tests, test_physical_access_across_a_windows_edge_goes_byte_by_byte);
    tcase_add_test(tests, test_physical_windows_are_checked);
    tcase_add_test(tests, test_physical_peek_and_poke_cross_pages);
    tcase_add_test(tests, test_physical_peek_and_poke_refuse_all_but_ram);
    tcase_add_test(tests, test_physical_ram_is_in_snapshots);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(physical_suite())
