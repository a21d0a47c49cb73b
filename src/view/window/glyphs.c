/* SPDX-License-Identifier: MIT */
#include "view/window/glyphs.h"

#include <SDL_ttf.h>
#include <stdlib.h>
#include <string.h>

/* The alpha channel of what the renderer drew; false where there is no memory. */
static bool take_coverage(SDL_Surface *drawn, struct x64i_glyph *glyph)
{
    glyph->width = drawn->w;
    glyph->height = drawn->h;
    glyph->coverage = malloc((size_t)drawn->w * (size_t)drawn->h + 1);
    if (!glyph->coverage)
        return false;
    for (int y = 0; y < drawn->h; y++)
        for (int x = 0; x < drawn->w; x++) {
            uint32_t pixel;
            const uint8_t *row = (const uint8_t *)drawn->pixels + (ptrdiff_t)y * drawn->pitch;
            memcpy(&pixel, row + 4 * (ptrdiff_t)x, sizeof pixel);
            glyph->coverage[y * drawn->w + x] =
                (uint8_t)((pixel & drawn->format->Amask) >> drawn->format->Ashift);
        }
    return true;
}

/* Every character of one weight; false when one cannot be made. */
static bool render(const char *path, bool embolden, int size, struct x64i_glyph glyph[X64I_GLYPHS],
                   int *width, int *height)
{
    const SDL_Color white = {255, 255, 255, 255};
    TTF_Font *font = TTF_OpenFont(path, size);
    if (!font)
        return false;
    if (embolden)
        TTF_SetFontStyle(font, TTF_STYLE_BOLD);
    bool whole = TTF_GlyphMetrics(font, 'M', NULL, NULL, NULL, NULL, width) == 0 && *width > 0;
    *height = TTF_FontHeight(font);
    for (unsigned i = 0; i < X64I_GLYPHS && whole; i++) {
        SDL_Surface *drawn = TTF_RenderGlyph_Blended(font, (Uint16)(' ' + i), white);
        whole = drawn && drawn->format->BytesPerPixel == 4 && take_coverage(drawn, &glyph[i]);
        SDL_FreeSurface(drawn);
    }
    TTF_CloseFont(font);
    return whole;
}

bool x64i_glyphs_open(struct x64i_glyphs *glyphs, const char *regular, const char *bold, int size)
{
    int bold_width;
    int bold_height;
    *glyphs = (struct x64i_glyphs){0};
    if (render(regular, false, size, glyphs->glyph[0], &glyphs->width, &glyphs->height) &&
        render(bold ? bold : regular, !bold, size, glyphs->glyph[1], &bold_width, &bold_height))
        return true;
    x64i_glyphs_close(glyphs);
    return false;
}

void x64i_glyphs_close(struct x64i_glyphs *glyphs)
{
    for (unsigned weight = 0; weight < 2; weight++)
        for (unsigned i = 0; i < X64I_GLYPHS; i++)
            free(glyphs->glyph[weight][i].coverage);
    *glyphs = (struct x64i_glyphs){0};
}

/* Red and blue at once, then green: each times its part of 255, rounded. */
static uint32_t mix(uint32_t below, uint32_t above, uint32_t part)
{
    uint32_t rest = 255 - part;
    uint32_t red_blue = (above & 0xff00ff) * part + (below & 0xff00ff) * rest + UINT32_C(0x800080);
    uint32_t green = (above >> 8 & 0xff) * part + (below >> 8 & 0xff) * rest + 0x80;
    red_blue = (red_blue + (red_blue >> 8 & 0xff00ff)) >> 8 & 0xff00ff;
    green = (green + (green >> 8)) & 0xff00;
    return 0xff000000u | red_blue | green;
}

void x64i_glyphs_draw(const struct x64i_glyphs *glyphs, SDL_Surface *surface, int x, int y,
                      bool bold, char character, uint32_t rgb)
{
    bool printable = character >= ' ' && character <= '~';
    const struct x64i_glyph *glyph = &glyphs->glyph[bold][(printable ? character : '?') - ' '];
    SDL_Rect whole = {x, y, glyph->width, glyph->height};
    SDL_Rect seen;
    if (character == ' ' || !SDL_IntersectRect(&whole, &surface->clip_rect, &seen))
        return;
    for (int row = seen.y; row < seen.y + seen.h; row++) {
        const uint8_t *coverage = glyph->coverage + (row - y) * glyph->width + (seen.x - x);
        uint32_t *pixel =
            (uint32_t *)(void *)((uint8_t *)surface->pixels + (ptrdiff_t)row * surface->pitch) +
            seen.x;
        for (int i = 0; i < seen.w; i++)
            if (coverage[i])
                pixel[i] = coverage[i] == 255 ? rgb : mix(pixel[i], rgb, coverage[i]);
    }
}
