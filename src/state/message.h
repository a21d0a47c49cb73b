/* SPDX-License-Identifier: MIT */
/*
 * Error sentences in a buffer of the caller, for what a status alone cannot say. They name the file
 * or region and what is wrong with it; they have no full stop and no newline.
 */
#ifndef X64I_STATE_MESSAGE_H
#define X64I_STATE_MESSAGE_H

#include <stddef.h>

/* Formats a sentence into message; a null or empty buffer is left alone. */
__attribute__((format(printf, 3, 4))) void x64i_message(char *message, size_t size,
                                                        const char *format, ...);

#endif
