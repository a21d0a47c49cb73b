/* SPDX-License-Identifier: MIT */
/* Floating point that came with AVX-512: exponents and significands, scaling, ranges, fix-ups and
 * classes, by bits alone; and the reciprocals (SDM vol. 2, each instruction's page). */
#include "cpu/evex.h"
#include "cpu/float_bits.h"
#include "cpu/host_float.h"
#include "cpu/softfloat.h"

#define MXCSR_ZE 0x0004u
#define MXCSR_RC 0x6000u

static const struct x64i_float_format *format_of(unsigned bits)
{
    return bits == 64 ? &x64i_binary64 : &x64i_binary32;
}

static struct x64i_float_control control_of(uint32_t mxcsr)
{
    return (struct x64i_float_control){.rounding = mxcsr >> 13 & 3,
                                       .masked = mxcsr >> 7 & 0x3f,
                                       .denormals_are_zero = mxcsr >> 6 & 1,
                                       .flush_to_zero =
                                           (mxcsr & X64I_MXCSR_FZ) && (mxcsr & X64I_MXCSR_UM)};
}

static uint64_t packed(unsigned bits, struct x64i_float value)
{
    return x64i_float_pack(format_of(bits), value);
}

static uint64_t one(unsigned bits)
{
    return bits == 64 ? 0x3ff0000000000000 : 0x3f800000;
}

static uint64_t quieted(uint64_t value, unsigned bits, uint32_t *raised)
{
    if (x64i_is_signaling(value, bits))
        *raised |= X64I_MXCSR_IE;
    return value | x64i_quiet_bit(bits);
}

static uint64_t invalid(unsigned bits, uint32_t *raised)
{
    *raised |= X64I_MXCSR_IE;
    return packed(bits, x64i_float_indefinite());
}

/* A finite number that is no zero; tells of denormals. */
static struct x64i_float unpacked(uint64_t value, unsigned bits, uint32_t mxcsr, uint32_t *raised)
{
    struct x64i_float_control control = control_of(mxcsr);
    if (x64i_is_denormal(value, bits) && !(mxcsr & X64I_MXCSR_DAZ))
        *raised |= X64I_MXCSR_DE;
    return x64i_float_unpack(&control, format_of(bits), value);
}

/* VGETEXP: floor(log2(|x|)). */
static uint64_t exponent_of(uint64_t value, unsigned bits, uint32_t mxcsr, uint32_t *raised)
{
    if (x64i_is_nan(value, bits))
        return quieted(value, bits, raised);
    uint64_t magnitude = x64i_magnitude(x64i_daz(value, bits, mxcsr), bits);
    if (magnitude == x64i_infinity(bits))
        return magnitude;
    if (magnitude == 0)
        return x64i_infinity(bits) | x64i_sign_bit(bits);
    struct x64i_float x = unpacked(magnitude, bits, mxcsr, raised);
    return packed(bits, x64i_float_from_integer(x.exponent));
}

/* VGETMANT: bits 1-0 of the immediate say into which interval, 3-2 what becomes of the sign. */
static uint64_t significand_of(uint64_t value, unsigned bits, unsigned immediate, uint32_t mxcsr,
                               uint32_t *raised)
{
    uint64_t sign = immediate & 4 ? 0 : value & x64i_sign_bit(bits);
    if (x64i_is_nan(value, bits))
        return quieted(value, bits, raised);
    uint64_t magnitude = x64i_magnitude(x64i_daz(value, bits, mxcsr), bits);
    if (magnitude == 0)
        return sign | one(bits);
    if ((value & x64i_sign_bit(bits)) && (immediate & 8))
        return invalid(bits, raised);
    if (magnitude == x64i_infinity(bits))
        return sign | one(bits);
    struct x64i_float x = unpacked(magnitude, bits, mxcsr, raised);
    bool halve = false;
    if ((immediate & 3) == 1)
        halve = x.exponent & 1;
    else if ((immediate & 3) == 2)
        halve = true;
    else if ((immediate & 3) == 3)
        halve = x.significand >> 62 & 1;
    x.exponent = halve ? -1 : 0;
    return sign | packed(bits, x);
}

/* The whole number below, within what any exponent needs. */
static int32_t floor_of(struct x64i_float x)
{
    if (x.kind == X64I_FLOAT_ZERO)
        return 0;
    if (x.exponent < 0)
        return x.negative ? -1 : 0;
    if (x.exponent > 15)
        return x.negative ? -0x8000 : 0x8000;
    uint64_t whole = x.significand >> (63 - x.exponent);
    bool rest = x.significand << (x.exponent + 1);
    return x.negative ? -(int32_t)whole - rest : (int32_t)whole;
}

/* VSCALEF where a NaN or an infinity settles it. */
static bool scale_special(uint64_t a, uint64_t b, unsigned bits, uint32_t mxcsr, uint32_t *raised,
                          uint64_t *result)
{
    uint64_t infinity = x64i_infinity(bits), sign = x64i_sign_bit(bits);
    bool b_infinite = x64i_magnitude(b, bits) == infinity;
    bool a_infinite = x64i_magnitude(a, bits) == infinity;
    bool a_zero = x64i_magnitude(x64i_daz(a, bits, mxcsr), bits) == 0;
    if (x64i_is_nan(a, bits) || x64i_is_nan(b, bits)) {
        if (x64i_is_signaling(a, bits) || x64i_is_signaling(b, bits))
            *raised |= X64I_MXCSR_IE;
        if (b_infinite && !x64i_is_signaling(a, bits))
            *result = b & sign ? 0 : infinity;
        else
            *result = (x64i_is_nan(a, bits) ? a : b) | x64i_quiet_bit(bits);
        return true;
    }
    if (!b_infinite && !a_infinite && !a_zero)
        return false;
    if (b_infinite && (b & sign ? a_infinite : a_zero))
        *result = invalid(bits, raised);
    else if (b_infinite)
        *result = (a & sign) | (b & sign ? 0 : infinity);
    else
        *result = x64i_daz(a, bits, mxcsr);
    return true;
}

/* VSCALEF: a * 2^floor(b). A denormal `b` tells nothing. */
static uint64_t scaled(uint64_t a, uint64_t b, unsigned bits, uint32_t mxcsr, uint32_t *raised)
{
    uint64_t result;
    bool special = scale_special(a, b, bits, mxcsr, raised, &result);
    if (special && (x64i_is_nan(a, bits) || x64i_is_nan(b, bits)))
        return result;
    struct x64i_float x = unpacked(a, bits, mxcsr, raised);
    if (special)
        return result;
    struct x64i_float_control control = control_of(mxcsr);
    struct x64i_float y = x64i_float_unpack(&control, format_of(bits), b);
    struct x64i_float rounded =
        x64i_float_round(&control, format_of(bits), x.negative, x.exponent + floor_of(y),
                         (x64i_uint128)x.significand << 64);
    *raised |= control.raised;
    return packed(bits, rounded);
}

/* Numbers as integers in their order. */
static int64_t order_of(uint64_t value, unsigned bits)
{
    uint64_t magnitude = x64i_magnitude(value, bits);
    return value & x64i_sign_bit(bits) ? -(int64_t)magnitude - 1 : (int64_t)magnitude;
}

static uint64_t chosen(uint64_t a, uint64_t b, unsigned bits, unsigned immediate)
{
    uint64_t a_magnitude = x64i_magnitude(a, bits), b_magnitude = x64i_magnitude(b, bits);
    bool a_less = order_of(a, bits) <= order_of(b, bits);
    if ((immediate & 2) && a_magnitude != b_magnitude)
        a_less = a_magnitude < b_magnitude;
    return a_less == !(immediate & 1) ? a : b;
}

/* VRANGE, but for the sign: the lesser or greater number or magnitude. A quiet NaN gives way. */
static uint64_t range_value(uint64_t a, uint64_t b, unsigned bits, unsigned immediate,
                            uint32_t mxcsr, uint32_t *raised)
{
    if (x64i_is_nan(a, bits))
        return x64i_is_nan(b, bits) ? a : x64i_daz(b, bits, mxcsr);
    if (x64i_is_nan(b, bits))
        return x64i_daz(a, bits, mxcsr);
    bool denormal = x64i_is_denormal(a, bits) || x64i_is_denormal(b, bits);
    if (denormal && !(mxcsr & X64I_MXCSR_DAZ))
        *raised |= X64I_MXCSR_DE;
    return chosen(x64i_daz(a, bits, mxcsr), x64i_daz(b, bits, mxcsr), bits, immediate);
}

/* VRANGE: bits 1-0 of the immediate choose the value, 3-2 its sign. A signaling NaN keeps its own.
 */
static uint64_t range_of(uint64_t a, uint64_t b, unsigned bits, unsigned immediate, uint32_t mxcsr,
                         uint32_t *raised)
{
    const uint64_t sign = x64i_sign_bit(bits);
    if (x64i_is_signaling(a, bits) || x64i_is_signaling(b, bits))
        return quieted(x64i_is_signaling(a, bits) ? a : b, bits, raised);
    uint64_t value = range_value(a, b, bits, immediate, mxcsr, raised);
    switch (immediate >> 2 & 3) {
    case 0:
        return (value & ~sign) | (a & sign);
    case 1:
        return value;
    case 2:
        return value & ~sign;
    default:
        return value | sign;
    }
}

/* VFIXUPIMM's classes of numbers. */
enum token { QUIET, SIGNALING, ZERO, PLUS_ONE, MINUS_INFINITY, PLUS_INFINITY, NEGATIVE, POSITIVE };

static enum token token_of(uint64_t value, unsigned bits)
{
    bool negative = value & x64i_sign_bit(bits);
    uint64_t magnitude = x64i_magnitude(value, bits);
    if (x64i_is_nan(value, bits))
        return x64i_is_signaling(value, bits) ? SIGNALING : QUIET;
    if (magnitude == 0)
        return ZERO;
    if (value == one(bits))
        return PLUS_ONE;
    if (magnitude == x64i_infinity(bits))
        return negative ? MINUS_INFINITY : PLUS_INFINITY;
    return negative ? NEGATIVE : POSITIVE;
}

/* Which exceptions the immediate's bits ask for. */
static uint32_t fix_up_flags(enum token token, unsigned immediate)
{
    static const struct {
        uint8_t token;
        uint8_t bit;
        uint8_t flag;
    } rows[] = {
        {ZERO, 0, MXCSR_ZE},           {ZERO, 1, X64I_MXCSR_IE},
        {PLUS_ONE, 2, MXCSR_ZE},       {PLUS_ONE, 3, X64I_MXCSR_IE},
        {SIGNALING, 4, X64I_MXCSR_IE}, {MINUS_INFINITY, 5, X64I_MXCSR_IE},
        {NEGATIVE, 6, X64I_MXCSR_IE},  {PLUS_INFINITY, 7, X64I_MXCSR_IE},
    };
    uint32_t flags = 0;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].token == token && (immediate >> rows[i].bit & 1))
            flags |= rows[i].flag;
    return flags;
}

/* VFIXUPIMM: a nibble of the table, chosen by the number's class, says what it becomes. */
static uint64_t fixed_up(uint64_t old, uint64_t value, uint64_t table, unsigned bits,
                         unsigned immediate, uint32_t mxcsr, uint32_t *raised)
{
    const uint64_t sign = x64i_sign_bit(bits), infinity = x64i_infinity(bits);
    value = x64i_daz(value, bits, mxcsr);
    enum token token = token_of(value, bits);
    *raised |= fix_up_flags(token, immediate);
    switch (table >> 4 * token & 15) {
    case 0:
        return old;
    case 1:
        return value;
    case 2:
        return value | infinity | x64i_quiet_bit(bits);
    case 3:
        return packed(bits, x64i_float_indefinite());
    case 4:
        return infinity | sign;
    case 5:
        return infinity;
    case 6:
        return infinity | (value & sign);
    case 7:
        return sign;
    case 8:
        return 0;
    case 9:
        return one(bits) | sign;
    case 10:
        return one(bits);
    case 11: /* 1/2 */
        return bits == 64 ? 0x3fe0000000000000 : 0x3f000000;
    case 12: /* 90 */
        return bits == 64 ? 0x4056800000000000 : 0x42b40000;
    case 13: /* pi / 2 */
        return bits == 64 ? 0x3ff921fb54442d18 : 0x3fc90fdb;
    case 14:
        return infinity - 1;
    default:
        return (infinity - 1) | sign;
    }
}

/* Whether a number is of one of VFPCLASS's classes, which the immediate's bits name. */
static bool has_class(uint64_t value, unsigned bits, unsigned immediate, uint32_t mxcsr)
{
    value = x64i_daz(value, bits, mxcsr);
    bool negative = value & x64i_sign_bit(bits);
    uint64_t magnitude = x64i_magnitude(value, bits);
    bool finite = magnitude < x64i_infinity(bits), zero = magnitude == 0;
    bool infinite = magnitude == x64i_infinity(bits);
    bool nan = x64i_is_nan(value, bits), signaling = x64i_is_signaling(value, bits);
    unsigned classes = (unsigned)(nan && !signaling) | (unsigned)(zero && !negative) << 1 |
                       (unsigned)(zero && negative) << 2 | (unsigned)(infinite && !negative) << 3 |
                       (unsigned)(infinite && negative) << 4 |
                       (unsigned)x64i_is_denormal(value, bits) << 5 |
                       (unsigned)(finite && negative && !zero) << 6 | (unsigned)signaling << 7;
    return classes & immediate;
}

/* Packed and scalar handlers of an expression of the elements `a` and `x`, and the old `d`. */
#define FLOAT_EVEX(name, flag, expression)                                     \
    X64I_EVEX_BODY(name)                                                       \
    {                                                                          \
        const unsigned size = v->element, bits = x64i_float_width(size);       \
        const union x64i_zmm old = v->d;                                       \
        v->d = v->a;                                                           \
        for (unsigned i = 0; i < v->count; i++) {                              \
            uint64_t d = x64i_zmm_element(&old, size, i);                      \
            uint64_t a = x64i_zmm_element(&v->a, size, i);                     \
            uint64_t x = x64i_zmm_element(&v->b, size, i);                     \
            (void)d;                                                           \
            (void)a;                                                           \
            if (x64i_evex_is_active(v, i))                                     \
                x64i_zmm_set_element(&v->d, size, i, expression);              \
        }                                                                      \
    }                                                                          \
    X64I_EVEX(name, flag)                                                      \
    X64I_HANDLER(e##name##_scalar)                                             \
    {                                                                          \
        return x64i_evex_run(cpu, op, name##_evex, (flag) | X64I_EVEX_SCALAR); \
    }

#define BY_BITS(name, expression) FLOAT_EVEX(name, X64I_EVEX_BITS, expression)

BY_BITS(getexp, exponent_of(x, bits, v->mxcsr, &v->raised))
BY_BITS(getmant, significand_of(x, bits, v->immediate, v->mxcsr, &v->raised))
BY_BITS(scalef, scaled(a, x, bits, v->mxcsr, &v->raised))
BY_BITS(range, range_of(a, x, bits, v->immediate, v->mxcsr, &v->raised))
BY_BITS(fixupimm, fixed_up(d, a, x, bits, v->immediate, v->mxcsr, &v->raised))

X64I_EVEX_BODY(fpclass)
{
    for (unsigned i = 0; i < v->count; i++)
        v->k |= (uint64_t)has_class(x64i_zmm_element(&v->b, v->element, i),
                                    x64i_float_width(v->element), v->immediate, v->mxcsr)
                << i;
}
X64I_EVEX(fpclass, X64I_EVEX_TO_K)
X64I_HANDLER(efpclass_scalar)
{
    return x64i_evex_run(cpu, op, fpclass_evex, X64I_EVEX_TO_K | X64I_EVEX_SCALAR);
}

/* VRCP14 and VRSQRT14 are the host's own approximations, as RCPPS is; a host without AVX-512 gives
 * the quotient, which is within the 2^-14 that the SDM allows. */
static bool host_approximates(void)
{
    return __builtin_cpu_supports("avx512vl");
}

X64I_HOST_OP(vrcp14ps)
X64I_HOST_OP(vrcp14pd)
X64I_HOST_OP(vrsqrt14ps)
X64I_HOST_OP(vrsqrt14pd)

static void quotient(union x64i_xmm *d, const union x64i_xmm *s, unsigned bits, bool root)
{
    union x64i_xmm divisor = *s;
    d->q[0] = d->q[1] = bits == 64 ? one(64) : one(32) << 32 | one(32);
    if (root && bits == 64)
        x64i_host_sqrtpd(&divisor, s);
    else if (root)
        x64i_host_sqrtps(&divisor, s);
    if (bits == 64)
        x64i_host_divpd(d, &divisor);
    else
        x64i_host_divps(d, &divisor);
}

#define APPROXIMATE(name, type, bits, root)                                 \
    X64I_EVEX_BODY(name##type)                                              \
    {                                                                       \
        union x64i_zmm result = v->a;                                       \
        for (unsigned i = 0; i < v->bytes / 16; i++) {                      \
            union x64i_xmm lane = v->b.lane[i];                             \
            if (host_approximates())                                        \
                x64i_host_v##name##type(&lane, &v->b.lane[i]);              \
            else                                                            \
                quotient(&lane, &v->b.lane[i], bits, root);                 \
            result.lane[i] = lane;                                          \
        }                                                                   \
        if (v->count == 1) { /* a scalar: the rest is the first source's */ \
            uint64_t low = x64i_zmm_element(&result, (bits) / 8, 0);        \
            result.lane[0] = v->a.lane[0];                                  \
            x64i_zmm_set_element(&result, (bits) / 8, 0, low);              \
        }                                                                   \
        v->d = result;                                                      \
    }                                                                       \
    X64I_HANDLER(e##name##type)                                             \
    {                                                                       \
        return approximate(cpu, op, name##type##_evex, 0);                  \
    }                                                                       \
    X64I_HANDLER(e##name##type##_scalar)                                    \
    {                                                                       \
        return approximate(cpu, op, name##type##_evex, X64I_EVEX_SCALAR);   \
    }

/* They raise no exceptions, of which the quotients must not tell, and are "not affected by the
 * rounding control bits in the MXCSR register" (SDM vol. 2C, VRCP14PD), which the quotients are. */
static enum x64i_result approximate(struct x64i_cpu *cpu, const struct x64i_op *op,
                                    x64i_evex_body *body, unsigned flags)
{
    struct x64i_evex v;
    if (x64i_evex_begin(cpu, op, flags, &v) != X64I_DONE)
        return X64I_FAULT;
    uint32_t mxcsr = (v.mxcsr & ~MXCSR_RC) | X64I_MXCSR_MASKS;
    uint32_t host = x64i_host_enter(x64i_host_mxcsr(mxcsr));
    body(&v);
    (void)x64i_host_leave(host);
    x64i_evex_finish(cpu, op, flags, &v);
    return X64I_DONE;
}

APPROXIMATE(rcp14, ps, 32, false)
APPROXIMATE(rcp14, pd, 64, false)
APPROXIMATE(rsqrt14, ps, 32, true)
APPROXIMATE(rsqrt14, pd, 64, true)
