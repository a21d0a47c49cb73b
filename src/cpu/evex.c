/* SPDX-License-Identifier: MIT */
#include "cpu/evex.h"

#include "cpu/float_bits.h"
#include "cpu/host_float.h"

#define FIELD(name) x64i_evex_bits(op, X64I_EVEX_##name)

#define MXCSR_RC 0x6000u

void x64i_set_zmm(struct x64i_cpu *cpu, unsigned reg, const union x64i_zmm *value, unsigned bytes)
{
    uint64_t *lane = cpu->s.vector[reg].lane;
    x64i_note_vector(cpu, reg, bytes < 16 ? 16 : bytes, value->q[0]);
    memcpy(lane, value, bytes);
    if (bytes < sizeof *value)
        memset((uint8_t *)lane + bytes, 0, sizeof *value - bytes);
}

/* MXCSR for this instruction: an embedded rounding mode replaces MXCSR's, and with it or {sae} all
 * exceptions are masked (SDM vol. 1, 15.6.4). */
static uint32_t effective_mxcsr(const struct x64i_cpu *cpu, const struct x64i_op *op)
{
    unsigned rounding = FIELD(ROUNDING);
    uint32_t mxcsr = cpu->s.mxcsr;
    if (rounding == X64I_EVEX_MXCSR)
        return mxcsr;
    if (rounding != X64I_EVEX_SAE)
        mxcsr = (mxcsr & ~MXCSR_RC) | (rounding - X64I_EVEX_NEAREST) << 13;
    return mxcsr | X64I_MXCSR_MASKS;
}

static unsigned element_count(const struct x64i_evex *v, unsigned flags)
{
    if (flags & X64I_EVEX_SCALAR)
        return 1;
    if (flags & X64I_EVEX_NARROW)
        return v->bytes / v->source;
    unsigned bytes = flags & X64I_EVEX_LANE ? 16 : flags & X64I_EVEX_TWO_LANES ? 32 : v->bytes;
    return bytes / v->element;
}

enum x64i_result x64i_evex_measure(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned flags,
                                   struct x64i_evex *v)
{
    if (x64i_check_avx512(cpu) != X64I_DONE)
        return X64I_FAULT;
    v->bytes = flags & X64I_EVEX_SCALAR ? 16 : 16u << FIELD(LENGTH);
    v->element = 1u << FIELD(ELEMENT);
    v->source = 1u << FIELD(SOURCE_ELEMENT);
    v->count = element_count(v, flags);
    v->active = x64i_low_bits(v->count);
    if (FIELD(MASK))
        v->active &= x64i_opmask(cpu, FIELD(MASK));
    v->mxcsr = effective_mxcsr(cpu, op);
    v->immediate = X64I_IMMEDIATE;
    v->raised = 0;
    v->k = 0;
    return X64I_DONE;
}

/* `value` := its first `size` bytes again and again. */
static void repeat(union x64i_zmm *value, unsigned size, unsigned bytes)
{
    for (unsigned at = size; at < bytes; at += size)
        memcpy(value->b + at, value->b, size);
}

/* Which of the `parts` of a memory operand an active element comes from. */
static uint64_t needed_parts(const struct x64i_evex *v, unsigned parts)
{
    uint64_t needed = 0;
    for (unsigned i = 0; i < v->count; i++)
        needed |= (v->active >> i & 1) << i % parts;
    return needed;
}

/* Element by element, so that those that are not needed raise nothing. */
static enum x64i_result load_parts(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned size,
                                   struct x64i_evex *v)
{
    unsigned parts = size < v->source ? 1 : size / v->source;
    parts = parts < v->count ? parts : v->count;
    unsigned part = size / parts;
    uint64_t needed = needed_parts(v, parts);
    uint64_t offset = x64i_effective(cpu, op);
    for (unsigned i = 0; i < parts; i++) {
        if (!(needed >> i & 1))
            continue;
        if (x64i_load_bytes(cpu, op->segment, offset + (uint64_t)i * part, part,
                            v->b.b + (size_t)i * part) != X64I_DONE)
            return X64I_FAULT;
    }
    return X64I_DONE;
}

/* An access without any active element is none, and may be misaligned: so processors do it. */
static enum x64i_result check_alignment(struct x64i_cpu *cpu, const struct x64i_op *op,
                                        unsigned flags, const struct x64i_evex *v, unsigned access)
{
    if (!(flags & X64I_EVEX_ALIGNED) || v->active == 0)
        return X64I_DONE;
    return x64i_check_aligned(cpu, op, v->bytes, access);
}

static enum x64i_result load(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned flags,
                             struct x64i_evex *v)
{
    unsigned size = 1u << FIELD(MEMORY);
    uint64_t offset = x64i_effective(cpu, op);
    if (check_alignment(cpu, op, flags, v, X64I_ACCESS_READ) != X64I_DONE)
        return X64I_FAULT;
    if (v->active != x64i_low_bits(v->count) && !FIELD(NO_SUPPRESSION)) {
        if (load_parts(cpu, op, size, v) != X64I_DONE)
            return X64I_FAULT;
    } else {
        const uint8_t *bytes = x64i_host_bytes(cpu, op->segment, offset, size, false);
        if (bytes)
            memcpy(&v->b, bytes, size);
        else if (x64i_load_bytes(cpu, op->segment, offset, size, &v->b) != X64I_DONE)
            return X64I_FAULT;
    }
    if (FIELD(BROADCAST))
        repeat(&v->b, size, v->bytes);
    return X64I_DONE;
}

enum x64i_result x64i_evex_begin(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned flags,
                                 struct x64i_evex *v)
{
    if (x64i_evex_measure(cpu, op, flags, v) != X64I_DONE)
        return X64I_FAULT;
    if (flags & X64I_EVEX_TO_K || op->destination == X64I_NO_REGISTER)
        v->d = (union x64i_zmm){.q = {0}};
    else
        x64i_get_zmm(cpu, op->destination, &v->d);
    bool memory = op->flags & X64I_OP_MEMORY;
    bool two = op->third != X64I_NO_REGISTER || (memory && op->source != X64I_NO_REGISTER);
    if (two)
        x64i_get_zmm(cpu, op->source, &v->a);
    else
        v->a = (union x64i_zmm){.q = {0}};
    if (!memory) {
        x64i_get_zmm(cpu, two ? op->third : op->source, &v->b);
        return X64I_DONE;
    }
    v->b = (union x64i_zmm){.q = {0}};
    return load(cpu, op, flags, v);
}

/* One, which no operation on ones, of whatever type, raises an exception with. */
static uint64_t harmless(unsigned size)
{
    return size == 8 ? 0x3ff0000000000000 : size == 4 ? 0x3f800000 : 0x3c00;
}

static void disarm(struct x64i_evex *v, unsigned flags)
{
    /* Scalars of another size than the last source's keep the rest of the first one. */
    unsigned of_first = flags & X64I_EVEX_SCALAR ? v->element : v->source;
    if (v->active == x64i_low_bits(v->count))
        return;
    for (unsigned i = 0; i < v->count; i++) {
        if (v->active >> i & 1)
            continue;
        x64i_zmm_set_element(&v->a, of_first, i, harmless(of_first));
        x64i_zmm_set_element(&v->b, v->source, i, harmless(v->source));
        x64i_zmm_set_element(&v->d, v->element, i, harmless(v->element));
    }
}

/* As X64I_RUN_FLOAT, which see. */
static void run_on_host(x64i_evex_body *body, struct x64i_evex *v)
{
    struct x64i_evex before;
    if (!(v->mxcsr & X64I_MXCSR_UM))
        before = *v;
    uint32_t control = x64i_host_mxcsr(v->mxcsr);
    uint32_t host = x64i_host_enter(control);
    body(v);
    v->raised |= x64i_host_leave(host);
    if (v->mxcsr & X64I_MXCSR_UM)
        return;
    host = x64i_host_enter(control | X64I_MXCSR_FZ);
    body(&before);
    v->raised |= x64i_host_leave(host) & X64I_MXCSR_UE;
}

enum x64i_result x64i_evex_compute(struct x64i_cpu *cpu, const struct x64i_op *op,
                                   x64i_evex_body *body, unsigned flags, struct x64i_evex *v)
{
    if (!(flags & (X64I_EVEX_HOST | X64I_EVEX_BITS))) {
        body(v);
        return X64I_DONE;
    }
    disarm(v, flags);
    if (flags & X64I_EVEX_HOST)
        run_on_host(body, v);
    else
        body(v);
    return FIELD(ROUNDING) == X64I_EVEX_MXCSR ? x64i_note_float(cpu, v->raised) : X64I_DONE;
}

/* Elements that are not active: zero, or what the destination holds. */
static void merge(const struct x64i_cpu *cpu, const struct x64i_op *op, unsigned flags,
                  struct x64i_evex *v)
{
    union x64i_zmm old = {.q = {0}};
    if (!FIELD(ZEROING) && (flags & X64I_EVEX_BLEND))
        old = v->a;
    else if (!FIELD(ZEROING))
        x64i_get_zmm(cpu, op->destination, &old);
    for (unsigned i = 0; i < v->count; i++)
        if (!(v->active >> i & 1))
            x64i_zmm_set_element(&v->d, v->element, i, x64i_zmm_element(&old, v->element, i));
}

void x64i_evex_finish(struct x64i_cpu *cpu, const struct x64i_op *op, unsigned flags,
                      struct x64i_evex *v)
{
    if (flags & X64I_EVEX_TO_K) {
        x64i_set_opmask(cpu, op->destination, v->k & v->active);
        return;
    }
    if (v->active != x64i_low_bits(v->count))
        merge(cpu, op, flags, v);
    x64i_set_zmm(cpu, op->destination, &v->d,
                 flags & X64I_EVEX_SCALAR ? v->bytes : v->count * v->element);
}

enum x64i_result x64i_evex_run(struct x64i_cpu *cpu, const struct x64i_op *op, x64i_evex_body *body,
                               unsigned flags)
{
    struct x64i_evex v;
    if (x64i_evex_begin(cpu, op, flags, &v) != X64I_DONE ||
        x64i_evex_compute(cpu, op, body, flags, &v) != X64I_DONE)
        return X64I_FAULT;
    x64i_evex_finish(cpu, op, flags, &v);
    return X64I_DONE;
}

/* Where a store goes: the whole vector, in the host's memory or checked, or its active elements. */
struct place {
    uint8_t *bytes;
    struct x64i_target whole;
    struct x64i_target element[64];
};

static bool is_whole(const struct x64i_evex *v)
{
    return v->active == x64i_low_bits(v->count);
}

/* Every check, before anything is computed or written. */
static enum x64i_result probe(struct x64i_cpu *cpu, const struct x64i_op *op,
                              const struct x64i_evex *v, struct place *place)
{
    unsigned size = v->count * v->element;
    uint64_t offset = x64i_effective(cpu, op);
    place->bytes = NULL;
    if (is_whole(v)) {
        place->bytes = x64i_host_bytes(cpu, op->segment, offset, size, true);
        return place->bytes ? X64I_DONE : x64i_probe(cpu, op->segment, offset, size, &place->whole);
    }
    if (FIELD(NO_SUPPRESSION) &&
        x64i_probe(cpu, op->segment, offset, size, &place->whole) != X64I_DONE)
        return X64I_FAULT;
    for (unsigned i = 0; i < v->count; i++)
        if ((v->active >> i & 1) && x64i_probe(cpu, op->segment, offset + (uint64_t)i * v->element,
                                               v->element, &place->element[i]) != X64I_DONE)
            return X64I_FAULT;
    return X64I_DONE;
}

static void commit(struct x64i_cpu *cpu, const struct x64i_evex *v, const struct place *place)
{
    if (place->bytes)
        memcpy(place->bytes, &v->d, (size_t)v->count * v->element);
    else if (is_whole(v))
        x64i_commit_bytes(cpu, &place->whole, &v->d);
    for (unsigned i = 0; i < v->count && !is_whole(v); i++)
        if (v->active >> i & 1)
            x64i_commit(cpu, &place->element[i], x64i_zmm_element(&v->d, v->element, i));
}

enum x64i_result x64i_evex_store(struct x64i_cpu *cpu, const struct x64i_op *op,
                                 x64i_evex_body *body, unsigned flags)
{
    struct x64i_evex v;
    struct place place;
    if (x64i_evex_measure(cpu, op, flags, &v) != X64I_DONE)
        return X64I_FAULT;
    v.d = v.a = (union x64i_zmm){.q = {0}};
    x64i_get_zmm(cpu, op->source, &v.b);
    if (check_alignment(cpu, op, flags, &v, X64I_ACCESS_WRITE) != X64I_DONE ||
        probe(cpu, op, &v, &place) != X64I_DONE ||
        x64i_evex_compute(cpu, op, body, flags, &v) != X64I_DONE)
        return X64I_FAULT;
    commit(cpu, &v, &place);
    return X64I_DONE;
}

enum x64i_result x64i_evex_to_gpr(struct x64i_cpu *cpu, const struct x64i_op *op,
                                  x64i_evex_body *body, unsigned flags, unsigned width)
{
    struct x64i_evex v;
    flags |= X64I_EVEX_SCALAR | X64I_EVEX_TO_K;
    if (x64i_evex_begin(cpu, op, flags, &v) != X64I_DONE ||
        x64i_evex_compute(cpu, op, body, flags, &v) != X64I_DONE)
        return X64I_FAULT;
    x64i_set_gpr(cpu, op->destination, v.d.q[0], width);
    return X64I_DONE;
}

enum x64i_result x64i_evex_from_gpr(struct x64i_cpu *cpu, const struct x64i_op *op,
                                    x64i_evex_body *body, unsigned flags, unsigned width)
{
    struct x64i_evex v;
    flags |= X64I_EVEX_SCALAR;
    if (x64i_evex_measure(cpu, op, flags, &v) != X64I_DONE)
        return X64I_FAULT;
    v.d = v.b = (union x64i_zmm){.q = {0}};
    x64i_get_zmm(cpu, op->source, &v.a);
    if (!(op->flags & X64I_OP_MEMORY))
        v.b.q[0] = x64i_gpr(cpu, op->third, width);
    else if (x64i_load(cpu, op->segment, x64i_effective(cpu, op), width / 8, &v.b.q[0]) !=
             X64I_DONE)
        return X64I_FAULT;
    if (x64i_evex_compute(cpu, op, body, flags, &v) != X64I_DONE)
        return X64I_FAULT;
    x64i_evex_finish(cpu, op, flags, &v);
    return X64I_DONE;
}
