/* SPDX-License-Identifier: MIT */
/* The page's writer: html.c writes the records, html_page.c what stands around them. */
#ifndef X64I_TRACE_HTML_H
#define X64I_TRACE_HTML_H

#include "trace/buffer.h"
#include "trace/disassembly.h"
#include "trace/map.h"
#include "trace/stacks.h"
#include "trace/tables.h"

#define X64I_HTML_WORDS  64u   /* topmost words of a stack, with their names */
#define X64I_HTML_USER   24u   /* words above the user's RSP */
#define X64I_HTML_FOLDED 4096u /* bytes of a REP instruction's writes that are written out */

struct x64i_trace_style;
struct x64i_trace_header;
struct x64_stop;

struct x64i_html_place {
    uint64_t rip;
    uint8_t length;
};

struct x64i_html {
    struct x64i_trace_view view;
    struct x64i_disassembler *disassembler;
    struct x64i_map texts;
    struct x64i_map codes;
    struct x64i_map walks; /* root and page: a hash of the walk that was written last */
    uint32_t text_count;
    uint32_t code_count;
    uint64_t line_count;
    struct x64i_field_values fields; /* behind the last line */
    struct x64i_stack_range ranges[X64I_STACK_KINDS];
    uint64_t last_rsp[X64I_STACK_KINDS];
    uint64_t next_n;                 /* the step that would follow the last line's */
    uint64_t told[X64I_STACK_KINDS]; /* tops that were written */
    struct x64i_html_place *places;  /* instructions that were executed */
    size_t place_count, place_room;
};

enum x64_status x64i_html_open(const struct x64i_trace_view *view, void **state);
void x64i_html_close(void *state);
void x64i_html_line(struct x64i_buffer *out, const struct x64i_trace_style *style,
                    const struct x64i_trace_line *line);

/* A JSON string that may stand in a script element. */
void x64i_html_string(struct x64i_buffer *out, const char *text);

void x64i_html_instruction(struct x64i_html *html, struct x64i_buffer *out, uint64_t rip,
                           unsigned length, const char *assembly, uint64_t target);

#endif
