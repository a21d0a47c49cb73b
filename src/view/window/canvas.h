/* SPDX-License-Identifier: MIT */
/*
 * What the window draws on: a surface in memory, the palette, and one monospaced font in two
 * weights. Nothing here needs a display, so that pictures are the same with and without one. All
 * positions and sizes are in points, of which each is `scale` hundredths of a pixel of the surface:
 * on a display of twice the density everything is drawn twice as fine, at the same places.
 *
 *     x64i_canvas_open(&canvas, &(struct x64i_canvas_options){.width = 1600, .height = 1000},
 * &error); x64i_canvas_fill(&canvas, rect, X64I_COLOUR_PANEL); x64i_canvas_text(&canvas, x, y,
 * X64I_COLOUR_INK, "rax");
 */
#ifndef X64I_VIEW_CANVAS_H
#define X64I_VIEW_CANVAS_H

#include "view/window/glyphs.h"
#include "x64emu/kernel_model.h"

#include <SDL.h>
#include <SDL_ttf.h>

enum x64i_colour {
#define X64I_COLOUR(id, css, light, dark) X64I_COLOUR_##id,
#include "trace/palette.def"
#undef X64I_COLOUR
    X64I_COLOUR_COUNT
};

struct x64i_canvas_options {
    int width, height; /* pixels */
    int scale;         /* 100 to 400; 0: 100 */
    int font_size;     /* points; 0: 13 */
    const char *font;  /* a monospaced TTF file; null: DejaVu Sans Mono */
    bool dark;
};

struct x64i_canvas {
    SDL_Surface *surface;
    struct x64i_glyphs glyphs;
    int width, height;           /* points */
    int scale;                   /* hundredths of a pixel in a point */
    int cell_width, cell_height; /* of a character, of a line */
    int font_size;
    bool dark;
    const char *font;
};

/* X64_ERROR_NOT_FOUND for a font that is missing or is none, X64_ERROR_MEMORY; with a sentence. */
enum x64_status x64i_canvas_open(struct x64i_canvas *canvas,
                                 const struct x64i_canvas_options *options,
                                 struct x64_error_text *error);
void x64i_canvas_close(struct x64i_canvas *canvas);

/* Another size in pixels; false when there is no memory, and the old one stays. */
bool x64i_canvas_resize(struct x64i_canvas *canvas, int width, int height);

/* Another size of the characters; false when the font has none such, and the old one stays. */
bool x64i_canvas_zoom(struct x64i_canvas *canvas, int font_size);

/* Another density, 100 to 400; false when the font has no such size, and the old one stays. */
bool x64i_canvas_rescale(struct x64i_canvas *canvas, int scale);

uint32_t x64i_canvas_rgb(const struct x64i_canvas *canvas, enum x64i_colour colour);
void x64i_canvas_fill(struct x64i_canvas *canvas, SDL_Rect rect, enum x64i_colour colour);

/* Between two colours: `part` of 256 of the second. */
void x64i_canvas_blend(struct x64i_canvas *canvas, SDL_Rect rect, enum x64i_colour from,
                       enum x64i_colour to, int part);

/* Diagonal lines, for what is reserved and not written. */
void x64i_canvas_hatch(struct x64i_canvas *canvas, SDL_Rect rect, enum x64i_colour colour);

/* A triangle that points to the right, or down. */
void x64i_canvas_arrow(struct x64i_canvas *canvas, int x, int y, int size, bool down,
                       enum x64i_colour colour);

/* Text from a point; answers the x behind it. Characters that are no printable ASCII are shown as
 * '?'. Bold too. */
int x64i_canvas_text(struct x64i_canvas *canvas, int x, int y, enum x64i_colour colour,
                     const char *text);
int x64i_canvas_bold(struct x64i_canvas *canvas, int x, int y, enum x64i_colour colour,
                     const char *text);

/* No more than `width` points of it. */
int x64i_canvas_text_in(struct x64i_canvas *canvas, int x, int y, int width,
                        enum x64i_colour colour, bool bold, const char *text);

void x64i_canvas_clip(struct x64i_canvas *canvas, const SDL_Rect *rect);

/* Writes the picture as PNG; X64_ERROR_IO with a sentence. */
enum x64_status x64i_canvas_save(const struct x64i_canvas *canvas, const char *path,
                                 struct x64_error_text *error);

#endif
