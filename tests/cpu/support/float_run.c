/* SPDX-License-Identifier: MIT */
#include "cpu/support/float_run.h"

#include "cpu/support/operands.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MXCSR_DAZ       0x0040u
#define MXCSR_MASKS     0x1f80u
#define MXCSR_CONTROL   0x603fu /* rounding, and flags that are there already */
#define MXCSR_FTZ       0x8000u
#define RANGE           (X64I_FLOAT_OVERFLOW | X64I_FLOAT_UNDERFLOW)
#define FLAGS_UNTOUCHED (X64I_DF | X64I_FLAG_ONE)
#define VECTOR_BITS     (8 * (unsigned)sizeof(union float_vector))

static uint64_t random_element(uint64_t *random, enum float_kind kind)
{
    const struct x64i_float_format *format = float_format(kind);
    if (format)
        return operands_binary(random, format->bits, format->precision);
    /* Integers of every size, of either sign. */
    uint64_t magnitude = operands_next(random) >> (operands_next(random) & 63);
    return operands_next(random) & 1 ? 0 - magnitude : magnitude;
}

static union float_vector random_vector(uint64_t *random, enum float_kind kind)
{
    union float_vector vector;
    for (unsigned i = 0; i < VECTOR_BITS / float_bits(kind); i++)
        float_put(&vector, kind, i, random_element(random, kind));
    return vector;
}

union float_vector float_opposite(const union float_vector *vector, enum float_kind kind)
{
    union float_vector result = *vector;
    for (unsigned i = 0; i < VECTOR_BITS / float_bits(kind); i++)
        float_put(&result, kind, i,
                  float_get(vector, kind, i) ^ UINT64_C(1) << (float_bits(kind) - 1));
    return result;
}

void float_cancel_products(const struct float_row *row, union float_vector *operand[3])
{
    enum float_kind kind = row->from;
    const struct x64i_float_format *format = float_format(kind);
    for (unsigned i = 0; i < VECTOR_BITS / float_bits(kind); i++) {
        struct x64i_float_control control = {.masked = X64I_FLOAT_ALL};
        struct x64i_float x =
            x64i_float_unpack(&control, format, float_get(operand[row->order / 100 - 1], kind, i));
        struct x64i_float y = x64i_float_unpack(
            &control, format, float_get(operand[row->order / 10 % 10 - 1], kind, i));
        struct x64i_float product = x64i_float_multiply(&control, format, x, y);
        product.negative = !product.negative;
        float_put(operand[row->order % 10 - 1], kind, i, x64i_float_pack(format, product));
    }
}

static uint32_t random_mxcsr(uint64_t *random, unsigned number)
{
    uint32_t mxcsr = MXCSR_MASKS;
    mxcsr |= (uint32_t)operands_next(random) & (MXCSR_CONTROL | MXCSR_DAZ | MXCSR_FTZ);
    if (number % 4 == 0)
        mxcsr &= ~MXCSR_MASKS | (uint32_t)operands_next(random);
    if (number % 2)
        mxcsr &= ~(MXCSR_DAZ | MXCSR_FTZ);
    return mxcsr;
}

struct float_state float_random_state(enum float_kind kind, unsigned number, uint64_t *random)
{
    struct float_state state = {.mxcsr = random_mxcsr(random, number)};
    for (unsigned i = 1; i <= 3; i++) {
        state.vector[i] = random_vector(random, kind);
        state.general[i] = state.vector[i].q[0];
        state.mmx[i] = state.vector[i].q[0];
    }
    state.flags = (uint32_t)operands_next(random) & X64I_OSZAPC;
    return state;
}

static void load_state(struct machine *m, unsigned bank, const struct float_state *state)
{
    struct x64i_cpu_state *s = &m->cpu.s;
    machine_enter(m, MACHINE_KERNEL_64);
    s->mxcsr = state->mxcsr;
    s->rflags = state->flags | FLAGS_UNTOUCHED;
    s->gpr[X64_RDI] = MACHINE_SCRATCH;
    s->gpr[X64_RCX] = state->general[1];
    s->gpr[X64_RBX] = state->general[3];
    for (unsigned i = 1; i <= 3; i++) {
        memcpy(s->vector[bank + i].lane, &state->vector[i], sizeof state->vector[i]);
        s->fpu[i].significand = state->mmx[i];
        s->opmask[i] = state->opmask[i];
    }
    for (unsigned i = 0; i < sizeof state->memory / 8; i++)
        machine_write(m, MACHINE_SCRATCH + 8 * i, 8, state->memory.q[i]);
}

static void store_state(struct machine *m, unsigned bank, struct float_state *state)
{
    const struct x64i_cpu_state *s = &m->cpu.s;
    state->fault = s->rip == machine_handler(X64_FAULT_XM);
    state->mxcsr = s->mxcsr;
    state->flags = (uint32_t)s->rflags & X64I_OSZAPC;
    state->general[1] = s->gpr[X64_RCX];
    state->general[3] = s->gpr[X64_RBX];
    for (unsigned i = 1; i <= 3; i++) {
        memcpy(&state->vector[i], s->vector[bank + i].lane, sizeof state->vector[i]);
        state->mmx[i] = s->fpu[i].significand;
        state->opmask[i] = s->opmask[i];
    }
    for (unsigned i = 0; i < sizeof state->memory / 8; i++)
        state->memory.q[i] = machine_read(m, MACHINE_SCRATCH + 8 * i, 8);
}

void float_run(struct machine *m, const uint8_t *bytes, unsigned length, unsigned bank,
               struct float_state *state)
{
    load_state(m, bank, state);
    for (unsigned i = 0; i < length; i++)
        machine_write(m, m->cpu.s.rip + i, 1, bytes[i]);
    uint64_t next = m->cpu.s.rip + length;
    machine_step(m);
    store_state(m, bank, state);
    if (!state->fault && m->cpu.s.rip != next)
        ck_abort_msg("opcode %02x of %u bytes: rip is %#" PRIx64, bytes[length - 1], length,
                     m->cpu.s.rip);
}

/* Behind an unmasked overflow or underflow PE is that of the exact result for the software, and
 * that of the masked response for the emulated CPU: the one difference that is left. */
static uint32_t comparable(const struct float_state *state)
{
    bool open = state->fault && (state->mxcsr & ~(state->mxcsr >> 7) & RANGE);
    return open ? state->mxcsr & ~X64I_FLOAT_INEXACT : state->mxcsr;
}

bool float_equal(const struct float_state *one, const struct float_state *other)
{
    return memcmp(one->vector, other->vector, sizeof one->vector) == 0 &&
           memcmp(&one->memory, &other->memory, sizeof one->memory) == 0 &&
           memcmp(one->general, other->general, sizeof one->general) == 0 &&
           memcmp(one->mmx, other->mmx, sizeof one->mmx) == 0 &&
           memcmp(one->opmask, other->opmask, sizeof one->opmask) == 0 &&
           one->flags == other->flags && one->fault == other->fault &&
           comparable(one) == comparable(other);
}

void float_print_vector(const char *name, const union float_vector *vector)
{
    printf("    %s", name);
    for (unsigned i = sizeof *vector / 8; i-- > 0;)
        printf(" %016" PRIx64, vector->q[i]);
    printf("\n");
}

void float_print_operands(const struct float_state *before)
{
    float_print_vector("vector 1", &before->vector[1]);
    float_print_vector("vector 2", &before->vector[2]);
    float_print_vector("vector 3", &before->vector[3]);
}

void float_print_result(const char *who, const struct float_state *state)
{
    printf("   %s mxcsr %04x flags %03x rcx %016" PRIx64 " mm1 %016" PRIx64 " k1 %" PRIx64 "%s\n",
           who, state->mxcsr, state->flags, state->general[1], state->mmx[1], state->opmask[1],
           state->fault ? " #XM" : "");
    float_print_vector("vector 1", &state->vector[1]);
    float_print_vector("memory  ", &state->memory);
}
