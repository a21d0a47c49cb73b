/* SPDX-License-Identifier: MIT */
#include "view/window/display.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <string.h>

typedef int (*io_error_handler)(void *display);
typedef io_error_handler (*set_io_error_handler)(io_error_handler handler);

static sigjmp_buf gone;

static int on_io_error(void *display)
{
    (void)display;
    siglongjmp(gone, 1);
}

/* SDL loads Xlib where it needs it; where it did not, there is nothing to watch. */
static void find_setter(void *xlib, set_io_error_handler *setter)
{
    void *symbol = xlib ? dlsym(xlib, "XSetIOErrorHandler") : NULL;
    memcpy(setter, &symbol, sizeof *setter);
}

bool x64i_display_run(void (*run)(void *user), void *user)
{
    void *xlib = dlopen("libX11.so.6", RTLD_LAZY | RTLD_NOLOAD);
    set_io_error_handler setter = NULL;
    find_setter(xlib, &setter);
    if (sigsetjmp(gone, 0))
        return false; /* what Xlib was in the middle of is never finished, so it stays loaded */
    io_error_handler before = setter ? setter(on_io_error) : NULL;
    run(user);
    if (setter)
        (void)setter(before);
    if (xlib)
        (void)dlclose(xlib);
    return true;
}
