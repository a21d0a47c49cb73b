/* SPDX-License-Identifier: MIT */
/*
 * Konata's log ("Kanata 0004"): every micro-op with its stages. The log goes by cycles, the model
 * by instructions, so events wait in a heap until no earlier one can come: micro-ops are decoded in
 * order, and nothing of one happens before.
 *
 *     F fetch, D decode, Q queue before rename, R rename, W wait for operands and port, X execute,
 *     C complete, waits for retirement
 */
#include "timing/timing.h"
#include "trace/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL  224u
#define ROWS   1024u /* micro-ops whose rows are remembered: more than a reorder buffer holds */
#define FETCH  2u    /* cycles that fetching and decoding are shown with */
#define DECODE 1u

enum event_kind { EVENT_BEGIN, EVENT_STAGE, EVENT_END, EVENT_DEPENDS };

struct event {
    uint64_t cycle;
    uint64_t order; /* of making; breaks ties */
    uint64_t row;
    uint64_t value;    /* EVENT_BEGIN: n; EVENT_END: retirements before; EVENT_DEPENDS: producer */
    uint8_t kind;      /* enum event_kind */
    char stage;        /* 0: none */
    char label[LABEL]; /* EVENT_BEGIN */
};

struct kanata {
    struct event *heap;
    size_t count, room;
    uint64_t orders, rows, retired;
    uint64_t cycle; /* that the log has come to */
    uint64_t begun; /* cycle in which the last row began: rows begin in order */
    bool started, failed;
    struct {
        uint32_t number;
        uint64_t row;
    } known[ROWS]; /* by the micro-op's number */
};

static bool is_before(const struct event *a, const struct event *b)
{
    return a->cycle != b->cycle ? a->cycle < b->cycle : a->order < b->order;
}

static void push(struct kanata *state, struct event event)
{
    if (state->count == state->room) {
        size_t room = state->room ? 2 * state->room : 1024;
        struct event *bigger = realloc(state->heap, room * sizeof *bigger);
        if (!bigger) {
            state->failed = true;
            return;
        }
        state->heap = bigger;
        state->room = room;
    }
    event.order = state->orders++;
    event.cycle = event.cycle > state->begun ? event.cycle : state->begun;
    event.cycle = event.cycle > state->cycle ? event.cycle : state->cycle;
    size_t at = state->count++;
    while (at && is_before(&event, &state->heap[(at - 1) / 2])) {
        state->heap[at] = state->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    state->heap[at] = event;
}

static struct event pop(struct kanata *state)
{
    struct event first = state->heap[0];
    struct event last = state->heap[--state->count];
    size_t at = 0;
    for (size_t child = 1; child < state->count; child = 2 * at + 1) {
        if (child + 1 < state->count && is_before(&state->heap[child + 1], &state->heap[child]))
            child++;
        if (!is_before(&state->heap[child], &last))
            break;
        state->heap[at] = state->heap[child];
        at = child;
    }
    state->heap[at] = last;
    return first;
}

/* "S<TAB>3<TAB>0<TAB>..." up to the last field. */
static void begin_record(struct x64i_buffer *out, char letter, uint64_t row, uint64_t next)
{
    x64i_buffer_char(out, letter);
    x64i_buffer_char(out, '\t');
    x64i_buffer_decimal(out, row);
    x64i_buffer_char(out, '\t');
    x64i_buffer_decimal(out, next);
    x64i_buffer_char(out, '\t');
}

static void write_label(struct x64i_buffer *out, uint64_t row, const char *label)
{
    begin_record(out, 'L', row, 0);
    for (; *label; label++)
        x64i_buffer_char(out, *label < 0x20 || *label >= 0x7f ? '?' : *label);
    x64i_buffer_char(out, '\n');
}

static void write_event(struct x64i_buffer *out, struct kanata *state, const struct event *event)
{
    if (!state->started || event->cycle != state->cycle) {
        x64i_buffer_text(out, state->started ? "C\t" : "C=\t");
        x64i_buffer_decimal(out, state->started ? event->cycle - state->cycle : event->cycle);
        x64i_buffer_char(out, '\n');
        state->started = true;
        state->cycle = event->cycle;
    }
    switch (event->kind) {
    case EVENT_BEGIN:
        begin_record(out, 'I', event->row, event->value);
        x64i_buffer_text(out, "0\n");
        write_label(out, event->row, event->label);
        break;
    case EVENT_STAGE:
        begin_record(out, 'S', event->row, 0);
        x64i_buffer_char(out, event->stage);
        x64i_buffer_char(out, '\n');
        break;
    case EVENT_DEPENDS:
        begin_record(out, 'W', event->row, event->value);
        x64i_buffer_text(out, "0\n");
        break;
    default:
        begin_record(out, 'R', event->row, event->value);
        x64i_buffer_text(out, "0\n");
        break;
    }
}

/* Writes what came before `cycle`. */
static void drain(struct x64i_buffer *out, struct kanata *state, uint64_t cycle)
{
    while (state->count && state->heap[0].cycle < cycle) {
        struct event event = pop(state);
        write_event(out, state, &event);
    }
    out->failed |= state->failed;
}

static void make_label(const struct x64i_trace_line *line, const struct x64i_uop_times *uop,
                       char label[LABEL])
{
    static const char *const kinds[] = {
        [X64I_UOP_COMPUTE] = "",
        [X64I_UOP_LOAD] = "  (load)",
        [X64I_UOP_STORE_ADDRESS] = "  (store address)",
        [X64I_UOP_STORE_DATA] = "  (store data)",
    };
    const char *text = line->assembly[0]               ? line->assembly
                       : line->kind == X64_STEP_NATIVE ? "(mini-kernel, not modelled)"
                                                       : "(delivery)";
    bool known = uop && uop->kind < sizeof kinds / sizeof kinds[0];
    (void)snprintf(label, LABEL, "0x%llx: %s%s%s%s", (unsigned long long)line->rip, text,
                   known ? kinds[uop->kind] : "", line->wait ? "  waited for " : "",
                   line->wait ? x64i_wait_name(line->wait) : "");
}

static void begin_row(struct kanata *state, const struct x64i_trace_line *line,
                      const struct x64i_uop_times *uop, uint64_t cycle)
{
    struct event event = {.row = state->rows, .value = line->n, .kind = EVENT_BEGIN};
    if (cycle > state->begun)
        state->begun = cycle;
    event.cycle = state->begun;
    make_label(line, uop, event.label);
    push(state, event);
}

static void add_stage(struct kanata *state, char stage, uint64_t begin, uint64_t end)
{
    if (begin < end)
        push(state, (struct event){
                        .cycle = begin, .row = state->rows, .kind = EVENT_STAGE, .stage = stage});
}

static void end_row(struct kanata *state, uint64_t cycle)
{
    push(state,
         (struct event){
             .cycle = cycle, .row = state->rows++, .value = state->retired++, .kind = EVENT_END});
}

static void add_dependence(struct kanata *state, const struct x64i_uop_times *uop)
{
    const uint64_t slot = uop->producer % ROWS;
    if (uop->producer && state->known[slot].number == uop->producer)
        push(state, (struct event){.cycle = uop->started,
                                   .row = state->rows,
                                   .value = state->known[slot].row,
                                   .kind = EVENT_DEPENDS});
    state->known[uop->number % ROWS].number = uop->number;
    state->known[uop->number % ROWS].row = state->rows;
}

static void add_uop(struct kanata *state, const struct x64i_trace_line *line,
                    const struct x64i_uop_times *uop)
{
    uint64_t decoded = uop->decoded > FETCH + DECODE ? uop->decoded - DECODE : FETCH;
    uint64_t retired = line->times.retired > uop->done ? line->times.retired : uop->done;
    begin_row(state, line, uop, decoded - FETCH);
    add_stage(state, 'F', decoded - FETCH, decoded);
    add_stage(state, 'D', decoded, decoded + DECODE);
    add_stage(state, 'Q', decoded + DECODE, uop->renamed);
    add_stage(state, 'R', uop->renamed, uop->renamed + 1);
    add_stage(state, 'W', uop->renamed + 1, uop->started);
    add_stage(state, 'X', uop->started, uop->done);
    add_stage(state, 'C', uop->done > uop->renamed ? uop->done : uop->renamed + 1, retired);
    add_dependence(state, uop);
    end_row(state, retired);
}

static void write_line(struct x64i_buffer *out, const struct x64i_trace_style *style,
                       const struct x64i_trace_line *line)
{
    struct kanata *state = style->state;
    const struct x64i_instruction_times *times = &line->times;
    if (times->uop_count) {
        uint64_t first = times->uops[0].decoded;
        drain(out, state, first > FETCH + DECODE ? first - FETCH - DECODE : 0);
    }
    for (unsigned i = 0; i < times->uop_count; i++)
        add_uop(state, line, &times->uops[i]);
    if (times->uop_count)
        return;
    begin_row(state, line, NULL, line->cycle - line->cycles);
    add_stage(state, 'X', line->cycle - line->cycles, line->cycle);
    end_row(state, line->cycle);
}

static void write_begin(struct x64i_buffer *out, const struct x64i_trace_style *style,
                        const struct x64i_trace_header *header)
{
    (void)style;
    (void)header;
    x64i_buffer_text(out, "Kanata\t0004\n");
}

static void write_end(struct x64i_buffer *out, const struct x64i_trace_style *style,
                      const struct x64_stop *stop, uint64_t cycles)
{
    (void)stop;
    (void)cycles;
    drain(out, style->state, UINT64_MAX);
}

static enum x64_status open_writer(const struct x64i_trace_view *view, void **state)
{
    (void)view;
    *state = calloc(1, sizeof(struct kanata));
    return *state ? X64_OK : X64_ERROR_MEMORY;
}

static void close_writer(void *user)
{
    struct kanata *state = user;
    if (!state)
        return;
    free(state->heap);
    free(state);
}

const struct x64i_trace_writer x64i_kanata_writer = {
    .begin = write_begin,
    .line = write_line,
    .end = write_end,
    .open = open_writer,
    .close = close_writer,
    .stages = true,
};
