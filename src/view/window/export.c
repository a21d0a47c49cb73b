/* SPDX-License-Identifier: MIT */
/* A stack as SVG. */
#include "view/window/app.h"

#include "trace/buffer.h"

#include <stdio.h>

#define SVG_ROW   20
#define SVG_WIDTH 300

static void put_colour(const struct x64i_app *app, struct x64i_buffer *out, const char *attribute,
                       enum x64i_colour colour)
{
    char text[48];
    (void)snprintf(text, sizeof text, " %s=\"#%06x\"", attribute,
                   x64i_canvas_rgb(&app->canvas, colour) & 0xffffff);
    x64i_buffer_text(out, text);
}

/* `text` comes from our own tables and images' symbols: what XML minds is left out. */
static void put_text(const struct x64i_app *app, struct x64i_buffer *out, int x, int y,
                     enum x64i_colour colour, const char *text)
{
    char head[64];
    (void)snprintf(head, sizeof head, "<text x=\"%d\" y=\"%d\"", x, y);
    x64i_buffer_text(out, head);
    put_colour(app, out, "fill", colour);
    x64i_buffer_char(out, '>');
    for (; *text; text++)
        if (*text >= 0x20 && *text < 0x7f && *text != '<' && *text != '&')
            x64i_buffer_char(out, *text);
    x64i_buffer_text(out, "</text>\n");
}

static void put_slot(const struct x64i_app *app, struct x64i_buffer *out, int y,
                     const struct x64i_view_slot *slot)
{
    char text[80];
    bool reserved = slot->state == X64I_SLOT_RESERVED;
    (void)snprintf(text, sizeof text, "<rect x=\"126\" y=\"%d\" width=\"160\" height=\"%d\"", y,
                   SVG_ROW - 2);
    x64i_buffer_text(out, text);
    if (reserved)
        x64i_buffer_text(out, " fill=\"url(#hatch)\"");
    else
        put_colour(app, out, "fill",
                   slot->written                   ? X64I_COLOUR_CHANGED
                   : slot->state == X64I_SLOT_HELD ? X64I_COLOUR_PANEL
                                                   : X64I_COLOUR_GROUND);
    x64i_buffer_text(out, "/>\n");
    put_text(app, out, 14, y + 14,
             slot->state == X64I_SLOT_FREE ? X64I_COLOUR_FAINT : X64I_COLOUR_QUIET, slot->name);
    if (reserved || !slot->known)
        return;
    (void)snprintf(text, sizeof text, "%016llx", (unsigned long long)slot->value);
    put_text(app, out, 132, y + 14,
             slot->written                   ? X64I_COLOUR_CHANGED_INK
             : slot->state == X64I_SLOT_FREE ? X64I_COLOUR_FAINT
                                             : X64I_COLOUR_INK,
             text);
}

static void put_stack(const struct x64i_app *app, struct x64i_buffer *out,
                      const struct x64i_view_stack *stack)
{
    char text[400];
    int height = SVG_ROW * ((int)stack->count + 1) + 12;
    (void)snprintf(text, sizeof text,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                   "font-family=\"DejaVu Sans Mono, monospace\" font-size=\"13\">\n"
                   "<defs><pattern id=\"hatch\" width=\"5\" height=\"5\" "
                   "patternUnits=\"userSpaceOnUse\"><path d=\"M0 5L5 0\" stroke=\"#%06x\"/>"
                   "</pattern></defs>\n<rect width=\"100%%\" height=\"100%%\"",
                   SVG_WIDTH, height, x64i_canvas_rgb(&app->canvas, X64I_COLOUR_FAINT) & 0xffffff);
    x64i_buffer_text(out, text);
    put_colour(app, out, "fill", X64I_COLOUR_GROUND);
    x64i_buffer_text(out, "/>\n");
    (void)snprintf(text, sizeof text, "%s stack, rsp %llx",
                   stack->kind == X64_STACK_KERNEL ? "kernel"
                   : stack->kind == X64_STACK_USER ? "user"
                                                   : "entry",
                   (unsigned long long)stack->rsp);
    put_text(app, out, 14, 17, x64i_stack_colour(stack->kind), text);
    for (unsigned i = 0; i < stack->count; i++) {
        int y = SVG_ROW * ((int)i + 1) + 4;
        put_slot(app, out, y, &stack->slot[i]);
        if (stack->active && stack->slot[i].linear == (stack->rsp & ~UINT64_C(7))) {
            (void)snprintf(text, sizeof text, "<path d=\"M2 %dl8 5l-8 5z\"", y + 4);
            x64i_buffer_text(out, text);
            put_colour(app, out, "fill", X64I_COLOUR_INK);
            x64i_buffer_text(out, "/>\n");
        }
    }
    x64i_buffer_text(out, "</svg>\n");
}

enum x64_status x64i_export_stack(struct x64i_app *app, const char *path, enum x64_stack kind,
                                  struct x64_error_text *error)
{
    struct x64i_buffer out = {0};
    struct x64i_file *file;
    const struct x64i_view_moment *moment = x64i_view_moment(app->view);
    enum x64_status status = X64_ERROR_NOT_FOUND;
    for (unsigned i = 0; i < moment->stack_count; i++)
        if (moment->stack[i].kind == kind)
            put_stack(app, &out, &moment->stack[i]);
    if (!out.size)
        (void)snprintf(error->text, sizeof error->text, "there is no such stack at this step");
    else if (out.failed)
        status = X64_ERROR_MEMORY;
    else
        status = x64i_file_create(path, &file, error->text, sizeof error->text);
    if (status == X64_OK) {
        struct x64i_sink sink = x64i_file_sink(file);
        (void)sink.write(sink.user, out.bytes, out.size); /* committing says what failed */
        status = x64i_file_commit(file, error->text, sizeof error->text);
    }
    x64i_buffer_free(&out);
    return status;
}
