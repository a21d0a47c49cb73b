/* SPDX-License-Identifier: MIT */
#include "state/message.h"

#include <stdarg.h>
#include <stdio.h>

void x64i_message(char *message, size_t size, const char *format, ...)
{
    if (!message || size == 0)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, size, format, arguments);
    va_end(arguments);
}
