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

static enum x64_status fail(struct x64i_png *png, enum x64_status status,
                            struct x64_error_text *error)
{
    char message[256] = "no memory for the picture";
    if (status == X64_ERROR_IO)
        (void)x64i_file_commit(png->file, message, sizeof message); /* says why */
    else
        x64i_file_abandon(png->file);
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

/* Filter bytes (2, "up", from the second row on, which suits text on plain ground) and RGB. */
static void pack(const struct x64i_png *png, const uint8_t *pixels, size_t pitch, uint8_t *rows)
{
    size_t stride = 1 + 3 * (size_t)png->width;
    for (uint32_t y = 0; y < png->height; y++) {
        uint8_t *row = rows + y * stride;
        row[0] = y ? 2 : 0;
        for (uint32_t x = 0; x < png->width; x++) {
            uint32_t pixel;
            uint32_t above = 0;
            memcpy(&pixel, pixels + y * pitch + 4 * (size_t)x, sizeof pixel);
            if (y)
                memcpy(&above, pixels + (y - 1) * pitch + 4 * (size_t)x, sizeof above);
            for (unsigned i = 0; i < 3; i++)
                row[1 + 3 * (size_t)x + i] =
                    (uint8_t)((pixel >> (16 - 8 * i)) - (above >> (16 - 8 * i)));
        }
    }
}

static bool write_frame(struct x64i_png *png, uint8_t *data, size_t size, uint16_t milliseconds)
{
    uint8_t control[26] = {0}; /* whole picture, no blending, kept */
    if (png->frames > 1) {
        store_u32(control, png->sequence++);
        store_u32(control + 4, png->width);
        store_u32(control + 8, png->height);
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
    size_t raw = (1 + 3 * (size_t)png->width) * png->height;
    uLongf size = compressBound((uLong)raw);
    uint8_t *rows = malloc(raw);
    uint8_t *data = malloc(size + 4); /* room for a sequence number before it */
    enum x64_status status = X64_ERROR_MEMORY;
    if (rows && data) {
        pack(png, pixels, pitch, rows);
        if (compress2(data + 4, &size, rows, (uLong)raw, 6) == Z_OK)
            status = write_frame(png, data, size, milliseconds) ? X64_OK : X64_ERROR_IO;
    }
    free(rows);
    free(data);
    png->written++;
    return status == X64_OK ? X64_OK : fail(png, status, error);
}

enum x64_status x64i_png_end(struct x64i_png *png, struct x64_error_text *error)
{
    if (!write_chunk(png, "IEND", NULL, 0))
        return fail(png, X64_ERROR_IO, error);
    return x64i_file_commit(png->file, error->text, sizeof error->text);
}
