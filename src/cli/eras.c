/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

static void print_mitigations(unsigned mitigations)
{
    const char *separator = "";
    if (!mitigations)
        (void)printf("none");
    for (unsigned bit = 1; bit <= X64_MITIGATION_BHB; bit <<= 1)
        if (mitigations & bit) {
            (void)printf("%s%s", separator, x64_mitigation_name((enum x64_mitigation)bit));
            separator = ",";
        }
}

int cli_eras(int argc, char **argv)
{
    const struct x64_era *era;
    if (argc > 1)
        return cli_fail(CLI_USAGE, "eras takes no '%s'", argv[1]);
    for (size_t i = 0; (era = x64_era_at(i)); i++) {
        (void)printf("%-8s %s\n         mitigations: ", era->name, era->description);
        print_mitigations(era->mitigations);
        (void)printf("\n");
    }
    return CLI_DONE;
}
