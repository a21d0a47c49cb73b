/* SPDX-License-Identifier: MIT */
/* SHA-1 and SHA-256 (FIPS 180-4; SDM vol. 2, SHA1RNDS4 and its kin). Element 3 of a register is the
 * first word. */
#include "cpu/vector.h"

/* At a multiple of 16 (SDM vol. 2A, exceptions of type 4), which AMD's processors do not want. */
static enum x64i_result load_operand(struct x64i_cpu *cpu, const struct x64i_op *op,
                                     union x64i_xmm *value)
{
    return cpu->model->behaviour.sha_takes_any_address ? x64i_load_xmm(cpu, op, value)
                                                       : x64i_load_xmm_aligned(cpu, op, value);
}

static inline uint32_t left(uint32_t value, unsigned count)
{
    return value << count | value >> (32 - count);
}

static inline uint32_t right(uint32_t value, unsigned count)
{
    return value >> count | value << (32 - count);
}

/* FIPS 180-4, 4.1.1 and 4.2.1: the function and the constant of each twenty rounds. */
static uint32_t sha1_function(unsigned kind, uint32_t b, uint32_t c, uint32_t d)
{
    if (kind == 0)
        return (b & c) ^ (~b & d);
    return kind == 2 ? (b & c) ^ (b & d) ^ (c & d) : b ^ c ^ d;
}

X64I_XMM_BODY_I(sha1rnds4)
{
    static const uint32_t constants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    unsigned kind = immediate & 3;
    uint32_t a = d->d[3], b = d->d[2], c = d->d[1], e = 0, last = d->d[0];
    for (unsigned i = 0; i < 4; i++) {
        uint32_t next =
            sha1_function(kind, b, c, last) + left(a, 5) + s->d[3 - i] + e + constants[kind];
        e = last;
        last = c;
        c = left(b, 30);
        b = a;
        a = next;
    }
    *d = (union x64i_xmm){.d = {last, c, b, a}};
}
X64I_INSTANCES_LEGACY_I_FROM(sha1rnds4, load_operand)

X64I_XMM_BODY(sha1nexte)
{
    uint32_t e = left(d->d[3], 30);
    *d = *s;
    d->d[3] += e;
}
X64I_INSTANCES_LEGACY_FROM(sha1nexte, load_operand)

X64I_XMM_BODY(sha1msg1)
{
    union x64i_xmm w = *d;
    d->d[3] = w.d[1] ^ w.d[3];
    d->d[2] = w.d[0] ^ w.d[2];
    d->d[1] = s->d[3] ^ w.d[1];
    d->d[0] = s->d[2] ^ w.d[0];
}
X64I_INSTANCES_LEGACY_FROM(sha1msg1, load_operand)

X64I_XMM_BODY(sha1msg2)
{
    d->d[3] = left(d->d[3] ^ s->d[2], 1);
    d->d[2] = left(d->d[2] ^ s->d[1], 1);
    d->d[1] = left(d->d[1] ^ s->d[0], 1);
    d->d[0] = left(d->d[0] ^ d->d[3], 1);
}
X64I_INSTANCES_LEGACY_FROM(sha1msg2, load_operand)

static inline uint32_t small_sigma_0(uint32_t x)
{
    return right(x, 7) ^ right(x, 18) ^ x >> 3;
}

static inline uint32_t small_sigma_1(uint32_t x)
{
    return right(x, 17) ^ right(x, 19) ^ x >> 10;
}

X64I_XMM_BODY(sha256msg1)
{
    for (unsigned i = 0; i < 3; i++)
        d->d[i] += small_sigma_0(d->d[i + 1]);
    d->d[3] += small_sigma_0(s->d[0]);
}
X64I_INSTANCES_LEGACY_FROM(sha256msg1, load_operand)

X64I_XMM_BODY(sha256msg2)
{
    d->d[0] += small_sigma_1(s->d[2]);
    d->d[1] += small_sigma_1(s->d[3]);
    d->d[2] += small_sigma_1(d->d[0]);
    d->d[3] += small_sigma_1(d->d[1]);
}
X64I_INSTANCES_LEGACY_FROM(sha256msg2, load_operand)

/* Two rounds; words and constants are already added in XMM0. */
static void sha256_rounds(union x64i_xmm *d, const union x64i_xmm *s, const union x64i_xmm *sums)
{
    uint32_t a = s->d[3], b = s->d[2], c = d->d[3], e = s->d[1], f = s->d[0], g = d->d[1];
    uint32_t before_e = d->d[2], h = d->d[0];
    for (unsigned i = 0; i < 2; i++) {
        uint32_t t1 =
            h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g)) + sums->d[i];
        uint32_t t2 = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = before_e + t1;
        before_e = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    *d = (union x64i_xmm){.d = {f, e, b, a}};
}

#define SHA256_ROUNDS(handler, fetch)                                 \
    X64I_HANDLER(handler)                                             \
    {                                                                 \
        union x64i_xmm s;                                             \
        if (x64i_check_sse(cpu) != X64I_DONE || (fetch) != X64I_DONE) \
            return X64I_FAULT;                                        \
        union x64i_xmm d = x64i_xmm(cpu, op->destination);            \
        union x64i_xmm sums = x64i_xmm(cpu, 0);                       \
        sha256_rounds(&d, &s, &sums);                                 \
        x64i_set_xmm(cpu, op->destination, &d);                       \
        return X64I_DONE;                                             \
    }

SHA256_ROUNDS(sha256rnds2_xx, X64I_SOURCE_XMM)
SHA256_ROUNDS(sha256rnds2_xm, load_operand(cpu, op, &s))
