/* SPDX-License-Identifier: MIT */
/*
 * The EVEX forms that compute in floating point against the software reference
 * (support/evex_float.h): results, masks, MXCSR and exceptions, at every vector length, with and
 * without merging and zeroing masks, embedded broadcast, embedded rounding and {sae}, from
 * registers of both halves of the file and from memory, under random rounding modes, DAZ, FTZ and
 * exception masks. A form of the instruction table that computes and has no reference fails.
 *
 *     test_evex_reference VADDPS.512 17        one case again, printed
 */
#include "cpu/isa.h"
#include "cpu/support/evex_float.h"
#include "cpu/support/float_run.h"
#include "cpu/support/operands.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>

#define CASES     2000u /* of each row at each vector length */
#define SHOWN     3u
#define MODEL     "zen4"
#define XCR0      0xe7u
#define NAME_SIZE 24u
#define SPREAD    UINT64_C(0x10001)
#define LENGTHS   3u

/* The EVEX forms that move, permute and compute integers, or logic on bits. */
static const char *const without_reference[] = {
    "VMOV*",      "VUNPCK*",  "VSHUF*",   "VEXTRACT*", "VINSERT*", "VAND*",   "VOR*",
    "VXOR*",      "VBLENDM*", "VPERM*",   "VALIGN*",   "VPBLEND*", "VP*",     "VBROADCAST*",
    "VCOMPRESS*", "VEXPAND*", "VGATHER*", "VSCATTER*", "VAES*",    "VGF2P8*", "VDBPSADBW",
};

static struct machine *m;

static void machine_up(void)
{
    m = machine_create(MODEL);
    m->cpu.s.cr4 |= X64I_CR4_OSXSAVE;
    m->cpu.s.xcr0 = XCR0;
}

static void machine_down(void)
{
    machine_destroy(m);
}

static unsigned lengths_of(const struct evex_row *row)
{
    return evex_is_packed(&row->row) ? LENGTHS : 1;
}

/* VADDPS.512, VADDSS. */
static void name_form(const struct evex_row *row, unsigned length, char name[NAME_SIZE])
{
    static const char *const suffix[LENGTHS] = {".128", ".256", ".512"};
    snprintf(name, NAME_SIZE, "V%s%s", row->row.name,
             evex_is_packed(&row->row) ? suffix[length] : "");
}

static bool takes_mask(const struct float_row *row)
{
    return row->destination != IN_GENERAL && row->destination != IN_FLAGS &&
           row->source != IN_GENERAL;
}

/* Elements in memory that can stand for all. */
static bool takes_broadcast(const struct float_row *row)
{
    return evex_is_packed(row) && row->from != FLOAT_16 && row->destination != IN_STORE;
}

static enum evex_rounding random_rounding(const struct evex_row *row, uint64_t random)
{
    if (row->control == NO_CONTROL || random & 1)
        return EVEX_MXCSR;
    if (row->control == ONLY_SAE)
        return EVEX_SAE;
    return (enum evex_rounding)(EVEX_NEAREST + (random >> 1 & 3));
}

/* What EVEX has a form say, by chance: packed forms round as they say at 512 bits only. */
static struct evex_form random_form(const struct evex_row *row, unsigned length, unsigned number,
                                    uint64_t *random)
{
    const uint64_t bits = operands_next(random);
    struct evex_form form = {.row = row,
                             .length = length,
                             .bank = bits & 1 ? 16 : 0,
                             .memory = number % 3 == 2,
                             .masked = takes_mask(&row->row) && (bits >> 1 & 3),
                             .immediate = (uint8_t)(bits >> 8)};
    if (form.memory)
        form.broadcast = takes_broadcast(&row->row) && (bits >> 3 & 1);
    else if (length == LENGTHS - 1 || !evex_is_packed(&row->row))
        form.rounding = random_rounding(row, bits >> 16);
    bool merges_only =
        row->row.destination == IN_MASK || (row->row.destination == IN_STORE && form.memory);
    form.zeroing = form.masked && !merges_only && (bits >> 4 & 1);
    return form;
}

static void randomize(union float_vector *vector, uint64_t *random)
{
    for (unsigned i = 0; i < sizeof vector->q / sizeof vector->q[0]; i++)
        vector->q[i] = operands_next(random);
}

/* Random operands; now and then equal ones, opposite ones, sums that nearly vanish; any table for
 * VFIXUPIMM; masks of all sorts, none and all elements among them. */
static struct float_state random_state(const struct evex_row *row, unsigned number,
                                       uint64_t *random)
{
    struct float_state state = float_random_state(row->row.from, number, random);
    if (number % 16 == 3)
        state.vector[3] = state.vector[2];
    if (number % 16 == 7)
        state.vector[3] = float_opposite(&state.vector[2], row->row.from);
    if (row->row.element == evex_fix_up)
        randomize(&state.vector[3], random);
    if (row->row.order && number % 4 == 1)
        float_cancel_products(&row->row, (union float_vector *[]){
                                             &state.vector[1], &state.vector[2], &state.vector[3]});
    state.memory = state.vector[3];
    state.opmask[1] = operands_next(random);
    state.opmask[2] = number % 8 == 6 ? 0 : number % 8 == 2 ? UINT64_MAX : operands_next(random);
    return state;
}

static void print_case(const struct evex_form *form, const char *name, unsigned number, bool equal,
                       const struct float_state *before)
{
    static const char *const roundings[] = {"", " rn-sae", " rd-sae", " ru-sae", " rz-sae", " sae"};
    printf("  %s test_evex_reference %s %u:%s%s%s imm %02x mxcsr %04x",
           equal ? "equal" : "MISMATCH", name, number, form->memory ? " memory" : "",
           form->broadcast ? " broadcast" : "", roundings[form->rounding], form->immediate,
           before->mxcsr);
    if (form->masked)
        printf(" k2 %llx%s", (unsigned long long)before->opmask[2], form->zeroing ? " z" : "");
    printf("\n");
    float_print_operands(before);
}

/* Whether reference and CPU agree on one case; the number makes it. */
static bool check_case(const struct evex_row *row, unsigned length, unsigned number, bool show)
{
    uint64_t random = number * SPREAD + (uint64_t)(row - evex_rows) * LENGTHS + length;
    const struct evex_form form = random_form(row, length, number, &random);
    const struct float_state before = random_state(row, number, &random);
    struct float_state soft = before, emulated = before;
    uint8_t bytes[FLOAT_LENGTH_MAX];
    unsigned size = evex_encode(&form, bytes);
    float_run(m, bytes, size, form.bank, &emulated);
    evex_reference(&form, &emulated.vector[1], &soft);
    bool equal = float_equal(&soft, &emulated);
    if (show) {
        char name[NAME_SIZE];
        name_form(row, length, name);
        print_case(&form, name, number, equal, &before);
        float_print_result("emulated", &emulated);
        float_print_result("software", &soft);
    }
    return equal;
}

static unsigned check_length(const struct evex_row *row, unsigned length)
{
    const unsigned cases = operands_cases(CASES);
    unsigned wrong = 0;
    for (unsigned n = 0; n < cases; n++)
        if (!check_case(row, length, n, false)) {
            if (wrong++ < SHOWN)
                check_case(row, length, n, true);
        }
    return wrong;
}

START_TEST(test_evex_reference_agrees)
{
    const struct evex_row *row = &evex_rows[_i];
    unsigned wrong = 0;
    for (unsigned length = 0; length < lengths_of(row); length++)
        wrong += check_length(row, length);
    fflush(stdout);
    ck_assert_msg(wrong == 0, "V%s: %u cases differ", row->row.name, wrong);
}
END_TEST

/* The mnemonic that Zydis sees in a row's bytes. */
static ZydisMnemonic mnemonic_of(const struct evex_row *row)
{
    const struct evex_form form = {.row = row, .length = evex_is_packed(&row->row) ? 2 : 0};
    uint8_t bytes[FLOAT_LENGTH_MAX];
    unsigned length = evex_encode(&form, bytes);
    ZydisDecoder decoder;
    ZydisDecodedInstruction instruction;
    (void)ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    ck_assert_msg(
        ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, length, &instruction)) &&
            instruction.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX,
        "V%s: no such instruction", row->row.name);
    return instruction.mnemonic;
}

static bool is_without_reference(const char *name)
{
    for (size_t i = 0; i < sizeof without_reference / sizeof without_reference[0]; i++) {
        const char *pattern = without_reference[i];
        size_t length = strcspn(pattern, "*");
        if (strncmp(pattern, name, length) == 0 && (pattern[length] || !name[length]))
            return true;
    }
    return false;
}

START_TEST(test_evex_reference_is_complete)
{
    bool covered[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {false};
    for (size_t i = 0; i < evex_row_count; i++)
        covered[mnemonic_of(&evex_rows[i])] = true;
    for (size_t i = 0; i < x64i_isa_row_count; i++) {
        const struct x64i_isa_row *row = &x64i_isa_rows[i];
        if (row->patterns[0] != '^')
            continue;
        ck_assert_msg(covered[row->mnemonic] != is_without_reference(row->name), "%s: %s",
                      row->name,
                      covered[row->mnemonic] ? "a reference that the list denies" : "no reference");
    }
}
END_TEST

static Suite *evex_reference_suite(void)
{
    Suite *suite = suite_create("evex_reference");
    TCase *tests = tcase_create("evex_reference");
    tcase_set_timeout(tests, 300);
    tcase_add_unchecked_fixture(tests, machine_up, machine_down);
    tcase_add_test(tests, test_evex_reference_is_complete);
    tcase_add_loop_test(tests, test_evex_reference_agrees, 0, (int)evex_row_count);
    suite_add_tcase(suite, tests);
    return suite;
}

static struct {
    const struct evex_row *row;
    unsigned length, number;
} chosen;

START_TEST(test_evex_reference_case)
{
    ck_assert(check_case(chosen.row, chosen.length, chosen.number, true));
}
END_TEST

static int command_main(const char *wanted, unsigned number)
{
    for (size_t i = 0; i < evex_row_count * LENGTHS; i++) {
        const struct evex_row *row = &evex_rows[i / LENGTHS];
        unsigned length = i % LENGTHS;
        char name[NAME_SIZE];
        name_form(row, length, name);
        if (length >= lengths_of(row) || strcmp(name, wanted) != 0)
            continue;
        chosen.row = row;
        chosen.length = length;
        chosen.number = number;
        return x64_test_run_one("evex_reference", test_evex_reference_case, machine_up,
                                machine_down);
    }
    fprintf(stderr, "test_evex_reference: no form is called %s\n", wanted);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return x64_test_run(evex_reference_suite());
    if (argc == 3)
        return command_main(argv[1], (unsigned)strtoul(argv[2], NULL, 0));
    fprintf(stderr, "usage: %s [FORM CASE]\n", argv[0]);
    return 2;
}
