/* SPDX-License-Identifier: MIT */
/*
 * The vector instructions that compute in floating point, most of which the host executes
 * (host_float.h), against the software reference (support/vector_float.h): results, flags, MXCSR
 * and exceptions, in every encoding, from registers and from memory, under random rounding modes,
 * DAZ, FTZ and masks.
 *
 *     test_vector_reference VADDPS.256 17        one case again, printed
 */
#include "cpu/support/machine.h"
#include "cpu/support/operands.h"
#include "cpu/support/vector_float.h"
#include "support/suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CASES     2000u /* of each encoding */
#define SHOWN     3u
#define MODEL     "golden_cove"
#define NAME_SIZE 24u

#define MXCSR_FLAGS     0x003fu
#define MXCSR_DAZ       0x0040u
#define MXCSR_MASKS     0x1f80u
#define MXCSR_CONTROL   0x603fu /* rounding, and flags that are there already */
#define MXCSR_FTZ       0x8000u
#define SPREAD          UINT64_C(0x10001)
#define RANGE           (X64I_FLOAT_OVERFLOW | X64I_FLOAT_UNDERFLOW)
#define FLAGS_UNTOUCHED (X64I_DF | X64I_FLAG_ONE)

static const enum float_encoding encodings[] = {FLOAT_LEGACY, FLOAT_VEX_128, FLOAT_VEX_256};

static struct machine *m;

static void machine_up(void)
{
    m = machine_create(MODEL);
    m->cpu.s.cr4 |= X64I_CR4_OSXSAVE;
    m->cpu.s.xcr0 = 7;
}

static void machine_down(void)
{
    machine_destroy(m);
}

/* ADDPS, VADDPS.128, VADDPS.256. */
static void name_form(const struct float_form *form, char name[NAME_SIZE])
{
    bool legacy = form->encoding == FLOAT_LEGACY;
    snprintf(name, NAME_SIZE, "%s%s%s", legacy ? "" : "V", form->row->name,
             legacy                            ? ""
             : form->encoding == FLOAT_VEX_128 ? ".128"
                                               : ".256");
}

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
    for (unsigned i = 0; i < 256 / float_bits(kind); i++)
        float_put(&vector, kind, i, random_element(random, kind));
    return vector;
}

static union float_vector opposite(const union float_vector *vector, enum float_kind kind)
{
    union float_vector result = *vector;
    for (unsigned i = 0; i < 256 / float_bits(kind); i++)
        float_put(&result, kind, i,
                  float_get(vector, kind, i) ^ UINT64_C(1) << (float_bits(kind) - 1));
    return result;
}

/* What nearly cancels the products of FMA's factors, so that the sum is made of their lowest bits.
 */
static void cancel_products(const struct float_row *row, union float_vector *operand[3])
{
    enum float_kind kind = row->from;
    const struct x64i_float_format *format = float_format(kind);
    for (unsigned i = 0; i < 256 / float_bits(kind); i++) {
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

/* Every fourth case has exceptions that are not masked, every second one neither DAZ nor FTZ. */
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

/* Random operands; now and then equal ones, opposite ones, and sums that nearly vanish. */
static void random_state(const struct float_form *form, unsigned number, uint64_t *random,
                         struct float_state *state)
{
    const struct float_row *row = form->row;
    *state = (struct float_state){.mxcsr = random_mxcsr(random, number)};
    for (unsigned i = 1; i <= 3; i++) {
        state->vector[i] = random_vector(random, row->from);
        state->general[i] = state->vector[i].q[0];
        state->mmx[i] = state->vector[i].q[0];
    }
    union float_vector *first = &state->vector[form->encoding == FLOAT_LEGACY || row->one ? 1 : 2];
    if (number % 16 == 3)
        state->vector[3] = *first;
    if (number % 16 == 7)
        state->vector[3] = opposite(first, row->from);
    if (row->order && number % 4 == 1)
        cancel_products(
            row, (union float_vector *[]){&state->vector[1], &state->vector[2], &state->vector[3]});
    state->memory = state->vector[3];
    state->flags = (uint32_t)operands_next(random) & X64I_OSZAPC;
}

static void load_state(const struct float_state *state)
{
    struct x64i_cpu_state *s = &m->cpu.s;
    machine_enter(m, MACHINE_KERNEL_64);
    s->mxcsr = state->mxcsr;
    s->rflags = state->flags | FLAGS_UNTOUCHED;
    s->gpr[X64_RDI] = MACHINE_SCRATCH;
    s->gpr[X64_RCX] = state->general[1];
    s->gpr[X64_RBX] = state->general[3];
    for (unsigned i = 1; i <= 3; i++) {
        memcpy(s->vector[i].lane, &state->vector[i], sizeof state->vector[i]);
        s->fpu[i].significand = state->mmx[i];
    }
    for (unsigned i = 0; i < 4; i++)
        machine_write(m, MACHINE_SCRATCH + 8 * i, 8, state->memory.q[i]);
}

static void store_state(struct float_state *state)
{
    const struct x64i_cpu_state *s = &m->cpu.s;
    state->fault = s->rip == machine_handler(X64_FAULT_XM);
    state->mxcsr = s->mxcsr;
    state->flags = (uint32_t)s->rflags & X64I_OSZAPC;
    state->general[1] = s->gpr[X64_RCX];
    state->general[3] = s->gpr[X64_RBX];
    for (unsigned i = 1; i <= 3; i++) {
        memcpy(&state->vector[i], s->vector[i].lane, sizeof state->vector[i]);
        state->mmx[i] = s->fpu[i].significand;
    }
    for (unsigned i = 0; i < 4; i++)
        state->memory.q[i] = machine_read(m, MACHINE_SCRATCH + 8 * i, 8);
}

/* One step of the emulated CPU. */
static void execute(const struct float_form *form, struct float_state *state)
{
    uint8_t bytes[FLOAT_LENGTH_MAX];
    unsigned length = float_encode(form, bytes);
    load_state(state);
    for (unsigned i = 0; i < length; i++)
        machine_write(m, m->cpu.s.rip + i, 1, bytes[i]);
    uint64_t next = m->cpu.s.rip + length;
    machine_step(m);
    store_state(state);
    if (!state->fault && m->cpu.s.rip != next)
        ck_abort_msg("%s: rip is %#" PRIx64, form->row->name, m->cpu.s.rip);
}

/* Behind an unmasked overflow or underflow PE is that of the exact result for the software, and
 * that of the masked response for the emulated CPU: the one difference that is left. */
static uint32_t comparable(const struct float_state *state)
{
    bool open = state->fault && (state->mxcsr & ~(state->mxcsr >> 7) & RANGE);
    return open ? state->mxcsr & ~X64I_FLOAT_INEXACT : state->mxcsr;
}

static bool equal_states(const struct float_state *one, const struct float_state *other)
{
    return memcmp(one->vector, other->vector, sizeof one->vector) == 0 &&
           memcmp(&one->memory, &other->memory, sizeof one->memory) == 0 &&
           memcmp(one->general, other->general, sizeof one->general) == 0 &&
           memcmp(one->mmx, other->mmx, sizeof one->mmx) == 0 && one->flags == other->flags &&
           one->fault == other->fault && comparable(one) == comparable(other);
}

static void print_vector(const char *name, const union float_vector *v)
{
    printf("    %s %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n", name, v->q[3],
           v->q[2], v->q[1], v->q[0]);
}

static void print_result(const char *who, const struct float_state *state)
{
    printf("   %s mxcsr %04x flags %03x rcx %016" PRIx64 " mm1 %016" PRIx64 "%s\n", who,
           state->mxcsr, state->flags, state->general[1], state->mmx[1],
           state->fault ? " #XM" : "");
    print_vector("ymm1  ", &state->vector[1]);
    print_vector("memory", &state->memory);
}

static void print_case(const struct float_form *form, unsigned number, bool equal,
                       const struct float_state *before)
{
    char name[NAME_SIZE];
    name_form(form, name);
    printf("  %s test_vector_reference %s %u:%s imm %02x mxcsr %04x\n",
           equal ? "equal" : "MISMATCH", name, number, form->memory ? " memory" : "",
           form->immediate, before->mxcsr);
    print_vector("ymm1  ", &before->vector[1]);
    print_vector("ymm2  ", &before->vector[2]);
    print_vector("ymm3  ", &before->vector[3]);
}

/* Whether reference and CPU agree on one case; the number makes it. */
static bool check_case(const struct float_row *row, enum float_encoding encoding, unsigned number,
                       bool show)
{
    struct float_form form = {.row = row, .encoding = encoding, .memory = number % 3 == 2};
    struct float_state before, soft, emulated;
    uint64_t random = number * SPREAD + (uint64_t)(row - float_rows);
    form.immediate = (uint8_t)operands_next(&random);
    random_state(&form, number, &random, &before);
    soft = emulated = before;
    float_reference(&form, &soft);
    execute(&form, &emulated);
    bool equal = equal_states(&soft, &emulated);
    if (show) {
        print_case(&form, number, equal, &before);
        print_result("emulated", &emulated);
        print_result("software", &soft);
    }
    return equal;
}

static unsigned check_encoding(const struct float_row *row, enum float_encoding encoding)
{
    const unsigned cases = operands_cases(CASES);
    unsigned wrong = 0;
    for (unsigned n = 0; n < cases; n++)
        if (!check_case(row, encoding, n, false)) {
            if (wrong++ < SHOWN)
                check_case(row, encoding, n, true);
        }
    return wrong;
}

START_TEST(test_vector_reference_agrees)
{
    const struct float_row *row = &float_rows[_i];
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++)
        if (row->encodings & encodings[i])
            wrong += check_encoding(row, encodings[i]);
    fflush(stdout);
    ck_assert_msg(wrong == 0, "%s: %u cases differ", row->name, wrong);
}
END_TEST

static Suite *vector_reference_suite(void)
{
    Suite *suite = suite_create("vector_reference");
    TCase *tests = tcase_create("vector_reference");
    tcase_set_timeout(tests, 300);
    tcase_add_unchecked_fixture(tests, machine_up, machine_down);
    tcase_add_loop_test(tests, test_vector_reference_agrees, 0, (int)float_row_count);
    suite_add_tcase(suite, tests);
    return suite;
}

static int check_main(void)
{
    SRunner *runner = srunner_create(vector_reference_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int command_main(const char *wanted, unsigned number)
{
    for (size_t i = 0; i < float_row_count * 3; i++) {
        char name[NAME_SIZE];
        struct float_form form = {.row = &float_rows[i / 3], .encoding = encodings[i % 3]};
        name_form(&form, name);
        if (!(form.row->encodings & form.encoding) || strcmp(name, wanted) != 0)
            continue;
        machine_up();
        bool equal = check_case(form.row, form.encoding, number, true);
        machine_down();
        return equal ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    fprintf(stderr, "test_vector_reference: no form is called %s\n", wanted);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return check_main();
    if (argc == 3)
        return command_main(argv[1], (unsigned)strtoul(argv[2], NULL, 0));
    fprintf(stderr, "usage: %s [FORM CASE]\n", argv[0]);
    return 2;
}
