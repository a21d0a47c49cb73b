/* SPDX-License-Identifier: MIT */
/* Walks a machine along a run and explains its steps. */
#include "view/view_private.h"

#include "emu.h"

enum x64_status x64i_walker_init(struct x64i_view_walker *walker, struct x64_machine *machine)
{
    const struct x64_config *config = x64i_machine_config(machine);
    *walker = (struct x64i_view_walker){.machine = machine, .view = x64i_machine_view(machine)};
    enum x64_status status = x64i_timing_create(config->cpu_model, &walker->timing);
    if (status == X64_OK)
        status = x64i_disassembler_create(walker->view.symbol, machine, &walker->disassembler);
    if (status != X64_OK)
        x64i_walker_free(walker);
    return status;
}

void x64i_walker_free(struct x64i_view_walker *walker)
{
    x64i_disassembler_destroy(walker->disassembler);
    x64i_timing_destroy(walker->timing);
    walker->disassembler = NULL;
    walker->timing = NULL;
}

static void notice_stack(struct x64i_view_walker *walker, const struct x64_registers *registers)
{
    struct x64i_view_track *track = &walker->track;
    uint64_t rsp = registers->gpr[X64_RSP];
    enum x64_stack kind = track->model.stack_before;
    if ((unsigned)kind >= X64I_STACK_KINDS || kind == X64_STACK_NONE)
        return;
    track->last_rsp[kind] = rsp;
}

void x64i_walker_start(struct x64i_view_walker *walker, bool exact)
{
    struct x64_registers registers;
    (void)x64_registers_read(walker->machine, &registers);
    walker->timed = false;
    walker->track = (struct x64i_view_track){.n = x64_steps(walker->machine), .exact = exact};
    x64i_model_init(&walker->track.model, &walker->view, walker->disassembler);
    x64i_model_start(&walker->track.model, &registers);
    notice_stack(walker, &registers);
}

void x64i_walker_resume(struct x64i_view_walker *walker, const struct x64i_view_track *track)
{
    walker->track = *track;
    walker->track.model.view = &walker->view;
    walker->track.model.disassembler = walker->disassembler;
    walker->timed = false;
}

/* The cycle at which the step just made retired, and what it waited for. */
static uint64_t retire(struct x64i_view_walker *walker, uint64_t n, uint8_t *wait)
{
    const struct x64i_view_time *time = walker->known ? x64i_index_time(walker->known, n) : NULL;
    if (time) {
        walker->timed = false;
        *wait = time->wait;
        return time->cycle;
    }
    if (!walker->timed) {
        x64i_timing_reset(walker->timing);
        walker->cycles_before = walker->track.cycles;
        walker->timed = true;
    }
    uint64_t cycles = walker->cycles_before + x64i_timing_retire(walker->timing, &walker->step);
    *wait = x64i_timing_last(walker->timing)->wait;
    return cycles;
}

enum x64_status x64i_walker_step(struct x64i_view_walker *walker, struct x64i_trace_line *line)
{
    struct x64_registers after;
    struct x64i_view_track *track = &walker->track;
    struct x64_stop stop = {.reason = X64_STOP_BUDGET};
    uint64_t n = x64_steps(walker->machine);
    enum x64_status status = x64_step_observed(walker->machine, &walker->step, &stop);
    if (status != X64_OK)
        return status;
    if (x64_steps(walker->machine) == n)
        return X64_ERROR_STATE;
    (void)x64_registers_read(walker->machine, &after);
    uint64_t before = track->cycles;
    uint8_t wait;
    track->cycles = retire(walker, n, &wait);
    x64i_model_line(&track->model, &walker->step, &after, track->cycles, line);
    line->cycles = track->cycles - before;
    line->wait = wait;
    track->n = n + 1;
    if (walker->step.cpl == 3 && after.cpl != 3)
        track->entry_n = n;
    notice_stack(walker, &after);
    return X64_OK;
}
