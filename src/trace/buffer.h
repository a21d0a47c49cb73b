/* SPDX-License-Identifier: MIT */
/*
 * A growing piece of text, for writers that make millions of lines. The first failure of the
 * host's memory sticks; the text is then cut short and `failed` says so.
 *
 *     x64i_buffer_text(&buffer, "rax ");
 *     x64i_buffer_hex(&buffer, value);
 */
#ifndef X64I_TRACE_BUFFER_H
#define X64I_TRACE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct x64i_buffer {
    char *bytes;
    size_t size;
    size_t capacity;
    bool failed;
};

void x64i_buffer_free(struct x64i_buffer *buffer);
void x64i_buffer_bytes(struct x64i_buffer *buffer, const char *bytes, size_t size);
void x64i_buffer_text(struct x64i_buffer *buffer, const char *text);
void x64i_buffer_char(struct x64i_buffer *buffer, char character);
void x64i_buffer_decimal(struct x64i_buffer *buffer, uint64_t value);

/* With 0x, without leading zeroes. */
void x64i_buffer_hex(struct x64i_buffer *buffer, uint64_t value);

/* Two hexadecimal digits. */
void x64i_buffer_byte(struct x64i_buffer *buffer, uint8_t value);

/* Spaces until `width` characters stand behind `from`; always one at least. */
void x64i_buffer_pad(struct x64i_buffer *buffer, size_t from, size_t width);

/* The number, right-aligned in `width`. */
void x64i_buffer_decimal_aligned(struct x64i_buffer *buffer, uint64_t value, size_t width);

/* The text as a JSON string, in its quotes; every byte is taken for a character. */
void x64i_buffer_json(struct x64i_buffer *buffer, const char *text);

#endif
