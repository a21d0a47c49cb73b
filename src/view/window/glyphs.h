/* SPDX-License-Identifier: MIT */
/*
 * The characters of a monospaced font in two weights, each as how much of every pixel it covers,
 * and how they are laid onto a surface. Text is most of what a frame draws, and SDL's blits of
 * surfaces with an alpha channel took half of a frame's time for it.
 *
 *     x64i_glyphs_open(&glyphs, "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf", 13);
 *     x64i_glyphs_draw(&glyphs, surface, x, y, false, 'a', 0xff1b1d20);
 */
#ifndef X64I_VIEW_GLYPHS_H
#define X64I_VIEW_GLYPHS_H

#include <SDL.h>
#include <stdbool.h>
#include <stdint.h>

#define X64I_GLYPHS 95 /* printable ASCII */

struct x64i_glyph {
    int width, height; /* pixels */
    uint8_t *coverage; /* of them, by rows: 0 to 255 */
};

struct x64i_glyphs {
    struct x64i_glyph glyph[2][X64I_GLYPHS]; /* bold is [1] */
    int width, height;                       /* of a character's cell, in pixels */
};

/* Fonts of a size in pixels; `bold` null: the regular one, emboldened. False, and nothing to be
 * closed, where one is no font or has no such size. */
bool x64i_glyphs_open(struct x64i_glyphs *glyphs, const char *regular, const char *bold, int size);
void x64i_glyphs_close(struct x64i_glyphs *glyphs);

/* A character with its upper left corner at a pixel, within the surface's clip rectangle. What is
 * no printable ASCII is shown as '?'. The surface is SDL_PIXELFORMAT_ARGB8888, `rgb` is opaque. */
void x64i_glyphs_draw(const struct x64i_glyphs *glyphs, SDL_Surface *surface, int x, int y,
                      bool bold, char character, uint32_t rgb);

#endif
