/* SPDX-License-Identifier: MIT */
/*
 * The model behind the view against what it must agree with: the jsonl trace of the same run, made
 * by another machine, and the machine's own registers and memory one step later.
 */
#include "kernel_model/guest.h"
#include "support/suite.h"
#include "trace/writer.h"
#include "view/model.h"

#include "x64emu/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct guest_config runs[] = {
    {.entry = "6.1"},
    {.entry = "6.1", .mitigations = "pti,pcid,ibrs,retpoline,verw,bhb"},
    {.entry = "4.16", .mitigations = "pti,pcid"},
    {.entry = "4.9"},
    {.entry = "sysenter"},
    {.entry = "int80"},
};

#define RUNS (int)(sizeof runs / sizeof runs[0])

static bool append(void *user, const char *bytes, size_t size)
{
    x64i_buffer_bytes(user, bytes, size);
    return true;
}

/* The whole run as jsonl, by a machine of its own. */
static void trace(const struct guest_config *config, struct x64i_buffer *text)
{
    struct guest guest;
    struct x64_trace *tracer;
    struct x64_stop stop;
    struct x64_trace_options options = {.struct_size = sizeof options,
                                        .format = X64_TRACE_JSONL,
                                        .core = "skylake",
                                        .user = text,
                                        .write = append};
    guest_start(&guest, config);
    ck_assert_int_eq(x64_trace_create(guest.machine, &options, &tracer), X64_OK);
    ck_assert_int_eq(x64_trace_run(tracer, GUEST_STEPS, &stop), X64_OK);
    ck_assert_int_eq(x64_trace_finish(tracer, &stop), X64_OK);
    x64_trace_destroy(tracer);
    guest_end(&guest);
    x64i_buffer_char(text, '\0');
    ck_assert(!text->failed);
}

static struct x64i_view *open_view(struct guest *guest, const struct guest_config *config)
{
    struct x64i_view *view;
    guest_start(guest, config);
    (void)guest_run(guest);
    ck_assert_int_eq(x64i_view_open(guest->machine, &view), X64_OK);
    return view;
}

static void close_view(struct guest *guest, struct x64i_view *view)
{
    x64i_view_close(view);
    guest_end(guest);
}

/* The index-th system call of a view whose index is complete. */
static const struct x64i_view_call *system_call(const struct x64i_view *view, unsigned index)
{
    size_t count;
    const struct x64i_view_call *calls = x64i_view_calls(view, &count);
    for (size_t i = 0; i < count; i++)
        if (calls[i].kind != X64I_ENTRY_EXCEPTION && index-- == 0)
            return &calls[i];
    ck_abort_msg("there are fewer system calls");
    return NULL;
}

static const struct x64i_view_moment *seek(struct x64i_view *view, uint64_t n, unsigned effect)
{
    ck_assert_int_eq(x64i_view_seek(view, n, effect), X64_OK);
    return x64i_view_moment(view);
}

/* Step n as the jsonl line that the moment would be. */
static void line_of(const struct x64i_view_moment *moment, struct x64i_buffer *line)
{
    const struct x64i_trace_style style = {0};
    line->size = 0;
    x64i_jsonl_writer.line(line, &style, &moment->line);
    line->bytes[line->size - 1] = '\0';
}

static void compare_record(struct x64i_view *view, const char *record)
{
    static struct x64i_buffer line;
    static const char first[] = "{\"n\":";
    unsigned long long n;
    if (strstr(record, "\"repeat\":")) /* folded there, single steps here */
        return;
    ck_assert(strncmp(record, first, sizeof first - 1) == 0);
    n = strtoull(record + sizeof first - 1, NULL, 10);
    line_of(seek(view, n, X64I_VIEW_ALL), &line);
    ck_assert_msg(strcmp(line.bytes, record) == 0,
                  "step %llu: the view shows\n%s\nthe trace says\n%s", n, line.bytes, record);
}

/* In order, then in an order that jumps to and fro. */
START_TEST(test_view_shows_what_the_trace_says)
{
    struct guest guest;
    struct x64i_buffer text = {0};
    const char **records;
    size_t count = 0;
    trace(&runs[_i], &text);
    records = calloc(text.size, sizeof *records);
    ck_assert_ptr_nonnull(records);
    for (char *at = strtok(text.bytes, "\n"); at; at = strtok(NULL, "\n"))
        records[count++] = at;
    struct x64i_view *view = open_view(&guest, &runs[_i]);
    ck_assert_uint_gt(count, 500);
    for (size_t i = 1; i < count; i++)
        compare_record(view, records[i]);
    while (!x64i_view_index(view, 1000))
        ;
    for (size_t i = 1; i < count / 5; i++)
        compare_record(view, records[1 + (i * 7919) % (count - 1)]);
    close_view(&guest, view);
    free(records);
    x64i_buffer_free(&text);
}
END_TEST

#define RF UINT64_C(0x10000)

/* Fields that a step may change without an effect: RIP goes on and RF goes out by themselves, and
 * where the mini-kernel answers, only what it returns is an effect. */
static bool is_silent(unsigned field, const struct x64i_view_moment *moment)
{
    return field == X64I_FIELD_RIP ||
           (moment->line.kind == X64_STEP_NATIVE && x64i_fields[field].source != X64I_SOURCE_GPR);
}

static void compare_fields(const struct x64i_view_moment *moment,
                           const struct x64i_field_values *after)
{
    struct x64i_field_values made = moment->before;
    for (unsigned i = 0; i < moment->effect_count; i++)
        (void)x64i_fields_apply(&made, &moment->effects[i]);
    ck_assert_uint_eq(made.known & ~after->known, 0); /* there is no TSS before LTR */
    for (unsigned i = 0; i < X64I_FIELD_COUNT; i++) {
        uint64_t mask = i == X64I_FIELD_RFLAGS ? ~RF : ~UINT64_C(0);
        if (is_silent(i, moment) || !(made.known >> i & 1))
            continue;
        ck_assert_msg(((made.value[i] ^ after->value[i]) & mask) == 0,
                      "%s: the effects of step %llu make it 0x%llx, the machine has 0x%llx",
                      x64i_fields[i].name, (unsigned long long)moment->n,
                      (unsigned long long)made.value[i], (unsigned long long)after->value[i]);
    }
}

/* What a step's effects make of the state before it is the state after it, which is what the
 * moment shows and what the next step begins with. */
START_TEST(test_view_effects_make_the_next_state)
{
    struct guest guest;
    struct x64i_view *view = open_view(&guest, &runs[_i]);
    struct x64i_field_values now = x64i_view_moment(view)->now;
    uint64_t last = x64i_view_moment(view)->last;
    for (uint64_t n = x64i_view_moment(view)->first + 1; n <= last; n++) {
        const struct x64i_view_moment *moment = seek(view, n, X64I_VIEW_ALL);
        ck_assert_mem_eq(&now, &moment->before, sizeof now);
        if (n < last)
            compare_fields(moment, &moment->now);
        now = moment->now;
    }
    ck_assert(x64i_view_moment(view)->at_end);
    close_view(&guest, view);
}
END_TEST

/* Slots in the middle of a step: with k effects done, those k are in them and no other. */
static void check_slots(const struct x64i_view_moment *moment)
{
    for (unsigned s = 0; s < moment->stack_count; s++)
        for (unsigned i = 0; i < moment->stack[s].count; i++) {
            const struct x64i_view_slot *slot = &moment->stack[s].slot[i];
            uint64_t expected = slot->old;
            for (unsigned e = 0; e < moment->effect; e++) {
                const struct x64_effect *effect = &moment->effects[e];
                uint64_t into = effect->linear - slot->linear;
                if (effect->kind == X64_EFFECT_MEMORY_WRITE && into < 8 && into + effect->size <= 8)
                    memcpy((char *)&expected + into, &effect->value, effect->size);
            }
            ck_assert_msg(!slot->known || expected == slot->value,
                          "step %llu, %u effects: 0x%llx holds 0x%llx, not 0x%llx",
                          (unsigned long long)moment->n, moment->effect,
                          (unsigned long long)slot->linear, (unsigned long long)slot->value,
                          (unsigned long long)expected);
        }
}

START_TEST(test_view_stops_between_effects)
{
    struct guest guest;
    struct x64i_view *view = open_view(&guest, &runs[_i]);
    while (!x64i_view_index(view, 1000))
        ;
    const struct x64i_view_call *call = system_call(view, 1);
    for (uint64_t n = call->n; n <= call->end; n++) {
        unsigned effects = seek(view, n, 0)->effect_count;
        for (unsigned effect = 0; effect <= effects; effect++)
            check_slots(seek(view, n, effect));
    }
    close_view(&guest, view);
}
END_TEST

/* The frame's words are reserved until they are pushed, and know who pushed them. */
START_TEST(test_view_frame_fills_slot_by_slot)
{
    struct guest guest;
    struct x64i_view *view = open_view(&guest, &runs[0]);
    unsigned seen = 0;
    while (!x64i_view_index(view, 1000))
        ;
    const struct x64i_view_call *call = system_call(view, 0);
    for (uint64_t n = call->n; n <= call->end; n++) {
        const struct x64i_view_moment *moment = seek(view, n, X64I_VIEW_ALL);
        for (unsigned i = 0; i < moment->line.memory_count; i++) {
            const struct x64i_line_memory *memory = &moment->line.memory[i];
            if (!memory->write || strncmp(memory->what, "pt_regs.", 8) != 0)
                continue;
            const struct x64i_view_stack *stack = NULL;
            for (unsigned s = 0; s < moment->stack_count; s++)
                if (moment->stack[s].kind == X64_STACK_KERNEL)
                    stack = &moment->stack[s];
            ck_assert_ptr_nonnull(stack);
            ck_assert_str_eq(stack->slot[0].name, "pt_regs.ss"); /* whatever adjoins */
            for (unsigned slot = 0; slot < stack->count; slot++)
                if (stack->slot[slot].linear == memory->linear) {
                    ck_assert_str_eq(stack->slot[slot].name, memory->what);
                    ck_assert_uint_eq(stack->slot[slot].value, memory->value);
                    ck_assert_uint_eq(stack->slot[slot].writer_n, n);
                    ck_assert_uint_eq(stack->slot[slot].writer_rip, moment->line.rip);
                    ck_assert(stack->slot[slot].written);
                    ck_assert_int_eq(stack->slot[slot].state, X64I_SLOT_HELD);
                    seen++;
                }
        }
    }
    ck_assert_uint_ge(seen, X64I_SLOT_COUNT);
    close_view(&guest, view);
}
END_TEST

struct write {
    uint64_t n, rip, linear, size;
};

/* Every write to memory of the whole run, in order. */
static struct write *all_writes(struct x64i_view *view, size_t *count)
{
    struct write *writes = NULL;
    size_t room = 0;
    const struct x64i_view_moment *moment = x64i_view_moment(view);
    *count = 0;
    for (uint64_t n = moment->first; n < moment->last; n++) {
        (void)seek(view, n, X64I_VIEW_ALL);
        for (unsigned i = 0; i < moment->effect_count; i++) {
            const struct x64_effect *effect = &moment->effects[i];
            if (effect->kind != X64_EFFECT_MEMORY_WRITE)
                continue;
            if (*count == room)
                writes = realloc(writes, (room = 2 * room + 64) * sizeof *writes);
            ck_assert_ptr_nonnull(writes);
            writes[(*count)++] = (struct write){n, moment->line.rip, effect->linear, effect->size};
        }
    }
    return writes;
}

/* Who wrote a word last is what reading all writes backwards finds, with or without this step's. */
START_TEST(test_view_words_know_who_wrote_them_last)
{
    struct guest guest;
    size_t count;
    unsigned known = 0;
    struct x64i_view *view = open_view(&guest, &runs[_i]);
    while (!x64i_view_index(view, 1000))
        ;
    struct write *writes = all_writes(view, &count);
    const struct x64i_view_moment *moment = x64i_view_moment(view);
    for (uint64_t n = moment->last; n > moment->first + 11; n -= 11) {
        (void)seek(view, n, n % 2 ? X64I_VIEW_ALL : 0);
        uint64_t end = n + (moment->effect != 0);
        for (unsigned s = 0; s < moment->stack_count; s++)
            for (unsigned i = 0; i < moment->stack[s].count; i++) {
                const struct x64i_view_slot *slot = &moment->stack[s].slot[i];
                size_t at = count;
                while (at > 0 &&
                       (writes[at - 1].n >= end || writes[at - 1].linear >= slot->linear + 8 ||
                        writes[at - 1].linear + writes[at - 1].size <= slot->linear))
                    at--;
                ck_assert_msg(slot->has_writer == (at > 0), "step %llu, word %llx",
                              (unsigned long long)n, (unsigned long long)slot->linear);
                if (!at)
                    continue;
                ck_assert_uint_eq(slot->writer_n, writes[at - 1].n);
                ck_assert_uint_eq(slot->writer_rip, writes[at - 1].rip);
                known++;
            }
    }
    ck_assert_uint_gt(known, 1000);
    free(writes);
    close_view(&guest, view);
}
END_TEST

/* With PTI the kernel's stack is in the kernel's table alone, and the view still shows it. */
START_TEST(test_view_knows_both_page_tables)
{
    struct guest guest;
    struct x64i_view *view = open_view(&guest, &runs[2]);
    while (!x64i_view_index(view, 1000))
        ;
    const struct x64i_view_call *call = system_call(view, 1);
    const struct x64i_view_moment *moment = seek(view, call->n - 1, X64I_VIEW_ALL);
    ck_assert(moment->tables.table[0].active);
    ck_assert(moment->tables.pcide);
    const struct x64i_view_stack *kernel = NULL;
    for (unsigned s = 0; s < moment->stack_count; s++)
        if (moment->stack[s].kind == X64_STACK_KERNEL)
            kernel = &moment->stack[s];
    ck_assert_ptr_nonnull(kernel);
    ck_assert(kernel->slot[0].known);
    struct x64i_view_wish wish = {.slots = 16, .code_lines = 8, .linear = kernel->slot[0].linear};
    x64i_view_wish(view, &wish);
    moment = seek(view, call->n, X64I_VIEW_ALL);
    ck_assert(!moment->tables.table[0].walk.translates);
    ck_assert(moment->tables.table[1].walk.translates);
    ck_assert_uint_eq(moment->window, X64I_WINDOW_RSP | X64I_WINDOW_GS | X64I_WINDOW_CR3);
    close_view(&guest, view);
}
END_TEST

static void check_code(const struct x64i_view_moment *moment)
{
    unsigned current = 0;
    for (unsigned i = 0; i < moment->code_count; i++) {
        current += moment->code[i].current;
        if (i)
            ck_assert_uint_eq(moment->code[i].linear,
                              moment->code[i - 1].linear + moment->code[i - 1].length);
        if (moment->code[i].current)
            ck_assert_str_eq(moment->code[i].text, moment->line.kind == X64_STEP_NATIVE
                                                       ? "(mini-kernel)"
                                                       : moment->line.assembly);
    }
    ck_assert_msg(current == 1, "step %llu, rip 0x%llx: %u current lines of %u",
                  (unsigned long long)moment->n, (unsigned long long)moment->line.rip, current,
                  moment->code_count);
}

START_TEST(test_view_code_stands_around_the_instruction)
{
    struct guest guest;
    struct x64i_view *view = open_view(&guest, &runs[_i]);
    uint64_t last = x64i_view_moment(view)->last;
    for (uint64_t n = x64i_view_moment(view)->first; n < last; n += 3)
        check_code(seek(view, n, X64I_VIEW_ALL));
    close_view(&guest, view);
}
END_TEST

/* Searches in slices of a few steps; answers whether there was something, in `found`. */
static bool search(struct x64i_view *view, struct x64i_view_search wanted, uint64_t *found)
{
    enum x64i_search_state state;
    x64i_view_search_begin(view, &wanted);
    while ((state = x64i_view_search(view, &wanted, 700)) == X64I_SEARCH_GOES_ON)
        seek(view, wanted.at / 2, X64I_VIEW_ALL); /* looking elsewhere meanwhile */
    *found = wanted.found;
    return state == X64I_SEARCH_FOUND;
}

START_TEST(test_view_finds_code_both_ways)
{
    struct guest guest;
    struct x64i_view *view = open_view(&guest, &runs[0]);
    struct x64i_view_search wanted = {.linear_count = 1};
    uint64_t found;
    while (!x64i_view_index(view, 1000))
        ;
    const struct x64i_view_call *call = system_call(view, 0);
    ck_assert(x64i_view_parse(view, "entry_SYSCALL_64", &wanted.linear[0]));
    wanted.n = call->n;
    ck_assert(search(view, wanted, &found));
    ck_assert_uint_eq(found, call->n + 1);
    wanted.back = true;
    wanted.n = x64i_view_moment(view)->last;
    ck_assert(search(view, wanted, &found));
    ck_assert_uint_eq(seek(view, found, 0)->line.rip, wanted.linear[0]);
    ck_assert_uint_gt(found, system_call(view, 3)->n);
    wanted.linear[0] = 1;
    ck_assert(!search(view, wanted, &found));
    wanted.back = false;
    ck_assert(!search(view, wanted, &found));
    ck_assert(!x64i_view_parse(view, "no such symbol", &wanted.linear[0]));
    close_view(&guest, view);
}
END_TEST

/* Whether a value stands in a jsonl record as what a step set, wrote or read. */
static bool record_shows(const char *record, uint64_t value)
{
    static const char *const forms[] = {"\",\"0x%llx\"]", "\"new\":\"0x%llx\"",
                                        "\"old\":\"0x%llx\",\"what\"",
                                        "\"old\":\"0x%llx\"}"}; /* of reads, at the end */
    char text[64];
    for (unsigned form = 0; form < 4; form++) {
        (void)snprintf(text, sizeof text, forms[form], (unsigned long long)value);
        for (const char *at = record; (at = strstr(at, text)); at++) {
            char before[64];
            size_t length = (size_t)(at - record) < 40 ? (size_t)(at - record) : 40;
            memcpy(before, at - length, length);
            before[length] = '\0';
            const char *rip = strstr(before, "\"rip\":[");
            if (form || !rip || strchr(rip, ']'))
                return true;
        }
    }
    return false;
}

static uint64_t record_n(const char *record)
{
    return strtoull(record + strlen("{\"n\":"), NULL, 10);
}

/* Whether step n is folded into a record, as iterations of REP are there. */
static bool is_folded(const char *const *records, size_t count, uint64_t n)
{
    for (size_t i = 0; i < count; i++) {
        const char *repeat = strstr(records[i], "\"repeat\":");
        uint64_t from = record_n(records[i]);
        if (repeat && n >= from && n < from + strtoull(repeat + strlen("\"repeat\":"), NULL, 10))
            return true;
    }
    return false;
}

/* The steps that a search for a value stops at, one after the other, are those of the trace. */
static unsigned compare_search(struct x64i_view *view, const char *const *records, size_t count,
                               uint64_t value, bool back)
{
    const struct x64i_view_moment *moment = x64i_view_moment(view);
    struct x64i_view_search wanted = {.for_value = true, .value = value, .back = back};
    unsigned hits = 0;
    size_t at = 0;
    uint64_t found;
    wanted.n = back ? moment->last : moment->first;
    while (search(view, wanted, &found)) {
        wanted.n = back ? found : found + 1;
        if (is_folded(records, count, found))
            continue;
        while (at < count && !record_shows(records[back ? count - 1 - at : at], value))
            at++;
        ck_assert_uint_lt(at, count);
        const char *record = records[back ? count - 1 - at++ : at++];
        ck_assert_msg(found == record_n(record),
                      "0x%llx: the search leads to %llu, the trace to\n%s",
                      (unsigned long long)value, (unsigned long long)found, record);
        hits++;
    }
    while (at < count)
        ck_assert(!record_shows(records[back ? count - 1 - at++ : at++], value));
    return hits;
}

START_TEST(test_view_finds_values_both_ways)
{
    struct guest guest;
    struct x64i_buffer text = {0};
    const char **records;
    size_t count = 0;
    trace(&runs[2], &text);
    records = calloc(text.size, sizeof *records);
    ck_assert_ptr_nonnull(records);
    (void)strtok(text.bytes, "\n"); /* the head */
    for (char *at; (at = strtok(NULL, "\n"));)
        if (strncmp(at, "{\"n\":", 5) == 0)
            records[count++] = at;
    struct x64i_view *view = open_view(&guest, &runs[2]);
    while (!x64i_view_index(view, 1000))
        ;
    const struct x64i_view_moment *moment = seek(view, system_call(view, 0)->n, X64I_VIEW_ALL);
    const uint64_t values[] = {moment->now.value[X64I_FIELD_RCX], moment->now.value[X64I_FIELD_RSP],
                               moment->now.value[X64I_FIELD_LSTAR], UINT64_C(0xffffffffffffffda)};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        unsigned hits = compare_search(view, records, count, values[i], false);
        ck_assert_uint_ge(hits, 1);
        ck_assert_uint_eq(compare_search(view, records, count, values[i], true), hits);
    }
    close_view(&guest, view);
    free(records);
    x64i_buffer_free(&text);
}
END_TEST

static Suite *view_model_suite(void)
{
    Suite *suite = suite_create("view model");
    TCase *all = tcase_create("every step");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_view_shows_what_the_trace_says, 0, RUNS);
    tcase_add_loop_test(all, test_view_effects_make_the_next_state, 0, RUNS);
    tcase_add_loop_test(all, test_view_code_stands_around_the_instruction, 0, RUNS);
    tcase_add_test(all, test_view_frame_fills_slot_by_slot);
    tcase_add_loop_test(all, test_view_words_know_who_wrote_them_last, 0, 2);
    tcase_add_test(all, test_view_knows_both_page_tables);
    tcase_add_test(all, test_view_finds_code_both_ways);
    tcase_add_test(all, test_view_finds_values_both_ways);
    suite_add_tcase(suite, all);
    TCase *effects = tcase_create("effects");
    tcase_set_timeout(effects, 120);
    tcase_add_loop_test(effects, test_view_stops_between_effects, 0, RUNS);
    suite_add_tcase(suite, effects);
    return suite;
}

X64_TEST_MAIN(view_model_suite())
