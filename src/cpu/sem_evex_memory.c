/* SPDX-License-Identifier: MIT */
/* AVX-512's accesses to scattered memory: gathers, scatters, compressions and expansions (SDM vol.
 * 2, each instruction's page). */
#include "cpu/evex.h"

/* Active elements side by side; the rest is zero or the destination's. */
X64I_HANDLER(ecompress)
{
    struct x64i_evex v;
    if (x64i_evex_begin(cpu, op, 0, &v) != X64I_DONE)
        return X64I_FAULT;
    unsigned filled = 0;
    if (x64i_evex_bits(op, X64I_EVEX_ZEROING))
        v.d = (union x64i_zmm){.q = {0}};
    for (unsigned i = 0; i < v.count; i++)
        if (x64i_evex_is_active(&v, i))
            x64i_zmm_set_element(&v.d, v.element, filled++, x64i_zmm_element(&v.b, v.element, i));
    x64i_set_zmm(cpu, op->destination, &v.d, v.bytes);
    return X64I_DONE;
}

X64I_HANDLER(ecompress_m)
{
    struct x64i_evex v;
    struct x64i_target targets[64];
    if (x64i_evex_measure(cpu, op, 0, &v) != X64I_DONE)
        return X64I_FAULT;
    x64i_get_zmm(cpu, op->source, &v.b);
    uint64_t offset = x64i_effective(cpu, op);
    unsigned count = (unsigned)__builtin_popcountll(v.active);
    for (unsigned i = 0; i < count; i++)
        if (x64i_probe(cpu, op->segment, offset + (uint64_t)i * v.element, v.element,
                       &targets[i]) != X64I_DONE)
            return X64I_FAULT;
    unsigned stored = 0;
    for (unsigned i = 0; i < v.count; i++)
        if (x64i_evex_is_active(&v, i))
            x64i_commit(cpu, &targets[stored++], x64i_zmm_element(&v.b, v.element, i));
    return X64I_DONE;
}

/* Elements that stand side by side go where the mask is set. */
X64I_EVEX_BODY(expand)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < v->count; i++)
        if (x64i_evex_is_active(v, i))
            x64i_zmm_set_element(&v->d, v->element, i,
                                 x64i_zmm_element(&v->b, v->element, taken++));
}
X64I_EVEX(expand, 0)

X64I_HANDLER(eexpand_load)
{
    struct x64i_evex v;
    if (x64i_evex_measure(cpu, op, 0, &v) != X64I_DONE)
        return X64I_FAULT;
    uint64_t offset = x64i_effective(cpu, op);
    unsigned count = (unsigned)__builtin_popcountll(v.active);
    v.b = (union x64i_zmm){.q = {0}};
    for (unsigned i = 0; i < count; i++)
        if (x64i_load_bytes(cpu, op->segment, offset + (uint64_t)i * v.element, v.element,
                            v.b.b + (size_t)i * v.element) != X64I_DONE)
            return X64I_FAULT;
    x64i_get_zmm(cpu, op->destination, &v.d);
    expand_evex(&v);
    x64i_evex_finish(cpu, op, 0, &v);
    return X64I_DONE;
}

/* A gather or scatter while it goes on: element by element from the lowest on, each clears its mask
 * bit. A fault leaves those before it done, so that the instruction goes on from there. */
struct scattered {
    union x64i_zmm index;
    uint64_t mask;
    unsigned bytes;   /* the vector length */
    unsigned element; /* bytes */
    unsigned index_size;
    unsigned count;
};

static enum x64i_result begin(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned index_size,
                              struct scattered *s)
{
    struct x64i_evex v;
    if (x64i_evex_measure(cpu, op, 0, &v) != X64I_DONE)
        return X64I_FAULT;
    s->bytes = v.bytes;
    s->element = v.element;
    s->index_size = index_size;
    s->count = v.bytes / (v.element > index_size ? v.element : index_size);
    s->mask = x64i_opmask(cpu, x64i_evex_bits(op, X64I_EVEX_MASK));
    x64i_get_zmm(cpu, op->index, &s->index);
    return X64I_DONE;
}

/* Base, displacement and a scaled index, which is signed. */
static uint64_t offset_of(const struct x64i_cpu *cpu, const struct x64i_op *op,
                          const struct scattered *s, unsigned at)
{
    uint64_t scaled = (uint64_t)x64i_zmm_signed(&s->index, s->index_size, at) << op->scale;
    uint64_t offset = (uint64_t)(int64_t)op->displacement + scaled;
    if (op->base != X64I_NO_REGISTER)
        offset += cpu->s.gpr[op->base];
    return offset & x64i_mask(x64i_address_width(op));
}

/* The mask of what is still to be done. */
static void set_rest(struct x64i_cpu *cpu, const struct x64i_op *op, uint64_t rest)
{
    x64i_set_opmask(cpu, x64i_evex_bits(op, X64I_EVEX_MASK), rest);
}

static enum x64i_result gather(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned index_size)
{
    struct scattered s;
    union x64i_zmm d;
    if (begin(cpu, op, index_size, &s) != X64I_DONE)
        return X64I_FAULT;
    x64i_get_zmm(cpu, op->destination, &d);
    for (unsigned i = 0; i < s.count; i++) {
        uint64_t value;
        if (!(s.mask >> i & 1))
            continue;
        if (x64i_load(cpu, op->segment, offset_of(cpu, op, &s, i), s.element, &value) !=
            X64I_DONE) {
            if (s.mask & x64i_low_bits(i)) /* what is above the vector is gone once it has begun */
                x64i_set_zmm(cpu, op->destination, &d, s.bytes);
            set_rest(cpu, op, s.mask & ~x64i_low_bits(i));
            return X64I_FAULT;
        }
        x64i_zmm_set_element(&d, s.element, i, value);
    }
    x64i_set_zmm(cpu, op->destination, &d, s.count * s.element);
    set_rest(cpu, op, 0);
    return X64I_DONE;
}

static enum x64i_result scatter(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned index_size)
{
    struct scattered s;
    union x64i_zmm data;
    if (begin(cpu, op, index_size, &s) != X64I_DONE)
        return X64I_FAULT;
    x64i_get_zmm(cpu, op->source, &data);
    for (unsigned i = 0; i < s.count; i++) {
        if (!(s.mask >> i & 1))
            continue;
        if (x64i_store(cpu, op->segment, offset_of(cpu, op, &s, i), s.element,
                       x64i_zmm_element(&data, s.element, i)) != X64I_DONE) {
            set_rest(cpu, op, s.mask & ~x64i_low_bits(i));
            return X64I_FAULT;
        }
    }
    set_rest(cpu, op, 0);
    return X64I_DONE;
}

#define SCATTERED(name, size)          \
    X64I_HANDLER(egather_##name)       \
    {                                  \
        return gather(cpu, op, size);  \
    }                                  \
    X64I_HANDLER(escatter_##name)      \
    {                                  \
        return scatter(cpu, op, size); \
    }

SCATTERED(by32, 4)
SCATTERED(by64, 8)
