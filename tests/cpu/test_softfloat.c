/* SPDX-License-Identifier: MIT */
/*
 * The software floating point against the host's own instructions: results and exception flags to
 * the bit, in every rounding mode, with DAZ and FTZ or every x87 precision.
 *
 *     test_softfloat addsd 0x3ff0000000000000 0x8000000000000001 0 0x1f80     one case again
 */
#include "cpu/softfloat.h"
#include "cpu/support/operands.h"
#include "support/suite.h"

#include <cpuid.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CASES 100000u /* of each operation */
#define SHOWN 5u

/* Operands and result are bits of the format; `mxcsr` is changed as the host would. */
typedef uint64_t host_operation(uint64_t a, uint64_t b, uint64_t c, uint32_t *mxcsr);
typedef uint64_t soft_operation(struct x64i_float_control *control, uint64_t a, uint64_t b,
                                uint64_t c);

#define HOST(name, text)                                                                     \
    static uint64_t host_##name(uint64_t a, uint64_t b, uint64_t c, uint32_t *mxcsr)         \
    {                                                                                        \
        uint32_t saved;                                                                      \
        uint64_t result = 0;                                                                 \
        __asm__ volatile("stmxcsr %[saved]\n\tldmxcsr %[mxcsr]\n\tmovq %[a], %%xmm0\n\t"     \
                         "movq %[b], %%xmm1\n\tmovq %[c], %%xmm2\n\t" text                   \
                         "\n\tstmxcsr %[mxcsr]\n\tldmxcsr %[saved]"                          \
                         : [saved] "=m"(saved), [mxcsr] "+m"(*mxcsr), [result] "+&r"(result) \
                         : [a] "r"(a), [b] "r"(b), [c] "r"(c)                                \
                         : "xmm0", "xmm1", "xmm2", "cc", "rax");                             \
        return result;                                                                       \
    }

#define F32 &x64i_binary32
#define F64 &x64i_binary64
#define F16 &x64i_binary16

#define TWO(name, format, function)                                                             \
    HOST(name, #name " %%xmm1, %%xmm0\n\tmovq %%xmm0, %[result]")                               \
    static uint64_t soft_##name(struct x64i_float_control *control, uint64_t a, uint64_t b,     \
                                uint64_t c)                                                     \
    {                                                                                           \
        (void)c;                                                                                \
        return x64i_float_pack(format,                                                          \
                               function(control, format, x64i_float_unpack(control, format, a), \
                                        x64i_float_unpack(control, format, b)));                \
    }

TWO(addss, F32, x64i_float_add)
TWO(addsd, F64, x64i_float_add)
TWO(subss, F32, x64i_float_subtract)
TWO(subsd, F64, x64i_float_subtract)
TWO(mulss, F32, x64i_float_multiply)
TWO(mulsd, F64, x64i_float_multiply)
TWO(divss, F32, x64i_float_divide)
TWO(divsd, F64, x64i_float_divide)

#define ONE(name, from, to, function)                                                           \
    HOST(name, #name " %%xmm0, %%xmm0\n\tmovq %%xmm0, %[result]")                               \
    static uint64_t soft_##name(struct x64i_float_control *control, uint64_t a, uint64_t b,     \
                                uint64_t c)                                                     \
    {                                                                                           \
        (void)b;                                                                                \
        (void)c;                                                                                \
        return x64i_float_pack(to, function(control, to, x64i_float_unpack(control, from, a))); \
    }

ONE(sqrtss, F32, F32, x64i_float_sqrt)
ONE(sqrtsd, F64, F64, x64i_float_sqrt)
ONE(cvtss2sd, F32, F64, x64i_float_convert)
ONE(cvtsd2ss, F64, F32, x64i_float_convert)

#define TO_INTEGER(name, operand, format, bits, mode)                                             \
    HOST(name##bits, #name " %%xmm0, " operand)                                                   \
    static uint64_t soft_##name##bits(struct x64i_float_control *control, uint64_t a, uint64_t b, \
                                      uint64_t c)                                                 \
    {                                                                                             \
        (void)b;                                                                                  \
        (void)c;                                                                                  \
        mode;                                                                                     \
        int64_t value =                                                                           \
            x64i_float_to_integer(control, x64i_float_unpack(control, format, a), bits);          \
        return (bits) == 32 ? (uint32_t)value : (uint64_t)value;                                  \
    }

#define TRUNCATE control->rounding = X64I_ROUND_ZERO
#define AS_IS    (void)0

TO_INTEGER(cvtss2si, "%k[result]", F32, 32, AS_IS)
TO_INTEGER(cvtss2si, "%q[result]", F32, 64, AS_IS)
TO_INTEGER(cvtsd2si, "%k[result]", F64, 32, AS_IS)
TO_INTEGER(cvtsd2si, "%q[result]", F64, 64, AS_IS)
TO_INTEGER(cvttss2si, "%k[result]", F32, 32, TRUNCATE)
TO_INTEGER(cvttsd2si, "%q[result]", F64, 64, TRUNCATE)

#define FROM_INTEGER(name, operand, format, bits)                                                 \
    HOST(name##bits,                                                                              \
         "xorps %%xmm0, %%xmm0\n\t" #name " " operand ", %%xmm0\n\tmovq %%xmm0, %[result]")       \
    static uint64_t soft_##name##bits(struct x64i_float_control *control, uint64_t a, uint64_t b, \
                                      uint64_t c)                                                 \
    {                                                                                             \
        (void)b;                                                                                  \
        (void)c;                                                                                  \
        int64_t value = (bits) == 32 ? (int32_t)a : (int64_t)a;                                   \
        return x64i_float_pack(                                                                   \
            format, x64i_float_convert(control, format, x64i_float_from_integer(value)));         \
    }

FROM_INTEGER(cvtsi2ss, "%k[a]", F32, 32)
FROM_INTEGER(cvtsi2ss, "%q[a]", F32, 64)
FROM_INTEGER(cvtsi2sd, "%k[a]", F64, 32)
FROM_INTEGER(cvtsi2sd, "%q[a]", F64, 64)

/* The result is ZF, PF and CF as LAHF leaves them. */
#define COMPARE(name, format, quiet)                                                               \
    HOST(name, #name " %%xmm1, %%xmm0\n\tlahf\n\tmovzbl %%ah, %%eax\n\tand $0x45, %%eax\n\t"       \
                     "mov %%rax, %[result]")                                                       \
    static uint64_t soft_##name(struct x64i_float_control *control, uint64_t a, uint64_t b,        \
                                uint64_t c)                                                        \
    {                                                                                              \
        static const uint8_t flags[] = {                                                           \
            [X64I_LESS] = 0x01, [X64I_EQUAL] = 0x40, [X64I_GREATER] = 0, [X64I_UNORDERED] = 0x45}; \
        (void)c;                                                                                   \
        return flags[x64i_float_compare(control, x64i_float_unpack(control, format, a),            \
                                        x64i_float_unpack(control, format, b), quiet)];            \
    }

COMPARE(comiss, F32, true)
COMPARE(comisd, F64, true)
COMPARE(ucomiss, F32, false)
COMPARE(ucomisd, F64, false)

/* The first operand of the instruction is a, its multiplicands are b and a in this order, which
 * matters to NaNs (SDM vol. 1, table 14-9). */
#define FMA(name, format)                                                                      \
    HOST(name, #name " %%xmm2, %%xmm1, %%xmm0\n\tmovq %%xmm0, %[result]")                      \
    static uint64_t soft_##name(struct x64i_float_control *control, uint64_t a, uint64_t b,    \
                                uint64_t c)                                                    \
    {                                                                                          \
        return x64i_float_pack(format, x64i_float_fma(control, format,                         \
                                                      x64i_float_unpack(control, format, b),   \
                                                      x64i_float_unpack(control, format, a),   \
                                                      x64i_float_unpack(control, format, c))); \
    }

FMA(vfmadd213ss, F32)
FMA(vfmadd213sd, F64)

/* Half precision pays no attention to DAZ and FTZ (SDM vol. 1, 14.4.1). */
HOST(vcvtph2ps, "vcvtph2ps %%xmm0, %%xmm0\n\tmovd %%xmm0, %k[result]")
static uint64_t soft_vcvtph2ps(struct x64i_float_control *control, uint64_t a, uint64_t b,
                               uint64_t c)
{
    (void)b;
    (void)c;
    control->denormals_are_zero = false;
    struct x64i_float half = x64i_float_unpack(control, F16, a);
    half.denormal = false; /* and raises no denormal exception */
    return x64i_float_pack(F32, x64i_float_convert(control, F32, half));
}

HOST(vcvtps2ph, "vcvtps2ph $4, %%xmm0, %%xmm0\n\tpextrw $0, %%xmm0, %k[result]")
static uint64_t soft_vcvtps2ph(struct x64i_float_control *control, uint64_t a, uint64_t b,
                               uint64_t c)
{
    (void)b;
    (void)c;
    control->flush_to_zero = false;
    return x64i_float_pack(F16,
                           x64i_float_convert(control, F16, x64i_float_unpack(control, F32, a)));
}

enum host_need { NEEDS_NOTHING, NEEDS_FMA, NEEDS_F16C };

#define ROW(name, bits, precision, result, need)                       \
    {                                                                  \
#name, host_##name, soft_##name, bits, precision, result, need \
    }

static const struct {
    const char *name;
    host_operation *host;
    soft_operation *soft;
    uint8_t bits; /* of the operands; 0: integers */
    uint8_t precision;
    uint8_t result; /* bits */
    uint8_t need;   /* enum host_need */
} operations[] = {
    ROW(addss, 32, 24, 32, 0),
    ROW(addsd, 64, 53, 64, 0),
    ROW(subss, 32, 24, 32, 0),
    ROW(subsd, 64, 53, 64, 0),
    ROW(mulss, 32, 24, 32, 0),
    ROW(mulsd, 64, 53, 64, 0),
    ROW(divss, 32, 24, 32, 0),
    ROW(divsd, 64, 53, 64, 0),
    ROW(sqrtss, 32, 24, 32, 0),
    ROW(sqrtsd, 64, 53, 64, 0),
    ROW(cvtss2sd, 32, 24, 64, 0),
    ROW(cvtsd2ss, 64, 53, 32, 0),
    ROW(cvtss2si32, 32, 24, 64, 0),
    ROW(cvtss2si64, 32, 24, 64, 0),
    ROW(cvtsd2si32, 64, 53, 64, 0),
    ROW(cvtsd2si64, 64, 53, 64, 0),
    ROW(cvttss2si32, 32, 24, 64, 0),
    ROW(cvttsd2si64, 64, 53, 64, 0),
    ROW(cvtsi2ss32, 0, 0, 32, 0),
    ROW(cvtsi2ss64, 0, 0, 32, 0),
    ROW(cvtsi2sd32, 0, 0, 64, 0),
    ROW(cvtsi2sd64, 0, 0, 64, 0),
    ROW(comiss, 32, 24, 64, 0),
    ROW(comisd, 64, 53, 64, 0),
    ROW(ucomiss, 32, 24, 64, 0),
    ROW(ucomisd, 64, 53, 64, 0),
    ROW(vfmadd213ss, 32, 24, 32, NEEDS_FMA),
    ROW(vfmadd213sd, 64, 53, 64, NEEDS_FMA),
    ROW(vcvtph2ps, 16, 11, 32, NEEDS_F16C),
    ROW(vcvtps2ph, 32, 24, 16, NEEDS_F16C),
};

static bool host_can(enum host_need need)
{
    unsigned a, b, c, d;
    if (need == NEEDS_NOTHING)
        return true;
    if (need == NEEDS_FMA)
        return __builtin_cpu_supports("fma");
    return __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static struct x64i_float_control control_of(uint32_t mxcsr)
{
    return (struct x64i_float_control){.rounding = mxcsr >> 13 & 3,
                                       .masked = mxcsr >> 7 & 0x3f,
                                       .denormals_are_zero = mxcsr >> 6 & 1,
                                       .flush_to_zero = mxcsr >> 15 & 1};
}

static uint64_t operand(uint64_t *random, size_t i)
{
    if (operations[i].bits)
        return operands_binary(random, operations[i].bits, operations[i].precision);
    return operands_next(random) >> (operands_next(random) & 63);
}

/* What nearly cancels the product, so that the sum is made of its lowest bits. */
static uint64_t minus_product(size_t i, uint64_t a, uint64_t b)
{
    const struct x64i_float_format *format = operations[i].bits == 32 ? F32 : F64;
    struct x64i_float_control control = {.masked = X64I_FLOAT_ALL};
    struct x64i_float product =
        x64i_float_multiply(&control, format, x64i_float_unpack(&control, format, a),
                            x64i_float_unpack(&control, format, b));
    product.negative = !product.negative;
    return x64i_float_pack(format, product);
}

/* False, and a line that runs the case again, when host and software disagree. */
static bool check_sse(size_t i, const uint64_t operands[3], uint32_t mxcsr, bool show)
{
    const uint64_t *o = operands;
    uint64_t mask =
        operations[i].result == 64 ? ~UINT64_C(0) : (UINT64_C(1) << operations[i].result) - 1;
    struct x64i_float_control control = control_of(mxcsr);
    uint32_t left = mxcsr;
    uint64_t host = operations[i].host(o[0], o[1], o[2], &left) & mask;
    uint64_t soft = operations[i].soft(&control, o[0], o[1], o[2]) & mask;
    bool equal = host == soft && (left & X64I_FLOAT_ALL) == control.raised;
    if (!equal && show)
        printf("  MISMATCH test_softfloat %s 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64
               " 0x%x: host 0x%" PRIx64 " %02x, software 0x%" PRIx64 " %02x\n",
               operations[i].name, o[0], o[1], o[2], mxcsr, host, left & X64I_FLOAT_ALL, soft,
               control.raised);
    return equal;
}

START_TEST(test_softfloat_agrees_with_sse)
{
    size_t i = (size_t)_i;
    uint64_t random = 0x5ee1u + (uint64_t)i;
    const unsigned cases = operands_cases(CASES);
    unsigned wrong = 0;
    if (!host_can((enum host_need)operations[i].need)) {
        printf("  %s: not run, the host lacks it\n", operations[i].name);
        return;
    }
    for (unsigned n = 0; n < cases; n++) {
        uint64_t operands[3] = {operand(&random, i), operand(&random, i), operand(&random, i)};
        if (operations[i].need == NEEDS_FMA && n % 4 == 0)
            operands[2] = minus_product(i, operands[0], operands[1]);
        uint32_t mxcsr = 0x1f80 | ((uint32_t)operands_next(&random) & 0xe040);
        if (n & 1)
            mxcsr &= ~0x8040u;
        wrong += !check_sse(i, operands, mxcsr, wrong < SHOWN);
    }
    fflush(stdout);
    ck_assert_msg(wrong == 0, "%s: %u of %u cases differ", operations[i].name, wrong, cases);
}
END_TEST

/* x87: everything masked, every precision and rounding mode. */
struct extended {
    uint64_t significand;
    uint16_t sign_exponent;
};

#define X87_C1 0x0200u

/* `text` computes with a in ST(0) and b in ST(1) and leaves its result, to be popped, in ST(0). */
#define X87(name, text)                                                                        \
    static struct extended host_##name(struct extended a, struct extended b, uint16_t control, \
                                       uint16_t *status)                                       \
    {                                                                                          \
        uint8_t x[10], y[10], z[10];                                                           \
        uint16_t saved;                                                                        \
        struct extended result;                                                                \
        memcpy(x, &a.significand, 8);                                                          \
        memcpy(x + 8, &a.sign_exponent, 2);                                                    \
        memcpy(y, &b.significand, 8);                                                          \
        memcpy(y + 8, &b.sign_exponent, 2);                                                    \
        __asm__ volatile("fnstcw %[saved]\n\tfnclex\n\tfldcw %[control]\n\tfldt %[y]\n\t"      \
                         "fldt %[x]\n\t" text "\n\tfnstsw %[status]\n\tfstpt %[z]\n\t"         \
                         "fstp %%st(0)\n\tfnclex\n\tfldcw %[saved]"                            \
                         : [saved] "=m"(saved), [status] "=m"(*status), [z] "=m"(z)            \
                         : [control] "m"(control), [x] "m"(x), [y] "m"(y)                      \
                         : "st", "st(1)");                                                     \
        memcpy(&result.significand, z, 8);                                                     \
        memcpy(&result.sign_exponent, z + 8, 2);                                               \
        return result;                                                                         \
    }

X87(fadd, "fadd %%st(1), %%st")
X87(fsub, "fsub %%st(1), %%st")
X87(fmul, "fmul %%st(1), %%st")
X87(fdiv, "fdiv %%st(1), %%st")
X87(fsqrt, "fsqrt")
X87(frndint, "frndint")

#define X87_TWO(name, function)                                                                   \
    static struct x64i_float soft_##name(struct x64i_float_control *control, struct x64i_float a, \
                                         struct x64i_float b)                                     \
    {                                                                                             \
        return function(control, &x64i_extended80, a, b);                                         \
    }

X87_TWO(fadd, x64i_float_add)
X87_TWO(fsub, x64i_float_subtract)
X87_TWO(fmul, x64i_float_multiply)
X87_TWO(fdiv, x64i_float_divide)

static struct x64i_float soft_fsqrt(struct x64i_float_control *control, struct x64i_float a,
                                    struct x64i_float b)
{
    (void)b;
    return x64i_float_sqrt(control, &x64i_extended80, a);
}

static struct x64i_float soft_frndint(struct x64i_float_control *control, struct x64i_float a,
                                      struct x64i_float b)
{
    (void)b;
    return x64i_float_round_whole(control, a);
}

#define X87_ROW(name)                   \
    {                                   \
#name, host_##name, soft_##name \
    }

static const struct {
    const char *name;
    struct extended (*host)(struct extended a, struct extended b, uint16_t control,
                            uint16_t *status);
    struct x64i_float (*soft)(struct x64i_float_control *control, struct x64i_float a,
                              struct x64i_float b);
} x87_operations[] = {X87_ROW(fadd), X87_ROW(fsub),  X87_ROW(fmul),
                      X87_ROW(fdiv), X87_ROW(fsqrt), X87_ROW(frndint)};

static bool check_x87(size_t i, struct extended a, struct extended b, uint16_t word, bool show)
{
    static const uint8_t precisions[] = {24, 64, 53, 64};
    struct x64i_float_control control = {.rounding = word >> 10 & 3,
                                         .precision = precisions[word >> 8 & 3],
                                         .masked = X64I_FLOAT_ALL,
                                         .x87 = true};
    uint16_t status;
    struct extended host = x87_operations[i].host(a, b, word, &status);
    struct extended soft;
    x64i_extended_pack(x87_operations[i].soft(&control,
                                              x64i_extended_unpack(a.significand, a.sign_exponent),
                                              x64i_extended_unpack(b.significand, b.sign_exponent)),
                       &soft.significand, &soft.sign_exponent);
    bool up = control.rounded_up && (control.raised & X64I_FLOAT_INEXACT);
    bool equal = host.significand == soft.significand && host.sign_exponent == soft.sign_exponent &&
                 (status & X64I_FLOAT_ALL) == control.raised && !(status & X87_C1) == !up;
    if (!equal && show)
        printf("  MISMATCH test_softfloat %s 0x%04x%016" PRIx64 " 0x%04x%016" PRIx64
               " 0x%x: host 0x%04x%016" PRIx64 " %02x C1=%d, software 0x%04x%016" PRIx64
               " %02x C1=%d\n",
               x87_operations[i].name, a.sign_exponent, a.significand, b.sign_exponent,
               b.significand, word, host.sign_exponent, host.significand, status & X64I_FLOAT_ALL,
               !!(status & X87_C1), soft.sign_exponent, soft.significand, control.raised, up);
    return equal;
}

START_TEST(test_softfloat_agrees_with_x87)
{
    size_t i = (size_t)_i;
    uint64_t random = 0x87u + (uint64_t)i;
    const unsigned cases = operands_cases(CASES);
    unsigned wrong = 0;
    for (unsigned n = 0; n < cases; n++) {
        struct extended a, b;
        operands_extended(&random, &a.significand, &a.sign_exponent);
        operands_extended(&random, &b.significand, &b.sign_exponent);
        uint16_t word = 0x7f | ((uint16_t)operands_next(&random) & 0xf00);
        wrong += !check_x87(i, a, b, word, wrong < SHOWN);
    }
    fflush(stdout);
    ck_assert_msg(wrong == 0, "%s: %u of %u cases differ", x87_operations[i].name, wrong, cases);
}
END_TEST

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static Suite *softfloat_suite(void)
{
    Suite *suite = suite_create("softfloat");
    TCase *tests = tcase_create("softfloat");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_softfloat_agrees_with_sse, 0, (int)COUNT(operations));
    tcase_add_loop_test(tests, test_softfloat_agrees_with_x87, 0, (int)COUNT(x87_operations));
    suite_add_tcase(suite, tests);
    return suite;
}

/* 0x and the sign and exponent's four digits, then the significand's sixteen. */
static struct extended read_extended(const char *text)
{
    char high[7] = {0};
    strncpy(high, text, 6);
    return (struct extended){.significand = strtoull(text + 6, NULL, 16),
                             .sign_exponent = (uint16_t)strtoul(high, NULL, 16)};
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [SSE-OPERATION A B C MXCSR | X87-OPERATION A B CONTROL]\n", program);
    return 2;
}

/* One case again; the line of a failure is the command. */
static int command_main(int argc, char **argv)
{
    for (size_t i = 0; argc == 6 && i < COUNT(operations); i++) {
        uint64_t operands[3];
        if (strcmp(operations[i].name, argv[1]) != 0)
            continue;
        for (unsigned n = 0; n < 3; n++)
            operands[n] = strtoull(argv[2 + n], NULL, 0);
        return check_sse(i, operands, (uint32_t)strtoul(argv[5], NULL, 0), true) ? 0 : 1;
    }
    for (size_t i = 0; argc == 5 && i < COUNT(x87_operations); i++)
        if (strcmp(x87_operations[i].name, argv[1]) == 0 && strlen(argv[2]) == 22 &&
            strlen(argv[3]) == 22)
            return check_x87(i, read_extended(argv[2]), read_extended(argv[3]),
                             (uint16_t)strtoul(argv[4], NULL, 0), true)
                       ? 0
                       : 1;
    return usage(argv[0]);
}

int main(int argc, char **argv)
{
    return argc > 1 ? command_main(argc, argv) : x64_test_run(softfloat_suite());
}
