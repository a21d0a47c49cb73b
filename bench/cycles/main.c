/* SPDX-License-Identifier: MIT */
/* The measured rows beside what the cycle model says. */
#include "rows.h"

#include <math.h>
#include <stdio.h>

#define WANTED 0.15

int main(int argc, char **argv)
{
    const char *core = argc > 1 ? argv[1] : "golden_cove";
    unsigned outside = 0, failed = 0;
    (void)printf("%-32s %9s %9s %9s %8s\n", "cycles", "measured", "median", "model", "error");
    for (size_t i = 0; i < cycles_row_count(); i++) {
        const struct cycles_row *row = cycles_row_at(i);
        double cycles;
        char problem[96];
        if (!cycles_row_run(row, core, &cycles, problem, sizeof problem)) {
            (void)printf("%-32s %s\n", row->what, problem);
            failed++;
            continue;
        }
        double error = cycles / row->least - 1;
        outside += fabs(error) > WANTED;
        (void)printf("%-32s %9.2f %9.2f %9.2f %+7.1f%%%s\n", row->what, row->least, row->median,
                     cycles, 100 * error, fabs(error) > WANTED ? " *" : "");
    }
    (void)printf("%zu rows, %u further away than %.0f %%, %u without a figure\n",
                 cycles_row_count(), outside, 100 * WANTED, failed);
    return outside || failed;
}
