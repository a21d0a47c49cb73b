/* SPDX-License-Identifier: MIT */
/*
 * One page for a browser: style, script and the trace as JSON in a single file. The page keeps
 * values, not differences of differences: a step lists what every field and word is behind it, and
 * the script makes both directions of it when it loads.
 *
 * The JSON is an array of records, one a line (docs/trace-format.md). Texts, instructions and page
 * walks are written out once, and are numbers afterwards.
 */
#include "trace/html.h"

#include "trace/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key of a map, made of numbers. */
#define KEY_SIZE 640

enum x64_status x64i_html_open(const struct x64i_trace_view *view, void **state)
{
    struct x64i_html *html = calloc(1, sizeof *html);
    if (!html)
        return X64_ERROR_MEMORY;
    html->view = *view;
    if (x64i_disassembler_create(html->view.symbol, html->view.user, &html->disassembler) !=
        X64_OK) {
        free(html);
        return X64_ERROR_MEMORY;
    }
    *state = html;
    return X64_OK;
}

void x64i_html_close(void *state)
{
    struct x64i_html *html = state;
    if (!html)
        return;
    x64i_disassembler_destroy(html->disassembler);
    x64i_map_free(&html->texts);
    x64i_map_free(&html->codes);
    x64i_map_free(&html->walks);
    free(html->places);
    free(html);
}

void x64i_html_string(struct x64i_buffer *out, const char *text)
{
    x64i_buffer_char(out, '"');
    for (; *text; text++) {
        uint8_t byte = (uint8_t)*text;
        /* '<' too: the text stands inside a script element. */
        if (byte < 0x20 || byte >= 0x7f || strchr("\"\\<&", byte)) {
            x64i_buffer_text(out, "\\u00");
            x64i_buffer_byte(out, byte);
        } else {
            x64i_buffer_char(out, *text);
        }
    }
    x64i_buffer_char(out, '"');
}

/* The text, or its number when it was written before. */
static void put_text(struct x64i_html *html, struct x64i_buffer *out, const char *text)
{
    bool added;
    uint32_t *number = x64i_map_at(&html->texts, text, &added);
    if (number && added)
        *number = html->text_count++;
    if (!number)
        out->failed = true;
    else if (added)
        x64i_html_string(out, text);
    else
        x64i_buffer_decimal(out, *number);
}

/* Hexadecimal digits as a JSON string. */
static void put_hex(struct x64i_buffer *out, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "\"%llx\"", (unsigned long long)value);
    x64i_buffer_text(out, text);
}

static void comma(struct x64i_buffer *out)
{
    x64i_buffer_char(out, ',');
}

/* A comma, but for the first in a list. */
static void next(struct x64i_buffer *out, bool *first)
{
    if (!*first)
        comma(out);
    *first = false;
}

static bool same_value(const struct x64i_field_values *a, const struct x64i_field_values *b,
                       unsigned field)
{
    bool known = a->known >> field & 1;
    return known == (b->known >> field & 1) && (!known || a->value[field] == b->value[field]);
}

/* [field, value, ...] where `to` differs from `from`; every known one when `from` is null. */
static void put_fields(struct x64i_buffer *out, const struct x64i_field_values *from,
                       const struct x64i_field_values *to)
{
    bool first = true;
    x64i_buffer_char(out, '[');
    for (unsigned i = 0; i < X64I_FIELD_COUNT; i++) {
        if (from ? same_value(from, to, i) : !(to->known >> i & 1))
            continue;
        next(out, &first);
        x64i_buffer_decimal(out, i);
        comma(out);
        put_hex(out, to->value[i]);
    }
    x64i_buffer_char(out, ']');
}

static void put_place(struct x64i_html *html, struct x64i_buffer *out, uint64_t linear)
{
    const char *symbol;
    uint64_t offset;
    if (html->view.symbol(html->view.user, linear, &symbol, &offset) != X64_OK) {
        symbol = "";
        offset = 0;
    }
    put_text(html, out, symbol);
    comma(out);
    x64i_buffer_decimal(out, offset);
}

/* [rip, length, assembly, symbol, offset, target] */
void x64i_html_instruction(struct x64i_html *html, struct x64i_buffer *out, uint64_t rip,
                           unsigned length, const char *assembly, uint64_t target)
{
    x64i_buffer_char(out, '[');
    put_hex(out, rip);
    comma(out);
    x64i_buffer_decimal(out, length);
    comma(out);
    put_text(html, out, assembly);
    comma(out);
    put_place(html, out, rip);
    comma(out);
    if (target)
        put_hex(out, target);
    else
        x64i_buffer_char(out, '0');
    x64i_buffer_char(out, ']');
}

static void remember_place(struct x64i_html *html, const struct x64i_trace_line *line)
{
    if (html->place_count == html->place_room) {
        size_t room = html->place_room ? 2 * html->place_room : 256;
        struct x64i_html_place *grown = realloc(html->places, room * sizeof *grown);
        if (!grown)
            return; /* the listing has gaps then */
        html->places = grown;
        html->place_room = room;
    }
    html->places[html->place_count++] =
        (struct x64i_html_place){.rip = line->rip, .length = line->length};
}

/* The instruction, or its number when it was written before. */
static void put_code(struct x64i_html *html, struct x64i_buffer *out,
                     const struct x64i_trace_line *line)
{
    char key[KEY_SIZE];
    bool added;
    bool native = line->kind == X64_STEP_NATIVE;
    const char *assembly = native ? "(mini-kernel)" : line->assembly;
    (void)snprintf(key, sizeof key, "%llx %u %s", (unsigned long long)line->rip, line->length,
                   assembly);
    uint32_t *number = x64i_map_at(&html->codes, key, &added);
    if (!number) {
        out->failed = true;
        return;
    }
    if (!added) {
        x64i_buffer_decimal(out, *number);
        return;
    }
    *number = html->code_count++;
    struct x64_step step = {.rip = line->rip, .code_bits = 64, .length = line->length};
    memcpy(step.bytes, line->bytes, sizeof step.bytes);
    const struct x64i_instruction *instruction = x64i_disassemble(html->disassembler, &step);
    uint64_t target = instruction->branch && !native ? instruction->target : 0;
    x64i_html_instruction(html, out, line->rip, line->length, assembly, target);
    remember_place(html, line);
}

/* A word of memory: [write, linear, size, old, value, name]; unknown values are 0. */
static void put_word(struct x64i_html *html, struct x64i_buffer *out,
                     const struct x64i_line_memory *memory)
{
    x64i_buffer_text(out, memory->write ? "1," : "0,");
    put_hex(out, memory->linear);
    comma(out);
    x64i_buffer_decimal(out, memory->size);
    comma(out);
    if (memory->folded)
        x64i_buffer_char(out, '0');
    else
        put_hex(out, memory->old);
    comma(out);
    put_hex(out, memory->value);
    comma(out);
    put_text(html, out, memory->what);
}

/* What the folded iterations of a REP instruction wrote, word by word. */
static void put_folded(struct x64i_html *html, struct x64i_buffer *out, uint64_t cr3,
                       const struct x64i_line_memory *memory, bool *first)
{
    for (uint32_t at = 0; at + 8 <= memory->size && at < X64I_HTML_FOLDED; at += 8) {
        struct x64i_line_memory word = {
            .write = memory->write, .folded = true, .size = 8, .linear = memory->linear + at};
        if (!x64i_tables_read(&html->view, cr3, word.linear, &word.value, 8))
            continue;
        (void)html->view.slot(html->view.user, word.linear, word.what, sizeof word.what);
        next(out, first);
        put_word(html, out, &word);
    }
}

static void put_memory(struct x64i_html *html, struct x64i_buffer *out,
                       const struct x64i_trace_line *line)
{
    bool first = true;
    uint64_t cr3 = line->after.value[X64I_FIELD_CR3];
    x64i_buffer_char(out, '[');
    for (unsigned i = 0; i < line->memory_count; i++) {
        const struct x64i_line_memory *memory = &line->memory[i];
        if (memory->folded) {
            put_folded(html, out, cr3, memory, &first);
            continue;
        }
        next(out, &first);
        put_word(html, out, memory);
    }
    x64i_buffer_char(out, ']');
}

static void put_notes(struct x64i_html *html, struct x64i_buffer *out,
                      const struct x64i_trace_line *line)
{
    x64i_buffer_char(out, '[');
    for (unsigned i = 0; i < line->note_count; i++) {
        if (i)
            comma(out);
        x64i_buffer_decimal(out, line->notes[i].kind);
        comma(out);
        put_text(html, out, line->notes[i].text);
    }
    x64i_buffer_char(out, ']');
}

/* The entries that a page walk of the step itself read: [update, level, linear, physical, entry].
 */
static void put_walks(struct x64i_buffer *out, const struct x64i_trace_line *line)
{
    x64i_buffer_char(out, '[');
    for (unsigned i = 0; i < line->walk_count; i++) {
        const struct x64i_line_walk *walk = &line->walks[i];
        x64i_buffer_text(out, i ? ",[" : "[");
        x64i_buffer_decimal(out, walk->update);
        comma(out);
        x64i_buffer_decimal(out, walk->level);
        comma(out);
        put_hex(out, walk->linear);
        comma(out);
        put_hex(out, walk->physical);
        comma(out);
        put_hex(out, walk->update ? walk->value : walk->entry);
        x64i_buffer_char(out, ']');
    }
    x64i_buffer_char(out, ']');
}

static void describe_walk(const struct x64i_table_walk *walk, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < walk->count; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%u:%llx:%llx", i ? " " : "",
                                   walk->step[i].level, (unsigned long long)walk->step[i].physical,
                                   (unsigned long long)walk->step[i].entry);
    if (walk->translates)
        (void)snprintf(text + length, size - length, "=%llx:%llx",
                       (unsigned long long)(walk->physical & ~UINT64_C(0xfff)),
                       (unsigned long long)walk->page_size);
}

/* How a page translates in one table, if that is news: table, page, walk. */
static void put_translation(struct x64i_html *html, struct x64i_buffer *out, uint64_t root,
                            uint64_t linear, bool *first)
{
    char key[KEY_SIZE];
    char text[KEY_SIZE];
    struct x64i_table_walk walk;
    bool added;
    uint64_t page = linear & ~UINT64_C(0xfff);
    if (!root)
        return;
    (void)x64i_tables_walk(&html->view, root, page, &walk);
    describe_walk(&walk, text, sizeof text);
    (void)snprintf(key, sizeof key, "%llx %llx", (unsigned long long)root,
                   (unsigned long long)page);
    uint32_t *known = x64i_map_at(&html->walks, key, &added);
    uint32_t hash = 2166136261u;
    for (const char *at = text; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    if (!known || (!added && *known == hash))
        return;
    *known = hash;
    next(out, first);
    put_hex(out, root);
    comma(out);
    put_hex(out, page);
    comma(out);
    put_text(html, out, text);
}

static void put_translations(struct x64i_html *html, struct x64i_buffer *out,
                             const struct x64i_trace_line *line)
{
    uint64_t root = line->after.value[X64I_FIELD_CR3] & X64I_TABLES_ROOT;
    bool two = line->user_root && line->kernel_root && line->user_root != line->kernel_root;
    const uint64_t roots[] = {two ? line->user_root : 0, two ? line->kernel_root : root};
    bool first = true;
    x64i_buffer_char(out, '[');
    for (unsigned i = 0; i < 2; i++) {
        put_translation(html, out, roots[i], line->rip, &first);
        put_translation(html, out, roots[i], line->after.value[X64I_FIELD_RSP], &first);
        for (unsigned j = 0; j < line->memory_count; j++)
            put_translation(html, out, roots[i], line->memory[j].linear, &first);
    }
    x64i_buffer_char(out, ']');
}

/* Words as they are behind the step: [linear, value, ...] downwards from `top`. */
static void put_words(struct x64i_html *html, struct x64i_buffer *out, uint64_t cr3, uint64_t top,
                      unsigned count)
{
    bool first = true;
    x64i_buffer_char(out, '[');
    for (unsigned i = 1; i <= count; i++) {
        uint64_t word;
        if (!x64i_tables_read(&html->view, cr3, top - 8 * (uint64_t)i, &word, sizeof word))
            continue;
        next(out, &first);
        put_hex(out, top - 8 * (uint64_t)i);
        comma(out);
        put_hex(out, word);
    }
    x64i_buffer_char(out, ']');
}

static void put_word_names(struct x64i_html *html, struct x64i_buffer *out, uint64_t top)
{
    char name[X64I_LINE_NAME_SIZE];
    x64i_buffer_char(out, '[');
    for (unsigned i = 1; i <= X64I_HTML_WORDS; i++) {
        uint64_t linear = top - 8 * (uint64_t)i;
        bool named = html->view.slot(html->view.user, linear, name, sizeof name) != 0;
        if (i > 1)
            comma(out);
        put_text(html, out, named ? name : "");
    }
    x64i_buffer_char(out, ']');
}

static void begin_stack(struct x64i_buffer *out, unsigned kind, uint64_t bottom, uint64_t top,
                        bool *first)
{
    next(out, first);
    x64i_buffer_char(out, '[');
    x64i_buffer_decimal(out, kind);
    comma(out);
    put_hex(out, bottom);
    comma(out);
    put_hex(out, top);
    comma(out);
}

/* Stacks that are seen for the first time: their ranges, the names of their topmost words, and what
 * is in them; and the user's words, where steps were left out. */
static void put_stacks(struct x64i_html *html, struct x64i_buffer *out,
                       const struct x64i_trace_line *line)
{
    bool first = true;
    uint64_t cr3 = line->after.value[X64I_FIELD_CR3];
    if ((unsigned)line->stack < X64I_STACK_KINDS)
        html->last_rsp[line->stack] = line->after.value[X64I_FIELD_RSP];
    x64i_stack_ranges_learn(&html->view, &line->after, html->last_rsp, html->ranges);
    x64i_buffer_char(out, '[');
    for (unsigned kind = X64_STACK_ENTRY; kind < X64I_STACK_KINDS; kind++) {
        const struct x64i_stack_range *range = &html->ranges[kind];
        if (!range->top || range->top == html->told[kind])
            continue;
        html->told[kind] = range->top;
        begin_stack(out, kind, range->bottom, range->top, &first);
        put_word_names(html, out, range->top);
        comma(out);
        put_words(html, out, cr3, range->top, X64I_HTML_WORDS);
        x64i_buffer_char(out, ']');
    }
    if (line->stack == X64_STACK_USER && (line->n != html->next_n || !html->told[X64_STACK_USER])) {
        html->told[X64_STACK_USER] = 1;
        uint64_t top = (line->after.value[X64I_FIELD_RSP] & ~UINT64_C(63)) + 8 * X64I_HTML_USER;
        begin_stack(out, X64_STACK_USER, 0, 0, &first);
        x64i_buffer_text(out, "[],");
        put_words(html, out, cr3, top, X64I_HTML_USER + 8);
        x64i_buffer_char(out, ']');
    }
    html->next_n = line->n + line->repeat;
    x64i_buffer_char(out, ']');
}

static void put_msrs(struct x64i_html *html, struct x64i_buffer *out,
                     const struct x64i_trace_line *line)
{
    x64i_buffer_char(out, '[');
    for (unsigned i = 0; i < line->msr_count; i++) {
        if (i)
            comma(out);
        x64i_buffer_decimal(out, line->msrs[i].write);
        comma(out);
        put_text(html, out, line->msrs[i].name);
        comma(out);
        put_hex(out, line->msrs[i].old);
        comma(out);
        put_hex(out, line->msrs[i].value);
    }
    x64i_buffer_char(out, ']');
}

/* The checks as digits, the window, and the two roots. */
static void put_standing(struct x64i_buffer *out, const struct x64i_trace_line *line)
{
    x64i_buffer_char(out, '"');
    for (unsigned i = 1; i < 7; i++)
        x64i_buffer_char(out, (char)('0' + line->checks[i] % 3));
    x64i_buffer_text(out, "\",");
    x64i_buffer_decimal(out, line->window);
    comma(out);
    put_hex(out, line->user_root);
    comma(out);
    put_hex(out, line->kernel_root);
}

void x64i_html_line(struct x64i_buffer *out, const struct x64i_trace_style *style,
                    const struct x64i_trace_line *line)
{
    struct x64i_html *html = style->state;
    const uint64_t numbers[] = {line->n,     line->cycle, line->cpl,
                                line->stack, line->kind,  line->repeat};
    x64i_buffer_text(out, html->line_count++ ? ",\n[" : "\n[");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        x64i_buffer_decimal(out, numbers[i]);
        comma(out);
    }
    put_code(html, out, line);
    comma(out);
    put_fields(out, html->line_count > 1 ? &html->fields : NULL, &line->before);
    comma(out);
    put_fields(out, &line->before, &line->after);
    html->fields = line->after;
    comma(out);
    put_memory(html, out, line);
    comma(out);
    put_msrs(html, out, line);
    comma(out);
    put_notes(html, out, line);
    comma(out);
    put_walks(out, line);
    comma(out);
    put_translations(html, out, line);
    comma(out);
    put_stacks(html, out, line);
    comma(out);
    put_standing(out, line);
    if (line->faulted) {
        comma(out);
        put_text(html, out, x64_fault_name((enum x64_fault)line->vector));
    }
    x64i_buffer_char(out, ']');
}
