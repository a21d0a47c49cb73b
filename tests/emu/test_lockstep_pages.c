/* SPDX-License-Identifier: MIT */
/* Code that is written and pages that are remapped while they run: on both engines the same. */
#include "emu/lockstep.h"

#include "x64emu/memory.h"

#include <string.h>

#define SOUPS      6u
#define SOUP_STEPS 60000u

#define GUESTS(X) \
    X(ahead)      \
    X(behind)     \
    X(target)     \
    X(alias) X(large) X(granule) X(crossing) X(astride) X(strings) X(stack) X(modify) X(port)

#define DECLARE(name) extern const uint8_t name##_begin[], name##_end[];
GUESTS(DECLARE)
DECLARE(soup)

struct guest {
    const char *name;
    const uint8_t *begin, *end;
};

#define GUEST(name) {#name, name##_begin, name##_end},
static const struct guest guests[] = {GUESTS(GUEST)};
#define GUEST_COUNT (sizeof guests / sizeof guests[0])

static const uint64_t strides[] = {4, 5, 6, 7, 13, 61, 100000};
#define STRIDE_COUNT (sizeof strides / sizeof strides[0])

static struct x64_machine *start(enum x64_engine engine, const struct guest *guest)
{
    return lockstep_machine(engine, guest->begin, (size_t)(guest->end - guest->begin));
}

static struct lockstep_case about(const struct guest *guest, uint64_t seed)
{
    return (struct lockstep_case){guest->name, seed, guest->begin,
                                  (size_t)(guest->end - guest->begin)};
}

/* It has to come to its HLT: a guest that faults proves little. */
static void check_end(const struct guest *guest)
{
    struct x64_machine *machine = start(X64_ENGINE_REFERENCE, guest);
    struct x64_stop stop;
    ck_assert_int_eq(x64_run(machine, 100000, &stop), X64_OK);
    ck_assert_msg(stop.reason == X64_STOP_HALT &&
                      stop.rip == LOCKSTEP_CODE + (uint64_t)(guest->end - guest->begin),
                  "guest %s ends at %x", guest->name, (unsigned)stop.rip);
    x64_machine_destroy(machine);
}

START_TEST(test_lockstep_pages_written_code)
{
    const struct guest *guest = &guests[_i];
    const struct lockstep_case what = about(guest, 0);
    check_end(guest);
    for (size_t i = 0; i < STRIDE_COUNT; i++)
        lockstep_run(start(X64_ENGINE_BLOCKS, guest), start(X64_ENGINE_REFERENCE, guest), &what,
                     strides[i], 100000);
}
END_TEST

static void set_register(struct x64_machine *machine, enum x64_register number, uint64_t value)
{
    struct x64_registers registers;
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    registers.gpr[number] = value;
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
}

static struct x64_machine *start_soup(enum x64_engine engine, const struct guest *guest,
                                      uint64_t seed)
{
    struct x64_machine *machine = start(engine, guest);
    set_register(machine, X64_R15, lockstep_random(&seed));
    return machine;
}

START_TEST(test_lockstep_pages_remapped)
{
    static const struct guest guest = {"soup", soup_begin, soup_end};
    for (unsigned i = 0; i < lockstep_count(SOUPS); i++) {
        const uint64_t seed = 100u * (unsigned)_i + i + 1;
        const struct lockstep_case what = about(&guest, seed);
        const uint64_t steps = strides[_i] < 100 ? strides[_i] * 500 + 8000 : SOUP_STEPS;
        lockstep_run(start_soup(X64_ENGINE_BLOCKS, &guest, seed),
                     start_soup(X64_ENGINE_REFERENCE, &guest, seed), &what, strides[_i], steps);
    }
}
END_TEST

/* What the soup does: pages fault, and functions are called. */
START_TEST(test_lockstep_pages_soup_goes_on)
{
    static const struct guest guest = {"soup", soup_begin, soup_end};
    struct x64_machine *machine = start_soup(X64_ENGINE_BLOCKS, &guest, 12345);
    struct x64_stop stop;
    ck_assert_int_eq(x64_run(machine, SOUP_STEPS, &stop), X64_OK);
    ck_assert_msg(stop.reason == X64_STOP_BUDGET, "seed 12345 stops at %x, n = %u",
                  (unsigned)stop.rip, (unsigned)stop.steps);
    ck_assert_uint_gt(lockstep_register(machine, X64_RBP), 500); /* error codes of #PF */
    x64_machine_destroy(machine);
}
END_TEST

/* Ways to write one byte from outside, the code being at LOCKSTEP_CODE and linked with itself. */
enum way { PHYSICAL, VIRTUAL, THROUGH_ALIAS, THROUGH_LARGE };

static void write_byte(struct x64_machine *machine, enum way way, uint64_t address, uint8_t byte)
{
    static const uint64_t bases[] = {
        [VIRTUAL] = 0, [THROUGH_ALIAS] = LOCKSTEP_ALIAS, [THROUGH_LARGE] = LOCKSTEP_LARGE};
    if (way == PHYSICAL)
        ck_assert_int_eq(x64_memory_write_phys(machine, address, &byte, 1), X64_OK);
    else
        ck_assert_int_eq(x64_memory_write_virt(machine, bases[way] + address, &byte, 1), X64_OK);
}

START_TEST(test_lockstep_pages_written_from_outside)
{
    static const uint8_t count[] = {0x83, 0xc0, 0x01, 0xeb, 0xfb}; /* add eax, 1; jmp */
    const struct lockstep_case what = {"outside", 0, count, sizeof count};
    struct x64_machine *machines[2];
    for (int engine = 0; engine < 2; engine++)
        machines[engine] = lockstep_machine((enum x64_engine)engine, count, sizeof count);
    uint64_t expected = 0;
    for (uint8_t value = 1; value < 100; value++) {
        for (int engine = 0; engine < 2; engine++) {
            write_byte(machines[engine], (enum way)_i, LOCKSTEP_CODE + 2, value);
            ck_assert_int_eq(x64_run(machines[engine], 20u * value, NULL), X64_OK);
        }
        expected += 10u * value * value;
        lockstep_compare(machines[0], machines[1], &what, "value", value);
        ck_assert_uint_eq(lockstep_register(machines[0], X64_RAX), expected);
    }
    x64_machine_destroy(machines[0]);
    x64_machine_destroy(machines[1]);
}
END_TEST

static uint64_t read_device(void *user, uint64_t offset, unsigned size)
{
    (void)user;
    (void)offset;
    (void)size;
    return 0;
}

static void write_device(void *user, uint64_t offset, unsigned size, uint64_t value)
{
    (void)user;
    (void)offset;
    (void)size;
    (void)value;
}

/* A device's window comes to lie over code that is in a block: it is no code any more. */
START_TEST(test_lockstep_pages_under_a_device)
{
    static const uint8_t count[] = {0x83, 0xc0, 0x01, 0xeb, 0xfb}; /* add eax, 1; jmp */
    const struct lockstep_case what = {"device", 0, count, sizeof count};
    const struct x64_mmio device = {.struct_size = sizeof device,
                                    .physical = LOCKSTEP_CODE,
                                    .size = LOCKSTEP_PAGE,
                                    .read = read_device,
                                    .write = write_device};
    struct x64_machine *machines[2];
    struct x64_stop stop;
    for (int engine = 0; engine < 2; engine++) {
        machines[engine] = lockstep_machine((enum x64_engine)engine, count, sizeof count);
        ck_assert_int_eq(x64_run(machines[engine], 1000, NULL), X64_OK);
        ck_assert_int_eq(x64_mmio_add(machines[engine], &device), X64_OK);
        ck_assert_int_eq(x64_run(machines[engine], 1000, &stop), X64_OK);
        ck_assert_int_eq(stop.reason, X64_STOP_HALT); /* in the handler of #UD */
        ck_assert_uint_eq(lockstep_register(machines[engine], X64_RAX), 500);
    }
    lockstep_compare(machines[0], machines[1], &what, "window", 0);
    x64_machine_destroy(machines[0]);
    x64_machine_destroy(machines[1]);
}
END_TEST

static Suite *lockstep_pages_suite(void)
{
    Suite *suite = suite_create("lockstep_pages");
    TCase *tcase = tcase_create("pages");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_lockstep_pages_written_code, 0, GUEST_COUNT);
    tcase_add_loop_test(tcase, test_lockstep_pages_remapped, 0, STRIDE_COUNT);
    tcase_add_test(tcase, test_lockstep_pages_soup_goes_on);
    tcase_add_loop_test(tcase, test_lockstep_pages_written_from_outside, PHYSICAL,
                        THROUGH_LARGE + 1);
    tcase_add_test(tcase, test_lockstep_pages_under_a_device);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(lockstep_pages_suite())
