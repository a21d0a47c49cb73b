/* SPDX-License-Identifier: MIT */
/*
 * Writes PNG, and APNG where there is more than one frame (PNG, third edition, W3C). Pixels are
 * 0xAARRGGBB; alpha is left out.
 *
 *     x64i_png_begin(&png, "out.png", width, height, frames, &error);
 *     for each frame: x64i_png_frame(&png, pixels, pitch, milliseconds, &error);
 *     x64i_png_end(&png, &error);
 */
#ifndef X64I_VIEW_PNG_H
#define X64I_VIEW_PNG_H

#include "state/file.h"

#include "x64emu/kernel_model.h"

struct x64i_png {
    struct x64i_file *file;
    struct x64i_sink sink;
    uint32_t width, height;
    uint32_t frames; /* announced */
    uint32_t written;
    uint32_t sequence; /* of animation chunks */
    uint8_t *shown;    /* the frame before, RGB: of the next one only what differs is written */
};

/* The file is replaced only at the end; a frame that fails ends it. X64_ERROR_IO, _MEMORY. */
enum x64_status x64i_png_begin(struct x64i_png *png, const char *path, uint32_t width,
                               uint32_t height, uint32_t frames, struct x64_error_text *error);
enum x64_status x64i_png_frame(struct x64i_png *png, const void *pixels, size_t pitch,
                               uint16_t milliseconds, struct x64_error_text *error);
/* Nothing is written then. */
void x64i_png_abandon(struct x64i_png *png);
enum x64_status x64i_png_end(struct x64i_png *png, struct x64_error_text *error);

#endif
