/* SPDX-License-Identifier: MIT */
/* What stands around the page's records: markup, style, script, names, and the code in between. */
#include "trace/html.h"
#include "trace/model.h"
#include "trace/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Code between executed instructions is shown when the gap is no wider. */
#define GAP 160u

/* embed.S */
extern const char x64i_page_head[], x64i_page_body[], x64i_page_style[], x64i_page_script[],
    x64i_page_view[], x64i_page_keys[];

static void put_colours(struct x64i_buffer *out, bool dark)
{
    static const struct {
        const char *css;
        unsigned light, dark;
    } colours[] = {
#define X64I_COLOUR(id, css, light, dark) {css, light, dark},
#include "trace/palette.def"
#undef X64I_COLOUR
    };
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "--%s:#%06x;", colours[i].css,
                       dark ? colours[i].dark : colours[i].light);
        x64i_buffer_text(out, text);
    }
}

static void put_palette(struct x64i_buffer *out)
{
    x64i_buffer_text(out, ":root{color-scheme:light;");
    put_colours(out, false);
    x64i_buffer_text(out, "}\n:root[data-theme=dark]{color-scheme:dark;");
    put_colours(out, true);
    x64i_buffer_text(out, "}\n@media(prefers-color-scheme:dark){:root:not([data-theme=light])"
                          "{color-scheme:dark;");
    put_colours(out, true);
    x64i_buffer_text(out, "}}\n");
}

static void put_member(struct x64i_buffer *out, const char *key, const char *text)
{
    x64i_buffer_text(out, ",\"");
    x64i_buffer_text(out, key);
    x64i_buffer_text(out, "\":");
    x64i_html_string(out, text ? text : "");
}

static void put_names(struct x64i_buffer *out)
{
    x64i_buffer_text(out, ",\"fields\":[");
    for (unsigned i = 0; i < X64I_FIELD_COUNT; i++) {
        x64i_buffer_text(out, i ? ",[" : "[");
        x64i_html_string(out, x64i_fields[i].name);
        x64i_buffer_char(out, ',');
        x64i_buffer_decimal(out, x64i_fields[i].group);
        x64i_buffer_char(out, ',');
        x64i_html_string(out, x64i_fields[i].help);
        x64i_buffer_char(out, ']');
    }
    x64i_buffer_text(out, "],\"flags\":[");
    for (const struct x64i_flag_row *row = x64i_flag_rows; row->name; row++) {
        x64i_buffer_text(out, row == x64i_flag_rows ? "[" : ",[");
        x64i_buffer_decimal(out, row->bit);
        x64i_buffer_char(out, ',');
        x64i_html_string(out, row->name);
        x64i_buffer_char(out, ']');
    }
    x64i_buffer_text(out, "],\"checks\":[");
    for (unsigned i = 1; i < X64I_CHECK_COUNT; i++) {
        if (i > 1)
            x64i_buffer_char(out, ',');
        x64i_html_string(out, x64i_check_names[i]);
    }
    x64i_buffer_char(out, ']');
}

static void begin(struct x64i_buffer *out, const struct x64i_trace_style *style,
                  const struct x64i_trace_header *header)
{
    (void)style;
    x64i_buffer_text(out, x64i_page_head);
    x64i_buffer_text(out, "<style>\n");
    put_palette(out);
    x64i_buffer_text(out, x64i_page_style);
    x64i_buffer_text(out, "</style>\n");
    x64i_buffer_text(out, x64i_page_body);
    x64i_buffer_text(out, "<script type=\"application/json\" id=\"data\">{\"version\":1");
    put_member(out, "cpu", header->cpu);
    put_member(out, "kernel", header->kernel);
    put_member(out, "mitigations", header->mitigations);
    put_member(out, "cycles", header->core);
    put_names(out);
    x64i_buffer_text(out, ",\"steps\":[");
}

static int by_address(const void *a, const void *b)
{
    const struct x64i_html_place *left = a;
    const struct x64i_html_place *right = b;
    return left->rip < right->rip ? -1 : left->rip > right->rip;
}

/* Disassembles from `rip` to `end`. */
static void put_gap(struct x64i_html *html, struct x64i_buffer *out, uint64_t rip, uint64_t end,
                    bool *first)
{
    uint64_t cr3 = html->fields.value[X64I_FIELD_CR3];
    while (rip < end) {
        struct x64_step step = {.rip = rip, .code_bits = 64, .length = 15};
        if (end - rip < 15)
            step.length = (uint8_t)(end - rip);
        if (!x64i_tables_read(&html->view, cr3, rip, step.bytes, step.length))
            break;
        const struct x64i_instruction *instruction = x64i_disassemble(html->disassembler, &step);
        if (!instruction->length)
            break;
        if (!*first)
            x64i_buffer_char(out, ',');
        *first = false;
        x64i_html_instruction(html, out, rip, instruction->length, instruction->text,
                              instruction->branch ? instruction->target : 0);
        rip += instruction->length;
    }
}

static void put_gaps(struct x64i_html *html, struct x64i_buffer *out)
{
    bool first = true;
    if (html->place_count)
        qsort(html->places, html->place_count, sizeof html->places[0], by_address);
    for (size_t i = 0; i + 1 < html->place_count; i++) {
        uint64_t rip = html->places[i].rip + html->places[i].length;
        uint64_t end = html->places[i + 1].rip;
        if (html->places[i].length && rip < end && end - rip <= GAP)
            put_gap(html, out, rip, end, &first);
    }
}

static void end(struct x64i_buffer *out, const struct x64i_trace_style *style,
                const struct x64_stop *stop, uint64_t cycles)
{
    struct x64i_html *html = style->state;
    (void)stop;
    x64i_buffer_text(out, "],\"between\":[");
    put_gaps(html, out);
    x64i_buffer_text(out, "],\"total\":");
    x64i_buffer_decimal(out, cycles);
    x64i_buffer_text(out, "}</script>\n<script>\n");
    x64i_buffer_text(out, x64i_page_script);
    x64i_buffer_text(out, x64i_page_view);
    x64i_buffer_text(out, x64i_page_keys);
    x64i_buffer_text(out, "</script>\n</body>\n</html>\n");
}

const struct x64i_trace_writer x64i_html_writer = {.begin = begin,
                                                   .line = x64i_html_line,
                                                   .end = end,
                                                   .open = x64i_html_open,
                                                   .close = x64i_html_close,
                                                   .fields = true};
