/* SPDX-License-Identifier: MIT */
#include "view/window/canvas.h"

#include "view/window/png.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_FONT_SIZE 13
#define MIN_FONT_SIZE     8
#define MAX_FONT_SIZE     40
#define WHOLE             100 /* the scale at which a point is a pixel */
#define MAX_SCALE         400

static const char *const default_fonts[2] = {
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf",
};

static const struct {
    uint32_t light, dark;
} palette[X64I_COLOUR_COUNT] = {
#define X64I_COLOUR(id, css, light, dark) {light, dark},
#include "trace/palette.def"
#undef X64I_COLOUR
};

static int to_pixels(const struct x64i_canvas *canvas, int points)
{
    int product = points * canvas->scale;
    return product >= 0 ? product / WHOLE : -((-product + WHOLE - 1) / WHOLE);
}

static int to_points(const struct x64i_canvas *canvas, int pixels)
{
    return (pixels * WHOLE + canvas->scale - 1) / canvas->scale;
}

/* Neighbours in points are neighbours in pixels: edges are rounded, not sizes. */
static SDL_Rect rect_in_pixels(const struct x64i_canvas *canvas, SDL_Rect rect)
{
    int x = to_pixels(canvas, rect.x);
    int y = to_pixels(canvas, rect.y);
    return (SDL_Rect){x, y, to_pixels(canvas, rect.x + rect.w) - x,
                      to_pixels(canvas, rect.y + rect.h) - y};
}

bool x64i_canvas_zoom(struct x64i_canvas *canvas, int font_size)
{
    struct x64i_glyphs glyphs;
    if (font_size < MIN_FONT_SIZE || font_size > MAX_FONT_SIZE)
        return false;
    const char *regular = canvas->font ? canvas->font : default_fonts[0];
    const char *bold = canvas->font ? NULL : default_fonts[1];
    if (!x64i_glyphs_open(&glyphs, regular, bold, to_pixels(canvas, font_size)))
        return false;
    x64i_glyphs_close(&canvas->glyphs);
    canvas->glyphs = glyphs;
    canvas->cell_width = to_points(canvas, glyphs.width);
    canvas->cell_height = to_points(canvas, glyphs.height) + 1;
    canvas->font_size = font_size;
    return true;
}

bool x64i_canvas_resize(struct x64i_canvas *canvas, int width, int height)
{
    SDL_Surface *surface =
        width > 0 && height > 0 && width <= 16384 && height <= 16384
            ? SDL_CreateRGBSurfaceWithFormat(0, width, height, 32, SDL_PIXELFORMAT_ARGB8888)
            : NULL;
    if (!surface)
        return false;
    (void)SDL_SetSurfaceBlendMode(surface, SDL_BLENDMODE_NONE); /* it is copied as it is */
    SDL_FreeSurface(canvas->surface);
    canvas->surface = surface;
    canvas->width = to_points(canvas, width);
    canvas->height = to_points(canvas, height);
    return true;
}

bool x64i_canvas_rescale(struct x64i_canvas *canvas, int scale)
{
    int before = canvas->scale;
    if (scale < WHOLE || scale > MAX_SCALE)
        return false;
    canvas->scale = scale;
    if (scale != before && !x64i_canvas_zoom(canvas, canvas->font_size)) {
        canvas->scale = before;
        return false;
    }
    canvas->width = to_points(canvas, canvas->surface->w);
    canvas->height = to_points(canvas, canvas->surface->h);
    return true;
}

enum x64_status x64i_canvas_open(struct x64i_canvas *canvas,
                                 const struct x64i_canvas_options *options,
                                 struct x64_error_text *error)
{
    *canvas = (struct x64i_canvas){.dark = options->dark,
                                   .font = options->font,
                                   .scale = options->scale ? options->scale : WHOLE};
    const char *path = options->font ? options->font : default_fonts[0];
    if (TTF_Init() != 0) {
        (void)snprintf(error->text, sizeof error->text, "no fonts: %.200s", TTF_GetError());
        return X64_ERROR_NOT_FOUND;
    }
    if (!x64i_canvas_resize(canvas, options->width, options->height)) {
        (void)snprintf(error->text, sizeof error->text, "a picture of %d x %d cannot be made",
                       options->width, options->height);
        x64i_canvas_close(canvas);
        return X64_ERROR_MEMORY;
    }
    int size = options->font_size ? options->font_size : DEFAULT_FONT_SIZE;
    if (!x64i_canvas_zoom(canvas, size)) {
        (void)snprintf(error->text, sizeof error->text,
                       "%.150s: not a font that can be used: install fonts-dejavu-core, or give "
                       "--font FILE.ttf",
                       path);
        x64i_canvas_close(canvas);
        return X64_ERROR_NOT_FOUND;
    }
    return X64_OK;
}

void x64i_canvas_close(struct x64i_canvas *canvas)
{
    x64i_glyphs_close(&canvas->glyphs);
    SDL_FreeSurface(canvas->surface);
    *canvas = (struct x64i_canvas){0};
    TTF_Quit();
}

uint32_t x64i_canvas_rgb(const struct x64i_canvas *canvas, enum x64i_colour colour)
{
    return 0xff000000u | (canvas->dark ? palette[colour].dark : palette[colour].light);
}

static void fill(struct x64i_canvas *canvas, SDL_Rect rect, uint32_t rgb)
{
    SDL_Rect pixels = rect_in_pixels(canvas, rect);
    (void)SDL_FillRect(canvas->surface, &pixels, rgb);
}

void x64i_canvas_fill(struct x64i_canvas *canvas, SDL_Rect rect, enum x64i_colour colour)
{
    fill(canvas, rect, x64i_canvas_rgb(canvas, colour));
}

void x64i_canvas_blend(struct x64i_canvas *canvas, SDL_Rect rect, enum x64i_colour from,
                       enum x64i_colour to, int part)
{
    uint32_t a = x64i_canvas_rgb(canvas, from);
    uint32_t b = x64i_canvas_rgb(canvas, to);
    uint32_t mixed = 0xff000000u;
    for (unsigned shift = 0; shift < 24; shift += 8) {
        int low = (int)(a >> shift & 255);
        int high = (int)(b >> shift & 255);
        mixed |= (uint32_t)(low + (high - low) * part / 256) << shift;
    }
    fill(canvas, rect, mixed);
}

void x64i_canvas_hatch(struct x64i_canvas *canvas, SDL_Rect rect, enum x64i_colour colour)
{
    SDL_Rect clip;
    SDL_Rect inside;
    SDL_Rect pixels = rect_in_pixels(canvas, rect);
    int apart = to_pixels(canvas, 5);
    int thick = to_pixels(canvas, 1);
    uint32_t rgb = x64i_canvas_rgb(canvas, colour);
    SDL_GetClipRect(canvas->surface, &clip);
    if (!SDL_IntersectRect(&pixels, &clip, &inside))
        return;
    for (int y = inside.y; y < inside.y + inside.h; y++) {
        uint8_t *row = (uint8_t *)canvas->surface->pixels + (ptrdiff_t)y * canvas->surface->pitch;
        for (int x = inside.x; x < inside.x + inside.w; x++)
            if ((x + y) % apart < thick)
                memcpy(row + 4 * (ptrdiff_t)x, &rgb, sizeof rgb);
    }
}

void x64i_canvas_arrow(struct x64i_canvas *canvas, int x, int y, int size, bool down,
                       enum x64i_colour colour)
{
    uint32_t rgb = x64i_canvas_rgb(canvas, colour);
    int rows = to_pixels(canvas, size);
    x = to_pixels(canvas, x);
    y = to_pixels(canvas, y);
    for (int i = 0; i < rows; i++) {
        int length = 2 * (rows - i) - 1;
        SDL_Rect rect = down ? (SDL_Rect){x - (length - 1) / 2, y + i, length, 1}
                             : (SDL_Rect){x + i, y - (length - 1) / 2, 1, length};
        (void)SDL_FillRect(canvas->surface, &rect, rgb);
    }
}

int x64i_canvas_text_in(struct x64i_canvas *canvas, int x, int y, int width,
                        enum x64i_colour colour, bool bold, const char *text)
{
    uint32_t rgb = x64i_canvas_rgb(canvas, colour);
    int end = x + width;
    for (; *text && x + canvas->cell_width <= end; text++, x += canvas->cell_width)
        x64i_glyphs_draw(&canvas->glyphs, canvas->surface, to_pixels(canvas, x),
                         to_pixels(canvas, y), bold, *text, rgb);
    return x;
}

int x64i_canvas_text(struct x64i_canvas *canvas, int x, int y, enum x64i_colour colour,
                     const char *text)
{
    return x64i_canvas_text_in(canvas, x, y, canvas->width, colour, false, text);
}

int x64i_canvas_bold(struct x64i_canvas *canvas, int x, int y, enum x64i_colour colour,
                     const char *text)
{
    return x64i_canvas_text_in(canvas, x, y, canvas->width, colour, true, text);
}

void x64i_canvas_clip(struct x64i_canvas *canvas, const SDL_Rect *rect)
{
    SDL_Rect pixels = rect ? rect_in_pixels(canvas, *rect) : (SDL_Rect){0};
    (void)SDL_SetClipRect(canvas->surface, rect ? &pixels : NULL);
}

enum x64_status x64i_canvas_save(const struct x64i_canvas *canvas, const char *path,
                                 struct x64_error_text *error)
{
    struct x64i_png png;
    const SDL_Surface *surface = canvas->surface;
    enum x64_status status =
        x64i_png_begin(&png, path, (uint32_t)surface->w, (uint32_t)surface->h, 1, error);
    if (status == X64_OK)
        status = x64i_png_frame(&png, surface->pixels, (size_t)surface->pitch, 0, error);
    return status == X64_OK ? x64i_png_end(&png, error) : status;
}
