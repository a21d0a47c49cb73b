/* SPDX-License-Identifier: MIT */
/*
 * What the library answers. Three things are kept apart: x64_status says whether the *caller* used
 * the library rightly, x64_fault names an exception of the *guest*, x64_stop_reason says why a run
 * ended.
 *
 *     enum x64_status status = x64_machine_create(&config, &machine);
 *     if (status != X64_OK)
 *         fprintf(stderr, "%s\n", x64_status_string(status));
 */
#ifndef X64EMU_STATUS_H
#define X64EMU_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what the shared library exports; everything else stays hidden. */
#define X64_API __attribute__((visibility("default")))

/* How a call of the library ended. Outputs are written only when the answer is X64_OK. */
enum x64_status {
    X64_OK = 0,
    X64_ERROR_ARGUMENT,    /* a null pointer or a value out of its range */
    X64_ERROR_MEMORY,      /* the host has no memory left */
    X64_ERROR_FORMAT,      /* a file or buffer is not what it claims to be */
    X64_ERROR_UNSUPPORTED, /* well formed, but of a kind or version this library does not know */
    X64_ERROR_NOT_FOUND,   /* no such register, symbol, region, snapshot or step */
    X64_ERROR_EXISTS,      /* the name or range is already taken */
    X64_ERROR_UNMAPPED,    /* a guest address that no memory stands behind */
    X64_ERROR_IO,          /* the host's file could not be read or written; errno says why */
    X64_ERROR_STATE,       /* not possible now: the machine runs, or was not set up for it */
    X64_ERROR_LIMIT        /* a limit of the configuration was reached */
};

/* A sentence for a status, in English, without a full stop. Never null; the text is static. */
X64_API const char *x64_status_string(enum x64_status status);

#ifdef __cplusplus
}
#endif

#endif
