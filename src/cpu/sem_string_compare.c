/* SPDX-License-Identifier: MIT */
/* SSE4.2: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (SDM vol. 1, 12.10 and vol. 2, 4.1), CRC32. */
#include "cpu/vector.h"

enum aggregation { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

#define CONTROL_WORDS       0x01u
#define CONTROL_SIGNED      0x02u
#define CONTROL_NEGATE      0x10u
#define CONTROL_MASKED      0x20u
#define CONTROL_LAST_OR_ALL 0x40u /* the highest index; the mask expanded to elements */

/* One comparison: both strings, how many of their elements are valid, and the immediate. */
struct comparison {
    const union x64i_xmm *text[2];
    unsigned valid[2];
    unsigned count; /* elements of a register */
    unsigned control;
};

static int32_t element(const struct comparison *c, unsigned operand, unsigned at)
{
    const union x64i_xmm *text = c->text[operand];
    bool is_signed = c->control & CONTROL_SIGNED;
    if (c->control & CONTROL_WORDS)
        return is_signed ? (int16_t)text->w[at] : text->w[at];
    return is_signed ? (int8_t)text->b[at] : text->b[at];
}

/* Of the second operand's element `at`: equals it any of the first's, or lies it in a range. */
static bool matches_set(const struct comparison *c, unsigned at, bool ranges)
{
    if (at >= c->valid[1])
        return false;
    int32_t wanted = element(c, 1, at);
    for (unsigned i = 0; i < c->valid[0]; i += ranges ? 2 : 1) {
        if (!ranges && element(c, 0, i) == wanted)
            return true;
        if (ranges && i + 1 < c->valid[0] && element(c, 0, i) <= wanted &&
            wanted <= element(c, 0, i + 1))
            return true;
    }
    return false;
}

static bool matches_each(const struct comparison *c, unsigned at)
{
    bool first = at < c->valid[0], second = at < c->valid[1];
    return first && second ? element(c, 0, at) == element(c, 1, at) : first == second;
}

/* The first string stands in the second from `at` on, as far as the register goes. */
static bool matches_ordered(const struct comparison *c, unsigned at)
{
    for (unsigned i = 0; i < c->valid[0] && at + i < c->count; i++)
        if (at + i >= c->valid[1] || element(c, 0, i) != element(c, 1, at + i))
            return false;
    return true;
}

/* A bit for each element of the second operand: the manual's IntRes2. */
static uint32_t compare(const struct comparison *c)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < c->count; i++) {
        bool match = false;
        switch (c->control >> 2 & 3) {
        case EQUAL_ANY:
            match = matches_set(c, i, false);
            break;
        case RANGES:
            match = matches_set(c, i, true);
            break;
        case EQUAL_EACH:
            match = matches_each(c, i);
            break;
        default:
            match = matches_ordered(c, i);
            break;
        }
        bool negate =
            (c->control & CONTROL_NEGATE) && (!(c->control & CONTROL_MASKED) || i < c->valid[1]);
        if (match != negate)
            bits |= 1u << i;
    }
    return bits;
}

/* An explicit length, by magnitude, saturated. */
static unsigned explicit_length(const struct x64i_cpu *cpu, const struct x64i_op *op, unsigned reg,
                                unsigned count)
{
    bool wide = (op->flags & X64I_OP_REX_W) && cpu->code_bits == 64;
    uint64_t value = x64i_gpr(cpu, reg, wide ? 64 : 32);
    if (!wide)
        value = x64i_sign_extend(value, 32);
    if (value >> 63)
        value = 0 - value;
    return value < count ? (unsigned)value : count;
}

/* Up to the first zero. */
static unsigned implicit_length(const struct comparison *c, unsigned operand)
{
    unsigned length = 0;
    while (length < c->count && element(c, operand, length) != 0)
        length++;
    return length;
}

static void set_index(struct x64i_cpu *cpu, uint32_t bits, const struct comparison *c)
{
    unsigned index = c->count;
    if (bits)
        index = c->control & CONTROL_LAST_OR_ALL ? 31u - (unsigned)__builtin_clz(bits)
                                                 : (unsigned)__builtin_ctz(bits);
    x64i_set_gpr(cpu, X64_RCX, index, 32);
}

static union x64i_xmm mask_of(uint32_t bits, const struct comparison *c)
{
    union x64i_xmm mask = {.q = {0, 0}};
    if (!(c->control & CONTROL_LAST_OR_ALL)) {
        mask.d[0] = bits;
        return mask;
    }
    for (unsigned i = 0; i < c->count; i++) {
        if (!(bits >> i & 1))
            continue;
        if (c->control & CONTROL_WORDS)
            mask.w[i] = UINT16_MAX;
        else
            mask.b[i] = UINT8_MAX;
    }
    return mask;
}

X64I_INLINE void compare_strings(struct x64i_cpu *cpu, const struct x64i_op *op,
                                 const union x64i_xmm *second, bool explicit_lengths,
                                 bool wants_mask, bool vex)
{
    union x64i_xmm first = x64i_xmm(cpu, op->destination);
    struct comparison c = {.text = {&first, second}, .control = X64I_IMMEDIATE};
    c.count = c.control & CONTROL_WORDS ? 8 : 16;
    c.valid[0] =
        explicit_lengths ? explicit_length(cpu, op, X64_RAX, c.count) : implicit_length(&c, 0);
    c.valid[1] =
        explicit_lengths ? explicit_length(cpu, op, X64_RDX, c.count) : implicit_length(&c, 1);
    uint32_t bits = compare(&c);
    if (!wants_mask) {
        set_index(cpu, bits, &c);
    } else {
        union x64i_xmm mask = mask_of(bits, &c);
        if (vex)
            x64i_set_wide_xmm(cpu, 0, mask);
        else
            x64i_set_xmm(cpu, 0, &mask);
    }
    x64i_set_flags(cpu, X64I_OSZAPC,
                   (bits ? X64I_CF : 0) | (c.valid[1] < c.count ? X64I_ZF : 0) |
                       (c.valid[0] < c.count ? X64I_SF : 0) | (bits & 1 ? X64I_OF : 0));
}

#define STRING_HANDLER(handler, check, fetch, explicit_lengths, wants_mask, vex) \
    X64I_HANDLER(handler)                                                        \
    {                                                                            \
        union x64i_xmm s;                                                        \
        if (check(cpu) != X64I_DONE || (fetch) != X64I_DONE)                     \
            return X64I_FAULT;                                                   \
        compare_strings(cpu, op, &s, explicit_lengths, wants_mask, vex);         \
        return X64I_DONE;                                                        \
    }

#define STRING(name, explicit_lengths, wants_mask)                                              \
    STRING_HANDLER(name##_xx, x64i_check_sse, X64I_SOURCE_XMM, explicit_lengths, wants_mask,    \
                   false)                                                                       \
    STRING_HANDLER(name##_xm, x64i_check_sse, x64i_load_xmm(cpu, op, &s), explicit_lengths,     \
                   wants_mask, false)                                                           \
    STRING_HANDLER(v##name##_xx, x64i_check_avx, X64I_SOURCE_XMM, explicit_lengths, wants_mask, \
                   true)                                                                        \
    STRING_HANDLER(v##name##_xm, x64i_check_avx, x64i_load_xmm(cpu, op, &s), explicit_lengths,  \
                   wants_mask, true)

STRING(pcmpestri, true, false)
STRING(pcmpestrm, true, true)
STRING(pcmpistri, false, false)
STRING(pcmpistrm, false, true)

/* CRC32 by the polynomial 11EDC6F41H, bits reflected. */
#define CRC_POLYNOMIAL 0x82f63b78u

X64I_INLINE uint32_t crc32_of(uint32_t crc, uint64_t value, unsigned width)
{
    for (unsigned at = 0; at < width; at += 8) {
        crc ^= (uint32_t)(value >> at & 0xff);
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
    }
    return crc;
}

#define CRC_AT(name, W)                                                                       \
    X64I_HANDLER(name##_rr_##W)                                                               \
    {                                                                                         \
        uint32_t crc = (uint32_t)x64i_gpr(cpu, op->destination, 32);                          \
        crc = crc32_of(crc, x64i_gpr(cpu, op->source, W), W);                                 \
        x64i_set_gpr(cpu, op->destination, crc, 32);                                          \
        return X64I_DONE;                                                                     \
    }                                                                                         \
    X64I_HANDLER(name##_rm_##W)                                                               \
    {                                                                                         \
        uint64_t value;                                                                       \
        if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), W / 8, &value) != X64I_DONE) \
            return X64I_FAULT;                                                                \
        uint32_t crc = crc32_of((uint32_t)x64i_gpr(cpu, op->destination, 32), value, W);      \
        x64i_set_gpr(cpu, op->destination, crc, 32);                                          \
        return X64I_DONE;                                                                     \
    }

X64I_FOR_8_16_32_64(CRC_AT, crc32)
