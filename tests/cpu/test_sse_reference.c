/* SPDX-License-Identifier: MIT */
/*
 * SSE and SSE2 arithmetic, which the host executes (host_float.h), against the software floating
 * point: results, MXCSR and exceptions, under random rounding modes, DAZ, FTZ and masks. RCPPS and
 * RSQRTPS are approximations that each processor makes in its own way: they have no reference.
 *
 *     test_sse_reference ADDPS 17        one case again, printed
 */
#include "cpu/softfloat.h"
#include "cpu/support/machine.h"
#include "cpu/support/operands.h"
#include "cpu/vector.h"
#include "support/suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CASES 4000u /* of each instruction */
#define SHOWN 3u

/* What one lane of a result is made of. `a` is the destination's lane, `b` the source's. */
typedef uint64_t lane_operation(struct x64i_float_control *control,
                                const struct x64i_float_format *format, uint64_t a, uint64_t b,
                                unsigned immediate);

#define UNPACK(bits) x64i_float_unpack(control, format, bits)

#define BINARY(name)                                                                              \
    static uint64_t do_##name(struct x64i_float_control *control,                                 \
                              const struct x64i_float_format *format, uint64_t a, uint64_t b,     \
                              unsigned immediate)                                                 \
    {                                                                                             \
        (void)immediate;                                                                          \
        return x64i_float_pack(format, x64i_float_##name(control, format, UNPACK(a), UNPACK(b))); \
    }

BINARY(add)
BINARY(subtract)
BINARY(multiply)
BINARY(divide)

static uint64_t do_sqrt(struct x64i_float_control *control, const struct x64i_float_format *format,
                        uint64_t a, uint64_t b, unsigned immediate)
{
    (void)a;
    (void)immediate;
    return x64i_float_pack(format, x64i_float_sqrt(control, format, UNPACK(b)));
}

/* The second operand when either is a NaN or both are zeros (SDM vol. 2B, MINPS, MAXPS). A NaN
 * passes through as it is, a denormal under DAZ does not. */
static uint64_t choose(struct x64i_float_control *control, const struct x64i_float_format *format,
                       uint64_t a, uint64_t b, enum x64i_order wanted)
{
    struct x64i_float second = UNPACK(b);
    bool first = x64i_float_compare(control, UNPACK(a), second, true) == wanted;
    if (!first && x64i_float_is_nan(second))
        return b;
    return x64i_float_pack(format, first ? UNPACK(a) : second);
}

static uint64_t do_min(struct x64i_float_control *control, const struct x64i_float_format *format,
                       uint64_t a, uint64_t b, unsigned immediate)
{
    (void)immediate;
    return choose(control, format, a, b, X64I_LESS);
}

static uint64_t do_max(struct x64i_float_control *control, const struct x64i_float_format *format,
                       uint64_t a, uint64_t b, unsigned immediate)
{
    (void)immediate;
    return choose(control, format, a, b, X64I_GREATER);
}

/* EQ, LT, LE, UNORD and their opposites; LT and LE do not want quiet NaNs. */
static uint64_t do_compare(struct x64i_float_control *control,
                           const struct x64i_float_format *format, uint64_t a, uint64_t b,
                           unsigned immediate)
{
    unsigned predicate = immediate & 3;
    enum x64i_order order =
        x64i_float_compare(control, UNPACK(a), UNPACK(b), predicate == 1 || predicate == 2);
    bool holds = predicate == 0   ? order == X64I_EQUAL
                 : predicate == 1 ? order == X64I_LESS
                 : predicate == 2 ? order == X64I_LESS || order == X64I_EQUAL
                                  : order == X64I_UNORDERED;
    return holds != (immediate >> 2 & 1) ? ~UINT64_C(0) : 0;
}

static uint64_t do_to_single(struct x64i_float_control *control,
                             const struct x64i_float_format *format, uint64_t a, uint64_t b,
                             unsigned immediate)
{
    (void)a;
    (void)immediate;
    return x64i_float_pack(&x64i_binary32, x64i_float_convert(control, &x64i_binary32, UNPACK(b)));
}

static uint64_t do_to_double(struct x64i_float_control *control,
                             const struct x64i_float_format *format, uint64_t a, uint64_t b,
                             unsigned immediate)
{
    (void)a;
    (void)immediate;
    return x64i_float_pack(&x64i_binary64, x64i_float_convert(control, &x64i_binary64, UNPACK(b)));
}

static uint64_t do_to_integer(struct x64i_float_control *control,
                              const struct x64i_float_format *format, uint64_t a, uint64_t b,
                              unsigned immediate)
{
    (void)a;
    if (immediate) /* CVTT */
        control->rounding = X64I_ROUND_ZERO;
    return (uint64_t)x64i_float_to_integer(control, UNPACK(b), 32);
}

/* The source's lane is an integer of 32 bits, `format` the result's. */
static uint64_t do_from_integer(struct x64i_float_control *control,
                                const struct x64i_float_format *format, uint64_t a, uint64_t b,
                                unsigned immediate)
{
    (void)a;
    (void)immediate;
    return x64i_float_pack(
        format, x64i_float_convert(control, format, x64i_float_from_integer((int32_t)b)));
}

#define F32 &x64i_binary32
#define F64 &x64i_binary64

/* Lanes of `from` bits become lanes of `to` bits; what is behind them is cleared if `clears`. */
struct row {
    const char *name;
    const char *code; /* with XMM1 as destination and XMM2 as source */
    lane_operation *operation;
    const struct x64i_float_format *format;
    uint8_t from, to, count;
    bool clears;
    uint8_t immediate;
};

#define FOUR_KINDS(stem, opcode, operation)                                      \
    {stem "PS", "0f " opcode " ca", operation, F32, 32, 32, 4, false, 0},        \
        {stem "PD", "66 0f " opcode " ca", operation, F64, 64, 64, 2, false, 0}, \
        {stem "SS", "f3 0f " opcode " ca", operation, F32, 32, 32, 1, false, 0}, \
    {                                                                            \
        stem "SD", "f2 0f " opcode " ca", operation, F64, 64, 64, 1, false, 0    \
    }

#define COMPARE(predicate)                                                                        \
    {"CMPPS." #predicate, "0f c2 ca 0" #predicate, do_compare, F32, 32, 32, 4, false, predicate}, \
        {"CMPPD." #predicate,                                                                     \
         "66 0f c2 ca 0" #predicate,                                                              \
         do_compare,                                                                              \
         F64,                                                                                     \
         64,                                                                                      \
         64,                                                                                      \
         2,                                                                                       \
         false,                                                                                   \
         predicate},                                                                              \
        {"CMPSS." #predicate,                                                                     \
         "f3 0f c2 ca 0" #predicate,                                                              \
         do_compare,                                                                              \
         F32,                                                                                     \
         32,                                                                                      \
         32,                                                                                      \
         1,                                                                                       \
         false,                                                                                   \
         predicate},                                                                              \
    {                                                                                             \
        "CMPSD." #predicate, "f2 0f c2 ca 0" #predicate, do_compare, F64, 64, 64, 1, false,       \
            predicate                                                                             \
    }

static const struct row rows[] = {
    FOUR_KINDS("ADD", "58", do_add),
    FOUR_KINDS("SUB", "5c", do_subtract),
    FOUR_KINDS("MUL", "59", do_multiply),
    FOUR_KINDS("DIV", "5e", do_divide),
    FOUR_KINDS("MIN", "5d", do_min),
    FOUR_KINDS("MAX", "5f", do_max),
    FOUR_KINDS("SQRT", "51", do_sqrt),
    COMPARE(0),
    COMPARE(1),
    COMPARE(2),
    COMPARE(3),
    COMPARE(4),
    COMPARE(5),
    COMPARE(6),
    COMPARE(7),
    {"CVTPS2PD", "0f 5a ca", do_to_double, F32, 32, 64, 2, false, 0},
    {"CVTPD2PS", "66 0f 5a ca", do_to_single, F64, 64, 32, 2, true, 0},
    {"CVTSS2SD", "f3 0f 5a ca", do_to_double, F32, 32, 64, 1, false, 0},
    {"CVTSD2SS", "f2 0f 5a ca", do_to_single, F64, 64, 32, 1, false, 0},
    {"CVTDQ2PD", "f3 0f e6 ca", do_from_integer, F64, 32, 64, 2, false, 0},
    {"CVTDQ2PS", "0f 5b ca", do_from_integer, F32, 32, 32, 4, false, 0},
    {"CVTPS2DQ", "66 0f 5b ca", do_to_integer, F32, 32, 32, 4, false, 0},
    {"CVTTPS2DQ", "f3 0f 5b ca", do_to_integer, F32, 32, 32, 4, false, 1},
    {"CVTPD2DQ", "f2 0f e6 ca", do_to_integer, F64, 64, 32, 2, true, 0},
    {"CVTTPD2DQ", "66 0f e6 ca", do_to_integer, F64, 64, 32, 2, true, 1},
};

#define ROWS (sizeof rows / sizeof rows[0])

static uint64_t lane(const union x64i_xmm *value, unsigned i, unsigned bits)
{
    return bits == 32 ? value->d[i] : value->q[i];
}

static void set_lane(union x64i_xmm *value, unsigned i, unsigned bits, uint64_t to)
{
    if (bits == 32)
        value->d[i] = (uint32_t)to;
    else
        value->q[i] = to;
}

static struct x64i_float_control control_of(uint32_t mxcsr)
{
    return (struct x64i_float_control){.rounding = mxcsr >> 13 & 3,
                                       .masked = mxcsr >> 7 & 0x3f,
                                       .denormals_are_zero = mxcsr >> 6 & 1,
                                       /* only a masked underflow flushes (vol. 1, 10.2.3.3) */
                                       .flush_to_zero = (mxcsr >> 15 & 1) && (mxcsr >> 11 & 1)};
}

struct outcome {
    union x64i_xmm result;
    uint32_t mxcsr;
    bool fault;
};

static struct outcome reference(const struct row *row, const union x64i_xmm *d,
                                const union x64i_xmm *s, uint32_t mxcsr)
{
    struct outcome outcome = {.result = *d};
    unsigned raised = 0;
    unsigned masked = mxcsr >> 7 & 0x3f;
    if (row->clears)
        outcome.result = (union x64i_xmm){.q = {0, 0}};
    for (unsigned i = 0; i < row->count; i++) {
        struct x64i_float_control control = control_of(mxcsr);
        uint64_t value = row->operation(&control, row->format, lane(d, i, row->from),
                                        lane(s, i, row->from), row->immediate);
        set_lane(&outcome.result, i, row->to, value);
        raised |= control.raised;
    }
    if (raised & ~masked & X64I_FLOAT_BEFORE)
        raised &= X64I_FLOAT_BEFORE;
    outcome.fault = raised & ~masked;
    if (outcome.fault)
        outcome.result = *d;
    outcome.mxcsr = mxcsr | raised;
    return outcome;
}

static struct machine *m;

static struct outcome emulated(const struct row *row, const union x64i_xmm *d,
                               const union x64i_xmm *s, uint32_t mxcsr)
{
    struct x64i_cpu_state *state = &m->cpu.s;
    struct outcome outcome;
    machine_enter(m, MACHINE_KERNEL_64);
    state->mxcsr = mxcsr;
    memcpy(state->vector[1].lane, d, sizeof *d);
    memcpy(state->vector[2].lane, s, sizeof *s);
    machine_code(m, row->code);
    machine_step(m);
    memcpy(&outcome.result, state->vector[1].lane, sizeof outcome.result);
    outcome.mxcsr = state->mxcsr;
    outcome.fault = state->rip == machine_handler(X64_FAULT_XM);
    return outcome;
}

static union x64i_xmm random_operand(uint64_t *random, const struct row *row)
{
    union x64i_xmm value;
    for (unsigned i = 0; i < 2; i++) {
        value.q[i] = operands_binary(random, 64, 53);
        if (row->format->bits == 32 || row->operation == do_from_integer)
            value.q[i] = operands_binary(random, 32, 24) << 32 | operands_binary(random, 32, 24);
    }
    return value;
}

/* Behind an unmasked overflow or underflow PE is that of the exact result for the software, and
 * that of the masked response for the emulated CPU: the one difference that is left. */
static uint32_t comparable(uint32_t mxcsr, bool fault)
{
    const uint32_t range = X64I_FLOAT_OVERFLOW | X64I_FLOAT_UNDERFLOW;
    return fault && (mxcsr & ~(mxcsr >> 7) & range) ? mxcsr & ~X64I_FLOAT_INEXACT : mxcsr;
}

static bool check_case(const struct row *row, unsigned number, bool show)
{
    uint64_t random = number * UINT64_C(0x10001) + (uint64_t)(row - rows);
    union x64i_xmm d = random_operand(&random, row);
    union x64i_xmm s = random_operand(&random, row);
    uint32_t mxcsr = 0x1f80 | ((uint32_t)operands_next(&random) & 0xe07f);
    if (number % 4 == 0)
        mxcsr &= ~0x1f80u | (uint32_t)operands_next(&random);
    if (number % 2)
        mxcsr &= ~0x8040u;
    struct outcome soft = reference(row, &d, &s, mxcsr);
    struct outcome host = emulated(row, &d, &s, mxcsr);
    bool equal = memcmp(&soft.result, &host.result, sizeof soft.result) == 0 &&
                 soft.fault == host.fault &&
                 comparable(soft.mxcsr, soft.fault) == comparable(host.mxcsr, host.fault);
    if (show)
        printf("  %s test_sse_reference %s %u: %016" PRIx64 "%016" PRIx64 ", %016" PRIx64
               "%016" PRIx64 ", mxcsr %04x\n    emulated %016" PRIx64 "%016" PRIx64
               " %04x %s\n    software %016" PRIx64 "%016" PRIx64 " %04x %s\n",
               equal ? "equal" : "MISMATCH", row->name, number, d.q[1], d.q[0], s.q[1], s.q[0],
               mxcsr, host.result.q[1], host.result.q[0], host.mxcsr, host.fault ? "#XM" : "",
               soft.result.q[1], soft.result.q[0], soft.mxcsr, soft.fault ? "#XM" : "");
    return equal;
}

START_TEST(test_sse_reference_agrees)
{
    const struct row *row = &rows[_i];
    const unsigned cases = operands_cases(CASES);
    unsigned wrong = 0;
    m = machine_create("golden_cove");
    for (unsigned n = 0; n < cases; n++)
        if (!check_case(row, n, false)) {
            if (wrong++ < SHOWN)
                check_case(row, n, true);
        }
    machine_destroy(m);
    fflush(stdout);
    ck_assert_msg(wrong == 0, "%s: %u of %u cases differ", row->name, wrong, cases);
}
END_TEST

static Suite *sse_reference_suite(void)
{
    Suite *suite = suite_create("sse_reference");
    TCase *tests = tcase_create("sse_reference");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_sse_reference_agrees, 0, (int)ROWS);
    suite_add_tcase(suite, tests);
    return suite;
}

static int command_main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < ROWS; i++) {
        if (strcmp(rows[i].name, argv[1]) != 0)
            continue;
        m = machine_create("golden_cove");
        bool equal = check_case(&rows[i], (unsigned)strtoul(argv[2], NULL, 0), true);
        machine_destroy(m);
        return equal ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    fprintf(stderr, "usage: %s [INSTRUCTION CASE]\n", argv[0]);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return command_main(argc, argv);
    SRunner *runner = srunner_create(sse_reference_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
