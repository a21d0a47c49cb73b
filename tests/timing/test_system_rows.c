/* SPDX-License-Identifier: MIT */
/*
 * The loops of bench/cycles/rows.def, as measured on a Golden Cove core, and run on its model:
 * system instructions, locks, repeated strings, mispredictions, levels of caches and TLBs. The
 * longest chains are the bench's alone.
 */
#include "support/suite.h"

#include "rows.h"

#include <math.h>

#define WANTED 0.15
#define LARGE  (8u << 20) /* bytes of a chain */

START_TEST(test_system_row_is_near_the_measurement)
{
    const struct cycles_row *row = cycles_row_at((size_t)_i);
    double cycles;
    char problem[96];
    if (row->nodes * row->spacing > LARGE)
        return;
    ck_assert_msg(cycles_row_run(row, "golden_cove", &cycles, problem, sizeof problem), "%s: %s",
                  row->what, problem);
    ck_assert_msg(fabs(cycles / row->least - 1) <= WANTED,
                  "%s: %.2f cycles, not %.2f: build/release/bench/x64emu_bench_cycles", row->what,
                  cycles, row->least);
}
END_TEST

static Suite *system_rows_suite(void)
{
    Suite *suite = suite_create("system_rows");
    TCase *tcase = tcase_create("system_rows");
    tcase_add_loop_test(tcase, test_system_row_is_near_the_measurement, 0, (int)cycles_row_count());
    suite_add_tcase(suite, tcase);
    return suite;
}

X64_TEST_MAIN(system_rows_suite())
