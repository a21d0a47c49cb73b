/* SPDX-License-Identifier: MIT */
/* What --compare names: two kernels with their mitigations. */
#include "cli/cli.h"

#include <string.h>

/* "6.1:pti+pcid": the mitigations stand behind the last colon, joined by plus signs or commas. */
static int read_side(struct cli_side *side, const struct cli_options *options, const char *text)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    struct x64_error_text error;
    side->options = *options;
    side->options.compare[0] = side->options.compare[1] = NULL;
    side->options.mitigations = options->mitigations ? options->mitigations : "none";
    if (length == 0 || strlen(text) >= CLI_SIDE_TEXT)
        return cli_fail(CLI_USAGE, "--compare %s: write an era or an image's path first", text);
    memcpy(side->kernel, text, length);
    side->kernel[length] = '\0';
    if (colon) {
        memcpy(side->mitigations, colon + 1, strlen(colon + 1) + 1);
        for (char *at = side->mitigations; *at; at++)
            *at = *at == '+' ? ',' : *at;
        side->options.mitigations = side->mitigations;
        if (x64_mitigations_parse(side->mitigations, &side->options.kernel.mitigations, &error) !=
            X64_OK)
            return cli_fail(CLI_USAGE, "--compare %s: %s", text, error.text);
    }
    bool path = strchr(side->kernel, '/') && !cli_find_era(side->kernel);
    if (!path && !cli_find_era(side->kernel))
        return cli_fail(CLI_USAGE,
                        "--compare %s: no such era; x64emu eras lists them, and an image's path "
                        "has a slash",
                        text);
    side->options.kernel.entry = path ? NULL : side->kernel;
    side->options.kernel.kernel = path ? side->kernel : NULL;
    return cli_check_kernel(&side->options);
}

int cli_compare_read(struct cli_side sides[2], const struct cli_options *options)
{
    int status = CLI_DONE;
    if (options->entry_only || options->bytes || options->kernel.entry || options->kernel.kernel)
        status = cli_fail(CLI_USAGE, "--compare names both kernels and shows all of every call: it "
                                     "takes no --entry, --kernel, --only and --bytes");
    for (unsigned i = 0; i < 2 && status == CLI_DONE; i++)
        status = read_side(&sides[i], options, options->compare[i]);
    return status;
}
