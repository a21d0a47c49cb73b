/* SPDX-License-Identifier: MIT */
/* In place of the window where there was no SDL2 to build it with. */
#include "view/window/window.h"

#include <stdio.h>

enum x64_status x64i_window_run(struct x64_machine *machine,
                                const struct x64i_window_options *options,
                                struct x64_error_text *error)
{
    (void)machine;
    (void)options;
    (void)snprintf(error->text, sizeof error->text,
                   "this program was built without SDL2 and SDL2_ttf: install libsdl2-dev and "
                   "libsdl2-ttf-dev and build it again, or use trace --format html");
    return X64_ERROR_UNSUPPORTED;
}
