/* SPDX-License-Identifier: MIT */
#include "view/window/png.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void store_u32(uint8_t *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Length, type, data, CRC of type and data. */
static bool write_chunk(struct x64i_png *png, const char *type, const uint8_t *data, size_t size)
{
    uint8_t head[8];
    uint8_t tail[4];
    store_u32(head, (uint32_t)size);
    memcpy(head + 4, type, 4);
    uLong crc = crc32(0, head + 4, 4);
    if (size)
        crc = crc32(crc, data, (uInt)size);
    store_u32(tail, (uint32_t)crc);
    return png->sink.write(png->sink.user, head, sizeof head) &&
           (!size || png->sink.write(png->sink.user, data, size)) &&
           png->sink.write(png->sink.user, tail, sizeof tail);
}

void x64i_png_abandon(struct x64i_png *png)
{
    x64i_file_abandon(png->file);
    free(png->shown);
    png->file = NULL;
    png->shown = NULL;
}

static enum x64_status fail(struct x64i_png *png, enum x64_status status,
                            struct x64_error_text *error)
{
    char message[256] = "no memory for the picture";
    if (status == X64_ERROR_IO) {
        (void)x64i_file_commit(png->file, message, sizeof message); /* says why */
        png->file = NULL;
    }
    x64i_png_abandon(png);
    (void)snprintf(error->text, sizeof error->text, "%s", message);
    return status;
}

enum x64_status x64i_png_begin(struct x64i_png *png, const char *path, uint32_t width,
                               uint32_t height, uint32_t frames, struct x64_error_text *error)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t header[13] = {[8] = 8, [9] = 2}; /* 8 bits, RGB */
    uint8_t control[8] = {0};                /* 0 plays: for ever */
    *png = (struct x64i_png){.width = width, .height = height, .frames = frames};
    if (x64i_file_create(path, &png->file, error->text, sizeof error->text) != X64_OK)
        return X64_ERROR_IO;
    png->sink = x64i_file_sink(png->file);
    store_u32(header, width);
    store_u32(header + 4, height);
    store_u32(control, frames);
    bool written = png->sink.write(png->sink.user, signature, sizeof signature) &&
                   write_chunk(png, "IHDR", header, sizeof header) &&
                   (frames < 2 || write_chunk(png, "acTL", control, sizeof control));
    return written ? X64_OK : fail(png, X64_ERROR_IO, error);
}

/* A part of the picture. */
struct part {
    uint32_t x, y, width, height;
};

static void unpack(const struct x64i_png *png, const uint8_t *pixels, size_t pitch, uint8_t *rgb)
{
    for (uint32_t y = 0; y < png->height; y++)
        for (uint32_t x = 0; x < png->width; x++) {
            uint32_t pixel;
            memcpy(&pixel, pixels + y * pitch + 4 * (size_t)x, sizeof pixel);
            for (unsigned i = 0; i < 3; i++)
                *rgb++ = (uint8_t)(pixel >> (16 - 8 * i));
        }
}

/* The smallest rectangle outside which two frames are the same; a pixel where they are altogether.
 */
static struct part changed_part(const struct x64i_png *png, const uint8_t *rgb)
{
    size_t stride = 3 * (size_t)png->width;
    uint32_t left = png->width;
    uint32_t right = 0;
    uint32_t top = png->height;
    uint32_t bottom = 0;
    for (uint32_t y = 0; y < png->height; y++) {
        const uint8_t *a = rgb + y * stride;
        const uint8_t *b = png->shown + y * stride;
        if (memcmp(a, b, stride) == 0)
            continue;
        size_t first = 0;
        size_t last = stride - 1;
        while (a[first] == b[first])
            first++;
        while (a[last] == b[last])
            last--;
        left = first / 3 < left ? (uint32_t)(first / 3) : left;
        right = last / 3 + 1 > right ? (uint32_t)(last / 3 + 1) : right;
        top = y < top ? y : top;
        bottom = y + 1;
    }
    if (!bottom)
        return (struct part){0, 0, 1, 1};
    return (struct part){left, top, right - left, bottom - top};
}

/* Filter bytes (2, "up", from the second row on, which suits text on plain ground) and RGB. */
static void pack(const struct x64i_png *png, const uint8_t *rgb, struct part part, uint8_t *rows)
{
    size_t stride = 3 * (size_t)png->width;
    size_t bytes = 3 * (size_t)part.width;
    for (uint32_t y = 0; y < part.height; y++) {
        const uint8_t *from = rgb + (part.y + y) * stride + 3 * (size_t)part.x;
        *rows++ = y ? 2 : 0;
        for (size_t i = 0; i < bytes; i++)
            *rows++ = (uint8_t)(from[i] - (y ? *(from + i - stride) : 0));
    }
}

static bool write_frame(struct x64i_png *png, struct part part, uint8_t *data, size_t size,
                        uint16_t milliseconds)
{
    uint8_t control[26] = {0}; /* over what is there, and kept */
    if (png->frames > 1) {
        store_u32(control, png->sequence++);
        store_u32(control + 4, part.width);
        store_u32(control + 8, part.height);
        store_u32(control + 12, part.x);
        store_u32(control + 16, part.y);
        control[20] = (uint8_t)(milliseconds >> 8);
        control[21] = (uint8_t)milliseconds;
        control[22] = 1000 >> 8;
        control[23] = 1000 & 255;
        if (!write_chunk(png, "fcTL", control, sizeof control))
            return false;
    }
    if (png->written == 0)
        return write_chunk(png, "IDAT", data + 4, size);
    store_u32(data, png->sequence++);
    return write_chunk(png, "fdAT", data, size + 4);
}

enum x64_status x64i_png_frame(struct x64i_png *png, const void *pixels, size_t pitch,
                               uint16_t milliseconds, struct x64_error_text *error)
{
    struct part part = {.width = png->width, .height = png->height};
    size_t whole = (1 + 3 * (size_t)png->width) * png->height;
    uLongf size = compressBound((uLong)whole);
    uint8_t *rgb = calloc(1, whole);
    uint8_t *rows = malloc(whole);
    uint8_t *data = malloc(size + 4); /* room for a sequence number before it */
    enum x64_status status = X64_ERROR_MEMORY;
    if (rgb && rows && data) {
        unpack(png, pixels, pitch, rgb);
        if (png->shown)
            part = changed_part(png, rgb);
        pack(png, rgb, part, rows);
        uLong raw = (1 + 3 * (uLong)part.width) * part.height;
        if (compress2(data + 4, &size, rows, raw, 6) == Z_OK)
            status = write_frame(png, part, data, size, milliseconds) ? X64_OK : X64_ERROR_IO;
    }
    free(png->shown);
    png->shown = rgb;
    free(rows);
    free(data);
    png->written++;
    return status == X64_OK ? X64_OK : fail(png, status, error);
}

enum x64_status x64i_png_end(struct x64i_png *png, struct x64_error_text *error)
{
    if (!write_chunk(png, "IEND", NULL, 0))
        return fail(png, X64_ERROR_IO, error);
    enum x64_status status = x64i_file_commit(png->file, error->text, sizeof error->text);
    png->file = NULL;
    x64i_png_abandon(png);
    return status;
}
