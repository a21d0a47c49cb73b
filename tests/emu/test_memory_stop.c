/* SPDX-License-Identifier: MIT */
/*
 * X64_STOP_MEMORY: the host has no page for a guest's write. The functions that memory for pages
 * comes from are replaced at link time, so that they fail when a test says so.
 */
#include "support/suite.h"

#include "x64emu/machine.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CODE   0x10000u
#define STACK  0x20000u
#define FIRST  0x100000u
#define MEMORY (UINT64_C(16) << 20)
#define PAGES  ((MEMORY - FIRST) / 4096)
#define LITTLE (5 << 20) /* enough for the first of the heap's huge pages */

/* Bytes that can still be had; negative: any number. Pages come one by one or in growing chunks. */
static int64_t allowed = -1;

static bool may_have(size_t size)
{
    bool of_ram = size > 4096; /* other regions are small */
    if (of_ram && allowed >= 0 && (int64_t)size > allowed)
        return false;
    if (of_ram && allowed >= 0)
        allowed -= (int64_t)size;
    return true;
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return may_have(size) ? __real_aligned_alloc(alignment, size) : NULL;
}

void *__real_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    return may_have(size) ? __real_mmap(address, size, protection, flags, file, offset)
                          : MAP_FAILED;
}

/* A byte into every page from FIRST on; after the last page it stays where it is. */
static const uint8_t filler[] = {
    0xbf, 0x00, 0x00, 0x10, 0x00,       /* mov $FIRST, %edi */
    0xc6, 0x07, 0x01,                   /* movb $1, (%rdi) */
    0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, /* add $4096, %edi */
    0x81, 0xff, 0x00, 0x00, 0x00, 0x01, /* cmp $MEMORY, %edi */
    0x72, 0xef,                         /* jb to the store */
    0xeb, 0xfe,                         /* jmp here */
};
#define FULL (PAGES * 4 + 1)

static struct x64_machine *new_machine(enum x64_engine engine)
{
    struct x64_config config = {
        .struct_size = sizeof config, .memory_size = MEMORY, .engine = engine};
    struct x64_machine *machine;
    ck_assert_int_eq(x64_machine_create(&config, &machine), X64_OK);
    ck_assert_int_eq(x64_memory_write_phys(machine, CODE, filler, sizeof filler), X64_OK);
    ck_assert_int_eq(x64_machine_start(machine, CODE, STACK), X64_OK);
    return machine;
}

static const enum x64_engine engines[] = {X64_ENGINE_BLOCKS, X64_ENGINE_REFERENCE};

/* Runs until `bytes` bytes were given. */
static struct x64_stop run_dry(struct x64_machine *machine, int64_t bytes)
{
    struct x64_stop stop;
    allowed = bytes;
    enum x64_status status = x64_run(machine, FULL, &stop);
    allowed = -1;
    ck_assert_int_eq(status, X64_OK);
    return stop;
}

START_TEST(test_memory_stop_says_where)
{
    struct x64_machine *machine = new_machine(engines[_i]);
    struct x64_stop stop = run_dry(machine, LITTLE);
    ck_assert_int_eq(stop.reason, X64_STOP_MEMORY);
    ck_assert_uint_gt(stop.steps, 10 * 4);
    ck_assert_uint_lt(stop.steps, FULL);
    ck_assert_uint_eq(stop.steps, x64_steps(machine));
    x64_machine_destroy(machine);
}
END_TEST

/* The write is lost, so the run must not go on from there, whatever memory there is by then. */
START_TEST(test_memory_stop_lasts)
{
    struct x64_machine *machine = new_machine(engines[_i]);
    struct x64_stop first = run_dry(machine, LITTLE);
    struct x64_stop second = run_dry(machine, -1);
    ck_assert_int_eq(second.reason, X64_STOP_MEMORY);
    ck_assert_uint_eq(second.steps, first.steps);
    x64_machine_destroy(machine);
}
END_TEST

/* An earlier state is whole: from there the run makes its way to the end, and to the same state as
 * one that always had memory. */
START_TEST(test_memory_stop_can_be_gone_back_from)
{
    struct x64_machine *machine = new_machine(engines[_i]);
    struct x64_machine *other = new_machine(engines[_i]);
    uint64_t hashes[2];
    ck_assert_int_eq(run_dry(machine, LITTLE).reason, X64_STOP_MEMORY);
    ck_assert_int_eq(x64_goto(machine, 0), X64_OK);
    struct x64_stop stop = run_dry(machine, -1);
    ck_assert_int_eq(stop.reason, X64_STOP_BUDGET);
    ck_assert_uint_eq(stop.steps, FULL);
    ck_assert_int_eq(run_dry(other, -1).reason, X64_STOP_BUDGET);
    ck_assert_int_eq(x64_hash(machine, &hashes[0]), X64_OK);
    ck_assert_int_eq(x64_hash(other, &hashes[1]), X64_OK);
    ck_assert_uint_eq(hashes[0], hashes[1]);
    x64_machine_destroy(machine);
    x64_machine_destroy(other);
}
END_TEST

static Suite *memory_stop_suite(void)
{
    Suite *suite = suite_create("memory stop");
    TCase *tests = tcase_create("memory stop");
    int count = (int)(sizeof engines / sizeof engines[0]);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_memory_stop_says_where, 0, count);
    tcase_add_loop_test(tests, test_memory_stop_lasts, 0, count);
    tcase_add_loop_test(tests, test_memory_stop_can_be_gone_back_from, 0, count);
    suite_add_tcase(suite, tests);
    return suite;
}

X64_TEST_MAIN(memory_stop_suite())
