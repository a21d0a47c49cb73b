/* SPDX-License-Identifier: MIT */
#include "emu/hook_log.h"

#include "emu/lockstep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a record is of. */
enum {
    BEFORE,
    BLOCK,
    AFTER,
    FETCH,
    MEMORY,
    EXCEPTION,
    INTERRUPT,
    STACK_SWITCH,
    TRANSFER,
    SWAPGS,
    MSR,
    CONTROL,
    PORT,
    WALK,
    FILL,
    UNMAPPED
};

#define CAPACITY 30000u
#define EVERY    64u /* calls: the hash of the whole state */

static uint64_t mix(uint64_t digest, uint64_t value)
{
    digest = (digest ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return digest ^ digest >> 29;
}

static uint64_t mix_bytes(uint64_t digest, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (; size; at++, size--)
        digest = mix(digest, *at);
    return digest;
}

static uint64_t mix_step(uint64_t digest, const struct x64_step *step)
{
    digest = mix(mix(digest, step->number), step->rip);
    digest = mix(digest, step->kind | (uint64_t)step->cpl << 8 | (uint64_t)step->length << 16 |
                             (uint64_t)step->code_bits << 24 | (uint64_t)step->truncated << 32);
    digest = mix_bytes(digest, step->bytes, step->length);
    for (size_t i = 0; i < step->effect_count; i++) {
        const struct x64_effect *e = &step->effects[i];
        digest = mix(digest, e->kind | (uint64_t)e->size << 8 | (uint64_t)e->index << 32);
        digest = mix(mix(mix(mix(digest, e->linear), e->physical), e->old), e->value);
    }
    return digest;
}

static uint64_t registers_digest(struct x64_machine *machine)
{
    struct x64_registers r;
    memset(&r, 0, sizeof r);
    ck_assert_int_eq(x64_registers_read(machine, &r), X64_OK);
    uint64_t digest = mix(mix(r.rip, r.rflags), r.cpl);
    for (unsigned i = 0; i < 16; i++)
        digest = mix(digest, r.gpr[i]);
    return mix(mix(mix(digest, r.cr2), r.cr3), r.segment[X64_GS].base);
}

/* Devices and the TLB may have changed with these. */
static bool is_rare(unsigned kind)
{
    return kind >= INTERRUPT && kind <= PORT;
}

static void note(struct hook_log *log, struct x64_machine *machine, unsigned kind, uint64_t digest)
{
    const size_t at = log->count++;
    if (at >= log->capacity)
        return;
    uint64_t state = registers_digest(machine);
    if (at % EVERY == 0 || is_rare(kind))
        state = mix(state, lockstep_hash(machine));
    log->records[at] = (struct hook_record){x64_steps(machine), digest << 8 | kind, state};
}

static x64_instruction_hook before;

/* Calls by number: what is done to the machine is the same on both. */
static void interfere(struct hook_log *log, struct x64_machine *machine, uint64_t rip)
{
    struct x64_registers r;
    const size_t n = log->count;
    if ((log->kinds & LOG_STOP) && n % 53 == 0)
        ck_assert_int_eq(x64_hook_stop(machine, (int)n), X64_OK);
    if ((log->kinds & LOG_JUGGLE) && n % 31 == 0 && log->handle) {
        static const struct x64_range all = {0, UINT64_MAX};
        const struct x64_range *rips = n / 31 % 2 ? &all : &log->rips;
        ck_assert_int_eq(x64_hook_remove(machine, log->handle), X64_OK);
        ck_assert_int_eq(x64_hook_add_instruction_before(machine, rips, before, log, &log->handle),
                         X64_OK);
    }
    if (!(log->kinds & LOG_MEDDLE) || n % 23)
        return;
    const uint8_t nop = 0x90;
    ck_assert_int_eq(x64_registers_read(machine, &r), X64_OK);
    switch (n / 23 % 4) {
    case 0: /* the status flags turn */
        r.rflags ^= 0x8d5;
        break;
    case 1:
        r.gpr[X64_RAX] += 12345;
        break;
    case 2: /* the first byte becomes a NOP: the instruction at hand is another one */
        (void)x64_memory_write_virt(machine, rip, &nop, sizeof nop);
        return;
    default: /* the byte behind, whatever it is */
        r.rip++;
        break;
    }
    ck_assert_int_eq(x64_registers_write(machine, &r), X64_OK);
}

static void before(struct x64_machine *machine, void *user, uint64_t rip)
{
    note(user, machine, BEFORE, rip);
    interfere(user, machine, rip);
}

static void block(struct x64_machine *machine, void *user, uint64_t rip)
{
    note(user, machine, BLOCK, rip);
}

static void after(struct x64_machine *machine, void *user, const struct x64_step *step)
{
    struct x64_registers registers;
    note(user, machine, AFTER, mix_step(0, step));
    ck_assert_int_eq(x64_registers_read(machine, &registers), X64_OK);
    interfere(user, machine, registers.rip);
}

static void fetch(struct x64_machine *machine, void *user, const struct x64_fetch_event *e)
{
    note(user, machine, FETCH, mix_bytes(mix(mix_step(0, e->step), e->linear), e->bytes, e->size));
}

static void memory(struct x64_machine *machine, void *user, const struct x64_memory_event *e)
{
    uint64_t digest = mix(mix(mix_step(0, e->step), e->linear), e->physical);
    note(user, machine, MEMORY, mix(mix(mix(digest, e->old), e->value), e->size));
}

static void exception(struct x64_machine *machine, void *user, const struct x64_exception_event *e)
{
    uint64_t digest = mix(mix_step(0, e->step), (unsigned)e->fault | (unsigned)e->cause << 8);
    note(user, machine, EXCEPTION, mix(mix(digest, e->error_code), e->linear));
}

static void interrupt(struct x64_machine *machine, void *user, const struct x64_interrupt_event *e)
{
    note(user, machine, INTERRUPT, mix(mix_step(0, e->step), e->vector | (unsigned)e->cause << 8));
}

static void stack_switch(struct x64_machine *machine, void *user,
                         const struct x64_stack_switch_event *e)
{
    note(user, machine, STACK_SWITCH, mix(mix(mix_step(e->slot, e->step), e->old_rsp), e->new_rsp));
}

static void transfer(struct x64_machine *machine, void *user, const struct x64_transfer_event *e)
{
    note(user, machine, TRANSFER, mix(mix(mix_step(0, e->step), e->target), e->cpl));
}

static void swapgs(struct x64_machine *machine, void *user, const struct x64_swapgs_event *e)
{
    note(user, machine, SWAPGS, mix(mix(mix_step(0, e->step), e->old_base), e->new_base));
}

static void msr(struct x64_machine *machine, void *user, const struct x64_msr_event *e)
{
    note(user, machine, MSR, mix(mix(mix_step(e->index, e->step), e->old), e->value));
}

static void control(struct x64_machine *machine, void *user, const struct x64_control_event *e)
{
    note(user, machine, CONTROL, mix(mix(mix_step(e->index, e->step), e->old), e->value));
}

static void port(struct x64_machine *machine, void *user, const struct x64_port_event *e)
{
    note(user, machine, PORT, mix(mix_step(e->port, e->step), e->value | (uint64_t)e->write << 32));
}

static void walk(struct x64_machine *machine, void *user, const struct x64_walk_event *e)
{
    note(user, machine, WALK, mix(mix(mix_step(e->level, e->step), e->physical), e->entry));
}

static void fill(struct x64_machine *machine, void *user, const struct x64_tlb_fill_event *e)
{
    note(user, machine, FILL, mix(mix(mix_step(e->size, e->step), e->linear), e->physical));
}

static enum x64_unmapped_answer unmapped(struct x64_machine *machine, void *user,
                                         const struct x64_unmapped_event *e)
{
    note(user, machine, UNMAPPED, mix(mix(mix(e->number, e->rip), e->linear), e->error_code));
    return X64_UNMAPPED_FAULT;
}

#define ADD(call) ck_assert_int_eq(call, X64_OK)

static void add_system(struct hook_log *log, struct x64_machine *machine)
{
    ADD(x64_hook_add_syscall(machine, transfer, log, NULL));
    ADD(x64_hook_add_sysret(machine, transfer, log, NULL));
    ADD(x64_hook_add_iret(machine, transfer, log, NULL));
    ADD(x64_hook_add_swapgs(machine, swapgs, log, NULL));
    ADD(x64_hook_add_msr_read(machine, NULL, msr, log, NULL));
    ADD(x64_hook_add_msr_write(machine, NULL, msr, log, NULL));
    ADD(x64_hook_add_control_write(machine, NULL, control, log, NULL));
    ADD(x64_hook_add_port(machine, NULL, port, log, NULL));
}

static void add_events(struct hook_log *log, struct x64_machine *machine)
{
    ADD(x64_hook_add_interrupt(machine, NULL, interrupt, log, NULL));
    ADD(x64_hook_add_stack_switch(machine, stack_switch, log, NULL));
}

static void add_data(struct hook_log *log, struct x64_machine *machine)
{
    if (log->kinds & LOG_READ)
        ADD(x64_hook_add_memory_read(machine, &log->memory, memory, log, NULL));
    if (log->kinds & LOG_WRITE)
        ADD(x64_hook_add_memory_write(machine, &log->memory, memory, log, NULL));
    if (log->kinds & LOG_WALKS) {
        ADD(x64_hook_add_page_walk(machine, NULL, walk, log, NULL));
        ADD(x64_hook_add_tlb_fill(machine, NULL, fill, log, NULL));
    }
    if (log->kinds & LOG_UNMAPPED)
        ADD(x64_hook_add_unmapped(machine, NULL, unmapped, log, NULL));
}

void hook_log_add(struct hook_log *log, struct x64_machine *machine, unsigned kinds,
                  const struct x64_range *rips, const struct x64_range *memory_range)
{
    static const struct x64_range all = {0, UINT64_MAX};
    *log = (struct hook_log){.kinds = kinds,
                             .rips = rips ? *rips : all,
                             .memory = memory_range ? *memory_range : all,
                             .capacity = CAPACITY};
    log->records = calloc(CAPACITY, sizeof *log->records);
    ck_assert_ptr_nonnull(log->records);
    if (kinds & LOG_BEFORE)
        ADD(x64_hook_add_instruction_before(machine, &log->rips, before, log, &log->handle));
    if (kinds & LOG_BLOCK)
        ADD(x64_hook_add_block(machine, &log->rips, block, log, NULL));
    if (kinds & LOG_AFTER)
        ADD(x64_hook_add_instruction_after(machine, &log->rips, after, log, NULL));
    if (kinds & LOG_FETCH)
        ADD(x64_hook_add_memory_fetch(machine, &log->rips, fetch, log, NULL));
    if (kinds & LOG_EVENTS)
        add_events(log, machine);
    if (kinds & LOG_EXCEPTIONS)
        ADD(x64_hook_add_exception(machine, NULL, exception, log, NULL));
    if (kinds & LOG_SYSTEM)
        add_system(log, machine);
    add_data(log, machine);
}

static void print_record(const char *name, const struct hook_log *log, size_t i)
{
    if (i >= log->count)
        printf("%s: %zu calls\n", name, log->count);
    else
        printf("%s: n=%" PRIu64 " kind=%u told=%" PRIx64 " state=%" PRIx64 "\n", name,
               log->records[i].step, (unsigned)log->records[i].what & 0xff,
               log->records[i].what >> 8, log->records[i].state);
}

void hook_log_compare(const struct hook_log *blocks, const struct hook_log *reference,
                      const char *name, uint64_t seed)
{
    size_t most = blocks->count > reference->count ? blocks->count : reference->count;
    for (size_t i = 0; i < most && i < CAPACITY; i++) {
        if (memcmp(&blocks->records[i], &reference->records[i], sizeof *blocks->records) == 0)
            continue;
        print_record("blocks   ", blocks, i);
        print_record("reference", reference, i);
        (void)fflush(stdout);
        ck_abort_msg("%s, seed %u, hooks %x: call %u differs", name, (unsigned)seed, blocks->kinds,
                     (unsigned)i);
    }
    ck_assert_uint_eq(blocks->count, reference->count);
}

void hook_log_free(struct hook_log *log)
{
    free(log->records);
    *log = (struct hook_log){0};
}
