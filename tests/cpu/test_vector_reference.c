/* SPDX-License-Identifier: MIT */
/*
 * The vector instructions that compute in floating point, most of which the host executes
 * (host_float.h), against the software reference (support/vector_float.h): results, flags, MXCSR
 * and exceptions, in every encoding, from registers and from memory, under random rounding modes,
 * DAZ, FTZ and masks.
 *
 *     test_vector_reference VADDPS.256 17        one case again, printed
 */
#include "cpu/support/float_run.h"
#include "cpu/support/operands.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>

#define CASES     2000u /* of each encoding */
#define SHOWN     3u
#define MODEL     "golden_cove"
#define NAME_SIZE 24u
#define SPREAD    UINT64_C(0x10001)

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

/* Random operands; now and then equal ones, opposite ones, and sums that nearly vanish. */
static struct float_state random_state(const struct float_form *form, unsigned number,
                                       uint64_t *random)
{
    const struct float_row *row = form->row;
    struct float_state state = float_random_state(row->from, number, random);
    union float_vector *first = &state.vector[form->encoding == FLOAT_LEGACY || row->one ? 1 : 2];
    if (number % 16 == 3)
        state.vector[3] = *first;
    if (number % 16 == 7)
        state.vector[3] = float_opposite(first, row->from);
    if (row->order && number % 4 == 1)
        float_cancel_products(
            row, (union float_vector *[]){&state.vector[1], &state.vector[2], &state.vector[3]});
    state.memory = state.vector[3];
    return state;
}

static void print_case(const struct float_form *form, unsigned number, bool equal,
                       const struct float_state *before)
{
    char name[NAME_SIZE];
    name_form(form, name);
    printf("  %s test_vector_reference %s %u:%s imm %02x mxcsr %04x\n",
           equal ? "equal" : "MISMATCH", name, number, form->memory ? " memory" : "",
           form->immediate, before->mxcsr);
    float_print_operands(before);
}

/* Whether reference and CPU agree on one case; the number makes it. */
static bool check_case(const struct float_row *row, enum float_encoding encoding, unsigned number,
                       bool show)
{
    struct float_form form = {.row = row, .encoding = encoding, .memory = number % 3 == 2};
    uint64_t random = number * SPREAD + (uint64_t)(row - float_rows);
    form.immediate = (uint8_t)operands_next(&random);
    const struct float_state before = random_state(&form, number, &random);
    struct float_state soft = before, emulated = before;
    float_reference(&form, &soft);
    uint8_t bytes[FLOAT_LENGTH_MAX];
    unsigned length = float_encode(&form, bytes);
    float_run(m, bytes, length, 0, &emulated);
    bool equal = float_equal(&soft, &emulated);
    if (show) {
        print_case(&form, number, equal, &before);
        float_print_result("emulated", &emulated);
        float_print_result("software", &soft);
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

static struct {
    struct float_form form;
    unsigned number;
} chosen;

START_TEST(test_vector_reference_case)
{
    ck_assert(check_case(chosen.form.row, chosen.form.encoding, chosen.number, true));
}
END_TEST

static int command_main(const char *wanted, unsigned number)
{
    for (size_t i = 0; i < float_row_count * 3; i++) {
        char name[NAME_SIZE];
        struct float_form form = {.row = &float_rows[i / 3], .encoding = encodings[i % 3]};
        name_form(&form, name);
        if (!(form.row->encodings & form.encoding) || strcmp(name, wanted) != 0)
            continue;
        chosen.form = form;
        chosen.number = number;
        return x64_test_run_one("vector_reference", test_vector_reference_case, machine_up,
                                machine_down);
    }
    fprintf(stderr, "test_vector_reference: no form is called %s\n", wanted);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return x64_test_run(vector_reference_suite());
    if (argc == 3)
        return command_main(argv[1], (unsigned)strtoul(argv[2], NULL, 0));
    fprintf(stderr, "usage: %s [FORM CASE]\n", argv[0]);
    return 2;
}
