/* SPDX-License-Identifier: MIT */
#include "x64emu/status.h"

const char *x64_status_string(enum x64_status status)
{
    switch (status) {
    case X64_OK:
        return "done";
    case X64_ERROR_ARGUMENT:
        return "an argument is null or out of range";
    case X64_ERROR_MEMORY:
        return "the host has no memory left";
    case X64_ERROR_FORMAT:
        return "the data is damaged or of another format";
    case X64_ERROR_UNSUPPORTED:
        return "this kind or version is not supported";
    case X64_ERROR_NOT_FOUND:
        return "not found";
    case X64_ERROR_EXISTS:
        return "already there";
    case X64_ERROR_UNMAPPED:
        return "no memory stands behind this guest address";
    case X64_ERROR_IO:
        return "the host's file could not be read or written";
    case X64_ERROR_STATE:
        return "not possible in the machine's present state";
    case X64_ERROR_LIMIT:
        return "a configured limit was reached";
    }
    return "unknown status";
}
