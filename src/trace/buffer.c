/* SPDX-License-Identifier: MIT */
#include "trace/buffer.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4096
#define DECIMAL_DIGITS 20
#define HEX_DIGITS     16
#define PADDING        "                                "
#define PADDING_LENGTH (sizeof PADDING - 1)

static const char digits[] = "0123456789abcdef";

void x64i_buffer_free(struct x64i_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct x64i_buffer){0};
}

static bool grow(struct x64i_buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    while (capacity - buffer->size < more) {
        if (capacity > SIZE_MAX / 2)
            return false;
        capacity *= 2;
    }
    char *bytes = realloc(buffer->bytes, capacity);
    if (!bytes)
        return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

void x64i_buffer_bytes(struct x64i_buffer *buffer, const char *bytes, size_t size)
{
    if (buffer->capacity - buffer->size < size && !grow(buffer, size)) {
        buffer->failed = true;
        return;
    }
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
}

void x64i_buffer_text(struct x64i_buffer *buffer, const char *text)
{
    x64i_buffer_bytes(buffer, text, strlen(text));
}

void x64i_buffer_char(struct x64i_buffer *buffer, char character)
{
    x64i_buffer_bytes(buffer, &character, 1);
}

/* Writes the digits at the end of `room` and answers where they begin. */
static size_t decimal_digits(char room[DECIMAL_DIGITS], uint64_t value)
{
    size_t at = DECIMAL_DIGITS;
    do {
        room[--at] = digits[value % 10];
        value /= 10;
    } while (value);
    return at;
}

void x64i_buffer_decimal(struct x64i_buffer *buffer, uint64_t value)
{
    char room[DECIMAL_DIGITS];
    size_t at = decimal_digits(room, value);
    x64i_buffer_bytes(buffer, room + at, DECIMAL_DIGITS - at);
}

static void add_spaces(struct x64i_buffer *buffer, size_t count)
{
    while (count) {
        size_t piece = count < PADDING_LENGTH ? count : PADDING_LENGTH;
        x64i_buffer_bytes(buffer, PADDING, piece);
        count -= piece;
    }
}

void x64i_buffer_decimal_aligned(struct x64i_buffer *buffer, uint64_t value, size_t width)
{
    char room[DECIMAL_DIGITS];
    size_t at = decimal_digits(room, value);
    size_t length = DECIMAL_DIGITS - at;
    add_spaces(buffer, length < width ? width - length : 0);
    x64i_buffer_bytes(buffer, room + at, length);
}

void x64i_buffer_hex(struct x64i_buffer *buffer, uint64_t value)
{
    char room[HEX_DIGITS + 2];
    size_t at = sizeof room;
    do {
        room[--at] = digits[value & 15];
        value >>= 4;
    } while (value);
    room[--at] = 'x';
    room[--at] = '0';
    x64i_buffer_bytes(buffer, room + at, sizeof room - at);
}

void x64i_buffer_byte(struct x64i_buffer *buffer, uint8_t value)
{
    const char pair[2] = {digits[value >> 4], digits[value & 15]};
    x64i_buffer_bytes(buffer, pair, sizeof pair);
}

void x64i_buffer_pad(struct x64i_buffer *buffer, size_t from, size_t width)
{
    size_t used = buffer->size > from ? buffer->size - from : 0;
    add_spaces(buffer, used < width ? width - used : 1);
}

void x64i_buffer_json(struct x64i_buffer *buffer, const char *text)
{
    x64i_buffer_char(buffer, '"');
    for (; *text; text++) {
        uint8_t byte = (uint8_t)*text;
        if (byte == '"' || byte == '\\') {
            x64i_buffer_char(buffer, '\\');
            x64i_buffer_char(buffer, *text);
        } else if (byte < 0x20 || byte >= 0x7f) {
            x64i_buffer_text(buffer, "\\u00");
            x64i_buffer_byte(buffer, byte);
        } else {
            x64i_buffer_char(buffer, *text);
        }
    }
    x64i_buffer_char(buffer, '"');
}
