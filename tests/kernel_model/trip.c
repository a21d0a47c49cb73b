/* SPDX-License-Identifier: MIT */
#include "kernel_model/trip.h"

#include <check.h>
#include <string.h>

#define GS_BASE        0xc0000101u
#define KERNEL_GS_BASE 0xc0000102u
#define SPEC_CTRL      0x48u
#define TSS_SP2        0x14u
#define STEPS_MAX      1000000u

struct x64_registers trip_registers(struct guest *guest)
{
    struct x64_registers registers;
    ck_assert_int_eq(x64_registers_read(guest->machine, &registers), X64_OK);
    return registers;
}

uint64_t trip_msr(struct guest *guest, uint32_t index)
{
    uint64_t value = 0;
    ck_assert_int_eq(x64_msr_read(guest->machine, index, &value), X64_OK);
    return value;
}

void trip_go_to(struct guest *guest, const char *label)
{
    uint64_t linear = guest_symbol(guest, label);
    struct x64_stop stop = {0};
    for (unsigned i = 0; i < STEPS_MAX && trip_registers(guest).rip != linear; i++) {
        ck_assert_int_eq(x64_run(guest->machine, 1, &stop), X64_OK);
        ck_assert_msg(stop.reason == X64_STOP_BUDGET, "ended before %s: %s", label, guest->log);
    }
    ck_assert_uint_eq(trip_registers(guest).rip, linear);
}

static bool begins(const struct x64_step *step, const char *bytes, size_t size)
{
    return step->length >= size && memcmp(step->bytes, bytes, size) == 0;
}

/* 0F 00 /5, behind prefixes or not. */
static bool is_verw(const struct x64_step *step)
{
    for (unsigned i = 0; i + 2 < step->length && i < 3; i++)
        if (step->bytes[i] == 0x0f && step->bytes[i + 1] == 0 && (step->bytes[i + 2] >> 3 & 7) == 5)
            return true;
    return false;
}

static bool in_function(struct guest *guest, uint64_t rip, const char *function)
{
    const char *name;
    uint64_t offset;
    return x64_symbol_at(guest->machine, rip, &name, &offset) == X64_OK &&
           strcmp(name, function) == 0;
}

static void add_write(struct trip_write *list, unsigned *count, uint64_t value)
{
    ck_assert_uint_lt(*count, TRIP_WRITES);
    list[(*count)++] = (struct trip_write){.value = value};
}

static void count_effect(struct trip *trip, const struct x64_step *step,
                         const struct x64_effect *effect, uint64_t sp2)
{
    switch ((enum x64_effect_kind)effect->kind) {
    case X64_EFFECT_CONTROL:
        if (effect->index == 3)
            add_write(trip->cr3, &trip->cr3_count, effect->value & ~(UINT64_C(1) << 63));
        break;
    case X64_EFFECT_MSR_WRITE:
        if (effect->index == SPEC_CTRL)
            add_write(trip->spec_ctrl, &trip->spec_ctrl_count, effect->value);
        break;
    case X64_EFFECT_MEMORY_WRITE:
        if (effect->linear == sp2)
            trip->sp2 = effect->value;
        break;
    case X64_EFFECT_EXCEPTION:
        trip->vector = effect->index;
        *(step->cpl ? &trip->user_entry : &trip->kernel_page_faults) += 1;
        break;
    case X64_EFFECT_NATIVE:
        trip->native++;
        break;
    default:
        break;
    }
}

/* What the CR3 write of this step, if it has one, asked for and did. */
static void look_at_flush(struct trip *trip, unsigned before, const struct x64_step *step,
                          const struct x64_registers *registers)
{
    if (trip->cr3_count == before)
        return;
    struct trip_write *write = &trip->cr3[before];
    /* 0F 22 /3, after a REX prefix or not */
    unsigned at = (step->bytes[0] & 0xf0) == 0x40;
    ck_assert(begins(step, at ? "\x41\x0f\x22" : "\x0f\x22", at + 2u));
    unsigned source = (step->bytes[at + 2] & 7u) + 8 * at;
    write->no_flush = registers->gpr[source] >> 63;
    for (size_t i = 0; i < step->effect_count; i++)
        write->flushed |= step->effects[i].kind == X64_EFFECT_TLB_FLUSH;
}

static void count_step(struct guest *guest, struct trip *trip, const struct x64_step *step,
                       const struct x64_registers *before, uint64_t sp2)
{
    unsigned cr3_count = trip->cr3_count;
    for (size_t i = 0; i < step->effect_count; i++)
        count_effect(trip, step, &step->effects[i], sp2);
    look_at_flush(trip, cr3_count, step, before);
    trip->swapgs += begins(step, "\x0f\x01\xf8", 3);
    trip->sysret += begins(step, "\x48\x0f\x07", 3);
    trip->verw += step->cpl == 0 && is_verw(step);
    trip->bhb_loop += in_function(guest, step->rip, "clear_bhb_loop");
}

static void look_inside(struct guest *guest, struct trip *trip)
{
    trip->came_inside = true;
    trip->inside = trip_registers(guest);
    trip->inside_gs = trip_msr(guest, GS_BASE);
    trip->inside_kernel_gs = trip_msr(guest, KERNEL_GS_BASE);
    for (unsigned i = 0; i < TRIP_FRAME; i++)
        trip->frame[i] = guest_word(guest, trip->inside.gpr[X64_RDI] + 8 * i);
}

void trip_take(struct guest *guest, const char *label, struct trip *trip)
{
    uint64_t sp2 = guest_symbol(guest, "cpu_tss_rw") + TSS_SP2;
    uint64_t c_part = guest_symbol(guest, "do_syscall_64");
    struct x64_registers now;
    trip_go_to(guest, label);
    *trip = (struct trip){.user = trip_registers(guest),
                          .first = x64_steps(guest->machine),
                          .user_gs = trip_msr(guest, GS_BASE),
                          .user_kernel_gs = trip_msr(guest, KERNEL_GS_BASE)};
    now = trip->user;
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        struct x64_step step;
        struct x64_stop stop = {0};
        struct x64_registers before = now;
        ck_assert_int_eq(x64_step_observed(guest->machine, &step, &stop), X64_OK);
        ck_assert(!step.truncated);
        now = trip_registers(guest);
        count_step(guest, trip, &step, &before, sp2);
        if (i == 0)
            trip->entered = now;
        if (before.cpl == 3 && trip->user_entry)
            trip->handler = now.rip;
        if (now.cpl == 0 && now.rip == c_part)
            look_inside(guest, trip);
        trip->iret_to_user += now.cpl == 3 && begins(&step, "\x48\xcf", 2);
        if (now.cpl == 3 || stop.reason != X64_STOP_BUDGET)
            break;
    }
    trip->last = x64_steps(guest->machine) - 1;
    trip->back = now;
    trip->back_gs = trip_msr(guest, GS_BASE);
    trip->back_kernel_gs = trip_msr(guest, KERNEL_GS_BASE);
}
