/* SPDX-License-Identifier: MIT */
/* Who may access what, changing all the time: CPL 3, U/S, R/W, NX, SMEP, SMAP with AC, INVPCID,
 * pages of 1 GiB, changes with and without INVLPG. On both engines the same. */
#include "emu/lockstep.h"

#include "x64emu/hooks.h"

#include <string.h>

#define SOUPS     6u
#define STEPS     60000u
#define LOOK      400000u
#define USER_CODE UINT64_C(0x1a000)
#define PAGES     UINT64_C(0x310000)
#define SHOWN     UINT64_C(0x20000)

extern const uint8_t rights_begin[], rights_end[];

/* All pages that the tables of lockstep.h map are the supervisor's, but for the guest's USER ones
 * and PAGES, one in each MiB, which all show the same page at first. */
static void take_from_user(struct x64_machine *machine)
{
    uint64_t entries[512];
    for (unsigned table = 0; table < 16; table++) {
        for (unsigned i = 0; i < 512; i++)
            entries[i] = (table * 512u + i) * LOCKSTEP_PAGE | LOCKSTEP_PRESENT | LOCKSTEP_WRITABLE;
        ck_assert_int_eq(x64_memory_write_phys(machine, LOCKSTEP_TABLES + table * LOCKSTEP_PAGE,
                                               entries, sizeof entries),
                         X64_OK);
    }
    const uint64_t shown = SHOWN | LOCKSTEP_PRESENT | LOCKSTEP_WRITABLE | LOCKSTEP_USER;
    for (unsigned i = 0; i < 8; i++)
        ck_assert_int_eq(x64_memory_write_phys(machine,
                                               lockstep_entry(PAGES + i * (UINT64_C(1) << 20)),
                                               &shown, sizeof shown),
                         X64_OK);
    lockstep_set_entry(machine, USER_CODE, LOCKSTEP_USER, 0);
    lockstep_set_entry(machine, USER_CODE + LOCKSTEP_PAGE, LOCKSTEP_USER, 0);
}

static struct x64_machine *start(enum x64_engine engine, uint64_t seed)
{
    struct x64_registers registers;
    struct x64_machine *machine =
        lockstep_machine(engine, rights_begin, (size_t)(rights_end - rights_begin));
    take_from_user(machine);
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    registers.gpr[X64_R15] = lockstep_random(&seed);
    ck_assert_int_eq(x64_registers_write(machine, &registers), X64_OK);
    return machine;
}

static const uint64_t strides[] = {4, 5, 7, 61, 100000};
#define STRIDE_COUNT (sizeof strides / sizeof strides[0])

START_TEST(test_lockstep_rights_change)
{
    for (unsigned i = 0; i < lockstep_count(SOUPS); i++) {
        const uint64_t seed = 100u * (unsigned)_i + i + 1;
        const struct lockstep_case about = {"rights", seed, rights_begin,
                                            (size_t)(rights_end - rights_begin)};
        const uint64_t steps = strides[_i] < 100 ? strides[_i] * 500 + 8000 : STEPS;
        lockstep_run(start(X64_ENGINE_BLOCKS, seed), start(X64_ENGINE_REFERENCE, seed), &about,
                     strides[_i], steps);
    }
}
END_TEST

/* What happened: #PF by its error code, whether CPL was 3, and other exceptions. */
struct seen {
    unsigned page_fault[2][32];
    unsigned other[32];
};

static void look(struct x64_machine *machine, void *user, const struct x64_exception_event *event)
{
    struct seen *seen = user;
    (void)machine;
    if (event->fault == X64_FAULT_PF)
        seen->page_fault[event->step->cpl == 3][event->error_code & 31]++;
    else
        seen->other[event->fault]++;
}

/* Error codes: bit 0 a right was missing, 1 a write, 2 by the user, 4 a fetch (SDM vol. 3A, 4.7).
 */
static const struct {
    unsigned user, error_code;
    const char *what;
} expected[] = {
    {1, 0x4, "the user loads: no page"},
    {1, 0x5, "the user loads from the supervisor's page"},
    {1, 0x6, "the user stores: no page"},
    {1, 0x7, "the user stores: read-only, or the supervisor's"},
    {1, 0x14, "the user fetches: no page"},
    {1, 0x15, "the user fetches: NX, or the supervisor's"},
    {0, 0x0, "the supervisor loads: no page"},
    {0, 0x1, "the supervisor loads: SMAP, AC being clear"},
    {0, 0x3, "the supervisor stores: SMAP, or read-only under WP"},
    {0, 0x10, "the supervisor fetches: no page"},
    {0, 0x11, "the supervisor fetches: SMEP, or NX"},
};

/* The soup does what it is made for: each kind of fault comes. */
START_TEST(test_lockstep_rights_every_fault_comes)
{
    struct seen seen = {.other = {0}};
    struct x64_machine *machine = start(X64_ENGINE_BLOCKS, 4711);
    struct x64_stop stop;
    ck_assert_int_eq(x64_hook_add_exception(machine, NULL, look, &seen, NULL), X64_OK);
    ck_assert_int_eq(x64_run(machine, LOOK, &stop), X64_OK);
    ck_assert_msg(stop.reason == X64_STOP_BUDGET, "stops at %x, n = %u", (unsigned)stop.rip,
                  (unsigned)stop.steps);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        ck_assert_msg(seen.page_fault[expected[i].user][expected[i].error_code] > 5, "%s: %u times",
                      expected[i].what, seen.page_fault[expected[i].user][expected[i].error_code]);
    ck_assert_uint_gt(seen.other[X64_FAULT_GP], 50); /* the user's HLT */
    ck_assert_uint_gt(seen.other[X64_FAULT_UD], 50); /* the ends of the user's actions */
    x64_machine_destroy(machine);
}
END_TEST

static Suite *lockstep_rights_suite(void)
{
    Suite *suite = suite_create("lockstep_rights");
    TCase *tcase = tcase_create("rights");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_lockstep_rights_change, 0, STRIDE_COUNT);
    tcase_add_test(tcase, test_lockstep_rights_every_fault_comes);
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(lockstep_rights_suite())
