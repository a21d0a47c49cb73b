/* SPDX-License-Identifier: MIT */
#include "timing/core.h"

#include <string.h>

#define STACK_POINTER 4u /* its number as a value */

void x64i_core_init(struct x64i_core *core, const struct x64i_core_model *model)
{
    memset(core, 0, sizeof *core);
    core->model = model;
}

/* x87 registers stand for their distance from the top; a push moves it before the result. */
static unsigned value_at(const struct x64i_core *core, unsigned value, int push)
{
    if (value - X64I_VALUE_FPU >= X64I_VALUE_MMX - X64I_VALUE_FPU)
        return value;
    unsigned top = core->fpu_top - (unsigned)(push > 0 ? push : 0);
    return X64I_VALUE_FPU + (value - X64I_VALUE_FPU + top) % 8;
}

/* The cycle in which the next slot is renamed, `earliest` or later. */
static uint64_t take_slot(struct x64i_core *core, uint64_t earliest)
{
    const struct x64i_core_model *model = core->model;
    uint64_t cycle = core->renamed;
    uint64_t room = x64i_entries_room(&core->reorder_buffer);
    if (room > earliest)
        earliest = room;
    if (core->barrier > earliest)
        earliest = core->barrier;
    if (earliest > cycle || core->rename_used >= model->issue_width) {
        cycle = earliest > cycle ? earliest : cycle + 1;
        core->rename_used = 0;
        core->adds_used = 0;
    }
    x64i_ports_advance(&core->ports, cycle);
    while (core->ports.total_waiting >= model->scheduler) {
        cycle++;
        core->rename_used = 0;
        core->adds_used = 0;
        x64i_ports_advance(&core->ports, cycle);
    }
    x64i_memory_advance(&core->memory, core->ports.swept);
    core->renamed = cycle;
    core->rename_used++;
    x64i_frontend_renamed(&core->frontend, cycle);
    return cycle;
}

static void retire_slot(struct x64i_core *core, uint64_t done)
{
    if (done > core->retired) {
        core->retired = done;
        core->retire_used = 0;
    } else if (core->retire_used >= core->model->retire_width) {
        core->retired++;
        core->retire_used = 0;
    }
    core->retire_used++;
    x64i_entries_take(&core->reorder_buffer, core->model->reorder_buffer, core->retired);
}

/* When the last of them is there, and from whom. */
static uint64_t sources_ready(const struct x64i_core *core, const struct x64i_uop *uop,
                              uint32_t *producer)
{
    uint64_t ready = 0;
    *producer = 0;
    for (unsigned i = 0; i < uop->source_count; i++) {
        const struct x64i_core_value *value = &core->values[value_at(core, uop->sources[i], 0)];
        if (value->ready <= ready)
            continue;
        ready = value->ready;
        *producer = value->maker;
    }
    return ready;
}

/* Rename adds what it holds for the source; too large a sum, or a stack engine's offset on top, has
 * to be added up by a port. */
static bool absorbs(const struct x64i_core *core, const struct x64i_plan *plan,
                    const struct x64i_uop *uop)
{
    if (plan->elimination != X64I_ELIMINATED_ADD || !uop->source_count)
        return plan->elimination != X64I_NOT_ELIMINATED;
    unsigned source = uop->sources[0];
    int64_t sum = (int64_t)plan->offset + (source < 16 ? core->offset[source] : 0);
    return sum >= -core->model->held_offset && sum < core->model->held_offset;
}

/* What a port computes has no addition left to be made. */
static void set_results(struct x64i_core *core, const struct x64i_plan *plan,
                        const struct x64i_uop *uop, uint64_t done)
{
    const struct x64i_core_value made = {.ready = done, .maker = core->uops};
    for (unsigned i = 0; i < uop->result_count; i++) {
        unsigned value = uop->results[i];
        if (value < 16)
            core->offset[value] = 0;
        core->values[value_at(core, value, plan->fpu_push)] = made;
    }
}

/* A micro-op of rename's own that any simple port does: when the register is there then. */
static uint64_t compute_simply(struct x64i_core *core, unsigned value, uint64_t renamed)
{
    unsigned port = x64i_ports_bind(&core->ports, core->model->simple_ports);
    uint64_t *ready = &core->values[value].ready;
    *ready = x64i_ports_book(&core->ports, port, *ready > renamed + 1 ? *ready : renamed + 1) + 1;
    return *ready;
}

/* A shifter takes no register with an addition still to be made: a port makes it first. */
static uint64_t add_up(struct x64i_core *core, const struct x64i_uop *uop, uint64_t renamed,
                       uint64_t ready)
{
    for (unsigned i = 0; i < uop->source_count; i++) {
        unsigned source = uop->sources[i];
        if (source >= 16 || !core->offset[source])
            continue;
        core->offset[source] = 0;
        uint64_t added = compute_simply(core, source, renamed);
        ready = added > ready ? added : ready;
    }
    return ready;
}

/* When a load that has its port from `started` on is done; `started` is moved to when banks and
 * locks let it. */
static uint64_t execute_load(struct x64i_core *core, const struct x64i_plan *plan,
                             const struct x64i_uop *uop, const struct x64i_touch *access,
                             unsigned port, uint64_t *started)
{
    uint64_t start = *started;
    if (plan->lock && core->memory.commit > start)
        start = core->memory.commit;
    if (core->locked > start)
        start = core->locked;
    start = x64i_memory_banks(&core->memory, core->model, access, start);
    if (access->linear % 64 + access->size > 64)
        (void)x64i_ports_book(&core->ports, port, start + 1);
    if (plan->lock)
        core->locked = start + core->model->lock + plan->lock_extra;
    *started = start;
    bool renamed_here = plan->renamable && core->dense < core->model->rename_run;
    return x64i_memory_load(&core->memory, core->model, access, start, uop->latency, renamed_here,
                            plan->slow_forward);
}

/* Starts a micro-op and answers when it is done. */
static uint64_t execute_uop(struct x64i_core *core, const struct x64i_plan *plan,
                            const struct x64i_uop *uop, uint64_t renamed,
                            const struct x64i_accesses *accesses, struct x64i_uop_times *times)
{
    uint32_t producer;
    uint64_t operands = sources_ready(core, uop, &producer);
    if (plan->shift && uop->kind == X64I_UOP_COMPUTE)
        operands = add_up(core, uop, renamed, operands);
    uint64_t ready = operands > renamed + 1 ? operands : renamed + 1;
    unsigned port = x64i_ports_bind(&core->ports, uop->ports);
    if (uop->held && core->divider[port] > ready)
        ready = core->divider[port];
    uint64_t started = x64i_ports_book(&core->ports, port, ready);
    if (uop->held)
        core->divider[port] = started + uop->held;
    uint64_t done = started + uop->latency;
    times->waited = X64I_WAIT_NONE;
    if (uop->kind == X64I_UOP_LOAD && uop->access < accesses->read_count) {
        const struct x64i_touch *access = &accesses->reads[uop->access];
        done = execute_load(core, plan, uop, access, port, &started);
        if (access->extra)
            times->waited = (uint8_t)access->wait;
        else if (done > started + uop->latency)
            times->waited = X64I_WAIT_FORWARD;
    }
    times->renamed = renamed;
    times->ready = ready;
    times->started = started;
    times->done = done;
    times->port = (uint8_t)port;
    times->kind = uop->kind;
    times->number = ++core->uops;
    times->producer = operands > renamed ? producer : 0;
    set_results(core, plan, uop, done);
    return done;
}

/* What rename does: the results are there as soon as the sources are, with an addition to be made
 * when somebody needs them. */
static uint64_t eliminate_uop(struct x64i_core *core, const struct x64i_plan *plan,
                              const struct x64i_uop *uop, uint64_t renamed,
                              struct x64i_uop_times *times)
{
    struct x64i_core_value made = {.ready = renamed};
    unsigned source = uop->source_count ? uop->sources[0] : 16;
    int32_t offset = (source < 16 ? core->offset[source] : 0) + plan->offset;
    if (plan->elimination == X64I_ELIMINATED_ZERO)
        offset = 0;
    else
        made.ready = sources_ready(core, uop, &made.maker);
    *times = (struct x64i_uop_times){.renamed = renamed,
                                     .ready = renamed,
                                     .started = renamed,
                                     .done = renamed,
                                     .port = X64I_PORT_MAX,
                                     .kind = uop->kind,
                                     .number = ++core->uops};
    for (unsigned i = 0; i < uop->result_count; i++) {
        core->values[uop->results[i]] = made;
        if (uop->results[i] < 16)
            core->offset[uop->results[i]] = offset;
    }
    return renamed;
}

/* Whether rename adds the stack engine's offset by itself. */
static bool rename_synchronises(const struct x64i_core *core, const struct x64i_plan *plan)
{
    return core->model->immediate_adds &&
           (plan->elimination == X64I_ELIMINATED_ADD || plan->elimination == X64I_ELIMINATED_MOVE);
}

/* The stack engine knows RSP's changes; an instruction that names RSP gets the sum first. */
static uint64_t synchronise_stack(struct x64i_core *core, const struct x64i_plan *plan,
                                  uint64_t earliest)
{
    if (plan->uses_rsp && rename_synchronises(core, plan))
        return earliest;
    if (!plan->uses_rsp || !core->stack_offset) {
        core->stack_offset |= plan->stack;
        return earliest;
    }
    core->stack_offset = plan->stack;
    uint64_t renamed = take_slot(core, earliest);
    retire_slot(core, compute_simply(core, STACK_POINTER, renamed));
    return renamed;
}

/* Loads and stores are not renamed before their buffer has an entry for them. */
static uint64_t room_for(const struct x64i_core *core, const struct x64i_uop *uop,
                         uint64_t earliest)
{
    uint64_t room = uop->kind == X64I_UOP_LOAD            ? x64i_entries_room(&core->load_buffer)
                    : uop->kind == X64I_UOP_STORE_ADDRESS ? x64i_entries_room(&core->store_buffer)
                                                          : 0;
    return room > earliest ? room : earliest;
}

/* The slot that begins with this micro-op retires; a load gives its entry back with it. */
static void retire_uops(struct x64i_core *core, const struct x64i_uop *first, uint64_t done)
{
    retire_slot(core, done);
    if (first->kind == X64I_UOP_LOAD)
        x64i_entries_take(&core->load_buffer, core->model->load_buffer, core->retired);
}

/* Microcode beyond the listed micro-ops takes slots of rename, no ports. */
static void take_microcode(struct x64i_core *core, const struct x64i_plan *plan, uint64_t earliest)
{
    for (unsigned i = 0; i < plan->microcode; i++)
        retire_slot(core, take_slot(core, earliest) + 1);
}

static void note_stores(struct x64i_core *core, const struct x64i_plan *plan,
                        const struct x64i_accesses *accesses,
                        const struct x64i_instruction_times *times)
{
    uint64_t address = 0;
    for (unsigned i = 0; i < plan->uop_count; i++) {
        const struct x64i_uop *uop = &plan->uops[i];
        if (uop->kind == X64I_UOP_STORE_ADDRESS)
            address = times->uops[i].done;
        else if (uop->kind == X64I_UOP_STORE_DATA && uop->access < accesses->write_count)
            x64i_entries_take(&core->store_buffer, core->model->store_buffer,
                              x64i_memory_store(&core->memory, &accesses->writes[uop->access],
                                                address, times->uops[i].done - 1,
                                                core->retired + 1));
    }
}

/* Why an instruction retired no earlier: by the micro-op that was done last. */
static uint8_t why(const struct x64i_core *core, const struct x64i_instruction_times *times,
                   uint64_t before)
{
    const struct x64i_uop_times *last = NULL;
    if (times->retired == before)
        return X64I_WAIT_NONE;
    for (unsigned i = 0; i < times->uop_count; i++)
        if (!last || times->uops[i].done > last->done)
            last = &times->uops[i];
    if (!last || last->done < times->retired)
        return X64I_WAIT_WIDTH;
    if (last->waited)
        return last->waited;
    if (last->started > last->ready)
        return X64I_WAIT_PORT;
    if (last->ready > last->renamed + 1)
        return X64I_WAIT_DEPENDENCY;
    if (last->renamed == core->barrier && core->barrier)
        return core->barrier_wait;
    if (last->renamed > last->decoded)
        return core->rename_used > 1 ? X64I_WAIT_WIDTH : X64I_WAIT_BUFFERS;
    return X64I_WAIT_FRONT_END;
}

static uint64_t slot_for(struct x64i_core *core, const struct x64i_plan *plan, uint64_t earliest)
{
    uint64_t renamed = take_slot(core, earliest);
    if (plan->elimination != X64I_ELIMINATED_ADD)
        return renamed;
    if (core->adds_used >= core->model->immediate_adds) {
        core->rename_used = core->model->issue_width;
        core->frontend.count--;
        renamed = take_slot(core, earliest);
    }
    core->adds_used++;
    return renamed;
}

static void set_barrier(struct x64i_core *core, uint64_t cycle, enum x64i_wait wait)
{
    if (cycle <= core->barrier)
        return;
    core->barrier = cycle;
    core->barrier_wait = (uint8_t)wait;
}

void x64i_core_mispredicted(struct x64i_core *core, bool ret)
{
    uint64_t cycle =
        core->branch_done + core->model->mispredict + (ret ? core->model->mispredict_return : 0);
    set_barrier(core, cycle, X64I_WAIT_MISPREDICT);
    x64i_frontend_redirect(&core->frontend,
                           cycle > core->model->front_depth ? cycle - core->model->front_depth : 0);
}

uint64_t x64i_core_drain(struct x64i_core *core, uint32_t cycles)
{
    uint64_t from = core->retired > core->renamed ? core->retired : core->renamed;
    set_barrier(core, from + cycles, X64I_WAIT_SERIALISE);
    core->retired = from + cycles;
    core->retire_used = 0;
    return core->retired;
}

uint64_t x64i_core_repeat(struct x64i_core *core, const struct x64i_plan *plan, uint64_t bytes)
{
    const struct x64i_core_model *model = core->model;
    bool stores = plan->string == X64I_STRING_STORE;
    return x64i_core_drain(core, x64i_repeat_cycles(stores ? model->stores : model->moves,
                                                    stores ? model->store_count : model->move_count,
                                                    bytes));
}

/* What its row says, instead of micro-ops. */
static void execute_system(struct x64i_core *core, const struct x64i_plan *plan, uint64_t delivered,
                           const struct x64i_accesses *accesses,
                           struct x64i_instruction_times *times)
{
    uint64_t renamed = take_slot(core, delivered);
    uint64_t start = renamed;
    bool waits = plan->system != X64I_SYSTEM_MICROCODE;
    bool stores = plan->system == X64I_SYSTEM_SERIALISE || plan->system == X64I_SYSTEM_STORES;
    if (waits && core->retired > start)
        start = core->retired;
    if (stores && core->memory.commit > start)
        start = core->memory.commit;
    uint64_t done = start + plan->cycles + accesses->extra;
    if (plan->system != X64I_SYSTEM_STORES)
        set_barrier(core, done, waits ? X64I_WAIT_SERIALISE : X64I_WAIT_MICROCODE);
    core->uops++;
    for (unsigned i = 0; i < plan->uop_count; i++)
        set_results(core, plan, &plan->uops[i], done);
    memset(core->offset, 0, sizeof core->offset);
    retire_slot(core, done);
    core->branch_done = done;
    times->wait = (uint8_t)(accesses->extra > plan->cycles ? X64I_WAIT_CACHE
                            : waits                        ? X64I_WAIT_SERIALISE
                                                           : X64I_WAIT_MICROCODE);
    times->uop_count = 1;
    times->uops[0] = (struct x64i_uop_times){.decoded = delivered,
                                             .renamed = renamed,
                                             .ready = start,
                                             .started = start,
                                             .done = done,
                                             .port = X64I_PORT_MAX,
                                             .number = core->uops};
}

/* How many renamable instructions stand close together here. */
static void note_renamable(struct x64i_core *core, uint64_t rip)
{
    bool close = rip - core->last_renamable < core->model->rename_spacing;
    core->dense = close ? core->dense + (core->dense < core->model->rename_run) : 0;
    core->last_renamable = rip;
}

/* A jump that is one micro-op with the instruction before; not across lines of the cache. */
static bool fuses(const struct x64i_core *core, const struct x64i_plan *plan, uint64_t rip)
{
    return plan->conditional && plan->fusion && core->fusible == rip &&
           core->fusion >= plan->fusion && rip % 64 != 0;
}

static uint64_t execute_fused(struct x64i_core *core, const struct x64i_plan *plan, uint64_t rip,
                              struct x64i_instruction_times *times)
{
    x64i_frontend_pass(&core->frontend, core->model, plan, rip);
    core->branch_done = core->last.done;
    times->retired = core->retired;
    times->wait = X64I_WAIT_NONE;
    times->uop_count = 1;
    times->uops[0] = core->last;
    return core->retired;
}

static void note_fusible(struct x64i_core *core, const struct x64i_plan *plan, uint64_t rip,
                         const struct x64i_instruction_times *times)
{
    core->fusible = rip + plan->length;
    core->fusion = plan->conditional || !times->uop_count ? X64I_FUSES_NOT : plan->fusion;
    if (core->fusion)
        core->last = times->uops[times->uop_count - 1u];
}

/* Slot by slot: a micro-op with those fused to it. Answers when the last slot is done. */
static uint64_t execute_slots(struct x64i_core *core, const struct x64i_plan *plan,
                              const struct x64i_accesses *accesses, uint64_t delivered,
                              uint64_t earliest, struct x64i_instruction_times *times)
{
    const struct x64i_uop *first = NULL;
    uint64_t renamed = 0;
    uint64_t slot_done = 0;
    times->uop_count = plan->uop_count;
    if (!plan->uop_count)
        retire_slot(core, slot_for(core, plan, earliest));
    for (unsigned i = 0; i < plan->uop_count; i++) {
        const struct x64i_uop *uop = &plan->uops[i];
        if (!uop->fused || !first) {
            if (first)
                retire_uops(core, first, slot_done);
            first = uop;
            renamed = slot_for(core, plan, room_for(core, uop, earliest));
            slot_done = renamed;
        }
        bool eliminated = uop->kind == X64I_UOP_COMPUTE && absorbs(core, plan, uop);
        uint64_t done = eliminated
                            ? eliminate_uop(core, plan, uop, renamed, &times->uops[i])
                            : execute_uop(core, plan, uop, renamed, accesses, &times->uops[i]);
        times->uops[i].decoded = delivered;
        slot_done = done > slot_done ? done : slot_done;
    }
    if (first)
        retire_uops(core, first, slot_done);
    return slot_done;
}

uint64_t x64i_core_execute(struct x64i_core *core, const struct x64i_plan *plan, uint64_t rip,
                           const struct x64i_accesses *accesses,
                           struct x64i_instruction_times *times)
{
    struct x64i_instruction_times own;
    if (!times)
        times = &own;
    uint64_t before = core->retired;
    if (fuses(core, plan, rip))
        return execute_fused(core, plan, rip, times);
    if (plan->renamable)
        note_renamable(core, rip);
    uint64_t delivered = x64i_frontend_deliver(&core->frontend, core->model, plan, rip);
    if (accesses->fetch_extra) {
        x64i_frontend_delay(&core->frontend, accesses->fetch_extra);
        delivered += accesses->fetch_extra;
    }
    if (plan->system) {
        execute_system(core, plan, delivered, accesses, times);
        times->retired = core->retired;
        return core->retired;
    }
    uint64_t earliest = synchronise_stack(core, plan, delivered);
    uint64_t done = execute_slots(core, plan, accesses, delivered, earliest, times);
    if (plan->branch)
        core->branch_done = done;
    take_microcode(core, plan, earliest);
    if (plan->stores)
        note_stores(core, plan, accesses, times);
    if (plan->elimination == X64I_ELIMINATED_ADD && plan->writes_rsp)
        core->stack_offset = 0;
    core->fpu_top = (uint8_t)(core->fpu_top - plan->fpu_push) % 8;
    note_fusible(core, plan, rip, times);
    times->retired = core->retired;
    times->wait = why(core, times, before);
    return core->retired;
}
