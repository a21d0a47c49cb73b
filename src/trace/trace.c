/* SPDX-License-Identifier: MIT */
/* The public trace: steps become lines, lines pass the filter, iterations fold, a writer writes. */
#include "x64emu/trace.h"

#include "emu.h"
#include "timing/timing.h"
#include "trace/model.h"
#include "trace/trips.h"
#include "trace/writer.h"

#include <stdlib.h>
#include <string.h>

#define FLUSH_SIZE    65536u
#define SYSCALL_COUNT 4096u /* above every number of a table */
#define VECTOR_INT80  0x80u

struct x64_trace {
    struct x64_machine *machine;
    struct x64_trace_options options;
    struct x64i_trace_view view;
    struct x64i_disassembler *disassembler;
    struct x64i_timing *timing;
    struct x64i_trips *trips; /* for writers that ask; else null */
    struct x64i_trace_model model;
    const struct x64i_trace_writer *writer;
    struct x64i_trace_style style;
    struct x64i_field_values fields; /* behind the last step, for writers that ask */
    struct x64i_buffer buffer;
    struct x64i_trace_line *line;    /* being made */
    struct x64i_trace_line *pending; /* may still grow by iterations */
    bool has_pending;
    bool chosen; /* the system call being made is the one asked for */
    bool broken; /* the sink took no more */
};

static enum x64_status read_options(const struct x64_trace_options *options,
                                    struct x64_trace_options *out)
{
    *out = (struct x64_trace_options){0};
    if (options->struct_size < sizeof options->struct_size || options->struct_size > sizeof *out)
        return X64_ERROR_ARGUMENT;
    memcpy(out, options, options->struct_size);
    if (!out->write || (unsigned)out->format > X64_TRACE_KANATA ||
        (unsigned)out->only > X64_TRACE_ENTRY)
        return X64_ERROR_ARGUMENT;
    return X64_OK;
}

static bool syscall_exists(const struct x64i_trace_view *view, const char *wanted)
{
    for (uint64_t number = 0; number < SYSCALL_COUNT; number++)
        for (unsigned compat = 0; compat < 2; compat++) {
            const char *name = view->system_call_name(view->user, compat, number);
            if (name && strcmp(name, wanted) == 0)
                return true;
        }
    return false;
}

static enum x64_status hand_over(struct x64_trace *trace)
{
    struct x64i_buffer *buffer = &trace->buffer;
    if (buffer->failed)
        return X64_ERROR_MEMORY;
    if (trace->broken)
        return X64_ERROR_IO;
    if (buffer->size && !trace->options.write(trace->options.user, buffer->bytes, buffer->size))
        trace->broken = true;
    buffer->size = 0;
    return trace->broken ? X64_ERROR_IO : X64_OK;
}

static const struct x64i_trace_writer *const writers[] = {
    [X64_TRACE_TEXT] = &x64i_text_writer,     [X64_TRACE_JSONL] = &x64i_jsonl_writer,
    [X64_TRACE_HTML] = &x64i_html_writer,     [X64_TRACE_PERFETTO] = &x64i_perfetto_writer,
    [X64_TRACE_KANATA] = &x64i_kanata_writer,
};

/* Hands a system call's phases on, if it is one of those asked for. */
static void end_trip(void *user, const struct x64i_trip *trip, const struct x64i_phase_step *steps,
                     size_t count, uint64_t begin)
{
    struct x64_trace *trace = user;
    if (!trace->options.syscall || strcmp(trip->name, trace->options.syscall) == 0)
        trace->writer->trip(&trace->buffer, &trace->style, steps, count, begin);
}

static enum x64_status follow_trips(struct x64_trace *trace)
{
    if (!trace->writer->trip)
        return X64_OK;
    enum x64_status status = x64i_trips_create(trace->machine, NULL, &trace->trips);
    if (status == X64_OK)
        x64i_trips_watch(trace->trips, end_trip, trace);
    return status;
}

static enum x64_status set_up(struct x64_trace *trace)
{
    const struct x64_config *config = x64i_machine_config(trace->machine);
    const struct x64_trace_options *options = &trace->options;
    const char *core = options->core ? options->core : config->cpu_model;
    enum x64_status status = x64i_timing_create(core, &trace->timing);
    if (status == X64_OK && options->syscall && !syscall_exists(&trace->view, options->syscall))
        status = X64_ERROR_NOT_FOUND;
    if (status == X64_OK)
        status = x64i_disassembler_create(trace->view.symbol, trace->machine, &trace->disassembler);
    if (status != X64_OK)
        return status;
    struct x64_registers registers;
    (void)x64_registers_read(trace->machine, &registers);
    x64i_model_init(&trace->model, &trace->view, trace->disassembler);
    x64i_model_start(&trace->model, &registers);
    trace->writer = writers[options->format];
    trace->style = (struct x64i_trace_style){
        .colour = options->colour, .bytes = options->bytes, .waits = options->waits};
    if (trace->writer->open)
        status = trace->writer->open(&trace->view, &trace->style.state);
    if (status == X64_OK)
        status = follow_trips(trace);
    if (status != X64_OK)
        return status;
    if (trace->writer->fields)
        x64i_fields_read(&trace->view, &registers, &trace->fields);
    struct x64i_trace_header header = {.cpu = config->cpu_model,
                                       .kernel = options->kernel,
                                       .mitigations = options->mitigations,
                                       .symbols = options->symbols,
                                       .core = x64i_timing_core(trace->timing)};
    trace->writer->begin(&trace->buffer, &trace->style, &header);
    return trace->buffer.failed ? X64_ERROR_MEMORY : X64_OK;
}

enum x64_status x64_trace_create(struct x64_machine *machine,
                                 const struct x64_trace_options *options, struct x64_trace **out)
{
    struct x64_trace_options complete;
    if (!machine || !options || !out)
        return X64_ERROR_ARGUMENT;
    enum x64_status status = read_options(options, &complete);
    if (status != X64_OK)
        return status;
    struct x64_trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        return X64_ERROR_MEMORY;
    trace->machine = machine;
    trace->options = complete;
    trace->view = x64i_machine_view(machine);
    trace->line = calloc(1, sizeof *trace->line);
    trace->pending = calloc(1, sizeof *trace->pending);
    status = trace->line && trace->pending ? set_up(trace) : X64_ERROR_MEMORY;
    if (status != X64_OK) {
        x64_trace_destroy(trace);
        return status;
    }
    *out = trace;
    return X64_OK;
}

/* Whether this step made the system call that was asked for. */
static bool is_chosen(const struct x64_trace *trace, const struct x64_step *step)
{
    const struct x64i_trace_model *model = &trace->model;
    const struct x64i_trace_view *view = &trace->view;
    const struct x64_effect *interrupt = x64i_effect_find(step, X64_EFFECT_INTERRUPT);
    bool call = model->entry == X64I_ENTRY_SYSCALL || model->entry == X64I_ENTRY_SYSENTER ||
                (model->entry == X64I_ENTRY_INT && interrupt && interrupt->index == VECTOR_INT80);
    const char *name =
        call ? view->system_call_name(view->user, model->compat_entry, (uint32_t)model->entry_rax)
             : NULL;
    return name && strcmp(name, trace->options.syscall) == 0;
}

/* Whether the line belongs to what was asked for; `was_inside`: the kernel ran before the step. */
static bool passes(struct x64_trace *trace, const struct x64_step *step, bool was_inside)
{
    bool enters = step->cpl == 3 && trace->model.entry != X64I_ENTRY_NONE;
    bool inside = was_inside || enters;
    if (trace->options.syscall) {
        if (enters)
            trace->chosen = is_chosen(trace, step);
        return inside && trace->chosen;
    }
    return inside || trace->options.only == X64_TRACE_ALL;
}

static enum x64_status write_pending(struct x64_trace *trace)
{
    if (!trace->has_pending)
        return X64_OK;
    trace->has_pending = false;
    trace->writer->line(&trace->buffer, &trace->style, trace->pending);
    if (trace->buffer.size < FLUSH_SIZE && !trace->buffer.failed)
        return X64_OK;
    return hand_over(trace);
}

/* The line waits while it may grow by further iterations. */
static enum x64_status accept(struct x64_trace *trace)
{
    struct x64i_trace_line *line = trace->line;
    bool continues = trace->has_pending && trace->pending->kind == X64_STEP_REPEAT &&
                     trace->pending->rip == line->rip &&
                     (line->kind == X64_STEP_REPEAT || line->kind == X64_STEP_INSTRUCTION);
    if (continues) {
        x64i_line_fold(trace->pending, line);
    } else {
        enum x64_status status = write_pending(trace);
        if (status != X64_OK)
            return status;
        trace->line = trace->pending;
        trace->pending = line;
        trace->has_pending = true;
    }
    return trace->pending->kind == X64_STEP_REPEAT ? X64_OK : write_pending(trace);
}

enum x64_status x64_trace_step(struct x64_trace *trace, const struct x64_step *step)
{
    struct x64_registers after;
    if (!trace || !step)
        return X64_ERROR_ARGUMENT;
    if (trace->broken)
        return X64_ERROR_IO;
    bool was_inside = trace->model.entry != X64I_ENTRY_NONE;
    uint64_t before = x64i_timing_cycles(trace->timing);
    uint64_t cycle = x64i_timing_retire(trace->timing, step);
    (void)x64_registers_read(trace->machine, &after);
    x64i_model_line(&trace->model, step, &after, cycle, trace->line);
    x64i_line_times(trace->line, x64i_timing_last(trace->timing), before);
    if (trace->writer->stages)
        trace->line->times = *x64i_timing_last(trace->timing);
    if (trace->writer->fields) {
        trace->line->before = trace->fields;
        x64i_fields_read(&trace->view, &after, &trace->fields);
        trace->line->after = trace->fields;
    }
    enum x64_status status = passes(trace, step, was_inside) ? accept(trace) : X64_OK;
    if (trace->trips && status == X64_OK)
        status = x64i_trips_step(trace->trips, step);
    return status;
}

enum x64_status x64_trace_run(struct x64_trace *trace, uint64_t budget, struct x64_stop *stop)
{
    struct x64_step step;
    struct x64_stop end = {.reason = X64_STOP_BUDGET};
    if (!trace)
        return X64_ERROR_ARGUMENT;
    enum x64_status status = X64_OK;
    end.steps = x64_steps(trace->machine);
    while (budget-- > 0 && status == X64_OK) {
        status = x64_step_observed(trace->machine, &step, &end);
        if (status == X64_OK)
            status = x64_trace_step(trace, &step);
        else if (status == X64_ERROR_STATE && end.reason != X64_STOP_BUDGET)
            status = X64_OK;
        if (end.reason != X64_STOP_BUDGET)
            break;
    }
    if (status == X64_OK && stop)
        *stop = end;
    return status;
}

uint64_t x64_trace_cycles(const struct x64_trace *trace)
{
    return trace ? x64i_timing_cycles(trace->timing) : 0;
}

enum x64_status x64_trace_finish(struct x64_trace *trace, const struct x64_stop *stop)
{
    if (!trace)
        return X64_ERROR_ARGUMENT;
    enum x64_status status = write_pending(trace);
    if (status == X64_OK && trace->trips)
        status = x64i_trips_finish(trace->trips);
    if (status != X64_OK)
        return status;
    if (stop)
        trace->writer->end(&trace->buffer, &trace->style, stop, x64_trace_cycles(trace));
    return hand_over(trace);
}

void x64_trace_destroy(struct x64_trace *trace)
{
    if (!trace)
        return;
    if (trace->writer && trace->writer->close)
        trace->writer->close(trace->style.state);
    x64i_disassembler_destroy(trace->disassembler);
    x64i_timing_destroy(trace->timing);
    x64i_trips_destroy(trace->trips);
    x64i_buffer_free(&trace->buffer);
    free(trace->line);
    free(trace->pending);
    free(trace);
}
